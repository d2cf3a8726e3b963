// Work that another thread hands to the engine's thread, which looks for it between two turns. One
// caller at a time. Must never cost a turn without work more than one load of a line that rests.
#pragma once

#include <atomic>
#include <functional>

namespace gateway {

class PostedWork {
 public:
  using Work = std::function<void()>;

  /// Engine's thread. Runs what is posted; false = there was nothing.
  bool run_posted() {
    // Looked at in every turn: a load is free, an exchange would take the line each time.
    if (posted_.load(std::memory_order_relaxed) == nullptr) return false;
    // Taken, so that the caller cannot withdraw it any more. Pairs with the release in run(): the
    // work is complete, and so is everything that the caller did before.
    const Work* work = posted_.exchange(nullptr, std::memory_order_acquire);
    if (work == nullptr) return false;
    (*work)();
    // Pairs with the acquire in run(): the caller sees what the work did.
    is_done_.store(true, std::memory_order_release);
    return true;
  }

  /// Any other thread, one at a time. Returns when the engine's thread has run `work`, or false,
  /// and then it never will: `goes_on()`, asked while it waits, said no before the work was taken.
  template <typename GoesOn>
  [[nodiscard]] bool run(const Work& work, GoesOn&& goes_on) {
    is_done_.store(false, std::memory_order_relaxed);
    posted_.store(&work, std::memory_order_release);
    while (!is_done_.load(std::memory_order_acquire)) {
      if (!goes_on() && posted_.exchange(nullptr, std::memory_order_relaxed) != nullptr)
        return false;
    }
    return true;
  }

 private:
  std::atomic<const Work*> posted_{nullptr};
  std::atomic<bool> is_done_{false};
};

}  // namespace gateway
