// The engine from the inside: no allocation on the hot path, hostile lanes, readers beside a pinned
// engine, numeric client ids.
#include "gateway_core/engine/engine.hpp"

#include <cstdlib>
#include <new>
#include <thread>

#include "check.hpp"
#include "engine_world.hpp"
#include "random.hpp"

using namespace desk;  // NOLINT

#if CHECK_REPLACES_NEW
namespace {
thread_local std::uint64_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
void* operator new(std::size_t size, std::align_val_t align) {
  ++allocations;
  const auto alignment = static_cast<std::size_t>(align);
  void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
#endif

namespace {

OrderFact fact(OrderId id) {
  OrderFact out{};
  out.order_id = id;
  out.cumulative = -1;
  return out;
}

/// Submit, ack, fill or cancel: what happens all day.
void cycle(World& world, Side side, bool is_filled) {
  NewOrderMessage message = world.order(side);
  const Notice notice = world.engine.submit(message, world.client->number);
  CHECK_EQUAL(notice.refusal, 0);
  OrderFact accepted = fact(notice.order_id);
  accepted.venue_order_id.assign("v");
  world.engine.on_fact(RecordKind::kOrderAccepted, accepted);
  if (is_filled) {
    OrderFilled fill = world.fill(notice.order_id, side, 400);
    world.engine.on_fill(fill);
    fill = world.fill(notice.order_id, side, 600);
    world.engine.on_fill(fill);
  } else {
    CancelMessage cancel{};
    cancel.header = {MessageKind::kCancel, 1, 0, 1, 1};
    cancel.order_id = notice.order_id;
    CHECK_EQUAL(world.engine.cancel(cancel, world.client->number).refusal, 0);
    world.engine.on_fact(RecordKind::kOrderCanceled, fact(notice.order_id));
  }
  world.engine.turn(64);
  world.drain();
}

}  // namespace

#if CHECK_REPLACES_NEW
TEST(orders_and_fills_allocate_nothing_after_the_first) {
  World world;
  for (int i = 0; i < 10; ++i) cycle(world, i % 2 == 0 ? Side::kBuy : Side::kSell, i % 4 < 2);
  const std::uint64_t before = allocations;
  std::string probe(100, 'x');  // the counter itself works
  CHECK(allocations == before + 1);
  const std::uint64_t warm = allocations;
  for (int i = 0; i < 3000; ++i) cycle(world, i % 2 == 0 ? Side::kBuy : Side::kSell, i % 4 < 2);
  CHECK_EQUAL(allocations - warm, 0U);
  CHECK_EQUAL(world.engine.counters().orders_accepted, 3010U);
}
#endif

TEST(a_numeric_client_id_is_the_same_order_until_it_is_recycled_and_never_a_second_one) {
  World world;
  const NewOrderMessage message = world.order();
  const Notice first = world.engine.submit(message, 1);
  CHECK_EQUAL(world.engine.submit(message, 1).order_id, first.order_id);
  NewOrderMessage other = message;
  other.quantity = 2000;
  CHECK_EQUAL(world.engine.submit(other, 1).refusal, static_cast<int>(Refusal::kIdConflict));
  world.engine.on_fact(RecordKind::kOrderCanceled, fact(first.order_id));
  for (int i = 0; i < 2000; ++i) cycle(world, i % 2 == 0 ? Side::kBuy : Side::kSell, false);
  CHECK_EQUAL(world.engine.state().orders.find(first.order_id), kNoSlot);
  CHECK_EQUAL(world.engine.submit(message, 1).refusal, static_cast<int>(Refusal::kIdConflict));
  ReplaceMessage replace{};
  const Notice open = world.engine.submit(world.order(), 1);
  replace.header = {MessageKind::kReplace, 1, 0, 1, 1};
  replace.order_id = open.order_id;
  replace.client_number = message.client_number;
  replace.quantity = 5000;
  CHECK_EQUAL(world.engine.replace(replace, 1).refusal, static_cast<int>(Refusal::kIdConflict));
}

TEST(a_number_that_another_principal_gave_in_a_replace_names_no_order_of_the_owner) {
  World world;
  PrincipalDefined head = world.engine.state().registry.principals.at(1).definition;
  head.id = 2;
  head.name.assign("head");
  world.engine.record_control(RecordKind::kPrincipalDefined, head);
  const Notice held = world.engine.submit(world.order(), 1);
  world.number = 90;
  CHECK_EQUAL(world.engine.submit(world.order(), 1).refusal, 0);  // the owner's newest number is 91
  ReplaceMessage replace{};
  replace.header = {MessageKind::kReplace, 1, 0, 2, 1};
  replace.order_id = held.order_id;
  replace.client_number = 50;
  replace.quantity = 5000;
  CHECK_EQUAL(world.engine.replace(replace, 1).refusal, 0);
  NewOrderMessage mine = world.order();
  mine.client_number = 50;
  const Notice pending = world.engine.submit(mine, 1);
  CHECK_EQUAL(pending.refusal, 0);
  CHECK(pending.order_id != held.order_id);
  OrderFact replaced = fact(held.order_id);
  replaced.quantity = 5000;
  world.engine.on_fact(RecordKind::kOrderReplaced, replaced);
  CHECK_EQUAL(world.engine.submit(mine, 1).order_id, pending.order_id);
  // The number stays used for him who gave it.
  replace.quantity = 6000;
  CHECK_EQUAL(world.engine.replace(replace, 1).refusal, static_cast<int>(Refusal::kIdConflict));
}

TEST(a_short_message_does_not_see_what_came_before_it) {
  World world;
  NewOrderMessage text = world.order();
  text.header.entries = 2;
  text.client_number = 0;
  text.flags = kTextClientId;
  text.client_id.assign("secret");
  CHECK(world.client->orders.push(&text, 2));
  NewOrderMessage cut = text;
  cut.header.entries = 1;
  cut.quantity = 2000;
  CHECK(world.client->orders.push(&cut, 1));
  world.engine.turn(64);
  CHECK_EQUAL(world.engine.counters().orders_accepted, 1U);
  Notice notice;
  CHECK_EQUAL(world.client->notices.size(), 2U);
  std::memcpy(&notice, world.client->notices.peek(1), sizeof notice);
  CHECK_EQUAL(notice.refusal, static_cast<int>(Refusal::kBadClientId));
}

TEST(hostile_lanes_never_end_the_engine) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    World world;
    check::Random random(seed);
    for (int i = 0; i < 20; ++i) cycle(world, i % 2 == 0 ? Side::kBuy : Side::kSell, i % 4 < 2);
    const OrderId known = world.engine.submit(world.order(), 1).order_id;
    for (int step = 0; step < 4000; ++step) {
      AnyMessage message{};
      for (auto& byte : message.bytes) {
        const auto roll = random.below(4);
        byte = static_cast<std::byte>(roll == 0   ? random.below(256)
                                      : roll == 1 ? 255
                                                  : random.below(3));
      }
      auto& header = *reinterpret_cast<MessageHeader*>(message.bytes);
      constexpr std::uint16_t kKinds[] = {1, 2, 3, 4, 16, 17, 18, 19, 20, 21, 22, 23};
      header.kind = static_cast<MessageKind>(random.below(20) == 0 ? random.below(65536)
                                                                   : kKinds[random.below(12)]);
      header.entries = static_cast<std::uint8_t>(random.below(10) == 0 ? random.below(256)
                                                                       : 1 + random.below(3));
      header.detail =
          static_cast<std::uint8_t>(random.below(3) == 0 ? random.below(256) : random.below(12));
      header.principal = static_cast<PrincipalId>(random.below(3));
      // Half of them speak of a real order, account and instrument.
      if (random.below(2) == 0) std::memcpy(message.bytes + 16, &known, sizeof known);
      if (random.below(2) == 0) {
        const std::uint32_t ones[] = {1, 1};
        std::memcpy(message.bytes + 24, ones, sizeof ones);
      }
      const std::size_t entries = 1 + random.below(3);
      const auto lane = random.below(3);
      auto& target = lane == 0   ? world.client->urgent
                     : lane == 1 ? world.client->orders
                                 : world.venue->facts;
      (void)target.push(message.bytes, entries);
      if (step % 16 == 0) world.engine.turn(64);
      world.drain();
    }
    std::vector<std::uint8_t> bytes;
    world.engine.state().serialize(bytes);
    State copy(world.engine.state().capacity);
    CHECK(copy.restore(bytes.data(), bytes.size()));
    CHECK_EQUAL(copy.hash(), world.engine.state().hash());
  }
}

