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
  M linked[2] = {desk.message(1, Side::kSell, 10'010, 500),
                 desk.message(1, Side::kSell, 9'990, 500)};
  CHECK(desk.engine.submit_linked(LinkKind::kOneCancelsOther, linked, 2, 1) == Refusal::kBadCross);
  CHECK_EQUAL(desk.state.orders.open_count(), 0U);
}

TEST(no_more_are_kept_than_may_be) {
  CrossingDesk desk;
  for (PrincipalId id = 2; id <= 3; ++id) {
    PrincipalDefined principal = desk.state.registry.principals.at(1).definition;
    principal.id = id;
    principal.name.assign(numbered("desk", id));
    desk.engine.record_control(RecordKind::kPrincipalDefined, principal);
  }
  const auto keep = [&](PrincipalId principal, std::int64_t price) {
    NewOrderMessage order = desk.message(1, Side::kBuy, price, 1);
    order.header.principal = principal;
    desk.submit(order);
    return desk.last_refusal;
  };
  for (PrincipalId id = 1; id <= 2; ++id) {
    for (std::size_t i = 0; i < kKeptOfPrincipalMax; ++i) {
      CHECK(keep(id, 9'010 + static_cast<std::int64_t>(i)) == Refusal::kNone);
    }
    // Others have places left; he has none.
    CHECK(keep(id, 9'011) == Refusal::kCrossFull);
  }
  CHECK(keep(3, 9'011) == Refusal::kCrossFull);
  desk.pass(60 * kMs);
  desk.world.drain();
  CHECK(keep(1, 9'011) == Refusal::kNone);
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

namespace {

/// A fill of 100 or so at a price and a time of the venue.
OrderFilled told(CrossingDesk& desk, OrderId id, Side side, std::int64_t quantity,
                 std::int64_t price, std::int64_t venue_time_ns) {
  OrderFilled fill = desk.world.fill(id, side, quantity);
  fill.price = price;
  fill.venue_time_ns = venue_time_ns;
  return fill;
}

/// Bought at 90, at 110 and sold at 101, in that order; the second is told late, and book 1 sells
/// half of one to book 2 at 100.005 before that or after it.
PositionBook book_after(bool is_cross_before, bool is_restored) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 10'900, 2'000, 0);
  const OrderId sell = desk.submit(1, Side::kSell, 11'000, 1'000, 0);
  desk.engine.on_fill(told(desk, buy, Side::kBuy, 1'000, 9'000, 1'000));
  desk.engine.on_fill(told(desk, sell, Side::kSell, 1'000, 10'100, 3'000));
  const OrderFilled late = told(desk, buy, Side::kBuy, 1'000, 11'000, 2'000);
  if (!is_cross_before) desk.engine.on_fill(late);
  desk.submit(1, Side::kSell, 9'990, 500);
  desk.submit(2, Side::kBuy, 10'010, 500);
  CHECK_EQUAL(desk.engine.counters().crosses, 1U);
  CHECK_EQUAL(desk.state.last_fill_ns[1], 3'000);
  if (is_restored) {
    std::vector<std::uint8_t> bytes;
    desk.state.serialize(bytes);
    State copy(desk.state.capacity);
    CHECK(copy.restore(bytes.data(), bytes.size()));
    CHECK_EQUAL(copy.routes.position(desk.at(buy).route).newest_fill_ns, 3'000);
  }
  if (is_cross_before) desk.engine.on_fill(late);
  CHECK_EQUAL(desk.engine.counters().fills_late, 1U);
  return desk.book(buy);
}

}  // namespace

TEST(a_fill_that_is_told_late_has_the_same_place_before_a_cross_and_after_it) {
  const PositionBook in_time = book_after(false, false);
  const PositionBook late = book_after(true, true);
  CHECK_EQUAL(in_time.quantity, 500);
  CHECK(late.quantity == in_time.quantity && late.cost_e18 == in_time.cost_e18);
  CHECK(late.realised_e18 == in_time.realised_e18);
}

namespace {

void mark_at(Engine& engine, std::int64_t price) {
  MarkMessage mark{};
  mark.instrument = kPerp;
  mark.scale = 2;
  mark.mark = price;
  engine.on_mark(mark);
}

/// Why an order that was kept for 30 s did not go out; kNone when it did.
template <typename Change>
Refusal end_of_kept(CrossingDesk& desk, const NewOrderMessage& order, Change&& change) {
  const OrderId id = desk.submit(order);
  desk.pass(29'500 * kMs);
  desk.world.drain();
  change();
  desk.pass(501 * kMs);
  if (desk.state_of(id) == OrderState::kPendingNew) return Refusal::kNone;
  CHECK_EQUAL(desk.outbound(), 0U);
  CHECK(static_cast<FactReason>(desk.at(id).reason) == FactReason::kCrossEnded);
  CHECK_EQUAL(desk.at(id).reserved_quantity, 0);
  while (desk.world.client->notices.size() != 0) {
    const Notice notice = desk.world.next_notice();
    if (notice.kind == static_cast<std::uint16_t>(RecordKind::kOrderRefused))
      return static_cast<Refusal>(notice.refusal);
  }
  return Refusal::kNone;
}

}  // namespace

TEST(what_has_changed_since_an_order_was_kept_is_asked_before_the_rest_goes_out) {
  const auto end_of = [](auto&& change) {
    CrossingDesk desk;
    return end_of_kept(desk, desk.message(1, Side::kBuy, 10'900, 500, 30'000),
                       [&] { change(desk); });
  };
  CHECK(end_of([](CrossingDesk& desk) { mark_at(desk.engine, 10'000); }) == Refusal::kNone);
  CHECK(end_of([](CrossingDesk&) {}) == Refusal::kStalePrice);
  CHECK(end_of([](CrossingDesk& desk) { mark_at(desk.engine, 5'000); }) == Refusal::kPriceCollar);
  CHECK(end_of([](CrossingDesk& desk) {
          mark_at(desk.engine, 10'000);
          LimitsSet lower{};
          lower.level = static_cast<std::uint32_t>(Level::kStrategy);
          lower.id = 1;
          lower.version = 9;
          lower.fields = desk.state.registry.level(Level::kStrategy, 1).limits;
          lower.fields.order_quantity_max_e8 = 1;
          lower.actor.assign("ops");
          desk.engine.record_control(RecordKind::kLimitsSet, lower);
        }) == Refusal::kMaxOrderQuantity);
  CHECK(end_of([](CrossingDesk& desk) {
          mark_at(desk.engine, 10'000);
          PrincipalDefined principal = desk.state.registry.principals.at(1).definition;
          principal.version = 2;
          principal.scopes = 0;
          desk.engine.record_control(RecordKind::kPrincipalDefined, principal);
        }) == Refusal::kNotPermitted);
}

TEST(a_market_order_goes_out_with_the_protection_of_the_market_that_it_meets) {
  CrossingDesk desk;
  NewOrderMessage buy = desk.message(1, Side::kBuy, 0, 500, 30'000);
  buy.type = OrderType::kMarket;
  buy.time_in_force = TimeInForce::kIoc;
  CHECK(end_of_kept(desk, buy, [&] { mark_at(desk.engine, 9'000); }) == Refusal::kNone);
  const OutboundEntry out = desk.next_out();
  CHECK(out.type == OrderType::kMarket && out.price == 9'900);
  CHECK_EQUAL(desk.at(out.order_id).price, 9'900);
}

TEST(a_rest_that_its_venue_rejects_ends_as_cancelled_because_a_part_has_executed) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 10'010, 500, 10);
  desk.submit(2, Side::kSell, 9'990, 200, 10);
  const OrderId whole = desk.submit(2, Side::kSell, 11'000, 200, 10);
  desk.pass(11 * kMs);
  for (int told = 0; told < 2; ++told) {
    desk.tell(RecordKind::kOrderRejected, buy);
    desk.tell(RecordKind::kOrderRejected, whole);
  }
  CHECK(desk.state_of(buy) == OrderState::kCanceled);
  CHECK(desk.state_of(whole) == OrderState::kRejected);
  CHECK_EQUAL(desk.at(buy).cumulative, 200);
  CHECK_EQUAL(desk.engine.counters().anomalies, 0U);
}

TEST(a_kept_order_of_the_day_ends_with_it) {
  CrossingDesk desk;
  NewOrderMessage order = desk.message(1, Side::kBuy, 9'990, 500);
  order.time_in_force = TimeInForce::kDay;
  const OrderId day = desk.submit(order);
  const OrderId other = desk.submit(1, Side::kBuy, 9'990, 400);
  (void)desk.engine.roll_period();
  CHECK(desk.state_of(day) == OrderState::kExpired);
  CHECK(desk.state_of(other) == OrderState::kUntriggered);
  desk.pass(60 * kMs);
  CHECK_EQUAL(desk.next_out().order_id, other);
  CHECK_EQUAL(desk.outbound(), 0U);
}

TEST(a_venue_that_calls_a_released_order_untriggered_has_it_all_the_same) {
  CrossingDesk desk;
  const OrderId buy = desk.submit(1, Side::kBuy, 10'010, 500, 10);
  desk.pass(11 * kMs);
  OrderFact fact{};
  fact.order_id = buy;
  fact.cumulative = -1;
  fact.evidence = static_cast<std::uint32_t>(Evidence::kStream);
  fact.reason = static_cast<std::uint32_t>(FactReason::kUntriggered);
  fact.venue_order_id.assign("v");
  desk.engine.on_fact(RecordKind::kOrderAccepted, fact);
  CHECK(!is_kept_to_cross(desk.at(buy)));
  desk.submit(2, Side::kSell, 9'990, 500, 10);
  CHECK_EQUAL(desk.engine.counters().crosses, 0U);
  desk.engine.on_fill(desk.world.fill(buy, Side::kBuy, 100));
  CHECK_EQUAL(desk.at(buy).cumulative, 100);
}

TEST(the_time_an_order_was_kept_here_is_not_its_venues_answer_time) {
  CrossingDesk desk;
  const auto acks = [&] {
    constexpr auto kAck = static_cast<std::size_t>(telemetry::Stage::kAck);
    std::uint64_t count = 0;
    for (const auto& bucket : desk.world.runtime.measurement().layout().histograms[kAck].counts)
      count += bucket.load();
    return count;
  };
  const OrderId kept = desk.submit(1, Side::kBuy, 10'010, 500, 10);
  desk.pass(11 * kMs);
  desk.tell(RecordKind::kOrderAccepted, kept);
  CHECK_EQUAL(acks(), 0U);
  const OrderId plain = desk.submit(1, Side::kBuy, 10'009, 500, 0);
  desk.tell(RecordKind::kOrderAccepted, plain);
  CHECK_EQUAL(acks(), 1U);
}
