// One exact ratio with a 256-bit numerator: marks, average and break-even prices, base-currency
// fees. Cold by design (bit by bit, about 300 ns): the fill path uses mul_div and never comes here.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "gateway_core/types/fixed_point.hpp"

namespace gateway {

namespace detail {

struct UInt256 {
  UInt128 low = 0;
  UInt128 high = 0;
};

/// Multiplies in place. False when the product needs more than 256 bits.
[[nodiscard]] constexpr bool multiply_in_place(UInt256& value, UInt128 factor) noexcept {
  std::uint64_t limbs[4] = {
      static_cast<std::uint64_t>(value.low), static_cast<std::uint64_t>(value.low >> 64),
      static_cast<std::uint64_t>(value.high), static_cast<std::uint64_t>(value.high >> 64)};
  const std::uint64_t factors[2] = {static_cast<std::uint64_t>(factor),
                                    static_cast<std::uint64_t>(factor >> 64)};
  std::uint64_t product[6] = {};
  for (int j = 0; j < 2; ++j) {
    std::uint64_t carry = 0;
    for (int i = 0; i < 4; ++i) {
      const UInt128 sum = static_cast<UInt128>(limbs[i]) * factors[j] + product[i + j] + carry;
      product[i + j] = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64);
    }
    product[4 + j] = carry;
  }
  value.low = (static_cast<UInt128>(product[1]) << 64) | product[0];
  value.high = (static_cast<UInt128>(product[3]) << 64) | product[2];
  return product[4] == 0 && product[5] == 0;
}

/// Half-even quotient of the magnitudes; nullopt for a zero divisor or a quotient beyond 127 bits.
[[nodiscard]] constexpr std::optional<UInt128> divide_half_even(UInt256 value,
                                                                UInt128 divisor) noexcept {
  if (divisor == 0 || value.high >= divisor) return std::nullopt;
  UInt128 remainder = value.high;
  UInt128 quotient = 0;
  for (int bit = 127; bit >= 0; --bit) {
    const bool carried = (remainder >> 127) != 0;
    remainder = (remainder << 1) | ((value.low >> bit) & 1);
    quotient <<= 1;
    if (carried || remainder >= divisor) {
      remainder -= divisor;
      quotient |= 1;
    }
  }
  const UInt128 rest = divisor - remainder;
  if (remainder > rest || (remainder == rest && (quotient & 1) != 0)) ++quotient;
  if (quotient > static_cast<UInt128>(kInt128Max)) return std::nullopt;
  return quotient;
}

}  // namespace detail

/// Product of `over` divided by product of `under`, half-even on the magnitude. nullopt when the
/// divisor is zero, `over` passes 256 bits, `under` 128 bits or the result 127 bits.
[[nodiscard]] constexpr std::optional<Int128> wide_ratio(
    std::initializer_list<Int128> over, std::initializer_list<Int128> under) noexcept {
  bool negative = false;
  detail::UInt256 numerator{1, 0};
  detail::UInt256 divisor{1, 0};
  for (const Int128 factor : over) {
    negative = negative != (factor < 0);
    if (!detail::multiply_in_place(numerator, magnitude(factor))) return std::nullopt;
  }
  for (const Int128 factor : under) {
    negative = negative != (factor < 0);
    if (!detail::multiply_in_place(divisor, magnitude(factor))) return std::nullopt;
  }
  if (divisor.high != 0) return std::nullopt;
  const auto quotient = detail::divide_half_even(numerator, divisor.low);
  if (!quotient) return std::nullopt;
  return negative ? -static_cast<Int128>(*quotient) : static_cast<Int128>(*quotient);
}

/// The two factors of 10^exponent, one of them 1: multiply the numerator by `over`, the divisor by
/// `under`. |exponent| <= 38.
struct PowerOfTen {
  Int128 over = 1;
  Int128 under = 1;
};
[[nodiscard]] constexpr PowerOfTen power_of_ten(int exponent) noexcept {
  return exponent >= 0 ? PowerOfTen{pow10_128(exponent), 1} : PowerOfTen{1, pow10_128(-exponent)};
}

}  // namespace gateway
