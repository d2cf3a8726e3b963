// Lots against a slow model that searches one list for every question, over random fills of every
// kind of instrument; and a past that is changed against one that had been right from the start.
#include "gateway_core/ledger/position_lots.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "check.hpp"
#include "random_terms.hpp"

using namespace gateway;
using namespace gateway::ledger;

namespace {

/// Cost of a unit, whole parts first and then what is left of them.
bool is_dearer(const Lot& a, const Lot& b) {
  const auto floor_of = [](const Lot& lot) {
    const Int128 whole = lot.first_cost_e18 / lot.first_quantity;
    return lot.first_cost_e18 % lot.first_quantity < 0 ? whole - 1 : whole;
  };
  const Int128 mine = floor_of(a), theirs = floor_of(b);
  if (mine != theirs) return mine > theirs;
  return (a.first_cost_e18 - mine * a.first_quantity) * b.first_quantity >
         (b.first_cost_e18 - theirs * b.first_quantity) * a.first_quantity;
}

/// A part of a lot that a close should take, in whole units.
struct Wish {
  std::uint64_t lot = 0;
  std::int64_t quantity = 0;
};

/// One method: all lots in the order in which they were opened, empty ones among them.
struct SlowLots {
  LotMethod method;
  std::vector<Lot> lots;
  Int128 cost = 0;
  Int128 realised = 0;
  std::uint64_t named = 0;  // parts that were taken because a wish named them

  std::size_t chosen() const {
    std::size_t best = lots.size();
    for (std::size_t i = 0; i < lots.size(); ++i) {
      if (lots[i].quantity == 0) continue;
      if (best == lots.size() || method == LotMethod::kLifo) best = i;
      if (method != LotMethod::kHifo) continue;
      if (is_dearer(lots[i], lots[best])) best = i;
    }
    return best;
  }
  /// The cost that leaves with a part of a lot.
  static Int128 take(Lot& lot, std::int64_t taken) {
    const Int128 share =
        taken == lot.quantity ? lot.cost_e18 : *mul_div(lot.cost_e18, taken, lot.quantity);
    lot.quantity -= taken;
    lot.cost_e18 -= share;
    return share;
  }
  /// Of the named lots what they have, then by the method.
  void close(std::int64_t quantity, Int128 closing, std::span<const Wish> wishes = {}) {
    Int128 released = 0;
    for (const Wish& wish : wishes) {
      for (Lot& lot : lots) {
        if (lot.id != wish.lot || lot.quantity == 0) continue;
        const std::int64_t taken = std::min({quantity, lot.quantity, wish.quantity});
        if (taken == 0) continue;
        released += take(lot, taken);
        quantity -= taken;
        ++named;
      }
    }
    while (quantity > 0) {
      Lot& lot = lots[chosen()];
      const std::int64_t taken = std::min(quantity, lot.quantity);
      released += take(lot, taken);
      quantity -= taken;
    }
    cost -= released;
    realised -= closing + released;
  }
};

/// Wishes for one fill: lots that are there, lots long gone, ones that never were or are to come, a
/// fill that is no lot, the same lot twice; all of it, parts, and less than a unit. Into `told` as
/// the book takes them.
std::vector<Wish> any_wishes(check::Random& random, std::uint64_t number, Int128 unit_e18,
                             std::vector<Designation>& told) {
  std::vector<Wish> wishes;
  for (std::uint64_t left = random.below(5); left != 0; --left) {
    const std::uint64_t back = random.below(std::min<std::uint64_t>(number, 8));
    const std::uint64_t lot = random.below(3) == 0 ? 1 + random.below(number + 2) : number - back;
    const std::int64_t units = random.below(6) == 0 ? 0 : check::any_number(random, 7);
    const auto below_unit = static_cast<Int128>(
        random.below(static_cast<std::uint64_t>(std::min<Int128>(unit_e18, INT64_MAX))));
    wishes.push_back({lot, units});
    told.push_back({number, lot, units * unit_e18 + below_unit});
  }
  return wishes;
}

Int128 left_over(std::span<const Lot> lots, std::int64_t& quantity) {
  Int128 cost = 0;
  for (const Lot& lot : lots) {
    quantity += lot.quantity;
    if (lot.quantity != 0) cost += lot.cost_e18;
  }
  return cost;
}

bool is_same(const LotState& a, const LotState& b) {
  bool same = a.average == b.average && a.cost_e18 == b.cost_e18 &&
              a.realised_e18 == b.realised_e18 && a.turnover_e18 == b.turnover_e18 &&
              a.slippage_e18 == b.slippage_e18 && a.unmeasured == b.unmeasured;
  for (std::size_t i = 0; i < kMethodsWithLots; ++i) {
    const auto method = static_cast<LotMethod>(i);
    std::vector<Lot> ours, theirs;
    for (const Lot& lot : a.lots_of(method))
      if (lot.quantity != 0) ours.push_back(lot);
    for (const Lot& lot : b.lots_of(method))
      if (lot.quantity != 0) theirs.push_back(lot);
    same &= ours.size() == theirs.size();
    for (std::size_t at = 0; same && at < ours.size(); ++at) {
      same &= ours[at].id == theirs[at].id && ours[at].quantity == theirs[at].quantity &&
              ours[at].cost_e18 == theirs[at].cost_e18;
    }
  }
  return same;
}

}  // namespace

