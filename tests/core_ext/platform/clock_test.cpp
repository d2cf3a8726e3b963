// Steering with ticks of our own, then the real clock against the system's.
#include "gateway_core/platform/clock.hpp"

#include "check.hpp"
#include "random.hpp"

using namespace gateway;

namespace {
constexpr std::uint64_t kOneToOne = std::uint64_t{1} << 32;
constexpr std::int64_t kSecond = 1'000'000'000;
}  // namespace

TEST(steering_closes_an_offset_at_five_hundred_ppm_and_then_stops) {
  for (const std::int64_t offset : {std::int64_t{100'000}, std::int64_t{-100'000}}) {
    SteeredTime time;
    time.start(0, 0, kOneToOne);
    time.steer(0, offset);
    const std::int64_t after_100ms = time.at(kSecond / 10) - kSecond / 10;
    CHECK(std::abs(after_100ms - offset / 2) <= 2);  // 50 us in 100 ms
    CHECK(std::abs(time.at(kSecond / 5) - kSecond / 5 - offset) <= 2);
    CHECK(std::abs(time.at(100 * kSecond) - 100 * kSecond - offset) <= 2);  // nobody steered again
  }
}

TEST(any_steering_keeps_time_rising_without_jumps_and_within_the_slew) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    check::Random random(seed);
    SteeredTime time;
    std::uint64_t ticks = random.next();  // also wraps
    time.start(ticks, 1'000 * kSecond, kOneToOne);
    std::int64_t last = time.at(ticks);
    for (int i = 0; i < 2000; ++i) {
      const std::uint64_t step = random.below(10'000'000);
      ticks += step;
      const std::int64_t now = time.at(ticks);
      const auto moved = now - last;
      const auto even = static_cast<std::int64_t>(step);
      CHECK(moved >= even - even / 2000 - 3 && moved <= even + even / 2000 + 3);
      last = now;
      if (random.below(4) == 0) {
        const auto wild =
            static_cast<std::int64_t>(random.below(7'200) * kSecond) - 3'600 * kSecond;
        time.steer(ticks, now + (random.below(8) == 0 ? wild : wild / 100'000'000));
        CHECK_EQUAL(time.at(ticks), now);
      }
    }
  }
}

TEST(a_counter_read_on_another_core_slightly_behind_does_not_turn_time_back) {
  SteeredTime time;
  time.start(1000, 5, kOneToOne);
  CHECK_EQUAL(time.at(990), 5LL);
}

TEST(a_virtual_clock_stands_until_it_is_set_and_refuses_to_go_back) {
  Clock clock(VirtualTime{100});
  CHECK_EQUAL(clock.now_ns(), 100LL);
  CHECK_EQUAL(clock.now_ns(), 100LL);
  CHECK(clock.set_ns(250) && !clock.set_ns(249));
  CHECK_EQUAL(clock.now_ns(), 250LL);
  CHECK(clock.is_virtual() && clock.discipline() == 0);
}

TEST(a_clock_behind_what_was_recorded_starts_there_and_runs) {
  constexpr std::int64_t kTenDays = 864'000 * kSecond;
  Clock clock;
  const std::int64_t newest = wall_ns() + kTenDays;
  clock.start_behind(newest);
  const std::int64_t first = clock.now_ns();
  CHECK(first >= newest && first < newest + kSecond);
  CHECK(clock.ahead_ns() > kTenDays - kSecond && clock.ahead_ns() <= kTenDays);
  const std::int64_t began = monotonic_ns();
  while (monotonic_ns() - began < kSecond / 20) continue;
  CHECK(clock.now_ns() - first >= kSecond / 25);
  CHECK(std::abs(clock.discipline()) < kSecond / 10);  // it is where it should be: healthy
  CHECK(clock.now_ns() >= newest);
}

TEST(a_clock_ahead_of_what_was_recorded_is_wall_time) {
  Clock clock;
  clock.start_behind(wall_ns() - 1);
  CHECK_EQUAL(clock.ahead_ns(), 0LL);
  CHECK(std::abs(clock.now_ns() - wall_ns()) < kSecond);
  Clock still(VirtualTime{5});
  still.start_behind(100);
  CHECK_EQUAL(still.now_ns(), 5LL);
}

TEST(the_live_clock_follows_wall_time_and_never_decreases) {
  Clock clock;
  CHECK(!clock.set_ns(1));
  const std::int64_t began = monotonic_ns();
  std::int64_t last = clock.now_ns();
  bool is_rising = true;
  for (int i = 0; i < 2'000'000; ++i) {
    const std::int64_t now = clock.now_ns();
    is_rising = is_rising && now >= last;
    last = now;
    if (i % 250'000 == 0) (void)clock.discipline();
  }
  CHECK(is_rising);
  const std::int64_t taken = monotonic_ns() - began;
  CHECK(taken > 0);
  const std::int64_t off = clock.now_ns() - wall_ns();
  CHECK(off < 20'000'000 && off > -20'000'000);  // generous: the machine may have paused us
  std::printf("counter %d, %.1f ns per call, off by %lld ns\n", clock.uses_counter() ? 1 : 0,
              static_cast<double>(taken) / 2e6, static_cast<long long>(off));
}
