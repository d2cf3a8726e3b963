// The only place of the native core that reads a clock. Live: wall time sampled at boot plus a
// monotonic counter, steered gently; virtual: what a test sets. Must never go backwards or jump.
#pragma once

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "gateway_core/types/fixed_point.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace gateway {

/// For deadlines of waits; not related to wall or journal time.
[[nodiscard]] inline std::int64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

[[nodiscard]] inline std::int64_t wall_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Whether the processor has a counter that runs at one rate in every sleep and speed state.
[[nodiscard]] inline bool has_steady_counter() noexcept {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
#else
  return false;
#endif
}

/// The processor's counter, or monotonic nanoseconds where there is no steady one.
[[nodiscard]] inline std::uint64_t read_ticks(bool uses_counter) noexcept {
#if defined(__x86_64__)
  if (uses_counter) return __rdtsc();
#endif
  static_cast<void>(uses_counter);
  return static_cast<std::uint64_t>(monotonic_ns());
}

/// Time as a function of a tick counter: a steady rate, after a stretch at a steered rate. Pure, so
/// that tests drive it with ticks of their own.
class SteeredTime {
 public:
  /// Steering never changes the rate by more than this.
  static constexpr std::int64_t kSlewPpmMax = 500;

  void start(std::uint64_t ticks, std::int64_t time_ns, std::uint64_t rate_e32) noexcept {
    base_ticks_ = ticks;
    base_ns_ = time_ns;
    rate_e32_ = steered_rate_e32_ = rate_e32;
    steered_ticks_ = 0;
  }

  [[nodiscard]] std::int64_t at(std::uint64_t ticks) const noexcept {
    const std::uint64_t passed = ticks - base_ticks_;
    if (static_cast<std::int64_t>(passed) < 0) return base_ns_;
    if (passed <= steered_ticks_) return base_ns_ + scale(passed, steered_rate_e32_);
    return base_ns_ + scale(steered_ticks_, steered_rate_e32_) +
           scale(passed - steered_ticks_, rate_e32_);
  }

  /// From `ticks` on, approach `true_ns` at kSlewPpmMax, then keep the rate. No jump at `ticks`.
  void steer(std::uint64_t ticks, std::int64_t true_ns) noexcept {
    const std::int64_t now = at(ticks);
    const std::int64_t offset = true_ns - now;
    const std::uint64_t change = rate_e32_ * kSlewPpmMax / 1'000'000;
    base_ticks_ = ticks;
    base_ns_ = now;
    steered_rate_e32_ = offset < 0 ? rate_e32_ - change : rate_e32_ + change;
    const UInt128 distance = static_cast<UInt128>(magnitude(offset)) << 32;
    const UInt128 stretch = change == 0 ? 0 : distance / change;
    constexpr UInt128 kFarAway = UInt128{1} << 62;
    steered_ticks_ = static_cast<std::uint64_t>(std::min(stretch, kFarAway));
  }

  /// Better knowledge of the counter's frequency, for the time after the last steer().
  void set_rate(std::uint64_t rate_e32) noexcept { rate_e32_ = rate_e32; }
  [[nodiscard]] std::uint64_t rate_e32() const noexcept { return rate_e32_; }

 private:
  [[nodiscard]] static std::int64_t scale(std::uint64_t ticks, std::uint64_t rate_e32) noexcept {
    return static_cast<std::int64_t>((static_cast<UInt128>(ticks) * rate_e32) >> 32);
  }

  std::uint64_t base_ticks_ = 0;
  std::int64_t base_ns_ = 0;
  std::uint64_t rate_e32_ = std::uint64_t{1} << 32;  // ns per tick at 2^-32
  std::uint64_t steered_rate_e32_ = std::uint64_t{1} << 32;
  std::uint64_t steered_ticks_ = 0;
};

/// Start of a virtual clock.
struct VirtualTime {
  std::int64_t ns = 0;
};

/// One thread owns a Clock: it alone calls now_ns and discipline. set_ns may come from elsewhere.
class Clock {
 public:
  /// Live. Takes about 20 ms when the processor's counter has to be calibrated.
  Clock() noexcept : uses_counter_(has_steady_counter()) {
    std::uint64_t rate_e32 = std::uint64_t{1} << 32;
    first_ = sample();
    if (uses_counter_) {
      constexpr timespec kCalibration{0, 20'000'000};
      nanosleep(&kCalibration, nullptr);
      rate_e32 = measured_rate_e32(sample());
      uses_counter_ = rate_e32 != 0;
      if (!uses_counter_) rate_e32 = std::uint64_t{1} << 32;
    }
    const Sample now = sample();
    time_.start(now.ticks, now.wall_ns, rate_e32);
  }
  explicit Clock(VirtualTime start) noexcept : is_virtual_(true), virtual_ns_(start.ns) {}
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  /// Nanoseconds since 1970. Never decreases.
  [[nodiscard]] std::int64_t now_ns() noexcept {
    if (is_virtual_) return virtual_ns_.load(std::memory_order_relaxed);
    last_ns_ = std::max(last_ns_, time_.at(ticks()));
    return last_ns_;
  }

