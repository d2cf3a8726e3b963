// Crash-state explorer: stops the journal at any disk call, keeps any mixture of unsynced sectors,
// and recovers. GATEWAY_CRASH_STATES sets how many states; the seed that fails is printed.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "check.hpp"
#include "gateway_core/journal/snapshot.hpp"
#include "journal_world.hpp"

using namespace simulated;  // NOLINT

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GATEWAY_IS_SANITIZED
#elif defined(__has_feature)  // clang says it this way
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GATEWAY_IS_SANITIZED
#endif
#endif
#ifdef GATEWAY_IS_SANITIZED
constexpr std::uint64_t kStates = 50'000;  // the same search, at the pace of a sanitizer
#else
constexpr std::uint64_t kStates = 1'000'000;
#endif

struct Tally {
  std::uint64_t states = 0;  // recovered and judged; no two images of one crash are the same
  std::uint64_t same = 0;    // left out: another image of this crash was the same
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;
  std::uint64_t refused = 0;
  std::uint64_t epochs_back = 0;
  std::uint64_t kills = 0;
  std::uint64_t rotten = 0;
  std::uint64_t detected = 0;  // of the rotten ones: refused, or cut and reported
  std::uint64_t cuts = 0;
  std::uint64_t snapshots = 0;
  [[nodiscard]] std::uint64_t failures() const { return lost + wrong + refused + epochs_back; }
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

bool is_quiet = false;  // planted faults fail a lot, and shall

void report(std::uint64_t seed, const std::string& text) {
  if (!is_quiet)
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), text.c_str());
}

void judge(World& world, const Promise& promise, bool is_kill, std::uint64_t seed, Tally& tally) {
  ++tally.states;
  const std::uint64_t before = world.history.contradictions;
  if (!world.boot()) {
    ++tally.refused;
    report(seed, "refused: " + world.error);
    return;
  }
  const Sequence end = world.report.end.sequence;
  const bool is_lost = end < promise.synced || (is_kill && end < promise.published);
  const bool is_wrong =
      world.history.contradictions != before || end != world.history.at || end > promise.published;
  tally.lost += is_lost ? 1 : 0;
  tally.wrong += is_wrong ? 1 : 0;
  tally.epochs_back += world.epoch <= promise.epoch && promise.epoch != 0 ? 1 : 0;
  tally.cuts += world.report.cut_bytes != 0 ? 1 : 0;
  tally.snapshots += world.report.snapshot_sequence != 0 ? 1 : 0;
  if (is_lost || is_wrong) {
    report(seed, "end " + std::to_string(end) + ", synced " + std::to_string(promise.synced) +
                     ", published " + std::to_string(promise.published) +
                     (is_kill ? ", by kill" : ""));
  }
}

/// Rot of what was durable may be refused or cost the tail, but must never be believed.
void judge_rotten(World& world, const Promise& promise, std::uint64_t seed, Tally& tally) {
  ++tally.states;
  ++tally.rotten;
  const std::uint64_t before = world.history.contradictions;
  const bool is_up = world.boot();
  tally.detected += !is_up || world.report.cut_bytes != 0 || world.report.notes.size() > 1 ? 1 : 0;
  const bool is_wrong =
      world.history.contradictions != before ||
      (is_up && (world.report.end.sequence > promise.published || !world.report.is_ok)) ||
      (!is_up && world.error.empty());
  if (is_wrong) report(seed, "rot was believed");
  tally.wrong += is_wrong ? 1 : 0;
}

/// The power failed: some of the many things that may be on the platter now, each one recovered.
void judge_images(World& world, const Promise& promise, Random& random, std::uint64_t seed,
                  Tally& tally) {
  constexpr int kImages = 10;
  constexpr int kRotten = 2;  // the first ones; the life goes on from the last image
  const std::unique_ptr<Disk> dead = std::move(world.disk);
  std::array<std::uint64_t, kImages> seen{};
  for (int image = 0; image < kImages; ++image) {
    world.stop_without_disk();
    world.disk = dead->crash(random);
    world.disk->lie = dead->lie;
    world.fresh_ring();
    if (image < kRotten) world.disk->rot(random);
    const bool is_last = image == kImages - 1;
    if (is_last) {  // the power fails again during recovery
      world.disk->power_off_after = random() % 12;
      world.boot();
      world.stop();
      world.disk->power_off_after = ~0ULL;
      const Lie lie = world.disk->lie;
      world.disk = world.disk->crash(random);
      world.disk->lie = lie;
      world.fresh_ring();
    }
    const std::uint64_t print = world.disk->fingerprint();
    const bool is_same = std::find(seen.begin(), seen.end(), print) != seen.end();
    seen[static_cast<std::size_t>(image)] = print;
    if (is_same && !is_last) {
      ++tally.same;
    } else if (image < kRotten) {
      judge_rotten(world, promise, seed, tally);
    } else {
      judge(world, promise, false, seed, tally);
    }
    tally.states -= is_same && is_last ? 1 : 0;
    if (tally.failures() != 0) return;
  }
}

