// Linked orders against a venue that answers late, rejects, and fills after a cancel was sent.
#include "linked_desk.hpp"

using namespace desk;  // NOLINT

TEST(one_execution_cancels_the_other_leg_at_once) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kOneCancelsOther, desk.pair());
  CHECK(head != 0);
  EXPECT_SENT(desk, {{kNew, head, kQuantity}, {kNew, head + 1, kQuantity}});
  desk.accept(head);
  desk.accept(head + 1);
  desk.fill(head, 1);
  EXPECT_SENT(desk, {{kCancel, head + 1, kQuantity}});
  desk.tell(RecordKind::kOrderCanceled, head + 1);
  CHECK(desk.state_of(head) == OrderState::kPartiallyFilled);
  CHECK(desk.state_of(head + 1) == OrderState::kCanceled);
  desk.fill(head, kQuantity - 1);
  EXPECT_SENT(desk, {});
  CHECK_EQUAL(desk.engine.counters().links_anomalous, 0U);
}

TEST(an_execution_takes_its_quantity_off_the_other_leg) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kOneUpdatesOther, desk.pair());
  desk.accept(head);
  desk.accept(head + 1);
  (void)desk.sent();
  desk.fill(head, 300);
  EXPECT_SENT(desk, {{kResize, head + 1, 700}});
  desk.fill(head, 100);  // the answer is still out: nothing more is asked before it comes
  EXPECT_SENT(desk, {});
  desk.tell(RecordKind::kOrderReplaced, head + 1, 700);
  EXPECT_SENT(desk, {{kResize, head + 1, 600}});
  desk.tell(RecordKind::kOrderReplaced, head + 1, 600);
  desk.fill(head + 1, 600);
  EXPECT_SENT(desk, {{kCancel, head, kQuantity}});
  desk.tell(RecordKind::kOrderCanceled, head);
  CHECK_EQUAL(desk.engine.counters().links_anomalous, 0U);
}

TEST(the_end_of_one_leg_by_the_venue_or_the_client_ends_the_other) {
  for (const auto kind :
       {RecordKind::kOrderCanceled, RecordKind::kOrderExpired, RecordKind::kOrderRejected}) {
    Desk desk;
    const OrderId head = desk.submit(LinkKind::kOneCancelsOther, desk.pair());
    desk.accept(head);
    (void)desk.sent();
    desk.tell(kind, head + 1);
    EXPECT_SENT(desk, {{kCancel, head, kQuantity}});
  }
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kOneCancelsOther, desk.pair());
  desk.accept(head);
  desk.accept(head + 1);
  (void)desk.sent();
  CancelMessage wish{};
  wish.header.principal = 1;
  wish.order_id = head;
  desk.engine.cancel(wish, desk.world.client->number);
  desk.settle();
  EXPECT_SENT(desk, {{kCancel, head, kQuantity}});  // asked for is not done
  desk.tell(RecordKind::kOrderCanceled, head);
  EXPECT_SENT(desk, {{kCancel, head + 1, kQuantity}});
}

TEST(the_exits_of_a_bracket_follow_what_its_entry_has_executed) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  EXPECT_SENT(desk, {{kNew, head, kQuantity}});
  CHECK(desk.state_of(head + 1) == OrderState::kUntriggered);
  CHECK_EQUAL(desk.at(head + 1).reserved_quantity, 0);  // nothing is held at the gate yet
  desk.accept(head);
  desk.fill(head, 400);
  EXPECT_SENT(desk, {{kNew, head + 1, 400}, {kNew, head + 2, 400}});
  desk.accept(head + 1);
  desk.accept(head + 2);
  EXPECT_SENT(desk, {});
  desk.fill(head, 600);
  EXPECT_SENT(desk, {{kResize, head + 1, kQuantity}, {kResize, head + 2, kQuantity}});
  desk.tell(RecordKind::kOrderReplaced, head + 1, kQuantity);
  desk.tell(RecordKind::kOrderReplaced, head + 2, kQuantity);
  desk.fill(head + 1, 250);
  EXPECT_SENT(desk, {{kResize, head + 2, 750}});
  desk.tell(RecordKind::kOrderReplaced, head + 2, 750);
  desk.fill(head + 2, 750);  // the stop is hit: the position is flat
  EXPECT_SENT(desk, {{kCancel, head + 1, kQuantity}});
  desk.tell(RecordKind::kOrderCanceled, head + 1);
  CHECK_EQUAL(desk.state.routes.position(0).book.quantity, 0);
  CHECK_EQUAL(desk.engine.counters().links_anomalous, 0U);
  CHECK_EQUAL(desk.state.orders.open_count(), 0U);
}

