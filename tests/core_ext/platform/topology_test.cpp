// Machines that are only described: two nodes, a node without processors, one that is switched off,
// siblings, isolated processors, quotas. And the machine the test runs on, which must make sense.
#include "gateway_core/platform/topology.hpp"

#include "check.hpp"
#include "gateway_core/platform/cpu_affinity.hpp"
#include "platform/described_machine.hpp"

using namespace gateway::platform;
using machines::Files;

TEST(lists_of_the_kernel_are_read_and_nonsense_is_not) {
  CHECK(parse_list("0-3,8,10-11\n") == std::vector<int>({0, 1, 2, 3, 8, 10, 11}));
  CHECK(parse_list("") == std::vector<int>{});
  CHECK(parse_list("\n") == std::vector<int>{});
  CHECK(parse_list("5") == std::vector<int>{5});
  CHECK(parse_list("3,1,2-3") == std::vector<int>({1, 2, 3}));
  for (const char* text : {"a", "1-", "-1", "3-1", "1,,2", "1;2", "0x1", "1-2-3", "999999999999"}) {
    CHECK(!parse_list(text).has_value());
  }
}

TEST(two_nodes_a_memory_only_node_and_an_offline_node) {
  const Topology machine = Topology::read(GivenText(machines::two_sockets()));
  CHECK_EQUAL(machine.nodes().size(), 3U);  // node 3 is possible and offline
  CHECK_EQUAL(machine.memory_nodes(), 2U);
  CHECK(machine.nodes()[0].cpus == std::vector<int>({0, 1, 4, 5}));
  CHECK_EQUAL(machine.nodes()[0].memory_bytes, 1024ULL * 16'000'000);
  CHECK_EQUAL(machine.nodes()[0].free_bytes, 1024ULL * 9'000'000);
  CHECK_EQUAL(machine.nodes()[1].memory_bytes, 0ULL);
  CHECK(machine.nodes()[2].cpus.empty());
  CHECK_EQUAL(machine.memory_node_near(0), 0);
  // Node 1 has no memory of its own: the memory-only node 2 is nearer (17) than node 0 (21).
  CHECK_EQUAL(machine.memory_node_near(2), 2);
  CHECK_EQUAL(machine.memory_node_near(99), -1);
}

TEST(processors_know_their_state_node_and_siblings) {
  const Topology machine = Topology::read(GivenText(machines::two_sockets()));
  CHECK_EQUAL(machine.processors().size(), 8U);
  CHECK(machine.find(0)->is_online && !machine.find(0)->is_isolated);
  CHECK(machine.find(3)->is_isolated);
  CHECK(!machine.find(7)->is_online);
  CHECK(machine.find(1)->siblings == std::vector<int>{5});
  CHECK_EQUAL(machine.find(2)->node, 1);
  CHECK_EQUAL(machine.find(7)->node, -1);
  CHECK(machine.find(8) == nullptr);
}

TEST(a_kernel_without_numa_is_one_node_with_everything) {
  const Topology machine = Topology::read(GivenText({
      {"/sys/devices/system/cpu/online", "0-1\n"},
      {"/proc/meminfo", "MemTotal:        2048 kB\nMemFree:         1024 kB\n"},
  }));
  CHECK_EQUAL(machine.nodes().size(), 1U);
  CHECK_EQUAL(machine.memory_node_near(1), 0);
  CHECK_EQUAL(machine.nodes()[0].memory_bytes, 2048ULL * 1024);
}

TEST(nothing_readable_is_nothing_known) {
  const Topology machine = Topology::read(GivenText({}));
  CHECK(machine.processors().empty());
  CHECK_EQUAL(machine.memory_nodes(), 0U);
  CHECK_EQUAL(machine.memory_node_near(0), -1);
  CHECK(!cpu_quota(GivenText({})).has_value());
}

TEST(the_tightest_quota_of_the_whole_path_counts) {
  Files files{{"/proc/self/cgroup", "0::/desk/gateway\n"},
              {"/sys/fs/cgroup/cpu.max", "max 100000\n"},
              {"/sys/fs/cgroup/desk/cpu.max", "150000 100000\n"},
              {"/sys/fs/cgroup/desk/gateway/cpu.max", "max 100000\n"}};
  CHECK_EQUAL(cpu_quota(GivenText(files)).value_or(0), 1.5);
  files["/sys/fs/cgroup/desk/gateway/cpu.max"] = "20000 100000\n";
  CHECK_EQUAL(cpu_quota(GivenText(files)).value_or(0), 0.2);
  files["/sys/fs/cgroup/desk/gateway/cpu.max"] = files["/sys/fs/cgroup/desk/cpu.max"] = "max 5\n";
  CHECK(!cpu_quota(GivenText(files)).has_value());
}

TEST(quotas_of_the_first_version_of_control_groups_count_too) {
  Files files{{"/proc/self/cgroup", "4:memory:/a\n3:cpuset,cpu:/b/c\n1:cpuacct:/d\n"},
              {"/sys/fs/cgroup/cpu/b/cpu.cfs_quota_us", "50000\n"},
              {"/sys/fs/cgroup/cpu/b/cpu.cfs_period_us", "100000\n"},
              {"/sys/fs/cgroup/cpu/b/c/cpu.cfs_quota_us", "-1\n"},
              {"/sys/fs/cgroup/cpu/b/c/cpu.cfs_period_us", "100000\n"},
              {"/sys/fs/cgroup/cpu/d/cpu.cfs_quota_us", "1\n"},
              {"/sys/fs/cgroup/cpu/d/cpu.cfs_period_us", "100000\n"}};
  CHECK_EQUAL(cpu_quota(GivenText(files)).value_or(0), 0.5);
}

TEST(this_machine_makes_sense) {
  const Topology machine = Topology::read(KernelText());
  if (machine.processors().empty()) {
    std::printf("this kernel shows no processors below /sys: not compared\n");
    return;
  }
  for (const int cpu : gateway::allowed_cpus()) {
    CHECK(machine.find(cpu) != nullptr && machine.find(cpu)->is_online);
    CHECK(machine.memory_node_near(cpu) >= 0);
  }
}
