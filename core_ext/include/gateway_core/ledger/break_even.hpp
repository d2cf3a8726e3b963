// The price at which closing now leaves nothing: after what was realised, fees paid and the one
// still to come, funding and interest. Pure. Must never feed a derived price back into a book.
#pragma once

#include <cstdint>
#include <optional>

#include "gateway_core/position/position_state.hpp"
#include "gateway_core/position/value.hpp"

namespace gateway::ledger {

/// A fee rate is a mantissa at 10^-8: 50'000 is five basis points.
inline constexpr std::int64_t kRateOne = 100'000'000;

/// What carrying a position has brought so far; paid is negative.
struct Carry {
  Int128 funding_e18 = 0;
  Int128 interest_e18 = 0;
  Int128 coins_e18 = 0;  // interest in the coin of a spot book: coins to be bought back too
};

/// The part of its trades that a position has paid as fees, rounded up; 0 without trades or when
/// they brought a rebate.
[[nodiscard]] inline std::int64_t paid_rate_e8(Int128 fees_e18, Int128 turnover_e18) noexcept {
  if (fees_e18 <= 0 || turnover_e18 <= 0) return 0;
  const auto rate = wide_ratio({fees_e18, kRateOne}, {turnover_e18});
  if (!rate || *rate >= kRateOne) return kRateOne - 1;
  const auto rounded = static_cast<std::int64_t>(*rate);
  const auto exact = wide_ratio({turnover_e18, rounded}, {kRateOne});
  return exact && *exact < fees_e18 && rounded < kRateOne - 1 ? rounded + 1 : rounded;
}

/// Price at `scale` at which the position and the coins it owes are worth `worth` x 10^8 / `kept`.
[[nodiscard]] inline std::optional<Int128> price_of_worth(const PositionBook& book,
                                                          const InstrumentRules& rules,
                                                          Int128 coins_e18, Int128 worth_e18,
                                                          std::int64_t kept, int scale) noexcept {
  const int decimals = rules.quantity_scale + rules.multiplier_scale;
  const Int128 contracts = static_cast<Int128>(book.quantity) * rules.multiplier;
  if (rules.kind == InstrumentKind::kInverse) {
    const Int128 power = pow10_128(kMoneyScale + scale - decimals);
    return wide_ratio({contracts, power, kept}, {worth_e18, kRateOne});
  }
  if (coins_e18 != 0 && rules.kind == InstrumentKind::kSpot) {
    const Int128 held =
        static_cast<Int128>(book.quantity) * kPow10_64[kMoneyScale - rules.quantity_scale];
    const PowerOfTen power = power_of_ten(scale + rules.multiplier_scale);
    return wide_ratio({worth_e18, power.over, kRateOne},
                      {held + coins_e18, rules.multiplier, power.under, kept});
  }
  const PowerOfTen power = power_of_ten(scale + decimals - kMoneyScale);
  return wide_ratio({worth_e18, power.over, kRateOne}, {contracts, power.under, kept});
}

/// Price at `scale`, half-even, where worth - exit fee - cost + realised - fees + carry is zero;
/// the exit fee is `rate_e8` of the worth. nullopt: flat, out of range, or no price above zero does
/// it.
[[nodiscard]] inline std::optional<Int128> all_in_break_even(const PositionBook& book,
                                                             const InstrumentRules& rules,
                                                             const Carry& carry,
                                                             std::int64_t rate_e8,
                                                             int scale) noexcept {
  if (book.quantity == 0 || rate_e8 < 0 || rate_e8 >= kRateOne || scale < 0 ||
      scale > kPriceScaleMax || !are_valid(rules)) {
    return std::nullopt;
  }
  Int128 worth = 0;  // the signed worth that pays for everything but the exit fee
  if (add_overflows(book.cost_e18, book.fees_e18, worth) ||
      add_overflows(worth, -book.realised_e18, worth) ||
      add_overflows(worth, -carry.funding_e18, worth) ||
      add_overflows(worth, -carry.interest_e18, worth)) {
    return std::nullopt;
  }
  // A worth that is received pays the fee out of itself; one that is owed costs it on top.
  const bool is_received = (book.quantity > 0) == (cash_sign(rules.kind) > 0);
  const std::int64_t kept = is_received ? kRateOne - rate_e8 : kRateOne + rate_e8;
  const auto price =
      price_of_worth(book, rules, carry.coins_e18, worth * cash_sign(rules.kind), kept, scale);
  return price && *price > 0 ? price : std::nullopt;
}

}  // namespace gateway::ledger
