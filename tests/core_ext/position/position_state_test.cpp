// Fills against hand-computed books: averages, partial closes, flips, both signs, both payoffs.
// Must never compare through a float. The large random comparison is tests/model/.
#include "gateway_core/position/position_state.hpp"

#include "check.hpp"
#include "gateway_core/position/profit_loss.hpp"
#include "gateway_core/types/decimal_text.hpp"

using namespace gateway;

namespace {

constexpr InstrumentRules kLinear{1, InstrumentKind::kLinear, 2, 3, 0};
constexpr InstrumentRules kInverse{100, InstrumentKind::kInverse, 1, 0, 0};

std::string text(Int128 e18) { return format_decimal(e18, kMoneyScale); }
Money worth(const char* decimal) { return Money{parse_decimal(decimal, kMoneyScale).mantissa}; }

}  // namespace

TEST(an_average_cost_is_released_in_proportion_and_the_rest_stays) {
  PositionBook book;
  (void)apply_fill(book, kLinear, Side::kBuy, 3000, worth("100"));
  const auto effect = apply_fill(book, kLinear, Side::kSell, 1000, worth("50"));
  CHECK(effect.fault == PositionFault::kNone && effect.state == PositionState::kPartiallyClosed);
  CHECK_EQUAL(text(effect.realised_e18), "16.666666666666666667");
  CHECK_EQUAL(text(book.cost_e18), "66.666666666666666667");
  CHECK_EQUAL(text(book.realised_e18 - book.cost_e18), "-50");  // the cash that moved
}

TEST(shares_are_rounded_to_the_nearest_and_ties_to_even) {
  PositionBook book;
  (void)apply_fill(book, kLinear, Side::kBuy, 3, worth("1"));
  const auto effect = apply_fill(book, kLinear, Side::kSell, 2, {});
  CHECK_EQUAL(text(effect.realised_e18), "-0.666666666666666667");
  CHECK_EQUAL(text(book.cost_e18), "0.333333333333333333");
  PositionBook odd;
  (void)apply_fill(odd, kLinear, Side::kBuy, 2, Money{5});  // half of 5 is 2.5: to 2
  CHECK(apply_fill(odd, kLinear, Side::kSell, 1, {}).realised_e18 == -2 && odd.cost_e18 == 3);
  PositionBook flip;
  (void)apply_fill(flip, kLinear, Side::kBuy, 1, Money{0});
  (void)apply_fill(flip, kLinear, Side::kSell, 3, Money{2});  // a third of 2 is 0.67: to 1
  CHECK(flip.realised_e18 == 1 && flip.cost_e18 == -1);
}

TEST(a_full_close_leaves_exactly_no_cost) {
  PositionBook book;
  (void)apply_fill(book, kLinear, Side::kSell, 7, worth("1.000000000000000001"));
  (void)apply_fill(book, kLinear, Side::kBuy, 3, worth("0.333333333333333333"));
  const auto effect = apply_fill(book, kLinear, Side::kBuy, 4, worth("0.4"));
  CHECK(effect.state == PositionState::kClosed && book.quantity == 0 && book.cost_e18 == 0);
  CHECK_EQUAL(text(book.realised_e18), "0.266666666666666668");
}

TEST(a_flip_closes_and_opens_in_one_step) {
  PositionBook book;
  (void)apply_fill(book, kLinear, Side::kBuy, 1000, worth("10"));
  const auto effect = apply_fill(book, kLinear, Side::kSell, 4000, worth("48"));
  CHECK(effect.state == PositionState::kFlipped && effect.closed == 1000 && effect.opened == 3000);
  CHECK_EQUAL(book.quantity, -3000LL);
  CHECK_EQUAL(text(book.realised_e18), "2");
  CHECK_EQUAL(text(book.cost_e18), "-36");
}

TEST(an_inverse_long_earns_in_the_base_coin) {
  PositionBook book;
  const auto entry = *value_of(kInverse, 500000, 1, 100);  // 100 x 100 USD at 50000.0
  const auto exit = *value_of(kInverse, 625000, 1, 100);
  CHECK_EQUAL(text(entry.e18), "0.2");
  (void)apply_fill(book, kInverse, Side::kBuy, 100, entry);
  CHECK_EQUAL(text(book.cost_e18), "-0.2");
  CHECK_EQUAL(text(unrealised_at(book, kInverse, 625000, 1)->e18), "0.04");
  CHECK_EQUAL(format_decimal(*average_price(book, kInverse, 4), 4), "50000");
  (void)apply_fill(book, kInverse, Side::kSell, 100, exit);
  CHECK_EQUAL(text(book.realised_e18), "0.04");
}

TEST(break_even_pays_the_fees_on_both_sides) {
  PositionBook longs, shorts;
  (void)apply_fill(longs, kLinear, Side::kBuy, 2000, worth("200"));
  (void)apply_fill(shorts, kLinear, Side::kSell, 2000, worth("200"));
  CHECK(add_fee(longs, worth("1")) && add_fee(shorts, worth("1")));
  CHECK_EQUAL(format_decimal(*break_even_price(longs, kLinear, 2), 2), "100.5");
  CHECK_EQUAL(format_decimal(*break_even_price(shorts, kLinear, 2), 2), "99.5");
  PositionBook coins;
  (void)apply_fill(coins, kInverse, Side::kBuy, 100, worth("0.2"));
  CHECK(add_fee(coins, worth("0.04")));
  CHECK_EQUAL(format_decimal(*break_even_price(coins, kInverse, 1), 1), "62500");
}

