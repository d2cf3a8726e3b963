// Margin requirements, integer for integer. Every sum and product that may leave 127 bits is
// checked and named; the caller's rows are never changed.
#include "gateway_core/valuation/margin.hpp"

#include <algorithm>
#include <bit>

namespace gateway::valuation {
namespace {

Int128 joined(MoneyWords words) noexcept { return std::bit_cast<Int128>(words); }
MoneyWords split(Int128 amount) noexcept { return std::bit_cast<MoneyWords>(amount); }

struct Price {
  Int128 mantissa;
  int scale;
};

std::optional<InstrumentRules> rules_of(std::int64_t multiplier, std::uint8_t kind,
                                        std::uint8_t price_scale, std::uint8_t quantity_scale,
                                        std::uint8_t multiplier_scale) noexcept {
  if (kind < 1 || kind > 4) return std::nullopt;
  const InstrumentRules rules{multiplier, static_cast<InstrumentKind>(kind), price_scale,
                              quantity_scale, multiplier_scale};
  return are_valid(rules) ? std::optional(rules) : std::nullopt;
}

/// amount x rate, rounded up: what is required is never understated.
std::optional<Int128> part_of(Int128 amount, std::int64_t rate_e12) noexcept {
  if (rate_e12 == 0) return 0;
  return mul_div(amount, rate_e12, kRateOne, Rounding::kUp);
}

/// The rate of a step at this notional, at 10^-18.
std::optional<std::int64_t> rate_e18_of(std::int64_t rate_e12, std::int64_t slope_e12,
                                        Int128 notional_e18) noexcept {
  const auto rise = mul_div(notional_e18, slope_e12, kRateOne, Rounding::kUp);
  Int128 rate = 0;
  if (!rise || add_overflows(static_cast<Int128>(rate_e12) * 1'000'000, *rise, rate) ||
      rate > INT64_MAX) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(rate);
}

std::optional<Int128> at_rate(Int128 notional, std::int64_t rate_e12,
                              std::int64_t slope_e12) noexcept {
  if (slope_e12 == 0) return part_of(notional, rate_e12);
  const auto rate = rate_e18_of(rate_e12, slope_e12, notional);
  return rate ? mul_div(notional, *rate, kPow10_64[18], Rounding::kUp) : std::nullopt;
}

const Schedule* schedule_of(const MarginTables& tables, std::uint32_t index) noexcept {
  if (index >= tables.schedule_count) return nullptr;
  const Schedule& found = tables.schedules[index];
  if (found.count == 0 || found.first > tables.bracket_count ||
      found.count > tables.bracket_count - found.first) {
    return nullptr;
  }
  return &found;
}

/// What a size above the last cap means: it cannot be held now, but a price may carry it there.
enum class AboveCaps : std::uint8_t { kNoBracket, kLastBracket };

/// The step that holds this size; nullptr above the last cap.
const Bracket* bracket_of(const MarginTables& tables, const Schedule& schedule, Int128 size_e18,
                          AboveCaps above) noexcept {
  const Bracket* step = tables.brackets + schedule.first;
  for (const Bracket* end = step + schedule.count; step != end; ++step) {
    const Int128 cap = joined(step->cap_e18);
    if (cap == 0 || size_e18 <= cap) return step;
  }
  return above == AboveCaps::kLastBracket ? step - 1 : nullptr;
}

std::optional<Int128> initial_of(const Bracket& step, Int128 notional,
                                 std::uint32_t leverage) noexcept {
  auto required = at_rate(notional, step.initial_rate_e12, step.slope_e12);
  auto times = static_cast<std::int64_t>(leverage);
  if (step.leverage_max > 0 && (times == 0 || times > step.leverage_max)) times = step.leverage_max;
  if (!required || times == 0) return required;
  const auto borrowed = mul_div(notional, 1, times, Rounding::kUp);
  return borrowed ? std::optional(std::max(*required, *borrowed)) : std::nullopt;
}

std::optional<Int128> maintenance_of(const Bracket& step, const Schedule& schedule,
                                     Int128 notional) noexcept {
  const auto required = at_rate(notional, step.maintenance_rate_e12, step.slope_e12);
  const auto fee = part_of(notional, schedule.fee_rate_e12);
  Int128 sum = 0;
  if (!required || !fee || __builtin_sub_overflow(*required, joined(step.amount_e18), &sum)) {
    return std::nullopt;
  }
  sum = std::max<Int128>(sum, 0);
  return add_overflows(sum, *fee, sum) ? std::nullopt : std::optional(sum);
}

constexpr Int128 kNotionalMax = kInt128Max / 4;

PositionMargin refused(MarginStatus status) noexcept {
  PositionMargin out{};
  out.status = static_cast<std::uint8_t>(status);
  return out;
}

/// Contracts that choose the step, at 10^-18.
Int128 contracts_of(const MarginRow& row, const InstrumentRules& rules) noexcept {
  const Int128 all = static_cast<Int128>(magnitude_64(row.quantity)) +
                     static_cast<Int128>(magnitude_64(row.tier_extra));
  return all * kPow10_64[kMoneyScale - rules.quantity_scale];
}

/// What the initial margin of an isolated position is taken of.
Int128 initial_notional(const MarginRow& row, const Schedule& schedule, Int128 notional) noexcept {
  const bool at_entry =
      row.mode == static_cast<std::uint8_t>(MarginMode::kIsolated) &&
      schedule.isolated_initial == static_cast<std::uint8_t>(IsolatedInitial::kEntry);
  if (!at_entry) return notional;
  const Int128 cost = joined(row.cost_e18);
  return cost == kInt128Min ? kInt128Max : (cost < 0 ? -cost : cost);
}

PositionMargin margin_in(const MarginRow& row, const MarginTables& tables, const Schedule& schedule,
                         const InstrumentRules& rules, Price price, AboveCaps above) noexcept {
  const auto worth = value_of(rules, price.mantissa, price.scale, row.quantity);
  if (!worth || worth->e18 == kInt128Min) return refused(MarginStatus::kOutOfRange);
  const Int128 notional = worth->e18 < 0 ? -worth->e18 : worth->e18;
  Int128 unrealised = 0;
  if (notional > kNotionalMax || __builtin_sub_overflow(worth->e18 * cash_sign(rules.kind),
                                                        joined(row.cost_e18), &unrealised)) {
    return refused(MarginStatus::kOutOfRange);
  }
  const bool by_contracts =
      schedule.measure == static_cast<std::uint8_t>(BracketMeasure::kContracts);
  const Bracket* step =
      bracket_of(tables, schedule, by_contracts ? contracts_of(row, rules) : notional, above);
  if (step == nullptr) return refused(MarginStatus::kNoBracket);
  const Int128 base = initial_notional(row, schedule, notional);
  if (base > kNotionalMax) return refused(MarginStatus::kOutOfRange);
  const auto initial = initial_of(*step, base, row.leverage);
  const auto maintenance = maintenance_of(*step, schedule, notional);
  if (!initial || !maintenance) return refused(MarginStatus::kOutOfRange);
  PositionMargin out{};
  out.notional_e18 = split(notional);
  out.unrealised_e18 = split(unrealised);
  out.initial_e18 = split(*initial);
  out.maintenance_e18 = split(*maintenance);
  out.bracket = static_cast<std::uint32_t>(step - tables.brackets) - schedule.first;
  return out;
}

PositionMargin margin_with(const MarginRow& row, const MarginTables& tables, Price price,
                           AboveCaps above) noexcept {
  const auto rules =
      rules_of(row.multiplier, row.kind, row.price_scale, row.quantity_scale, row.multiplier_scale);
  const Schedule* schedule = schedule_of(tables, row.schedule);
  const bool is_margined = row.mode == static_cast<std::uint8_t>(MarginMode::kCross) ||
                           row.mode == static_cast<std::uint8_t>(MarginMode::kIsolated);
  if (!rules || schedule == nullptr || !is_margined || price.scale > kPriceScaleMax) {
    return refused(MarginStatus::kBadInput);
  }
  if (row.quantity == 0) return PositionMargin{};
  if (price.mantissa <= 0) return refused(MarginStatus::kNoMark);
  return margin_in(row, tables, *schedule, *rules, price, above);
}

/// What a position opened at the order's price would have lost at the mark.
std::optional<Int128> open_loss(const MarginOrder& order, const InstrumentRules& rules) noexcept {
  const auto there = value_of(rules, order.mark, order.mark_scale, order.quantity);
  const auto here = value_of(rules, order.price, order.price_scale, order.quantity);
  Int128 result = 0;
  if (!there || !here || __builtin_sub_overflow(there->e18, here->e18, &result) ||
      result == kInt128Min) {
    return std::nullopt;
  }
  result *= cash_sign(rules.kind);
  return result < 0 ? -result : 0;
}

/// What initial margin rises by when the order joins what is there on its side.
std::optional<Int128> rise_of(const MarginOrder& order, const MarginTables& tables,
                              const Schedule& schedule, const InstrumentRules& rules,
                              Int128 notional, MarginStatus& status) noexcept {
  const auto worth = value_of(rules, order.mark, order.mark_scale, order.tier_extra);
  status = MarginStatus::kOutOfRange;
  if (!worth || worth->e18 == kInt128Min) return std::nullopt;
  const Int128 there = worth->e18 < 0 ? -worth->e18 : worth->e18;
  if (there > kNotionalMax || notional > kNotionalMax) return std::nullopt;
  Int128 before = there, after = there + notional;
  if (schedule.measure == static_cast<std::uint8_t>(BracketMeasure::kContracts)) {
    MarginRow row{};
    row.tier_extra = order.tier_extra;
    before = contracts_of(row, rules);
    row.quantity = order.quantity;
    after = contracts_of(row, rules);
  }
  const Bracket* low = bracket_of(tables, schedule, before, AboveCaps::kLastBracket);
  const Bracket* high = bracket_of(tables, schedule, after, AboveCaps::kNoBracket);
  status = MarginStatus::kNoBracket;
  if (high == nullptr) return std::nullopt;
  const auto held = initial_of(*low, there, order.leverage);
  const auto all = initial_of(*high, there + notional, order.leverage);
  Int128 rise = 0;
  status = MarginStatus::kOutOfRange;
  if (!held || !all || __builtin_sub_overflow(*all, *held, &rise)) return std::nullopt;
  status = MarginStatus::kOk;
  return rise;
}

void finish(PoolMargin& pool) noexcept {
  Int128 equity = 0, initial = 0, headroom = 0;
  if (add_overflows(joined(pool.balance_e18), joined(pool.unrealised_e18), equity) ||
      add_overflows(joined(pool.initial_e18), joined(pool.order_initial_e18), initial) ||
      __builtin_sub_overflow(equity, initial, &headroom)) {
    pool.status = static_cast<std::uint8_t>(MarginStatus::kOutOfRange);
    return;
  }
  pool.equity_e18 = split(equity);
  pool.initial_e18 = split(initial);
  pool.headroom_e18 = split(headroom);
  pool.ratio_e12 = ratio_of(joined(pool.maintenance_e18), equity);
}

void add_to(MoneyWords& total, MoneyWords amount, PoolMargin& pool) noexcept {
  Int128 sum = 0;
  if (add_overflows(joined(total), joined(amount), sum)) {
    pool.status = static_cast<std::uint8_t>(MarginStatus::kOutOfRange);
  }
  total = split(sum);
}

void count_in(PoolMargin& pool, const PositionMargin& margin) noexcept {
  if (margin.status != static_cast<std::uint8_t>(MarginStatus::kOk)) {
    ++pool.excluded;
    return;
  }
  ++pool.counted;
  add_to(pool.unrealised_e18, margin.unrealised_e18, pool);
  add_to(pool.initial_e18, margin.initial_e18, pool);
  add_to(pool.maintenance_e18, margin.maintenance_e18, pool);
}

void clear(PoolMargin& pool) noexcept {
  const MoneyWords balance = pool.balance_e18;
  pool = PoolMargin{};
  pool.balance_e18 = balance;
}

}  // namespace

std::int64_t ratio_of(Int128 maintenance, Int128 equity) noexcept {
  if (maintenance <= 0) return 0;
  if (equity <= 0) return kNoEquity;
  // Long division by hand: maintenance x 10^12 may need more than 128 bits.
  Int128 whole = maintenance / equity;
  Int128 rest = maintenance % equity;
  for (int i = 0; i < 12; ++i) {
    if (whole > INT64_MAX / 10 - 1) return kNoEquity;
    whole *= 10;
    Int128 scaled = 0;
    for (int j = 0; j < 10; ++j) {  // rest x 10 modulo equity, without leaving 127 bits
      const bool wraps = scaled >= equity - rest;
      scaled = wraps ? scaled - (equity - rest) : scaled + rest;
      whole += wraps ? 1 : 0;
    }
    rest = scaled;
  }
  if (rest != 0) ++whole;
  return whole >= INT64_MAX ? kNoEquity : static_cast<std::int64_t>(whole);
}

std::optional<Int128> amount_of(const Bracket& below, const Bracket& next) noexcept {
  const std::int64_t rise = next.maintenance_rate_e12 - below.maintenance_rate_e12;
  const auto step = mul_div(joined(next.floor_e18), rise, kRateOne);
  Int128 sum = 0;
  if (!step || add_overflows(*step, joined(below.amount_e18), sum)) return std::nullopt;
  return sum;
}

const char* fault_of(const MarginTables& tables, const Schedule& schedule) noexcept {
  if (schedule.measure != 1 && schedule.measure != 2) return "an unknown measure";
  if (schedule.count == 0 || schedule.first > tables.bracket_count ||
      schedule.count > tables.bracket_count - schedule.first) {
    return "no steps";
  }
  if (schedule.fee_rate_e12 < 0 || schedule.fee_rate_e12 >= kRateOne) return "a fee outside 0..1";
  const Bracket* steps = tables.brackets + schedule.first;
  for (std::uint32_t i = 0; i < schedule.count; ++i) {
    const Bracket& step = steps[i];
    const bool is_last = i + 1 == schedule.count;
    if (step.maintenance_rate_e12 < 0 || step.maintenance_rate_e12 >= kRateOne ||
        step.initial_rate_e12 < 0 || step.initial_rate_e12 > kRateOne || step.leverage_max < 0 ||
        step.slope_e12 < 0 || step.slope_e12 >= kRateOne) {
      return "a rate outside 0..1";
    }
    if (step.initial_rate_e12 == 0 && step.leverage_max == 0) return "no initial margin";
    if (joined(step.floor_e18) != (i == 0 ? 0 : joined(steps[i - 1].cap_e18))) {
      return "a floor that is not the cap below";
    }
    if (joined(step.cap_e18) == 0 ? !is_last : joined(step.cap_e18) <= joined(step.floor_e18)) {
      return "a cap that is not above its floor";
    }
    if (i == 0) continue;
    if (step.maintenance_rate_e12 < steps[i - 1].maintenance_rate_e12) return "a rate that falls";
    if (schedule.measure == 1 && amount_of(steps[i - 1], step) != joined(step.amount_e18)) {
      return "an amount that lets maintenance jump";
    }
  }
  return joined(steps[0].amount_e18) == 0 ? "" : "an amount in the first step";
}

PositionMargin margin_of(const MarginRow& row, const MarginTables& tables) noexcept {
  return margin_with(row, tables, {row.mark, row.mark_scale}, AboveCaps::kNoBracket);
}

PositionMargin margin_at(const MarginRow& row, const MarginTables& tables, std::int64_t price,
                         int price_scale) noexcept {
  return margin_with(row, tables, {price, price_scale}, AboveCaps::kLastBracket);
}

Int128 margin_of(const MarginOrder& order, const MarginTables& tables,
                 MarginStatus& status) noexcept {
  const auto rules = rules_of(order.multiplier, order.kind, order.price_scale, order.quantity_scale,
                              order.multiplier_scale);
  const Schedule* schedule = schedule_of(tables, order.schedule);
  status = MarginStatus::kBadInput;
  if (!rules || schedule == nullptr) return 0;
  MarginRow row{};
  row.quantity = order.quantity;
  row.leverage = order.leverage;
  row.mode = static_cast<std::uint8_t>(MarginMode::kCross);
  const PositionMargin opened = margin_in(row, tables, *schedule, *rules,
                                          {order.price, order.price_scale}, AboveCaps::kNoBracket);
  status = order.price <= 0 || (order.tier_extra != 0 && order.mark <= 0)
               ? MarginStatus::kNoMark
               : static_cast<MarginStatus>(opened.status);
  if (status != MarginStatus::kOk) return 0;
  Int128 initial = joined(opened.initial_e18);
  if (order.tier_extra != 0) {
    const auto rise =
        rise_of(order, tables, *schedule, *rules, joined(opened.notional_e18), status);
    if (!rise) return 0;
    initial = std::max(initial, *rise);
  }
  if (order.with_open_loss == 0) return initial;
  const auto loss = order.mark > 0 ? open_loss(order, *rules) : std::nullopt;
  Int128 sum = 0;
  if (!loss || add_overflows(initial, *loss, sum)) {
    status = order.mark > 0 ? MarginStatus::kOutOfRange : MarginStatus::kNoMark;
    return 0;
  }
  return sum;
}

void margin_of(const MarginRow* rows, std::size_t count, const MarginOrder* orders,
               std::size_t order_count, const MarginTables& tables, PositionMargin* out,
               PoolMargin* pools, std::size_t pool_count) noexcept {
  std::for_each(pools, pools + pool_count, clear);
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_cross = rows[i].mode == static_cast<std::uint8_t>(MarginMode::kCross);
    out[i] = is_cross && rows[i].pool >= pool_count ? refused(MarginStatus::kBadInput)
                                                    : margin_of(rows[i], tables);
    if (is_cross && rows[i].pool < pool_count) count_in(pools[rows[i].pool], out[i]);
  }
  for (std::size_t i = 0; i < order_count; ++i) {
    if (orders[i].pool >= pool_count) continue;
    PoolMargin& pool = pools[orders[i].pool];
    MarginStatus status{};
    const Int128 required = margin_of(orders[i], tables, status);
    pool.excluded += status == MarginStatus::kOk ? 0 : 1;
    add_to(pool.order_initial_e18, split(required), pool);
  }
  std::for_each(pools, pools + pool_count, finish);
}

