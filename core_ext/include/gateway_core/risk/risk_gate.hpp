// The inline risk gate: one branch-poor pass over prepared limits, fail-closed. When the pass finds
// anything wrong a second, slow pass names the rule, the level and the numbers. Engine thread only.
#pragma once

#include <cstdint>

#include "gateway_core/risk/limits.hpp"
#include "gateway_core/risk/size_memory.hpp"
#include "gateway_core/types/refusal.hpp"

namespace gateway {

/// What one order asks of the gate. Quantities in instrument mantissas, amounts at 10^-4.
struct GateOrder {
  Side side;
  bool is_reduce_only;
  bool counts_as_order;             // a new order takes an open-order place, a replace does not
  bool is_size_overridden;          // by a principal who may
  bool ignores_own_orders = false;  // a way out that waits for its trigger (JudgedView)
  bool ignores_usual_size = false;  // its size follows from one that was judged (JudgedView)
  std::int64_t price;               // limit or protection price
  std::int64_t collar_reference;  // what the collar is laid around: reference, or a stop's trigger
  std::int64_t quantity;          // total, for the order-size limits
  std::int64_t added_quantity;    // what is reserved on top of what is reserved already
  std::int64_t notional_e4;       // of the total
  std::int64_t added_notional_e4;
  std::int64_t now_ns;
};

/// The prices the gate holds an order against. Volatile; recorded with the decision.
struct Reference {
  std::int64_t price = 0;  // instrument price scale, 0 = none
  std::int64_t time_ns = 0;
};

/// What orders of one instrument would meet of our own: the lowest sell, and the highest buy with
/// its sign turned, so that both sides compare alike. A bound: never further away than the truth.
struct OwnPrices {
  std::int64_t met_by[2] = {kGateMax, kGateMax};  // by the side of the order that meets
};

/// Everything about one route that the gate reads. Pointers are set once, when the route is made.
struct GateView {
  const EffectiveLimits* limits;
  const LevelEntity* const* levels;  // kLevels of them, in the order of Level
  const Exposure* shared;            // instrument total of this leg
  const Exposure* account;
  const Exposure* strategy;
  const Reference* reference;
  const OwnPrices* own;     // of the instrument
  const SizeMemory* sizes;  // of the route
};

/// A refusal with its evidence. Numbers are in the unit of the rule (refusals.md).
struct GateVerdict {
  Refusal refusal = Refusal::kNone;
  int level = -1;
  std::int64_t limit = 0;
  std::int64_t current = 0;
  std::int64_t would_be = 0;
  std::int64_t working = 0;
};

namespace detail {

/// What is left inside the collar, negative outside it: the upper half of the exact difference.
[[nodiscard]] inline std::int64_t collar_room(const GateOrder& order, std::uint32_t bps) noexcept {
  const Int128 edge =
      static_cast<Int128>(order.collar_reference) * (10'000 + signed_by(order.side, bps));
  const Int128 room = edge - static_cast<Int128>(order.price) * 10'000;
  const Int128 mask = -static_cast<Int128>(order.side == Side::kSell);
  return static_cast<std::int64_t>(((room ^ mask) - mask) >> 64);
}

/// Worst case of one exposure on the order's side after it is added.
[[nodiscard]] inline std::int64_t worst_after(const Exposure& exposure,
                                              const GateOrder& order) noexcept {
  const int side = index_of(order.side);
  return exposure.working[side] + order.added_quantity + signed_by(order.side, exposure.position);
}

/// What the account can still close with this side, all working closers counted.
[[nodiscard]] inline std::int64_t closable(const Exposure& account, Side side) noexcept {
  return (side == Side::kSell ? account.position : -account.position) -
         account.working[index_of(side)];
}

[[nodiscard]] inline std::int64_t net_after(const LevelTotals& totals,
                                            const GateOrder& order) noexcept {
  const int side = index_of(order.side);
  return totals.working_e4[side] + order.added_notional_e4 + signed_by(order.side, totals.net_e4);
}

[[nodiscard]] inline std::int64_t credit_after(const LevelTotals& totals,
                                               const GateOrder& order) noexcept {
  return totals.gross_e4 + totals.loss_e4() + order.added_notional_e4;
}

/// Whether the order may open a position or enlarge one: margin and losses stop no way out.
[[nodiscard]] inline bool is_opening(const GateOrder& order) noexcept {
  return !order.is_reduce_only & (order.added_notional_e4 != 0);
}

/// What is left before the order meets an own one; negative when it does.
[[nodiscard]] inline std::int64_t own_room(const OwnPrices& own, const GateOrder& order) noexcept {
  return own.met_by[index_of(order.side)] - 1 - signed_by(order.side, order.price);
}

/// What one order moves of a greek.
[[nodiscard]] inline Int128 greek_of(const GateView& view, int greek,
                                     const GateOrder& order) noexcept {
  const LevelEntity& instrument = *view.levels[static_cast<int>(Level::kInstrument)];
  return static_cast<Int128>(instrument.greek_units_e12[greek]) * order.added_quantity *
         sign_of(order.side);
}
[[nodiscard]] inline std::int64_t greek_limit_e4(const GuardFields& fields, int greek) noexcept {
  return greek == 0 ? fields.delta_max_e4 : greek == 1 ? fields.gamma_max_e4 : fields.vega_max_e4;
}

/// Milliseconds since something was told, when that is more than `age_ms_max`, else -1; 0 = no
/// limit.
[[nodiscard]] inline std::int64_t stale_ms(std::int64_t told_ns, std::uint32_t age_ms_max,
                                           std::int64_t now_ns) noexcept {
  if (age_ms_max == 0 || now_ns - told_ns <= std::int64_t{age_ms_max} * 1'000'000) return -1;
  return (now_ns - told_ns) / 1'000'000;
}
/// Of the headroom that an opening order is held against at this level.
[[nodiscard]] inline std::int64_t headroom_stale_ms(const LevelEntity& level,
                                                    const GateOrder& order) noexcept {
  if ((level.guards & kGuardHeadroomAge) == 0 || !is_opening(order)) return -1;
  if ((level.measures.told & kToldHeadroom) == 0) return -1;  // none at all: the margin says so
  return stale_ms(level.told_at.headroom_ns, level.guard_fields.headroom_age_ms_max, order.now_ns);
}
/// Of the instrument's greeks, where this level limits any; they stop no way out.
[[nodiscard]] inline std::int64_t greeks_stale_ms(const GateView& view, int level,
                                                  const GateOrder& order) noexcept {
  const LevelEntity& instrument = *view.levels[static_cast<int>(Level::kInstrument)];
  const LevelEntity& entity = *view.levels[level];
  if ((entity.guards & kGuardGreeks) == 0 || order.is_reduce_only || !instrument.has_greeks) {
    return -1;
  }
  return stale_ms(instrument.told_at.greeks_ns, entity.guard_fields.greeks_age_ms_max,
                  order.now_ns);
}

/// Whether one level lets one greek of the order pass. An instrument whose greeks nobody told does
/// not trade where greeks are limited.
[[nodiscard]] inline bool passes_greek(const GateView& view, int level, int greek,
                                       const GateOrder& order) noexcept {
  const LevelEntity& entity = *view.levels[level];
  const std::int64_t limit_e4 = greek_limit_e4(entity.guard_fields, greek);
  if (limit_e4 == kGuardOff) return true;
  if (!view.levels[static_cast<int>(Level::kInstrument)]->has_greeks) return false;
  const Int128 added = greek_of(view, greek, order);
  if (added == 0) return true;
  return entity.greeks[greek].worst_after(added) <= static_cast<Int128>(limit_e4) * kPow10_64[8];
}

/// Rules of the levels that set them; every order asks once whether there are any. Cold.
[[nodiscard]] bool passes_guards(const GateView& view, const GateOrder& order) noexcept;

/// What is left below the level's limits, negative in its sign bit when one is broken: gross
/// exposure and credit, headroom and losses, net exposure, open orders, rate.
[[nodiscard]] inline std::int64_t level_room(const LevelEntity& level, const GateOrder& order,
                                             bool opens) noexcept {
  const LevelTotals& totals = level.totals;
  const int side = index_of(order.side);
  const std::int64_t counted = -static_cast<std::int64_t>(order.counts_as_order);
  return (level.gross_limits_e4[opens ? 1 : 0] - totals.gross_e4 - order.added_notional_e4) |
         (level.net_limit_e4 - net_after(totals, order)) |
         ((level.open_limit - 1 - totals.open_orders[side]) & counted) |
         level.orders.room_ns(order.now_ns, level.order_rate);
}

}  // namespace detail

/// Whether a level of the route limits what passes_guards() looks at.
[[nodiscard]] inline bool has_level_guards(const EffectiveLimits& limits) noexcept {
  return (limits.guards & (kGuardGreeks | kGuardHeadroomAge)) != 0;
}

/// Every rule but those of passes_guards() and the duplicate check in one pass. Each is a
/// difference that must not be negative, so that their sign bits add up to one answer: negative =
/// at least one is broken.
[[nodiscard]] [[gnu::always_inline]] inline std::int64_t gate_room(
    const GateView& view, const GateOrder& order) noexcept {
  const EffectiveLimits& limits = *view.limits;
  const int side = index_of(order.side);
  std::int64_t room = limits.order_quantity_max - order.quantity;
  room |= limits.order_notional_max_e4 - order.notional_e4;
  room |= view.reference->price - 1;
  room |= limits.reference_age_ns_max - (order.now_ns - view.reference->time_ns);
  room |= limits.shared_max[side] - detail::worst_after(*view.shared, order);
  room |= limits.account_max[side] - detail::worst_after(*view.account, order);
  room |= limits.strategy_max[side] - detail::worst_after(*view.strategy, order);
  room |= limits.usual_notional_max_e4[order.is_size_overridden ? 1 : 0] - order.notional_e4;
  room |= detail::own_room(*view.own, order) & limits.self_trade_mask;
  room |= detail::collar_room(order, limits.collar_bps);
  room |= limits.admits[order.is_reduce_only ? 1 : 0];
  const bool opens = detail::is_opening(order);
  for (int i = 0; i < kLevels; ++i) room |= detail::level_room(*view.levels[i], order, opens);
  if (order.is_reduce_only) [[unlikely]]
    room |= detail::closable(*view.account, order.side) - order.added_quantity;
  return room;
}

/// Every rule but the duplicate check. True = everything is in order.
[[nodiscard]] inline bool passes_gate(const GateView& view, const GateOrder& order) noexcept {
  return gate_room(view, order) >= 0 &&
         (!has_level_guards(*view.limits) || detail::passes_guards(view, order));
}

/// What an order is held against that some rules do not stand against: the pass of new orders asks
/// them all, and only who does not pass it is asked again without those. Cold.
struct JudgedView {
  GateView view;
  EffectiveLimits limits;
  OwnPrices nobody;

