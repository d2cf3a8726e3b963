// Time stamps, quantiles and figures for the benches. Measures; never part of a running gateway.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gateway_core/platform/clock.hpp"

namespace gateway::bench {

/// Named results of one bench, in order.
using Figures = std::vector<std::pair<std::string, double>>;

/// Reads the processor's counter after everything before it has finished.
[[nodiscard]] inline std::uint64_t stamp() noexcept {
#if defined(__x86_64__)
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
  return (std::uint64_t{high} << 32) | low;
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// Keeps a value alive that the compiler would otherwise drop.
template <typename T>
inline void keep(const T& value) noexcept {
  __asm__ volatile("" : : "g"(&value) : "memory");
}

[[nodiscard]] inline std::int64_t steady_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Nanoseconds per stamp() tick, and what an empty pair of stamps reads. Made once per process.
struct Timer {
  double ns_per_tick = 1;
  std::uint64_t empty_ticks = 0;
  [[nodiscard]] static const Timer& get();
};

/// Single intervals in ticks; quantiles in nanoseconds without the empty pair of stamps.
class Samples {
 public:
  explicit Samples(std::size_t capacity) { ticks_.reserve(capacity); }
  void add(std::uint64_t begin, std::uint64_t end) noexcept {
    if (ticks_.size() == ticks_.capacity()) return;
    const std::uint64_t passed = end - begin;
    ticks_.push_back(passed > 0xFFFFFFFF ? 0xFFFFFFFF : static_cast<std::uint32_t>(passed));
  }
  [[nodiscard]] bool is_full() const noexcept { return ticks_.size() == ticks_.capacity(); }
  void clear() noexcept { ticks_.clear(); }
  [[nodiscard]] double quantile_ns(double share);

 private:
  std::vector<std::uint32_t> ticks_;
};

/// A small seeded generator; the same seed gives the same orders on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  [[nodiscard]] std::uint64_t next() noexcept {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31);
  }
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }

 private:
  std::uint64_t state_;
};

/// Best nanoseconds per item of `rounds` runs of `work`, which does `items` items.
template <typename Work>
[[nodiscard]] double best_ns(int rounds, std::size_t items, Work&& work) {
  double best = 1e300;
  for (int i = 0; i < rounds; ++i) {
    const std::uint64_t begin = stamp();
    work();
    const auto ticks = static_cast<double>(stamp() - begin);
    best = std::min(best, ticks * Timer::get().ns_per_tick / static_cast<double>(items));
  }
  return best;
}

/// Asks for one CPU for the calling thread. False: refused; measurements go on unpinned.
bool pin_to(int cpu) noexcept;
[[nodiscard]] double resident_mib();

}  // namespace gateway::bench
