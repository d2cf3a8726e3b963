// A kill in force: what could not be cancelled, was rejected or has an unknown outcome is asked
// again, never twice at once and less and less often, until it has ended or the halt is lifted.
#include <map>

#include "../check.hpp"
#include "engine_world.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr std::int64_t kMs = 1'000'000;

/// Orders at a venue that answers cancels as it is told to.
struct Killed {
  World world;
  Engine& engine = world.engine;
  VenuePort* venue = world.venue;
  std::map<OrderId, int> asked;  // cancels that the venue saw

  explicit Killed(std::size_t lane = 1024) {
    if (lane != 1024) venue = &engine.open_venue_port(1, lane);
  }
  const Order& at(OrderId id) { return engine.state().orders.at(engine.state().orders.find(id)); }
  OrderId submit() {
    const Notice notice = engine.submit(world.order(Side::kBuy, 1), world.client->number);
    CHECK_EQUAL(notice.refusal, 0);
    return notice.order_id;
  }
  OrderId working() {
    const OrderId id = submit();
    tell(RecordKind::kOrderAccepted, id);
    (void)taken();
    return id;
  }
  void tell(RecordKind kind, OrderId id, FactReason reason = FactReason::kNone) {
    OrderFact fact{};
    fact.order_id = id;
    fact.cumulative = -1;
    fact.reason = static_cast<std::uint32_t>(reason);
    engine.on_fact(kind, fact);
  }
  /// The orders whose cancels are on the lane, taken off it.
  std::vector<OrderId> taken() {
    std::vector<OrderId> out;
    for (; venue->outbound.size() != 0; venue->outbound.pop()) {
      OutboundEntry entry;
      std::memcpy(&entry, venue->outbound.peek(), sizeof entry);
      if (entry.kind != static_cast<std::uint16_t>(RecordKind::kCancelRequested)) continue;
      out.push_back(entry.order_id);
      ++asked[entry.order_id];
    }
    while (world.client->notices.size() != 0) world.client->notices.pop();
    return out;
  }
  void pass(std::int64_t ns) {
    Clock& clock = world.runtime.clock();
    CHECK(clock.set_ns(clock.now_ns() + ns));
    engine.turn(64);
    engine.turn(64);
  }
  KillCounts kill(Level level = Level::kFirm, std::uint32_t id = 0, PrincipalId by = 1) {
    Sequence sequence = 0;
    const KillCounts found = engine.kill(level, id, "anna", "stop", by, sequence);
    CHECK(sequence != 0);
    return found;
  }
  void set(TradingState state) {
    TradingStateSet record{};
    record.level = static_cast<std::uint32_t>(Level::kFirm);
    record.state = static_cast<std::uint32_t>(state);
    record.actor.assign("ben");
    engine.record_control(RecordKind::kTradingStateSet, record);
  }
  void principal(PrincipalId id, bool all, std::uint32_t scopes) {
    PrincipalDefined told{};
    told.id = id;
    told.version = 1;
    told.scopes = scopes;
    told.all_accounts = told.all_instruments = 1;
    told.all_strategies = all ? 1 : 0;
    told.is_enabled = 1;
    told.name.assign(numbered("p", id));
    engine.record_control(RecordKind::kPrincipalDefined, told);
  }
  /// A state from this one's bytes: it says the same, also of the kill.
  void expect_kept() {
    std::vector<std::uint8_t> bytes;
    engine.state().serialize(bytes);
    State other(engine.state().capacity);
    CHECK(other.restore(bytes.data(), bytes.size()));
    CHECK_EQUAL(other.hash(), engine.state().hash());
    const LevelEntity& here = engine.state().registry.level(Level::kFirm, 0);
    const LevelEntity& there = other.registry.level(Level::kFirm, 0);
    CHECK_EQUAL(there.is_killed(), here.is_killed());
    CHECK_EQUAL(there.killed_by, here.killed_by);
  }
};

}  // namespace

