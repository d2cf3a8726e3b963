// Numeric client ids: what was used stays known inside the window, and is stale below it, never
// free.
#include "gateway_core/order/idempotency.hpp"

#include <memory>
#include <set>

#include "check.hpp"
#include "random.hpp"

using gateway::kNumberWindow;
using gateway::NumberWindow;

TEST(a_used_number_is_used_or_stale_for_ever) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    check::Random random(seed);
    auto window = std::make_unique<NumberWindow>();
    std::set<std::uint64_t> used;
    std::uint64_t newest = 0;
    for (int step = 0; step < 60'000; ++step) {
      const std::uint64_t roll = random.below(1000);
      std::uint64_t number = newest + 1 + random.below(3);
      if (roll < 300)
        number = newest - random.below(std::min<std::uint64_t>(newest, kNumberWindow) + 1);
      if (roll == 999) number = newest + random.below(3 * kNumberWindow);
      if (number == 0) continue;
      const bool was_used = used.contains(number);
      if (was_used) {
        CHECK(window->is_used(number) || window->is_stale(number));
      } else if (!window->is_stale(number)) {
        CHECK(!window->is_used(number));
        window->use(number);
        used.insert(number);
        newest = std::max(newest, number);
      }
    }
  }
}

TEST(the_oldest_number_does_not_share_its_bit_with_the_newest) {
  auto window = std::make_unique<NumberWindow>();
  window->use(1);
  window->use(kNumberWindow);
  CHECK(window->is_used(1) || window->is_stale(1));
  window->use(kNumberWindow + 1);
  CHECK(window->is_used(kNumberWindow + 1));
  CHECK(window->is_used(kNumberWindow));
}

TEST(the_largest_number_is_not_stale_by_itself) {
  auto window = std::make_unique<NumberWindow>();
  window->use(~std::uint64_t{0});
  CHECK(window->is_used(~std::uint64_t{0}));
  CHECK(window->is_stale(1));
}
