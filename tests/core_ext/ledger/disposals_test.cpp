// Disposals tie to the ledger; wash sales against the examples of 26 CFR 1.1091-1(h) and 1.1091-2,
// and against conservation: what one disposal may not count waits in a lot or counts elsewhere.
#include "gateway_core/ledger/disposals.hpp"

#include <map>

#include "check.hpp"
#include "paper_journal.hpp"

using namespace gateway;
using namespace gateway::ledger;
using check::PaperJournal;

namespace {

constexpr std::int64_t kDay_ns = 86'400'000'000'000;
constexpr LotMethod kMethods[] = {LotMethod::kFifo, LotMethod::kLifo, LotMethod::kHifo,
                                  LotMethod::kSpecific, LotMethod::kAverage};

/// A journal of one spot instrument in which days and whole amounts are all that matters.
struct Shares {
  PaperJournal journal{{.keeps_all = true}};

  void trade(Side side, std::int64_t day, std::int64_t quantity, std::int64_t value,
             AccountId account = PaperJournal::kMain) {
    Execution fill{};
    fill.side = side;
    fill.quantity = quantity;
    fill.value_e18 = value;
    fill.time_ns = day * kDay_ns + 1;
    journal.fill(0, account, 1, fill);
  }
  void buy(std::int64_t day, std::int64_t quantity, std::int64_t value) {
    trade(Side::kBuy, day, quantity, value);
  }
  void sell(std::int64_t day, std::int64_t quantity, std::int64_t value) {
    trade(Side::kSell, day, quantity, value);
  }
  [[nodiscard]] DisposalReport report(LotMethod method = LotMethod::kFifo,
                                      TaxRule rule = TaxRule::kUsWashSale) const {
    return report_disposals(journal.books, method, rule);
  }
};

int small(Int128 amount) { return static_cast<int>(amount); }

}  // namespace

