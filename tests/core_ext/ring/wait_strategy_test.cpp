// Every kind of wait ends: by the event, or by its deadline. No wake-up is lost.
#include "gateway_core/ring/wait_strategy.hpp"

#include <thread>

#include "check.hpp"

using namespace gateway;

namespace {
constexpr WaitKind kKinds[] = {WaitKind::kSpin, WaitKind::kPause, WaitKind::kSpinYield,
                               WaitKind::kYield, WaitKind::kPark};
constexpr std::int64_t kMillisecond = 1'000'000;
}  // namespace

TEST(a_wait_without_an_event_ends_at_its_deadline) {
  for (const WaitKind kind : kKinds) {
    WaitStrategy strategy(kind);
    const std::int64_t began = monotonic_ns();
    CHECK(!strategy.wait_until(began + 5 * kMillisecond, [] { return false; }));
    CHECK(monotonic_ns() - began >= 5 * kMillisecond);
    int asked = 0;
    CHECK(strategy.wait_until(began, [&] { return ++asked > 0; }));  // a deadline in the past
  }
}

TEST(ping_pong_loses_no_wake_up) {
  for (const WaitKind kind : kKinds) {
    constexpr int kRounds = 2000;
    WaitStrategy to_other(kind), to_us(kind);
    std::atomic<int> ping{0}, pong{0};
    const std::int64_t deadline = monotonic_ns() + 60'000 * kMillisecond;
    int lost = 0;
    // A spinning kind on a busy core would burn whole time slices: fewer rounds are enough there.
    const int rounds = kind == WaitKind::kSpin || kind == WaitKind::kPause ? 20 : kRounds;
    std::thread other([&] {
      for (int i = 1; i <= rounds; ++i) {
        if (!to_other.wait_until(deadline, [&] { return ping.load() >= i; })) return;
        pong.store(i);
        to_us.notify();
      }
    });
    for (int i = 1; i <= rounds; ++i) {
      ping.store(i);
      to_other.notify();
      if (!to_us.wait_until(deadline, [&] { return pong.load() >= i; })) ++lost;
    }
    other.join();
    CHECK_EQUAL(lost, 0);
    CHECK_EQUAL(pong.load(), rounds);
  }
}

TEST(one_notify_wakes_every_sleeper) {
  WaitStrategy strategy(WaitKind::kPark);
  std::atomic<bool> is_open{false};
  std::atomic<int> through{0};
  const std::int64_t deadline = monotonic_ns() + 60'000 * kMillisecond;
  std::thread waiters[4];
  for (auto& waiter : waiters) {
    waiter = std::thread([&] {
      if (strategy.wait_until(deadline, [&] { return is_open.load(); })) ++through;
    });
  }
  is_open = true;
  strategy.notify();
  for (auto& waiter : waiters) waiter.join();
  CHECK_EQUAL(through.load(), 4);
}

TEST(a_stop_ends_every_wait_long_before_its_deadline_and_none_begins_after_it) {
  for (const WaitKind kind : kKinds) {
    WaitStrategy strategy(kind);
    const std::int64_t began = monotonic_ns();
    const std::int64_t deadline = began + 60'000 * kMillisecond;
    std::atomic<int> waiting{0}, through{0};
    std::thread waiters[2];
    for (auto& waiter : waiters) {
      waiter = std::thread([&] {
        ++waiting;
        if (!strategy.wait_until(deadline, [] { return false; })) ++through;
      });
    }
    while (waiting.load() != 2) std::this_thread::yield();
    strategy.stop();
    for (auto& waiter : waiters) waiter.join();
    CHECK_EQUAL(through.load(), 2);
    CHECK(strategy.is_stopped());
    CHECK(!strategy.wait_until(deadline, [] { return false; }));
    CHECK(strategy.wait_until(deadline, [] { return true; }));
    CHECK(monotonic_ns() - began < 30'000 * kMillisecond);
  }
}
