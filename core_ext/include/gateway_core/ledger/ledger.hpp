// The ledger: follows the records of a journal and books each of them balanced. Used downstream
// only, on one thread; the live process never calls it. What cannot be booked exactly is
// kept as unbooked under a name and never lost.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway_core/ledger/order_notes.hpp"
#include "gateway_core/ledger/position_lots.hpp"
#include "gateway_core/ledger/trial_balance.hpp"
#include "gateway_core/record/header.hpp"

namespace gateway::ledger {

/// Why a record is not in the books. Values are in reports: append only.
enum class UnbookedReason : std::uint8_t {
  kUnbalanced = 0,         // its postings would not balance
  kOverflow = 1,           // an account or a book would leave the exact range
  kUnknownInstrument = 2,  // or an account nobody defined
  kAfterImage = 3,         // the book is not where the record says it is
  kForgotten = 4,          // it changes a fill that is no longer remembered
  kBookStopped = 5,        // an earlier record of the same book is not booked
  kBadRecord = 6,          // shorter than its kind
};
inline constexpr std::size_t kUnbookedReasons = 7;

[[nodiscard]] constexpr std::string_view name(UnbookedReason reason) noexcept {
  constexpr std::string_view kNames[] = {"UNBALANCED",  "OVERFLOW",  "UNKNOWN_INSTRUMENT",
                                         "AFTER_IMAGE", "FORGOTTEN", "BOOK_STOPPED",
                                         "BAD_RECORD"};
  static_assert(std::size(kNames) == kUnbookedReasons);
  const auto index = static_cast<std::size_t>(reason);
  return index < kUnbookedReasons ? kNames[index] : std::string_view{};
}

struct Unbooked {
  Sequence sequence = 0;
  std::uint16_t kind = 0;  // RecordKind
  UnbookedReason reason = UnbookedReason::kUnbalanced;
  AccountId account = 0;
  InstrumentId instrument = 0;
};

/// As in the engine: positions of one account and instrument are kept apart by leg, margin mode and
/// strategy.
struct BookKey {
  AccountId account = 0;
  InstrumentId instrument = 0;
  StrategyId strategy = 0;
  std::uint8_t leg = 0;
  std::uint8_t margin_mode = 0;
  friend bool operator==(const BookKey&, const BookKey&) = default;
};

struct Book {
  BookKey key;
  PositionLots lots;
  Int128 funding_e18 = 0;        // received, of this book's share
  Int128 interest_e18 = 0;       // received; paid is negative
  Int128 coin_interest_e18 = 0;  // the same in the coin that a short has borrowed
  Sequence sequence = 0;         // of the record that touched it last
  bool is_stopped = false;       // a record is missing: what comes later cannot be trusted
  // Numbers of its accounts: money is what cost is counted in.
  std::uint32_t cash = 0, position = 0, contract = 0, realised = 0, base_cash = 0, exchange = 0;
  // Of the currency its fees came in last.
  CurrencyId fee_currency = 0xFFFFFFFF;
  std::uint32_t fee_cash = 0, fees = 0;
};

/// What the newest record did to a book by an execution. No book = it did nothing.
struct Booked {
  const Book* book = nullptr;
  Int128 realised_e18 = 0;
  Int128 slippage_e18 = 0;
  std::int64_t arrival_price = 0;  // instrument scale, 0 = none
};

/// Worth of one unit of a currency in the reporting currency, as last said; 0 = never.
struct DatedRate {
  std::int64_t rate_e8 = 0;
  std::int64_t time_ns = 0;
};

struct LedgerOptions {
  bool keeps_all = false;             // every execution, for reports over the whole past
  std::uint32_t orders_max = 65'536;  // until the journal says how many the engine keeps
};

class Ledger {
 public:
  explicit Ledger(LedgerOptions options = {});
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// Books one record of the journal; they come in order, from the first one. Kinds that move no
  /// money and define nothing pass by.
  void apply(const RecordHeader& header, const std::uint8_t* record);

  /// Wishes for the specific method, ordered by `closed_by`. Before the first record.
  void designate(std::vector<Designation> wishes);
  [[nodiscard]] std::span<const Designation> designations() const noexcept { return wishes_; }

