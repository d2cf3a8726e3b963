// Segment files: names, headers, and the one way a new segment comes into being durably.
// Knows bytes and records, nothing of what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway_core/journal/format.hpp"
#include "gateway_core/platform/storage.hpp"

namespace gateway::journal {

[[nodiscard]] std::string segment_name(std::uint32_t index);  // segment-0000000001.journal
[[nodiscard]] std::string seal_name(std::uint32_t index);     // segment-0000000001.seal
/// What a start cut off a segment: segment-0000000001.cut, then segment-0000000001.cut.1 and on.
[[nodiscard]] std::string cut_name(std::uint32_t index, std::uint32_t number);
[[nodiscard]] std::string snapshot_name(Sequence sequence);  // snapshot-00000000000000000001.state
inline constexpr const char* kSuperblockName = "superblock";
inline constexpr const char* kLockName = "lock";
inline constexpr const char* kSpareName = "spare.journal";
/// There until the firm is halted for what a start cut away; its text is the reason.
inline constexpr const char* kHaltDueName = "halt_due";

/// What a directory holds, each list sorted.
struct DirectoryListing {
  std::vector<std::uint32_t> segments;
  std::vector<std::uint32_t> seals;
  std::vector<Sequence> snapshots;
  std::vector<std::string> leftovers;  // temporary files of an interrupted run
  bool has_superblock = false;
};
/// 0 or a negative errno.
[[nodiscard]] int list_directory(platform::Storage& storage, const std::string& directory,
                                 DirectoryListing& listing);

enum class HeaderCheck : std::uint8_t { kGood, kShort, kCorrupt, kVersion, kForeign };
/// `instance` 0 accepts any.
[[nodiscard]] HeaderCheck check_segment_header(const SegmentHeader& header, std::uint32_t index,
                                               std::uint32_t instance) noexcept;
[[nodiscard]] SegmentHeader make_segment_header(const StreamPoint& start, std::uint32_t index,
                                                std::uint32_t instance,
                                                std::int64_t created_ns) noexcept;

/// The segment that is being written.
struct OpenSegment {
  int file = -1;
  std::uint32_t index = 0;
  std::uint64_t first_position = 0;
  std::uint64_t bytes = 0;  // room of the file with its header
  [[nodiscard]] std::uint64_t end_position() const noexcept {
    return first_position + bytes - kPageBytes;
  }
};

struct SegmentStart {
  StreamPoint point;  // the record stream goes on here
  std::uint32_t index = 1;
  std::uint32_t instance = 1;
  std::int64_t created_ns = 0;
  std::uint64_t bytes = 64ULL << 20;  // raised when `records` need more
};
/// Makes a segment with `records` in it: temporary name (the spare when there is one), space
/// reserved, written, synced, renamed, directory synced. Durable when it returns 0; else a negative
/// errno and nothing under the final name that could be taken for more than it is.
[[nodiscard]] int create_segment(platform::Storage& storage, const std::string& directory,
                                 const SegmentStart& start, std::span<const std::uint8_t> records,
                                 OpenSegment& segment);
/// Makes `spare.journal`, zero-filled and synced, so that rotation costs a rename and later syncs
/// carry data alone. 1 = made, 0 = there already, negative errno.
[[nodiscard]] int prepare_spare(platform::Storage& storage, const std::string& directory,
                                std::uint64_t bytes);

}  // namespace gateway::journal
