// The superblock: instance, boot epoch and last clean stop, in four copies of which two must agree.
// The epoch is raised durably before the first order of a run, so no order id can ever come back.
#pragma once

#include <cstdint>
#include <string>

#include "gateway_core/journal/format.hpp"
#include "gateway_core/platform/storage.hpp"

namespace gateway::journal {

struct SuperblockState {
  std::uint32_t instance = 0;
  std::uint32_t epoch = 0;
  std::uint64_t generation = 0;
  bool is_clean = false;
  Sequence clean_sequence = 0;
  std::uint64_t clean_position = 0;
  std::int64_t lost_after_ns = 0;
  std::uint32_t lost_epoch = 0;  // 0 = nothing is in doubt
  std::int64_t lost_newest_ns = 0;
};

class Superblock {
 public:
  Superblock(platform::Storage& storage, std::string directory)
      : storage_(storage), directory_(std::move(directory)) {}

  /// Reads the copies. False sets `error`: missing, fewer than two agree, foreign, version.
  [[nodiscard]] bool load(std::uint32_t instance, std::string& error);
  /// Makes the file for an empty journal, epoch 0.
  [[nodiscard]] bool create(std::uint32_t instance, std::int64_t now_ns, std::string& error);
  /// Durable when it returns true: the epoch is raised to at least `epoch_min` and above its own.
  [[nodiscard]] bool raise_epoch(std::uint32_t epoch_min, std::int64_t now_ns, std::string& error);
  /// The next raise stores that records after `known_to_ns` may be lost. An earlier loss that is
  /// still in doubt keeps its time.
  void note_loss(std::int64_t known_to_ns) noexcept;
  /// Durable when it returns true: nothing of the loss is in doubt any more.
  [[nodiscard]] bool forget_loss(std::int64_t now_ns, std::string& error);
  /// Marks a clean stop at `end`; the next raise clears the mark.
  [[nodiscard]] bool mark_clean(const StreamPoint& end, std::int64_t now_ns, std::string& error);

  [[nodiscard]] const SuperblockState& state() const noexcept { return state_; }
  [[nodiscard]] int copies_agreeing() const noexcept { return copies_agreeing_; }

 private:
  [[nodiscard]] bool store(const SuperblockState& next, std::int64_t now_ns, std::string& error);
  [[nodiscard]] int write_copies(int file, const SuperblockCopy& copy, unsigned which);

  platform::Storage& storage_;
  std::string directory_;
  SuperblockState state_;
  int copies_agreeing_ = 0;
  unsigned bad_copies_ = 0;  // bit per copy
};

/// What the files of a directory told when its superblock was rebuilt.
struct RebuildReport {
  std::uint32_t instance = 0;
  std::uint32_t epoch = 0;        // of the new superblock
  std::uint32_t epoch_found = 0;  // highest in a record or snapshot
  std::uint32_t segments = 0;
  std::uint32_t segments_bad = 0;  // without a good header; nothing of them was used
  std::uint32_t snapshots = 0;
  std::uint64_t records = 0;
  Sequence sequence = 0;  // of the last record found
  std::string was;        // what was wrong with the old one
};

/// Makes a new superblock from what segments and snapshots say (highest epoch + 1000, which leaves
/// room for epochs that left no record). Refuses when the present one is whole. `instance` 0 takes
/// the one of the segments. The caller holds the directory's lock.
[[nodiscard]] bool rebuild_superblock(platform::Storage& storage, const std::string& directory,
                                      std::uint32_t instance, std::int64_t now_ns,
                                      RebuildReport& report, std::string& error);

}  // namespace gateway::journal
