// Open-addressing table from a 128-bit key to a 64-bit value, fixed capacity, no allocation after
// construction. Owner thread only. A full table is an answer (insert returns false), never a
// growth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "gateway_core/memory/huge_array.hpp"
#include "gateway_core/types/fixed_point.hpp"
#include "gateway_core/types/text.hpp"

namespace gateway {

struct Key128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const Key128&, const Key128&) = default;
};

/// Folded 64x64 multiply: cheap and well mixed.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  const UInt128 product = static_cast<UInt128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// 128-bit name of zero-padded words within a scope. Stable: it is part of hashed state. Pairs are
/// mixed independently, so that the processor overlaps them.
template <std::size_t N>
[[nodiscard]] inline Key128 words_key(std::uint64_t scope,
                                      const std::uint64_t (&words)[N]) noexcept {
  constexpr std::uint64_t kA = 0x9E3779B97F4A7C15ULL;
  constexpr std::uint64_t kB = 0xD6E8FEB86659FD93ULL;
  std::uint64_t high = scope + kA;
  std::uint64_t low = scope ^ kB;
  for (std::size_t i = 0; i < N; i += 2) {
    const std::uint64_t first = words[i] ^ (kA * (2 * i + 3));
    const std::uint64_t second = (i + 1 < N ? words[i + 1] : 0) ^ (kB * (2 * i + 5));
    high += mix(first, second + kB);
    low += mix(first + kA, second ^ (kA >> 1));
  }
  return {mix(high, kB ^ low) | 1, mix(low, kA)};  // Never {0, 0}, which marks an empty slot.
}

/// Name of one fixed-width text.
template <std::size_t N>
[[nodiscard]] inline Key128 text_key(std::uint64_t scope, const Text<N>& text) noexcept {
  static_assert(N % 8 == 0);
  std::uint64_t words[N / 8];
  std::memcpy(words, text.bytes.data(), N);
  return words_key(scope, words);
}

/// Name of a pair of fixed-width texts.
template <std::size_t N, std::size_t M>
[[nodiscard]] inline Key128 text_key(std::uint64_t scope, const Text<N>& a,
                                     const Text<M>& b) noexcept {
  static_assert(N % 8 == 0 && M % 8 == 0);
  std::uint64_t words[(N + M) / 8];
  std::memcpy(words, a.bytes.data(), N);
  std::memcpy(words + N / 8, b.bytes.data(), M);
  return words_key(scope, words);
}

class KeyTable {
 public:
  /// Holds at least `capacity` keys; memory is taken by use or by prefault().
  explicit KeyTable(std::size_t capacity) : capacity_(capacity) {
    std::size_t slots = 16;
    while (slots < capacity * 2) slots *= 2;
    mask_ = slots - 1;
    slots_ = HugeArray<Slot>(slots);
  }

  void prefault() noexcept { slots_.prefault(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool is_full() const noexcept { return size_ >= capacity_; }

  /// Brings the key's place near, for a find() or insert() that comes soon.
  void prefetch(Key128 key) const noexcept { __builtin_prefetch(&slots_[home(key)], 1); }

  /// The value, or nullptr.
  [[nodiscard]] const std::uint64_t* find(Key128 key) const noexcept {
    if (key == Key128{}) return nullptr;
    for (std::size_t at = home(key);; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.key == key) return &slot.value;
      if (slot.key == Key128{}) return nullptr;
    }
  }

  /// Inserts or overwrites. False when a new key finds the table full.
  bool insert(Key128 key, std::uint64_t value) noexcept {
    std::size_t at = home(key);
    for (;; at = (at + 1) & mask_) {
      if (slots_[at].key == key) break;
      if (slots_[at].key == Key128{}) {
        if (is_full()) return false;
        ++size_;
        break;
      }
    }
    slots_[at] = {key, value};
    return true;
  }

  /// Removes the key when present; later members of the run move up so that no tombstones remain.
  void erase(Key128 key) noexcept {
    if (key == Key128{}) return;  // marks an empty slot, never a member
    std::size_t hole = home(key);
    for (;; hole = (hole + 1) & mask_) {
      if (slots_[hole].key == key) break;
      if (slots_[hole].key == Key128{}) return;
    }
    for (std::size_t at = (hole + 1) & mask_; !(slots_[at].key == Key128{});
         at = (at + 1) & mask_) {
      const std::size_t want = home(slots_[at].key);
      if (((at - want) & mask_) >= ((at - hole) & mask_)) {
        slots_[hole] = slots_[at];
        hole = at;
      }
    }
    slots_[hole] = {};
    --size_;
  }

  /// Calls visit(key, value) in slot order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i <= mask_; ++i) {
      if (!(slots_[i].key == Key128{})) visit(slots_[i].key, slots_[i].value);
    }
  }

  /// Keeps the entries for which keep(key, value) is true.
  template <typename Keep>
  void retain(Keep&& keep) {
    HugeArray<Slot> old = std::move(slots_);
    slots_ = HugeArray<Slot>(mask_ + 1);
    size_ = 0;
    for (std::size_t i = 0; i <= mask_; ++i) {
      if (!(old[i].key == Key128{}) && keep(old[i].key, old[i].value))
        insert(old[i].key, old[i].value);
    }
  }

 private:
  struct Slot {
    Key128 key;
    std::uint64_t value = 0;
  };
  [[nodiscard]] std::size_t home(Key128 key) const noexcept {
    constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;
    return static_cast<std::size_t>(mix(key.high, key.low ^ kGolden)) & mask_;
  }

  std::size_t capacity_;
  std::size_t size_ = 0;
  std::size_t mask_ = 0;
  HugeArray<Slot> slots_;
};

}  // namespace gateway
