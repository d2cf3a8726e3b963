// One order slot: seven cache lines, what `apply` writes and readers copy. Money and quantities
// exact. Only the engine (or a replica) writes, always between begin_write and end_write of
// `version`.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "gateway_core/memory/relaxed.hpp"
#include "gateway_core/order/order_state.hpp"
#include "gateway_core/record/kinds.hpp"
#include "gateway_core/types/link.hpp"

namespace gateway {

struct alignas(64) Order {
  // Line 0: six words as they stand in the OrderNew record, and what every event touches.
  Version version = 0;
  OrderId order_id = 0;
  std::uint64_t client_number = 0;
  std::int64_t price = 0;
  std::int64_t quantity = 0;
  InstrumentId instrument = 0;
  AccountId account = 0;
  StrategyId strategy = 0;
  OrderType type = OrderType::kLimit;
  Side side = Side::kBuy;
  TimeInForce time_in_force = TimeInForce::kGtc;
  std::uint8_t flags = 0;
  std::int64_t cumulative = 0;
  // Line 1.
  PrincipalId principal = 0;
  std::uint8_t state = 0;    // OrderState
  std::uint8_t overlay = 0;  // pending cancel / replace bits (order_state.hpp)
  std::uint8_t leg = 0;
  std::uint8_t margin_mode = 0;
  std::uint32_t route = 0;
  std::uint32_t origin_port = 0;
  std::int64_t gate_price = 0;            // what the gate counts the order at (gate_price_of)
  std::int64_t reserved_quantity = 0;     // what the gate holds for the working rest
  std::int64_t reserved_notional_e4 = 0;  // its amount
  std::int64_t created_ns = 0;
  std::int64_t updated_ns = 0;
  Sequence sequence = 0;  // last record that touched it
  // Line 2.
  Int128 value_e18 = 0;  // sum of fill values
  std::uint64_t venue_sequence = 0;
  std::int64_t venue_time_ns = 0;
  std::uint32_t reason = 0;         // FactReason
  std::uint32_t next = 0;           // open or age list, slot + 1
  std::uint32_t previous = 0;       // open or age list, slot + 1
  std::uint32_t id_next = 0;        // chains of the three indexes, slot + 1
  std::uint32_t number_next = 0;    // of the client number
  std::uint32_t venue_id_next = 0;  // of the venue's id
  std::uint64_t venue_id_hash = 0;  // where the venue's id is found, 0 = it is not
  // Line 3: what a repeated client id is compared with, conditions, and a pending replace.
  std::int64_t original_price = 0;
  std::int64_t original_quantity = 0;
  std::int64_t trigger_price = 0;
  std::int64_t display_quantity = 0;  // of an order with cross_ms: what was crossed
  std::int64_t expires_ns = 0;
  std::int64_t pending_price = 0;
  std::int64_t pending_quantity = 0;
  std::uint64_t pending_client_number = 0;
  // Line 4.
  VenueOrderId venue_order_id;
  std::int64_t told_cumulative = 0;  // executed by the venue's account when it ended the order
  std::int64_t pending_gate_price = 0;
  std::uint16_t is_renamed = 0;  // the client number in force came with a replace
  std::uint16_t cross_ms = 0;    // kept so long to be crossed (cross.hpp), 0 = not
  OrderLink link;                // zero = it stands alone
  // Lines 5 and 6.
  ClientId client_id;
  ClientId pending_client_id;
};
static_assert(sizeof(Order) == 448 && std::is_trivially_copyable_v<Order>);
static_assert(std::has_unique_object_representations_v<Order>);

/// What the gate counts one unit at: a sell limit fills at its price or better, and the market is
/// where better prices are, so the higher of the two.
[[nodiscard]] constexpr std::int64_t gate_price_of(Side side, std::int64_t price,
                                                   std::int64_t reference_price) noexcept {
  // Selected by a mask: a branch on side and price would be mispredicted every other time.
  const std::int64_t mask = -static_cast<std::int64_t>(side == Side::kSell);
  return std::max(price, price ^ ((price ^ reference_price) & mask));
}

[[nodiscard]] inline std::int64_t leaves(const Order& order) noexcept {
  return order.quantity - order.cumulative;
}

/// Whether the gateway itself waits for the order's trigger: the venue has never named it.
[[nodiscard]] inline bool is_held_for_trigger(const Order& order) noexcept {
  return (order.flags & kEmulate) != 0 && order.venue_order_id.empty() &&
         !order.link.is_waiting() &&
         static_cast<OrderState>(order.state) == OrderState::kUntriggered;
}
/// Whether the gateway keeps the order to be crossed: the venue has never named it.
[[nodiscard]] inline bool is_kept_to_cross(const Order& order) noexcept {
  return order.cross_ms != 0 && order.venue_order_id.empty() &&
         static_cast<OrderState>(order.state) == OrderState::kUntriggered;
}
/// What of the order was crossed here. The venue counts without it.
[[nodiscard]] inline std::int64_t crossed(const Order& order) noexcept {
  return order.cross_ms != 0 ? order.display_quantity : 0;
}
/// What of the order its venue shows to others, 0 = all of it.
[[nodiscard]] inline std::int64_t displayed(const Order& order) noexcept {
  return order.cross_ms != 0 ? 0 : order.display_quantity;
}
/// Whether an acceptance tells that the venue's trigger fired: it names neither id nor reason.
[[nodiscard]] inline bool is_trigger_told(const Order& order, const OrderFact& fact) noexcept {
  return static_cast<OrderState>(order.state) == OrderState::kUntriggered &&
         static_cast<FactReason>(fact.reason) == FactReason::kNone && fact.venue_order_id.empty();
}

}  // namespace gateway
