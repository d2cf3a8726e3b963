// Readers of the skiplist: what they see is the book at one sequence, beside a running writer and
// on a memory as weak as C++ allows; every weakened order is caught. That it is a book is told in
// order_book_test.cpp.
#include "gateway_core/book/skip_book.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "book/history_memory.hpp"
#include "check.hpp"
#include "gateway_core/book/matching.hpp"
#include "gateway_core/book/skip_book_reader.hpp"
#include "random.hpp"

using namespace gateway;

namespace {

constexpr std::size_t kDepth = 8;

/// The best levels of both sides, as the writer sees them.
struct Shown {
  DepthRow rows[2][kDepth] = {};
  std::size_t count[2] = {0, 0};
  friend bool operator==(const Shown&, const Shown&) = default;
};

template <typename B>
Shown shown_by_writer(const B& book) {
  Shown shown;
  for (const int i : {0, 1}) {
    book.walk(i == 0 ? Side::kBuy : Side::kSell, [&](const PriceLevel& level) {
      shown.rows[i][shown.count[i]++] = {level.price, level.displayed(), level.orders};
      return shown.count[i] < kDepth;
    });
  }
  return shown;
}

template <typename Reader>
bool shown_by_reader(const Reader& reader, Shown& shown, std::uint64_t& sequence, int tries) {
  shown = {};
  DepthSnapshot taken;
  if (!reader.snapshot(shown.rows[0], shown.rows[1], taken, tries)) return false;
  sequence = taken.sequence;
  for (int i = 0; i < 2; ++i) {
    shown.count[i] = i == 0 ? taken.bids : taken.asks;
    std::fill(shown.rows[i] + shown.count[i], shown.rows[i] + kDepth, DepthRow{});
  }
  return true;
}

/// One random request: an order, a cancel, a move, the market.
template <typename Engine>
void trade(Engine& engine, check::Random& random, OrderId& next, std::uint64_t prices) {
  const Side side = random.below(2) == 0 ? Side::kBuy : Side::kSell;
  const auto price = static_cast<std::int64_t>(1000 + random.below(prices)) +
                     (side == Side::kSell ? static_cast<std::int64_t>(prices) / 2 : 0);
  const auto quantity = static_cast<std::int64_t>(1 + random.below(9));
  const auto old = next - std::min<OrderId>(next - 1, 1 + random.below(40));
  switch (random.below(6)) {
    case 0:
      engine.cancel(old);
      return;
    case 1:
      engine.replace(old, price, 0, 0);
      return;
    case 2:
      engine.set_market_level(side, price, static_cast<std::int64_t>(random.below(3)));
      return;
    default:
      engine.submit({.order_id = next++, .side = side, .quantity = quantity, .price = price});
  }
}

}  // namespace

TEST(a_snapshot_is_the_book_after_the_last_request) {
  MatchingEngine<SkipBook<>> engine(1, 1, 1024);
  const SkipBookReader<> reader(engine.book());
  check::Random random(3);
  OrderId next = 1;
  for (int i = 0; i < 20000; ++i) {
    trade(engine, random, next, 40);
    Shown seen;
    std::uint64_t sequence = 0;
    CHECK(shown_by_reader(reader, seen, sequence, 1));
    CHECK_EQUAL(sequence, engine.book().sequence());
    CHECK(seen == shown_by_writer(engine.book()));
  }
  CHECK_EQUAL(engine.check(), "");
}

TEST(the_count_and_quantity_of_a_level_are_the_sums_of_its_orders) {
  MatchingEngine<SkipBook<>> engine(1, 1, 1024);
  const SkipBookReader<> reader(engine.book());
  check::Random random(4);
  OrderId next = 1;
  for (int i = 0; i < 3000; ++i) {
    trade(engine, random, next, 40);
    std::map<std::pair<Side, std::int64_t>, DepthRow> sums;
    engine.visit_open([&](const BookOrder& order, std::int64_t) {
      DepthRow& row = sums[{order.side, order.price}];
      row.quantity += order.shown;
      ++row.orders;
    });
    for (const Side side : {Side::kBuy, Side::kSell}) {
      reader.walk(side, [&](const DepthRow& row, std::uint64_t) {
        const DepthRow& sum = sums[{side, row.price}];
        CHECK_EQUAL(row.orders, sum.orders);
        CHECK_EQUAL(row.quantity,
                    sum.quantity + engine.book().find(side, row.price)->market_quantity);
        return true;
      });
    }
  }
}

