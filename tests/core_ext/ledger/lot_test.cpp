// The parts of a lot method by themselves: ratios compared exactly, and the order of equals.
#include "gateway_core/ledger/lot.hpp"

#include <algorithm>
#include <vector>

#include "check.hpp"

using namespace gateway;
using namespace gateway::ledger;

TEST(ratios_are_compared_exactly_whatever_their_signs_and_sizes) {
  const Int128 large = static_cast<Int128>(1) << 125;
  struct {
    Int128 a;
    std::int64_t b;
    Int128 c;
    std::int64_t d;
    int sign;
  } cases[] = {
      {1, 3, 1, 2, -1},         {2, 4, 1, 2, 0},
      {-1, 3, -1, 2, 1},        {-1, 2, 1, 2, -1},
      {0, 5, 0, 7, 0},          {large, INT64_MAX, large - 1, INT64_MAX, 1},
      {large, 3, large, 2, -1}, {-large, 3, -large, 2, 1},
      {large, 1, -large, 1, 1}, {0, 1, -1, INT64_MAX, 1},
  };
  for (const auto& each : cases) {
    CHECK_EQUAL(ledger::detail::is_greater_ratio(each.a, each.b, each.c, each.d), each.sign > 0);
    CHECK_EQUAL(ledger::detail::is_greater_ratio(each.c, each.d, each.a, each.b), each.sign < 0);
  }
}

TEST(of_lots_with_one_cost_the_older_goes_first) {
  LotHeap heap;
  for (const std::uint64_t id : {5U, 3U, 4U}) {
    const auto opened = static_cast<std::int64_t>(id == 5 ? 1 : 2);
    heap.push({10, 20, 1, 2, id, opened});
  }
  std::vector<std::uint64_t> order;
  while (!heap.lots().empty()) {
    order.push_back(heap.next().id);
    heap.pop();
  }
  CHECK(order == (std::vector<std::uint64_t>{5, 3, 4}));
}

TEST(a_queue_gives_its_memory_back_and_steps_over_what_was_named) {
  LotQueue queue;
  for (std::uint64_t id = 1; id <= 1'000; ++id) queue.push({1, 1, 1, 1, id, 0});
  queue.find(2)->quantity = 0;
  queue.vacate();
  CHECK(queue.find(2) == nullptr && queue.find(1'001) == nullptr);
  for (std::uint64_t id = 1; id <= 1'000; ++id) {
    if (id == 2) continue;
    CHECK_EQUAL(queue.next().id, id);
    queue.next().quantity = 0;
    queue.pop();
  }
  CHECK(queue.lots().empty());
}

TEST(places_that_were_emptied_before_their_turn_are_given_up_past_half) {
  LotQueue queue;
  for (std::uint64_t id = 1; id <= 1'000; ++id) queue.push({1, 1, 1, 1, id, 0});
  std::size_t left = 1'000;
  for (std::uint64_t id = 1'000; id > 1; --id, --left) {
    CHECK(queue.lots().size() <= std::max<std::size_t>(2 * left, left + 64));
    queue.find(id)->quantity = 0;
    queue.vacate();
  }
  CHECK_EQUAL(queue.next().id, 1U);
  queue.next().quantity = 0;
  queue.pop();
  for (const std::uint64_t id : {2'001U, 2'002U}) queue.push({1, 1, 1, 1, id, 0});
  CHECK_EQUAL(queue.next().id, 2'001U);
}
