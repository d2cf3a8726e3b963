// Matching of one instrument against our orders and the recorded market, by price and time or by
// pro-rata (docs/concepts/matching.md). Must never read a clock or draw a random number: same
// calls, same events. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway_core/book/admission.hpp"
#include "gateway_core/book/allocation.hpp"
#include "gateway_core/book/ladder_book.hpp"
#include "gateway_core/book/match_event.hpp"
#include "gateway_core/book/order_book.hpp"
#include "gateway_core/book/order_pool.hpp"
#include "gateway_core/book/rules.hpp"

namespace gateway {

/// Every call that can cause events returns them; the list is valid until the next call. Nothing is
/// allocated per order; the event list and scratch grow only past their reserve, and GTD orders
/// keep a node each. A book that others read shows them each call whole or not at all.
template <Book B = LadderBook>
class MatchingEngine {
 public:
  using Events = MatchEvents;

  explicit MatchingEngine(const MatchingRules& rules)
      : rules_(rules),
        pool_(rules.orders_max),
        book_(rules.tick),
        admission_(rules.tick, rules.lot),
        pro_rata_(rules.lot, rules.allocation_min, rules.remainder) {}
  MatchingEngine(std::int64_t tick, std::int64_t lot, std::size_t orders_max)
      : MatchingEngine(MatchingRules{.tick = tick, .lot = lot, .orders_max = orders_max}) {}

  const Events& submit(const NewBookOrder& wanted, std::int64_t now_ns = 0) {
    const Call call(*this);
    expire_due(now_ns);
    const MatchReason reason = refuse(wanted);
    if (reason != MatchReason::kNone) {
      events_.next() = {.order_id = wanted.order_id,
                        .price = wanted.price,
                        .quantity = wanted.quantity,
                        .kind = MatchKind::kRejected,
                        .reason = reason};
      return events_;
    }
    const Slot slot = enter(wanted);
    const BookOrder& order = pool_[slot];
    if (is_stop(order.type)) {
      say(MatchKind::kUntriggered, order, order.trigger_price, order.quantity);
      wait_for_trigger(slot);
    } else {
      say(MatchKind::kAccepted, order, order.price, order.quantity);
      execute(slot);
    }
    run_triggers();
    return events_;
  }

  const Events& cancel(OrderId order_id) {
    const Call call(*this);
    const Slot slot = pool_.find(order_id);
    if (slot == kNoSlot) {
      events_.next() = {.order_id = order_id,
                        .kind = MatchKind::kCancelRejected,
                        .reason = MatchReason::kUnknownOrder};
      return events_;
    }
    unlink(slot);
    end(slot, MatchKind::kCanceled, MatchReason::kRequested);
    return events_;
  }

  /// 0 = unchanged; quantity is the new total.
  const Events& replace(OrderId order_id, std::int64_t price, std::int64_t quantity,
                        std::int64_t trigger_price) {
    const Call call(*this);
    const Slot slot = pool_.find(order_id);
    Change change{price, quantity, trigger_price};
    const MatchReason reason =
        slot == kNoSlot ? MatchReason::kUnknownOrder : complete_and_refuse(pool_[slot], change);
    if (reason != MatchReason::kNone) {
      events_.next() = {.order_id = order_id,
                        .price = price,
                        .quantity = quantity,
                        .leaves = slot == kNoSlot ? 0 : pool_[slot].leaves,
                        .kind = MatchKind::kReplaceRejected,
                        .reason = reason};
      return events_;
    }
    BookOrder& order = pool_[slot];
    const bool is_waiting = order.state == BookOrderState::kUntriggered;
    const bool keeps_place = is_waiting
                                 ? change.trigger_price == order.trigger_price
                                 : change.price == order.price && change.quantity < order.quantity;
    const std::int64_t more = change.quantity - order.quantity;
    if (keeps_place) {
      PriceLevel& level = *level_of(order);
      more < 0 ? level.shrink(order, -more) : level.grow(order, more);
      if (!is_waiting) book_.changed(level);
      apply(order, change);
      return events_;
    }
    unlink(slot);
    order.leaves += more;
    apply(order, change);
    order.arrival = ++arrivals_;
    is_waiting ? wait_for_trigger(slot) : execute(slot);
    run_triggers();
    return events_;
  }

  /// Moves time forward and expires GTD orders that are due, earliest first.
  const Events& advance(std::int64_t now_ns) {
    const Call call(*this);
    expire_due(now_ns);
    return events_;
  }

