// Entries are posted whole or not at all, and every currency adds up to zero after each.
#include "gateway_core/ledger/trial_balance.hpp"

#include "check.hpp"
#include "random.hpp"

using namespace gateway;
using namespace gateway::ledger;

TEST(an_entry_must_balance_in_each_of_its_currencies) {
  TrialBalance books;
  const auto cash = books.open({1, 1, 1, Purpose::kCash});
  const auto fees = books.open({1, 1, 1, Purpose::kFees});
  const auto coins = books.open({1, 1, 2, Purpose::kCash});
  CHECK(books.post(std::vector<Posting>{{cash, -5}, {fees, 5}}, 1) == PostFault::kNone);
  CHECK(books.post(std::vector<Posting>{{cash, -5}, {coins, 5}}, 2) == PostFault::kUnbalanced);
  CHECK(books.post(std::vector<Posting>{{cash, -5}, {fees, 4}}, 3) == PostFault::kUnbalanced);
  CHECK(books.balance_e18({1, 1, 1, Purpose::kFees}) == 5);
  CHECK(books.balance_e18({1, 1, 2, Purpose::kCash}) == 0 && books.is_balanced());
  CHECK_EQUAL(books.accounts()[fees].sequence, 1U);
}

TEST(an_entry_that_leaves_the_range_is_refused_whole) {
  TrialBalance books;
  const auto a = books.open({1, 0, 1, Purpose::kCash});
  const auto b = books.open({2, 0, 1, Purpose::kCash});
  const auto c = books.open({3, 0, 1, Purpose::kCash});
  const Int128 large = kInt128Max / 2;
  CHECK(books.post(std::vector<Posting>{{a, large}, {b, -large}}, 1) == PostFault::kNone);
  CHECK(books.post(std::vector<Posting>{{c, -1}, {a, 1}}, 2) == PostFault::kOverflow);
  CHECK(books.post(std::vector<Posting>{{a, kInt128Max}, {c, kInt128Max}, {b, 2}}, 3) ==
        PostFault::kOverflow);
  CHECK(books.balance_e18({1, 0, 1, Purpose::kCash}) == large);
  CHECK(books.balance_e18({3, 0, 1, Purpose::kCash}) == 0 && books.is_balanced());
}

TEST(accounts_keep_their_numbers_and_keys_apart) {
  TrialBalance books;
  std::vector<std::uint32_t> numbers;
  for (AccountId account : {0U, 1U, 255U}) {
    for (StrategyId strategy : {0U, 1U, 255U}) {
      for (CurrencyId currency : {1U, 511U}) {
        for (std::size_t purpose = 0; purpose < kPurposes; ++purpose) {
          numbers.push_back(
              books.open({account, strategy, currency, static_cast<Purpose>(purpose)}));
        }
      }
    }
  }
  for (std::uint32_t i = 0; i < numbers.size(); ++i) {
    CHECK(numbers[i] == i && books.find(books.accounts()[i].key) == i);
  }
  CHECK(books.find({9, 9, 9, Purpose::kCash}) == TrialBalance::kNone);
}

TEST(random_entries_leave_every_total_at_zero) {
  check::Random random(3);
  TrialBalance books;
  for (int i = 0; i < 20'000; ++i) {
    std::vector<Posting> entry;
    Int128 sums[3] = {};
    for (std::uint64_t n = random.below(6); n > 0; --n) {
      const auto currency = static_cast<CurrencyId>(random.below(3));
      const Int128 amount = static_cast<std::int64_t>(random.next());
      entry.push_back({books.open({static_cast<AccountId>(random.below(4)), 0, currency,
                                   static_cast<Purpose>(random.below(kPurposes))}),
                       amount});
      sums[currency] += amount;
    }
    const bool is_mended = random.below(2) == 0;
    const bool is_even = sums[0] == 0 && sums[1] == 0 && sums[2] == 0;
    for (CurrencyId currency = 0; is_mended && currency < 3; ++currency) {
      if (sums[currency] == 0) continue;
      entry.push_back({books.open({0, 0, currency, Purpose::kAdjustment}), -sums[currency]});
    }
    const auto fault = books.post(entry, static_cast<std::uint64_t>(i));
    CHECK((fault == PostFault::kNone) == (is_mended || is_even));
    for (CurrencyId currency = 0; currency < 3; ++currency) CHECK(books.total_e18(currency) == 0);
    if (i % 100 == 0) CHECK(books.is_balanced());
  }
}
