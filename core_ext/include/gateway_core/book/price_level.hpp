// One price of one side: our orders in time order, threaded through their slots, and the quantity
// the market displays there. Must never hold a level that is empty of both.
#pragma once

#include <cstdint>

#include "gateway_core/book/order_pool.hpp"

namespace gateway {

/// The market's quantity is one pool, cut by our orders: each order remembers how much of it stood
/// ahead on arrival. What is consumed from the front is counted once per level, so a take costs the
/// same however many orders of ours wait behind it.
struct PriceLevel {
  alignas(kCacheLine) std::int64_t price = 0;
  std::int64_t market_quantity = 0;
  std::int64_t own_quantity = 0;      // sum of leaves of our orders here
  std::int64_t own_shown = 0;         // sum of what they display
  std::uint64_t market_consumed = 0;  // wraps; only differences are used
  Slot first = kNoSlot;
  Slot last = kNoSlot;
  std::uint32_t orders = 0;

  [[nodiscard]] bool is_empty() const noexcept { return orders == 0 && market_quantity == 0; }
  /// What a taker can get here, the hidden part of icebergs included.
  [[nodiscard]] std::int64_t total() const noexcept { return own_quantity + market_quantity; }
  [[nodiscard]] std::int64_t displayed() const noexcept { return own_shown + market_quantity; }

  /// The market's quantity that trades before `order` does.
  [[nodiscard]] std::int64_t queue_ahead(const BookOrder& order) const noexcept {
    const auto ahead = static_cast<std::int64_t>(order.ahead_mark - market_consumed);
    return ahead > 0 ? ahead : 0;
  }

  void append(OrderPool& pool, Slot slot) noexcept {
    BookOrder& order = pool[slot];
    order.ahead_mark = market_consumed + static_cast<std::uint64_t>(market_quantity);
    order.previous = last;
    order.next = kNoSlot;
    (last == kNoSlot ? first : pool[last].next) = slot;
    last = slot;
    own_quantity += order.leaves;
    own_shown += order.shown;
    ++orders;
  }

  void unlink(OrderPool& pool, Slot slot) noexcept {
    const BookOrder& order = pool[slot];
    (order.previous == kNoSlot ? first : pool[order.previous].next) = order.next;
    (order.next == kNoSlot ? last : pool[order.next].previous) = order.previous;
    own_quantity -= order.leaves;
    own_shown -= order.shown;
    --orders;
  }

  /// `quantity` of a member traded: what it shows goes first. It keeps its place.
  void trade(BookOrder& order, std::int64_t quantity) noexcept {
    const std::int64_t visible = order.shown < quantity ? order.shown : quantity;
    order.leaves -= quantity;
    order.shown -= visible;
    own_quantity -= quantity;
    own_shown -= visible;
  }

  /// A member asks for less: what it hides goes first. It keeps its place.
  void shrink(BookOrder& order, std::int64_t quantity) noexcept {
    order.leaves -= quantity;
    own_quantity -= quantity;
    const std::int64_t visible = order.shown > order.leaves ? order.shown - order.leaves : 0;
    order.shown -= visible;
    own_shown -= visible;
  }

  /// A member that shows everything asks for more. It keeps its place.
  void grow(BookOrder& order, std::int64_t quantity) noexcept {
    order.leaves += quantity;
    order.shown += quantity;
    own_quantity += quantity;
    own_shown += quantity;
  }

  /// The front of the market's queue traded; everyone behind moves up.
  void consume_market(std::int64_t quantity) noexcept {
    market_quantity -= quantity;
    market_consumed += static_cast<std::uint64_t>(quantity);
  }

  /// The market displays `quantity` now. More stands behind us; less may have left from anywhere,
  /// so only what cannot be ahead any more is taken off (the cautious reading).
  void display_market(OrderPool& pool, std::int64_t quantity) noexcept {
    market_quantity = quantity;
    for (Slot slot = last; slot != kNoSlot; slot = pool[slot].previous) {
      if (queue_ahead(pool[slot]) <= quantity) break;  // Orders before it have no more ahead.
      pool[slot].ahead_mark = market_consumed + static_cast<std::uint64_t>(quantity);
    }
  }
};

}  // namespace gateway
