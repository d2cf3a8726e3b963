// The market file: what is written is read, torn reads never, hostile files and dead writers.
#include "gateway_core/market/market_file.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "check.hpp"
#include "gateway_core/market/market_writer.hpp"
#include "gateway_market.h"
#include "random.hpp"

using namespace gateway;
using namespace gateway::market;

namespace {

/// A directory of its own that goes with it.
struct Directory {
  Directory() {
    char name[] = "/tmp/gateway-market-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Directory() {
    ::unlink(file().c_str());
    ::rmdir(path.c_str());
  }
  [[nodiscard]] std::string file() const { return path + "/market-paper.map"; }
  std::string path;
};

const MarketOrigin kOrigin{"paper", 7, 1'700'000'000'000'000'000};

void open_writer(MarketWriter& writer, const std::string& path,
                 const std::vector<std::string>& instruments = {"BTC-USDT", "ETH-USDT"}) {
  std::string error;
  if (!writer.open(path, kOrigin, instruments, error)) check::fail(__FILE__, __LINE__, error);
}

void open_file(MarketFile& file, const std::string& path) {
  std::string error;
  if (!file.open(path, error)) check::fail(__FILE__, __LINE__, error);
}

std::string refusal_of(const std::string& path) {
  MarketFile file;
  std::string error;
  CHECK(!file.open(path, error));
  return error;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace

TEST(the_public_header_and_the_layout_are_the_same) {
  CHECK_EQUAL(sizeof(gateway_market_header), sizeof(FileHeader));
  CHECK_EQUAL(offsetof(gateway_market_header, venue), offsetof(FileHeader, venue));
  CHECK_EQUAL(offsetof(gateway_market_header, beat_ns), offsetof(FileHeader, beat_ns));
  CHECK_EQUAL(offsetof(gateway_market_header, is_closed), offsetof(FileHeader, is_closed));
  CHECK_EQUAL(sizeof(gateway_market_book), sizeof(Book));
  CHECK_EQUAL(offsetof(gateway_market_book, sequence), offsetof(Book, sequence));
  CHECK_EQUAL(offsetof(gateway_market_book, asks), offsetof(Book, asks));
  CHECK_EQUAL(sizeof(gateway_market_reference), sizeof(Reference));
  CHECK_EQUAL(offsetof(gateway_market_reference, next_funding_ns),
              offsetof(Reference, next_funding_ns));
  CHECK_EQUAL(sizeof(gateway_market_trade), sizeof(Trade));
  CHECK_EQUAL(offsetof(gateway_market_trade, side), offsetof(Trade, side));
  CHECK_EQUAL(sizeof(gateway_market_row), sizeof(Row));
  CHECK_EQUAL(offsetof(gateway_market_row, trades), offsetof(Row, trades));
  CHECK_EQUAL(GATEWAY_MARKET_LEVELS, kLevelsMax);
  CHECK_EQUAL(GATEWAY_MARKET_TRADES, kTradesKept);
  CHECK_EQUAL(GATEWAY_MARKET_VERSION, kMarketVersion);
}

TEST(a_book_is_read_as_it_was_shown) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  MarketFile file;
  open_file(file, directory.file());
  CHECK_EQUAL(file.venue(), std::string("paper"));
  CHECK_EQUAL(file.instruments().size(), 2U);
  const LevelText bids[] = {{"100.50", "1"}, {"100.4", "0.25"}};
  const LevelText asks[] = {{"101", "3.000"}};
  CHECK(writer.show(1, bids, asks, {42, 5, 6}));
  Book book;
  CHECK(file.read_book(1, book));
  CHECK_EQUAL(book.state, static_cast<std::uint32_t>(BookState::kLive));
  CHECK_EQUAL(book.price_scale, 1U);
  CHECK_EQUAL(book.quantity_scale, 2U);
  CHECK_EQUAL(book.bid_count, 2U);
  CHECK_EQUAL(book.bids[0].price, 1005);
  CHECK_EQUAL(book.bids[1].quantity, 25);
  CHECK_EQUAL(book.asks[0].price, 1010);
  CHECK_EQUAL(book.asks[0].quantity, 300);
  CHECK_EQUAL(book.sequence, 42);
  CHECK_EQUAL(book.venue_time_ns, 5);
  CHECK_EQUAL(book.time_ns, 6);
  CHECK(file.read_book(0, book));
  CHECK_EQUAL(book.state, static_cast<std::uint32_t>(BookState::kEmpty));
}

TEST(a_lost_book_has_no_levels_and_is_counted_once) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  MarketFile file;
  open_file(file, directory.file());
  const LevelText bids[] = {{"100", "1"}};
  CHECK(writer.show(0, bids, {}, {1, 0, 0}));
  writer.lose(0, BookState::kGap, 9);
  writer.lose(0, BookState::kGap, 10);
  Book book;
  CHECK(file.read_book(0, book));
  CHECK_EQUAL(book.state, static_cast<std::uint32_t>(BookState::kGap));
  CHECK_EQUAL(book.bid_count, 0U);
  CHECK_EQUAL(book.bids[0].price, 0);
  CHECK_EQUAL(book.gaps, 1U);
  CHECK_EQUAL(book.updates, 1U);
  CHECK_EQUAL(book.sequence, 1);
}

