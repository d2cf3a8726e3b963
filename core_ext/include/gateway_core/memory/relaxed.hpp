// One writer, many readers on plain structs: the writer stores fields by relaxed atomics, readers
// copy whole words and retry when the version moved. No lock, the writer never waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "gateway_core/types/fixed_point.hpp"

namespace gateway {

/// Writer only. A plain store on every target; atomic so that readers never see half a field.
template <typename T>
  requires(std::is_trivially_copyable_v<T> && sizeof(T) <= 8)
inline void put(T& field, std::type_identity_t<T> value) noexcept {
  __atomic_store(&field, &value, __ATOMIC_RELAXED);
}

/// 128 bits go as two words; only a version check makes them one.
inline void put(Int128& field, Int128 value) noexcept {
  std::uint64_t words[2];
  std::memcpy(words, &value, sizeof words);
  auto* target = reinterpret_cast<std::uint64_t*>(&field);
  __atomic_store_n(&target[0], words[0], __ATOMIC_RELAXED);
  __atomic_store_n(&target[1], words[1], __ATOMIC_RELAXED);
}

/// Copies `source` over `target` word by word for readers that may look on.
template <typename T>
inline void put_all(T& target, const T& source) noexcept {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0 && alignof(T) >= 8);
  std::uint64_t words[sizeof(T) / 8];
  std::memcpy(words, &source, sizeof(T));
  auto* out = reinterpret_cast<std::uint64_t*>(&target);
#pragma GCC unroll 16
  for (std::size_t i = 0; i < sizeof(T) / 8; ++i) {
    __atomic_store_n(&out[i], words[i], __ATOMIC_RELAXED);
  }
}

/// Odd while the writer is inside. T's first member must be this.
using Version = std::uint64_t;

// The thread sanitizer does not know fences: there the exchange and acquire loads order the same,
// at a price that only tests pay. The explorer (docs/concepts/proof.md) does know them.
#ifndef GATEWAY_HAS_FENCES
#if defined(__SANITIZE_THREAD__)
#define GATEWAY_HAS_FENCES 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GATEWAY_HAS_FENCES 0
#endif
#endif
#endif
#ifndef GATEWAY_HAS_FENCES
#define GATEWAY_HAS_FENCES 1
#endif

inline void begin_write(Version& version) noexcept {
#if GATEWAY_HAS_FENCES
  __atomic_store_n(&version, version + 1, __ATOMIC_RELAXED);
  std::atomic_thread_fence(std::memory_order_release);  // Pairs with the acquire fence in read().
#else
  __atomic_exchange_n(&version, version + 1, __ATOMIC_ACQ_REL);
#endif
}
inline void end_write(Version& version) noexcept {
  __atomic_store_n(&version, version + 1,
                   __ATOMIC_RELEASE);  // Pairs with the first load in read().
}

/// A consistent copy, or false after `tries` (the writer was busy each time; ask again later).
template <typename T>
[[nodiscard]] inline bool read(const T& source, T& copy, int tries = 1000) noexcept {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
  const auto* words = reinterpret_cast<const std::uint64_t*>(&source);
  std::uint64_t local[sizeof(T) / 8];
  for (int i = 0; i < tries; ++i) {
    const Version before = __atomic_load_n(&words[0], __ATOMIC_ACQUIRE);
    if ((before & 1) != 0) continue;
    for (std::size_t w = 0; w < sizeof(T) / 8; ++w) {
      local[w] =
          __atomic_load_n(&words[w], GATEWAY_HAS_FENCES ? __ATOMIC_RELAXED : __ATOMIC_ACQUIRE);
    }
#if GATEWAY_HAS_FENCES
    std::atomic_thread_fence(std::memory_order_acquire);
#endif
    if (__atomic_load_n(&words[0], __ATOMIC_RELAXED) == before) {
      std::memcpy(&copy, local, sizeof(T));
      return true;
    }
  }
  return false;
}

}  // namespace gateway
