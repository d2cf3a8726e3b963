// Commands of a recorded day, decided again: new orders, orders that were refused, cancels and
// replaces. An order keeps the id it had; one that only stands here has an id no order of a day
// has.
#include <algorithm>
#include <cstring>

#include "gateway_core/engine/counterfactual.hpp"
#include "gateway_core/engine/gateway_fact.hpp"

namespace gateway {
namespace {

using recorded::header_of;
using recorded::kind_of;

constexpr std::uint64_t kOrdersMore = 1ULL << 30;  // ids behind it are of orders that stand here
constexpr std::int64_t kMillisecond = 1'000'000;

[[nodiscard]] NewOrderMessage message_of(const std::uint8_t* record) noexcept {
  const OrderNew& made = payload<OrderNew>(record);
  const RecordHeader& header = header_of(record);
  NewOrderMessage message{};
  message.header = {MessageKind::kNewOrder, 2, 0, header.actor, header.origin_sequence};
  message.client_number = made.client_number;
  // Of an order without a price the record holds the price that protects it.
  message.price = has_limit_price(made.type) ? made.price : 0;
  message.quantity = made.quantity;
  message.instrument = made.instrument;
  message.account = made.account;
  message.strategy = made.strategy;
  message.type = made.type;
  message.side = made.side;
  message.time_in_force = made.time_in_force;
  message.flags = static_cast<std::uint8_t>(made.flags & ~kConditions);
  message.leg = made.leg;
  if (const OrderConditions* conditions = conditions_of(record, made.flags)) {
    message.trigger_price = conditions->trigger_price;
    message.display_quantity = conditions->display_quantity;
    message.expires_ns = conditions->expires_ns;
    message.cross_ms = static_cast<std::uint16_t>(conditions->cross_ms);
  }
  if (const ClientId* id = client_id_of(record, made.flags)) message.client_id = *id;
  return message;
}

[[nodiscard]] NewOrderMessage message_of(const RecordHeader& header,
                                         const OrderRefused& refused) noexcept {
  NewOrderMessage message{};
  message.header = {MessageKind::kNewOrder, 2, 0, header.actor, header.origin_sequence};
  message.client_number = refused.client_number;
  message.price = refused.price;
  message.quantity = refused.quantity;
  message.instrument = refused.instrument;
  message.account = refused.account;
  message.strategy = refused.strategy;
  message.type = refused.type;
  message.side = refused.side;
  message.time_in_force = refused.time_in_force;
  message.flags = refused.flags;
  message.client_id = refused.client_id;
  return message;
}

/// Decided by what the record, the limits and the state hold. What was refused for anything else
/// (room, a clock, a flag or a quantity that the record does not keep) would look taken here.
[[nodiscard]] bool can_be_asked_again(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::kTradingHalted:
    case Refusal::kReduceOnlyState:
    case Refusal::kLimitMissing:
    case Refusal::kMaxOrderQuantity:
    case Refusal::kMaxOrderNotional:
    case Refusal::kPriceCollar:
    case Refusal::kPositionLimit:
    case Refusal::kExposureLimit:
    case Refusal::kCreditLimit:
    case Refusal::kThrottled:
    case Refusal::kMaxOpenOrders:
    case Refusal::kDuplicateOrder:
    case Refusal::kWouldIncrease:
    case Refusal::kStalePrice:
    case Refusal::kLatched:
    case Refusal::kInsufficientMargin:
    case Refusal::kLossLimit:
    case Refusal::kDeltaLimit:
    case Refusal::kGammaLimit:
    case Refusal::kVegaLimit:
    case Refusal::kSelfTrade:
    case Refusal::kFatFinger:
    case Refusal::kFatFingerWarning:
    case Refusal::kRepeatedExecution:
    case Refusal::kBreakerOpen:
    case Refusal::kHeadroomStale:
    case Refusal::kGreeksStale:
      return true;
    default:
      return false;
  }
}

[[nodiscard]] bool says(const OrderRefused& refused, const GateVerdict& verdict) noexcept {
  return refused.refusal == static_cast<std::uint16_t>(verdict.refusal) &&
         refused.level == static_cast<std::uint16_t>(verdict.level) &&
         refused.limit == verdict.limit && refused.current == verdict.current &&
         refused.would_be == verdict.would_be && refused.working == verdict.working;
}

}  // namespace

