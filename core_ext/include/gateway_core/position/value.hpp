// What a quantity at a price is worth: linear and quanto exactly, inverse by one rounded division.
// Pure functions over an instrument's rules. Must never round a linear fill and never wrap.
#pragma once

#include <cstdint>
#include <optional>

#include "gateway_core/position/wide_ratio.hpp"
#include "gateway_core/types/fixed_point.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

/// The part of an instrument that turns quantities into money. 16 bytes, copied by value.
struct InstrumentRules {
  std::int64_t multiplier = 1;  // mantissa at multiplier_scale, above zero
  InstrumentKind kind = InstrumentKind::kLinear;
  std::uint8_t price_scale = 0;
  std::uint8_t quantity_scale = 0;
  std::uint8_t multiplier_scale = 0;
};

/// Prices of marks and fills may carry up to this many decimals of their own.
inline constexpr int kPriceScaleMax = 18;

/// Registration has enforced this; every function below relies on it.
[[nodiscard]] constexpr bool are_valid(const InstrumentRules& rules) noexcept {
  return rules.multiplier > 0 &&
         rules.price_scale + rules.quantity_scale + rules.multiplier_scale <= kScaleSumMax;
}

/// Cash direction of a buy: +1 pays the value (spot, linear, quanto). An inverse long gains when
/// 1/price falls, so its value counts as received: -1.
[[nodiscard]] constexpr int cash_sign(InstrumentKind kind) noexcept {
  return kind == InstrumentKind::kInverse ? -1 : 1;
}

namespace detail {

[[nodiscard]] inline std::optional<Money> linear_value(const InstrumentRules& rules, Int128 price,
                                                       int price_scale,
                                                       std::int64_t quantity) noexcept {
  const int scale = price_scale + rules.quantity_scale + rules.multiplier_scale;
  Int128 product = 0;
  if (multiply_overflows(price, rules.multiplier, product)) return std::nullopt;
  if (scale > kMoneyScale) {
    const auto rounded = mul_div(product, quantity, kPow10_64[scale - kMoneyScale]);
    return rounded ? std::optional<Money>(Money{*rounded}) : std::nullopt;
  }
  if (multiply_overflows(product, quantity, product) ||
      multiply_overflows(product, kPow10_64[kMoneyScale - scale], product)) {
    return std::nullopt;
  }
  return Money{product};
}

[[nodiscard]] inline std::optional<Money> inverse_value(const InstrumentRules& rules, Int128 price,
                                                        int price_scale,
                                                        std::int64_t quantity) noexcept {
  const int exponent = kMoneyScale + price_scale - rules.quantity_scale - rules.multiplier_scale;
  const Int128 contracts = static_cast<Int128>(quantity) * rules.multiplier;
  const auto divisor = static_cast<std::int64_t>(price);
  Int128 scaled = 0;
  // The short way first: one 192-bit division. Marks with very many digits take the long one.
  if (divisor == price &&
      !multiply_overflows(contracts, exponent > 18 ? kPow10_64[exponent - 18] : 1, scaled)) {
    if (const auto value = mul_div(scaled, kPow10_64[exponent > 18 ? 18 : exponent], divisor)) {
      return Money{*value};
    }
    return std::nullopt;
  }
  const auto value = wide_ratio({contracts, pow10_128(exponent)}, {price});
  return value ? std::optional<Money>(Money{*value}) : std::nullopt;
}

}  // namespace detail

/// Value of `quantity` (mantissa in the instrument's scale, the sign is kept) at `price` (mantissa
/// at its own `price_scale`). Linear, spot, quanto: price x quantity x multiplier, exact unless
/// more than 18 decimals meet (half-even). Inverse: quantity x multiplier / price in the base coin,
/// half-even. nullopt: out of range, price scale outside 0..18, or an inverse price not above zero.
[[nodiscard]] inline std::optional<Money> value_of(const InstrumentRules& rules, Int128 price,
                                                   int price_scale,
                                                   std::int64_t quantity) noexcept {
  if (price_scale < 0 || price_scale > kPriceScaleMax || !are_valid(rules)) return std::nullopt;
  if (rules.kind == InstrumentKind::kInverse) {
    if (price <= 0) return std::nullopt;
    return quantity == 0 ? Money{} : detail::inverse_value(rules, price, price_scale, quantity);
  }
  if (price == 0 || quantity == 0) return Money{};
  return detail::linear_value(rules, price, price_scale, quantity);
}

/// Price mantissa at `scale` at which `quantity` is worth `value`: the inverse function of
/// value_of, half-even, for display. nullopt for quantity 0, an inverse value 0, or out of range.
[[nodiscard]] inline std::optional<Int128> price_of(const InstrumentRules& rules, Money value,
                                                    std::int64_t quantity, int scale) noexcept {
  if (quantity == 0 || scale < 0 || scale > kPriceScaleMax || !are_valid(rules)) {
    return std::nullopt;
  }
  const int decimals = rules.quantity_scale + rules.multiplier_scale;
  const Int128 contracts = static_cast<Int128>(quantity) * rules.multiplier;
  if (rules.kind == InstrumentKind::kInverse) {
    return wide_ratio({contracts, pow10_128(kMoneyScale + scale - decimals)}, {value.e18});
  }
  const PowerOfTen power = power_of_ten(scale + decimals - kMoneyScale);
  return wide_ratio({value.e18, power.over}, {contracts, power.under});
}

/// Worth, in the quote currency, of a spot fee that was taken in the base currency, at the price of
/// its fill: fee x value / quantity, half-even. The position's quantity stays the executed
/// quantity; what is delivered to the balance is executed minus fee. The caller may add_fee() the
/// result.
[[nodiscard]] inline std::optional<Money> value_of_base_fee(const InstrumentRules& rules, Money fee,
                                                            std::int64_t fill_quantity,
                                                            Money fill_value) noexcept {
  if (fill_quantity <= 0 || !are_valid(rules)) return std::nullopt;
  const auto worth = wide_ratio({fee.e18, fill_value.e18},
                                {fill_quantity, pow10_128(kMoneyScale - rules.quantity_scale)});
  return worth ? std::optional<Money>(Money{*worth}) : std::nullopt;
}

}  // namespace gateway
