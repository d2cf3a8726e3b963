// `apply` for orders: slots, names, reservations and states. Fills are in state_fills.cpp.
#include <algorithm>
#include <cstddef>

#include "gateway_core/state/reservation.hpp"
#include "gateway_core/state/state.hpp"

namespace gateway {
namespace {

void move_overlay(Order& order, Overlay overlay, PendingEvent event) noexcept {
  std::uint8_t bits = order.overlay;
  if (apply_pending(bits, overlay, event) != Verdict::kLegal) return;
  put(order.overlay, bits);
}

/// Every field of a slot that was used before, each by one store; texts only where there is one.
void put_new(Order& order, const RecordHeader& header, const std::uint8_t* record,
             std::uint32_t route) noexcept {
  const auto& made = payload<OrderNew>(record);
  // The first six words of the record stand in the slot as they are.
  static_assert(offsetof(Order, order_id) == 8 && offsetof(Order, flags) == 55 &&
                offsetof(OrderNew, order_id) == 0 && offsetof(OrderNew, flags) == 47);
  const auto* from = reinterpret_cast<const std::uint64_t*>(&made);
  auto* to = reinterpret_cast<std::uint64_t*>(&order) + 1;
#pragma GCC unroll 6
  for (int i = 0; i < 6; ++i) __atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
  put(order.cumulative, 0);
  put(order.principal, header.actor);
  put(order.overlay, 0);
  put(order.leg, made.leg);
  put(order.margin_mode, made.margin_mode);
  put(order.route, route);
  put(order.origin_port, header.origin_port);
  put(order.gate_price, gate_price_of(made.side, made.price, made.reference_price));
  put(order.created_ns, header.time_ns);
  put(order.updated_ns, header.time_ns);
  put(order.sequence, header.sequence);
  put(order.value_e18, Int128{0});
  put(order.venue_sequence, 0);
  put(order.venue_time_ns, 0);
  put(order.reason, 0);
  put(order.original_price, made.price);
  put(order.original_quantity, made.quantity);
  const OrderConditions* conditions = conditions_of(record, made.flags);
  put(order.trigger_price, conditions == nullptr ? 0 : conditions->trigger_price);
  put(order.display_quantity, conditions == nullptr ? 0 : conditions->display_quantity);
  put(order.expires_ns, conditions == nullptr ? 0 : conditions->expires_ns);
  put(order.cross_ms, static_cast<std::uint16_t>(conditions == nullptr ? 0 : conditions->cross_ms));
  const OrderLink link = conditions == nullptr ? OrderLink{} : conditions->link;
  put(order.link, link);
  put(order.state, static_cast<std::uint8_t>(link.is_waiting() ? OrderState::kUntriggered
                                                               : OrderState::kPendingNew));
  put(order.pending_price, 0);
  put(order.pending_quantity, 0);
  put(order.pending_client_number, 0);
  put(order.pending_gate_price, 0);
  put(order.told_cumulative, 0);
  put(order.is_renamed, 0);
  if (!order.venue_order_id.empty()) put_all(order.venue_order_id, VenueOrderId{});
  if (const ClientId* client_id = client_id_of(record, made.flags); client_id != nullptr) {
    put_all(order.client_id, *client_id);
  } else if (!order.client_id.empty()) {
    put_all(order.client_id, ClientId{});
  }
  if (!order.pending_client_id.empty()) put_all(order.pending_client_id, ClientId{});
}

/// What a new order holds at the gate: all of it; nothing while its link holds it back.
void reserve_new(Order& order, Route& route, std::int64_t amount_e4) noexcept {
  if (order.link.is_waiting()) [[unlikely]] {
    route.change(order.side, {.open_orders = 1});
    put(order.reserved_quantity, 0);
    put(order.reserved_notional_e4, 0);
    return;
  }
  route.change(order.side, {.working = order.quantity, .working_e4 = amount_e4, .open_orders = 1});
  put(order.reserved_quantity, order.quantity);
  put(order.reserved_notional_e4, amount_e4);
}

}  // namespace

std::uint32_t State::take_slot(OrderId id) noexcept {
  const std::uint32_t victim = orders.next_victim();
  if (victim != kNoSlot) {
    Order& old = orders.at(victim);
    if (old.pending_client_number != 0) {
      names.end_pending(old.principal, old.pending_client_number);
    }
    if (old.reserved_quantity != 0) {
      begin_write(old.version);
      put(old.told_cumulative, 0);
      reserve_again(old);
      end_write(old.version);
    }
  }
  return orders.take(id);
}

// Two steps ahead: what this call brings near is read by the next one, and used by the one after.
void State::prefetch_next(PrincipalId principal, std::uint64_t number, OrderId id) const noexcept {
  constexpr std::uint64_t kAhead = 2;
  orders.prefetch_id(id + kAhead);
  orders.prefetch_number(principal, number + kAhead);
  const std::uint32_t victim = orders.next_victim();
  if (victim == kNoSlot) return orders.prefetch_slot(orders.next_unused());
  const Order& old = orders.at(victim);
  orders.prefetch_id(old.order_id);
  orders.prefetch_number(old.principal, old.client_number);
  if (old.next != 0) orders.prefetch_slot(old.next - 1);
}

MarginMode State::margin_mode_of(AccountId account, InstrumentId instrument) const noexcept {
  const bool is_spot = registry.instruments.at(instrument).rules.kind == InstrumentKind::kSpot;
  return is_spot ? MarginMode::kCash
                 : static_cast<MarginMode>(registry.accounts.at(account).definition.margin_mode);
}

std::uint32_t State::route_of_order(AccountId account, InstrumentId instrument, Leg leg,
                                    StrategyId strategy) noexcept {
  return routes.find_or_make(account, instrument, leg, margin_mode_of(account, instrument),
                             strategy);
}

void State::reserve_again(Order& order) noexcept {
  Route& route = routes.at(order.route);
  route.change(order.side, reserve(order, *route.instrument_row));
}

bool State::apply_order_new(const RecordHeader& header, const std::uint8_t* record) noexcept {
  const auto& made = payload<OrderNew>(record);
  if (!registry.instruments.has(made.instrument) || !registry.accounts.has(made.account) ||
      !orders.has_room() || orders.find(made.order_id) != kNoSlot) {
    return false;
  }
  const std::uint32_t route_index =
      routes.find_or_make(made.account, made.instrument, static_cast<Leg>(made.leg),
                          static_cast<MarginMode>(made.margin_mode), made.strategy);
  if (route_index == RouteTable::kNone) return false;
  const std::int64_t amount_e4 =
      routes.at(route_index)
          .instrument_row->amount_e4(gate_price_of(made.side, made.price, made.reference_price),
                                     made.quantity);
  (void)make_order(header, record, {route_index, amount_e4});
  return true;
}

std::uint32_t State::make_order(const RecordHeader& header, const std::uint8_t* record,
                                const DecidedOrder& decided) noexcept {
  const auto& made = payload<OrderNew>(record);
  const std::uint32_t slot = take_slot(made.order_id);
  Order& order = orders.at(slot);
  begin_write(order.version);
  put_new(order, header, record, decided.route);
  reserve_new(order, routes.at(decided.route), decided.amount_e4);
  own.link(order, slot);
  end_write(order.version);
  if (made.client_number != 0) {
    orders.index_number(slot);
    names.use_number(header.actor, made.client_number);
  } else if (!order.client_id.empty()) {
    names.use_text(header.actor, order.client_id, made.order_id);
  }
  orders_made = split_order_id(made.order_id).sequence;
  return slot;
}

std::uint32_t State::apply_decided(const RecordHeader& header, const std::uint8_t* record,
                                   const DecidedOrder& decided) noexcept {
  last_time_ns = header.time_ns;
  ++counts[static_cast<int>(RecordKind::kOrderNew)];
  return make_order(header, record, decided);
}

bool State::apply_adopted(const RecordHeader& header, const OrderAdopted& adopted) noexcept {
  if (!registry.instruments.has(adopted.instrument) || !registry.accounts.has(adopted.account) ||
      !orders.has_room() || orders.find(adopted.order_id) != kNoSlot) {
    return false;
  }
  const std::uint32_t route_index = route_of_order(adopted.account, adopted.instrument,
                                                   static_cast<Leg>(adopted.leg), adopted.strategy);
  if (route_index == RouteTable::kNone) return false;
  const std::uint32_t slot = take_slot(adopted.order_id);
  Order& order = orders.at(slot);
  Order fresh;
  fresh.next = order.next;
  fresh.previous = order.previous;
  fresh.id_next = order.id_next;
  fresh.order_id = adopted.order_id;
  fresh.price = fresh.original_price = fresh.gate_price = adopted.price;
  fresh.quantity = fresh.original_quantity = adopted.quantity;
  fresh.cumulative = adopted.cumulative;
  fresh.state = static_cast<std::uint8_t>(adopted.cumulative > 0 ? OrderState::kPartiallyFilled
                                                                 : OrderState::kNew);
  fresh.side = adopted.side;
  fresh.type = adopted.type;
  fresh.time_in_force = adopted.time_in_force;
  fresh.flags = adopted.flags;
  fresh.leg = static_cast<std::uint8_t>(adopted.leg);
  fresh.margin_mode = static_cast<std::uint8_t>(routes.at(route_index).margin_mode);
  fresh.instrument = adopted.instrument;
  fresh.account = adopted.account;
  fresh.strategy = adopted.strategy;
  fresh.route = route_index;
  fresh.created_ns = fresh.updated_ns = header.time_ns;
  fresh.sequence = header.sequence;
  fresh.client_id = adopted.venue_client_id;
  begin_write(order.version);
  fresh.version = order.version;
  put_all(order, fresh);
  orders.name_venue_id(slot, adopted.venue_order_id);
  Route& route = routes.at(route_index);
  RouteChange change = reserve(order, *route.instrument_row);
  change.open_orders = 1;
  own.link(order, slot);
  route.change(order.side, change);
  end_write(order.version);
  const OrderIdParts parts = split_order_id(adopted.order_id);
  if (parts.epoch == epoch) orders_made = std::max<std::uint64_t>(orders_made, parts.sequence);
  return true;
}

bool State::apply_cancel_requested(const RecordHeader& header,
                                   const CancelRequested& cancel) noexcept {
  const std::uint32_t slot = orders.find(cancel.order_id);
  if (slot == kNoSlot) return false;
  Order& order = orders.at(slot);
  begin_write(order.version);
  move_overlay(order, Overlay::kCancel, PendingEvent::kRequested);
  put(order.updated_ns, header.time_ns);
  put(order.sequence, header.sequence);
  end_write(order.version);
  return true;
}

bool State::apply_replace_requested(const RecordHeader& header,
                                    const ReplaceRequested& replace) noexcept {
  const std::uint32_t slot = orders.find(replace.order_id);
  if (slot == kNoSlot) return false;
  Order& order = orders.at(slot);
  // Numbers are names among the orders of one principal: another's is used up, but names nothing.
  const std::uint64_t number = header.actor == order.principal ? replace.client_number : 0;
  begin_write(order.version);
  move_overlay(order, Overlay::kReplace, PendingEvent::kRequested);
  put(order.pending_price, replace.price);
  put(order.pending_quantity, replace.quantity);
  put(order.pending_gate_price, gate_price_of(order.side, replace.price, replace.reference_price));
  put(order.pending_client_number, number);
  put_all(order.pending_client_id, replace.client_id);
  if (can_rest(order)) {
    own.tell(order, replace.price);
    own.doubt(order);
  }
  put(order.updated_ns, header.time_ns);
  put(order.sequence, header.sequence);
  reserve_again(order);
  end_write(order.version);
  if (replace.client_number != 0) {
    names.use_number(header.actor, replace.client_number);
    if (number != 0) names.await_number(order.principal, number, replace.order_id);
  } else if (!replace.client_id.empty()) {
    names.use_text_by_replace(header.actor, replace.client_id, replace.order_id);
  }
  return true;
}

namespace {

/// Its link lets the order go: for this quantity, judged by the gate at this price.
void put_released(Order& order, const OrderTriggered& triggered) noexcept {
  OrderLink link = order.link;
  link.is_released = 1;
  put(order.link, link);
  put(order.quantity, triggered.quantity);
  put(order.price, triggered.price);
  put(order.gate_price, gate_price_of(order.side, triggered.price, triggered.reference_price));
}

}  // namespace

bool State::apply_triggered(const RecordHeader& header, const OrderTriggered& triggered) noexcept {
  const std::uint32_t slot = orders.find(triggered.order_id);
  if (slot == kNoSlot) return false;
  Order& order = orders.at(slot);
  const auto state = static_cast<OrderState>(order.state);
  begin_write(order.version);
  const auto by = static_cast<TriggeredBy>(triggered.by_gateway);
  OrderState next = state;
  if (by == TriggeredBy::kLink || by == TriggeredBy::kLinkHeld) {
    put_released(order, triggered);
  }
  if (by == TriggeredBy::kLinkHeld) {
    put(order.reason, static_cast<std::uint32_t>(FactReason::kUntriggered));
  } else {
    next = transition(state,
                      by == TriggeredBy::kVenue ? OrderEvent::kTriggered : OrderEvent::kReleased)
               .next;
  }
  Route& route = routes.at(order.route);
  route.change(order.side, settle(orders, own, slot, next, *route.instrument_row));
  put(order.updated_ns, header.time_ns);
  put(order.sequence, header.sequence);
  end_write(order.version);
  return true;
}

namespace {

/// Facts that end or clear a pending replace; the numbers in force come with the fact.
void apply_replace_outcome(State& state, std::uint32_t slot, RecordKind kind,
                           const OrderFact& fact) noexcept {
  Order& order = state.orders.at(slot);
  const std::uint64_t number = order.pending_client_number;
  if (number != 0) state.names.end_pending(order.principal, number);
  if (kind == RecordKind::kOrderReplaced) {
    put(order.price, fact.price != 0 ? fact.price : order.price);
    put(order.quantity, fact.quantity);
    // A replace we did not ask for brings no reference: the higher of old and new stands.
    const std::int64_t around =
        order.pending_gate_price != 0 ? order.pending_gate_price : order.gate_price;
    put(order.gate_price, gate_price_of(order.side, order.price, around));
    if (can_rest(order)) state.own.tell(order, order.price);
    if (!order.pending_client_id.empty()) put_all(order.client_id, order.pending_client_id);
    if (number != 0) {
      state.orders.rename_number(slot, number);
      put(order.is_renamed, 1);
    }
  }
  state.own.doubt(order);
  move_overlay(order, Overlay::kReplace, PendingEvent::kConfirmed);
  put(order.pending_price, 0);
  put(order.pending_quantity, 0);
  put(order.pending_gate_price, 0);
  put(order.pending_client_number, 0);
  put_all(order.pending_client_id, ClientId{});
}

OrderEvent event_of(const Order& order, RecordKind kind, const OrderFact& fact) noexcept {
  switch (kind) {
    case RecordKind::kOrderAccepted:
      if (is_trigger_told(order, fact)) return OrderEvent::kTriggered;
      return static_cast<FactReason>(fact.reason) == FactReason::kUntriggered
                 ? OrderEvent::kAcceptedUntriggered
                 : OrderEvent::kAccepted;
    case RecordKind::kOrderRejected:
      return OrderEvent::kRejected;
    case RecordKind::kOrderCanceled:
      return OrderEvent::kCanceled;
    case RecordKind::kOrderExpired:
      return OrderEvent::kExpired;
    case RecordKind::kOrderNotSent:
      return OrderEvent::kNotSent;
    case RecordKind::kOrderUnknown:
      return OrderEvent::kUnknown;
    default:
      return OrderEvent::kReplaced;
  }
}

}  // namespace

bool State::apply_fact(const RecordHeader& header, const OrderFact& fact) noexcept {
  const std::uint32_t slot = orders.find(fact.order_id);
  if (slot == kNoSlot) return false;
  Order& order = orders.at(slot);
  Route& route = routes.at(order.route);
  const auto kind = static_cast<RecordKind>(header.type);
  const auto reason = static_cast<FactReason>(fact.reason);
  begin_write(order.version);
  if (!fact.venue_order_id.empty() && !(order.venue_order_id == fact.venue_order_id)) {
    orders.name_venue_id(slot, fact.venue_order_id);
  }
  if (fact.venue_sequence > order.venue_sequence) put(order.venue_sequence, fact.venue_sequence);
  if (fact.venue_time_ns != 0) put(order.venue_time_ns, fact.venue_time_ns);
  put(order.updated_ns, header.time_ns);
  put(order.sequence, header.sequence);
  OrderState next = static_cast<OrderState>(order.state);
  if (kind == RecordKind::kCancelRejected) {
    move_overlay(order, Overlay::kCancel, PendingEvent::kRejected);
  } else if (kind == RecordKind::kReplaceRejected || kind == RecordKind::kOrderReplaced) {
    apply_replace_outcome(*this, slot, kind, fact);
    if (kind == RecordKind::kOrderReplaced) {
      next = transition(next, replace_event(order.cumulative, order.quantity)).next;
      if (next == OrderState::kNew && order.cumulative > 0) next = OrderState::kPartiallyFilled;
    }
  } else if (kind == RecordKind::kOrderUnknown && reason == FactReason::kUnknownOutcomeCancel) {
    move_overlay(order, Overlay::kCancel, PendingEvent::kTimedOut);
  } else if (kind == RecordKind::kOrderUnknown && reason == FactReason::kUnknownOutcomeReplace) {
    move_overlay(order, Overlay::kReplace, PendingEvent::kTimedOut);
  } else {
    put(order.reason, fact.reason);
    if (fact.cumulative > order.told_cumulative) put(order.told_cumulative, fact.cumulative);
    next = transition(next, event_of(order, kind, fact)).next;
    // What was crossed here stands, whatever its venue thought of the rest.
    if (next == OrderState::kRejected && crossed(order) != 0) next = OrderState::kCanceled;
    if (next == OrderState::kNew && order.cumulative > 0) next = OrderState::kPartiallyFilled;
  }
  route.change(order.side, settle(orders, own, slot, next, *route.instrument_row));
  end_write(order.version);
  return true;
}

}  // namespace gateway
