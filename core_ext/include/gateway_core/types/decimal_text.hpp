// Decimal text in and out: the only way a number crosses a wire. No exponents, floats or locale.
// Must never accept a text it cannot give back exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway_core/types/fixed_point.hpp"

namespace gateway {

enum class DecimalFault : std::uint8_t { kNone, kSyntax, kPrecision, kOverflow };

struct ParsedDecimal {
  Int128 mantissa = 0;
  DecimalFault fault = DecimalFault::kNone;
};

/// Longest decimal text accepted; a longer one is kSyntax. Bounds the work a stranger can cause.
inline constexpr std::size_t kDecimalTextMax = 64;

/// Reads `[-]digits[.digits]` into a mantissa at `scale`. Excess trailing zeros are accepted, other
/// excess digits are kPrecision; a mantissa beyond 126 bits is kOverflow.
[[nodiscard]] inline ParsedDecimal parse_decimal(std::string_view text, int scale) noexcept {
  if (text.empty() || text.size() > kDecimalTextMax) return {0, DecimalFault::kSyntax};
  std::size_t at = 0;
  const bool negative = text[0] == '-';
  if (negative) ++at;
  constexpr Int128 kSafe = (kInt128Max - 9) / 10;
  Int128 value = 0;
  int fraction_digits = -1;
  std::size_t digits = 0;
  bool imprecise = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.') {
      if (fraction_digits >= 0 || digits == 0) return {0, DecimalFault::kSyntax};
      fraction_digits = 0;
      continue;
    }
    if (c < '0' || c > '9') return {0, DecimalFault::kSyntax};
    ++digits;
    if (fraction_digits >= scale) {
      imprecise = imprecise || c != '0';
      continue;
    }
    if (value > kSafe) return {0, DecimalFault::kOverflow};
    value = value * 10 + (c - '0');
    if (fraction_digits >= 0) ++fraction_digits;
  }
  if (digits == 0 || text.back() == '.') return {0, DecimalFault::kSyntax};
  if (imprecise) return {0, DecimalFault::kPrecision};
  for (int i = fraction_digits < 0 ? 0 : fraction_digits; i < scale; ++i) {
    if (value > kSafe) return {0, DecimalFault::kOverflow};
    value *= 10;
  }
  return {negative ? -value : value, DecimalFault::kNone};
}

/// Canonical text: no trailing zeros, no bare point, "0" for zero.
[[nodiscard]] inline std::string format_decimal(Int128 mantissa, int scale) {
  char buffer[48];
  std::size_t at = sizeof buffer;
  UInt128 rest = magnitude(mantissa);
  bool significant = false;
  for (int place = 0; rest != 0 || place <= scale; ++place) {
    if (place == scale && significant) buffer[--at] = '.';
    const auto digit = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
    significant = significant || digit != '0' || place >= scale;
    if (significant) buffer[--at] = digit;
  }
  if (mantissa < 0) buffer[--at] = '-';
  return std::string(buffer + at, sizeof buffer - at);
}

}  // namespace gateway
