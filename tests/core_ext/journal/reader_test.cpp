// Readers beside a live writer and commit thread, on real files: order, rotation, laps, lost
// segments. Also the case for the thread sanitizer.
#include "gateway_core/journal/reader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "check.hpp"
#include "journal_world.hpp"

using namespace simulated;  // NOLINT

namespace {

struct Files {
  std::string directory;
  Files() {
    // Named by this process: the next run of the tests removes what a killed one has left.
    std::string name = "/dev/shm/gateway-test-" + std::to_string(::getpid()) + "-XXXXXX";
    directory = ::mkdtemp(name.data());
  }
  ~Files() { std::filesystem::remove_all(directory); }
};

struct Nothing final : RecoveryVisitor {
  bool snapshot(const StreamPoint&, const std::uint8_t*, std::size_t) override { return true; }
  void record(const RecordHeader&, const std::uint8_t*) override {}
};

bool is_filled(const RecordHeader* header) {
  std::vector<std::uint8_t> expected(gateway::kRecordBytesMax);
  fill(expected.data(), header->length, static_cast<std::uint64_t>(header->time_ns));
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(header);
  return std::memcmp(bytes + 64, expected.data() + 64, header->length - 64) == 0;
}

}  // namespace

TEST(a_reader_follows_rotation_on_disk_alone_and_waits_at_the_end) {
  World world;
  CHECK(world.boot());
  Reader reader(*world.disk, kDirectory);
  Reader late(*world.disk, kDirectory, "", 25);
  Sequence seen = 0;
  for (int i = 0; i < 40; ++i) {
    CHECK(world.append({64, 128}, static_cast<std::uint64_t>(i)));
    world.drain();
    for (const RecordHeader* header = reader.next(); header != nullptr; header = reader.next()) {
      CHECK_EQUAL(header->sequence, ++seen);
      CHECK(is_filled(header));
    }
  }
  CHECK_EQUAL(seen, 80ULL);
  const RecordHeader* first = late.next();
  CHECK(first != nullptr && first->sequence == 25);
  CHECK(reader.state() == ReaderState::kFollowing);
}

TEST(a_reader_of_recycled_or_damaged_records_says_which) {
  World world;
  CHECK(world.boot());
  for (int i = 0; i < 30; ++i) {
    CHECK(world.append({128}, static_cast<std::uint64_t>(i)));
    world.drain();
  }
  world.disk->content(world.path("segment-0000000002.journal"))[kPageBytes + 70] ^= 1;
  Reader damaged(*world.disk, kDirectory);
  Sequence seen = 0;
  while (damaged.next() != nullptr) ++seen;
  CHECK_EQUAL(seen, 8ULL);
  CHECK(damaged.state() == ReaderState::kCorrupt);
  CHECK(damaged.error().find("segment-0000000002.journal: offset 4096, sequence 9") == 0);
  world.disk->erase(world.path("segment-0000000001.journal"));
  Reader missing(*world.disk, kDirectory);
  CHECK(missing.next() == nullptr);
  CHECK(missing.state() == ReaderState::kMissing);
}

TEST(readers_see_every_record_once_and_in_order_beside_a_running_writer) {
  Files files;
  gateway::platform::PosixStorage storage;
  Ring ring;
  std::string error;
  RingOptions ring_options;
  ring_options.capacity = 65536;
  CHECK(ring.open(files.directory, ring_options, error));
  RecoveryOptions options;
  options.segment_bytes = 256 * 1024;
  Nothing nothing;
  const RecoveryReport report = recover(files.directory, ring, storage, options, nothing);
  CHECK(report.is_ok);
  ring.restart_at(report.end, 1);
  Writer writer(ring, report.end, 1, 1);
  CommitOptions commit_options;
  commit_options.segment_bytes = options.segment_bytes;
  commit_options.spin_rounds = 4;
  Commit commit(ring, storage, files.directory, commit_options, report.end, report.segment);
  CHECK(commit.start() == gateway::ThreadStart::kStarted);
  constexpr Sequence kRecords = 40'000;
  std::atomic<std::uint64_t> wrong{0};
  const auto follow = [&](bool is_slow) {
    Reader reader(storage, files.directory, files.directory);
    for (Sequence expected = 1; expected <= kRecords;) {
      const RecordHeader* header = reader.next();
      if (header == nullptr) {
        if (reader.state() != ReaderState::kFollowing) break;
        std::this_thread::yield();
        continue;
      }
      if (header->sequence != expected || !is_filled(header)) wrong.fetch_add(1);
      if (is_slow && expected % 512 == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(300));
      }
      ++expected;
    }
    if (reader.sequence() != kRecords) {
      wrong.fetch_add(1);
      std::printf("reader stopped at %llu: %s\n",
                  static_cast<unsigned long long>(reader.sequence()), reader.error().c_str());
    }
  };
  std::thread fast(follow, false);
  std::thread slow(follow, true);
  for (Sequence sequence = 1; sequence <= kRecords;) {
    const std::uint32_t length = 64 * static_cast<std::uint32_t>(1 + sequence % 3);
    std::uint8_t* record = writer.reserve(length);
    if (record == nullptr) {
      std::this_thread::yield();
      continue;
    }
    fill(record, length, sequence);
    writer.publish(length);
    ++sequence;
  }
  fast.join();
  slow.join();
  commit.stop();
  CHECK_EQUAL(wrong.load(), 0ULL);
  CHECK_EQUAL(ring.synced_sequence(), kRecords);
}