bool Counterfactual::is_left_out(AccountId account, StrategyId strategy) const noexcept {
  return has_begun_ && (accounts_out_.contains(account) || strategies_out_.contains(strategy));
}

/// Whether the record behind this order says that its principal overrode the usual size.
bool Counterfactual::is_overridden(OrderId id) const noexcept {
  return !next_.empty() && kind_of(next_.record(0)) == RecordKind::kOverrideUsed &&
         payload<OverrideUsed>(next_.record(0)).order_id == id;
}

void Counterfactual::take_orders(const Group& group) {
  std::size_t count = 0;
  while (count < group.at.size() && kind_of(group.record(count)) == RecordKind::kOrderNew) ++count;
  const OrderNew& first = payload<OrderNew>(group.record(0));
  if (is_left_out(first.account, first.strategy)) {
    for (std::size_t i = 0; i < count; ++i) {
      gone_.insert(payload<OrderNew>(group.record(i)).order_id);
      note(Difference::kLeftOut, group.record(i), nullptr);
    }
    return;
  }
  counts_.orders += count;
  const std::int64_t age_ns = std::int64_t{first.reference_age_ms} * kMillisecond;
  state_->registry.instruments.at(first.instrument).reference = {first.reference_price,
                                                                 clock_.now_ns - age_ns};
  references_[first.instrument] = group.header(0).sequence;
  bool is_repeated = false;
  const Refusal refusal = submit(group, count, is_repeated);
  tell_orders(group, count, refusal, is_repeated);
}

/// Under the ids that the orders had.
Refusal Counterfactual::submit(const Group& group, std::size_t count, bool& is_repeated) {
  const OrderNew& first = payload<OrderNew>(group.record(0));
  const OrderConditions* conditions = conditions_of(group.record(0), first.flags);
  const OrderLink link = conditions == nullptr ? OrderLink{} : conditions->link;
  if (conditions != nullptr && conditions->cross_ms != 0) drop_kept();
  const std::uint64_t made = state_->orders_made;
  state_->orders_made = split_order_id(first.order_id).sequence - 1;
  NewOrderMessage messages[kLinkedMax];
  for (std::size_t i = 0; i < count && i < kLinkedMax; ++i) {
    messages[i] = message_of(group.record(i));
    const OrderId id = payload<OrderNew>(group.record(i)).order_id;
    if (is_overridden(id)) messages[i].overrides = kOverrideSize;
  }
  Refusal refusal = Refusal::kNone;
  if (link.is_linked()) {
    refusal = engine_->submit_linked(link.kind, messages, count, group.header(0).origin_port);
    collect();
    is_repeated = refusal == Refusal::kNone && produced(RecordKind::kOrderNew) == nullptr;
  } else {
    const Notice notice = engine_->submit(messages[0], group.header(0).origin_port);
    refusal = static_cast<Refusal>(notice.refusal);
    is_repeated = refusal == Refusal::kNone && notice.current == 1;
    collect();
  }
  if (refusal != Refusal::kNone || is_repeated) state_->orders_made = made;
  return refusal;
}

