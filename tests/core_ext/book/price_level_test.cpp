// One price level: the market's quantity cut by our orders.
#include "gateway_core/book/price_level.hpp"

#include "check.hpp"

using namespace gateway;

namespace {

struct Fixture {
  OrderPool pool{8};
  PriceLevel level;

  Slot join(OrderId order_id, std::int64_t leaves, std::int64_t shown = 0) {
    const Slot slot = pool.insert(order_id);
    pool[slot].leaves = leaves;
    pool[slot].shown = shown == 0 ? leaves : shown;
    level.append(pool, slot);
    return slot;
  }
  std::int64_t ahead(Slot slot) { return level.queue_ahead(pool[slot]); }
};

}  // namespace

TEST(an_order_stands_behind_what_was_displayed_when_it_came) {
  Fixture f;
  f.level.display_market(f.pool, 10);
  const Slot first = f.join(1, 5);
  f.level.display_market(f.pool, 25);
  const Slot second = f.join(2, 5);
  CHECK_EQUAL(f.ahead(first), 10);
  CHECK_EQUAL(f.ahead(second), 25);
  CHECK_EQUAL(f.level.total(), 35);
}

TEST(consuming_the_front_moves_everyone_up) {
  Fixture f;
  f.level.display_market(f.pool, 10);
  const Slot first = f.join(1, 5);
  f.level.display_market(f.pool, 25);
  const Slot second = f.join(2, 5);
  f.level.consume_market(10);
  CHECK_EQUAL(f.ahead(first), 0);
  CHECK_EQUAL(f.ahead(second), 15);
  CHECK_EQUAL(f.level.market_quantity, 15);
}

TEST(a_smaller_display_bounds_the_queue_ahead_of_those_it_touches) {
  Fixture f;
  f.level.display_market(f.pool, 10);
  const Slot first = f.join(1, 5);
  f.level.display_market(f.pool, 25);
  const Slot second = f.join(2, 5);
  f.level.display_market(f.pool, 12);
  CHECK_EQUAL(f.ahead(first), 10);
  CHECK_EQUAL(f.ahead(second), 12);
  f.level.display_market(f.pool, 0);
  CHECK_EQUAL(f.ahead(first), 0);
  CHECK_EQUAL(f.ahead(second), 0);
  f.level.display_market(f.pool, 99);
  CHECK_EQUAL(f.ahead(second), 0);
}

TEST(unlinking_keeps_the_chain_and_the_sum) {
  Fixture f;
  const Slot a = f.join(1, 1);
  const Slot b = f.join(2, 2);
  const Slot c = f.join(3, 4);
  f.level.unlink(f.pool, b);
  CHECK_EQUAL(f.pool[a].next, c);
  CHECK_EQUAL(f.pool[c].previous, a);
  CHECK_EQUAL(f.level.own_quantity, 5);
  f.level.unlink(f.pool, a);
  CHECK_EQUAL(f.level.first, c);
  f.level.unlink(f.pool, c);
  CHECK_EQUAL(f.level.first, kNoSlot);
  CHECK_EQUAL(f.level.last, kNoSlot);
  CHECK(f.level.is_empty());
}

TEST(a_trade_takes_what_is_shown_first_and_a_smaller_wish_what_is_hidden) {
  Fixture f;
  const Slot iceberg = f.join(1, 10, 4);
  BookOrder& order = f.pool[iceberg];
  CHECK_EQUAL(f.level.displayed(), 4);
  CHECK_EQUAL(f.level.total(), 10);
  f.level.trade(order, 3);
  CHECK_EQUAL(order.shown, 1);
  CHECK_EQUAL(order.leaves, 7);
  f.level.shrink(order, 5);
  CHECK_EQUAL(order.shown, 1);
  CHECK_EQUAL(order.leaves, 2);
  f.level.shrink(order, 1);
  CHECK_EQUAL(order.shown, 1);
  CHECK_EQUAL(f.level.displayed(), 1);
  CHECK_EQUAL(f.level.total(), 1);
  f.level.unlink(f.pool, iceberg);
  CHECK_EQUAL(f.level.displayed(), 0);
  CHECK(f.level.is_empty());
}
