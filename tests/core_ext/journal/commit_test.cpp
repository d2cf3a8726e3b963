// The commit step by step: full ring, rotation at group ends, and each way a disk can say no.
#include "gateway_core/journal/commit.hpp"

#include "check.hpp"
#include "journal_world.hpp"

using namespace simulated;  // NOLINT

TEST(a_full_ring_refuses_and_goes_on_after_the_sync) {
  World world;
  CHECK(world.boot());
  int appended = 0;
  while (world.append({128}, 1)) ++appended;
  CHECK_EQUAL(appended, static_cast<int>(kRingBytes / 128));
  CHECK_EQUAL(world.writer->used_bytes(), kRingBytes);
  CHECK_EQUAL(world.writer->free_bytes(), 0ULL);
  CHECK(world.writer->oldest_unsynced_age_ns(5) == 4);
  CHECK_EQUAL(world.ring->lowest_position(), 0ULL);  // a full ring still holds all that is unsynced
  Writer successor(*world.ring, world.writer->point(), 1, 9);
  CHECK(successor.reserve(64) == nullptr);  // a raised epoch frees nothing
  world.drain();
  CHECK_EQUAL(world.writer->oldest_unsynced_age_ns(5), 0LL);
  CHECK(world.append({128}, 2));
  CHECK_EQUAL(world.ring->synced_sequence(), static_cast<Sequence>(appended));
}

TEST(segments_are_cut_only_behind_a_group) {
  World world;
  CHECK(world.boot());
  for (int i = 0; i < 40; ++i) {
    CHECK(world.append({192, 64, 128}, static_cast<std::uint64_t>(i)));
    world.drain();
  }
  CHECK(world.commit->segment_index() > 10);
  world.stop();
  world.fresh_ring();
  CHECK(world.boot());
  CHECK_EQUAL(world.report.end.sequence, 120ULL);
  CHECK_EQUAL(world.history.contradictions, 0ULL);
}

TEST(a_group_larger_than_a_segment_gets_a_segment_of_its_own) {
  World world;
  CHECK(world.boot());
  CHECK(world.append({4096, 2048}, 3));
  world.drain();
  CHECK_EQUAL(world.ring->synced_sequence(), 2ULL);
}

TEST(a_failed_sync_is_never_repeated_on_the_same_pages) {
  World world;
  CHECK(world.boot());
  CHECK(world.append({128}, 1));
  world.drain();
  CHECK(world.append({128}, 2));
  world.disk->fault = {Call::kSync, 0, -EIO, false};
  CHECK(world.commit->step() == StepResult::kAdvanced);
  CHECK_EQUAL(world.commit->rewrites(), 1ULL);
  CHECK_EQUAL(world.commit->segment_index(), 2U);
  CHECK_EQUAL(world.commit->last_errno(), EIO);
  Random random(1);
  const auto dead = std::move(world.disk);
  for (int image = 0; image < 50; ++image) {  // the cache is gone, the record is not
    world.stop_without_disk();
    world.disk = dead->crash(random);
    world.fresh_ring();
    CHECK(world.boot());
    CHECK_EQUAL(world.report.end.sequence, 2ULL);
  }
}

TEST(while_nothing_can_be_stored_the_writer_is_told_and_storing_resumes_later) {
  World world;
  CHECK(world.boot());
  CHECK(world.append({128}, 1));
  world.disk->fault = {Call::kAny, 0, -ENOSPC, true};
  CHECK(world.commit->step() == StepResult::kFailed);
  CHECK(world.writer->is_commit_failed());
  CHECK_EQUAL(world.ring->synced_sequence(), 0ULL);
  CHECK(world.commit->step() == StepResult::kFailed);
  world.disk->fault = {};
  CHECK(world.append({128}, 2));
  CHECK(world.commit->step() == StepResult::kAdvanced);
  CHECK(!world.writer->is_commit_failed());
  CHECK_EQUAL(world.ring->synced_sequence(), 2ULL);
  world.stop();
  world.fresh_ring();
  CHECK(world.boot());
  CHECK_EQUAL(world.report.end.sequence, 2ULL);
}

TEST(short_writes_and_interruptions_leave_no_gap) {
  for (const int error : {0, -EINTR}) {
    for (std::uint64_t call = 0; call < 6; ++call) {
      World world;
      CHECK(world.boot());
      world.disk->fault = {Call::kWrite, call, error, false};
      for (int i = 0; i < 20; ++i) {
        CHECK(world.append({128}, static_cast<std::uint64_t>(i)));
        world.drain();
      }
      CHECK_EQUAL(world.disk->faults_hit, 1ULL);
      CHECK_EQUAL(world.commit->rewrites(), 0ULL);
      world.stop();
      world.fresh_ring();
      CHECK(world.boot());
      CHECK_EQUAL(world.report.end.sequence, 20ULL);
    }
  }
}

TEST(every_call_can_fail_once_and_nothing_synced_is_lost) {
  for (const int error : {-EIO, -ENOSPC}) {
    for (std::uint64_t call = 0; call < 60; ++call) {
      World world;
      CHECK(world.boot());
      world.disk->fault = {Call::kAny, call, error, false};
      for (int i = 0; i < 20; ++i) {
        CHECK(world.append({128}, static_cast<std::uint64_t>(i)));
        world.commit->step();
        if (i % 5 == 4) world.sealer->step();
      }
      world.drain();
      CHECK_EQUAL(world.ring->synced_sequence(), 20ULL);
      world.stop();
      world.fresh_ring();
      CHECK(world.boot());
      CHECK_EQUAL(world.report.end.sequence, 20ULL);
      CHECK_EQUAL(world.history.contradictions, 0ULL);
    }
  }
}

TEST(without_a_disk_synced_follows_published) {
  Ring ring;
  std::string error;
  RingOptions options;
  options.capacity = 4096;
  CHECK(ring.open_anonymous(options, error));
  ring.restart_at({}, 1);
  Writer writer(ring, {}, 1, 1);
  Disk disk;
  CommitOptions commit_options;
  commit_options.is_memory_only = true;
  Commit commit(ring, disk, "", commit_options, {}, {});
  for (int i = 0; i < 100; ++i) {
    std::uint8_t* record = writer.reserve(128);
    CHECK(record != nullptr);
    if (record == nullptr) return;
    fill(record, 128, 1);
    writer.publish(128);
    CHECK(commit.step() == StepResult::kAdvanced);
  }
  CHECK_EQUAL(commit.synced_sequence(), 100ULL);
  CHECK_EQUAL(disk.calls, 0ULL);
}

TEST(a_cpu_that_cannot_be_had_is_a_refused_start) {
  World world;
  CHECK(world.boot());
  CommitOptions options;
  options.cpu = CPU_SETSIZE + 5;
  Commit commit(*world.ring, *world.disk, kDirectory, options, world.report.end, {});
  CHECK(commit.start() == gateway::ThreadStart::kCpuNotAllowed);
  commit.stop();
}
