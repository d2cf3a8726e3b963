// Market files for Python: the writer of a process that hosts an adapter, and any reader.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <string_view>

#include "bind.hpp"
#include "gateway_core/market/market_file.hpp"
#include "gateway_core/market/market_writer.hpp"
#include "gateway_core/types/decimal_text.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using namespace market;

constexpr const char* kStateWords[] = {"empty", "live", "gap"};
constexpr const char* kSideWords[] = {"", "buy", "sell"};

std::string_view text_of(nb::handle value) {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (text == nullptr) nb::raise_python_error();
  return {text, static_cast<std::size_t>(size)};
}

/// The best levels of a sequence of (price, quantity, ...); the views live as long as it does.
std::size_t levels_of(nb::sequence rows, std::array<LevelText, kLevelsMax>& out) {
  std::size_t count = 0;
  for (nb::handle row : rows) {
    if (count == kLevelsMax) break;
    if (!PySequence_Check(row.ptr()) || nb::len(row) < 2) {
      throw nb::value_error("BAD_BOOK level: a price and a quantity");
    }
    out[count++] = {text_of(row[0]), text_of(row[1])};
  }
  return count;
}

TradeSide side_of(std::string_view word) {
  if (word == kSideWords[1]) return TradeSide::kBuy;
  if (word == kSideWords[2]) return TradeSide::kSell;
  return TradeSide::kUnknown;
}

BookState state_of(std::string_view word) {
  if (word == kStateWords[0]) return BookState::kEmpty;
  if (word == kStateWords[2]) return BookState::kGap;
  throw nb::value_error("BAD_BOOK state: empty or gap");
}

std::unique_ptr<MarketWriter> open_writer(const std::string& path, const std::string& venue,
                                          const std::vector<std::string>& instruments,
                                          std::uint32_t process_id, std::int64_t created_ns) {
  auto writer = std::make_unique<MarketWriter>();
  std::string error;
  if (!writer->open(path, {venue, process_id, created_ns}, instruments, error)) {
    throw nb::value_error(("BAD_FILE " + error).c_str());
  }
  return writer;
}

std::unique_ptr<MarketFile> open_file(const std::string& path) {
  auto file = std::make_unique<MarketFile>();
  std::string error;
  if (!file->open(path, error)) throw nb::value_error(("BAD_FILE " + error).c_str());
  return file;
}

/// A cut file is told and not read as an empty one.
const MarketFile& whole(const MarketFile& file) {
  if (!file.is_whole()) throw nb::value_error("BAD_FILE the market file was cut");
  return file;
}

void check_row(const MarketFile& file, std::size_t row) {
  if (row >= file.instruments().size()) throw nb::index_error("row");
  whole(file);
}

nb::tuple moved_rows(MarketFile& file) {
  whole(file);
  const MarketFile::Moved moved = file.moved();
  return nb::make_tuple(moved.books, moved.references, moved.trades);
}

nb::list level_rows(const Level* levels, std::size_t count, const Book& book) {
  nb::list rows;
  for (std::size_t i = 0; i < count; ++i) {
    nb::list row;
    row.append(format_decimal(levels[i].price, static_cast<int>(book.price_scale)));
    row.append(format_decimal(levels[i].quantity, static_cast<int>(book.quantity_scale)));
    rows.append(row);
  }
  return rows;
}

/// `seen` -1 = nothing yet.
nb::object book_row(const MarketFile& file, std::size_t row, std::int64_t seen) {
  check_row(file, row);
  Book book;
  if (file.book_version(row) == static_cast<Version>(seen) || !file.read_book(row, book))
    return nb::none();
  nb::dict out;
  out["version"] = book.version;
  out["state"] = kStateWords[book.state];
  out["sequence"] = book.sequence;
  out["venue_time_ns"] = book.venue_time_ns;
  out["time_ns"] = book.time_ns;
  out["updates"] = book.updates;
  out["gaps"] = book.gaps;
  out["bids"] = level_rows(book.bids, book.bid_count, book);
  out["asks"] = level_rows(book.asks, book.ask_count, book);
  return out;
}

