// FIX messages for tests, written with | for SOH; length and sum are put right or wrong on purpose.
#pragma once

#include <string>
#include <string_view>

namespace sample {

inline std::string soh(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '|') c = '\x01';
  }
  return out;
}

inline std::string sum_of(std::string_view text) {
  unsigned sum = 0;
  for (const char c : text) sum += static_cast<unsigned char>(c);
  sum %= 256;
  return {static_cast<char>('0' + sum / 100), static_cast<char>('0' + sum / 10 % 10),
          static_cast<char>('0' + sum % 10)};
}

/// `front` through the field 9, then the body, then the right sum.
inline std::string close(std::string front) {
  const std::string sum = sum_of(front);
  return front + "10=" + sum + "\x01";
}

/// A message whose BodyLength is off by `wrong`.
inline std::string message(std::string_view body, int wrong = 0,
                           std::string_view begin = "FIX.4.4") {
  const std::string inside = soh(body);
  const auto bytes = static_cast<int>(inside.size()) + wrong;
  return close("8=" + std::string(begin) + "\x01" + "9=" + std::to_string(bytes) + "\x01" + inside);
}

}  // namespace sample