  /// Ends DAY orders, and IOC or FOK stops that never triggered, in order of arrival.
  const Events& end_day() {
    const Call call(*this);
    for (const Slot slot : slots_by_arrival()) {
      const TimeInForce time_in_force = pool_[slot].time_in_force;
      if (time_in_force == TimeInForce::kGtc || time_in_force == TimeInForce::kGtd) continue;
      unlink(slot);
      end(slot, MatchKind::kExpired, MatchReason::kDayEnded);
    }
    return events_;
  }

  /// The market's displayed quantity at a price, ours not counted; 0 removes it. A quote is not a
  /// trade: it fills nothing, even when it crosses a resting order of ours.
  void set_market_level(Side side, std::int64_t price, std::int64_t quantity) {
    const Call call(*this);
    display_market(side, price, quantity);
  }

  void clear_market() {
    const Call call(*this);
    for (const Side side : {Side::kBuy, Side::kSell}) {
      prices_.clear();
      book_.walk(side, [this](const PriceLevel& level) {
        if (level.market_quantity > 0) prices_.push_back(level.price);
        return true;
      });
      for (const std::int64_t price : prices_) display_market(side, price, 0);
    }
  }

  /// A recorded trade. Strictly through a resting order of ours on either side: that order fills
  /// whole, at its price. At our price on the passive side: queue ahead, then ours by time, then
  /// the market behind us, until the trade's quantity is used up.
  const Events& market_trade(std::int64_t price, std::int64_t quantity, Side aggressor) {
    const Call call(*this);
    fill_traded_through(Side::kBuy, price);
    fill_traded_through(Side::kSell, price);
    const Side passive = opposite(aggressor);
    if (PriceLevel* level = book_.find(passive, price); level != nullptr) {
      std::int64_t left = quantity;
      trade_level(*level, left, nullptr);
      settle(passive, *level);
    }
    note_trade(price);
    run_triggers();
    return events_;
  }

  [[nodiscard]] std::int64_t best_price(Side side) const noexcept {
    const PriceLevel* level = book_.best(side);
    return level == nullptr ? 0 : level->price;
  }
  [[nodiscard]] std::int64_t last_price() const noexcept { return last_price_; }
  [[nodiscard]] std::size_t open_count() const noexcept { return pool_.size(); }

  /// (price, displayed quantity) of the best levels, the market's and ours together.
  [[nodiscard]] std::vector<std::pair<std::int64_t, std::int64_t>> depth(Side side,
                                                                         std::size_t levels) const {
    std::vector<std::pair<std::int64_t, std::int64_t>> rows;
    book_.walk(side, [&](const PriceLevel& level) {
      if (rows.size() >= levels) return false;
      rows.emplace_back(level.price, level.displayed());
      return true;
    });
    return rows;
  }

  /// Shows every open order with its queue ahead, by arrival.
  template <typename Visit>
  void visit_open(Visit&& visit) const {
    for (const Slot slot : slots_by_arrival()) {
      const BookOrder& order = pool_[slot];
      const bool is_resting = order.state == BookOrderState::kResting;
      visit(order,
            is_resting ? book_.find(order.side, order.price)->queue_ahead(order) : std::int64_t{0});
    }
  }

  /// For readers of a book that has some.
  [[nodiscard]] const B& book() const noexcept { return book_; }

  /// The first broken invariant, or "". Walks everything.
  [[nodiscard]] std::string check() const;

 private:
  /// One request: a fresh list of events, and at its end the book shows itself to its readers.
  class Call {
   public:
    explicit Call(MatchingEngine& engine) noexcept : engine_(engine) { engine.events_.clear(); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() { engine_.book_.commit(); }

   private:
    MatchingEngine& engine_;
  };
  struct Change {
    std::int64_t price, quantity, trigger_price;
  };

  static constexpr bool is_better(Side side, std::int64_t price, std::int64_t other) noexcept {
    // No branch on the side, which nobody can predict; prices are not negative.
    const std::int64_t better = price - other;
    return (side == Side::kBuy ? better : -better) > 0;
  }
  /// The worst price an order takes.
  static constexpr std::int64_t limit_of(const BookOrder& order) noexcept {
    if (order.price != 0) return order.price;
    return order.side == Side::kBuy ? std::numeric_limits<std::int64_t>::max() : 0;
  }
  /// Stops lie nearest trigger first: buy stops ascending, as asks do, sell stops as bids do.
  static constexpr Side stop_side(Side side) noexcept { return opposite(side); }

  // --- Admission -------------------------------------------------------------------------------

