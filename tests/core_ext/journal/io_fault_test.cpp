// The Nth I/O call fails, for every N, in every way, once and for good: open, append, rotate, seal,
// snapshot, recycle, raise, recover. The error has a name, nothing acknowledged is lost, no file
// stays open. A fault that is never reached ends its loop, so every call site is reached.
#include <string>

#include "check.hpp"
#include "gateway_core/journal/snapshot.hpp"
#include "journal_world.hpp"

using namespace simulated;  // NOLINT

namespace {

struct Kind {
  const char* name;
  Call call;
  int error;  // 0 = cut short
  bool is_persistent;
};
struct Tally {
  std::uint64_t runs = 0;
  std::uint64_t reached = 0;  // faults that hit
  std::uint64_t named = 0;    // of the failures reported upwards, with the error's name
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// What a caller is told must name the error that was injected.
void expect_named(World& world, const Kind& kind, const std::string& text, Tally& tally) {
  if (world.disk->faults_hit == 0) return;
  static const char* const names[] = {"EIO",     "ENOSPC",       "EINTR",   "EAGAIN",  "EMFILE",
                                      "CORRUPT", "copies agree", "shorter", "MISSING", "ENOENT"};
  bool is_named = false;
  for (const char* name : names) is_named = is_named || has(text, name);
  if (!is_named) check::fail(__FILE__, __LINE__, std::string(kind.name) + ": unnamed: " + text);
  tally.named += is_named ? 1 : 0;
}

/// One life with everything in it. Returns whether the boot came up.
bool live(World& world, const Kind& kind, Tally& tally) {
  if (!world.boot()) {
    expect_named(world, kind, world.error, tally);
    return false;
  }
  Random random(7);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5; ++i) {
      world.append({128, 64}, random());
      if (world.commit->step() == StepResult::kFailed) {
        CHECK(world.commit->last_errno() != 0 && world.commit->is_failed());
        ++tally.named;
      }
    }
    if (world.sealer->step() == SealResult::kFailed) {
      expect_named(world, kind, world.sealer->error(), tally);
    }
    world.take_snapshot();
    static_cast<void>(world.sealer->recycle(world.ring->synced_sequence()));
  }
  std::string error;
  if (!world.superblock->raise_epoch(0, 0, error)) expect_named(world, kind, error, tally);
  if (world.superblock->state().epoch > world.epoch) world.epoch = world.superblock->state().epoch;
  return true;
}

struct Promise {
  Sequence synced = 0;
  Sequence published = 0;
};

/// Without the fault everything that was promised is there.
void check_again(World& world, const Promise& promise, bool is_ring_there,
                 const std::string& what) {
  const std::uint64_t before = world.history.contradictions;
  if (!world.boot()) return check::fail(__FILE__, __LINE__, what + ": refused: " + world.error);
  const Sequence end = world.report.end.sequence;
  if (end < (is_ring_there ? promise.published : promise.synced)) {
    check::fail(__FILE__, __LINE__, what + ": lost: ends at " + std::to_string(end));
  }
  if (world.history.contradictions != before || end > promise.published) {
    check::fail(__FILE__, __LINE__, what + ": a wrong record was accepted");
  }
}

/// One run with the fault at call `n`; false when it was never reached. `lives` before it are
/// whole.
bool run(const Kind& kind, std::uint64_t n, bool is_second_life, Tally& tally) {
  World world;
  Kind none{"none", Call::kAny, 0, false};
  if (is_second_life) {
    if (!live(world, none, tally)) std::abort();
    world.stop();
    world.fresh_ring();  // what follows reads all from the disk
  }
  const Promise before{is_second_life ? world.history.records.size() - 1 : 0, 0};
  world.disk->faults_hit = 0;
  world.disk->fault = {kind.call, n, kind.error, kind.is_persistent};
  const bool is_up = live(world, kind, tally);
  Promise promise{before.synced, world.history.records.size() - 1};
  if (is_up) promise = {world.ring->synced_sequence(), world.writer->point().sequence};
  if (is_second_life && promise.synced < before.synced) promise.synced = before.synced;
  const bool is_hit = world.disk->faults_hit != 0;
  const std::string what = std::string(kind.name) +
                           (kind.is_persistent ? " from call " : " at call ") + std::to_string(n) +
                           (is_second_life ? ", second life" : "");
  world.stop();
  CHECK_EQUAL(world.disk->open_files(), 0ULL);
  world.disk->fault = {};
  ++tally.runs;
  tally.reached += is_hit ? 1 : 0;
  // The power fails as well: what was told to be synced is on the platter.
  Random random(n + 1);
  World after;
  after.disk = world.disk->crash(random);
  after.history = world.history;
  check_again(after, promise, false, what + ", then the power");
  if (is_up) check_again(world, promise, true, what + ", then killed");
  return is_hit;
}

}  // namespace

