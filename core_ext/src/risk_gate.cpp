// The slow pass of the risk gate: names the first broken rule, its level and its numbers.
#include "gateway_core/risk/risk_gate.hpp"

namespace gateway {
namespace {

GateVerdict verdict(Refusal refusal, int level, std::int64_t limit, std::int64_t current,
                    std::int64_t would_be, std::int64_t working = 0) noexcept {
  return {refusal, level, limit, current, would_be, working};
}

GateVerdict explain_state(const GateView& view, const GateOrder& order) noexcept {
  for (int i = 0; i < kLevels; ++i) {
    const LevelEntity& level = *view.levels[i];
    const auto state = static_cast<std::int64_t>(level.state);
    if (level.state == TradingState::kHalted) {
      return verdict(level.is_latched ? Refusal::kLatched : Refusal::kTradingHalted, i, 0, state,
                     0);
    }
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
    if (detail::outside_collar(order, limits.collar_bps)) {
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

GateVerdict explain_gate(const GateView& view, const GateOrder& order,
                         int quantity_scale) noexcept {
  GateVerdict found = explain_state(view, order);
  if (found.refusal == Refusal::kNone) found = explain_size(view, order, quantity_scale);
  if (found.refusal == Refusal::kNone) found = explain_price(view, order);
  if (found.refusal == Refusal::kNone) found = explain_position(view, order, quantity_scale);
  for (int i = 0; i < kLevels && found.refusal == Refusal::kNone; ++i) {
    found = explain_level(*view.levels[i], i, order);
  }
  return found;
}

}  // namespace gateway