TEST(a_rejected_cancel_is_asked_again_less_and_less_often_and_no_sooner) {
  Killed desk;
  const OrderId stubborn = desk.working();
  const OrderId quiet = desk.working();
  CHECK_EQUAL(desk.kill().sent, 2U);
  CHECK_EQUAL(desk.taken().size(), 2U);
  desk.tell(RecordKind::kOrderCanceled, quiet);
  for (const std::int64_t wait : {100, 100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
    desk.tell(RecordKind::kCancelRejected, stubborn);
    desk.pass((wait - 1) * kMs);
    CHECK(desk.taken().empty());
    desk.pass(kMs);
    CHECK(desk.taken() == std::vector<OrderId>{stubborn});
  }
  CHECK_EQUAL(desk.asked[quiet], 1);
  CHECK_EQUAL(desk.engine.counters().kill_waiting, 1U);
  CHECK_EQUAL(desk.engine.counters().kill_cancels_again, 9U);
  desk.tell(RecordKind::kOrderCanceled, stubborn);
  desk.pass(5'000 * kMs);
  CHECK_EQUAL(desk.engine.counters().kill_waiting, 0U);
  CHECK(desk.taken().empty());
}

TEST(no_cancel_goes_out_while_another_one_of_the_order_is_on_its_way) {
  Killed desk;
  const OrderId order = desk.working();
  desk.kill();
  CHECK_EQUAL(desk.kill().on_the_way, 1U);
  for (int i = 0; i < 100; ++i) desk.pass(1'000 * kMs);
  CHECK_EQUAL(desk.taken().size(), 1U);
  desk.tell(RecordKind::kOrderUnknown, order, FactReason::kUnknownOutcomeCancel);
  desk.pass(kMs);
  CHECK(desk.taken() == std::vector<OrderId>{order});
}

TEST(a_cancel_that_was_on_its_way_before_the_kill_is_asked_again_when_it_is_rejected) {
  Killed desk;
  const OrderId order = desk.working();
  CancelMessage wish{};
  wish.header = {MessageKind::kCancel, 1, 0, 1, 77};
  wish.order_id = order;
  CHECK_EQUAL(desk.engine.cancel(wish, desk.world.client->number).refusal, 0);
  const KillCounts found = desk.kill();
  CHECK_EQUAL(found.sent, 0U);
  CHECK_EQUAL(found.on_the_way, 1U);
  CHECK_EQUAL(desk.taken().size(), 1U);
  desk.tell(RecordKind::kCancelRejected, order);
  desk.pass(kMs);
  CHECK(desk.taken() == std::vector<OrderId>{order});
}

TEST(an_order_that_its_venue_acknowledges_after_the_kill_is_cancelled_too) {
  Killed desk;
  const OrderId order = desk.submit();
  desk.kill();
  CHECK(desk.taken() == std::vector<OrderId>{order});
  desk.tell(RecordKind::kCancelRejected, order);  // it does not know the order yet
  desk.tell(RecordKind::kOrderAccepted, order);
  desk.pass(100 * kMs);
  CHECK(desk.taken() == std::vector<OrderId>{order});
}

TEST(a_kill_through_a_narrow_lane_asks_every_order_once_before_it_asks_one_again) {
  constexpr std::size_t kOrders = 400;
  Killed desk(16);
  std::vector<OrderId> orders;
  while (orders.size() < kOrders) {
    orders.push_back(desk.working());
    desk.pass(1);
  }
  const KillCounts found = desk.kill();
  CHECK(found.sent < 17 && found.sent + found.no_room == kOrders);
  std::size_t looks = 0;
  for (; desk.asked.size() < kOrders && looks < kOrders; ++looks) {
    for (const OrderId id : desk.taken()) desk.tell(RecordKind::kCancelRejected, id);
    desk.pass(kMs);  // all of them together: far below what an order waits to be asked again
  }
  CHECK(looks < kOrders);
  for (const OrderId id : orders) CHECK_EQUAL(desk.asked[id], 1);
}

TEST(the_desks_own_rate_of_cancels_neither_holds_a_kill_nor_is_used_up_by_it) {
  Killed desk;
  LimitsSet limits{};
  limits.level = static_cast<std::uint32_t>(Level::kFirm);
  limits.version = 2;
  limits.fields = desk.engine.state().registry.level(Level::kFirm, 0).limits;
  limits.fields.cancels_per_second = limits.fields.cancel_burst = 1;
  desk.engine.record_control(RecordKind::kLimitsSet, limits);
  for (int i = 0; i < 50; ++i) desk.working();
  const OrderId other = desk.working();
  CHECK_EQUAL(desk.kill().sent, 51U);
  desk.taken();
  desk.tell(RecordKind::kCancelRejected, other);
  CancelMessage wish{};
  wish.header = {MessageKind::kCancel, 1, 0, 1, 77};
  wish.order_id = other;
  CHECK_EQUAL(desk.engine.cancel(wish, 0).refusal, 0);
}

TEST(only_lifting_the_halt_ends_a_kill) {
  Killed desk;
  const OrderId order = desk.working();
  desk.kill();
  desk.taken();
  desk.set(TradingState::kHalted);  // a halt that keeps orders does not take the kill back
  const LevelEntity& firm = desk.engine.state().registry.level(Level::kFirm, 0);
  CHECK(firm.is_killed() && firm.is_latched);
  desk.expect_kept();
  desk.tell(RecordKind::kCancelRejected, order);
  desk.pass(100 * kMs);
  CHECK(desk.taken() == std::vector<OrderId>{order});
  desk.set(TradingState::kActive);
  CHECK(!firm.is_killed() && !firm.is_latched);
  CHECK_EQUAL(desk.engine.counters().kill_waiting, 0U);
  desk.tell(RecordKind::kCancelRejected, order);
  desk.pass(60'000 * kMs);
  CHECK(desk.taken().empty());
}

TEST(the_next_life_goes_on_with_the_kill_of_the_one_before) {
  Killed desk;
  const OrderId order = desk.working();
  desk.kill(Level::kAccount, 1);
  desk.taken();
  desk.tell(RecordKind::kCancelRejected, order);
  desk.engine.settle_in_flight();  // what a start does over what it recovered
  desk.pass(1);
  CHECK(desk.taken() == std::vector<OrderId>{order});
}

TEST(a_kill_cancels_what_its_caller_may_and_tells_of_the_rest) {
  Killed desk;
  desk.principal(2, false, 15);  // of no strategy
  desk.principal(3, true, 1);    // may not cancel
  const OrderId order = desk.working();
  for (const PrincipalId by : {2U, 3U}) {
    const KillCounts found = desk.kill(Level::kFirm, 0, by);
    CHECK_EQUAL(found.sent, 0U);
    CHECK_EQUAL(found.refused, 1U);
    desk.expect_kept();
  }
  CHECK_EQUAL(desk.kill().sent, 1U);
  desk.taken();
  desk.kill(Level::kFirm, 0, 2);  // takes nothing back
  desk.expect_kept();
  desk.tell(RecordKind::kCancelRejected, order);
  desk.pass(100 * kMs);
  CHECK(desk.taken() == std::vector<OrderId>{order});
}

TEST(what_a_person_makes_at_the_venue_after_the_kill_is_left_to_him) {
  Killed desk;
  const auto adopt = [&](const char* name) {
    OrderAdopted told{};
    told.instrument = told.account = 1;
    told.strategy = kExternalStrategy;
    told.side = Side::kSell;
    told.type = OrderType::kLimit;
    told.time_in_force = TimeInForce::kGtc;
    told.price = 10'000;
    told.quantity = 1;
    told.venue_order_id.assign(name);
    desk.engine.on_adopt(told);
  };
  adopt("before");
  desk.pass(kMs);
  CHECK_EQUAL(desk.kill().sent, 1U);
  desk.taken();
  desk.pass(kMs);
  adopt("by hand");
  for (int i = 0; i < 20; ++i) desk.pass(5'000 * kMs);
  CHECK(desk.taken().empty());
  CHECK_EQUAL(desk.engine.counters().kill_waiting, 1U);
}

TEST(the_stop_ends_every_order_without_a_halt) {
  Killed desk;
  const OrderId order = desk.working();
  MassCancelMessage all{};
  all.header = {MessageKind::kMassCancel, 1, 0, 1, 5};
  all.reason = CancelReason::kShutdown;
  CHECK_EQUAL(desk.engine.mass_cancel(all, desk.world.client->number).current, 1);
  desk.taken();
  desk.tell(RecordKind::kCancelRejected, order);
  desk.pass(100 * kMs);
  CHECK(desk.taken() == std::vector<OrderId>{order});
  CHECK(!desk.engine.state().registry.level(Level::kFirm, 0).is_latched);
}
