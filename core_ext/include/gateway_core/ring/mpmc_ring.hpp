// A bounded ring for many producers and many consumers, for clients that share one lane.
// Progress, honestly: tickets are taken by CAS, so some thread always gets one (lock-free), but no
// thread is promised one within a bounded number of steps (not wait-free). A thread frozen between
// its ticket and its publication holds back that slot: producers go on until the ring is full, but
// consumers get nothing that is behind it until the thread goes on. Wait-free producers have an
// SPSC lane each. Must never overwrite: full and empty are answers.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "gateway_core/memory/cache_line.hpp"

namespace gateway {

template <typename T>
class MpmcRing {
  static_assert(std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>);

 public:
  /// Room for `capacity` items, rounded up to a power of two, at least 2. `first_ticket` lets a
  /// test begin close to the wrap of the 64-bit tickets.
  explicit MpmcRing(std::size_t capacity, std::uint64_t first_ticket = 0)
      : mask_(std::bit_ceil(capacity < 2 ? std::size_t{2} : capacity) - 1),
        slots_(std::make_unique<Slot[]>(mask_ + 1)) {
    for (std::uint64_t i = 0; i <= mask_; ++i) {
      const std::uint64_t ticket = first_ticket + i;
      slots_[ticket & mask_].turn.store(ticket, std::memory_order_relaxed);
    }
    tickets_.tail.store(first_ticket, std::memory_order_relaxed);
    tickets_.head.store(first_ticket, std::memory_order_relaxed);
  }
  MpmcRing(const MpmcRing&) = delete;
  MpmcRing& operator=(const MpmcRing&) = delete;

  /// A place for one item. Between reserve() and publish() its thread holds back the consumers.
  struct Ticket {
    std::uint64_t number = 0;
  };

  /// Lock-free. False = full, nothing happened: the caller decides to wait, shed or report.
  [[nodiscard]] bool reserve(Ticket& out) noexcept {
    std::uint64_t ticket = tickets_.tail.load(std::memory_order_relaxed);
    for (;;) {
      // Pairs with the release in try_pop: the item of the last round has been copied out.
      const std::uint64_t turn = slots_[ticket & mask_].turn.load(std::memory_order_acquire);
      const auto distance = static_cast<std::int64_t>(turn - ticket);
      if (distance < 0) return false;  // The slot still holds the item of one round ago.
      if (distance == 0) {
        // Relaxed: the ticket only says who; the slot's turn orders the item.
        if (tickets_.tail.compare_exchange_weak(ticket, ticket + 1, std::memory_order_relaxed)) {
          out.number = ticket;
          return true;
        }
      } else {
        ticket = tickets_.tail.load(std::memory_order_relaxed);  // Someone took it; try the next.
      }
    }
  }

  /// Wait-free. Once for every ticket, by the thread that reserved it.
  void publish(Ticket ticket, const T& item) noexcept {
    Slot& slot = slots_[ticket.number & mask_];
    slot.item = item;
    slot.turn.store(ticket.number + 1, std::memory_order_release);  // Pairs with try_pop's acquire.
  }

  /// Lock-free. False = full, nothing happened.
  [[nodiscard]] bool try_push(const T& item) noexcept {
    Ticket ticket;
    if (!reserve(ticket)) return false;
    publish(ticket, item);
    return true;
  }

  /// Lock-free. False = empty, or the next item is not published yet; `item` is untouched.
  [[nodiscard]] bool try_pop(T& item) noexcept {
    std::uint64_t ticket = tickets_.head.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[ticket & mask_];
      // Pairs with the release in try_push: the item is there before its turn says so.
      const std::uint64_t turn = slot.turn.load(std::memory_order_acquire);
      const auto distance = static_cast<std::int64_t>(turn - (ticket + 1));
      if (distance < 0) return false;
      if (distance == 0) {
        if (tickets_.head.compare_exchange_weak(ticket, ticket + 1, std::memory_order_relaxed)) {
          item = slot.item;
          // The slot's next producer holds the ticket one round later. Pairs with try_push's
          // acquire.
          slot.turn.store(ticket + mask_ + 1, std::memory_order_release);
          return true;
        }
      } else {
        ticket = tickets_.head.load(std::memory_order_relaxed);
      }
    }
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }
  /// A gauge for metrics; already old when it returns.
  [[nodiscard]] std::size_t size_estimate() const noexcept {
    const auto size = static_cast<std::int64_t>(tickets_.tail.load(std::memory_order_relaxed) -
                                                tickets_.head.load(std::memory_order_relaxed));
    if (size < 0) return 0;
    return static_cast<std::size_t>(size) < capacity() ? static_cast<std::size_t>(size)
                                                       : capacity();
  }

 private:
  struct alignas(kCacheLine) Slot {
    std::atomic<std::uint64_t> turn{0};
    T item{};
  };

  /// Polled by everybody: each on a pair of lines of its own.
  struct Tickets {
    alignas(kFalseSharingRange) std::atomic<std::uint64_t> tail{0};  // producers'
    alignas(kFalseSharingRange) std::atomic<std::uint64_t> head{0};  // consumers'
  };
  static_assert(offsetof(Tickets, head) == kFalseSharingRange);
  static_assert(sizeof(Tickets) == 2 * kFalseSharingRange);
  static_assert(alignof(Slot) == kCacheLine && sizeof(Slot) % kCacheLine == 0);

  Tickets tickets_;
  alignas(kFalseSharingRange) std::size_t mask_;  // read-only from here on
  std::unique_ptr<Slot[]> slots_;
};
static_assert(alignof(MpmcRing<int>) == kFalseSharingRange);
static_assert(sizeof(MpmcRing<int>) == 3 * kFalseSharingRange);

}  // namespace gateway
