// Refusal table and decimal text for Python.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include "bind.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "gateway_core/types/refusal.hpp"

namespace nb = nanobind;

namespace gateway {

void bind_types(nb::module_& module) {
  nb::list rows;
  for (const auto& row : kRefusals) {
    rows.append(nb::make_tuple(static_cast<int>(row.refusal), std::string(row.name),
                               row.http_status, row.fix_order_reject_reason,
                               row.fix_cancel_reject_reason, std::string(row.sentence)));
  }
  module.attr("REFUSALS") = nb::tuple(rows);
}

}  // namespace gateway
