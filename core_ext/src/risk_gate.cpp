// The slow pass of the risk gate: names the first broken rule, its level and its numbers.
#include "gateway_core/risk/risk_gate.hpp"

#include <algorithm>

namespace gateway {
namespace {

GateVerdict verdict(Refusal refusal, int level, std::int64_t limit, std::int64_t current,
                    std::int64_t would_be, std::int64_t working = 0) noexcept {
  return {refusal, level, limit, current, would_be, working};
}

Refusal halt_of(const LevelEntity& level) noexcept {
  if (!level.is_latched) return Refusal::kTradingHalted;
  switch (static_cast<LatchCause>(level.cause)) {
    case LatchCause::kRepeatedExecution:
      return Refusal::kRepeatedExecution;
    case LatchCause::kBreaker:
      return Refusal::kBreakerOpen;
    default:
      return Refusal::kLatched;
  }
}

GateVerdict explain_state(const GateView& view, const GateOrder& order) noexcept {
  for (int i = 0; i < kLevels; ++i) {
    const LevelEntity& level = *view.levels[i];
    const auto state = static_cast<std::int64_t>(level.state);
    if (level.state == TradingState::kHalted) return verdict(halt_of(level), i, 0, state, 0);
    if (level.state == TradingState::kReducing && !order.is_reduce_only) {
      return verdict(Refusal::kReduceOnlyState, i, 0, state, 0);
    }
    if (level.limits_version == 0) return verdict(Refusal::kLimitMissing, i, 0, 0, 0);
  }
  return {};
}

GateVerdict explain_size(const GateView& view, const GateOrder& order, int scale) noexcept {
  for (int i = 0; i < kLevels; ++i) {
    const LimitFields& limits = view.levels[i]->limits;
    const std::int64_t quantity_max = quantity_limit(limits.order_quantity_max_e8, scale);
    if (order.quantity > quantity_max) {
      return verdict(Refusal::kMaxOrderQuantity, i, quantity_max, 0, order.quantity);
    }
    if (order.notional_e4 > limits.order_notional_max_e4) {
      return verdict(Refusal::kMaxOrderNotional, i, limits.order_notional_max_e4, 0,
                     order.notional_e4);
    }
  }
  return {};
}

GateVerdict explain_price(const GateView& view, const GateOrder& order) noexcept {
  const std::int64_t age_ns = order.now_ns - view.reference->time_ns;
  for (int i = 0; i < kLevels; ++i) {
    const LimitFields& limits = view.levels[i]->limits;
    const std::int64_t age_ms_max = limits.reference_age_ms_max;
    if (view.reference->price <= 0) return verdict(Refusal::kStalePrice, i, age_ms_max, -1, -1);
    if (age_ns > age_ms_max * 1'000'000) {
      return verdict(Refusal::kStalePrice, i, age_ms_max, age_ns / 1'000'000, age_ns / 1'000'000);
    }
    if (detail::collar_room(order, limits.collar_bps) < 0) {
      return verdict(Refusal::kPriceCollar, i, limits.collar_bps, order.collar_reference,
                     order.price);
    }
  }
  return {};
}

GateVerdict explain_position(const GateView& view, const GateOrder& order, int scale) noexcept {
  const bool is_buy = order.side == Side::kBuy;
  for (int i = 0; i < kLevels; ++i) {
    const auto level = static_cast<Level>(i);
    const Exposure& exposure = level == Level::kAccount    ? *view.account
                               : level == Level::kStrategy ? *view.strategy
                                                           : *view.shared;
    const LimitFields& limits = view.levels[i]->limits;
    const std::int64_t maximum =
        quantity_limit(is_buy ? limits.position_long_max_e8 : limits.position_short_max_e8, scale);
    const std::int64_t after = detail::worst_after(exposure, order);
    if (after > maximum) {
      return verdict(Refusal::kPositionLimit, i, maximum, exposure.position, after,
                     exposure.working[index_of(order.side)]);
    }
  }
  const std::int64_t closable = detail::closable(*view.account, order.side);
  if (order.is_reduce_only && order.added_quantity > closable) {
    return verdict(Refusal::kWouldIncrease, static_cast<int>(Level::kAccount),
                   closable > 0 ? closable : 0, view.account->position, order.added_quantity,
                   view.account->working[index_of(order.side)]);
  }
  return {};
}

/// What the order is worth against what the route's orders usually are.
GateVerdict explain_usual(const GateView& view, const GateOrder& order) noexcept {
  const SizeMemory& sizes = *view.sizes;
  const std::int64_t hard_e4 = view.limits->usual_notional_max_e4[1];
  const int level = static_cast<int>(Level::kStrategy);
  if (order.notional_e4 > hard_e4) {
    return verdict(Refusal::kFatFinger, level, hard_e4, sizes.mean_e4, order.notional_e4);
  }
  const std::int64_t soft_e4 = view.limits->usual_notional_max_e4[0];
  if (!order.is_size_overridden && order.notional_e4 > soft_e4) {
    return verdict(Refusal::kFatFingerWarning, level, soft_e4, sizes.mean_e4, order.notional_e4);
  }
  return {};
}

GateVerdict explain_own(const GateView& view, const GateOrder& order) noexcept {
  if ((detail::own_room(*view.own, order) & view.limits->self_trade_mask) >= 0) return {};
  int level = 0;
  while (level + 1 < kLevels && view.levels[level]->guard_fields.self_trade_refused == 0) ++level;
  const int side = index_of(order.side);
  const std::int64_t met = side == 0 ? view.own->met_by[side] : -view.own->met_by[side];
  return verdict(Refusal::kSelfTrade, level, met, met, order.price, 0);
}

/// Amount at 10^-4 of a greek at 10^-12, away from zero.
std::int64_t greek_amount_e4(Int128 greek_e12) noexcept {
  const Int128 divisor = kPow10_64[8];
  const Int128 rest = greek_e12 % divisor;
  const Int128 amount = greek_e12 / divisor + (rest > 0 ? 1 : rest < 0 ? -1 : 0);
  return static_cast<std::int64_t>(std::clamp<Int128>(amount, -kAmountMaxE4, kAmountMaxE4));
}

GateVerdict explain_greeks(const GateView& view, const GateOrder& order) noexcept {
  constexpr Refusal kCodes[kGreeks] = {Refusal::kDeltaLimit, Refusal::kGammaLimit,
                                       Refusal::kVegaLimit};
  for (int i = 0; i < kLevels; ++i) {
    if (const std::int64_t age_ms = detail::greeks_stale_ms(view, i, order); age_ms >= 0) {
      return verdict(Refusal::kGreeksStale, i, view.levels[i]->guard_fields.greeks_age_ms_max,
                     age_ms, age_ms);
    }
    for (int greek = 0; greek < kGreeks; ++greek) {
      if (detail::passes_greek(view, i, greek, order)) continue;
      const LevelEntity& level = *view.levels[i];
      const std::int64_t limit_e4 = detail::greek_limit_e4(level.guard_fields, greek);
      const Int128 added = detail::greek_of(view, greek, order);
      const GreekTotal& total = level.greeks[greek];
      const Int128 working = added >= 0 ? total.working_up : -total.working_down;
      return verdict(kCodes[greek], i, limit_e4, greek_amount_e4(total.position),
                     greek_amount_e4(total.worst_after(added)), greek_amount_e4(working));
    }
  }
  return {};
}

/// Losses and the margin headroom, which only orders that open use up.
GateVerdict explain_opening(const LevelEntity& level, int i, const GateOrder& order) noexcept {
  const GuardFields& guards = level.guard_fields;
  const LevelTotals& totals = level.totals;
  if (!detail::is_opening(order)) return {};
  if (const std::int64_t loss = level.period_loss_e4(); loss > guards.loss_max_e4) {
    return verdict(Refusal::kLossLimit, i, guards.loss_max_e4, loss, loss);
  }
  if (const std::int64_t drawdown = level.drawdown_e4(); drawdown > guards.drawdown_max_e4) {
    return verdict(Refusal::kLossLimit, i, guards.drawdown_max_e4, drawdown, drawdown);
  }
  if (const std::int64_t age_ms = detail::headroom_stale_ms(level, order); age_ms >= 0) {
    return verdict(Refusal::kHeadroomStale, i, guards.headroom_age_ms_max, age_ms, age_ms);
  }
  const std::int64_t after_e4 = totals.gross_e4 + order.added_notional_e4;
  if (guards.margin_bps == 0 || after_e4 <= level.opening_limit_e4) return {};
  const auto margin_e4 = [&](std::int64_t amount_e4) {
    const Int128 exact = static_cast<Int128>(amount_e4) * guards.margin_bps;
    return static_cast<std::int64_t>(exact > 0 ? (exact + 9'999) / 10'000 : exact / 10'000);
  };
  const std::int64_t base_e4 = level.measures.headroom_gross_e4;
  return verdict(Refusal::kInsufficientMargin, i, level.measures.headroom_e4,
                 margin_e4(totals.gross_e4 - base_e4), margin_e4(after_e4 - base_e4),
                 margin_e4(totals.working_both_e4()));
}

GateVerdict explain_level(const LevelEntity& level, int i, const GateOrder& order) noexcept {
  const LevelTotals& totals = level.totals;
  const LimitFields& limits = level.limits;
  const std::int64_t working = totals.working_both_e4();
  const std::int64_t gross = totals.gross_e4;
  if (gross + order.added_notional_e4 > limits.gross_exposure_max_e4) {
    return verdict(Refusal::kExposureLimit, i, limits.gross_exposure_max_e4, gross,
                   gross + order.added_notional_e4, working);
  }
  const std::int64_t net = detail::net_after(totals, order);
  if (net > limits.net_exposure_max_e4) {
    return verdict(Refusal::kExposureLimit, i, limits.net_exposure_max_e4,
                   net - order.added_notional_e4, net, working);
  }
  const std::int64_t credit = detail::credit_after(totals, order);
  if (credit > limits.credit_max_e4) {
    return verdict(Refusal::kCreditLimit, i, limits.credit_max_e4, credit - order.added_notional_e4,
                   credit, working);
  }
  const std::int64_t open = totals.open_orders[index_of(order.side)];
  if (order.counts_as_order && open >= std::int64_t{limits.open_orders_side_max}) {
    return verdict(Refusal::kMaxOpenOrders, i, limits.open_orders_side_max, open, open + 1, open);
  }
  if (!level.orders.has_token(order.now_ns, level.order_rate)) {
    return verdict(Refusal::kThrottled, i, limits.orders_per_second, 0, 1);
  }
  return {};
}

}  // namespace

bool detail::passes_guards(const GateView& view, const GateOrder& order) noexcept {
  bool ok = true;
  for (int i = 0; i < kLevels; ++i) {
    for (int greek = 0; greek < kGreeks; ++greek) ok &= passes_greek(view, i, greek, order);
    ok &= headroom_stale_ms(*view.levels[i], order) < 0 && greeks_stale_ms(view, i, order) < 0;
  }
  return ok;
}

bool passes_gate_again(const GateView& view, const GateOrder& order) noexcept {
  return passes_gate(view, order);
}

GateVerdict explain_gate(const GateView& view, const GateOrder& order,
                         int quantity_scale) noexcept {
  GateVerdict found = explain_state(view, order);
  if (found.refusal == Refusal::kNone) found = explain_size(view, order, quantity_scale);
  if (found.refusal == Refusal::kNone) found = explain_price(view, order);
  if (found.refusal == Refusal::kNone) found = explain_position(view, order, quantity_scale);
  for (int i = 0; i < kLevels && found.refusal == Refusal::kNone; ++i) {
    found = explain_opening(*view.levels[i], i, order);
  }
  for (int i = 0; i < kLevels && found.refusal == Refusal::kNone; ++i) {
    found = explain_level(*view.levels[i], i, order);
  }
  if (found.refusal == Refusal::kNone) found = explain_greeks(view, order);
  if (found.refusal == Refusal::kNone) found = explain_own(view, order);
  if (found.refusal == Refusal::kNone) found = explain_usual(view, order);
  return found;
}

}  // namespace gateway
