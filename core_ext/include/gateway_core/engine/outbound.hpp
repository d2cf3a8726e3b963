// What goes to an adapter about one order: built in one place, so that new, cancel and replace
// agree.
#pragma once

#include "gateway_core/order/order.hpp"
#include "gateway_core/port/messages.hpp"

namespace gateway {

/// The order as it stands, without trigger and expiry: the caller adds what its message needs.
[[nodiscard]] inline OutboundEntry outbound_of(const Order& order, RecordKind kind,
                                               std::uint32_t epoch, Sequence sequence) noexcept {
  return {.kind = static_cast<std::uint16_t>(kind),
          .flags = order.flags,
          .leg = order.leg,
          .epoch = epoch,
          .sequence = sequence,
          .order_id = order.order_id,
          .instrument = order.instrument,
          .account = order.account,
          .strategy = order.strategy,
          .type = order.type,
          .side = order.side,
          .time_in_force = order.time_in_force,
          .reserved_byte = 0,
          .price = order.price,
          .quantity = order.quantity - crossed(order),
          .trigger_price = 0,
          .display_quantity = 0,
          .expires_ns = 0,
          .venue_order_id = order.venue_order_id,
          .reserved = 0};
}

}  // namespace gateway
