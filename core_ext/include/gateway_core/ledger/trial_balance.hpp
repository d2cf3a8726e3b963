// The general ledger: accounts, and entries that are posted whole or not at all. Must never hold an
// entry that does not balance in each of its currencies.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway_core/ledger/chart.hpp"
#include "gateway_core/types/fixed_point.hpp"

namespace gateway::ledger {

/// Debit is positive, credit negative.
struct Posting {
  std::uint32_t account = 0;  // number of the account
  Int128 amount_e18 = 0;
};

/// The few postings of one execution, on the stack.
class Entry {
 public:
  static constexpr std::size_t kPostingsMax = 12;

  /// The caller never adds more than there is room for.
  void add(std::uint32_t account, Int128 amount_e18) noexcept {
    if (amount_e18 != 0) postings_[count_++] = {account, amount_e18};
  }
  [[nodiscard]] std::span<const Posting> postings() const noexcept {
    return {postings_.data(), count_};
  }

 private:
  std::array<Posting, kPostingsMax> postings_;
  std::size_t count_ = 0;
};

enum class PostFault : std::uint8_t { kNone, kUnbalanced, kOverflow };

struct LedgerAccount {
  AccountKey key;
  Int128 balance_e18 = 0;
  std::uint64_t postings = 0;
  std::uint64_t sequence = 0;  // of the record that moved it last
};

class TrialBalance {
 public:
  /// The number of an account, which is made when it is new. Numbers are dense and stay.
  [[nodiscard]] std::uint32_t open(const AccountKey& key) {
    const std::uint64_t word = word_of_key(key);
    const auto [found, is_new] = index_.try_emplace(word, static_cast<std::uint32_t>(rows_.size()));
    if (is_new) {
      rows_.push_back({.key = key});
      if (key.currency >= totals_.size()) {
        totals_.resize(key.currency + 1);
        sums_.resize(key.currency + 1);
      }
    }
    return found->second;
  }
  /// Its number, or kNone.
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  [[nodiscard]] std::uint32_t find(const AccountKey& key) const {
    const auto found = index_.find(word_of_key(key));
    return found == index_.end() ? kNone : found->second;
  }

  /// Posts all or nothing. After it the total of every currency is zero again.
  [[nodiscard]] PostFault post(std::span<const Posting> entry, std::uint64_t sequence) noexcept {
    const PostFault fault = check(entry);
    if (fault != PostFault::kNone) return fault;
    for (const Posting& posting : entry) {
      LedgerAccount& row = rows_[posting.account];
      row.balance_e18 += posting.amount_e18;
      ++row.postings;
      row.sequence = sequence;
      totals_[row.key.currency] += posting.amount_e18;
    }
    return PostFault::kNone;
  }

  [[nodiscard]] const std::vector<LedgerAccount>& accounts() const noexcept { return rows_; }
  [[nodiscard]] Int128 balance_e18(const AccountKey& key) const {
    const std::uint32_t at = find(key);
    return at == kNone ? 0 : rows_[at].balance_e18;
  }
  /// Running total of a currency: zero, always.
  [[nodiscard]] Int128 total_e18(CurrencyId currency) const noexcept {
    return currency < totals_.size() ? totals_[currency] : 0;
  }
  /// Adds up every account anew. A part of the sum may leave the range on its way to zero: it is
  /// unsigned, which comes back.
  [[nodiscard]] bool is_balanced() const {
    std::vector<UInt128> sums(totals_.size());
    for (const LedgerAccount& row : rows_) {
      sums[row.key.currency] += static_cast<UInt128>(row.balance_e18);
    }
    for (std::size_t currency = 0; currency < sums.size(); ++currency) {
      if (sums[currency] != 0 || totals_[currency] != 0) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] static std::uint64_t word_of_key(const AccountKey& key) noexcept {
    // Three ids below kIdsMax and a purpose in one word.
    return static_cast<std::uint64_t>(key.account) << 48 |
           static_cast<std::uint64_t>(key.strategy & 0xFFFF) << 32 |
           static_cast<std::uint64_t>(key.currency & 0xFFFF) << 8 |
           static_cast<std::uint64_t>(key.purpose);
  }

  /// Sums per currency, and room on every account, before anything is written. An account may stand
  /// in an entry more than once, so half the range is kept free for that.
  [[nodiscard]] PostFault check(std::span<const Posting> postings) noexcept {
    constexpr Int128 kBalanceMax = kInt128Max / 2;
    bool has_room = true;
    for (const Posting& posting : postings) sums_[currency_of(posting)] = 0;
    for (const Posting& posting : postings) {
      Int128& sum = sums_[currency_of(posting)];
      has_room &= !add_overflows(sum, posting.amount_e18, sum);
      Int128 after = 0;
      has_room &= !add_overflows(rows_[posting.account].balance_e18, posting.amount_e18, after) &&
                  after <= kBalanceMax && after >= -kBalanceMax;
    }
    if (!has_room) return PostFault::kOverflow;
    const bool is_even = std::ranges::all_of(
        postings, [&](const Posting& posting) { return sums_[currency_of(posting)] == 0; });
    return is_even ? PostFault::kNone : PostFault::kUnbalanced;
  }
  [[nodiscard]] CurrencyId currency_of(const Posting& posting) const noexcept {
    return rows_[posting.account].key.currency;
  }

  std::vector<LedgerAccount> rows_;
  std::vector<Int128> totals_;  // by currency
  std::vector<Int128> sums_;    // of the entry that is looked at, by currency
  std::unordered_map<std::uint64_t, std::uint32_t> index_;
};

}  // namespace gateway::ledger
