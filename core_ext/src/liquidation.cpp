// Liquidation prices: closed form for one position, bisection for several legs of one price. The
// answer of either is a tick at which the exact cushion is gone, with one next to it where it is
// not.
#include "gateway_core/valuation/liquidation.hpp"

#include <algorithm>
#include <bit>
#include <optional>

namespace gateway::valuation {
namespace {

/// Legs of one instrument that share a collateral: net, long and short at most.
constexpr std::size_t kLegsMax = 8;
/// Prices beyond this are not searched; twice it still fits.
constexpr std::int64_t kPriceMax = std::int64_t{1} << 61;

Int128 joined(MoneyWords words) noexcept { return std::bit_cast<Int128>(words); }

Liquidation told(LiquidationStatus status) noexcept {
  Liquidation out{};
  out.status = static_cast<std::uint8_t>(status);
  return out;
}

/// Whether the legs stand at this tick; nothing where they have no value there.
std::optional<bool> stands_at(const LiquidationCase& asked, const MarginTables& tables,
                              std::int64_t ticks) noexcept {
  std::int64_t price = 0;
  Int128 cushion = 0;
  if (ticks < 1 || __builtin_mul_overflow(ticks, asked.legs[0]->tick, &price) ||
      !cushion_at(asked, tables, price, cushion)) {
    return std::nullopt;
  }
  return cushion > 0;
}

/// The last whole tick at or below the mark. The mark has a scale of its own.
std::optional<std::int64_t> mark_in_ticks(const MarginRow& row) noexcept {
  const int up = row.price_scale - row.mark_scale;
  Int128 price = row.mark;
  if (up >= 0 && multiply_overflows(price, kPow10_64[up], price)) return std::nullopt;
  if (up < 0) price /= kPow10_64[-up];
  price /= row.tick;
  return price <= kPriceMax ? std::optional(static_cast<std::int64_t>(price)) : std::nullopt;
}

LiquidationStatus check(const LiquidationCase& asked, const MarginTables& tables) noexcept {
  if (asked.count == 0 || asked.count > kLegsMax) return LiquidationStatus::kBadInput;
  const MarginRow& row = *asked.legs[0];
  if (row.tick <= 0 || row.price_scale > kPriceScaleMax || row.mark_scale > kPriceScaleMax) {
    return LiquidationStatus::kBadInput;
  }
  Int128 cushion = asked.rest_e18;
  bool is_open = false;
  for (std::size_t i = 0; i < asked.count; ++i) {
    const PositionMargin now = margin_of(*asked.legs[i], tables);
    const auto status = static_cast<MarginStatus>(now.status);
    if (status == MarginStatus::kNoMark) return LiquidationStatus::kNoMark;
    if (status == MarginStatus::kBadInput) return LiquidationStatus::kBadInput;
    if (status != MarginStatus::kOk ||
        add_overflows(cushion, joined(now.unrealised_e18), cushion) ||
        __builtin_sub_overflow(cushion, joined(now.maintenance_e18), &cushion)) {
      return LiquidationStatus::kOutOfRange;
    }
    is_open = is_open || asked.legs[i]->quantity != 0;
  }
  if (!is_open) return LiquidationStatus::kUnreachable;
  return cushion > 0 ? LiquidationStatus::kOk : LiquidationStatus::kPast;
}

/// Largest tick below `stands` that liquidates, 0 = none down to the first tick.
std::int64_t search_down(const LiquidationCase& asked, const MarginTables& tables,
                         std::int64_t stands) noexcept {
  std::int64_t falls = stands;
  while (falls > 1) {
    falls /= 2;
    const auto here = stands_at(asked, tables, falls);
    if (!here) return 0;
    if (!*here) break;
    stands = falls;
  }
  if (falls < 1 || stands_at(asked, tables, falls).value_or(true)) return 0;
  while (stands - falls > 1) {
    const std::int64_t middle = falls + (stands - falls) / 2;
    (stands_at(asked, tables, middle).value_or(false) ? stands : falls) = middle;
  }
  return falls;
}

/// Smallest tick above `stands` that liquidates, 0 = none.
std::int64_t search_up(const LiquidationCase& asked, const MarginTables& tables,
                       std::int64_t stands) noexcept {
  std::int64_t falls = std::max<std::int64_t>(stands, 1);
  for (;;) {
    if (falls > kPriceMax / 2) return 0;
    falls *= 2;
    const auto here = stands_at(asked, tables, falls);
    if (!here) return 0;  // above the last step, or out of range: not known to liquidate
    if (!*here) break;
    stands = falls;
  }
  while (falls - stands > 1) {
    const std::int64_t middle = stands + (falls - stands) / 2;
    (stands_at(asked, tables, middle).value_or(true) ? stands : falls) = middle;
  }
  return falls;
}

Liquidation answer(const LiquidationCase& asked, std::int64_t lower, std::int64_t upper) noexcept {
  const std::int64_t tick = asked.legs[0]->tick;
  Liquidation out =
      told(lower == 0 && upper == 0 ? LiquidationStatus::kUnreachable : LiquidationStatus::kOk);
  out.lower = lower * tick;
  out.upper = upper * tick;
  return out;
}

/// Notional at which this step's own line meets zero; nothing when it never does.
std::optional<Int128> crossing_of(const LiquidationCase& asked, const Schedule& schedule,
                                  const Bracket& step, bool gains_with_notional) noexcept {
  const MarginRow& row = *asked.legs[0];
  const std::int64_t rates = step.maintenance_rate_e12 + schedule.fee_rate_e12;
  // 0 = rest - cost + amount + (sign - rates) x notional
  Int128 fixed = 0;
  if (__builtin_sub_overflow(asked.rest_e18, joined(row.cost_e18), &fixed) ||
      add_overflows(fixed, joined(step.amount_e18), fixed)) {
    return std::nullopt;
  }
  const std::int64_t slope = (gains_with_notional ? kRateOne : -kRateOne) - rates;
  if (slope == 0 || (fixed > 0) == (slope > 0)) return std::nullopt;
  const auto notional = mul_div(fixed, -kRateOne, slope);
  return notional && *notional > 0 ? notional : std::nullopt;
}

/// Ticks near a notional, rounded to the nearest below.
std::optional<std::int64_t> ticks_of(const MarginRow& row, Int128 notional) noexcept {
  const InstrumentRules rules{row.multiplier, static_cast<InstrumentKind>(row.kind),
                              row.price_scale, row.quantity_scale, row.multiplier_scale};
  const auto size = static_cast<std::int64_t>(magnitude_64(row.quantity));
  if (size <= 0) return std::nullopt;
  const auto price = price_of(rules, Money{notional}, size, row.price_scale);
  if (!price || *price <= 0 || *price / row.tick > kPriceMax) return std::nullopt;
  return static_cast<std::int64_t>(*price / row.tick);
}

/// The tick next to `near` that liquidates while its neighbour towards the mark stands.
std::int64_t proved(const LiquidationCase& asked, const MarginTables& tables, std::int64_t near,
                    bool is_below) noexcept {
  const std::int64_t towards_mark = is_below ? 1 : -1;
  for (std::int64_t ticks = near - 2; ticks <= near + 2; ++ticks) {
    const auto here = stands_at(asked, tables, ticks);
    const auto next = stands_at(asked, tables, ticks + towards_mark);
    if (here && next && !*here && *next) return ticks;
  }
  return 0;
}

/// The closed form of one position; 0 = not found this way.
std::int64_t closed_form(const LiquidationCase& asked, const MarginTables& tables,
                         bool is_below) noexcept {
  const MarginRow& row = *asked.legs[0];
  const Schedule& schedule = tables.schedules[row.schedule];
  const bool is_inverse = row.kind == static_cast<std::uint8_t>(InstrumentKind::kInverse);
  const bool gains_with_notional = (row.quantity > 0) != is_inverse;
  for (std::uint32_t i = 0; i < schedule.count; ++i) {
    const Bracket& step = tables.brackets[schedule.first + i];
    if (step.slope_e12 != 0) return 0;
    const auto notional = crossing_of(asked, schedule, step, gains_with_notional);
    const auto near = notional ? ticks_of(row, *notional) : std::nullopt;
    const std::int64_t found = near ? proved(asked, tables, *near, is_below) : 0;
    if (found != 0) return found;
  }
  return 0;
}

bool same_legs(const MarginRow& a, const MarginRow& b) noexcept {
  return a.pool == b.pool && a.instrument == b.instrument;
}

bool is_cross(const MarginRow& row) noexcept {
  return row.mode == static_cast<std::uint8_t>(MarginMode::kCross);
}

LiquidationStatus status_of(std::uint8_t margin_status) noexcept {
  switch (static_cast<MarginStatus>(margin_status)) {
    case MarginStatus::kOk:
      return LiquidationStatus::kOk;
    case MarginStatus::kNoMark:
      return LiquidationStatus::kNoMark;
    case MarginStatus::kBadInput:
      return LiquidationStatus::kBadInput;
    default:
      return LiquidationStatus::kOutOfRange;
  }
}

/// The legs from `first` on that share a price and a pool, and what they have to live on.
Liquidation cross_of(const MarginRow* rows, const PositionMargin* margins,
                     const std::uint32_t* order, std::size_t count, const PoolMargin& pool,
                     const MarginTables& tables) noexcept {
  const MarginRow* legs[kLegsMax];
  if (count > kLegsMax) return told(LiquidationStatus::kBadInput);
  Int128 rest = 0;
  bool fits = !__builtin_sub_overflow(joined(pool.equity_e18), joined(pool.maintenance_e18), &rest);
  std::size_t used = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const PositionMargin& own = margins[order[i]];
    if (own.status != 0) return told(status_of(own.status));
    fits = fits && !__builtin_sub_overflow(rest, joined(own.unrealised_e18), &rest) &&
           !add_overflows(rest, joined(own.maintenance_e18), rest);
    if (rows[order[i]].quantity != 0) legs[used++] = &rows[order[i]];
  }
  if (!fits || pool.status != 0) return told(LiquidationStatus::kOutOfRange);
  if (used == 0) return told(LiquidationStatus::kUnreachable);
  return liquidation_of({legs, used, rest}, tables);
}

}  // namespace

