// The payloads of records about risk: limits, guards, what guards are held against, trading states.
// As kinds.hpp, which says which kind has which payload: append only, without padding holes.
#pragma once

#include <cstdint>

#include "gateway_core/types/ids.hpp"
#include "gateway_core/types/text.hpp"

namespace gateway {

/// Limits of one level entity. Every field is required; there is no unlimited.
/// Quantities are whole units at 10^-8, amounts are reporting currency at 10^-4.
struct LimitFields {
  std::int64_t order_quantity_max_e8;
  std::int64_t order_notional_max_e4;
  std::int64_t position_long_max_e8;
  std::int64_t position_short_max_e8;
  std::int64_t gross_exposure_max_e4;
  std::int64_t net_exposure_max_e4;
  std::int64_t credit_max_e4;
  std::uint32_t collar_bps;  // distance from the reference price on the losing side
  std::uint32_t reference_age_ms_max;
  std::uint32_t orders_per_second;  // new and replace
  std::uint32_t order_burst;
  std::uint32_t cancels_per_second;
  std::uint32_t cancel_burst;
  std::uint32_t open_orders_side_max;  // per instrument side on the instrument level, else total
  std::uint32_t duplicate_window_ms;   // 0 = off
};

struct LimitsSet {
  std::uint32_t level;  // Level
  std::uint32_t id;     // entity of that level, 0 for the firm
  std::uint32_t version;
  std::uint32_t reserved_word;
  LimitFields fields;
  Text<40> actor;
  Text<48> reason;
};

/// An amount that is never reached: the guard is off.
inline constexpr std::int64_t kGuardOff = std::int64_t{0x7FFFFFFFFFFFFFFF};

/// Guards of one level entity, beside its limits: off until set, a count of 0 is off. Amounts are
/// reporting currency at 10^-4.
struct GuardFields {
  std::int64_t loss_max_e4 = kGuardOff;          // result of the trading period below zero
  std::int64_t drawdown_max_e4 = kGuardOff;      // below the best result of the trading period
  std::int64_t delta_max_e4 = kGuardOff;         // worst case of positions and working orders
  std::int64_t gamma_max_e4 = kGuardOff;         // the same
  std::int64_t vega_max_e4 = kGuardOff;          // the same
  std::int64_t breaker_loss_max_e4 = kGuardOff;  // realised within the breaker's window
  std::uint32_t margin_bps = 0;                  // of an order's value, taken from the headroom
  std::uint32_t self_trade_refused = 0;          // 1 = an order that meets an own one is refused
  std::uint32_t repeat_orders_max = 0;           // of one side within repeat_window_ms
  std::uint32_t repeat_fills_max = 0;            // the same, fills
  std::uint32_t repeat_window_ms = 0;
  std::uint32_t fat_finger_soft = 0;  // deviations above the usual order, may be overridden
  std::uint32_t fat_finger_hard = 0;  // the same, may not
  std::uint32_t breaker_window_ms = 0;
  std::uint32_t breaker_rejects_max = 0;   // within the window
  std::uint32_t breaker_errors_max = 0;    // unknown outcomes and lost sessions
  std::uint32_t breaker_messages_max = 0;  // new orders, replaces and cancels
  std::uint32_t breaker_move_bps = 0;      // of the reference price; instrument level alone
  std::uint32_t headroom_age_ms_max = 0;   // of what was told, 0 = it never grows old
  std::uint32_t greeks_age_ms_max = 0;     // the same
};

/// In one group with the LimitsSet of the same command.
struct GuardsSet {
  std::uint32_t level;
  std::uint32_t id;
  std::uint32_t version;  // of the limits they stand beside
  std::uint32_t reserved_word;
  GuardFields fields;
  std::uint64_t reserved;
};

inline constexpr std::uint32_t kToldHeadroom = 1;
inline constexpr std::uint32_t kToldResult = 2;
inline constexpr std::uint32_t kToldGreeks = 4;

/// What guards are held against and the gateway does not work out itself.
struct RiskMeasured {
  std::uint32_t level;
  std::uint32_t id;
  std::uint32_t told;  // kTold*
  std::uint32_t reserved_word;
  std::int64_t margin_headroom_e4;  // free margin at this moment
  std::int64_t result_e4;           // profit of the trading period so far, with the unrealised
  std::int64_t greeks_e8[3];        // delta, gamma, vega of one whole unit; instrument level alone
  Text<40> actor;
  std::uint64_t reserved[4];
};

/// Audit of an order that a soft limit let pass because its principal overrode it; changes no
/// state.
struct OverrideUsed {
  OrderId order_id;
  std::uint64_t refusal;  // what it would have been refused with
  std::int64_t limit;     // amounts at 10^-4
  std::int64_t current;   // what is usual
  std::int64_t would_be;
  std::uint64_t reserved[3];
};

/// Why a level is latched, beyond the words of its reason.
/// kKill: until the halt is lifted no order works on there, save what is made by hand at the venue.
enum class LatchCause : std::uint32_t {
  kPerson = 0,
  kRepeatedExecution = 1,
  kBreaker = 2,
  kKill = 3
};
enum class BreakerState : std::uint32_t { kClosed = 0, kOpen = 1, kHalfOpen = 2 };

/// Kill, halt, reduce-only and re-enable at one level. A latch is lifted only by a named person.
struct TradingStateSet {
  std::uint32_t level;
  std::uint32_t id;
  std::uint32_t state;  // TradingState
  std::uint32_t is_latch;
  Text<40> actor;
  Text<64> reason;
  std::uint32_t cause;    // LatchCause
  std::uint32_t breaker;  // BreakerState from now on
};

}  // namespace gateway
