// The newest fills, by their key: duplicates are found here, busts and corrections start here.
// A ring of fixed size, oldest forgotten first; each fill keeps what its position was before it.
// The fills of a position are chained in the venue's order, which is not always that of their
// ordinals.
#pragma once

#include <cstdint>
#include <type_traits>

#include "gateway_core/memory/huge_array.hpp"
#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/memory/tag_table.hpp"
#include "gateway_core/position/position_state.hpp"
#include "gateway_core/record/kinds.hpp"
#include "gateway_core/state/route.hpp"

namespace gateway {

struct FillEntry {
  Key128 key;
  OrderId order_id;
  std::uint64_t previous;  // ordinal of the fill of the same route before it, 0 = none
  std::int64_t quantity;   // 0 = busted
  std::uint64_t revision;
  Int128 value_e18;
  Int128 fee_e18;
  CurrencyId fee_currency;
  Side side;
  std::uint8_t price_scale;
  std::uint8_t reserved[2];
  std::int64_t price;
  std::uint32_t route;
  AccountId account;
  std::int64_t venue_time_ns;    // 0 = the venue told none
  std::uint64_t venue_sequence;  // rises with the fills; 0 = the venue has none
  std::int64_t booked_ns;        // journal time
  PositionBook before;

  /// Whether it happened after a fill of that time and number.
  [[nodiscard]] bool is_after(std::int64_t time_ns, std::uint64_t sequence) const noexcept {
    if (sequence != 0 && venue_sequence != 0) return venue_sequence > sequence;
    return venue_time_ns > time_ns;
  }
  /// Up to when it happened at the latest, as far as it was told; never 0.
  [[nodiscard]] std::int64_t latest_ns() const noexcept {
    const std::int64_t at_ns = venue_time_ns != 0 ? venue_time_ns : booked_ns;
    return at_ns > 0 ? at_ns : 1;
  }
};
static_assert(sizeof(FillEntry) == 192 && std::has_unique_object_representations_v<FillEntry>);

class FillMemory {
 public:
  /// Remembers `capacity` fills, at least four.
  explicit FillMemory(std::uint32_t capacity)
      : capacity_(capacity < 4 ? 4 : capacity), by_key_(capacity_), entries_(capacity_) {}
  FillMemory(const FillMemory&) = delete;
  FillMemory& operator=(const FillMemory&) = delete;

  void prefault() noexcept {
    by_key_.prefault();
    entries_.prefault();
  }

  [[nodiscard]] static Key128 key(AccountId account, InstrumentId instrument,
                                  const VenueOrderId& venue_order_id,
                                  const TradeId& trade_id) noexcept {
    return text_key((std::uint64_t{account} << 32) | instrument, venue_order_id, trade_id);
  }
  /// Brings near what finding this key will look at.
  void prefetch(Key128 wanted) const noexcept { by_key_.prefetch(wanted.low); }
  /// Brings near the entry two after the next one, and where the key is held that the one before
  /// pushes out: each step uses what earlier ones asked for.
  void prefetch_next() const noexcept {
    const auto* bytes = reinterpret_cast<const std::byte*>(&entries_[ahead(3)]);
    for (std::size_t at = 0; at < sizeof(FillEntry); at += 64) __builtin_prefetch(bytes + at, 1);
    by_key_.prefetch(entries_[ahead(2)].key.low);
  }
  /// Ordinal (from 1) of a remembered fill, 0 = unknown.
  [[nodiscard]] std::uint64_t find(Key128 wanted) const noexcept {
    const std::uint32_t row =
        by_key_.find(wanted.low, [&](std::uint32_t at) { return entries_[at].key == wanted; });
    if (row == TagTable::kNone) [[likely]]
      return 0;
    const std::uint32_t age = newest_ >= row ? newest_ - row : newest_ + capacity_ - row;
    return total_ - age;
  }
  /// The fill that the next remember() forgets; nullptr while there is room.
  [[nodiscard]] const FillEntry* next_forgotten() const noexcept {
    return held_ == capacity_ ? &entries_[ahead(1)] : nullptr;
  }
  /// Whether the fill with this ordinal is still remembered.
  [[nodiscard]] bool holds(std::uint64_t ordinal) const noexcept {
    return ordinal != 0 && ordinal <= total_ && ordinal + held_ > total_;
  }
  /// Ordinal of the oldest fill that is remembered; behind total() when there is none.
  [[nodiscard]] std::uint64_t oldest() const noexcept { return total_ - held_ + 1; }
  /// Of a fill that holds().
  [[nodiscard]] FillEntry& at(std::uint64_t ordinal) noexcept { return entries_[row_of(ordinal)]; }
  [[nodiscard]] const FillEntry& at(std::uint64_t ordinal) const noexcept {
    return entries_[row_of(ordinal)];
  }

  /// The oldest entry, forgotten now, to be filled in by the caller (not its key); `key` is found
  /// from now on under the newest ordinal.
  [[nodiscard]] FillEntry& remember(Key128 key) noexcept {
    newest_ = ahead(1);
    ++total_;
    FillEntry& entry = entries_[newest_];
    if (held_ == capacity_) {
      by_key_.erase(entry.key.low, newest_);
    } else {
      ++held_;
    }
    entry.key = key;
    by_key_.insert(key.low, newest_);
    return entry;
  }
  /// Ordinal of the newest fill, 0 = none yet.
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  /// Restore only: the next remember() gets `total` + 1.
  void restart(std::uint64_t total) noexcept { total_ = total; }

 private:
  /// The row `steps` after the newest, 3 at most.
  [[nodiscard]] std::uint32_t ahead(std::uint32_t steps) const noexcept {
    const std::uint32_t row = newest_ + steps;
    return row >= capacity_ ? row - capacity_ : row;
  }
  [[nodiscard]] std::uint32_t row_of(std::uint64_t ordinal) const noexcept {
    const auto age = static_cast<std::uint32_t>(total_ - ordinal);
    return newest_ >= age ? newest_ - age : newest_ + capacity_ - age;
  }

  std::uint32_t capacity_;
  std::uint32_t newest_ = 0;  // row of the newest fill
  std::uint32_t held_ = 0;
  std::uint64_t total_ = 0;
  TagTable by_key_;
  HugeArray<FillEntry> entries_;
};

}  // namespace gateway