TEST(what_is_no_book_changes_nothing) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  MarketFile file;
  open_file(file, directory.file());
  const LevelText good[] = {{"100", "1"}};
  CHECK(writer.show(0, good, {}, {1, 0, 0}));
  const Version before = file.book_version(0);
  const std::vector<std::vector<LevelText>> bad = {
      {{"x", "1"}},
      {{"", "1"}},
      {{"1", "0"}},
      {{"-1", "1"}},
      {{"1e5", "1"}},
      {{"100", "1"}, {"100.0", "1"}},                      // the same price twice
      {{"100", "1"}, {"101", "1"}},                        // bids that rise
      {{"9223372036854775807", "1"}, {"0.1", "1"}},        // no common scale
      {{"0.0000000000000000001", "1"}},                    // 19 decimals
      {{"99999999999999999999999999999999999999", "1"}}};  // 126 bits and more
  for (const auto& levels : bad) CHECK(!writer.show(0, levels, {}, {2, 0, 0}));
  CHECK(!writer.show(2, good, {}, {2, 0, 0}));
  CHECK_EQUAL(file.book_version(0), before);
}

TEST(more_levels_than_fit_are_left_out) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  MarketFile file;
  open_file(file, directory.file());
  std::vector<std::string> prices;
  for (int i = 0; i < 30; ++i) prices.push_back(std::to_string(1'000 + i));
  std::vector<LevelText> asks;
  for (const std::string& price : prices) asks.push_back({price, "1"});
  CHECK(writer.show(0, {}, asks, {}));
  Book book;
  CHECK(file.read_book(0, book));
  CHECK_EQUAL(book.ask_count, kLevelsMax);
  CHECK_EQUAL(book.asks[19].price, 1'019);
}

TEST(trades_are_numbered_and_a_slow_reader_sees_which_it_missed) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  MarketFile file;
  open_file(file, directory.file());
  for (int i = 1; i <= 300; ++i) {
    const std::string price = std::to_string(i);
    CHECK(writer.trade(0, {price, "0.5"}, TradeSide::kBuy, "t" + price, i));
  }
  CHECK(!writer.trade(0, {"0", "1"}, TradeSide::kSell, "", 1));
  std::vector<Trade> trades;
  CHECK_EQUAL(file.read_trades(0, 0, trades), 300U);
  CHECK_EQUAL(trades.size(), kTradesKept);
  CHECK_EQUAL(trades.front().number, 45U);
  CHECK_EQUAL(trades.back().price, 300);
  CHECK_EQUAL(trades.back().quantity_scale, 1U);
  CHECK_EQUAL(std::string(trades.back().id), std::string("t300"));
  trades.clear();
  CHECK_EQUAL(file.read_trades(0, 298, trades), 300U);
  CHECK_EQUAL(trades.size(), 2U);
  trades.clear();
  CHECK_EQUAL(file.read_trades(0, 300, trades), 300U);
  CHECK(trades.empty());
}

TEST(mark_and_funding_are_told_apart) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  MarketFile file;
  open_file(file, directory.file());
  CHECK(writer.mark(0, "100.25", 11));
  CHECK(writer.funding(0, "-0.0001", 99, 12));
  CHECK(!writer.mark(0, "0", 13));
  CHECK(!writer.funding(0, "often", 1, 13));
  Reference reference;
  CHECK(file.read_reference(0, reference));
  CHECK_EQUAL(reference.mark, 10025);
  CHECK_EQUAL(reference.mark_scale, 2U);
  CHECK_EQUAL(reference.mark_time_ns, 11);
  CHECK_EQUAL(reference.funding_rate, -1);
  CHECK_EQUAL(reference.rate_scale, 4U);
  CHECK_EQUAL(reference.next_funding_ns, 99);
}

