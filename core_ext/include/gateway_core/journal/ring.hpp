// The memory stage of the journal: a ring on tmpfs that survives kill -9 and that other processes
// map. One writer (writer.hpp), one commit thread (commit.hpp), any number of readers. Never on a
// disk.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "gateway_core/journal/format.hpp"
#include "gateway_core/platform/mapped_file.hpp"

namespace gateway::journal {

enum class CommitState : std::uint32_t { kRunning = 0, kFailed = 1 };

/// First page of `journal.ring`. Positions are absolute byte offsets of the record stream.
struct RingHeader {
  // Written when the ring is made or taken over, before anybody else may use it.
  char magic[8];  // "GWRING01"
  std::uint32_t version;
  std::uint32_t instance;
  std::uint64_t capacity;  // data bytes, a power of two
  std::int64_t created_ns;
  std::atomic<std::uint64_t> base_position;  // nothing before this was ever in the ring
  std::atomic<std::uint32_t> epoch;          // of the running writer: fences an old one
  std::uint32_t writer_pid;
  std::uint8_t padding_0[16];
  // Written by control (gateway kill), polled by the engine.
  alignas(64) std::atomic<std::uint64_t> kill_word;
  // Written by the engine once a kill is carried out, so that one raised while it is down counts.
  std::atomic<std::uint64_t> kill_word_seen;
  // Written by the writer.
  alignas(64) std::atomic<std::uint64_t> published_position;
  std::atomic<std::uint64_t> published_sequence;
  alignas(64) std::atomic<std::uint64_t> claimed_position;  // the writer may be storing below this
  // Written by the commit thread.
  alignas(64) std::atomic<std::uint64_t> synced_position;
  std::atomic<std::uint64_t> synced_sequence;
  std::atomic<CommitState> commit_state;
  std::uint8_t padding_1[kPageBytes - 276];
};
static_assert(sizeof(RingHeader) == kPageBytes && offsetof(RingHeader, kill_word) == 64);
static_assert(offsetof(RingHeader, published_position) == 128);
static_assert(offsetof(RingHeader, synced_position) == 256);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
inline constexpr char kRingMagic[8] = {'G', 'W', 'R', 'I', 'N', 'G', '0', '1'};
inline constexpr const char* kRingFileName = "journal.ring";

struct RingOptions {
  std::uint32_t instance = 1;
  std::uint64_t capacity = 64ULL << 20;  // a power of two, at least one page
  std::int64_t created_ns = 0;
  bool allow_any_filesystem = false;  // tests only: a disk file stalls the writer
};

class Ring {
 public:
  /// Opens or makes DIRECTORY/journal.ring with all space reserved. Refuses a file system that is
  /// not tmpfs, a foreign instance and another version; another capacity is refused while it holds
  /// unsynced records, else replaced. False sets `error`.
  [[nodiscard]] bool open(const std::string& directory, const RingOptions& options,
                          std::string& error);
  /// A ring without a name, for `memory` durability and tests.
  [[nodiscard]] bool open_anonymous(const RingOptions& options, std::string& error);
  /// Read-only view of another process's ring.
  [[nodiscard]] bool attach(const std::string& directory, std::string& error);
  void close() noexcept { file_.reset(); }
  /// Empties an open ring, as one that was just made: its records are gone. Only while no other
  /// thread or process uses it.
  void clear() noexcept;

  /// Makes the ring stand at `end` with nothing unsynced. What it holds before `end` stays readable
  /// when the stream goes on without a gap. Only while no writer and no commit thread run.
  void restart_at(const StreamPoint& end, std::uint32_t epoch) noexcept;

  [[nodiscard]] bool is_open() const noexcept { return file_.is_open(); }
  [[nodiscard]] bool was_created() const noexcept { return was_created_; }
  [[nodiscard]] bool is_unlinked() const noexcept { return file_.is_unlinked(); }
  [[nodiscard]] RingHeader& header() const noexcept {
    return *reinterpret_cast<RingHeader*>(file_.head());
  }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }
  /// Address of a stream position; up to `capacity` bytes from here are contiguous.
  [[nodiscard]] std::uint8_t* at(std::uint64_t position) const noexcept {
    return file_.ring() + (position & (capacity_ - 1));
  }
  [[nodiscard]] std::uint64_t published_position() const noexcept {
    return header().published_position.load(std::memory_order_acquire);
  }
  [[nodiscard]] Sequence published_sequence() const noexcept {
    return header().published_sequence.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t synced_position() const noexcept {
    return header().synced_position.load(std::memory_order_acquire);
  }
  [[nodiscard]] Sequence synced_sequence() const noexcept {
    return header().synced_sequence.load(std::memory_order_acquire);
  }
  [[nodiscard]] CommitState commit_state() const noexcept {
    return header().commit_state.load(std::memory_order_relaxed);
  }
  /// Lowest position whose bytes cannot be under the writer's hands. Read it after the copy.
  [[nodiscard]] std::uint64_t lowest_position() const noexcept;
  /// Copies from a position on, eight bytes at a time. The writer may be overwriting them: the copy
  /// is good only if lowest_position(), asked behind it, is not above `position`.
  void copy(std::uint8_t* to, std::uint64_t position, std::uint32_t bytes) const noexcept;

 private:
  bool adopt_or_format(const RingOptions& options, bool was_created, std::string& error);

  platform::MappedFile file_;
  std::uint64_t capacity_ = 0;
  bool was_created_ = false;
};

}  // namespace gateway::journal