TEST(every_method_equals_the_slow_model_at_every_step) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    check::Random random(seed);
    const Terms& terms = check::kTerms[seed % std::size(check::kTerms)];
    const int only = static_cast<int>(seed / 5 % 3) - 1;  // a hedge leg, long or short, or neither
    PositionLots book(terms);
    PositionBook plain;
    SlowLots slow[3] = {{LotMethod::kFifo, {}}, {LotMethod::kLifo, {}}, {LotMethod::kHifo, {}}};
    for (std::uint64_t number = 1; number <= 200; ++number) {
      const Execution fill = check::any_execution(random, terms, plain.quantity, only, number);
      const FillEffect effect =
          apply_fill(plain, terms.rules, fill.side, fill.quantity, {fill.value_e18});
      CHECK(effect.fault == PositionFault::kNone && book.add(fill));
      const Int128 cash = cash_of(terms, fill);
      const Int128 closing = effect.opened == 0   ? cash
                             : effect.closed == 0 ? 0
                                                  : *mul_div(cash, effect.closed, fill.quantity);
      const LotState& now = book.now();
      bool is_equal = now.average.quantity == plain.quantity &&
                      now.average.cost_e18 == plain.cost_e18 &&
                      now.average.realised_e18 == plain.realised_e18 && now.is_identical();
      for (SlowLots& each : slow) {
        each.close(effect.closed, closing);
        if (effect.opened != 0) {
          each.lots.push_back({cash - closing, cash - closing, effect.opened, effect.opened,
                               fill.sequence, fill.time_ns});
          each.cost += cash - closing;
        }
        std::int64_t quantity = 0;
        is_equal &= now.cost_of(each.method) == each.cost &&
                    now.realised_of(each.method) == each.realised &&
                    left_over(now.lots_of(each.method), quantity) == each.cost &&
                    quantity == (plain.quantity < 0 ? -plain.quantity : plain.quantity);
      }
      is_equal &= now.cost_of(LotMethod::kSpecific) == now.cost_of(LotMethod::kFifo);
      if (!is_equal) return check::fail(__FILE__, __LINE__, "seed " + std::to_string(seed));
    }
  }
}

TEST(named_lots_equal_the_slow_model_at_every_step) {
  std::uint64_t named = 0, differs = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    check::Random random(seed);
    const Terms& terms = check::kTerms[seed % std::size(check::kTerms)];
    const int only = static_cast<int>(seed / 5 % 3) - 1;
    const Int128 unit_e18 = kPow10_64[kMoneyScale - terms.rules.quantity_scale];
    std::vector<Designation> told;
    std::vector<std::vector<Wish>> wishes(1);
    for (std::uint64_t number = 1; number <= 200; ++number) {
      wishes.push_back(any_wishes(random, number, unit_e18, told));
    }
    PositionLots book(terms);
    book.designate(told);
    PositionBook plain;
    SlowLots slow{LotMethod::kSpecific, {}};
    for (std::uint64_t number = 1; number <= 200; ++number) {
      const Execution fill = check::any_execution(random, terms, plain.quantity, only, number);
      const FillEffect effect =
          apply_fill(plain, terms.rules, fill.side, fill.quantity, {fill.value_e18});
      CHECK(effect.fault == PositionFault::kNone && book.add(fill));
      const Int128 cash = cash_of(terms, fill);
      const Int128 closing = effect.opened == 0   ? cash
                             : effect.closed == 0 ? 0
                                                  : *mul_div(cash, effect.closed, fill.quantity);
      if (effect.closed != 0) slow.close(effect.closed, closing, wishes[number]);
      if (effect.opened != 0) {
        slow.lots.push_back({cash - closing, cash - closing, effect.opened, effect.opened,
                             fill.sequence, fill.time_ns});
        slow.cost += cash - closing;
      }
      const LotState& now = book.now();
      std::vector<Lot> ours, theirs;
      for (const Lot& lot : now.lots_of(LotMethod::kSpecific))
        if (lot.quantity != 0) ours.push_back(lot);
      for (const Lot& lot : slow.lots)
        if (lot.quantity != 0) theirs.push_back(lot);
      const bool is_equal =
          now.cost_of(LotMethod::kSpecific) == slow.cost &&
          now.realised_of(LotMethod::kSpecific) == slow.realised && now.is_identical() &&
          std::ranges::equal(ours, theirs, [](const Lot& a, const Lot& b) {
            return a.id == b.id && a.quantity == b.quantity && a.cost_e18 == b.cost_e18;
          });
      if (!is_equal) return check::fail(__FILE__, __LINE__, "seed " + std::to_string(seed));
      differs += now.cost_of(LotMethod::kSpecific) != now.cost_of(LotMethod::kFifo) ? 1 : 0;
    }
    named += slow.named;
  }
  CHECK(named > 5'000 && differs > 5'000);  // or the wishes never met anything
}

