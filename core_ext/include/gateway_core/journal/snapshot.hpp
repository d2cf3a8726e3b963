// Snapshots: opaque state of the caller at one sequence, so that recovery reads a tail instead of
// all. Written whole or not at all; a damaged one is skipped, never half loaded.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gateway_core/journal/format.hpp"
#include "gateway_core/platform/storage.hpp"

namespace gateway::journal {

/// Of the file and the state in it. Another one counts as absent: no segment may be deleted for it.
inline constexpr std::uint32_t kSnapshotVersion = 5;

struct SnapshotWritten {
  int error = 0;  // negative errno
  std::string name;
};
/// `at` must be a group end that is synced: a snapshot ahead of the disk is skipped in recovery.
[[nodiscard]] SnapshotWritten write_snapshot(platform::Storage& storage,
                                             const std::string& directory, std::uint32_t instance,
                                             const StreamPoint& at,
                                             std::span<const std::uint8_t> payload);

struct Snapshot {
  StreamPoint at;
  std::string name;
  std::vector<std::uint8_t> payload;
};
/// False sets `error`: what is wrong with which file. `instance` 0 accepts any.
[[nodiscard]] bool load_snapshot(platform::Storage& storage, const std::string& directory,
                                 Sequence sequence, std::uint32_t instance, Snapshot& snapshot,
                                 std::string& error);
/// Sequence of the newest snapshot that loads, 0 = none.
[[nodiscard]] Sequence newest_valid_snapshot(platform::Storage& storage,
                                             const std::string& directory, std::uint32_t instance);
/// Deletes all but the newest `keep` snapshots; returns how many went, or a negative errno.
[[nodiscard]] int recycle_snapshots(platform::Storage& storage, const std::string& directory,
                                    std::size_t keep);

}  // namespace gateway::journal
