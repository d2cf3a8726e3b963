// The single-producer lane under every schedule: no entry is lost, doubled, torn or early.
#include "explore/mutants.hpp"
#include "gateway_core/ring/spsc_lane.hpp"

using explore::require;
using gateway::SpscLane;

namespace proof {

using Lane = SpscLane<64>;

struct Entry {
  std::uint64_t number;
  std::uint64_t again[7];
};
Entry entry(std::uint64_t number) {
  Entry made{number, {}};
  for (auto& word : made.again) word = number;
  return made;
}
void take(Lane& lane, std::uint64_t& next) {
  Entry seen;
  std::memcpy(&seen, lane.peek(), sizeof seen);
  require(seen.number == next, "entries come in order");
  require(seen.again[6] == next, "an entry is whole");
  lane.pop();
  ++next;
}

struct Case {
  Lane lane{2};
  std::uint64_t pushed = 0;
  std::uint64_t popped = 0;

  Case() {
    const auto* head = reinterpret_cast<const std::uint8_t*>(lane.peek()) - 256;
    explore::name(head + 64, 8, "head");
    explore::name(head + 128, 8, "tail");
    explore::name(head + 192, 8, "overruns");
    explore::name(head + 256, 128, "entries");
  }
};

/// Everything that was pushed is there, once.
void end(Case* at) {
  explore::at_end([at] {
    while (at->lane.size() != 0) take(at->lane, at->popped);
    require(at->popped == at->pushed, "all that was pushed came out once");
  });
}

void singles_wrap_around() {
  auto* at = new Case;
  explore::thread("producer", [at] {
    for (int attempt = 0; attempt < 4; ++attempt) {
      const Entry made = entry(at->pushed);
      if (at->lane.push(&made)) ++at->pushed;
    }
  });
  explore::thread("consumer", [at] {
    for (int attempt = 0; attempt < 3; ++attempt) {
      if (at->lane.size() != 0) take(at->lane, at->popped);
    }
  });
  end(at);
}

void groups_are_seen_whole() {
  auto* at = new Case;
  explore::thread("producer", [at] {
    for (int attempt = 0; attempt < 3; ++attempt) {
      const Entry pair[2] = {entry(at->pushed), entry(at->pushed + 1)};
      if (at->lane.free_entries() == 2 && at->lane.push(pair, 2)) at->pushed += 2;
    }
  });
  explore::thread("consumer", [at] {
    for (int attempt = 0; attempt < 3; ++attempt) {
      if (!at->lane.holds(1)) continue;
      require(at->lane.holds(2), "a group is published as one");
      take(at->lane, at->popped);
      take(at->lane, at->popped);
    }
  });
  end(at);
}

void looking_from_outside() {
  auto* at = new Case;
  explore::thread("producer", [at] {
    for (int i = 0; i < 3; ++i) {
      const Entry made = entry(at->pushed);
      if (!at->lane.holds_more_than(1) && at->lane.push(&made)) {
        ++at->pushed;
      } else {
        at->lane.count_overrun();
      }
    }
  });
  explore::thread("consumer", [at] {
    for (int i = 0; i < 2; ++i) {
      const bool is_waiting = !at->lane.is_empty();
      const std::size_t now = at->lane.size_now();
      require(now >= (is_waiting ? 1U : 0U) && now <= 2, "what waits does not go by itself");
      if (now != 0) {
        Entry seen;
        std::memcpy(&seen, at->lane.peek(), sizeof seen);
        require(seen.number == at->popped, "size_now() counts whole entries");
        at->lane.pop();
        ++at->popped;
      }
    }
  });
  explore::at_end([at] {
    require(at->pushed + at->lane.overruns() == 3, "every entry is pushed or counted");
    while (at->lane.size() != 0) take(at->lane, at->popped);
    require(at->popped == at->pushed, "all that was pushed came out once");
  });
}

}  // namespace proof
using namespace proof;  // NOLINT

TEST(a_lane_holds_in_every_execution_and_every_planted_fault_is_caught) {
  explore::prove("lane", {singles_wrap_around, groups_are_seen_whole, looking_from_outside},
                 {{"SpscLane<64ul>::is_empty: load acquire",
                   "the answer is old when it comes; who takes entries asks size(), who gives asks "
                   "free_entries(), and these acquire"}},
                 11);
}
