// Whole journals, made at random, and single records: what is booked, what is refused, and that the
// trial balance is zero behind every record.
#include "gateway_core/ledger/ledger.hpp"

#include <map>

#include "check.hpp"
#include "paper_journal.hpp"

using namespace gateway;
using namespace gateway::ledger;
using check::PaperJournal;

namespace {

constexpr AccountId kMain = PaperJournal::kMain, kHedge = PaperJournal::kHedge;

BalanceChanged moved(AccountId account, CurrencyId currency, Int128 amount, BalanceReason reason) {
  BalanceChanged change{};
  change.account = account;
  change.currency = currency;
  change.amount.e18 = amount;
  change.reason = static_cast<std::uint64_t>(reason);
  return change;
}

Execution bought(std::int64_t quantity, Int128 value) {
  Execution fill{};
  fill.quantity = quantity;
  fill.value_e18 = value;
  return fill;
}

bool is_zero(const Ledger& books) {
  bool zero = true;
  for (CurrencyId currency = 1; currency <= 3; ++currency) {
    zero &= books.accounts().total_e18(currency) == 0;
  }
  return zero;
}

/// Cash by account and currency, as the engine keeps balances: no strategies.
std::map<std::pair<AccountId, CurrencyId>, Int128> cash_of_accounts(const Ledger& books) {
  std::map<std::pair<AccountId, CurrencyId>, Int128> cash;
  for (const LedgerAccount& row : books.accounts().accounts()) {
    if (row.key.purpose == Purpose::kCash) {
      cash[{row.key.account, row.key.currency}] += row.balance_e18;
    }
  }
  return cash;
}

/// What the engine would do to balances (state/state_fills.cpp), worked out apart.
using Balances = std::map<std::pair<AccountId, CurrencyId>, Int128>;
void move_as_engine(Balances& balances, AccountId account, const Terms& terms,
                    const Execution& fill, Int128 realised) {
  const Int128 sign = fill.side == Side::kBuy ? 1 : -1;
  if (terms.is_spot()) {
    balances[{account, terms.base}] +=
        sign * fill.quantity * pow10_128(18 - terms.rules.quantity_scale);
    balances[{account, terms.quote}] -= sign * fill.value_e18;
  } else {
    balances[{account, terms.settle}] += realised;
  }
  balances[{account, fill.fee_currency}] -= fill.fee_e18;
}

}  // namespace

TEST(a_random_journal_balances_behind_every_record_and_ties_to_the_engine) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    check::Random random(seed);
    PaperJournal journal;
    Balances balances;
    for (std::uint64_t number = 1; number <= 1'500; ++number) {
      const AccountId account = 1 + static_cast<AccountId>(random.below(2));
      const auto instrument = 1 + static_cast<InstrumentId>(random.below(5));
      const auto strategy = static_cast<StrategyId>(random.below(3));
      const bool has_legs = account == kHedge && !PaperJournal::is_spot(instrument);
      const Leg leg = !has_legs ? Leg::kNet : random.below(2) == 0 ? Leg::kLong : Leg::kShort;
      journal.time_ns = static_cast<std::int64_t>(number);
      if (const std::uint64_t wish = random.below(12); wish == 0) {
        Funding funding{};
        funding.account = account;
        funding.instrument = instrument;
        funding.leg = static_cast<std::uint32_t>(leg);
        funding.currency = 1 + static_cast<CurrencyId>(random.below(3));
        funding.amount.e18 = static_cast<std::int64_t>(random.next());
        balances[{account, funding.currency}] += funding.amount.e18;
        journal.write(RecordKind::kFunding, funding);
      } else if (wish == 1) {
        const auto change = moved(account, 1 + static_cast<CurrencyId>(random.below(3)),
                                  static_cast<std::int64_t>(random.next()),
                                  static_cast<BalanceReason>(random.below(9)));
        balances[{account, change.currency}] += change.amount.e18;
        journal.write(RecordKind::kBalanceChanged, change);
      } else {
        const PositionBook before = journal.book_of(account, instrument, strategy, leg);
        const Terms& terms = check::kTerms[instrument - 1];
        const int only = leg == Leg::kNet ? 0 : leg == Leg::kLong ? 1 : -1;
        const Execution fill = check::any_execution(random, terms, before.quantity, only, number);
        const OrderId order =
            strategy == 0 ? 0 : journal.order(account, instrument, strategy, fill.side, leg);
        journal.fill(order, account, instrument, fill, leg);
        const PositionBook after = journal.book_of(account, instrument, strategy, leg);
        move_as_engine(balances, account, terms, fill, after.realised_e18 - before.realised_e18);
      }
      CHECK(is_zero(journal.books));
    }
    CHECK(journal.books.unbooked_count() == 0 && journal.books.accounts().is_balanced());
    auto cash = cash_of_accounts(journal.books);
    for (const auto& [key, total] : balances) CHECK(cash[key] == total);
    // Accounts are shared by the instruments of a strategy: what is open at cost, and against it,
    // for contracts, what no cash has paid for.
    std::map<std::uint32_t, Int128> costs;
    for (const auto& book : journal.books.books()) {
      CHECK(book->lots.now().is_identical());
      costs[book->position] += book->lots.now().average.cost_e18;
      if (book->lots.terms().is_spot()) continue;
      costs[book->contract] -= book->lots.now().average.cost_e18;
    }
    for (const auto& [number, cost] : costs) {
      CHECK(journal.books.accounts().accounts()[number].balance_e18 == cost);
    }
  }
}

