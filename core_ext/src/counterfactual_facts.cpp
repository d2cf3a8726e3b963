// Facts of a recorded day, told again where their order stands, and the gateway's own steps, which
// the engine takes by itself: the record only says when.
#include <cstring>
#include <utility>

#include "gateway_core/engine/counterfactual.hpp"
#include "gateway_core/types/fixed_point.hpp"

namespace gateway {
namespace {

using recorded::header_of;
using recorded::kind_of;
using recorded::order_of;

/// An order's fact that follows from a step of ours and from nothing a venue or an adapter said.
[[nodiscard]] bool is_own(RecordKind kind, const OrderFact& fact) noexcept {
  const bool is_held = kind == RecordKind::kOrderAccepted &&
                       fact.reason == static_cast<std::uint32_t>(FactReason::kUntriggered);
  if (is_held && fact.evidence == static_cast<std::uint32_t>(Evidence::kOperator)) return true;
  if (fact.evidence != static_cast<std::uint32_t>(Evidence::kGateway)) return false;
  return kind == RecordKind::kOrderExpired || kind == RecordKind::kOrderReplaced ||
         (kind == RecordKind::kOrderNotSent &&
          fact.reason == static_cast<std::uint32_t>(FactReason::kRequested)) ||
         is_held;
}

[[nodiscard]] bool is_own(const CancelRequested& wish) noexcept {
  return wish.reason == static_cast<std::uint64_t>(CancelReason::kLink) ||
         wish.reason == static_cast<std::uint64_t>(CancelReason::kExpiry);
}

[[nodiscard]] bool is_own(const TradingStateSet& set) noexcept {
  const auto cause = static_cast<LatchCause>(set.cause);
  return cause == LatchCause::kRepeatedExecution || cause == LatchCause::kBreaker ||
         set.actor.view() == "gateway";
}

/// With its side: a venue may give both sides of a trade one id, and both may be ours. A record of
/// a bust has the side of its fill.
[[nodiscard]] std::uint64_t trade_key(AccountId account, InstrumentId instrument, Side side,
                                      const TradeId& trade) noexcept {
  const std::uint64_t is_buy = side == Side::kBuy ? 1 : 0;
  const Key128 key = text_key((is_buy << 63) | (std::uint64_t{account} << 32) | instrument, trade);
  return key.low ^ key.high;
}

}  // namespace

bool Counterfactual::has_order(OrderId id) const noexcept {
  return !gone_.contains(id) && state_->orders.find(id) != kNoSlot;
}

void Counterfactual::take_record(const std::uint8_t* record) {
  const RecordKind kind = kind_of(record);
  switch (kind) {
    case RecordKind::kOrderRefused:
      return take_refused(record);
    case RecordKind::kCancelRequested:
      return is_own(payload<CancelRequested>(record)) ? take_own_step(record) : take_cancel(record);
    case RecordKind::kReplaceRequested:
      return header_of(record).actor == 0 ? take_own_step(record) : take_replace(record);
    case RecordKind::kOrderTriggered:
    case RecordKind::kAnomaly:
    case RecordKind::kOverrideUsed:
      return take_own_step(record);
    case RecordKind::kTradingStateSet:
      return is_own(payload<TradingStateSet>(record)) ? take_own_step(record) : take_raw(record);
    case RecordKind::kOrderFilled:
      return take_fill(record);
    case RecordKind::kFillBusted:
    case RecordKind::kFillCorrected:
      return take_revised(record);
    default:
      break;
  }
  const bool is_fact = kind >= RecordKind::kOrderAccepted && kind <= RecordKind::kOrderNotSent;
  return is_fact ? take_fact(record) : take_other(record);
}

void Counterfactual::take_fact(const std::uint8_t* record) {
  const OrderFact& fact = payload<OrderFact>(record);
  const RecordKind kind = kind_of(record);
  if (find_pending(record)) return;
  if (!has_order(fact.order_id)) return fall_away(record);
  if (is_own(kind, fact)) return take_own_step(record);
  const auto reason = static_cast<FactReason>(fact.reason);
  const bool is_of_cancel =
      kind == RecordKind::kCancelRejected || reason == FactReason::kUnknownOutcomeCancel ||
      (kind == RecordKind::kOrderCanceled && reason == FactReason::kRequested);
  const bool is_of_replace = kind == RecordKind::kOrderReplaced ||
                             kind == RecordKind::kReplaceRejected ||
                             reason == FactReason::kUnknownOutcomeReplace;
  if ((is_of_cancel && lost_cancels_.erase(fact.order_id) != 0) ||
      (is_of_replace && lost_replaces_.erase(fact.order_id) != 0)) {
    return fall_away(record);
  }
  if (kind == RecordKind::kOrderNotSent && was_kept(fact.order_id) &&
      !is_kept_to_cross(state_->orders.at(state_->orders.find(fact.order_id)))) {
    return fall_away(record);  // its time to be crossed ended otherwise here
  }
  ++counts_.facts;
  engine_->on_fact(kind, as_told(fact));
  if (!settle(record)) fall_away(record);
}

bool Counterfactual::was_kept(OrderId id) const noexcept {
  const std::uint32_t slot = fact_.state()->orders.find(id);
  return slot != kNoSlot && is_kept_to_cross(fact_.state()->orders.at(slot));
}

/// As the venue said it: its record counts what was crossed here too.
OrderFact Counterfactual::as_told(const OrderFact& fact) const noexcept {
  OrderFact told = fact;
  const std::uint32_t slot = fact_.state()->orders.find(fact.order_id);
  if (slot == kNoSlot || fact.evidence == static_cast<std::uint32_t>(Evidence::kGateway))
    return told;
  const std::int64_t here = crossed(fact_.state()->orders.at(slot));
  if (told.cumulative >= here) told.cumulative -= here;
  if (told.quantity > here) told.quantity -= here;
  return told;
}

bool Counterfactual::is_cross(const Group& group) noexcept {
  return group.at.size() == 2 && kind_of(group.record(0)) == RecordKind::kOrderFilled &&
         payload<OrderFilled>(group.record(0)).cross.with != 0;
}

// Two kept orders met. The engine decides it again, with the prices that the record kept of it; a
// meeting is whole or not at all.
void Counterfactual::take_cross(const Group& group) {
  const OrderFilled& bought = payload<OrderFilled>(group.record(0));
  const OrderFilled& sold = payload<OrderFilled>(group.record(1));
  const auto mid = mid_of(bought.cross.bid, bought.cross.ask,
                          static_cast<int>(bought.price_scale) - 1, bought.cross.age_ns);
  if (mid && has_order(bought.order_id) && has_order(sold.order_id)) {
    (void)engine_->now_ns();
    const std::uint32_t buy = state_->orders.find(bought.order_id);
    const std::uint32_t sell = state_->orders.find(sold.order_id);
    const auto can = [&](std::uint32_t slot) {
      const Order& order = state_->orders.at(slot);
      return is_kept_to_cross(order) && engine_->may_cross(order, *mid);
    };
    if (can(buy) && can(sell)) engine_->cross(buy, sell, *mid);
  }
  for (std::size_t i = 0; i < group.at.size(); ++i) {
    const bool is_found = i == 0 ? settle(group.record(i)) : find_pending(group.record(i));
    if (is_found) {
      ++counts_.facts;
    } else {
      fall_away(group.record(i));
    }
  }
}

/// Forgets who is not kept any longer, as a turn of the engine does.
void Counterfactual::drop_kept() {
  std::erase_if(engine_->kept_, [&](const Engine::Kept& kept) {
    const std::uint32_t slot = state_->orders.find(kept.order_id);
    return slot == kNoSlot || !is_kept_to_cross(state_->orders.at(slot));
  });
}

/// Whether a start says of a kept order that it may have left.
bool Counterfactual::is_doubt(const std::uint8_t* record) const noexcept {
  const OrderId id = order_of(record);
  if (kind_of(record) != RecordKind::kOrderTriggered || !has_order(id)) return false;
  return split_order_id(id).epoch != state_->epoch &&
         is_kept_to_cross(state_->orders.at(state_->orders.find(id)));
}

/// A kept order goes out or ends where its record says so. By which mark it was judged is in no
/// record: without a change the record stands.
void Counterfactual::release_kept(std::uint32_t slot, const std::uint8_t* record) {
  if (!is_changed_) return;
  const Order& order = state_->orders.at(slot);
  if (kind_of(record) == RecordKind::kOrderTriggered) {  // the mark was a fresh one
    state_->registry.instruments.at(order.instrument).reference.time_ns = clock_.now_ns;
  }
  (void)engine_->release_kept(slot);
}

/// The reference price that an own step was decided with, where its record has one.
void Counterfactual::keep_reference(const std::uint8_t* record) noexcept {
  if (kind_of(record) == RecordKind::kOrderRefused) {
    (void)set_reference(payload<OrderRefused>(record));
    return;
  }
  std::int64_t price = 0;
  if (kind_of(record) == RecordKind::kOrderTriggered) {
    price = payload<OrderTriggered>(record).reference_price;
  } else if (kind_of(record) == RecordKind::kReplaceRequested) {
    price = payload<ReplaceRequested>(record).reference_price;
  }
  if (price == 0 || !has_order(order_of(record))) return;
  const InstrumentId id = state_->orders.at(state_->orders.find(order_of(record))).instrument;
  state_->registry.instruments.at(id).reference = {price, clock_.now_ns};
  references_[id] = header_of(record).sequence;
}

/// The one step that the record tells of and no other: what else is due comes at its own record.
void Counterfactual::run_step_of(const std::uint8_t* record) {
  (void)engine_->now_ns();
  const bool is_refused = kind_of(record) == RecordKind::kOrderRefused;
  const OrderId id = is_refused ? payload<OrderRefused>(record).order_id : order_of(record);
  if (kind_of(record) == RecordKind::kTradingStateSet) {
    engine_->look_at_breakers(clock_.now_ns);
  } else if (id != 0 && has_order(id)) {
    const Order& order = state_->orders.at(state_->orders.find(id));
    if (order.link.is_linked()) engine_->settle_link(link_head(id, order.link));
  }
  collect();
  for (Bytes& each : produced_) pending_.push_back(std::move(each));
  produced_.clear();
}

/// Lets the engine take the step that the record tells of, where a turn alone does not.
void Counterfactual::help_own_step(const std::uint8_t* record) {
  const RecordKind kind = kind_of(record);
  const bool is_refused = kind == RecordKind::kOrderRefused;
  const OrderId id = is_refused ? payload<OrderRefused>(record).order_id : order_of(record);
  if (id == 0 || !has_order(id)) return;
  const std::uint32_t slot = state_->orders.find(id);
  const Order& order = state_->orders.at(slot);
  if (is_doubt(record)) {
    engine_->presume_left(order);
  } else if (is_kept_to_cross(order) && (is_refused || kind == RecordKind::kOrderTriggered)) {
    release_kept(slot, record);
  } else if (kind == RecordKind::kOrderTriggered && engine_->may_have_left(order) &&
             order.link.is_waiting()) {
    (void)engine_->book_release(order);
  } else if (kind == RecordKind::kOrderTriggered) {
    engine_->trigger_emulated(order.instrument, payload<OrderTriggered>(record).trigger_price_seen);
  } else if ((kind == RecordKind::kOrderExpired || kind == RecordKind::kCancelRequested) &&
             is_open(static_cast<OrderState>(order.state)) && engine_->is_timed_here(order)) {
    (void)engine_->end_emulated(order);
  }
  collect();
  for (Bytes& each : produced_) pending_.push_back(std::move(each));
  produced_.clear();
}

void Counterfactual::take_own_step(const std::uint8_t* record) {
  const RecordKind kind = kind_of(record);
  if (find_pending(record)) return;
  keep_reference(record);
  const bool is_audit = kind == RecordKind::kAnomaly || kind == RecordKind::kOverrideUsed;
  if (!is_audit) {
    run_step_of(record);
    if (find_pending(record)) return;
    help_own_step(record);
    if (find_pending(record)) return;
    if (is_changed_) run_own_steps();
    if (find_pending(record)) return;
  }
  const OrderId id = order_of(record);
  const bool can_stand = id == 0 || has_order(id) || kind == RecordKind::kAnomaly;
  // Its cause left no record of its own: marks, repeats and contradictions do not.
  if (can_stand && (!is_changed_ || (kind == RecordKind::kAnomaly && !gone_.contains(id)))) {
    ++counts_.steps_kept;
    return take_raw(record);
  }
  note(Difference::kNotHere, record, nullptr);
}

void Counterfactual::take_fill(const std::uint8_t* record) {
  const OrderFilled& told = payload<OrderFilled>(record);
  if (is_left_out(told.account, 0)) return note(Difference::kLeftOut, record, nullptr);
  if (find_pending(record)) return;
  if (told.order_id != 0 && gone_.contains(told.order_id)) return fall_away(record);
  venue_ids_[trade_key(told.account, told.instrument, told.side, told.trade_id)] =
      told.venue_order_id;
  ++counts_.facts;
  (void)engine_->now_ns();
  // Whether it can be was asked when it was recorded, and a person may have said yes.
  (void)engine_->take_fill(told, engine_->key_of(told), true);
  if (!settle(record)) fall_away(record);
}

void Counterfactual::take_revised(const std::uint8_t* record) {
  const FillRevised& told = payload<FillRevised>(record);
  if (is_left_out(told.account, 0)) return note(Difference::kLeftOut, record, nullptr);
  const auto known =
      venue_ids_.find(trade_key(told.account, told.instrument, told.side, told.trade_id));
  if (known == venue_ids_.end()) return fall_away(record);
  ++counts_.facts;
  engine_->on_fill_revised(told, known->second);
  if (!settle(record)) fall_away(record);
}

/// What all books of the account hold of the leg.
std::int64_t Counterfactual::held(const State& state, const Funding& told) const noexcept {
  std::int64_t sum = 0;
  for (std::uint32_t i = 0; i < state.routes.count(); ++i) {
    const Position& position = state.routes.position(i);
    const bool is_its = position.account == told.account &&
                        position.instrument == told.instrument && position.leg == told.leg;
    if (is_its) sum += position.book.quantity;
  }
  return sum;
}

// Funding is paid on what is held: half the position pays half of it.
void Counterfactual::take_funding(const Funding& told, const std::uint8_t* record) {
  if (is_left_out(told.account, 0)) return note(Difference::kLeftOut, record, nullptr);
  ++counts_.facts;
  Funding here = told;
  const std::int64_t was = held(*fact_.state(), told);
  const std::int64_t is = held(*state_, told);
  if (is != was && was != 0) {
    const auto scaled = mul_div(told.amount.e18, is, was);
    if (scaled) here.amount = {*scaled};
  }
  counts_.funding_as_told += is != was && was == 0 ? 1 : 0;
  engine_->on_funding(here);
  if (here.amount.e18 == told.amount.e18) {
    if (!settle(record)) fall_away(record);
    return;
  }
  collect();
  note(Difference::kFundingScaled, record, produced(RecordKind::kFunding));
  produced_.clear();
}

void Counterfactual::take_other(const std::uint8_t* record) {
  switch (kind_of(record)) {
    case RecordKind::kOrderAdopted: {
      const OrderAdopted& seen = payload<OrderAdopted>(record);
      if (is_left_out(seen.account, seen.strategy)) {
        gone_.insert(seen.order_id);
        return note(Difference::kLeftOut, record, nullptr);
      }
      engine_->on_adopt(seen);
      break;
    }
    case RecordKind::kPositionAdopted: {
      const PositionAdopted& told = payload<PositionAdopted>(record);
      if (is_left_out(told.account, told.strategy)) {
        return note(Difference::kLeftOut, record, nullptr);
      }
      Sequence made = 0;
      (void)engine_->adopt_position(told, header_of(record).actor, made);
      break;
    }
    case RecordKind::kVenueState:
      engine_->on_session(payload<VenueState>(record));
      break;
    case RecordKind::kBalanceChanged:
      if (is_left_out(payload<BalanceChanged>(record).account, 0)) {
        return note(Difference::kLeftOut, record, nullptr);
      }
      engine_->on_balance(payload<BalanceChanged>(record));
      break;
    case RecordKind::kPositionCollateral:
      if (is_left_out(payload<PositionCollateral>(record).account, 0)) {
        return note(Difference::kLeftOut, record, nullptr);
      }
      engine_->on_collateral(payload<PositionCollateral>(record));
      break;
    case RecordKind::kFunding:
      return take_funding(payload<Funding>(record), record);
    case RecordKind::kClockTick:
      if (payload<ClockTick>(record).purpose != 1) return take_raw(record);
      (void)engine_->roll_period();
      break;
    default:
      // A kind that nothing here decides: as it was written, while that cannot contradict.
      if (find_pending(record)) return;
      return is_changed_ ? fall_away(record) : take_raw(record);
  }
  ++counts_.facts;
  if (!settle(record)) fall_away(record);
}

}  // namespace gateway
