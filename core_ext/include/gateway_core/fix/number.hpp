// Exact numbers in FIX fields: a mantissa and the scale it was written with. An instrument's own
// scale comes later, when its symbol is known. Must never round.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "gateway_core/types/decimal_text.hpp"

namespace gateway::fix {

/// kFormat: not what the type allows (373=6); kRange: the type allows it, we do not (373=5).
enum class ValueFault : std::uint8_t { kNone, kFormat, kRange };

inline constexpr std::int8_t kAbsent = -1;

struct Decimal {
  std::int64_t mantissa = 0;
  std::int8_t scale = kAbsent;

  [[nodiscard]] bool is_set() const noexcept { return scale != kAbsent; }
};

/// FIX float: plain digits, an optional minus, an optional point that may end the text. Trailing
/// zeros are dropped, so that equal numbers are equal.
[[nodiscard]] inline ValueFault parse_number(std::string_view text, Decimal& out) noexcept {
  const std::size_t point = text.find('.');
  int scale = 0;
  if (point != std::string_view::npos) {
    while (text.size() > point + 1 && text.back() == '0') text.remove_suffix(1);
    if (text.size() == point + 1) text.remove_suffix(1);
    scale = static_cast<int>(text.size() > point ? text.size() - point - 1 : 0);
  }
  const bool is_fine = scale > kScaleSumMax;
  const ParsedDecimal parsed = parse_decimal(text, is_fine ? kScaleSumMax : scale);
  if (parsed.fault == DecimalFault::kSyntax) return ValueFault::kFormat;
  if (is_fine || parsed.fault != DecimalFault::kNone) return ValueFault::kRange;
  if (parsed.mantissa > INT64_MAX || parsed.mantissa < INT64_MIN) return ValueFault::kRange;
  out = {static_cast<std::int64_t>(parsed.mantissa), static_cast<std::int8_t>(scale)};
  return ValueFault::kNone;
}

/// The mantissa at an instrument's scale.
[[nodiscard]] inline DecimalFault rescale(Decimal number, int scale, std::int64_t& out) noexcept {
  if (number.scale > scale) {
    const std::int64_t step = kPow10_64[number.scale - scale];
    if (number.mantissa % step != 0) return DecimalFault::kPrecision;
    out = number.mantissa / step;
    return DecimalFault::kNone;
  }
  const std::int64_t step = kPow10_64[scale - number.scale];
  return __builtin_mul_overflow(number.mantissa, step, &out) ? DecimalFault::kOverflow
                                                             : DecimalFault::kNone;
}

/// Digits only, as a sequence number or a count is written.
[[nodiscard]] inline ValueFault parse_count(std::string_view text, std::uint64_t& out) noexcept {
  if (text.empty() || text.size() > 19)
    return text.empty() ? ValueFault::kFormat : ValueFault::kRange;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return ValueFault::kFormat;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  out = value;
  return ValueFault::kNone;
}

inline constexpr std::size_t kNumberBytesMax = 24;

/// Writes digits in front of `end` and returns where they begin.
[[nodiscard]] inline char* write_count_before(char* end, std::uint64_t value) noexcept {
  do {
    *--end = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return end;
}

/// Canonical text as format_decimal's, but into at least kNumberBytesMax bytes of the caller.
[[nodiscard]] inline std::size_t write_number(char* out, Decimal number) noexcept {
  char buffer[kNumberBytesMax];
  char* const end = buffer + sizeof buffer;
  std::uint64_t rest = magnitude_64(number.mantissa);
  int scale = number.scale;
  while (scale > 0 && rest % 10 == 0) {
    rest /= 10;
    --scale;
  }
  char* at = end;
  for (int place = 0; rest != 0 || place <= scale; ++place) {
    if (place == scale && scale > 0) *--at = '.';
    *--at = static_cast<char>('0' + rest % 10);
    rest /= 10;
  }
  if (number.mantissa < 0) *--at = '-';
  const auto bytes = static_cast<std::size_t>(end - at);
  std::memcpy(out, at, bytes);
  return bytes;
}

}  // namespace gateway::fix
