// Cancel, mass cancel and replace of orders that exist.
#include <algorithm>

#include "gateway_core/engine/engine.hpp"
#include "gateway_core/engine/gateway_fact.hpp"
#include "gateway_core/engine/outbound.hpp"
#include "gateway_core/engine/port_server.hpp"

namespace gateway {

// An order of an earlier boot names its door by the place that door had then. The door is told
// wherever it is now; one that is not open is nobody, and no other one hears of it.
ClientPort* Engine::client_port_elsewhere(std::uint32_t number) const noexcept {
  if (number == 0 || PortServer::is_shared(number)) return nullptr;
  for (const auto& port : client_ports_) {
    if (port->number == number) return port.get();
  }
  for (const auto& port : client_ports_) {
    if (is_same_door(port->number, number)) return port.get();
  }
  return nullptr;
}

void Engine::send_notice(std::uint32_t port, const Notice& notice) noexcept {
  if (ClientPort* client = client_port(port); client != nullptr) [[likely]] {
    notify(*client, notice);
  } else if (PortServer::is_shared(port) && shared_ports_ != nullptr) {
    shared_ports_->answer(port, notice);
    if (notice.refusal == 0 && notice.order_id != 0) overhear(notice);
  }  // 0 = nobody waits, others are long gone
}

Notice Engine::answer(std::uint32_t port, const Notice& notice) noexcept {
  send_notice(port, notice);
  return notice;
}

Notice Engine::refuse_change(RecordKind kind, const MessageHeader& header, OrderId order_id,
                             std::uint32_t port, const GateVerdict& verdict) noexcept {
  ++counters_.orders_refused;
  return answer(port, {.sequence = 0,
                       .request = header.request,
                       .order_id = order_id,
                       .kind = static_cast<std::uint16_t>(kind),
                       .refusal = static_cast<std::uint16_t>(verdict.refusal),
                       .level = verdict.level,
                       .limit = verdict.limit,
                       .current = verdict.current,
                       .would_be = verdict.would_be,
                       .working = verdict.working});
}

namespace {

/// A kill and a stop are not held up by the desk's own rate of cancels, and leave it to the others.
[[nodiscard]] bool is_paced(CancelReason reason) noexcept {
  return reason != CancelReason::kKill && reason != CancelReason::kShutdown;
}

}  // namespace

bool Engine::may_cancel(PrincipalId principal, const Order& order) const noexcept {
  if (principal == 0) return true;
  const PrincipalRow& row = state_.registry.principals.at(principal);
  return row.has_scope(kScopeCancel | kScopeTrade) &&
         row.may_use(order.account, order.strategy, order.instrument);
}

Refusal Engine::check_cancel(const Order& order, PrincipalId principal,
                             CancelReason reason) noexcept {
  if (principal != 0 && !state_.registry.principals.has(principal))
    return Refusal::kUnknownPrincipal;
  if (!may_cancel(principal, order)) return Refusal::kNotPermitted;
  if (!is_open(static_cast<OrderState>(order.state))) return Refusal::kTooLateToCancel;
  if (pending(order.overlay, Overlay::kCancel) == Pending::kSent) return Refusal::kCancelPending;
  const Route& route = state_.routes.at(order.route);
  VenuePort* port = venue_port_of_[route.venue];
  if (port == nullptr) return Refusal::kVenueDown;
  // To end it here would leave what works there without a row.
  if (may_have_left(order)) return Refusal::kNotReconciled;
  if (!port->has_room_for_cancel()) return Refusal::kVenueQueueFull;
  if (writer_.used_bytes() > writer_.capacity_bytes() / 20 * 19) return Refusal::kJournalBehind;
  if (principal != 0 && is_paced(reason) && !passes_cancel_rate(route.levels, now_ns_))
    return Refusal::kThrottled;
  return Refusal::kNone;
}

Notice Engine::cancel(const CancelMessage& message, std::uint32_t port) noexcept {
  (void)now_ns();
  const std::uint32_t slot = state_.orders.find(message.order_id);
  // Principal 0 is the gateway itself; nobody who comes through a port may be it.
  const bool is_nobody = message.header.principal == 0 && port != 0;
  const Refusal found = is_nobody         ? Refusal::kUnknownPrincipal
                        : slot == kNoSlot ? Refusal::kUnknownOrder
                                          : check_cancel(state_.orders.at(slot),
                                                         message.header.principal, message.reason);
  if (found != Refusal::kNone) {
    return refuse_change(RecordKind::kCancelRejected, message.header, message.order_id, port,
                         {.refusal = found});
  }
  return send_cancel(slot, message.header.principal, message.header.request, message.reason, port);
}

Notice Engine::send_cancel(std::uint32_t slot, PrincipalId principal, std::uint64_t request,
                           CancelReason reason, std::uint32_t port) noexcept {
  const OrderId id = state_.orders.at(slot).order_id;
  Route& route = state_.routes.at(state_.orders.at(slot).route);
  VenuePort& venue = *venue_port_of_[route.venue];
  CancelRequested wish{};
  wish.order_id = id;
  wish.reason = static_cast<std::uint64_t>(reason);
  const Sequence sequence =
      append(RecordKind::kCancelRequested, wish,
             {.cause = 0, .origin_sequence = request, .actor = principal, .port = port});
  if (sequence == 0) {
    return refuse_change(RecordKind::kCancelRejected,
                         {MessageKind::kCancel, 1, 0, principal, request}, id, port,
                         {.refusal = Refusal::kJournalBehind});
  }
  if (is_paced(reason)) {
    for (LevelEntity* level : route.levels) level->cancels.take(now_ns_, level->cancel_rate);
  }
  if (route.limits.guards != 0) [[unlikely]]
    note_breaker(route, &BreakerCounts::messages);
  const Notice notice =
      answer(port, {.sequence = sequence,
                    .request = request,
                    .order_id = id,
                    .kind = static_cast<std::uint16_t>(RecordKind::kCancelRequested)});
  const Order& order = state_.orders.at(slot);
  ++counters_.cancels_sent;
  if (is_held_here(order, venue)) {
    // The venue has never seen it: gone at once, and the stale entry is skipped when its turn
    // comes.
    on_fact(RecordKind::kOrderNotSent, gateway_fact(id, FactReason::kRequested));
    return notice;
  }
  const OutboundEntry entry =
      outbound_of(order, RecordKind::kCancelRequested, state_.epoch, sequence);
  if (venue.outbound.push(&entry)) ++venue.entries_out;
  return notice;
}

Notice Engine::mass_cancel(const MassCancelMessage& message, std::uint32_t port) noexcept {
  (void)now_ns();
  if (message.header.principal == 0 && port != 0) {
    return refuse_change(RecordKind::kCancelRejected, message.header, 0, port,
                         {.refusal = Refusal::kUnknownPrincipal});
  }
  if (message.reason == CancelReason::kShutdown) return stop_orders(message, port);
  std::int64_t sent = 0;
  std::int64_t refused = 0;
  state_.orders.for_each_open([&](std::uint32_t slot) {
    const Order& order = state_.orders.at(slot);
    const auto other = [](std::uint32_t wanted, std::uint32_t actual) {
      return wanted != 0 && wanted != actual;
    };
    if (other(message.account, order.account) || other(message.strategy, order.strategy) ||
        other(message.instrument, order.instrument) ||
        other(message.origin_port, order.origin_port) ||
        other(message.venue, state_.routes.at(order.route).venue)) {
      return;
    }
    const Refusal found = check_cancel(order, message.header.principal, message.reason);
    if (found != Refusal::kNone) {
      refused += found != Refusal::kCancelPending;
      return;
    }
    send_cancel(slot, message.header.principal, 0, message.reason, order.origin_port);
    ++sent;
  });
  return answer(port, {.sequence = 0,
                       .request = message.header.request,
                       .order_id = 0,
                       .kind = static_cast<std::uint16_t>(RecordKind::kCancelRequested),
                       .refusal = 0,
                       .level = -1,
                       .limit = 0,
                       .current = sent,
                       .would_be = refused,
                       .working = 0});
}

GateVerdict Engine::check_rate(const Route& route, std::int64_t messages) const noexcept {
  for (int i = 0; i < kLevels; ++i) {
    const LevelEntity& level = *route.levels[i];
    const std::int64_t needed_ns = (messages - 1) * level.order_rate.interval_ns;
    if (level.orders.room_ns(now_ns_, level.order_rate) >= needed_ns) continue;
    return {.refusal = Refusal::kThrottled,
            .level = i,
            .limit = level.limits.order_burst,
            .current = level.orders.tokens(now_ns_, level.order_rate),
            .would_be = messages};
  }
  return {};
}

GateVerdict Engine::check_replace(const ReplaceMessage& message, const Order& order,
                                  std::int64_t price, std::int64_t quantity) noexcept {
  const auto no = [](Refusal refusal) { return GateVerdict{.refusal = refusal}; };
  // Principal 0 is the gateway itself, when a link changes the quantity.
  if (const Refusal found = check_cancel(order, message.header.principal);
      found != Refusal::kNone && found != Refusal::kThrottled) {
    return no(found);
  }
  const PrincipalId principal = message.header.principal;
  if (principal != 0 && !state_.registry.principals.at(principal).has_scope(kScopeTrade))
    return no(Refusal::kNotPermitted);
  if (principal != 0 && order.link.is_linked() && quantity != order.quantity) {
    return no(Refusal::kLinkedQuantity);
  }
  Route& route = state_.routes.at(order.route);
  const InstrumentRow& row = *route.instrument_row;
  // The venue counts without what was crossed: its words of a new total could be read in two ways.
  if (route.venue_row->definition.amend == 0 || crossed(order) != 0)
    return no(Refusal::kReplaceUnsupported);
  if (static_cast<OrderState>(order.state) == OrderState::kUnknown ||
      pending(order.overlay, Overlay::kReplace) != Pending::kNo)
    return no(Refusal::kReplacePending);
  if (price == order.price && quantity == order.quantity) return no(Refusal::kNothingToChange);
  if (quantity <= order.cumulative) return no(Refusal::kQuantityBelowFilled);
  NewOrderMessage shape{};
  shape.price = order.type == OrderType::kMarket || order.type == OrderType::kStop ? 0 : price;
  shape.quantity = quantity;
  if (shape.price == 0 && message.price != 0) return no(Refusal::kPriceNotAllowed);
  if (const Refusal found = check_numbers(shape, row); found != Refusal::kNone) return no(found);
  if (order.link.is_waiting()) return check_rate(route);  // the rest when its link lets it go
  if (const Refusal found = check_venue(route); found != Refusal::kNone) return no(found);
  prepared_.prepare(order.route);
  if (const Refusal found =
          check_flow(venue_port_of_[route.venue], prepared_.at(order.route).durability, now_ns_);
      found != Refusal::kNone) {
    return no(found);
  }
  // A link that takes quantity off lowers the risk: no limit, halt or rate stands against it.
  if (principal == 0 && quantity < order.quantity) return {};
  if (!state_.registry.has_rates(row)) return no(Refusal::kNoConversionRate);
  // Judged as the larger of old and new; only what comes on top of the reservation is added.
  const std::int64_t rest = quantity - order.cumulative;
  const std::int64_t counted = gate_price_of(order.side, price, row.reference.price);
  const std::int64_t amount = row.amount_e4(counted, rest);
  const SharedRoom shared = shared_room(order);
  const std::int64_t added =
      std::max(std::max(rest, shared.quantity_max) - shared.quantity - order.reserved_quantity,
               -shared.quantity);
  const bool is_way_out = (order.flags & kReduceOnly) != 0 || closes_leg(route.leg, order.side) ||
                          (order.link.is_bracket_exit() &&
                           added <= detail::closable(*route.account_exposure, order.side));
  const GateOrder wanted{
      .side = order.side,
      .is_reduce_only = is_way_out,
      .counts_as_order = false,
      .is_size_overridden = false,
      .ignores_own_orders =
          is_way_out && static_cast<OrderState>(order.state) == OrderState::kUntriggered,
      .ignores_usual_size = order.link.is_bracket_exit(),
      .price = price,
      .collar_reference = order.trigger_price != 0 ? order.trigger_price : row.reference.price,
      .quantity = std::max(quantity, order.quantity),
      .added_quantity = added,
      .notional_e4 = row.amount_e4(counted, quantity),
      .added_notional_e4 = std::max(std::max(amount, shared.notional_max_e4) - shared.notional_e4 -
                                        order.reserved_notional_e4,
                                    -shared.notional_e4),
      .now_ns = now_ns_};
  return passes_gate_again(route.view(), wanted) ? GateVerdict{} : explain(route, wanted);
}

Refusal Engine::check_new_name(const ReplaceMessage& message) const noexcept {
  const PrincipalId principal = message.header.principal;
  const std::uint64_t number = message.client_number;
  if (number != 0) {
    const NumberWindow* window = state_.names.window(principal);
    if (window != nullptr && window->is_used(number)) return Refusal::kIdConflict;
    if (window != nullptr && window->is_stale(number)) return Refusal::kClientIdStale;
    return Refusal::kNone;
  }
  if (state_.names.find_text(principal, message.client_id) != 0) return Refusal::kIdConflict;
  const bool needs_place = !message.client_id.empty() && state_.names.is_text_full();
  return needs_place ? Refusal::kIdempotencyFull : Refusal::kNone;
}

Notice Engine::replace(const ReplaceMessage& message, std::uint32_t port) noexcept {
  (void)now_ns();
  const std::uint32_t slot = state_.orders.find(message.order_id);
  const bool is_nobody = message.header.principal == 0;
  if (slot == kNoSlot || is_nobody) {
    const Refusal found = is_nobody ? Refusal::kUnknownPrincipal : Refusal::kUnknownOrder;
    return refuse_change(RecordKind::kReplaceRejected, message.header, message.order_id, port,
                         {.refusal = found});
  }
  const Order& order = state_.orders.at(slot);
  const std::int64_t price = message.price != 0 ? message.price : order.price;
  const std::int64_t quantity = message.quantity != 0 ? message.quantity : order.quantity;
  GateVerdict verdict = check_replace(message, order, price, quantity);
  if (verdict.level >= 0) refused_.name(port, message.header.request);
  if (verdict.refusal == Refusal::kNone) verdict.refusal = check_new_name(message);
  if (verdict.refusal != Refusal::kNone) {
    return refuse_change(RecordKind::kReplaceRejected, message.header, message.order_id, port,
                         verdict);
  }
  return send_replace(slot, message, price, quantity, port);
}

Notice Engine::send_replace(std::uint32_t slot, const ReplaceMessage& message, std::int64_t price,
                            std::int64_t quantity, std::uint32_t port) noexcept {
  const Order& order = state_.orders.at(slot);
  Route& route = state_.routes.at(order.route);
  ReplaceRequested wish{};
  wish.order_id = message.order_id;
  wish.client_number = message.client_number;
  wish.price = price;
  wish.quantity = quantity;
  wish.reference_price = route.instrument_row->reference.price;
  wish.client_id = message.client_id;
  const Sequence sequence = append(RecordKind::kReplaceRequested, wish,
                                   {.cause = 0,
                                    .origin_sequence = message.header.request,
                                    .actor = message.header.principal,
                                    .port = port});
  if (sequence == 0) {
    return refuse_change(RecordKind::kReplaceRejected, message.header, message.order_id, port,
                         {.refusal = Refusal::kJournalBehind});
  }
  for (LevelEntity* level : route.levels) level->orders.take(now_ns_, level->order_rate);
  if (route.limits.guards != 0) [[unlikely]]
    note_breaker(route, &BreakerCounts::messages);
  OutboundEntry entry = outbound_of(order, RecordKind::kReplaceRequested, state_.epoch, sequence);
  entry.price = price;
  entry.quantity = quantity;
  VenuePort& venue = *venue_port_of_[route.venue];
  const bool waits_for_disk =
      static_cast<Durability>(route.account_row->definition.durability) == Durability::kDisk;
  if (is_held_for_trigger(order) || order.link.is_waiting() || is_kept_to_cross(order)) {
    // The venue has never seen it: the new terms are in force at once.
    OrderFact changed = gateway_fact(order.order_id, FactReason::kNone);
    changed.price = price;
    changed.quantity = quantity;
    on_fact(RecordKind::kOrderReplaced, changed);
  } else if (waits_for_disk ? venue.gated.push(&entry) : venue.outbound.push(&entry)) {
    ++venue.entries_out;
  }
  ++counters_.replaces_sent;
  return answer(port, {.sequence = sequence,
                       .request = message.header.request,
                       .order_id = order.order_id,
                       .kind = static_cast<std::uint16_t>(RecordKind::kReplaceRequested)});
}

}  // namespace gateway
