// Order slots and the ways to them: order id, client number, venue id. Fixed capacity; ended orders
// are recycled oldest first, open orders never. The engine thread writes, any thread may copy one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gateway_core/memory/chain_index.hpp"
#include "gateway_core/memory/huge_array.hpp"
#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/order/order.hpp"

namespace gateway {

inline constexpr std::uint32_t kNoSlot = kNoRow;

class OrderTable {
 public:
  explicit OrderTable(std::uint32_t capacity)
      : capacity_(capacity),
        slots_(capacity),
        by_id_(capacity),
        by_number_(capacity),
        by_venue_id_(capacity),
        unknown_slots_(capacity),
        unknown_places_(capacity) {}
  OrderTable(const OrderTable&) = delete;
  OrderTable& operator=(const OrderTable&) = delete;

  /// Takes all memory now, so that no order meets a page for the first time.
  void prefault() noexcept {
    slots_.prefault();
    by_id_.prefault();
    by_number_.prefault();
    by_venue_id_.prefault();
    unknown_slots_.prefault();
    unknown_places_.prefault();
  }

  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  /// Slots below this have been used; any thread.
  [[nodiscard]] std::uint32_t used() const noexcept {
    return __atomic_load_n(&used_, __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] std::uint32_t remembered() const noexcept { return terminal_.count; }
  [[nodiscard]] bool has_room() const noexcept { return used_ < capacity_ || terminal_.count != 0; }
  [[nodiscard]] bool has_room_for(std::uint32_t orders) const noexcept {
    return capacity_ - used_ + terminal_.count >= orders;
  }

  [[nodiscard]] Order& at(std::uint32_t slot) noexcept { return slots_[slot]; }
  [[nodiscard]] const Order& at(std::uint32_t slot) const noexcept { return slots_[slot]; }

  [[nodiscard]] std::uint32_t find(OrderId id) const noexcept {
    return by_id_.find(slots_, id_hash(id),
                       [&](const Order& order) { return order.order_id == id; });
  }
  /// By the number in force; one that a pending replace will bring is not here.
  [[nodiscard]] std::uint32_t find_number(PrincipalId principal,
                                          std::uint64_t number) const noexcept {
    return by_number_.find(slots_, number_hash(principal, number), [&](const Order& order) {
      return order.client_number == number && order.principal == principal;
    });
  }
  /// The instrument is part of the name: some venues count their orders per symbol.
  [[nodiscard]] std::uint32_t find_venue_id(AccountId account, InstrumentId instrument,
                                            const VenueOrderId& text) const noexcept {
    const std::uint64_t hash = venue_id_hash(account, instrument, text);
    return by_venue_id_.find(slots_, hash >> 1, [&](const Order& order) {
      return order.venue_id_hash == hash && order.account == account &&
             order.instrument == instrument && order.venue_order_id == text;
    });
  }

  /// Makes the order findable by its client number.
  void index_number(std::uint32_t slot) noexcept {
    const Order& order = slots_[slot];
    by_number_.insert(slots_, number_hash(order.principal, order.client_number), slot);
  }
  /// The order goes by another client number from now on.
  void rename_number(std::uint32_t slot, std::uint64_t number) noexcept {
    forget_number(slot);
    put(slots_[slot].client_number, number);
    index_number(slot);
  }
  /// The venue's id of the order, written into it and findable from now on.
  void name_venue_id(std::uint32_t slot, const VenueOrderId& text) noexcept {
    forget_venue_id(slot);
    Order& order = slots_[slot];
    put_all(order.venue_order_id, text);
    if (text.empty()) return;
    put(order.venue_id_hash, venue_id_hash(order.account, order.instrument, text));
    by_venue_id_.insert(slots_, order.venue_id_hash >> 1, slot);
  }

  /// Oldest terminal slot that take() would recycle, kNoSlot when it would not recycle.
  [[nodiscard]] std::uint32_t next_victim() const noexcept {
    return used_ == capacity_ && terminal_.first != 0 ? terminal_.first - 1 : kNoSlot;
  }

  /// A slot for `id`, which has no other name yet. The caller has checked has_room().
  [[nodiscard]] std::uint32_t take(OrderId id) noexcept {
    std::uint32_t slot;
    if (used_ < capacity_) {
      slot = used_;
      __atomic_store_n(&used_, slot + 1, __ATOMIC_RELEASE);
      begin_write(slots_[slot].version);
    } else {
      slot = terminal_.first - 1;
      unlink(terminal_, slot);
      // Readers see the old order with its names, or the new id: never the one without the other.
      begin_write(slots_[slot].version);
      by_id_.erase(slots_, id_hash(slots_[slot].order_id), slot);
      forget_number(slot);
      forget_venue_id(slot);
    }
    Order& order = slots_[slot];
    put(order.order_id, id);
    put(order.state, 0);  // readers pass it over until its fields are written
    by_id_.insert(slots_, id_hash(id), slot);
    end_write(order.version);
    link(open_, slot);
    return slot;
  }

  /// Brings a slot near, or the place of an id in the index, while nobody waits for it.
  void prefetch_slot(std::uint32_t slot) const noexcept {
    if (slot >= capacity_) return;
    const auto* bytes = reinterpret_cast<const std::byte*>(&slots_[slot]);
    for (std::size_t at = 0; at < sizeof(Order); at += 64) __builtin_prefetch(bytes + at, 1);
  }
  void prefetch_id(OrderId id) const noexcept { by_id_.prefetch(id_hash(id)); }
  void prefetch_number(PrincipalId principal, std::uint64_t number) const noexcept {
    by_number_.prefetch(number_hash(principal, number));
  }
  /// The slot that take() will use when none has to be recycled, kNoSlot otherwise.
  [[nodiscard]] std::uint32_t next_unused() const noexcept {
    return used_ < capacity_ ? used_ : kNoSlot;
  }

  [[nodiscard]] std::uint32_t open_count() const noexcept { return open_.count; }
  /// Orders in state UNKNOWN.
  [[nodiscard]] std::uint32_t unknown_count() const noexcept { return unknown_; }
  /// The order's outcome is unknown from now on, or known again.
  void note_unknown(std::uint32_t slot, bool is_unknown) noexcept {
    if (is_unknown) {
      unknown_places_[slot] = unknown_;
      unknown_slots_[unknown_++] = slot;
      return;
    }
    const std::uint32_t last = unknown_slots_[--unknown_];
    unknown_slots_[unknown_places_[slot]] = last;
    unknown_places_[last] = unknown_places_[slot];
  }
  /// Calls visit(slot) for at most so many orders in state UNKNOWN, in no order.
  template <typename Visit>
  void for_each_unknown(std::uint32_t visits_max, Visit&& visit) const {
    for (std::uint32_t i = 0; i < unknown_ && i < visits_max; ++i) visit(unknown_slots_[i]);
  }

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
  // Ids of one boot, and numbers of one client, are consecutive, so they have places of their own;
  // only those of other boots or clients share one.
  [[nodiscard]] static std::uint64_t id_hash(OrderId id) noexcept {
    return id + (id >> 31) * 0x9E3779B1;
  }
  [[nodiscard]] static std::uint64_t number_hash(PrincipalId principal,
                                                 std::uint64_t number) noexcept {
    return number + principal * std::uint64_t{0x9E3779B1};
  }
  [[nodiscard]] static std::uint64_t venue_id_hash(AccountId account, InstrumentId instrument,
                                                   const VenueOrderId& text) noexcept {
    return text_key((std::uint64_t{account} << 32) | instrument, text).high;  // odd, so never 0
  }

  void forget_number(std::uint32_t slot) noexcept {
    const Order& order = slots_[slot];
    if (order.client_number == 0) return;
    by_number_.erase(slots_, number_hash(order.principal, order.client_number), slot);
    put(slots_[slot].client_number, 0);
  }
  void forget_venue_id(std::uint32_t slot) noexcept {
    Order& order = slots_[slot];
    if (order.venue_id_hash == 0) return;
    by_venue_id_.erase(slots_, order.venue_id_hash >> 1, slot);
    put(order.venue_id_hash, 0);
  }
  /// Doubly linked through Order::next and Order::previous, slot + 1, 0 = end.
  struct List {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::uint32_t count = 0;
  };
  void link(List& list, std::uint32_t slot) noexcept {
    Order& order = slots_[slot];
    put(order.previous, list.last);
    put(order.next, 0);
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
  std::uint32_t unknown_ = 0;
  List open_;
  List terminal_;
  HugeArray<Order> slots_;
  ChainIndex<Order, &Order::id_next> by_id_;
  ChainIndex<Order, &Order::number_next> by_number_;
  ChainIndex<Order, &Order::venue_id_next> by_venue_id_;
  HugeArray<std::uint32_t> unknown_slots_;   // of orders in state UNKNOWN, `unknown_` of them
  HugeArray<std::uint32_t> unknown_places_;  // by slot: its place among those
};

}  // namespace gateway
