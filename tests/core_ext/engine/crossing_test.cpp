// Orders that are kept to be crossed: who meets whom, at what price, what goes out of the rest, and
// who is refused. The property of it all is in crossing_recovery_test.cpp.
#include "crossing_desk.hpp"

using namespace desk;  // NOLINT

TEST(opposite_orders_of_two_books_meet_at_the_middle_and_the_venue_hears_nothing) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 10'010, 700);
  CHECK(desk.state_of(buy) == OrderState::kUntriggered);
  const OrderId sell = desk.submit(2, Side::kSell, 9'990, 700);
  CHECK(desk.state_of(buy) == OrderState::kFilled);
  CHECK(desk.state_of(sell) == OrderState::kFilled);
  CHECK_EQUAL(desk.book(buy).quantity, 700);
  CHECK_EQUAL(desk.book(sell).quantity, -700);
  // 100.005 x 0.7, to the last digit, and no fee.
  const Int128 value = static_cast<Int128>(700'035) * kPow10_64[14];
  CHECK(desk.at(buy).value_e18 == value && desk.at(sell).value_e18 == value);
  CHECK(desk.book(buy).cost_e18 + desk.book(sell).cost_e18 == 0);
  CHECK(desk.book(buy).fees_e18 == 0 && desk.book(sell).fees_e18 == 0);
  desk.pass(1'000 * kMs);
  CHECK_EQUAL(desk.outbound(), 0U);
  CHECK_EQUAL(desk.engine.counters().crosses, 1U);
  CHECK_EQUAL(desk.state.last_fill_ns[1], 0);  // the venue is asked for no fills since then
}

TEST(an_order_that_does_not_ask_goes_out_at_once_and_meets_nobody_here) {
  CrossingDesk desk;
  desk.submit(1, Side::kBuy, 10'010, 700);
  desk.submit(2, Side::kSell, 9'990, 700, 0);
  CHECK_EQUAL(desk.outbound(), 1U);
  CHECK_EQUAL(desk.engine.counters().crosses, 0U);
}

TEST(what_is_left_goes_out_alone_when_the_time_is_over_and_its_venue_counts_without_the_rest) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 10'010, 1'000, 50);
  desk.submit(2, Side::kSell, 9'990, 300, 50);
  CHECK(desk.state_of(buy) == OrderState::kUntriggered);
  CHECK_EQUAL(desk.at(buy).cumulative, 300);
  CHECK_EQUAL(desk.at(buy).reserved_quantity, 700);
  desk.pass(49 * kMs);
  CHECK_EQUAL(desk.outbound(), 0U);
  desk.pass(2 * kMs);
  const OutboundEntry out = desk.next_out();
  CHECK_EQUAL(out.order_id, buy);
  CHECK_EQUAL(out.quantity, 700);
  CHECK(desk.state_of(buy) == OrderState::kPendingNew);
  desk.tell(RecordKind::kOrderAccepted, buy);
  CHECK(desk.state_of(buy) == OrderState::kPartiallyFilled);
  // It ends with 400 executed there: 300 of them have not been told fill by fill.
  OrderFilled fill = desk.world.fill(buy, Side::kBuy, 100);
  desk.engine.on_fill(fill);
  desk.tell(RecordKind::kOrderCanceled, buy, 400);
  CHECK_EQUAL(desk.at(buy).cumulative, 400);
  CHECK_EQUAL(desk.at(buy).told_cumulative, 700);
  CHECK_EQUAL(desk.at(buy).reserved_quantity, 300);
  desk.engine.on_fill(desk.world.fill(buy, Side::kBuy, 300));
  CHECK_EQUAL(desk.at(buy).cumulative, 700);
  CHECK_EQUAL(desk.at(buy).reserved_quantity, 0);
  CHECK_EQUAL(desk.engine.counters().anomalies, 0U);
}

TEST(the_older_order_is_served_first) {
  CrossingDesk desk;
  const OrderId first = desk.submit(1, Side::kBuy, 10'010, 500);
  const OrderId second = desk.submit(3, Side::kBuy, 10'050, 500);
  desk.submit(2, Side::kSell, 9'990, 600);
  CHECK_EQUAL(desk.at(first).cumulative, 500);
  CHECK_EQUAL(desk.at(second).cumulative, 100);
}

TEST(one_book_does_not_trade_with_itself_nor_with_another_instrument) {
  CrossingDesk desk;
  desk.submit(1, Side::kBuy, 10'010, 500);
  desk.submit(1, Side::kSell, 9'990, 500);
  NewOrderMessage other = desk.message(2, Side::kSell, 9'990, 500);
  other.instrument = kSpot;
  desk.submit(other);
  CHECK_EQUAL(desk.engine.counters().crosses, 0U);
}

TEST(nobody_gets_a_price_beyond_his_own) {
  CrossingDesk desk;  // the middle is 100.005
  desk.submit(1, Side::kBuy, 10'000, 500);
  desk.submit(2, Side::kSell, 9'990, 500);
  CHECK_EQUAL(desk.engine.counters().crosses, 0U);
  quote(desk.engine, kPerp, 9'998, 10'002);  // 100.00 exactly: as good as his
  CHECK_EQUAL(desk.engine.counters().crosses, 1U);
}

TEST(an_old_or_half_price_crosses_nobody) {
  CrossingDesk desk;
  quote(desk.engine, kPerp, 0, 10'003);
  desk.submit(1, Side::kBuy, 10'010, 500, 30'000);
  desk.submit(2, Side::kSell, 9'990, 500, 30'000);
  CHECK_EQUAL(desk.engine.counters().crosses, 0U);
  quote(desk.engine, kPerp, 10'004, 10'003);  // overlapping
  CHECK_EQUAL(desk.engine.counters().crosses, 0U);
  quote(desk.engine, kPerp, 9'998, 10'003);
  CHECK_EQUAL(desk.engine.counters().crosses, 1U);
  desk.submit(1, Side::kBuy, 10'010, 500, 30'000);
  desk.pass(1'001 * kMs);  // reference_age_ms_max is 1000
  NewOrderMessage other = desk.message(2, Side::kSell, 9'990, 500, 30'000);
  desk.submit(other);
  CHECK(desk.last_refusal == Refusal::kStalePrice);
  CHECK_EQUAL(desk.engine.counters().crosses, 1U);
}

TEST(market_orders_are_kept_too_and_go_out_as_such) {
  CrossingDesk desk;
  NewOrderMessage buy = desk.message(1, Side::kBuy, 0, 500);
  buy.type = OrderType::kMarket;
  buy.time_in_force = TimeInForce::kIoc;
  const OrderId id = desk.submit(buy);
  desk.submit(2, Side::kSell, 9'990, 200);
  CHECK_EQUAL(desk.at(id).cumulative, 200);
  desk.pass(51 * kMs);
  const OutboundEntry out = desk.next_out();
  CHECK(out.order_id == id && out.type == OrderType::kMarket && out.quantity == 300);
}

TEST(what_cannot_be_kept_is_refused_by_name) {
  CrossingDesk desk;
  const auto refused = [&](auto&& change) {
    NewOrderMessage order = desk.message(1, Side::kBuy, 10'000, 500);
    change(order);
    desk.submit(order);
    return desk.last_refusal;
  };
  using M = NewOrderMessage;
  CHECK(refused([](M& m) { m.flags |= kPostOnly; }) == Refusal::kBadCross);
  CHECK(refused([](M& m) { m.flags |= kReduceOnly; }) == Refusal::kBadCross);
  CHECK(refused([](M& m) { m.flags |= kEmulate; }) == Refusal::kBadCross);
  CHECK(refused([](M& m) { m.time_in_force = TimeInForce::kFok; }) == Refusal::kBadCross);
  CHECK(refused([](M& m) {
          m.time_in_force = TimeInForce::kGtd;
          m.expires_ns = INT64_MAX;
        }) == Refusal::kBadCross);
  CHECK(refused([](M& m) {
          m.type = OrderType::kStopLimit;
          m.trigger_price = 10'100;
        }) == Refusal::kBadCross);
  CHECK(refused([](M& m) { m.cross_ms = kCrossMsMax + 1; }) == Refusal::kRange);
  CHECK(refused([](M& m) { m.quantity = 0; }) == Refusal::kRange);
  M linked[2] = {desk.message(1, Side::kSell, 10'010, 500), desk.message(1, Side::kSell, 9'990, 500)};
  CHECK(desk.engine.submit_linked(LinkKind::kOneCancelsOther, linked, 2, 1) == Refusal::kBadCross);
  CHECK_EQUAL(desk.state.orders.open_count(), 0U);
}

TEST(no_more_are_kept_than_may_be) {
  CrossingDesk desk;
  for (std::size_t i = 0; i < kKeptMax; ++i) desk.submit(1, Side::kBuy, 9'000 + i, 1);
  CHECK(desk.last_refusal == Refusal::kNone);
  desk.submit(1, Side::kBuy, 9'001, 1);
  CHECK(desk.last_refusal == Refusal::kCrossFull);
  desk.pass(60 * kMs);
  desk.world.drain();
  desk.submit(1, Side::kBuy, 9'001, 1);
  CHECK(desk.last_refusal == Refusal::kNone);
}

TEST(a_kept_order_is_cancelled_here_and_its_place_at_the_gate_is_free) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 10'010, 500);
  desk.submit(2, Side::kSell, 9'990, 200);
  CancelMessage cancel{};
  cancel.header = {MessageKind::kCancel, 1, 0, 1, 99};
  cancel.order_id = buy;
  CHECK_EQUAL(desk.engine.cancel(cancel, 1).refusal, 0);
  CHECK(desk.state_of(buy) == OrderState::kCanceled);
  CHECK_EQUAL(desk.at(buy).cumulative, 200);
  CHECK_EQUAL(desk.at(buy).reserved_quantity, 0);
  desk.pass(100 * kMs);
  CHECK_EQUAL(desk.outbound(), 0U);
}

TEST(new_terms_of_a_kept_order_are_in_force_at_once_but_none_are_taken_once_it_was_crossed) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 9'990, 500);
  desk.submit(2, Side::kSell, 9'990, 200);
  ReplaceMessage change{};
  change.header = {MessageKind::kReplace, 1, 0, 1, 7};
  change.order_id = buy;
  change.price = 10'010;
  CHECK_EQUAL(desk.engine.replace(change, 1).refusal, 0);
  CHECK_EQUAL(desk.at(buy).price, 10'010);
  quote(desk.engine, kPerp, 9'998, 10'003);
  CHECK_EQUAL(desk.at(buy).cumulative, 200);
  change.price = 10'020;
  CHECK(static_cast<Refusal>(desk.engine.replace(change, 1).refusal) ==
        Refusal::kReplaceUnsupported);
  CHECK_EQUAL(desk.outbound(), 0U);
}

TEST(a_released_order_never_meets_an_own_one_at_the_venue) {
  CrossingDesk desk;
  quote(desk.engine, kPerp, 0, 0);  // no middle: they cannot meet here
  desk.submit(1, Side::kBuy, 10'050, 500, 10);
  const OrderId sell = desk.submit(2, Side::kSell, 9'950, 500, 10);
  const OrderId far = desk.submit(2, Side::kSell, 10'051, 500, 10);
  desk.pass(11 * kMs);
  CHECK_EQUAL(desk.outbound(), 2U);
  CHECK(desk.state_of(sell) == OrderState::kCanceled);
  CHECK(static_cast<FactReason>(desk.at(sell).reason) == FactReason::kCrossEnded);
  CHECK(desk.state_of(far) == OrderState::kPendingNew);
}

TEST(a_halt_lets_nobody_meet_and_nothing_out) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 10'010, 500);
  TradingStateSet halt{};
  halt.level = static_cast<std::uint32_t>(Level::kStrategy);
  halt.id = 1;
  halt.state = static_cast<std::uint32_t>(TradingState::kHalted);
  desk.engine.record_control(RecordKind::kTradingStateSet, halt);
  const OrderId sell = desk.submit(2, Side::kSell, 9'990, 500);
  CHECK_EQUAL(desk.engine.counters().crosses, 0U);
  desk.pass(60 * kMs);
  CHECK(desk.state_of(buy) == OrderState::kCanceled);
  CHECK_EQUAL(desk.next_out().order_id, sell);
}

TEST(no_rest_goes_out_that_its_venue_would_not_take) {
  CrossingDesk desk;
  InstrumentDefined perp = desk.state.registry.instruments.at(kPerp).definition;
  perp.version = 2;
  perp.quantity_min = 100;
  desk.engine.record_control(RecordKind::kInstrumentDefined, perp);
  const OrderId buy = desk.submit(1, Side::kBuy, 10'010, 250);
  desk.submit(2, Side::kSell, 9'990, 200);
  CHECK_EQUAL(desk.at(buy).cumulative, 200);
  desk.pass(60 * kMs);
  CHECK(desk.state_of(buy) == OrderState::kCanceled);
  CHECK_EQUAL(desk.outbound(), 0U);
}

TEST(what_a_venue_says_of_an_order_it_never_saw_is_an_anomaly) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 10'010, 500);
  desk.tell(RecordKind::kOrderAccepted, buy);
  desk.tell(RecordKind::kOrderCanceled, buy);
  CHECK_EQUAL(desk.engine.counters().anomalies, 2U);
  desk.engine.on_fill(desk.world.fill(buy, Side::kBuy, 100));
  CHECK_EQUAL(desk.at(buy).cumulative, 0);  // booked to EXTERNAL
  CHECK(desk.state_of(buy) == OrderState::kUntriggered);
}

TEST(no_venue_can_say_that_a_fill_was_a_cross) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 10'010, 500, 10);
  desk.pass(11 * kMs);
  OrderFilled fill = desk.world.fill(buy, Side::kBuy, 100);
  fill.cross.with = 77;
  desk.engine.on_fill(fill);
  CHECK_EQUAL(crossed(desk.at(buy)), 0);
  CHECK(desk.state_of(buy) == OrderState::kPartiallyFilled);
}

TEST(the_same_intent_again_is_the_same_order_and_another_time_is_another_one) {
  CrossingDesk desk;
  NewOrderMessage order = desk.message(1, Side::kBuy, 10'010, 500);
  const OrderId id = desk.submit(order);
  desk.submit(2, Side::kSell, 9'990, 200);
  CHECK_EQUAL(desk.submit(order), id);
  CHECK(desk.last_refusal == Refusal::kNone);
  order.cross_ms = 51;
  desk.submit(order);
  CHECK(desk.last_refusal == Refusal::kIdConflict);
}

TEST(a_cross_is_one_group_of_two_records_that_name_each_other) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 10'010, 500);
  const std::uint8_t* at = desk.engine.writer().reserve(0);
  const OrderId sell = desk.submit(2, Side::kSell, 9'990, 200);
  std::vector<const RecordHeader*> fills;
  for (int i = 0; i < 4; ++i) {
    const auto* header = reinterpret_cast<const RecordHeader*>(at);
    if (header->type == static_cast<std::uint16_t>(RecordKind::kOrderFilled))
      fills.push_back(header);
    at += header->length;
  }
  CHECK_EQUAL(fills.size(), 2U);
  CHECK_EQUAL(fills[0]->flags & kGroupLast, 0);
  CHECK_EQUAL(fills[1]->flags & kGroupLast, kGroupLast);
  CHECK_EQUAL(fills[1]->cause, fills[0]->sequence);
  const auto& bought = payload<OrderFilled>(reinterpret_cast<const std::uint8_t*>(fills[0]));
  const auto& sold = payload<OrderFilled>(reinterpret_cast<const std::uint8_t*>(fills[1]));
  CHECK(bought.order_id == buy && sold.order_id == sell);
  CHECK(bought.cross.with == sell && sold.cross.with == buy);
  CHECK(bought.value == sold.value && bought.price == sold.price && bought.fee == Money{});
  CHECK(bought.cross.bid == 9'998 && bought.cross.ask == 10'003 && bought.price == 100'005);
  CHECK(bought.price_scale == 3 && bought.venue_time_ns == 0);
  CHECK(!(bought.trade_id == sold.trade_id));
}