  [[nodiscard]] MatchReason refuse(const NewBookOrder& wanted) const noexcept {
    if (pool_.find(wanted.order_id) != kNoSlot) return MatchReason::kDuplicateOrder;
    const MatchReason reason = admission_.refuse(wanted, open_quantity_, now_ns_);
    if (reason != MatchReason::kNone) return reason;
    if (pool_.is_full()) return MatchReason::kOrdersFull;
    const bool post_only = (wanted.flags & kPostOnly) != 0;
    if (post_only && wanted.type == OrderType::kLimit && would_cross(wanted.side, wanted.price)) {
      return MatchReason::kWouldCross;
    }
    return MatchReason::kNone;
  }

  [[nodiscard]] bool would_cross(Side side, std::int64_t price) const noexcept {
    const PriceLevel* level = book_.best(opposite(side));
    return level != nullptr && !is_better(side, level->price, price);
  }

  /// Fills the zeros of `change` from the order, then judges the result.
  MatchReason complete_and_refuse(const BookOrder& order, Change& change) const noexcept {
    const bool is_waiting = order.state == BookOrderState::kUntriggered;
    if (change.trigger_price != 0 && !is_waiting) return MatchReason::kTriggerNotAllowed;
    if (change.price == 0) change.price = order.price;
    if (change.quantity == 0) change.quantity = order.quantity;
    if (change.trigger_price == 0) change.trigger_price = order.trigger_price;
    MatchReason reason =
        admission_.refuse_quantity(change.quantity, open_quantity_ - order.quantity);
    if (reason != MatchReason::kNone) return reason;
    if (change.quantity <= order.executed()) return MatchReason::kQuantityBelowFilled;
    reason = admission_.refuse_price(change.price);
    if (reason != MatchReason::kNone) return reason;
    reason = admission_.refuse_price(change.trigger_price);
    if (reason != MatchReason::kNone) return reason;
    if (change.price == order.price && change.quantity == order.quantity &&
        change.trigger_price == order.trigger_price) {
      return MatchReason::kNothingToChange;
    }
    const bool moves = change.price != order.price;
    if (!is_waiting && moves && order.is_post_only() && would_cross(order.side, change.price)) {
      return MatchReason::kWouldCross;
    }
    return MatchReason::kNone;
  }

  // --- One order's life ------------------------------------------------------------------------

  Slot enter(const NewBookOrder& wanted) {
    const Slot slot = pool_.insert(wanted.order_id);
    BookOrder& order = pool_[slot];
    order.account = wanted.account;
    order.owner = owner_of(wanted);
    order.side = wanted.side;
    order.type = wanted.type;
    order.time_in_force = wanted.time_in_force;
    order.flags = wanted.flags;
    order.quantity = order.leaves = wanted.quantity;
    order.price = wanted.price;
    order.trigger_price = wanted.trigger_price;
    order.expires_ns = wanted.expires_ns;
    order.display_quantity = wanted.display_quantity;
    order.arrival = ++arrivals_;
    open_quantity_ += order.leaves;
    if (order.expires_ns != 0) expiries_.emplace(order.expires_ns, order.order_id);
    return slot;
  }

  [[nodiscard]] std::uint32_t owner_of(const NewBookOrder& wanted) const noexcept {
    if (rules_.self_trade == SelfTrade::kAllowed) return 0;
    if (rules_.self_trade_scope == SelfTradeScope::kGroup) return wanted.group;
    return rules_.self_trade_scope == SelfTradeScope::kFirm ? wanted.firm : wanted.account;
  }

  void apply(BookOrder& order, const Change& change) {
    open_quantity_ += change.quantity - order.quantity;
    order.quantity = change.quantity;
    order.price = change.price;
    order.trigger_price = change.trigger_price;
    say(MatchKind::kReplaced, order, order.price, order.quantity);
  }

  /// An order that is live and in no list: take what it may, then rest or end.
  void execute(Slot slot) {
    BookOrder& order = pool_[slot];
    const std::int64_t limit = limit_of(order);
    if (order.time_in_force == TimeInForce::kFok && !can_fill(order, limit)) {
      return end(slot, MatchKind::kCanceled, MatchReason::kFokUnfillable);
    }
    is_taker_stopped_ = false;
    sweep(order, limit);
    if (order.leaves == 0) return release(slot);
    if (is_taker_stopped_) return end(slot, MatchKind::kCanceled, MatchReason::kSelfTrade);
    if (order.is_market()) return end(slot, MatchKind::kCanceled, market_remainder(order));
    if (order.time_in_force == TimeInForce::kIoc) {
      return end(slot, MatchKind::kCanceled, MatchReason::kIocRemainder);
    }
    order.shown = next_display(order);
    order.state = BookOrderState::kResting;
    PriceLevel& level = book_.open(order.side, order.price);
    level.append(pool_, slot);
    book_.changed(level);
  }

