// Crash-state explorer: stops the journal at any disk call, keeps any mixture of unsynced sectors,
// and recovers. GATEWAY_CRASH_STATES sets how many states; the seed that fails is printed.
#include <cstdlib>

#include "check.hpp"
#include "gateway_core/journal/snapshot.hpp"
#include "journal_world.hpp"

using namespace simulated;  // NOLINT

namespace {

struct Tally {
  std::uint64_t states = 0;
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;
  std::uint64_t refused = 0;
  std::uint64_t epochs_back = 0;
  std::uint64_t kills = 0;
  std::uint64_t cuts = 0;
  std::uint64_t snapshots = 0;
};

void act(World& world, Random& random) {
  switch (random() % 16) {
    case 0:
      world.sealer->step();
      break;
    case 1:
      world.take_snapshot();
      break;
    case 2:
      static_cast<void>(world.sealer->recycle(world.ring->synced_sequence()));
      break;
    case 3: {
      std::string error;
      if (world.superblock->raise_epoch(0, 0, error)) {
        world.epoch = world.superblock->state().epoch;
        world.writer.emplace(*world.ring, world.writer->point(), 1, world.epoch);
      }
      break;
    }
    case 4:
    case 5:
    case 6:
      world.commit->step();
      break;
    default: {
      std::vector<std::uint32_t> lengths(1 + (random() % 4 == 0 ? random() % 4 : 0));
      for (auto& length : lengths) length = 64 * static_cast<std::uint32_t>(1 + random() % 4);
      world.append(lengths, random());
    }
  }
}

struct Promise {
  Sequence synced = 0;
  Sequence published = 0;
  std::uint32_t epoch = 0;
};

void judge(World& world, const Promise& promise, bool is_kill, std::uint64_t seed, Tally& tally) {
  ++tally.states;
  const std::uint64_t before = world.history.contradictions;
  const std::uint32_t epoch_before = promise.epoch;
  if (!world.boot()) {
    ++tally.refused;
    std::printf("seed %llu: refused: %s\n", static_cast<unsigned long long>(seed),
                world.error.c_str());
    return;
  }
  const Sequence end = world.report.end.sequence;
  const bool is_lost = end < promise.synced || (is_kill && end < promise.published);
  const bool is_wrong =
      world.history.contradictions != before || end != world.history.at || end > promise.published;
  tally.lost += is_lost ? 1 : 0;
  tally.wrong += is_wrong ? 1 : 0;
  tally.epochs_back += world.epoch <= epoch_before && epoch_before != 0 ? 1 : 0;
  tally.cuts += world.report.cut_bytes != 0 ? 1 : 0;
  tally.snapshots += world.report.snapshot_sequence != 0 ? 1 : 0;
  if (is_lost || is_wrong) {
    std::printf("seed %llu: end %llu, synced %llu, published %llu, kill %d\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(end),
                static_cast<unsigned long long>(promise.synced),
                static_cast<unsigned long long>(promise.published), is_kill ? 1 : 0);
  }
}

void explore(std::uint64_t seed, Tally& tally) {
  Random random(seed);
  World world;
  if (!world.boot()) std::abort();
  Promise promise;
  for (int life = 0; life < 4 && tally.refused == 0; ++life) {
    world.disk->power_off_after = world.disk->calls + random() % 60;
    if (random() % 2 == 0) world.disk->power_off_at_sync = random() % 12;
    if (random() % 4 == 0) {  // one error of the disk on the way
      world.disk->fault = {static_cast<Call>(random() % 9), random() % 20,
                           random() % 2 == 0 ? -EIO : -ENOSPC, false};
      if (random() % 3 == 0) world.disk->fault.error = 0;
    }
    for (int action = 0; action < 80 && !world.disk->is_off(); ++action) act(world, random);
    promise = {world.ring->synced_sequence(), world.writer->point().sequence, world.epoch};
    const bool is_kill = random() % 4 == 0;
    world.stop();
    if (is_kill) {
      ++tally.kills;
      world.disk->power_off_after = ~0ULL;
      world.disk->fault = {};
      world.disk->power_off_at_sync = ~0ULL;
      // Killed once more in the middle of recovery, then left in peace.
      world.disk->power_off_after = world.disk->calls + random() % 12;
      world.boot();
      world.stop();
      world.disk->power_off_after = ~0ULL;
      judge(world, promise, true, seed, tally);
    } else {
      const std::unique_ptr<Disk> dead = std::move(world.disk);
      const History history = world.history;
      for (int image = 0; image < 4; ++image) {
        world.stop_without_disk();
        world.disk = dead->crash(random);
        world.history = history;
        world.fresh_ring();
        if (image == 3) {  // the power fails again during recovery
          world.disk->power_off_after = random() % 12;
          world.boot();
          world.stop();
          world.disk->power_off_after = ~0ULL;
          std::unique_ptr<Disk> again = world.disk->crash(random);
          world.disk = std::move(again);
          world.fresh_ring();
        }
        judge(world, promise, false, seed, tally);
        if (tally.refused != 0) return;
      }
    }
    world.history.cut(world.report.end.sequence);
  }
  world.stop();
}

}  // namespace

TEST(no_crash_state_loses_a_durable_record_or_accepts_a_wrong_one) {
  const char* wanted = std::getenv("GATEWAY_CRASH_STATES");
  const std::uint64_t states = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 100'000;
  const char* first = std::getenv("GATEWAY_CRASH_SEED");
  Tally tally;
  for (std::uint64_t seed = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
       tally.states < states && tally.refused + tally.lost + tally.wrong == 0; ++seed) {
    explore(seed, tally);
  }
  std::printf("%llu crash states: %llu by kill, %llu tails cut, %llu from snapshots\n",
              static_cast<unsigned long long>(tally.states),
              static_cast<unsigned long long>(tally.kills),
              static_cast<unsigned long long>(tally.cuts),
              static_cast<unsigned long long>(tally.snapshots));
  CHECK_EQUAL(tally.lost, 0ULL);
  CHECK_EQUAL(tally.wrong, 0ULL);
  CHECK_EQUAL(tally.refused, 0ULL);
  CHECK_EQUAL(tally.epochs_back, 0ULL);
  CHECK(tally.cuts > 0 && tally.snapshots > 0 && tally.kills > 0);
}
