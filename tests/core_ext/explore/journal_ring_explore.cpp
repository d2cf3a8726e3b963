// Writer, commit thread, following reader and kill word over the journal's ring, as they are built:
// nothing is overwritten before it is stored, nothing is stored or read before it is whole.
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "explore/machine.hpp"
#include "explore/mutants.hpp"
#include "gateway_core/journal/scan.hpp"
#include "journal/simulated_disk.hpp"
#define private public  // The reader's ring and mapping are set up by hand: it shares ours.
#include "gateway_core/journal/commit.hpp"
#include "gateway_core/journal/reader.hpp"
#include "gateway_core/journal/writer.hpp"
#undef private

using explore::require;
using namespace gateway::journal;  // NOLINT
using gateway::kGroupLast;
using gateway::RecordHeader;
using gateway::Sequence;

namespace proof {

constexpr std::uint64_t kRingBytes = 4096;

/// The disk is not what is explored: its calls are whole, but what they read from the ring counts.
class QuietDisk final : public gateway::platform::Storage {
 public:
  std::vector<std::uint8_t> stored;  // record bytes, in order
  std::uint64_t* platter = nullptr;  // plain memory of the test: bytes synced
  std::unique_ptr<simulated::Disk> disk;

  void restart() {
    disk = std::make_unique<simulated::Disk>();
    stored.clear();
  }
  int open(const std::string& path, gateway::platform::OpenMode mode) noexcept override {
    const explore::Inside inside;
    return disk->open(path, mode);
  }
  void close(int file) noexcept override {
    const explore::Inside inside;
    disk->close(file);
  }
  std::int64_t pwrite(int file, const void* data, std::size_t bytes,
                      std::uint64_t offset) noexcept override {
    std::uint8_t copy[8192];
    std::memcpy(copy, data, bytes);
    const explore::Inside inside;
    if (offset >= kPageBytes) stored.insert(stored.end(), copy, copy + bytes);
    return disk->pwrite(file, copy, bytes, offset);
  }
  std::int64_t pread(int file, void* data, std::size_t bytes,
                     std::uint64_t offset) noexcept override {
    const explore::Inside inside;
    return disk->pread(file, data, bytes, offset);
  }
  int fdatasync(int file) noexcept override {
    if (platter != nullptr) *platter = stored.size();
    const explore::Inside inside;
    return disk->fdatasync(file);
  }
  int fallocate(int file, std::uint64_t bytes) noexcept override {
    const explore::Inside inside;
    return disk->fallocate(file, bytes);
  }
  int ftruncate(int file, std::uint64_t bytes) noexcept override {
    const explore::Inside inside;
    return disk->ftruncate(file, bytes);
  }
  std::int64_t size(int file) noexcept override {
    const explore::Inside inside;
    return disk->size(file);
  }
  int rename(const std::string& from, const std::string& to) noexcept override {
    const explore::Inside inside;
    return disk->rename(from, to);
  }
  int unlink(const std::string& path) noexcept override {
    const explore::Inside inside;
    return disk->unlink(path);
  }
  int list(const std::string& directory, std::vector<std::string>& names) noexcept override {
    const explore::Inside inside;
    return disk->list(directory, names);
  }
  int fsync_directory(const std::string& directory) noexcept override {
    const explore::Inside inside;
    return disk->fsync_directory(directory);
  }
};

/// Mapped once; every execution begins with zeros.
Ring& shared_ring() {
  static Ring ring = [] {
    Ring made;
    RingOptions options;
    options.capacity = kRingBytes;
    std::string error;
    if (!made.open_anonymous(options, error)) std::abort();
    return made;
  }();
  return ring;
}
QuietDisk& disk() {
  static QuietDisk one;
  return one;
}

void lay_out(std::uint8_t* record, std::uint32_t length, std::uint64_t value) {
  auto* header = reinterpret_cast<RecordHeader*>(record);
  header->length = length;
  header->type = 30;
  header->cause = value;
  header->time_ns = static_cast<std::int64_t>(value);
  header->origin_sequence = value;
  header->actor = 0;
  header->origin_port = 0;
  if (length > 64) std::memset(record + 64, static_cast<int>(value), length - 64);
}

struct Case {
  Ring& ring;
  Writer* writer = nullptr;
  Sequence appended = 0;

