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
/// The order `id`, found in `slot`; None when it could not be read or is not there any more.
[[nodiscard]] nanobind::object order_row_at(const State& state, std::uint32_t slot, OrderId id);
[[nodiscard]] nanobind::list position_rows(const State& state, std::int64_t now_ns);
/// (instrument, price that positions are valued at, time_ns) of every instrument that has one.
[[nodiscard]] nanobind::list mark_rows(const State& state);
[[nodiscard]] nanobind::list balance_rows(const State& state);
/// Runs a short copy where nobody writes: between two turns of a live engine, at once in a
/// follower.
using Between = std::function<void(const std::function<void()>&)>;
[[nodiscard]] nanobind::list limit_rows(const State& state, const Between& between);
[[nodiscard]] nanobind::list trading_state_rows(const State& state, const Between& between);
/// kind: currency | venue | instrument | account | strategy | principal. ValueError otherwise.
[[nodiscard]] nanobind::list registry_rows(const State& state, const std::string& kind,
                                           const Between& between);
[[nodiscard]] const char* level_name(int level) noexcept;
[[nodiscard]] std::string entity_name(const Registry& registry, int level, std::uint32_t id);

}  // namespace gateway