TEST(a_transfer_is_the_firms_until_it_arrives) {
  PaperJournal journal;
  const AccountKey transit{0, 0, 2, Purpose::kTransit};
  journal.write(RecordKind::kBalanceChanged, moved(kMain, 2, 500, BalanceReason::kOpening));
  journal.write(RecordKind::kBalanceChanged, moved(kMain, 2, -200, BalanceReason::kTransfer));
  CHECK(journal.books.accounts().balance_e18(transit) == 200);
  journal.write(RecordKind::kBalanceChanged, moved(kHedge, 2, 200, BalanceReason::kTransfer));
  CHECK(journal.books.accounts().balance_e18(transit) == 0);
  CHECK(journal.books.accounts().balance_e18({kHedge, 0, 2, Purpose::kCash}) == 200);
  CHECK(journal.books.accounts().balance_e18({kMain, 0, 2, Purpose::kCapital}) == -500);
}

TEST(funding_is_split_by_signed_size_and_the_rest_is_rounding) {
  PaperJournal journal;
  for (const auto& [strategy, side, quantity] :
       {std::tuple{1U, Side::kBuy, 4}, {2U, Side::kSell, 1}}) {
    Execution fill = bought(quantity, 100);
    fill.side = side;
    journal.fill(journal.order(kMain, 2, strategy, side), kMain, 2, fill);
  }
  Funding funding{};
  funding.account = kMain;
  funding.instrument = 2;
  funding.currency = 2;
  funding.amount.e18 = -100;  // three held together: 4/3 and -1/3 of it
  journal.write(RecordKind::kFunding, funding);
  const TrialBalance& accounts = journal.books.accounts();
  CHECK(accounts.balance_e18({kMain, 1, 2, Purpose::kFunding}) == 133);
  CHECK(accounts.balance_e18({kMain, 2, 2, Purpose::kFunding}) == -33);
  CHECK(accounts.balance_e18({kMain, 0, 2, Purpose::kRounding}) == 0);
  CHECK(journal.booked(kMain, 2, 1)->funding_e18 == -133);
  CHECK(journal.booked(kMain, 2, 2)->funding_e18 == 33);
  funding.amount.e18 = -2;  // -8/3 and 2/3: -3 and 1 add up by luck
  journal.write(RecordKind::kFunding, funding);
  Execution more = bought(3, 100);
  journal.fill(journal.order(kMain, 2, 1, Side::kBuy), kMain, 2, more);  // 7 and -1: six
  funding.amount.e18 = 3;  // 3.5 and -0.5: to even, 4 and 0; one too much
  journal.write(RecordKind::kFunding, funding);
  CHECK(accounts.balance_e18({kMain, 0, 2, Purpose::kRounding}) == 1 && is_zero(journal.books));
}

