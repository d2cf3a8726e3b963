// A small desk for fuzz targets: its state as bytes, made once, and an engine on any state, without
// threads and files, so that an input is the same run every time.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/fix_world.hpp"

namespace small {

using namespace gateway;  // NOLINT
using Bytes = std::vector<std::uint8_t>;

inline constexpr Capacity kCapacity = {64, 64, 32};

inline void demand(bool is_true) {
  if (!is_true) std::abort();
}

[[nodiscard]] inline OrderFact fact_of(OrderId id) {
  OrderFact fact{};
  fact.order_id = id;
  fact.cumulative = -1;
  return fact;
}

/// Orders in many states, fills, a bust, funding, balances, text ids, a replace on its way.
[[nodiscard]] inline Bytes make_base() {
  RuntimeOptions options = desk::options();
  options.capacity = kCapacity;
  desk::World world(options);
  std::vector<OrderId> ids;
  for (int i = 0; i < 12; ++i) {
    const Side side = i % 3 == 0 ? Side::kSell : Side::kBuy;
    NewOrderMessage message = world.order(side, 1000);
    message.header.entries = 2;
    message.client_number = 0;
    message.flags = kTextClientId;
    message.client_id.assign(desk::numbered("order-", static_cast<std::uint64_t>(i)));
    ids.push_back(world.engine.submit(message, world.client->number).order_id);
    OrderFact accepted = fact_of(ids.back());
    accepted.venue_order_id.assign(desk::numbered("v", static_cast<std::uint64_t>(i)));
    world.engine.on_fact(RecordKind::kOrderAccepted, accepted);
    if (i % 2 == 0) world.engine.on_fill(world.fill(ids.back(), side, i % 4 == 0 ? 1000 : 300));
    world.drain();
  }
  OrderFact canceled = fact_of(ids[1]);
  world.engine.on_fact(RecordKind::kOrderCanceled, canceled);
  ReplaceMessage replace{};
  replace.header = {MessageKind::kReplace, 1, 0, 1, 99};
  replace.order_id = ids[3];
  replace.quantity = 2000;
  replace.client_id.assign("replaced");
  (void)world.engine.replace(replace, world.client->number);
  for (const std::uint32_t leg : {0U, 2U}) {
    PositionCollateral told{};
    told.account = told.instrument = 1;
    told.leg = leg;
    told.amount.e18 = 70 + leg;
    world.engine.on_collateral(told);
  }
  Funding funding{};
  funding.account = funding.instrument = funding.currency = 1;
  funding.amount.e18 = 5;
  funding.reference.assign("f");
  world.engine.on_funding(funding);
  for (const char* name : {"FIX.4.4:US->A", "FIX.4.4:US->B"}) {
    const FixSessionId session = desk::define_session(world.engine, name);
    desk::Turn turn;
    turn.send(session, 1, "8=FIX.4.4").send(session, 2, std::string(5'000, 'x')).take(session, 3);
    demand(turn.refused(world.engine) == Refusal::kNone);
  }
  Bytes bytes;
  world.engine.state().serialize(bytes);
  return bytes;
}

struct SmallDesk {
  journal::Ring ring;
  journal::Writer writer;
  Clock clock{VirtualTime{1}};
  Engine engine;
  ClientPort& door;

  explicit SmallDesk(State& state)
      : writer(opened(ring, state.epoch + 1), {}, 1, state.epoch + 1),
        engine(state, writer, clock, {}),
        door(engine.open_client_port("door", 64)) {}

 private:
  static journal::Ring& opened(journal::Ring& ring, std::uint32_t epoch) {
    std::string error;
    journal::RingOptions options;
    options.capacity = 1 << 20;
    demand(ring.open_anonymous(options, error));
    ring.restart_at({}, epoch);
    return ring;
  }
};

}  // namespace small
