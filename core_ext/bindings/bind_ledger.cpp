// The ledger for Python: the books of a LedgerHandle as rows with decimal text. Its door is
// gateway/ledger.
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "gateway_core/ledger/break_even.hpp"
#include "gateway_core/ledger/disposals.hpp"
#include "gateway_core/position/profit_loss.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "ledger_handle.hpp"
#include "lot_ages.hpp"
#include "row_words.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using namespace ledger;

constexpr std::int64_t kDay_ns = 86'400'000'000'000;

std::string money(Int128 e18) { return format_decimal(e18, kMoneyScale); }

using Wish = LedgerHandle::Wish;

template <std::size_t Count, typename Word>
Word word_of(std::string_view text, const char* what) {
  for (std::size_t i = 0; i < Count; ++i) {
    if (name(static_cast<Word>(i)) == text) return static_cast<Word>(i);
  }
  throw nb::value_error((std::string(what) + " " + std::string(text) + " is not known").c_str());
}
LotMethod method_of(std::string_view text) {
  return word_of<kLotMethods, LotMethod>(text, "method");
}
TaxRule rule_of(std::string_view text) { return word_of<kTaxRules, TaxRule>(text, "rule"); }

std::string account_name(const Ledger& books, AccountId id) {
  const AccountDefined* row = books.account(id);
  return row == nullptr ? "FIRM" : text(row->name.view());
}
std::string strategy_name(const Ledger& books, StrategyId id) {
  const StrategyDefined* row = books.strategy(id);
  return row == nullptr ? "EXTERNAL" : text(row->name.view());
}
std::string currency_name(const Ledger& books, CurrencyId id) {
  const CurrencyDefined* row = books.currency(id);
  return row == nullptr ? std::to_string(id) : text(row->code.view());
}
const char* leg_word(std::uint8_t leg) { return leg == 0 ? "net" : leg == 1 ? "long" : "short"; }

/// Balances by account number, with what a method changes of them: cost and profit of the books.
std::vector<Int128> balances_of(const Ledger& books, LotMethod method) {
  std::vector<Int128> balances;
  for (const LedgerAccount& row : books.accounts().accounts()) balances.push_back(row.balance_e18);
  for (const auto& book : books.books()) {
    const LotState& now = book->lots.now();
    balances[book->position] += now.cost_of(method) - now.average.cost_e18;
    balances[book->realised] -= now.realised_of(method) - now.average.realised_e18;
  }
  return balances;
}

nb::list account_rows(LedgerHandle& handle, std::string_view method) {
  const Ledger& books = handle.books;
  const std::vector<Int128> balances = balances_of(books, method_of(method));
  nb::list out;
  for (std::size_t i = 0; i < balances.size(); ++i) {
    const LedgerAccount& row = books.accounts().accounts()[i];
    if (row.postings == 0 && balances[i] == 0) continue;  // a method may move what wac does not
    nb::dict each;
    each["account"] = account_name(books, row.key.account);
    each["strategy"] = strategy_name(books, row.key.strategy);
    each["currency"] = currency_name(books, row.key.currency);
    each["purpose"] = std::string(name(row.key.purpose));
    each["balance"] = money(balances[i]);
    each["postings"] = row.postings;
    each["sequence"] = row.sequence;
    out.append(each);
  }
  return out;
}

nb::list trial_balance_rows(LedgerHandle& handle, std::string_view method) {
  const Ledger& books = handle.books;
  const std::vector<Int128> balances = balances_of(books, method_of(method));
  struct Sums {
    Int128 debit = 0, credit = 0;
    std::uint64_t accounts = 0;
  };
  std::map<CurrencyId, Sums> sums;
  for (std::size_t i = 0; i < balances.size(); ++i) {
    const LedgerAccount& row = books.accounts().accounts()[i];
    if (row.postings == 0 && balances[i] == 0) continue;  // a method may move what wac does not
    Sums& sum = sums[row.key.currency];
    (balances[i] > 0 ? sum.debit : sum.credit) += balances[i];
    ++sum.accounts;
  }
  nb::list out;
  for (const auto& [currency, sum] : sums) {
    nb::dict each;
    each["currency"] = currency_name(books, currency);
    each["accounts"] = sum.accounts;
    each["debit"] = money(sum.debit);
    each["credit"] = money(-sum.credit);
    each["total"] = money(sum.debit + sum.credit);
    out.append(each);
  }
  return out;
}