TEST(readers_see_whole_rows_beside_a_pinned_engine) {
  World world;
  CHECK(world.runtime.start_pinned(-1));
  std::atomic<bool> is_done{false};
  std::atomic<std::uint64_t> torn{0}, seen{0};
  std::thread reader([&] {
    const State& state = world.runtime.state();
    while (!is_done.load(std::memory_order_acquire)) {
      for (std::uint32_t slot = 0; slot < state.orders.used(); ++slot) {
        Order order;
        if (!read(state.orders.at(slot), order) || order.order_id == 0) continue;
        seen.fetch_add(1, std::memory_order_relaxed);
        // Everything is filled at 100: the value follows the quantity in every version.
        const Int128 expected = static_cast<Int128>(order.cumulative) * 100 * kPow10_64[15];
        if (order.value_e18 != expected) torn.fetch_add(1);
      }
      for (std::uint32_t i = 0; i < state.routes.count(); ++i) {
        Position position;
        if (!read(state.routes.position(i), position)) continue;
        const Int128 worth = static_cast<Int128>(position.book.quantity) * 100 * kPow10_64[15];
        if (position.book.cost_e18 != worth) torn.fetch_add(1);
      }
      std::this_thread::yield();
    }
  });
  std::uint64_t filled = 0;
  for (int i = 0; i < 3000; ++i) {
    const NewOrderMessage message = world.order(i % 3 == 0 ? Side::kSell : Side::kBuy);
    while (!world.client->orders.push(&message, 1)) std::this_thread::yield();
    const Notice notice = world.next_notice();
    CHECK_EQUAL(notice.refusal, 0);
    FillMessage fill{};
    fill.header = {MessageKind::kFill, 3, 0, 0, 0};
    fill.fill = world.fill(notice.order_id, message.side, 1000);
    while (!world.venue->facts.push(&fill, 3)) std::this_thread::yield();
    CHECK_EQUAL(world.next_notice().kind, static_cast<int>(RecordKind::kOrderFilled));
    while (world.venue->outbound.size() != 0) world.venue->outbound.pop();
    ++filled;
  }
  while (seen.load() == 0) std::this_thread::yield();
  is_done.store(true, std::memory_order_release);
  reader.join();
  CHECK_EQUAL(torn.load(), 0U);
  std::uint64_t fills = 0;
  for (int i = 0; i < 1000 && fills != filled; ++i) {
    world.runtime.run([&] { fills = world.engine.counters().fills; });
  }
  CHECK_EQUAL(fills, filled);
  CHECK(world.runtime.stop());
}

