// Rounding and range of the one division money has.
#include "gateway_core/types/fixed_point.hpp"

#include "check.hpp"

using gateway::Int128;
using gateway::mul_div;
using gateway::Rounding;

TEST(half_even_rounds_to_the_even_neighbour_on_both_sides_of_zero) {
  CHECK_EQUAL(static_cast<long long>(*mul_div(5, 1, 2)), 2LL);
  CHECK_EQUAL(static_cast<long long>(*mul_div(7, 1, 2)), 4LL);
  CHECK_EQUAL(static_cast<long long>(*mul_div(-5, 1, 2)), -2LL);
  CHECK_EQUAL(static_cast<long long>(*mul_div(5, 1, -2)), -2LL);
  CHECK_EQUAL(static_cast<long long>(*mul_div(-7, 1, 2)), -4LL);
}

TEST(directed_roundings_work_on_the_magnitude) {
  CHECK_EQUAL(static_cast<long long>(*mul_div(5, 1, 3, Rounding::kDown)), 1LL);
  CHECK_EQUAL(static_cast<long long>(*mul_div(5, 1, 3, Rounding::kUp)), 2LL);
  CHECK_EQUAL(static_cast<long long>(*mul_div(-5, 1, 3, Rounding::kUp)), -2LL);
}

TEST(a_product_beyond_128_bits_divides_exactly) {
  const Int128 big = gateway::pow10_128(37);
  CHECK(*mul_div(big, 1'000'000'000'000'000'000LL, 1'000'000'000'000'000'000LL) == big);
}

TEST(a_quotient_beyond_127_bits_is_refused) {
  CHECK(!mul_div(gateway::kInt128Max, 4, 1).has_value());
  CHECK(!mul_div(gateway::kInt128Max, 4, 3).has_value());
  CHECK(mul_div(gateway::kInt128Max, 3, 3).has_value());
}