TEST(interest_is_split_by_what_the_books_owe_of_its_currency) {
  PaperJournal journal;
  Execution fill = bought(300'000'000, 900);  // three coins for 900: owes money
  journal.fill(journal.order(kMain, 1, 1, Side::kBuy), kMain, 1, fill);
  fill.value_e18 = 100;
  journal.fill(journal.order(kMain, 1, 2, Side::kBuy), kMain, 1, fill);
  fill.side = Side::kSell;  // EXTERNAL owes three coins
  journal.fill(0, kMain, 1, fill);
  const TrialBalance& accounts = journal.books.accounts();
  journal.write(RecordKind::kBalanceChanged, moved(kMain, 2, -105, BalanceReason::kInterest));
  CHECK(accounts.balance_e18({kMain, 1, 2, Purpose::kInterest}) == 94);  // 94.5 to even
  CHECK(accounts.balance_e18({kMain, 2, 2, Purpose::kInterest}) == 10);  // 10.5 to even
  CHECK(accounts.balance_e18({kMain, 0, 2, Purpose::kRounding}) == 1);
  CHECK(journal.booked(kMain, 1, 1)->interest_e18 == -94);
  journal.write(RecordKind::kBalanceChanged, moved(kMain, 1, -7, BalanceReason::kInterest));
  CHECK(journal.booked(kMain, 1, 0)->coin_interest_e18 == -7);
  CHECK(accounts.balance_e18({kMain, 0, 1, Purpose::kInterest}) == 7);
  journal.write(RecordKind::kBalanceChanged, moved(kMain, 2, 50, BalanceReason::kInterest));
  CHECK(accounts.balance_e18({kMain, 0, 2, Purpose::kInterest}) == -50 && is_zero(journal.books));
}

