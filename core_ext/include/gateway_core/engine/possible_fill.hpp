// Executions whose numbers fit and cannot be (docs/decisions/0056): a price that the instrument's
// kind does not trade at, a fee that is no fee. Pure; a person may say that one is real all the
// same. An execution is an OrderFilled or a FillRevised.
#pragma once

#include <cstdint>
#include <optional>

#include "gateway_core/state/registry.hpp"

namespace gateway {

/// A fee, or a rebate, above this many times what was executed is none. Much smaller ones are real:
/// an option costs less than its fee, and a fee has a least amount where a fill has none.
inline constexpr std::int64_t kFeeTimesValueMax = 100;

namespace detail {

[[nodiscard]] constexpr Int128 magnitude_of(Money amount) noexcept {
  return amount.e18 < 0 ? -amount.e18 : amount.e18;
}

/// What was executed, in the fee's currency: settle or, on spot, base. nullopt: the fill does not
/// tell it exactly.
template <typename Execution>
[[nodiscard]] std::optional<Int128> executed_in_fee_currency(const InstrumentRow& row,
                                                             const Execution& fill) noexcept {
  if (fill.fee_currency == row.definition.settle) return magnitude_of(fill.value);
  if (row.rules.kind != InstrumentKind::kSpot || fill.fee_currency != row.definition.base) {
    return std::nullopt;
  }
  return static_cast<Int128>(fill.quantity) * kPow10_64[kMoneyScale - row.rules.quantity_scale];
}

template <typename Execution>
[[nodiscard]] bool is_absurd_fee(const InstrumentRow& row, const Execution& fill) noexcept {
  const auto executed = executed_in_fee_currency(row, fill);
  Int128 fee_max = 0;
  // Nothing is a hundred times zero: what is worth nothing may cost a fee.
  return executed && *executed != 0 &&
         !__builtin_mul_overflow(*executed, Int128{kFeeTimesValueMax}, &fee_max) &&
         magnitude_of(fill.fee) > fee_max;
}

}  // namespace detail

/// Whether the kind trades at the price that was told. Linear trades at any: an expired option is
/// worth nothing, a dated future may be below zero, and a definition names neither.
template <typename Execution>
[[nodiscard]] bool is_price_possible(const InstrumentRow& row, const Execution& told) noexcept {
  return row.rules.kind == InstrumentKind::kLinear ||
         ((told.price >= 0) & (told.value.e18 >= 0) & ((told.price | told.value.e18) != 0));
}

/// Whether a fill whose value and fee are complete can have this fee. Most are settled by the first
/// two comparisons.
template <typename Execution>
[[nodiscard]] bool is_fee_possible(const InstrumentRow& row, const Execution& fill) noexcept {
  if (fill.fee.e18 == 0) return true;
  const bool is_usual = (fill.fee_currency == row.definition.settle) &
                        (detail::magnitude_of(fill.fee) <= detail::magnitude_of(fill.value));
  return is_usual || !detail::is_absurd_fee(row, fill);
}

}  // namespace gateway
