// Margin and liquidation prices of numpy rows, read and written where they lie. Its door is
// gateway/valuation/margin.py.
#include <nanobind/stl/string.h>

#include <bit>
#include <string>
#include <vector>

#include "array_rows.hpp"
#include "bind.hpp"
#include "gateway_core/valuation/liquidation.hpp"
#include "gateway_core/valuation/margin.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using Access = ArrayRows::Access;
using valuation::Bracket;
using valuation::Liquidation;
using valuation::MarginOrder;
using valuation::MarginRow;
using valuation::MarginTables;
using valuation::PoolMargin;
using valuation::PositionMargin;
using valuation::Schedule;

#define GATEWAY_MONEY "[('low', '<u8'), ('high', '<i8')]"

constexpr const char* kBracket =
    "[('floor_e18', " GATEWAY_MONEY "), ('cap_e18', " GATEWAY_MONEY
    "), ('amount_e18', " GATEWAY_MONEY
    "), ('initial_rate_e12', '<i8'), ('maintenance_rate_e12', '<i8'),"
    " ('slope_e12', '<i8'), ('leverage_max', '<i4'), ('reserved', '<i4')]";
constexpr const char* kSchedule =
    "[('first', '<u4'), ('count', '<u4'), ('fee_rate_e12', '<i8'), ('measure', 'u1'),"
    " ('isolated_initial', 'u1'), ('reserved', 'V6')]";
constexpr const char* kRow =
    "[('quantity', '<i8'), ('mark', '<i8'), ('multiplier', '<i8'), ('tick', '<i8'),"
    " ('tier_extra', '<i8'), ('cost_e18', " GATEWAY_MONEY "), ('isolated_e18', " GATEWAY_MONEY
    "), ('schedule', '<u4'), ('pool', '<u4'), ('instrument', '<u4'), ('leverage', '<u4'),"
    " ('mark_scale', 'u1'), ('price_scale', 'u1'), ('quantity_scale', 'u1'),"
    " ('multiplier_scale', 'u1'), ('kind', 'u1'), ('mode', 'u1'), ('reserved', 'V10')]";
constexpr const char* kOrder =
    "[('quantity', '<i8'), ('price', '<i8'), ('mark', '<i8'), ('multiplier', '<i8'),"
    " ('tier_extra', '<i8'), ('schedule', '<u4'), ('pool', '<u4'), ('leverage', '<u4'), "
    "('mark_scale', 'u1'),"
    " ('price_scale', 'u1'), ('quantity_scale', 'u1'), ('multiplier_scale', 'u1'),"
    " ('kind', 'u1'), ('with_open_loss', 'u1'), ('reserved', 'V6')]";
constexpr const char* kPosition =
    "[('notional_e18', " GATEWAY_MONEY "), ('unrealised_e18', " GATEWAY_MONEY
    "), ('initial_e18', " GATEWAY_MONEY "), ('maintenance_e18', " GATEWAY_MONEY
    "), ('bracket', '<u4'), ('status', 'u1'), ('reserved', 'V3')]";
constexpr const char* kPool =
    "[('balance_e18', " GATEWAY_MONEY "), ('equity_e18', " GATEWAY_MONEY
    "), ('unrealised_e18', " GATEWAY_MONEY "), ('initial_e18', " GATEWAY_MONEY
    "), ('order_initial_e18', " GATEWAY_MONEY "), ('maintenance_e18', " GATEWAY_MONEY
    "), ('headroom_e18', " GATEWAY_MONEY
    "), ('ratio_e12', '<i8'), ('counted', '<u4'), ('excluded', '<u4'), ('status', 'u1'),"
    " ('reserved', 'V7')]";
constexpr const char* kLiquidation =
    "[('lower', '<i8'), ('upper', '<i8'), ('status', 'u1'), ('reserved', 'V7')]";

nb::dict margin_dtypes() {
  nb::dict all;
  all["bracket"] = numpy_dtype(kBracket);
  all["schedule"] = numpy_dtype(kSchedule);
  all["row"] = numpy_dtype(kRow);
  all["order"] = numpy_dtype(kOrder);
  all["position"] = numpy_dtype(kPosition);
  all["pool"] = numpy_dtype(kPool);
  all["liquidation"] = numpy_dtype(kLiquidation);
  return all;
}

void need_same(const ArrayRows& rows, const ArrayRows& wanted, const char* name) {
  if (rows.count() == wanted.count()) return;
  throw nb::value_error((std::string(name) + ": " + std::to_string(wanted.count()) +
                         " rows are needed, not " + std::to_string(rows.count()))
                            .c_str());
}