void Counterfactual::tell_orders(const Group& group, std::size_t count, Refusal refusal,
                                 bool is_repeated) {
  if (refusal == Refusal::kNone && !is_repeated) {
    std::vector<Bytes> made = std::move(produced_);
    produced_.clear();
    std::size_t at = 0;
    for (std::size_t i = 0; i < group.at.size(); ++i) {
      if (at < made.size() && kind_of(made[at].data()) == kind_of(group.record(i))) {
        compare(group.record(i), made[at++].data());
      } else {
        note(Difference::kNotHere, group.record(i), nullptr);
      }
    }
    for (; at < made.size(); ++at) pending_.push_back(std::move(made[at]));
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    gone_.insert(payload<OrderNew>(group.record(i)).order_id);
    const std::uint8_t* other = i < produced_.size() ? produced_[i].data() : nullptr;
    note(is_repeated ? Difference::kRepeated : Difference::kRefused, group.record(i), other,
         {.refusal = refusal});
  }
  produced_.clear();
}

/// As the engine decides, without a trace.
GateVerdict Counterfactual::probe(const NewOrderMessage& message, std::uint32_t port) {
  Engine& engine = *engine_;
  const auto no = [](Refusal refusal) { return GateVerdict{.refusal = refusal}; };
  Engine::Candidate candidate{message, port, engine.now_ns(), PreparedRoutes::kNone};
  if (const Refusal found = engine.check_identity(message); found != Refusal::kNone)
    return no(found);
  Notice repeated;
  if (engine.find_repeated(message, port, repeated))
    return no(static_cast<Refusal>(repeated.refusal));
  if (const Refusal found = engine.check_named(candidate); found != Refusal::kNone)
    return no(found);
  const GateVerdict verdict = engine.check_gate(candidate);
  if (verdict.refusal != Refusal::kNone) return verdict;
  const Route& route = state_->routes.at(candidate.route_index);
  const Durability durability = static_cast<Durability>(route.account_row->definition.durability);
  const Refusal space =
      engine.check_space(engine.venue_port_of_[route.venue], durability, candidate.now_ns);
  if (space != Refusal::kNone) return no(space);
  return no(engine.is_duplicate(candidate) ? Refusal::kDuplicateOrder : Refusal::kNone);
}

/// A record of a refusal has no trigger, no expiry, no leg, no link and seldom a reference price.
bool Counterfactual::has_kept_inputs(const OrderRefused& refused) const noexcept {
  const auto refusal = static_cast<Refusal>(refused.refusal);
  if (!can_be_asked_again(refusal) || has_trigger(refused.type) ||
      refused.time_in_force == TimeInForce::kGtd) {
    return false;
  }
  const Registry& registry = state_->registry;
  if (!registry.accounts.has(refused.account) || !registry.instruments.has(refused.instrument)) {
    return true;
  }
  // Since the last start no order has kept a price: nobody knows what was known then.
  const bool tells_reference = refusal == Refusal::kStalePrice || refusal == Refusal::kPriceCollar;
  if (!tells_reference && registry.instruments.at(refused.instrument).reference.price == 0) {
    return false;
  }
  return registry.accounts.at(refused.account).definition.is_hedge_mode == 0 ||
         registry.instruments.at(refused.instrument).rules.kind == InstrumentKind::kSpot;
}

/// Whether its neighbour in the journal was refused because of it.
bool Counterfactual::is_of_refused_group(const std::uint8_t* record) const noexcept {
  const RecordHeader& header = header_of(record);
  const auto is_next_to = [&](const RecordHeader& other, std::uint64_t distance) {
    return other.origin_port == header.origin_port && other.actor == header.actor &&
           other.sequence + distance == header.sequence + 1;
  };
  if (link_refused_.sequence != 0 && is_next_to(link_refused_, 2)) return true;
  if (next_.empty() || kind_of(next_.record(0)) != RecordKind::kOrderRefused) return false;
  return payload<OrderRefused>(next_.record(0)).refusal ==
             static_cast<std::uint16_t>(Refusal::kLinkRefused) &&
         is_next_to(next_.header(0), 0);
}

