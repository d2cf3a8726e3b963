// Which bucket of a histogram a duration falls into: 64 linear steps in every power of two, so that
// a bucket is never wider than 1/64 of its lowest value. Pure arithmetic, no state.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace gateway::telemetry {

inline constexpr std::uint32_t kSubBucketBits = 6;
inline constexpr std::uint64_t kSubBuckets = 1ULL << kSubBucketBits;
/// Durations below 2^45 ticks are told apart: 1 h 57 min at 5 GHz, 9.7 h in nanoseconds.
inline constexpr std::uint32_t kValueBits = 45;
inline constexpr std::size_t kTopBucket = (kValueBits - kSubBucketBits + 1) * kSubBuckets;
/// The last one counts everything from 2^45 on: such a duration keeps its count, sum and maximum.
inline constexpr std::size_t kBuckets = kTopBucket + 1;

[[nodiscard]] constexpr std::size_t bucket_of(std::uint64_t ticks) noexcept {
  if (ticks >= (1ULL << kValueBits)) [[unlikely]]
    return kTopBucket;
  if (ticks < 2 * kSubBuckets) return static_cast<std::size_t>(ticks);  // exact
  const auto shift = static_cast<std::size_t>(std::bit_width(ticks)) - 1 - kSubBucketBits;
  return shift * kSubBuckets + static_cast<std::size_t>(ticks >> shift);
}

/// Smallest duration of a bucket.
[[nodiscard]] constexpr std::uint64_t lowest_of(std::size_t bucket) noexcept {
  if (bucket < 2 * kSubBuckets) return bucket;
  if (bucket >= kTopBucket) return 1ULL << kValueBits;
  const std::size_t shift = bucket / kSubBuckets - 1;
  return (bucket - shift * kSubBuckets) << shift;
}

/// Largest duration of a bucket; the top bucket has none, its answer is the largest number.
[[nodiscard]] constexpr std::uint64_t highest_of(std::size_t bucket) noexcept {
  return bucket >= kTopBucket ? ~std::uint64_t{0} : lowest_of(bucket + 1) - 1;
}

static_assert(bucket_of(127) == 127 && bucket_of(128) == 128 && bucket_of(129) == 128);
static_assert(bucket_of((1ULL << kValueBits) - 1) == kTopBucket - 1);
static_assert(lowest_of(bucket_of(1'000'000)) <= 1'000'000);

}  // namespace gateway::telemetry