TEST(a_reader_finds_levels_by_price) {
  SkipBook<> book;
  const SkipBookReader<> reader(book);
  std::map<std::int64_t, std::int64_t> model;
  check::Random random(5);
  for (int i = 0; i < 20000; ++i) {
    const auto price = static_cast<std::int64_t>(1 + random.below(2000));
    if (random.below(2) == 0 && model.erase(price) > 0) {
      book.close(Side::kSell, price);
    } else {
      PriceLevel& level = book.open(Side::kSell, price);
      level.market_quantity = model[price] = i + 1;
      book.changed(level);
    }
    book.commit();
    const auto probe = static_cast<std::int64_t>(1 + random.below(2000));
    DepthRow row;
    const auto found = reader.find(Side::kSell, probe, row);
    CHECK_EQUAL(found == SkipBookReader<>::Found::kYes, model.count(probe) == 1);
    if (found == SkipBookReader<>::Found::kYes) CHECK_EQUAL(row.quantity, model[probe]);
  }
}

TEST(nothing_is_visible_before_it_is_committed) {
  SkipBook<> book;
  const SkipBookReader<> reader(book);
  book.open(Side::kBuy, 100).market_quantity = 5;
  book.changed(*book.find(Side::kBuy, 100));
  book.commit();
  book.close(Side::kBuy, 100);
  book.open(Side::kBuy, 90).market_quantity = 7;  // the same node, within the same request
  DepthRow row;
  CHECK(reader.find(Side::kBuy, 100, row) == SkipBookReader<>::Found::kYes);
  CHECK_EQUAL(row.quantity, 5);
  CHECK(reader.find(Side::kBuy, 90, row) == SkipBookReader<>::Found::kNo);
  book.commit();
  CHECK(reader.find(Side::kBuy, 100, row) == SkipBookReader<>::Found::kNo);
  CHECK(reader.find(Side::kBuy, 90, row) == SkipBookReader<>::Found::kYes);
}

TEST(a_reader_that_stops_in_the_middle_delays_nobody_and_keeps_no_memory) {
  SkipBook<> book;
  const SkipBookReader<> reader(book);
  const auto set = [&](std::int64_t price, std::int64_t quantity) {
    PriceLevel& level = book.open(Side::kSell, price);
    level.market_quantity = quantity;
    book.changed(level);
    book.commit();
  };
  for (std::int64_t price = 10; price <= 300; price += 10) set(price, 1);
  const std::size_t nodes = book.nodes();
  std::vector<std::int64_t> seen;
  bool has_stopped = false;
  const bool is_done = reader.walk(Side::kSell, [&](const DepthRow& row, std::uint64_t) {
    seen.push_back(row.price);
    if (row.price == 100 && !has_stopped) {  // Here the reader sleeps and the writer works on.
      has_stopped = true;
      for (int round = 0; round < 10000; ++round) {
        for (const std::int64_t price : {95, 100, 105, 115, 250}) {
          book.close(Side::kSell, book.open(Side::kSell, price).price);
          book.commit();
        }
        set(100 + round % 7, 2);
        book.close(Side::kSell, 100 + round % 7);
        set(110, round + 1);
        set(250, 1);
      }
    }
    return true;
  });
  CHECK(is_done);
  CHECK_EQUAL(book.nodes(), nodes);
  std::vector<std::int64_t> wanted;
  for (std::int64_t price = 10; price <= 300; price += 10) wanted.push_back(price);
  CHECK(seen == wanted);
}

TEST(readers_beside_a_writer_see_only_books_that_were) {
  constexpr int kRequests = 30000;
  constexpr int kReaders = 3;
  MatchingEngine<SkipBook<>> engine(1, 1, 4096);
  std::vector<Shown> books(kRequests + 1);  // by sequence; read after the threads have ended
  std::atomic<bool> is_done{false};
  std::atomic<int> ready{0};
  struct Taken {
    std::uint64_t sequence;
    Shown shown;
  };
  std::vector<Taken> taken[kReaders];
  std::uint64_t walks[kReaders] = {};
  bool has_order[kReaders];
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    has_order[i] = true;
    readers.emplace_back([&, i] {
      const SkipBookReader<> reader(engine.book());
      ++ready;
      while (!is_done.load(std::memory_order_relaxed)) {
        Taken one;
        if (shown_by_reader(reader, one.shown, one.sequence, 100) && taken[i].size() < 4000) {
          taken[i].push_back(one);
        }
        std::int64_t before = 0;
        reader.walk(Side::kSell, [&](const DepthRow& row, std::uint64_t) {
          has_order[i] &= row.price > before;
          before = row.price;
          return true;
        });
        ++walks[i];
        std::this_thread::yield();
      }
    });
  }
  while (ready.load() < kReaders) std::this_thread::yield();
  check::Random random(9);
  OrderId next = 1;
  for (int i = 0; i < kRequests; ++i) {
    trade(engine, random, next, 60);
    books[engine.book().sequence()] = shown_by_writer(engine.book());
    if (i % 64 == 0) std::this_thread::yield();
  }
  is_done.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  std::size_t total = 0;
  for (int i = 0; i < kReaders; ++i) {
    for (const Taken& one : taken[i]) CHECK(one.shown == books[one.sequence]);
    total += taken[i].size();
    CHECK(has_order[i]);
    CHECK(walks[i] > 0);
  }
  CHECK(total > 10);
}

