// Repeated executions and breakers: counting over time, without a clock of their own.
#include "gateway_core/engine/guard_watch.hpp"

#include <algorithm>

namespace gateway {

void RepeatRing::resize(std::uint32_t count) {
  if (times_.size() == count) return;
  times_.assign(count, kNever);
  next_ = 0;
}

bool RepeatRing::note(std::int64_t now_ns, std::int64_t window_ns) noexcept {
  if (times_.empty()) return false;
  times_[next_] = now_ns;
  next_ = next_ + 1 == times_.size() ? 0 : next_ + 1;
  return now_ns - times_[next_] < window_ns;
}

void RepeatRing::clear() noexcept { std::fill(times_.begin(), times_.end(), kNever); }

void BreakerWindow::restart(std::int64_t now_ns) noexcept {
  at_restart_ = marks_[0] = counts;
  held_ = next_ = 1;  // the first mark stands
  restarted_ns_ = now_ns;
  mark_due_ns_ = 0;
}

bool BreakerWindow::is_proved(const GuardFields& fields, std::int64_t now_ns) const noexcept {
  return !has_failed() &&
         now_ns - restarted_ns_ >= std::int64_t{fields.breaker_window_ms} * 1'000'000;
}

BreakerWindow::Finding BreakerWindow::look(const GuardFields& fields,
                                           std::int64_t now_ns) noexcept {
  const auto above = [](std::uint64_t value, std::uint32_t limit) {
    return limit != 0 && value > limit;
  };
  Finding found;
  const auto finds = [&](BreakerCause cause, auto value, auto limit) {
    found = {cause, static_cast<std::int64_t>(value), static_cast<std::int64_t>(limit)};
  };
  for (int i = 0; i < held_ && found.cause == BreakerCause::kNone; ++i) {
    const BreakerCounts& mark = marks_[i];
    const std::int64_t loss_e4 = mark.realised_e4 - counts.realised_e4;
    const Int128 moved = static_cast<Int128>(counts.price) - mark.price;
    const Int128 moved_bps = mark.price <= 0 || counts.price <= 0
                                 ? 0
                                 : (moved < 0 ? -moved : moved) * 10'000 / mark.price;
    if (above(counts.messages - mark.messages, fields.breaker_messages_max)) {
      finds(BreakerCause::kMessages, counts.messages - mark.messages, fields.breaker_messages_max);
    } else if (above(counts.rejects - mark.rejects, fields.breaker_rejects_max)) {
      finds(BreakerCause::kRejects, counts.rejects - mark.rejects, fields.breaker_rejects_max);
    } else if (above(counts.errors - mark.errors, fields.breaker_errors_max)) {
      finds(BreakerCause::kErrors, counts.errors - mark.errors, fields.breaker_errors_max);
    } else if (loss_e4 > fields.breaker_loss_max_e4) {
      finds(BreakerCause::kLoss, loss_e4, fields.breaker_loss_max_e4);
    } else if (fields.breaker_move_bps != 0 && moved_bps > fields.breaker_move_bps) {
      finds(BreakerCause::kMove, moved_bps, fields.breaker_move_bps);
    }
  }
  if (now_ns >= mark_due_ns_) {
    mark_due_ns_ = now_ns + std::int64_t{fields.breaker_window_ms} * 125'000;
    marks_[next_] = counts;
    next_ = (next_ + 1) % kMarks;
    held_ = std::min(held_ + 1, kMarks);
  }
  return found;
}

}  // namespace gateway
