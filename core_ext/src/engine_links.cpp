// Linked orders: what a group should look like is worked out from its rows, and whatever differs is
// cancelled, resized or released by ordinary journaled commands. Nothing is remembered beside the
// rows, so a start after a crash at any record settles a group as if nothing had happened
// (docs/concepts/linked_orders.md).
#include <algorithm>
#include <limits>

#include "gateway_core/engine/engine.hpp"

namespace gateway {

/// The rows of one group; a member that was forgotten has no slot.
struct Engine::LinkedGroup {
  LinkKind kind = LinkKind::kNone;
  std::size_t present = 0;
  std::size_t count = 0;
  std::uint32_t slots[kLinkedMax];
};

/// Where a group should be.
struct Engine::LinkPlan {
  std::int64_t goal = 0;           // what the exits may execute together
  std::int64_t executed = 0;       // what they have
  std::uint32_t keeper = kNoSlot;  // the only exit that goes on, kNoSlot = all of them
  bool is_over = false;            // nothing of the group goes on
  bool is_entry_over = false;      // the entry is to execute no more
  bool is_entry_done = false;      // and it will not
  bool is_unheard = false;         // the entry may have executed more than is known here
  bool is_proved = false;          // and its exits at the venue prove that it has
};

namespace {

constexpr std::int64_t kRetryNs = 100'000'000;
constexpr std::int64_t kRetryMaxNs = 5'000'000'000;
constexpr std::int64_t kAfterAnEvent = std::numeric_limits<std::int64_t>::max();

[[nodiscard]] bool is_open_order(const Order& order) noexcept {
  return is_open(static_cast<OrderState>(order.state));
}
/// By us or by the venue's account, whichever knows of more.
[[nodiscard]] std::int64_t executed_of(const Order& order) noexcept {
  return std::max(order.cumulative, order.told_cumulative);
}

/// Whether the order never got to the venue or was not taken there: no decision about the group.
[[nodiscard]] bool has_failed(const Order& order) noexcept {
  const auto reason = static_cast<FactReason>(order.reason);
  return static_cast<OrderState>(order.state) == OrderState::kRejected ||
         reason == FactReason::kSendError || reason == FactReason::kDisconnected ||
         reason == FactReason::kRestart || reason == FactReason::kQueueStale;
}

/// Whether the end of this member ends the others. What failed does not take a bracket's other
/// exits with it: they are all that is left to protect the position.
[[nodiscard]] bool ends_others(const Order& order) noexcept {
  const auto state = static_cast<OrderState>(order.state);
  if (!is_terminal(state) || state == OrderState::kFilled || order.link.is_released == 0) {
    return false;
  }
  return !order.link.is_bracket_exit() || !has_failed(order);
}

[[nodiscard]] NewOrderMessage message_of(const Order& order, std::int64_t quantity) noexcept {
  NewOrderMessage out{};
  out.header.principal = order.principal;
  out.client_number = order.client_number;
  out.price = has_limit_price(order.type) ? order.price : 0;
  out.quantity = quantity;
  out.instrument = order.instrument;
  out.account = order.account;
  out.strategy = order.strategy;
  out.type = order.type;
  out.side = order.side;
  out.time_in_force = order.time_in_force;
  out.flags = order.flags;
  out.leg = order.leg;
  out.trigger_price = order.trigger_price;
  out.display_quantity = std::min(order.display_quantity, quantity);
  out.expires_ns = order.expires_ns;
  return out;
}

}  // namespace

Engine::LinkWait* Engine::find_link_wait(OrderId head) noexcept {
  for (LinkWait& waiting : waiting_links_) {
    if (waiting.head == head) return &waiting;
  }
  return nullptr;
}

Engine::LinkWait& Engine::make_link_wait(OrderId head) noexcept {
  LinkWait* known = find_link_wait(head);
  if (known != nullptr) return *known;
  waiting_links_.push_back({head, kAfterAnEvent, 0, Refusal::kNone, false});
  return waiting_links_.back();
}

Engine::LinkedGroup Engine::gather_link(OrderId head) const noexcept {
  LinkedGroup group;
  for (std::size_t place = 0; place < kLinkedMax; ++place) {
    const std::uint32_t slot = state_.orders.find(head + place);
    if (slot == kNoSlot) continue;
    const Order& order = state_.orders.at(slot);
    if (!order.link.is_linked() || link_head(order.order_id, order.link) != head) continue;
    group.kind = order.link.kind;
    group.count = order.link.count;
    group.slots[group.present++] = slot;
  }
  return group;
}

Engine::LinkPlan Engine::plan_link(const LinkedGroup& group) const noexcept {
  LinkPlan plan;
  const Order* entry = nullptr;
  std::int64_t proved = 0;
  std::int64_t largest = 0;
  std::int64_t original = 0;
  bool can_amend = true;
  bool has_exit_left = false;
  bool was_released = false;
  for (std::size_t i = 0; i < group.present; ++i) {
    const Order& order = state_.orders.at(group.slots[i]);
    const bool is_late = is_open_order(order) && order.link.is_waiting() && !may_have_left(order) &&
                         !is_doubted(order.order_id);
    can_amend = state_.routes.at(order.route).venue_row->definition.amend != 0;
    if (order.link.is_entry()) {
      entry = &order;
      plan.is_over |= is_late;  // what was not let go at once is never sent later
      continue;
    }
    original = std::max(original, order.original_quantity);
    has_exit_left |= is_open_order(order);
    was_released |= order.link.is_released != 0;
    // An exit is let go for what its entry has executed and for no more.
    if (order.link.is_released != 0) proved = std::max(proved, order.quantity);
    plan.executed += executed_of(order);
    plan.is_over |= ends_others(order) || (is_late && !order.link.is_bracket_exit());
    if (executed_of(order) > largest) {
      largest = executed_of(order);
      plan.keeper = group.slots[i];
    }
  }
  const bool is_updating = can_amend && group.kind != LinkKind::kOneCancelsOther;
  if (is_updating) plan.keeper = kNoSlot;
  // It goes on alone: the others ended because of it.
  if (plan.keeper != kNoSlot) plan.is_over = false;
  plan.is_entry_done =
      group.kind == LinkKind::kBracket &&
      (entry == nullptr || (!is_open_order(*entry) && entry->reserved_quantity == 0));
  // Whoever leaves enters no more, and nobody enters when no way out is left.
  plan.is_entry_over = plan.is_over || plan.executed > 0 || (was_released && !has_exit_left);
  plan.goal = original;
  if (entry != nullptr) {
    plan.goal = can_amend || plan.is_entry_done ? executed_of(*entry) : 0;
    plan.is_unheard = !is_heard(*entry);
    plan.is_proved = plan.is_unheard && proved > plan.goal;
    if (plan.is_proved) plan.goal = proved;
  }
  if (group.present == group.count) return plan;
  // A forgotten member ended long ago, and the others were settled then: their rows say for what.
  for (std::size_t i = 0; i < group.present; ++i) {
    const Order& order = state_.orders.at(group.slots[i]);
    if (order.link.is_entry() || !is_open_order(order)) continue;
    plan.goal = std::min(plan.goal, order.quantity + plan.executed - executed_of(order));
  }
  return plan;
}

Engine::LinkStep Engine::cancel_linked(std::uint32_t slot) noexcept {
  const Order& order = state_.orders.at(slot);
  const Refusal found = check_cancel(order, 0);
  if (found == Refusal::kTooLateToCancel) return LinkStep::kSettled;
  if (found == Refusal::kCancelPending) return LinkStep::kUnderWay;
  if (found != Refusal::kNone) return LinkStep::kBlocked;
  ++counters_.links_canceled;
  send_cancel(slot, 0, 0, CancelReason::kLink, order.origin_port);
  return LinkStep::kUnderWay;
}

Engine::LinkStep Engine::resize_linked(std::uint32_t slot, std::int64_t quantity) noexcept {
  const Order& order = state_.orders.at(slot);
  if (pending(order.overlay, Overlay::kReplace) != Pending::kNo ||
      pending(order.overlay, Overlay::kCancel) != Pending::kNo ||
      static_cast<OrderState>(order.state) == OrderState::kPendingNew ||
      static_cast<OrderState>(order.state) == OrderState::kUnknown) {
    return LinkStep::kUnderWay;  // the answer touches the group again
  }
  ReplaceMessage message{};
  message.order_id = order.order_id;
  const GateVerdict verdict = check_replace(message, order, order.price, quantity);
  const bool is_too_small = verdict.refusal == Refusal::kQuantityRange ||
                            verdict.refusal == Refusal::kMinNotional ||
                            verdict.refusal == Refusal::kBadLot;
  // The venue takes no order of what is left: larger than that it must not stand.
  if (is_too_small && quantity < order.quantity) return cancel_linked(slot);
  if (verdict.refusal != Refusal::kNone) {
    tell_refused_link(order, quantity, verdict);
    return LinkStep::kBlocked;
  }
  (void)send_replace(slot, message, order.price, quantity, order.origin_port);
  return LinkStep::kUnderWay;
}

Engine::SharedRoom Engine::shared_room(const Order& order) const noexcept {
  SharedRoom room;
  const bool is_shared = order.link.is_bracket_exit() || (order.flags & kReduceOnly) != 0;
  if (!order.link.is_linked() || !is_shared) [[likely]]
    return room;
  const LinkedGroup group = gather_link(link_head(order.order_id, order.link));
  for (std::size_t i = 0; i < group.present; ++i) {
    const Order& other = state_.orders.at(group.slots[i]);
    if (other.order_id == order.order_id || other.side != order.side || other.link.is_entry()) {
      continue;
    }
    room.quantity += other.reserved_quantity;
    room.quantity_max = std::max(room.quantity_max, other.reserved_quantity);
    room.notional_e4 += other.reserved_notional_e4;
    room.notional_max_e4 = std::max(room.notional_max_e4, other.reserved_notional_e4);
  }
  return room;
}

GateVerdict Engine::check_release(const NewOrderMessage& wanted, std::uint32_t route_index,
                                  const SharedRoom& shared, Release& out) noexcept {
  const auto no = [](Refusal refusal) { return GateVerdict{.refusal = refusal}; };
  prepared_.prepare(route_index);
  Route& route = state_.routes.at(route_index);
  const InstrumentRow& row = *route.instrument_row;
  if (const Refusal found = check_numbers(wanted, row); found != Refusal::kNone) return no(found);
  if (const Refusal found = check_venue(route); found != Refusal::kNone) return no(found);
  if (const Refusal found = check_capability(wanted, *route.venue_row, out.is_emulated);
      found != Refusal::kNone) {
    return no(found);
  }
  if (!state_.registry.has_rates(row)) return no(Refusal::kNoConversionRate);
  if (const Refusal found =
          check_flow(venue_port_of_[route.venue], prepared_.at(route_index).durability, now_ns_);
      found != Refusal::kNone) {
    return no(found);
  }
  out.price = protection_price(wanted, route);
  out.amount_e4 =
      row.amount_e4(gate_price_of(wanted.side, out.price, row.reference.price), wanted.quantity);
  const std::int64_t added = std::max(wanted.quantity, shared.quantity_max) - shared.quantity;
  const bool is_way_out =
      closes_leg(route.leg, wanted.side) || (wanted.flags & kReduceOnly) != 0 ||
      (out.is_exit && added <= detail::closable(*route.account_exposure, wanted.side));
  const GateOrder order{
      .side = wanted.side,
      .is_reduce_only = is_way_out,
      .counts_as_order = out.is_new,
      .is_size_overridden = (wanted.overrides & kOverrideSize) != 0,
      .ignores_own_orders = is_way_out && wanted.trigger_price != 0,
      .ignores_usual_size = out.is_exit,
      .price = out.price,
      .collar_reference = wanted.trigger_price != 0 ? wanted.trigger_price : row.reference.price,
      .quantity = wanted.quantity,
      .added_quantity = added,
      .notional_e4 = out.amount_e4,
      .added_notional_e4 = std::max(out.amount_e4, shared.notional_max_e4) - shared.notional_e4,
      .now_ns = now_ns_};
  return passes_gate_again(route.view(), order) ? GateVerdict{} : explain(route, order);
}

GateVerdict Engine::release_linked(std::uint32_t slot, std::int64_t quantity,
                                   std::uint8_t overrides) noexcept {
  const Order& order = state_.orders.at(slot);
  NewOrderMessage wanted = message_of(order, quantity);
  wanted.overrides = overrides;
  Release release{.is_exit = order.link.is_bracket_exit()};
  const GateVerdict verdict = check_release(wanted, order.route, shared_room(order), release);
  if (verdict.refusal != Refusal::kNone) return verdict;
  Route& route = state_.routes.at(order.route);
  OrderTriggered released{};
  released.order_id = order.order_id;
  released.by_gateway =
      static_cast<std::uint64_t>(release.is_emulated ? TriggeredBy::kLinkHeld : TriggeredBy::kLink);
  released.quantity = quantity;
  released.price = release.price;
  released.reference_price = route.instrument_row->reference.price;
  released.limits_version = route.limits.generation;
  const Sequence sequence = append(RecordKind::kOrderTriggered, released, {});
  if (sequence == 0) return {.refusal = Refusal::kJournalBehind};
  for (LevelEntity* level : route.levels) level->orders.take(now_ns_, level->order_rate);
  if (route.limits.guards != 0) [[unlikely]] {
    note_repeat(route, order.side, 0);
    note_breaker(route, &BreakerCounts::messages);
  }
  remember_released(wanted, order.route);
  if (!release.is_emulated) send_new(order, sequence, route);
  ++counters_.links_released;
  tell_owner(order, sequence, RecordKind::kOrderTriggered);
  return {};
}

bool Engine::is_heard(const Order& order) const noexcept {
  if (split_order_id(order.order_id).epoch == state_.epoch) return true;
  return is_compared_[state_.routes.at(order.route).venue] && !is_doubted(order.order_id) &&
         static_cast<OrderState>(order.state) != OrderState::kUnknown;
}

bool Engine::is_release_lost(const Order& order) const noexcept {
  return order.link.is_waiting() && split_order_id(order.order_id).epoch != state_.epoch;
}

// For how much it was let go is lost too: its venue tells the terms in force (kOrderReplaced).
bool Engine::book_release(const Order& order) noexcept {
  OrderTriggered released{};
  released.order_id = order.order_id;
  released.by_gateway = static_cast<std::uint64_t>(TriggeredBy::kLink);
  const Route& route = state_.routes.at(order.route);
  released.quantity = order.original_quantity;
  released.price = protection_price(message_of(order, order.original_quantity), route);
  released.reference_price = route.instrument_row->reference.price;
  const Sequence sequence = append(RecordKind::kOrderTriggered, released, {});
  if (sequence != 0) tell_owner(order, sequence, RecordKind::kOrderTriggered);
  return sequence != 0;
}

void Engine::tell_refused_link(const Order& order, std::int64_t quantity,
                               const GateVerdict& verdict) noexcept {
  LinkWait& waiting = make_link_wait(link_head(order.order_id, order.link));
  if (waiting.told == verdict.refusal) return;
  waiting.told = verdict.refusal;
  ++counters_.links_refused;
  OrderRefused refused = refused_of(message_of(order, quantity), verdict);
  refused.order_id = order.order_id;
  refused.client_id = order.client_id;
  refused.price = order.price;
  const Sequence sequence = append(RecordKind::kOrderRefused, refused, {});
  tell_owner(order, sequence, RecordKind::kOrderRefused, verdict.refusal);
}

Engine::LinkStep Engine::settle_member(const LinkedGroup& group, const LinkPlan& plan,
                                       std::uint32_t slot) noexcept {
  const Order& order = state_.orders.at(slot);
  if (!is_open_order(order)) return LinkStep::kSettled;
  // One that was to leave at once and waits all the same may be at the venue: nobody knows yet.
  const auto settled = order.link.is_waiting() && !order.link.is_bracket_exit()
                           ? LinkStep::kBlocked
                           : LinkStep::kSettled;
  if (order.link.is_entry()) return plan.is_entry_over ? cancel_linked(slot) : settled;
  if (plan.is_over || (plan.keeper != kNoSlot && plan.keeper != slot)) return cancel_linked(slot);
  if (plan.keeper == slot || group.kind == LinkKind::kOneCancelsOther) return settled;
  const std::int64_t others = plan.executed - executed_of(order);
  const std::int64_t wanted = plan.goal - others;
  if (wanted <= order.cumulative) {
    const bool may_come = order.link.is_waiting() && !plan.is_entry_done && plan.executed == 0;
    return may_come ? LinkStep::kSettled : cancel_linked(slot);
  }
  if (!order.link.is_waiting()) {
    // What one exit proves is the least that the entry executed: no other one grows by it.
    const bool is_enough = wanted == order.quantity || (plan.is_proved && wanted > order.quantity);
    return is_enough ? LinkStep::kSettled : resize_linked(slot, wanted);
  }
  if (settled == LinkStep::kBlocked) return settled;
  if (is_doubted(order.order_id)) return LinkStep::kUnderWay;  // settle_doubt() touches the group
  if (order.expires_ns != 0 && order.expires_ns <= now_ns_) return cancel_linked(slot);
  const GateVerdict verdict = release_linked(slot, wanted);
  if (verdict.refusal == Refusal::kNone) {
    note_size(order);
    return LinkStep::kUnderWay;
  }
  tell_refused_link(order, wanted, verdict);
  return LinkStep::kBlocked;
}

void Engine::settle_link(OrderId head) noexcept {
  const LinkedGroup group = gather_link(head);
  auto step = LinkStep::kSettled;
  for (std::size_t i = 0; i < group.present; ++i) {
    // Planned anew for each: what one step changed counts for the next.
    step = std::max(step, settle_member(group, plan_link(group), group.slots[i]));
  }
  const LinkPlan plan = plan_link(group);
  if (plan.is_proved) make_link_wait(head).is_unjudged = true;
  LinkWait* waiting = find_link_wait(head);
  if (waiting != nullptr && waiting->is_unjudged) {
    if (plan.is_unheard) return wait_link(head);
    waiting->is_unjudged = false;
    judge_link(group, plan, head);
  }
  if (step == LinkStep::kBlocked) return wait_link(head);
  if (waiting == nullptr) return;
  if (step == LinkStep::kUnderWay) {
    waiting->retry_ns = kAfterAnEvent;
    return;
  }
  *waiting = waiting_links_.back();
  waiting_links_.pop_back();
}

void Engine::wait_link(OrderId head) noexcept {
  LinkWait& waiting = make_link_wait(head);
  waiting.wait_ns = std::clamp(waiting.wait_ns * 2, kRetryNs, kRetryMaxNs);
  waiting.retry_ns = now_ns_ + waiting.wait_ns;
}

void Engine::settle_links() noexcept {
  for (std::size_t i = 0; i < touched_links_.size(); ++i) settle_link(touched_links_[i]);
  touched_links_.clear();
}

void Engine::settle_links_due(std::int64_t now) noexcept {
  for (const LinkWait& waiting : waiting_links_) {
    if (waiting.retry_ns <= now) touched_links_.push_back(waiting.head);
  }
}

void Engine::judge_link(const LinkedGroup& group, const LinkPlan& plan, OrderId head) noexcept {
  const auto note = [&](AnomalyCode code) {
    ++counters_.links_anomalous;
    record_anomaly(head, RecordKind::kOrderFilled, 0, code, {});
  };
  if (group.present == group.count && plan.executed > plan.goal) {
    return note(AnomalyCode::kLinkOverfill);
  }
  for (std::size_t i = 0; i < group.present; ++i) {
    const Order& exit = state_.orders.at(group.slots[i]);
    if (!exit.link.is_entry() && is_open_order(exit)) return;
  }
  if (plan.executed < plan.goal) note(AnomalyCode::kLinkUncovered);
}

void Engine::note_link(const Order& order, RecordKind kind) noexcept {
  const OrderId head = link_head(order.order_id, order.link);
  if (kind == RecordKind::kOrderRefused) return;  // we say so ourselves
  if (kind == RecordKind::kCancelRejected || kind == RecordKind::kReplaceRejected ||
      kind == RecordKind::kOrderUnknown) {
    return wait_link(head);
  }
  touch_link(order);
  const bool is_fill = kind == RecordKind::kOrderFilled;
  if (!is_fill && is_open_order(order)) return;
  const LinkedGroup group = gather_link(head);
  const LinkPlan plan = plan_link(group);
  if (plan.is_unheard) {  // judged when its venue has been compared
    const bool is_to_judge = is_fill || order.link.is_entry() || plan.executed > 0;
    if (is_to_judge) make_link_wait(head).is_unjudged = true;
    return;
  }
  const auto note = [&](AnomalyCode code) {
    ++counters_.links_anomalous;
    record_anomaly(order.order_id, kind, order.state, code, {});
  };
  if (is_fill && !order.link.is_entry() && group.present == group.count &&
      plan.executed > plan.goal) {
    return note(AnomalyCode::kLinkOverfill);
  }
  // A late fill of the entry, or of what it had executed when its last exit ended.
  if (group.kind != LinkKind::kBracket || (!order.link.is_entry() && plan.executed == 0)) return;
  for (std::size_t i = 0; i < group.present; ++i) {
    const Order& exit = state_.orders.at(group.slots[i]);
    if (!exit.link.is_entry() && is_open_order(exit)) return;
  }
  if (plan.executed < plan.goal) note(AnomalyCode::kLinkUncovered);
}

}  // namespace gateway