  /// Live: wall time is behind `newest_ns`, which was recorded already, so time starts there and
  /// runs on at wall time's rate, ahead by the same amount until the process ends. Before the first
  /// now_ns(). Nothing where wall time is later, or on a virtual clock.
  void start_behind(std::int64_t newest_ns) noexcept {
    if (is_virtual_) return;
    const Sample now = sample();
    ahead_ns_ = std::max<std::int64_t>(0, newest_ns - now.wall_ns);
    time_.start(now.ticks, now.wall_ns + ahead_ns_, time_.rate_e32());
  }
  /// How far time is ahead of wall time since the start. Any thread.
  [[nodiscard]] std::int64_t ahead_ns() const noexcept { return ahead_ns_; }

  /// Virtual only. False, and nothing happens, on a live clock or backwards.
  bool set_ns(std::int64_t now_ns) noexcept {
    if (!is_virtual_ || now_ns < virtual_ns_.load(std::memory_order_relaxed)) return false;
    virtual_ns_.store(now_ns, std::memory_order_relaxed);
    return true;
  }

  /// Steers towards wall time plus ahead_ns(); call it about once a second, off the hot path.
  /// Returns how far that was ahead, in ns: the caller judges the clock's health by it. 0 on a
  /// virtual clock.
  std::int64_t discipline() noexcept {
    if (is_virtual_) return 0;
    const Sample now = sample();
    const std::int64_t wanted_ns = now.wall_ns + ahead_ns_;
    const std::int64_t ahead = wanted_ns - time_.at(now.ticks);
    constexpr std::int64_t kBaselineNsMin = 1'000'000'000;
    time_.steer(now.ticks, wanted_ns);
    if (uses_counter_ && now.monotonic_ns - first_.monotonic_ns >= kBaselineNsMin) {
      if (const std::uint64_t rate = measured_rate_e32(now); rate != 0) time_.set_rate(rate);
    }
    return ahead;
  }

  [[nodiscard]] bool is_virtual() const noexcept { return is_virtual_; }
  /// Whether time comes from the processor's own counter instead of the system's monotonic clock.
  [[nodiscard]] bool uses_counter() const noexcept { return uses_counter_; }

 private:
  struct Sample {
    std::uint64_t ticks = 0;
    std::int64_t monotonic_ns = 0;
    std::int64_t wall_ns = 0;
  };

  [[nodiscard]] std::uint64_t ticks() const noexcept { return read_ticks(uses_counter_); }

  /// The three times of one instant: the tightest of a few tries, so that an interruption between
  /// the reads does not count.
  [[nodiscard]] Sample sample() const noexcept {
    Sample best;
    std::uint64_t best_width = ~std::uint64_t{0};
    for (int i = 0; i < 7; ++i) {
      const std::uint64_t before = ticks();
      const std::int64_t monotonic = monotonic_ns();
      const std::int64_t wall = gateway::wall_ns();
      const std::uint64_t width = ticks() - before;
      if (width >= best_width) continue;
      best_width = width;
      best = {before + width / 2, monotonic, wall};
    }
    return best;
  }

  /// ns per tick since the first sample, at 2^-32; 0 when the counter did not advance plausibly.
  [[nodiscard]] std::uint64_t measured_rate_e32(const Sample& now) const noexcept {
    const std::int64_t passed_ns = now.monotonic_ns - first_.monotonic_ns;
    const std::uint64_t passed = now.ticks - first_.ticks;
    if (passed_ns <= 0 || passed == 0 || static_cast<std::int64_t>(passed) < 0) return 0;
    const UInt128 rate = (static_cast<UInt128>(passed_ns) << 32) / passed;
    constexpr UInt128 kSlowest = UInt128{100} << 32;  // 10 MHz
    return rate > 0 && rate < kSlowest ? static_cast<std::uint64_t>(rate) : 0;
  }

  bool is_virtual_ = false;
  bool uses_counter_ = false;
  std::int64_t last_ns_ = INT64_MIN;
  std::int64_t ahead_ns_ = 0;  // of the wall; constant once the engine runs
  SteeredTime time_;
  Sample first_;
  std::atomic<std::int64_t> virtual_ns_{0};
};

}  // namespace gateway
