// The chart of accounts: what a posting may be booked on, and why money moved without a fill.
// Decision 0040. Values are in reports and scripts: append only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "gateway_core/types/ids.hpp"

namespace gateway::ledger {

enum class Purpose : std::uint8_t {
  kCash = 0,         // asset: what the venue holds for us
  kPosition = 1,     // asset: what is open, at cost; a short has a negative one
  kContract = 2,     // liability: value of open contracts, which no cash has paid
  kExchange = 3,     // the other side of coins that spot trades delivered
  kRealised = 4,     // income
  kFees = 5,         // expense; a rebate is negative
  kFunding = 6,      // income
  kInterest = 7,     // income; borrowing makes it positive, which is a debit
  kTransit = 8,      // asset: sent, and not yet arrived; belongs to the firm
  kCapital = 9,      // equity: opening balances, deposits, withdrawals
  kSettlement = 10,  // income that a venue settled outside any fill
  kAdjustment = 11,  // what nobody explained
  kRounding = 12,    // what is left of an amount that was split among strategies
};
inline constexpr std::size_t kPurposes = 13;

[[nodiscard]] constexpr std::string_view name(Purpose purpose) noexcept {
  constexpr std::string_view kNames[] = {
      "cash",     "position", "contract", "exchange",   "realised",   "fees",    "funding",
      "interest", "transit",  "capital",  "settlement", "adjustment", "rounding"};
  static_assert(std::size(kNames) == kPurposes);
  const auto index = static_cast<std::size_t>(purpose);
  return index < kPurposes ? kNames[index] : std::string_view{};
}

/// BalanceChanged::reason. The live process writes the first two today.
enum class BalanceReason : std::uint64_t {
  kOpening = 0,
  kInterest = 1,
  kDeposit = 2,
  kWithdrawal = 3,
  kTransfer = 4,
  kSettlement = 5,
  kAdjustment = 6,
};

/// Where the other side of money goes that moved without a fill. Unknown reasons are adjustments.
[[nodiscard]] constexpr Purpose purpose_of(BalanceReason reason) noexcept {
  switch (reason) {
    case BalanceReason::kOpening:
    case BalanceReason::kDeposit:
    case BalanceReason::kWithdrawal:
      return Purpose::kCapital;
    case BalanceReason::kInterest:
      return Purpose::kInterest;
    case BalanceReason::kTransfer:
      return Purpose::kTransit;
    case BalanceReason::kSettlement:
      return Purpose::kSettlement;
    case BalanceReason::kAdjustment:
      break;
  }
  return Purpose::kAdjustment;
}

/// Ids are dense and far below this; a journal that names a larger one is not ours.
inline constexpr std::uint32_t kIdsMax = 1U << 16;

struct AccountKey {
  AccountId account = 0;    // 0 = the firm
  StrategyId strategy = 0;  // 0 = EXTERNAL
  CurrencyId currency = 0;
  Purpose purpose = Purpose::kCash;
  friend bool operator==(const AccountKey&, const AccountKey&) = default;
};

}  // namespace gateway::ledger
