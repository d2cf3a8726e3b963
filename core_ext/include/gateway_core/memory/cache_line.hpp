// Keeps words of different threads on different cache lines. Knows sizes only, no behaviour.
#pragma once

#include <cstddef>
#include <utility>

namespace gateway {

/// Bytes that travel together between cores. A constant of the layout, not of the machine it was
/// built on: shared-memory rings are read by other programs.
inline constexpr std::size_t kCacheLine = 64;
/// Distance that also keeps the adjacent-line prefetcher apart; for the few words two threads poll.
inline constexpr std::size_t kFalseSharingRange = 2 * kCacheLine;

/// Whether two offsets of an object that begins on a border of `range` lie in different ranges.
[[nodiscard]] constexpr bool is_apart(std::size_t a, std::size_t b,
                                      std::size_t range = kCacheLine) noexcept {
  return a / range != b / range;
}

/// A value alone on its cache lines.
template <typename T>
struct alignas(kCacheLine) Padded {
  T value{};

  Padded() = default;
  template <typename... Arguments>
  explicit constexpr Padded(std::in_place_t, Arguments&&... arguments)
      : value(std::forward<Arguments>(arguments)...) {}
};
static_assert(sizeof(Padded<char>) == kCacheLine && alignof(Padded<char>) == kCacheLine);

}  // namespace gateway
