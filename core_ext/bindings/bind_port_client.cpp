// A client's end of a shared-memory port for Python, over the public C header: text becomes whole
// numbers here. It knows nothing of the engine and runs in another process.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <time.h>

#include <cstring>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>

#include "bind.hpp"
#include "gateway_core/risk/limits.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "gateway_port.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

constexpr std::int64_t kSpin_ns = 20'000;
constexpr long kNap_ns = 20'000;

struct PortHandle {
  gateway_port port{};
  std::deque<gateway_port_reply> waiting;  // seen while something else was waited for
  bool is_open = false;

  PortHandle() = default;
  PortHandle(const PortHandle&) = delete;
  PortHandle& operator=(const PortHandle&) = delete;
  ~PortHandle() { close(); }
  void close() noexcept {
    if (is_open) gateway_port_close(&port);
    is_open = false;
  }
  gateway_port* open() {
    if (!is_open) throw std::runtime_error("the port is closed");
    return &port;
  }
};

[[noreturn]] void refuse(const char* code, const char* field) {
  throw nb::value_error((std::string(code) + " " + field).c_str());
}

/// "" = 0 = absent; what is there is above zero.
std::int64_t number_of(std::string_view text, int scale, const char* field) {
  if (text.empty()) return 0;
  const ParsedDecimal parsed = parse_decimal(text, scale);
  if (parsed.fault == DecimalFault::kSyntax) refuse("BAD_NUMBER", field);
  if (parsed.fault == DecimalFault::kPrecision) refuse("PRECISION", field);
  if (parsed.fault == DecimalFault::kOverflow || parsed.mantissa > kQuantityMax) {
    refuse("OVERFLOW", field);
  }
  if (parsed.mantissa <= 0) refuse("RANGE", field);
  return static_cast<std::int64_t>(parsed.mantissa);
}

/// A whole number is a numeric client id, text a text id.
void set_client_id(nb::handle id, std::uint64_t& number, char (&text)[64]) {
  if (nb::isinstance<nb::int_>(id)) {
    number = nb::cast<std::uint64_t>(id);
    if (number == 0) refuse("BAD_CLIENT_ID", "client_order_id");
    return;
  }
  const auto given = nb::cast<std::string_view>(id);
  if (given.size() > sizeof text) refuse("BAD_CLIENT_ID", "client_order_id");
  std::memcpy(text, given.data(), given.size());
}

std::unique_ptr<PortHandle> connect(const std::string& path, const std::string& key,
                                    bool cancels_on_disconnect) {
  auto handle = std::make_unique<PortHandle>();
  int fault = 0;
  {
    const nb::gil_scoped_release release;
    fault = gateway_port_connect(&handle->port, path.c_str(), key.c_str(),
                                 cancels_on_disconnect ? 1 : 0);
  }
  if (fault == EACCES && handle->port.welcome.text[0] != 0) {
    const char* text = handle->port.welcome.text;
    throw nb::value_error(
        std::string(text, strnlen(text, sizeof handle->port.welcome.text)).c_str());
  }
  if (fault != 0) {
    errno = fault;
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, path.c_str());
    throw nb::python_error();
  }
  handle->is_open = true;
  return handle;
}

nb::object find(PortHandle& handle, std::uint32_t kind, const std::string& name) {
  gateway_port_found found{};
  gateway_port* port = handle.open();
  const int fault = gateway_port_find(port, kind, name.c_str(), &found);
  if (fault == ENOENT || fault == EINVAL) return nb::none();
  if (fault != 0) throw std::runtime_error("the gateway closed the port's socket");
  return nb::make_tuple(found.id, found.price_scale, found.quantity_scale);
}

std::uint64_t submit(PortHandle& handle, nb::handle client_id, std::uint32_t instrument,
                     std::uint32_t account, std::uint32_t strategy, int side, int type,
                     int time_in_force, std::string_view quantity, std::string_view price,
                     std::string_view trigger_price, std::int64_t expires_ns, int leg, int flags,
                     int price_scale, int quantity_scale) {
  gateway_port_new_order order{};
  set_client_id(client_id, order.client_number, order.client_id);
  order.quantity = number_of(quantity, quantity_scale, "quantity");
  if (order.quantity == 0) refuse("BAD_NUMBER", "quantity");
  order.price = number_of(price, price_scale, "price");
  order.trigger_price = number_of(trigger_price, price_scale, "trigger_price");
  order.expires_ns = expires_ns;
  order.instrument = instrument;
  order.account = account;
  order.strategy = strategy;
  order.side = static_cast<std::uint8_t>(side);
  order.type = static_cast<std::uint8_t>(type);
  order.time_in_force = static_cast<std::uint8_t>(time_in_force);
  order.leg = static_cast<std::uint8_t>(leg);
  order.flags = static_cast<std::uint8_t>(flags);
  order.overrides = static_cast<std::uint8_t>(flags >> 8);
  order.cross_ms = static_cast<std::uint16_t>(flags >> 16);
  return gateway_port_submit(handle.open(), &order);
}

std::uint64_t replace(PortHandle& handle, std::uint64_t order_id, nb::object client_id,
                      std::string_view quantity, std::string_view price, int price_scale,
                      int quantity_scale) {
  gateway_port_replace change{};
  change.order_id = order_id;
  if (!client_id.is_none()) set_client_id(client_id, change.client_number, change.client_id);
  change.quantity = number_of(quantity, quantity_scale, "quantity");
  change.price = number_of(price, price_scale, "price");
  return gateway_port_replace_order(handle.open(), &change);
}

