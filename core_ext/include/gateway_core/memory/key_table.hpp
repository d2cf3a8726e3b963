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

/// A 128-bit name in the making: words are taken in pairs, mixed independently of each other so
/// that the processor overlaps them, each at a position of its own. Stable: names are part of
/// hashed state.
class Naming {
 public:
  explicit Naming(std::uint64_t scope) noexcept : high_(scope + kA), low_(scope ^ kB) {}

  /// Zero-padded words; a tail of zeros costs nothing. `position` keeps several texts apart.
  template <std::size_t N>
  void take(const std::uint64_t (&words)[N], std::uint64_t position = 0) noexcept {
    for (std::size_t i = 0; i < N; i += 2) {
      if (i > 0 && is_zero_from(words, i)) break;
      const std::uint64_t at = position + 2 * i;
      const std::uint64_t first = words[i] ^ (kA * (at + 3));
      const std::uint64_t second = (i + 1 < N ? words[i + 1] : 0) ^ (kB * (at + 5));
      high_ += mix(first, second + kB);
      low_ += mix(first + kA, second ^ (kA >> 1));
    }
  }
  template <std::size_t N>
  void take(const Text<N>& text, std::uint64_t position = 0) noexcept {
    static_assert(N % 8 == 0);
    std::uint64_t words[N / 8];
    std::memcpy(words, text.bytes.data(), N);
    take(words, position);
  }
  /// Never {0, 0}, which marks an empty place.
  [[nodiscard]] Key128 name() const noexcept { return {mix(high_, kB ^ low_) | 1, mix(low_, kA)}; }

 private:
  static constexpr std::uint64_t kA = 0x9E3779B97F4A7C15ULL;
  static constexpr std::uint64_t kB = 0xD6E8FEB86659FD93ULL;

  template <std::size_t N>
  [[nodiscard]] static bool is_zero_from(const std::uint64_t (&words)[N],
                                         std::size_t first) noexcept {
    std::uint64_t bits = 0;
    for (std::size_t i = first; i < N; ++i) bits |= words[i];
    return bits == 0;
  }

  std::uint64_t high_;
  std::uint64_t low_;
};

/// Name of zero-padded words within a scope.
template <std::size_t N>
[[nodiscard]] inline Key128 words_key(std::uint64_t scope,
                                      const std::uint64_t (&words)[N]) noexcept {
  Naming naming(scope);
  naming.take(words);
  return naming.name();
}
/// Name of one fixed-width text.
template <std::size_t N>
[[nodiscard]] inline Key128 text_key(std::uint64_t scope, const Text<N>& text) noexcept {
  Naming naming(scope);
  naming.take(text);
  return naming.name();
}
/// Name of a pair of fixed-width texts.
template <std::size_t N, std::size_t M>
[[nodiscard]] inline Key128 text_key(std::uint64_t scope, const Text<N>& a,
                                     const Text<M>& b) noexcept {
  Naming naming(scope);
  naming.take(a);
  naming.take(b, 2 * N);
  return naming.name();
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
