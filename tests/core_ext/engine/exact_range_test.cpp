// What a venue tells of one order may add up to more than each of it: whatever a live state takes,
// a snapshot of it is one that a start takes too.
#include "check.hpp"
#include "engine/engine_world.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr Int128 kHalf = static_cast<Int128>(1) << 125;  // twice it is no amount any more

struct Desk {
  World world;
  Engine& engine = world.engine;
  OrderId buy = submit(Side::kBuy, 10'000);
  OrderId sell = submit(Side::kSell, 10'010);
  std::vector<OrderFilled> fills;

  OrderId submit(Side side, std::int64_t price) {
    NewOrderMessage message = world.order(side);
    message.price = price;
    const Notice notice = engine.submit(message, world.client->number);
    CHECK_EQUAL(notice.refusal, 0);
    return notice.order_id;
  }
  /// One unit, whatever its worth.
  void fill(OrderId id, Side side, Int128 value, std::int64_t quantity = 1) {
    OrderFilled told = world.fill(id, side, quantity);
    told.value.e18 = value;
    engine.on_fill(told);
    fills.push_back(told);
  }
  void revise(const OrderFilled& fill, Int128 value, std::int64_t quantity) {
    FillRevised told{};
    told.account = told.instrument = told.fee_currency = 1;
    told.trade_id = fill.trade_id;
    told.revision = 1;
    told.side = fill.side;
    told.price = 10'000;
    told.price_scale = 2;
    told.quantity = quantity;
    told.value.e18 = value;
    engine.on_fill_revised(told, fill.venue_order_id);
  }
  const Order& at(OrderId id) { return engine.state().orders.at(engine.state().orders.find(id)); }
  bool is_halted() {
    return engine.state().registry.level(Level::kInstrument, 1).state == TradingState::kHalted;
  }
  void expect_taken_again() {
    std::vector<std::uint8_t> bytes;
    engine.state().serialize(bytes);
    State again(world.runtime.state().capacity);
    CHECK(again.restore(bytes.data(), bytes.size()));
    CHECK_EQUAL(again.hash(), engine.state().hash());
  }
};

}  // namespace

TEST(fills_of_one_order_that_are_too_much_together_halt_its_instrument) {
  Desk desk;
  desk.fill(desk.buy, Side::kBuy, kHalf);
  desk.fill(desk.sell, Side::kSell, kHalf);  // so that the position is within its range
  CHECK(!desk.is_halted());
  desk.fill(desk.buy, Side::kBuy, kHalf);
  CHECK(desk.is_halted());
  CHECK(desk.at(desk.buy).value_e18 == kHalf);
  CHECK_EQUAL(desk.at(desk.buy).cumulative, 1);
  desk.expect_taken_again();
  desk.fill(desk.buy, Side::kBuy, kHalf - 1);  // the most that there is room for
  CHECK(desk.at(desk.buy).value_e18 == 2 * kHalf - 1);
  desk.expect_taken_again();
}

TEST(a_correction_that_makes_an_order_worth_too_much_halts_its_instrument) {
  Desk desk;
  desk.fill(desk.buy, Side::kBuy, kHalf);
  desk.fill(desk.sell, Side::kSell, kHalf);
  desk.fill(desk.buy, Side::kBuy, 7);
  desk.revise(desk.fills[2], kHalf - 1, 1);
  CHECK(!desk.is_halted());
  desk.expect_taken_again();
  desk.revise(desk.fills[0], kHalf + 1, 1);
  CHECK(desk.is_halted());
  CHECK(desk.at(desk.buy).value_e18 == 2 * kHalf - 1);
  desk.expect_taken_again();
}

TEST(corrections_that_make_an_order_too_large_halt_its_instrument) {
  Desk desk;
  desk.fill(desk.buy, Side::kBuy, 10);
  desk.fill(desk.sell, Side::kSell, 10, kQuantityMax);
  desk.fill(desk.buy, Side::kBuy, 10);
  desk.revise(desk.fills[0], 10, kQuantityMax - 1);
  CHECK(!desk.is_halted());
  CHECK_EQUAL(desk.at(desk.buy).cumulative, kQuantityMax);
  desk.revise(desk.fills[2], 10, 2);
  CHECK(desk.is_halted());
  CHECK_EQUAL(desk.at(desk.buy).cumulative, kQuantityMax);
  desk.expect_taken_again();
}
