// The matching engine for Python: integers in, tuples out. Its door is gateway/matching.py.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <limits>
#include <stdexcept>

#include "bind.hpp"
#include "gateway_core/book/fees.hpp"
#include "gateway_core/book/matching.hpp"
#include "gateway_core/types/decimal_text.hpp"

namespace nb = nanobind;

namespace gateway {
namespace {

using Engine = MatchingEngine<>;

/// Interned once, so that an event costs no text. Lives as long as the interpreter.
template <std::size_t N>
std::array<PyObject*, N> intern_all(const std::string_view (&names)[N]) {
  std::array<PyObject*, N> words{};
  for (std::size_t i = 0; i < N; ++i) {
    words[i] = PyUnicode_InternFromString(names[i].data());
    if (words[i] == nullptr) throw nb::python_error();
  }
  return words;
}

template <typename Enum, std::size_t N>
nb::handle word(const std::array<PyObject*, N>& words, Enum value) {
  return nb::handle(words[static_cast<std::size_t>(value)]);
}

nb::list to_python(const Engine::Events& events) {
  static const auto kinds = intern_all(kMatchKindNames);
  static const auto reasons = intern_all(kMatchReasonNames);
  nb::list rows;
  for (const MatchEvent& event : events) {
    rows.append(nb::make_tuple(word(kinds, event.kind), event.order_id, event.price, event.quantity,
                               event.leaves, event.contra_order_id, event.is_maker,
                               word(reasons, event.reason)));
  }
  return rows;
}

Engine* make_engine(Engine* place, std::int64_t tick, std::int64_t lot, std::int64_t orders_max) {
  if (tick <= 0) throw nb::value_error("tick must be positive");
  if (lot <= 0) throw nb::value_error("lot must be positive");
  if (orders_max <= 0 || orders_max > (std::int64_t{1} << 24)) {
    throw nb::value_error("orders_max must be 1 to 16777216");
  }
  return new (place) Engine(tick, lot, static_cast<std::size_t>(orders_max));
}

Side side_of(int side) {
  if (side != 1 && side != 2) throw nb::value_error("side must be 1 (buy) or 2 (sell)");
  return static_cast<Side>(side);
}

void check_market(std::int64_t price, std::int64_t quantity, std::int64_t quantity_min) {
  if (price <= 0 || price > kBookNumberMax) throw nb::value_error("market price out of range");
  if (quantity < quantity_min || quantity > kBookNumberMax) {
    throw nb::value_error("market quantity out of range");
  }
}

nb::list submit(Engine& engine, OrderId order_id, AccountId account, std::uint8_t side,
                std::uint8_t type, std::uint8_t time_in_force, std::int64_t quantity,
                std::int64_t price, std::int64_t trigger_price, std::int64_t expires_ns,
                std::uint8_t flags, std::int64_t now_ns) {
  return to_python(engine.submit({.order_id = order_id,
                                  .account = account,
                                  .side = static_cast<Side>(side),
                                  .type = static_cast<OrderType>(type),
                                  .time_in_force = static_cast<TimeInForce>(time_in_force),
                                  .flags = flags,
                                  .quantity = quantity,
                                  .price = price,
                                  .trigger_price = trigger_price,
                                  .expires_ns = expires_ns},
                                 now_ns));
}

nb::list open_orders(const Engine& engine) {
  nb::list rows;
  engine.visit_open([&](const BookOrder& order, std::int64_t queue_ahead) {
    rows.append(nb::make_tuple(order.order_id, order.account, static_cast<int>(order.side),
                               static_cast<int>(order.type), static_cast<int>(order.time_in_force),
                               order.price, order.trigger_price, order.quantity, order.leaves,
                               queue_ahead, order.expires_ns,
                               order.state == BookOrderState::kUntriggered, order.is_post_only()));
  });
  return rows;
}

Int128 read_e18(std::string_view text, const char* name) {
  const ParsedDecimal parsed = parse_decimal(text, kMoneyScale);
  if (parsed.fault == DecimalFault::kNone) return parsed.mantissa;
  throw nb::value_error((std::string(name) +
                         " is no decimal text of at most 18 decimals in range: " +
                         std::string(text.substr(0, kDecimalTextMax)))
                            .c_str());
}

std::string fee(std::string_view value, std::string_view rate) {
  const Int128 value_e18 = read_e18(value, "value");
  const Int128 rate_e18 = read_e18(rate, "rate");
  if (magnitude(rate_e18) > std::numeric_limits<std::int64_t>::max()) {
    throw nb::value_error("rate is beyond 9.22");
  }
  const auto paid = fee_of(Money{value_e18}, static_cast<std::int64_t>(rate_e18));
  if (!paid) throw nb::value_error("fee does not fit the exact integer range");
  return format_decimal(paid->e18, kMoneyScale);
}

}  // namespace

void bind_matching(nb::module_& module) {
  using namespace nb::literals;
  nb::class_<Engine>(module, "MatchingEngine")
      .def(
          "__init__",
          [](Engine* place, std::int64_t tick, std::int64_t lot, std::int64_t orders_max) {
            make_engine(place, tick, lot, orders_max);
          },
          "tick"_a, "lot"_a, "orders_max"_a = 65536)
      .def("submit", &submit, "order_id"_a, "account"_a, "side"_a, "type"_a, "time_in_force"_a,
           "quantity"_a, "price"_a = 0, "trigger_price"_a = 0, "expires_ns"_a = 0, "flags"_a = 0,
           "now_ns"_a = 0)
      .def(
          "cancel", [](Engine& engine, OrderId id) { return to_python(engine.cancel(id)); },
          "order_id"_a)
      .def(
          "replace",
          [](Engine& engine, OrderId id, std::int64_t price, std::int64_t quantity,
             std::int64_t trigger_price) {
            return to_python(engine.replace(id, price, quantity, trigger_price));
          },
          "order_id"_a, "price"_a = 0, "quantity"_a = 0, "trigger_price"_a = 0)
      .def(
          "advance",
          [](Engine& engine, std::int64_t now) { return to_python(engine.advance(now)); },
          "now_ns"_a)
      .def("end_day", [](Engine& engine) { return to_python(engine.end_day()); })
      .def(
          "set_market_level",
          [](Engine& engine, int side, std::int64_t price, std::int64_t quantity) {
            check_market(price, quantity, 0);
            engine.set_market_level(side_of(side), price, quantity);
          },
          "side"_a, "price"_a, "quantity"_a)
      .def("clear_market", [](Engine& engine) { engine.clear_market(); })
      .def(
          "market_trade",
          [](Engine& engine, std::int64_t price, std::int64_t quantity, int aggressor_side) {
            check_market(price, quantity, 1);
            return to_python(engine.market_trade(price, quantity, side_of(aggressor_side)));
          },
          "price"_a, "quantity"_a, "aggressor_side"_a)
      .def(
          "depth",
          [](const Engine& engine, std::size_t levels) {
            return nb::make_tuple(engine.depth(Side::kBuy, levels),
                                  engine.depth(Side::kSell, levels));
          },
          "levels"_a)
      .def("best_bid", [](const Engine& engine) { return engine.best_price(Side::kBuy); })
      .def("best_ask", [](const Engine& engine) { return engine.best_price(Side::kSell); })
      .def("last_price", [](const Engine& engine) { return engine.last_price(); })
      .def("open_orders", &open_orders)
      .def("check", [](const Engine& engine) { return engine.check(); });
  module.def("fee", &fee, "value"_a, "rate"_a);
}

}  // namespace gateway
