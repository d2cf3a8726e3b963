// What must hold of each row of a snapshot before it becomes state: every id known, every word of a
// vocabulary, every number inside the range that the arithmetic relies on. The checksum in front of
// a snapshot says that it is what somebody wrote, not that it is a state. Cold; changes nothing.
#pragma once

#include <cstdint>

#include "gateway_core/order/order.hpp"
#include "gateway_core/state/fill_memory.hpp"
#include "gateway_core/state/registry.hpp"
#include "gateway_core/state/state.hpp"

namespace gateway {

/// Sizes that a configuration may ask for (config/settings.py) and memory is taken for.
[[nodiscard]] bool is_sound(const Capacity& capacity) noexcept;

[[nodiscard]] bool is_sound(const CurrencyDefined& row, const Registry& registry) noexcept;
[[nodiscard]] bool is_sound(const VenueDefined& row, const Registry& registry) noexcept;
[[nodiscard]] bool is_sound(const InstrumentDefined& row, const Registry& registry) noexcept;
[[nodiscard]] bool is_sound(const AccountDefined& row, const Registry& registry) noexcept;
[[nodiscard]] bool is_sound(const StrategyDefined& row, const Registry& registry) noexcept;
[[nodiscard]] bool is_sound(const PrincipalDefined& row, const Registry& registry) noexcept;
[[nodiscard]] bool is_sound(const LimitFields& limits) noexcept;

/// Guards and what was told, within what the doors let pass.
[[nodiscard]] bool is_sound(const GuardFields& fields, const Measures& told) noexcept;
[[nodiscard]] bool is_sound(const Order& order, const Registry& registry) noexcept;
[[nodiscard]] bool is_sound(const PositionBook& book) noexcept;
[[nodiscard]] bool is_sound(const Collateral& row, const Registry& registry) noexcept;
/// `ordinal` is the fill's own: what it follows came before it.
[[nodiscard]] bool is_sound(const FillEntry& fill, std::uint64_t ordinal,
                            const Registry& registry) noexcept;
/// Whether a route may be made of these names.
[[nodiscard]] bool is_sound_route(AccountId account, InstrumentId instrument, StrategyId strategy,
                                  std::uint32_t leg, std::uint32_t margin_mode,
                                  const Registry& registry) noexcept;

/// Adds what a restored order holds, or a restored position is, to every measure of its route.
/// False: a sum leaves its range.
[[nodiscard]] bool add_restored(Route& route, const Order& order) noexcept;
[[nodiscard]] bool add_restored(Route& route, const PositionBook& book,
                                std::int64_t notional_e4) noexcept;

}  // namespace gateway
