// Values and greeks of options: one at a time, and numpy columns where they lie. Its door is
// gateway/valuation/greeks.py.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <array>
#include <string>
#include <string_view>

#include "array_rows.hpp"
#include "bind.hpp"
#include "gateway_core/valuation/greeks.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using Access = ArrayRows::Access;
using valuation::OptionTerms;
using valuation::PricingModel;
using valuation::PricingStatus;

PricingModel model_of(bool is_black_76) {
  return is_black_76 ? PricingModel::kBlack76 : PricingModel::kBlackScholes;
}

nb::tuple told(const valuation::Priced& found) {
  const valuation::Greeks& greeks = found.greeks;
  return nb::make_tuple(greeks.price, greeks.delta, greeks.gamma, greeks.vega, greeks.theta,
                        greeks.rho, static_cast<int>(found.status));
}

nb::tuple european(bool is_call, double spot, double strike, double years, double volatility,
                   double rate, double carry, bool is_black_76, double days_per_year) {
  return told(valuation::greeks_of({spot, strike, years, volatility, rate, carry, is_call},
                                   model_of(is_black_76), days_per_year));
}

nb::tuple american(bool is_call, double spot, double strike, double years, double volatility,
                   double rate, double carry, int steps, double days_per_year) {
  const OptionTerms terms{spot, strike, years, volatility, rate, carry, is_call};
  const nb::gil_scoped_release release;
  const valuation::Priced found = valuation::american_greeks_of(terms, steps, days_per_year);
  const nb::gil_scoped_acquire held;
  return told(found);
}

nb::tuple implied_volatility(bool is_call, double spot, double strike, double years, double rate,
                             double carry, double price, bool is_black_76) {
  const auto found = valuation::implied_volatility({spot, strike, years, 0.0, rate, carry, is_call},
                                                   model_of(is_black_76), price);
  return nb::make_tuple(found.volatility, static_cast<int>(found.status), found.iterations);
}

constexpr const char* kInputs[] = {"spot", "strike", "years", "volatility", "rate", "carry"};
constexpr const char* kOutputs[] = {"price", "delta", "gamma", "vega", "theta", "rho"};

/// Six columns of doubles of one length.
struct Columns {
  std::array<ArrayRows, 6> rows;
  Columns(const nb::dict& from, const char* const (&names)[6], Access access)
      : rows{one(from, names[0], access), one(from, names[1], access),
             one(from, names[2], access), one(from, names[3], access),
             one(from, names[4], access), one(from, names[5], access)} {
    for (const ArrayRows& each : rows) {
      if (each.count() != rows[0].count()) throw nb::value_error("columns of unequal length");
    }
  }
  static ArrayRows one(const nb::dict& from, const char* name, Access access) {
    if (!from.contains(name)) throw nb::value_error((std::string("no column ") + name).c_str());
    return {from[name], numpy_dtype("'<f8'"), name, access};
  }
  [[nodiscard]] double* at(std::size_t i) const { return rows[i].as<double>(); }
};

std::size_t greeks_columns(const nb::dict& options, nb::handle is_call, const nb::dict& out,
                           bool is_black_76, double days_per_year, std::string_view level_name) {
  const Columns in(options, kInputs, Access::kRead);
  const ArrayRows sides(is_call, numpy_dtype("'u1'"), "is_call");
  const Columns results(out, kOutputs, Access::kWrite);
  const std::size_t count = sides.count();
  if (in.rows[0].count() != count || results.rows[0].count() != count) {
    throw nb::value_error("columns of unequal length");
  }
  for (const ArrayRows& to : results.rows) {
    for (const ArrayRows& each : in.rows) {
      if (to.overlaps(each)) throw nb::value_error("out: overlaps what is read");
    }
    for (const ArrayRows& each : results.rows) {
      if (&each != &to && to.overlaps(each)) throw nb::value_error("out: two columns overlap");
    }
    if (to.overlaps(sides)) throw nb::value_error("out: overlaps what is read");
  }
  if (!valuation::are_days(days_per_year)) {
    throw nb::value_error("days_per_year: 1 to 1000000");
  }
  const auto level = valuation::simd_level_of(level_name);
  if (!level || !valuation::is_supported(*level)) throw nb::value_error("level is not supported");
  const nb::gil_scoped_release release;
  return valuation::greeks_of(
      {in.at(0), in.at(1), in.at(2), in.at(3), in.at(4), in.at(5), sides.as<std::uint8_t>()},
      {results.at(0), results.at(1), results.at(2), results.at(3), results.at(4), results.at(5)},
      count, model_of(is_black_76), days_per_year, *level);
}

}  // namespace

void bind_valuation_greeks(nb::module_& module) {
  module.def("european", &european, nb::kw_only(), "is_call"_a, "spot"_a, "strike"_a, "years"_a,
             "volatility"_a, "rate"_a, "carry"_a, "is_black_76"_a, "days_per_year"_a);
  module.def("american", &american, nb::kw_only(), "is_call"_a, "spot"_a, "strike"_a, "years"_a,
             "volatility"_a, "rate"_a, "carry"_a, "steps"_a, "days_per_year"_a);
  module.def("implied_volatility", &implied_volatility, nb::kw_only(), "is_call"_a, "spot"_a,
             "strike"_a, "years"_a, "rate"_a, "carry"_a, "price"_a, "is_black_76"_a);
  module.def("greeks_columns", &greeks_columns, "options"_a, "is_call"_a, "out"_a, "is_black_76"_a,
             "days_per_year"_a, "level"_a);
}

}  // namespace gateway