  [[nodiscard]] MatchReason market_remainder(const BookOrder& order) const noexcept {
    return book_.best(opposite(order.side)) == nullptr ? MatchReason::kNoLiquidity
                                                       : MatchReason::kProtectionPrice;
  }

  // --- Trades: matching_trade.hpp --------------------------------------------------------------

  [[nodiscard]] bool can_fill(const BookOrder& order, std::int64_t limit) const;
  [[nodiscard]] std::int64_t reachable(const PriceLevel& level, const BookOrder& taker,
                                       bool& is_last) const noexcept;
  void sweep(BookOrder& order, std::int64_t limit);
  void trade_level(PriceLevel& level, std::int64_t& left, BookOrder* taker);
  void trade_in_turn(PriceLevel& level, std::int64_t& left, BookOrder* taker);
  void trade_in_shares(PriceLevel& level, std::int64_t& left, BookOrder* taker);
  void trade_market(PriceLevel& level, std::int64_t traded, std::int64_t& left, BookOrder* taker);
  void trade_order(PriceLevel& level, Slot slot, std::int64_t traded, std::int64_t& left,
                   BookOrder* taker);
  void fill_maker(PriceLevel& level, Slot slot, std::int64_t traded, OrderId contra);
  void fill_traded_through(Side side, std::int64_t price);
  [[nodiscard]] bool prevent(PriceLevel& level, Slot slot, BookOrder& taker);
  [[nodiscard]] bool prevent_all(PriceLevel& level, BookOrder& taker);
  [[nodiscard]] bool decrement(PriceLevel& level, Slot slot, BookOrder& taker);
  void cancel_resting(PriceLevel& level, Slot slot);
  [[nodiscard]] std::int64_t next_display(const BookOrder& order) const noexcept;

  // --- Lists -----------------------------------------------------------------------------------

  void display_market(Side side, std::int64_t price, std::int64_t quantity) {
    PriceLevel* level = book_.find(side, price);
    if (level == nullptr && quantity == 0) return;
    if (level == nullptr) level = &book_.open(side, price);
    level->display_market(pool_, quantity);
    settle(side, *level);
  }

  /// After changes: an empty level goes, any other is shown.
  void settle(Side side, PriceLevel& level) {
    level.is_empty() ? book_.close(side, level.price) : book_.changed(level);
  }

  [[nodiscard]] PriceLevel* level_of(const BookOrder& order) noexcept {
    return order.state == BookOrderState::kResting
               ? book_.find(order.side, order.price)
               : stops_.find(stop_side(order.side), order.trigger_price);
  }

  /// Out of its list, still live.
  void unlink(Slot slot) {
    BookOrder& order = pool_[slot];
    PriceLevel& level = *level_of(order);
    level.unlink(pool_, slot);
    const bool is_resting = order.state == BookOrderState::kResting;
    order.state = BookOrderState::kMoving;
    if (is_resting) return settle(order.side, level);
    if (level.is_empty()) stops_.close(stop_side(order.side), level.price);
  }

  void end(Slot slot, MatchKind kind, MatchReason reason) {
    BookOrder& order = pool_[slot];
    events_.next() = {.order_id = order.order_id,
                      .price = order.price,
                      .quantity = order.leaves,
                      .kind = kind,
                      .reason = reason};
    open_quantity_ -= order.leaves;
    release(slot);
  }

  void release(Slot slot) {
    const BookOrder& order = pool_[slot];
    if (order.expires_ns != 0) expiries_.erase({order.expires_ns, order.order_id});
    pool_.erase(slot);
  }

  void expire_due(std::int64_t now_ns) {
    if (now_ns <= now_ns_) return;
    now_ns_ = now_ns;
    while (!expiries_.empty() && expiries_.begin()->first <= now_ns_) {
      const Slot slot = pool_.find(expiries_.begin()->second);
      unlink(slot);
      end(slot, MatchKind::kExpired, MatchReason::kExpiryReached);
    }
  }

  // --- Triggers --------------------------------------------------------------------------------

  void note_trade(std::int64_t price) noexcept {
    last_price_ = price;
    traded_low_ = std::min(traded_low_, price);
    traded_high_ = std::max(traded_high_, price);
  }

  void wait_for_trigger(Slot slot) {
    BookOrder& order = pool_[slot];
    const bool is_reached =
        last_price_ != 0 && (order.side == Side::kBuy ? order.trigger_price <= last_price_
                                                      : order.trigger_price >= last_price_);
    if (is_reached) return push_pending(slot);
    order.shown = order.leaves;
    stops_.open(stop_side(order.side), order.trigger_price).append(pool_, slot);
    order.state = BookOrderState::kUntriggered;
  }