/// Whose book it is: the first fields of every row about one.
nb::dict book_row(const Ledger& books, const Book& book) {
  nb::dict row;
  const InstrumentDefined& instrument = *books.instrument(book.key.instrument);
  row["account"] = account_name(books, book.key.account);
  row["strategy"] = strategy_name(books, book.key.strategy);
  row["instrument"] = text(instrument.symbol.view());
  row["leg"] = leg_word(book.key.leg);
  row["margin_mode"] = margin_word(book.key.margin_mode);
  row["currency"] = currency_name(books, book.lots.terms().money());
  return row;
}

nb::object break_even_of(const Book& book, std::int64_t rate_e8) {
  const LotState& now = book.lots.now();
  constexpr int kScale = 12;
  const auto price = all_in_break_even(
      now.average, book.lots.terms().rules,
      {book.funding_e18, book.interest_e18, book.coin_interest_e18}, rate_e8, kScale);
  if (!price) return nb::none();
  return nb::cast(format_decimal(*price, kScale));
}

/// Mantissa at 10^-8 of a rate as text; below zero = the rate that the book has paid so far.
std::int64_t rate_of(std::string_view rate) {
  if (rate.empty()) return -1;
  const ParsedDecimal parsed = parse_decimal(rate, 8);
  if (parsed.fault != DecimalFault::kNone || parsed.mantissa < 0 || parsed.mantissa >= kRateOne) {
    throw nb::value_error("exit_fee_rate: from 0 to below 1, eight decimals at most");
  }
  return static_cast<std::int64_t>(parsed.mantissa);
}

using Marks = std::map<std::string, std::string>;  // instrument, price

/// Profit of what is open at that price; None without one, or beyond the exact range.
nb::object unrealised_of(const Book& book, const Marks& marks, const std::string& instrument) {
  const auto told = marks.find(instrument);
  if (told == marks.end()) return nb::none();
  const std::size_t point = told->second.find('.');
  const std::size_t scale = point == std::string::npos ? 0 : told->second.size() - point - 1;
  const ParsedDecimal mark =
      parse_decimal(told->second, static_cast<int>(std::min<std::size_t>(scale, 64)));
  if (scale > kPriceScaleMax || mark.fault != DecimalFault::kNone || mark.mantissa <= 0) {
    throw nb::value_error("marks: positive decimal prices are needed");
  }
  const auto worth = unrealised_at(book.lots.now().average, book.lots.terms().rules, mark.mantissa,
                                   static_cast<int>(scale));
  return worth ? nb::cast(money(worth->e18)) : nb::none();
}

nb::list position_rows_of(LedgerHandle& handle, std::string_view method_text,
                          std::string_view exit_fee_rate, const Marks& marks) {
  const LotMethod method = method_of(method_text);
  const std::int64_t asked_e8 = rate_of(exit_fee_rate);
  nb::list out;
  for (const auto& book : handle.books.books()) {
    const LotState& now = book->lots.now();
    const std::int64_t rate_e8 =
        asked_e8 >= 0 ? asked_e8 : paid_rate_e8(now.average.fees_e18, now.turnover_e18);
    nb::dict row = book_row(handle.books, *book);
    row["quantity"] = format_decimal(now.average.quantity, book->lots.terms().rules.quantity_scale);
    row["cost"] = money(now.cost_of(method));
    row["realised"] = money(now.realised_of(method));
    row["fees"] = money(now.average.fees_e18);
    row["funding"] = money(book->funding_e18);
    row["interest"] = money(book->interest_e18);
    row["coin_interest"] = money(book->coin_interest_e18);
    row["slippage"] = money(now.slippage_e18);
    row["fills"] = now.average.fills;
    row["fills_without_arrival"] = now.unmeasured;
    row["turnover"] = money(now.turnover_e18);
    row["opened_ns"] = now.average.quantity == 0 ? 0 : now.opened_ns;
    row["exit_fee_rate"] = format_decimal(rate_e8, 8);
    row["break_even"] = break_even_of(*book, rate_e8);
    row["is_stopped"] = book->is_stopped;
    row["unrealised"] = unrealised_of(*book, marks, nb::cast<std::string>(row["instrument"]));
    row["sequence"] = book->sequence;
    out.append(row);
  }
  return out;
}