  [[nodiscard]] Sequence sequence() const noexcept { return sequence_; }
  [[nodiscard]] std::int64_t time_ns() const noexcept { return time_ns_; }
  [[nodiscard]] const TrialBalance& accounts() const noexcept { return accounts_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Book>>& books() const noexcept { return books_; }
  [[nodiscard]] const Book* find(const BookKey& key) const;
  [[nodiscard]] bool keeps_all() const noexcept { return options_.keeps_all; }

  /// The newest ones; unbooked_count() counts all.
  static constexpr std::size_t kUnbookedMax = 4'096;
  [[nodiscard]] const std::vector<Unbooked>& unbooked() const noexcept { return unbooked_; }
  [[nodiscard]] std::uint64_t unbooked_count() const noexcept { return unbooked_count_; }
  [[nodiscard]] std::uint64_t unbooked_count(UnbookedReason reason) const noexcept {
    return unbooked_by_reason_[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] const Booked& booked() const noexcept { return booked_; }
  [[nodiscard]] DatedRate rate(CurrencyId id) const noexcept {
    return id < rates_.size() ? rates_[id] : DatedRate{};
  }
  /// Rises with every record that gave a currency another rate.
  [[nodiscard]] std::uint64_t rate_changes() const noexcept { return rate_changes_; }
  /// Records that were booked.
  [[nodiscard]] std::uint64_t posted() const noexcept { return posted_; }

  /// Definitions, newest version; nullptr = nobody defined it.
  [[nodiscard]] const InstrumentDefined* instrument(InstrumentId id) const noexcept;
  [[nodiscard]] const AccountDefined* account(AccountId id) const noexcept;
  [[nodiscard]] const CurrencyDefined* currency(CurrencyId id) const noexcept;
  [[nodiscard]] const StrategyDefined* strategy(StrategyId id) const noexcept;

 private:
  struct Share {
    Book* book;
    Int128 amount_e18;
  };
  /// Where the record says a book is.
  struct AfterImage {
    std::int64_t quantity;
    Int128 cost_e18;
    Int128 realised_e18;
    [[nodiscard]] bool is_of(const PositionBook& book) const noexcept {
      return book.quantity == quantity && book.cost_e18 == cost_e18 &&
             book.realised_e18 == realised_e18;
    }
  };

  void define(const RecordHeader& header, const std::uint8_t* record);
  void set_rate(const RecordHeader& header, const CurrencyRateSet& rate);
  void on_boot(const Boot& boot);
  void on_order(const OrderNew& order);
  void on_adopted_order(const OrderAdopted& order);
  void on_filled(const RecordHeader& header, const OrderFilled& fill);
  void on_position_adopted(const RecordHeader& header, const PositionAdopted& adopted);
  void on_revised(const RecordHeader& header, const FillRevised& fill);
  void on_funding(const RecordHeader& header, const Funding& funding);
  void on_balance(const RecordHeader& header, const BalanceChanged& change);

  void book_execution(const RecordHeader& header, Book* book, const Execution& fill,
                      std::uint64_t booked_before, const AfterImage& after);
  [[nodiscard]] Book* book_of_fill(const OrderFilled& fill, Execution& execution);
  [[nodiscard]] Book* book_that_fits(Book* likely, const Execution& fill, const AfterImage& after);
  [[nodiscard]] PostFault post_execution(Book& book, Sequence sequence, const PositionBook& before,
                                         const Execution* old, const Execution& fill);
  void add_fee(Entry& entry, Book& book, CurrencyId currency, Int128 fee_e18);
  /// Books of the position that a payment is for, each with its share by size; they add up to the
  /// amount but for the rounding. None when nothing is held.
  [[nodiscard]] std::vector<Share> shares_of(const Funding& funding);
  /// Books that owe the currency in which interest was paid, each with its share by what it owes.
  [[nodiscard]] std::vector<Share> shares_of(const BalanceChanged& interest);
  /// Each book's share to its strategy, what is left to `rest` of EXTERNAL. False: not booked.
  [[nodiscard]] bool post_shares(const RecordHeader& header, const std::vector<Share>& shares,
                                 const AccountKey& whole, Int128 amount_e18);

  [[nodiscard]] static std::uint64_t position_word(AccountId account,
                                                   InstrumentId instrument) noexcept {
    return std::uint64_t{account} << 32 | instrument;
  }
  /// Every book of that account and instrument.
  [[nodiscard]] std::span<Book* const> books_at(AccountId account, InstrumentId instrument) const;
  /// The one of them that remembers the fill with that ordinal, nullptr = none.
  [[nodiscard]] Book* book_that_took(AccountId account, InstrumentId instrument,
                                     std::uint64_t ordinal) const;
  /// The record speaks of a fill that no book remembers.
  void lose(const RecordHeader& header, AccountId account, InstrumentId instrument);
  [[nodiscard]] bool is_known(AccountId account, InstrumentId instrument) const noexcept;
  [[nodiscard]] Book& open_book(const BookKey& key);
  [[nodiscard]] std::uint32_t account_of(AccountId account, StrategyId strategy,
                                         CurrencyId currency, Purpose purpose);
  [[nodiscard]] std::uint8_t margin_mode_of(AccountId account,
                                            InstrumentId instrument) const noexcept;
  [[nodiscard]] Terms terms_of(InstrumentId instrument) const noexcept;
  void leave_out(const RecordHeader& header, UnbookedReason reason, AccountId account,
                 InstrumentId instrument);
  /// True when it was posted.
  bool settle(const RecordHeader& header, PostFault fault, AccountId account,
              InstrumentId instrument);

  LedgerOptions options_;
  Sequence sequence_ = 0;
  std::int64_t time_ns_ = 0;
  std::uint64_t ordinal_ = 0;  // fills told so far, as the engine counts them
  std::uint64_t posted_ = 0;
  std::uint64_t unbooked_count_ = 0;
  std::array<std::uint64_t, kUnbookedReasons> unbooked_by_reason_{};
  Booked booked_;
  TrialBalance accounts_;
  std::unique_ptr<OrderNotes> orders_;
  std::vector<std::unique_ptr<Book>> books_;
  std::unordered_map<std::uint64_t, std::vector<Book*>> books_of_position_;  // account, instrument
  std::vector<Unbooked> unbooked_;
  std::vector<Designation> wishes_;
  std::vector<InstrumentDefined> instruments_;
  std::vector<AccountDefined> account_rows_;
  std::vector<CurrencyDefined> currencies_;
  std::vector<StrategyDefined> strategies_;
  std::vector<DatedRate> rates_;
  std::uint64_t rate_changes_ = 0;
};

}  // namespace gateway::ledger
