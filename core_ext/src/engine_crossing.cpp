// Crossing inside the house: an order that asks for it is kept here for a moment; two of them from
// different books of one account that agree on the middle of the market meet here, and the venue
// never hears of what did. What is left goes out, or ends. Nothing is remembered beside the rows
// (docs/concepts/crossing.md).
#include <algorithm>
#include <cstdio>

#include "gateway_core/engine/engine.hpp"
#include "gateway_core/engine/gateway_fact.hpp"
#include "gateway_core/state/execution.hpp"

namespace gateway {
namespace {

[[nodiscard]] std::int64_t ends_at(std::int64_t created_ns, std::uint16_t cross_ms) noexcept {
  return created_ns + std::int64_t{cross_ms} * 1'000'000;
}

/// A cross opens positions in a book, so nobody may be halted or only reducing.
[[nodiscard]] bool is_active(const Route& route) noexcept {
  for (const LevelEntity* level : route.levels) {
    if (level->state != TradingState::kActive) return false;
  }
  return true;
}

/// Two books of one position of the venue, one buying and one selling.
[[nodiscard]] bool are_opposite(const Order& one, const Order& other) noexcept {
  return one.side != other.side && one.account == other.account && one.leg == other.leg &&
         one.margin_mode == other.margin_mode && one.strategy != other.strategy;
}

/// No venue's id looks like it, and no order has the same executed total twice.
[[nodiscard]] TradeId trade_id_of(OrderId order_id, std::int64_t cumulative) noexcept {
  char text[TradeId::kCapacity + 1];
  std::snprintf(text, sizeof text, "cross-%016llx-%llx", static_cast<unsigned long long>(order_id),
                static_cast<unsigned long long>(cumulative));
  TradeId id;
  id.assign(text);
  return id;
}

/// What is left of it, as if it were sent now.
[[nodiscard]] NewOrderMessage rest_of(const Order& order) noexcept {
  NewOrderMessage rest{};
  rest.header.principal = order.principal;
  rest.client_number = order.client_number;
  rest.price = has_limit_price(order.type) ? order.price : 0;
  rest.quantity = leaves(order);
  rest.instrument = order.instrument;
  rest.account = order.account;
  rest.strategy = order.strategy;
  rest.type = order.type;
  rest.side = order.side;
  rest.time_in_force = order.time_in_force;
  rest.flags = order.flags;
  rest.leg = order.leg;
  return rest;
}

}  // namespace

Refusal Engine::check_crossing(const NewOrderMessage& message) const noexcept {
  if (message.cross_ms > kCrossMsMax) return Refusal::kRange;
  // What the venue alone can promise is not promised for a cross, and a time that is over before it
  // is sent is no time.
  const bool is_plain = message.type == OrderType::kMarket || message.type == OrderType::kLimit;
  const bool may_rest_in_parts =
      message.time_in_force != TimeInForce::kFok && message.time_in_force != TimeInForce::kGtd;
  const bool has_wishes = (message.flags & (kPostOnly | kReduceOnly | kEmulate)) != 0;
  if (!is_plain || !may_rest_in_parts || has_wishes || message.display_quantity != 0)
    return Refusal::kBadCross;
  const auto own = std::count_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.principal == message.header.principal;
  });
  const bool has_room =
      kept_.size() < kKeptMax && static_cast<std::size_t>(own) < kKeptOfPrincipalMax;
  return has_room ? Refusal::kNone : Refusal::kCrossFull;
}

void Engine::count_crossed(const Order& order, OrderFact& fact) noexcept {
  constexpr std::int64_t kTooLarge = std::numeric_limits<std::int64_t>::max();
  const auto add = [&](std::int64_t& told) {
    if (__builtin_add_overflow(told, crossed(order), &told)) told = kTooLarge;
  };
  if (static_cast<Evidence>(fact.evidence) == Evidence::kGateway) return;
  if (fact.cumulative >= 0) add(fact.cumulative);
  if (fact.quantity > 0) add(fact.quantity);
}

