// The engine's thread of life: kill word, cancels, facts, timers, new orders, in that order.
#include <algorithm>

#include "gateway_core/engine/engine.hpp"
#include "gateway_core/engine/gateway_fact.hpp"
#include "gateway_core/engine/port_server.hpp"

namespace gateway {
namespace {

constexpr std::int64_t kTimerPeriodNs = 1'000'000;
// A venue that rejects the cancel of an expired order is asked again, less and less often.
constexpr std::int64_t kExpiryRetryNs = 100'000'000;
constexpr std::int64_t kExpiryRetryMaxNs = 5'000'000'000;

/// Copies the message at the head of a lane. False: not complete, or its size is nonsense.
bool take_message(SpscLane<kEntryBytes>& lane, AnyMessage& out) noexcept {
  const auto* header = reinterpret_cast<const MessageHeader*>(lane.peek());
  const std::size_t entries = header->entries;
  if (entries == 0 || entries * kEntryBytes > sizeof(AnyMessage)) {
    lane.pop();  // A producer outside may write anything; a broken entry is dropped alone.
    return false;
  }
  if (!lane.holds(entries)) return false;
  for (std::size_t i = 0; i < entries; ++i) {
    std::memcpy(out.bytes + i * kEntryBytes, lane.peek(i), kEntryBytes);
  }
  // A short message must not read what an earlier one left behind.
  std::memset(out.bytes + entries * kEntryBytes, 0, sizeof(AnyMessage) - entries * kEntryBytes);
  lane.pop(entries);
  return true;
}

/// Facts carry a whole record each; one that is cut short tells nothing.
std::size_t bytes_of(MessageKind kind) noexcept {
  switch (kind) {
    case MessageKind::kFact:
      return sizeof(FactMessage);
    case MessageKind::kFill:
      return sizeof(FillMessage);
    case MessageKind::kFillRevised:
      return sizeof(FillRevisedMessage);
    case MessageKind::kAdopt:
      return sizeof(AdoptMessage);
    case MessageKind::kFunding:
      return sizeof(FundingMessage);
    case MessageKind::kBalance:
      return sizeof(BalanceMessage);
    default:
      return kEntryBytes;
  }
}

}  // namespace

Engine::Engine(State& state, journal::Writer& writer, Clock& clock, const EngineSettings& settings)
    : own_measurement_(settings.measurement == nullptr ? std::make_unique<telemetry::Measurement>()
                                                       : nullptr),
      measurement_(own_measurement_ ? *own_measurement_ : *settings.measurement),
      state_(state),
      prepared_(state, state.capacity.positions_max),
      writer_(writer),
      clock_(clock),
      settings_(settings),
      fingerprints_(std::make_unique<Fingerprint[]>(kFingerprints)) {
  emulated_.reserve(state.orders.capacity());
  kept_.reserve(kKeptMax);
  touched_links_.reserve(state.orders.capacity());
  waiting_links_.reserve(state.orders.capacity() / 2);
  now_ns_ = std::max(clock.now_ns(), state.last_time_ns);
  kill_word_seen_ = writer.kill_word_seen();
  watch_all();
}

std::int64_t Engine::now_ns() noexcept {
  now_ns_ = std::max(clock_.now_ns(), now_ns_);
  return now_ns_;
}

ClientPort& Engine::open_client_port(const std::string& name, std::size_t capacity) {
  const std::uint32_t number = port_number_of(name, client_ports_.size());
  return *client_ports_.emplace_back(std::make_unique<ClientPort>(number, name, capacity));
}

VenuePort& Engine::open_venue_port(VenueId venue, std::size_t capacity) {
  auto& port =
      *venue_ports_.emplace_back(std::make_unique<VenuePort>(venue, capacity, state_.epoch));
  venue_port_of_[venue] = &port;
  return port;
}

Sequence Engine::commit(std::uint8_t* group, std::uint32_t bytes) noexcept {
  const Sequence sequence = writer_.publish(bytes);
  for (std::uint32_t at = 0; at < bytes;) {
    const auto& header = *reinterpret_cast<const RecordHeader*>(group + at);
    // Our own record contradicting our own state is a defect: stop, recovery is the same code.
    if (!state_.apply(header, group + at)) [[unlikely]]
      std::abort();
    at += header.length;
  }
  return sequence;
}

std::size_t Engine::turn(std::size_t limit) noexcept {
  if (is_closed_) return 0;
  beat_.store(beat_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  poll_kill_word();
  if (now_ns_ >= kills_.due_ns) [[unlikely]]
    (void)look_at_kills(nullptr, 0);
  std::size_t done = turn_urgent(limit);
  settle_links();
  done += turn_facts(limit);
  const std::int64_t now = now_ns();
  if (now >= timers_due_ns_) {
    timers_due_ns_ = now + kTimerPeriodNs;
    run_timers(now);
  }
  done += turn_orders(limit);
  if (shared_ports_ != nullptr) done += shared_ports_->poll(limit);
  settle_links();
  release_gated();
  return done;
}

std::size_t Engine::turn_urgent(std::size_t limit) noexcept {
  AnyMessage message;
  return urgent_turn_.sweep(client_ports_.size(), limit, [&](std::size_t at, std::size_t share) {
    ClientPort& port = *client_ports_[at];
    std::size_t done = 0;
    while (done < share && port.urgent.size() != 0 && take_message(port.urgent, message)) {
      if (message.header().kind == MessageKind::kCancel)
        cancel(message.as<CancelMessage>(), port.number);
      if (message.header().kind == MessageKind::kMassCancel)
        mass_cancel(message.as<MassCancelMessage>(), port.number);
      ++done;
    }
    return done;
  });
}

std::size_t Engine::turn_orders(std::size_t limit) noexcept {
  AnyMessage message;
  return orders_turn_.sweep(client_ports_.size(), limit, [&](std::size_t at, std::size_t share) {
    ClientPort& port = *client_ports_[at];
    std::size_t done = 0;
    while (done < share && port.orders.size() != 0) {
      if (submit_in_place(port)) {
        ++done;
        continue;
      }
      if (reinterpret_cast<const MessageHeader*>(port.orders.peek())->kind ==
          MessageKind::kLinkedOrders) [[unlikely]] {
        if (!take_linked(port)) break;
        ++done;
        continue;
      }
      if (!take_message(port.orders, message)) break;
      if (message.header().kind == MessageKind::kNewOrder)
        submit(message.as<NewOrderMessage>(), port.number);
      if (message.header().kind == MessageKind::kReplace)
        replace(message.as<ReplaceMessage>(), port.number);
      ++done;
    }
    return done;
  });
}

// The one copy of an order is the one into its journal record: the gate reads the message where the
// door built it. Not for a message that goes round the end of the lane or is shorter than its flags
// say, and only from lanes of this process: what another process can still change is copied first.
bool Engine::submit_in_place(ClientPort& port) noexcept {
  const auto& message = *reinterpret_cast<const NewOrderMessage*>(port.orders.peek());
  if (message.header.kind != MessageKind::kNewOrder) return false;
  const std::size_t entries = message.header.entries;
  const std::size_t needed =
      (message.flags & kTextClientId) != 0 || message.client_number == 0 ? 2 : 1;
  if (entries < needed || entries > sizeof(AnyMessage) / kEntryBytes) return false;
  constexpr std::size_t kWhole = sizeof(NewOrderMessage) / kEntryBytes;
  if (!port.orders.is_in_a_row(std::max(entries, kWhole)) || !port.orders.holds(entries))
    return false;
  submit(message, port.number);
  port.orders.pop(entries);
  return true;
}

std::size_t Engine::turn_facts(std::size_t limit) noexcept {
  AnyMessage message;
  return facts_turn_.sweep(venue_ports_.size(), limit, [&](std::size_t at, std::size_t share) {
    VenuePort& port = *venue_ports_[at];
    std::size_t done = 0;
    // Facts are never dropped: when the ring is nearly full they wait in their lane.
    while (done < share && writer_.free_bytes() > 16 * kRecordBytesMax && port.facts.size() != 0 &&
           take_message(port.facts, message)) {
      dispatch_fact(message);
      settle_links();
      ++done;
    }
    return done;
  });
}

void Engine::dispatch_fact(const AnyMessage& message) noexcept {
  if (message.header().entries * kEntryBytes < bytes_of(message.header().kind)) {
    return record_anomaly(0, RecordKind::kAnomaly, 0, AnomalyCode::kRange, {});
  }
  switch (message.header().kind) {
    case MessageKind::kFact: {
      const auto kind =
          static_cast<std::uint16_t>(RecordKind::kOrderAccepted) + message.header().detail;
      if (kind > static_cast<int>(RecordKind::kOrderNotSent)) return;
      return on_fact(static_cast<RecordKind>(kind), message.as<FactMessage>().fact);
    }
    case MessageKind::kFill: {
      const OrderFilled& fill = message.as<FillMessage>().fill;
      const telemetry::Ticks begin = measurement_.sample();
      on_fill(fill);
      measurement_.record(telemetry::Stage::kFill, begin, fill.order_id);
      return;
    }
    case MessageKind::kFillRevised:
      return on_fill_revised(message.as<FillRevisedMessage>().fill,
                             message.as<FillRevisedMessage>().venue_order_id);
    case MessageKind::kAdopt:
      return on_adopt(message.as<AdoptMessage>().order);
    case MessageKind::kMark:
      return on_mark(message.as<MarkMessage>());
    case MessageKind::kSession:
      return on_session(message.as<SessionMessage>().state);
    case MessageKind::kFunding:
      return on_funding(message.as<FundingMessage>().funding);
    case MessageKind::kBalance:
      return on_balance(message.as<BalanceMessage>().change);
    case MessageKind::kCollateral:
      return on_collateral(message.as<CollateralMessage>().told);
    default:
      return;
  }
}

void Engine::release_gated() noexcept {
  const Sequence synced = writer_.synced_sequence();
  for (auto& port : venue_ports_) {
    while (port->gated.size() != 0) {
      OutboundEntry entry;
      std::memcpy(&entry, port->gated.peek(), sizeof entry);
      if (entry.sequence > synced) break;
      const std::uint32_t slot = state_.orders.find(entry.order_id);
      const bool is_wanted =
          slot != kNoSlot && is_open(static_cast<OrderState>(state_.orders.at(slot).state));
      if (is_wanted && !port->outbound.push(&entry)) break;
      port->gated.pop();
    }
  }
}

bool Engine::is_held_here(const Order& order, VenuePort& port) const noexcept {
  if (is_held_for_trigger(order) || order.link.is_waiting() || is_kept_to_cross(order)) return true;
  if (static_cast<OrderState>(order.state) != OrderState::kPendingNew) return false;
  for (std::size_t i = 0; i < port.gated.size_now(); ++i) {
    const auto* entry = reinterpret_cast<const OutboundEntry*>(port.gated.peek(i));
    const bool is_new = entry->kind == static_cast<std::uint16_t>(RecordKind::kOrderNew);
    if (is_new && entry->order_id == order.order_id) return true;
  }
  return false;
}

namespace {

/// What triggers are held against: the last trade, else the reference price; 0 = none was told.
[[nodiscard]] std::int64_t last_price(const InstrumentRow& row) noexcept {
  if (row.mark.last == 0) return row.reference.price;
  const auto price =
      mul_div(row.mark.last, kPow10_64[row.rules.price_scale], kPow10_64[row.mark.scale]);
  return price && *price > 0 && *price <= kQuantityMax ? static_cast<std::int64_t>(*price) : 0;
}

/// Nothing new leaves while any level is halted; a trigger that is still reached later fires then.
bool is_halted(const Route& route) noexcept {
  for (const LevelEntity* level : route.levels) {
    if (level->state == TradingState::kHalted) return true;
  }
  return false;
}

}  // namespace

bool Engine::may_have_left(const Order& order) const noexcept {
  return (is_held_for_trigger(order) || order.link.is_waiting()) &&
         split_order_id(order.order_id).epoch != state_.epoch &&
         !is_compared_[state_.routes.at(order.route).venue];
}

bool Engine::is_doubted(OrderId id) const noexcept {
  return !doubted_.empty() && std::binary_search(doubted_.begin(), doubted_.end(), id);
}

const std::vector<OrderId>& Engine::doubted() noexcept {
  std::erase_if(doubted_, [&](OrderId id) {
    const std::uint32_t slot = state_.orders.find(id);
    if (slot == kNoSlot) return true;
    const Order& order = state_.orders.at(slot);
    const bool is_held = is_held_for_trigger(order) || order.link.is_waiting();
    return !is_held || !is_open(static_cast<OrderState>(order.state));
  });
  return doubted_;
}

// Its record is that of an order that begins to be held here, with the moment of the answer where a
// venue's time stands: no venue has named the order.
bool Engine::settle_doubt(OrderId id, Evidence evidence) noexcept {
  const std::uint32_t slot = state_.orders.find(id);
  if (!is_doubted(id) || slot == kNoSlot) return true;
  (void)now_ns();
  OrderFact answered = gateway_fact(id, FactReason::kUntriggered);
  answered.venue_time_ns = now_ns_;
  answered.evidence = static_cast<std::uint32_t>(evidence);
  answered.text.assign("it never left");
  if (append(RecordKind::kOrderAccepted, answered, {}) == 0) return false;
  std::erase(doubted_, id);
  touch_link(state_.orders.at(slot));
  trigger_by_known_price(state_.orders.at(slot));
  return true;
}

bool Engine::trigger_held(OrderId id, InstrumentId instrument, std::int64_t price) noexcept {
  const std::uint32_t slot = state_.orders.find(id);
  if (slot == kNoSlot) return true;
  const Order& order = state_.orders.at(slot);
  if (order.instrument != instrument || !is_held_for_trigger(order)) return true;
  const bool is_reached =
      order.side == Side::kBuy ? price >= order.trigger_price : price <= order.trigger_price;
  Route& route = state_.routes.at(order.route);
  VenuePort* port = venue_port_of_[route.venue];
  if (!is_reached || port == nullptr || !port->has_room_for_new() || is_halted(route) ||
      may_have_left(order) || is_doubted(id)) {
    return true;
  }
  OrderTriggered triggered{};
  triggered.order_id = id;
  triggered.trigger_price_seen = price;
  triggered.by_gateway = static_cast<std::uint64_t>(TriggeredBy::kGateway);
  const Sequence sequence = append(RecordKind::kOrderTriggered, triggered, {});
  if (sequence == 0) return false;
  ++counters_.triggered_by_engine;
  send_new(order, sequence, route);
  tell_owner(order, sequence, RecordKind::kOrderTriggered);
  return true;
}

void Engine::trigger_emulated(InstrumentId instrument, std::int64_t price) noexcept {
  for (const Emulated& held : emulated_) {
    if (!trigger_held(held.order_id, instrument, price)) return;
  }
}

void Engine::trigger_by_known_price(const Order& order) noexcept {
  const InstrumentRow& row = state_.registry.instruments.at(order.instrument);
  const std::int64_t age_ns = now_ns_ - row.mark.time_ns;
  const std::int64_t price = last_price(row);
  const bool is_fresh =
      row.mark.time_ns != 0 && age_ns <= state_.routes.at(order.route).limits.reference_age_ns_max;
  if (is_fresh && price != 0) (void)trigger_held(order.order_id, order.instrument, price);
}

void Engine::trigger_waiting(VenueId venue) noexcept {
  for (const Emulated& held : emulated_) {
    const std::uint32_t slot = state_.orders.find(held.order_id);
    if (slot == kNoSlot) continue;
    const Order& order = state_.orders.at(slot);
    const bool is_of_earlier_life = split_order_id(order.order_id).epoch != state_.epoch;
    if (is_of_earlier_life && state_.routes.at(order.route).venue == venue) {
      trigger_by_known_price(order);
    }
  }
}

bool Engine::end_emulated(const Order& order) noexcept {
  const std::uint32_t slot = state_.orders.find(order.order_id);
  VenuePort* port = venue_port_of_[state_.routes.at(order.route).venue];
  if (port == nullptr || !port->has_room_for_cancel() || may_have_left(order) ||
      pending(order.overlay, Overlay::kCancel) == Pending::kSent) {
    return false;
  }
  ++counters_.expired_by_engine;
  if (!is_held_here(order, *port)) {
    send_cancel(slot, 0, 0, CancelReason::kExpiry, order.origin_port);
    return true;
  }
  on_fact(RecordKind::kOrderExpired, gateway_fact(order.order_id, FactReason::kExpired));
  return true;
}

// A venue that offers the time in force ends the order itself, and says EXPIRED.
bool Engine::is_timed_here(const Order& order) const noexcept {
  const VenueDefined& offers = state_.routes.at(order.route).venue_row->definition;
  return is_held_for_trigger(order) || order.link.is_waiting() ||
         (offers.times_in_force >> static_cast<int>(order.time_in_force) & 1) == 0;
}

/// A DAY order ends with the trading day that it was made in.
bool Engine::is_over(const Order& order, std::int64_t now) const noexcept {
  if (order.time_in_force == TimeInForce::kGtd) return order.expires_ns <= now;
  return order.time_in_force == TimeInForce::kDay &&
         (order.created_ns < state_.period_began_ns ||
          order_number(order.order_id) <= state_.period_began_ids);
}

void Engine::run_timers(std::int64_t now) noexcept {
  look_at_breakers(now);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < emulated_.size(); ++i) {
    Emulated entry = emulated_[i];
    const std::uint32_t slot = state_.orders.find(entry.order_id);
    if (slot == kNoSlot) continue;
    const Order& order = state_.orders.at(slot);
    if (!is_open(static_cast<OrderState>(order.state))) continue;
    if (is_over(order, now) && entry.retry_ns <= now && is_timed_here(order) &&
        end_emulated(order)) {
      entry.wait_ns = std::clamp(entry.wait_ns * 2, kExpiryRetryNs, kExpiryRetryMaxNs);
      entry.retry_ns = now + entry.wait_ns;
    }
    emulated_[kept++] = entry;
  }
  emulated_.resize(kept);
  if (!kept_.empty()) look_at_kept(now);
  settle_links_due(now);
}

Sequence Engine::roll_period() noexcept {
  (void)now_ns();
  ClockTick tick{};
  tick.purpose = 1;
  const Sequence sequence = append(RecordKind::kClockTick, tick, {});
  if (sequence == 0) return 0;
  end_kept_of_day();
  run_timers(now_ns_);
  return sequence;
}

void Engine::settle_in_flight() {
  (void)now_ns();
  std::vector<std::uint32_t> open;
  state_.orders.for_each_open([&](std::uint32_t slot) { open.push_back(slot); });
  for (const std::uint32_t slot : open) {
    const Order& order = state_.orders.at(slot);
    const bool ends_here = order.link.is_waiting() &&
                           (order.time_in_force == TimeInForce::kDay || order.expires_ns != 0);
    if ((order.flags & kEmulate) != 0 || ends_here) {
      emulated_.push_back({.order_id = order.order_id});
    }
    touch_link(order);
    if (is_kept_to_cross(order)) presume_left(order);
    const bool is_held = is_held_for_trigger(order) || order.link.is_waiting();
    const bool is_answered = order.venue_time_ns > settings_.lost_newest_ns;  // settle_doubt()
    if (is_held && !is_answered && split_order_id(order.order_id).epoch <= settings_.lost_epoch) {
      doubted_.push_back(order.order_id);
    }
    const auto lost = [&](FactReason reason) {
      on_fact(RecordKind::kOrderUnknown, gateway_fact(order.order_id, reason));
    };
    if (static_cast<OrderState>(order.state) == OrderState::kPendingNew) lost(FactReason::kRestart);
    if (pending(order.overlay, Overlay::kCancel) == Pending::kSent) {
      lost(FactReason::kUnknownOutcomeCancel);
    }
    if (pending(order.overlay, Overlay::kReplace) == Pending::kSent) {
      lost(FactReason::kUnknownOutcomeReplace);
    }
  }
  std::sort(doubted_.begin(), doubted_.end());
  note_kills(true);
}

bool Engine::has_same_content(const Order& order, const NewOrderMessage& message,
                              OrderLink link) noexcept {
  // The wish belongs to the session, not to the order: another door may repeat it without.
  constexpr std::uint8_t kOurs = kTextClientId | kConditions | kExternalOrder | kCancelOnDisconnect;
  // A market order's price is our protection price, so only priced orders compare it.
  const bool is_same_price = message.price == 0 || message.price == order.original_price;
  return is_same_price && order.original_quantity == message.quantity &&
         order.instrument == message.instrument && order.account == message.account &&
         order.strategy == message.strategy && order.type == message.type &&
         order.side == message.side && order.time_in_force == message.time_in_force &&
         order.leg == message.leg && (order.flags & ~kOurs) == (message.flags & ~kOurs) &&
         order.trigger_price == message.trigger_price &&
         displayed(order) == message.display_quantity && order.cross_ms == message.cross_ms &&
         order.expires_ns == message.expires_ns && order.link.kind == link.kind &&
         order.link.place == link.place && order.link.count == link.count;
}

}  // namespace gateway
