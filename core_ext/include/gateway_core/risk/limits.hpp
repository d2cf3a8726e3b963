// Limits, trading state, totals and rates of one level entity, and what a route makes of five of
// them. A missing row refuses: there is no unlimited.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "gateway_core/record/kinds.hpp"
#include "gateway_core/risk/exposure.hpp"
#include "gateway_core/risk/guards.hpp"
#include "gateway_core/risk/rate_limit.hpp"

namespace gateway {

struct alignas(64) LevelEntity {
  // Line 0 and 1: what every order is held against, kept ready.
  LevelTotals totals;
  // Gross exposure and credit less losses; the second, of what opens, opening_limit_e4 too.
  std::int64_t gross_limits_e4[2] = {};
  std::int64_t net_limit_e4 = 0;
  std::int64_t open_limit = 0;
  Rate order_rate;
  RateLimit orders;         // volatile
  bool has_greeks = false;  // instrument level: greeks were told, changes are counted
  std::uint8_t guards = 0;  // kGuard*
  std::uint16_t watch = 0;  // the engine's place for what it watches here + 1, volatile
  std::uint8_t spare[4] = {};
  std::int64_t opening_limit_e4 = 0;  // gross of what may still open: headroom, -1 after a loss
  RateLimit cancels;                  // volatile
  Rate cancel_rate;
  std::uint32_t limits_version = 0;  // 0 = no limits set
  TradingState state = TradingState::kActive;
  bool is_latched = false;
  std::uint8_t cause = 0;      // LatchCause
  std::uint8_t breaker = 0;    // BreakerState
  PrincipalId killed_by = 0;   // whose orders' cancels a kill may send; 0 = of every order
  std::int64_t killed_ns = 0;  // volatile: 0 after a start from a snapshot
  LimitFields limits{};
  GuardFields guard_fields{};
  Measures measures;
  ToldTimes told_at;
  GreekTotal greeks[kGreeks];
  std::int64_t greek_units_e12[kGreeks] = {};  // instrument level
  std::int64_t limits_time_ns = 0;             // journal time of the newest limits
  Text<40> limits_actor;
  Text<48> limits_reason;
  Text<40> state_actor;
  Text<64> state_reason;

  void set(const LimitsSet& record) noexcept {
    limits = record.fields;
    limits_version = record.version;
    order_rate = Rate::of(limits.orders_per_second, limits.order_burst);
    cancel_rate = Rate::of(limits.cancels_per_second, limits.cancel_burst);
    limits_actor = record.actor;
    limits_reason = record.reason;
    refresh();
  }
  void set(const GuardFields& fields) noexcept;
  /// A kill ends with its halt: what latches over it, or halts without cancels, leaves it in force.
  void set(const TradingStateSet& record, PrincipalId principal, std::int64_t time_ns) noexcept;
  [[nodiscard]] bool is_killed() const noexcept;
  /// Takes what was told about money; greeks are the instrument's (RouteTable::tell_greeks).
  void take(const RiskMeasured& told, std::int64_t time_ns) noexcept;
  void add_realised(std::int64_t amount_e4) noexcept;
  void start_period() noexcept {
    measures.start_period(totals.realised_e4);
    refresh();
  }
  [[nodiscard]] std::int64_t result_now_e4() const noexcept {
    return measures.result_e4 + totals.realised_e4 - measures.result_realised_e4;
  }
  /// Loss and drawdown of the trading period, not below zero.
  [[nodiscard]] std::int64_t period_loss_e4() const noexcept {
    return std::max<std::int64_t>(-result_now_e4(), 0);
  }
  [[nodiscard]] std::int64_t drawdown_e4() const noexcept {
    return std::max<std::int64_t>(measures.peak_e4 - result_now_e4(), 0);
  }
  void refresh() noexcept;  // works out what the gate compares with

