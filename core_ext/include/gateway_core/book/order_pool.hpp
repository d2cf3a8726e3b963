// The open orders of one book: preallocated slots, a free list and an index from order id to slot.
// Must never grow after construction, so a reference to an order stays valid while it is open.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gateway_core/types/ids.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = 0xFFFFFFFFU;

/// kMoving: between two lists, only within one call of the engine.
enum class BookOrderState : std::uint8_t { kFree, kMoving, kResting, kUntriggered };

struct BookOrder {
  OrderId order_id = 0;
  std::int64_t price = 0;  // limit; for market and stop the worst price, 0 = any
  std::int64_t trigger_price = 0;
  std::int64_t quantity = 0;  // total, as asked
  std::int64_t leaves = 0;
  std::int64_t expires_ns = 0;
  std::uint64_t arrival = 0;     // time priority; a replace that loses priority gets a new one
  std::uint64_t ahead_mark = 0;  // the level's market_consumed at which nothing is ahead any more
  AccountId account = 0;
  Slot next = kNoSlot;
  Slot previous = kNoSlot;
  Side side = Side::kBuy;
  OrderType type = OrderType::kLimit;
  TimeInForce time_in_force = TimeInForce::kGtc;
  BookOrderState state = BookOrderState::kFree;
  std::uint8_t flags = 0;

  [[nodiscard]] std::int64_t executed() const noexcept { return quantity - leaves; }
  [[nodiscard]] bool is_post_only() const noexcept { return (flags & kPostOnly) != 0; }
  /// Takes any price up to the worst price and never rests (a stop, once triggered).
  [[nodiscard]] bool is_market() const noexcept {
    return type == OrderType::kMarket || type == OrderType::kStop;
  }
};

class OrderPool {
 public:
  explicit OrderPool(std::size_t orders_max)
      : orders_(orders_max), index_(std::bit_ceil(orders_max * 2)), mask_(index_.size() - 1) {
    free_.reserve(orders_max);
    for (std::size_t i = orders_max; i > 0; --i) free_.push_back(static_cast<Slot>(i - 1));
  }

  [[nodiscard]] bool is_full() const noexcept { return free_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return orders_.size() - free_.size(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return orders_.size(); }

  [[nodiscard]] BookOrder& operator[](Slot slot) noexcept { return orders_[slot]; }
  [[nodiscard]] const BookOrder& operator[](Slot slot) const noexcept { return orders_[slot]; }

  /// Stores an order under its id. The caller has checked is_full() and that the id is not open.
  Slot insert(const BookOrder& order) noexcept {
    const Slot slot = free_.back();
    free_.pop_back();
    orders_[slot] = order;
    orders_[slot].state = BookOrderState::kMoving;
    std::size_t at = home(order.order_id);
    while (index_[at].order_id != 0) at = (at + 1) & mask_;
    index_[at] = {order.order_id, slot};
    return slot;
  }

  [[nodiscard]] Slot find(OrderId order_id) const noexcept {
    for (std::size_t at = home(order_id); index_[at].order_id != 0; at = (at + 1) & mask_) {
      if (index_[at].order_id == order_id) return index_[at].slot;
    }
    return kNoSlot;
  }

  void erase(Slot slot) noexcept {
    std::size_t hole = home(orders_[slot].order_id);
    while (index_[hole].slot != slot || index_[hole].order_id == 0) hole = (hole + 1) & mask_;
    // Later entries of the same run move back, so a search never needs tombstones.
    for (std::size_t at = (hole + 1) & mask_; index_[at].order_id != 0; at = (at + 1) & mask_) {
      const std::size_t wanted = home(index_[at].order_id);
      if (((at - wanted) & mask_) < ((at - hole) & mask_)) continue;
      index_[hole] = index_[at];
      hole = at;
    }
    index_[hole] = {};
    orders_[slot].state = BookOrderState::kFree;
    free_.push_back(slot);
  }

 private:
  struct Entry {
    OrderId order_id = 0;
    Slot slot = kNoSlot;
  };

  [[nodiscard]] std::size_t home(OrderId order_id) const noexcept {
    std::uint64_t mixed = order_id * 0x9E3779B97F4A7C15ULL;  // Sequences must not cluster.
    mixed ^= mixed >> 32;
    return static_cast<std::size_t>(mixed) & mask_;
  }

  std::vector<BookOrder> orders_;
  std::vector<Slot> free_;
  std::vector<Entry> index_;
  std::size_t mask_;
};

}  // namespace gateway
