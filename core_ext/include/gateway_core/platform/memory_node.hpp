// Memory near the engine's processor: while a scope is open, large arrays of this thread are bound
// to one node before their first page is touched, and everything is counted. A refusal of the
// kernel is reported and never hidden; the memory is then wherever the kernel puts it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gateway_core/platform/topology.hpp"

namespace gateway::platform {

/// The kernel's calls about nodes, so that tests refuse them by name. Each answers 0 or an errno.
class NodeCalls {
 public:
  virtual ~NodeCalls() = default;
  /// mbind(2): pages of this range come from `node`, from elsewhere only when it is full.
  [[nodiscard]] virtual int bind(void* memory, std::size_t bytes, int node) const noexcept = 0;
  /// set_mempolicy(2) of the calling thread; node -1 = the default again.
  [[nodiscard]] virtual int prefer(int node) const noexcept = 0;
  /// move_pages(2) as a question: node of each page, negative = an errno of that page.
  [[nodiscard]] virtual int nodes_of(std::vector<void*>& pages,
                                     std::vector<int>& nodes) const noexcept = 0;
};
class KernelNodeCalls final : public NodeCalls {
 public:
  [[nodiscard]] int bind(void* memory, std::size_t bytes, int node) const noexcept override;
  [[nodiscard]] int prefer(int node) const noexcept override;
  [[nodiscard]] int nodes_of(std::vector<void*>& pages,
                             std::vector<int>& nodes) const noexcept override;
};

/// What became of the wish for near memory and for huge pages.
struct MemoryReport {
  struct Range {
    std::uintptr_t first = 0;
    std::size_t bytes = 0;
    bool wants_huge = false;
  };
  int node = -1;              // wanted; -1 = none
  std::size_t nodes = 0;      // of this machine, with memory
  std::vector<Range> ranges;  // large arrays made while the scope was open
  std::uint64_t bytes = 0;
  std::uint64_t bound_bytes = 0;  // the kernel accepted the wish; where pages are: measure()
  int refused_errno = 0;          // first refusal
  // Set by measure().
  std::uint64_t pages_near = 0;  // of a sample
  std::uint64_t pages_elsewhere = 0;
  std::uint64_t huge_wanted_bytes = 0;
  std::uint64_t huge_bytes = 0;
  std::string huge_mode;  // the kernel's choice: always, madvise, never; "" = not told

  /// Asks the kernel where the pages are now, and on pages of which size.
  void measure(const NodeCalls& calls, const SystemText& text);
  /// One line for people.
  [[nodiscard]] std::string describe() const;
};

/// Opens for the calling thread; not nested. Reports into `report` until it closes. On a machine
/// with one node it only counts.
class MemoryScope {
 public:
  MemoryScope(const Topology& topology, int cpu, const NodeCalls& calls, MemoryReport& report);
  ~MemoryScope();
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;

  /// An array of its own pages was mapped and not touched yet. Does nothing outside a scope.
  static void on_mapped(void* memory, std::size_t bytes, bool wants_huge) noexcept;

 private:
  void place(void* memory, std::size_t bytes, bool wants_huge) noexcept;

  const NodeCalls& calls_;
  MemoryReport& report_;
  bool is_bound_ = false;
};

}  // namespace gateway::platform
