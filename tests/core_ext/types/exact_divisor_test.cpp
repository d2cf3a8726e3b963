// The multiplication finds exactly the multiples that a division finds.
#include "gateway_core/types/exact_divisor.hpp"

#include "check.hpp"
#include "random.hpp"

using gateway::ExactDivisor;

TEST(multiples_are_those_of_the_remainder) {
  check::Random random(7);
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t divisor = 1 + random.below(std::uint64_t{1} << (1 + random.below(62)));
    const ExactDivisor exact(divisor);
    const std::uint64_t largest = ~std::uint64_t{0} / divisor;
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t multiple =
          divisor * (largest == ~std::uint64_t{0} ? random.next() : random.below(largest + 1));
      CHECK(exact.divides(multiple));
      const std::uint64_t other = random.next();
      CHECK_EQUAL(exact.divides(other), other % divisor == 0);
      CHECK_EQUAL(exact.divides(multiple + 1), (multiple + 1) % divisor == 0);
    }
  }
}

TEST(ends_of_the_range_are_judged_too) {
  for (const std::uint64_t divisor : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{10},
                                      std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    const ExactDivisor exact(divisor);
    CHECK(exact.divides(0));
    CHECK(exact.divides(divisor));
    CHECK_EQUAL(exact.divides(~std::uint64_t{0}), ~std::uint64_t{0} % divisor == 0);
  }
}