TEST(a_reader_is_told_which_rows_moved) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  MarketFile file;
  open_file(file, directory.file());
  CHECK(writer.trade(1, {"1", "1"}, TradeSide::kBuy, "", 1));
  MarketFile::Moved moved = file.moved();
  CHECK_EQUAL(moved.books.size(), 2U);
  CHECK_EQUAL(moved.references.size(), 2U);
  CHECK_EQUAL(moved.trades.size(), 1U);
  writer.lose(1, BookState::kGap, 1);
  CHECK(writer.mark(0, "1", 1));
  moved = file.moved();
  CHECK_EQUAL(moved.books.size(), 1U);
  CHECK_EQUAL(moved.books[0], 1U);
  CHECK_EQUAL(moved.references.size(), 1U);
  CHECK_EQUAL(moved.references[0], 0U);
  CHECK(moved.trades.empty());
  CHECK(file.moved().books.empty());
}

TEST(readers_see_a_new_file_and_an_ordered_end) {
  const Directory directory;
  MarketFile file;
  {
    MarketWriter writer;
    open_writer(writer, directory.file());
    open_file(file, directory.file());
    writer.beat(123);
    CHECK_EQUAL(file.beat_ns(), 123);
    CHECK(!file.is_closed());
  }
  CHECK(file.is_closed());
  CHECK(!file.is_replaced());
  MarketWriter next;
  open_writer(next, directory.file());
  CHECK(file.is_replaced());
  CHECK(file.is_whole());
}

TEST(a_cut_file_ends_no_reader) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  MarketFile file;
  open_file(file, directory.file());
  CHECK_EQUAL(::truncate(directory.file().c_str(), 0), 0);
  CHECK(!file.is_whole());
  CHECK(file.is_closed());
  CHECK_EQUAL(file.beat_ns(), 0);
  CHECK(file.moved().books.empty());
  Book book;
  Reference reference;
  std::vector<Trade> trades;
  CHECK(!file.read_book(0, book));
  CHECK(!file.read_reference(0, reference));
  CHECK_EQUAL(file.read_trades(0, 5, trades), 5U);
  CHECK(trades.empty());
}

