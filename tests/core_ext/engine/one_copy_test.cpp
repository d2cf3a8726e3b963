// From the door to the venue port the client's bytes are copied exactly once: from the place in the
// lane where the door built them into the reserved journal slot. Proved by looking for them in
// every place they could lie: lane, journal, order table, venue lane, and the stack of the engine's
// turn.
#include <pthread.h>

#include <functional>
#include <thread>
#include <vector>

#include "check.hpp"
#include "engine_world.hpp"

using namespace desk;

namespace {

/// What only this order holds: its number, price and quantity stand in this order in the message,
/// in the record and nowhere else by chance.
struct Marker {
  std::uint64_t client_number;
  std::int64_t price;
  std::int64_t quantity;
};

std::size_t count(const void* memory, std::size_t bytes, const void* wanted, std::size_t size) {
  std::size_t found = 0;
  const auto* at = static_cast<const std::byte*>(memory);
  for (std::size_t i = 0; i + size <= bytes; ++i) found += std::memcmp(at + i, wanted, size) == 0;
  return found;
}

/// The places of a lane; taken while the lane has never been used.
struct Places {
  template <std::size_t EntryBytes>
  explicit Places(const SpscLane<EntryBytes>& lane)
      : first(lane.peek()), bytes(lane.capacity() * EntryBytes) {}
  [[nodiscard]] std::size_t count_of(const void* wanted, std::size_t size) const {
    return count(first, bytes, wanted, size);
  }
  const std::byte* first;
  std::size_t bytes;
};

/// Runs `work` on a stack of its own and returns that stack as it was left.
class OwnStack {
 public:
  OwnStack() : bytes_(1 << 20) {}

  template <typename Work>
  void run(Work&& work) {
    work_ = [&] { work(); };
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, bytes_.data(), bytes_.size());
    pthread_t thread{};
    CHECK_EQUAL(pthread_create(&thread, &attributes, &OwnStack::body, this), 0);
    pthread_attr_destroy(&attributes);
    pthread_join(thread, nullptr);
  }
  [[nodiscard]] std::size_t count_of(const void* wanted, std::size_t size) const {
    return count(bytes_.data(), bytes_.size(), wanted, size);
  }

 private:
  static void* body(void* self) {
    static_cast<OwnStack*>(self)->work_();
    return nullptr;
  }
  std::vector<std::byte> bytes_;
  std::function<void()> work_;
};

/// The door's half: the message is built where the engine will read it.
Marker build_in_lane(World& world) {
  const std::uint64_t number = ++world.number;
  std::byte* place = world.client->orders.claim(2);
  CHECK(place != nullptr);
  if (place == nullptr) return {};
  auto* message = new (place) NewOrderMessage{};
  message->header = {MessageKind::kNewOrder, 1, 0, 1, number};
  message->client_number = 0x5EA1'0000'0000 + number;
  message->price = 10'003;
  message->quantity = 0x1234567;
  message->instrument = message->account = message->strategy = 1;
  message->type = OrderType::kLimit;
  message->side = Side::kBuy;
  message->time_in_force = TimeInForce::kGtc;
  const Marker marker{message->client_number, message->price, message->quantity};
  world.client->orders.publish(1);
  return marker;
}

}  // namespace

TEST(the_clients_bytes_are_copied_once_into_the_journal_slot) {
  World world;
  const Places door(world.client->orders);
  const Places adapter(world.venue->outbound);
  auto& ring = world.runtime.journal().ring();
  for (int round = 0; round < 50; ++round) {
    const Marker marker = build_in_lane(world);
    OwnStack stack;
    const std::uint64_t before = world.engine.writer().point().position;
    stack.run([&] { CHECK_EQUAL(world.engine.turn(64), 1U); });
    const std::uint64_t after = world.engine.writer().point().position;
    // The source, where the door built it.
    CHECK_EQUAL(door.count_of(&marker, sizeof marker), 1U);
    // The one copy: in the record of the order, 128 bytes with its header.
    CHECK_EQUAL(after - before, 128U);
    CHECK_EQUAL(count(ring.at(before), 128, &marker, sizeof marker), 1U);
    CHECK_EQUAL(count(ring.at(0), ring.capacity(), &marker, sizeof marker), 1U);
    // None on the way.
    CHECK_EQUAL(stack.count_of(&marker, sizeof marker), 0U);
    // What is made of the record: the order's row, and what the adapter reads, each once.
    const OrderId id = reinterpret_cast<const OrderNew*>(ring.at(before) + 64)->order_id;
    const Order& row = world.engine.state().orders.at(world.engine.state().orders.find(id));
    CHECK_EQUAL(row.client_number, marker.client_number);
    CHECK_EQUAL(count(&row, sizeof row, &id, sizeof id), 1U);
    CHECK_EQUAL(adapter.count_of(&id, sizeof id), 1U);
    world.drain();
  }
}

namespace {

[[gnu::noinline]] void copy_a_message(World& world) {
  AnyMessage taken;
  std::memcpy(taken.bytes, world.client->orders.peek(), kEntryBytes);
  __asm__ volatile("" : : "g"(&taken) : "memory");
}
/// As deep as the engine would do it: the end of a thread writes over the first frames of its
/// stack, under clang's thread sanitizer over hundreds of bytes.
[[gnu::noinline]] void copy_further_down(World& world) {
  std::byte above[16384];
  __asm__ volatile("" : : "g"(above) : "memory");  // somebody may look at it: it is all there
  copy_a_message(world);
  __asm__ volatile("" : : "g"(above) : "memory");
}

}  // namespace

TEST(a_copy_on_the_way_would_be_found) {
  World world;
  const Marker marker = build_in_lane(world);
  OwnStack stack;
  stack.run([&] { copy_further_down(world); });
  CHECK_EQUAL(stack.count_of(&marker, sizeof marker), 1U);
}
