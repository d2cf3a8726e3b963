// Many lanes, one consumer: nobody starves, every sweep is bounded, and a producer frozen in the
// middle of an entry holds back its own lane alone.
#include "gateway_core/ring/fair_turn.hpp"

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "check.hpp"
#include "gateway_core/ring/spsc_lane.hpp"
#include "random.hpp"

using gateway::FairTurn;

namespace {

struct Entry {
  std::uint64_t producer;
  std::uint64_t number;
  std::uint64_t body[6];
};
using Lane = gateway::SpscLane<sizeof(Entry)>;
using Lanes = std::vector<std::unique_ptr<Lane>>;

Lanes make_lanes(std::size_t count, std::size_t capacity) {
  Lanes lanes;
  for (std::size_t i = 0; i < count; ++i) lanes.push_back(std::make_unique<Lane>(capacity));
  return lanes;
}

/// Takes up to `share` entries of one lane and hands them to visit.
template <typename Visit>
std::size_t take(Lane& lane, std::size_t share, Visit&& visit) {
  const std::size_t count = std::min(lane.size(), share);
  for (std::size_t i = 0; i < count; ++i) {
    visit(*reinterpret_cast<const Entry*>(lane.peek()));
    lane.pop();
  }
  return count;
}

}  // namespace

TEST(a_sweep_takes_at_most_its_limit_and_asks_each_lane_at_most_once) {
  for (const std::size_t lanes : {1U, 2U, 7U, 64U, 1000U}) {
    for (const std::size_t limit : {1U, 16U, 256U}) {
      FairTurn turn;
      std::vector<int> asked(lanes, 0);
      std::size_t given = 0;
      const std::size_t done = turn.sweep(lanes, limit, [&](std::size_t lane, std::size_t share) {
        ++asked[lane];
        given += share;
        return share;
      });
      CHECK_EQUAL(done, given);
      CHECK(done <= limit);
      CHECK(*std::max_element(asked.begin(), asked.end()) == 1);
    }
  }
}

TEST(no_lanes_is_no_work) {
  FairTurn turn;
  CHECK_EQUAL(turn.sweep(0, 256, [](std::size_t, std::size_t) { return std::size_t{1}; }), 0U);
}

TEST(one_lane_alone_gets_the_whole_limit) {
  FairTurn turn;
  CHECK_EQUAL(turn.sweep(1, 256, [](std::size_t, std::size_t share) { return share; }), 256U);
}

TEST(with_all_lanes_full_each_has_its_turn_within_the_promised_sweeps) {
  for (const std::size_t lanes : {1U, 2U, 3U, 17U, 64U, 300U}) {
    for (const std::size_t limit : {1U, 8U, 100U, 256U}) {
      FairTurn turn;
      const std::size_t bound = FairTurn::sweeps_until_served(lanes, limit);
      std::vector<std::size_t> waited(lanes, 0);
      std::size_t longest = 0;
      for (std::size_t sweep = 0; sweep < 4 * bound + 4; ++sweep) {
        for (auto& since : waited) ++since;
        (void)turn.sweep(lanes, limit, [&](std::size_t lane, std::size_t share) {
          longest = std::max(longest, waited[lane]);
          waited[lane] = 0;
          return share;
        });
      }
      CHECK(longest <= bound);
      CHECK(*std::max_element(waited.begin(), waited.end()) <= bound);
    }
  }
}

TEST(a_busy_lane_does_not_starve_its_neighbours_whatever_they_do) {
  check::Random random(7);
  for (int round = 0; round < 200; ++round) {
    const std::size_t lanes = 2 + random.below(40);
    const std::size_t limit = 1 + random.below(300);
    const std::size_t quiet = random.below(static_cast<std::uint32_t>(lanes));
    FairTurn turn;
    for (std::uint64_t i = random.below(50); i > 0; --i) {  // any history
      (void)turn.sweep(lanes, limit, [&](std::size_t, std::size_t share) {
        return std::min<std::size_t>(share, random.below(40));
      });
    }
    bool was_served = false;  // One entry appears in the quiet lane while all others are full.
    std::size_t sweeps = 0;
    while (!was_served && sweeps < 1000) {
      ++sweeps;
      (void)turn.sweep(lanes, limit, [&](std::size_t lane, std::size_t share) {
        was_served = was_served || lane == quiet;
        return share;
      });
    }
    CHECK(sweeps <= FairTurn::sweeps_until_served(lanes, limit));
  }
}

TEST(a_producer_frozen_in_the_middle_of_an_entry_holds_back_its_own_lane_alone) {
  Lanes lanes = make_lanes(4, 8);
  auto* half = reinterpret_cast<Entry*>(lanes[2]->claim());
  half->producer = 2;  // frozen for good: written in part, never published
  FairTurn turn;
  std::vector<std::uint64_t> next(4, 0);
  std::uint64_t wrong = 0;
  for (std::uint64_t number = 0; number < 1000; ++number) {
    for (const std::size_t producer : {0U, 1U, 3U}) {
      const Entry entry{producer, number, {}};
      CHECK(lanes[producer]->push(&entry));  // never full: the others are swept as ever
    }
    (void)turn.sweep(4, 64, [&](std::size_t lane, std::size_t share) {
      return take(*lanes[lane], share, [&](const Entry& entry) {
        wrong += entry.producer != lane || entry.number != next[lane]++;
      });
    });
  }
  CHECK_EQUAL(wrong, 0U);
  CHECK(next[0] == 1000 && next[1] == 1000 && next[3] == 1000);
  CHECK_EQUAL(next[2], 0U);
  lanes[2]->publish();  // thawed: its entry arrives
  CHECK_EQUAL(lanes[2]->size(), 1U);
}

TEST(seven_producers_lose_and_double_nothing_and_each_keeps_its_order) {
  constexpr std::size_t kProducers = 7;
  constexpr std::uint64_t kEach = 20'000;
  Lanes lanes = make_lanes(kProducers, 64);
  std::vector<std::thread> threads;
  for (std::size_t producer = 0; producer < kProducers; ++producer) {
    threads.emplace_back([&lane = *lanes[producer], producer] {
      for (std::uint64_t number = 0; number < kEach; ++number) {
        const Entry entry{producer, number, {number * 31}};
        while (!lane.push(&entry)) std::this_thread::yield();
      }
    });
  }
  FairTurn turn;
  std::vector<std::uint64_t> next(kProducers, 0);
  std::uint64_t wrong = 0;
  for (std::uint64_t total = 0; total < kProducers * kEach;) {
    const std::size_t done = turn.sweep(kProducers, 64, [&](std::size_t lane, std::size_t share) {
      return take(*lanes[lane], share, [&](const Entry& entry) {
        wrong += entry.producer != lane || entry.number != next[lane]++ ||
                 entry.body[0] != entry.number * 31;
      });
    });
    if (done == 0) std::this_thread::yield();
    total += done;
  }
  for (auto& thread : threads) thread.join();
  CHECK_EQUAL(wrong, 0U);
  for (const auto& lane : lanes) CHECK(lane->is_empty());
}
