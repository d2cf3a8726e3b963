// From a 64-bit key to a 32-bit slot number: open addressing, fixed capacity, no allocation after
// construction, no tombstones. Owner thread only. Every step count is bounded; full is an answer.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "gateway_core/memory/cache_line.hpp"

namespace gateway {

enum class IndexInsert : std::uint8_t { kInserted, kExists, kFull };

class HashIndex {
 public:
  /// Answer of find() for a key that is not here; never a value.
  static constexpr std::uint32_t kAbsent = 0xFFFFFFFF;
  /// No key stands further from its home than this; an insert that would need more is kFull.
  static constexpr std::size_t kProbeMax = 1024;

  /// Room for `capacity` keys at half load.
  explicit HashIndex(std::uint32_t capacity)
      : capacity_(capacity),
        mask_(std::bit_ceil(std::size_t{2} * (capacity < 4 ? 4 : capacity)) - 1),
        shift_(64 - std::countr_one(mask_)),
        entries_(std::make_unique<Entry[]>(mask_ + 1)) {}

  [[nodiscard]] std::uint32_t find(std::uint64_t key) const noexcept {
    const std::size_t at = locate(key);
    return at == kNowhere ? kAbsent : entries_[at].value;
  }

  /// `value` must not be kAbsent. An existing key keeps its value.
  [[nodiscard]] IndexInsert insert(std::uint64_t key, std::uint32_t value) noexcept {
    const std::size_t start = home(key);
    for (std::size_t step = 0; step <= probe_limit(); ++step) {
      Entry& entry = entries_[(start + step) & mask_];
      if (entry.value == kAbsent) {
        if (size_ == capacity_) return IndexInsert::kFull;
        entry = {key, value};
        ++size_;
        return IndexInsert::kInserted;
      }
      if (entry.key == key) return IndexInsert::kExists;
    }
    return IndexInsert::kFull;
  }

  /// False when the key is not here. Followers move up, so that no probe ever crosses a gap.
  bool erase(std::uint64_t key) noexcept {
    std::size_t hole = locate(key);
    if (hole == kNowhere) return false;
    for (std::size_t step = 1; step <= probe_limit(); ++step) {
      const std::size_t at = (hole + step) & mask_;
      if (entries_[at].value == kAbsent) break;
      const std::size_t from_home = (at - home(entries_[at].key)) & mask_;
      if (from_home >= step) {
        entries_[hole] = entries_[at];
        hole = at;
        step = 0;
      }
    }
    entries_[hole] = {};
    --size_;
    return true;
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

 private:
  struct Entry {
    std::uint64_t key = 0;
    std::uint32_t value = kAbsent;
    std::uint32_t reserved = 0;
  };
  static_assert(sizeof(Entry) == 16);
  static constexpr std::size_t kNowhere = ~std::size_t{0};
  /// Keys that follow each other share a cache line: ids are made in sequence and used together.
  static constexpr std::uint64_t kGroup = kCacheLine / sizeof(Entry);

  [[nodiscard]] std::size_t home(std::uint64_t key) const noexcept {
    constexpr std::uint64_t kOddRatio = 0x9E3779B97F4A7C15ULL;
    const std::uint64_t group = (key / kGroup) ^ (key >> 33);
    const auto mixed = static_cast<std::size_t>((group * kOddRatio) >> shift_);
    return (mixed & ~(kGroup - 1)) | (key & (kGroup - 1));
  }
  [[nodiscard]] std::size_t probe_limit() const noexcept {
    return mask_ < kProbeMax ? mask_ : kProbeMax;
  }
  [[nodiscard]] std::size_t locate(std::uint64_t key) const noexcept {
    const std::size_t start = home(key);
    for (std::size_t step = 0; step <= probe_limit(); ++step) {
      const std::size_t at = (start + step) & mask_;
      if (entries_[at].value == kAbsent) return kNowhere;
      if (entries_[at].key == key) return at;
    }
    return kNowhere;
  }

  std::uint32_t capacity_;
  std::uint32_t size_ = 0;
  std::size_t mask_;
  int shift_;
  std::unique_ptr<Entry[]> entries_;
};

}  // namespace gateway
