// What recovery does with each kind of damage: cut, refuse with names, or take from the ring.
#include "gateway_core/journal/recovery.hpp"

#include "check.hpp"
#include "journal_world.hpp"

using namespace simulated;  // NOLINT

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A journal with `records` single records of 128 bytes, all synced, the process dead.
World make(int records, std::uint64_t seed = 0) {
  World world;
  CHECK(world.boot());
  for (int i = 0; i < records; ++i) {
    CHECK(world.append({128}, seed + static_cast<std::uint64_t>(i)));
    world.drain();
  }
  world.stop();
  return world;
}

}  // namespace

TEST(a_segment_cut_at_any_byte_of_its_last_record_loses_that_record_alone) {
  World world = make(3);
  const std::string path = world.path("segment-0000000001.journal");
  const std::vector<std::uint8_t> whole = world.disk->content(path);
  for (std::size_t bytes = kPageBytes + 256; bytes < kPageBytes + 384; ++bytes) {
    World torn;
    torn.history = world.history;
    torn.disk = world.disk->copy();
    torn.disk->put(path, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)});
    CHECK(torn.boot());
    CHECK_EQUAL(torn.report.end.sequence, 2ULL);
    CHECK_EQUAL(torn.history.contradictions, 0ULL);
    CHECK_EQUAL(torn.disk->content(path).size(), kPageBytes + 256ULL);
    CHECK(torn.report.halt_due.empty());  // the usual power cut: what was torn was never promised
  }
}

TEST(a_bad_record_with_a_later_segment_behind_it_is_refused_by_name) {
  World world = make(30);
  CHECK(world.disk->has(world.path("segment-0000000003.journal")));
  world.disk->content(world.path("segment-0000000002.journal"))[kPageBytes + 128 + 70] ^= 4;
  world.fresh_ring();
  CHECK(!world.boot());
  CHECK(has(world.error, "segment-0000000002.journal: CORRUPT at offset 4224, sequence 10"));
}

TEST(later_valid_records_behind_a_bad_one_in_the_last_segment_are_counted) {
  World world = make(5);
  world.disk->content(world.path("segment-0000000001.journal"))[kPageBytes + 256 + 70] ^= 1;
  world.fresh_ring();
  CHECK(world.boot());
  CHECK_EQUAL(world.report.end.sequence, 2ULL);
  CHECK_EQUAL(world.report.later_valid_records, 2ULL);
  CHECK(world.report.cut_bytes > 0);
}

TEST(what_is_cut_off_a_segment_is_kept_and_valid_records_in_it_make_a_halt_due) {
  World world = make(5);
  auto& bytes = world.disk->content(world.path("segment-0000000001.journal"));
  bytes[kPageBytes + 256 + 70] ^= 1;
  const std::vector<std::uint8_t> cut(bytes.begin() + kPageBytes + 256,
                                      bytes.begin() + kPageBytes + 640);
  world.fresh_ring();
  CHECK(world.boot());
  CHECK_EQUAL(world.report.halt_due, std::string("2 valid records cut behind sequence 2"));
  const auto& kept = world.disk->content(world.path(cut_name(1, 0)));
  CHECK(kept.size() >= cut.size() && std::equal(cut.begin(), cut.end(), kept.begin()));
  CHECK(has(world.report.notes.back(), "kept in segment-0000000001.cut;"));
  CHECK(world.append({128}, 70));
  world.drain();
  CHECK(world.boot());  // nobody was halted yet: it stays due
  CHECK_EQUAL(world.report.halt_due, std::string("2 valid records cut behind sequence 2"));
  CHECK_EQUAL(world.report.later_valid_records, 0ULL);
}

