// What must hold between two calls of the matching engine, walked in full. For tests; never called
// on a hot path. Included by matching.hpp only.
#pragma once

#include <string>

namespace gateway {

/// One level: members in time order, sums exact, queue ahead rising and within what is displayed.
template <Book B>
std::string MatchingEngine<B>::check_level(const PriceLevel& level, BookOrderState state,
                                           std::int64_t& open, std::size_t& orders) const {
  const std::string where = "level " + std::to_string(level.price) + ": ";
  if (level.is_empty()) return where + "empty but open";
  std::int64_t sum = 0;
  std::int64_t shown = 0;
  std::int64_t ahead = 0;
  std::size_t members = 0;
  std::uint64_t arrival = 0;
  Slot before = kNoSlot;
  for (Slot slot = level.first; slot != kNoSlot; slot = pool_[slot].next) {
    const BookOrder& order = pool_[slot];
    if (order.state != state) return where + "a member is in another state";
    if (order.previous != before) return where + "broken chain";
    if (order.arrival <= arrival) return where + "members out of time order";
    if (order.leaves <= 0) return where + "a member has nothing left";
    if (order.shown <= 0 || order.shown > order.leaves)
      return where + "a member shows a wrong part";
    if (order.display_quantity != 0 && state == BookOrderState::kResting &&
        order.shown > order.display_quantity) {
      return where + "an iceberg shows more than its display quantity";
    }
    shown += order.shown;
    if (pool_.find(order.order_id) != slot) return where + "a member is not in the index";
    if (level.queue_ahead(order) < ahead) return where + "queue ahead falls along the queue";
    ahead = level.queue_ahead(order);
    arrival = order.arrival;
    sum += order.leaves;
    before = slot;
    ++members;
  }
  if (level.last != before) return where + "wrong last member";
  if (members != level.orders) return where + "wrong member count";
  if (sum != level.own_quantity) return where + "sum of members differs from the level";
  if (shown != level.own_shown) return where + "what members show differs from the level";
  if (ahead > level.market_quantity) return where + "more ahead than displayed";
  open += sum;
  orders += members;
  return "";
}

template <Book B>
std::string MatchingEngine<B>::check() const {
  std::string fault;
  std::int64_t open = 0;
  std::size_t orders = 0;
  std::int64_t own_best[2] = {0, 0};
  for (const Side side : {Side::kBuy, Side::kSell}) {
    for (const bool is_stops : {false, true}) {
      std::int64_t before = 0;
      const auto state = is_stops ? BookOrderState::kUntriggered : BookOrderState::kResting;
      const auto look = [&](const PriceLevel& level) {
        fault = check_level(level, state, open, orders);
        if (before != 0 && !is_better(side, before, level.price)) fault = "levels out of order";
        before = level.price;
        auto& best = own_best[side == Side::kBuy ? 0 : 1];
        if (!is_stops && best == 0 && level.orders > 0) best = level.price;
        return fault.empty();
      };
      is_stops ? stops_.walk(side, look) : book_.walk(side, look);
      if (!fault.empty()) return fault;
    }
  }
  if (own_best[0] != 0 && own_best[1] != 0 && own_best[0] >= own_best[1]) {
    return "our own bid crosses our own ask";
  }
  if (open != open_quantity_) return "open quantity differs from the sum of all orders";
  if (orders != pool_.size()) return "an order is in no list";
  if (pending_first_ != kNoSlot || pending_last_ != kNoSlot) return "a triggered stop was left";
  const PriceLevel* buy_stop = stops_.best(stop_side(Side::kBuy));
  const PriceLevel* sell_stop = stops_.best(stop_side(Side::kSell));
  if (last_price_ != 0 && ((buy_stop != nullptr && buy_stop->price <= last_price_) ||
                           (sell_stop != nullptr && sell_stop->price >= last_price_))) {
    return "a stop that the last price reached still waits";
  }
  return "";
}

}  // namespace gateway
