// Amounts of the gate against exact fractions: never too small, exact wherever the ratio fits.
#include "gateway_core/risk/exposure.hpp"

#include "check.hpp"
#include "random.hpp"

using gateway::AmountFactor;
using gateway::Int128;
using gateway::UInt128;

TEST(amounts_are_rounded_up_from_the_exact_fraction) {
  check::Random random(11);
  for (int step = 0; step < 200'000; ++step) {
    const Int128 numerator =
        static_cast<Int128>(1 + random.below(std::uint64_t{1} << (1 + random.below(40))));
    Int128 denominator = 1;
    for (std::uint64_t i = random.below(20); i > 0; --i) denominator *= 10;
    const AmountFactor factor = AmountFactor::of(numerator, denominator);
    const auto product =
        static_cast<Int128>(random.below(std::uint64_t{1} << (1 + random.below(62))));
    const UInt128 exact = (static_cast<UInt128>(product) * static_cast<UInt128>(numerator) +
                           static_cast<UInt128>(denominator) - 1) /
                          static_cast<UInt128>(denominator);
    const auto amount = factor.amount_e4(product);
    if (exact >= static_cast<UInt128>(gateway::kAmountMaxE4)) {
      CHECK_EQUAL(amount, gateway::kAmountMaxE4);
    } else {
      CHECK_EQUAL(amount, static_cast<std::int64_t>(exact));
    }
  }
}

TEST(huge_products_saturate_and_are_never_too_small) {
  const AmountFactor factor = AmountFactor::of(1, gateway::kPow10_64[9]);
  CHECK_EQUAL(factor.amount_e4(static_cast<Int128>(1) << 122), gateway::kAmountMaxE4);
  const Int128 product = static_cast<Int128>(gateway::kPow10_64[18]) * 1000;  // over 64 bits
  const auto amount = factor.amount_e4(product);
  CHECK(amount >= 1'000'000'000'000 && amount <= 1'000'000'000'001);
}

TEST(amounts_of_more_than_64_bits_are_exact_where_money_is_whole_units) {
  check::Random random(12);
  const Int128 denominator = gateway::kPow10_64[14];  // money at 10^-18 to amounts at 10^-4
  const AmountFactor factor = AmountFactor::of(1, denominator);
  for (int step = 0; step < 50'000; ++step) {
    const Int128 product = static_cast<Int128>(random.next() >> random.below(40))
                           << (1 + random.below(40));
    const Int128 exact = (product + denominator - 1) / denominator;
    const Int128 wanted = exact < gateway::kAmountMaxE4 ? exact : gateway::kAmountMaxE4;
    CHECK_EQUAL(static_cast<Int128>(factor.amount_e4(product)) - wanted, Int128{0});
  }
}

TEST(ratios_of_every_size_divide_exactly_at_the_edges_of_a_unit) {
  for (const std::int64_t under : {1LL, 2LL, 3LL, 10LL, 999'999'937LL, 1'000'000'000'000LL}) {
    const AmountFactor factor = AmountFactor::of(1, under);
    for (const std::uint64_t whole : {0ULL, 1ULL, 7ULL, 1'000'000ULL}) {
      const auto even = whole * static_cast<std::uint64_t>(under);
      CHECK_EQUAL(factor.amount_e4(even), static_cast<std::int64_t>(whole));
      CHECK_EQUAL(factor.amount_e4(even + 1), static_cast<std::int64_t>(whole + 1));
      if (even != 0)
        CHECK_EQUAL(factor.amount_e4(even - 1),
                    static_cast<std::int64_t>(whole - (under == 1 ? 1 : 0)));
    }
  }
}

TEST(worst_cases_count_position_and_working_on_their_side) {
  gateway::Exposure exposure;
  exposure.position = -5;
  exposure.add_working(gateway::Side::kBuy, 7);
  exposure.add_working(gateway::Side::kSell, 3);
  CHECK_EQUAL(exposure.worst_long(), 2);
  CHECK_EQUAL(exposure.worst_short(), 8);
}
