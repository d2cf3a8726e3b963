// What guards watch over time: repeated executions exactly, breakers in eighths of their window.
// Volatile and deterministic in engine time; only what it concludes is journaled, by the engine.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gateway_core/risk/limits.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

/// Applications of one kind and side: the times of the newest ones, as many as may be.
class RepeatRing {
 public:
  /// Allocates; when a guard is set, never with an order.
  void resize(std::uint32_t count);
  /// One more at `now_ns`. True: as many as the guard names within its window, this one included.
  [[nodiscard]] bool note(std::int64_t now_ns, std::int64_t window_ns) noexcept;
  void clear() noexcept;

 private:
  static constexpr std::int64_t kNever = -(std::int64_t{1} << 62);
  std::vector<std::int64_t> times_;
  std::uint32_t next_ = 0;
};

/// What a breaker counts; all of them only rise, but the result and the price.
struct BreakerCounts {
  std::uint64_t messages = 0;
  std::uint64_t rejects = 0;
  std::uint64_t errors = 0;
  std::int64_t realised_e4 = 0;
  std::int64_t price = 0;  // instrument level, 0 = none
};

enum class BreakerCause : std::uint8_t { kNone, kMessages, kRejects, kErrors, kLoss, kMove };

/// One breaker's memory: how the counts stood at the ends of the last eight eighths.
class BreakerWindow {
 public:
  static constexpr int kMarks = 8;

  BreakerCounts counts;  // now

  /// Why the breaker opens, kNone = it does not. `value` and `limit` are what was found and
  /// allowed.
  struct Finding {
    BreakerCause cause = BreakerCause::kNone;
    std::int64_t value = 0;
    std::int64_t limit = 0;
  };
  [[nodiscard]] Finding look(const GuardFields& fields, std::int64_t now_ns) noexcept;
  /// Forgets what was before `now_ns`.
  void restart(std::int64_t now_ns) noexcept;
  /// Whether a whole window without a reject or an error has passed since restart().
  [[nodiscard]] bool is_proved(const GuardFields& fields, std::int64_t now_ns) const noexcept;
  [[nodiscard]] bool has_failed() const noexcept {
    return counts.rejects != at_restart_.rejects || counts.errors != at_restart_.errors;
  }

 private:
  BreakerCounts marks_[kMarks];
  BreakerCounts at_restart_;
  int held_ = 0;
  int next_ = 0;
  std::int64_t restarted_ns_ = 0;
  std::int64_t mark_due_ns_ = 0;
};

/// One level entity that has such a guard.
struct LevelWatch {
  LevelWatch(Level its_level, std::uint32_t its_id) : level(its_level), id(its_id) {}

  Level level;
  std::uint32_t id;
  RepeatRing repeats[2][2];  // orders, fills; by side
  BreakerWindow breaker;
  std::uint8_t breaker_seen = 0;  // BreakerState
};

}  // namespace gateway