TEST(a_cut_file_ends_no_writer_which_makes_it_anew) {
  for (const off_t left : {off_t{0}, off_t{100}, off_t{4096}, off_t{20'000}}) {
    const Directory directory;
    MarketWriter writer;
    open_writer(writer, directory.file());
    const LevelText bids[] = {{"100", "1"}};
    const LevelText asks[] = {{"101", "2"}};
    CHECK(writer.show(0, bids, asks, {7, 0, 0}));
    MarketFile held;
    open_file(held, directory.file());
    CHECK_EQUAL(::truncate(directory.file().c_str(), left), 0);
    CHECK(!held.is_whole());
    // What is shown behind the cut lengthens the file, and makes it no whole one.
    CHECK(writer.show(1, bids, asks, {8, 0, 0}));
    CHECK(writer.trade(1, {"100", "1"}, TradeSide::kBuy, "t", 1));
    for (int i = 0; i < 300; ++i) CHECK(writer.trade(1, {"100", "1"}, TradeSide::kBuy, "t", 1));
    CHECK(!held.is_whole());
    CHECK(!refusal_of(directory.file()).empty());
    writer.beat(5);
    CHECK_EQUAL(writer.times_cut(), 1U);
    CHECK(held.is_replaced());
    MarketFile file;
    open_file(file, directory.file());
    CHECK_EQUAL(file.beat_ns(), 5);
    Book book;
    CHECK(file.read_book(0, book));
    CHECK_EQUAL(book.sequence, 7);
    CHECK(file.read_book(1, book));
    CHECK_EQUAL(book.sequence, 8);
    std::vector<Trade> trades;
    CHECK_EQUAL(file.read_trades(1, 0, trades), 301U);
    CHECK(writer.show(1, bids, asks, {9, 0, 0}));
    CHECK(file.read_book(1, book));
    CHECK_EQUAL(book.sequence, 9);
    writer.beat(6);
    CHECK_EQUAL(writer.times_cut(), 1U);
  }
}

TEST(a_file_whose_name_was_taken_away_is_made_anew_and_one_of_another_writer_is_left) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  const LevelText bids[] = {{"100", "1"}};
  const LevelText asks[] = {{"101", "2"}};
  CHECK(writer.show(0, bids, asks, {7, 0, 0}));
  CHECK_EQUAL(::unlink(directory.file().c_str()), 0);
  writer.beat(5);
  MarketFile file;
  open_file(file, directory.file());
  Book book;
  CHECK(file.read_book(0, book));
  CHECK_EQUAL(book.sequence, 7);
  CHECK_EQUAL(writer.times_cut(), 1U);
  MarketWriter other;
  open_writer(other, directory.file());
  writer.beat(6);
  MarketFile newest;
  open_file(newest, directory.file());
  CHECK_EQUAL(newest.beat_ns(), 0);
  CHECK_EQUAL(writer.times_cut(), 1U);
}

TEST(a_cut_file_that_cannot_be_made_anew_ends_no_writer) {
  Directory directory;
  const std::string moved = directory.path + ".moved";
  MarketWriter writer;
  open_writer(writer, directory.file());
  CHECK_EQUAL(::truncate(directory.file().c_str(), 0), 0);
  CHECK_EQUAL(::rename(directory.path.c_str(), moved.c_str()), 0);
  writer.beat(5);
  CHECK_EQUAL(writer.times_cut(), 0U);
  CHECK_EQUAL(::rename(moved.c_str(), directory.path.c_str()), 0);
  writer.beat(6);
  CHECK_EQUAL(writer.times_cut(), 1U);
  MarketFile file;
  open_file(file, directory.file());
  CHECK_EQUAL(file.beat_ns(), 6);
}

TEST(another_link_to_the_old_file_does_not_hide_the_new_one) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  MarketFile file;
  open_file(file, directory.file());
  const std::string other = directory.path + "/kept";
  CHECK_EQUAL(::link(directory.file().c_str(), other.c_str()), 0);
  CHECK(!file.is_replaced());
  MarketWriter next;
  open_writer(next, directory.file());
  CHECK(file.is_replaced());
  ::unlink(other.c_str());
}

TEST(a_file_that_another_writer_is_making_is_left_alone) {
  const Directory directory;
  const std::string half = directory.file() + ".new";
  write_bytes(half, "another writer is within it");
  MarketWriter writer;
  open_writer(writer, directory.file());
  CHECK_EQUAL(bytes_of(half), std::string("another writer is within it"));
  ::unlink(half.c_str());
}

TEST(names_that_fit_no_row_are_refused) {
  const Directory directory;
  MarketWriter writer;
  std::string error;
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{}, {""}, {"A", "A"}, {std::string(48, 'x')}}) {
    CHECK(!writer.open(directory.file(), kOrigin, names, error));
    CHECK(!error.empty());
  }
  CHECK(!writer.open(directory.path + "/no/such", kOrigin, std::vector<std::string>{"A"}, error));
  CHECK_EQUAL(writer.rows(), 0U);
}

