// What the engine does while the disk does not answer: nothing is sent before its durability level
// allows it, new work is refused by name, cancels and facts go on. The sync is held, not outrun.
#include "check.hpp"
#include "engine/held_storage.hpp"
#include "gateway_core/engine/engine.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr int number_of(Refusal refusal) { return static_cast<int>(refusal); }

/// A stored desk; `storage` is let go before the desk ends, so that it can store its end.
struct Stored {
  Directory directory;
  HeldStorage storage;
  World world{stored_options(directory, &storage)};

  explicit Stored(Durability durability) {
    set_durability(world, durability);
    CHECK(is_stored(world));
  }
  ~Stored() { storage.release(); }

  int submit() { return world.engine.submit(world.order(), world.client->number).refusal; }
  int cancel(OrderId id) {
    CancelMessage message{};
    message.header = {MessageKind::kCancel, 1, 0, 1, ++world.number};
    message.order_id = id;
    return world.engine.cancel(message, world.client->number).refusal;
  }
  /// Holds the sync, and waits until the commit thread stands in it.
  void stall() {
    storage.hold();
    world.engine.roll_period();  // something to store
    CHECK(comes_true([&] { return storage.is_waited_for(); }));
  }
  std::size_t sent() { return world.venue->outbound.size_now(); }
  OrderState state_of(OrderId id) {
    const auto& orders = world.engine.state().orders;
    return static_cast<OrderState>(orders.at(orders.find(id)).state);
  }
};

}  // namespace

TEST(a_disk_account_s_order_waits_for_the_disk_however_long_it_takes) {
  Stored desk(Durability::kDisk);
  desk.stall();
  CHECK_EQUAL(desk.submit(), 0);
  for (int i = 0; i < 1000; ++i) desk.world.engine.turn(64);
  CHECK_EQUAL(desk.sent(), 0U);
  desk.storage.release();
  CHECK(is_stored(desk.world));
  desk.world.engine.turn(64);
  CHECK_EQUAL(desk.sent(), 1U);
}

TEST(cancelling_an_order_that_waits_for_the_disk_means_it_is_never_sent) {
  Stored desk(Durability::kDisk);
  desk.stall();
  const Notice made = desk.world.engine.submit(desk.world.order(), desk.world.client->number);
  CHECK_EQUAL(int{made.refusal}, 0);
  desk.world.engine.turn(64);
  CHECK_EQUAL(desk.cancel(made.order_id), 0);
  CHECK(desk.state_of(made.order_id) == OrderState::kCanceled);
  desk.storage.release();
  CHECK(is_stored(desk.world));
  desk.world.engine.turn(64);
  CHECK_EQUAL(desk.sent(), 0U);  // neither the order nor a cancel of what the venue never saw
}

TEST(a_replace_of_a_sent_order_waits_for_the_disk_and_a_cancel_overtakes_it) {
  Stored desk(Durability::kDisk);
  const Notice made = desk.world.engine.submit(desk.world.order(), desk.world.client->number);
  CHECK(is_stored(desk.world));
  desk.world.engine.turn(64);
  CHECK_EQUAL(desk.sent(), 1U);
  desk.world.drain();
  desk.stall();
  ReplaceMessage replace{};
  replace.header = {MessageKind::kReplace, 1, 0, 1, ++desk.world.number};
  replace.order_id = made.order_id;
  replace.quantity = 2000;
  CHECK_EQUAL(int{desk.world.engine.replace(replace, desk.world.client->number).refusal}, 0);
  desk.world.engine.turn(64);
  CHECK_EQUAL(desk.sent(), 0U);
  CHECK_EQUAL(desk.cancel(made.order_id), 0);
  CHECK_EQUAL(desk.sent(), 1U);
}

TEST(a_disk_async_account_is_refused_when_the_disk_is_a_window_behind_and_taken_again_after) {
  Stored desk(Durability::kDiskAsync);
  desk.stall();
  Clock& clock = desk.world.runtime.clock();
  const std::int64_t begin = desk.world.engine.now_ns();
  const Notice made = desk.world.engine.submit(desk.world.order(), desk.world.client->number);
  CHECK_EQUAL(int{made.refusal}, 0);
  CHECK_EQUAL(desk.sent(), 1U);  // within the window nothing waits
  CHECK(clock.set_ns(begin + 250'000'000));
  CHECK_EQUAL(desk.submit(), 0);
  CHECK(clock.set_ns(begin + 250'000'001));
  CHECK_EQUAL(desk.submit(), number_of(Refusal::kJournalBehind));
  CHECK_EQUAL(desk.cancel(made.order_id), 0);
  CHECK_EQUAL(desk.sent(), 3U);
  desk.storage.release();
  CHECK(is_stored(desk.world));
  CHECK_EQUAL(desk.submit(), 0);
}