TEST(a_loss_counts_as_far_as_nothing_replaced_what_was_sold) {
  Shares shares;  // 1.1091-1(h), example 2, in days since 21 September 1954
  shares.buy(0, 100, 5'000);
  shares.buy(91, 50, 2'750);
  shares.buy(97, 25, 1'125);
  shares.sell(104, 100, 4'000);
  const DisposalReport report = shares.report();
  CHECK_EQUAL(report.disposals.size(), 1U);
  CHECK_EQUAL(small(report.disposals[0].realised_e18), -1'000);
  CHECK_EQUAL(small(report.disposals[0].disallowed_e18), 750);
  CHECK_EQUAL(small(report.disposals[0].taxable_e18()), -250);
  CHECK_EQUAL(report.waiting.size(), 2U);
  CHECK(report.waiting[0].quantity == 50 && report.waiting[0].amount_e18 == 500);
  CHECK(report.waiting[1].quantity == 25 && report.waiting[1].amount_e18 == 250);
  CHECK(report.waiting[0].held_earlier_ns == 104 * kDay_ns);
  CHECK_EQUAL(small(shares.report(LotMethod::kFifo, TaxRule::kNone).disposals[0].taxable_e18()),
              -1'000);
}

TEST(a_replacement_takes_over_the_loss_and_the_time_it_was_held) {
  Shares shares;  // 1.1091-2(a), example 1: bought at 100, sold at 80, bought at 90
  shares.buy(0, 1, 100);
  shares.sell(380, 1, 80);
  shares.buy(390, 1, 90);
  shares.sell(400, 1, 115);
  const DisposalReport report = shares.report();
  CHECK_EQUAL(small(report.disposals[0].taxable_e18()), 0);
  CHECK_EQUAL(small(report.disposals[1].carried_e18), 20);  // its basis is 110
  CHECK_EQUAL(small(report.disposals[1].taxable_e18()), 5);
  CHECK(report.disposals[1].held_from_ns == report.disposals[1].opened_ns - 380 * kDay_ns);
  CHECK(report.waiting.empty());
}

TEST(the_window_is_thirty_days_on_both_sides_and_not_one_more) {
  for (const auto& [day, disallowed] :
       {std::pair{69, 0}, {70, 10}, {100, 10}, {130, 10}, {131, 0}}) {
    Shares shares;
    shares.buy(0, 1, 20);
    if (day < 100) shares.buy(day, 1, 20);
    shares.sell(100, 1, 10);
    if (day >= 100) shares.buy(day, 1, 20);
    CHECK_EQUAL(small(shares.report().disposals[0].disallowed_e18), disallowed);
  }
}

TEST(the_rest_of_the_same_lot_replaces_nothing) {
  Shares shares;
  shares.buy(0, 10, 100);
  shares.sell(5, 4, 20);
  CHECK_EQUAL(small(shares.report().disposals[0].disallowed_e18), 0);
}

TEST(lots_that_one_record_sold_do_not_replace_each_other) {
  Shares shares;
  shares.buy(0, 1, 100);
  shares.buy(1, 1, 100);
  shares.sell(5, 2, 100);  // both, at 50
  shares.buy(6, 1, 50);
  for (const LotMethod method : {LotMethod::kFifo, LotMethod::kLifo, LotMethod::kHifo}) {
    const DisposalReport report = shares.report(method);
    CHECK_EQUAL(report.disposals.size(), 2U);
    CHECK_EQUAL(small(report.disposals[0].disallowed_e18), 50);
    CHECK_EQUAL(small(report.disposals[1].disallowed_e18), 0);
    CHECK_EQUAL(small(report.disposals[0].taxable_e18() + report.disposals[1].taxable_e18()), -50);
    CHECK(report.waiting.size() == 1 && report.waiting[0].amount_e18 == 50);
  }
}

TEST(what_is_left_of_another_lot_that_the_record_sold_replaces) {
  Shares shares;
  shares.buy(0, 2, 200);
  shares.buy(1, 2, 160);
  shares.sell(5, 3, 270);  // two at a loss of ten each, one of the other lot
  const DisposalReport report = shares.report();
  CHECK_EQUAL(small(report.disposals[0].disallowed_e18), 10);
  CHECK_EQUAL(small(report.disposals[1].carried_e18), 0);
  CHECK(report.waiting.size() == 1 && report.waiting[0].quantity == 1);
}

TEST(a_wish_that_meets_nothing_is_named) {
  PaperJournal journal({.keeps_all = true});
  const std::uint64_t first = journal.sequence() + 1;
  const Int128 coin = pow10_128(18);
  const Designation good{first + 2, first + 1, coin}, other_lot{first + 2, first + 9, coin},
      no_close{first, first, coin}, too_small{first + 2, first + 1, 1},
      used_up{first + 2, first, coin};
  journal.books.designate({good, other_lot, no_close, too_small, used_up});
  Execution fill{};
  fill.quantity = 100'000'000;  // one coin
  fill.value_e18 = 5;
  journal.fill(0, PaperJournal::kMain, 1, fill);
  journal.fill(0, PaperJournal::kMain, 1, fill);
  fill.side = Side::kSell;
  journal.fill(0, PaperJournal::kMain, 1, fill);
  std::size_t named = 0;
  for (const Designation& each : unmet_designations(journal.books)) {
    named += each.lot != good.lot || each.quantity_e18 == 1;
  }
  CHECK_EQUAL(named, 4U);
  CHECK_EQUAL(unmet_designations(journal.books).size(), 4U);
}

TEST(units_replace_once_and_those_that_carry_go_first) {
  Shares shares;
  shares.buy(0, 10, 100);
  shares.buy(60, 4, 30);
  shares.sell(61, 6, 30);  // a loss of 30, of which 20 for four units
  shares.sell(62, 4, 30);  // a loss of 10: nothing is left to replace them
  shares.sell(63, 3, 24);  // three of the four
  shares.sell(64, 1, 8);
  const DisposalReport report = shares.report();
  CHECK_EQUAL(small(report.disposals[0].disallowed_e18), 20);
  CHECK_EQUAL(small(report.disposals[1].disallowed_e18), 0);
  CHECK_EQUAL(small(report.disposals[2].carried_e18), 15);
  CHECK_EQUAL(small(report.disposals[3].carried_e18), 5);
  CHECK(report.waiting.empty());
}

TEST(another_account_replaces_too_and_another_side_does_not) {
  Shares shares;
  shares.buy(0, 1, 20);
  shares.sell(50, 1, 10);
  shares.trade(Side::kSell, 51, 1, 10, PaperJournal::kHedge);  // a short sale
  CHECK_EQUAL(small(shares.report().disposals[0].disallowed_e18), 0);
  shares.trade(Side::kBuy, 52, 3, 30, PaperJournal::kHedge);  // closes it and opens two
  CHECK_EQUAL(small(shares.report().disposals[0].disallowed_e18), 10);
}

TEST(a_chain_of_losses_ends_in_the_last_lot) {
  Shares shares;
  for (int i = 0; i < 20; ++i) {
    shares.buy(3 * i, 1, 100);
    shares.sell(3 * i + 1, 1, 90);
  }
  shares.buy(60, 1, 100);
  const DisposalReport report = shares.report();
  Int128 taxable = 0;
  for (const Disposal& each : report.disposals) taxable += each.taxable_e18();
  CHECK_EQUAL(small(taxable), 0);
  CHECK_EQUAL(report.waiting.size(), 1U);
  CHECK_EQUAL(small(report.waiting[0].amount_e18), 200);
}

TEST(disposals_add_up_to_the_books_under_every_method_and_rule) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    check::Random random(seed);
    PaperJournal journal({.keeps_all = true});
    for (std::uint64_t number = 1; number <= 600; ++number) {
      const AccountId account = 1 + static_cast<AccountId>(random.below(2));
      const auto instrument = 1 + static_cast<InstrumentId>(random.below(5));
      const PositionBook& held = journal.book_of(account, instrument, 0, Leg::kNet);
      Execution fill =
          check::any_execution(random, check::kTerms[instrument - 1], held.quantity, 0, number);
      fill.time_ns = static_cast<std::int64_t>(number) * kDay_ns / 7;
      journal.fill(0, account, instrument, fill);
    }
    CHECK(journal.books.unbooked_count() == 0);
    for (const LotMethod method : kMethods) {
      std::map<const Book*, Int128> realised[kTaxRules];
      Int128 disallowed = 0, carried = 0;
      for (std::size_t rule = 0; rule < kTaxRules; ++rule) {
        const auto report = report_disposals(journal.books, method, static_cast<TaxRule>(rule));
        for (const Disposal& each : report.disposals) {
          realised[rule][each.book] += each.realised_e18;
          disallowed += each.disallowed_e18;
          carried += each.carried_e18;
          CHECK(each.disallowed_e18 >= 0 && each.carried_e18 >= 0 && each.quantity > 0);
          CHECK(each.held_from_ns <= each.opened_ns && each.opened_ns <= each.closed_ns);
        }
        for (const CarriedLoss& each : report.waiting) carried += each.amount_e18;
      }
      CHECK(disallowed == carried);
      for (const auto& book : journal.books.books()) {
        const Int128 booked = book->lots.now().realised_of(method);
        CHECK(realised[0][book.get()] == booked && realised[1][book.get()] == booked);
      }
    }
  }
}