 private:
  void follow_result() noexcept;
};
static_assert(offsetof(LevelEntity, orders) < 128);

inline void LevelEntity::refresh() noexcept {
  const std::int64_t credit_e4 = limits.credit_max_e4 - totals.loss_e4();
  gross_limits_e4[0] = std::min({limits.gross_exposure_max_e4, credit_e4, kGateMax});
  net_limit_e4 = std::min(limits.net_exposure_max_e4, kGateMax);
  const bool is_losing =
      period_loss_e4() > guard_fields.loss_max_e4 || drawdown_e4() > guard_fields.drawdown_max_e4;
  opening_limit_e4 = is_losing ? -1 : measures.margin_gross_e4(guard_fields.margin_bps);
  gross_limits_e4[1] = std::min(gross_limits_e4[0], opening_limit_e4);
  open_limit = limits.open_orders_side_max;
}

inline void LevelEntity::set(const GuardFields& fields) noexcept {
  guard_fields = fields;
  guards = guards_on(fields);
  refresh();
}

inline bool LevelEntity::is_killed() const noexcept {
  return state == TradingState::kHalted && cause == static_cast<std::uint8_t>(LatchCause::kKill);
}

inline void LevelEntity::set(const TradingStateSet& record, PrincipalId principal,
                             std::int64_t time_ns) noexcept {
  constexpr auto kKill = static_cast<std::uint32_t>(LatchCause::kKill);
  const bool was_killed = is_killed();
  state = static_cast<TradingState>(record.state);
  const bool stays_killed = was_killed && state == TradingState::kHalted;
  if (record.cause == kKill) {
    killed_by = stays_killed && killed_by == 0 ? 0 : principal;
    killed_ns = time_ns;
  } else if (!stays_killed) {
    killed_by = 0;
    killed_ns = 0;
  }
  is_latched = record.is_latch != 0 || stays_killed;
  cause = static_cast<std::uint8_t>(stays_killed ? kKill : record.cause);
  breaker = static_cast<std::uint8_t>(record.breaker);
  state_actor = record.actor;
  state_reason = record.reason;
}

inline void LevelEntity::take(const RiskMeasured& told, std::int64_t time_ns) noexcept {
  if ((told.told & kToldGreeks) != 0) told_at.greeks_ns = time_ns;
  if ((told.told & kToldHeadroom) != 0) {
    told_at.headroom_ns = time_ns;
    measures.headroom_e4 = told.margin_headroom_e4;
    measures.headroom_gross_e4 = totals.gross_e4;
  }
  if ((told.told & kToldResult) != 0) {
    measures.result_e4 = told.result_e4;
    measures.result_realised_e4 = totals.realised_e4;
  }
  measures.told |= told.told;
  measures.actor = told.actor;
  follow_result();
}

inline void LevelEntity::add_realised(std::int64_t amount_e4) noexcept {
  totals.realised_e4 += amount_e4;
  follow_result();
}

inline void LevelEntity::follow_result() noexcept {
  measures.peak_e4 = std::max(measures.peak_e4, result_now_e4());
  refresh();
}

/// Positions and prices stay inside this so that sums of admitted orders cannot overflow.
inline constexpr std::int64_t kQuantityMax = std::int64_t{1} << 61;

/// A limit in whole units at 10^-8 as a mantissa of `scale`, rounded down, never above 2^61.
[[nodiscard]] constexpr std::int64_t quantity_limit(std::int64_t limit_e8, int scale) noexcept {
  const Int128 value = scale >= 8 ? static_cast<Int128>(limit_e8) * kPow10_64[scale - 8]
                                  : static_cast<Int128>(limit_e8) / kPow10_64[8 - scale];
  return value > kQuantityMax ? kQuantityMax : static_cast<std::int64_t>(value);
}

/// The strictest of five levels for what all levels measure alike. Rebuilt when any limit moved.
struct alignas(64) EffectiveLimits {
  std::int64_t order_quantity_max = 0;
  std::int64_t order_notional_max_e4 = 0;
  // Long for a buy, short for a sell. Instrument, venue and firm see the same position.
  std::int64_t shared_max[2] = {};
  std::int64_t account_max[2] = {};
  std::int64_t strategy_max[2] = {};
  std::int64_t reference_age_ns_max = 0;
  std::int64_t duplicate_window_ns = 0;
  std::uint32_t collar_bps = 0;
  std::uint32_t generation = 0;  // of State::limits_generation when built
  TradingState state = TradingState::kHalted;
  bool is_complete = false;  // every level has limits
  std::uint8_t guards = 0;   // kGuard* of any level
  // What the states say of an order, and of one that only reduces: 0 = it may pass, -1.
  std::int8_t admits[2] = {-1, -1};
  std::uint8_t reserved[3] = {};
  std::int64_t self_trade_mask = 0;  // all ones where an order must not meet an own one
  // Value of one order as its own history has it: without an override, and with one.
  std::int64_t usual_notional_max_e4[2] = {};
};
static_assert(sizeof(EffectiveLimits) == 128);

[[nodiscard]] inline EffectiveLimits effective_limits(const LevelEntity* const (&levels)[kLevels],
                                                      int quantity_scale) noexcept {
  constexpr auto kAll = kQuantityMax;
  EffectiveLimits out;
  out.order_quantity_max = out.order_notional_max_e4 = kAll;
  out.usual_notional_max_e4[0] = out.usual_notional_max_e4[1] = kAll;
  for (int side = 0; side < 2; ++side) {
    out.shared_max[side] = out.account_max[side] = out.strategy_max[side] = kAll;
  }
  out.reference_age_ns_max = kAll;
  out.collar_bps = 0xFFFFFFFF;
  out.state = TradingState::kActive;
  out.is_complete = true;
  const auto lower = [](auto& value, auto other) noexcept {
    if (other < value) value = other;
  };
  for (int i = 0; i < kLevels; ++i) {
    const LevelEntity& level = *levels[i];
    const LimitFields& fields = level.limits;
    out.is_complete = out.is_complete && level.limits_version != 0;
    out.guards |= level.guards;
    if (level.guard_fields.self_trade_refused != 0) out.self_trade_mask = -1;
    if (level.state > out.state) out.state = level.state;
    lower(out.order_quantity_max, quantity_limit(fields.order_quantity_max_e8, quantity_scale));
    lower(out.order_notional_max_e4, fields.order_notional_max_e4);
    lower(out.reference_age_ns_max, std::int64_t{fields.reference_age_ms_max} * 1'000'000);
    lower(out.collar_bps, fields.collar_bps);
    const std::int64_t window = std::int64_t{fields.duplicate_window_ms} * 1'000'000;
    if (window > out.duplicate_window_ns) out.duplicate_window_ns = window;
    const auto kind = static_cast<Level>(i);
    auto& position_max = kind == Level::kAccount    ? out.account_max
                         : kind == Level::kStrategy ? out.strategy_max
                                                    : out.shared_max;
    lower(position_max[0], quantity_limit(fields.position_long_max_e8, quantity_scale));
    lower(position_max[1], quantity_limit(fields.position_short_max_e8, quantity_scale));
  }
  out.admits[0] = out.is_complete && out.state == TradingState::kActive ? 0 : -1;
  out.admits[1] = out.is_complete && out.state != TradingState::kHalted ? 0 : -1;
  return out;
}

}  // namespace gateway
