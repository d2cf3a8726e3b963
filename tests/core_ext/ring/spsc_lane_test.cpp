// One producer, one consumer: order, fullness, wrap, multi-entry messages, and a stress in two
// threads.
#include "gateway_core/ring/spsc_lane.hpp"

#include <cstring>
#include <deque>
#include <thread>

#include "check.hpp"
#include "random.hpp"

namespace {

struct Entry {
  std::uint64_t number;
  std::uint64_t body[7];
};
using Lane = gateway::SpscLane<sizeof(Entry)>;

Entry entry(std::uint64_t number) {
  Entry out{number, {}};
  for (auto& word : out.body) word = number * 31;
  return out;
}

}  // namespace

TEST(a_full_lane_says_so_and_goes_on_after_a_pop) {
  Lane lane(5);
  CHECK_EQUAL(lane.capacity(), 8U);
  for (std::uint64_t round = 0; round < 100; ++round) {
    for (std::uint64_t i = 0; i < 8; ++i) {
      const Entry one = entry(round * 8 + i);
      CHECK(lane.push(&one));
    }
    const Entry more = entry(0);
    CHECK(!lane.push(&more));
    CHECK_EQUAL(lane.free_entries(), 0U);
    CHECK(lane.holds_more_than(7) && !lane.holds_more_than(8));
    for (std::uint64_t i = 0; i < 8; ++i) {
      CHECK(lane.size() != 0);
      CHECK_EQUAL(reinterpret_cast<const Entry*>(lane.peek())->number, round * 8 + i);
      lane.pop();
    }
    CHECK(lane.is_empty() && lane.size() == 0);
  }
}

TEST(a_message_of_several_entries_is_pushed_whole_or_not_at_all) {
  Lane lane(4);
  const Entry three[] = {entry(1), entry(2), entry(3)};
  CHECK(lane.push(three, 3));
  CHECK(!lane.push(three, 3));
  CHECK_EQUAL(lane.size(), 3U);
  lane.pop(3);
  CHECK(lane.push(three, 3));  // wraps
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK_EQUAL(reinterpret_cast<const Entry*>(lane.peek(i))->number, i + 1);
  }
  CHECK(!lane.push(three, 5));
}

TEST(a_message_that_arrives_in_pieces_is_seen_when_it_is_whole) {
  Lane lane(4);
  const Entry one = entry(1);
  CHECK(lane.push(&one));
  CHECK(lane.size() == 1 && !lane.holds(2));
  CHECK(lane.push(&one));
  CHECK(lane.holds(2));
  lane.pop(2);
  CHECK_EQUAL(lane.size(), 0U);
}

TEST(one_thread_agrees_with_a_queue_whatever_the_sizes) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    check::Random random(seed);
    Lane lane(8);
    std::deque<std::uint64_t> model;
    std::uint64_t pushed = 0;
    for (int step = 0; step < 4000; ++step) {
      const std::size_t count = 1 + random.below(3);
      if (random.below(2) == 0) {
        Entry entries[3] = {};
        for (std::size_t i = 0; i < count; ++i) entries[i] = entry(pushed + i);
        const bool has_room = model.size() + count <= lane.capacity();
        CHECK_EQUAL(lane.push(entries, count), has_room);
        for (std::size_t i = 0; has_room && i < count; ++i) model.push_back(pushed++);
      } else {
        CHECK_EQUAL(lane.holds(count), model.size() >= count);
        if (model.size() < count) continue;
        for (std::size_t i = 0; i < count; ++i) {
          Entry seen;
          std::memcpy(&seen, lane.peek(i), sizeof seen);
          CHECK_EQUAL(seen.number, model[i]);
        }
        lane.pop(count);
        model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
      }
      CHECK_EQUAL(lane.size_now(), model.size());
      CHECK_EQUAL(lane.is_empty(), model.empty());
    }
  }
}

TEST(two_threads_lose_and_double_nothing) {
  Lane lane(64);
  constexpr std::uint64_t kCount = 300'000;
  std::thread producer([&] {
    for (std::uint64_t number = 0; number < kCount;) {
      const Entry pair[] = {entry(number), entry(number + 1)};
      const std::size_t count = number % 3 == 0 && number + 1 < kCount ? 2 : 1;
      if (lane.push(pair, count)) {
        number += count;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint64_t wrong = 0;
  for (std::uint64_t expected = 0; expected < kCount;) {
    if (lane.size() == 0) {
      std::this_thread::yield();
      continue;
    }
    Entry seen;
    std::memcpy(&seen, lane.peek(), sizeof seen);
    lane.pop();
    wrong += seen.number != expected || seen.body[6] != expected * 31;
    ++expected;
  }
  producer.join();
  CHECK_EQUAL(wrong, 0U);
  CHECK(lane.is_empty());
}

TEST(entries_are_built_in_place_and_seen_when_they_are_published) {
  Lane lane(4);
  for (std::uint64_t round = 0; round < 50; ++round) {
    std::byte* place = lane.claim();
    CHECK(place != nullptr && place == lane.claim());  // nothing happens before publish
    const Entry one = entry(round);
    std::memcpy(place, &one, sizeof one);
    CHECK(lane.size() == 0 && lane.is_empty());
    lane.publish();
    CHECK_EQUAL(lane.size(), 1U);
    CHECK_EQUAL(lane.peek(), static_cast<const std::byte*>(place));
    CHECK_EQUAL(reinterpret_cast<const Entry*>(lane.peek())->number, round);
    lane.pop();
  }
}

TEST(a_claim_is_refused_when_there_is_no_room_or_no_row_of_places) {
  Lane lane(4);
  CHECK(lane.claim(4) != nullptr && lane.claim(5) == nullptr);
  lane.publish(3);
  CHECK(lane.claim(1) != nullptr && lane.claim(2) == nullptr);
  lane.pop(2);
  CHECK(lane.claim(2) == nullptr);  // Room for three, but two in a row would go round the end.
  const Entry two[] = {entry(7), entry(8)};
  CHECK(lane.push(two, 2));  // push goes round it
  CHECK(lane.is_in_a_row(2) && !lane.is_in_a_row(3));
  lane.pop(2);
  CHECK_EQUAL(reinterpret_cast<const Entry*>(lane.peek())->number, 8ULL);
  CHECK(lane.claim(3) != nullptr && lane.claim(4) == nullptr);
}

TEST(a_lane_begins_on_a_pair_of_cache_lines) {
  for (int i = 0; i < 20; ++i) {
    Lane lane(2);
    const auto first = reinterpret_cast<std::uintptr_t>(lane.peek()) - sizeof(gateway::LaneHeader);
    CHECK_EQUAL(first % gateway::kFalseSharingRange, 0U);
  }
}

TEST(entries_counted_by_size_now_and_popped_do_not_confuse_size) {
  gateway::SpscLane<64> lane(4);
  const std::uint64_t made[8] = {};
  CHECK(lane.push(made) && lane.push(made));
  CHECK_EQUAL(lane.size_now(), 2U);
  lane.pop(2);
  CHECK_EQUAL(lane.size(), 0U);
  CHECK(!lane.holds(1));
}
