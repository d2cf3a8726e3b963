// The position arithmetic for Python: decimal text in and out, one book per object. For the model
// tests and for what-if calculations; the live books stay inside the engine.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <optional>
#include <string>
#include <string_view>

#include "array_rows.hpp"
#include "bind.hpp"
#include "gateway_core/position/position_state.hpp"
#include "gateway_core/position/profit_loss.hpp"
#include "gateway_core/types/decimal_text.hpp"

namespace nb = nanobind;

namespace gateway {
namespace {

using Words = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

Int128 parsed(std::string_view text, int scale) {
  constexpr const char* kFaults[] = {"", "BAD_NUMBER", "PRECISION", "OVERFLOW"};
  const auto number = parse_decimal(text, scale);
  if (number.fault == DecimalFault::kNone) return number.mantissa;
  throw nb::value_error(kFaults[static_cast<int>(number.fault)]);
}

std::int64_t parsed_64(std::string_view text, int scale) {
  const Int128 mantissa = parsed(text, scale);
  if (mantissa != static_cast<std::int64_t>(mantissa)) throw nb::value_error("OVERFLOW");
  return static_cast<std::int64_t>(mantissa);
}

/// Decimals a text carries, so that marks keep their own scale.
int scale_of(std::string_view text) {
  const auto point = text.find('.');
  return point == std::string_view::npos ? 0 : static_cast<int>(text.size() - point - 1);
}

Side side_of(std::int64_t number) {
  if (number != 1 && number != 2) throw nb::value_error("BAD_ENUM side");
  return static_cast<Side>(number);
}

/// One fill of a batch, mantissas in the instrument's scales; a numpy row of dtype kFillDtype.
struct FillRow {
  std::int64_t price;
  std::int64_t quantity;
  std::int64_t fee_e18;
  std::uint8_t side;
  std::uint8_t reserved[7];
};
static_assert(sizeof(FillRow) == 32);
constexpr const char* kFillDtype =
    "{'names': ['price', 'quantity', 'fee_e18', 'side'], 'formats': ['<i8', '<i8', '<i8', 'u1'],"
    " 'offsets': [0, 8, 16, 24], 'itemsize': 32}";

class PositionModel {
 public:
  PositionModel(int kind, int price_scale, int quantity_scale, int multiplier_scale,
                std::string_view multiplier) {
    if (kind < 1 || kind > 4) throw nb::value_error("BAD_ENUM kind");
    for (const int scale : {price_scale, quantity_scale, multiplier_scale}) {
      if (scale < 0 || scale > kScaleSumMax) throw nb::value_error("SCALE_SUM");
    }
    rules_ = {parsed_64(multiplier, multiplier_scale), static_cast<InstrumentKind>(kind),
              static_cast<std::uint8_t>(price_scale), static_cast<std::uint8_t>(quantity_scale),
              static_cast<std::uint8_t>(multiplier_scale)};
    if (!are_valid(rules_)) throw nb::value_error("SCALE_SUM");
  }

  std::string apply(int side, std::string_view price, std::string_view quantity,
                    std::string_view fee, std::string_view value, bool is_base_fee) {
    const Side direction = side_of(side);
    const std::int64_t amount = parsed_64(quantity, rules_.quantity_scale);
    const Money worth = value.empty()
                            ? computed(parsed(price, scale_of(price)), scale_of(price), amount)
                            : Money{parsed(value, kMoneyScale)};
    Money cost{parsed(fee, kMoneyScale)};
    if (is_base_fee) cost = needed(value_of_base_fee(rules_, cost, amount, worth));
    return std::string(name(booked(direction, amount, worth, cost)));
  }

  /// Sides 1 or 2, prices and quantities as mantissas in the instrument's scales, fees at 10^-18.
  void apply_many(const Words& sides, const Words& prices, const Words& quantities,
                  const Words& fees_e18) {
    const std::size_t count = sides.shape(0);
    if (prices.shape(0) != count || quantities.shape(0) != count || fees_e18.shape(0) != count) {
      throw nb::value_error("arrays differ in length");
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Money worth = computed(prices(i), rules_.price_scale, quantities(i));
      booked(side_of(sides(i)), quantities(i), worth, Money{fees_e18(i)});
    }
  }

