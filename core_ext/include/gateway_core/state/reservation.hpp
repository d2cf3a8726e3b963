// What an order holds at the gate, and how a change of state moves it. Inline: every record of an
// order ends here. Writes rows only; the caller is between begin_write and end_write.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gateway_core/order/order_table.hpp"
#include "gateway_core/state/route.hpp"

namespace gateway {

/// Reserves what is open of the order and of a pending replace; written into it, the difference is
/// returned for its route.
[[nodiscard]] inline RouteChange reserve(Order& order, const InstrumentRow& row) noexcept {
  // An ended order still holds what the venue executed and has not told us fill by fill.
  const std::int64_t open = is_open(static_cast<OrderState>(order.state))
                                ? leaves(order)
                                : order.told_cumulative - order.cumulative;
  std::int64_t quantity = std::max<std::int64_t>(open, 0);
  std::int64_t amount = quantity == 0 ? 0 : row.amount_e4(order.gate_price, quantity);
  if (order.pending_quantity != 0) [[unlikely]] {
    const std::int64_t wanted =
        std::max<std::int64_t>(order.pending_quantity - order.cumulative, 0);
    amount = std::max(amount, row.amount_e4(order.pending_gate_price, wanted));
    quantity = std::max(quantity, wanted);
  }
  if (order.link.is_waiting()) [[unlikely]]
    quantity = amount = 0;  // judged when its link lets it go
  const RouteChange change{.working = quantity - order.reserved_quantity,
                           .working_e4 = amount - order.reserved_notional_e4};
  put(order.reserved_quantity, quantity);
  put(order.reserved_notional_e4, amount);
  return change;
}

/// Brings the order to `next`: its reservation, its place among the open ones and own prices.
[[nodiscard]] inline RouteChange settle(OrderTable& orders, OwnQuotes& own, std::uint32_t slot,
                                        OrderState next, const InstrumentRow& row) noexcept {
  Order& order = orders.at(slot);
  const auto was = static_cast<OrderState>(order.state);
  put(order.state, static_cast<std::uint8_t>(next));
  const int opened = static_cast<int>(is_open(next)) - static_cast<int>(is_open(was));
  if (opened < 0) {
    put(order.overlay, 0);
    put(order.pending_quantity, 0);
    put(order.pending_price, 0);
    put(order.pending_gate_price, 0);
  }
  RouteChange change = reserve(order, row);
  change.open_orders = opened;
  if (opened < 0) {
    orders.retire(slot);
    own.unlink(order, slot);
  }
  if (opened > 0) {
    orders.reopen(slot);
    own.link(order, slot);
  }
  const bool is_unknown = next == OrderState::kUnknown;
  if (is_unknown != (was == OrderState::kUnknown)) [[unlikely]]
    orders.note_unknown(slot, is_unknown);
  if (was == OrderState::kUntriggered && can_rest(order)) own.tell(order, order.price);
  if (next == OrderState::kUntriggered) own.doubt(order);
  return change;
}

}  // namespace gateway