/// Schedules and brackets as the core reads them; the arrays must outlive it.
struct Tables {
  ArrayRows schedules, brackets;
  Tables(nb::handle schedule_array, nb::handle bracket_array)
      : schedules(schedule_array, numpy_dtype(kSchedule), "schedules"),
        brackets(bracket_array, numpy_dtype(kBracket), "brackets") {}
  [[nodiscard]] MarginTables view() const {
    return {schedules.as<Schedule>(), schedules.count(), brackets.as<Bracket>(), brackets.count()};
  }
};

std::string schedule_fault(nb::handle schedules, nb::handle brackets, std::size_t place) {
  const Tables tables(schedules, brackets);
  if (place >= tables.schedules.count()) return "no such schedule";
  return valuation::fault_of(tables.view(), tables.schedules.as<Schedule>()[place]);
}

void fill_amounts(nb::handle brackets) {
  const ArrayRows rows(brackets, numpy_dtype(kBracket), "brackets", Access::kWrite);
  auto* steps = rows.as<Bracket>();
  for (std::size_t i = 1; i < rows.count(); ++i) {
    const auto amount = valuation::amount_of(steps[i - 1], steps[i]);
    if (!amount) throw nb::value_error("brackets: an amount leaves 127 bits");
    steps[i].amount_e18 = std::bit_cast<MoneyWords>(*amount);
  }
}

void margin(nb::handle rows, nb::handle orders, nb::handle schedules, nb::handle brackets,
            nb::handle positions, nb::handle pools) {
  const ArrayRows in(rows, numpy_dtype(kRow), "rows");
  const ArrayRows open(orders, numpy_dtype(kOrder), "orders");
  const Tables tables(schedules, brackets);
  const ArrayRows out(positions, numpy_dtype(kPosition), "positions", Access::kWrite);
  const ArrayRows sums(pools, numpy_dtype(kPool), "pools", Access::kWrite);
  need_same(out, in, "positions");
  const nb::gil_scoped_release release;
  valuation::margin_of(in.as<MarginRow>(), in.count(), open.as<MarginOrder>(), open.count(),
                       tables.view(), out.as<PositionMargin>(), sums.as<PoolMargin>(),
                       sums.count());
}

void liquidation(nb::handle rows, nb::handle positions, nb::handle schedules, nb::handle brackets,
                 nb::handle pools, nb::handle out) {
  const ArrayRows in(rows, numpy_dtype(kRow), "rows");
  const ArrayRows margins(positions, numpy_dtype(kPosition), "positions");
  const Tables tables(schedules, brackets);
  const ArrayRows sums(pools, numpy_dtype(kPool), "pools");
  const ArrayRows results(out, numpy_dtype(kLiquidation), "out", Access::kWrite);
  need_same(margins, in, "positions");
  need_same(results, in, "out");
  std::vector<std::uint32_t> order(in.count());
  const nb::gil_scoped_release release;
  valuation::liquidation_of(in.as<MarginRow>(), margins.as<PositionMargin>(), in.count(),
                            tables.view(), sums.as<PoolMargin>(), sums.count(), order.data(),
                            results.as<Liquidation>());
}

nb::object money_of(Int128 amount) {
  const auto words = std::bit_cast<MoneyWords>(amount);
  return nb::int_(words.high) * nb::int_(std::uint64_t{1} << 63) * nb::int_(2) +
         nb::int_(words.low);
}

nb::object option_margin(std::int64_t strike, std::int64_t underlying, std::int64_t mark_low,
                         bool is_call, std::int64_t initial_rate, std::int64_t initial_floor,
                         std::int64_t maintenance_rate, std::int64_t factor,
                         bool initial_covers_maintenance) {
  const auto found =
      valuation::margin_of(valuation::SoldOption{strike, underlying, mark_low, is_call},
                           valuation::OptionRule{initial_rate, initial_floor, maintenance_rate,
                                                 factor, initial_covers_maintenance});
  if (!found) return nb::none();
  return nb::make_tuple(money_of(found->initial_e18), money_of(found->maintenance_e18));
}

}  // namespace

void bind_valuation_margin(nb::module_& module) {
  module.def("margin_dtypes", &margin_dtypes);
  module.def("schedule_fault", &schedule_fault, "schedules"_a, "brackets"_a, "place"_a);
  module.def("fill_amounts", &fill_amounts, "brackets"_a);
  module.def("margin", &margin, "rows"_a, "orders"_a, "schedules"_a, "brackets"_a, "positions"_a,
             "pools"_a);
  module.def("liquidation", &liquidation, "rows"_a, "positions"_a, "schedules"_a, "brackets"_a,
             "pools"_a, "out"_a);
  module.def("option_margin", &option_margin, nb::kw_only(), "strike"_a, "underlying"_a,
             "mark_e18"_a, "is_call"_a, "initial_rate_e12"_a, "initial_floor_e12"_a,
             "maintenance_rate_e12"_a, "factor_e12"_a, "initial_covers_maintenance"_a);
}

}  // namespace gateway