TEST(a_start_that_fails_anywhere_keeps_what_it_cuts_and_the_halt_due) {
  const World whole = make(5);
  for (std::uint64_t call = 0;; ++call) {
    World world;
    world.history = whole.history;
    world.disk = whole.disk->copy();
    std::vector<std::uint8_t> bytes = world.disk->content(world.path(segment_name(1)));
    bytes[kPageBytes + 256 + 70] ^= 1;
    world.disk->put(world.path(segment_name(1)), bytes);  // on the platter
    world.disk->power_off_after = world.disk->calls + call;
    const bool was_up = world.boot();
    world.stop();
    Random random(call);
    world.disk->power_off_after = ~0ULL;
    world.disk = world.disk->crash(random);
    world.fresh_ring();
    CHECK(world.boot());
    CHECK_EQUAL(world.report.end.sequence, 2ULL);
    CHECK_EQUAL(world.report.halt_due, std::string("2 valid records cut behind sequence 2"));
    CHECK(world.disk->has(world.path(cut_name(1, 0))));
    CHECK(!world.disk->has(world.path(cut_name(1, 1))));  // the same bytes are kept once
    if (was_up) break;
  }
}

TEST(other_bytes_cut_off_the_same_segment_are_kept_beside_the_first_ones) {
  const World whole = make(5);
  World world;
  world.disk = whole.disk->copy();
  const std::string path = world.path("segment-0000000001.journal");
  world.disk->put(world.path(cut_name(1, 0)), {1, 2, 3});
  world.disk->content(path)[kPageBytes + 256 + 70] ^= 1;
  world.history = whole.history;
  CHECK(world.boot());
  CHECK_EQUAL(world.disk->content(world.path(cut_name(1, 0))).size(), 3ULL);
  CHECK(world.disk->has(world.path(cut_name(1, 1))));
}

TEST(a_later_record_that_ends_in_zeros_counts_like_any_other) {
  World world = make(3);
  CHECK(world.boot());
  CHECK(world.append({128}, 60));
  std::uint8_t* record = world.writer->reserve(256);
  fill(record, 256, 61);
  std::memset(record + sizeof(RecordHeader), 0, 256 - sizeof(RecordHeader));
  world.writer->publish(256);
  world.history.written(record);
  world.drain();
  world.stop();
  world.disk->content(world.path("segment-0000000002.journal"))[kPageBytes + 70] ^= 1;
  world.fresh_ring();
  CHECK(world.boot());
  CHECK_EQUAL(world.report.later_valid_records, 1ULL);
  CHECK(!world.report.halt_due.empty());
}

TEST(damage_in_front_of_what_was_stored_for_sure_is_refused_and_nothing_is_cut) {
  const World whole = make(5);
  const std::string path = whole.path("segment-0000000001.journal");
  const auto damage = [&](World& world) {
    world.disk->content(path)[kPageBytes + 256 + 70] ^= 1;
    world.fresh_ring();
    const std::vector<std::uint8_t> before = world.disk->content(path);
    CHECK(!world.boot());
    CHECK(has(world.error, "segment-0000000001.journal: CORRUPT at offset 4352, sequence 3"));
    CHECK(has(world.error, "2 valid records behind it"));
    CHECK(world.disk->content(path) == before);
    CHECK(!world.disk->has(world.path(cut_name(1, 0))));
  };
  World by_snapshot;
  by_snapshot.disk = whole.disk->copy();
  const std::uint32_t sum = whole.history.chain[4];
  const auto* payload = reinterpret_cast<const std::uint8_t*>(&sum);
  CHECK_EQUAL(
      write_snapshot(*by_snapshot.disk, kDirectory, 1, {512, 4, 7, 1}, {payload, sizeof sum}).error,
      0);
  damage(by_snapshot);
  CHECK(has(by_snapshot.error, snapshot_name(4)));
  World by_stop;
  by_stop.disk = whole.disk->copy();
  by_stop.clean_sequence = 5;
  damage(by_stop);
  CHECK(has(by_stop.error, "the last clean stop was at sequence 5"));
}

TEST(missing_renamed_and_foreign_segments_are_refused_by_name) {
  const World whole = make(30);
  World world;
  world.disk = whole.disk->copy();
  world.disk->erase(world.path("segment-0000000002.journal"));
  CHECK(!world.boot());
  CHECK(has(world.error, "segment-0000000002.journal: MISSING_SEGMENT"));
  world.disk = whole.disk->copy();
  world.disk->move(world.path("segment-0000000003.journal"),
                   world.path("segment-0000000002.journal"));
  CHECK(!world.boot());
  CHECK(has(world.error, "segment-0000000002.journal: CORRUPT at offset 0"));
  world.disk = whole.disk->copy();
  auto& bytes = world.disk->content(world.path("segment-0000000001.journal"));
  const SegmentHeader foreign = make_segment_header({}, 1, 99, 0);
  std::memcpy(bytes.data(), &foreign, sizeof foreign);
  CHECK(!world.boot());
  CHECK(has(world.error, "FOREIGN"));
}

