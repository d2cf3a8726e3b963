// Exact numbers of the gateway: integer mantissas, 128-bit money, one rounding division.
// Must never touch a floating-point type. Every operation that can overflow says so.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace gateway {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

/// Decimal digits behind the point of every Money value.
inline constexpr int kMoneyScale = 18;
/// Largest sum of price, quantity and multiplier scale an instrument may have.
inline constexpr int kScaleSumMax = 18;

inline constexpr std::int64_t kPow10_64[19] = {1LL,
                                               10LL,
                                               100LL,
                                               1000LL,
                                               10000LL,
                                               100000LL,
                                               1000000LL,
                                               10000000LL,
                                               100000000LL,
                                               1000000000LL,
                                               10000000000LL,
                                               100000000000LL,
                                               1000000000000LL,
                                               10000000000000LL,
                                               100000000000000LL,
                                               1000000000000000LL,
                                               10000000000000000LL,
                                               100000000000000000LL,
                                               1000000000000000000LL};

/// 10^exponent for 0 <= exponent <= 38.
[[nodiscard]] constexpr Int128 pow10_128(int exponent) noexcept {
  Int128 value = 1;
  for (int i = 0; i < exponent; ++i) value *= 10;
  return value;
}

inline constexpr Int128 kInt128Max = static_cast<Int128>(~UInt128{0} >> 1);
inline constexpr Int128 kInt128Min = -kInt128Max - 1;

[[nodiscard]] constexpr UInt128 magnitude(Int128 value) noexcept {
  return value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

[[nodiscard]] constexpr std::uint64_t magnitude_64(std::int64_t value) noexcept {
  return value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value)
                   : static_cast<std::uint64_t>(value);
}

[[nodiscard]] inline bool add_overflows(Int128 a, Int128 b, Int128& out) noexcept {
  return __builtin_add_overflow(a, b, &out);
}
[[nodiscard]] inline bool multiply_overflows(Int128 a, Int128 b, Int128& out) noexcept {
  return __builtin_mul_overflow(a, b, &out);
}

enum class Rounding : std::uint8_t { kHalfEven, kDown, kUp };

namespace detail {

struct UInt192 {
  std::uint64_t low, middle, high;
};

[[nodiscard]] constexpr UInt192 multiply_192(UInt128 a, std::uint64_t b) noexcept {
  const UInt128 low = static_cast<UInt128>(static_cast<std::uint64_t>(a)) * b;
  const UInt128 high = static_cast<UInt128>(static_cast<std::uint64_t>(a >> 64)) * b +
                       static_cast<std::uint64_t>(low >> 64);
  return {static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(high),
          static_cast<std::uint64_t>(high >> 64)};
}

/// Divides a 128-bit value whose high word is below the divisor. Uses the machine's own division.
[[nodiscard]] inline std::uint64_t divide_step(std::uint64_t high, std::uint64_t low,
                                               std::uint64_t divisor,
                                               std::uint64_t& remainder) noexcept {
#if defined(__x86_64__)
  std::uint64_t quotient;
  __asm__("divq %4" : "=a"(quotient), "=d"(remainder) : "0"(low), "1"(high), "r"(divisor) : "cc");
  return quotient;
#else
  const UInt128 value = (static_cast<UInt128>(high) << 64) | low;
  remainder = static_cast<std::uint64_t>(value % divisor);
  return static_cast<std::uint64_t>(value / divisor);
#endif
}

}  // namespace detail

/// a * b / d with a 192-bit intermediate and the given rounding of the magnitude's remainder.
/// `d` must not be zero. Returns nullopt when the result does not fit 127 bits.
[[nodiscard]] inline std::optional<Int128> mul_div(
    Int128 a, std::int64_t b, std::int64_t d, Rounding rounding = Rounding::kHalfEven) noexcept {
  const bool negative = ((a < 0) != (b < 0)) != (d < 0);
  const auto divisor = static_cast<std::uint64_t>(magnitude(d));
  const auto product = detail::multiply_192(magnitude(a), static_cast<std::uint64_t>(magnitude(b)));
  if (product.high >= divisor) return std::nullopt;
  std::uint64_t remainder = product.high;
  const std::uint64_t high = detail::divide_step(remainder, product.middle, divisor, remainder);
  const std::uint64_t low = detail::divide_step(remainder, product.low, divisor, remainder);
  UInt128 quotient = (static_cast<UInt128>(high) << 64) | low;
  if (remainder != 0) {
    const std::uint64_t rest = divisor - remainder;
    const bool half_up = remainder > rest || (remainder == rest && (quotient & 1) != 0);
    if (rounding == Rounding::kUp || (rounding == Rounding::kHalfEven && half_up)) ++quotient;
  }
  if (quotient > static_cast<UInt128>(kInt128Max)) return std::nullopt;
  const auto result = static_cast<Int128>(quotient);
  return negative ? -result : result;
}

/// Money at 10^-18 of a currency. A plain value: copyable, comparable, never a float.
struct Money {
  Int128 e18 = 0;
  friend constexpr bool operator==(Money, Money) = default;
  friend constexpr auto operator<=>(Money a, Money b) noexcept { return a.e18 <=> b.e18; }
};

}  // namespace gateway
