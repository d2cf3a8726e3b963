// What a position would earn at a price, and the prices derived from it. Pure functions for
// readers; the mark's age is the caller's to judge. Must never feed a derived price back into a
// book.
#pragma once

#include <cstdint>
#include <optional>

#include "gateway_core/position/position_state.hpp"
#include "gateway_core/position/value.hpp"

namespace gateway {

/// Profit not yet realised when everything open were closed at `mark`: signed worth minus cost.
[[nodiscard]] inline std::optional<Money> unrealised_at(const PositionBook& book,
                                                        const InstrumentRules& rules, Int128 mark,
                                                        int mark_scale) noexcept {
  if (book.quantity == 0) return Money{};
  const auto worth = value_of(rules, mark, mark_scale, book.quantity);
  Int128 difference = 0;
  if (!worth ||
      __builtin_sub_overflow(worth->e18 * cash_sign(rules.kind), book.cost_e18, &difference)) {
    return std::nullopt;
  }
  return Money{difference};
}

/// Weighted average entry price at `scale`, half-even. nullopt when flat or not representable.
[[nodiscard]] inline std::optional<Int128> average_price(const PositionBook& book,
                                                         const InstrumentRules& rules,
                                                         int scale) noexcept {
  return price_of(rules, Money{book.cost_e18 * cash_sign(rules.kind)}, book.quantity, scale);
}

/// Price at `scale` where realised + unrealised - fees is zero, half-even. nullopt when flat or
/// when no price above zero does it: the position then wins, or loses, whatever the market does.
[[nodiscard]] inline std::optional<Int128> break_even_price(const PositionBook& book,
                                                            const InstrumentRules& rules,
                                                            int scale) noexcept {
  Int128 target = 0;  // the signed worth that makes the sum zero
  if (add_overflows(book.cost_e18, book.fees_e18, target) ||
      add_overflows(target, -book.realised_e18, target)) {
    return std::nullopt;
  }
  const auto price = price_of(rules, Money{target * cash_sign(rules.kind)}, book.quantity, scale);
  return price && *price > 0 ? price : std::nullopt;
}

}  // namespace gateway
