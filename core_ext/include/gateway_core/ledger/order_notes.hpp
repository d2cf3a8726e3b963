// What the ledger must know of an order when its fills come: whose book it is and the price it
// arrived at. Fixed memory: ended orders make room for new ones, oldest first, open ones never.
#pragma once

#include <cstdint>
#include <memory>

#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/memory/tag_table.hpp"
#include "gateway_core/types/ids.hpp"

namespace gateway::ledger {

struct OrderNote {
  OrderId order_id = 0;
  std::int64_t quantity = 0;       // in all, as last agreed
  std::int64_t arrival_price = 0;  // instrument scale, 0 = none
  StrategyId strategy = 0;
  std::uint8_t leg = 0;
  std::uint8_t margin_mode = 0;
  bool has_ended = false;
  std::uint8_t reserved = 0;
};
static_assert(sizeof(OrderNote) == 32);

class OrderNotes {
 public:
  /// Twice the orders that the engine keeps, so that none it still knows is forgotten here.
  explicit OrderNotes(std::uint32_t orders_max)
      : capacity_(orders_max < 512 ? 1'024 : orders_max * 2), index_(capacity_), rows_(capacity_) {}

  [[nodiscard]] OrderNote* find(OrderId id) noexcept {
    const std::uint32_t row =
        index_.find(hash_of(id), [&](std::uint32_t at) { return rows_[at].order_id == id; });
    return row == TagTable::kNone ? nullptr : &rows_[row];
  }
  /// False: every place is held by an open order.
  bool note(const OrderNote& order) noexcept {
    if (OrderNote* known = find(order.order_id)) {
      *known = order;
      return true;
    }
    for (std::uint32_t tried = 0; tried < capacity_; ++tried) {
      const std::uint32_t at = next_;
      next_ = next_ + 1 == capacity_ ? 0 : next_ + 1;
      OrderNote& row = rows_[at];
      if (row.order_id != 0 && !row.has_ended) continue;
      if (row.order_id != 0) index_.erase(hash_of(row.order_id), at);
      row = order;
      index_.insert(hash_of(order.order_id), at);
      return true;
    }
    return false;
  }
  void end(OrderId id) noexcept {
    if (OrderNote* known = find(id)) known->has_ended = true;
  }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  /// Everything this one knows, in a larger one.
  void move_to(OrderNotes& larger) const noexcept {
    for (std::uint32_t at = 0; at < capacity_; ++at) {
      if (rows_[at].order_id != 0) larger.note(rows_[at]);
    }
  }

 private:
  [[nodiscard]] static std::uint64_t hash_of(OrderId id) noexcept {
    return mix(id, 0x9E3779B97F4A7C15ULL);
  }

  std::uint32_t capacity_;
  std::uint32_t next_ = 0;
  TagTable index_;
  HugeArray<OrderNote> rows_;
};

}  // namespace gateway::ledger