TEST(a_process_account_goes_on_until_the_ring_is_three_quarters_full) {
  Stored desk(Durability::kProcess);
  desk.stall();
  auto& writer = desk.world.engine.writer();
  std::vector<OrderId> open;
  for (int refusal = 0; refusal == 0;) {
    const Notice made = desk.world.engine.submit(desk.world.order(), desk.world.client->number);
    refusal = made.refusal;
    desk.world.drain();
    if (refusal == 0) {
      open.push_back(made.order_id);
    } else {
      CHECK_EQUAL(refusal, number_of(Refusal::kJournalBehind));
    }
  }
  CHECK(writer.used_bytes() > writer.capacity_bytes() / 4 * 3);
  CHECK(writer.used_bytes() <= writer.capacity_bytes() / 4 * 3 + kRecordBytesMax);
  // A refusal for space is counted and leaves no record: the ring is what is short.
  const Sequence before = desk.world.engine.writer().next_sequence();
  CHECK_EQUAL(desk.submit(), number_of(Refusal::kJournalBehind));
  CHECK_EQUAL(desk.world.engine.writer().next_sequence(), before);
  CHECK_EQUAL(desk.world.engine.counters().refused_for_space, 2U);
  // Cancels have a fifth more; facts have all of it.
  std::size_t cancelled = 0;
  while (cancelled < open.size()) {
    const int refusal = desk.cancel(open[cancelled]);
    desk.world.drain();
    if (refusal != 0) {
      CHECK_EQUAL(refusal, number_of(Refusal::kJournalBehind));
      break;
    }
    ++cancelled;
  }
  CHECK(cancelled > 0 && cancelled < open.size());
  CHECK(writer.used_bytes() > writer.capacity_bytes() / 20 * 19);
  desk.world.engine.on_fill(desk.world.fill(open.back(), Side::kBuy, 400));
  CHECK_EQUAL(desk.world.engine.counters().fills, 1U);
  desk.storage.release();
  CHECK(is_stored(desk.world));
  CHECK_EQUAL(desk.submit(), 0);
  CHECK_EQUAL(desk.cancel(open.back()), 0);
}

TEST(venue_facts_wait_in_their_lane_when_the_ring_is_full_and_none_is_lost) {
  Stored desk(Durability::kProcess);
  const Notice made =
      desk.world.engine.submit(desk.world.order(Side::kBuy, 1'000'000), desk.world.client->number);
  desk.stall();
  FillMessage message{};
  message.header = {MessageKind::kFill, sizeof(FillMessage) / kEntryBytes, 0, 0, 0};
  std::uint64_t told = 0;
  for (int turn = 0; turn < 4000; ++turn) {
    message.fill = desk.world.fill(made.order_id, Side::kBuy, 1);
    if (desk.world.venue->facts.push(&message, sizeof message / kEntryBytes)) ++told;
    desk.world.engine.turn(64);
    desk.world.drain();
  }
  const std::uint64_t booked = desk.world.engine.counters().fills;
  CHECK(booked != 0 && booked < told);
  desk.storage.release();
  CHECK(comes_true([&] {
    desk.world.engine.turn(64);
    desk.world.drain();
    return desk.world.engine.counters().fills == told;
  }));
  CHECK_EQUAL(desk.world.engine.state().orders.at(0).cumulative, static_cast<std::int64_t>(told));
}

TEST(while_the_disk_fails_new_orders_are_refused_and_the_records_are_stored_after_it) {
  Directory directory;
  HeldStorage storage;
  Sequence last = 0;
  {
    World world(stored_options(directory, &storage));
    CHECK(is_stored(world));
    storage.fail();
    const Notice made = world.engine.submit(world.order(), world.client->number);
    CHECK_EQUAL(int{made.refusal}, 0);
    CHECK(comes_true([&] { return world.engine.writer().is_commit_failed(); }));
    CHECK_EQUAL(int{world.engine.submit(world.order(), world.client->number).refusal},
                number_of(Refusal::kJournalBehind));
    CancelMessage cancel{};
    cancel.header = {MessageKind::kCancel, 1, 0, 1, 1};
    cancel.order_id = made.order_id;
    CHECK_EQUAL(int{world.engine.cancel(cancel, world.client->number).refusal}, 0);
    storage.release();
    CHECK(is_stored(world));
    CHECK_EQUAL(int{world.engine.submit(world.order(), world.client->number).refusal}, 0);
    last = world.engine.writer().next_sequence() - 1;
  }
  const World again(stored_options(directory));
  CHECK(again.engine.state().orders.used() == 2);
  CHECK(last != 0);
}

TEST(fills_that_find_no_room_in_the_ring_are_handed_back_and_none_is_booked_by_halves) {
  Stored desk(Durability::kProcess);
  const OrderId id =
      desk.world.engine.submit(desk.world.order(Side::kBuy, 1'000'000), desk.world.client->number)
          .order_id;
  desk.stall();
  std::vector<OrderFilled> fills;
  for (int i = 0; i < 2000; ++i) fills.push_back(desk.world.fill(id, Side::kBuy, 1));
  const std::size_t taken = desk.world.engine.on_fills(fills.data(), fills.size());
  CHECK(taken != 0 && taken < fills.size());
  CHECK_EQUAL(desk.world.engine.counters().fills, taken);
  desk.storage.release();
  CHECK(is_stored(desk.world));
  CHECK_EQUAL(desk.world.engine.on_fills(fills.data() + taken, 500), 500U);
  CHECK_EQUAL(desk.world.engine.counters().fills, taken + 500);
}
