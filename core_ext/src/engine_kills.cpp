// Kills: while a level is killed, no order there works on. Cancels that found no room, were
// rejected or have an unknown outcome are asked again, less and less often; never two for one order
// at once.
#include <algorithm>
#include <iterator>

#include "gateway_core/engine/engine.hpp"

namespace gateway {
namespace {

/// Made by hand at the venue after the kill, to close what is left: not a kill's business.
[[nodiscard]] bool is_by_hand(const Order& order, const LevelEntity& level) noexcept {
  return order.strategy == kExternalStrategy && order.created_ns > level.killed_ns;
}

}  // namespace

// The kill word: any change of it kills the firm, even when nobody else runs. It is seen once the
// kill stands in the journal: what still works is the business of the kill from there on.
void Engine::poll_kill_word() noexcept {
  const std::uint64_t word = writer_.kill_word();
  if (word == kill_word_seen_) [[likely]]
    return;
  Sequence sequence = 0;
  (void)kill(Level::kFirm, 0, "kill word", "kill word raised", 0, sequence);
  if (sequence == 0) return;  // again in the next turn
  kill_word_seen_ = word;
  writer_.set_kill_word_seen(word);
}

KillCounts Engine::kill(Level level, std::uint32_t id, std::string_view actor,
                        std::string_view reason, PrincipalId principal,
                        Sequence& sequence) noexcept {
  const LevelEntity& entity = state_.registry.level(level, id);
  TradingStateSet halt{};
  halt.level = static_cast<std::uint32_t>(level);
  halt.id = id;
  halt.state = static_cast<std::uint32_t>(TradingState::kHalted);
  halt.is_latch = 1;
  halt.actor.assign(actor);
  halt.reason.assign(reason);
  halt.cause = static_cast<std::uint32_t>(LatchCause::kKill);
  halt.breaker = entity.breaker;
  const PrincipalRow& row = state_.registry.principals.at(principal);
  const bool is_of_all =
      principal == 0 || (row.may_use_all() && row.has_scope(kScopeCancel | kScopeTrade));
  sequence = record_control(RecordKind::kTradingStateSet, halt, is_of_all ? 0 : principal);
  return sequence == 0 ? KillCounts{} : look_at_kills(&entity, principal);
}

Notice Engine::stop_orders(const MassCancelMessage& message, std::uint32_t port) noexcept {
  kills_.is_stopping = true;
  kills_.stopped_by = message.header.principal;
  kills_.begin();
  const KillCounts found = look_at_kills(nullptr, kills_.stopped_by);
  return answer(port, {.request = message.header.request,
                       .kind = static_cast<std::uint16_t>(RecordKind::kCancelRequested),
                       .current = static_cast<std::int64_t>(found.sent),
                       .would_be = static_cast<std::int64_t>(found.refused),
                       .working = static_cast<std::int64_t>(found.waiting())});
}

void Engine::note_kills(bool is_new) noexcept {
  const Registry& registry = state_.registry;
  bool is_any = kills_.is_stopping;
  for (int kind = 0; kind < kLevels && !is_any; ++kind) {
    const auto level = static_cast<Level>(kind);
    for (std::uint32_t id = 0; id < registry.level_count(level) && !is_any; ++id) {
      is_any = registry.level(level, id).is_killed();
    }
  }
  if (!is_any) {
    kills_.due_ns = KillsInForce::kNone;
    counters_.kill_waiting = 0;
  } else if (is_new) {
    kills_.begin();
  }
}

void Engine::hasten_kills(VenueId venue) noexcept {
  if (!kills_.is_any()) return;
  kills_.venues[venue] = {};
  kills_.due_ns = 0;
}

void Engine::note_kill(RecordKind kind, const Order& order) noexcept {
  if (kind != RecordKind::kCancelRejected && kind != RecordKind::kOrderUnknown) return;
  kills_.look_by(kills_.venues[state_.routes.at(order.route).venue].due_ns);
}

bool Engine::is_to_end(const Order& order, PrincipalId& by) const noexcept {
  for (const LevelEntity* level : state_.routes.at(order.route).levels) {
    by = level->killed_by;
    if (level->is_killed() && may_cancel(by, order) && !is_by_hand(order, *level)) return true;
  }
  by = kills_.stopped_by;
  return kills_.is_stopping && may_cancel(by, order);
}

KillStep Engine::end_killed(std::uint32_t slot, PrincipalId by, Refusal& found) noexcept {
  const Order& order = state_.orders.at(slot);
  KillWait& venue = kills_.venues[state_.routes.at(order.route).venue];
  if (pending(order.overlay, Overlay::kCancel) == Pending::kSent) return KillStep::kOnTheWay;
  const bool is_first = order.created_ns >= venue.asked_until_ns;
  if (!is_first && now_ns_ < venue.due_ns) {
    kills_.look_by(venue.due_ns);
    return KillStep::kOnTheWay;
  }
  const auto reason = kills_.is_stopping ? CancelReason::kShutdown : CancelReason::kKill;
  found = venue.is_full ? Refusal::kVenueQueueFull : check_cancel(order, by, reason);
  if (found == Refusal::kNone) {
    found = static_cast<Refusal>(send_cancel(slot, by, 0, reason, order.origin_port).refusal);
  }
  if (found != Refusal::kNone) {
    venue.is_full |= is_full(found);
    if (is_full(found) && is_first)
      venue.full_from_ns = std::min(venue.full_from_ns, order.created_ns);
    return KillStep::kWaits;
  }
  counters_.kill_cancels_again += is_first ? 0 : 1;
  venue.is_asked_again |= !is_first;
  venue.is_asked = true;
  return is_open(static_cast<OrderState>(order.state)) ? KillStep::kSent : KillStep::kEnded;
}

KillCounts Engine::look_at_kills(const LevelEntity* level, PrincipalId asker) noexcept {
  (void)now_ns();
  KillCounts all;
  KillCounts told;
  kills_.due_ns = KillsInForce::kNone;
  state_.orders.for_each_open([&](std::uint32_t slot) {
    const Order& order = state_.orders.at(slot);
    const auto& levels = state_.routes.at(order.route).levels;
    const bool is_told = level == nullptr || std::ranges::find(levels, level) != std::end(levels);
    PrincipalId by = 0;
    if (!is_to_end(order, by)) {
      told.refused += is_told && !may_cancel(asker, order);
      return;
    }
    Refusal found = Refusal::kNone;
    const KillStep step = end_killed(slot, by, found);
    all.count(step, found);
    if (is_told) told.count(step, found);
  });
  counters_.kill_waiting = all.sent - all.ended + all.on_the_way + all.waiting();
  kills_.settle(all, now_ns_);
  return told;
}

}  // namespace gateway
