// Refusal table and decimal text for Python.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include "bind.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "gateway_core/types/refusal.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {

void bind_types(nb::module_& module) {
  nb::list rows;
  for (const auto& row : kRefusals) {
    rows.append(nb::make_tuple(static_cast<int>(row.refusal), std::string(row.name),
                               row.http_status, row.fix_order_reject_reason,
                               row.fix_cancel_reject_reason, std::string(row.sentence)));
  }
  module.attr("REFUSALS") = nb::tuple(rows);
  module.def(
      "format_decimal",
      [](std::int64_t mantissa, int scale) { return format_decimal(mantissa, scale); },
      "mantissa"_a, "scale"_a);
  module.def(
      "parse_decimal",
      [](std::string_view text, int scale) {
        const ParsedDecimal parsed = parse_decimal(text, scale);
        const bool fits = parsed.mantissa <= INT64_MAX && parsed.mantissa >= INT64_MIN;
        if (parsed.fault == DecimalFault::kSyntax) throw nb::value_error("BAD_NUMBER");
        if (parsed.fault == DecimalFault::kPrecision) throw nb::value_error("PRECISION");
        if (parsed.fault == DecimalFault::kOverflow || !fits) throw nb::value_error("OVERFLOW");
        return static_cast<std::int64_t>(parsed.mantissa);
      },
      "text"_a, "scale"_a);
}

}  // namespace gateway
