// Executions whose numbers fit and cannot be: nothing is booked, the instrument is halted, and what
// a person says is real is booked as it was told.
#include "gateway_core/engine/possible_fill.hpp"

#include "check.hpp"
#include "engine/engine_world.hpp"
#include "engine/held_storage.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr Int128 kOne = kPow10_64[kMoneyScale];

/// A world with an instrument of every kind at 2 and 3 decimals: 1 linear, 2 spot, 3 inverse, 4
/// quanto. 100.00 x 1.000 is worth 100 USD, inverse 0.01 BTC.
struct Desk : World {
  explicit Desk(const RuntimeOptions& wanted = options()) : World(wanted) {
    const InstrumentDefined linear = engine.state().registry.instruments.at(1).definition;
    const InstrumentKind kinds[] = {InstrumentKind::kSpot, InstrumentKind::kInverse,
                                    InstrumentKind::kQuanto};
    for (std::uint32_t id = 2; id <= 4; ++id) {
      InstrumentDefined defined = linear;
      defined.id = id;
      defined.kind = static_cast<std::uint8_t>(kinds[id - 2]);
      if (id == 3) defined.settle = 2;
      defined.symbol.assign(numbered("I", id));
      engine.record_control(RecordKind::kInstrumentDefined, defined);
    }
  }
  /// Nobody's: one unit at a price and a fee.
  OrderFilled external(InstrumentId instrument, std::int64_t price, Int128 fee = 0,
                       CurrencyId fee_currency = 1) {
    OrderFilled out = fill(0, Side::kBuy, 1'000);
    out.instrument = instrument;
    out.price = price;
    out.fee.e18 = fee;
    out.fee_currency = fee_currency;
    return out;
  }
  TradingState state_of(InstrumentId instrument) {
    return engine.state().registry.level(Level::kInstrument, instrument).state;
  }
  /// Whether a fill is booked and leaves its instrument as it was.
  bool books(const OrderFilled& told) {
    const auto before = engine.counters();
    engine.on_fill(told);
    const bool is_booked = engine.counters().fills == before.fills + 1;
    CHECK_EQUAL(engine.counters().anomalies, before.anomalies + (is_booked ? 0 : 1));
    CHECK_EQUAL(engine.counters().unbookable, before.unbookable + (is_booked ? 0 : 1));
    CHECK(is_booked || state_of(told.instrument) == TradingState::kHalted);
    return is_booked;
  }
  AnomalyCode why(const OrderFilled& told) {
    const auto* kept = engine.unbookable().find(
        FillMemory::key(told.account, told.instrument, told.venue_order_id, told.trade_id));
    return kept == nullptr ? AnomalyCode::kNone : kept->code;
  }
};

}  // namespace