TEST(a_record_only_in_the_ring_survives_the_death_of_the_process) {
  World world = make(3);
  CHECK(world.boot());
  CHECK(world.append({64, 128, 64}, 50));
  world.stop();
  CHECK(world.boot());
  CHECK_EQUAL(world.report.end.sequence, 6ULL);
  CHECK_EQUAL(world.report.ring_records, 3ULL);
  world.stop();
  world.fresh_ring();  // now it is on disk, whatever happens to the ring
  CHECK(world.boot());
  CHECK_EQUAL(world.report.end.sequence, 6ULL);
  CHECK_EQUAL(world.history.contradictions, 0ULL);
}

TEST(synced_records_that_the_disk_lost_come_back_from_the_ring) {
  World world = make(5);
  auto& bytes = world.disk->content(world.path("segment-0000000001.journal"));
  std::fill(bytes.begin() + kPageBytes + 128, bytes.end(), std::uint8_t{0});
  CHECK(world.boot());
  CHECK_EQUAL(world.report.end.sequence, 5ULL);
  CHECK(!world.report.notes.empty());
  CHECK_EQUAL(world.history.contradictions, 0ULL);
}

TEST(a_ring_of_another_life_is_refused) {
  const World whole = make(5);
  for (const int records : {3, 9}) {  // it says less than the disk, or more
    World other = make(records, 1000);
    other.disk = whole.disk->copy();
    CHECK(!other.boot());
    CHECK(has(other.error, "journal.ring"));
    other.fresh_ring();  // what the message says to do
    other.history = whole.history;
    CHECK(other.boot());
    CHECK_EQUAL(other.report.end.sequence, 5ULL);
  }
}

TEST(a_broken_snapshot_falls_back_to_the_older_one) {
  World world = make(4);
  CHECK(world.boot());
  CHECK(world.take_snapshot());
  CHECK(world.append({128}, 7));
  world.drain();
  CHECK(world.take_snapshot());
  world.disk->content(world.path(snapshot_name(5))).back() ^= 1;
  world.stop();
  CHECK(world.boot());
  CHECK_EQUAL(world.report.snapshot_sequence, 4ULL);
  CHECK_EQUAL(world.report.records, 1ULL);
  CHECK_EQUAL(world.history.contradictions, 0ULL);
}

TEST(a_snapshot_of_another_version_is_absent_and_deletes_no_segment) {
  World world = make(30);
  CHECK(world.boot());
  CHECK(world.take_snapshot());
  auto& file = world.disk->content(world.path(snapshot_name(30)));
  SnapshotHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  CHECK_EQUAL(header.version, kSnapshotVersion);
  header.version = 1;
  header.header_crc = crc32c(&header, offsetof(SnapshotHeader, header_crc));
  std::memcpy(file.data(), &header, sizeof header);
  for (int i = 0; i < 8; ++i) CHECK(world.sealer->step() != SealResult::kFailed);
  CHECK_EQUAL(world.sealer->recycle(30), 0);
  world.stop();
  CHECK(world.boot());
  CHECK_EQUAL(world.report.snapshot_sequence, 0ULL);
  CHECK_EQUAL(world.report.records, 30ULL);
}

TEST(recycled_segments_need_the_snapshot_and_its_loss_is_refused) {
  World world = make(30);
  CHECK(world.boot());
  CHECK_EQUAL(world.sealer->recycle(30), 0);  // no snapshot, nothing goes
  CHECK(world.take_snapshot());
  for (int i = 0; i < 8; ++i) CHECK(world.sealer->step() != SealResult::kFailed);
  CHECK(world.sealer->recycle(30) > 0);
  CHECK(!world.disk->has(world.path("segment-0000000001.journal")));
  world.stop();
  world.fresh_ring();
  CHECK(world.boot());
  CHECK_EQUAL(world.report.end.sequence, 30ULL);
  world.stop();
  world.disk->erase(world.path(snapshot_name(30)));
  world.fresh_ring();
  CHECK(!world.boot());
  CHECK(has(world.error, "no usable snapshot"));
}

