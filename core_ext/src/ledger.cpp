// What each kind of record becomes in the books (decision 0040).
#include "gateway_core/ledger/ledger.hpp"

#include <algorithm>
#include <utility>

namespace gateway::ledger {
namespace {

/// What an instrument says of itself must be usable: later nobody asks again.
bool is_usable(const InstrumentDefined& row) noexcept {
  const InstrumentRules rules{row.multiplier, static_cast<InstrumentKind>(row.kind),
                              row.price_scale, row.quantity_scale, row.multiplier_scale};
  return row.kind >= 1 && row.kind <= 4 && are_valid(rules) && row.base < kIdsMax &&
         row.quote < kIdsMax && row.settle < kIdsMax;
}

template <typename Payload>
const Payload& payload_at(const std::uint8_t* record) noexcept {
  return *reinterpret_cast<const Payload*>(record + sizeof(RecordHeader));
}

template <typename Row>
void define_row(std::vector<Row>& rows, const std::uint8_t* record) {
  const Row& row = payload_at<Row>(record);
  if (row.id == 0 || row.id >= kIdsMax) return;
  if (row.id >= rows.size()) rows.resize(row.id + 1);
  rows[row.id] = row;
}

template <typename Row>
const Row* defined(const std::vector<Row>& rows, std::uint32_t id) noexcept {
  return id < rows.size() && rows[id].id != 0 ? &rows[id] : nullptr;
}

/// Whether the record is as long as its kind, and so may be read.
template <typename Payload>
bool is_whole(const RecordHeader& header) noexcept {
  return header.length >= sizeof(RecordHeader) + sizeof(Payload);
}

}  // namespace

Ledger::Ledger(LedgerOptions options)
    : options_(options), orders_(std::make_unique<OrderNotes>(options.orders_max)) {}

void Ledger::designate(std::vector<Designation> wishes) {
  wishes_ = std::move(wishes);
  std::ranges::stable_sort(wishes_, {}, &Designation::closed_by);
}

const InstrumentDefined* Ledger::instrument(InstrumentId id) const noexcept {
  return defined(instruments_, id);
}
const AccountDefined* Ledger::account(AccountId id) const noexcept {
  return defined(account_rows_, id);
}
const CurrencyDefined* Ledger::currency(CurrencyId id) const noexcept {
  return defined(currencies_, id);
}
const StrategyDefined* Ledger::strategy(StrategyId id) const noexcept {
  return defined(strategies_, id);
}

void Ledger::apply(const RecordHeader& header, const std::uint8_t* record) {
  sequence_ = header.sequence;
  time_ns_ = header.time_ns;
  booked_ = {};
  const auto book = [&]<typename Payload>(void (Ledger::*on)(const RecordHeader&, const Payload&)) {
    if (!is_whole<Payload>(header)) return leave_out(header, UnbookedReason::kBadRecord, 0, 0);
    (this->*on)(header, payload_at<Payload>(record));
  };
  switch (static_cast<RecordKind>(header.type)) {
    case RecordKind::kOrderNew:
      if (is_whole<OrderNew>(header)) on_order(payload_at<OrderNew>(record));
      return;
    case RecordKind::kOrderAdopted:
      if (is_whole<OrderAdopted>(header)) on_adopted_order(payload_at<OrderAdopted>(record));
      return;
    case RecordKind::kOrderReplaced:
      if (!is_whole<OrderFact>(header)) return;
      if (OrderNote* note = orders_->find(payload_at<OrderFact>(record).order_id)) {
        note->quantity = payload_at<OrderFact>(record).quantity;
      }
      return;
    case RecordKind::kOrderRejected:
    case RecordKind::kOrderCanceled:
    case RecordKind::kOrderExpired:
    case RecordKind::kOrderNotSent:
      if (is_whole<OrderFact>(header)) orders_->end(payload_at<OrderFact>(record).order_id);
      return;
    case RecordKind::kOrderFilled:
      return book(&Ledger::on_filled);
    case RecordKind::kFillBusted:
    case RecordKind::kFillCorrected:
      return book(&Ledger::on_revised);
    case RecordKind::kPositionAdopted:
      return book(&Ledger::on_position_adopted);
    case RecordKind::kFunding:
      return book(&Ledger::on_funding);
    case RecordKind::kBalanceChanged:
      return book(&Ledger::on_balance);
    default:
      return define(header, record);
  }
}

void Ledger::define(const RecordHeader& header, const std::uint8_t* record) {
  static_assert(sizeof(Boot) == 64 && sizeof(CurrencyDefined) == 64 &&
                sizeof(AccountDefined) == 64 && sizeof(StrategyDefined) == 64 &&
                sizeof(CurrencyRateSet) == 64);
  if (!is_whole<Boot>(header)) return;
  switch (static_cast<RecordKind>(header.type)) {
    case RecordKind::kBoot:
      return on_boot(payload_at<Boot>(record));
    case RecordKind::kCurrencyDefined:
      return define_row(currencies_, record);
    case RecordKind::kInstrumentDefined:
      if (is_whole<InstrumentDefined>(header) && is_usable(payload_at<InstrumentDefined>(record))) {
        define_row(instruments_, record);
      }
      return;
    case RecordKind::kAccountDefined:
      return define_row(account_rows_, record);
    case RecordKind::kStrategyDefined:
      return define_row(strategies_, record);
    case RecordKind::kCurrencyRateSet:
      return set_rate(header, payload_at<CurrencyRateSet>(record));
    default:
      return;
  }
}

void Ledger::set_rate(const RecordHeader& header, const CurrencyRateSet& rate) {
  if (rate.currency == 0 || rate.currency >= kIdsMax) return;
  if (rate.currency >= rates_.size()) rates_.resize(rate.currency + 1);
  rate_changes_ += rates_[rate.currency].rate_e8 != rate.rate_e8 ? 1 : 0;
  rates_[rate.currency] = {rate.rate_e8, header.time_ns};
}

void Ledger::on_boot(const Boot& boot) {
  const std::uint32_t orders_max = std::min(boot.orders_max, 1U << 26);
  if (orders_max * 2 <= orders_->capacity()) return;
  auto larger = std::make_unique<OrderNotes>(orders_max);
  orders_->move_to(*larger);
  orders_ = std::move(larger);
}

void Ledger::on_order(const OrderNew& order) {
  OrderNote note{.order_id = order.order_id,
                 .quantity = order.quantity,
                 .arrival_price = order.reference_price,
                 .strategy = order.strategy,
                 .leg = order.leg,
                 .margin_mode = order.margin_mode};
  if (note.arrival_price == 0 && has_limit_price(order.type)) note.arrival_price = order.price;
  (void)orders_->note(note);
}

void Ledger::on_adopted_order(const OrderAdopted& order) {
  (void)orders_->note({.order_id = order.order_id,
                       .quantity = order.quantity,
                       .strategy = order.strategy,
                       .leg = static_cast<std::uint8_t>(order.leg),
                       .margin_mode = margin_mode_of(order.account, order.instrument)});
}

std::uint8_t Ledger::margin_mode_of(AccountId id, InstrumentId instrument_id) const noexcept {
  const InstrumentDefined* known = instrument(instrument_id);
  const AccountDefined* owner = account(id);
  const bool is_spot =
      known == nullptr || static_cast<InstrumentKind>(known->kind) == InstrumentKind::kSpot;
  return is_spot || owner == nullptr ? static_cast<std::uint8_t>(MarginMode::kCash)
                                     : owner->margin_mode;
}

Terms Ledger::terms_of(InstrumentId id) const noexcept {
  const InstrumentDefined& row = *instrument(id);
  return {.rules = {row.multiplier, static_cast<InstrumentKind>(row.kind), row.price_scale,
                    row.quantity_scale, row.multiplier_scale},
          .base = row.base,
          .quote = row.quote,
          .settle = row.settle};
}

bool Ledger::is_known(AccountId id, InstrumentId instrument_id) const noexcept {
  return account(id) != nullptr && instrument(instrument_id) != nullptr;
}

std::uint32_t Ledger::account_of(AccountId id, StrategyId owner, CurrencyId money,
                                 Purpose purpose) {
  return accounts_.open({id, owner, money, purpose});
}

const Book* Ledger::find(const BookKey& key) const {
  const auto books = books_at(key.account, key.instrument);
  const auto at = std::ranges::find(books, key, &Book::key);
  return at == books.end() ? nullptr : *at;
}

std::span<Book* const> Ledger::books_at(AccountId id, InstrumentId instrument_id) const {
  const auto found = books_of_position_.find(position_word(id, instrument_id));
  if (found == books_of_position_.end()) return {};
  return found->second;
}

Book* Ledger::book_that_took(AccountId id, InstrumentId instrument_id,
                             std::uint64_t ordinal) const {
  for (Book* book : books_at(id, instrument_id)) {
    if (book->lots.find(ordinal) != nullptr) return book;
  }
  return nullptr;
}

// A fill that is not booked stopped its book, so that one is meant; else whose it
// was is not known any more, and none of them is what it says.
void Ledger::lose(const RecordHeader& header, AccountId id, InstrumentId instrument_id) {
  const auto books = books_at(id, instrument_id);
  const bool is_known_loss = std::ranges::any_of(books, &Book::is_stopped);
  for (Book* book : books) book->is_stopped |= !is_known_loss;
  leave_out(header, is_known_loss ? UnbookedReason::kBookStopped : UnbookedReason::kForgotten, id,
            instrument_id);
}

Book& Ledger::open_book(const BookKey& key) {
  std::vector<Book*>& books = books_of_position_[position_word(key.account, key.instrument)];
  for (Book* book : books) {
    if (book->key == key) return *book;
  }
  const Terms terms = terms_of(key.instrument);
  auto made = std::make_unique<Book>(Book{key, PositionLots(terms, options_.keeps_all)});
  Book& book = *made;
  book.lots.designate(wishes_);
  const auto number = [&](CurrencyId money, Purpose purpose) {
    return account_of(key.account, key.strategy, money, purpose);
  };
  book.cash = number(terms.money(), Purpose::kCash);
  book.position = number(terms.money(), Purpose::kPosition);
  book.realised = number(terms.money(), Purpose::kRealised);
  if (terms.is_spot()) {
    book.base_cash = number(terms.base, Purpose::kCash);
    book.exchange = number(terms.base, Purpose::kExchange);
  } else {
    book.contract = number(terms.money(), Purpose::kContract);
  }
  books.push_back(&book);
  books_.push_back(std::move(made));
  return book;
}

void Ledger::leave_out(const RecordHeader& header, UnbookedReason reason, AccountId account_id,
                       InstrumentId instrument_id) {
  ++unbooked_count_;
  ++unbooked_by_reason_[static_cast<std::size_t>(reason)];
  if (unbooked_.size() == kUnbookedMax) unbooked_.erase(unbooked_.begin());
  unbooked_.push_back({header.sequence, header.type, reason, account_id, instrument_id});
}

bool Ledger::settle(const RecordHeader& header, PostFault fault, AccountId account_id,
                    InstrumentId instrument_id) {
  if (fault == PostFault::kNone) {
    ++posted_;
    return true;
  }
  leave_out(
      header,
      fault == PostFault::kUnbalanced ? UnbookedReason::kUnbalanced : UnbookedReason::kOverflow,
      account_id, instrument_id);
  return false;
}

}  // namespace gateway::ledger