Notice Engine::accept_kept(const Candidate& candidate) noexcept {
  const Notice notice = accept_held(candidate);
  if (notice.refusal != 0) return notice;
  const NewOrderMessage& message = candidate.message;
  kept_.push_back({.order_id = notice.order_id,
                   .ends_ns = ends_at(candidate.now_ns, message.cross_ms),
                   .instrument = message.instrument,
                   .principal = message.header.principal,
                   .side = message.side});
  cross_kept(message.instrument);
  return notice;
}

bool Engine::may_cross(const Order& order, const Mid& mid) noexcept {
  Route& route = state_.routes.at(order.route);
  prepared_.prepare(order.route);
  const int scale = route.instrument_row->rules.price_scale;
  return check_venue(route) == Refusal::kNone && route.limits.is_complete &&
         mid.age_ns <= route.limits.reference_age_ns_max &&
         is_within(mid, order.side, order.price, scale);
}

// By time: the older of two that could meet the same one does. Every price of the instrument comes
// here: rows are looked at only when both sides are there.
void Engine::cross_kept(InstrumentId instrument) noexcept {
  bool has[2] = {};
  for (const Kept& kept : kept_) has[index_of(kept.side)] |= kept.instrument == instrument;
  if (!has[0] || !has[1]) return;
  const InstrumentRow& row = state_.registry.instruments.at(instrument);
  const auto mid = mid_of(row.mark.bid, row.mark.ask, static_cast<int>(row.mark.scale),
                          now_ns_ - row.mark.time_ns);
  if (!mid) return;
  std::uint32_t slots[kKeptMax];
  std::size_t count = 0;
  for (const Kept& kept : kept_) {
    if (kept.instrument != instrument) continue;
    const std::uint32_t slot = state_.orders.find(kept.order_id);
    if (slot == kNoSlot) continue;
    const Order& order = state_.orders.at(slot);
    if (is_kept_to_cross(order) && may_cross(order, *mid)) slots[count++] = slot;
  }
  for (std::size_t later = 1; later < count; ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      const Order& one = state_.orders.at(slots[earlier]);
      const Order& other = state_.orders.at(slots[later]);
      if (!are_opposite(one, other) || !is_kept_to_cross(one)) continue;
      if (!is_kept_to_cross(other)) break;
      const bool is_buy_first = one.side == Side::kBuy;
      cross(slots[is_buy_first ? earlier : later], slots[is_buy_first ? later : earlier], *mid);
    }
  }
}

bool Engine::draw_cross(std::uint32_t slot, OrderId with, std::int64_t quantity, const Mid& mid,
                        OrderFilled& out) const noexcept {
  const Order& order = state_.orders.at(slot);
  const InstrumentRow& row = state_.registry.instruments.at(order.instrument);
  const auto value = row.value(mid.price, mid.scale, quantity);
  if (!value || value->e18 <= 0 || !detail::is_storable(value->e18) ||
      !detail::is_storable(order.value_e18 + value->e18)) {
    return false;
  }
  PositionBook book = state_.routes.position(order.route).book;
  if (!apply_execution(book, row, order.side, quantity, *value, {}, row.definition.settle) ||
      book.quantity > kQuantityMax || book.quantity < -kQuantityMax) {
    return false;
  }
  out = {};
  out.order_id = order.order_id;
  out.account = order.account;
  out.instrument = order.instrument;
  out.price = mid.price;
  out.price_scale = mid.scale;
  out.quantity = quantity;
  out.value = *value;
  out.fee_currency = row.definition.settle;
  out.side = order.side;
  out.leg = order.leg;
  out.order_cumulative = order.cumulative + quantity;
  out.trade_id = trade_id_of(order.order_id, out.order_cumulative);
  out.position_quantity = book.quantity;
  out.position_cost = {book.cost_e18};
  out.position_realised = {book.realised_e18};
  out.cross = {.with = with, .bid = mid.bid, .ask = mid.ask, .age_ns = mid.age_ns};
  return true;
}

