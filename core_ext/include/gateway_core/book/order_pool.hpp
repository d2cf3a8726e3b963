// The open orders of one book: preallocated slots, a free list and an index from order id to slot.
// Must never grow after construction, so a reference to an order stays valid while it is open.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gateway_core/memory/cache_line.hpp"
#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/types/ids.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = 0xFFFFFFFFU;

/// kMoving: between two lists, only within one call of the engine.
enum class BookOrderState : std::uint8_t { kFree, kMoving, kResting, kUntriggered };

/// The first line is what a neighbour in the queue and a taker touch.
struct alignas(kCacheLine) BookOrder {
  OrderId order_id = 0;
  std::int64_t price = 0;  // limit; for market and stop the worst price, 0 = any
  std::int64_t leaves = 0;
  std::int64_t shown = 0;        // of leaves; less only for an iceberg that rests
  std::uint64_t ahead_mark = 0;  // the level's market_consumed at which nothing is ahead any more
  Slot next = kNoSlot;
  Slot previous = kNoSlot;
  Slot same_place = kNoSlot;  // the pool's: next order at the same place of the index
  std::uint32_t owner = 0;    // for self-trade prevention; 0 = nobody
  Side side = Side::kBuy;
  OrderType type = OrderType::kLimit;
  TimeInForce time_in_force = TimeInForce::kGtc;
  BookOrderState state = BookOrderState::kFree;
  std::uint8_t flags = 0;
  // Second line.
  std::uint64_t arrival = 0;  // time priority; what loses priority gets a new one
  std::int64_t quantity = 0;  // total, as asked
  std::int64_t trigger_price = 0;
  std::int64_t expires_ns = 0;
  std::int64_t display_quantity = 0;  // 0 = all of it
  AccountId account = 0;

  [[nodiscard]] std::int64_t executed() const noexcept { return quantity - leaves; }
  [[nodiscard]] bool is_post_only() const noexcept { return (flags & kPostOnly) != 0; }
  /// Takes any price up to the worst price and never rests (a stop, once triggered).
  [[nodiscard]] bool is_market() const noexcept {
    return type == OrderType::kMarket || type == OrderType::kStop;
  }
};
static_assert(sizeof(BookOrder) == 2 * kCacheLine);

/// Hash for consecutive numbers: eight neighbours stay together and share cache lines, the eights
/// are scattered. One unbroken run of a whole table would make every erase walk to its end.
[[nodiscard]] constexpr std::uint64_t block_hash(std::uint64_t number,
                                                 std::uint64_t scope) noexcept {
  return mix((number >> 3) ^ 0xD6E8FEB86659FD93ULL, scope ^ 0x9E3779B97F4A7C15ULL) << 3 |
         (number & 7);
}

/// The index holds slots and no keys: consecutive ids share its cache lines, and the rare orders of
/// one place are chained through their slots.
class OrderPool {
 public:
  explicit OrderPool(std::size_t orders_max)
      : orders_(orders_max),
        index_(std::bit_ceil(orders_max * 2), kNoSlot),
        mask_(index_.size() - 1) {
    free_.reserve(orders_max);
    for (std::size_t i = orders_max; i > 0; --i) free_.push_back(static_cast<Slot>(i - 1));
  }

  [[nodiscard]] bool is_full() const noexcept { return free_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return orders_.size() - free_.size(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return orders_.size(); }

  [[nodiscard]] BookOrder& operator[](Slot slot) noexcept { return orders_[slot]; }
  [[nodiscard]] const BookOrder& operator[](Slot slot) const noexcept { return orders_[slot]; }

  /// A fresh order under its id. The caller has checked is_full() and that the id is not open.
  Slot insert(OrderId order_id) noexcept {
    const Slot slot = free_.back();
    free_.pop_back();
    BookOrder& order = orders_[slot];
    order = BookOrder{};
    order.order_id = order_id;
    order.state = BookOrderState::kMoving;
    Slot& first = index_[place(order_id)];
    order.same_place = first;
    first = slot;
    return slot;
  }

  [[nodiscard]] Slot find(OrderId order_id) const noexcept {
    Slot slot = index_[place(order_id)];
    while (slot != kNoSlot && orders_[slot].order_id != order_id) slot = orders_[slot].same_place;
    return slot;
  }

  void erase(Slot slot) noexcept {
    BookOrder& order = orders_[slot];
    Slot* link = &index_[place(order.order_id)];
    while (*link != slot) link = &orders_[*link].same_place;
    *link = order.same_place;
    order.state = BookOrderState::kFree;
    free_.push_back(slot);
  }

 private:
  [[nodiscard]] std::size_t place(OrderId order_id) const noexcept {
    return static_cast<std::size_t>(block_hash(order_id, 0)) & mask_;
  }

  std::vector<BookOrder> orders_;
  std::vector<Slot> free_;
  std::vector<Slot> index_;
  std::size_t mask_;
};

}  // namespace gateway
