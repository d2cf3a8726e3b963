// What limits are measured against: quantities per instrument, amounts per level, rates per level.
// Derived from orders and positions by `apply`, rebuilt from them after a snapshot. Engine thread.
#pragma once

#include <cstdint>

#include "gateway_core/types/fixed_point.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

/// Quantities of one (entity, instrument, leg), in the instrument's quantity mantissas.
struct Exposure {
  std::int64_t position = 0;     // signed
  std::int64_t working[2] = {};  // by side; reserved: sent, UNKNOWN or resting
  std::uint32_t next = 0;        // of the same instrument, place + 1
  std::uint32_t owner = 0;       // which account or strategy, 0 = the instrument as a whole

  [[nodiscard]] std::int64_t worst_long() const noexcept { return position + working[0]; }
  [[nodiscard]] std::int64_t worst_short() const noexcept { return working[1] - position; }
  void add_working(Side side, std::int64_t quantity) noexcept {
    working[index_of(side)] += quantity;
  }
};

/// Amounts of one level entity in the reporting currency at 10^-4, and its open orders.
struct LevelTotals {
  std::int64_t gross_e4 = 0;         // working orders and positions, both sides
  std::int64_t net_e4 = 0;           // positions, short ones negative
  std::int64_t working_e4[2] = {};   // by side
  std::int64_t open_orders[2] = {};  // by side
  std::int64_t realised_e4 = 0;
  std::int64_t reserved = 0;

  [[nodiscard]] std::int64_t working_both_e4() const noexcept {
    return working_e4[0] + working_e4[1];
  }
  [[nodiscard]] std::int64_t loss_e4() const noexcept { return realised_e4 < 0 ? -realised_e4 : 0; }
  void add_working(Side side, std::int64_t amount_e4, std::int64_t orders) noexcept {
    gross_e4 += amount_e4;
    working_e4[index_of(side)] += amount_e4;
    open_orders[index_of(side)] += orders;
  }
  /// A position moved from one signed amount to another.
  void move_position(std::int64_t from_e4, std::int64_t to_e4) noexcept {
    net_e4 += to_e4 - from_e4;
    gross_e4 += (to_e4 < 0 ? -to_e4 : to_e4) - (from_e4 < 0 ? -from_e4 : from_e4);
  }
};
static_assert(sizeof(LevelTotals) == 64);

/// Largest amount the gate works with: room for sums of many without overflow.
inline constexpr std::int64_t kAmountMaxE4 = std::int64_t{1} << 58;

/// Turns a product of mantissas into a reporting amount at 10^-4, always rounding up:
/// amount = ceil(product * factor / 2^shift). A zero factor means "no rate".
struct AmountFactor {
  std::uint64_t factor = 0;
  std::uint32_t shift = 0;
  // The same ratio in lowest terms, 0 when it does not fit: exact, so that an order exactly at a
  // limit passes.
  std::uint64_t over = 0;
  std::uint64_t under = 0;
  std::uint64_t inverse = 0;  // of `under`, for a division by multiplication

  /// For `numerator / denominator` amounts per product unit; both positive.
  [[nodiscard]] static AmountFactor of(Int128 numerator, Int128 denominator) noexcept {
    auto quotient = static_cast<UInt128>(numerator / denominator);
    auto rest = static_cast<UInt128>(numerator % denominator);
    const auto divisor = static_cast<UInt128>(denominator);
    if (quotient >> 63 != 0) return {~std::uint64_t{0}, 0, 0, 0, 0};
    AmountFactor out;
    Int128 divide = numerator;
    for (Int128 other = denominator; other != 0;) {
      const Int128 next = divide % other;
      divide = other;
      other = next;
    }
    if (static_cast<UInt128>(numerator / divide) >> 64 == 0 &&
        divisor / static_cast<UInt128>(divide) >> 64 == 0) {
      out.over = static_cast<std::uint64_t>(numerator / divide);
      out.under = static_cast<std::uint64_t>(denominator / divide);
      out.inverse = ~std::uint64_t{0} / out.under;
    }
    while (quotient >> 62 == 0 && out.shift < 120) {
      rest <<= 1;
      quotient <<= 1;
      if (rest >= divisor) {
        rest -= divisor;
        quotient |= 1;
      }
      ++out.shift;
    }
    out.factor = static_cast<std::uint64_t>(quotient) + (rest != 0 ? 1 : 0);
    return out;
  }