// Both executions are one group: a cut of the journal takes both or neither. They bear no time of
// the venue, so that nothing is asked of it since then, and no fee.
void Engine::cross(std::uint32_t buy, std::uint32_t sell, const Mid& mid) noexcept {
  const Order& buyer = state_.orders.at(buy);
  const Order& seller = state_.orders.at(sell);
  if (!is_active(state_.routes.at(buyer.route)) || !is_active(state_.routes.at(seller.route)) ||
      writer_.used_bytes() > writer_.capacity_bytes() / 4 * 3 ||
      !state_.balances.has_room_for_fill()) {
    return;
  }
  const std::int64_t quantity = std::min(leaves(buyer), leaves(seller));
  OrderFilled drawn[2];
  if (!draw_cross(buy, seller.order_id, quantity, mid, drawn[0]) ||
      !draw_cross(sell, buyer.order_id, quantity, mid, drawn[1])) {
    return;
  }
  constexpr std::uint32_t kLength = sizeof(RecordHeader) + sizeof(OrderFilled);
  std::uint8_t* group = writer_.reserve(2 * kLength);
  if (group == nullptr) return;
  const Sequence first = writer_.next_sequence();
  for (std::uint32_t i = 0; i < 2; ++i) {
    std::uint8_t* record = group + i * kLength;
    open_record(record, RecordKind::kOrderFilled, kLength, {.cause = i == 0 ? 0 : first});
    std::memcpy(record + sizeof(RecordHeader), &drawn[i], sizeof drawn[i]);
  }
  (void)commit(group, 2 * kLength);
  ++counters_.crosses;
  counters_.fills += 2;
  tell_owner(buyer, first, RecordKind::kOrderFilled);
  tell_owner(seller, first + 1, RecordKind::kOrderFilled);
  note_fill(buyer.route, Side::kBuy);
  note_fill(seller.route, Side::kSell);
}

void Engine::look_at_kept(std::int64_t now) noexcept {
  std::size_t left = 0;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const Kept entry = kept_[i];
    const std::uint32_t slot = state_.orders.find(entry.order_id);
    if (slot == kNoSlot || !is_kept_to_cross(state_.orders.at(slot))) continue;
    if (entry.ends_ns <= now && release_kept(slot)) continue;
    kept_[left++] = entry;
  }
  kept_.resize(left);
}

// It was judged when it came and holds its place at the gate since; what has changed since is asked
// again, as of a new order of what is left. It never goes where an own order stands that it could
// meet.
Refusal Engine::check_kept_release(const Order& order) noexcept {
  const Route& route = state_.routes.at(order.route);
  NewOrderMessage rest = rest_of(order);
  if (const Refusal found = check_identity(rest); found != Refusal::kNone) return found;
  if (const Refusal found = check_venue(route); found != Refusal::kNone) return found;
  if (const Refusal found = check_numbers(rest, *route.instrument_row); found != Refusal::kNone)
    return found;
  if (!state_.registry.has_rates(*route.instrument_row)) return Refusal::kNoConversionRate;
  protect_kept(order, rest);
  counters_.rows_explained += state_.own.work_out(state_.orders, order.instrument, order.side);
  const std::int64_t met = state_.own.prices(order.instrument)->met_by[index_of(order.side)];
  if (met - 1 < order.price * sign_of(order.side)) return Refusal::kSelfTrade;
  return check_kept_gate(order, rest);
}

