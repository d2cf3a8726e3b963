// Nothing lost, nothing doubled, each producer's order kept, full is said and never overwrites.
// GATEWAY_STRESS_ITEMS raises the count of the 8 x 8 run (nightly: 10000000).
#include "gateway_core/ring/mpmc_ring.hpp"

#include <cstdlib>
#include <deque>
#include <thread>
#include <vector>

#include "check.hpp"
#include "random.hpp"

using gateway::MpmcRing;

namespace {

constexpr std::uint64_t kNearWrap = ~std::uint64_t{0} - 20;

std::uint64_t stress_items() {
  const char* text = std::getenv("GATEWAY_STRESS_ITEMS");
  return text == nullptr ? 100'000 : std::strtoull(text, nullptr, 10);
}

struct Item {
  std::uint32_t producer = 0;
  std::uint32_t number = 0;
};

/// What one consumer saw.
struct Seen {
  std::vector<Item> items;
  bool is_ordered = true;
};

void consume(MpmcRing<Item>& ring, std::atomic<std::uint64_t>& left, Seen& seen) {
  std::vector<std::int64_t> newest(8, -1);
  Item item;
  while (left.load(std::memory_order_relaxed) != 0) {
    if (!ring.try_pop(item)) {
      std::this_thread::yield();
      continue;
    }
    left.fetch_sub(1, std::memory_order_relaxed);
    seen.is_ordered = seen.is_ordered && item.number > newest[item.producer];
    newest[item.producer] = item.number;
    seen.items.push_back(item);
  }
}

void stress(std::size_t capacity, std::uint64_t first_ticket, std::uint64_t wanted) {
  constexpr std::uint32_t kThreads = 8;
  const auto each = static_cast<std::uint32_t>(wanted / kThreads);
  MpmcRing<Item> ring(capacity, first_ticket);
  std::atomic<std::uint64_t> left{std::uint64_t{each} * kThreads};
  std::vector<Seen> seen(kThreads);
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (std::uint32_t n = 0; n < each; ++n) {
        while (!ring.try_push({i, n})) std::this_thread::yield();
      }
    });
    threads.emplace_back([&, i] { consume(ring, left, seen[i]); });
  }
  for (auto& thread : threads) thread.join();
  std::vector<std::vector<std::uint8_t>> count(kThreads, std::vector<std::uint8_t>(each, 0));
  std::uint64_t total = 0;
  for (const Seen& one : seen) {
    CHECK(one.is_ordered);
    for (const Item& item : one.items) ++count[item.producer][item.number];
    total += one.items.size();
  }
  CHECK_EQUAL(total, std::uint64_t{each} * kThreads);
  std::uint64_t wrong = 0;
  for (const auto& producer : count) {
    for (const auto times : producer) wrong += times != 1;
  }
  CHECK_EQUAL(wrong, 0ULL);
  Item item;
  CHECK(!ring.try_pop(item) && ring.size_estimate() == 0);
  std::printf("%llu items through %zu slots\n", static_cast<unsigned long long>(total),
              ring.capacity());
}

}  // namespace

TEST(full_is_an_answer_and_nothing_is_overwritten) {
  MpmcRing<int> ring(4);
  for (int i = 0; i < 4; ++i) CHECK(ring.try_push(i));
  CHECK(!ring.try_push(99) && !ring.try_push(99));
  CHECK_EQUAL(ring.size_estimate(), 4U);
  for (int i = 0; i < 4; ++i) {
    int item = -1;
    CHECK(ring.try_pop(item));
    CHECK_EQUAL(item, i);
  }
  int untouched = 7;
  CHECK(!ring.try_pop(untouched) && untouched == 7);
}

TEST(one_thread_agrees_with_a_queue_also_across_the_wrap_of_the_tickets) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    check::Random random(seed);
    MpmcRing<std::uint64_t> ring(1 + random.below(20), seed % 2 == 0 ? 0 : kNearWrap);
    std::deque<std::uint64_t> model;
    for (int step = 0; step < 5000; ++step) {
      if (random.below(2) == 0) {
        const std::uint64_t item = random.next();
        const bool has_room = model.size() < ring.capacity();
        CHECK_EQUAL(ring.try_push(item), has_room);
        if (has_room) model.push_back(item);
      } else {
        std::uint64_t item = 0;
        CHECK_EQUAL(ring.try_pop(item), !model.empty());
        if (model.empty()) continue;
        CHECK_EQUAL(item, model.front());
        model.pop_front();
      }
      CHECK_EQUAL(ring.size_estimate(), model.size());
    }
  }
}

TEST(eight_producers_and_eight_consumers_lose_and_double_nothing) {
  stress(1024, 0, stress_items());
}

TEST(a_tiny_ring_at_the_wrap_of_its_tickets_loses_and_doubles_nothing) {
  stress(2, kNearWrap, stress_items() / 10);
}

TEST(a_producer_held_before_its_publication_holds_back_what_is_behind_it_and_nothing_else) {
  MpmcRing<Item> ring(8);
  MpmcRing<Item>::Ticket held;
  CHECK(ring.try_push({1, 0}));
  CHECK(ring.reserve(held));  // frozen here: its ticket is taken, its item is not there
  std::atomic<std::uint32_t> pushed{0};
  std::thread other([&] {
    for (std::uint32_t n = 0; ring.try_push({2, n}); ++n) ++pushed;
  });
  other.join();  // Producers do not wait for it: they go on until the ring is full.
  CHECK_EQUAL(pushed.load(), 6U);
  Item item;
  CHECK(ring.try_pop(item) && item.producer == 1);
  // Seven tickets are taken, six items are complete, and consumers get none of them.
  CHECK_EQUAL(ring.size_estimate(), 7U);
  for (int i = 0; i < 1000; ++i) CHECK(!ring.try_pop(item));
  CHECK(ring.try_push({2, 6}));   // one slot had been given back
  CHECK(!ring.try_push({2, 7}));  // and now it is full although nothing moves
  ring.publish(held, {3, 0});     // thawed: everything flows, in the order of the tickets
  CHECK(ring.try_pop(item) && item.producer == 3);
  for (std::uint32_t n = 0; n < 7; ++n) {
    CHECK(ring.try_pop(item) && item.producer == 2);
    CHECK_EQUAL(item.number, n);
  }
  CHECK(!ring.try_pop(item));
}