TEST(random_garbage_in_any_file_is_never_accepted_and_never_crashes) {
  const World whole = make(30);
  Random random(3);
  for (int round = 0; round < 2000; ++round) {
    World world;
    world.history = whole.history;
    world.disk = whole.disk->copy();
    const std::uint32_t index = 1 + static_cast<std::uint32_t>(random() % 3);
    auto& bytes = world.disk->content(world.path(segment_name(index)));
    const std::size_t start = random() % bytes.size();
    const std::size_t end = std::min(bytes.size(), start + 1 + random() % 700);
    for (std::size_t at = start; at < end; ++at) bytes[at] = static_cast<std::uint8_t>(random());
    const bool is_up = world.boot();
    CHECK(is_up ? world.report.end.sequence <= 30 : !world.error.empty());
    CHECK_EQUAL(world.history.contradictions, 0ULL);
  }
}

TEST(three_bad_copies_of_the_superblock_refuse_and_name_the_rebuild_which_works) {
  World world = make(3);
  auto& bytes = world.disk->content(world.path(kSuperblockName));
  bytes[20] ^= 1;
  bytes[4096 + 20] ^= 1;
  CHECK(world.boot());  // two still agree, and booting repairs the others
  world.stop();
  CHECK_EQUAL(world.superblock->copies_agreeing(), 4);
  const std::uint32_t epoch = world.epoch;
  auto& again = world.disk->content(world.path(kSuperblockName));
  for (const std::size_t copy : {0U, 1U, 3U}) again[copy * 4096 + 20] ^= 1;
  CHECK(!world.boot());
  CHECK(has(world.error, "rebuild-superblock"));
  RebuildReport report;
  CHECK(rebuild_superblock(*world.disk, kDirectory, 0, 0, report, world.error));
  CHECK(report.instance == 1 && report.segments >= 1 && report.segments_bad == 0);
  CHECK(report.epoch_found <= epoch && report.epoch > epoch && report.records > 0);
  CHECK(has(report.was, "fewer than two of four copies agree"));
  CHECK(!rebuild_superblock(*world.disk, kDirectory, 0, 0, report, world.error));
  CHECK(has(world.error, "nothing to rebuild"));
  CHECK(world.boot());
  CHECK(world.epoch > epoch);
}

TEST(recycling_goes_on_only_behind_a_directory_sync_that_worked) {
  World world = make(30);
  CHECK(world.boot());
  CHECK(world.take_snapshot());
  for (int i = 0; i < 8; ++i) CHECK(world.sealer->step() != SealResult::kFailed);
  world.disk->fault = {Call::kSyncDirectory, 1, -EIO, false};  // behind the first segment
  CHECK_EQUAL(world.sealer->recycle(30), -EIO);
  CHECK(!world.disk->has(world.path("segment-0000000001.journal")));
  world.disk->fault = {Call::kSyncDirectory, 0, -EIO, false};
  CHECK_EQUAL(world.sealer->recycle(30), -EIO);
  CHECK(world.disk->has(world.path("segment-0000000002.journal")));
}

TEST(records_that_only_look_stored_after_a_failed_sync_are_stored_again) {
  World world = make(3);
  CHECK(world.boot());
  CHECK(world.append({128}, 9));
  world.disk->fault = {Call::kSync, 0, -EIO, true};
  CHECK(world.commit->step() == StepResult::kFailed);
  world.stop();
  world.disk->fault = {};
  world.fresh_ring();  // cleaned away; the cache still shows the record
  CHECK(world.boot());
  CHECK_EQUAL(world.report.end.sequence, 4ULL);
  world.stop();
  Random random(1);
  World after;  // the power fails: what was given to the visitor is on the platter
  after.disk = world.disk->crash(random);
  after.history = world.history;
  CHECK(after.boot());
  CHECK_EQUAL(after.report.end.sequence, 4ULL);
}
