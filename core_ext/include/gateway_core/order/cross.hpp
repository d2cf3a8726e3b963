// Crossing inside the house: what an order that is kept for an opposite one may ask for, and the
// price at which two of them meet. Pure; knows no table and no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "gateway_core/types/fixed_point.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

/// The longest time an order may ask to be kept.
inline constexpr std::uint16_t kCrossMsMax = 30'000;
/// Orders kept at once: each new price of their instrument looks at all of them.
inline constexpr std::size_t kKeptMax = 256;
/// Of one principal: nobody takes all places.
inline constexpr std::size_t kKeptOfPrincipalMax = 128;

/// The middle of a bid and an ask, exact: one decimal more than they have.
struct Mid {
  std::int64_t price = 0;
  std::uint8_t scale = 0;
  std::int64_t bid = 0;
  std::int64_t ask = 0;
  std::int64_t age_ns = 0;
};

/// nullopt: one of them is missing, they overlap, or the middle cannot be written exactly.
[[nodiscard]] constexpr std::optional<Mid> mid_of(std::int64_t bid, std::int64_t ask, int scale,
                                                  std::int64_t age_ns) noexcept {
  constexpr int kScaleMax = 17;  // with the decimal more, what prices of fills may have
  if (bid <= 0 || ask < bid || scale < 0 || scale > kScaleMax || age_ns < 0) return std::nullopt;
  const Int128 price = (static_cast<Int128>(bid) + ask) * 5;
  if (price > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return Mid{static_cast<std::int64_t>(price), static_cast<std::uint8_t>(scale + 1), bid, ask,
             age_ns};
}

/// Whether the middle is within an order's limit price of its instrument's scale.
[[nodiscard]] constexpr bool is_within(const Mid& mid, Side side, std::int64_t limit,
                                       int limit_scale) noexcept {
  const Int128 mid_wide = static_cast<Int128>(mid.price) * kPow10_64[limit_scale];
  const Int128 limit_wide = static_cast<Int128>(limit) * kPow10_64[mid.scale];
  return side == Side::kBuy ? limit_wide >= mid_wide : limit_wide <= mid_wide;
}

}  // namespace gateway
