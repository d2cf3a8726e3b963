// Instruments of every kind and random executions in them, for the tests of this room.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gateway_core/ledger/position_lots.hpp"
#include "random.hpp"

namespace check {

using gateway::InstrumentKind;
using gateway::Side;
using gateway::ledger::Execution;
using gateway::ledger::Terms;

inline constexpr Terms kTerms[] = {
    {{1, InstrumentKind::kSpot, 2, 8, 0}, 1, 2, 2},
    {{37, InstrumentKind::kLinear, 5, 0, 4}, 1, 2, 2},
    {{100, InstrumentKind::kInverse, 1, 0, 0}, 1, 2, 1},
    {{12'345, InstrumentKind::kInverse, 8, 4, 2}, 1, 2, 1},
    {{1'000'000'007, InstrumentKind::kQuanto, 4, 0, 9}, 1, 2, 3},
};

/// A number up to 10^digits, small ones as often as large ones.
inline std::int64_t any_number(Random& random, int digits) {
  const auto bound = static_cast<std::uint64_t>(
      gateway::kPow10_64[random.below(static_cast<unsigned>(digits) + 1)]);
  return 1 + static_cast<std::int64_t>(random.below(bound));
}

/// The next execution of a position that holds `held`: opens, closes a part or all, or flips. On a
/// hedge leg (`only` not 0: the sign it keeps) never more than all.
inline Execution any_execution(Random& random, const Terms& terms, std::int64_t held, int only,
                               std::uint64_t number) {
  Execution fill{};
  const std::uint64_t wish = random.below(10);
  const bool opens = held == 0 || wish < 4;
  const std::int64_t sign = held != 0 ? (held > 0 ? 1 : -1) : only != 0 ? only : wish < 5 ? 1 : -1;
  fill.side = (sign > 0) == opens ? Side::kBuy : Side::kSell;
  fill.quantity = any_number(random, 7);
  const std::int64_t size = held < 0 ? -held : held;
  if (!opens && wish == 9) fill.quantity = size;
  if (!opens && only != 0) fill.quantity = std::min(fill.quantity, size);
  const std::int64_t price = any_number(random, 6);
  fill.value_e18 =
      gateway::value_of(terms.rules, price, terms.rules.price_scale, fill.quantity)->e18;
  fill.fee_e18 = static_cast<gateway::Int128>(random.below(1'000'000'000)) - 300'000'000;
  fill.fee_currency = 1 + static_cast<gateway::CurrencyId>(random.below(3));
  fill.arrival_price = random.below(4) == 0 ? 0 : any_number(random, 6);
  fill.sequence = fill.ordinal = number;
  fill.time_ns = static_cast<std::int64_t>(number) * 1'000;
  return fill;
}

}  // namespace check
