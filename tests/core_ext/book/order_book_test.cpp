// One suite for every book behind the concept; add a book to the list at the end.
#include "gateway_core/book/order_book.hpp"

#include <map>
#include <random>
#include <vector>

#include "check.hpp"

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
void random_traffic_agrees_with_a_map() {
  B book;
  std::map<std::int64_t, std::int64_t> model;
  std::mt19937_64 random(7);
  for (int step = 0; step < 20000; ++step) {
    const auto price = static_cast<std::int64_t>(1 + random() % 60);
    const auto quantity = static_cast<std::int64_t>(random() % 3);
    if (quantity > 0) {
      book.open(Side::kBuy, price).market_quantity = quantity;
      model[price] = quantity;
    } else if (model.erase(price) > 0) {
      book.close(Side::kBuy, price);
    }
    auto wanted = model.rbegin();
    book.walk(Side::kBuy, [&](const PriceLevel& level) {
      CHECK(wanted != model.rend());
      CHECK_EQUAL(level.price, wanted->first);
      CHECK_EQUAL(level.market_quantity, wanted->second);
      ++wanted;
      return true;
    });
    CHECK(wanted == model.rend());
  }
}

template <Book B>
void suite() {
  best_level_is_highest_bid_and_lowest_ask<B>();
  opening_twice_gives_the_same_level<B>();
  a_walk_stops_when_told<B>();
  random_traffic_agrees_with_a_map<B>();
}

}  // namespace

TEST(the_flat_book_keeps_the_contract) { suite<FlatBook>(); }
