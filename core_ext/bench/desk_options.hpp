// How a desk is opened. Apart from the desk, because not every bench knows the engine.
#pragma once

#include <cstdint>
#include <string>

namespace gateway::bench {

struct DeskOptions {
  std::string directory;
  std::string ring_directory;
  bool is_memory_only = false;
  std::uint32_t orders_max = 262'144;
  std::uint32_t open_orders_side_max = 200'000;
  std::uint64_t ring_bytes = 64ULL << 20;
  std::uint64_t segment_bytes = 64ULL << 20;
  int engine_cpu = -1;  // of the calling thread, once the desk is open; -1 = any
  int other_cpu = -1;   // of every thread the desk starts
};

}  // namespace gateway::bench