TEST(exits_for_a_partly_filled_entry_that_ends_stay_and_an_empty_one_takes_them_along) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  desk.accept(head);
  desk.fill(head, 400);
  desk.tell(RecordKind::kOrderCanceled, head);
  CHECK_EQUAL(desk.at(head + 2).quantity, 400);
  CHECK(is_open(desk.state_of(head + 1)) && is_open(desk.state_of(head + 2)));
  Desk other;
  const OrderId empty = other.submit(LinkKind::kBracket, other.bracket());
  other.accept(empty);
  (void)other.sent();
  other.tell(RecordKind::kOrderCanceled, empty);
  EXPECT_SENT(other, {});  // the venue has never heard of the exits
  CHECK_EQUAL(other.state.orders.open_count(), 0U);
}

TEST(an_exit_that_executes_ends_the_rest_of_the_entry) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  desk.accept(head);
  desk.fill(head, 400);
  desk.accept(head + 1);
  desk.accept(head + 2);
  (void)desk.sent();
  desk.fill(head + 1, 400);
  EXPECT_SENT(desk, {{kCancel, head, kQuantity}, {kCancel, head + 2, 400}});
  // The race: the entry executes once more, and the stop is gone. It is said, not hidden.
  desk.fill(head, 100);
  CHECK_EQUAL(desk.engine.counters().links_anomalous, 0U);  // the stop may still be there
  desk.tell(RecordKind::kOrderCanceled, head + 2);
  CHECK_EQUAL(desk.engine.counters().links_anomalous, 1U);
}

TEST(a_refused_exit_waits_and_its_owner_is_told_once_until_the_gate_lets_it_pass) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  desk.accept(head);
  TradingStateSet halt{};
  halt.level = static_cast<std::uint32_t>(Level::kFirm);
  halt.state = static_cast<std::uint32_t>(TradingState::kHalted);
  halt.actor.assign("ops");
  desk.engine.record_control(RecordKind::kTradingStateSet, halt);
  (void)desk.told();
  (void)desk.sent();
  desk.fill(head, kQuantity);
  EXPECT_SENT(desk, {});
  CHECK(desk.told() == (std::vector<Refusal>{Refusal::kTradingHalted}));
  CHECK(desk.state_of(head + 1) == OrderState::kUntriggered);
  CHECK(desk.state_of(head + 2) == OrderState::kUntriggered);
  for (int i = 0; i < 200; ++i) {
    desk.advance(100'000'000);
    desk.settle();
  }
  CHECK(desk.told().empty());
  halt.state = static_cast<std::uint32_t>(TradingState::kActive);
  desk.engine.record_control(RecordKind::kTradingStateSet, halt);
  desk.advance(5'000'000'000);
  MarkMessage mark{};
  mark.instrument = 1;
  mark.scale = 2;
  mark.mark = 10'000;
  desk.engine.on_mark(mark);
  desk.settle();
  desk.settle();
  EXPECT_SENT(desk, {{kNew, head + 1, kQuantity}, {kNew, head + 2, kQuantity}});
}

TEST(an_exit_that_the_venue_rejects_leaves_the_others_in_place) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  desk.accept(head);
  desk.fill(head, kQuantity);
  desk.accept(head + 2);
  (void)desk.sent();
  desk.tell(RecordKind::kOrderRejected, head + 1);
  EXPECT_SENT(desk, {});
  CHECK(is_open(desk.state_of(head + 2)));
}

TEST(both_legs_fill_and_the_excess_is_an_anomaly) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kOneCancelsOther, desk.pair());
  desk.accept(head);
  desk.accept(head + 1);
  (void)desk.sent();
  desk.fill(head, kQuantity);
  EXPECT_SENT(desk, {{kCancel, head + 1, kQuantity}});
  desk.fill(head + 1, kQuantity);  // it was faster than our cancel
  EXPECT_SENT(desk, {});
  CHECK_EQUAL(desk.engine.counters().links_anomalous, 1U);
  CHECK_EQUAL(desk.state.routes.position(0).book.quantity, -2 * kQuantity);
  desk.tell(RecordKind::kCancelRejected, head + 1);
  EXPECT_SENT(desk, {});
}

