// The matching engine for Python: integers in, tuples out. Its door is gateway/matching.py.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

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

template <typename Enum, std::size_t N>
Enum enum_of(int value, const std::string_view (&)[N], const char* what) {
  if (value < 0 || value >= static_cast<int>(N)) throw nb::value_error(what);
  return static_cast<Enum>(value);
}

void make_engine(Engine* place, std::int64_t tick, std::int64_t lot, std::int64_t orders_max,
                 int allocation, int remainder, std::int64_t allocation_min, int self_trade,
                 int self_trade_scope, std::int64_t display_variance_percent,
                 std::uint64_t display_seed) {
  if (tick <= 0 || tick > kBookNumberMax) throw nb::value_error("tick must be positive");
  if (lot <= 0 || lot > kBookNumberMax) throw nb::value_error("lot must be positive");
  if (orders_max <= 0 || orders_max > (std::int64_t{1} << 24)) {
    throw nb::value_error("orders_max must be 1 to 16777216");
  }
  if (allocation_min < 0) throw nb::value_error("allocation_min must not be negative");
  if (display_variance_percent < 0 || display_variance_percent > 99) {
    throw nb::value_error("display_variance_percent must be 0 to 99");
  }
  MatchingRules rules;
  rules.tick = tick;
  rules.lot = lot;
  rules.orders_max = static_cast<std::size_t>(orders_max);
  rules.allocation = enum_of<Allocation>(allocation, kAllocationNames, "unknown allocation");
  rules.remainder = enum_of<Remainder>(remainder, kRemainderNames, "unknown remainder");
  rules.allocation_min = allocation_min;
  rules.self_trade = enum_of<SelfTrade>(self_trade, kSelfTradeNames, "unknown self_trade");
  rules.self_trade_scope =
      enum_of<SelfTradeScope>(self_trade_scope, kSelfTradeScopeNames, "unknown self_trade_scope");
  rules.display_variance_percent = display_variance_percent;
  rules.display_seed = display_seed;
  new (place) Engine(rules);
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
                std::uint8_t flags, std::int64_t now_ns, std::int64_t display_quantity,
                std::uint32_t group, std::uint32_t firm) {
  return to_python(engine.submit({.order_id = order_id,
                                  .account = account,
                                  .group = group,
                                  .firm = firm,
                                  .side = static_cast<Side>(side),
                                  .type = static_cast<OrderType>(type),
                                  .time_in_force = static_cast<TimeInForce>(time_in_force),
                                  .flags = flags,
                                  .quantity = quantity,
                                  .price = price,
                                  .trigger_price = trigger_price,
                                  .expires_ns = expires_ns,
                                  .display_quantity = display_quantity},
                                 now_ns));
}

nb::list open_orders(const Engine& engine) {
  nb::list rows;
  engine.visit_open([&](const BookOrder& order, std::int64_t queue_ahead) {
    rows.append(nb::make_tuple(
        order.order_id, order.account, static_cast<int>(order.side), static_cast<int>(order.type),
        static_cast<int>(order.time_in_force), order.price, order.trigger_price, order.quantity,
        order.leaves, queue_ahead, order.expires_ns, order.state == BookOrderState::kUntriggered,
        order.is_post_only(), order.display_quantity, order.shown));
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

std::int64_t read_rate(std::string_view text) {
  const Int128 rate = read_e18(text, "rate");
  if (magnitude(rate) > std::numeric_limits<std::int64_t>::max()) {
    throw nb::value_error("rate is beyond 9.22");
  }
  return static_cast<std::int64_t>(rate);
}

std::string fee_text(std::string_view value, std::int64_t rate_e18) {
  const auto paid = fee_of(Money{read_e18(value, "value")}, rate_e18);
  if (!paid) throw nb::value_error("fee does not fit the exact integer range");
  return format_decimal(paid->e18, kMoneyScale);
}

std::string fee(std::string_view value, std::string_view rate) {
  return fee_text(value, read_rate(rate));
}

using TierText = std::tuple<std::string, std::string, std::string>;

void make_tiers(FeeTiers* place, const std::vector<TierText>& texts) {
  std::vector<FeeTier> tiers;
  for (const auto& [volume_min, maker, taker] : texts) {
    tiers.push_back(
        {Money{read_e18(volume_min, "volume_min")}, {read_rate(maker), read_rate(taker)}});
  }
  if (!FeeTiers::are_ordered(tiers)) {
    throw nb::value_error("fee tiers must begin at volume 0 and rise");
  }
  new (place) FeeTiers(std::move(tiers));
}

void bind_fees(nb::module_& module) {
  using namespace nb::literals;
  module.def("fee", &fee, "value"_a, "rate"_a);
  nb::class_<FeeTiers>(module, "FeeTiers")
      .def("__init__", &make_tiers, "tiers"_a)
      .def(
          "tier",
          [](const FeeTiers& tiers, std::string_view volume) {
            return tiers.tier(Money{read_e18(volume, "volume")});
          },
          "volume"_a)
      .def(
          "fee",
          [](const FeeTiers& tiers, std::string_view value, bool is_maker,
             std::string_view volume) {
            const Money traded{read_e18(volume, "volume")};
            return fee_text(value, tiers.rates(traded).rate(is_maker));
          },
          "value"_a, "is_maker"_a, "volume"_a);
}

}  // namespace

void bind_matching(nb::module_& module) {
  using namespace nb::literals;
  nb::class_<Engine>(module, "MatchingEngine")
      .def("__init__", &make_engine, "tick"_a, "lot"_a, "orders_max"_a = 65536, "allocation"_a = 0,
           "remainder"_a = 0, "allocation_min"_a = 0, "self_trade"_a = 0, "self_trade_scope"_a = 0,
           "display_variance_percent"_a = 0, "display_seed"_a = 0)
      .def("submit", &submit, "order_id"_a, "account"_a, "side"_a, "type"_a, "time_in_force"_a,
           "quantity"_a, "price"_a = 0, "trigger_price"_a = 0, "expires_ns"_a = 0, "flags"_a = 0,
           "now_ns"_a = 0, "display_quantity"_a = 0, "group"_a = 0, "firm"_a = 0)
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
  bind_fees(module);
}

}  // namespace gateway