bool cushion_at(const LiquidationCase& asked, const MarginTables& tables, std::int64_t price,
                Int128& cushion_e18) noexcept {
  cushion_e18 = asked.rest_e18;
  for (std::size_t i = 0; i < asked.count; ++i) {
    const MarginRow& row = *asked.legs[i];
    const PositionMargin there = margin_at(row, tables, price, row.price_scale);
    if (there.status != 0 ||
        add_overflows(cushion_e18, joined(there.unrealised_e18), cushion_e18) ||
        __builtin_sub_overflow(cushion_e18, joined(there.maintenance_e18), &cushion_e18)) {
      return false;
    }
  }
  return true;
}

Liquidation liquidation_by_search(const LiquidationCase& asked,
                                  const MarginTables& tables) noexcept {
  const LiquidationStatus status = check(asked, tables);
  if (status != LiquidationStatus::kOk) return told(status);
  const auto mark = mark_in_ticks(*asked.legs[0]);
  if (!mark) return told(LiquidationStatus::kOutOfRange);
  const std::int64_t above = *mark + 1;
  const bool stands_below = stands_at(asked, tables, *mark).value_or(*mark >= 1);
  const bool stands_above = stands_at(asked, tables, above).value_or(true);
  return answer(asked, stands_below ? search_down(asked, tables, *mark) : *mark,
                stands_above ? search_up(asked, tables, above) : above);
}