void explore(std::uint64_t seed, Tally& tally, Lie lie = Lie::kNone) {
  Random random(seed);
  World world;
  world.disk->lie = lie;
  if (!world.boot()) std::abort();
  Promise promise;
  for (int life = 0; life < 4 && tally.failures() == 0; ++life) {
    world.disk->power_off_after = world.disk->calls + random() % 60;
    if (random() % 2 == 0) world.disk->power_off_at_sync = random() % 12;
    if (random() % 4 == 0) {  // one error of the disk on the way
      world.disk->fault = {static_cast<Call>(random() % 9), random() % 20,
                           random() % 2 == 0 ? -EIO : -ENOSPC, false};
      if (random() % 3 == 0) world.disk->fault.error = 0;
    }
    for (int action = 0; action < 80 && !world.disk->is_off(); ++action) act(world, random);
    promise = {world.ring->synced_sequence(), world.writer->point().sequence, world.epoch};
    const bool is_kill = random() % 8 == 0;
    world.stop();
    if (is_kill) {
      ++tally.kills;
      world.disk->fault = {};
      world.disk->power_off_at_sync = ~0ULL;
      // Killed once more in the middle of recovery, then left in peace.
      world.disk->power_off_after = world.disk->calls + random() % 12;
      world.boot();
      world.stop();
      world.disk->power_off_after = ~0ULL;
      // Now and then the ring is gone too (cleaned away): what is synced must be there.
      const bool is_ring_lost = random() % 4 == 0;
      if (is_ring_lost) world.fresh_ring();
      judge(world, promise, !is_ring_lost, seed, tally);
    } else {
      judge_images(world, promise, random, seed, tally);
    }
    world.history.cut(world.report.end.sequence);
  }
  world.stop();
}

std::uint64_t number_from(const char* name, std::uint64_t usual) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : usual;
}

}  // namespace

TEST(no_crash_state_loses_a_durable_record_or_accepts_a_wrong_one) {
  const std::uint64_t states = number_from("GATEWAY_CRASH_STATES", kStates);
  Tally tally;
  for (std::uint64_t seed = number_from("GATEWAY_CRASH_SEED", 1);
       tally.states < states && tally.failures() == 0; ++seed) {
    explore(seed, tally);
  }
  const auto show = [](std::uint64_t count, const char* what) {
    std::printf("%llu %s", static_cast<unsigned long long>(count), what);
  };
  show(tally.states, "crash states: ");
  show(tally.kills, "by kill, ");
  show(tally.rotten, "rotten (");
  show(tally.detected, "of them noticed), ");
  show(tally.cuts, "tails cut, ");
  show(tally.snapshots, "from snapshots; ");
  show(tally.same, "more were the same as another\n");
  CHECK_EQUAL(tally.lost, 0ULL);
  CHECK_EQUAL(tally.wrong, 0ULL);
  CHECK_EQUAL(tally.refused, 0ULL);
  CHECK_EQUAL(tally.epochs_back, 0ULL);
  CHECK(tally.cuts > 0 && tally.snapshots > 0 && tally.kills > 0 && tally.detected > 0);
}

TEST(every_planted_fault_of_the_journal_is_found_by_a_crash) {
  const struct {
    Lie lie;
    const char* name;
  } faults[] = {{Lie::kSegmentNotSynced, "records are acknowledged before they are synced"},
                {Lie::kSegmentSyncedLate, "the superblock goes before the segment"},
                {Lie::kSuperblockNotSynced, "the epoch is used before it is synced"},
                {Lie::kSuperblockOneRound, "four copies of the superblock in one round"},
                {Lie::kDirectoryNotSynced, "a new segment's name is not synced"},
                {Lie::kSnapshotNotSynced, "a snapshot is trusted before it is synced"},
                {Lie::kTailNotSynced, "a tail read from the cache is not synced"},
                {Lie::kFailedSyncIsTaken, "a failed sync is taken for a success"},
                {Lie::kRenamedBeforeSynced, "a file gets its name before its content"}};
  is_quiet = true;
  for (const auto& fault : faults) {
    Tally tally;
    std::uint64_t seed = 0;
    while (tally.failures() == 0 && tally.states < 200'000) explore(++seed, tally, fault.lie);
    std::printf("  %s after %llu states, seed %llu: %s%s%s%s\n", fault.name,
                static_cast<unsigned long long>(tally.states),
                static_cast<unsigned long long>(seed), tally.lost != 0 ? "lost " : "",
                tally.wrong != 0 ? "wrong " : "", tally.refused != 0 ? "refused " : "",
                tally.epochs_back != 0 ? "epoch back" : "");
    if (tally.failures() == 0)
      check::fail(__FILE__, __LINE__, std::string("not found: ") + fault.name);
  }
  // Not a fault: every boot begins a new segment, whose header says where the one before ends, so
  // what is not cut is never read. The cut saves space and keeps readers from looking at it.
  Tally tally;
  for (std::uint64_t seed = 1; tally.failures() == 0 && tally.states < 20'000; ++seed) {
    explore(seed, tally, Lie::kTailNotCut);
  }
  CHECK_EQUAL(tally.failures(), 0ULL);
  is_quiet = false;
}