  /// The same from rows of one array, read where they lie.
  void apply_fills(nb::handle fills) {
    static const nb::object* dtype = new nb::object(numpy_dtype(kFillDtype));
    const ArrayRows rows(fills, *dtype, "fills");
    const auto* fill = rows.as<FillRow>();
    for (std::size_t i = 0; i < rows.count(); ++i, ++fill) {
      const Money worth = computed(fill->price, rules_.price_scale, fill->quantity);
      booked(side_of(fill->side), fill->quantity, worth, Money{fill->fee_e18});
    }
  }

  /// One fill from mantissas, for callers who have parsed already; the state as its number.
  int apply_mantissas(int side, std::int64_t price, std::int64_t quantity, std::int64_t fee_e18) {
    const Money worth = computed(price, rules_.price_scale, quantity);
    return static_cast<int>(booked(side_of(side), quantity, worth, Money{fee_e18}));
  }

  [[nodiscard]] nb::dict row() const {
    nb::dict row;
    row["quantity"] = format_decimal(book_.quantity, rules_.quantity_scale);
    row["cost"] = format_decimal(book_.cost_e18, kMoneyScale);
    row["realised"] = format_decimal(book_.realised_e18, kMoneyScale);
    row["fees"] = format_decimal(book_.fees_e18, kMoneyScale);
    row["fills"] = book_.fills;
    row["state"] = std::string(name(book_.state));
    return row;
  }

  [[nodiscard]] std::string unrealised(std::string_view mark) const {
    const int scale = scale_of(mark);
    return format_decimal(needed(unrealised_at(book_, rules_, parsed(mark, scale), scale)).e18,
                          kMoneyScale);
  }
  [[nodiscard]] std::optional<std::string> average(int scale) const {
    return shown(average_price(book_, rules_, scale), scale);
  }
  [[nodiscard]] std::optional<std::string> break_even(int scale) const {
    return shown(break_even_price(book_, rules_, scale), scale);
  }

 private:
  static Money needed(std::optional<Money> money) {
    if (!money) throw nb::value_error("RANGE");
    return *money;
  }
  static std::optional<std::string> shown(std::optional<Int128> price, int scale) {
    if (!price) return std::nullopt;
    return format_decimal(*price, scale);
  }
  [[nodiscard]] Money computed(Int128 price, int scale, std::int64_t quantity) const {
    return needed(value_of(rules_, price, scale, quantity));
  }
  /// Fill and fee together or not at all.
  PositionState booked(Side side, std::int64_t quantity, Money worth, Money fee) {
    constexpr const char* kFaults[] = {"", "QUANTITY_RANGE", "RANGE", "OVERFLOW"};
    PositionBook next = book_;
    const auto effect = apply_fill(next, rules_, side, quantity, worth);
    if (effect.fault != PositionFault::kNone) {
      throw nb::value_error(kFaults[static_cast<int>(effect.fault)]);
    }
    if (!add_fee(next, fee)) throw nb::value_error("OVERFLOW");
    book_ = next;
    return effect.state;
  }

  InstrumentRules rules_;
  PositionBook book_;
};

}  // namespace

void bind_positions(nb::module_& module) {
  using namespace nb::literals;
  module.def("fill_dtype", [] { return numpy_dtype(kFillDtype); });
  nb::class_<PositionModel>(module, "PositionModel")
      .def(nb::init<int, int, int, int, std::string_view>(), "kind"_a, "price_scale"_a,
           "quantity_scale"_a, "multiplier_scale"_a = 0, "multiplier"_a = "1")
      .def("apply", &PositionModel::apply, "side"_a, "price"_a, "quantity"_a, "fee"_a = "0",
           "value"_a = "", "is_base_fee"_a = false)
      .def("apply_many", &PositionModel::apply_many, "sides"_a, "prices"_a, "quantities"_a,
           "fees_e18"_a)
      .def("apply_fills", &PositionModel::apply_fills, "fills"_a)
      .def("apply_mantissas", &PositionModel::apply_mantissas, "side"_a, "price"_a, "quantity"_a,
           "fee_e18"_a = 0)
      .def("row", &PositionModel::row)
      .def("unrealised", &PositionModel::unrealised, "mark"_a)
      .def("average_price", &PositionModel::average, "scale"_a)
      .def("break_even", &PositionModel::break_even, "scale"_a);
}

}  // namespace gateway
