// New orders: the way from a message to a journaled, reserved, outbound order, or to a refusal.
#include <algorithm>
#include <new>

#include "gateway_core/engine/engine.hpp"
#include "gateway_core/engine/gateway_fact.hpp"
#include "gateway_core/engine/outbound.hpp"

namespace gateway {
namespace {

/// The multiplier words are wide, so that no two small products meet: another order is no
/// duplicate. Inlined: the name's other half is worked out for nobody then.
[[nodiscard]] [[gnu::always_inline]] inline std::uint64_t fingerprint(
    const NewOrderMessage& message, std::uint32_t route) noexcept {
  const std::uint64_t words[] = {
      static_cast<std::uint64_t>(message.price),
      static_cast<std::uint64_t>(message.quantity) * 4 + static_cast<std::uint64_t>(message.side),
      static_cast<std::uint64_t>(message.trigger_price), static_cast<std::uint64_t>(message.type)};
  return words_key(route, words).low;
}

[[nodiscard]] bool has_conditions_of(const NewOrderMessage& message) noexcept {
  return (message.trigger_price | message.display_quantity | message.expires_ns |
          message.cross_ms) != 0;
}

}  // namespace

Refusal Engine::check_flow(VenuePort* port, Durability durability, std::int64_t now_ns) noexcept {
  // New work may use the journal ring up to three quarters; the rest belongs to cancels and facts.
  if (writer_.used_bytes() > writer_.capacity_bytes() / 4 * 3 || writer_.is_commit_failed()) {
    return Refusal::kJournalBehind;
  }
  if (port == nullptr) return Refusal::kVenueDown;
  if (!port->has_room_for_new()) return Refusal::kVenueQueueFull;
  if (durability == Durability::kDiskAsync &&
      writer_.oldest_unsynced_age_ns(now_ns) > settings_.disk_async_window_ns) {
    return Refusal::kJournalBehind;
  }
  return Refusal::kNone;
}

Refusal Engine::check_space(VenuePort* port, Durability durability, std::int64_t now_ns) noexcept {
  const Refusal found = check_flow(port, durability, now_ns);
  if (found != Refusal::kNone) return found;
  return orders_left() ? Refusal::kNone : Refusal::kOrdersFull;
}

Refusal Engine::check_identity(const NewOrderMessage& message) const noexcept {
  const Registry& registry = state_.registry;
  if (!registry.principals.has(message.header.principal)) return Refusal::kUnknownPrincipal;
  if (!registry.instruments.has(message.instrument)) return Refusal::kUnknownInstrument;
  if (!registry.accounts.has(message.account)) return Refusal::kUnknownAccount;
  if (!registry.strategies.has(message.strategy)) return Refusal::kUnknownStrategy;
  if (registry.accounts.at(message.account).definition.venue !=
      registry.instruments.at(message.instrument).definition.venue) {
    return Refusal::kUnknownAccount;
  }
  const PrincipalRow& principal = registry.principals.at(message.header.principal);
  if (message.overrides != 0 && !principal.has_scope(kScopeOverride)) return Refusal::kNotPermitted;
  if (!principal.has_scope(kScopeTrade) ||
      !principal.may_use(message.account, message.strategy, message.instrument)) {
    return Refusal::kNotPermitted;
  }
  return Refusal::kNone;
}

Refusal Engine::check_shape(const NewOrderMessage& message) const noexcept {
  const auto side = static_cast<std::uint8_t>(message.side);
  const auto type = static_cast<std::uint8_t>(message.type);
  const auto time_in_force = message.time_in_force;
  if (side < 1 || side > 2 || type < 1 || type > 4 || message.leg > 2) return Refusal::kBadEnum;
  if (!is_time_in_force(time_in_force)) return Refusal::kBadEnum;
  if (has_limit_price(message.type) && message.price == 0) return Refusal::kPriceMissing;
  if (!has_limit_price(message.type) && message.price != 0) return Refusal::kPriceNotAllowed;
  if (has_trigger(message.type) && message.trigger_price == 0) return Refusal::kTriggerMissing;
  if (!has_trigger(message.type) && message.trigger_price != 0) return Refusal::kTriggerNotAllowed;
  if (time_in_force == TimeInForce::kGtd && message.expires_ns == 0) return Refusal::kExpiryMissing;
  if (time_in_force != TimeInForce::kGtd && message.expires_ns != 0)
    return Refusal::kExpiryNotAllowed;
  const bool is_taken_at_once = is_immediate(time_in_force);
  if ((message.flags & kPostOnly) != 0 && (message.type != OrderType::kLimit || is_taken_at_once)) {
    return Refusal::kUnsupportedFlag;
  }
  // An iceberg shows a part of what rests: nothing rests of these.
  if (message.display_quantity != 0 && (!has_limit_price(message.type) || is_taken_at_once)) {
    return Refusal::kUnsupportedFlag;
  }
  constexpr int kOffered = kPostOnly | kReduceOnly | kEmulate | kTextClientId | kCancelOnDisconnect;
  if ((message.flags & ~kOffered) != 0 || (message.overrides & ~kOverrideSize) != 0) {
    return Refusal::kUnsupportedFlag;
  }
  // The flag first: without it the bytes of the id may belong to the next message of the lane.
  const bool has_text = (message.flags & kTextClientId) != 0 && !message.client_id.empty();
  if (has_text == (message.client_number != 0)) return Refusal::kBadClientId;
  return Refusal::kNone;
}

Refusal Engine::check_numbers(const NewOrderMessage& message,
                              const InstrumentRow& row) const noexcept {
  const InstrumentDefined& rules = row.definition;
  const auto outside = [](std::int64_t value) { return value < 0 || value > kQuantityMax; };
  if (message.quantity <= 0 || outside(message.quantity) || outside(message.price) ||
      outside(message.trigger_price) || outside(message.display_quantity)) {
    return Refusal::kRange;
  }
  // A division each: absent numbers are spared it.
  if ((message.price != 0 && message.price % rules.tick != 0) ||
      (message.trigger_price != 0 && message.trigger_price % rules.tick != 0)) {
    return Refusal::kBadTick;
  }
  if (message.quantity % rules.lot != 0) return Refusal::kBadLot;
  if (message.display_quantity != 0 && message.display_quantity % rules.lot != 0) {
    return Refusal::kBadLot;
  }
  if (message.quantity < rules.quantity_min ||
      (rules.quantity_max != 0 && message.quantity > rules.quantity_max)) {
    return Refusal::kQuantityRange;
  }
  if (message.display_quantity > message.quantity) return Refusal::kQuantityRange;
  if (rules.notional_min_e8 != 0 && message.price != 0) {
    const auto value = value_of(row.rules, message.price, rules.price_scale, message.quantity);
    if (!value) return Refusal::kOverflow;
    if (value->e18 < static_cast<Int128>(rules.notional_min_e8) * kPow10_64[10]) {
      return Refusal::kMinNotional;
    }
  }
  return Refusal::kNone;
}

Refusal Engine::check_capability(const NewOrderMessage& message, const VenueRow& venue,
                                 bool& is_emulated) const noexcept {
  const VenueDefined& offers = venue.definition;
  const bool may_emulate = (message.flags & kEmulate) != 0;
  is_emulated = false;
  if ((offers.order_types >> static_cast<int>(message.type) & 1) == 0) {
    if (!may_emulate || !has_trigger(message.type)) return Refusal::kUnsupportedType;
    is_emulated = true;
  }
  if ((offers.times_in_force >> static_cast<int>(message.time_in_force) & 1) == 0) {
    const bool timed =
        message.time_in_force == TimeInForce::kGtd || message.time_in_force == TimeInForce::kDay;
    if (!may_emulate || !timed) return Refusal::kUnsupportedTimeInForce;
  }
  if ((message.flags & (kPostOnly | kReduceOnly) & ~offers.flags) != 0) {
    return Refusal::kUnsupportedFlag;
  }
  if (message.display_quantity != 0 && (offers.flags & kOffersIceberg) == 0) {
    return Refusal::kUnsupportedFlag;
  }
  return Refusal::kNone;
}

Refusal Engine::check_venue(const Route& route) const noexcept {
  if (!is_clock_healthy_) return Refusal::kClockUnhealthy;
  if (route.instrument_row->definition.is_tradable == 0) return Refusal::kInstrumentHalted;
  if (route.venue_row->session == VenueSession::kDown) return Refusal::kVenueDown;
  if (route.venue_row->session != VenueSession::kReconciled) return Refusal::kNotReconciled;
  const bool is_hedge = route.account_row->definition.is_hedge_mode != 0 &&
                        route.instrument_row->rules.kind != InstrumentKind::kSpot;
  if (is_hedge == (route.leg == Leg::kNet)) return Refusal::kBadLeg;
  return Refusal::kNone;
}

OrderId Engine::order_of_number(PrincipalId principal, std::uint64_t number) const noexcept {
  const std::uint32_t slot = state_.orders.find_number(principal, number);
  return slot != kNoSlot ? state_.orders.at(slot).order_id
                         : state_.names.find_pending(principal, number);
}

// An id that a replace brought is used, but no order was made under it: what comes under it as a
// new order is another intent, whatever its content.
std::uint32_t Engine::made_under(const NewOrderMessage& message) const noexcept {
  const PrincipalId principal = message.header.principal;
  if (message.client_number == 0) {
    const OrderId made = state_.names.find_made(principal, message.client_id);
    return made == 0 ? kNoSlot : state_.orders.find(made);
  }
  const std::uint32_t slot = state_.orders.find_number(principal, message.client_number);
  return slot == kNoSlot || state_.orders.at(slot).is_renamed != 0 ? kNoSlot : slot;
}

bool Engine::find_repeated(const NewOrderMessage& message, std::uint32_t port, Notice& answer,
                           OrderLink link) noexcept {
  const PrincipalId principal = message.header.principal;
  const NumberWindow* window = state_.names.window(principal);
  const std::uint64_t number = message.client_number;
  if (state_.names.is_surely_new(principal, number)) return false;
  const OrderId known = number != 0 ? order_of_number(principal, number)
                                    : state_.names.find_text(principal, message.client_id);
  const bool is_used = known != 0 || (number != 0 && window->is_used(number));
  if (!is_used && (number == 0 || !window->is_stale(number))) return false;
  answer = {.sequence = 0,
            .request = message.header.request,
            .order_id = known,
            .kind = static_cast<std::uint16_t>(RecordKind::kOrderRefused),
            .refusal = static_cast<std::uint16_t>(is_used ? Refusal::kIdConflict
                                                          : Refusal::kClientIdStale),
            .level = -1,
            .limit = 0,
            .current = 0,
            .would_be = 0,
            .working = 0};
  const std::uint32_t slot = made_under(message);
  if (slot != kNoSlot && has_same_content(state_.orders.at(slot), message, link)) {
    answer.kind = static_cast<std::uint16_t>(RecordKind::kOrderNew);
    answer.refusal = 0;
    answer.sequence = state_.orders.at(slot).sequence;
    answer.current = 1;  // a repeated answer, nothing new happened
    ++counters_.orders_repeated;
  } else {
    ++counters_.orders_refused;
  }
  (void)this->answer(port, answer);
  return true;
}

std::int64_t Engine::protection_price(const NewOrderMessage& message,
                                      const Route& route) const noexcept {
  if (message.price != 0) return message.price;
  const std::int64_t around =
      message.trigger_price != 0 ? message.trigger_price : route.instrument_row->reference.price;
  const std::int64_t tick = route.instrument_row->definition.tick;
  const std::int64_t bps = std::min<std::int64_t>(route.limits.collar_bps, 9'999);
  const Int128 edge =
      static_cast<Int128>(around) * (message.side == Side::kBuy ? 10'000 + bps : 10'000 - bps);
  // Rounded towards the reference, so that the protection is never outside the collar.
  const Int128 unit = static_cast<Int128>(tick) * 10'000;
  const Int128 ticks = message.side == Side::kBuy ? edge / unit : (edge + unit - 1) / unit;
  const Int128 price = ticks * tick;
  return price > kQuantityMax ? kQuantityMax : static_cast<std::int64_t>(price);
}

[[gnu::always_inline]] inline GateOrder Engine::gate_order(const Candidate& candidate,
                                                           const Route& route) noexcept {
  const NewOrderMessage& message = candidate.message;
  const std::int64_t around = route.instrument_row->reference.price;
  return {
      .side = message.side,
      .is_reduce_only = closes_leg(route.leg, message.side) || (message.flags & kReduceOnly) != 0,
      .counts_as_order = true,
      .is_size_overridden = (message.overrides & kOverrideSize) != 0,
      .price = candidate.price,
      .collar_reference = message.trigger_price != 0 ? message.trigger_price : around,
      .quantity = message.quantity,
      .added_quantity = message.quantity,
      .notional_e4 = candidate.amount_e4,
      .added_notional_e4 = candidate.amount_e4,
      .now_ns = candidate.now_ns};
}

GateVerdict Engine::check_gate(Candidate& candidate) noexcept {
  Route& route = state_.routes.at(candidate.route_index);
  const InstrumentRow& row = *route.instrument_row;
  const NewOrderMessage& message = candidate.message;
  if (message.price != 0) [[likely]] {
    candidate.price = message.price;
  } else {
    candidate.price = protection_price(message, route);
  }
  candidate.amount_e4 = row.amount_e4(
      gate_price_of(message.side, candidate.price, row.reference.price), message.quantity);
  if (has_level_guards(route.limits) || gate_room(route.view(), gate_order(candidate, route)) < 0)
      [[unlikely]] {
    return judge(candidate);
  }
  return {};
}

// Works the order out anew, so that the pass above may keep it in registers and store nothing.
GateVerdict Engine::judge(const Candidate& candidate) noexcept {
  Route& route = state_.routes.at(candidate.route_index);
  GateOrder order = gate_order(candidate, route);
  if (passes_gate_again(route.view(), order)) return {};
  order.ignores_own_orders = order.is_reduce_only && candidate.message.trigger_price != 0;
  return explain(route, order);
}

GateVerdict Engine::explain(Route& route, const GateOrder& order) noexcept {
  const JudgedView judged(route.view(), order);
  const GateView& view = judged.view;
  if (view.limits->self_trade_mask != 0) {
    // Own prices are a bound; nobody is refused for one that is gone.
    counters_.rows_explained += state_.own.work_out(state_.orders, route.instrument, order.side);
  }
  const bool is_asked_again = view.limits->self_trade_mask != 0 || order.ignores_usual_size;
  if (is_asked_again && passes_gate_again(view, order)) return {};
  GateVerdict found = explain_gate(view, order, route.instrument_row->definition.quantity_scale);
  // The pass found a sum out of its range where every single rule seems kept: nobody may say yes.
  if (found.refusal == Refusal::kNone) found.refusal = Refusal::kOverflow;
  refused_.note(route, order, found);
  return found;
}

bool Engine::is_duplicate(Candidate& candidate) const noexcept {
  const Route& route = state_.routes.at(candidate.route_index);
  if (route.limits.duplicate_window_ns == 0) return false;
  const std::uint64_t value = fingerprint(candidate.message, candidate.route_index);
  candidate.fingerprint = value;
  const Fingerprint& seen = fingerprints_[value % kFingerprints];
  return seen.value == value && candidate.now_ns - seen.time_ns < route.limits.duplicate_window_ns;
}

void Engine::remember_fingerprint(const Candidate& candidate) noexcept {
  if (candidate.fingerprint == 0) return;
  fingerprints_[candidate.fingerprint % kFingerprints] = {candidate.fingerprint, candidate.now_ns};
}

void Engine::remember_released(const NewOrderMessage& message, std::uint32_t route_index) noexcept {
  if (state_.routes.at(route_index).limits.duplicate_window_ns == 0) return;
  const std::uint64_t value = fingerprint(message, route_index);
  fingerprints_[value % kFingerprints] = {value, now_ns_};
}

Refusal Engine::check_named(Candidate& candidate) noexcept {
  const NewOrderMessage& message = candidate.message;
  if (const Refusal found = check_shape(message); found != Refusal::kNone) return found;
  const InstrumentRow& row = state_.registry.instruments.at(message.instrument);
  if (const Refusal found = check_numbers(message, row); found != Refusal::kNone) return found;
  candidate.route_index = state_.route_of_order(message.account, message.instrument,
                                                static_cast<Leg>(message.leg), message.strategy);
  if (candidate.route_index == RouteTable::kNone) return Refusal::kTableFull;
  ++counters_.route_rules_missed;
  prepared_.prepare(message, candidate.route_index);
  const Route& route = state_.routes.at(candidate.route_index);
  if (const Refusal found = check_venue(route); found != Refusal::kNone) return found;
  if (const Refusal found = check_capability(message, *route.venue_row, candidate.is_emulated);
      found != Refusal::kNone) {
    return found;
  }
  if (message.expires_ns != 0 && message.expires_ns <= candidate.now_ns)
    return Refusal::kExpiryPast;
  if (message.client_number == 0 && state_.names.is_text_full()) return Refusal::kIdempotencyFull;
  if (message.cross_ms != 0) {
    if (const Refusal found = check_crossing(message); found != Refusal::kNone) return found;
    candidate.is_kept = true;
  }
  return state_.registry.has_rates(row) ? Refusal::kNone : Refusal::kNoConversionRate;
}

Notice Engine::decide(const NewOrderMessage& message, std::uint32_t port) noexcept {
  Candidate candidate{message, port, now_ns(), prepared_.find(message)};
  const bool is_plain = candidate.route_index != PreparedRoutes::kNone && is_clock_healthy_ &&
                        prepared_.at(candidate.route_index).pass(message);
  if (!is_plain) {
    if (const Refusal found = check_identity(message); found != Refusal::kNone) {
      return refuse(message, port, {.refusal = found});
    }
  }
  if (!state_.names.is_surely_new(message.header.principal, message.client_number)) [[unlikely]] {
    Notice repeated;
    if (find_repeated(message, port, repeated)) return repeated;
  }
  if (!is_plain) {
    if (const Refusal found = check_named(candidate); found != Refusal::kNone) {
      return refuse(message, port, {.refusal = found});
    }
  }
  if (at_ != 0) at_ = measurement_.timestamp();  // the gate begins here
  const GateVerdict verdict = check_gate(candidate);
  at_ = measurement_.record(telemetry::Stage::kGate, at_);
  if (verdict.refusal != Refusal::kNone) [[unlikely]] {
    refused_.name(port, message.header.request);
    return refuse(message, port, verdict);
  }
  const Route& route = state_.routes.at(candidate.route_index);
  if (const Refusal found =
          check_space(venue_port_of_[route.venue], prepared_.at(candidate.route_index).durability,
                      candidate.now_ns);
      found != Refusal::kNone) {
    return refuse(message, port, {.refusal = found});
  }
  // Last, because it remembers: an order refused for space may come again at once.
  if (is_duplicate(candidate)) return refuse(message, port, {.refusal = Refusal::kDuplicateOrder});
  if (candidate.is_kept) [[unlikely]]
    return accept_kept(candidate);
  return candidate.is_emulated ? accept_held(candidate) : accept(candidate);
}

static_assert(offsetof(OrderNew, instrument) == 32 && offsetof(OrderNew, account) == 36 &&
              offsetof(OrderNew, strategy) == 40 && offsetof(OrderNew, type) == 44 &&
              offsetof(OrderNew, side) == 45 && offsetof(OrderNew, time_in_force) == 46 &&
              offsetof(OrderNew, flags) == 47 && offsetof(OrderNew, reference_age_ms) == 56 &&
              offsetof(OrderNew, leg) == 58 && offsetof(OrderNew, margin_mode) == 59 &&
              offsetof(OrderNew, limits_version) == 60);

// Its words in the order of OrderNew, narrow fields joined as header.hpp tells.
void Engine::write_new(const Candidate& candidate, std::uint8_t* record, std::uint32_t length,
                       OrderId id) noexcept {
  const NewOrderMessage& message = candidate.message;
  const Route& route = state_.routes.at(candidate.route_index);
  const bool has_text = message.client_number == 0;
  const bool has_conditions = candidate.link.is_linked() || has_conditions_of(message);
  open_record(record, RecordKind::kOrderNew, length,
              {.origin_sequence = message.header.request,
               .actor = message.header.principal,
               .port = candidate.port});
  const auto flags = static_cast<std::uint8_t>((message.flags & ~(kTextClientId | kConditions)) |
                                               (has_text ? kTextClientId : 0) |
                                               (has_conditions ? kConditions : 0));
  const std::int64_t age_ms = std::clamp<std::int64_t>(
      (candidate.now_ns - route.instrument_row->reference.time_ns) / 1'000'000, 0, 0xFFFF);
  auto* made = reinterpret_cast<OrderNew*>(record + sizeof(RecordHeader));
  made->order_id = id;
  made->client_number = message.client_number;
  made->price = candidate.price;
  made->quantity = message.quantity;
  put_word(*made, 4, word_of(message.instrument, message.account));
  put_word(*made, 5,
           word_of(message.strategy, static_cast<std::uint32_t>(message.type) |
                                         static_cast<std::uint32_t>(message.side) << 8 |
                                         static_cast<std::uint32_t>(message.time_in_force) << 16 |
                                         std::uint32_t{flags} << 24));
  made->reference_price = route.instrument_row->reference.price;
  put_word(*made, 7,
           word_of(static_cast<std::uint32_t>(age_ms) | std::uint32_t{message.leg} << 16 |
                       static_cast<std::uint32_t>(route.margin_mode) << 24,
                   route.limits.generation));
  if (has_conditions) {
    *reinterpret_cast<OrderConditions*>(made + 1) = {.trigger_price = message.trigger_price,
                                                     .display_quantity = message.display_quantity,
                                                     .expires_ns = message.expires_ns,
                                                     .link = candidate.link,
                                                     .cross_ms = message.cross_ms,
                                                     .reserved = {}};
  }
  if (!has_text) return;
  std::memcpy(record + length - sizeof(ClientId), &message.client_id, sizeof(ClientId));
}

std::uint32_t Engine::length_of(const Candidate& candidate) noexcept {
  const NewOrderMessage& message = candidate.message;
  const bool has_conditions = candidate.link.is_linked() || has_conditions_of(message);
  return static_cast<std::uint32_t>(sizeof(RecordHeader) + sizeof(OrderNew) +
                                    (has_conditions ? sizeof(OrderConditions) : 0) +
                                    (message.client_number == 0 ? sizeof(ClientId) : 0));
}

Notice Engine::accept(const Candidate& candidate) noexcept {
  const NewOrderMessage& message = candidate.message;
  const Route& route = state_.routes.at(candidate.route_index);
  const std::uint32_t length = length_of(candidate);
  if (at_ != 0) at_ = measurement_.timestamp();
  std::uint8_t* record = writer_.reserve(length);
  if (record == nullptr) {
    return refuse(message, candidate.port, {.refusal = Refusal::kJournalBehind});
  }
  const OrderId id = next_order_id();
  write_new(candidate, record, length, id);
  // Neither conditions nor a text: nearly every order, and the compiler knows its length.
  constexpr std::uint32_t kPlainBytes = sizeof(RecordHeader) + sizeof(OrderNew);
  const Sequence sequence =
      length == kPlainBytes ? writer_.publish_one<kPlainBytes>() : writer_.publish(length);
  const std::uint32_t slot =
      state_.apply_decided(*reinterpret_cast<const RecordHeader*>(record), record,
                           {candidate.route_index, candidate.amount_e4});
  at_ = measurement_.record(telemetry::Stage::kAppend, at_, id);
  send_new(state_.orders.at(slot), sequence, route);
  measurement_.record(telemetry::Stage::kPublish, at_, id);
  return accepted(candidate, id, sequence);
}

// An order that the gateway holds for its trigger is one group with the fact that says so.
Notice Engine::accept_held(const Candidate& candidate) noexcept {
  const NewOrderMessage& message = candidate.message;
  const std::uint32_t length = length_of(candidate);
  constexpr std::uint32_t kHeldBytes = sizeof(RecordHeader) + sizeof(OrderFact);
  std::uint8_t* record = writer_.reserve(length + kHeldBytes);
  if (record == nullptr) {
    return refuse(message, candidate.port, {.refusal = Refusal::kJournalBehind});
  }
  const OrderId id = next_order_id();
  write_new(candidate, record, length, id);
  const OrderFact held = gateway_fact(id, FactReason::kUntriggered);
  open_record(record + length, RecordKind::kOrderAccepted, kHeldBytes, {});
  std::memcpy(record + length + sizeof(RecordHeader), &held, sizeof held);
  const Sequence sequence = commit(record, length + kHeldBytes) - 1;
  return accepted(candidate, id, sequence);
}

Notice Engine::accepted(const Candidate& candidate, OrderId id, Sequence sequence) noexcept {
  const NewOrderMessage& message = candidate.message;
  const Route& route = state_.routes.at(candidate.route_index);
  for (LevelEntity* level : route.levels) level->orders.take(candidate.now_ns, level->order_rate);
  remember_fingerprint(candidate);
  if (route.limits.guards != 0 || is_learning_sizes_) [[unlikely]]
    note_order(candidate, id, sequence);
  if ((message.flags & kEmulate) != 0) [[unlikely]]
    emulated_.push_back({.order_id = id});
  ++counters_.orders_accepted;
  state_.prefetch_next(message.header.principal, message.client_number, id);
  const Notice notice{.sequence = sequence,
                      .request = message.header.request,
                      .order_id = id,
                      .kind = static_cast<std::uint16_t>(RecordKind::kOrderNew)};
  send_notice(candidate.port, notice);
  return notice;
}

OrderId Engine::next_order_id() const noexcept {
  return make_order_id(
      {settings_.instance, state_.epoch, static_cast<std::uint32_t>(state_.orders_made + 1)});
}

void Engine::send_new(const Order& order, Sequence sequence, const Route& route) noexcept {
  VenuePort& port = *venue_port_of_[route.venue];
  // Sent after its acceptance by us: the trigger has fired here, whatever the venue offers by now.
  const bool was_triggered = (order.flags & kEmulate) != 0 &&
                             static_cast<FactReason>(order.reason) == FactReason::kUntriggered;
  OrderType type = order.type;
  if (was_triggered) type = type == OrderType::kStop ? OrderType::kMarket : OrderType::kLimit;
  TimeInForce time_in_force = order.time_in_force;
  if ((route.venue_row->definition.times_in_force >> static_cast<int>(time_in_force) & 1) == 0) {
    time_in_force = TimeInForce::kGtc;
  }
  const bool waits_for_disk =
      static_cast<Durability>(route.account_row->definition.durability) == Durability::kDisk;
  auto& lane = waits_for_disk ? port.gated : port.outbound;
  // Room was checked before the decision; without it the order is UNKNOWN after a while and
  // settled.
  std::byte* const place = lane.claim();
  if (place == nullptr) [[unlikely]]
    return;
  // Built in the lane: a copy of what was just written in pieces waits until all of it has left
  // the store buffer.
  auto* entry =
      new (place) OutboundEntry(outbound_of(order, RecordKind::kOrderNew, state_.epoch, sequence));
  entry->type = type;
  entry->time_in_force = time_in_force;
  entry->trigger_price = was_triggered ? 0 : order.trigger_price;
  entry->display_quantity = std::min(displayed(order), order.quantity);
  entry->expires_ns = time_in_force == TimeInForce::kGtd ? order.expires_ns : 0;
  lane.publish();
  ++port.entries_out;
}

OrderRefused Engine::refused_of(const NewOrderMessage& message,
                                const GateVerdict& verdict) const noexcept {
  OrderRefused refused{};
  refused.client_number = message.client_number;
  refused.price = message.price;
  refused.quantity = message.quantity;
  refused.instrument = message.instrument;
  refused.account = message.account;
  refused.strategy = message.strategy;
  refused.type = message.type;
  refused.side = message.side;
  refused.time_in_force = message.time_in_force;
  refused.flags = message.flags;
  refused.refusal = static_cast<std::uint16_t>(verdict.refusal);
  refused.level = static_cast<std::uint16_t>(verdict.level);
  refused.limits_version = state_.registry.limits_generation();
  refused.limit = verdict.limit;
  refused.current = verdict.current;
  refused.would_be = verdict.would_be;
  refused.working = verdict.working;
  if ((message.flags & kTextClientId) != 0) refused.client_id = message.client_id;
  return refused;
}

Notice Engine::refuse(const NewOrderMessage& message, std::uint32_t port,
                      GateVerdict verdict) noexcept {
  ++counters_.orders_refused;
  const bool for_space = verdict.refusal == Refusal::kJournalBehind ||
                         verdict.refusal == Refusal::kVenueQueueFull ||
                         verdict.refusal == Refusal::kOrdersFull;
  Sequence sequence = 0;
  if (for_space) {
    ++counters_.refused_for_space;
  } else if (writer_.used_bytes() <= writer_.capacity_bytes() / 4 * 3) {
    const OrderRefused refused = refused_of(message, verdict);
    sequence = append(RecordKind::kOrderRefused, refused,
                      {.cause = 0,
                       .origin_sequence = message.header.request,
                       .actor = message.header.principal,
                       .port = port});
  }
  return answer(port, {.sequence = sequence,
                       .request = message.header.request,
                       .order_id = 0,
                       .kind = static_cast<std::uint16_t>(RecordKind::kOrderRefused),
                       .refusal = static_cast<std::uint16_t>(verdict.refusal),
                       .level = verdict.level,
                       .limit = verdict.limit,
                       .current = verdict.current,
                       .would_be = verdict.would_be,
                       .working = verdict.working});
}

}  // namespace gateway
