// Sleeping and waking (ring/wait_strategy.hpp) with the kernel's futex as a model: no wake-up is
// lost, whatever the schedule. A lost one shows as a deadlock.
#include <limits>

#include "explore/mutants.hpp"
#include "gateway_core/ring/wait_strategy.hpp"

using explore::require;
using gateway::WaitKind;
using gateway::WaitStrategy;

namespace proof {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

struct Case {
  WaitStrategy wait{WaitKind::kPark};
  std::atomic<std::uint64_t> published{0};
  std::uint64_t content = 0;
  Case() {
    explore::name(reinterpret_cast<char*>(this) + 64, 4, "word");
    explore::name(reinterpret_cast<char*>(this) + 68, 4, "sleepers");
    explore::name(&published, 8, "published");
  }
  void sleep_for(std::uint64_t wanted) {
    const bool is_there = wait.wait_until(
        kNever, [this, wanted] { return published.load(std::memory_order_relaxed) >= wanted; });
    require(is_there, "the wait ends with what it waited for");
  }
};

void one_sleeper() {
  auto* at = new Case;
  explore::thread("notifier", [at] {
    at->published.store(1, std::memory_order_relaxed);
    at->wait.notify();
    at->published.store(2, std::memory_order_relaxed);
    at->wait.notify();
  });
  explore::thread("sleeper", [at] { at->sleep_for(2); });
}
void two_sleepers() {
  auto* at = new Case;
  explore::thread("notifier", [at] {
    at->published.store(1, std::memory_order_relaxed);
    at->wait.notify();
  });
  explore::thread("sleeper 0", [at] { at->sleep_for(1); });
  explore::thread("sleeper 1", [at] { at->sleep_for(1); });
}
void two_notifiers() {
  auto* at = new Case;
  for (const char* name : {"notifier 0", "notifier 1"}) {
    explore::thread(name, [at] {
      at->published.fetch_add(1, std::memory_order_relaxed);
      at->wait.notify();
    });
  }
  explore::thread("sleeper", [at] { at->sleep_for(2); });
}

}  // namespace proof
using namespace proof;  // NOLINT

TEST(no_wake_up_is_lost_in_any_execution_and_every_planted_fault_is_caught) {
  explore::prove("wait strategy", {one_sleeper, two_sleepers, two_notifiers},
                 {{"WaitStrategy::park: load seq_cst",
                   "the kernel compares the word once more behind a full barrier"},
                  {"WaitStrategy::park: fetch_sub seq_cst",
                   "a late decrement costs one wake-up that nobody needs"},
                  {"std::atomic<bool>::load: load acquire",
                   "a stop is a flag alone: nobody reads what was written before it"}},
                 7);
}