Refusal Engine::check_kept_gate(const Order& order, const NewOrderMessage& rest) noexcept {
  Route& route = state_.routes.at(order.route);
  const InstrumentRow& row = *route.instrument_row;
  const GateOrder asked{
      .side = order.side,
      .is_reduce_only = closes_leg(route.leg, order.side),
      .counts_as_order = false,
      .is_size_overridden = false,
      .ignores_usual_size = true,  // of an order that was judged
      .price = order.price,
      .collar_reference = row.reference.price,
      .quantity = rest.quantity,
      .added_quantity = 0,
      .notional_e4 =
          row.amount_e4(gate_price_of(order.side, order.price, row.reference.price), rest.quantity),
      .added_notional_e4 = 0,
      .now_ns = now_ns_};
  return explain(route, asked).refusal;
}

void Engine::protect_kept(const Order& order, const NewOrderMessage& rest) noexcept {
  const Route& route = state_.routes.at(order.route);
  const std::int64_t reference = route.instrument_row->reference.price;
  if (rest.price != 0 || reference <= 0) return;
  const std::int64_t price = protection_price(rest, route);
  // One that is nearer than it had to be goes on protecting.
  if (price <= 0 || (order.price - price) * sign_of(order.side) <= 0) return;
  OrderFact changed = gateway_fact(order.order_id, FactReason::kNone);
  changed.price = price;
  changed.quantity = order.quantity;
  on_fact(RecordKind::kOrderReplaced, changed);
}

bool Engine::release_kept(std::uint32_t slot) noexcept {
  const Order& order = state_.orders.at(slot);
  Route& route = state_.routes.at(order.route);
  prepared_.prepare(order.route);
  Refusal found =
      check_flow(venue_port_of_[route.venue], prepared_.at(order.route).durability, now_ns_);
  if (found == Refusal::kJournalBehind || found == Refusal::kVenueQueueFull) return false;
  if (found == Refusal::kNone) found = check_kept_release(order);
  if (found == Refusal::kThrottled) return false;
  if (found != Refusal::kNone) {
    end_kept(slot, found);
    return true;
  }
  OrderTriggered released{};
  released.order_id = order.order_id;
  released.by_gateway = static_cast<std::uint64_t>(TriggeredBy::kGateway);
  const Sequence sequence = append(RecordKind::kOrderTriggered, released, {});
  if (sequence == 0) return false;
  ++counters_.kept_released;
  send_new(order, sequence, route);
  tell_owner(order, sequence, RecordKind::kOrderTriggered);
  return true;
}

void Engine::end_kept(std::uint32_t slot, Refusal refusal) noexcept {
  const Order& order = state_.orders.at(slot);
  ++counters_.kept_ended;
  OrderRefused refused = refused_of(rest_of(order), {.refusal = refusal});
  refused.order_id = order.order_id;
  refused.client_id = order.client_id;
  const Sequence sequence = append(RecordKind::kOrderRefused, refused, {});
  tell_owner(order, sequence, RecordKind::kOrderRefused, refusal);
  on_fact(RecordKind::kOrderNotSent, gateway_fact(order.order_id, FactReason::kCrossEnded));
}

void Engine::end_kept_of_day() noexcept {
  for (const Kept& kept : kept_) {
    const std::uint32_t slot = state_.orders.find(kept.order_id);
    if (slot == kNoSlot) continue;
    const Order& order = state_.orders.at(slot);
    if (!is_kept_to_cross(order) || order.time_in_force != TimeInForce::kDay) continue;
    on_fact(RecordKind::kOrderExpired, gateway_fact(order.order_id, FactReason::kExpired));
  }
}

// The journal's last moments may be lost, and with them the record that it left. So it is taken as
// one that left and was not heard of: its venue is asked by its id, whatever that says of it
// counts, and only the proof that it never came ends it. It is never sent again.
void Engine::presume_left(const Order& order) noexcept {
  OrderTriggered released{};
  released.order_id = order.order_id;
  released.by_gateway = static_cast<std::uint64_t>(TriggeredBy::kGateway);
  const Sequence sequence = append(RecordKind::kOrderTriggered, released, {});
  if (sequence != 0) tell_owner(order, sequence, RecordKind::kOrderTriggered);
}

}  // namespace gateway