  JudgedView(const GateView& whole, const GateOrder& order) noexcept
      : view(whole), limits(*whole.limits) {
    if (order.ignores_own_orders) view.own = &nobody;
    if (!order.ignores_usual_size) return;
    limits.usual_notional_max_e4[0] = limits.usual_notional_max_e4[1] = kQuantityMax;
    view.limits = &limits;
  }
  JudgedView(const JudgedView&) = delete;
  JudgedView& operator=(const JudgedView&) = delete;
};

/// passes_gate() for whoever asks again: a refused order, a replace. Keeps gate_room() in one place
/// of the engine, where it is inlined. Cold.
[[nodiscard]] bool passes_gate_again(const GateView& view, const GateOrder& order) noexcept;

/// The first broken rule with its numbers; kNone when nothing is broken. Cold.
[[nodiscard]] GateVerdict explain_gate(const GateView& view, const GateOrder& order,
                                       int quantity_scale) noexcept;

/// Whether cancels at every level still have tokens; cancels have a reserve of their own.
[[nodiscard]] inline bool passes_cancel_rate(const LevelEntity* const* levels,
                                             std::int64_t now_ns) noexcept {
  bool ok = true;
  for (int i = 0; i < kLevels; ++i) {
    ok &= levels[i]->limits_version == 0 ||
          levels[i]->cancels.has_token(now_ns, levels[i]->cancel_rate);
  }
  return ok;
}

}  // namespace gateway