Liquidation liquidation_of(const LiquidationCase& asked, const MarginTables& tables) noexcept {
  const LiquidationStatus status = check(asked, tables);
  if (status != LiquidationStatus::kOk) return told(status);
  if (asked.count == 1) {
    const bool is_below = asked.legs[0]->quantity > 0;
    const std::int64_t found = closed_form(asked, tables, is_below);
    if (found != 0) return answer(asked, is_below ? found : 0, is_below ? 0 : found);
  }
  return liquidation_by_search(asked, tables);
}

void liquidation_of(const MarginRow* rows, const PositionMargin* margins, std::size_t count,
                    const MarginTables& tables, const PoolMargin* pools, std::size_t pool_count,
                    std::uint32_t* order, Liquidation* out) noexcept {
  std::size_t cross = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (is_cross(rows[i]) && rows[i].pool < pool_count) {
      order[cross++] = static_cast<std::uint32_t>(i);
      continue;
    }
    const MarginRow* leg = &rows[i];
    out[i] = margins[i].status != 0
                 ? told(status_of(margins[i].status))
                 : liquidation_of({&leg, 1, joined(rows[i].isolated_e18)}, tables);
  }
  std::sort(order, order + cross, [rows](std::uint32_t a, std::uint32_t b) {
    return rows[a].pool != rows[b].pool ? rows[a].pool < rows[b].pool
                                        : rows[a].instrument < rows[b].instrument;
  });
  for (std::size_t first = 0, next = 0; first < cross; first = next) {
    while (next < cross && same_legs(rows[order[first]], rows[order[next]])) ++next;
    const Liquidation found = cross_of(rows, margins, order + first, next - first,
                                       pools[rows[order[first]].pool], tables);
    for (std::size_t i = first; i < next; ++i) out[order[i]] = found;
  }
}

}  // namespace gateway::valuation
