// What one execution makes of a position's book: the fill and its fee in the settlement currency.
// Pure; used where a fill is decided, applied and done again after a revision.
#pragma once

#include <cstdint>

#include "gateway_core/position/position_state.hpp"
#include "gateway_core/state/registry.hpp"

namespace gateway {

/// False, and the book is worthless, when the exact range is left. `quantity` 0 is a busted fill,
/// of which the fee stays. A fee in another currency than settle or, on spot, base is not the
/// book's.
[[nodiscard, gnu::always_inline]] inline bool apply_execution(PositionBook& book,
                                                              const InstrumentRow& row, Side side,
                                                              std::int64_t quantity, Money value,
                                                              Money fee,
                                                              CurrencyId fee_currency) noexcept {
  if (quantity != 0 &&
      apply_fill(book, row.rules, side, quantity, value).fault != PositionFault::kNone) {
    return false;
  }
  if (fee_currency == row.definition.settle) return add_fee(book, fee);
  if (row.rules.kind == InstrumentKind::kSpot && fee_currency == row.definition.base &&
      quantity != 0) {
    const auto worth = value_of_base_fee(row.rules, fee, quantity, value);
    return worth && add_fee(book, *worth);
  }
  return true;
}

}  // namespace gateway
