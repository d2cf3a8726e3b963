// Order slots and the way from an order id to its slot. Fixed capacity; terminal orders are
// recycled oldest first, open orders never. The engine thread writes, any thread may copy a slot.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gateway_core/memory/huge_array.hpp"
#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/order/order.hpp"

namespace gateway {

inline constexpr std::uint32_t kNoSlot = 0xFFFFFFFF;

class OrderTable {
 public:
  explicit OrderTable(std::uint32_t capacity) : capacity_(capacity), slots_(capacity) {
    std::size_t size = 16;
    while (size < std::size_t{capacity} * 2) size *= 2;
    mask_ = size - 1;
    index_ = HugeArray<std::uint32_t>(size);
  }
  OrderTable(const OrderTable&) = delete;
  OrderTable& operator=(const OrderTable&) = delete;

  /// Takes all memory now, so that no order meets a page for the first time.
  void prefault() noexcept {
    slots_.prefault();
    index_.prefault();
  }

  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  /// Slots below this have been used; any thread.
  [[nodiscard]] std::uint32_t used() const noexcept {
    return __atomic_load_n(&used_, __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] std::uint32_t remembered() const noexcept { return terminal_.count; }
  [[nodiscard]] bool has_room() const noexcept { return used_ < capacity_ || terminal_.count != 0; }

  [[nodiscard]] Order& at(std::uint32_t slot) noexcept { return slots_[slot]; }
  [[nodiscard]] const Order& at(std::uint32_t slot) const noexcept { return slots_[slot]; }

  [[nodiscard]] std::uint32_t find(OrderId id) const noexcept {
    for (std::uint32_t at = index_[home(id)]; at != 0; at = slots_[at - 1].index_next) {
      if (slots_[at - 1].order_id == id) return at - 1;
    }
    return kNoSlot;
  }

  /// Oldest terminal slot that take() would recycle, kNoSlot when it would not recycle.
  [[nodiscard]] std::uint32_t next_victim() const noexcept {
    return used_ == capacity_ && terminal_.first != 0 ? terminal_.first - 1 : kNoSlot;
  }

  /// A slot for `id`. The caller has erased other names of next_victim() and checked has_room().
  [[nodiscard]] std::uint32_t take(OrderId id) noexcept {
    std::uint32_t slot;
    if (used_ < capacity_) {
      slot = used_;
      __atomic_store_n(&used_, slot + 1, __ATOMIC_RELEASE);
    } else {
      slot = terminal_.first - 1;
      unlink(terminal_, slot);
      erase(slot);
    }
    insert(id, slot);
    link(open_, slot);
    return slot;
  }

  /// Brings a slot near, or the place of an id in the index, while nobody waits for it.
  void prefetch_slot(std::uint32_t slot) const noexcept {
    if (slot >= capacity_) return;
    const auto* bytes = reinterpret_cast<const std::byte*>(&slots_[slot]);
    for (std::size_t at = 0; at < sizeof(Order); at += 64) __builtin_prefetch(bytes + at, 1);
  }
  void prefetch_index(OrderId id) const noexcept { __builtin_prefetch(&index_[home(id)], 1); }
  /// The slot that take() will use when none has to be recycled, kNoSlot otherwise.
  [[nodiscard]] std::uint32_t next_unused() const noexcept {
    return used_ < capacity_ ? used_ : kNoSlot;
  }

  [[nodiscard]] std::uint32_t open_count() const noexcept { return open_.count; }

  /// Calls visit(slot) for every open order, oldest first; visit may retire the order it is given.
  template <typename Visit>
  void for_each_open(Visit&& visit) const {
    for (std::uint32_t at = open_.first; at != 0;) {
      const std::uint32_t next = slots_[at - 1].next;
      visit(at - 1);
      at = next;
    }
  }

  /// Calls visit(slot) for every remembered terminal order in the order they will be recycled.
  template <typename Visit>
  void for_each_terminal(Visit&& visit) const {
    for (std::uint32_t at = terminal_.first; at != 0; at = slots_[at - 1].next) visit(at - 1);
  }

  /// The order became terminal: it may be recycled when its turn comes.
  void retire(std::uint32_t slot) noexcept {
    unlink(open_, slot);
    link(terminal_, slot);
  }
  /// A replace that overtook the last fill opens the order again.
  void reopen(std::uint32_t slot) noexcept {
    unlink(terminal_, slot);
    link(open_, slot);
  }

 private:
  // Ids of one boot are consecutive, so they have places of their own; only ids of other boots, or
  // of orders that stay open very long, share one, and then form a chain through their slots.
  [[nodiscard]] std::size_t home(OrderId id) const noexcept {
    return static_cast<std::size_t>(id + (id >> 31) * 0x9E3779B1) & mask_;
  }
  void insert(OrderId id, std::uint32_t slot) noexcept {
    Order& order = slots_[slot];
    std::uint32_t& first = index_[home(id)];
    begin_write(order.version);
    put(order.order_id, id);
    put(order.state, 0);  // readers pass it over until its fields are written
    put(order.index_next, first);
    end_write(order.version);
    first = slot + 1;
  }
  void erase(std::uint32_t slot) noexcept {
    std::uint32_t* at = &index_[home(slots_[slot].order_id)];
    while (*at != slot + 1) at = &slots_[*at - 1].index_next;
    __atomic_store_n(at, slots_[slot].index_next, __ATOMIC_RELAXED);
  }
  /// Doubly linked through Order::next and Order::previous, slot + 1, 0 = end.
  struct List {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::uint32_t count = 0;
  };
  void link(List& list, std::uint32_t slot) noexcept {
    put(slots_[slot].previous, list.last);
    put(slots_[slot].next, 0);
    if (list.last != 0) {
      put(slots_[list.last - 1].next, slot + 1);
    } else {
      list.first = slot + 1;
    }
    list.last = slot + 1;
    ++list.count;
  }
  void unlink(List& list, std::uint32_t slot) noexcept {
    const std::uint32_t before = slots_[slot].previous;
    const std::uint32_t after = slots_[slot].next;
    if (before != 0) {
      put(slots_[before - 1].next, after);
    } else {
      list.first = after;
    }
    if (after != 0) {
      put(slots_[after - 1].previous, before);
    } else {
      list.last = before;
    }
    --list.count;
  }

  std::uint32_t capacity_;
  std::uint32_t used_ = 0;
  List open_;
  List terminal_;
  std::size_t mask_ = 0;
  HugeArray<Order> slots_;
  HugeArray<std::uint32_t> index_;  // slot + 1 of the first order of a place, 0 = none
};

}  // namespace gateway
