// Guards around the gate: repeated executions, breakers, usual sizes. Beside the hot path: an order
// comes here only where such a guard is set.
#include <cstdio>

#include "gateway_core/engine/engine.hpp"

namespace gateway {
namespace {

constexpr std::uint8_t kWatched = kGuardRepeats | kGuardBreaker;

[[nodiscard]] bool is_watched(const LevelEntity& level, std::uint8_t guards) noexcept {
  return (level.guards & guards) != 0 && level.watch != 0;
}

}  // namespace

Sequence Engine::set_limits(const LimitsSet& limits, const GuardsSet& guards,
                            PrincipalId actor) noexcept {
  if (is_closed_) return 0;
  (void)now_ns();
  constexpr std::uint32_t kFirst = sizeof(RecordHeader) + sizeof(LimitsSet);
  constexpr std::uint32_t kSecond = sizeof(RecordHeader) + sizeof(GuardsSet);
  std::uint8_t* record = writer_.reserve(kFirst + kSecond);
  if (record == nullptr) return 0;
  open_record(record, RecordKind::kLimitsSet, kFirst, {.actor = actor});
  std::memcpy(record + sizeof(RecordHeader), &limits, sizeof limits);
  open_record(record + kFirst, RecordKind::kGuardsSet, kSecond, {.actor = actor});
  std::memcpy(record + kFirst + sizeof(RecordHeader), &guards, sizeof guards);
  const Sequence sequence = commit(record, kFirst + kSecond) - 1;
  watch(static_cast<Level>(guards.level), guards.id);
  return sequence;
}

void Engine::watch(Level level, std::uint32_t id) {
  LevelEntity& entity = state_.registry.level(level, id);
  const GuardFields& fields = entity.guard_fields;
  if (entity.watch == 0 && (entity.guards & kWatched) != 0) {
    watches_.emplace_back(level, id);
    entity.watch = static_cast<std::uint16_t>(watches_.size());
    tell_breaker(watches_.back());
    watches_.back().breaker.restart(now_ns_);
    watches_.back().breaker_seen = entity.breaker;
  }
  if (entity.watch != 0) {
    LevelWatch& watched = watches_[entity.watch - 1];
    for (int side = 0; side < 2; ++side) {
      watched.repeats[0][side].resize(fields.repeat_orders_max);
      watched.repeats[1][side].resize(fields.repeat_fills_max);
    }
  }
  if ((entity.guards & kGuardSizes) != 0 && !is_learning_sizes_) learn_sizes();
}

/// What a breaker does not count itself.
void Engine::tell_breaker(LevelWatch& watched) noexcept {
  BreakerCounts& counts = watched.breaker.counts;
  const Registry& registry = state_.registry;
  counts.realised_e4 = registry.level(watched.level, watched.id).totals.realised_e4;
  if (watched.level != Level::kInstrument || watched.id == 0) return;
  counts.price = registry.instruments.at(watched.id).reference.price;
}

// What is usual is what the newest remembered orders were, those from before a restart too.
void Engine::learn_sizes() noexcept {
  is_learning_sizes_ = true;
  const auto learn = [&](std::uint32_t slot) {
    const Order& order = state_.orders.at(slot);
    if (order.link.is_waiting()) return;  // learned when it is let go
    Route& route = state_.routes.at(order.route);
    route.sizes.note(route.instrument_row->amount_e4(order.gate_price, order.original_quantity));
  };
  state_.orders.for_each_terminal(learn);
  state_.orders.for_each_open(learn);
}

void Engine::watch_all() {
  for (int level = 0; level < kLevels; ++level) {
    const auto kind = static_cast<Level>(level);
    for (std::uint32_t id = 0; id < state_.registry.level_count(kind); ++id) {
      if (state_.registry.level(kind, id).guards != 0) watch(kind, id);
    }
  }
}

void Engine::note_order(const Candidate& candidate, OrderId id, Sequence sequence) noexcept {
  Route& route = state_.routes.at(candidate.route_index);
  const NewOrderMessage& message = candidate.message;
  if (is_learning_sizes_) {
    tell_override(route, id, candidate.amount_e4,
                  {.cause = sequence, .actor = message.header.principal, .port = candidate.port});
    note_size(route, candidate.amount_e4);
  }
  note_repeat(route, message.side, 0);
  note_breaker(route, &BreakerCounts::messages);
}

void Engine::tell_override(const Route& route, OrderId id, std::int64_t amount_e4,
                           const Origin& origin) noexcept {
  if (amount_e4 <= route.limits.usual_notional_max_e4[0]) return;
  OverrideUsed used{};
  used.order_id = id;
  used.refusal = static_cast<std::uint64_t>(Refusal::kFatFingerWarning);
  used.limit = route.limits.usual_notional_max_e4[0];
  used.current = route.sizes.mean_e4;
  used.would_be = amount_e4;
  append(RecordKind::kOverrideUsed, used, origin);
}

void Engine::note_size(Route& route, std::int64_t amount_e4) noexcept {
  if (!is_learning_sizes_) return;
  route.sizes.note(amount_e4);
  route.refresh_usual();
}

void Engine::note_size(const Order& order) noexcept {
  Route& route = state_.routes.at(order.route);
  note_size(route, route.instrument_row->amount_e4(order.gate_price, order.original_quantity));
}

void Engine::note_fill(std::uint32_t route, Side side) noexcept {
  if (watches_.empty()) return;  // no level has such a guard
  note_repeat(state_.routes.at(route), side, 1);
}

void Engine::note_repeat(const Route& route, Side side, int kind) noexcept {
  for (LevelEntity* level : route.levels) {
    if (!is_watched(*level, kGuardRepeats)) [[likely]]
      continue;
    const GuardFields& fields = level->guard_fields;
    LevelWatch& watched = watches_[level->watch - 1];
    RepeatRing& ring = watched.repeats[kind][index_of(side)];
    if (!ring.note(now_ns_, std::int64_t{fields.repeat_window_ms} * 1'000'000) ||
        level->state == TradingState::kHalted) {
      continue;
    }
    char reason[64];
    std::snprintf(reason, sizeof reason, "%u %s %s within %u ms",
                  kind == 0 ? fields.repeat_orders_max : fields.repeat_fills_max,
                  side == Side::kBuy ? "buy" : "sell", kind == 0 ? "orders" : "fills",
                  fields.repeat_window_ms);
    if (latch(watched.level, watched.id, LatchCause::kRepeatedExecution, reason) != 0) ring.clear();
  }
}

Sequence Engine::latch(Level level, std::uint32_t id, LatchCause cause,
                       const char* reason) noexcept {
  const bool is_breaker = cause == LatchCause::kBreaker;
  TradingStateSet halt{};
  halt.level = static_cast<std::uint32_t>(level);
  halt.id = id;
  halt.state = static_cast<std::uint32_t>(TradingState::kHalted);
  halt.is_latch = 1;
  halt.actor.assign(is_breaker ? "circuit breaker" : "repeated execution");
  halt.reason.assign(reason);
  halt.cause = static_cast<std::uint32_t>(cause);
  halt.breaker = is_breaker ? static_cast<std::uint32_t>(BreakerState::kOpen)
                            : state_.registry.level(level, id).breaker;
  return append(RecordKind::kTradingStateSet, halt, {});
}

void Engine::note_breaker(const Route& route, std::uint64_t BreakerCounts::* count) noexcept {
  for (const LevelEntity* level : route.levels) {
    if (is_watched(*level, kGuardBreaker)) ++(watches_[level->watch - 1].breaker.counts.*count);
  }
}

void Engine::note_fact(RecordKind kind, const Order& order) noexcept {
  const bool is_reject = kind == RecordKind::kOrderRejected || kind == RecordKind::kReplaceRejected;
  if (!is_reject && kind != RecordKind::kOrderUnknown) return;
  note_breaker(state_.routes.at(order.route),
               is_reject ? &BreakerCounts::rejects : &BreakerCounts::errors);
}

void Engine::note_session(VenueId venue) noexcept {
  for (LevelWatch& watched : watches_) {
    const bool is_its =
        (watched.level == Level::kVenue && watched.id == venue) || watched.level == Level::kFirm;
    if (is_its) ++watched.breaker.counts.errors;
  }
}

// Breakers are looked at once per timer period. Open ones wait for a named person; a half-open one
// opens again at the first reject or error and closes after a window without.
void Engine::look_at_breakers(std::int64_t now) noexcept {
  for (LevelWatch& watched : watches_) {
    const LevelEntity& level = state_.registry.level(watched.level, watched.id);
    if ((level.guards & kGuardBreaker) == 0) continue;
    BreakerWindow& window = watched.breaker;
    tell_breaker(watched);
    const auto breaker = static_cast<BreakerState>(level.breaker);
    if (level.breaker != watched.breaker_seen) window.restart(now);
    watched.breaker_seen = level.breaker;
    if (breaker == BreakerState::kOpen) continue;
    const BreakerWindow::Finding found = window.look(level.guard_fields, now);
    if (found.cause != BreakerCause::kNone) {
      open_breaker(watched, found);
    } else if (breaker == BreakerState::kHalfOpen && window.has_failed()) {
      open_breaker(watched, {BreakerCause::kErrors, 1, 0});
    } else if (breaker == BreakerState::kHalfOpen && window.is_proved(level.guard_fields, now)) {
      close_breaker(watched, level);
    }
  }
}

void Engine::open_breaker(LevelWatch& watched, const BreakerWindow::Finding& found) noexcept {
  constexpr const char* kWords[] = {"",       "messages",     "rejects",
                                    "errors", "loss (10^-4)", "move bps"};
  const LevelEntity& level = state_.registry.level(watched.level, watched.id);
  char reason[64];
  std::snprintf(reason, sizeof reason, "%s: %lld in %u ms, limit %lld",
                kWords[static_cast<int>(found.cause)], static_cast<long long>(found.value),
                level.guard_fields.breaker_window_ms, static_cast<long long>(found.limit));
  // A person may enable it before the next look: that is a new trial all the same.
  if (latch(watched.level, watched.id, LatchCause::kBreaker, reason) != 0) {
    watched.breaker_seen = static_cast<std::uint8_t>(BreakerState::kOpen);
  }
}

void Engine::close_breaker(const LevelWatch& watched, const LevelEntity& level) noexcept {
  TradingStateSet closed{};
  closed.level = static_cast<std::uint32_t>(watched.level);
  closed.id = watched.id;
  closed.state = static_cast<std::uint32_t>(level.state);
  closed.is_latch = level.is_latched ? 1 : 0;
  closed.cause = level.cause;
  closed.actor = level.state_actor;
  closed.reason.assign("the breaker closed after a window without faults");
  append(RecordKind::kTradingStateSet, closed, {});
}

}  // namespace gateway
