// Warm-up orders walk the whole corridor of a shadow and leave nothing behind: no record, no venue
// message, no notice, the same state hash; and they are real enough to be worth it.
#include "gateway_core/engine/warm_up.hpp"

#include <thread>

#include "check.hpp"
#include "engine_world.hpp"

using namespace desk;

namespace {

/// All that could show a trace of an order.
struct Traces {
  explicit Traces(World& world)
      : published(world.runtime.journal().ring().published_position()),
        sequence(world.engine.writer().point().sequence),
        hash(world.engine.state().hash()),
        outbound(world.venue->outbound.size_now()),
        gated(world.venue->gated.size_now()),
        entries_out(world.venue->entries_out),
        notices(world.client->notices.size_now()),
        accepted(world.engine.counters().orders_accepted),
        refused(world.engine.counters().orders_refused) {}
  friend bool operator==(const Traces&, const Traces&) = default;

  std::uint64_t published, sequence;
  std::string hash;
  std::size_t outbound, gated;
  std::uint64_t entries_out;
  std::size_t notices;
  std::uint64_t accepted, refused;
};

void trade(World& world) {
  const Notice notice = world.engine.submit(world.order(), world.client->number);
  CHECK_EQUAL(notice.refusal, 0);
  CHECK_EQUAL(world.venue->outbound.size(), 1U);
  world.drain();
}

}  // namespace

TEST(the_shadow_walks_the_whole_corridor) {
  WarmUp shadow;
  const WarmUpReport report = shadow.run(1600);
  CHECK_EQUAL(report.orders, 1600U);
  CHECK_EQUAL(report.refused, 100U);  // one in sixteen is above its limit
  CHECK_EQUAL(report.accepted, 1500U);
  CHECK_EQUAL(report.cancels, 400U);
  CHECK_EQUAL(report.fills, 1100U);
  CHECK(report.took_ns > 0);
}

TEST(it_goes_on_for_as_long_as_it_may_and_not_longer) {
  WarmUp shadow;
  const WarmUpReport report = shadow.run(2 * WarmUp::kOrdersMax);
  CHECK_EQUAL(report.orders, std::uint64_t{WarmUp::kOrdersMax});
  CHECK_EQUAL(report.accepted + report.refused, std::uint64_t{WarmUp::kOrdersMax});
  CHECK_EQUAL(report.accepted, std::uint64_t{WarmUp::kOrdersMax} / 16 * 15);
  CHECK_EQUAL(shadow.run(0).orders, 0U);
}

TEST(nothing_of_the_gateway_moves_when_its_own_thread_drives) {
  World world;
  trade(world);
  const Traces before(world);
  CHECK_EQUAL(world.runtime.warm_up(2000).orders, 2000U);
  CHECK(Traces(world) == before);
  trade(world);
  CHECK(!(Traces(world) == before));  // a real order is seen by what is compared
}

TEST(nothing_of_the_gateway_moves_on_the_pinned_thread) {
  World world;
  trade(world);
  const Traces before(world);
  CHECK(world.runtime.start_pinned(allowed_cpus().back()));
  CHECK(world.runtime.is_where_started());
  CHECK_EQUAL(world.runtime.warm_up(2000).orders, 2000U);
  world.runtime.run([&] { CHECK(Traces(world) == before); });
  CHECK(world.runtime.stop());
}

TEST(every_way_to_wait_serves_orders_and_stops) {
  for (const WaitKind kind : {WaitKind::kSpin, WaitKind::kPause, WaitKind::kSpinYield,
                              WaitKind::kYield, WaitKind::kPark}) {
    RuntimeOptions wanted = options();
    wanted.engine_wait = kind;
    World world{wanted};
    CHECK(world.runtime.start_pinned(kAnyCpu));
    for (int i = 0; i < 3; ++i) {
      const NewOrderMessage message = world.order();
      CHECK(world.client->orders.push(&message));
      CHECK_EQUAL(world.next_notice().refusal, 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // let it go idle
    }
    CHECK(world.runtime.stop());
  }
}

TEST(the_first_order_after_the_warm_up_finds_its_route_and_rules_ready) {
  World world;
  (void)world.runtime.warm_up(100);
  CHECK_EQUAL(world.engine.counters().route_rules_missed, 0U);
  const std::uint32_t routes = world.engine.state().routes.count();
  CHECK(routes != 0);
  trade(world);
  CHECK_EQUAL(world.engine.counters().route_rules_missed, 0U);
  CHECK_EQUAL(world.engine.state().routes.count(), routes);
}

TEST(the_memory_of_a_principals_numbers_is_there_before_its_first_order_and_no_part_of_the_state) {
  World world;
  const ClientNames& names = world.engine.state().names;
  CHECK(names.room(1) != nullptr && names.window(1) == nullptr);
  const NumberWindow* room = names.room(1);
  trade(world);
  CHECK(names.window(1) == room);
  CHECK(names.room(kPrincipalsMax) == nullptr);
}
