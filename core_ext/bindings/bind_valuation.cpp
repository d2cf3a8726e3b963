// Mark-to-market of numpy arrays, read and written where they lie. Its door is gateway/valuation.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "array_rows.hpp"
#include "bind.hpp"
#include "gateway_core/valuation/batch.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using Access = ArrayRows::Access;
using valuation::BatchCounts;
using valuation::PositionColumns;
using valuation::PositionRow;
using valuation::SimdLevel;

constexpr const char* kMoney = "[('low', '<u8'), ('high', '<i8')]";
constexpr const char* kPosition =
    "{'names': ['quantity', 'mark', 'multiplier', 'cost_e18', 'scale', 'kind'],"
    " 'formats': ['<i8', '<i8', '<i8', [('low', '<u8'), ('high', '<i8')], 'i1', 'u1'],"
    " 'offsets': [0, 8, 16, 24, 40, 41], 'itemsize': 64}";
static_assert(offsetof(PositionRow, cost_e18) == 24 && offsetof(PositionRow, kind) == 41);

std::vector<std::string> levels() {
  std::vector<std::string> found;
  for (int i = 0; i < valuation::kSimdLevels; ++i) {
    const auto level = static_cast<SimdLevel>(i);
    if (valuation::is_supported(level)) found.emplace_back(name(level));
  }
  return found;
}

SimdLevel level_of(std::string_view text) {
  if (text.empty()) return valuation::best_level();
  const auto level = valuation::simd_level_of(text);
  if (level && valuation::is_supported(*level)) return *level;
  std::string here;
  for (const std::string& one : levels()) here += " " + one;
  throw nb::value_error(
      ("level " + std::string(text) + " is not one of this machine:" + here).c_str());
}

nb::tuple told(const BatchCounts& counts) {
  return nb::make_tuple(counts.without_value, counts.exact_rows);
}

void need_length(const ArrayRows& rows, std::size_t count, const char* name) {
  if (rows.count() == count) return;
  throw nb::value_error((std::string(name) + ": " + std::to_string(count) +
                         " rows are needed, not " + std::to_string(rows.count()))
                            .c_str());
}

void need_apart(const ArrayRows& out, std::initializer_list<const ArrayRows*> read) {
  for (const ArrayRows* rows : read) {
    if (out.overlaps(*rows)) throw nb::value_error("out: overlaps what is read");
  }
}

nb::tuple value_columns(nb::handle quantity, nb::handle mark, nb::handle multiplier,
                        nb::handle cost_e18, nb::handle scale, nb::handle kind, nb::handle out,
                        std::string_view level_name) {
  const SimdLevel level = level_of(level_name);
  const nb::object word = numpy_dtype("'<i8'");
  const nb::object money = numpy_dtype(kMoney);
  const ArrayRows quantities(quantity, word, "quantity");
  const ArrayRows marks(mark, word, "mark");
  const ArrayRows multipliers(multiplier, word, "multiplier");
  const ArrayRows costs(cost_e18, money, "cost_e18");
  const ArrayRows scales(scale, numpy_dtype("'i1'"), "scale");
  const ArrayRows kinds(kind, numpy_dtype("'u1'"), "kind");
  const ArrayRows results(out, money, "out", Access::kWrite);
  const std::size_t count = quantities.count();
  need_length(marks, count, "mark");
  need_length(multipliers, count, "multiplier");
  need_length(costs, count, "cost_e18");
  need_length(scales, count, "scale");
  need_length(kinds, count, "kind");
  need_length(results, count, "out");
  need_apart(results, {&quantities, &marks, &multipliers, &costs, &scales, &kinds});
  const PositionColumns columns{quantities.as<std::int64_t>(),
                                marks.as<std::int64_t>(),
                                multipliers.as<std::int64_t>(),
                                costs.as<MoneyWords>(),
                                scales.as<std::uint8_t>(),
                                kinds.as<std::uint8_t>(),
                                count};
  BatchCounts counts;
  {
    const nb::gil_scoped_release release;
    counts = valuation::mark_to_market(columns, results.as<MoneyWords>(), level);
  }
  return told(counts);
}

nb::tuple value_rows(nb::handle positions, nb::handle out, std::string_view level_name) {
  const SimdLevel level = level_of(level_name);
  const ArrayRows rows(positions, numpy_dtype(kPosition), "positions");
  const ArrayRows results(out, numpy_dtype(kMoney), "out", Access::kWrite);
  need_length(results, rows.count(), "out");
  need_apart(results, {&rows});
  BatchCounts counts;
  {
    const nb::gil_scoped_release release;
    counts = valuation::mark_to_market(rows.as<PositionRow>(), rows.count(),
                                       results.as<MoneyWords>(), level);
  }
  return told(counts);
}

}  // namespace

void bind_valuation_greeks(nb::module_& module);
void bind_valuation_margin(nb::module_& module);

void bind_valuation(nb::module_& module) {
  bind_valuation_greeks(module);
  bind_valuation_margin(module);
  module.def("levels", &levels);
  module.def("best_level", [] { return std::string(name(valuation::best_level())); });
  module.def("money_dtype", [] { return numpy_dtype(kMoney); });
  module.def("position_dtype", [] { return numpy_dtype(kPosition); });
  module.def("value_columns", &value_columns, "quantity"_a, "mark"_a, "multiplier"_a, "cost_e18"_a,
             "scale"_a, "kind"_a, "out"_a, "level"_a = "");
  module.def("value_rows", &value_rows, "positions"_a, "out"_a, "level"_a = "");
}

}  // namespace gateway