TEST(hostile_files_are_refused) {
  const Directory directory;
  CHECK(refusal_of(directory.file()).find("No such file") != std::string::npos);
  CHECK(refusal_of(directory.path).find("too short") != std::string::npos);
  {
    MarketWriter writer;
    open_writer(writer, directory.file());
  }
  const std::string good = bytes_of(directory.file());
  write_bytes(directory.file(), good.substr(0, good.size() - 1));
  CHECK(refusal_of(directory.file()).find("cut") != std::string::npos);
  std::string other = good;
  other[8] = 9;
  write_bytes(directory.file(), other);
  CHECK(refusal_of(directory.file()).find("version 9") != std::string::npos);
  check::Random random(7);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    other = good;
    for (int n = 0; n < 4; ++n) {
      const auto value = static_cast<char>(random.below(256));
      other[random.below(sizeof(FileHeader) + 1'000)] = value;
    }
    write_bytes(directory.file(), other);
    MarketFile file;
    std::string error;
    if (!file.open(directory.file(), error)) {
      ++refused;
      continue;
    }
    Book book;
    Reference reference;
    std::vector<Trade> trades;
    for (std::size_t row = 0; row < file.instruments().size(); ++row) {
      static_cast<void>(file.read_book(row, book));
      static_cast<void>(file.read_reference(row, reference));
      static_cast<void>(file.read_trades(row, 0, trades));
    }
    CHECK(trades.size() <= 2 * kTradesKept);
  }
  CHECK(refused > 20);
}

/// Every number of book `n` is made of n, so that a mixture of two is seen.
TEST(a_reader_beside_the_writer_never_sees_half_a_book) {
  const Directory directory;
  MarketWriter writer;
  open_writer(writer, directory.file());
  std::atomic<bool> is_over{false};
  std::atomic<int> seen{0};
  std::thread reader([&] {
    MarketFile file;
    open_file(file, directory.file());
    std::uint64_t newest = 0;
    std::vector<Trade> trades;
    while (!is_over.load(std::memory_order_acquire) || seen.load() == 0) {
      Book book;
      if (file.read_book(0, book) && book.sequence != 0) {
        seen.fetch_add(1);
        const std::int64_t n = book.sequence;
        CHECK_EQUAL(book.time_ns, n);
        for (std::size_t i = 0; i < kLevelsMax; ++i) {
          CHECK_EQUAL(book.bids[i].price, n + 1'000 - static_cast<std::int64_t>(i));
          CHECK_EQUAL(book.asks[i].quantity, n);
        }
      }
      trades.clear();
      newest = file.read_trades(0, newest, trades);
      for (const Trade& trade : trades) {
        CHECK_EQUAL(trade.price, static_cast<std::int64_t>(trade.number));
        CHECK_EQUAL(trade.quantity, trade.price);
        CHECK_EQUAL(trade.time_ns, trade.price);
      }
    }
  });
  std::string prices[2 * kLevelsMax];
  LevelText bids[kLevelsMax];
  LevelText asks[kLevelsMax];
  for (std::int64_t n = 1; n <= 5'000; ++n) {
    const std::string quantity = std::to_string(n);
    for (std::size_t i = 0; i < kLevelsMax; ++i) {
      prices[i] = std::to_string(n + 1'000 - static_cast<std::int64_t>(i));
      prices[kLevelsMax + i] = std::to_string(n + 2'000 + static_cast<std::int64_t>(i));
      bids[i] = {prices[i], quantity};
      asks[i] = {prices[kLevelsMax + i], quantity};
    }
    CHECK(writer.show(0, bids, asks, {n, n, n}));
    CHECK(writer.trade(0, {quantity, quantity}, TradeSide::kSell, "", n));
  }
  is_over.store(true, std::memory_order_release);
  reader.join();
  CHECK(seen.load() > 0);
}
