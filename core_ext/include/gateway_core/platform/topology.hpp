// The machine's processors and memory as the kernel describes them. Reads text through an
// interface, so that tests describe machines they do not have. Must never guess: what cannot be
// read is absent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway::platform {

/// Where the text of /sys and /proc comes from.
class SystemText {
 public:
  virtual ~SystemText() = default;
  /// Content of one file by its absolute path; nullopt when it cannot be read.
  [[nodiscard]] virtual std::optional<std::string> read(const std::string& path) const = 0;
};

/// The running kernel.
class KernelText final : public SystemText {
 public:
  [[nodiscard]] std::optional<std::string> read(const std::string& path) const override;
};

/// A described machine, for tests and for `gateway doctor` run elsewhere.
class GivenText final : public SystemText {
 public:
  explicit GivenText(std::map<std::string, std::string> files) : files_(std::move(files)) {}
  [[nodiscard]] std::optional<std::string> read(const std::string& path) const override;

 private:
  std::map<std::string, std::string> files_;
};

struct MemoryNode {
  int id = 0;
  std::vector<int> cpus{};         // empty: memory only
  std::uint64_t memory_bytes = 0;  // 0: processors only
  std::uint64_t free_bytes = 0;    // when it was read
  std::vector<int> distances{};    // to the online nodes in rising order; 10 = here
};

struct Processor {
  int id = 0;
  int node = -1;
  bool is_online = false;
  bool is_isolated = false;     // kept free of other work (kernel parameter isolcpus)
  std::vector<int> siblings{};  // that share its core, without itself
};

/// "0-3,8" as 0 1 2 3 8, in rising order without repeats; nullopt for anything else.
[[nodiscard]] std::optional<std::vector<int>> parse_list(std::string_view text);

class Topology {
 public:
  [[nodiscard]] static Topology read(const SystemText& text);

  /// Online nodes, in rising order. A kernel without NUMA is one node with everything.
  [[nodiscard]] const std::vector<MemoryNode>& nodes() const noexcept { return nodes_; }
  /// Present processors, online or not, in rising order.
  [[nodiscard]] const std::vector<Processor>& processors() const noexcept { return processors_; }
  [[nodiscard]] const Processor* find(int cpu) const noexcept;
  /// Node whose memory is nearest to a processor: its own, or where that has none the closest one
  /// that has. -1 when the processor is not there or no node has memory.
  [[nodiscard]] int memory_node_near(int cpu) const noexcept;
  /// Nodes that have memory; below two there is nothing to choose.
  [[nodiscard]] std::size_t memory_nodes() const noexcept;

 private:
  void read_nodes(const SystemText& text);
  void read_processors(const SystemText& text);

  std::vector<MemoryNode> nodes_;
  std::vector<Processor> processors_;
};

/// Processors' worth of time that the control groups of this process allow, the tightest of the
/// whole path; nullopt = no limit. A thread that spins through its share is stopped until the next
/// period, wherever it is pinned.
[[nodiscard]] std::optional<double> cpu_quota(const SystemText& text);

}  // namespace gateway::platform
