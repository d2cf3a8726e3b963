// Reads a SkipBook beside its writer, from any thread. Writes nothing, so it can delay nobody; a
// reader that is suspended holds nothing back either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gateway_core/book/skip_book.hpp"

namespace gateway {

/// How many rows were filled, and of which sequence.
struct DepthSnapshot {
  std::uint64_t sequence = 0;
  std::size_t bids = 0;
  std::size_t asks = 0;
};

/// Every answer but walk() is the book at one committed sequence, not older than the call. It is
/// missed only when a level in question changed in two later sequences while it was read; after
/// `tries` misses the answer is false. The book must outlive its readers.
template <typename Memory = NativeMemory>
class SkipBookReader {
 public:
  static constexpr int kTries = 1000;
  enum class Found : std::uint8_t { kNo, kYes, kBusy };

  explicit SkipBookReader(const SkipBook<Memory>& book) noexcept : book_(book) {}

  [[nodiscard]] std::uint64_t sequence() const noexcept { return begin(); }

  /// The best levels of both sides at one sequence.
  [[nodiscard]] bool snapshot(std::span<DepthRow> bids, std::span<DepthRow> asks,
                              DepthSnapshot& shown, int tries = kTries) const noexcept {
    for (; tries > 0; --tries) {
      shown.sequence = begin();
      if (fill(Side::kBuy, shown.sequence, bids, shown.bids) &&
          fill(Side::kSell, shown.sequence, asks, shown.asks)) {
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] Found find(Side side, std::int64_t price, DepthRow& row,
                           int tries = kTries) const noexcept {
    for (; tries > 0; --tries) {
      Found found = Found::kNo;
      const std::int64_t after = side == Side::kBuy ? price + 1 : price - 1;
      const bool is_read = book_.at(side).read_from(&after, begin(), [&](const DepthRow& first) {
        if (first.price == price) {
          found = Found::kYes;
          row = first;
        }
        return false;
      });
      if (is_read) return found;
    }
    return Found::kBusy;
  }

  /// Shows levels best first until `look(row, sequence)` says false. Each row is exact at its own
  /// sequence, sequences never fall, prices strictly worsen, and a level that is there all the time
  /// is shown exactly once. False: `tries` misses without a row in between.
  template <typename Look>
  bool walk(Side side, Look&& look, int tries = kTries) const noexcept {
    std::int64_t last = 0;
    bool has_last = false;
    for (int left = tries; left > 0; --left) {
      const std::uint64_t sequence = begin();
      const bool is_done =
          book_.at(side).read_from(has_last ? &last : nullptr, sequence, [&](const DepthRow& row) {
            const bool goes_on = look(row, sequence);
            last_seen(row, last, has_last);
            left = tries;
            return goes_on;
          });
      if (is_done) return true;
    }
    return false;
  }

 private:
  static void last_seen(const DepthRow& row, std::int64_t& last, bool& has_last) noexcept {
    last = row.price;
    has_last = true;
  }

  [[nodiscard]] std::uint64_t begin() const noexcept {
    return book_.sequence_.load(Memory::kBegin);  // Pairs with the store in commit().
  }

  [[nodiscard]] bool fill(Side side, std::uint64_t sequence, std::span<DepthRow> rows,
                          std::size_t& count) const noexcept {
    count = 0;
    if (rows.empty()) return true;
    return book_.at(side).read_from(nullptr, sequence, [&](const DepthRow& row) {
      rows[count++] = row;
      return count < rows.size();
    });
  }

  const SkipBook<Memory>& book_;
};

}  // namespace gateway