TEST(a_changed_past_equals_one_that_was_right) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    check::Random random(seed);
    const Terms& terms = check::kTerms[seed % std::size(check::kTerms)];
    // Long enough for checkpoints and, without keeping all, for forgetting.
    PositionLots book(terms, seed % 2 == 0);
    std::vector<Execution> right;
    const std::uint64_t count = seed % 10 == 0 ? 3 * PositionLots::kWindow + 100 : 40;
    std::vector<Designation> wishes;
    const Int128 unit_e18 = kPow10_64[kMoneyScale - terms.rules.quantity_scale];
    for (std::uint64_t number = 1; seed % 3 == 0 && number <= count; ++number) {
      (void)any_wishes(random, number, unit_e18, wishes);
    }
    book.designate(wishes);
    for (std::uint64_t number = 1; number <= count; ++number) {
      Execution fill = check::any_execution(random, terms, book.now().average.quantity, 0, number);
      const std::size_t back = random.below(std::min<std::size_t>(right.size(), 30) + 1);
      const std::uint64_t wish = random.below(20);
      if (wish == 0 && back > 0) {
        const auto place = right.end() - static_cast<std::ptrdiff_t>(back);
        if (book.add_before(place->ordinal, fill)) right.insert(place, fill);
      } else if (wish == 1 && back > 0) {
        Execution& old = *(right.end() - static_cast<std::ptrdiff_t>(back));
        Execution changed = old;
        changed.quantity = random.below(2) == 0 ? 0 : fill.quantity;
        changed.value_e18 = changed.quantity == 0 ? 0 : fill.value_e18;
        changed.fee_e18 = fill.fee_e18;
        if (book.revise(changed)) old = changed;
      } else {
        CHECK(book.add(fill));
        right.push_back(fill);
      }
    }
    PositionLots straight(terms, true);
    straight.designate(wishes);
    for (const Execution& fill : right) CHECK(straight.add(fill));
    if (!is_same(book.now(), straight.now())) {
      check::fail(__FILE__, __LINE__, "seed " + std::to_string(seed));
    }
  }
}

TEST(taking_the_newest_back_leaves_what_was_before) {
  check::Random random(5);
  PositionLots book(check::kTerms[0]), without(check::kTerms[0]);
  const std::uint64_t count = PositionLots::kWindow;  // a checkpoint lies right behind the last one
  for (std::uint64_t number = 1; number <= count; ++number) {
    const Execution fill =
        check::any_execution(random, check::kTerms[0], book.now().average.quantity, 0, number);
    CHECK(book.add(fill));
    if (number != count) CHECK(without.add(fill));
  }
  book.remove(count);
  CHECK(is_same(book.now(), without.now()));
}

TEST(what_was_forgotten_cannot_be_changed_and_says_so) {
  PositionLots book(check::kTerms[1]);
  Execution fill{};
  fill.quantity = 1;
  fill.value_e18 = 5;
  for (std::uint64_t number = 1; number <= 5 * PositionLots::kWindow; ++number) {
    fill.ordinal = fill.sequence = number;
    CHECK(book.add(fill));
  }
  // The position holds so many lots that the window has grown; the first ones are gone even so.
  CHECK(book.find(1) == nullptr && book.find(5 * PositionLots::kWindow) != nullptr);
  const LotState before = book.now();
  fill.ordinal = 1;
  CHECK(!book.revise(fill) && !book.add_before(1, fill) && is_same(book.now(), before));
}