  void push_pending(Slot slot) noexcept {
    pool_[slot].state = BookOrderState::kMoving;
    pool_[slot].next = kNoSlot;
    (pending_last_ == kNoSlot ? pending_first_ : pool_[pending_last_].next) = slot;
    pending_last_ = slot;
  }

  /// Every stop that a trade since the last look reached joins the end of the line: buy stops from
  /// the lowest trigger, then sell stops from the highest, each by arrival.
  void collect_reached() {
    for (const Side side : {Side::kBuy, Side::kSell}) {
      const Side where = stop_side(side);
      while (PriceLevel* level = stops_.best(where)) {
        const bool is_reached =
            side == Side::kBuy ? level->price <= traded_high_ : level->price >= traded_low_;
        if (!is_reached) break;
        for (Slot slot = level->first; slot != kNoSlot;) {
          const Slot following = pool_[slot].next;
          push_pending(slot);
          slot = following;
        }
        stops_.close(where, level->price);
      }
    }
    traded_low_ = std::numeric_limits<std::int64_t>::max();
    traded_high_ = 0;
  }

  void run_triggers() {
    if (traded_high_ == 0 && pending_first_ == kNoSlot) [[likely]]
      return;
    run_reached();
  }
  /// Each stop triggers once, so the cascade ends after at most as many turns as there are stops.
  void run_reached() {
    collect_reached();
    while (pending_first_ != kNoSlot) {
      const Slot slot = pending_first_;
      pending_first_ = pool_[slot].next;
      if (pending_first_ == kNoSlot) pending_last_ = kNoSlot;
      BookOrder& order = pool_[slot];
      order.arrival = ++arrivals_;  // In the book its time begins now, not when it began to wait.
      say(MatchKind::kTriggered, order, order.trigger_price, order.quantity);
      if (order.is_post_only() && would_cross(order.side, order.price)) {
        end(slot, MatchKind::kCanceled, MatchReason::kWouldCross);
      } else {
        execute(slot);
      }
      collect_reached();
    }
  }

  // --- Words -----------------------------------------------------------------------------------

  void say(MatchKind kind, const BookOrder& order, std::int64_t price, std::int64_t quantity,
           MatchReason reason = MatchReason::kNone) {
    events_.next() = {.order_id = order.order_id,
                      .price = price,
                      .quantity = quantity,
                      .leaves = order.leaves,
                      .kind = kind,
                      .reason = reason};
  }
  void say_fill(const BookOrder& order, std::int64_t price, std::int64_t quantity, OrderId contra,
                bool is_maker) {
    events_.next() = {.order_id = order.order_id,
                      .price = price,
                      .quantity = quantity,
                      .leaves = order.leaves,
                      .contra_order_id = contra,
                      .kind = MatchKind::kFilled,
                      .is_maker = is_maker};
  }

  [[nodiscard]] std::vector<Slot> slots_by_arrival() const {
    std::vector<Slot> slots;
    slots.reserve(pool_.size());
    for (Slot slot = 0; slot < pool_.capacity(); ++slot) {
      if (pool_[slot].state != BookOrderState::kFree) slots.push_back(slot);
    }
    std::sort(slots.begin(), slots.end(),
              [this](Slot a, Slot b) { return pool_[a].arrival < pool_[b].arrival; });
    return slots;
  }

  [[nodiscard]] std::string check_level(const PriceLevel& level, BookOrderState state,
                                        std::int64_t& open, std::size_t& orders) const;

  MatchingRules rules_;
  OrderPool pool_;
  B book_;
  FlatBook stops_;  // few, and one thread's own
  Events events_{1024};
  Admission admission_;
  ProRata pro_rata_;
  std::vector<std::int64_t> prices_;  // scratch
  std::vector<Claim> claims_;         // scratch
  std::set<std::pair<std::int64_t, OrderId>> expiries_;
  std::int64_t now_ns_ = 0;
  std::int64_t last_price_ = 0;
  std::int64_t traded_low_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t traded_high_ = 0;
  std::int64_t open_quantity_ = 0;
  std::uint64_t arrivals_ = 0;
  Slot pending_first_ = kNoSlot;
  Slot pending_last_ = kNoSlot;
  bool is_taker_stopped_ = false;  // by self-trade prevention, within one execute()
};

}  // namespace gateway

#include "gateway_core/book/matching_check.hpp"  // IWYU pragma: export
#include "gateway_core/book/matching_trade.hpp"  // IWYU pragma: export
