// From a hash to the number of a row that lives elsewhere. Each place keeps 32 bits of the hash
// beside the row, so that looking in vain touches no row; removing moves followers back, so nothing
// is left behind. Fixed capacity. Owner thread only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gateway_core/memory/huge_array.hpp"

namespace gateway {

class TagTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  /// Holds `rows` rows in twice as many places or more.
  explicit TagTable(std::size_t rows) {
    std::size_t places = 16;
    while (places < rows * 2) places *= 2;
    mask_ = static_cast<std::uint32_t>(places - 1);
    places_ = HugeArray<Place>(places);
  }

  void prefault() noexcept { places_.prefault(); }
  /// Brings near what this hash will look at.
  void prefetch(std::uint64_t hash) const noexcept {
    __builtin_prefetch(&places_[tag_of(hash) & mask_], 1);
  }

  /// The row under this hash that is_wanted(row), or kNone.
  template <typename IsWanted>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, IsWanted&& is_wanted) const noexcept {
    const std::uint32_t tag = tag_of(hash);
    for (std::uint32_t at = tag & mask_; places_[at].next_row != 0; at = (at + 1) & mask_) {
      const Place& place = places_[at];
      if (place.tag == tag && is_wanted(place.next_row - 1)) return place.next_row - 1;
    }
    return kNone;
  }
  /// The row is not in; the caller never holds more rows than the constructor was told.
  void insert(std::uint64_t hash, std::uint32_t row) noexcept {
    const std::uint32_t tag = tag_of(hash);
    std::uint32_t at = tag & mask_;
    while (places_[at].next_row != 0) at = (at + 1) & mask_;
    places_[at] = {tag, row + 1};
  }
  /// The row was inserted under this hash and is still in.
  void erase(std::uint64_t hash, std::uint32_t row) noexcept {
    std::uint32_t at = tag_of(hash) & mask_;
    while (places_[at].next_row != row + 1) at = (at + 1) & mask_;
    // Every follower that may stand here moves back; one that begins behind the gap stays.
    for (std::uint32_t next = (at + 1) & mask_; places_[next].next_row != 0;
         next = (next + 1) & mask_) {
      const std::uint32_t way = (next - (places_[next].tag & mask_)) & mask_;
      if (way < ((next - at) & mask_)) continue;
      places_[at] = places_[next];
      at = next;
    }
    places_[at] = {};
  }

 private:
  struct Place {
    std::uint32_t tag = 0;
    std::uint32_t next_row = 0;  // row + 1, 0 = free
  };

  [[nodiscard]] static std::uint32_t tag_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash);
  }

  std::uint32_t mask_ = 0;
  HugeArray<Place> places_;
};

}  // namespace gateway
