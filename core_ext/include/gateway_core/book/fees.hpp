// Exact maker and taker fees. Must never round anywhere but once, half-even, at 10^-18.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "gateway_core/types/fixed_point.hpp"

namespace gateway {

/// Rates at 10^-18 of the value; negative = rebate.
struct FeeRates {
  std::int64_t maker_e18 = 0;
  std::int64_t taker_e18 = 0;

  [[nodiscard]] std::int64_t rate(bool is_maker) const noexcept {
    return is_maker ? maker_e18 : taker_e18;
  }
};

/// value * rate; nullopt when the result leaves 127 bits.
[[nodiscard]] inline std::optional<Money> fee_of(Money value, std::int64_t rate_e18) noexcept {
  const auto fee = mul_div(value.e18, rate_e18, kPow10_64[kMoneyScale]);
  if (!fee) return std::nullopt;
  return Money{*fee};
}

/// The rates from a traded volume on.
struct FeeTier {
  Money volume_min;
  FeeRates rates;
};

/// Rates by volume: the last tier whose minimum is reached. What volume is (which days, which
/// currency) is the venue's.
class FeeTiers {
 public:
  /// There is a first tier from zero on, and minimums rise.
  [[nodiscard]] static bool are_ordered(const std::vector<FeeTier>& tiers) noexcept {
    if (tiers.empty() || tiers.front().volume_min.e18 != 0) return false;
    for (std::size_t i = 1; i < tiers.size(); ++i) {
      if (tiers[i].volume_min.e18 <= tiers[i - 1].volume_min.e18) return false;
    }
    return true;
  }
  /// Takes ordered tiers.
  explicit FeeTiers(std::vector<FeeTier> tiers) : tiers_(std::move(tiers)) {}

  /// The tier's number, from 0. A volume below zero is in the first one.
  [[nodiscard]] std::size_t tier(Money volume) const noexcept {
    std::size_t tier = 0;
    while (tier + 1 < tiers_.size() && tiers_[tier + 1].volume_min.e18 <= volume.e18) ++tier;
    return tier;
  }
  [[nodiscard]] const FeeRates& rates(Money volume) const noexcept {
    return tiers_[tier(volume)].rates;
  }

 private:
  std::vector<FeeTier> tiers_;
};

}  // namespace gateway
