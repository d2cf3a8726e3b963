// How trades happen: who is next at a price, pro-rata shares, self-trade prevention, icebergs. Part
// of matching.hpp and included by it only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gateway_core/memory/key_table.hpp"

namespace gateway {

/// Whether a fill-or-kill order can be filled whole, hidden quantity and self-trades considered.
template <Book B>
bool MatchingEngine<B>::can_fill(const BookOrder& order, std::int64_t limit) const {
  const Side level_side = opposite(order.side);
  std::int64_t found = 0;
  book_.walk(level_side, [&](const PriceLevel& level) {
    if (is_better(level_side, limit, level.price)) return false;
    bool is_last = false;
    found += order.owner == 0 ? level.total() : reachable(level, order, is_last);
    return found < order.leaves && !is_last;
  });
  return found >= order.leaves;
}

/// What a level gives before the taker would meet an order of its owner. When that ends the taker,
/// this level is the last one. In turn, only what is displayed before that order comes first: what
/// icebergs show later stands behind it.
template <Book B>
std::int64_t MatchingEngine<B>::reachable(const PriceLevel& level, const BookOrder& taker,
                                          bool& is_last) const noexcept {
  const bool ends_taker = rules_.self_trade != SelfTrade::kCancelOldest;
  std::int64_t own = 0;
  std::int64_t before = 0;
  for (Slot slot = level.first; slot != kNoSlot; slot = pool_[slot].next) {
    const BookOrder& order = pool_[slot];
    if (order.owner != taker.owner) {
      before += order.shown;
      continue;
    }
    own += order.leaves;
    if (!ends_taker) continue;
    is_last = true;
    return rules_.allocation == Allocation::kProRata ? 0 : before + level.queue_ahead(order);
  }
  return level.total() - own;
}

template <Book B>
void MatchingEngine<B>::sweep(BookOrder& order, std::int64_t limit) {
  const Side other = opposite(order.side);
  while (order.leaves > 0 && !is_taker_stopped_) {
    PriceLevel* level = book_.best(other);
    if (level == nullptr || is_better(order.side, level->price, limit)) return;
    trade_level(*level, order.leaves, &order);
    settle(other, *level);
  }
}

/// Trades `left` against one level. `taker` is the order of ours whose leaves `left` is, or nullptr
/// for the market. The market trading with itself is no event. The caller settles the level.
template <Book B>
void MatchingEngine<B>::trade_level(PriceLevel& level, std::int64_t& left, BookOrder* taker) {
  rules_.allocation == Allocation::kPriceTime ? trade_in_turn(level, left, taker)
                                              : trade_in_shares(level, left, taker);
}

template <Book B>
void MatchingEngine<B>::trade_in_turn(PriceLevel& level, std::int64_t& left, BookOrder* taker) {
  const std::uint32_t owner = taker == nullptr ? 0 : taker->owner;
  while (left > 0 && !level.is_empty()) {
    const Slot front = level.first;
    const std::int64_t ahead =
        front != kNoSlot ? level.queue_ahead(pool_[front]) : level.market_quantity;
    if (ahead > 0) {
      trade_market(level, std::min(left, ahead), left, taker);
    } else if (owner != 0 && pool_[front].owner == owner) {
      if (!prevent(level, front, *taker)) return;
    } else {
      trade_order(level, front, std::min(left, pool_[front].shown), left, taker);
    }
  }
}

/// Everybody at the price at once. Orders of the taker's owner are dealt with before, oldest first.
template <Book B>
void MatchingEngine<B>::trade_in_shares(PriceLevel& level, std::int64_t& left, BookOrder* taker) {
  if (taker != nullptr && taker->owner != 0 && !prevent_all(level, *taker)) return;
  while (left > 0 && !level.is_empty()) {  // Again when everybody was filled: icebergs show more.
    claims_.clear();
    if (level.market_quantity > 0) claims_.push_back({.size = level.market_quantity});
    for (Slot slot = level.first; slot != kNoSlot; slot = pool_[slot].next) {
      claims_.push_back({.slot = slot, .size = pool_[slot].shown});
    }
    pro_rata_.allocate(claims_, left);
    for (const Claim& claim : claims_) {
      if (claim.share == 0) continue;
      claim.slot == kNoSlot ? trade_market(level, claim.share, left, taker)
                            : trade_order(level, claim.slot, claim.share, left, taker);
    }
  }
}

template <Book B>
void MatchingEngine<B>::trade_market(PriceLevel& level, std::int64_t traded, std::int64_t& left,
                                     BookOrder* taker) {
  level.consume_market(traded);
  left -= traded;
  if (taker == nullptr) return;
  open_quantity_ -= traded;
  say_fill(*taker, level.price, traded, 0, false);
  note_trade(level.price);
}

template <Book B>
void MatchingEngine<B>::trade_order(PriceLevel& level, Slot slot, std::int64_t traded,
                                    std::int64_t& left, BookOrder* taker) {
  const OrderId maker = pool_[slot].order_id;
  left -= traded;
  fill_maker(level, slot, traded, taker == nullptr ? 0 : taker->order_id);
  if (taker == nullptr) return;
  open_quantity_ -= traded;
  say_fill(*taker, level.price, traded, maker, false);
}

/// A filled order leaves; an iceberg whose displayed part is gone shows the next one at the back.
template <Book B>
void MatchingEngine<B>::fill_maker(PriceLevel& level, Slot slot, std::int64_t traded,
                                   OrderId contra) {
  BookOrder& order = pool_[slot];
  level.trade(order, traded);
  open_quantity_ -= traded;
  say_fill(order, level.price, traded, contra, true);
  note_trade(level.price);
  if (order.shown > 0) return;
  level.unlink(pool_, slot);
  if (order.leaves == 0) return release(slot);
  order.shown = next_display(order);
  order.arrival = ++arrivals_;
  level.append(pool_, slot);
}

/// Resting orders of ours that a trade at `price` went strictly through.
template <Book B>
void MatchingEngine<B>::fill_traded_through(Side side, std::int64_t price) {
  prices_.clear();
  book_.walk(side, [&](PriceLevel& level) {
    if (!is_better(side, level.price, price)) return false;
    while (level.first != kNoSlot) {
      fill_maker(level, level.first, pool_[level.first].leaves, 0);
    }
    level.is_empty() ? prices_.push_back(level.price) : book_.changed(level);
    return true;
  });
  for (const std::int64_t empty : prices_) book_.close(side, empty);
}

/// The taker has met an order of its owner. True when it goes on.
template <Book B>
bool MatchingEngine<B>::prevent(PriceLevel& level, Slot slot, BookOrder& taker) {
  const SelfTrade mode = rules_.self_trade;
  if (mode == SelfTrade::kDecrement) return decrement(level, slot, taker);
  if (mode != SelfTrade::kCancelNewest) cancel_resting(level, slot);
  is_taker_stopped_ = mode != SelfTrade::kCancelOldest;
  return !is_taker_stopped_;
}

template <Book B>
bool MatchingEngine<B>::prevent_all(PriceLevel& level, BookOrder& taker) {
  for (Slot slot = level.first; slot != kNoSlot;) {
    const Slot following = pool_[slot].next;
    if (pool_[slot].owner == taker.owner && !prevent(level, slot, taker)) return false;
    slot = following;
  }
  return true;
}

template <Book B>
bool MatchingEngine<B>::decrement(PriceLevel& level, Slot slot, BookOrder& taker) {
  BookOrder& maker = pool_[slot];
  const std::int64_t amount = std::min(maker.leaves, taker.leaves);
  if (maker.leaves == amount) {
    cancel_resting(level, slot);
  } else {
    level.shrink(maker, amount);
    maker.quantity -= amount;
    open_quantity_ -= amount;
    say(MatchKind::kReplaced, maker, maker.price, maker.quantity, MatchReason::kSelfTrade);
  }
  is_taker_stopped_ = taker.leaves == amount;
  if (is_taker_stopped_) return false;
  taker.leaves -= amount;
  taker.quantity -= amount;
  open_quantity_ -= amount;
  say(MatchKind::kReplaced, taker, taker.price, taker.quantity, MatchReason::kSelfTrade);
  return true;
}

template <Book B>
void MatchingEngine<B>::cancel_resting(PriceLevel& level, Slot slot) {
  level.unlink(pool_, slot);
  end(slot, MatchKind::kCanceled, MatchReason::kSelfTrade);
}

/// How much of what is left an order shows next. A seeded variance depends on nothing but the
/// order's id and its leaves, so a replay shows the same.
template <Book B>
std::int64_t MatchingEngine<B>::next_display(const BookOrder& order) const noexcept {
  if (order.display_quantity == 0) return order.leaves;
  const std::int64_t lots = order.display_quantity / rules_.lot;
  const std::int64_t percent = rules_.display_variance_percent;
  const std::int64_t range = lots / 100 * percent + lots % 100 * percent / 100;
  std::int64_t shown = order.display_quantity;
  if (range > 0) {
    const auto drawn = mix(rules_.display_seed ^ order.order_id ^ 0x9E3779B97F4A7C15ULL,
                           static_cast<std::uint64_t>(order.leaves) ^ 0xD6E8FEB86659FD93ULL);
    const auto less = drawn % (static_cast<std::uint64_t>(std::min(range, lots - 1)) + 1);
    shown -= static_cast<std::int64_t>(less) * rules_.lot;
  }
  return std::min(shown, order.leaves);
}

}  // namespace gateway
