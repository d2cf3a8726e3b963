// Templates: the order they make is, byte for byte in the journal, the order made by hand; what is
// wrong in a hole never reaches the engine.
#include "gateway_core/engine/order_template.hpp"

#include <limits>
#include <span>
#include <vector>

#include "check.hpp"
#include "engine_world.hpp"
#include "random.hpp"

using namespace desk;  // NOLINT

namespace {

/// The records written by `step`, without what differs by nature: sequence, time and checksums.
template <typename Step>
std::vector<std::uint8_t> written(World& world, Step&& step) {
  const std::uint8_t* begin = world.engine.writer().reserve(0);
  const std::uint64_t from = world.engine.writer().point().position;
  step();
  std::vector<std::uint8_t> out(begin, begin + (world.engine.writer().point().position - from));
  for (std::size_t at = 0; at < out.size();) {
    RecordHeader header;
    std::memcpy(&header, out.data() + at, sizeof header);
    const std::size_t length = header.length;
    header.sequence = 0;
    header.time_ns = 0;
    header.crc = header.previous_crc = 0;
    std::memcpy(out.data() + at, &header, sizeof header);
    at += length;
  }
  return out;
}

constexpr Holes kAll = kHolesKnown;

/// An order as drawn, split into what stands and what is filled in.
struct Draw {
  NewOrderMessage whole;
  NewOrderMessage fixed;
  Holes open = 0;
  HoleValues values;
};

Draw draw(World& world, check::Random& random) {
  Draw out;
  out.whole = world.order(random.below(2) == 0 ? Side::kBuy : Side::kSell,
                          1 + static_cast<std::int64_t>(random.below(5'000)));
  NewOrderMessage& order = out.whole;
  order.type = static_cast<OrderType>(1 + random.below(4));
  const bool is_priced = order.type == OrderType::kLimit || order.type == OrderType::kStopLimit;
  const bool is_stop = order.type == OrderType::kStop || order.type == OrderType::kStopLimit;
  order.price = is_priced ? 9'900 + static_cast<std::int64_t>(random.below(200)) : 0;
  order.trigger_price = is_stop ? 9'900 + static_cast<std::int64_t>(random.below(200)) : 0;
  if (random.below(4) == 0) {
    order.time_in_force = TimeInForce::kGtd;
    order.expires_ns = world.runtime.clock().now_ns() + 1'000'000'000;
  }
  if (random.below(4) == 0) order.flags = kCancelOnDisconnect;
  out.fixed = order;
  out.fixed.client_number = 0;
  out.values.client_number = order.client_number;
  const auto split = [&](Hole hole, std::int64_t& fixed, std::int64_t& value) {
    if (fixed == 0 || random.below(2) == 0) return;
    value = fixed;
    fixed = 0;
    out.open = static_cast<Holes>(out.open | static_cast<Holes>(hole));
  };
  split(Hole::kQuantity, out.fixed.quantity, out.values.quantity);
  split(Hole::kPrice, out.fixed.price, out.values.price);
  split(Hole::kTriggerPrice, out.fixed.trigger_price, out.values.trigger_price);
  split(Hole::kExpires, out.fixed.expires_ns, out.values.expires_ns);
  return out;
}

}  // namespace

TEST(an_order_from_a_template_is_the_order_made_by_hand) {
  World by_hand;
  World by_template;
  check::Random random(7);
  std::size_t taken = 0;
  for (int i = 0; i < 2'000; ++i) {
    const Draw made = draw(by_hand, random);
    OrderTemplate form;
    const Registry& registry = by_template.engine.state().registry;
    CHECK(OrderTemplate::compile(registry, made.fixed, made.open, form) == Refusal::kNone);
    NewOrderMessage filled{};
    CHECK(form.fill(made.values, made.whole.header.request, &filled) == Refusal::kNone);
    const auto first =
        written(by_hand, [&] { by_hand.engine.submit(made.whole, by_hand.client->number); });
    const auto second = written(by_template, [&] {
      CHECK(by_template.client->orders.push(&filled, 1));  // one entry, through the lane
      by_template.engine.turn(64);
    });
    CHECK(first == second);
    taken += first.empty() ? 0 : 1;
    by_hand.drain();
    by_template.drain();
    if (i % 100 != 0) continue;
    MassCancelMessage all{};
    for (World* world : {&by_hand, &by_template}) {
      world->engine.mass_cancel(all, 0);
      std::vector<OrderId> open;
      const OrderTable& orders = world->engine.state().orders;
      orders.for_each_open([&](std::uint32_t slot) { open.push_back(orders.at(slot).order_id); });
      for (const OrderId id : open) {
        OrderFact fact{};
        fact.order_id = id;
        fact.cumulative = -1;
        world->engine.on_fact(RecordKind::kOrderCanceled, fact);
      }
      world->drain();
    }
  }
  CHECK_EQUAL(taken, 2'000U);
}

TEST(a_hole_that_is_empty_unexpected_or_out_of_range_is_found_before_the_engine) {
  World world;
  NewOrderMessage order = world.order();
  order.client_number = order.price = order.quantity = 0;
  OrderTemplate form;
  const Registry& registry = world.engine.state().registry;
  const Holes open = holes({Hole::kQuantity, Hole::kPrice});
  CHECK(OrderTemplate::compile(registry, order, open, form) == Refusal::kNone);
  struct Case {
    HoleValues values;
    Refusal wanted;
  };
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
  const Case cases[] = {
      {{.client_number = 1, .quantity = 1'000, .price = 10'000}, Refusal::kNone},
      {{.client_number = 0, .quantity = 1'000, .price = 10'000}, Refusal::kBadClientId},
      {{.client_number = 1, .quantity = 0, .price = 10'000}, Refusal::kMissingField},
      {{.client_number = 1, .quantity = 1'000, .price = 0}, Refusal::kMissingField},
      {{.client_number = 1, .quantity = -1, .price = 10'000}, Refusal::kRange},
      {{.client_number = 1, .quantity = kLowest, .price = 10'000}, Refusal::kRange},
      {{.client_number = 1, .quantity = kHighest, .price = 10'000}, Refusal::kRange},
      {{.client_number = 1, .quantity = 1'000, .price = kHighest}, Refusal::kRange},
      {{.client_number = 1, .quantity = 1'000, .price = 10'000, .trigger_price = 5},
       Refusal::kMissingField},
      {{.client_number = 1, .quantity = 1'000, .price = 10'000, .expires_ns = 5},
       Refusal::kMissingField},
  };
  for (const Case& each : cases) {
    NewOrderMessage place;
    std::memset(static_cast<void*>(&place), 0xA5, sizeof place);
    const NewOrderMessage before = place;
    CHECK(form.fill(each.values, 9, &place) == each.wanted);
    const bool is_same = std::memcmp(&before, &place, sizeof place) == 0;
    CHECK(is_same == (each.wanted != Refusal::kNone));  // refused: nothing was written
  }
}

TEST(what_no_value_could_mend_is_refused_at_the_preparation) {
  World world;
  const Registry& registry = world.engine.state().registry;
  const auto compile = [&](auto&& change, Holes open) {
    NewOrderMessage order = world.order();
    order.client_number = 0;
    change(order);
    OrderTemplate form;
    return OrderTemplate::compile(registry, order, open, form);
  };
  CHECK(compile([](auto&) {}, 0) == Refusal::kNone);
  CHECK(compile([](auto& o) { o.instrument = 9; }, 0) == Refusal::kUnknownInstrument);
  CHECK(compile([](auto& o) { o.account = 9; }, 0) == Refusal::kUnknownAccount);
  CHECK(compile([](auto& o) { o.side = static_cast<Side>(9); }, 0) == Refusal::kBadEnum);
  CHECK(compile([](auto& o) { o.price = 0; }, 0) == Refusal::kPriceMissing);
  CHECK(compile([](auto& o) { o.trigger_price = 5; }, 0) == Refusal::kTriggerNotAllowed);
  CHECK(compile([](auto&) {}, holes({Hole::kPrice})) == Refusal::kRange);  // fixed and open
  CHECK(compile([](auto&) {}, 0x80) == Refusal::kUnknownField);
  CHECK(compile([](auto& o) { o.flags = kTextClientId; }, 0) == Refusal::kUnsupportedFlag);
  CHECK(compile([](auto& o) { o.client_number = 7; }, 0) == Refusal::kBadClientId);
  CHECK(compile([](auto& o) { o.quantity = -5; }, 0) == Refusal::kRange);
}

TEST(random_bytes_as_templates_and_values_never_pass_a_check_the_engine_has) {
  World world;
  check::Random random(11);
  const Registry& registry = world.engine.state().registry;
  std::size_t compiled = 0;
  for (int i = 0; i < 200'000; ++i) {
    NewOrderMessage order{};
    for (auto& byte : std::span(reinterpret_cast<std::uint8_t*>(&order), kEntryBytes)) {
      byte = static_cast<std::uint8_t>(random.below(4) == 0 ? random.next() : 0);
    }
    order.header.principal = order.instrument = order.account = order.strategy = 1;
    order.client_number = 0;
    order.type = static_cast<OrderType>(random.below(6));
    order.side = static_cast<Side>(random.below(4));
    order.time_in_force = static_cast<TimeInForce>(random.below(7));
    if (random.below(2) == 0) order.flags = order.leg = 0;
    for (std::int64_t* number : {&order.price, &order.quantity, &order.trigger_price,
                                 &order.display_quantity, &order.expires_ns}) {
      if (random.below(3) != 0) *number = 0;
    }
    OrderTemplate form;
    const auto open = static_cast<Holes>(random.below(kAll + 1));
    if (OrderTemplate::compile(registry, order, open, form) != Refusal::kNone) continue;
    ++compiled;
    const auto any = [&] {
      return random.below(3) == 0 ? 0
                                  : static_cast<std::int64_t>(random.next() >> random.below(64));
    };
    HoleValues values{static_cast<std::uint64_t>(i) + 1, any(), any(), any(), any(), any()};
    NewOrderMessage place{};
    if (form.fill(values, 1, &place) != Refusal::kNone) continue;
    CHECK(place.header.kind == MessageKind::kNewOrder && place.header.entries == 1);
    CHECK(place.quantity > 0 && place.quantity <= kQuantityMax);
    CHECK(place.price >= 0 && place.price <= kQuantityMax);
    (void)world.engine.submit(place, 1);  // it may refuse; it must not end
    world.drain();
  }
  CHECK(compiled > 100);
}