TEST(named_lots_go_first_and_the_rest_by_age) {
  const Int128 kUnit = pow10_128(18);  // these quantities have no decimals
  const std::vector<Designation> wishes = {{4, 3, 10 * kUnit}, {4, 99, 10 * kUnit}, {5, 2, kUnit}};
  PositionLots book(check::kTerms[1], true);
  book.designate(wishes);
  const auto add = [&](std::uint64_t number, Side side, std::int64_t quantity, Int128 value) {
    Execution fill{};
    fill.ordinal = fill.sequence = number;
    fill.side = side;
    fill.quantity = quantity;
    fill.value_e18 = value;
    CHECK(book.add(fill));
  };
  add(1, Side::kBuy, 10, 100);
  add(2, Side::kBuy, 10, 200);
  add(3, Side::kBuy, 10, 300);
  add(4, Side::kSell, 15, 600);  // all of lot 3, five of lot 1; lot 99 never was
  CHECK_EQUAL(static_cast<int>(book.now().realised_of(LotMethod::kSpecific)), 600 - 300 - 50);
  CHECK_EQUAL(static_cast<int>(book.now().realised_of(LotMethod::kFifo)), 600 - 100 - 100);
  add(5, Side::kSell, 2, 100);  // one of lot 2, one of lot 1
  CHECK_EQUAL(static_cast<int>(book.now().realised_of(LotMethod::kSpecific)), 250 + 100 - 20 - 10);
  CHECK(book.now().is_identical());
}

TEST(highest_cost_means_least_profit_for_shorts_and_coins_too) {
  const auto realised = [](const Terms& terms, Side opening, std::int64_t first,
                           std::int64_t second, std::int64_t exit) {
    PositionLots book(terms);
    std::uint64_t number = 0;
    for (const std::int64_t price : {first, second, exit}) {
      Execution fill{};
      fill.ordinal = fill.sequence = ++number;
      fill.side = number == 3 ? opposite(opening) : opening;
      fill.quantity = 100;
      fill.value_e18 = value_of(terms.rules, price, terms.rules.price_scale, 100)->e18;
      CHECK(book.add(fill));
    }
    Int128 least = book.now().realised_of(LotMethod::kHifo);
    for (const LotMethod method : {LotMethod::kFifo, LotMethod::kLifo, LotMethod::kAverage}) {
      CHECK(least <= book.now().realised_of(method));
    }
    return least;
  };
  for (const Terms& terms : check::kTerms) {
    for (const Side side : {Side::kBuy, Side::kSell}) {
      CHECK(realised(terms, side, 400, 500, 450) == realised(terms, side, 500, 400, 450));
    }
  }
}

TEST(slippage_is_cash_beyond_the_arrival_price_without_the_fee) {
  PositionLots book(check::kTerms[0]);
  Execution fill{};
  fill.quantity = 100'000'000;  // one coin, at 100.25
  fill.value_e18 = value_of(check::kTerms[0].rules, 10'025, 2, fill.quantity)->e18;
  fill.fee_e18 = 7;
  fill.arrival_price = 10'000;
  CHECK(book.add(fill));
  CHECK(book.now().slippage_e18 == *mul_div(1'000'000'000'000'000'000, 1, 4));
  fill.side = Side::kSell;  // a quarter above arrival is a gain when selling
  CHECK(book.add(fill) && book.now().slippage_e18 == 0);
  fill.arrival_price = 0;
  CHECK(book.add(fill) && book.now().unmeasured == 1 && book.now().slippage_e18 == 0);
}

TEST(an_amount_beyond_the_range_changes_nothing) {
  PositionLots book(check::kTerms[1]);
  Execution fill{};
  fill.quantity = 1;
  fill.value_e18 = kTurnoverMax;
  CHECK(book.add(fill));
  const LotState before = book.now();
  fill.value_e18 = 1;
  CHECK(!book.add(fill));
  fill.value_e18 = kInt128Min;
  CHECK(!book.add(fill));
  fill.value_e18 = 0;
  fill.quantity = INT64_MAX;
  CHECK(!book.add(fill) && is_same(book.now(), before));
}
