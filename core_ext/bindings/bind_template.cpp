// Order templates for Python: prepared from text once, filled with whole numbers. A hole takes a
// number and nothing else, so no text of a caller reaches an order.
#include <nanobind/stl/string_view.h>

#include <string>

#include "batch.hpp"
#include "bind.hpp"
#include "gateway_core/engine/order_template.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "gateway_core/types/refusal.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

[[noreturn]] void refuse(Refusal refusal, const char* field) {
  throw nb::value_error((std::string(describe(refusal).name) + " " + field).c_str());
}

std::int64_t number_of(std::string_view text, int scale, const char* field) {
  if (text.empty()) return 0;
  const ParsedDecimal parsed = parse_decimal(text, scale);
  if (parsed.fault == DecimalFault::kSyntax) refuse(Refusal::kBadNumber, field);
  if (parsed.fault == DecimalFault::kPrecision) refuse(Refusal::kPrecision, field);
  if (parsed.fault == DecimalFault::kOverflow || parsed.mantissa > kQuantityMax) {
    refuse(Refusal::kOverflow, field);
  }
  if (parsed.mantissa <= 0) refuse(Refusal::kRange, field);
  return static_cast<std::int64_t>(parsed.mantissa);
}

OrderTemplate compile(ClientPortHandle& port, PrincipalId principal, InstrumentId instrument,
                      AccountId account, StrategyId strategy, int side, int type, int time_in_force,
                      int open, std::string_view quantity, std::string_view price,
                      std::string_view trigger_price, std::string_view display_quantity,
                      std::int64_t expires_ns, int leg, int flags) {
  const Registry& registry = port.engine->runtime->state().registry;
  if (!registry.instruments.has(instrument)) refuse(Refusal::kUnknownInstrument, "instrument");
  const auto is_byte = [](int value) { return value >= 0 && value <= 0xFF; };
  if (!is_byte(side) || !is_byte(type) || !is_byte(time_in_force) || !is_byte(leg)) {
    refuse(Refusal::kBadEnum, "order");
  }
  if (!is_byte(flags)) refuse(Refusal::kUnsupportedFlag, "flags");
  if (!is_byte(open)) refuse(Refusal::kUnknownField, "holes");
  const InstrumentDefined& rules = registry.instruments.at(instrument).definition;
  NewOrderMessage order{};
  order.header.principal = principal;
  order.instrument = instrument;
  order.account = account;
  order.strategy = strategy;
  order.side = static_cast<Side>(side);
  order.type = static_cast<OrderType>(type);
  order.time_in_force = static_cast<TimeInForce>(time_in_force);
  order.leg = static_cast<std::uint8_t>(leg);
  order.flags = static_cast<std::uint8_t>(flags);
  order.quantity = number_of(quantity, rules.quantity_scale, "quantity");
  order.price = number_of(price, rules.price_scale, "price");
  order.trigger_price = number_of(trigger_price, rules.price_scale, "trigger_price");
  order.display_quantity = number_of(display_quantity, rules.quantity_scale, "display_quantity");
  order.expires_ns = expires_ns;
  OrderTemplate out;
  const Refusal found = OrderTemplate::compile(registry, order, static_cast<Holes>(open), out);
  if (found != Refusal::kNone) refuse(found, "template");
  return out;
}

std::uint64_t submit(ClientPortHandle& port, const OrderTemplate& form, std::uint64_t client_number,
                     std::int64_t quantity, std::int64_t price, std::int64_t trigger_price,
                     std::int64_t display_quantity, std::int64_t expires_ns) {
  const HoleValues values{client_number, quantity,         price,
                          trigger_price, display_quantity, expires_ns};
  auto& lane = port.port->orders;
  std::byte* const place = lane.claim(1);
  alignas(NewOrderMessage) std::byte beside[kEntryBytes];
  const std::uint64_t request = port.port->last_request + 1;
  const Refusal found = form.fill(values, request, place != nullptr ? place : beside);
  if (found != Refusal::kNone) refuse(found, "hole");
  if (place != nullptr) {
    lane.publish(1);
  } else if (!lane.push(beside, 1)) {
    return 0;
  }
  return port.port->last_request = request;
}

}  // namespace

void bind_template(nb::module_& module, nb::class_<ClientPortHandle>& port) {
  nb::class_<OrderTemplate>(module, "OrderTemplate")
      .def_prop_ro("holes", &OrderTemplate::open_holes)
      .def_prop_ro("instrument", &OrderTemplate::instrument);
  port.def("compile_template", &compile, "principal"_a, "instrument"_a, "account"_a, "strategy"_a,
           "side"_a, "type"_a, "time_in_force"_a, "holes"_a, "quantity"_a = "", "price"_a = "",
           "trigger_price"_a = "", "display_quantity"_a = "", "expires_ns"_a = 0, "leg"_a = 0,
           "flags"_a = 0)
      .def("submit_template", &submit, "template"_a, "client_number"_a, "quantity"_a = 0,
           "price"_a = 0, "trigger_price"_a = 0, "display_quantity"_a = 0, "expires_ns"_a = 0);
}

}  // namespace gateway
