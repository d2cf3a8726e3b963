// The margin mode of each position and what lies in it, as its venue told last. One row per
// position of a venue: account, instrument and leg, all strategies together. Rows are made once and
// never removed; one without a mode and an amount says nothing and is no part of the canonical
// state.
#pragma once

#include <cstdint>
#include <memory>

#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/memory/relaxed.hpp"
#include "gateway_core/types/ids.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

inline constexpr std::uint32_t kCollateralsMax = 8192;

struct alignas(64) Collateral {
  Version version = 0;
  AccountId account = 0;
  InstrumentId instrument = 0;
  Int128 amount_e18 = 0;  // settlement currency of the instrument, never negative
  Sequence sequence = 0;  // last record that touched it
  std::int64_t venue_time_ns = 0;
  std::uint32_t leg = 0;
  std::uint32_t evidence = 0;           // Evidence
  std::uint32_t venue_margin_mode = 0;  // VenueMarginMode as it was told
  std::uint32_t reserved = 0;
  [[nodiscard]] bool says_something() const noexcept {
    return amount_e18 != 0 || venue_margin_mode != 0;
  }
  /// Records of before modes were told have an amount for isolated positions alone.
  [[nodiscard]] VenueMarginMode mode() const noexcept {
    if (venue_margin_mode == 0 && amount_e18 != 0) return VenueMarginMode::kIsolated;
    return static_cast<VenueMarginMode>(venue_margin_mode);
  }
};
static_assert(sizeof(Collateral) == 64);

/// Whether a mode and an amount can be told together: nothing lies in a cross position.
[[nodiscard]] constexpr bool is_collateral(std::uint32_t venue_margin_mode,
                                           Int128 amount_e18) noexcept {
  return amount_e18 >= 0 &&
         venue_margin_mode <= static_cast<std::uint32_t>(VenueMarginMode::kUnknown) &&
         (amount_e18 == 0 ||
          venue_margin_mode != static_cast<std::uint32_t>(VenueMarginMode::kCross));
}

class CollateralTable {
 public:
  CollateralTable()
      : index_(kCollateralsMax), rows_(std::make_unique<Collateral[]>(kCollateralsMax)) {}

  /// Rows with an index below this exist; readers on other threads see their names complete.
  [[nodiscard]] std::uint32_t count() const noexcept {
    return __atomic_load_n(&count_, __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] const Collateral& at(std::uint32_t index) const noexcept { return rows_[index]; }
  /// Owner thread only; nullptr = nothing was ever told of it.
  [[nodiscard]] const Collateral* find(AccountId account, InstrumentId instrument,
                                       std::uint32_t leg) const noexcept {
    const std::uint64_t* found = index_.find(key(account, instrument, leg));
    return found == nullptr ? nullptr : &rows_[*found];
  }
  /// Any thread: walks the rows, for the index belongs to the writer. False: there is none.
  [[nodiscard]] bool copy_of(AccountId account, InstrumentId instrument, std::uint32_t leg,
                             Collateral& copy) const noexcept {
    for (std::uint32_t i = 0; i < count(); ++i) {
      const Collateral& row = rows_[i];  // its names were written before it could be seen
      if (row.account != account || row.instrument != instrument || row.leg != leg) continue;
      return read(row, copy) && copy.says_something();
    }
    return false;
  }
  /// Whether set() would succeed.
  [[nodiscard]] bool can_set(AccountId account, InstrumentId instrument,
                             std::uint32_t leg) const noexcept {
    return !index_.is_full() || find(account, instrument, leg) != nullptr;
  }

  /// Takes over mode, amount, times and evidence of `told`. False: the table is full.
  bool set(const Collateral& told) noexcept {
    const Key128 wanted = key(told.account, told.instrument, told.leg);
    std::uint32_t at = count_;
    const std::uint64_t* found = index_.find(wanted);
    if (found != nullptr) {
      at = static_cast<std::uint32_t>(*found);
    } else {
      if (!index_.insert(wanted, count_)) return false;
      rows_[at].account = told.account;
      rows_[at].instrument = told.instrument;
      rows_[at].leg = told.leg;
    }
    Collateral& row = rows_[at];
    begin_write(row.version);
    put(row.amount_e18, told.amount_e18);
    put(row.sequence, told.sequence);
    put(row.venue_time_ns, told.venue_time_ns);
    put(row.evidence, told.evidence);
    put(row.venue_margin_mode, told.venue_margin_mode);
    end_write(row.version);
    // Pairs with the acquire in count().
    if (found == nullptr) __atomic_store_n(&count_, at + 1, __ATOMIC_RELEASE);
    return true;
  }

 private:
  [[nodiscard]] static Key128 key(AccountId account, InstrumentId instrument,
                                  std::uint32_t leg) noexcept {
    return {std::uint64_t{account} << 32 | instrument, std::uint64_t{leg} | std::uint64_t{1} << 63};
  }

  KeyTable index_;
  std::unique_ptr<Collateral[]> rows_;
  std::uint32_t count_ = 0;
};

}  // namespace gateway