#if GATEWAY_HAS_FENCES  // Without fences the code under test is another one.

namespace {

using Levels = std::map<std::int64_t, DepthRow>;

/// A book, what was in it at every sequence, and the time when each sequence was complete.
template <typename Memory>
struct Story {
  SkipBook<Memory> book;
  std::vector<Levels> buys{{}};
  std::vector<Levels> sells{{}};
  std::vector<std::uint64_t> times{check::History::now};
  std::size_t from = 0;  // the sequence that the reader surely knows
};

constexpr std::int64_t kPrices = 7;

/// Levels come and go before the story, so that nodes have had lives and the heights differ.
template <typename Memory>
void warm_up(Story<Memory>& story, check::Random& random) {
  for (std::uint64_t left = random.below(60); left > 0; --left) {
    const Side side = random.below(2) == 0 ? Side::kBuy : Side::kSell;
    const auto price = static_cast<std::int64_t>(1 + random.below(kPrices));
    story.book.find(side, price) == nullptr ? (void)story.book.open(side, price)
                                            : story.book.close(side, price);
  }
  for (const Side side : {Side::kBuy, Side::kSell}) {
    while (const PriceLevel* level = story.book.best(side)) story.book.close(side, level->price);
  }
  story.book.commit();
  const std::uint64_t begun = story.book.sequence();
  story.buys.assign(begun + 1, {});
  story.sells.assign(begun + 1, {});
  story.times.assign(begun + 1, check::History::now);
}

/// Commits of one or two changes each.
template <typename Memory>
void tell(Story<Memory>& story, check::Random& random) {
  Levels levels[2];
  for (int commit = 0; commit < 20; ++commit) {
    for (std::uint64_t change = 1 + random.below(2); change > 0; --change) {
      const Side side = random.below(3) == 0 ? Side::kBuy : Side::kSell;
      const auto price = static_cast<std::int64_t>(1 + random.below(kPrices));
      Levels& known = levels[side == Side::kSell ? 1 : 0];
      if (known.count(price) == 1 && random.below(3) < 2) {
        story.book.close(side, price);
        known.erase(price);
        continue;
      }
      PriceLevel& level = story.book.open(side, price);
      level.market_quantity = 1 + static_cast<std::int64_t>(random.below(1000));
      level.orders = static_cast<std::uint32_t>(level.market_quantity * 3);
      known[price] = {price, level.market_quantity, level.orders};
      story.book.changed(level);
    }
    story.book.commit();
    story.buys.push_back(levels[0]);
    story.sells.push_back(levels[1]);
    story.times.push_back(check::History::now);
  }
}

template <typename Memory>
std::string fault_of_snapshot(const Story<Memory>& story, std::uint64_t& seen) {
  DepthRow bids[kDepth];
  DepthRow asks[kDepth];
  DepthSnapshot taken;
  if (!SkipBookReader<Memory>(story.book).snapshot(bids, asks, taken, 2)) return "";
  ++seen;
  if (taken.sequence < story.from) return "a snapshot older than its call";
  std::vector<DepthRow> wanted;
  for (const auto& [price, row] : story.sells[taken.sequence]) wanted.push_back(row);
  if (!std::equal(wanted.begin(), wanted.end(), asks, asks + taken.asks)) return "a wrong ask";
  wanted.clear();
  for (const auto& [price, row] : story.buys[taken.sequence]) wanted.insert(wanted.begin(), row);
  return std::equal(wanted.begin(), wanted.end(), bids, bids + taken.bids) ? "" : "a wrong bid";
}

template <typename Memory>
std::string fault_of_find(const Story<Memory>& story, std::int64_t price) {
  using Found = typename SkipBookReader<Memory>::Found;
  DepthRow row;
  const Found found = SkipBookReader<Memory>(story.book).find(Side::kSell, price, row, 2);
  if (found == Found::kBusy) return "";
  for (std::size_t at = story.from; at < story.sells.size(); ++at) {
    const auto known = story.sells[at].find(price);
    const bool is_there = known != story.sells[at].end();
    if (is_there == (found == Found::kYes) && (!is_there || known->second == row)) return "";
  }
  return "a level that never was";
}

template <typename Memory>
std::string fault_of_walk(const Story<Memory>& story) {
  std::vector<std::int64_t> walked;
  std::string fault;
  const auto look = [&](const DepthRow& row, std::uint64_t sequence) {
    const auto known = story.sells[sequence].find(row.price);
    if (known == story.sells[sequence].end() || !(known->second == row)) fault = "a wrong row";
    if (!walked.empty() && walked.back() >= row.price) fault = "rows out of order";
    walked.push_back(row.price);
    return fault.empty();
  };
  const bool is_done = SkipBookReader<Memory>(story.book).walk(Side::kSell, look, 8);
  const auto first = story.sells.begin() + static_cast<std::ptrdiff_t>(story.from);
  for (std::int64_t price = 1; is_done && price <= kPrices; ++price) {
    const bool is_always = std::all_of(
        first, story.sells.end(), [&](const Levels& known) { return known.count(price) == 1; });
    if (is_always && std::count(walked.begin(), walked.end(), price) != 1 && fault.empty()) {
      fault = "a level that was always there is missing";
    }
  }
  return fault;
}

/// Lets a writer work and many readers look back at its history. The first thing a reader sees
/// that never was, or "".
template <typename Memory>
std::string look_back(std::uint64_t seed, int readers, std::uint64_t& seen) {
  check::History::begin_writing();
  check::Random random(seed);
  Story<Memory> story;
  if (seed % 2 == 0) warm_up(story, random);
  tell(story, random);
  for (int run = 0; run < readers; ++run) {
    story.from = random.below(story.times.size());
    const auto begin = [&] {
      check::History::begin_reading(random.next(), story.times[story.from]);
    };
    begin();
    std::string fault = fault_of_snapshot(story, seen);
    begin();
    if (fault.empty()) fault = fault_of_find(story, 1 + run % kPrices);
    begin();
    if (fault.empty()) fault = fault_of_walk(story);
    if (fault.empty() && check::History::has_race) fault = "memory that may not be complete yet";
    if (!fault.empty()) return fault;
  }
  return "";
}

/// The first fault that one of many histories shows, or "".
template <typename Memory>
std::string first_fault(std::uint64_t& snapshots) {
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    const std::string fault = look_back<Memory>(seed, 150, snapshots);
    if (!fault.empty()) return "seed " + std::to_string(seed) + ": " + fault;
  }
  return "";
}
template <typename Memory>
bool is_caught() {
  std::uint64_t snapshots = 0;
  return !first_fault<Memory>(snapshots).empty();
}

