// A histogram at one moment, owned by its reader: percentiles, mean, difference and union. Its
// count is the sum of its buckets, so count and percentiles always agree with each other.
#pragma once

#include <cstdint>
#include <vector>

#include "gateway_core/telemetry/layout.hpp"

namespace gateway::telemetry {

class HistogramSnapshot {
 public:
  HistogramSnapshot() : counts_(kBuckets) {}
  /// Copies a histogram that is being written. Any thread or process. The worst is asked for
  /// `tries` times while its writer is busy with it.
  HistogramSnapshot(const Histogram& source, double ns_per_tick, int tries = 1000);

  void add(std::uint64_t ticks, std::uint64_t times = 1) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] double sum_ns() const noexcept;
  [[nodiscard]] double mean_ns() const noexcept;
  /// The longest duration: exact since the start; of a difference, the top of its highest bucket.
  [[nodiscard]] double max_ns() const noexcept;
  /// The duration that `share` (0 to 1) of all do not exceed; at most 1/64 above the exact one and
  /// never below it. 0 when empty.
  [[nodiscard]] double percentile_ns(double share) const noexcept;
  /// Durations of at most `limit_ns`, by whole buckets: one that reaches beyond is not counted.
  [[nodiscard]] std::uint64_t count_up_to(double limit_ns) const noexcept;

  /// Adds another histogram of the same tick. False, and nothing happens, for another tick.
  [[nodiscard]] bool merge(const HistogramSnapshot& other) noexcept;
  /// What came after `before`, an earlier snapshot of the same histogram.
  [[nodiscard]] HistogramSnapshot since(const HistogramSnapshot& before) const;

  [[nodiscard]] const Worst& worst() const noexcept { return worst_; }
  [[nodiscard]] double ns_per_tick() const noexcept { return ns_per_tick_; }
  void set_ns_per_tick(double ns) noexcept { ns_per_tick_ = ns; }
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }

 private:
  [[nodiscard]] std::uint64_t max_ticks() const noexcept;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  Worst worst_{};
  double ns_per_tick_ = 1;
};

}  // namespace gateway::telemetry
