// Margin and liquidation prices: the examples of venue documents live in Python; here are the
// properties: at the price the cushion is gone, one tick towards the mark it is not.
#include "gateway_core/valuation/liquidation.hpp"

#include <bit>
#include <cstdio>
#include <vector>

#include "check.hpp"
#include "gateway_core/valuation/margin.hpp"
#include "random.hpp"

using namespace gateway;
using namespace gateway::valuation;

namespace {

constexpr std::uint8_t kLinearKind = 2, kInverseKind = 3, kQuantoKind = 4;
constexpr std::uint8_t kCross = 1, kIsolated = 2;

MoneyWords words(Int128 amount) { return std::bit_cast<MoneyWords>(amount); }
Int128 joined(MoneyWords amount) { return std::bit_cast<Int128>(amount); }
Int128 units(std::int64_t whole) { return static_cast<Int128>(whole) * kPow10_64[18]; }
std::uint8_t code(LiquidationStatus status) { return static_cast<std::uint8_t>(status); }
std::uint8_t code(MarginStatus status) { return static_cast<std::uint8_t>(status); }

struct Tables {
  std::vector<Bracket> brackets;
  std::vector<Schedule> schedules;
  [[nodiscard]] MarginTables view() const {
    return {schedules.data(), schedules.size(), brackets.data(), brackets.size()};
  }
};

/// Steps with rising rates and whole maintenance: 0.4 %, 0.5 %, 1 %, 2.5 %, 10 %.
Tables tables_of(std::uint8_t measure, std::int64_t slope, std::int64_t unit = 1) {
  constexpr std::int64_t kCaps[] = {50'000, 250'000, 1'000'000, 10'000'000, 0};
  constexpr std::int64_t kRates[] = {4'000'000'000, 5'000'000'000, 10'000'000'000, 25'000'000'000,
                                     100'000'000'000};
  Tables all;
  std::int64_t floor = 0;
  for (int i = 0; i < 5; ++i) {
    Bracket step{};
    step.floor_e18 = words(units(floor) / unit);
    step.cap_e18 = words(units(kCaps[i]) / unit);
    step.maintenance_rate_e12 = kRates[i];
    step.initial_rate_e12 = kRates[i] * 2;
    step.slope_e12 = slope;
    if (i > 0 && measure == 1) step.amount_e18 = words(*amount_of(all.brackets.back(), step));
    all.brackets.push_back(step);
    floor = kCaps[i];
  }
  Schedule schedule{};
  schedule.count = 5;
  schedule.measure = measure;
  schedule.fee_rate_e12 = 500'000'000;
  all.schedules.push_back(schedule);
  return all;
}

MarginRow row_of(std::int64_t quantity, std::int64_t mark, std::int64_t entry, std::uint8_t kind,
                 std::uint8_t mode) {
  MarginRow row{};
  row.quantity = quantity;
  row.mark = mark;
  row.multiplier = kind == kInverseKind ? 100 : 1;
  row.tick = 10;
  row.price_scale = row.mark_scale = 2;
  row.quantity_scale = kind == kInverseKind ? 0 : 3;
  row.kind = kind;
  row.mode = mode;
  const InstrumentRules rules{row.multiplier, static_cast<InstrumentKind>(kind), 2,
                              row.quantity_scale, 0};
  row.cost_e18 = words(value_of(rules, entry, 2, quantity)->e18 * cash_sign(rules.kind));
  return row;
}

/// Whether the cushion at `price` is above zero.
bool stands(const LiquidationCase& asked, const MarginTables& tables, std::int64_t price) {
  Int128 cushion = 0;
  CHECK(cushion_at(asked, tables, price, cushion));
  return cushion > 0;
}

void check_answer(const LiquidationCase& asked, const MarginTables& tables,
                  const Liquidation& found) {
  const std::int64_t tick = asked.legs[0]->tick;
  if (found.lower != 0) {
    CHECK(!stands(asked, tables, found.lower));
    CHECK(stands(asked, tables, found.lower + tick));
  }
  if (found.upper != 0) {
    CHECK(!stands(asked, tables, found.upper));
    CHECK(found.upper == tick || stands(asked, tables, found.upper - tick));
  }
}

void agree(std::uint64_t seed, std::uint8_t kind, std::uint8_t measure, std::int64_t slope) {
  check::Random random(seed);
  const Tables all = tables_of(measure, slope, kind == kInverseKind ? 1000 : 1);
  int reached = 0;
  for (int i = 0; i < 400; ++i) {
    const std::int64_t mark = 100'000 + static_cast<std::int64_t>(random.below(10'000'000));
    const std::int64_t entry = mark + static_cast<std::int64_t>(random.below(20'001)) - 10'000;
    auto quantity = 1 + static_cast<std::int64_t>(random.below(200'000));
    if (random.below(2) == 0) quantity = -quantity;
    const MarginRow row = row_of(quantity, mark, entry, kind, kIsolated);
    const MarginRow* leg = &row;
    const PositionMargin now = margin_of(row, all.view());
    CHECK_EQUAL(now.status, code(MarginStatus::kOk));
    const Int128 rest = joined(now.notional_e18) / static_cast<std::int64_t>(1 + random.below(60));
    const LiquidationCase asked{&leg, 1, rest};
    const Liquidation closed = liquidation_of(asked, all.view());
    const Liquidation searched = liquidation_by_search(asked, all.view());
    CHECK_EQUAL(closed.lower, searched.lower);
    CHECK_EQUAL(closed.upper, searched.upper);
    CHECK_EQUAL(closed.status, searched.status);
    check_answer(asked, all.view(), closed);
    reached += closed.lower != 0 || closed.upper != 0 ? 1 : 0;
  }
  CHECK(reached > 40);
}

}  // namespace

TEST(closed_form_and_search_name_the_same_tick_at_which_the_cushion_is_gone) {
  std::uint64_t seed = 11;
  for (const std::uint8_t kind : {kLinearKind, kInverseKind, kQuantoKind}) {
    agree(seed++, kind, 1, 0);
    agree(seed++, kind, 2, 0);
    agree(seed++, kind, 1, 50'000);
  }
}

TEST(a_hedged_pair_may_be_liquidated_on_both_sides) {
  const Tables all = tables_of(1, 0);
  const MarginRow row_long = row_of(20'000, 5'000'000, 5'000'000, kLinearKind, kCross);
  const MarginRow row_short = row_of(-20'000, 5'000'000, 5'000'000, kLinearKind, kCross);
  const MarginRow* legs[] = {&row_long, &row_short};
  const LiquidationCase asked{legs, 2, units(100'000)};
  const Liquidation found = liquidation_by_search(asked, all.view());
  CHECK_EQUAL(found.lower, 0);  // what the pair owes falls with the price
  CHECK(found.upper > 5'000'000);
  check_answer(asked, all.view(), found);
}

TEST(a_position_that_is_fully_covered_has_no_liquidation_price) {
  const Tables all = tables_of(1, 0);
  const MarginRow row = row_of(1'000, 5'000'000, 5'000'000, kLinearKind, kIsolated);
  const MarginRow* leg = &row;
  const Liquidation found = liquidation_of({&leg, 1, units(50'001)}, all.view());
  CHECK_EQUAL(found.status, code(LiquidationStatus::kUnreachable));
  CHECK_EQUAL(found.lower, 0);
  CHECK_EQUAL(found.upper, 0);
  // An inverse short without leverage holds the coin it owes.
  const MarginRow coin = row_of(-100, 5'000'000, 5'000'000, kInverseKind, kIsolated);
  leg = &coin;
  CHECK_EQUAL(liquidation_of({&leg, 1, units(1) / 5}, all.view()).status,
              code(LiquidationStatus::kUnreachable));
}

TEST(a_position_that_is_past_its_price_is_named) {
  const Tables all = tables_of(1, 0);
  const MarginRow row = row_of(1'000, 4'000'000, 5'000'000, kLinearKind, kIsolated);
  const MarginRow* leg = &row;
  CHECK_EQUAL(liquidation_of({&leg, 1, units(100)}, all.view()).status,
              code(LiquidationStatus::kPast));
}

TEST(other_positions_of_the_pool_carry_or_burden_a_cross_position) {
  const Tables all = tables_of(1, 0);
  std::vector<MarginRow> rows;
  for (std::uint32_t i = 0; i < 3; ++i) {
    MarginRow row =
        row_of(i == 2 ? -3'000 : 2'000, 5'000'000 + i * 10'000, 5'000'000, kLinearKind, kCross);
    row.instrument = i;
    rows.push_back(row);
  }
  std::vector<PositionMargin> margins(rows.size());
  PoolMargin pool{};
  pool.balance_e18 = words(units(20'000));
  margin_of(rows.data(), rows.size(), nullptr, 0, all.view(), margins.data(), &pool, 1);
  CHECK_EQUAL(pool.counted, 3u);
  std::vector<std::uint32_t> order(rows.size());
  std::vector<Liquidation> found(rows.size());
  liquidation_of(rows.data(), margins.data(), rows.size(), all.view(), &pool, 1, order.data(),
                 found.data());
  CHECK(found[0].lower != 0 && found[2].upper != 0);
  // Proof over the whole pool: move one mark to the price, and equity is no more than maintenance.
  for (const std::size_t moved : {std::size_t{0}, std::size_t{2}}) {
    std::vector<MarginRow> there = rows;
    const std::int64_t price = found[moved].lower != 0 ? found[moved].lower : found[moved].upper;
    const std::int64_t better = found[moved].lower != 0 ? price + 10 : price - 10;
    for (const bool is_gone : {true, false}) {
      there[moved].mark = is_gone ? price : better;
      PoolMargin then{};
      then.balance_e18 = pool.balance_e18;
      margin_of(there.data(), there.size(), nullptr, 0, all.view(), margins.data(), &then, 1);
      CHECK_EQUAL(joined(then.equity_e18) <= joined(then.maintenance_e18), is_gone);
      CHECK_EQUAL(then.ratio_e12 >= kRateOne, is_gone);
      CHECK(then.ratio_e12 > kRateOne - kRateOne / 100 && then.ratio_e12 < kRateOne * 101 / 100);
    }
  }
}

TEST(rows_that_cannot_be_valued_are_named_and_left_out) {
  const Tables all = tables_of(1, 0);
  std::vector<MarginRow> rows(8, row_of(1'000, 5'000'000, 5'000'000, kLinearKind, kCross));
  rows[1].mark = 0;
  rows[2].mark = -5;
  rows[3].kind = 9;
  rows[4].schedule = 77;
  rows[5].quantity = INT64_MAX;
  rows[5].mark = INT64_MAX;
  rows[6].pool = 1;
  rows[7].mode = 0;
  std::vector<PositionMargin> margins(rows.size());
  PoolMargin pool{};
  margin_of(rows.data(), rows.size(), nullptr, 0, all.view(), margins.data(), &pool, 1);
  CHECK_EQUAL(margins[0].status, code(MarginStatus::kOk));
  CHECK_EQUAL(margins[1].status, code(MarginStatus::kNoMark));
  CHECK_EQUAL(margins[2].status, code(MarginStatus::kNoMark));
  for (const std::size_t i : {std::size_t{3}, std::size_t{4}, std::size_t{6}, std::size_t{7}}) {
    CHECK_EQUAL(margins[i].status, code(MarginStatus::kBadInput));
  }
  CHECK_EQUAL(margins[5].status, code(MarginStatus::kOutOfRange));
  CHECK_EQUAL(pool.counted, 1u);
  CHECK_EQUAL(pool.excluded, 5u);
  CHECK(pool.maintenance_e18.low == margins[0].maintenance_e18.low);
}

TEST(extreme_rows_end_with_a_status_and_without_undefined_behaviour) {
  check::Random random(5);
  Tables all = tables_of(1, 0);
  all.brackets.back().slope_e12 = 999'999'999;
  const auto pick = [&random]() {
    constexpr std::int64_t kEdges[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1'000'000'000'000'000'000};
    return random.below(2) == 0 ? kEdges[random.below(6)]
                                : static_cast<std::int64_t>(random.next());
  };
  for (int i = 0; i < 20'000; ++i) {
    MarginRow row{};
    row.quantity = pick();
    row.mark = pick();
    row.multiplier = pick();
    row.tick = pick();
    row.tier_extra = pick();
    row.cost_e18 = {static_cast<std::uint64_t>(pick()), pick()};
    row.isolated_e18 = {static_cast<std::uint64_t>(pick()), pick()};
    row.leverage = static_cast<std::uint32_t>(pick());
    row.mark_scale = static_cast<std::uint8_t>(random.below(21));
    row.price_scale = static_cast<std::uint8_t>(random.below(21));
    row.quantity_scale = static_cast<std::uint8_t>(random.below(20));
    row.multiplier_scale = static_cast<std::uint8_t>(random.below(20));
    row.kind = static_cast<std::uint8_t>(random.below(6));
    row.mode = static_cast<std::uint8_t>(random.below(4));
    PositionMargin margin{};
    PoolMargin pool{};
    pool.balance_e18 = row.cost_e18;
    MarginOrder order{row.quantity,
                      row.tick,
                      row.mark,
                      row.multiplier,
                      row.tier_extra,
                      0,
                      0,
                      row.leverage,
                      row.mark_scale,
                      row.price_scale,
                      row.quantity_scale,
                      row.multiplier_scale,
                      row.kind,
                      1,
                      {}};
    margin_of(&row, 1, &order, 1, all.view(), &margin, &pool, 1);
    std::uint32_t place = 0;
    Liquidation found{};
    liquidation_of(&row, &margin, 1, all.view(), &pool, 1, &place, &found);
    CHECK(margin.status <= 4 && found.status <= 5);
  }
}

TEST(a_schedule_that_lies_is_refused_by_name) {
  Tables all = tables_of(1, 0);
  CHECK_EQUAL(std::string(fault_of(all.view(), all.schedules[0])), "");
  Tables gap = all;
  gap.brackets[2].floor_e18 = words(units(250'001));
  CHECK_EQUAL(std::string(fault_of(gap.view(), gap.schedules[0])),
              "a floor that is not the cap below");
  Tables jump = all;
  jump.brackets[2].amount_e18 = words(units(1));
  CHECK_EQUAL(std::string(fault_of(jump.view(), jump.schedules[0])),
              "an amount that lets maintenance jump");
  Tables falls = all;
  falls.brackets[3].maintenance_rate_e12 = 1;
  CHECK_EQUAL(std::string(fault_of(falls.view(), falls.schedules[0])), "a rate that falls");
  Tables none = all;
  none.schedules[0].count = 9;
  CHECK_EQUAL(std::string(fault_of(none.view(), none.schedules[0])), "no steps");
}

TEST(a_ratio_is_rounded_up_and_saturates) {
  CHECK_EQUAL(ratio_of(0, -5), 0);
  CHECK_EQUAL(ratio_of(1, 0), kNoEquity);
  CHECK_EQUAL(ratio_of(1, 3), 333'333'333'334);
  CHECK_EQUAL(ratio_of(units(2), units(1)), 2 * kRateOne);
  CHECK_EQUAL(ratio_of(kInt128Max, 1), kNoEquity);
  CHECK_EQUAL(ratio_of(kInt128Max / 4, kInt128Max), kRateOne / 4);
}