TEST(a_flooding_client_does_not_keep_another_waiting) {
  World world;
  ClientPort& quiet = world.engine.open_client_port("quiet", 64);
  for (int i = 0; i < 1000; ++i) {
    const NewOrderMessage message = world.order();
    CHECK(world.client->orders.push(&message));
  }
  NewOrderMessage one = world.order();
  CHECK(quiet.orders.push(&one));
  CHECK_EQUAL(world.engine.turn(64), 33U);  // its share of the first, and the one
  CHECK_EQUAL(quiet.notices.size(), 1U);
  CHECK_EQUAL(world.client->notices.size(), 32U);
}

TEST(orders_round_the_end_of_a_lane_are_the_same_orders) {
  World world;
  std::uint64_t accepted = 0;
  for (int i = 0; i < 5000; ++i) {  // text and numeric ids: places of one and of two entries
    NewOrderMessage message = world.order();
    if (i % 3 == 0) {
      message.client_number = 0;
      message.flags = kTextClientId;
      message.header.entries = 2;
      message.client_id.assign("order-" + std::to_string(i));
    }
    CHECK(world.client->orders.push(&message, message.header.entries));
    CHECK_EQUAL(world.engine.turn(64), 1U);
    Notice notice;
    std::memcpy(&notice, world.client->notices.peek(), sizeof notice);
    CHECK_EQUAL(notice.refusal, 0);
    const Order& order =
        world.engine.state().orders.at(world.engine.state().orders.find(notice.order_id));
    CHECK(order.client_number == message.client_number);
    CHECK(i % 3 != 0 || order.client_id == message.client_id);
    OrderFact ended = fact(notice.order_id);
    world.engine.on_fact(RecordKind::kOrderExpired, ended);
    world.drain();
    ++accepted;
  }
  CHECK_EQUAL(world.engine.counters().orders_accepted, accepted);
}
