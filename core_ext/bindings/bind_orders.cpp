// The client port for Python: orders, cancels and replaces in, notices out. Every text is checked
// before a lane has it.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <cstring>
#include <new>

#include "batch.hpp"
#include "bind.hpp"
#include "port_values.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

ClientId parse_client_id(std::string_view text) {
  if (text.size() > ClientId::kCapacity) refuse("BAD_CLIENT_ID", "client_order_id");
  for (const char c : text) {
    if (c <= ' ' || c > '~') refuse("BAD_CLIENT_ID", "client_order_id");
  }
  ClientId out;
  out.assign(text);
  return out;
}

/// Everything but the header, which says how the message travels.
void write_order(NewOrderMessage& message, const InstrumentDefined& rules,
                 std::string_view client_id, InstrumentId instrument, AccountId account,
                 StrategyId strategy, int side, int type, int time_in_force,
                 std::string_view quantity, std::string_view price, std::string_view trigger_price,
                 std::string_view display_quantity, std::int64_t expires_ns, int leg, int flags) {
  message.client_id = parse_client_id(client_id);
  if (message.client_id.empty()) refuse("BAD_CLIENT_ID", "client_order_id");
  message.quantity = parse_number(quantity, rules.quantity_scale, "quantity");
  if (message.quantity <= 0) refuse("RANGE", "quantity");
  message.price = parse_optional(price, rules.price_scale, "price");
  message.trigger_price = parse_optional(trigger_price, rules.price_scale, "trigger_price");
  message.display_quantity =
      parse_optional(display_quantity, rules.quantity_scale, "display_quantity");
  if (expires_ns < 0) refuse("RANGE", "expires_ns");
  message.expires_ns = expires_ns;
  message.instrument = instrument;
  message.account = account;
  message.strategy = strategy;
  message.side = static_cast<Side>(side);
  message.type = static_cast<OrderType>(type);
  message.time_in_force = static_cast<TimeInForce>(time_in_force);
  message.leg = static_cast<std::uint8_t>(leg);
  message.flags = static_cast<std::uint8_t>(flags | kTextClientId);
  message.overrides = static_cast<std::uint8_t>(flags >> 8);   // a second byte of the same wishes
  message.cross_ms = static_cast<std::uint16_t>(flags >> 16);  // and two of a time
}

std::uint64_t submit(ClientPortHandle& port, PrincipalId principal, std::string_view client_id,
                     InstrumentId instrument, AccountId account, StrategyId strategy, int side,
                     int type, int time_in_force, std::string_view quantity, std::string_view price,
                     std::string_view trigger_price, std::string_view display_quantity,
                     std::int64_t expires_ns, int leg, int flags) {
  // Built where the engine reads it; a refusal leaves the place as free as it was. Beside the lane
  // only when the place goes round its end, or when there is none.
  constexpr std::size_t kEntries = sizeof(NewOrderMessage) / kEntryBytes;
  auto& lane = port.port->orders;
  std::byte* const place = lane.claim(kEntries);
  alignas(NewOrderMessage) std::byte beside[sizeof(NewOrderMessage)];
  NewOrderMessage& message = *new (place != nullptr ? place : beside) NewOrderMessage{};
  write_order(message, rules_of(*port.engine, instrument), client_id, instrument, account, strategy,
              side, type, time_in_force, quantity, price, trigger_price, display_quantity,
              expires_ns, leg, flags);
  const std::uint64_t request = port.port->last_request + 1;
  set_header(message, MessageKind::kNewOrder, principal, request);
  if (place != nullptr) {
    lane.publish(kEntries);
  } else if (!lane.push(&message, kEntries)) {
    return 0;
  }
  return port.port->last_request = request;
}

/// A group in one piece; each tuple is submit()'s arguments behind the principal. Requests are
/// numbered from the returned one on, 0 = the lane is full.
std::uint64_t submit_linked(ClientPortHandle& port, PrincipalId principal, int kind,
                            const nb::sequence& orders) {
  const std::size_t count = nb::len(orders);
  if (count < 2 || count > kLinkedMax) refuse("BAD_LINK", "orders");
  struct {
    LinkedOrdersMessage group;
    NewOrderMessage orders[kLinkedMax];
  } message{};
  static_assert(sizeof message == kEntryBytes + kLinkedMax * sizeof(NewOrderMessage));
  const std::uint64_t request = port.port->last_request + 1;
  for (std::size_t i = 0; i < count; ++i) {
    const auto told = nb::cast<nb::tuple>(orders[i]);
    if (told.size() != 14) refuse("BAD_LINK", "orders");
    const auto number = [&](std::size_t at) { return nb::cast<std::int64_t>(told[at]); };
    const auto word = [&](std::size_t at) { return nb::cast<std::string_view>(told[at]); };
    const auto instrument = static_cast<InstrumentId>(number(1));
    write_order(message.orders[i], rules_of(*port.engine, instrument), word(0), instrument,
                static_cast<AccountId>(number(2)), static_cast<StrategyId>(number(3)),
                static_cast<int>(number(4)), static_cast<int>(number(5)),
                static_cast<int>(number(6)), word(7), word(8), word(9), word(10), number(11),
                static_cast<int>(number(12)), static_cast<int>(number(13)));
    set_header(message.orders[i], MessageKind::kNewOrder, principal, request + i);
  }
  const std::size_t entries = 1 + count * (sizeof(NewOrderMessage) / kEntryBytes);
  message.group.header = {MessageKind::kLinkedOrders, static_cast<std::uint8_t>(entries),
                          static_cast<std::uint8_t>(kind), principal, request};
  if (!port.port->orders.push(&message, entries)) return 0;
  port.port->last_request = request + count - 1;
  return request;
}

