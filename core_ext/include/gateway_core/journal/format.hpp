// What the journal's files look like, byte for byte. Public: docs/reference/journal_format.md and
// gateway_journal.h say the same. A change is a new version, never an edit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "gateway_core/record/header.hpp"
#include "gateway_core/types/ids.hpp"

namespace gateway::journal {

inline constexpr std::uint32_t kFormatVersion = 2;
inline constexpr std::uint32_t kPageBytes = 4096;

/// Where the record stream stands: everything up to `position` is known.
struct StreamPoint {
  std::uint64_t position = 0;  // absolute byte offset in the record stream, 0 = nothing yet
  Sequence sequence = 0;       // last record before position
  std::uint32_t crc = 0;       // crc of that record, 0 at the beginning
  std::uint32_t epoch = 0;     // epoch of that record
  friend bool operator==(const StreamPoint&, const StreamPoint&) = default;
};

/// First page of a segment file; records follow at offset 4096.
struct SegmentHeader {
  char magic[8];  // "GWSEGMT1"
  std::uint32_t version;
  std::uint32_t instance;
  std::uint32_t index;
  std::uint32_t epoch;           // epoch of the record before the first
  std::uint64_t first_sequence;  // sequence the first record has or will have
  std::uint64_t first_position;
  std::int64_t created_ns;
  std::uint32_t previous_crc;
  std::uint8_t reserved[kPageBytes - 56];
  std::uint32_t header_crc;  // CRC32C of all bytes before this field
};
static_assert(sizeof(SegmentHeader) == kPageBytes);
static_assert(offsetof(SegmentHeader, header_crc) == kPageBytes - 4);
inline constexpr char kSegmentMagic[8] = {'G', 'W', 'S', 'E', 'G', 'M', 'T', '1'};

/// segment-%010u.seal: made once a segment is full and cut to its exact length.
struct SealFile {
  char magic[8];  // "GWSEAL01"
  std::uint32_t version;
  std::uint32_t instance;
  std::uint32_t index;
  std::uint32_t reserved;
  std::uint64_t first_sequence;
  std::uint64_t last_sequence;  // first_sequence - 1 when the segment holds no record
  std::uint64_t bytes;          // of the whole segment file
  std::uint8_t sha256[32];      // of the whole segment file
  std::uint8_t padding[44];
  std::uint32_t crc;  // CRC32C of all bytes before this field
};
static_assert(sizeof(SealFile) == 128 && offsetof(SealFile, crc) == 124);
inline constexpr char kSealMagic[8] = {'G', 'W', 'S', 'E', 'A', 'L', '0', '1'};

/// One of the four copies in the file `superblock`, at offsets 0, 4096, 8192, 12288.
struct SuperblockCopy {
  char magic[8];  // "GWSUPER1"
  std::uint32_t version;
  std::uint32_t instance;
  std::uint64_t generation;  // rises with every change; the highest with two copies wins
  std::uint32_t epoch;
  std::uint32_t is_clean;        // 1 = the last run ended by a clean stop
  std::uint64_t clean_sequence;  // last sequence at that stop
  std::uint64_t clean_position;
  std::int64_t written_ns;
  std::int64_t lost_after_ns;  // what was recorded after this may be lost; with lost_epoch
  std::uint32_t lost_epoch;    // orders up to this epoch may have left unrecorded, 0 = none
  std::uint32_t reserved_word;
  std::int64_t lost_newest_ns;  // lost_after_ns of the newest loss
  std::uint8_t reserved[428];
  std::uint32_t crc;  // CRC32C of all bytes before this field
};
static_assert(sizeof(SuperblockCopy) == 512 && offsetof(SuperblockCopy, crc) == 508);
inline constexpr char kSuperblockMagic[8] = {'G', 'W', 'S', 'U', 'P', 'E', 'R', '1'};
inline constexpr std::uint32_t kSuperblockCopies = 4;

/// Head of snapshot-%020llu.state; the opaque payload follows.
struct SnapshotHeader {
  char magic[8];  // "GWSNAP01"
  std::uint32_t version;
  std::uint32_t instance;
  std::uint64_t sequence;  // last record the state contains
  std::uint64_t position;  // end of that record
  std::uint32_t crc;       // of that record
  std::uint32_t epoch;     // of that record
  std::uint64_t payload_bytes;
  std::uint8_t payload_sha256[32];
  std::uint8_t reserved[44];
  std::uint32_t header_crc;  // CRC32C of all bytes before this field
};
static_assert(sizeof(SnapshotHeader) == 128 && offsetof(SnapshotHeader, header_crc) == 124);
inline constexpr char kSnapshotMagic[8] = {'G', 'W', 'S', 'N', 'A', 'P', '0', '1'};

}  // namespace gateway::journal
