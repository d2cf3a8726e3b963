// From a hash to the rows that have it, through one link inside each row: a place holds its newest
// row, rows of one place form a chain. No second copy of any key, and removing one row moves no
// other. Owner thread only; rows are numbered from 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gateway_core/memory/huge_array.hpp"

namespace gateway {

inline constexpr std::uint32_t kNoRow = 0xFFFFFFFF;

/// `Next` is the link: 0 = end of the chain, else row + 1. Written by relaxed atomics, because
/// readers copy whole rows meanwhile.
template <typename Row, std::uint32_t Row::* Next>
class ChainIndex {
 public:
  using Rows = HugeArray<Row>;

  /// Twice as many places as rows, so that most chains are one row long.
  explicit ChainIndex(std::size_t rows) {
    std::size_t places = 16;
    while (places < rows * 2) places *= 2;
    mask_ = places - 1;
    first_ = HugeArray<std::uint32_t>(places);
  }

  void prefault() noexcept { first_.prefault(); }
  void prefetch(std::uint64_t hash) const noexcept { __builtin_prefetch(&first_[hash & mask_], 1); }

  /// The newest row of this hash's place that is_wanted(row), or kNoRow.
  template <typename IsWanted>
  [[nodiscard]] std::uint32_t find(const Rows& rows, std::uint64_t hash,
                                   IsWanted&& is_wanted) const noexcept {
    for (std::uint32_t at = first_[hash & mask_]; at != 0; at = rows[at - 1].*Next) {
      if (is_wanted(rows[at - 1])) return at - 1;
    }
    return kNoRow;
  }
  void insert(Rows& rows, std::uint64_t hash, std::uint32_t row) noexcept {
    std::uint32_t& first = first_[hash & mask_];
    __atomic_store_n(&(rows[row].*Next), first, __ATOMIC_RELAXED);
    first = row + 1;
  }
  /// The row was inserted under this hash and is still in.
  void erase(Rows& rows, std::uint64_t hash, std::uint32_t row) noexcept {
    std::uint32_t* at = &first_[hash & mask_];
    while (*at != row + 1) at = &(rows[*at - 1].*Next);
    __atomic_store_n(at, rows[row].*Next, __ATOMIC_RELAXED);
  }

 private:
  std::size_t mask_ = 0;
  HugeArray<std::uint32_t> first_;  // row + 1 of the newest row of a place, 0 = none
};

}  // namespace gateway
