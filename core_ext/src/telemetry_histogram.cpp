// Reading a histogram. Cold: called by readers, never by a thread that records.
#include <algorithm>
#include <cmath>

#include "gateway_core/telemetry/histogram_snapshot.hpp"

namespace gateway::telemetry {

HistogramSnapshot::HistogramSnapshot(const Histogram& source, double ns_per_tick, int tries)
    : counts_(kBuckets), ns_per_tick_(ns_per_tick) {
  // Counts first: the acquire of each pairs with the release in Measurement::add, so the sum and
  // the worst read below cover at least every duration counted here.
  for (std::size_t i = 0; i < kBuckets; ++i) {
    counts_[i] = source.counts[i].load(std::memory_order_acquire);
    count_ += counts_[i];
  }
  sum_ = source.sum.load(std::memory_order_relaxed);
  if (!gateway::read(source.worst, worst_, tries)) worst_ = {0, ~std::uint64_t{0}, 0, 0};
}

void HistogramSnapshot::add(std::uint64_t ticks, std::uint64_t times) noexcept {
  counts_[bucket_of(ticks)] += times;
  count_ += times;
  sum_ += ticks * times;
  worst_.ticks = std::max(worst_.ticks, ticks);
}

double HistogramSnapshot::sum_ns() const noexcept {
  return static_cast<double>(sum_) * ns_per_tick_;
}

double HistogramSnapshot::mean_ns() const noexcept {
  return count_ == 0 ? 0 : sum_ns() / static_cast<double>(count_);
}

std::uint64_t HistogramSnapshot::max_ticks() const noexcept {
  for (std::size_t i = kBuckets; i-- > 0;) {
    if (counts_[i] != 0) return std::min(highest_of(i), worst_.ticks);
  }
  return 0;
}

double HistogramSnapshot::max_ns() const noexcept {
  return static_cast<double>(max_ticks()) * ns_per_tick_;
}

double HistogramSnapshot::percentile_ns(double share) const noexcept {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) {
      return static_cast<double>(std::min(highest_of(i), worst_.ticks)) * ns_per_tick_;
    }
  }
  return max_ns();
}

std::uint64_t HistogramSnapshot::count_up_to(double limit_ns) const noexcept {
  const double limit = limit_ns / ns_per_tick_;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kTopBucket && static_cast<double>(highest_of(i)) <= limit; ++i) {
    seen += counts_[i];
  }
  return seen;
}

bool HistogramSnapshot::merge(const HistogramSnapshot& other) noexcept {
  if (std::abs(other.ns_per_tick_ - ns_per_tick_) > ns_per_tick_ * 1e-4) return false;
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  if (other.worst_.ticks > worst_.ticks) worst_ = other.worst_;
  return true;
}

HistogramSnapshot HistogramSnapshot::since(const HistogramSnapshot& before) const {
  HistogramSnapshot out = *this;
  out.count_ = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    out.counts_[i] -= std::min(before.counts_[i], counts_[i]);
    out.count_ += out.counts_[i];
  }
  out.sum_ -= std::min(before.sum_, sum_);
  return out;
}

}  // namespace gateway::telemetry
