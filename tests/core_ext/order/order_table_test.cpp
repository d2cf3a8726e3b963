// Slots are recycled oldest ended order first, open orders never, and ids find their slot
// throughout.
#include "gateway_core/order/order_table.hpp"

#include <deque>
#include <map>

#include "check.hpp"
#include "gateway_core/order/order_id.hpp"
#include "random.hpp"

using namespace gateway;  // NOLINT

namespace {

std::uint32_t take(OrderTable& table, OrderId id) {
  const std::uint32_t slot = table.take(id);
  Order& order = table.at(slot);
  Order fresh;
  fresh.next = order.next;
  fresh.previous = order.previous;
  fresh.id_next = order.id_next;
  fresh.order_id = id;
  order = fresh;
  return slot;
}

}  // namespace

TEST(no_order_has_the_id_zero) {
  OrderTable table(8);
  CHECK_EQUAL(table.find(0), kNoSlot);
  take(table, make_order_id({1, 1, 1}));
  CHECK_EQUAL(table.find(0), kNoSlot);
}

TEST(the_table_recycles_like_its_model) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    check::Random random(seed);
    OrderTable table(16);
    std::map<OrderId, bool> known;  // id -> is open
    std::deque<OrderId> ended;
    std::uint32_t made = 0;
    for (int step = 0; step < 20'000; ++step) {
      if (random.below(2) == 0 && table.has_room()) {
        const std::uint32_t victim = table.next_victim();
        CHECK_EQUAL(victim != kNoSlot, known.size() == 16);
        if (victim != kNoSlot) {
          CHECK_EQUAL(table.at(victim).order_id, ended.front());
          known.erase(ended.front());
          ended.pop_front();
        }
        const OrderId id = make_order_id({1, 1 + made / 1000, ++made});
        take(table, id);
        known[id] = true;
      } else if (table.open_count() != 0) {
        auto at = random.below(table.open_count());
        std::uint32_t chosen = kNoSlot;
        table.for_each_open([&](std::uint32_t slot) {
          if (at-- == 0) chosen = slot;
        });
        const OrderId id = table.at(chosen).order_id;
        table.retire(chosen);
        ended.push_back(id);
        known[id] = false;
        if (random.below(8) == 0) {
          table.reopen(chosen);
          ended.pop_back();
          known[id] = true;
        }
      }
      CHECK_EQUAL(table.open_count() + table.remembered(), known.size());
    }
    for (const auto& [id, is_open] : known) {
      const std::uint32_t slot = table.find(id);
      CHECK(slot != kNoSlot && table.at(slot).order_id == id);
    }
    for (std::uint32_t i = 1; i <= made; ++i) {
      const OrderId id = make_order_id({1, 1 + (i - 1) / 1000, i});
      CHECK_EQUAL(table.find(id) != kNoSlot, known.contains(id));
    }
  }
}

TEST(one_venue_id_may_name_an_order_of_each_instrument) {
  OrderTable table(4);
  VenueOrderId text;
  text.assign("17");
  std::uint32_t slots[2];
  for (std::uint32_t i = 0; i < 2; ++i) {
    slots[i] = take(table, 1 + i);
    table.at(slots[i]).account = 3;
    table.at(slots[i]).instrument = 9 + i;
    table.name_venue_id(slots[i], text);
  }
  CHECK_EQUAL(table.find_venue_id(3, 9, text), slots[0]);
  CHECK_EQUAL(table.find_venue_id(3, 10, text), slots[1]);
}

TEST(names_follow_their_order_and_go_with_it) {
  OrderTable table(2);
  VenueOrderId text;
  text.assign("V-1");
  const std::uint32_t first = take(table, 1);
  table.at(first).principal = 7;
  table.at(first).account = 3;
  table.at(first).instrument = 9;
  table.at(first).client_number = 500;
  table.index_number(first);
  table.name_venue_id(first, text);
  CHECK_EQUAL(table.find_number(7, 500), first);
  CHECK_EQUAL(table.find_number(8, 500), kNoSlot);
  CHECK_EQUAL(table.find_venue_id(3, 9, text), first);
  CHECK_EQUAL(table.find_venue_id(4, 9, text), kNoSlot);
  CHECK_EQUAL(table.find_venue_id(3, 8, text), kNoSlot);

  table.rename_number(first, 501);
  CHECK_EQUAL(table.find_number(7, 500), kNoSlot);
  CHECK_EQUAL(table.find_number(7, 501), first);
  VenueOrderId moved;
  moved.assign("V-2");
  table.name_venue_id(first, moved);
  CHECK_EQUAL(table.find_venue_id(3, 9, text), kNoSlot);
  CHECK_EQUAL(table.find_venue_id(3, 9, moved), first);

  (void)take(table, 2);
  table.retire(first);
  CHECK_EQUAL(table.take(3), first);
  CHECK_EQUAL(table.find_number(7, 501), kNoSlot);
  CHECK_EQUAL(table.find_venue_id(3, 9, moved), kNoSlot);
}

TEST(a_table_full_of_open_orders_has_no_room) {
  OrderTable table(2);
  take(table, 1);
  CHECK(table.has_room());
  const std::uint32_t slot = take(table, 2);
  CHECK(!table.has_room());
  table.retire(slot);
  CHECK(table.has_room());
}
