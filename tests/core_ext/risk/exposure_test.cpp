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

TEST(worst_cases_count_position_and_working_on_their_side) {
  gateway::Exposure exposure;
  exposure.position = -5;
  exposure.add_working(gateway::Side::kBuy, 7);
  exposure.add_working(gateway::Side::kSell, 3);
  CHECK_EQUAL(exposure.worst_long(), 2);
  CHECK_EQUAL(exposure.worst_short(), 8);
}
