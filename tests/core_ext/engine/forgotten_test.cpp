// What was booked and is not remembered any more is not booked again, and what is new is booked:
// live, in replay, and with another size of the memory (docs/decisions/0057).
#include <memory>

#include "check.hpp"
#include "engine/engine_world.hpp"
#include "state/random_desk.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr std::uint32_t kRing = 64;
constexpr std::int64_t kBegan = 1'000'000;
constexpr std::int64_t kStep = 2 * kAmbiguousNs;

RuntimeOptions small() {
  RuntimeOptions out = options();
  out.capacity = {kRing, 4'096, 16};
  return out;
}

/// A fill of nobody's order, its own id and time by its number.
OrderFilled foreign(World& world, std::int64_t number) {
  OrderFilled out = world.fill(0, Side::kBuy, 1);
  out.trade_id.assign(numbered("x", static_cast<std::uint64_t>(number)));
  out.venue_time_ns = kBegan + number * kStep;
  return out;
}

void tell(World& world, std::int64_t from, std::int64_t to) {
  for (std::int64_t i = from; i < to; ++i) world.engine.on_fill(foreign(world, i));
}

OrderId open_order(World& world, std::int64_t quantity) {
  const OrderId id = world.engine.submit(world.order(Side::kBuy, quantity), 0).order_id;
  world.drain();
  OrderFact fact{};
  fact.order_id = id;
  fact.venue_order_id.assign("v");
  world.engine.on_fact(RecordKind::kOrderAccepted, fact);
  return id;
}

std::int64_t cumulative(World& world, OrderId id) {
  State& state = world.engine.state();
  return state.orders.at(state.orders.find(id)).cumulative;
}

BalanceChanged interest(std::int64_t number, std::int64_t until_ns) {
  BalanceChanged out{};
  out.account = out.currency = 1;
  out.reason = 1;
  out.amount.e18 = -1;
  out.reference.assign(numbered("i", static_cast<std::uint64_t>(number)));
  out.venue_time_ns = until_ns;
  return out;
}

}  // namespace

TEST(forgotten_fills_that_are_told_again_are_kept_as_evidence_and_not_booked) {
  World world(small());
  tell(world, 0, 3 * kRing);
  State& state = world.engine.state();
  CHECK_EQUAL(world.engine.counters().fills, 3U * kRing);
  CHECK_EQUAL(state.forgotten_fill_ns[1], kBegan + (2 * kRing - 1) * kStep);
  const std::uint64_t anomalies = world.engine.counters().anomalies;
  for (int times = 0; times < 3; ++times) tell(world, 0, 3 * kRing);
  CHECK_EQUAL(world.engine.counters().fills, 3U * kRing);
  CHECK_EQUAL(world.engine.counters().facts_forgotten, 3U * 2 * kRing);
  CHECK_EQUAL(world.engine.counters().anomalies, anomalies + 2 * kRing);  // each once
  tell(world, 3 * kRing, 3 * kRing + 5);  // what is new is booked as ever
  CHECK_EQUAL(world.engine.counters().fills, 3U * kRing + 5);
}

