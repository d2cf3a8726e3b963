// Fixed-width text inside records and order slots: zero-padded bytes, no terminator when full.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace gateway {

template <std::size_t N>
struct alignas(8) Text {  // whole words, so that hashing and copying go by eights
  static_assert(N % 8 == 0);
  std::array<char, N> bytes{};

  static constexpr std::size_t kCapacity = N;

  /// Copies at most N bytes; the caller has checked the length where cutting would be a loss.
  void assign(std::string_view text) noexcept {
    bytes.fill(0);
    std::memcpy(bytes.data(), text.data(), text.size() < N ? text.size() : N);
  }
  [[nodiscard]] std::string_view view() const noexcept {
    return {bytes.data(), strnlen(bytes.data(), N)};
  }
  [[nodiscard]] bool empty() const noexcept { return bytes[0] == 0; }
  friend bool operator==(const Text& a, const Text& b) noexcept { return a.bytes == b.bytes; }
};

}  // namespace gateway
