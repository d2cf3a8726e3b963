// The order pool: ids found, slots reused, the index sound after any mix of insert and erase.
#include "gateway_core/book/order_pool.hpp"

#include <map>
#include <random>

#include "check.hpp"

using namespace gateway;

TEST(an_absent_id_has_no_slot) {
  OrderPool pool(4);
  CHECK_EQUAL(pool.find(7), kNoSlot);
  CHECK_EQUAL(pool.size(), 0U);
}

TEST(the_pool_is_full_at_its_capacity_and_takes_again_after_an_erase) {
  OrderPool pool(3);
  for (OrderId id = 1; id <= 3; ++id) pool.insert(id);
  CHECK(pool.is_full());
  pool.erase(pool.find(2));
  CHECK(!pool.is_full());
  CHECK_EQUAL(pool.find(2), kNoSlot);
  const Slot slot = pool.insert(9);
  CHECK_EQUAL(pool.find(9), slot);
  CHECK_EQUAL(pool[slot].order_id, 9U);
}

TEST(a_pool_of_one_works) {
  OrderPool pool(1);
  for (OrderId id = 1; id < 100; ++id) {
    const Slot slot = pool.insert(id);
    CHECK(pool.is_full());
    CHECK_EQUAL(pool.find(id), slot);
    pool.erase(slot);
  }
}

TEST(the_index_agrees_with_a_map_over_random_traffic) {
  constexpr std::size_t kMax = 64;
  OrderPool pool(kMax);
  std::map<OrderId, Slot> model;
  std::mt19937_64 random(42);
  for (int step = 0; step < 50000; ++step) {
    const OrderId id = 1 + random() % 150 + (random() % 2 != 0 ? OrderId{1} << 40 : 0);
    const auto known = model.find(id);
    if (known != model.end()) {
      pool.erase(known->second);
      model.erase(known);
    } else if (!pool.is_full()) {
      model[id] = pool.insert(id);
    }
    const OrderId probe = 1 + random() % 150;
    const auto wanted = model.find(probe);
    CHECK_EQUAL(pool.find(probe), wanted == model.end() ? kNoSlot : wanted->second);
    CHECK_EQUAL(pool.size(), model.size());
  }
  for (const auto& [id, slot] : model) CHECK_EQUAL(pool.find(id), slot);
}
