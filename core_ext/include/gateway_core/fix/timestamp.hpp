// UTCTimestamp and dates of FIX, in nanoseconds since 1970. Must never read a clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gateway::fix {

inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::int64_t kSecondsPerDay = 86'400;
inline constexpr std::size_t kTimestampBytesMax = 27;  // YYYYMMDD-HH:MM:SS.nnnnnnnnn

namespace detail {

/// `count` digits at `text`; -1 when one is none.
[[nodiscard]] constexpr int digits(const char* text, int count) noexcept {
  int value = 0;
  for (int i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

constexpr void put_digits(char* out, int count, std::int64_t value) noexcept {
  for (int i = count - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace detail

/// Days since 1970 of YYYYMMDD; false when there is no such day in 1970 to 2261.
[[nodiscard]] constexpr bool parse_date(std::string_view text, std::int64_t& days) noexcept {
  if (text.size() != 8) return false;
  const int year = detail::digits(text.data(), 4);
  const int month = detail::digits(text.data() + 4, 2);
  const int day = detail::digits(text.data() + 6, 2);
  if (year < 1970 || year > 2261 || month < 1 || day < 1) return false;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  days = std::chrono::sys_days(date).time_since_epoch().count();
  return true;
}

/// YYYYMMDD-HH:MM:SS with up to nine digits behind a point. A leap second (:60) is the next second.
[[nodiscard]] constexpr bool parse_timestamp(std::string_view text, std::int64_t& ns) noexcept {
  std::int64_t days = 0;
  if (text.size() < 17 || !parse_date(text.substr(0, 8), days)) return false;
  if (text[8] != '-' || text[11] != ':' || text[14] != ':') return false;
  const int hour = detail::digits(text.data() + 9, 2);
  const int minute = detail::digits(text.data() + 12, 2);
  const int second = detail::digits(text.data() + 15, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return false;
  std::int64_t fraction = 0;
  if (text.size() > 17) {
    const auto count = static_cast<int>(text.size()) - 18;
    if (text[17] != '.' || count < 1 || count > 9) return false;
    fraction = detail::digits(text.data() + 18, count);
    if (fraction < 0) return false;
    for (int i = count; i < 9; ++i) fraction *= 10;
  }
  const std::int64_t seconds = days * kSecondsPerDay + hour * 3600 + minute * 60 + second;
  ns = seconds * kNsPerSecond + fraction;
  return true;
}

/// Writes into at least kTimestampBytesMax bytes; `precision` is 0, 3, 6 or 9 digits, the rest is
/// cut off. `ns` from 1970 to 2261.
[[nodiscard]] inline std::size_t write_timestamp(char* out, std::int64_t ns,
                                                 int precision) noexcept {
  const std::int64_t seconds = ns / kNsPerSecond;
  const std::int64_t of_day = seconds % kSecondsPerDay;
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(seconds / kSecondsPerDay))};
  detail::put_digits(out, 4, static_cast<int>(date.year()));
  detail::put_digits(out + 4, 2, static_cast<unsigned>(date.month()));
  detail::put_digits(out + 6, 2, static_cast<unsigned>(date.day()));
  out[8] = '-';
  detail::put_digits(out + 9, 2, of_day / 3600);
  out[11] = ':';
  detail::put_digits(out + 12, 2, of_day / 60 % 60);
  out[14] = ':';
  detail::put_digits(out + 15, 2, of_day % 60);
  if (precision == 0) return 17;
  std::int64_t fraction = ns % kNsPerSecond;
  for (int i = precision; i < 9; ++i) fraction /= 10;
  out[17] = '.';
  detail::put_digits(out + 18, precision, fraction);
  return 18 + static_cast<std::size_t>(precision);
}

}  // namespace gateway::fix