  /// Saturates at kAmountMaxE4.
  [[nodiscard]] std::int64_t amount_e4(UInt128 product) const noexcept {
    if (product >> 64 != 0) [[unlikely]]
      return wide_amount_e4(product);
    return amount_e4(static_cast<std::uint64_t>(product));
  }
  /// `product` is not negative.
  [[nodiscard]] std::int64_t amount_e4(Int128 product) const noexcept {
    return amount_e4(static_cast<UInt128>(product));
  }
  [[nodiscard]] std::int64_t amount_e4(std::uint64_t product) const noexcept {
    std::uint64_t wanted = 0;
    if (under == 0 || __builtin_mul_overflow(product, over, &wanted)) [[unlikely]] {
      return scaled_amount_e4(product);
    }
    // The estimate is the quotient or one less: `inverse` is 2^64 / under, rounded down.
    auto whole = static_cast<std::uint64_t>((static_cast<UInt128>(wanted) * inverse) >> 64);
    const std::uint64_t rest = wanted - whole * under;
    whole += static_cast<std::uint64_t>(rest != 0) + static_cast<std::uint64_t>(rest > under);
    return whole > static_cast<std::uint64_t>(kAmountMaxE4) ? kAmountMaxE4
                                                            : static_cast<std::int64_t>(whole);
  }

 private:
  /// Ratios that do not fit, and products that are too large for one.
  [[nodiscard]] std::int64_t scaled_amount_e4(std::uint64_t product) const noexcept {
    const UInt128 scaled = static_cast<UInt128>(product) * factor;
    const UInt128 value = scaled >> shift;
    if (value >= static_cast<UInt128>(kAmountMaxE4)) return kAmountMaxE4;
    const auto whole = static_cast<std::uint64_t>(value);
    // The factor is rounded up, so the whole part alone may already be enough.
    const bool is_enough =
        under != 0 ? static_cast<UInt128>(whole) * under >= static_cast<UInt128>(product) * over
                   : (value << shift) == scaled;
    return static_cast<std::int64_t>(whole) + (is_enough ? 0 : 1);
  }
  /// Products of more than 64 bits: huge quantities of tiny units.
  [[nodiscard]] std::int64_t wide_amount_e4(UInt128 product) const noexcept {
    if (over == 1) [[likely]] {
      std::uint64_t rest = 0;
      const auto high = static_cast<std::uint64_t>(product >> 64);
      if (high >= under) return kAmountMaxE4;
      const std::uint64_t whole =
          detail::divide_step(high, static_cast<std::uint64_t>(product), under, rest);
      if (whole >= static_cast<std::uint64_t>(kAmountMaxE4)) return kAmountMaxE4;
      return static_cast<std::int64_t>(whole + (rest != 0 ? 1 : 0));
    }
    const auto wide = detail::multiply_192(product, factor);
    if (wide.high != 0) {
      if (shift < 70) return kAmountMaxE4;
      const UInt128 high = (static_cast<UInt128>(wide.high) << 64) | wide.middle;
      const UInt128 value = (high >> (shift - 64)) + 1;
      return value >= static_cast<UInt128>(kAmountMaxE4) ? kAmountMaxE4
                                                         : static_cast<std::int64_t>(value);
    }
    const UInt128 low = (static_cast<UInt128>(wide.middle) << 64) | wide.low;
    const UInt128 value = low >> shift;
    if (value >= static_cast<UInt128>(kAmountMaxE4)) return kAmountMaxE4;
    return static_cast<std::int64_t>(value) + ((value << shift) != low ? 1 : 0);
  }
};

}  // namespace gateway