std::uint64_t cancel(ClientPortHandle& port, PrincipalId principal, OrderId order_id, int reason) {
  CancelMessage message{};
  message.order_id = order_id;
  message.reason = static_cast<CancelReason>(reason);
  const std::uint64_t request = port.port->last_request + 1;
  set_header(message, MessageKind::kCancel, principal, request);
  if (!port.port->urgent.push(&message)) return 0;
  return port.port->last_request = request;
}

std::uint64_t replace(ClientPortHandle& port, PrincipalId principal, OrderId order_id,
                      std::string_view client_id, std::string_view quantity,
                      std::string_view price) {
  const InstrumentDefined& rules = rules_of_order(*port.engine, order_id);
  ReplaceMessage message{};
  message.order_id = order_id;
  message.client_id = parse_client_id(client_id);
  message.quantity = parse_optional(quantity, rules.quantity_scale, "quantity");
  message.price = parse_optional(price, rules.price_scale, "price");
  const std::uint64_t request = port.port->last_request + 1;
  set_header(message, MessageKind::kReplace, principal, request);
  if (!port.port->orders.push(&message)) return 0;
  return port.port->last_request = request;
}

std::uint64_t mass_cancel(ClientPortHandle& port, PrincipalId principal, AccountId account,
                          StrategyId strategy, InstrumentId instrument, VenueId venue,
                          std::uint32_t origin_port, int reason) {
  MassCancelMessage message{};
  message.account = account;
  message.strategy = strategy;
  message.instrument = instrument;
  message.venue = venue;
  message.origin_port = origin_port;
  message.reason = static_cast<CancelReason>(reason);
  const std::uint64_t request = port.port->last_request + 1;
  set_header(message, MessageKind::kMassCancel, principal, request);
  if (!port.port->urgent.push(&message)) return 0;
  return port.port->last_request = request;
}

nb::list notices(ClientPortHandle& port, std::size_t limit) {
  nb::list out;
  auto& lane = port.port->notices;
  drain_wake(port.wake_fd);
  tell_depth(*port.engine, port.notices_gauge, lane.size_estimate());
  for (std::size_t i = 0; i < limit && lane.size() != 0; ++i) {
    Notice notice;
    std::memcpy(&notice, lane.peek(), sizeof notice);
    lane.pop();
    out.append(nb::make_tuple(notice.sequence, notice.request, notice.order_id, notice.kind,
                              notice.refusal, notice.level, notice.limit, notice.current,
                              notice.would_be, notice.working));
  }
  return out;
}

}  // namespace

void bind_orders(nb::module_& module) {
  auto port = nb::class_<ClientPortHandle>(module, "ClientPort");
  port.def_prop_ro("number", [](const ClientPortHandle& handle) { return handle.port->number; })
      .def("submit", &submit, "principal"_a, "client_id"_a, "instrument"_a, "account"_a,
           "strategy"_a, "side"_a, "type"_a, "time_in_force"_a, "quantity"_a, "price"_a = "",
           "trigger_price"_a = "", "display_quantity"_a = "", "expires_ns"_a = 0, "leg"_a = 0,
           "flags"_a = 0)
      .def("submit_linked", &submit_linked, "principal"_a, "kind"_a, "orders"_a)
      .def("cancel", &cancel, "principal"_a, "order_id"_a, "reason"_a = 0)
      .def("replace", &replace, "principal"_a, "order_id"_a, "client_id"_a = "", "quantity"_a = "",
           "price"_a = "")
      .def("mass_cancel", &mass_cancel, "principal"_a, "account"_a = 0, "strategy"_a = 0,
           "instrument"_a = 0, "venue"_a = 0, "origin_port"_a = 0, "reason"_a = 1)
      .def("notices", &notices, "limit"_a = 1024)
      .def("wake_fd", [](ClientPortHandle& handle) { return handle.engine->watch(handle); })
      .def_prop_ro("overruns",
                   [](const ClientPortHandle& handle) { return handle.port->notices.overruns(); });
  bind_batch(port);
  bind_template(module, port);
}

}  // namespace gateway
