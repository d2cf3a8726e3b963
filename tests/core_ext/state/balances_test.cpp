// Balances against a plain map of exact sums, at the end of their range, and beside readers.
#include "gateway_core/state/balances.hpp"

#include <atomic>
#include <map>
#include <thread>

#include "check.hpp"
#include "random.hpp"

using namespace gateway;  // NOLINT

TEST(balances_are_a_map_from_account_and_currency_to_an_exact_sum) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    check::Random random(seed);
    BalanceTable table;
    std::map<std::pair<AccountId, CurrencyId>, Int128> model;
    for (Sequence sequence = 1; sequence <= 5000; ++sequence) {
      const auto account = static_cast<AccountId>(1 + random.below(20));
      const auto currency = static_cast<CurrencyId>(1 + random.below(20));
      const auto amount = static_cast<Int128>(static_cast<std::int64_t>(random.next()))
                          << random.below(40);
      CHECK(table.can_add(account, currency, amount));
      CHECK(table.add(account, currency, amount, sequence));
      model[{account, currency}] += amount;
      CHECK(table.total(account, currency) == (model[{account, currency}]));
      CHECK_EQUAL(table.count(), static_cast<std::uint32_t>(model.size()));
    }
    for (std::uint32_t i = 0; i < table.count(); ++i) {
      const Balance& row = table.at(i);
      CHECK(row.total_e18 == (model[{row.account, row.currency}]));
    }
    CHECK(table.total(99, 1) == 0);
  }
}

TEST(a_sum_that_would_leave_its_range_changes_nothing) {
  BalanceTable table;
  CHECK(table.add(1, 1, kInt128Max, 1));
  CHECK(!table.can_add(1, 1, 1));
  CHECK(!table.add(1, 1, 1, 2));
  CHECK(table.total(1, 1) == kInt128Max && table.at(0).sequence == 1);
  CHECK(table.add(1, 1, kInt128Min, 3));
  CHECK(table.total(1, 1) == -1);
}

TEST(a_reader_beside_the_writer_sees_amounts_that_go_with_their_sequence) {
  BalanceTable table;
  std::atomic<bool> is_done{false};
  std::thread reader([&] {
    while (!is_done.load(std::memory_order_acquire)) {
      for (std::uint32_t i = 0; i < table.count(); ++i) {
        Balance copy;
        if (!read(table.at(i), copy)) continue;
        CHECK(copy.account == 7 && copy.currency == i + 1);
        CHECK(copy.total_e18 == static_cast<Int128>(copy.sequence) << 70);
      }
      std::this_thread::yield();
    }
  });
  for (Sequence sequence = 1; sequence <= 300; ++sequence) {
    for (CurrencyId currency = 1; currency <= 40; ++currency) {
      CHECK(table.add(7, currency, Int128{1} << 70, sequence));
    }
  }
  is_done.store(true, std::memory_order_release);
  reader.join();
}
