// The newest fills, by their key: duplicates are found here, busts and corrections start here.
// A ring of fixed size, oldest forgotten first; each fill keeps what its position was before it.
#pragma once

#include <cstdint>
#include <type_traits>

#include "gateway_core/memory/huge_array.hpp"
#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/position/position_state.hpp"
#include "gateway_core/record/kinds.hpp"
#include "gateway_core/state/route.hpp"

namespace gateway {

struct FillEntry {
  Key128 key;
  OrderId order_id;
  std::uint64_t previous;  // ordinal of the older fill of the same route, 0 = none
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
  std::uint32_t reserved_word;
  std::uint64_t reserved_tail[3];
  PositionBook before;
};
static_assert(sizeof(FillEntry) == 192 && std::has_unique_object_representations_v<FillEntry>);

class FillMemory {
 public:
  explicit FillMemory(std::uint32_t capacity)
      : capacity_(capacity), index_(capacity), entries_(capacity) {}
  FillMemory(const FillMemory&) = delete;
  FillMemory& operator=(const FillMemory&) = delete;

  void prefault() noexcept {
    index_.prefault();
    entries_.prefault();
  }

  [[nodiscard]] static Key128 key(AccountId account, InstrumentId instrument,
                                  const VenueOrderId& venue_order_id,
                                  const TradeId& trade_id) noexcept {
    return text_key((std::uint64_t{account} << 32) | instrument, venue_order_id, trade_id);
  }
  void prefetch(Key128 wanted) const noexcept {
    index_.prefetch(wanted);
    const auto* next = reinterpret_cast<const std::byte*>(&entries_[(total_ + 1) % capacity_]);
    for (std::size_t at = 0; at < sizeof(FillEntry); at += 64) __builtin_prefetch(next + at, 1);
  }
  /// Ordinal (from 1) of a remembered fill, 0 = unknown.
  [[nodiscard]] std::uint64_t find(Key128 wanted) const noexcept {
    const std::uint64_t* found = index_.find(wanted);
    return found == nullptr ? 0 : *found;
  }
  /// Whether the fill with this ordinal is still remembered.
  [[nodiscard]] bool holds(std::uint64_t ordinal) const noexcept {
    return ordinal != 0 && ordinal + capacity_ > total_;
  }
  [[nodiscard]] FillEntry& at(std::uint64_t ordinal) noexcept {
    return entries_[ordinal % capacity_];
  }
  [[nodiscard]] const FillEntry& at(std::uint64_t ordinal) const noexcept {
    return entries_[ordinal % capacity_];
  }

  /// Remembers a fill in the oldest slot; returns its ordinal.
  std::uint64_t remember(const FillEntry& entry) noexcept {
    const std::uint64_t ordinal = ++total_;
    FillEntry& slot = entries_[ordinal % capacity_];
    if (ordinal > capacity_) index_.erase(slot.key);
    slot = entry;
    index_.insert(entry.key, ordinal);
    return ordinal;
  }
  /// Ordinal of the newest fill, 0 = none yet.
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  /// Restore only: the next remember() gets `total` + 1.
  void restart(std::uint64_t total) noexcept { total_ = total; }

 private:
  std::uint32_t capacity_;
  std::uint64_t total_ = 0;
  KeyTable index_;
  HugeArray<FillEntry> entries_;
};

}  // namespace gateway
