// Rows as Python sees them: dictionaries with decimal text, the same keys live and in a follower.
#pragma once

#include <nanobind/nanobind.h>

#include <functional>

#include "gateway_core/state/state.hpp"

namespace gateway {

[[nodiscard]] nanobind::dict order_row(const State& state, const Order& order);
/// (client_order_id, quantity, price) of the pending replace, None without one.
[[nodiscard]] nanobind::object pending_replace_at(const State& state, std::uint32_t slot,
                                                  OrderId id);
[[nodiscard]] nanobind::list order_rows(const State& state, bool open_only, std::size_t limit);
/// What a page of orders looks at: `slots_max` slots from `start` on, and nothing else.
struct OrderPage {
  std::uint32_t start;
  std::uint32_t slots_max;
  bool is_open_only;
  bool is_unknown_only;
  AccountId account;  // 0 = all
};
/// (rows, where the next page starts; 0 = this was the last). An order that stays open from before
/// the first page to after the last one is in exactly one of them.
[[nodiscard]] nanobind::tuple order_page(const State& state, const OrderPage& page);
/// (open, unknown, where to go on; 0 = all counted) of as many slots. Any thread, no interpreter.
struct OrderCount {
  std::uint32_t open = 0;
  std::uint32_t unknown = 0;
  std::uint32_t next = 0;
};
[[nodiscard]] OrderCount count_orders(const State& state, std::uint32_t start,
                                      std::uint32_t slots_max) noexcept;
/// (ids of the orders in so many slots, where to go on; 0 = done). Makes no rows.
[[nodiscard]] nanobind::object order_ids(const State& state, std::uint32_t start,
                                         std::uint32_t slots_max, bool open_only);
/// The order `id`, found in `slot`; None when it could not be read or is not there any more.
[[nodiscard]] nanobind::object order_row_at(const State& state, std::uint32_t slot, OrderId id);
/// Of whole copies.
[[nodiscard]] nanobind::dict position_row(const State& state, const Position& position,
                                          std::int64_t now_ns);
[[nodiscard]] nanobind::dict balance_row(const State& state, const Balance& balance);
[[nodiscard]] nanobind::list position_rows(const State& state, std::int64_t now_ns);
/// `places_max` places of the position table from `start` on; account, instrument 0 = of all.
struct PositionPage {
  std::uint32_t start = 0;
  std::uint32_t places_max = 0xFFFFFFFF;
  AccountId account = 0;
  InstrumentId instrument = 0;
};
/// (rows, where the next page starts; 0 = this was the last).
[[nodiscard]] nanobind::tuple position_page(const State& state, std::int64_t now_ns,
                                            const PositionPage& page);
/// (instrument, price that positions are valued at, time_ns) of every instrument that has one.
[[nodiscard]] nanobind::list mark_rows(const State& state);
[[nodiscard]] nanobind::list balance_rows(const State& state);
[[nodiscard]] nanobind::list fix_session_rows(const State& state);
/// Runs a short copy where nobody writes: between two turns of a live engine, at once in a
/// follower.
using Between = std::function<void(const std::function<void()>&)>;
[[nodiscard]] nanobind::list limit_rows(const State& state, const Between& between);
[[nodiscard]] nanobind::list trading_state_rows(const State& state, const Between& between);
/// kind: currency | venue | instrument | account | strategy | principal. ValueError otherwise.
[[nodiscard]] nanobind::list registry_rows(const State& state, const std::string& kind,
                                           const Between& between);
[[nodiscard]] std::string strategy_name(const Registry& registry, StrategyId id);
/// "" for what the registry does not know.
[[nodiscard]] std::string venue_name(const Registry& registry, VenueId id);
[[nodiscard]] std::string order_type_name(OrderType type);
[[nodiscard]] const char* level_name(int level) noexcept;
[[nodiscard]] std::string entity_name(const Registry& registry, int level, std::uint32_t id);

}  // namespace gateway
