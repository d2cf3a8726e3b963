// Token buckets as one timestamp each (generic cell rate): exact, no background refill.
// Volatile: without debt after a restart, never journaled, deterministic under a virtual clock.
#pragma once

#include <cstdint>

namespace gateway {

/// A rate prepared for the hot path. tolerance = (burst - 1) intervals; kNothing lets nothing pass.
struct Rate {
  static constexpr std::int64_t kNothing = -(std::int64_t{1} << 62);

  std::int64_t interval_ns = 0;
  std::int64_t tolerance_ns = kNothing;

  [[nodiscard]] static Rate of(std::uint32_t per_second, std::uint32_t burst) noexcept {
    if (per_second == 0 || burst == 0) return {};
    // Rounded up: never more than per_second, and never an interval of zero.
    const std::int64_t interval =
        (999'999'999 + std::int64_t{per_second}) / std::int64_t{per_second};
    return {interval, interval * (static_cast<std::int64_t>(burst) - 1)};
  }
};

class RateLimit {
 public:
  /// Time left of the tolerance if one more message is taken now; negative = none may be.
  [[nodiscard]] std::int64_t room_ns(std::int64_t now_ns, const Rate& rate) const noexcept {
    return rate.tolerance_ns + now_ns - due_ns_;
  }
  /// Whether one more message at `now_ns` stays within the rate.
  [[nodiscard]] bool has_token(std::int64_t now_ns, const Rate& rate) const noexcept {
    return room_ns(now_ns, rate) >= 0;
  }
  void take(std::int64_t now_ns, const Rate& rate) noexcept {
    due_ns_ = (due_ns_ > now_ns ? due_ns_ : now_ns) + rate.interval_ns;
  }
  /// Whole tokens left now, for the audit of a decision.
  [[nodiscard]] std::int64_t tokens(std::int64_t now_ns, const Rate& rate) const noexcept {
    const std::int64_t ahead_ns = due_ns_ > now_ns ? due_ns_ - now_ns : 0;
    if (rate.interval_ns == 0 || ahead_ns > rate.tolerance_ns) return 0;
    return (rate.tolerance_ns - ahead_ns) / rate.interval_ns + 1;
  }

 private:
  std::int64_t due_ns_ = 0;
};

}  // namespace gateway
