// Binding to a node by bare system calls: no library is needed for three of them.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "gateway_core/platform/memory_node.hpp"

namespace gateway::platform {
namespace {

// From linux/mempolicy.h, which not every build machine has.
constexpr int kDefault = 0;
constexpr int kPreferred = 1;
constexpr int kNodesMax = 1024;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kSamplesPerArray = 256;

thread_local MemoryScope* open_scope = nullptr;

struct NodeMask {
  explicit NodeMask(int node) noexcept {
    constexpr int kBits = 8 * static_cast<int>(sizeof(unsigned long));
    words[node / kBits] |= 1UL << (node % kBits);
  }
  unsigned long words[kNodesMax / (8 * sizeof(unsigned long))] = {};
};

int answer(long result) noexcept { return result == 0 ? 0 : errno; }

}  // namespace

int KernelNodeCalls::bind(void* memory, std::size_t bytes, int node) const noexcept {
  if (node < 0 || node >= kNodesMax) return EINVAL;
  const NodeMask mask(node);
  // Preferred, not bound: a node that is full must cost speed, never the process.
  return answer(::syscall(SYS_mbind, memory, bytes, kPreferred, mask.words, kNodesMax + 1UL, 0U));
}

int KernelNodeCalls::prefer(int node) const noexcept {
  if (node < 0) return answer(::syscall(SYS_set_mempolicy, kDefault, nullptr, 0UL));
  if (node >= kNodesMax) return EINVAL;
  const NodeMask mask(node);
  return answer(::syscall(SYS_set_mempolicy, kPreferred, mask.words, kNodesMax + 1UL));
}

int KernelNodeCalls::nodes_of(std::vector<void*>& pages, std::vector<int>& nodes) const noexcept {
  nodes.assign(pages.size(), -ENOENT);
  return answer(::syscall(SYS_move_pages, 0, pages.size(), pages.data(), nullptr, nodes.data(), 0));
}

MemoryScope::MemoryScope(const Topology& topology, int cpu, const NodeCalls& calls,
                         MemoryReport& report)
    : calls_(calls), report_(report) {
  report_.nodes = topology.memory_nodes();
  report_.node = cpu < 0 ? -1 : topology.memory_node_near(cpu);
  open_scope = this;
  if (report_.node < 0 || report_.nodes < 2) return;
  // The thread's own policy serves what comes from the heap: routes, lanes, registries.
  const int refused = calls_.prefer(report_.node);
  is_bound_ = refused == 0;
  if (refused != 0) report_.refused_errno = refused;
}

MemoryScope::~MemoryScope() {
  open_scope = nullptr;
  if (is_bound_) (void)calls_.prefer(-1);
}

void MemoryScope::on_mapped(void* memory, std::size_t bytes, bool wants_huge) noexcept {
  if (open_scope != nullptr) open_scope->place(memory, bytes, wants_huge);
}

void MemoryScope::place(void* memory, std::size_t bytes, bool wants_huge) noexcept {
  report_.ranges.push_back({reinterpret_cast<std::uintptr_t>(memory), bytes, wants_huge});
  report_.bytes += bytes;
  if (report_.node < 0 || report_.nodes < 2) return;
  const int refused = calls_.bind(memory, bytes, report_.node);
  if (refused == 0) {
    report_.bound_bytes += bytes;
  } else if (report_.refused_errno == 0) {
    report_.refused_errno = refused;
  }
}

namespace {

void count_nodes(MemoryReport& report, const NodeCalls& calls) {
  std::vector<void*> pages;
  for (const auto& range : report.ranges) {
    const std::size_t all = range.bytes / kPage;
    const std::size_t step = std::max<std::size_t>(all / kSamplesPerArray, 1);
    for (std::size_t page = 0; page < all; page += step) {
      pages.push_back(reinterpret_cast<void*>(range.first + page * kPage));
    }
  }
  std::vector<int> nodes;
  if (pages.empty() || calls.nodes_of(pages, nodes) != 0) return;
  for (const int node : nodes) {
    if (node == report.node) ++report.pages_near;
    if (node >= 0 && node != report.node) ++report.pages_elsewhere;
  }
}

/// The chosen word of "always [madvise] never".
std::string chosen(const std::string& text) {
  const auto first = text.find('[');
  const auto last = text.find(']');
  if (first == std::string::npos || last == std::string::npos || last < first) return "";
  return text.substr(first + 1, last - first - 1);
}

/// Adds up the huge pages of the mappings that hold one of the ranges.
void count_huge(MemoryReport& report, const std::string& smaps) {
  bool is_ours = false;
  for (std::size_t at = 0; at < smaps.size();) {
    const std::size_t end = std::min(smaps.find('\n', at), smaps.size());
    const std::string line = smaps.substr(at, end - at);
    at = end + 1;
    unsigned long first = 0;
    unsigned long last = 0;
    unsigned long kib = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &last) == 2) {
      is_ours = std::any_of(report.ranges.begin(), report.ranges.end(), [&](const auto& range) {
        return range.wants_huge && range.first < last && range.first + range.bytes > first;
      });
    } else if (is_ours && std::sscanf(line.c_str(), "AnonHugePages: %lu kB", &kib) == 1) {
      report.huge_bytes += kib * 1024;
    }
  }
}

std::string mib(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

void MemoryReport::measure(const NodeCalls& calls, const SystemText& text) {
  pages_near = pages_elsewhere = huge_wanted_bytes = huge_bytes = 0;
  for (const Range& range : ranges) huge_wanted_bytes += range.wants_huge ? range.bytes : 0;
  if (node >= 0 && nodes >= 2) count_nodes(*this, calls);
  huge_mode = chosen(text.read("/sys/kernel/mm/transparent_hugepage/enabled").value_or(""));
  count_huge(*this, text.read("/proc/self/smaps").value_or(""));
}

std::string MemoryReport::describe() const {
  std::string out = mib(bytes) + " in " + std::to_string(ranges.size()) + " arrays; ";
  if (node < 0) {
    out += "no processor asked for, no node chosen";
  } else if (nodes < 2) {
    out += "one memory node, nothing to bind";
  } else if (refused_errno != 0) {
    out += "binding to node " + std::to_string(node) + " refused: " + std::strerror(refused_errno);
  } else {
    out += mib(bound_bytes) + " bound to node " + std::to_string(node) + ", sampled pages there " +
           std::to_string(pages_near) + ", elsewhere " + std::to_string(pages_elsewhere);
  }
  out += "; huge pages " + mib(huge_bytes) + " of " + mib(huge_wanted_bytes) + " asked for";
  if (!huge_mode.empty()) out += " (kernel: " + huge_mode + ")";
  return out;
}

}  // namespace gateway::platform
