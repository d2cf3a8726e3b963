// How a thread waits for a ring: spin, spin with pause, spin and then yield, yield, or sleep in the
// kernel until woken. Every wait has a deadline and a stop. Must never be entered between reserve
// and publish.
#pragma once

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <concepts>
#include <cstdint>

#include "gateway_core/memory/cache_line.hpp"
#include "gateway_core/platform/clock.hpp"

namespace gateway {

enum class WaitKind : std::uint8_t { kSpin, kPause, kSpinYield, kYield, kPark };

/// Tells the processor that this is a spin, so that its sibling gets the core's resources.
inline void spin_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// What every way to wait offers; one suite tests them all (tests/core_ext/ring).
template <typename W>
concept Waiting = requires(W& waiting, std::int64_t deadline_ns, bool (*is_ready)()) {
  { waiting.wait_until(deadline_ns, is_ready) } noexcept -> std::same_as<bool>;
  { waiting.notify() } noexcept;
  { waiting.stop() } noexcept;
  { waiting.is_stopped() } noexcept -> std::same_as<bool>;
};

/// One waiting place. Any number of waiters and notifiers.
class WaitStrategy {
 public:
  explicit WaitStrategy(WaitKind kind) noexcept : kind_(kind) {}

  /// Waits until `is_ready()`, until monotonic_ns() reaches the deadline, or until stop(). The
  /// answer is the last one of `is_ready`, which is asked at least once, cheap and noexcept.
  template <typename Ready>
  [[nodiscard]] bool wait_until(std::int64_t deadline_ns, Ready&& is_ready) noexcept {
    return kind_ == WaitKind::kPark ? park(deadline_ns, is_ready) : poll(deadline_ns, is_ready);
  }

  /// Says that something has been published. Call it after the publication. Costs one atomic add
  /// and a load while nobody sleeps, and nothing for the kinds that never sleep.
  void notify() noexcept {
    if (kind_ != WaitKind::kPark) return;
    // Sequentially consistent, as are the steps in park(): either the sleeper is counted here, or
    // its look at the word comes later and sees the change. The release half publishes the item.
    word_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) != 0) {
      syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
    }
  }

  /// Ends every wait, present and future. For good: a stopped place never waits again.
  void stop() noexcept {
    is_stopped_.store(true, std::memory_order_seq_cst);  // Before the word moves: see notify().
    notify();
  }
  [[nodiscard]] bool is_stopped() const noexcept {
    return is_stopped_.load(std::memory_order_acquire);
  }

  [[nodiscard]] WaitKind kind() const noexcept { return kind_; }

 private:
  /// Rounds between two looks at the clock.
  static constexpr int kRoundsPerLook = 64;
  /// Looks at the clock before kSpinYield gives its time slice away.
  static constexpr int kLooksBeforeYield = 32;

  template <typename Ready>
  [[nodiscard]] bool poll(std::int64_t deadline_ns, Ready& is_ready) const noexcept {
    const bool pauses = kind_ == WaitKind::kPause || kind_ == WaitKind::kSpinYield;
    for (int looks = 0;; ++looks) {
      const int rounds = kind_ == WaitKind::kYield ? 1 : kRoundsPerLook;
      for (int i = 0; i < rounds; ++i) {
        if (is_ready()) return true;
        if (pauses) spin_pause();
      }
      if (is_stopped() || monotonic_ns() >= deadline_ns) return is_ready();
      const bool yields = kind_ == WaitKind::kSpinYield && looks >= kLooksBeforeYield;
      if (yields || kind_ == WaitKind::kYield) sched_yield();
    }
  }

  template <typename Ready>
  [[nodiscard]] bool park(std::int64_t deadline_ns, Ready& is_ready) noexcept {
    for (;;) {
      const std::uint32_t seen = word_.load(std::memory_order_acquire);
      if (is_ready()) return true;
      const std::int64_t left_ns = deadline_ns - monotonic_ns();
      if (left_ns <= 0 || is_stopped()) return is_ready();
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      if (word_.load(std::memory_order_seq_cst) == seen) {
        const timespec timeout{static_cast<time_t>(left_ns / 1'000'000'000),
                               static_cast<long>(left_ns % 1'000'000'000)};
        // The kernel compares the word once more; a notify in between makes this return at once.
        syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, seen, &timeout, nullptr, 0);
      }
      sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  const WaitKind kind_;
  std::atomic<bool> is_stopped_{false};  // written once
  // Both on one line on purpose: notify() touches both, and nothing else is polled beside them.
  alignas(kFalseSharingRange) std::atomic<std::uint32_t> word_{0};
  std::atomic<std::uint32_t> sleepers_{0};
  static_assert(sizeof(std::atomic<std::uint32_t>) == 4);  // The kernel reads the plain word.
};
static_assert(Waiting<WaitStrategy>);
static_assert(alignof(WaitStrategy) == kFalseSharingRange &&
              sizeof(WaitStrategy) == 2 * kFalseSharingRange);

}  // namespace gateway
