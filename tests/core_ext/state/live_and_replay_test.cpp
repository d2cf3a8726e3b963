// What the live engine decided, what its records make again, and what a snapshot brings back are
// one state: not its hash alone, but also what is derived from it and held against limits.
#include "check.hpp"
#include "state/random_desk.hpp"

using namespace desk;  // NOLINT

namespace {

void check_same(const Exposure& one, const Exposure& other) {
  CHECK_EQUAL(one.position, other.position);
  CHECK_EQUAL(one.working[0], other.working[0]);
  CHECK_EQUAL(one.working[1], other.working[1]);
}

void check_same(const LevelEntity& one, const LevelEntity& other) {
  const LevelTotals& a = one.totals;
  const LevelTotals& b = other.totals;
  CHECK_EQUAL(a.gross_e4, b.gross_e4);
  CHECK_EQUAL(a.net_e4, b.net_e4);
  CHECK_EQUAL(a.realised_e4, b.realised_e4);
  for (int side = 0; side < 2; ++side) {
    CHECK_EQUAL(a.working_e4[side], b.working_e4[side]);
    CHECK_EQUAL(a.open_orders[side], b.open_orders[side]);
  }
  CHECK_EQUAL(one.gross_limits_e4[0], other.gross_limits_e4[0]);
  CHECK_EQUAL(one.gross_limits_e4[1], other.gross_limits_e4[1]);
  CHECK_EQUAL(one.net_limit_e4, other.net_limit_e4);
  CHECK_EQUAL(one.open_limit, other.open_limit);
}

/// All that `serialize` says, and all that the gate and the ways to orders hold beside it.
void check_same(State& one, State& other) {
  CHECK_EQUAL(one.hash(), other.hash());
  for (std::uint32_t i = 0; i < one.routes.count(); ++i) {
    const Route& route = one.routes.at(i);
    const std::uint32_t twin = other.routes.find(RouteTable::key(
        route.account, route.instrument, route.leg, route.margin_mode, route.strategy));
    if (twin == RouteTable::kNone) continue;
    check_same(*route.shared, *other.routes.at(twin).shared);
    check_same(*route.account_exposure, *other.routes.at(twin).account_exposure);
    check_same(*route.strategy_exposure, *other.routes.at(twin).strategy_exposure);
  }
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    const auto kind = static_cast<Level>(level);
    for (std::uint32_t id = 0; id < one.registry.level_count(kind); ++id) {
      check_same(one.registry.level(kind, id), other.registry.level(kind, id));
    }
  }
  const auto check_names = [&](std::uint32_t slot) {
    const Order& order = one.orders.at(slot);
    const std::uint32_t twin = other.orders.find(order.order_id);
    CHECK(twin != kNoSlot);
    if (order.client_number != 0) {
      CHECK_EQUAL(one.orders.find_number(order.principal, order.client_number), slot);
      CHECK_EQUAL(other.orders.find_number(order.principal, order.client_number), twin);
    }
    if (order.pending_client_number != 0) {
      CHECK_EQUAL(one.names.find_pending(order.principal, order.pending_client_number),
                  order.order_id);
      CHECK_EQUAL(other.names.find_pending(order.principal, order.pending_client_number),
                  order.order_id);
    }
    if (!order.venue_order_id.empty()) {
      CHECK(one.orders.find_venue_id(order.account, order.instrument, order.venue_order_id) !=
            kNoSlot);
      CHECK(other.orders.find_venue_id(order.account, order.instrument, order.venue_order_id) !=
            kNoSlot);
    }
  };
  one.orders.for_each_open(check_names);
  one.orders.for_each_terminal(check_names);
}

}  // namespace

TEST(live_replay_and_restore_are_one_state_with_all_that_the_gate_holds) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Twin twin(seed);
    for (int step = 0; step < 6'000; ++step) {
      twin.take([&] { twin.step(); });
      if (step % 1'500 != 1'499) continue;
      State& live = twin.engine.state();
      check_same(live, twin.replica);
      State restored(live.capacity);
      twin.restore(restored);
      check_same(live, restored);
    }
    CHECK(twin.engine.counters().orders_accepted > 1'024);  // slots were used again
    CHECK(twin.engine.counters().fills > 500);
    CHECK(twin.engine.counters().fills_late > 50);
    CHECK(twin.engine.counters().replaces_sent > 20);
  }
}
