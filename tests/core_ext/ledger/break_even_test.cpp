// Closing at the break-even price leaves nothing: worked examples, and the property by putting the
// price back in.
#include "gateway_core/ledger/break_even.hpp"

#include "check.hpp"
#include "gateway_core/position/profit_loss.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "random_terms.hpp"

using namespace gateway;
using namespace gateway::ledger;

namespace {

Money money(const char* text) { return {parse_decimal(text, kMoneyScale).mantissa}; }
std::string text(std::optional<Int128> price, int scale) {
  return price ? format_decimal(*price, scale) : "none";
}
constexpr InstrumentRules kLinear{1, InstrumentKind::kLinear, 2, 3, 0};

}  // namespace

TEST(the_exit_fee_is_paid_out_of_a_sale_and_on_top_of_a_purchase) {
  PositionBook longs, shorts;
  (void)apply_fill(longs, kLinear, Side::kBuy, 2'000, money("200"));
  (void)apply_fill(shorts, kLinear, Side::kSell, 2'000, money("200"));
  CHECK(add_fee(longs, money("1")) && add_fee(shorts, money("1")));
  // 201 / (2 x 0.99) and 199 / (2 x 1.01)
  CHECK_EQUAL(text(all_in_break_even(longs, kLinear, {}, 1'000'000, 6), 6), "101.515152");
  CHECK_EQUAL(text(all_in_break_even(shorts, kLinear, {}, 1'000'000, 6), 6), "98.514851");
  CHECK(all_in_break_even(longs, kLinear, {}, 0, 2) == break_even_price(longs, kLinear, 2));
}

TEST(funding_and_interest_that_were_paid_move_it_away) {
  PositionBook book;
  (void)apply_fill(book, kLinear, Side::kBuy, 1'000, money("100"));
  const Carry paid{money("-2").e18, money("-1").e18, 0};
  CHECK_EQUAL(text(all_in_break_even(book, kLinear, paid, 0, 2), 2), "103");
  CHECK_EQUAL(text(all_in_break_even(book, kLinear, {money("200").e18, 0, 0}, 0, 2), 2), "none");
}

TEST(coins_that_a_short_owes_as_interest_are_bought_back_too) {
  constexpr InstrumentRules kSpot{1, InstrumentKind::kSpot, 2, 3, 0};
  PositionBook book;
  (void)apply_fill(book, kSpot, Side::kSell, 1'000, money("100"));
  // 100 pays for 1.25 coins
  CHECK_EQUAL(text(all_in_break_even(book, kSpot, {0, 0, money("-0.25").e18}, 0, 2), 2), "80");
  CHECK_EQUAL(text(all_in_break_even(book, kSpot, {}, 0, 2), 2), "100");
}

TEST(a_flat_book_and_a_senseless_rate_have_none) {
  PositionBook book;
  CHECK(!all_in_break_even(book, kLinear, {}, 0, 2));
  (void)apply_fill(book, kLinear, Side::kBuy, 1'000, money("100"));
  CHECK(!all_in_break_even(book, kLinear, {}, -1, 2));
  CHECK(!all_in_break_even(book, kLinear, {}, kRateOne, 2));
}

TEST(the_paid_rate_is_rounded_up_and_a_rebate_is_none) {
  CHECK_EQUAL(paid_rate_e8(money("0.05").e18, money("100").e18), 50'000);
  CHECK_EQUAL(paid_rate_e8(1, money("100").e18), 1);
  CHECK_EQUAL(paid_rate_e8(money("-1").e18, money("100").e18), 0);
  CHECK_EQUAL(paid_rate_e8(money("5").e18, 0), 0);
  CHECK_EQUAL(paid_rate_e8(money("5").e18, 1), kRateOne - 1);
}

TEST(closing_at_it_leaves_no_more_than_the_price_is_rounded_by) {
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    check::Random random(seed);
    const Terms& terms = check::kTerms[seed % std::size(check::kTerms)];
    PositionLots book(terms);
    for (std::uint64_t number = 1; number <= 1 + seed % 5; ++number) {
      CHECK(book.add(check::any_execution(random, terms, book.now().average.quantity, 0, number)));
    }
    const PositionBook& now = book.now().average;
    const auto rate = static_cast<std::int64_t>(random.below(1'000'000));
    const Carry carry{static_cast<std::int64_t>(random.below(1'000'000'000)) - 500'000'000, 0, 0};
    constexpr int kScale = 12;
    const auto price = all_in_break_even(now, terms.rules, carry, rate, kScale);
    if (!price || *price < 2) continue;
    // One unit of the last digit more or less must turn the sign of what is left.
    const auto left_at = [&](Int128 at) {
      const Int128 worth =
          value_of(terms.rules, at, kScale, now.quantity)->e18 * cash_sign(terms.rules.kind);
      const Int128 size = worth < 0 ? -worth : worth;
      return worth - *mul_div(size, rate, kRateOne) - now.cost_e18 + now.realised_e18 -
             now.fees_e18 + carry.funding_e18;
    };
    const Int128 below = left_at(*price - 1), above = left_at(*price + 1);
    constexpr Int128 kRounded = 2;  // worth and exit fee are rounded once each
    if (now.quantity > 0) CHECK(below <= kRounded && above >= -kRounded);
    if (now.quantity < 0) CHECK(below >= -kRounded && above <= kRounded);
    ++compared;
  }
  CHECK(compared > 1'000);
}