TEST(an_old_fill_of_an_order_whose_fills_are_all_remembered_is_new) {
  World world(small());
  const OrderId untouched = open_order(world, 1'000);
  const OrderId touched = open_order(world, 1'000);
  OrderFilled first = world.fill(touched, Side::kBuy, 100);
  first.venue_time_ns = kBegan - 10;
  world.engine.on_fill(first);
  tell(world, 0, 2 * kRing);
  OrderFilled late = world.fill(untouched, Side::kBuy, 100);
  late.venue_time_ns = kBegan - 5;
  world.engine.on_fill(late);
  CHECK_EQUAL(cumulative(world, untouched), 100);
  OrderFilled more = world.fill(untouched, Side::kBuy, 50);
  more.venue_time_ns = kBegan - 4;
  world.engine.on_fill(more);
  CHECK_EQUAL(cumulative(world, untouched), 150);
  // Its first fill is forgotten: this one may be that.
  OrderFilled other = world.fill(touched, Side::kBuy, 100);
  other.venue_time_ns = kBegan - 5;
  world.engine.on_fill(other);
  world.engine.on_fill(first);
  CHECK_EQUAL(cumulative(world, touched), 100);
  CHECK_EQUAL(world.engine.counters().facts_forgotten, 2U);
}

TEST(a_fill_without_a_time_may_be_any_forgotten_one) {
  World world(small());
  OrderFilled timeless = foreign(world, 7);
  timeless.venue_time_ns = 0;
  world.engine.on_fill(timeless);
  CHECK_EQUAL(world.engine.counters().fills, 1U);  // nothing is forgotten yet
  tell(world, 10, 10 + 2 * kRing);
  world.engine.on_fill(timeless);
  OrderFilled ahead = foreign(world, 8);
  ahead.venue_time_ns = world.engine.state().last_time_ns + 2 * kVenueAheadNsMax;
  world.engine.on_fill(ahead);
  CHECK_EQUAL(world.engine.counters().fills, 1U + 2 * kRing);
  CHECK_EQUAL(world.engine.counters().facts_forgotten, 2U);
}

TEST(accounts_forget_each_for_itself) {
  World world(small());
  AccountDefined account = world.engine.state().registry.accounts.at(1).definition;
  account.id = 2;
  account.name.assign("other");
  world.engine.record_control(RecordKind::kAccountDefined, account);
  tell(world, 0, 2 * kRing);
  OrderFilled old = foreign(world, 1);
  old.account = 2;
  world.engine.on_fill(old);
  CHECK_EQUAL(world.engine.counters().fills, 2U * kRing + 1);
  CHECK_EQUAL(world.engine.state().forgotten_fill_ns[2], 0);
}

TEST(a_smaller_memory_knows_what_it_lets_go) {
  World world(small());
  tell(world, 0, kRing);
  State& live = world.engine.state();
  CHECK_EQUAL(live.forgotten_fill_ns[1], 0);
  std::vector<std::uint8_t> bytes;
  live.serialize(bytes);
  const auto smaller = std::make_unique<State>(Capacity{16, 4'096, 16});
  CHECK(smaller->restore(bytes.data(), bytes.size()));
  CHECK_EQUAL(smaller->forgotten_fill_ns[1], kBegan + (kRing - 16 - 1) * kStep);
  const auto same = std::make_unique<State>(live.capacity);
  CHECK(same->restore(bytes.data(), bytes.size()));
  CHECK_EQUAL(same->hash(), live.hash());
}

TEST(a_forgotten_payment_is_not_booked_again) {
  World world(small());
  constexpr std::int64_t kHour = 3'600'000'000'000;
  (void)world.runtime.clock().set_ns(200 * kHour);
  for (std::int64_t i = 1; i <= 100; ++i) world.engine.on_balance(interest(i, i * kHour));
  State& state = world.engine.state();
  CHECK(state.balances.total(1, 1) == -100);
  CHECK_EQUAL(state.interest_known_ns[1], 100 * kHour);
  CHECK(state.forgotten_payment_ns[1] > 30 * kHour);
  for (std::int64_t i = 1; i <= 100; ++i) world.engine.on_balance(interest(i, i * kHour));
  CHECK(state.balances.total(1, 1) == -100);
  CHECK(world.engine.counters().facts_forgotten > 0);
  Funding paid{};
  paid.account = paid.instrument = paid.currency = 1;
  paid.amount.e18 = 5;
  paid.reference.assign("old");
  paid.venue_time_ns = kHour;
  world.engine.on_funding(paid);
  CHECK(state.balances.total(1, 1) == -100);
  paid.reference.assign("new");
  paid.venue_time_ns = 150 * kHour;
  world.engine.on_funding(paid);
  CHECK(state.balances.total(1, 1) == -95);
}

TEST(funding_is_settled_when_its_venue_is_reconciled) {
  World world(small());
  State& state = world.engine.state();
  (void)world.runtime.clock().set_ns(1'000'000);
  Funding paid{};
  paid.account = paid.instrument = paid.currency = 1;
  paid.amount.e18 = 5;
  paid.reference.assign("a");
  paid.venue_time_ns = 500;
  world.engine.on_funding(paid);
  CHECK_EQUAL(state.funding_known_ns[1], 500);
  CHECK_EQUAL(state.funding_settled_ns[1], 0);
  VenueState session{};
  session.venue = 1;
  session.state = static_cast<std::uint32_t>(VenueSession::kGapOpen);
  world.engine.on_session(session);
  CHECK_EQUAL(state.funding_settled_ns[1], 0);
  session.state = static_cast<std::uint32_t>(VenueSession::kReconciled);
  world.engine.on_session(session);
  CHECK_EQUAL(state.funding_settled_ns[1], 500);
}

TEST(live_replay_and_restore_forget_alike) {
  RuntimeOptions wanted = options();
  wanted.capacity = {256, 4'096, 256};
  Twin twin(5, wanted);
  for (int step = 0; step < 12'000; ++step) twin.take([&] { twin.step(); });
  State& live = twin.engine.state();
  CHECK(live.forgotten_fill_ns[1] > 0);
  CHECK(twin.engine.counters().facts_forgotten > 0);
  CHECK_EQUAL(twin.replica.hash(), live.hash());
  State restored(live.capacity);
  twin.restore(restored);
  CHECK_EQUAL(restored.hash(), live.hash());
}
