// The price at which a position would be liquidated: where equity no longer exceeds maintenance.
// Everything else stands still while the price of one instrument moves. Pure; on the tick grid, in
// exact integers. Must never name a price at which the position still stands.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gateway_core/valuation/margin.hpp"

namespace gateway::valuation {

enum class LiquidationStatus : std::uint8_t {
  kOk = 0,
  kUnreachable = 1,  // no price of the grid does it
  kPast = 2,         // at the mark already
  kNoMark = 3,
  kBadInput = 4,
  kOutOfRange = 5,
};

/// Prices at the row's price_scale, 0 = none on that side. Both only where a long and a short leg
/// of one instrument share their collateral.
struct Liquidation {
  std::int64_t lower;  // the highest tick below the mark that liquidates
  std::int64_t upper;  // the lowest tick above the mark that does
  std::uint8_t status;
  std::uint8_t reserved[7];
};
static_assert(sizeof(Liquidation) == 24);

/// Positions that move with one price and share one collateral: the legs of one instrument.
struct LiquidationCase {
  const MarginRow* const* legs;  // the same instrument, mark and scales
  std::size_t count;
  /// Collateral less the maintenance of everything else, plus the unrealised profit of everything
  /// else: what these legs alone have to live on. Isolated: the position's own collateral.
  Int128 rest_e18;
};

/// equity - maintenance at this price: above zero the legs stand. False: no value there.
[[nodiscard]] bool cushion_at(const LiquidationCase& asked, const MarginTables& tables,
                              std::int64_t price, Int128& cushion_e18) noexcept;

/// By bisection over ticks: any number of legs, any steps. The cushion is concave in the price (in
/// its inverse for inverse contracts), so each side of a mark that stands has at most one crossing.
[[nodiscard]] Liquidation liquidation_by_search(const LiquidationCase& asked,
                                                const MarginTables& tables) noexcept;

/// One position, by the closed form of each of its steps; the tick is then proved by cushion_at.
/// Falls back to the search where a step has a slope.
[[nodiscard]] Liquidation liquidation_of(const LiquidationCase& asked,
                                         const MarginTables& tables) noexcept;

/// One result per row. `margins` and `pools` are those of margin_of over the same rows; `order` is
/// room for `count` places.
void liquidation_of(const MarginRow* rows, const PositionMargin* margins, std::size_t count,
                    const MarginTables& tables, const PoolMargin* pools, std::size_t pool_count,
                    std::uint32_t* order, Liquidation* out) noexcept;

}  // namespace gateway::valuation