TEST(break_even_is_absent_when_flat_or_when_every_price_wins) {
  PositionBook book;
  CHECK(!break_even_price(book, kLinear, 2));
  (void)apply_fill(book, kLinear, Side::kBuy, 1000, worth("10"));
  (void)apply_fill(book, kLinear, Side::kSell, 500, worth("40"));
  CHECK(!break_even_price(book, kLinear, 2));
}

TEST(values_are_exact_until_more_than_eighteen_decimals_meet) {
  const InstrumentRules fine{1, InstrumentKind::kSpot, 0, 9, 9};
  CHECK_EQUAL(static_cast<long long>(value_of(fine, 7, 0, 3)->e18), 21LL);
  CHECK_EQUAL(static_cast<long long>(value_of(fine, 5, 1, 1)->e18), 0LL);   // 0.5 to even
  CHECK_EQUAL(static_cast<long long>(value_of(fine, 15, 1, 1)->e18), 2LL);  // 1.5 to even
  CHECK_EQUAL(static_cast<long long>(value_of(fine, -15, 1, 1)->e18), -2LL);
  CHECK(!value_of(fine, 1, 19, 1) && !value_of(kInverse, 0, 1, 1) && !value_of(kInverse, -1, 1, 1));
  CHECK(!value_of(kLinear, kInt128Max / 2, 2, 5));
}

TEST(an_inverse_value_is_the_same_on_the_short_and_the_long_way) {
  const auto near = value_of(kInverse, 437013, 1, 977);
  const auto far = value_of(kInverse, Int128{437013} * pow10_128(17), 18, 977);
  CHECK(near && far && *near == *far);
}

TEST(a_base_fee_is_worth_its_share_of_the_fill) {
  const InstrumentRules spot{1, InstrumentKind::kSpot, 2, 8, 0};
  const auto value = *value_of(spot, 3000000, 2, 50000000);  // 0.5 at 30000.00
  CHECK_EQUAL(text(value_of_base_fee(spot, worth("0.0005"), 50000000, value)->e18), "15");
}

TEST(a_fault_leaves_the_book_untouched) {
  PositionBook book;
  (void)apply_fill(book, kLinear, Side::kBuy, INT64_MAX, worth("1"));
  const PositionBook before = book;
  CHECK(apply_fill(book, kLinear, Side::kBuy, 1, worth("1")).fault == PositionFault::kOverflow);
  CHECK(apply_fill(book, kLinear, Side::kBuy, 0, worth("1")).fault == PositionFault::kBadQuantity);
  CHECK(apply_fill(book, kLinear, Side::kSell, 1, Money{kInt128Max}).fault ==
        PositionFault::kBadValue);
  CHECK(!add_fee(book, Money{kInt128Max}));
  CHECK(book == before);
  book.realised_e18 = kInt128Max / 2;
  const PositionBook rich = book;
  CHECK(apply_fill(book, kLinear, Side::kSell, INT64_MAX, Money{kInt128Max / 2}).fault ==
        PositionFault::kOverflow);
  CHECK(book == rich);
}

TEST(the_extremes_of_quantity_close_without_wrapping) {
  PositionBook book;
  (void)apply_fill(book, kLinear, Side::kSell, INT64_MAX, worth("9223372036854775807"));
  CHECK(apply_fill(book, kLinear, Side::kSell, 1, worth("1")).fault == PositionFault::kOverflow);
  const auto effect = apply_fill(book, kLinear, Side::kBuy, INT64_MAX, worth("1"));
  CHECK(effect.fault == PositionFault::kNone && book.quantity == 0 && book.cost_e18 == 0);
  CHECK_EQUAL(text(book.realised_e18), "9223372036854775806");
}

TEST(every_life_state_follows_from_what_the_last_fill_did) {
  // held before, fill (negative = sell), state afterwards; from any stored state the same.
  struct Row {
    std::int64_t held, fill;
    PositionState after;
  };
  constexpr Row kRows[] = {{0, 5, PositionState::kOpen},
                           {0, -5, PositionState::kOpen},
                           {5, 5, PositionState::kOpen},
                           {-5, -5, PositionState::kOpen},
                           {5, -2, PositionState::kPartiallyClosed},
                           {-5, 2, PositionState::kPartiallyClosed},
                           {5, -5, PositionState::kClosed},
                           {-5, 5, PositionState::kClosed},
                           {5, -6, PositionState::kFlipped},
                           {-5, 6, PositionState::kFlipped}};
  for (const Row& row : kRows) {
    for (int state = 0; state <= static_cast<int>(PositionState::kFlipped); ++state) {
      PositionBook book;
      book.quantity = row.held;
      book.state = static_cast<PositionState>(state);
      const auto side = row.fill > 0 ? Side::kBuy : Side::kSell;
      const auto effect = apply_fill(book, kLinear, side, row.fill > 0 ? row.fill : -row.fill, {});
      CHECK_EQUAL(name(effect.state), name(row.after));
      CHECK(book.state == row.after &&
            (book.quantity == 0) == (row.after == PositionState::kClosed));
    }
  }
}
