// Executions, payments and money that moved without a fill, posted.
#include <algorithm>
#include <array>
#include <optional>

#include "gateway_core/ledger/ledger.hpp"

namespace gateway::ledger {
namespace {

/// Coins that a spot execution delivers: received is positive.
Int128 coins_of(const Terms& terms, const Execution& fill) noexcept {
  return static_cast<Int128>(fill.quantity) * kPow10_64[kMoneyScale - terms.rules.quantity_scale] *
         sign_of(fill.side);
}

std::int64_t time_of(std::int64_t venue_time_ns, const RecordHeader& header) noexcept {
  return venue_time_ns != 0 ? venue_time_ns : header.time_ns;
}

Booked booked_since(const Book& book, const PositionBook& before, Int128 slippage_before,
                    const Execution& fill) noexcept {
  const LotState& now = book.lots.now();
  return {&book, now.average.realised_e18 - before.realised_e18, now.slippage_e18 - slippage_before,
          fill.arrival_price};
}

/// Why an execution was taken back: the image first, then the arithmetic.
UnbookedReason reason_of(bool is_right, PostFault fault) noexcept {
  if (!is_right) return UnbookedReason::kAfterImage;
  return fault == PostFault::kUnbalanced ? UnbookedReason::kUnbalanced : UnbookedReason::kOverflow;
}

}  // namespace

// An order that is not known here is not known to the engine either: the fill is EXTERNAL.
Book* Ledger::book_of_fill(const OrderFilled& fill, Execution& execution) {
  BookKey key{fill.account, fill.instrument, kExternalStrategy, fill.leg,
              margin_mode_of(fill.account, fill.instrument)};
  OrderNote* note = fill.order_id == 0 ? nullptr : orders_->find(fill.order_id);
  if (note != nullptr && note->strategy < kIdsMax) {
    key.strategy = note->strategy;
    key.leg = note->leg;
    key.margin_mode = note->margin_mode;
    execution.arrival_price = note->arrival_price;
    if (fill.order_cumulative >= note->quantity) note->has_ended = true;
  }
  return &open_book(key);
}

// The engine may have forgotten an order that is still known here, or the other way round: then the
// image tells which book of the position took the fill.
Book* Ledger::book_that_fits(Book* likely, const Execution& fill, const AfterImage& after) {
  const auto fits = [&](const Book& book) {
    PositionBook image = book.lots.now().average;
    FillEffect effect;
    return apply_to_average(image, book.lots.terms(), fill, effect) && after.is_of(image);
  };
  if (fits(*likely)) [[likely]]
    return likely;
  const BookKey external{likely->key.account, likely->key.instrument, kExternalStrategy,
                         likely->key.leg, likely->key.margin_mode};
  if (fits(open_book(external))) return &open_book(external);
  for (const auto& book : books_) {
    if (book->key.account == likely->key.account && book->key.leg == likely->key.leg &&
        book->key.instrument == likely->key.instrument && fits(*book)) {
      return book.get();
    }
  }
  return nullptr;
}

void Ledger::on_filled(const RecordHeader& header, const OrderFilled& fill) {
  ++ordinal_;
  if (!is_known(fill.account, fill.instrument)) {
    return leave_out(header, UnbookedReason::kUnknownInstrument, fill.account, fill.instrument);
  }
  Execution execution{.value_e18 = fill.value.e18,
                      .fee_e18 = fill.fee.e18,
                      .sequence = header.sequence,
                      .ordinal = ordinal_,
                      .time_ns = time_of(fill.venue_time_ns, header),
                      .quantity = fill.quantity,
                      .fee_currency = fill.fee_currency,
                      .side = fill.side};
  Book* book = book_of_fill(fill, execution);
  book_execution(header, book, execution, fill.booked_before,
                 {fill.position_quantity, fill.position_cost.e18, fill.position_realised.e18});
}

void Ledger::on_position_adopted(const RecordHeader& header, const PositionAdopted& adopted) {
  ++ordinal_;
  if (!is_known(adopted.account, adopted.instrument) || adopted.strategy >= kIdsMax) {
    return leave_out(header, UnbookedReason::kUnknownInstrument, adopted.account,
                     adopted.instrument);
  }
  const Execution execution{.value_e18 = adopted.value.e18,
                            .sequence = header.sequence,
                            .ordinal = ordinal_,
                            .time_ns = header.time_ns,
                            .quantity = adopted.quantity,
                            .side = adopted.side};
  Book& book = open_book({adopted.account, adopted.instrument, adopted.strategy, adopted.leg,
                          margin_mode_of(adopted.account, adopted.instrument)});
  book_execution(
      header, &book, execution, 0,
      {adopted.position_quantity, adopted.position_cost.e18, adopted.position_realised.e18});
}

void Ledger::book_execution(const RecordHeader& header, Book* book, const Execution& fill,
                            std::uint64_t booked_before, const AfterImage& after) {
  const BookKey likely = book->key;
  const auto refuse = [&](UnbookedReason reason) {
    book->is_stopped = true;
    leave_out(header, reason, likely.account, likely.instrument);
  };
  if (booked_before != 0) {
    // It belongs where the fill behind it is, whatever the order says.
    book = book_that_took(likely.account, likely.instrument, booked_before);
    if (book == nullptr) return lose(header, likely.account, likely.instrument);
  }
  if (book->is_stopped) return refuse(UnbookedReason::kBookStopped);
  if (fill.fee_e18 != 0 && currency(fill.fee_currency) == nullptr) {
    return refuse(UnbookedReason::kUnknownInstrument);
  }
  if (!gateway::detail::is_storable(fill.fee_e18)) return refuse(UnbookedReason::kOverflow);
  if (booked_before == 0) {
    Book* fitting = book_that_fits(book, fill, after);
    if (fitting == nullptr) return refuse(UnbookedReason::kAfterImage);
    book = fitting;
    if (book->is_stopped) return refuse(UnbookedReason::kBookStopped);
  }
  const PositionBook before = book->lots.now().average;
  const Int128 slippage_before = book->lots.now().slippage_e18;
  const bool is_booked =
      booked_before == 0 ? book->lots.add(fill) : book->lots.add_before(booked_before, fill);
  if (!is_booked) return refuse(UnbookedReason::kOverflow);
  PostFault fault = PostFault::kUnbalanced;
  const bool is_right = after.is_of(book->lots.now().average);
  if (is_right && book->lots.now().is_identical()) {
    fault = post_execution(*book, header.sequence, before, nullptr, fill);
  }
  if (fault == PostFault::kNone) {
    book->sequence = header.sequence;
    ++posted_;
    booked_ = booked_since(*book, before, slippage_before, fill);
    return;
  }
  book->lots.remove(fill.ordinal);
  refuse(reason_of(is_right, fault));
}

// The difference that an execution makes to its book, its money and its fee; of a revision, the
// difference between the new one and the `old` one.
PostFault Ledger::post_execution(Book& book, Sequence sequence, const PositionBook& before,
                                 const Execution* old, const Execution& fill) {
  const Terms& terms = book.lots.terms();
  const PositionBook& after = book.lots.now().average;
  const Int128 cost = after.cost_e18 - before.cost_e18;
  const Int128 realised = after.realised_e18 - before.realised_e18;
  const Int128 cash = cash_of(terms, fill) - (old == nullptr ? 0 : cash_of(terms, *old));
  Entry entry;
  entry.add(book.position, cost);
  entry.add(book.realised, -realised);
  if (terms.is_spot()) {
    const Int128 coins = coins_of(terms, fill) - (old == nullptr ? 0 : coins_of(terms, *old));
    entry.add(book.cash, -cash);
    entry.add(book.base_cash, coins);
    entry.add(book.exchange, -coins);
  } else {
    // No cash pays for a contract: the venue moves what a close realised, and the rest is owed.
    entry.add(book.cash, realised);
    entry.add(book.contract, -cash - realised);
  }
  if (old != nullptr) add_fee(entry, book, old->fee_currency, -old->fee_e18);
  add_fee(entry, book, fill.fee_currency, fill.fee_e18);
  return accounts_.post(entry.postings(), sequence);
}

void Ledger::add_fee(Entry& entry, Book& book, CurrencyId money, Int128 fee_e18) {
  if (fee_e18 == 0) return;
  if (book.fee_currency != money) {
    book.fee_currency = money;
    book.fee_cash = account_of(book.key.account, book.key.strategy, money, Purpose::kCash);
    book.fees = account_of(book.key.account, book.key.strategy, money, Purpose::kFees);
  }
  entry.add(book.fees, fee_e18);
  entry.add(book.fee_cash, -fee_e18);
}

void Ledger::on_revised(const RecordHeader& header, const FillRevised& fill) {
  Book* book = book_that_took(fill.account, fill.instrument, fill.fill_ordinal);
  if (book == nullptr) return lose(header, fill.account, fill.instrument);
  const auto refuse = [&](UnbookedReason reason) {
    book->is_stopped = true;
    leave_out(header, reason, fill.account, fill.instrument);
  };
  if (book->is_stopped) return refuse(UnbookedReason::kBookStopped);
  if (fill.fee.e18 != 0 && currency(fill.fee_currency) == nullptr) {
    return refuse(UnbookedReason::kUnknownInstrument);
  }
  if (!gateway::detail::is_storable(fill.fee.e18)) return refuse(UnbookedReason::kOverflow);
  const Execution old = *book->lots.find(fill.fill_ordinal);
  Execution revised = old;
  revised.quantity = fill.quantity;
  revised.value_e18 = fill.value.e18;
  revised.fee_e18 = fill.fee.e18;
  revised.fee_currency = fill.fee_currency;
  const PositionBook before = book->lots.now().average;
  const Int128 slippage_before = book->lots.now().slippage_e18;
  if (!book->lots.revise(revised)) return refuse(UnbookedReason::kOverflow);
  const AfterImage after{fill.position_quantity, fill.position_cost.e18,
                         fill.position_realised.e18};
  const bool is_right = after.is_of(book->lots.now().average);
  PostFault fault = PostFault::kUnbalanced;
  if (is_right && book->lots.now().is_identical()) {
    fault = post_execution(*book, header.sequence, before, &old, revised);
  }
  if (fault == PostFault::kNone) {
    book->sequence = header.sequence;
    ++posted_;
    booked_ = booked_since(*book, before, slippage_before, revised);
    return;
  }
  (void)book->lots.revise(old);
  refuse(reason_of(is_right, fault));
}

// A payment is linear in the position, so a book has its signed share of it: one that is short
// while the whole is long is paid by the others.
std::vector<Ledger::Share> Ledger::shares_of(const Funding& funding) {
  std::vector<Share> shares;
  std::int64_t net = 0;
  for (Book* book : books_at(funding.account, funding.instrument)) {
    const std::int64_t quantity = book->lots.now().average.quantity;
    if (book->key.leg != funding.leg || quantity == 0) continue;
    if (__builtin_add_overflow(net, quantity, &net)) return {};
    shares.push_back({book, 0});
  }
  if (net == 0 || net == INT64_MIN) return {};
  for (Share& share : shares) {
    const auto part = mul_div(funding.amount.e18, share.book->lots.now().average.quantity, net);
    Int128 received = 0;
    if (!part || !gateway::detail::is_storable(*part) ||
        add_overflows(share.book->funding_e18, *part, received)) {
      return {};
    }
    share.amount_e18 = *part;
  }
  return shares;
}

bool Ledger::post_shares(const RecordHeader& header, const std::vector<Share>& shares,
                         const AccountKey& whole, Int128 amount_e18) {
  std::vector<Posting> entry;
  const auto receive = [&](StrategyId owner, Purpose purpose, Int128 part_e18) {
    if (part_e18 == 0) return;
    entry.push_back({account_of(whole.account, owner, whole.currency, Purpose::kCash), part_e18});
    entry.push_back({account_of(whole.account, owner, whole.currency, purpose), -part_e18});
  };
  Int128 left = amount_e18;
  bool fits = true;
  for (const Share& share : shares) {
    receive(share.book->key.strategy, whole.purpose, share.amount_e18);
    fits = fits && !__builtin_sub_overflow(left, share.amount_e18, &left);
  }
  fits = fits && gateway::detail::is_storable(left);
  if (fits) receive(kExternalStrategy, shares.empty() ? whole.purpose : Purpose::kRounding, left);
  const InstrumentId instrument_id = shares.empty() ? 0 : shares.front().book->key.instrument;
  const PostFault fault = fits ? accounts_.post(entry, header.sequence) : PostFault::kOverflow;
  return settle(header, fault, whole.account, instrument_id);
}

// A short on spot owes coins; a long one owes at most what it cost. Interest that is received, and
// what no book owes, is EXTERNAL's.
std::vector<Ledger::Share> Ledger::shares_of(const BalanceChanged& interest) {
  std::vector<Share> shares;
  Int128 owed = 0;
  if (interest.amount.e18 >= 0) return shares;
  for (const auto& book : books_) {
    const Terms& terms = book->lots.terms();
    const PositionBook& held = book->lots.now().average;
    if (book->key.account != interest.account || !terms.is_spot()) continue;
    const Int128 coins =
        static_cast<Int128>(held.quantity) * kPow10_64[kMoneyScale - terms.rules.quantity_scale];
    Int128 part = 0;
    if (held.quantity < 0 && terms.base == interest.currency) part = -coins;
    if (held.quantity > 0 && terms.quote == interest.currency) part = held.cost_e18;
    if (part <= 0) continue;
    if (add_overflows(owed, part, owed)) return {};
    shares.push_back({book.get(), part});
  }
  for (Share& share : shares) {
    const auto part = wide_ratio({interest.amount.e18, share.amount_e18}, {owed});
    if (!part) return {};
    share.amount_e18 = *part;
  }
  return shares;
}

void Ledger::on_funding(const RecordHeader& header, const Funding& funding) {
  if (account(funding.account) == nullptr || currency(funding.currency) == nullptr) {
    return leave_out(header, UnbookedReason::kUnknownInstrument, funding.account,
                     funding.instrument);
  }
  const std::vector<Share> shares = shares_of(funding);
  const AccountKey whole{funding.account, kExternalStrategy, funding.currency, Purpose::kFunding};
  if (!post_shares(header, shares, whole, funding.amount.e18)) return;
  for (const Share& share : shares) {
    if (share.book->lots.terms().money() == funding.currency) {
      share.book->funding_e18 += share.amount_e18;
    }
  }
}

void Ledger::on_balance(const RecordHeader& header, const BalanceChanged& change) {
  if (account(change.account) == nullptr || currency(change.currency) == nullptr) {
    return leave_out(header, UnbookedReason::kUnknownInstrument, change.account, 0);
  }
  if (!gateway::detail::is_storable(change.amount.e18)) {
    return leave_out(header, UnbookedReason::kOverflow, change.account, 0);
  }
  const Purpose purpose = purpose_of(static_cast<BalanceReason>(change.reason));
  if (purpose == Purpose::kInterest) {
    const std::vector<Share> shares = shares_of(change);
    const AccountKey whole{change.account, kExternalStrategy, change.currency, purpose};
    if (!post_shares(header, shares, whole, change.amount.e18)) return;
    for (const Share& share : shares) {
      const bool is_coin = share.book->lots.now().average.quantity < 0;
      (is_coin ? share.book->coin_interest_e18 : share.book->interest_e18) += share.amount_e18;
    }
    return;
  }
  // What is sent belongs to the firm until it arrives, wherever that is.
  const AccountId owner = purpose == Purpose::kTransit ? 0 : change.account;
  const std::array<Posting, 2> entry{
      Posting{account_of(change.account, kExternalStrategy, change.currency, Purpose::kCash),
              change.amount.e18},
      Posting{account_of(owner, kExternalStrategy, change.currency, purpose), -change.amount.e18}};
  (void)settle(header, accounts_.post(entry, header.sequence), change.account, 0);
}

}  // namespace gateway::ledger
