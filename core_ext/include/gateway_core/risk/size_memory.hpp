// What one route's orders are usually worth: an exponentially weighted mean and mean deviation in
// integers, the same on every machine. Volatile; learned again from remembered orders at a start.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gateway_core/types/fixed_point.hpp"

namespace gateway {

struct SizeMemory {
  static constexpr std::int64_t kWeight = 16;      // an order counts for a sixteenth
  static constexpr std::uint32_t kOrdersMin = 16;  // before, nothing is usual
  static constexpr std::int64_t kNoLimit = std::int64_t{1} << 61;

  std::int64_t mean_e4 = 0;
  std::int64_t deviation_e4 = 0;
  std::uint32_t orders = 0;
  std::uint32_t soft = 0;  // deviations, the strictest of five levels; 0 = off
  std::uint32_t hard = 0;
  std::uint32_t reserved = 0;

  /// An accepted order. What is far outside counts as the edge: one large order does not make the
  /// next one usual.
  void note(std::int64_t amount_e4) noexcept {
    const std::int64_t seen = std::min(amount_e4, soft != 0 ? max_e4(soft) : max_e4(hard));
    const std::int64_t moved = seen - mean_e4;
    if (orders == 0) {
      mean_e4 = seen;
    } else {
      mean_e4 += moved / kWeight;
      deviation_e4 += ((moved < 0 ? -moved : moved) - deviation_e4) / kWeight;
    }
    if (orders < kOrdersMin) ++orders;
  }
  /// Mean and so many deviations, each at least a quarter of the mean: who always sends the same
  /// may vary a little.
  [[nodiscard]] std::int64_t max_e4(std::uint32_t deviations) const noexcept {
    if (deviations == 0 || orders < kOrdersMin) return kNoLimit;
    const std::int64_t spread = std::max({deviation_e4, mean_e4 / 4, std::int64_t{1}});
    const Int128 edge = static_cast<Int128>(spread) * deviations + mean_e4;
    return edge > kNoLimit ? kNoLimit : static_cast<std::int64_t>(edge);
  }
};
static_assert(sizeof(SizeMemory) == 32);

}  // namespace gateway
