// Facts of a recorded day, told again where their order stands, and the gateway's own steps, which
// the engine takes by itself: the record only says when.
#include <cstring>

#include "gateway_core/engine/counterfactual.hpp"
#include "gateway_core/types/fixed_point.hpp"

namespace gateway {
namespace {

using recorded::header_of;
using recorded::kind_of;
using recorded::order_of;

/// An order's fact that follows from a step of ours and from nothing a venue or an adapter said.
[[nodiscard]] bool is_own(RecordKind kind, const OrderFact& fact) noexcept {
  if (fact.evidence != static_cast<std::uint32_t>(Evidence::kGateway)) return false;
  return kind == RecordKind::kOrderExpired || kind == RecordKind::kOrderReplaced ||
         (kind == RecordKind::kOrderNotSent &&
          fact.reason == static_cast<std::uint32_t>(FactReason::kRequested)) ||
         (kind == RecordKind::kOrderAccepted &&
          fact.reason == static_cast<std::uint32_t>(FactReason::kUntriggered));
}

[[nodiscard]] bool is_own(const CancelRequested& wish) noexcept {
  return wish.reason == static_cast<std::uint64_t>(CancelReason::kLink) ||
         wish.reason == static_cast<std::uint64_t>(CancelReason::kExpiry);
}

[[nodiscard]] bool is_own(const TradingStateSet& set) noexcept {
  return set.cause != static_cast<std::uint32_t>(LatchCause::kPerson) ||
         set.actor.view() == "gateway";
}

[[nodiscard]] std::uint64_t trade_key(AccountId account, InstrumentId instrument,
                                      const TradeId& trade) noexcept {
  const Key128 key = text_key((std::uint64_t{account} << 32) | instrument, trade);
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
      return is_own(payload<CancelRequested>(record)) ? take_own_step(record)
                                                      : take_cancel(record);
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
  ++counts_.facts;
  engine_->on_fact(kind, fact);
  if (!settle(record)) fall_away(record);
}

/// Lets the engine take the step that the record tells of, where a turn alone does not.
void Counterfactual::help_own_step(const std::uint8_t* record) {
  const OrderId id = order_of(record);
  if (id == 0 || !has_order(id)) return;
  const Order& order = state_->orders.at(state_->orders.find(id));
  const RecordKind kind = kind_of(record);
  if (kind == RecordKind::kOrderTriggered) {
    engine_->trigger_emulated(order.instrument,
                              payload<OrderTriggered>(record).trigger_price_seen);
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
  const bool is_audit = kind == RecordKind::kAnomaly || kind == RecordKind::kOverrideUsed;
  if (!is_audit) {
    run_own_steps();
    if (find_pending(record)) return;
    help_own_step(record);
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
  if (told.order_id != 0 && gone_.contains(told.order_id)) return fall_away(record);
  venue_ids_[trade_key(told.account, told.instrument, told.trade_id)] = told.venue_order_id;
  ++counts_.facts;
  engine_->on_fill(told);
  if (!settle(record)) fall_away(record);
}

void Counterfactual::take_revised(const std::uint8_t* record) {
  const FillRevised& told = payload<FillRevised>(record);
  if (is_left_out(told.account, 0)) return note(Difference::kLeftOut, record, nullptr);
  const auto known = venue_ids_.find(trade_key(told.account, told.instrument, told.trade_id));
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
    case RecordKind::kFunding:
      return take_funding(payload<Funding>(record), record);
    case RecordKind::kClockTick:
      if (payload<ClockTick>(record).purpose != 1) return take_raw(record);
      (void)engine_->roll_period();
      break;
    default:
      return take_raw(record);
  }
  ++counts_.facts;
  if (!settle(record)) fall_away(record);
}

}  // namespace gateway