  /// A ring whose first `used` bytes are published and, with `is_synced`, on disk.
  /// A memory-only one has a commit thread and no disk; a synced one has neither.
  Case(std::uint64_t used, bool is_synced, bool is_memory_only = false) : ring(shared_ring()) {
    {
      const explore::Inside inside;
      RingHeader& header = ring.header();
      const std::uint64_t capacity = header.capacity;
      std::memset(static_cast<void*>(&header.base_position), 0, 4096 - 32);
      header.capacity = capacity;
      std::memset(ring.at(0), 0, kRingBytes);
      if (!is_synced) disk().restart();
      disk().platter = nullptr;
    }
    RingHeader& header = ring.header();
    explore::watch(&header, 4096);
    explore::watch(ring.at(0), kRingBytes, kRingBytes, explore::Memory::kRacy);
    explore::name(&header.published_position, 8, "published position", 64);
    explore::name(&header.published_sequence, 8, "published sequence");
    explore::name(&header.synced_position, 8, "synced position", 64);
    explore::name(&header.synced_sequence, 8, "synced sequence");
    explore::name(&header.claimed_position, 8, "claimed position", 64);
    explore::name(&header.kill_word, 8, "kill word");
    explore::name(&header.kill_word_seen, 8, "kill word seen");
    explore::name(&header.base_position, 8, "base position", 64);
    explore::name(&header.epoch, 4, "epoch");
    explore::name(&header.commit_state, 4, "commit state");
    explore::name(ring.at(0), kRingBytes, "ring bytes");
    const explore::Inside inside;  // before the threads there is nobody to race with
    ring.restart_at({}, 1);
    writer = new Writer(ring, {}, 1, 1);
    commit_options.segment_bytes = 4096 + kRingBytes + 512;
    commit_options.is_memory_only = is_memory_only;
    while (used > 0) {
      const auto length = static_cast<std::uint32_t>(used < 1024 ? used : 1024);
      require(append(length), "the set-up has room");
      used -= length;
    }
    StreamPoint end;
    if (is_synced) {
      end = writer->point();
      ring.header().synced_sequence.store(end.sequence);
      ring.header().synced_position.store(end.position);
    }
    if (is_synced) return;
    OpenSegment segment;
    SegmentStart start;
    start.point = end;
    start.bytes = commit_options.segment_bytes;
    if (!is_memory_only && create_segment(disk(), "/j", start, {}, segment) != 0) std::abort();
    commit = new Commit(ring, disk(), "/j", commit_options, end, segment);
  }

