// One position under every lot method for Python: integers in, decimal text out. For the model
// tests and for what-if calculations; the books of a journal are those of Ledger.
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "gateway_core/ledger/position_lots.hpp"
#include "gateway_core/types/decimal_text.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using namespace ledger;
using Words = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

using Wish = std::tuple<std::uint64_t, std::uint64_t, std::int64_t>;

std::string money(Int128 e18) { return format_decimal(e18, kMoneyScale); }

class LotModel {
 public:
  LotModel(int kind, int price_scale, int quantity_scale, int multiplier_scale,
           std::int64_t multiplier)
      : lots_(terms_of(kind, price_scale, quantity_scale, multiplier_scale, multiplier), true) {}

  /// Named lots for the method specific: number of the closing fill, of the lot, and a quantity as
  /// mantissa. Before the first fill; the wishes for one fill count in their order.
  void designate(const std::vector<Wish>& wishes) {
    if (fills_ != 0) throw nb::value_error("wishes come before the first fill");
    const Int128 unit_e18 = kPow10_64[kMoneyScale - lots_.terms().rules.quantity_scale];
    wishes_.clear();
    for (const auto& [closed_by, lot, quantity] : wishes) {
      wishes_.push_back({closed_by, lot, quantity * unit_e18});
    }
    std::ranges::stable_sort(wishes_, {}, &Designation::closed_by);
    lots_.designate(wishes_);
  }
  /// Sides 1 or 2, prices and quantities as mantissas in the instrument's scales. The lot that a
  /// fill opens is named by its number, from 1.
  void apply_many(const Words& sides, const Words& prices, const Words& quantities) {
    const std::size_t count = sides.shape(0);
    if (prices.shape(0) != count || quantities.shape(0) != count) {
      throw nb::value_error("arrays differ in length");
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!lots_.add(fill_of(++fills_, sides(i), prices(i), quantities(i)))) {
        throw nb::value_error("OVERFLOW");
      }
    }
  }
  /// A fill that counts before the one with that number.
  void apply_before(std::uint64_t before, int side, std::int64_t price, std::int64_t quantity) {
    if (!lots_.add_before(before, fill_of(++fills_, side, price, quantity))) {
      throw nb::value_error("RANGE");
    }
  }
  /// Another fill in the place of the one with that number; quantity 0 = it never was.
  void revise(std::uint64_t number, int side, std::int64_t price, std::int64_t quantity) {
    if (!lots_.revise(fill_of(number, side, price, quantity))) throw nb::value_error("RANGE");
  }

  [[nodiscard]] nb::dict row(int number) const {
    const LotState& now = lots_.now();
    const auto method = static_cast<LotMethod>(number);
    if (number < 0 || static_cast<std::size_t>(number) >= kLotMethods) {
      throw nb::value_error("BAD_ENUM method");
    }
    nb::dict row;
    row["quantity"] = now.average.quantity;
    row["cost"] = money(now.cost_of(method));
    row["realised"] = money(now.realised_of(method));
    nb::list lots;
    for (const Lot& lot : now.lots_of(method)) {
      if (lot.quantity != 0) lots.append(nb::make_tuple(lot.id, lot.quantity, money(lot.cost_e18)));
    }
    row["lots"] = lots;
    return row;
  }

 private:
  static Terms terms_of(int kind, int price_scale, int quantity_scale, int multiplier_scale,
                        std::int64_t multiplier) {
    if (kind < 1 || kind > 4) throw nb::value_error("BAD_ENUM kind");
    for (const int scale : {price_scale, quantity_scale, multiplier_scale}) {
      if (scale < 0 || scale > kScaleSumMax) throw nb::value_error("SCALE_SUM");
    }
    Terms terms{
        .rules = {multiplier, static_cast<InstrumentKind>(kind),
                  static_cast<std::uint8_t>(price_scale), static_cast<std::uint8_t>(quantity_scale),
                  static_cast<std::uint8_t>(multiplier_scale)},
        .base = 1,
        .quote = 2,
        .settle = 2};
    if (!are_valid(terms.rules)) throw nb::value_error("SCALE_SUM");
    return terms;
  }
  [[nodiscard]] Execution fill_of(std::uint64_t number, std::int64_t side, std::int64_t price,
                                  std::int64_t quantity) const {
    if (side != 1 && side != 2) throw nb::value_error("BAD_ENUM side");
    Execution fill{};
    fill.sequence = fill.ordinal = number;
    fill.time_ns = static_cast<std::int64_t>(number);
    fill.side = static_cast<Side>(side);
    fill.quantity = quantity;
    const InstrumentRules& rules = lots_.terms().rules;
    const auto value = value_of(rules, price, rules.price_scale, quantity);
    if (!value) throw nb::value_error("RANGE");
    fill.value_e18 = value->e18;
    return fill;
  }

  std::vector<Designation> wishes_;
  PositionLots lots_;
  std::uint64_t fills_ = 0;
};

}  // namespace

void bind_lot_model(nb::module_& module) {
  nb::class_<LotModel>(module, "LotModel")
      .def(nb::init<int, int, int, int, std::int64_t>(), "kind"_a, "price_scale"_a,
           "quantity_scale"_a, "multiplier_scale"_a = 0, "multiplier"_a = 1)
      .def("designate", &LotModel::designate, "wishes"_a)
      .def("apply_many", &LotModel::apply_many, "sides"_a, "prices"_a, "quantities"_a)
      .def("apply_before", &LotModel::apply_before, "before"_a, "side"_a, "price"_a, "quantity"_a)
      .def("revise", &LotModel::revise, "number"_a, "side"_a, "price"_a, "quantity"_a)
      .def("row", &LotModel::row, "method"_a);
}

}  // namespace gateway
