// Distances that keep threads off each other's lines.
#include "gateway_core/memory/cache_line.hpp"

#include <atomic>
#include <new>

#include "check.hpp"
#include "gateway_core/journal/ring.hpp"
#include "gateway_core/ring/mpmc_ring.hpp"
#include "gateway_core/ring/spsc_lane.hpp"
#include "gateway_core/ring/wait_strategy.hpp"

using namespace gateway;

// What the layout promises against what the compiler knows of its target. GCC warns that the value
// may change with -mtune; a test that then fails is what is wanted.
#ifdef __cpp_lib_hardware_interference_size
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Winterference-size"
#endif
static_assert(kFalseSharingRange >= std::hardware_destructive_interference_size);
static_assert(kCacheLine >= std::hardware_constructive_interference_size);
#endif

TEST(neighbours_in_an_array_share_no_line) {
  Padded<std::atomic<int>> words[3];
  const auto* first = reinterpret_cast<const char*>(&words[0]);
  const auto* second = reinterpret_cast<const char*>(&words[1]);
  CHECK_EQUAL(static_cast<std::size_t>(second - first), kCacheLine);
  CHECK_EQUAL(reinterpret_cast<std::uintptr_t>(first) % kCacheLine, 0U);
  CHECK_EQUAL(Padded<int>(std::in_place, 7).value, 7);
}

TEST(every_word_that_two_threads_write_has_a_range_of_its_own) {
  // Lanes: consumer's index, producer's index, producer's count of what it dropped.
  CHECK(is_apart(offsetof(LaneHeader, epoch), offsetof(LaneHeader, head)));
  CHECK(is_apart(offsetof(LaneHeader, head), offsetof(LaneHeader, tail), kFalseSharingRange));
  // Journal ring: control, engine, engine's claim, commit thread.
  using journal::RingHeader;
  CHECK(is_apart(offsetof(RingHeader, epoch), offsetof(RingHeader, kill_word)));
  CHECK(is_apart(offsetof(RingHeader, kill_word), offsetof(RingHeader, published_position)));
  CHECK(is_apart(offsetof(RingHeader, published_position), offsetof(RingHeader, synced_position),
                 kFalseSharingRange));
  CHECK(is_apart(offsetof(RingHeader, claimed_position), offsetof(RingHeader, synced_position)));
}

TEST(the_ranges_hold_on_the_heap_too) {
  for (int i = 0; i < 20; ++i) {
    const auto ring = std::make_unique<MpmcRing<int>>(4);
    const auto waiting = std::make_unique<WaitStrategy>(WaitKind::kPark);
    CHECK_EQUAL(reinterpret_cast<std::uintptr_t>(ring.get()) % kFalseSharingRange, 0U);
    CHECK_EQUAL(reinterpret_cast<std::uintptr_t>(waiting.get()) % kFalseSharingRange, 0U);
  }
}
