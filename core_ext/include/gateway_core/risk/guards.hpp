// Guards of a level beside its limits: loss, margin headroom, greeks. What they are held against is
// told by control commands and kept up to date by apply; where a row says so it grows old.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "gateway_core/record/kinds.hpp"
#include "gateway_core/risk/exposure.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

/// Largest limit the gate compares with: room below it and above it for any sum of amounts.
inline constexpr std::int64_t kGateMax = std::int64_t{1} << 61;

inline constexpr int kGreeks = 3;  // delta, gamma, vega

/// Guards that cost something where they are set: the gate asks once per order whether any is.
inline constexpr std::uint8_t kGuardGreeks = 1;
inline constexpr std::uint8_t kGuardRepeats = 2;
inline constexpr std::uint8_t kGuardSizes = 4;
inline constexpr std::uint8_t kGuardBreaker = 8;
inline constexpr std::uint8_t kGuardHeadroomAge = 16;

[[nodiscard]] inline std::uint8_t guards_on(const GuardFields& fields) noexcept {
  const bool has_greeks = fields.delta_max_e4 != kGuardOff || fields.gamma_max_e4 != kGuardOff ||
                          fields.vega_max_e4 != kGuardOff;
  const bool has_repeats = (fields.repeat_orders_max | fields.repeat_fills_max) != 0;
  const bool has_sizes = (fields.fat_finger_soft | fields.fat_finger_hard) != 0;
  return static_cast<std::uint8_t>(
      (has_greeks ? kGuardGreeks : 0) | (has_repeats ? kGuardRepeats : 0) |
      (has_sizes ? kGuardSizes : 0) | (fields.breaker_window_ms != 0 ? kGuardBreaker : 0) |
      (fields.margin_bps != 0 && fields.headroom_age_ms_max != 0 ? kGuardHeadroomAge : 0));
}

/// What was told about one level, and what has happened since. Part of the state.
struct Measures {
  std::int64_t headroom_e4 = 0;
  std::int64_t headroom_gross_e4 = 0;  // gross amount of the level when the headroom was told
  std::int64_t result_e4 = 0;
  std::int64_t result_realised_e4 = 0;  // realised amount of the level when the result was told
  std::int64_t peak_e4 = 0;             // best result of the trading period
  std::int64_t greeks_e8[kGreeks] = {};
  std::uint32_t told = 0;  // kTold*
  std::uint32_t reserved = 0;
  Text<40> actor;
  friend bool operator==(const Measures& a, const Measures& b) noexcept {
    return std::memcmp(&a, &b, sizeof a) == 0;
  }

  /// The gross amount at which the headroom is used up.
  [[nodiscard]] std::int64_t margin_gross_e4(std::uint32_t margin_bps) const noexcept {
    if (margin_bps == 0) return kGateMax;
    if ((told & kToldHeadroom) == 0) return -1;
    // Rounded down also below zero: the gate must never find room that is not there.
    const Int128 wanted = static_cast<Int128>(headroom_e4) * 10'000;
    Int128 room = wanted / margin_bps;
    if (wanted < 0 && wanted % margin_bps != 0) --room;
    const Int128 gross = room + headroom_gross_e4;
    return static_cast<std::int64_t>(std::clamp<Int128>(gross, -1, kGateMax));
  }
  void start_period(std::int64_t realised_e4) noexcept {
    result_e4 = peak_e4 = 0;
    result_realised_e4 = realised_e4;
  }
};

/// Journal times at which the newest measures of a level were told. Part of the state.
struct ToldTimes {
  std::int64_t headroom_ns = 0;
  std::int64_t greeks_ns = 0;
  friend bool operator==(const ToldTimes&, const ToldTimes&) = default;
};

/// Worst case of one greek at one level, at 10^-12. Linear in quantities, so that what an order
/// adds is taken back exactly.
struct GreekTotal {
  Int128 position = 0;
  Int128 working_up = 0;
  Int128 working_down = 0;  // not positive

  void change(std::int64_t unit_e12, Side side, std::int64_t quantity,
              std::int64_t working) noexcept {
    position += static_cast<Int128>(unit_e12) * quantity;
    const Int128 moved = static_cast<Int128>(unit_e12) * sign_of(side);
    (moved > 0 ? working_up : working_down) += moved * working;
  }
  /// The worst case in the direction of `added`, as a magnitude.
  [[nodiscard]] Int128 worst_after(Int128 added) const noexcept {
    return added >= 0 ? position + working_up + added : -(position + working_down + added);
  }
};

/// Greek of one quantity mantissa at 10^-12, away from zero: the gate counts too much, never less.
[[nodiscard]] constexpr std::int64_t greek_unit_e12(std::int64_t greek_e8, int scale) noexcept {
  if (scale <= 4) return greek_e8 * kPow10_64[4 - scale];
  const std::int64_t divisor = kPow10_64[scale - 4];
  const std::int64_t rest = greek_e8 % divisor;
  return greek_e8 / divisor + (rest > 0 ? 1 : rest < 0 ? -1 : 0);
}

/// Executions or orders that a repeat guard can count, so that its rings stay small.
inline constexpr std::uint32_t kRepeatsMax = 65'536;
/// Largest told greek: ten million of anything per unit leaves room for every admitted quantity.
inline constexpr std::int64_t kGreekMaxE8 = 10'000'000 * std::int64_t{100'000'000};

}  // namespace gateway