TEST(a_cancel_that_the_venue_rejects_is_asked_again_less_and_less_often) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kOneCancelsOther, desk.pair());
  desk.accept(head);
  desk.accept(head + 1);
  (void)desk.sent();
  desk.fill(head, kQuantity);
  EXPECT_SENT(desk, {{kCancel, head + 1, kQuantity}});
  std::size_t asked = 0;
  for (int i = 0; i < 100; ++i) {  // ten seconds
    desk.tell(RecordKind::kCancelRejected, head + 1);
    desk.advance(100'000'000);
    desk.settle();
    desk.settle();
    asked += desk.sent().size();
  }
  CHECK(asked >= 3 && asked <= 10);
  desk.advance(10'000'000'000);
  desk.settle();
  desk.settle();
  (void)desk.sent();
  desk.tell(RecordKind::kOrderCanceled, head + 1);
  CHECK_EQUAL(desk.state.orders.open_count(), 0U);
}

TEST(a_leg_of_unknown_outcome_is_cancelled_like_any_other) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kOneCancelsOther, desk.pair());
  desk.accept(head);
  desk.tell(RecordKind::kOrderUnknown, head + 1, 0, 0, FactReason::kTimeout);
  (void)desk.sent();
  desk.fill(head, kQuantity);
  EXPECT_SENT(desk, {{kCancel, head + 1, kQuantity}});
  // The cancel is lost as well: it is asked again after a while.
  desk.tell(RecordKind::kOrderUnknown, head + 1, 0, 0, FactReason::kUnknownOutcomeCancel);
  EXPECT_SENT(desk, {});
  desk.advance(200'000'000);
  desk.settle();
  desk.settle();
  EXPECT_SENT(desk, {{kCancel, head + 1, kQuantity}});
}

TEST(a_group_is_taken_whole_or_not_at_all) {
  Desk desk;
  auto orders = desk.pair();
  orders[1].trigger_price = 0;
  const std::uint64_t accepted = desk.engine.counters().orders_accepted;
  CHECK_EQUAL(desk.submit(LinkKind::kOneCancelsOther, orders), 0U);
  CHECK(desk.last_refusal == Refusal::kTriggerMissing);
  CHECK(desk.told() == (std::vector<Refusal>{Refusal::kLinkRefused, Refusal::kTriggerMissing}));
  CHECK_EQUAL(desk.engine.counters().orders_accepted, accepted);
  CHECK(desk.sent().empty());
  orders = desk.bracket();
  orders[2].quantity = 999;
  CHECK_EQUAL(desk.submit(LinkKind::kBracket, orders), 0U);
  CHECK(desk.last_refusal == Refusal::kBadLink);
  orders = desk.bracket();
  orders[1].side = Side::kBuy;
  CHECK_EQUAL(desk.submit(LinkKind::kBracket, orders), 0U);
  orders = desk.bracket();
  orders[2].client_number = orders[1].client_number;
  CHECK_EQUAL(desk.submit(LinkKind::kBracket, orders), 0U);
  CHECK(desk.last_refusal == Refusal::kIdConflict);
  CHECK_EQUAL(desk.state.orders.open_count(), 0U);
}

TEST(the_same_group_again_has_the_same_answers) {
  Desk desk;
  const auto orders = desk.bracket();
  const OrderId head = desk.submit(LinkKind::kBracket, orders);
  desk.accept(head);
  desk.fill(head, 400);
  (void)desk.sent();
  CHECK_EQUAL(desk.submit(LinkKind::kBracket, orders), head);
  CHECK(desk.told().empty() && desk.sent().empty());
  CHECK_EQUAL(desk.state.orders.open_count(), 3U);
  // Under the same names as another kind, or one of them alone: a conflict.
  (void)desk.submit(LinkKind::kOneUpdatesOther, orders);
  CHECK_EQUAL(desk.told().size(), 3U);
  CHECK_EQUAL(desk.engine.submit(orders[1], desk.world.client->number).refusal,
              static_cast<std::uint16_t>(Refusal::kIdConflict));
}

