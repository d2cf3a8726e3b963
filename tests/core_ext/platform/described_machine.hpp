// A machine with two sockets as its kernel would describe it.
#pragma once

#include <map>
#include <string>

namespace machines {

using Files = std::map<std::string, std::string>;

/// Node 0: processors 0 1 4 5 and memory. Node 1: processors 2 3 6 and no memory (7 is offline).
/// Node 2: memory alone. Node 3: possible, offline. 3 is isolated; n and n + 4 share a core.
inline Files two_sockets() {
  const std::string node = "/sys/devices/system/node/";
  const std::string cpu = "/sys/devices/system/cpu/";
  Files files{
      {node + "possible", "0-3\n"},
      {node + "online", "0-2\n"},
      {node + "node0/cpulist", "0-1,4-5\n"},
      {node + "node0/distance", "10 21 28\n"},
      {node + "node0/meminfo",
       "Node 0 MemTotal:       16000000 kB\nNode 0 MemFree:         9000000 kB\n"},
      {node + "node1/cpulist", "2-3,6\n"},
      {node + "node1/distance", "21 10 17\n"},
      {node + "node1/meminfo", "Node 1 MemTotal:              0 kB\n"},
      {node + "node2/cpulist", "\n"},
      {node + "node2/distance", "28 17 10\n"},
      {node + "node2/meminfo", "Node 2 MemTotal:       64000000 kB\n"},
      {node + "node3/cpulist", "7\n"},
      {cpu + "present", "0-7\n"},
      {cpu + "online", "0-6\n"},
      {cpu + "isolated", "3\n"},
  };
  for (int id = 0; id < 8; ++id) {
    files[cpu + "cpu" + std::to_string(id) + "/topology/thread_siblings_list"] =
        std::to_string(id % 4) + "," + std::to_string(id % 4 + 4) + "\n";
  }
  return files;
}

}  // namespace machines
