// One price level: the market's quantity cut by our orders.
#include "gateway_core/book/price_level.hpp"

#include "check.hpp"

using namespace gateway;

namespace {

struct Fixture {
  OrderPool pool{8};
  PriceLevel level;

  Slot join(OrderId order_id, std::int64_t leaves) {
    BookOrder order;
    order.order_id = order_id;
    order.leaves = leaves;
    const Slot slot = pool.insert(order);
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
