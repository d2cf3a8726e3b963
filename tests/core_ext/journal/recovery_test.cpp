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
