// The kill word alone: every working order is cancelled onto the venue ring, by the engine's own
// thread, while nobody reads a notice; also when the ring holds a tenth of them.
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <thread>

#include "../check.hpp"
#include "engine_world.hpp"
#include "gateway_core/journal/kill_word.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr std::size_t kWorking = 10'000;

/// A journal on a disk and a ring on tmpfs, removed behind the test.
struct Place {
  std::string disk;
  std::string ring;
  Place() {
    char on_disk[] = "/tmp/gateway-kill-XXXXXX";
    char on_memory[] = "/dev/shm/gateway-kill-XXXXXX";
    disk = ::mkdtemp(on_disk);
    ring = ::mkdtemp(on_memory);
  }
  ~Place() {
    std::filesystem::remove_all(disk);
    std::filesystem::remove_all(ring);
  }
  [[nodiscard]] RuntimeOptions options() const {
    RuntimeOptions out;
    out.journal.directory = disk;
    out.journal.ring_directory = ring;
    out.journal.ring_bytes = 1 << 24;
    out.journal.segment_bytes = 1 << 24;
    out.capacity = {32'768, 4'096, 256};
    return out;
  }
};

/// Takes what is on the venue ring; the ids of cancels go to `cancels`.
void take(VenuePort& venue, std::multiset<OrderId>& cancels) {
  while (venue.outbound.size() != 0) {
    OutboundEntry entry;
    std::memcpy(&entry, venue.outbound.peek(), sizeof entry);
    venue.outbound.pop();
    if (entry.kind == static_cast<std::uint16_t>(RecordKind::kCancelRequested))
      cancels.insert(entry.order_id);
  }
}

void rest(World& world, VenuePort& venue, std::set<OrderId>& working) {
  std::multiset<OrderId> none;
  while (working.size() < kWorking) {
    const Notice notice = world.engine.submit(world.order(Side::kBuy, 1), 1);
    if (notice.refusal == static_cast<std::uint16_t>(Refusal::kJournalBehind)) continue;
    CHECK_EQUAL(notice.refusal, 0);
    if (notice.refusal != 0) return;
    OrderFact accepted{};
    accepted.order_id = notice.order_id;
    accepted.cumulative = -1;
    world.engine.on_fact(RecordKind::kOrderAccepted, accepted);
    working.insert(notice.order_id);
    take(venue, none);
  }
  CHECK(none.empty());
}

void expect_all_cancelled(std::size_t ring_entries) {
  const Place place;
  World world(place.options());
  VenuePort& venue = world.engine.open_venue_port(1, ring_entries);  // in the place of the first
  std::set<OrderId> working;
  rest(world, venue, working);
  std::string error;
  CHECK(world.runtime.start_pinned(-1));
  CHECK(journal::raise_kill_word(place.ring, error) != 0);
  // This thread is the adapter; the notices of 10,000 cancels find no reader.
  std::multiset<OrderId> cancels;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (cancels.size() < kWorking && std::chrono::steady_clock::now() < deadline) {
    take(venue, cancels);
    std::this_thread::yield();
  }
  CHECK(world.runtime.stop());
  take(venue, cancels);
  CHECK_EQUAL(cancels.size(), kWorking);
  CHECK(std::equal(cancels.begin(), cancels.end(), working.begin(), working.end()));
  const LevelEntity& firm = world.engine.state().registry.level(Level::kFirm, 0);
  CHECK(firm.state == TradingState::kHalted && firm.is_latched);
}

}  // namespace

TEST(a_kill_cancels_ten_thousand_orders_onto_a_ring_that_holds_them) {
  expect_all_cancelled(32'768);
}

TEST(a_kill_cancels_ten_thousand_orders_through_a_ring_of_a_thousand) {
  expect_all_cancelled(1'024);
}
