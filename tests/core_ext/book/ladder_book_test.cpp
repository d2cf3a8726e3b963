// The ladder's own promises: the window follows the market, what it does not hold is still exact.
// That it is a book is told in order_book_test.cpp.
#include "gateway_core/book/ladder_book.hpp"

#include <vector>

#include "check.hpp"
#include "gateway_core/types/exact_divisor.hpp"
#include "random.hpp"

using namespace gateway;

namespace {

constexpr auto kTicks = static_cast<std::int64_t>(LadderSide::kTicks);

}  // namespace

TEST(quotients_of_multiples_are_exact_and_nothing_else_passes_for_one) {
  check::Random random(11);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t divisor = 1 + (random.next() >> random.below(63));
    const ExactDivisor exact(divisor);
    const std::uint64_t number = random.next() >> random.below(63);
    CHECK_EQUAL(exact.divides(number), number % divisor == 0);
    const std::uint64_t multiple = number / divisor * divisor;
    CHECK_EQUAL(exact.quotient(multiple), number / divisor);
  }
}

TEST(the_window_takes_in_the_first_price_wherever_it_is) {
  for (const std::int64_t price :
       {std::int64_t{1}, std::int64_t{5'000'000}, std::int64_t{1} << 61}) {
    LadderBook book;
    book.open(Side::kSell, price);
    CHECK_EQUAL(book.levels_outside(Side::kSell), 0U);
    CHECK_EQUAL(book.best(Side::kSell)->price, price);
  }
}

TEST(deep_levels_wait_outside_and_the_best_stays_inside) {
  LadderBook book;
  const std::int64_t mid = 100'000;
  book.open(Side::kBuy, mid);
  for (std::int64_t deep = 1; deep <= 100; ++deep) book.open(Side::kBuy, mid - kTicks - deep);
  CHECK_EQUAL(book.levels_outside(Side::kBuy), 100U);
  CHECK_EQUAL(book.best(Side::kBuy)->price, mid);
  book.close(Side::kBuy, mid);
  CHECK_EQUAL(book.best(Side::kBuy)->price, mid - kTicks - 1);
  book.open(Side::kBuy, mid - kTicks);  // The window was empty: it moves there, and all come in.
  CHECK_EQUAL(book.levels_outside(Side::kBuy), 0U);
}

TEST(a_market_that_walks_away_takes_the_window_along) {
  for (const Side side : {Side::kBuy, Side::kSell}) {
    for (const std::int64_t direction : {-1, 1}) {
      LadderBook book;
      std::vector<std::int64_t> open;
      for (std::int64_t step = 0; step < 20 * kTicks; ++step) {
        const std::int64_t price = 200'000 + direction * step;
        book.open(side, price);
        open.push_back(price);
        if (open.size() <= 10) continue;
        book.close(side, open.front());
        open.erase(open.begin());
        CHECK(book.levels_outside(side) <= 11);
      }
      book.open(side, open.back() + direction);
      CHECK(book.levels_outside(side) <= 11);
    }
  }
}

TEST(prices_off_the_tick_are_levels_too) {
  LadderBook book(10);
  for (const std::int64_t price : {100, 105, 110, 99}) book.open(Side::kSell, price);
  CHECK_EQUAL(book.best(Side::kSell)->price, 99);
  CHECK_EQUAL(book.levels_outside(Side::kSell), 2U);
  std::vector<std::int64_t> seen;
  book.walk(Side::kSell, [&](const PriceLevel& level) {
    seen.push_back(level.price);
    return true;
  });
  CHECK((seen == std::vector<std::int64_t>{99, 100, 105, 110}));
}

TEST(one_far_price_that_comes_and_goes_does_not_move_the_others) {
  LadderBook book;
  for (std::int64_t price = 1000; price < 1100; ++price) book.open(Side::kSell, price);
  for (int i = 0; i < 50; ++i) {
    book.open(Side::kSell, 1'000'000);
    CHECK_EQUAL(book.levels_outside(Side::kSell), 1U);
    book.close(Side::kSell, 1'000'000);
  }
}

TEST(a_price_off_a_huge_tick_is_not_taken_for_a_multiple) {
  const std::int64_t tick = std::int64_t{1} << 58;
  LadderBook book(tick);
  book.open(Side::kSell, tick);
  book.open(Side::kSell, 1);
  CHECK_EQUAL(book.best(Side::kSell)->price, 1);
  CHECK_EQUAL(book.levels_outside(Side::kSell), 1U);
}