TEST(a_price_of_zero_or_below_is_booked_of_linear_instruments_alone) {
  Desk desk;
  for (const std::int64_t price : {0, -10'000}) {
    CHECK(desk.books(desk.external(1, price)));
    for (InstrumentId id = 2; id <= 4; ++id) {
      const OrderFilled told = desk.external(id, price);
      CHECK(!desk.books(told));
      CHECK(desk.why(told) == AnomalyCode::kPrice);
    }
  }
  for (InstrumentId id = 2; id <= 4; ++id) CHECK(desk.books(desk.external(id, 1)));
}

TEST(a_value_that_was_told_is_the_authority_also_of_a_price_that_was_not) {
  Desk desk;
  OrderFilled told = desk.external(2, 0);
  told.value.e18 = 100 * kOne;
  CHECK(desk.books(told));
  told = desk.external(3, 0);
  told.value.e18 = kOne;
  CHECK(desk.books(told));
  told = desk.external(4, 10'000);
  told.value.e18 = -kOne;
  CHECK(!desk.books(told));
  CHECK(desk.why(told) == AnomalyCode::kPrice);
}

TEST(a_fee_of_a_hundred_times_what_was_executed_is_booked_and_one_beyond_it_is_not) {
  for (const int sign : {1, -1}) {
    Desk desk;
    for (const InstrumentId id : {1, 2, 4}) {
      CHECK(desk.books(desk.external(id, 10'000, sign * 10'000 * kOne)));
      const OrderFilled told = desk.external(id, 10'000, sign * (10'000 * kOne + 1));
      CHECK(!desk.books(told));
      CHECK(desk.why(told) == AnomalyCode::kFee);
      CHECK(!desk.books(desk.external(id, 10'000, sign * 100'000'000 * kOne)));
    }
    // Inverse settles in the coin: 100 times 0.01.
    CHECK(desk.books(desk.external(3, 10'000, sign * kOne, 2)));
    CHECK(!desk.books(desk.external(3, 10'000, sign * (kOne + 1), 2)));
    // On spot one coin was executed, whatever it is worth.
    CHECK(desk.books(desk.external(2, 10'000, sign * 100 * kOne, 2)));
    CHECK(!desk.books(desk.external(2, 10'000, sign * (100 * kOne + 1), 2)));
  }
}

TEST(a_fee_that_nothing_exact_can_be_compared_with_is_booked) {
  Desk desk;
  CHECK(desk.books(desk.external(1, 10'000, 100'000'000 * kOne, 2)));  // the coin of a perpetual
  CHECK(desk.books(desk.external(3, 10'000, 100'000'000 * kOne, 1)));  // dollars of an inverse one
  CHECK(desk.books(desk.external(1, 0, 5 * kOne)));                    // what is worth nothing
  CHECK(desk.books(desk.external(1, -1, kOne)));                       // 0.01 below zero, for a fee
}

TEST(the_fill_after_one_in_quarantine_is_booked_and_a_restart_keeps_the_state) {
  Directory directory;
  OrderFilled absurd{};
  {
    Desk desk(stored_options(directory));
    const OrderId id = desk.engine.submit(desk.order(), desk.client->number).order_id;
    absurd = desk.fill(id, Side::kBuy, 400);
    absurd.fee.e18 = 100'000'000 * kOne;
    CHECK(!desk.books(absurd));
    CHECK(desk.books(desk.fill(id, Side::kBuy, 100)));
    const Order& order = desk.engine.state().orders.at(desk.engine.state().orders.find(id));
    CHECK_EQUAL(order.cumulative, 100);
    desk.engine.on_fill(absurd);
    CHECK_EQUAL(desk.engine.counters().unbookable_repeated, 1U);
    CHECK(desk.runtime.stop());
  }
  Runtime again(stored_options(directory));
  const auto level = [&] {
    return again.engine().state().registry.level(Level::kInstrument, 1).state;
  };
  CHECK(level() == TradingState::kHalted);
  CHECK_EQUAL(again.engine().counters().fills, 0U);
  // It is not known any more: told again it is quarantined anew, and then a person may admit it.
  CHECK(again.engine().admit_fill(absurd) == Refusal::kNotFound);
  again.engine().on_fill(absurd);
  CHECK_EQUAL(again.engine().counters().unbookable, 1U);
  CHECK(again.engine().admit_fill(absurd) == Refusal::kNone);
  CHECK_EQUAL(again.engine().counters().fills, 1U);
  CHECK(again.engine().admit_fill(absurd) == Refusal::kNotFound);
  again.engine().on_fill(absurd);
  CHECK_EQUAL(again.engine().counters().fills_repeated, 1U);
  CHECK(level() == TradingState::kHalted);  // a person lifts it, by name
}

TEST(a_fill_that_a_person_admits_is_replayed_to_the_same_state) {
  Directory directory;
  {
    Desk desk(stored_options(directory));
    const OrderFilled told = desk.external(4, -10'000, 3 * kOne);
    CHECK(!desk.books(told));
    CHECK(desk.engine.admit_fill(told) == Refusal::kNone);
    CHECK_EQUAL(desk.engine.counters().fills, 1U);
    CHECK(desk.runtime.stop());
  }
  Runtime again(stored_options(directory));
  const std::uint32_t route = again.state().route_of_order(1, 4, Leg::kNet, kExternalStrategy);
  CHECK(route != RouteTable::kNone);
  const PositionBook& book = again.state().routes.position(route).book;
  CHECK_EQUAL(book.quantity, 1'000);
  CHECK(book.cost_e18 == -100 * kOne);
  CHECK(book.fees_e18 == 3 * kOne);
}

TEST(what_cannot_be_booked_exactly_is_not_booked_by_a_persons_word_either) {
  Desk desk;
  const OrderFilled told = desk.external(3, -10'000);
  CHECK(!desk.books(told));
  CHECK(desk.engine.admit_fill(told) == Refusal::kRange);
  CHECK_EQUAL(desk.engine.counters().fills, 0U);
  CHECK(desk.engine.admit_fill(desk.external(3, 1)) == Refusal::kNotFound);
}

TEST(told_again_with_numbers_that_can_be_it_is_booked_without_a_person) {
  Desk desk;
  OrderFilled told = desk.external(2, 10'000, 100'000'000 * kOne);
  CHECK(!desk.books(told));
  told.fee.e18 = kOne / 10;
  CHECK(desk.books(told));
  CHECK(desk.engine.admit_fill(told) == Refusal::kNotFound);
}

TEST(a_correction_to_numbers_that_cannot_be_leaves_what_was_booked) {
  Desk desk;
  const OrderFilled told = desk.external(2, 10'000);
  CHECK(desk.books(told));
  FillRevised revised{};
  revised.account = revised.fee_currency = 1;
  revised.instrument = 2;
  revised.trade_id = told.trade_id;
  revised.revision = 1;
  revised.side = Side::kBuy;
  revised.quantity = 500;
  desk.engine.on_fill_revised(revised, told.venue_order_id);
  CHECK(desk.state_of(2) == TradingState::kHalted);
  CHECK_EQUAL(desk.engine.counters().unbookable, 1U);
  revised.price = 10'000;
  revised.price_scale = 2;
  revised.fee.e18 = 5'001 * kOne;
  revised.revision = 2;
  desk.engine.on_fill_revised(revised, told.venue_order_id);
  CHECK_EQUAL(desk.engine.counters().unbookable, 2U);
  const std::uint32_t route =
      desk.engine.state().route_of_order(1, 2, Leg::kNet, kExternalStrategy);
  CHECK_EQUAL(desk.engine.state().routes.position(route).book.quantity, 1'000);
  revised.fee.e18 = kOne;
  revised.revision = 3;
  desk.engine.on_fill_revised(revised, told.venue_order_id);
  CHECK_EQUAL(desk.engine.state().routes.position(route).book.quantity, 500);
  // A bust has neither price nor value.
  revised.quantity = revised.price = 0;
  revised.fee = {};
  revised.revision = 4;
  desk.engine.on_fill_revised(revised, told.venue_order_id);
  CHECK_EQUAL(desk.engine.state().routes.position(route).book.quantity, 0);
}