nb::object reference_row(const MarketFile& file, std::size_t row, std::int64_t seen) {
  check_row(file, row);
  Reference reference;
  if (file.reference_version(row) == static_cast<Version>(seen) ||
      !file.read_reference(row, reference)) {
    return nb::none();
  }
  nb::dict out;
  out["version"] = reference.version;
  out["mark"] = nb::none();
  out["funding_rate"] = nb::none();
  if (reference.mark_time_ns != 0) {
    out["mark"] = format_decimal(reference.mark, static_cast<int>(reference.mark_scale));
  }
  if (reference.funding_time_ns != 0) {
    const int scale = static_cast<int>(reference.rate_scale);
    out["funding_rate"] = format_decimal(reference.funding_rate, scale);
  }
  out["mark_time_ns"] = reference.mark_time_ns;
  out["funding_time_ns"] = reference.funding_time_ns;
  out["next_funding_ns"] = reference.next_funding_ns;
  return out;
}

nb::tuple trade_rows(const MarketFile& file, std::size_t row, std::uint64_t after) {
  check_row(file, row);
  std::vector<Trade> trades;
  const std::uint64_t newest = file.read_trades(row, after, trades);
  nb::list rows;
  for (const Trade& trade : trades) {
    nb::dict out;
    out["number"] = trade.number;
    out["price"] = format_decimal(trade.price, trade.price_scale);
    out["quantity"] = format_decimal(trade.quantity, trade.quantity_scale);
    out["side"] = kSideWords[trade.side];
    out["time_ns"] = trade.time_ns;
    out["trade_id"] = nb::steal(PyUnicode_DecodeLatin1(
        trade.id, static_cast<Py_ssize_t>(::strnlen(trade.id, sizeof trade.id)), nullptr));
    rows.append(out);
  }
  return nb::make_tuple(newest, rows);
}

}  // namespace

void bind_market(nb::module_& module) {
  module.attr("LEVELS_MAX") = kLevelsMax;
  module.attr("TRADES_KEPT") = kTradesKept;
  nb::class_<MarketWriter>(module, "MarketWriter")
      .def(nb::new_(&open_writer), "path"_a, "venue"_a, "instruments"_a, "process_id"_a = 0,
           "created_ns"_a = 0)
      .def(
          "show",
          [](MarketWriter& writer, std::size_t row, const nb::sequence& bids,
             const nb::sequence& asks, std::int64_t sequence, std::int64_t venue_time_ns,
             std::int64_t time_ns) {
            std::array<LevelText, kLevelsMax> buyers;
            std::array<LevelText, kLevelsMax> sellers;
            const std::size_t bid_count = levels_of(bids, buyers);
            const std::size_t ask_count = levels_of(asks, sellers);
            return writer.show(row, {buyers.data(), bid_count}, {sellers.data(), ask_count},
                               {sequence, venue_time_ns, time_ns});
          },
          "row"_a, "bids"_a, "asks"_a, "sequence"_a, "venue_time_ns"_a, "time_ns"_a)
      .def(
          "lose",
          [](MarketWriter& writer, std::size_t row, std::string_view state, std::int64_t time_ns) {
            writer.lose(row, state_of(state), time_ns);
          },
          "row"_a, "state"_a, "time_ns"_a)
      .def(
          "trade",
          [](MarketWriter& writer, std::size_t row, std::string_view price,
             std::string_view quantity, std::string_view side, std::string_view id,
             std::int64_t time_ns) {
            return writer.trade(row, {price, quantity}, side_of(side), id, time_ns);
          },
          "row"_a, "price"_a, "quantity"_a, "side"_a, "trade_id"_a, "time_ns"_a)
      .def("mark", &MarketWriter::mark, "row"_a, "price"_a, "time_ns"_a)
      .def("funding", &MarketWriter::funding, "row"_a, "rate"_a, "next_ns"_a, "time_ns"_a)
      .def("beat", &MarketWriter::beat, "monotonic_ns"_a)
      .def_prop_ro("times_cut", &MarketWriter::times_cut)
      .def("close", &MarketWriter::close);
  nb::class_<MarketFile>(module, "MarketFile")
      .def(nb::new_(&open_file), "path"_a)
      .def_prop_ro("venue", &MarketFile::venue)
      .def_prop_ro("instruments", &MarketFile::instruments)
      .def_prop_ro("process_id", &MarketFile::process_id)
      .def_prop_ro("created_ns", &MarketFile::created_ns)
      .def_prop_ro("beat_ns", [](const MarketFile& file) { return whole(file).beat_ns(); })
      .def_prop_ro("is_closed", [](const MarketFile& file) { return whole(file).is_closed(); })
      .def("is_replaced", &MarketFile::is_replaced)
      .def("moved", &moved_rows)
      .def("book", &book_row, "row"_a, "seen"_a = -1)
      .def("reference", &reference_row, "row"_a, "seen"_a = -1)
      .def("trades", &trade_rows, "row"_a, "after"_a = 0);
}

}  // namespace gateway
