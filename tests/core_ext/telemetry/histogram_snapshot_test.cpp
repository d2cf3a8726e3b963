// Percentiles against exact ones, union, difference, and what is too long for a bucket.
#include "gateway_core/telemetry/histogram_snapshot.hpp"

#include <algorithm>
#include <cmath>

#include "check.hpp"
#include "random.hpp"

using namespace gateway::telemetry;
using check::Random;

namespace {

/// Durations over all magnitudes: flat, or long-tailed, or of two humps, by the seed.
std::vector<std::uint64_t> durations(std::uint64_t seed) {
  Random random(seed);
  std::vector<std::uint64_t> all(1 + random.below(5'000));
  const std::uint64_t shape = random.below(3);
  for (auto& one : all) {
    if (shape == 0) one = random.below(1ULL << (1 + random.below(44)));
    if (shape == 1) one = 100 + random.below(50) + (random.below(100) == 0 ? 1'000'000 : 0);
    if (shape == 2) one = random.below(2) == 0 ? random.below(300) : 40'000 + random.below(9'000);
  }
  return all;
}

HistogramSnapshot histogram_of(const std::vector<std::uint64_t>& all) {
  HistogramSnapshot made;
  for (const std::uint64_t one : all) made.add(one);
  return made;
}

}  // namespace

TEST(percentiles_are_never_below_the_exact_one_and_at_most_one_64th_above) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    auto all = durations(seed);
    const HistogramSnapshot found = histogram_of(all);
    std::sort(all.begin(), all.end());
    for (const double share : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
      const double wanted = std::ceil(share * static_cast<double>(all.size()));
      const auto rank = std::max<std::size_t>(1, static_cast<std::size_t>(wanted));
      const auto exact = static_cast<double>(all[rank - 1]);
      const double told = found.percentile_ns(share);
      if (told < exact || told > exact * (1 + 1.0 / 64)) {
        check::fail(__FILE__, __LINE__, "seed " + std::to_string(seed));
      }
    }
    CHECK_EQUAL(found.count(), all.size());
    CHECK_EQUAL(found.max_ns(), static_cast<double>(all.back()));
  }
}

TEST(the_mean_is_exact) {
  CHECK_EQUAL(histogram_of({1, 2, 3, 1'000'000'003}).mean_ns(), 250'000'002.25);
  CHECK_EQUAL(HistogramSnapshot().mean_ns(), 0.0);
  CHECK_EQUAL(HistogramSnapshot().percentile_ns(0.5), 0.0);
  CHECK_EQUAL(HistogramSnapshot().max_ns(), 0.0);
}

TEST(merged_halves_are_the_whole) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const auto all = durations(seed);
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    HistogramSnapshot first = histogram_of({all.begin(), middle});
    CHECK(first.merge(histogram_of({middle, all.end()})));
    const HistogramSnapshot whole = histogram_of(all);
    CHECK(first.counts() == whole.counts());
    CHECK_EQUAL(first.mean_ns(), whole.mean_ns());
    CHECK_EQUAL(first.max_ns(), whole.max_ns());
  }
}

TEST(histograms_of_another_tick_are_not_merged) {
  HistogramSnapshot one = histogram_of({1, 2});
  HistogramSnapshot other = histogram_of({3});
  other.set_ns_per_tick(0.25);
  CHECK(!one.merge(other));
  CHECK_EQUAL(one.count(), 2U);
}

TEST(a_difference_holds_what_came_between) {
  const HistogramSnapshot before = histogram_of({10, 1'000'000});
  HistogramSnapshot after = histogram_of({10, 1'000'000, 50, 50, 60});
  const HistogramSnapshot between = after.since(before);
  CHECK_EQUAL(between.count(), 3U);
  CHECK_EQUAL(between.percentile_ns(0.5), 50.0);
  CHECK_EQUAL(between.max_ns(), 60.0);
  CHECK_EQUAL(between.sum_ns(), 160.0);
}

TEST(too_long_durations_keep_their_count_sum_and_maximum) {
  HistogramSnapshot found;
  found.add(1ULL << 50);
  found.add(5);
  CHECK_EQUAL(found.count(), 2U);
  CHECK_EQUAL(found.counts()[kTopBucket], 1U);
  CHECK_EQUAL(found.max_ns(), static_cast<double>(1ULL << 50));
  CHECK_EQUAL(found.percentile_ns(0.99), static_cast<double>(1ULL << 50));
}

TEST(counting_up_to_a_limit_takes_whole_buckets) {
  const HistogramSnapshot found = histogram_of({10, 100, 1'000, 10'000});
  CHECK_EQUAL(found.count_up_to(100), 2U);
  CHECK_EQUAL(found.count_up_to(99.5), 1U);
  CHECK_EQUAL(found.count_up_to(1e18), 4U);
}