nb::list lot_rows(LedgerHandle& handle, std::string_view method_text) {
  const LotMethod method = method_of(method_text);
  nb::list out;
  for (const auto& book : handle.books.books()) {
    const LotState& now = book->lots.now();
    if (now.average.quantity == 0) continue;
    const int scale = book->lots.terms().rules.quantity_scale;
    const std::int64_t sign = now.average.quantity < 0 ? -1 : 1;
    const auto add = [&](const Lot& lot) {
      nb::dict row = book_row(handle.books, *book);
      row["lot"] = std::to_string(lot.id);
      row["opened_ns"] = lot.opened_ns;
      row["quantity"] = format_decimal(lot.quantity * sign, scale);
      row["first_quantity"] = format_decimal(lot.first_quantity * sign, scale);
      row["cost"] = money(lot.cost_e18);
      out.append(row);
    };
    if (method == LotMethod::kAverage) {
      const PositionBook& pool = now.average;
      add({pool.cost_e18, 0, pool.quantity * sign, 0, 0, now.opened_ns});
    }
    for (const Lot& lot : now.lots_of(method)) {
      if (lot.quantity != 0) add(lot);
    }
  }
  return out;
}

/// How long what is open has been held, by its lots (fifo); parts as in LotAges.
nb::list holding_rows(LedgerHandle& handle, const std::vector<std::int64_t>& edges_ns) {
  nb::list out;
  for (const auto& book : handle.books.books()) {
    const LotState& now = book->lots.now();
    const LotAges ages = ages_of(now.lots_of(LotMethod::kFifo), edges_ns);
    if (ages.quantity == 0) continue;
    const int scale = book->lots.terms().rules.quantity_scale;
    nb::dict row = book_row(handle.books, *book);
    row["quantity"] = format_decimal(now.average.quantity, scale);
    row["opened_ns"] = now.opened_ns;
    row["average_opened_ns"] = ages.average_ns();
    row["oldest_opened_ns"] = ages.oldest_ns;
    nb::list parts;
    for (const std::int64_t part : ages.parts) {
      parts.append(format_decimal(now.average.quantity < 0 ? -part : part, scale));
    }
    row["parts"] = parts;
    out.append(row);
  }
  return out;
}

std::int64_t days_between(std::int64_t from_ns, std::int64_t to_ns) {
  return to_ns < from_ns ? 0 : (to_ns - from_ns) / kDay_ns;
}

nb::dict disposal_row(const Ledger& books, const Disposal& each) {
  nb::dict row = book_row(books, *each.book);
  row["side"] = each.is_short ? "short" : "long";
  row["lot"] = std::to_string(each.lot);
  row["closed_by"] = std::to_string(each.closed_by);
  row["opened_ns"] = each.opened_ns;
  row["held_from_ns"] = each.held_from_ns;
  row["closed_ns"] = each.closed_ns;
  row["held_days"] = each.lot == 0
                         ? nb::none()
                         : nb::object(nb::cast(days_between(each.held_from_ns, each.closed_ns)));
  row["quantity"] = format_decimal(each.quantity, each.book->lots.terms().rules.quantity_scale);
  row["proceeds"] = money(each.is_short ? -each.cost_e18 : -each.cash_e18);
  row["basis"] = money(each.is_short ? each.cash_e18 : each.cost_e18);
  row["realised"] = money(each.realised_e18);
  row["disallowed"] = money(each.disallowed_e18);
  row["carried"] = money(each.carried_e18);
  row["taxable"] = money(each.taxable_e18());
  return row;
}

nb::tuple disposal_rows(LedgerHandle& handle, std::string_view method, std::string_view rule) {
  if (!handle.books.keeps_all()) throw nb::value_error("disposals need a ledger that keeps all");
  const DisposalReport report = report_disposals(handle.books, method_of(method), rule_of(rule));
  nb::list disposals;
  for (const Disposal& each : report.disposals) {
    disposals.append(disposal_row(handle.books, each));
  }
  nb::list waiting;
  for (const CarriedLoss& each : report.waiting) {
    nb::dict row = book_row(handle.books, *each.book);
    row["lot"] = std::to_string(each.lot);
    row["quantity"] = format_decimal(each.quantity, each.book->lots.terms().rules.quantity_scale);
    row["amount"] = money(each.amount_e18);
    row["held_earlier_days"] = each.held_earlier_ns / kDay_ns;
    waiting.append(row);
  }
  return nb::make_tuple(disposals, waiting);
}

std::vector<Wish> unmet_wishes(LedgerHandle& handle) {
  if (!handle.books.keeps_all()) throw nb::value_error("wishes need a ledger that keeps all");
  std::vector<Wish> out;
  for (const Designation& each : unmet_designations(handle.books)) {
    out.emplace_back(each.closed_by, each.lot, format_decimal(each.quantity_e18, kMoneyScale));
  }
  return out;
}