TEST(the_quantity_of_a_linked_order_is_not_the_clients_to_change) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  desk.accept(head);
  ReplaceMessage message{};
  message.header.principal = 1;
  message.order_id = head + 1;
  message.quantity = 500;
  CHECK_EQUAL(desk.engine.replace(message, 1).refusal,
              static_cast<std::uint16_t>(Refusal::kLinkedQuantity));
  message.quantity = 0;
  message.price = 10'600;  // the price is; the venue does not know the order yet
  (void)desk.sent();
  CHECK_EQUAL(desk.engine.replace(message, 1).refusal, 0);
  desk.settle();
  EXPECT_SENT(desk, {});
  CHECK_EQUAL(desk.at(head + 1).price, 10'600);
  CHECK_EQUAL(desk.at(head + 1).reserved_quantity, 0);
}

TEST(what_a_venue_says_of_an_order_that_waits_here_is_an_anomaly_and_changes_nothing) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  desk.accept(head);
  const auto before = desk.engine.counters().anomalies;
  for (const RecordKind kind : {RecordKind::kOrderAccepted, RecordKind::kOrderCanceled,
                                RecordKind::kOrderRejected, RecordKind::kOrderUnknown}) {
    desk.tell(kind, head + 1);
    CHECK(desk.state_of(head + 1) == OrderState::kUntriggered);
  }
  CHECK_EQUAL(desk.engine.counters().anomalies, before + 4);
  // A fill that names it is nobody's order: the position is EXTERNAL's.
  desk.fill(head + 1, 7);
  CHECK_EQUAL(desk.at(head + 1).cumulative, 0);
  CHECK(desk.state_of(head + 1) == OrderState::kUntriggered);
  CHECK(desk.engine.counters().anomalies > before + 4);
  CHECK(desk.state_of(head) == OrderState::kNew);
}

TEST(a_halt_stops_no_link_that_takes_quantity_off) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  desk.accept(head);
  desk.fill(head, kQuantity);
  desk.accept(head + 1);
  desk.accept(head + 2);
  TradingStateSet halt{};
  halt.level = static_cast<std::uint32_t>(Level::kFirm);
  halt.state = static_cast<std::uint32_t>(TradingState::kHalted);
  halt.actor.assign("ops");
  desk.engine.record_control(RecordKind::kTradingStateSet, halt);
  (void)desk.sent();
  desk.fill(head + 1, kQuantity / 4);
  EXPECT_SENT(desk, {{kResize, head + 2, kQuantity - kQuantity / 4}});
}

TEST(a_group_needs_places_among_the_open_orders_for_all_of_it) {
  Desk desk;
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    LevelEntity& entity = desk.state.registry.level(
        static_cast<Level>(level), level == static_cast<std::uint32_t>(Level::kFirm) ? 0 : 1);
    LimitsSet limits{};
    limits.level = level;
    limits.id = level == static_cast<std::uint32_t>(Level::kFirm) ? 0 : 1;
    limits.version = 2;
    limits.fields = entity.limits;
    limits.fields.open_orders_side_max = 1;
    limits.actor.assign("ops");
    desk.engine.record_control(RecordKind::kLimitsSet, limits);
  }
  CHECK_EQUAL(desk.submit(LinkKind::kOneCancelsOther, desk.pair()), 0U);
  CHECK(desk.last_refusal == Refusal::kMaxOpenOrders);
  EXPECT_SENT(desk, {});
  // One entry and two exits: the exits are of the other side, and two of them.
  CHECK_EQUAL(desk.submit(LinkKind::kBracket, desk.bracket()), 0U);
  CHECK(desk.last_refusal == Refusal::kMaxOpenOrders);
}

TEST(a_group_needs_a_token_for_each_order_that_is_sent_at_once) {
  Desk desk;
  LimitsSet limits{};
  limits.level = static_cast<std::uint32_t>(Level::kAccount);
  limits.id = 1;
  limits.version = 2;
  limits.fields = desk.state.registry.level(Level::kAccount, 1).limits;
  limits.fields.orders_per_second = 1;
  limits.fields.order_burst = 1;
  limits.actor.assign("ops");
  desk.engine.record_control(RecordKind::kLimitsSet, limits);
  CHECK_EQUAL(desk.submit(LinkKind::kOneCancelsOther, desk.pair()), 0U);
  CHECK(desk.last_refusal == Refusal::kThrottled);
  EXPECT_SENT(desk, {});
}