/// Puts what the refusal tells of the reference price in its place; else the newest kept one
/// counts.
Sequence Counterfactual::set_reference(const OrderRefused& refused) noexcept {
  Registry& registry = state_->registry;
  if (!registry.instruments.has(refused.instrument)) return 0;
  Reference& reference = registry.instruments.at(refused.instrument).reference;
  const auto refusal = static_cast<Refusal>(refused.refusal);
  if (refusal == Refusal::kStalePrice) {
    if (refused.current < 0) reference.price = 0;
    reference.time_ns = clock_.now_ns - std::max<std::int64_t>(refused.current, 0) * kMillisecond;
    return references_[refused.instrument];
  }
  if (refusal == Refusal::kPriceCollar) {
    reference = {refused.current, clock_.now_ns};
    return 0;
  }
  if (reference.price != 0) reference.time_ns = clock_.now_ns;
  return references_[refused.instrument];
}

void Counterfactual::take_refused(const std::uint8_t* record) {
  const OrderRefused& refused = payload<OrderRefused>(record);
  if (refused.order_id != 0) return take_own_step(record);
  if (is_left_out(refused.account, refused.strategy)) {
    return note(Difference::kLeftOut, record, nullptr);
  }
  const bool is_of_group = is_of_refused_group(record);
  if (refused.refusal == static_cast<std::uint16_t>(Refusal::kLinkRefused)) {
    link_refused_ = header_of(record);
  }
  if (is_of_group || !has_kept_inputs(refused)) {
    ++counts_.refusals_kept;
    return take_raw(record);
  }
  const NewOrderMessage message = message_of(header_of(record), refused);
  const Sequence reference = set_reference(refused);
  const GateVerdict verdict = probe(message, header_of(record).origin_port);
  if (!is_changed_ && !says(refused, verdict)) {
    // The same state and the same limits: what decided it is not in the record.
    ++counts_.refusals_kept;
    return take_raw(record);
  }
  ++counts_.refusals;
  submit_refused(record, message, reference);
}

void Counterfactual::submit_refused(const std::uint8_t* record, const NewOrderMessage& message,
                                    Sequence reference) {
  const std::uint64_t made = state_->orders_made;
  state_->orders_made = kOrdersMore + orders_more_;
  const Notice notice = engine_->submit(message, header_of(record).origin_port);
  collect();
  const auto refusal = static_cast<Refusal>(notice.refusal);
  if (refusal == Refusal::kNone && notice.current == 0) {
    ++orders_more_;
    const std::uint8_t* accepted = produced(RecordKind::kOrderNew);
    const std::int64_t price = payload<OrderNew>(accepted).price;
    counts_.references_old += reference != 0 ? 1 : 0;
    note(Difference::kAccepted, record, accepted, {}, reference);
    produced_.clear();
    return assume_outcome(notice.order_id, price);
  }
  state_->orders_made = made;
  const std::uint8_t* other = produced(RecordKind::kOrderRefused);
  if (refusal == Refusal::kNone) {
    note(Difference::kRepeated, record, other);
  } else if (notice.refusal != payload<OrderRefused>(record).refusal) {
    counts_.references_old += reference != 0 ? 1 : 0;
    note(Difference::kRefusedOtherwise, record, other, {.refusal = refusal}, reference);
  } else if (other != nullptr) {
    compare(record, other);
  }
  produced_.clear();
}

