// A waiting exit of an earlier life whose venue speaks of it: it had left, and the record of that
// was life. It is booked as released from then on, sent by nobody, and its records make the same
// state again.
#include "linked_desk.hpp"

using namespace desk;  // NOLINT

namespace {

/// A bracket whose entry works at the venue, seen by the next life.
struct Later : Desk {
  std::vector<std::uint8_t> before;
  OrderId head = 0;
  const std::uint8_t* from = nullptr;
  std::uint64_t position = 0;

  Later() {
    head = submit(LinkKind::kBracket, bracket());
    accept(head);
    (void)sent();
    ++state.epoch;
    VenueState session{};
    session.venue = 1;
    session.state = static_cast<std::uint32_t>(VenueSession::kDown);
    engine.on_session(session);
    state.serialize(before);
    from = engine.writer().reserve(0);
    position = engine.writer().point().position;
  }
  bool is_waiting(OrderId id) { return at(id).link.is_waiting(); }
  std::int64_t held_by(StrategyId strategy) {
    return state.routes.position(state.route_of_order(1, 1, Leg::kNet, strategy)).book.quantity;
  }
  void expect_same_when_applied_again() {
    State again(world.runtime.state().capacity);
    CHECK(again.restore(before.data(), before.size()));
    for (const std::uint64_t end = engine.writer().point().position; position < end;) {
      const auto& header = *reinterpret_cast<const RecordHeader*>(from);
      CHECK(again.apply(header, from));
      position += header.length;
      from += header.length;
    }
    CHECK(again.hash() == state.hash());
  }
};

}  // namespace

TEST(an_acceptance_of_its_venue_proves_that_it_was_let_go) {
  Later life;
  life.fill(life.head, kQuantity);
  const auto anomalies = life.engine.counters().anomalies;
  life.accept(life.head + 1);
  CHECK(life.state_of(life.head + 1) == OrderState::kNew);
  CHECK(!life.is_waiting(life.head + 1));
  CHECK(life.at(life.head + 1).venue_order_id == venue_id(life.head + 1));
  CHECK_EQUAL(life.at(life.head + 1).reserved_quantity, kQuantity);
  CHECK_EQUAL(life.engine.counters().anomalies, anomalies);
  life.accept(life.head + 2);  // the stop waits for its trigger there
  CHECK(life.state_of(life.head + 2) == OrderState::kUntriggered);
  CHECK(!life.is_waiting(life.head + 2));
  EXPECT_SENT(life, {});
  life.fill(life.head + 1, kQuantity);
  EXPECT_SENT(life, {{kCancel, life.head + 2, kQuantity}});
  life.expect_same_when_applied_again();
}

TEST(a_fill_of_its_venue_proves_it_too_and_counts_for_its_strategy) {
  Later life;
  life.fill(life.head, kQuantity);
  life.fill(life.head + 1, kQuantity);
  CHECK(life.state_of(life.head + 1) == OrderState::kFilled);
  CHECK_EQUAL(life.held_by(1), 0);
  CHECK_EQUAL(life.held_by(kExternalStrategy), 0);
  for (const Out& each : life.sent()) CHECK(each.kind != kNew);
  life.expect_same_when_applied_again();
}

TEST(what_contradicts_it_proves_nothing) {
  Later life;
  OrderFilled other = life.world.fill(life.head + 1, Side::kBuy, kQuantity);
  other.venue_order_id = venue_id(life.head + 1);
  life.engine.on_fill(other);
  life.settle();
  CHECK(life.is_waiting(life.head + 1));
  CHECK_EQUAL(life.held_by(kExternalStrategy), kQuantity);
  life.tell(RecordKind::kOrderCanceled, life.head + 1);
  CHECK(life.is_waiting(life.head + 1));
  life.expect_same_when_applied_again();
}

TEST(of_an_exit_of_this_life_it_is_an_anomaly) {
  Desk desk;
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  const auto anomalies = desk.engine.counters().anomalies;
  desk.accept(head + 1);
  CHECK(desk.at(head + 1).link.is_waiting());
  CHECK_EQUAL(desk.engine.counters().anomalies, anomalies + 1);
}
