// Collateral of positions against a plain map, when all places are taken, and beside readers.
#include "gateway_core/state/collaterals.hpp"

#include <atomic>
#include <map>
#include <thread>
#include <tuple>

#include "check.hpp"
#include "random.hpp"

using namespace gateway;  // NOLINT

namespace {

Collateral told_of(AccountId account, InstrumentId instrument, std::uint32_t leg, Int128 amount,
                   Sequence sequence) {
  return {.account = account,
          .instrument = instrument,
          .amount_e18 = amount,
          .sequence = sequence,
          .venue_time_ns = static_cast<std::int64_t>(sequence) * 2,
          .leg = leg};
}

}  // namespace

TEST(collaterals_are_a_map_from_account_instrument_and_leg_to_the_amount_told_last) {
  check::Random random(5);
  CollateralTable table;
  std::map<std::tuple<AccountId, InstrumentId, std::uint32_t>, Int128> model;
  for (Sequence sequence = 1; sequence <= 5000; ++sequence) {
    const auto account = static_cast<AccountId>(1 + random.below(5));
    const auto instrument = static_cast<InstrumentId>(1 + random.below(7));
    const auto leg = static_cast<std::uint32_t>(random.below(3));
    const auto amount = static_cast<Int128>(random.below(4)) << 70;
    CHECK(table.set(told_of(account, instrument, leg, amount, sequence)));
    model[{account, instrument, leg}] = amount;
    CHECK_EQUAL(table.count(), static_cast<std::uint32_t>(model.size()));
  }
  for (const auto& [name, amount] : model) {
    const auto& [account, instrument, leg] = name;
    const Collateral* row = table.find(account, instrument, leg);
    CHECK(row != nullptr && row->amount_e18 == amount);
    Collateral copy;
    CHECK_EQUAL(table.copy_of(account, instrument, leg, copy), amount != 0);
    CHECK(amount == 0 || (copy.amount_e18 == amount && copy.sequence == row->sequence));
  }
  CHECK(table.find(9, 1, 0) == nullptr);
}

TEST(when_all_places_are_taken_the_rows_that_are_there_go_on) {
  CollateralTable table;
  for (std::uint32_t i = 1; i <= kCollateralsMax; ++i) CHECK(table.set(told_of(1, i, 0, 5, i)));
  CHECK(!table.can_set(1, kCollateralsMax + 1, 0));
  CHECK(!table.set(told_of(1, kCollateralsMax + 1, 0, 5, 1)));
  CHECK(table.can_set(1, 7, 0) && table.set(told_of(1, 7, 0, 6, 2)));
  CHECK(table.find(1, 7, 0)->amount_e18 == 6);
  CHECK_EQUAL(table.count(), kCollateralsMax);
}

TEST(a_reader_beside_the_writer_sees_amounts_that_go_with_their_record) {
  CollateralTable table;
  std::atomic<bool> is_done{false};
  std::thread reader([&] {
    while (!is_done.load(std::memory_order_acquire)) {
      for (InstrumentId instrument = 1; instrument <= 8; ++instrument) {
        Collateral copy;
        if (!table.copy_of(7, instrument, 1, copy)) continue;
        CHECK(copy.account == 7 && copy.instrument == instrument && copy.leg == 1);
        CHECK(copy.amount_e18 == static_cast<Int128>(copy.sequence) << 70);
        CHECK_EQUAL(copy.venue_time_ns, static_cast<std::int64_t>(copy.sequence) * 2);
      }
      std::this_thread::yield();
    }
  });
  for (Sequence sequence = 1; sequence <= 200'000; ++sequence) {
    const auto instrument = static_cast<InstrumentId>(1 + sequence % 8);
    CHECK(table.set(told_of(7, instrument, 1, static_cast<Int128>(sequence) << 70, sequence)));
  }
  is_done.store(true, std::memory_order_release);
  reader.join();
}
