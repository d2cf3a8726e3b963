// Exact maker and taker fees. Must never round anywhere but once, half-even, at 10^-18.
#pragma once

#include <cstdint>
#include <optional>

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

}  // namespace gateway
