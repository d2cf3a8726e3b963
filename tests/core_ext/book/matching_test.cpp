// The engine from C++: events as lists, conservation under load, nothing allocated for orders.
// The rules themselves are told in tests/matching_scripts and compared in tests/model.
#include "gateway_core/book/matching.hpp"

#include <random>

#include "check.hpp"

using namespace gateway;

namespace {

NewBookOrder limit(OrderId order_id, Side side, std::int64_t quantity, std::int64_t price) {
  NewBookOrder order;
  order.order_id = order_id;
  order.side = side;
  order.quantity = quantity;
  order.price = price;
  return order;
}

NewBookOrder stop(OrderId order_id, Side side, std::int64_t quantity, std::int64_t trigger) {
  NewBookOrder order = limit(order_id, side, quantity, 0);
  order.type = OrderType::kStop;
  order.trigger_price = trigger;
  return order;
}

}  // namespace

TEST(two_orders_of_ours_give_the_maker_and_then_the_taker) {
  MatchingEngine<> engine(1, 1, 16);
  engine.submit(limit(1, Side::kSell, 5, 100));
  const auto events = engine.submit(limit(2, Side::kBuy, 3, 101));
  CHECK_EQUAL(events.size(), 3U);
  CHECK(events[0].kind == MatchKind::kAccepted);
  const MatchEvent maker{1, 100, 3, 2, 2, MatchKind::kFilled, MatchReason::kNone, true};
  const MatchEvent taker{2, 100, 3, 0, 1, MatchKind::kFilled, MatchReason::kNone, false};
  CHECK(events[1] == maker);
  CHECK(events[2] == taker);
  CHECK_EQUAL(engine.check(), "");
}

TEST(fill_or_kill_changes_nothing_when_it_cannot_fill) {
  MatchingEngine<> engine(1, 1, 16);
  engine.submit(limit(1, Side::kSell, 5, 100));
  engine.set_market_level(Side::kSell, 101, 4);
  NewBookOrder wanted = limit(2, Side::kBuy, 10, 101);
  wanted.time_in_force = TimeInForce::kFok;
  const auto events = engine.submit(wanted);
  CHECK_EQUAL(events.size(), 2U);
  CHECK(events[1].reason == MatchReason::kFokUnfillable);
  CHECK_EQUAL(engine.depth(Side::kSell, 9).size(), 2U);
  CHECK_EQUAL(engine.depth(Side::kSell, 9)[0].second, 5);
  CHECK_EQUAL(engine.open_count(), 1U);
}

TEST(a_cascade_through_every_slot_ends) {
  constexpr int kOrders = 1000;
  MatchingEngine<> engine(1, 1, kOrders);
  for (int i = 1; i <= kOrders; ++i) {
    engine.submit(stop(static_cast<OrderId>(i), Side::kBuy, 1, 100 + i));
    engine.set_market_level(Side::kSell, 101 + i, 1);
  }
  CHECK_EQUAL(engine.open_count(), static_cast<std::size_t>(kOrders));
  const auto& events = engine.market_trade(101, 1, Side::kBuy);
  CHECK_EQUAL(events.size(), static_cast<std::size_t>(2 * kOrders));  // triggered, filled
  CHECK_EQUAL(engine.open_count(), 0U);
  CHECK_EQUAL(engine.last_price(), 101 + kOrders);
  CHECK_EQUAL(engine.check(), "");
}

TEST(sums_hold_at_the_edge_of_the_number_range) {
  MatchingEngine<> engine(1, 1, 16);
  engine.set_market_level(Side::kBuy, kBookNumberMax, kBookNumberMax);
  engine.submit(limit(1, Side::kBuy, kBookNumberMax, kBookNumberMax));
  CHECK_EQUAL(engine.depth(Side::kBuy, 1)[0].second, std::int64_t{1} << 62);
  const auto& refused = engine.submit(limit(2, Side::kBuy, 1, 1));
  CHECK(refused[0].reason == MatchReason::kQuantityRange);
  engine.market_trade(kBookNumberMax, kBookNumberMax, Side::kSell);
  CHECK_EQUAL(engine.best_price(Side::kBuy), kBookNumberMax);
  engine.market_trade(1, 1, Side::kSell);
  CHECK_EQUAL(engine.open_count(), 0U);
  CHECK_EQUAL(engine.check(), "");
}

TEST(the_same_calls_give_the_same_events) {
  auto run = [] {
    MatchingEngine<> engine(1, 1, 256);
    std::mt19937_64 random(3);
    std::vector<MatchEvent> all;
    for (OrderId id = 1; id <= 5000; ++id) {
      const Side side = random() % 2 == 0 ? Side::kBuy : Side::kSell;
      const auto price = static_cast<std::int64_t>(90 + random() % 20);
      const auto quantity = static_cast<std::int64_t>(1 + random() % 9);
      const auto verb = random() % 8;
      if (verb == 0) engine.set_market_level(side, price, quantity);
      const auto& events = verb == 1   ? engine.market_trade(price, quantity, side)
                           : verb == 2 ? engine.cancel(1 + random() % id)
                           : verb == 3 ? engine.submit(stop(id, side, quantity, price))
                                       : engine.submit(limit(id, side, quantity, price));
      all.insert(all.end(), events.begin(), events.end());
      CHECK_EQUAL(engine.check(), "");
    }
    return all;
  };
  CHECK(run() == run());
}
