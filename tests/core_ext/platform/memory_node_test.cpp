// Arrays are bound before they are touched, on machines with a choice; what the kernel refuses is
// told by name. The machine's own kernel is asked too.
#include "gateway_core/platform/memory_node.hpp"

#include <cerrno>
#include <cstring>

#include "check.hpp"
#include "gateway_core/memory/huge_array.hpp"
#include "gateway_core/platform/cpu_affinity.hpp"
#include "platform/described_machine.hpp"

using namespace gateway;
using namespace gateway::platform;

namespace {

/// Remembers what it was asked; refuses by errno.
class ScriptedCalls final : public NodeCalls {
 public:
  int refusal = 0;
  int page_node = 0;
  mutable std::vector<int> bound, preferred;
  mutable bool was_touched = false;

  int bind(void* memory, std::size_t bytes, int node) const noexcept override {
    bound.push_back(node);
    unsigned char resident[1] = {};
    // Before the first touch no page of the array is there yet.
    was_touched |= ::mincore(memory, bytes < 4096 ? bytes : 4096, resident) == 0 && resident[0] & 1;
    return refusal;
  }
  int prefer(int node) const noexcept override {
    preferred.push_back(node);
    return refusal;
  }
  int nodes_of(std::vector<void*>& pages, std::vector<int>& nodes) const noexcept override {
    nodes.assign(pages.size(), page_node);
    if (!nodes.empty()) nodes[0] = 1;
    return 0;
  }
};

const Topology kTwoSockets = Topology::read(GivenText(machines::two_sockets()));

}  // namespace

TEST(arrays_of_the_scope_are_bound_to_the_node_of_the_processor_before_they_are_touched) {
  ScriptedCalls calls;
  MemoryReport report;
  HugeArray<std::uint64_t> before(1000);
  {
    const MemoryScope scope(kTwoSockets, 0, calls, report);
    HugeArray<std::uint64_t> small(1000), large(1 << 20);
    large.prefault();
    CHECK_EQUAL(large[77], 0ULL);
  }
  HugeArray<std::uint64_t> after(1000);
  CHECK(calls.bound == std::vector<int>({0, 0}));
  CHECK(calls.preferred == std::vector<int>({0, -1}));  // the thread gets its own policy back
  CHECK(!calls.was_touched);
  CHECK_EQUAL(report.ranges.size(), 2U);
  CHECK_EQUAL(report.bound_bytes, (std::uint64_t{1000} + (1 << 20)) * 8);
  CHECK_EQUAL(report.refused_errno, 0);
  report.measure(calls, GivenText({}));
  CHECK(report.pages_near > 200 && report.pages_elsewhere == 1);
  CHECK(report.describe().find("bound to node 0") != std::string::npos);
}

TEST(a_processor_on_a_node_without_memory_gets_the_nearest_memory) {
  ScriptedCalls calls;
  MemoryReport report;
  const MemoryScope scope(kTwoSockets, 2, calls, report);
  const HugeArray<int> array(1 << 12);
  CHECK(calls.bound == std::vector<int>{2});
}

TEST(a_refusal_is_told_by_name_and_costs_nothing_else) {
  ScriptedCalls calls;
  calls.refusal = EPERM;
  MemoryReport report;
  const MemoryScope scope(kTwoSockets, 0, calls, report);
  HugeArray<int> array(1 << 12);
  array[5] = 3;
  CHECK_EQUAL(array[5], 3);
  CHECK_EQUAL(report.refused_errno, EPERM);
  CHECK_EQUAL(report.bound_bytes, 0ULL);
  CHECK(report.describe().find("refused: Operation not permitted") != std::string::npos);
}

TEST(one_node_or_no_processor_is_a_reported_nothing) {
  const Topology one = Topology::read(GivenText(
      {{"/sys/devices/system/cpu/online", "0\n"}, {"/proc/meminfo", "MemTotal: 1000 kB\n"}}));
  for (const auto& [machine, cpu, told] :
       {std::tuple{&one, 0, "one memory node"}, std::tuple{&kTwoSockets, -1, "no node chosen"}}) {
    ScriptedCalls calls;
    MemoryReport report;
    const MemoryScope scope(*machine, cpu, calls, report);
    const HugeArray<int> array(1 << 12);
    CHECK(calls.bound.empty() && calls.preferred.empty());
    CHECK_EQUAL(report.ranges.size(), 1U);
    CHECK(report.describe().find(told) != std::string::npos);
  }
}

TEST(huge_pages_are_counted_from_what_the_kernel_says_and_only_where_they_were_asked_for) {
  MemoryReport report;
  report.ranges = {{0x10000000, 4 << 20, true}, {0x30000000, 4096, false}};
  report.measure(
      ScriptedCalls(),
      GivenText({{"/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"},
                 {"/proc/self/smaps",
                  "0f000000-10400000 rw-p 00000000 00:00 0 \nSize: 20480 kB\n"
                  "AnonHugePages:      2048 kB\n"
                  "30000000-30400000 rw-p 00000000 00:00 0 \n"
                  "AnonHugePages:      4096 kB\n"}}));
  CHECK_EQUAL(report.huge_wanted_bytes, 4ULL << 20);
  CHECK_EQUAL(report.huge_bytes, 2ULL << 20);
  CHECK_EQUAL(report.huge_mode, "madvise");
  CHECK(report.describe().find("2 MiB of 4 MiB") != std::string::npos);
}

TEST(this_kernel_takes_the_wish_or_says_why_not) {
  const KernelNodeCalls calls;
  const KernelText text;
  const Topology machine = Topology::read(text);
  const int cpu = allowed_cpus().front();
  const int node = machine.memory_node_near(cpu);
  if (node < 0) return;
  HugeArray<std::uint64_t> array(1 << 20);
  const int refused = calls.bind(&array[0], (1 << 20) * 8, node);
  if (refused != 0) {
    std::printf("mbind refused: %s\n", std::strerror(refused));
    CHECK(refused == EPERM || refused == ENOSYS || refused == EINVAL);
    return;
  }
  array.prefault();
  MemoryReport report;
  report.node = node;
  report.nodes = 2;  // as if there were a choice
  report.ranges = {{reinterpret_cast<std::uintptr_t>(&array[0]), (1 << 20) * 8, true}};
  report.measure(calls, text);
  CHECK(report.pages_near > 0 || report.pages_elsewhere == 0);
  std::printf("%s\n", report.describe().c_str());
}
