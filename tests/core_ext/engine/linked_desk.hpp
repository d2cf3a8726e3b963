// A desk that sends linked orders to a venue that a test plays by hand.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "check.hpp"
#include "engine_world.hpp"

namespace desk {

inline VenueOrderId venue_id(OrderId id) {
  VenueOrderId out;
  out.assign(std::string("v").append(std::to_string(id)));
  return out;
}

constexpr std::int64_t kQuantity = 1'000;

/// What happened at the engine since the last look, as words.
struct Out {
  std::uint16_t kind;
  OrderId order_id;
  std::int64_t quantity;
  friend bool operator==(const Out&, const Out&) = default;
};

/// What was put on the way to the venue since the last look.
inline std::vector<Out> taken_from(VenuePort& port) {
  std::vector<Out> out;
  for (; port.outbound.size() != 0; port.outbound.pop()) {
    OutboundEntry entry;
    std::memcpy(&entry, port.outbound.peek(), sizeof entry);
    out.push_back({entry.kind, entry.order_id, entry.quantity});
  }
  return out;
}

inline void expect_sent(const std::vector<Out>& found, const std::vector<Out>& wanted, int line) {
  if (found == wanted) return;
  std::printf("line %d: sent", line);
  for (const Out& each : found) {
    std::printf(" (%d, +%lld, %lld)", each.kind, static_cast<long long>(each.order_id & 0xFFFF),
                static_cast<long long>(each.quantity));
  }
  std::printf("\n");
  CHECK(false);
}

/// What a venue tells of an order, under the id that venue_id() gives it.
inline OrderFact venue_fact(RecordKind kind, OrderId id, std::int64_t quantity) {
  OrderFact fact{};
  fact.order_id = id;
  fact.cumulative = -1;
  fact.quantity = quantity;
  if (kind == RecordKind::kOrderAccepted) fact.venue_order_id = venue_id(id);
  return fact;
}

struct Desk {
  World world;
  Engine& engine = world.engine;
  State& state = engine.state();

  NewOrderMessage leg(Side side, std::int64_t price, OrderType type = OrderType::kLimit,
                      std::int64_t quantity = kQuantity) {
    NewOrderMessage out = world.order(side, quantity);
    out.type = type;
    out.price = type == OrderType::kLimit ? price : 0;
    out.trigger_price = type == OrderType::kStop ? price : 0;
    return out;
  }
  std::vector<NewOrderMessage> bracket() {
    return {leg(Side::kBuy, 10'000), leg(Side::kSell, 10'500),
            leg(Side::kSell, 9'500, OrderType::kStop)};
  }
  std::vector<NewOrderMessage> pair() {
    return {leg(Side::kSell, 10'500), leg(Side::kSell, 9'500, OrderType::kStop)};
  }
  /// The head's id, 0 when refused.
  OrderId submit(LinkKind kind, const std::vector<NewOrderMessage>& orders) {
    world.drain();
    const Refusal refusal =
        engine.submit_linked(kind, orders.data(), orders.size(), world.client->number);
    last_refusal = refusal;
    return refusal == Refusal::kNone ? last_head(orders.size()) : 0;
  }
  /// Of the newest group of so many.
  OrderId last_head(std::size_t orders) {
    return make_order_id({1, state.epoch, static_cast<std::uint32_t>(state.orders_made)}) + 1 -
           orders;
  }
  Refusal last_refusal = Refusal::kNone;

  const Order& at(OrderId id) { return state.orders.at(state.orders.find(id)); }
  OrderState state_of(OrderId id) { return static_cast<OrderState>(at(id).state); }

  void settle() { engine.turn(64); }
  void advance(std::int64_t by_ns) {
    Clock& clock = world.runtime.clock();
    (void)clock.set_ns(clock.now_ns() + by_ns);
  }
  void tell(RecordKind kind, OrderId id, std::int64_t quantity = 0, std::int64_t price = 0,
            FactReason reason = FactReason::kNone) {
    OrderFact fact = venue_fact(kind, id, quantity);
    fact.price = price;
    fact.reason = static_cast<std::uint32_t>(reason);
    engine.on_fact(kind, fact);
    settle();
  }
  void accept(OrderId id) {
    const bool is_stop = at(id).type == OrderType::kStop;
    tell(RecordKind::kOrderAccepted, id, 0, 0,
         is_stop ? FactReason::kUntriggered : FactReason::kNone);
  }
  void fill(OrderId id, std::int64_t quantity) {
    OrderFilled fill = world.fill(id, at(id).side, quantity);
    fill.venue_order_id = at(id).venue_order_id;
    if (fill.venue_order_id.empty()) fill.venue_order_id = venue_id(id);
    engine.on_fill(fill);
    settle();
  }
  std::vector<Out> sent() { return taken_from(*world.venue); }
  void expect(const std::vector<Out>& wanted, int line) { expect_sent(sent(), wanted, line); }
  /// The refusals told to the owner without a request.
  std::vector<Refusal> told() {
    std::vector<Refusal> out;
    auto& lane = world.client->notices;
    while (lane.size() != 0) {
      Notice notice;
      std::memcpy(&notice, lane.peek(), sizeof notice);
      lane.pop();
      if (notice.refusal != 0) out.push_back(static_cast<Refusal>(notice.refusal));
    }
    return out;
  }
};

constexpr auto kNew = static_cast<std::uint16_t>(RecordKind::kOrderNew);
constexpr auto kCancel = static_cast<std::uint16_t>(RecordKind::kCancelRequested);
constexpr auto kResize = static_cast<std::uint16_t>(RecordKind::kReplaceRequested);
#define EXPECT_SENT(desk, ...) (desk).expect(__VA_ARGS__, __LINE__)

}  // namespace desk
