// Fees are exact and rounded once, half-even, at 10^-18.
#include "gateway_core/book/fees.hpp"

#include "check.hpp"

using namespace gateway;

namespace {

constexpr Int128 kOne = kPow10_64[18];

std::int64_t fee_e18(Int128 value_e18, std::int64_t rate_e18) {
  return static_cast<std::int64_t>(fee_of(Money{value_e18}, rate_e18)->e18);
}

}  // namespace

TEST(a_fee_is_value_times_rate) {
  CHECK_EQUAL(fee_e18(kOne, 500000000000000), 500000000000000);    // 1 * 0.0005
  CHECK_EQUAL(fee_e18(kOne, -100000000000000), -100000000000000);  // a rebate
  CHECK_EQUAL(fee_e18(-kOne, 100000000000000), -100000000000000);
  CHECK_EQUAL(fee_e18(0, 100000000000000), 0);
}

TEST(a_half_goes_to_the_even_neighbour) {
  const std::int64_t half = kPow10_64[18] / 2;
  CHECK_EQUAL(fee_e18(1, half), 0);  // 0.5
  CHECK_EQUAL(fee_e18(3, half), 2);  // 1.5
  CHECK_EQUAL(fee_e18(5, half), 2);  // 2.5
  CHECK_EQUAL(fee_e18(1, half + 1), 1);
  CHECK_EQUAL(fee_e18(-3, half), -2);
}

TEST(a_fee_beyond_the_range_is_no_fee) {
  CHECK(!fee_of(Money{kInt128Max}, 9 * kPow10_64[18]).has_value());
  CHECK(fee_of(Money{kInt128Max}, kPow10_64[18]).has_value());
}

TEST(the_role_picks_the_rate) {
  const FeeRates rates{-1, 5};
  CHECK_EQUAL(rates.rate(true), -1);
  CHECK_EQUAL(rates.rate(false), 5);
}

TEST(a_tier_begins_exactly_at_its_volume) {
  const Money step{Int128{1'000'000} * kPow10_64[kMoneyScale]};
  const FeeTiers tiers({{Money{0}, {2, 5}}, {step, {-1, 4}}});
  CHECK_EQUAL(tiers.tier(Money{step.e18 - 1}), 0U);
  CHECK_EQUAL(tiers.tier(step), 1U);
  CHECK_EQUAL(tiers.tier(Money{-1}), 0U);
  CHECK_EQUAL(tiers.rates(step).rate(true), -1);
}

TEST(tiers_begin_at_zero_and_rise) {
  CHECK(!FeeTiers::are_ordered({}));
  CHECK(!FeeTiers::are_ordered({{Money{1}, {}}}));
  CHECK(!FeeTiers::are_ordered({{Money{0}, {}}, {Money{0}, {}}}));
  CHECK(FeeTiers::are_ordered({{Money{0}, {}}, {Money{7}, {}}}));
}