/// No venue has told anything about it: it stays open with an unknown outcome, or is booked where
/// that is asked to be assumed.
void Counterfactual::assume_outcome(OrderId id, std::int64_t price) {
  const Order order = state_->orders.at(state_->orders.find(id));
  if (static_cast<OrderState>(order.state) != OrderState::kPendingNew) return;
  const std::int64_t mark = state_->registry.instruments.at(order.instrument).reference.price;
  const bool is_met = order.side == Side::kBuy ? mark <= price : mark >= price;
  const bool is_filled = options_.fills == AssumedFills::kLimit ||
                         (options_.fills == AssumedFills::kMark && mark > 0 && is_met);
  if (!is_filled) {
    OrderFact unknown = gateway_fact(id, FactReason::kNone);
    unknown.text.assign("accepted in a what-if");
    (void)engine_->append(RecordKind::kOrderUnknown, unknown, {});
    collect();
    produced_.clear();
    return;
  }
  OrderFilled fill{};
  fill.order_id = id;
  fill.account = order.account;
  fill.instrument = order.instrument;
  fill.price = options_.fills == AssumedFills::kLimit ? price : mark;
  fill.quantity = order.quantity;
  fill.price_scale = state_->registry.instruments.at(order.instrument).rules.price_scale;
  fill.side = order.side;
  fill.leg = order.leg;
  fill.venue_time_ns = clock_.now_ns;
  const std::string name = "whatif-" + std::to_string(++fills_assumed_);
  fill.trade_id.assign(name);
  fill.venue_order_id.assign(name);
  engine_->on_fill(fill);
  collect();
  note(Difference::kAssumedFill, nullptr, produced(RecordKind::kOrderFilled));
  for (Bytes& each : produced_) {
    if (kind_of(each.data()) != RecordKind::kOrderFilled) pending_.push_back(std::move(each));
  }
  produced_.clear();
}

void Counterfactual::take_cancel(const std::uint8_t* record) {
  const CancelRequested& wish = payload<CancelRequested>(record);
  const RecordHeader& header = header_of(record);
  if (!has_order(wish.order_id)) return fall_away(record);
  const std::uint32_t slot = state_->orders.find(wish.order_id);
  const Order& order = state_->orders.at(slot);
  // Whether it still waited for the disk is told by what the record behind says.
  const bool was_held = !next_.empty() && kind_of(next_.record(0)) == RecordKind::kOrderNotSent &&
                        payload<OrderFact>(next_.record(0)).order_id == wish.order_id;
  VenuePort* port = engine_->venue_port_of_[state_->routes.at(order.route).venue];
  while (!was_held && port != nullptr && port->gated.size() != 0) port->gated.pop();
  (void)engine_->now_ns();
  const Refusal refusal =
      engine_->check_cancel(order, header.actor, static_cast<CancelReason>(wish.reason));
  if (refusal != Refusal::kNone) {
    lost_cancels_.insert(wish.order_id);
    return note(Difference::kChangeRefused, record, nullptr, {.refusal = refusal});
  }
  (void)engine_->send_cancel(slot, header.actor, header.origin_sequence,
                             static_cast<CancelReason>(wish.reason), header.origin_port);
  (void)settle(record);
}

void Counterfactual::take_replace(const std::uint8_t* record) {
  const ReplaceRequested& wish = payload<ReplaceRequested>(record);
  const RecordHeader& header = header_of(record);
  if (!has_order(wish.order_id)) return fall_away(record);
  const Order& order = state_->orders.at(state_->orders.find(wish.order_id));
  // How old the price was is not kept of a replace.
  state_->registry.instruments.at(order.instrument).reference = {wish.reference_price,
                                                                 clock_.now_ns};
  ReplaceMessage message{};
  message.header = {MessageKind::kReplace, 1, 0, header.actor, header.origin_sequence};
  message.order_id = wish.order_id;
  message.client_number = wish.client_number;
  message.price = has_limit_price(order.type) ? wish.price : 0;
  message.quantity = wish.quantity;
  message.client_id = wish.client_id;
  const Notice notice = engine_->replace(message, header.origin_port);
  if (notice.refusal != 0) {
    lost_replaces_.insert(wish.order_id);
    return note(Difference::kChangeRefused, record, nullptr,
                {.refusal = static_cast<Refusal>(notice.refusal),
                 .level = notice.level,
                 .limit = notice.limit,
                 .current = notice.current,
                 .would_be = notice.would_be,
                 .working = notice.working});
  }
  (void)settle(record);
}

}  // namespace gateway
