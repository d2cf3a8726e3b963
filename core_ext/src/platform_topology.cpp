// Parsing of /sys/devices/system and of control groups.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "gateway_core/platform/topology.hpp"

namespace gateway::platform {
namespace {

constexpr int kIdMax = 65'535;
constexpr const char* kNodes = "/sys/devices/system/node/";
constexpr const char* kCpus = "/sys/devices/system/cpu/";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Splits off the part before `mark`; all when there is none.
std::string_view take_part(std::string_view& text, char mark) {
  const auto at = text.find(mark);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  text = trimmed(text);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

std::vector<int> read_list(const SystemText& text, const std::string& path) {
  return parse_list(text.read(path).value_or("")).value_or(std::vector<int>{});
}

bool has(const std::vector<int>& sorted, int value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}

/// "Node 0 MemTotal:  1024 kB" -> bytes; 0 when the line is not there.
std::uint64_t meminfo_bytes(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  if (at == std::string_view::npos) return 0;
  std::string_view line = text.substr(at + name.size());
  line = trimmed(take_part(line, '\n'));
  if (line.size() < 3 || line.substr(line.size() - 2) != "kB") return 0;
  return parse_number<std::uint64_t>(line.substr(0, line.size() - 2)).value_or(0) * 1024;
}

std::vector<int> parse_distances(std::string_view text) {
  std::vector<int> out;
  text = trimmed(text);
  while (!text.empty()) {
    if (const auto one = parse_number<int>(take_part(text, ' '))) out.push_back(*one);
  }
  return out;
}

}  // namespace

std::optional<std::string> KernelText::read(const std::string& path) const {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::string out;
  char block[4096];
  ssize_t got = 0;
  while ((got = ::read(file, block, sizeof block)) > 0) {
    out.append(block, static_cast<std::size_t>(got));
  }
  ::close(file);
  if (got < 0) return {};
  return out;
}

std::optional<std::string> GivenText::read(const std::string& path) const {
  const auto found = files_.find(path);
  if (found == files_.end()) return {};
  return found->second;
}

std::optional<std::vector<int>> parse_list(std::string_view text) {
  std::vector<int> out;
  text = trimmed(text);
  while (!text.empty()) {
    std::string_view part = take_part(text, ',');
    const bool is_range = part.find('-') != std::string_view::npos;
    const auto first = parse_number<int>(take_part(part, '-'));
    const auto last = is_range ? parse_number<int>(part) : first;
    if (!first || !last || *first < 0 || *last < *first || *last > kIdMax) return {};
    for (int id = *first; id <= *last; ++id) out.push_back(id);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Topology Topology::read(const SystemText& text) {
  Topology out;
  out.read_processors(text);
  out.read_nodes(text);
  return out;
}

void Topology::read_processors(const SystemText& text) {
  const std::string root = kCpus;
  const auto online = read_list(text, root + "online");
  const auto isolated = read_list(text, root + "isolated");
  auto present = read_list(text, root + "present");
  if (present.empty()) present = online;
  for (const int id : present) {
    Processor one{.id = id, .is_online = has(online, id), .is_isolated = has(isolated, id)};
    const std::string folder = root + "cpu" + std::to_string(id) + "/topology/";
    one.siblings = read_list(text, folder + "thread_siblings_list");
    std::erase(one.siblings, id);
    processors_.push_back(std::move(one));
  }
}

void Topology::read_nodes(const SystemText& text) {
  const std::string root = kNodes;
  for (const int id : read_list(text, root + "online")) {
    const std::string folder = root + "node" + std::to_string(id) + "/";
    const std::string meminfo = text.read(folder + "meminfo").value_or("");
    nodes_.push_back({.id = id,
                      .cpus = read_list(text, folder + "cpulist"),
                      .memory_bytes = meminfo_bytes(meminfo, "MemTotal:"),
                      .free_bytes = meminfo_bytes(meminfo, "MemFree:"),
                      .distances = parse_distances(text.read(folder + "distance").value_or(""))});
  }
  if (nodes_.empty()) {
    const std::string meminfo = text.read("/proc/meminfo").value_or("");
    MemoryNode all{.memory_bytes = meminfo_bytes(meminfo, "MemTotal:"),
                   .free_bytes = meminfo_bytes(meminfo, "MemFree:")};
    for (const Processor& one : processors_) all.cpus.push_back(one.id);
    nodes_.push_back(std::move(all));
  }
  for (Processor& one : processors_) {
    for (const MemoryNode& node : nodes_) {
      if (has(node.cpus, one.id)) one.node = node.id;
    }
  }
}

const Processor* Topology::find(int cpu) const noexcept {
  for (const Processor& one : processors_) {
    if (one.id == cpu) return &one;
  }
  return nullptr;
}

int Topology::memory_node_near(int cpu) const noexcept {
  const Processor* processor = find(cpu);
  if (processor == nullptr || processor->node < 0) return -1;
  const auto home = std::find_if(nodes_.begin(), nodes_.end(), [&](const MemoryNode& node) {
    return node.id == processor->node;
  });
  if (home == nodes_.end()) return -1;
  if (home->memory_bytes != 0) return home->id;
  int best = -1;
  int best_distance = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].memory_bytes == 0) continue;
    const int distance = i < home->distances.size() ? home->distances[i] : 255;
    if (best < 0 || distance < best_distance) {
      best = nodes_[i].id;
      best_distance = distance;
    }
  }
  return best;
}

std::size_t Topology::memory_nodes() const noexcept {
  return static_cast<std::size_t>(std::count_if(
      nodes_.begin(), nodes_.end(), [](const MemoryNode& node) { return node.memory_bytes != 0; }));
}

namespace {

/// "MAX PERIOD" of cpu.max (version 2); nullopt = no limit.
std::optional<double> quota_of_v2(std::string_view text) {
  text = trimmed(text);
  const auto quota = parse_number<std::int64_t>(take_part(text, ' '));
  const auto period = parse_number<std::int64_t>(text);
  if (!quota || !period || *period <= 0) return {};
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> quota_of_v1(const SystemText& text, const std::string& folder) {
  const auto quota =
      parse_number<std::int64_t>(text.read(folder + "/cpu.cfs_quota_us").value_or(""));
  const auto period =
      parse_number<std::int64_t>(text.read(folder + "/cpu.cfs_period_us").value_or(""));
  if (!quota || !period || *quota < 0 || *period <= 0) return {};
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

bool names_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    if (take_part(controllers, ',') == "cpu") return true;
  }
  return false;
}

}  // namespace

std::optional<double> cpu_quota(const SystemText& text) {
  std::optional<double> tightest;
  const auto lower = [&](std::optional<double> quota) {
    if (quota && (!tightest || *quota < *tightest)) tightest = quota;
  };
  const std::string groups = text.read("/proc/self/cgroup").value_or("");
  std::string_view lines = groups;
  while (!lines.empty()) {
    std::string_view line = take_part(lines, '\n');
    (void)take_part(line, ':');
    const std::string_view controllers = take_part(line, ':');
    const bool is_v2 = controllers.empty();
    if (!is_v2 && !names_cpu(controllers)) continue;
    // A limit above binds what is below: every group up to the root counts.
    for (std::string path(line);; path.erase(path.rfind('/'))) {
      if (path == "/") path.clear();
      if (is_v2) {
        lower(quota_of_v2(text.read("/sys/fs/cgroup" + path + "/cpu.max").value_or("")));
        lower(quota_of_v2(text.read("/sys/fs/cgroup/unified" + path + "/cpu.max").value_or("")));
      } else {
        lower(quota_of_v1(text, "/sys/fs/cgroup/cpu" + path));
        lower(quota_of_v1(text, "/sys/fs/cgroup/cpu,cpuacct" + path));
      }
      if (path.rfind('/') == std::string::npos) break;
    }
  }
  return tightest;
}

}  // namespace gateway::platform