std::uint64_t mass_cancel(PortHandle& handle, std::uint32_t account, std::uint32_t strategy,
                          std::uint32_t instrument, std::uint32_t venue) {
  gateway_port_mass_cancel which{};
  which.account = account;
  which.strategy = strategy;
  which.instrument = instrument;
  which.venue = venue;
  return gateway_port_cancel_all(handle.open(), &which);
}

std::uint64_t query(PortHandle& handle, std::uint64_t order_id, nb::object client_id) {
  gateway_port_query which{};
  which.order_id = order_id;
  if (!client_id.is_none()) set_client_id(client_id, which.client_number, which.client_id);
  return gateway_port_query_order(handle.open(), &which);
}

nb::object value_of_fills(const gateway_port_reply& reply) {
  const nb::object high = nb::int_(reply.value_high);
  return high * nb::int_(std::uint64_t{1} << 32) * nb::int_(std::uint64_t{1} << 32) +
         nb::int_(reply.value_low);
}

nb::tuple tuple_of(const gateway_port_reply& reply) {
  return nb::make_tuple(reply.sequence, reply.request, reply.order_id, reply.kind, reply.refusal,
                        reply.level, reply.limit, reply.current, reply.would_be, reply.working,
                        reply.client_number, reply.price, reply.quantity, reply.cumulative,
                        value_of_fills(reply), reply.instrument, reply.state, reply.overlay,
                        reply.side, reply.type, reply.account, reply.strategy);
}

nb::list take(PortHandle& handle, std::size_t limit) {
  nb::list out;
  gateway_port* port = handle.open();
  gateway_port_reply reply;
  for (std::size_t i = 0; i < limit; ++i) {
    if (!handle.waiting.empty()) {
      reply = handle.waiting.front();
      handle.waiting.pop_front();
    } else if (!gateway_port_next(port, &reply)) {
      break;
    }
    out.append(tuple_of(reply));
  }
  return out;
}

/// Spins a little, then naps, until a reply waits, the port ends or the time is over.
bool wait(PortHandle& handle, std::int64_t wait_ns) {
  gateway_port* port = handle.open();
  if (!handle.waiting.empty()) return true;
  const nb::gil_scoped_release release;
  const std::int64_t begin = gateway_port_now_ns();
  for (;;) {
    gateway_port_reply reply;
    if (gateway_port_next(port, &reply)) {
      handle.waiting.push_back(reply);
      return true;
    }
    const std::int64_t passed = gateway_port_now_ns() - begin;
    if (passed >= wait_ns) return false;
    if (passed < kSpin_ns) continue;
    if (!gateway_port_is_served(port)) return false;
    const timespec nap{0, kNap_ns};
    nanosleep(&nap, nullptr);
  }
}

/// One ping through the engine and back in ns, -1 = no answer in time. Spins.
std::int64_t round_trip(PortHandle& handle, std::int64_t wait_ns) {
  gateway_port* port = handle.open();
  const nb::gil_scoped_release release;
  const std::int64_t begin = gateway_port_now_ns();
  const std::uint64_t request = gateway_port_ping(port);
  if (request == 0) return -1;
  gateway_port_reply reply;
  for (;;) {
    if (!gateway_port_next(port, &reply)) {
      if (gateway_port_now_ns() - begin > wait_ns) return -1;
      continue;
    }
    if (reply.kind == GATEWAY_PORT_PONG && reply.request == request) {
      return gateway_port_now_ns() - begin;
    }
    handle.waiting.push_back(reply);
  }
}

}  // namespace

void bind_port_client(nb::module_& module) {
  module.attr("LAYOUT_VERSION") = GATEWAY_PORT_LAYOUT_VERSION;
  nb::class_<PortHandle>(module, "Port")
      .def(nb::new_(&connect), "path"_a, "key"_a, "cancels_on_disconnect"_a = false)
      .def_prop_ro("number", [](PortHandle& handle) { return handle.port.welcome.port; })
      .def_prop_ro("end", [](PortHandle& handle) { return gateway_port_end(handle.open()); })
      .def_prop_ro("is_served",
                   [](PortHandle& handle) { return gateway_port_is_served(handle.open()) != 0; })
      .def("find", &find, "kind"_a, "name"_a)
      .def("submit", &submit, "client_order_id"_a, "instrument"_a, "account"_a, "strategy"_a,
           "side"_a, "type"_a, "time_in_force"_a, "quantity"_a, "price"_a, "trigger_price"_a,
           "expires_ns"_a, "leg"_a, "flags"_a, "price_scale"_a, "quantity_scale"_a)
      .def("replace", &replace, "order_id"_a, "client_order_id"_a.none(), "quantity"_a, "price"_a,
           "price_scale"_a, "quantity_scale"_a)
      .def(
          "cancel",
          [](PortHandle& handle, std::uint64_t order_id) {
            return gateway_port_cancel_order(handle.open(), order_id);
          },
          "order_id"_a)
      .def("mass_cancel", &mass_cancel, "account"_a = 0, "strategy"_a = 0, "instrument"_a = 0,
           "venue"_a = 0)
      .def("query", &query, "order_id"_a = 0, "client_order_id"_a.none() = nb::none())
      .def("query_all", [](PortHandle& handle) { return gateway_port_query_all(handle.open()); })
      .def("ping", [](PortHandle& handle) { return gateway_port_ping(handle.open()); })
      .def("take", &take, "limit"_a = 1024)
      .def("wait", &wait, "wait_ns"_a)
      .def("round_trip", &round_trip, "wait_ns"_a)
      .def("take_gap", [](PortHandle& handle) { return gateway_port_take_gap(handle.open()) != 0; })
      .def("close", &PortHandle::close);
}

}  // namespace gateway
