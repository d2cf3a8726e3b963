// A desk of three books that may cross inside the house, before a venue that a test plays.
#pragma once

#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

#include "check.hpp"
#include "engine_world.hpp"
#include "gateway_core/engine/gateway_fact.hpp"
#include "random.hpp"

namespace desk {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::uint32_t kBooks = 3;
constexpr InstrumentId kPerp = 1;
constexpr InstrumentId kSpot = 2;

/// Books 2 and 3 and a spot instrument beside what World has.
inline void define_more(Engine& engine) {
  const auto limit = [&](Level level, std::uint32_t id) {
    LimitsSet limits{};
    limits.level = static_cast<std::uint32_t>(level);
    limits.id = id;
    limits.version = 1;
    auto& fields = limits.fields;
    fields.order_quantity_max_e8 = fields.position_long_max_e8 = fields.position_short_max_e8 =
        std::int64_t{1} << 50;
    fields.order_notional_max_e4 = fields.gross_exposure_max_e4 = fields.net_exposure_max_e4 =
        fields.credit_max_e4 = std::int64_t{1} << 56;
    fields.collar_bps = 1000;
    fields.reference_age_ms_max = 1'000;
    fields.orders_per_second = fields.order_burst = 1'000'000'000;
    fields.cancels_per_second = fields.cancel_burst = 1'000'000'000;
    fields.open_orders_side_max = 1'000'000;
    limits.actor.assign("ops");
    engine.record_control(RecordKind::kLimitsSet, limits);
  };
  for (std::uint32_t id = 2; id <= kBooks; ++id) {
    StrategyDefined strategy{};
    strategy.id = id;
    strategy.version = 1;
    strategy.name.assign(numbered("book", id));
    engine.record_control(RecordKind::kStrategyDefined, strategy);
    limit(Level::kStrategy, id);
  }
  InstrumentDefined spot = engine.state().registry.instruments.at(kPerp).definition;
  spot.id = kSpot;
  spot.kind = static_cast<std::uint8_t>(InstrumentKind::kSpot);
  spot.symbol.assign("BTC-USD");
  engine.record_control(RecordKind::kInstrumentDefined, spot);
  limit(Level::kInstrument, kSpot);
  limit(Level::kInstrument, kPerp);  // prices grow old
}

inline void quote(Engine& engine, InstrumentId instrument, std::int64_t bid, std::int64_t ask) {
  MarkMessage mark{};
  mark.instrument = instrument;
  mark.scale = 2;
  mark.mark = 10'000;
  mark.bid = bid;
  mark.ask = ask;
  engine.on_mark(mark);
}

struct CrossingDesk {
  World world;
  Engine& engine = world.engine;
  State& state = engine.state();

  CrossingDesk() {
    define_more(engine);
    quote(engine, kPerp, 9'998, 10'003);
    quote(engine, kSpot, 9'998, 10'003);
  }

  NewOrderMessage message(StrategyId book, Side side, std::int64_t price, std::int64_t quantity,
                          std::uint16_t cross_ms = 50) {
    NewOrderMessage out = world.order(side, quantity);
    out.strategy = book;
    out.price = price;
    out.cross_ms = cross_ms;
    return out;
  }
  OrderId submit(const NewOrderMessage& order) {
    const Notice notice = engine.submit(order, world.client->number);
    last_refusal = static_cast<Refusal>(notice.refusal);
    return notice.order_id;
  }
  OrderId submit(StrategyId book, Side side, std::int64_t price, std::int64_t quantity,
                 std::uint16_t cross_ms = 50) {
    return submit(message(book, side, price, quantity, cross_ms));
  }
  Refusal last_refusal = Refusal::kNone;

  const Order& at(OrderId id) { return state.orders.at(state.orders.find(id)); }
  OrderState state_of(OrderId id) { return static_cast<OrderState>(at(id).state); }
  const PositionBook& book(OrderId id) { return state.routes.position(at(id).route).book; }
  void pass(std::int64_t by_ns) {
    Clock& clock = world.runtime.clock();
    (void)clock.set_ns(clock.now_ns() + by_ns);
    engine.turn(64);
  }
  /// The next entry for the venue; kind 0 = there is none.
  OutboundEntry next_out() {
    OutboundEntry entry{};
    if (world.venue->outbound.size() == 0) return entry;
    std::memcpy(&entry, world.venue->outbound.peek(), sizeof entry);
    world.venue->outbound.pop();
    return entry;
  }
  std::size_t outbound() { return world.venue->outbound.size(); }
  void tell(RecordKind kind, OrderId id, std::int64_t cumulative = -1, std::int64_t quantity = 0) {
    OrderFact fact{};
    fact.order_id = id;
    fact.cumulative = cumulative;
    fact.quantity = quantity;
    fact.evidence = static_cast<std::uint32_t>(Evidence::kStream);
    if (kind == RecordKind::kOrderAccepted) fact.venue_order_id.assign("v");
    engine.on_fact(kind, fact);
  }
};

}  // namespace desk
