// Facts from venues: never refused, applied once, contradictions kept as anomalies.
#include <algorithm>

#include "gateway_core/engine/engine.hpp"
#include "gateway_core/engine/port_server.hpp"

namespace gateway {
namespace {

[[nodiscard]] Verdict verdict_of(const Order& order, RecordKind kind,
                                 const OrderFact& fact) noexcept {
  const auto state = static_cast<OrderState>(order.state);
  const auto reason = static_cast<FactReason>(fact.reason);
  // Nobody at a venue can know it. What the gateway itself says of it is one of these.
  const bool is_of_overlay =
      reason == FactReason::kUnknownOutcomeCancel || reason == FactReason::kUnknownOutcomeReplace;
  const bool is_own_word = kind == RecordKind::kOrderNotSent || kind == RecordKind::kOrderExpired ||
                           kind == RecordKind::kOrderReplaced ||
                           (kind == RecordKind::kOrderUnknown && is_of_overlay);
  if ((order.link.is_waiting() || is_kept_to_cross(order)) && !is_own_word)
    return Verdict::kAnomaly;
  const auto moves = [&](Overlay overlay, PendingEvent event) {
    return pending_move(overlay, pending(order.overlay, overlay), event).verdict;
  };
  switch (kind) {
    case RecordKind::kCancelRejected:
      return moves(Overlay::kCancel, PendingEvent::kRejected);
    case RecordKind::kReplaceRejected:
      return moves(Overlay::kReplace, PendingEvent::kRejected);
    case RecordKind::kOrderReplaced:
      return transition(state, replace_event(order.cumulative, fact.quantity)).verdict;
    case RecordKind::kOrderAccepted:
      if (is_trigger_told(order, fact)) {
        return is_held_for_trigger(order) ? Verdict::kAnomaly
                                          : transition(state, OrderEvent::kTriggered).verdict;
      }
      return transition(state, reason == FactReason::kUntriggered ? OrderEvent::kAcceptedUntriggered
                                                                  : OrderEvent::kAccepted)
          .verdict;
    case RecordKind::kOrderRejected:
      // It ended as CANCELED when its venue rejected the rest: told again.
      if (state == OrderState::kCanceled && crossed(order) != 0) return Verdict::kDuplicate;
      return transition(state, OrderEvent::kRejected).verdict;
    case RecordKind::kOrderCanceled:
      return transition(state, OrderEvent::kCanceled).verdict;
    case RecordKind::kOrderExpired:
      return transition(state, OrderEvent::kExpired).verdict;
    case RecordKind::kOrderNotSent:
      return transition(state, OrderEvent::kNotSent).verdict;
    case RecordKind::kOrderUnknown:
      if (reason == FactReason::kUnknownOutcomeCancel) {
        return moves(Overlay::kCancel, PendingEvent::kTimedOut);
      }
      if (reason == FactReason::kUnknownOutcomeReplace) {
        return moves(Overlay::kReplace, PendingEvent::kTimedOut);
      }
      return transition(state, OrderEvent::kUnknown).verdict;
    default:
      return Verdict::kAnomaly;
  }
}

/// A repeated acceptance that brings the venue's id, or a replace that repeats the terms in force.
[[nodiscard]] bool says_nothing_new(const Order& order, RecordKind kind,
                                    const OrderFact& fact) noexcept {
  if (kind != RecordKind::kOrderReplaced) return false;
  return pending(order.overlay, Overlay::kReplace) == Pending::kNo &&
         fact.quantity == order.quantity && (fact.price == 0 || fact.price == order.price);
}

}  // namespace

void Engine::tell_owner(const Order& order, Sequence sequence, RecordKind kind,
                        Refusal refusal) noexcept {
  const Notice notice{.sequence = sequence,
                      .request = 0,
                      .order_id = order.order_id,
                      .kind = static_cast<std::uint16_t>(kind),
                      .refusal = static_cast<std::uint16_t>(refusal)};
  if (ClientPort* client = client_port(order.origin_port); client != nullptr) [[likely]] {
    notify(*client, notice);
  } else {
    overhear(notice);
  }
  if (shared_ports_ != nullptr) shared_ports_->tell(order, notice);
  if (order.link.is_linked()) [[unlikely]]
    note_link(order, kind);
}

void Engine::record_anomaly(OrderId order_id, RecordKind kind, std::uint8_t state, AnomalyCode code,
                            const TradeId& trade_id) noexcept {
  ++counters_.anomalies;
  Anomaly anomaly{};
  anomaly.order_id = order_id;
  anomaly.kind = static_cast<std::uint32_t>(kind);
  anomaly.state = state;
  anomaly.trade_id = trade_id;
  anomaly.code = static_cast<std::uint64_t>(code);
  append(RecordKind::kAnomaly, anomaly, {});
}

void Engine::on_fact(RecordKind kind, const OrderFact& told) noexcept {
  (void)now_ns();
  OrderFact fact = told;
  ++counters_.facts;
  const std::uint32_t slot = state_.orders.find(fact.order_id);
  if (slot == kNoSlot) {
    return record_anomaly(fact.order_id, kind, 0, AnomalyCode::kUnknownOrder, {});
  }
  const Order& order = state_.orders.at(slot);
  if (crossed(order) != 0) [[unlikely]]
    count_crossed(order, fact);
  const bool is_there = kind == RecordKind::kOrderAccepted && !fact.venue_order_id.empty();
  if (is_there && is_release_lost(order) && is_open(static_cast<OrderState>(order.state)))
      [[unlikely]] {
    (void)book_release(order);
  }
  const Verdict verdict = verdict_of(order, kind, fact);
  if (verdict == Verdict::kAnomaly) {
    return record_anomaly(fact.order_id, kind, order.state, AnomalyCode::kIllegalEvent, {});
  }
  const bool brings_id = order.venue_order_id.empty() && !fact.venue_order_id.empty() &&
                         is_open(static_cast<OrderState>(order.state));
  if ((verdict == Verdict::kDuplicate && !brings_id) || says_nothing_new(order, kind, fact)) {
    ++counters_.facts_repeated;
    return;
  }
  if (kind == RecordKind::kOrderReplaced && (fact.quantity <= 0 || fact.quantity > kQuantityMax ||
                                             fact.price < 0 || fact.price > kQuantityMax)) {
    const std::uint64_t terms[] = {static_cast<std::uint64_t>(fact.price),
                                   static_cast<std::uint64_t>(fact.quantity)};
    (void)halt_by_fact(order.instrument, fact.order_id, {}, words_key(fact.order_id, terms));
    return;
  }
  // Told more than the order is: evidence against the venue; it must not bend the reservation.
  const bool is_overfull = fact.cumulative > std::max(order.quantity, order.cumulative);
  if (is_overfull) fact.cumulative = std::max(order.quantity, order.cumulative);
  const Sequence sequence = append(kind, fact, {.origin_sequence = fact.venue_sequence});
  // An order that was kept here was not at the venue since it was made.
  if (kind == RecordKind::kOrderAccepted && order.cross_ms == 0) {
    measurement_.record_ns(telemetry::Stage::kAck, now_ns_ - order.created_ns, fact.order_id);
  }
  tell_owner(order, sequence, kind);
  note_fact(kind, order);
  if (kills_.is_any()) [[unlikely]]
    note_kill(kind, order);
  if (is_overfull) record_anomaly(fact.order_id, kind, order.state, AnomalyCode::kOverfill, {});
}

namespace {

/// Whether an order found at a venue can be held as one of ours.
[[nodiscard]] bool is_adoptable(const OrderAdopted& order) noexcept {
  const auto type = static_cast<std::uint8_t>(order.type);
  return (order.side == Side::kBuy || order.side == Side::kSell) && type >= 1 && type <= 4 &&
         is_time_in_force(order.time_in_force) && order.leg <= 2 && order.price >= 0 &&
         order.price <= kQuantityMax && order.quantity > 0 && order.quantity <= kQuantityMax &&
         order.cumulative >= 0 && order.cumulative < order.quantity &&
         !order.venue_order_id.empty();
}

}  // namespace

void Engine::on_adopt(const OrderAdopted& seen) noexcept {
  (void)now_ns();
  const Registry& registry = state_.registry;
  const auto reject = [&](AnomalyCode code) {
    record_anomaly(seen.order_id, RecordKind::kOrderAdopted, 0, code, {});
  };
  if (!registry.instruments.has(seen.instrument) || !registry.accounts.has(seen.account) ||
      (seen.strategy != kExternalStrategy && !registry.strategies.has(seen.strategy))) {
    return reject(AnomalyCode::kUnknownInstrument);
  }
  if (!is_adoptable(seen) || !orders_left()) return reject(AnomalyCode::kRange);
  if (state_.orders.find_venue_id(seen.account, seen.instrument, seen.venue_order_id) != kNoSlot) {
    ++counters_.facts_repeated;
    return;
  }
  OrderAdopted adopted = seen;
  // Only what the venue itself holds of them; the gateway emulates nothing for a stranger's order.
  adopted.flags = static_cast<std::uint8_t>(
      (seen.flags & (kPostOnly | kReduceOnly | kClosePosition)) | kExternalOrder);
  if (state_.route_of_order(seen.account, seen.instrument, static_cast<Leg>(seen.leg),
                            seen.strategy) == RouteTable::kNone) {
    return reject(AnomalyCode::kRange);
  }
  const bool is_id = adopted.order_id != 0 && adopted.order_id >> 63 == 0;
  if (!is_id || state_.orders.find(adopted.order_id) != kNoSlot) {
    adopted.order_id = make_order_id(
        {settings_.instance, state_.epoch, static_cast<std::uint32_t>(state_.orders_made + 1)});
  }
  append(RecordKind::kOrderAdopted, adopted, {});
}

void Engine::on_session(const VenueState& session) noexcept {
  (void)now_ns();
  const bool is_word = session.state <= static_cast<std::uint32_t>(VenueSession::kReconciled);
  if (!state_.registry.venues.has(session.venue) || !is_word) {
    return record_anomaly(0, RecordKind::kVenueState, 0, AnomalyCode::kUnknownInstrument, {});
  }
  VenueState record = session;
  record.since_ns = now_ns_;
  const bool is_lost = session.state == static_cast<std::uint32_t>(VenueSession::kDown) &&
                       state_.registry.venues.at(session.venue).session != VenueSession::kDown;
  if (is_lost) note_session(session.venue);
  append(RecordKind::kVenueState, record, {});
  // Instruments and accounts are as the venue tells them, and orders are about to come.
  if (record.state == static_cast<std::uint32_t>(VenueSession::kReconciled)) {
    is_compared_[record.venue] = true;
    prepare_routes();
    trigger_waiting(record.venue);
    hasten_kills(record.venue);
  }
  for (LinkWait& waiting : waiting_links_) waiting.retry_ns = std::min(waiting.retry_ns, now_ns_);
}

bool Engine::check_money(RecordKind kind, AccountId account, CurrencyId currency,
                         Money amount) noexcept {
  if (!state_.registry.accounts.has(account) || !state_.registry.currencies.has(currency)) {
    record_anomaly(0, kind, 0, AnomalyCode::kUnknownInstrument, {});
    return false;
  }
  if (detail::is_storable(amount.e18) && state_.balances.can_add(account, currency, amount.e18))
    return true;
  record_anomaly(0, kind, 0, AnomalyCode::kRange, {});
  return false;
}

void Engine::on_funding(const Funding& funding) noexcept {
  (void)now_ns();
  const std::uint64_t scope = (std::uint64_t{funding.account} << 32) | funding.instrument;
  const Key128 key = State::reference_key(scope, funding.reference);
  if (state_.references.find(key) != nullptr) {
    ++counters_.facts_repeated;
    return;
  }
  if (!state_.registry.instruments.has(funding.instrument)) {
    return record_anomaly(0, RecordKind::kFunding, 0, AnomalyCode::kUnknownInstrument, {});
  }
  if (!check_money(RecordKind::kFunding, funding.account, funding.currency, funding.amount)) return;
  if (is_as_old(funding.venue_time_ns, state_.forgotten_payment_ns[funding.account], now_ns_)) {
    return leave_forgotten(0, RecordKind::kFunding, {}, key);
  }
  Funding told = funding;
  if (!is_venue_time(told.venue_time_ns, now_ns_)) told.venue_time_ns = 0;
  append(RecordKind::kFunding, told, {});
  if (told.venue_time_ns != funding.venue_time_ns) {
    record_anomaly(0, RecordKind::kFunding, 0, AnomalyCode::kTime, {});
  }
}

void Engine::on_balance(const BalanceChanged& change) noexcept {
  (void)now_ns();
  const std::uint64_t scope = std::uint64_t{change.account} << 32;
  const Key128 key = State::reference_key(scope, change.reference);
  if (state_.references.find(key) != nullptr) {
    ++counters_.facts_repeated;
    return;
  }
  if (!check_money(RecordKind::kBalanceChanged, change.account, change.currency, change.amount))
    return;
  // An opening balance is told once, by who knows that its currency was never booked.
  if (change.reason != kOpeningBalance &&
      is_as_old(change.venue_time_ns, state_.forgotten_payment_ns[change.account], now_ns_)) {
    return leave_forgotten(0, RecordKind::kBalanceChanged, {}, key);
  }
  BalanceChanged told = change;
  if (!is_venue_time(told.venue_time_ns, now_ns_)) told.venue_time_ns = 0;
  append(RecordKind::kBalanceChanged, told, {});
}

// A venue that does not say the mode leaves it as it is, but for an amount: such a position is
// isolated.
void Engine::on_collateral(const PositionCollateral& told) noexcept {
  (void)now_ns();
  const auto note = [&](AnomalyCode code) {
    record_anomaly(0, RecordKind::kPositionCollateral, 0, code, {});
  };
  const Registry& registry = state_.registry;
  if (!registry.accounts.has(told.account) || !registry.instruments.has(told.instrument)) {
    return note(AnomalyCode::kUnknownInstrument);
  }
  if (told.leg > static_cast<std::uint32_t>(Leg::kShort) ||
      !is_collateral(told.venue_margin_mode, told.amount.e18) ||
      !detail::is_storable(told.amount.e18) ||
      told.evidence > static_cast<std::uint32_t>(Evidence::kGateway)) {
    return note(AnomalyCode::kRange);
  }
  const Collateral* held = state_.collaterals.find(told.account, told.instrument, told.leg);
  const std::uint32_t mode_before = held == nullptr ? 0 : held->venue_margin_mode;
  PositionCollateral now = told;
  if (!is_venue_time(told.venue_time_ns, now_ns_)) now.venue_time_ns = 0;
  if (told.venue_margin_mode == 0 && mode_before != 0) {
    now.venue_margin_mode =
        told.amount.e18 == 0 ? mode_before : static_cast<std::uint32_t>(VenueMarginMode::kIsolated);
  }
  if (now.venue_margin_mode == mode_before &&
      (held == nullptr ? 0 : held->amount_e18) == told.amount.e18) {
    ++counters_.facts_repeated;
    return;
  }
  if (!state_.collaterals.can_set(told.account, told.instrument, told.leg)) {
    return note(AnomalyCode::kRange);
  }
  append(RecordKind::kPositionCollateral, now, {});
  if (now.venue_time_ns != told.venue_time_ns) note(AnomalyCode::kTime);
}

// Marks are volatile: they feed the gate and readers and leave no record.
void Engine::on_mark(const MarkMessage& told) noexcept {
  if (!state_.registry.instruments.has(told.instrument) || told.scale > kPriceScaleMax) return;
  ++counters_.marks;
  InstrumentRow& row = state_.registry.instruments.at(told.instrument);
  const std::int64_t now = now_ns();
  begin_write(row.mark.version);
  put(row.mark.mark, told.mark);
  put(row.mark.bid, told.bid);
  put(row.mark.ask, told.ask);
  put(row.mark.last, told.last);
  put(row.mark.time_ns, now);
  put(row.mark.scale, told.scale);
  end_write(row.mark.version);
  const auto in_scale =
      mul_div(twice_reference_price(told), kPow10_64[row.rules.price_scale], kPow10_64[told.scale]);
  const auto price = in_scale ? mul_div(*in_scale, 1, 2) : std::nullopt;
  if (!price || *price <= 0 || *price > kQuantityMax) return;
  row.reference = {static_cast<std::int64_t>(*price), now};
  if (!kept_.empty()) cross_kept(told.instrument);
  if (emulated_.empty()) return;
  const auto last =
      told.last == 0 ? price
                     : mul_div(told.last, kPow10_64[row.rules.price_scale], kPow10_64[told.scale]);
  if (last && *last > 0 && *last <= kQuantityMax)
    trigger_emulated(told.instrument, static_cast<std::int64_t>(*last));
}

}  // namespace gateway
