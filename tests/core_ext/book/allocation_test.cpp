// Pro-rata shares: they sum up, nobody gets more than asked, the minimum and the remainder's order
// hold. Single stories are told in tests/matching_scripts/pro_rata.txt.
#include "gateway_core/book/allocation.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "check.hpp"
#include "random.hpp"

using namespace gateway;

namespace {

std::vector<Claim> claims_of(const std::vector<std::int64_t>& sizes) {
  std::vector<Claim> claims;
  for (const std::int64_t size : sizes) claims.push_back({.size = size});
  return claims;
}

std::vector<std::int64_t> shares(const std::vector<std::int64_t>& sizes, std::int64_t quantity,
                                 std::int64_t lot, std::int64_t minimum, Remainder remainder) {
  auto claims = claims_of(sizes);
  ProRata(lot, minimum, remainder).allocate(claims, quantity);
  std::vector<std::int64_t> found;
  for (const Claim& claim : claims) found.push_back(claim.share);
  return found;
}

using Shares = std::vector<std::int64_t>;

}  // namespace

TEST(the_largest_fraction_gets_the_odd_lot) {
  CHECK((shares({10, 20, 30}, 20, 1, 0, Remainder::kLargest) == Shares{3, 7, 10}));
  CHECK((shares({10, 20, 30}, 20, 1, 0, Remainder::kTime) == Shares{4, 6, 10}));
  CHECK((shares({100, 200, 300}, 200, 10, 0, Remainder::kLargest) == Shares{30, 70, 100}));
}

TEST(more_than_there_is_fills_everybody) {
  CHECK((shares({1, 2, 3}, 6, 1, 50, Remainder::kLargest) == Shares{1, 2, 3}));
  CHECK((shares({1, 2, 3}, 99, 1, 0, Remainder::kTime) == Shares{1, 2, 3}));
}

TEST(the_largest_numbers_do_not_overflow) {
  const std::int64_t half = std::int64_t{1} << 60;
  const auto found = shares({half, half}, kBookNumberMax - 1, 1, 0, Remainder::kLargest);
  CHECK_EQUAL(found[0] + found[1], kBookNumberMax - 1);
  CHECK_EQUAL(found[0], half);
}

TEST(shares_keep_their_promises_over_random_claims) {
  check::Random random(21);
  for (int round = 0; round < 20000; ++round) {
    const auto lot = static_cast<std::int64_t>(1 + random.below(5));
    const auto minimum = static_cast<std::int64_t>(random.below(4)) * lot;
    const auto remainder = random.below(2) == 0 ? Remainder::kLargest : Remainder::kTime;
    const bool is_odd = random.below(4) == 0;  // the market's sizes need not be lots
    std::vector<std::int64_t> sizes;
    std::int64_t sum = 0;
    for (std::uint64_t i = 1 + random.below(8); i > 0; --i) {
      const auto lots = static_cast<std::int64_t>(1 + random.below(30));
      sizes.push_back(lots * lot + (is_odd ? static_cast<std::int64_t>(random.below(3)) : 0));
      sum += sizes.back();
    }
    std::int64_t quantity = 1 + static_cast<std::int64_t>(random.below(40)) * lot;
    if (!is_odd) quantity -= 1 - lot;
    const auto found = shares(sizes, quantity, lot, minimum, remainder);
    std::int64_t given = 0;
    int small = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      given += found[i];
      CHECK(found[i] >= 0 && found[i] <= sizes[i]);
      if (!is_odd) CHECK_EQUAL(found[i] % lot, 0);
      small += found[i] > 0 && found[i] < minimum && found[i] < sizes[i];
      // Without a minimum nobody is a whole lot away from the exact share, unless time decides.
      const auto exact_lot =
          static_cast<std::int64_t>(static_cast<Int128>(quantity) * sizes[i] / sum);
      if (minimum == 0 && !is_odd && quantity < sum && remainder == Remainder::kLargest) {
        CHECK(found[i] > exact_lot - lot && found[i] <= exact_lot + lot);
      }
    }
    CHECK_EQUAL(given, std::min(quantity, sum));
    CHECK(small <= 1);
    if (check::failures() == 0) continue;
    std::printf("round %d\n", round);
    return;
  }
}