TEST(the_nth_failure_of_any_call_is_named_and_loses_nothing) {
  const Kind kinds[] = {{"write EIO", Call::kWrite, -EIO, false},
                        {"write EIO", Call::kWrite, -EIO, true},
                        {"write ENOSPC", Call::kWrite, -ENOSPC, false},
                        {"write ENOSPC", Call::kWrite, -ENOSPC, true},
                        {"write EINTR", Call::kWrite, -EINTR, false},
                        {"write EAGAIN", Call::kWrite, -EAGAIN, false},
                        {"short write", Call::kWrite, 0, false},
                        {"short write", Call::kWrite, 0, true},
                        {"sync EIO", Call::kSync, -EIO, false},
                        {"sync EIO", Call::kSync, -EIO, true},
                        {"sync ENOSPC", Call::kSync, -ENOSPC, false},
                        {"sync EINTR", Call::kSync, -EINTR, false},
                        {"create EMFILE", Call::kOpen, -EMFILE, false},
                        {"create ENOSPC", Call::kOpen, -ENOSPC, true},
                        {"allocate ENOSPC", Call::kAllocate, -ENOSPC, false},
                        {"allocate ENOSPC", Call::kAllocate, -ENOSPC, true},
                        {"truncate EIO", Call::kTruncate, -EIO, false},
                        {"truncate EIO", Call::kTruncate, -EIO, true},
                        {"rename EIO", Call::kRename, -EIO, false},
                        {"rename ENOSPC", Call::kRename, -ENOSPC, true},
                        {"unlink EIO", Call::kUnlink, -EIO, false},
                        {"unlink EIO", Call::kUnlink, -EIO, true},
                        {"directory sync EIO", Call::kSyncDirectory, -EIO, false},
                        {"directory sync EIO", Call::kSyncDirectory, -EIO, true},
                        {"read EIO", Call::kRead, -EIO, false},
                        {"read EIO", Call::kRead, -EIO, true},
                        {"read EINTR", Call::kRead, -EINTR, false},
                        {"short read", Call::kRead, 0, false},
                        {"short read", Call::kRead, 0, true},
                        {"look EIO", Call::kLook, -EIO, false},
                        {"look EMFILE", Call::kLook, -EMFILE, true}};
  Tally tally;
  for (const Kind& kind : kinds) {
    for (const bool is_second_life : {false, true}) {
      std::uint64_t n = 0;
      const int before = check::failures();
      while (run(kind, n, is_second_life, tally) && check::failures() == before) ++n;
      CHECK(n > 0 || !is_second_life);  // the kind of call is made at all
    }
  }
  std::printf("%llu runs, %llu faults reached, %llu failures told by name\n",
              static_cast<unsigned long long>(tally.runs),
              static_cast<unsigned long long>(tally.reached),
              static_cast<unsigned long long>(tally.named));
  CHECK(tally.reached > 1000 && tally.named > 500);
}

TEST(a_small_file_that_cannot_be_written_whole_leaves_no_half_of_it) {
  for (const Call call : {Call::kWrite, Call::kSync, Call::kRename}) {
    Disk disk;
    const std::vector<std::uint8_t> content(4096, 7);
    disk.fault = {call, 0, -ENOSPC, false};
    const int error =
        gateway::platform::replace_file(disk, "/d", "name", content.data(), content.size());
    CHECK(error != 0);
    std::vector<std::string> names;
    CHECK_EQUAL(disk.list("/d", names), 0);
    CHECK(names.empty());
  }
}
