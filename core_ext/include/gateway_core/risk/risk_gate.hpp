// The inline risk gate: one branch-poor pass over prepared limits, fail-closed. When the pass finds
// anything wrong a second, slow pass names the rule, the level and the numbers. Engine thread only.
#pragma once

#include <cstdint>

#include "gateway_core/risk/limits.hpp"
#include "gateway_core/types/refusal.hpp"

namespace gateway {

/// What one order asks of the gate. Quantities in instrument mantissas, amounts at 10^-4.
struct GateOrder {
  Side side;
  bool is_reduce_only;
  bool counts_as_order;           // a new order takes an open-order place, a replace does not
  std::int64_t price;             // limit or protection price
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

/// Everything about one route that the gate reads. Pointers are set once, when the route is made.
struct GateView {
  const EffectiveLimits* limits;
  const LevelEntity* const* levels;  // kLevels of them, in the order of Level
  const Exposure* shared;            // instrument total of this leg
  const Exposure* account;
  const Exposure* strategy;
  const Reference* reference;
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

[[nodiscard]] inline bool outside_collar(const GateOrder& order, std::uint32_t bps) noexcept {
  const Int128 price = static_cast<Int128>(order.price) * 10'000;
  const Int128 reference = order.collar_reference;
  return order.side == Side::kBuy ? price > reference * (10'000 + std::int64_t{bps})
                                  : price < reference * (10'000 - std::int64_t{bps});
}

/// Worst case of one exposure on the order's side after it is added.
[[nodiscard]] inline std::int64_t worst_after(const Exposure& exposure,
                                              const GateOrder& order) noexcept {
  return (order.side == Side::kBuy ? exposure.worst_long() : exposure.worst_short()) +
         order.added_quantity;
}

/// What the account can still close with this side, all working closers counted.
[[nodiscard]] inline std::int64_t closable(const Exposure& account, Side side) noexcept {
  return side == Side::kSell ? account.position - account.working_sell
                             : -account.position - account.working_buy;
}

[[nodiscard]] inline std::int64_t net_after(const LevelTotals& totals,
                                            const GateOrder& order) noexcept {
  const std::int64_t net = totals.position_long_e4 - totals.position_short_e4;
  return order.side == Side::kBuy ? net + totals.working_buy_e4 + order.added_notional_e4
                                  : totals.working_sell_e4 + order.added_notional_e4 - net;
}

[[nodiscard]] inline std::int64_t credit_after(const LevelTotals& totals,
                                               const GateOrder& order) noexcept {
  const std::int64_t loss = totals.realised_e4 < 0 ? -totals.realised_e4 : 0;
  return totals.gross_e4() + loss + order.added_notional_e4;
}

[[nodiscard]] inline bool breaks_level(const LevelEntity& level, const GateOrder& order) noexcept {
  const LevelTotals& totals = level.totals;
  const LimitFields& limits = level.limits;
  const std::int64_t open =
      order.counts_as_order ? (order.side == Side::kBuy ? totals.open_buy : totals.open_sell) : -1;
  return (totals.gross_e4() + order.added_notional_e4 > limits.gross_exposure_max_e4) |
         (net_after(totals, order) > limits.net_exposure_max_e4) |
         (credit_after(totals, order) > limits.credit_max_e4) |
         (open >= std::int64_t{limits.open_orders_side_max}) |
         !level.orders.has_token(order.now_ns, level.order_rate);
}

}  // namespace detail

/// H1, H3, H4, H5, H7, H8, H10, H16, H18 in one pass. True = everything is in order.
[[nodiscard]] inline bool passes_gate(const GateView& view, const GateOrder& order) noexcept {
  const EffectiveLimits& limits = *view.limits;
  const bool is_buy = order.side == Side::kBuy;
  const std::int64_t age_ns = order.now_ns - view.reference->time_ns;
  bool broken = !limits.is_complete;
  broken |= limits.state == TradingState::kHalted;
  broken |= limits.state == TradingState::kReducing && !order.is_reduce_only;
  broken |= order.quantity > limits.order_quantity_max;
  broken |= order.notional_e4 > limits.order_notional_max_e4;
  broken |= view.reference->price <= 0 || age_ns > limits.reference_age_ns_max;
  broken |= detail::outside_collar(order, limits.collar_bps);
  broken |= detail::worst_after(*view.shared, order) >
            (is_buy ? limits.shared_long_max : limits.shared_short_max);
  broken |= detail::worst_after(*view.account, order) >
            (is_buy ? limits.account_long_max : limits.account_short_max);
  broken |= detail::worst_after(*view.strategy, order) >
            (is_buy ? limits.strategy_long_max : limits.strategy_short_max);
  broken |=
      order.is_reduce_only && order.added_quantity > detail::closable(*view.account, order.side);
  for (int i = 0; i < kLevels; ++i) broken |= detail::breaks_level(*view.levels[i], order);
  return !broken;
}

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
