// Distances that keep threads off each other's lines.
#include "gateway_core/memory/cache_line.hpp"

#include <atomic>

#include "check.hpp"

using namespace gateway;

TEST(neighbours_in_an_array_share_no_line) {
  Padded<std::atomic<int>> words[3];
  const auto* first = reinterpret_cast<const char*>(&words[0]);
  const auto* second = reinterpret_cast<const char*>(&words[1]);
  CHECK_EQUAL(static_cast<std::size_t>(second - first), kCacheLine);
  CHECK_EQUAL(reinterpret_cast<std::uintptr_t>(first) % kCacheLine, 0U);
  CHECK_EQUAL(Padded<int>(std::in_place, 7).value, 7);
}
