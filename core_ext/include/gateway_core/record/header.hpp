// The first 64 bytes of every fact, in memory, on disk and between processes. Little-endian.
// The layout is public (docs/reference/journal_format.md); a change is a new version, no edit.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace gateway {

inline constexpr std::uint8_t kRecordVersion = 1;
/// Set on the last record of a group; recovery cuts only behind such a record.
inline constexpr std::uint8_t kGroupLast = 1;
inline constexpr std::uint32_t kRecordAlign = 64;
/// No record is longer than this; a longer length field is corruption.
inline constexpr std::uint32_t kRecordBytesMax = 4096;

struct RecordHeader {
  std::uint32_t length;           // bytes with this header, multiple of 64
  std::uint16_t type;             // RecordKind
  std::uint8_t version;           // kRecordVersion
  std::uint8_t flags;             // kGroupLast
  std::uint64_t sequence;         // from 1, no gaps
  std::uint64_t cause;            // sequence of the record that led to this one, 0 = from outside
  std::int64_t time_ns;           // journal time, never decreases
  std::uint64_t origin_sequence;  // the origin port's own counter (request or venue event)
  std::uint32_t epoch;            // boot epoch that wrote it
  std::uint32_t actor;            // principal, 0 = the gateway itself
  std::uint32_t origin_port;      // port the command or fact came through, 0 = none
  std::uint32_t previous_crc;     // crc of the record before, chains the file
  std::uint32_t crc;              // CRC32C, see journal/checksum.hpp
  std::uint32_t instance;         // gateway instance, guards against foreign files
};
static_assert(sizeof(RecordHeader) == 64 && std::is_trivially_copyable_v<RecordHeader>);
static_assert(offsetof(RecordHeader, previous_crc) == 52 && offsetof(RecordHeader, crc) == 56);
static_assert(offsetof(RecordHeader, epoch) == 40 && offsetof(RecordHeader, actor) == 44 &&
              offsetof(RecordHeader, origin_port) == 48 && offsetof(RecordHeader, instance) == 60);

/// Two neighbouring fields as the word they are in memory. What is read back as words soon after
/// (the checksum does) is stored as words: a load that spans several narrow stores has to wait
/// until they have left the processor.
[[nodiscard]] constexpr std::uint64_t word_of(std::uint32_t first, std::uint32_t second) noexcept {
  static_assert(std::endian::native == std::endian::little);
  return first | std::uint64_t{second} << 32;
}
/// Stores word `index` of a record or a payload.
template <typename Layout>
inline void put_word(Layout& layout, std::size_t index, std::uint64_t word) noexcept {
  std::memcpy(reinterpret_cast<std::uint8_t*>(&layout) + 8 * index, &word, sizeof word);
}

}  // namespace gateway
