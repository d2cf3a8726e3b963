// One suite for every book behind the concept, against a map; add a book to the lists at the end.
#include "gateway_core/book/order_book.hpp"

#include <cstdio>
#include <map>
#include <vector>

#include "check.hpp"
#include "gateway_core/book/ladder_book.hpp"
#include "gateway_core/book/skip_book.hpp"
#include "random.hpp"

using namespace gateway;

namespace {

template <Book B>
std::vector<std::int64_t> prices(const B& book, Side side) {
  std::vector<std::int64_t> found;
  book.walk(side, [&](const PriceLevel& level) {
    found.push_back(level.price);
    return true;
  });
  return found;
}

template <Book B>
void best_level_is_highest_bid_and_lowest_ask() {
  B book;
  CHECK(book.best(Side::kBuy) == nullptr);
  for (const std::int64_t price : {100, 102, 101}) {
    book.open(Side::kBuy, price);
    book.open(Side::kSell, price);
  }
  CHECK_EQUAL(book.best(Side::kBuy)->price, 102);
  CHECK_EQUAL(book.best(Side::kSell)->price, 100);
  CHECK((prices(book, Side::kBuy) == std::vector<std::int64_t>{102, 101, 100}));
  CHECK((prices(book, Side::kSell) == std::vector<std::int64_t>{100, 101, 102}));
}

template <Book B>
void opening_twice_gives_the_same_level() {
  B book;
  book.open(Side::kBuy, 100).market_quantity = 7;
  CHECK_EQUAL(book.open(Side::kBuy, 100).market_quantity, 7);
  CHECK(book.find(Side::kSell, 100) == nullptr);
  CHECK(book.find(Side::kBuy, 99) == nullptr);
  CHECK(book.find(Side::kBuy, 101) == nullptr);
  book.close(Side::kBuy, 100);
  CHECK(book.find(Side::kBuy, 100) == nullptr);
}

template <Book B>
void a_walk_stops_when_told() {
  B book;
  for (std::int64_t price = 1; price <= 10; ++price) book.open(Side::kSell, price);
  int seen = 0;
  book.walk(Side::kSell, [&](PriceLevel& level) {
    level.market_quantity = 5;
    return ++seen < 3;
  });
  CHECK_EQUAL(seen, 3);
  CHECK_EQUAL(book.find(Side::kSell, 3)->market_quantity, 5);
  CHECK_EQUAL(book.find(Side::kSell, 4)->market_quantity, 0);
}

template <Book B>
void the_ends_of_the_price_range_are_prices() {
  B book(7);
  const std::int64_t top = std::int64_t{1} << 61;
  for (const std::int64_t price : {top, std::int64_t{7}, top - 1, std::int64_t{14}}) {
    book.open(Side::kBuy, price).market_quantity = price;
    book.open(Side::kSell, price).market_quantity = price;
  }
  CHECK((prices(book, Side::kBuy) == std::vector<std::int64_t>{top, top - 1, 14, 7}));
  CHECK((prices(book, Side::kSell) == std::vector<std::int64_t>{7, 14, top - 1, top}));
  book.close(Side::kBuy, top);
  CHECK_EQUAL(book.best(Side::kBuy)->market_quantity, top - 1);
}

/// The naive book: a map per side, best first.
struct NaiveBook {
  std::map<std::int64_t, std::int64_t> levels[2];  // sign * price -> quantity

  static std::int64_t rank(Side side, std::int64_t price) { return -sign_of(side) * price; }
  auto& at(Side side) { return levels[side == Side::kSell ? 1 : 0]; }
};

template <Book B>
bool agrees(const B& book, NaiveBook& naive, Side side) {
  auto wanted = naive.at(side).begin();
  bool is_equal = true;
  book.walk(side, [&](const PriceLevel& level) {
    is_equal = wanted != naive.at(side).end() &&
               NaiveBook::rank(side, level.price) == wanted->first &&
               level.market_quantity == wanted->second;
    if (is_equal) ++wanted;
    return is_equal;
  });
  const PriceLevel* best = book.best(side);
  const bool has_best = !naive.at(side).empty();
  return is_equal && wanted == naive.at(side).end() && (best != nullptr) == has_best &&
         (!has_best || NaiveBook::rank(side, best->price) == naive.at(side).begin()->first);
}

/// Prices near a centre that drifts, jumps far away and comes back; some off the tick, some deep.
class Prices {
 public:
  Prices(check::Random& random, std::int64_t tick) : random_(random), tick_(tick) {}
  std::int64_t draw() {
    const auto kind = random_.below(1000);
    if (kind < 2) centre_ = 1 + static_cast<std::int64_t>(random_.below(200'000));
    if (kind < 20) centre_ += static_cast<std::int64_t>(random_.below(1200)) - 600;
    if (centre_ < 1) centre_ = 1;
    const std::uint64_t width = kind < 700 ? 30 : kind < 950 ? 3000 : 40'000;
    auto ticks = centre_ + static_cast<std::int64_t>(random_.below(width)) -
                 static_cast<std::int64_t>(width / 2);
    if (ticks < 1) ticks = 1;
    return ticks * tick_ + (random_.below(40) == 0 ? tick_ / 2 : 0);
  }

 private:
  check::Random& random_;
  std::int64_t tick_;
  std::int64_t centre_ = 50'000;
};

template <Book B>
void random_traffic_agrees_with_a_map(std::uint64_t seed, std::int64_t tick, std::size_t levels) {
  B book(tick);
  NaiveBook naive;
  check::Random random(seed);
  Prices prices(random, tick);
  for (int step = 0; step < 6000; ++step) {
    const Side side = random.below(2) == 0 ? Side::kBuy : Side::kSell;
    auto& known = naive.at(side);
    if (known.size() > random.below(2 * levels)) {  // closes the best, the worst or any
      auto doomed = known.begin();
      const auto which = random.below(4);
      if (which == 0) doomed = std::prev(known.end());
      if (which == 1) std::advance(doomed, random.below(known.size()));
      book.close(side, -sign_of(side) * doomed->first);
      known.erase(doomed);
    } else {
      const std::int64_t price = prices.draw();
      const auto quantity = 1 + static_cast<std::int64_t>(random.below(9));
      PriceLevel& level = book.open(side, price);
      level.market_quantity = quantity;
      book.changed(level);
      known[NaiveBook::rank(side, price)] = quantity;
    }
    if (random.below(3) == 0) book.commit();
    const std::int64_t probe = prices.draw();
    const auto wanted = known.find(NaiveBook::rank(side, probe));
    const PriceLevel* found = book.find(side, probe);
    const bool is_good = agrees(book, naive, side) && (found != nullptr) == (wanted != known.end());
    CHECK(is_good);
    if (is_good) continue;
    std::printf("seed %llu tick %lld step %d\n", static_cast<unsigned long long>(seed),
                static_cast<long long>(tick), step);
    return;
  }
}

template <Book B>
void suite() {
  best_level_is_highest_bid_and_lowest_ask<B>();
  opening_twice_gives_the_same_level<B>();
  a_walk_stops_when_told<B>();
  the_ends_of_the_price_range_are_prices<B>();
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    for (const std::int64_t tick : {1, 10, 97}) {
      random_traffic_agrees_with_a_map<B>(seed, tick, seed % 2 == 0 ? 150 : 6);
    }
  }
}

}  // namespace

TEST(the_flat_book_keeps_the_contract) { suite<FlatBook>(); }
TEST(the_ladder_keeps_the_contract) { suite<LadderBook>(); }
TEST(the_skiplist_keeps_the_contract) { suite<SkipBook<>>(); }