nb::dict unbooked_counts(LedgerHandle& handle) {
  nb::dict out;
  for (std::size_t i = 0; i < kUnbookedReasons; ++i) {
    const auto reason = static_cast<UnbookedReason>(i);
    out[nb::cast(std::string(name(reason)))] = handle.books.unbooked_count(reason);
  }
  return out;
}

/// Worth of one unit in the reporting currency, and when that was said.
nb::list rate_rows(LedgerHandle& handle) {
  nb::list out;
  for (CurrencyId id = 1; id < kIdsMax && handle.books.currency(id) != nullptr; ++id) {
    const DatedRate rate = handle.books.rate(id);
    if (rate.rate_e8 == 0) continue;
    nb::dict row;
    row["currency"] = currency_name(handle.books, id);
    row["rate"] = format_decimal(rate.rate_e8, 8);
    row["time_ns"] = rate.time_ns;
    out.append(row);
  }
  return out;
}

struct BookNames {
  const Ledger& books;
  [[nodiscard]] std::string account(AccountId id) const { return account_name(books, id); }
  [[nodiscard]] std::string strategy(StrategyId id) const { return strategy_name(books, id); }
  [[nodiscard]] std::string currency(CurrencyId id) const { return currency_name(books, id); }
  [[nodiscard]] const InstrumentDefined* instrument(InstrumentId id) const {
    return books.instrument(id);
  }
  void add(nb::dict&, const FillNote&, const InstrumentDefined&) const {}
};

nb::list take_fills(LedgerHandle& handle, std::size_t limit) {
  return handle.fills.take(BookNames{handle.books}, limit);
}

nb::list unbooked_rows(LedgerHandle& handle) {
  nb::list out;
  for (const Unbooked& each : handle.books.unbooked()) {
    nb::dict row;
    row["sequence"] = each.sequence;
    row["kind"] = each.kind;
    row["reason"] = std::string(name(each.reason));
    row["account"] = each.account == 0 ? "" : account_name(handle.books, each.account);
    const InstrumentDefined* instrument = handle.books.instrument(each.instrument);
    row["instrument"] = instrument == nullptr ? "" : text(instrument->symbol.view());
    out.append(row);
  }
  return out;
}

}  // namespace

void bind_ledger(nb::module_& module) {
  using Handle = LedgerHandle;
  bind_lot_model(module);
  nb::class_<Handle>(module, "Ledger")
      .def(nb::new_(&Handle::open), "directory"_a, "ring_directory"_a = "", "keeps_all"_a = true,
           "designations"_a = std::vector<Wish>{})
      .def("follow", &Handle::follow, "limit"_a = 65536, "until_sequence"_a = 0,
           "until_time_ns"_a = 0, "checks_end"_a = true, "stops_at_rates"_a = false)
      .def("run", &Handle::run, "seconds"_a, "idle_seconds"_a)
      .def("take_steps", &Handle::take_steps)
      .def("reopen", &Handle::reopen)
      .def_prop_ro("sequence", [](Handle& handle) { return handle.books.sequence(); })
      .def_prop_ro("is_empty", &Handle::is_empty)
      .def_prop_ro("time_ns", [](Handle& handle) { return handle.books.time_ns(); })
      .def_prop_ro("posted", [](Handle& handle) { return handle.books.posted(); })
      .def_prop_ro("unbooked_count", [](Handle& handle) { return handle.books.unbooked_count(); })
      .def("is_balanced", [](Handle& handle) { return handle.books.accounts().is_balanced(); })
      .def("trial_balance", &trial_balance_rows, "method"_a = "wac")
      .def("accounts", &account_rows, "method"_a = "wac")
      .def("positions", &position_rows_of, "method"_a = "wac", "exit_fee_rate"_a = "",
           "marks"_a = Marks{})
      .def("lots", &lot_rows, "method"_a = "fifo")
      .def("holdings", &holding_rows, "edges_ns"_a)
      .def("disposals", &disposal_rows, "method"_a = "fifo", "rule"_a = "none")
      .def("unmet_designations", &unmet_wishes)
      .def("unbooked", &unbooked_rows)
      .def("unbooked_counts", &unbooked_counts)
      .def("rates", &rate_rows)
      .def_prop_ro("rate_changes", [](Handle& handle) { return handle.books.rate_changes(); })
      .def("take_fills", &take_fills, "limit"_a = FillNotes::kFillsMax);
}

}  // namespace gateway