TEST(a_late_fill_moves_what_it_would_have_moved_in_time) {
  PaperJournal late, right;
  const Terms& terms = check::kTerms[0];
  const auto at = [&](std::int64_t price, std::int64_t quantity, Side side, std::int64_t time_ns) {
    Execution fill = bought(quantity, value_of(terms.rules, price, 2, quantity)->e18);
    fill.side = side;
    fill.time_ns = time_ns;
    return fill;
  };
  const Execution first = at(10'000, 300, Side::kBuy, 1), missed = at(9'001, 100, Side::kBuy, 2),
                  sold = at(11'111, 150, Side::kSell, 3);
  for (const Execution& fill : {first, missed, sold}) right.fill(0, kMain, 1, fill);
  late.fill(0, kMain, 1, first);
  late.fill(0, kMain, 1, sold);
  OrderFilled record = right.filled(0, kMain, 1, bought(0, 0));  // where it stands at the end
  record.quantity = missed.quantity;
  record.value.e18 = missed.value_e18;
  record.side = missed.side;
  record.venue_time_ns = missed.time_ns;
  record.booked_before = 2;
  late.write(RecordKind::kOrderFilled, record);
  CHECK(late.books.unbooked_count() == 0);
  for (const LedgerAccount& row : right.books.accounts().accounts()) {
    CHECK(late.books.accounts().balance_e18(row.key) == row.balance_e18);
  }
  for (const LotMethod method : {LotMethod::kFifo, LotMethod::kLifo, LotMethod::kHifo}) {
    CHECK(late.booked(kMain, 1, 0)->lots.now().realised_of(method) ==
          right.booked(kMain, 1, 0)->lots.now().realised_of(method));
  }
}

TEST(a_bust_takes_everything_back_but_the_fee_that_stays) {
  PaperJournal journal;
  Execution fill = bought(100, 5'000);
  fill.fee_e18 = 9;
  fill.fee_currency = 3;
  journal.fill(0, kMain, 2, fill);
  FillRevised bust{};
  bust.account = kMain;
  bust.instrument = 2;
  bust.fill_ordinal = 1;
  bust.fee.e18 = 2;
  bust.fee_currency = 2;
  journal.write(RecordKind::kFillBusted, bust);
  CHECK(journal.books.unbooked_count() == 0);
  CHECK(journal.books.accounts().balance_e18({kMain, 0, 2, Purpose::kPosition}) == 0);
  CHECK(journal.books.accounts().balance_e18({kMain, 0, 3, Purpose::kFees}) == 0);
  CHECK(journal.books.accounts().balance_e18({kMain, 0, 2, Purpose::kFees}) == 2);
  CHECK(journal.books.accounts().balance_e18({kMain, 0, 2, Purpose::kCash}) == -2);
}

TEST(an_adopted_position_is_a_fill_of_its_strategy) {
  PaperJournal journal;
  PositionAdopted adopted{};
  adopted.account = kMain;
  adopted.instrument = 2;
  adopted.strategy = 2;
  adopted.side = Side::kSell;
  adopted.quantity = 5;
  adopted.value.e18 = 70;
  adopted.position_quantity = -5;
  adopted.position_cost.e18 = -70;
  journal.time_ns = 42;
  journal.write(RecordKind::kPositionAdopted, adopted);
  const Book* book = journal.booked(kMain, 2, 2);
  CHECK(book != nullptr && book->lots.now().fifo.lots()[0].opened_ns == 42);
  CHECK(journal.books.accounts().balance_e18({kMain, 2, 2, Purpose::kPosition}) == -70);
}

TEST(what_cannot_be_booked_is_named_and_its_book_is_stopped) {
  const auto reasons = [](const PaperJournal& journal) {
    std::string text;
    for (const Unbooked& each : journal.books.unbooked()) {
      text += std::string(name(each.reason)) + " ";
    }
    return text;
  };
  PaperJournal journal;
  OrderFilled lie = journal.filled(0, kMain, 2, bought(1, 10));
  lie.position_quantity = 7;
  journal.write(RecordKind::kOrderFilled, lie);
  journal.fill(0, kMain, 2, bought(1, 10));
  OrderFilled unknown = journal.filled(0, kMain, 3, bought(1, 10));
  unknown.instrument = 77;
  journal.write(RecordKind::kOrderFilled, unknown);
  journal.write(RecordKind::kBalanceChanged, moved(9, 1, 5, BalanceReason::kDeposit));
  FillRevised lost{};
  lost.account = kMain;
  lost.instrument = 4;
  lost.fill_ordinal = 1'000;
  journal.write(RecordKind::kFillBusted, lost);
  CHECK_EQUAL(reasons(journal),
              "AFTER_IMAGE BOOK_STOPPED UNKNOWN_INSTRUMENT UNKNOWN_INSTRUMENT FORGOTTEN ");
  CHECK(journal.books.unbooked_count() == 5 && is_zero(journal.books));
  CHECK(journal.booked(kMain, 2, 0)->is_stopped);
  CHECK(journal.books.accounts().balance_e18({kMain, 0, 2, Purpose::kPosition}) == 0);
}

TEST(a_late_fill_is_booked_where_the_fill_behind_it_is) {
  PaperJournal journal;
  journal.fill(0, kMain, 2, bought(1, 10));  // ordinal 1, EXTERNAL
  const OrderId order = journal.order(kMain, 2, 1, Side::kBuy);
  OrderFilled late = journal.filled(0, kMain, 2, bought(3, 30));
  late.order_id = order;  // which the engine has forgotten and the ledger has not
  late.booked_before = 1;
  journal.write(RecordKind::kOrderFilled, late);
  CHECK_EQUAL(journal.books.unbooked_count(), 0U);
  CHECK(journal.booked(kMain, 2, 0)->lots.now().average.quantity == 4);
  CHECK(journal.booked(kMain, 2, 0)->lots.executions()[0].quantity == 3);
}

TEST(a_revision_of_a_fill_that_is_not_booked_stops_no_other_book) {
  PaperJournal journal;
  journal.fill(journal.order(kMain, 2, 1, Side::kBuy), kMain, 2, bought(2, 20));
  OrderFilled lie = journal.filled(0, kMain, 2, bought(1, 10));
  lie.position_quantity = 7;
  journal.write(RecordKind::kOrderFilled, lie);
  FillRevised bust{};
  bust.account = kMain;
  bust.instrument = 2;
  bust.fill_ordinal = 2;
  journal.write(RecordKind::kFillBusted, bust);
  OrderFilled late = journal.filled(0, kMain, 2, bought(1, 10));
  late.booked_before = 2;
  journal.write(RecordKind::kOrderFilled, late);
  CHECK_EQUAL(journal.books.unbooked_count(), 3U);
  CHECK(journal.books.unbooked()[1].reason == UnbookedReason::kBookStopped);
  CHECK(journal.books.unbooked()[2].reason == UnbookedReason::kBookStopped);
  CHECK(journal.booked(kMain, 2, 0)->is_stopped && !journal.booked(kMain, 2, 1)->is_stopped);
}

TEST(a_revision_that_an_account_cannot_take_is_an_overflow_and_a_wrong_image_is_its_own_reason) {
  PaperJournal journal;
  const Int128 large = kInt128Max / 2;
  for (const InstrumentId instrument : {2U, 4U}) {
    journal.fill(0, kMain, instrument, bought(100, 5'000));
  }
  journal.write(RecordKind::kBalanceChanged, moved(kMain, 3, large, BalanceReason::kDeposit));
  FillRevised corrected{};
  corrected.account = kMain;
  corrected.instrument = 2;
  corrected.fill_ordinal = 1;
  corrected.quantity = corrected.position_quantity = 100;
  corrected.value.e18 = corrected.position_cost.e18 = 5'000;
  corrected.fee.e18 = -9;  // a rebate
  corrected.fee_currency = 3;
  journal.write(RecordKind::kFillCorrected, corrected);
  corrected.instrument = 4;
  corrected.fill_ordinal = 2;
  corrected.position_quantity = 99;
  journal.write(RecordKind::kFillCorrected, corrected);
  CHECK_EQUAL(journal.books.unbooked_count(), 2U);
  CHECK(journal.books.unbooked()[0].reason == UnbookedReason::kOverflow);
  CHECK(journal.books.unbooked()[1].reason == UnbookedReason::kAfterImage);
  CHECK(is_zero(journal.books));
}

TEST(an_overflow_is_left_out_whole) {
  PaperJournal journal;
  const Int128 large = kInt128Max / 2;
  journal.write(RecordKind::kBalanceChanged, moved(kMain, 2, large, BalanceReason::kDeposit));
  journal.write(RecordKind::kBalanceChanged, moved(kMain, 2, large, BalanceReason::kDeposit));
  CHECK(journal.books.unbooked_count() == 1 && is_zero(journal.books));
  CHECK(journal.books.unbooked()[0].reason == UnbookedReason::kOverflow);
  Execution fill = bought(5, 100);
  fill.fee_currency = 2;
  fill.fee_e18 = -9;  // a rebate that the account cannot take: the fill is not half booked
  journal.fill(0, kMain, 2, fill);
  CHECK(journal.books.unbooked_count() == 2 && is_zero(journal.books));
  CHECK(journal.booked(kMain, 2, 0)->lots.now().average.quantity == 0);
}

TEST(an_amount_that_nobody_can_take_back_is_left_out) {
  PaperJournal journal;
  journal.write(RecordKind::kBalanceChanged, moved(kMain, 2, kInt128Min, BalanceReason::kDeposit));
  Funding funding{};
  funding.account = kMain;
  funding.instrument = funding.currency = 2;
  funding.amount.e18 = kInt128Min;
  journal.write(RecordKind::kFunding, funding);
  Execution fill = bought(5, 100);
  journal.fill(0, kMain, 2, fill);
  FillRevised revised{};
  revised.account = kMain;
  revised.instrument = 2;
  revised.fill_ordinal = 1;
  revised.quantity = revised.position_quantity = 5;
  revised.value.e18 = revised.position_cost.e18 = 100;
  revised.fee_currency = 3;  // that is not the book's, so that the book takes any
  revised.fee.e18 = kInt128Min;
  journal.write(RecordKind::kFillCorrected, revised);
  fill.fee_currency = 3;
  fill.fee_e18 = kInt128Min;
  journal.fill(0, kHedge, 2, fill);
  CHECK_EQUAL(journal.books.unbooked_count(UnbookedReason::kOverflow), 4U);
  CHECK_EQUAL(journal.books.unbooked_count(), 4U);
  CHECK(is_zero(journal.books) && journal.books.accounts().is_balanced());
}

TEST(shares_that_leave_the_range_on_their_way_to_the_whole_are_left_out) {
  PaperJournal journal;
  StrategyId strategy = 0;
  for (const int quantity : {-3, -3, -3, 3, 3, 4}) {  // one in all
    Execution fill = bought(quantity < 0 ? -quantity : quantity, 100);
    fill.side = quantity < 0 ? Side::kSell : Side::kBuy;
    ++strategy;
    journal.fill(journal.order(kMain, 2, strategy, fill.side), kMain, 2, fill);
  }
  Funding funding{};
  funding.account = kMain;
  funding.instrument = funding.currency = 2;
  funding.amount.e18 = (static_cast<Int128>(1) << 124) - 1;
  journal.write(RecordKind::kFunding, funding);
  CHECK_EQUAL(journal.books.unbooked_count(UnbookedReason::kOverflow), 1U);
  CHECK(journal.booked(kMain, 2, 1)->funding_e18 == 0);
  CHECK(is_zero(journal.books) && journal.books.accounts().is_balanced());
}

TEST(a_record_shorter_than_its_kind_is_not_booked) {
  PaperJournal journal;
  struct {
    std::uint64_t words[8] = {};
  } stub;
  journal.write(RecordKind::kOrderFilled, stub);
  journal.write(RecordKind::kFunding, stub);
  CHECK(journal.books.unbooked_count() == 2);
  CHECK(journal.books.unbooked()[0].reason == UnbookedReason::kBadRecord);
}

TEST(a_fill_of_an_order_the_engine_has_forgotten_is_found_by_its_image) {
  PaperJournal journal;
  const OrderId order = journal.order(kMain, 2, 1, Side::kBuy);
  journal.fill(0, kMain, 2, bought(1, 10));
  OrderFilled fill = journal.filled(0, kMain, 2, bought(3, 30));  // booked to EXTERNAL
  fill.order_id = order;
  journal.write(RecordKind::kOrderFilled, fill);
  CHECK(journal.books.unbooked_count() == 0);
  CHECK(journal.booked(kMain, 2, 0)->lots.now().average.quantity == 4);
  const PositionBook untouched = journal.book_of(kMain, 2, 1, Leg::kNet);
  journal.fill(order, kMain, 2, bought(5, 50));
  CHECK(untouched.quantity == 0 && journal.booked(kMain, 2, 1)->lots.now().average.quantity == 5);
}

TEST(open_orders_are_remembered_while_ended_ones_make_room) {
  OrderNotes notes(0);
  CHECK(notes.note({.order_id = 1, .strategy = 7}));
  for (OrderId id = 2; id < 10'000; ++id) {
    CHECK(notes.note({.order_id = id}));
    notes.end(id);
  }
  CHECK(notes.find(1) != nullptr && notes.find(1)->strategy == 7);
  CHECK(notes.find(2) == nullptr && notes.find(9'999) != nullptr);
  OrderNotes larger(2'048);
  notes.move_to(larger);
  CHECK(larger.find(1)->strategy == 7 && larger.find(9'999)->has_ended);
  OrderNotes full(0);
  OrderId id = 0;
  while (full.note({.order_id = ++id})) {
  }
  CHECK(id == full.capacity() + 1);
}