constexpr auto kWeak = std::memory_order_relaxed;
struct CommitWeakened : check::HistoryMemory {
  static constexpr auto kCommit = kWeak;
};
struct BeginWeakened : check::HistoryMemory {
  static constexpr auto kBegin = kWeak;
};
struct FollowWeakened : check::HistoryMemory {
  static constexpr auto kFollowLink = kWeak;
};
struct FenceBeforeFieldsLeftOut : check::HistoryMemory {
  static constexpr auto kBeforeFields = kWeak;
};
struct FenceAfterFieldsLeftOut : check::HistoryMemory {
  static constexpr auto kAfterFields = kWeak;
};

}  // namespace

TEST(on_the_weakest_memory_readers_see_only_books_that_were) {
  std::uint64_t snapshots = 0;
  CHECK_EQUAL(first_fault<check::HistoryMemory>(snapshots), "");
  CHECK(snapshots > 10000);
}

TEST(every_weakened_memory_order_is_caught) {
  CHECK(is_caught<CommitWeakened>());
  CHECK(is_caught<BeginWeakened>());
  CHECK(is_caught<FollowWeakened>());
  CHECK(is_caught<FenceBeforeFieldsLeftOut>());
  CHECK(is_caught<FenceAfterFieldsLeftOut>());
}

#endif
