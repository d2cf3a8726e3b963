// Atomic words, fences and memory orders of a book with readers, as one type, so that tests can run
// the same code on a simulated memory and with weakened orders. Knows nothing of books.
#pragma once

#include <atomic>

#include "gateway_core/memory/relaxed.hpp"  // GATEWAY_HAS_FENCES

namespace gateway {

/// The orders and what each pairs with. docs/concepts/books.md says why each is needed.
struct ReaderOrders {
  static constexpr auto kCommit = std::memory_order_release;        // pairs with kBegin
  static constexpr auto kBegin = std::memory_order_acquire;         // pairs with kCommit
  static constexpr auto kBeforeFields = std::memory_order_release;  // fence; pairs with both below
  static constexpr auto kAfterFields = std::memory_order_acquire;   // fence
  static constexpr auto kFollowLink = std::memory_order_acquire;
};

struct NativeMemory : ReaderOrders {
  template <typename T>
  using Atomic = std::atomic<T>;
  static void fence(std::memory_order order) noexcept {
#if GATEWAY_HAS_FENCES
    std::atomic_thread_fence(order);
#else
    (void)order;
#endif
  }
};

}  // namespace gateway