  bool append(std::uint32_t length) {
    std::uint8_t* record = writer->reserve(length);
    if (record == nullptr) return false;
    lay_out(record, length, appended + 1);
    ++appended;
    require(writer->publish(length) == appended, "sequences have no gaps");
    return true;
  }
  Commit* commit = nullptr;
  CommitOptions commit_options;
};

/// Everything appended is stored, in order, as it was appended.
void stored_is_what_was_appended(Case* at) {
  explore::at_end([at] {
    while (at->commit->step() == StepResult::kAdvanced) {
    }
    require(at->commit->synced_sequence() == at->appended, "all that was appended is synced");
    require(!at->commit->is_failed(), "the commit thread found no damage");
    const explore::Inside inside;
    const auto& bytes = disk().stored;
    StreamPoint point;
    std::uint64_t offset = 0;
    while (offset < bytes.size() &&
           follows(bytes.data() + offset, bytes.size() - offset, point, 1)) {
      point = behind(point, bytes.data() + offset);
      offset = point.position;
    }
    --explore::Inside::depth;
    require(offset == bytes.size() && point.sequence == at->appended,
            "what is stored is what was appended");
    ++explore::Inside::depth;
  });
}

void the_ring_is_full_and_the_commit_makes_room() {
  auto* at = new Case(kRingBytes - 64, false);
  explore::thread("writer", [at] {
    for (int i = 0; i < 3; ++i) static_cast<void>(at->append(64));
  });
  explore::thread("commit", [at] {
    static_cast<void>(at->commit->step());
    static_cast<void>(at->commit->step());
  });
  stored_is_what_was_appended(at);
}
void an_empty_ring_and_groups() {
  auto* at = new Case(0, false);
  explore::thread("writer", [at] {
    std::uint8_t* group = at->writer->reserve(128);
    lay_out(group, 64, 1);
    lay_out(group + 64, 64, 2);
    at->appended += 2;
    require(at->writer->publish(128) == 2, "a group has consecutive sequences");
    static_cast<void>(at->append(128));
  });
  explore::thread("commit", [at] {
    static_cast<void>(at->commit->step());
    require(at->commit->synced_sequence() != 1, "a group is stored whole");
    static_cast<void>(at->commit->step());
  });
  stored_is_what_was_appended(at);
}
/// The platter is plain memory here: who may send must know of the sync as of anything else.
void a_send_waits_for_the_disk() {
  auto* at = new Case(0, false);
  auto* platter = new std::uint64_t(0);
  disk().platter = platter;
  explore::thread("writer", [at, platter] {
    static_cast<void>(at->append(64));
    static_cast<void>(at->append(64));
    const Sequence durable = at->writer->synced_sequence();
    if (durable != 0) require(durable * 64 <= *platter, "synced means stored");
  });
  explore::thread("commit", [at] { static_cast<void>(at->commit->step()); });
  explore::thread("gate", [at, platter] {
    const Sequence durable = at->ring.synced_sequence();
    if (durable != 0) require(durable * 64 <= *platter, "synced means stored for all");
    const std::uint64_t position = at->ring.synced_position();
    require(at->ring.synced_sequence() * 64 >= position, "the sequence is there with its position");
  });
  stored_is_what_was_appended(at);
}
/// The figures that admission asks for also say what may be overwritten.
void an_age_is_asked_before_an_append() {
  auto* at = new Case(kRingBytes, false);
  explore::thread("writer", [at] {
    static_cast<void>(at->writer->oldest_unsynced_age_ns(5));
    static_cast<void>(at->append(64));
  });
  explore::thread("commit", [at] { static_cast<void>(at->commit->step()); });
  stored_is_what_was_appended(at);
}
void the_use_is_asked_before_an_append() {
  auto* at = new Case(kRingBytes, false);
  explore::thread("writer", [at] {
    static_cast<void>(at->writer->used_bytes());
    static_cast<void>(at->append(64));
  });
  explore::thread("commit", [at] { static_cast<void>(at->commit->step()); });
  stored_is_what_was_appended(at);
}
void without_a_disk_synced_follows() {
  auto* at = new Case(kRingBytes - 64, false, true);
  explore::thread("writer", [at] {
    for (int i = 0; i < 3; ++i) static_cast<void>(at->append(64));
  });
  explore::thread("commit", [at] {
    static_cast<void>(at->commit->step());
    const Sequence sequence = at->ring.synced_sequence();
    const std::uint64_t position = at->ring.synced_position();
    require(position == 0 || sequence >= 4 + (position - (kRingBytes - 64)) / 64,
            "the synced sequence is not behind its position");
  });
  explore::at_end([at] {
    while (at->commit->step() == StepResult::kAdvanced) {
    }
    require(at->commit->synced_sequence() == at->appended, "nobody waits for ever");
  });
}

/// A reader in another process, standing at the oldest record, and a writer that comes round.
void a_reader_is_overtaken() {
  auto* at = new Case(kRingBytes - 128, true);
  auto* reader = new Reader(disk(), "/j");
  reader->ring_.capacity_ = kRingBytes;
  reader->ring_.file_.head_ = at->ring.file_.head_;
  reader->ring_.file_.head_bytes_ = at->ring.file_.head_bytes_;
  reader->is_located_ = true;
  const auto* last = reinterpret_cast<const RecordHeader*>(at->ring.at(0));
  require(last->sequence == 1, "the set-up begins with the first record");
  explore::thread("writer", [at] {
    for (int i = 0; i < 3; ++i) require(at->append(64), "what is overwritten is synced");
  });
  explore::thread("reader", [reader] {
    const auto found = reader->from_ring();
    require(reader->state_ == ReaderState::kFollowing, "being overtaken is not damage");
    if (found != Reader::Found::kRecord) return;
    const auto* record = reinterpret_cast<const RecordHeader*>(reader->record_);
    require(record->sequence == 1 && record->cause == 1 && record->origin_sequence == 1,
            "what is read is whole");
  });
}
/// A reader close behind the writer.
void a_reader_follows() {
  auto* at = new Case(0, false);
  auto* reader = new Reader(disk(), "/j");
  reader->ring_.capacity_ = kRingBytes;
  reader->ring_.file_.head_ = at->ring.file_.head_;
  reader->ring_.file_.head_bytes_ = at->ring.file_.head_bytes_;
  reader->is_located_ = true;
  explore::thread("writer", [at] {
    static_cast<void>(at->append(64));
    static_cast<void>(at->append(64));
  });
  explore::thread("reader", [reader] {
    for (Sequence next = 1; next <= 2; ++next) {
      const auto found = reader->from_ring();
      require(reader->state_ == ReaderState::kFollowing, "what is published checks");
      if (found != Reader::Found::kRecord) return;
      reader->accept(reader->record_);
      require(reader->point_.sequence == next, "records come in order");
    }
  });
}
/// The kill word: what control wrote before it is there when the engine sees it, and the other way.
void a_kill_is_seen_and_answered() {
  auto* at = new Case(0, false);
  auto* reason = new std::uint64_t(0);
  auto* answer = new std::uint64_t(0);
  explore::thread("control", [at, reason, answer] {
    *reason = 7;
    at->ring.header().kill_word.fetch_add(1, std::memory_order_release);
    if (at->ring.header().kill_word_seen.load(std::memory_order_acquire) == 1) {
      require(*answer == 9, "the answer is there");
    }
  });
  explore::thread("engine", [at, reason, answer] {
    if (at->writer->kill_word() == 0) return;
    require(*reason == 7, "the reason is there");
    *answer = 9;
    at->writer->set_kill_word_seen(1);
  });
  explore::thread("next engine", [at, answer] {
    require(at->writer->kill_word_seen() <= 1, "no kill is carried out that nobody raised");
    if (at->writer->kill_word_seen() == 1) require(*answer == 9, "a kill carried out counts once");
  });
}

}  // namespace proof

TEST(a_journal_ring_holds_in_every_execution_and_every_planted_fault_is_caught) {
  using namespace proof;  // NOLINT
  explore::Limits limits;
  limits.random_executions = 1'000;
  explore::prove("journal ring",
                 {the_ring_is_full_and_the_commit_makes_room, an_empty_ring_and_groups,
                  a_send_waits_for_the_disk, an_age_is_asked_before_an_append,
                  the_use_is_asked_before_an_append, without_a_disk_synced_follows,
                  a_reader_follows, a_kill_is_seen_and_answered, a_reader_is_overtaken},
                 {{"Ring::published_sequence: load acquire",
                   "read behind published_position(), which acquires"},
                  {"Ring::lowest_position: load acquire u64 claimed position",
                   "the copy before it acquires, and nothing is read on the strength of it"},
                  {"Ring::lowest_position: load acquire u64 base position",
                   "changes only when a ring is taken over, and then the checksums decide"},
                  {"Writer::claim: store relaxed u64 claimed position with the value",
                   "a wider claim only sends readers to the segments a little earlier"}},
                 24, limits);
}