std::optional<OptionMargin> margin_of(const SoldOption& option, const OptionRule& rule) noexcept {
  if (option.strike <= 0 || option.underlying <= 0 || option.mark_e18 < 0 ||
      option.mark_e18 > kNotionalMax) {
    return std::nullopt;
  }
  const std::int64_t out_by =
      option.is_call ? option.strike - option.underlying : option.underlying - option.strike;
  // Rounded down, so that what it takes off is never overstated.
  const auto out_part =
      mul_div(kPow10_64[18], std::max<std::int64_t>(out_by, 0), option.underlying, Rounding::kDown);
  if (!out_part) return std::nullopt;
  const Int128 million = 1'000'000;
  const Int128 share =
      std::max(rule.initial_rate_e12 * million - *out_part, rule.initial_floor_e12 * million);
  const auto by_mark = part_of(option.mark_e18, rule.maintenance_rate_e12);
  Int128 kept = rule.maintenance_rate_e12 * million;
  if (!option.is_call && by_mark) kept = std::max(kept, *by_mark);
  const auto initial = part_of(share, rule.factor_e12);
  const auto maintenance = part_of(kept, rule.factor_e12);
  OptionMargin out{};
  if (!by_mark || !initial || !maintenance ||
      add_overflows(*initial, option.mark_e18, out.initial_e18) ||
      add_overflows(*maintenance, option.mark_e18, out.maintenance_e18)) {
    return std::nullopt;
  }
  if (rule.initial_covers_maintenance) {
    out.initial_e18 = std::max(out.initial_e18, out.maintenance_e18);
  }
  return out;
}

}  // namespace gateway::valuation
