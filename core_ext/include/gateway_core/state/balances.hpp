// Money per (account, currency), exact. Rows are made once and never removed; readers copy them.
#pragma once

#include <cstdint>
#include <memory>

#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/memory/relaxed.hpp"
#include "gateway_core/types/ids.hpp"

namespace gateway {

inline constexpr std::uint32_t kBalancesMax = 16384;

struct alignas(64) Balance {
  Version version = 0;
  AccountId account = 0;
  CurrencyId currency = 0;
  Int128 total_e18 = 0;
  Sequence sequence = 0;
  std::uint64_t reserved[3] = {};
};
static_assert(sizeof(Balance) == 64);

class BalanceTable {
 public:
  BalanceTable() : index_(kBalancesMax), rows_(std::make_unique<Balance[]>(kBalancesMax)) {}

  [[nodiscard]] std::uint32_t count() const noexcept {
    return __atomic_load_n(&count_, __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] const Balance& at(std::uint32_t index) const noexcept { return rows_[index]; }
  [[nodiscard]] Int128 total(AccountId account, CurrencyId currency) const noexcept {
    const std::uint64_t* found = index_.find(key(account, currency));
    return found == nullptr ? 0 : rows_[*found].total_e18;
  }

  /// Whether add() would succeed.
  [[nodiscard]] bool can_add(AccountId account, CurrencyId currency,
                             Int128 amount_e18) const noexcept {
    const std::uint64_t* found = index_.find(key(account, currency));
    Int128 total = 0;
    if (found == nullptr) return !index_.is_full();
    return !add_overflows(rows_[*found].total_e18, amount_e18, total);
  }
  /// Whether a fill, which touches three currencies at most, surely finds its rows.
  [[nodiscard]] bool has_room_for_fill() const noexcept { return count() + 3 <= kBalancesMax; }

  /// Adds a signed amount. False when the table is full or the total would leave its range.
  bool add(AccountId account, CurrencyId currency, Int128 amount_e18, Sequence sequence) noexcept {
    Balance* row = find_or_make(account, currency);
    return row != nullptr && add(*row, amount_e18, sequence);
  }
  static bool add(Balance& row, Int128 amount_e18, Sequence sequence) noexcept {
    Int128 total = 0;
    if (add_overflows(row.total_e18, amount_e18, total)) [[unlikely]]
      return false;
    begin_write(row.version);
    put(row.total_e18, total);
    put(row.sequence, sequence);
    end_write(row.version);
    return true;
  }
  /// The row of an account and a currency, made when it is new; rows never move. nullptr: full.
  [[nodiscard]] Balance* find_or_make(AccountId account, CurrencyId currency) noexcept {
    const Key128 wanted = key(account, currency);
    std::uint32_t at = count_;
    if (const std::uint64_t* found = index_.find(wanted)) {
      at = static_cast<std::uint32_t>(*found);
    } else {
      if (!index_.insert(wanted, count_)) return nullptr;
      rows_[at].account = account;
      rows_[at].currency = currency;
      // Pairs with the acquire in count().
      __atomic_store_n(&count_, at + 1, __ATOMIC_RELEASE);
    }
    return &rows_[at];
  }

 private:
  [[nodiscard]] static Key128 key(AccountId account, CurrencyId currency) noexcept {
    return {std::uint64_t{account} | (std::uint64_t{1} << 63), currency};
  }

  KeyTable index_;
  std::unique_ptr<Balance[]> rows_;
  std::uint32_t count_ = 0;
};

}  // namespace gateway
