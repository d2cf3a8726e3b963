// The shared ring under every schedule: each item comes out once, whole, in each producer's order.
#include "explore/mutants.hpp"
#include "gateway_core/ring/mpmc_ring.hpp"

using explore::require;
using gateway::MpmcRing;

namespace proof {

struct Item {
  std::uint64_t producer = 0;
  std::uint64_t number = 0;
};
using Ring = MpmcRing<Item>;

struct Case {
  explicit Case(std::uint64_t first_ticket) : ring(2, first_ticket) {
    explore::name(&ring, 8, "tail ticket");
    explore::name(reinterpret_cast<char*>(&ring) + 64, 8, "head ticket");
    explore::name(reinterpret_cast<char*>(this) + sizeof(Case), 64, "slot 0");
    explore::name(reinterpret_cast<char*>(this) + sizeof(Case) + 64, 64, "slot 1");
  }
  Ring ring;
  std::uint64_t pushed[3] = {};
  std::uint64_t out[3][3][8] = {};  // by consumer and producer
  std::uint64_t popped[3][3] = {};

  void push(std::uint64_t producer) {
    if (ring.try_push({producer, pushed[producer] + 1})) ++pushed[producer];
  }
  void pop(int consumer) {
    Item item;
    if (!ring.try_pop(item)) return;
    require(item.producer < 3, "an item is one that was pushed");
    auto& count = popped[consumer][item.producer];
    out[consumer][item.producer][count++] = item.number;
  }
};

void end(Case* at) {
  explore::at_end([at] {
    for (int i = 0; i < 4; ++i) at->pop(2);
    for (std::uint64_t producer = 0; producer < 3; ++producer) {
      std::uint64_t times[8] = {};
      for (int consumer = 0; consumer < 3; ++consumer) {
        std::uint64_t last = 0;
        for (std::uint64_t i = 0; i < at->popped[consumer][producer]; ++i) {
          const std::uint64_t number = at->out[consumer][producer][i];
          require(number > last && number < 8, "a producer's items come in its order");
          ++times[last = number];
        }
      }
      for (std::uint64_t number = 1; number < 8; ++number) {
        require(times[number] == (number <= at->pushed[producer] ? 1U : 0U),
                "every pushed item comes out once");
      }
    }
  });
}

void one_to_one_through_a_wrap_of_the_tickets() {
  auto* at = new Case(~0ULL - 1);
  explore::thread("producer", [at] {
    for (int i = 0; i < 4; ++i) at->push(0);
  });
  explore::thread("consumer", [at] {
    for (int i = 0; i < 3; ++i) at->pop(0);
  });
  end(at);
}
void two_producers() {
  auto* at = new Case(0);
  for (std::uint64_t producer = 0; producer < 2; ++producer) {
    explore::thread(producer == 0 ? "producer 0" : "producer 1", [at, producer] {
      at->push(producer);
      at->push(producer);
    });
  }
  explore::thread("consumer", [at] {
    at->pop(0);
    at->pop(0);
  });
  end(at);
}
void two_consumers() {
  auto* at = new Case(0);
  explore::thread("producer", [at] {
    for (int i = 0; i < 3; ++i) at->push(0);
  });
  for (int consumer = 0; consumer < 2; ++consumer) {
    explore::thread(consumer == 0 ? "consumer 0" : "consumer 1", [at, consumer] {
      at->pop(consumer);
      at->pop(consumer);
    });
  }
  end(at);
}
void the_gauge_stays_within_bounds() {
  auto* at = new Case(0);
  explore::thread("producer", [at] {
    for (int i = 0; i < 2; ++i) at->push(0);
  });
  explore::thread("consumer", [at] { at->pop(0); });
  explore::thread("metrics", [at] {
    require(at->ring.size_estimate() <= 2, "the gauge is never above the capacity");
  });
  end(at);
}

}  // namespace proof
using namespace proof;  // NOLINT

TEST(a_shared_ring_holds_in_every_execution_and_every_planted_fault_is_caught) {
  explore::prove("mpmc ring",
                 {one_to_one_through_a_wrap_of_the_tickets, two_producers, two_consumers,
                  the_gauge_stays_within_bounds},
                 {}, 6);
}
