// Checking records one after the other: the one place that says what a valid next record is.
// Groups are handed on only when their last record is verified.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "gateway_core/journal/checksum.hpp"
#include "gateway_core/journal/format.hpp"
#include "gateway_core/platform/storage.hpp"

namespace gateway::journal {

[[nodiscard]] inline bool is_possible_length(std::uint32_t length,
                                             std::uint64_t available) noexcept {
  return length >= kRecordAlign && length <= kRecordBytesMax && length % kRecordAlign == 0 &&
         length <= available;
}

/// True when the bytes are the record right behind `before`. `instance` 0 accepts any.
[[nodiscard]] inline bool follows(const std::uint8_t* record, std::uint64_t available,
                                  const StreamPoint& before, std::uint32_t instance) noexcept {
  if (available < sizeof(RecordHeader)) return false;
  RecordHeader header;
  std::memcpy(&header, record, sizeof header);
  return is_possible_length(header.length, available) && header.version == kRecordVersion &&
         header.sequence == before.sequence + 1 && header.previous_crc == before.crc &&
         header.epoch >= before.epoch && (instance == 0 || header.instance == instance) &&
         record_crc(record, header.length, before.crc) == header.crc;
}

[[nodiscard]] inline StreamPoint behind(const StreamPoint& before,
                                        const std::uint8_t* record) noexcept {
  RecordHeader header;
  std::memcpy(&header, record, sizeof header);
  return {before.position + header.length, header.sequence, header.crc, header.epoch};
}

/// What is wrong with a record that does not follow, in words.
[[nodiscard]] std::string describe_bad_record(const std::uint8_t* record, std::uint64_t available,
                                              const StreamPoint& before, std::uint32_t instance);

/// Records in these bytes that check by themselves and come later than `sequence`: they were
/// written, but something before them is lost.
[[nodiscard]] std::uint64_t count_later_records(const std::uint8_t* bytes, std::uint64_t size,
                                                Sequence sequence, std::uint32_t instance) noexcept;

struct ScanEnd {
  StreamPoint end;           // behind the last whole group
  bool is_complete = false;  // the wanted end was reached exactly
  int error = 0;             // negative errno of a failed read
  std::uint64_t bad_position = 0;
  Sequence bad_sequence = 0;  // that was expected there
  std::string text;
};

/// Takes bytes as they come and hands on whole groups. `bytes` starts at the last group end.
class GroupCursor {
 public:
  GroupCursor(const StreamPoint& from, std::uint32_t instance) noexcept
      : end_(from), at_(from), instance_(instance) {}

  /// Checks on from where it stopped; `size` bytes are there now. Returns how many bytes from the
  /// front are done with: the caller moves the rest to the front before the next call.
  template <typename OnRecord>
  std::uint64_t advance(const std::uint8_t* bytes, std::uint64_t size, OnRecord&& on_record) {
    const std::uint64_t base = end_.position;
    std::uint64_t done = 0;
    std::uint64_t offset = at_.position - base;
    while (follows(bytes + offset, size - offset, at_, instance_)) {
      at_ = behind(at_, bytes + offset);
      const bool is_last = (bytes[offset + offsetof(RecordHeader, flags)] & kGroupLast) != 0;
      offset = at_.position - base;
      if (!is_last) continue;
      while (done < offset) {
        const auto& header = *reinterpret_cast<const RecordHeader*>(bytes + done);
        on_record(header, bytes + done);
        done += header.length;
      }
      end_ = at_;
    }
    return done;
  }
  /// Behind the last whole group / behind the last good record.
  [[nodiscard]] const StreamPoint& end() const noexcept { return end_; }
  [[nodiscard]] const StreamPoint& checked() const noexcept { return at_; }

 private:
  StreamPoint end_;
  StreamPoint at_;
  std::uint32_t instance_;
};

/// Walks the records between `from` and `end_position` that lie at `bytes`.
template <typename OnRecord>
ScanEnd scan_memory(const std::uint8_t* bytes, std::uint64_t end_position, const StreamPoint& from,
                    std::uint32_t instance, OnRecord&& on_record) {
  GroupCursor cursor(from, instance);
  const std::uint64_t size = end_position - from.position;
  cursor.advance(bytes, size, on_record);
  ScanEnd result{.end = cursor.end(), .text = {}};
  result.is_complete = result.end.position == end_position;
  result.bad_position = cursor.checked().position;
  result.bad_sequence = cursor.checked().sequence + 1;
  if (!result.is_complete) {
    const std::uint64_t offset = result.bad_position - from.position;
    result.text = describe_bad_record(bytes + offset, size - offset, cursor.checked(), instance);
  }
  return result;
}

/// The same for a segment file whose first record is at `from` (offset 4096), up to `end_position`.
template <typename OnRecord>
ScanEnd scan_file(platform::Storage& storage, int file, std::uint64_t end_position,
                  const StreamPoint& from, std::uint32_t instance, OnRecord&& on_record) {
  constexpr std::uint64_t kChunkBytes = 1ULL << 20;
  GroupCursor cursor(from, instance);
  ScanEnd result{.end = from, .text = {}};
  std::vector<std::uint8_t> buffer;
  std::uint64_t have = 0;  // bytes in the buffer, which starts at cursor.end()
  for (bool is_file_end = false;;) {
    const std::uint64_t done = cursor.advance(buffer.data(), have, on_record);
    have -= done;
    if (done != 0 && have != 0) std::memmove(buffer.data(), buffer.data() + done, have);
    const std::uint64_t checked = cursor.checked().position - cursor.end().position;
    const std::uint64_t next = cursor.end().position + have;
    if (is_file_end || next >= end_position || have - checked >= kRecordBytesMax) break;
    const std::uint64_t wanted = std::min(kChunkBytes, end_position - next);
    const std::int64_t room = storage.size(file);
    const std::uint64_t offset = kPageBytes + next - from.position;
    if (room < 0) result.error = static_cast<int>(room);
    if (room < 0 || static_cast<std::uint64_t>(room) <= offset) {
      is_file_end = true;
      continue;
    }
    const std::uint64_t take = std::min(wanted, static_cast<std::uint64_t>(room) - offset);
    if (buffer.size() < have + take) buffer.resize(have + take);
    const std::int64_t got =
        platform::read_fully(storage, file, buffer.data() + have, take, offset);
    if (got < 0) result.error = static_cast<int>(got);
    if (got <= 0) is_file_end = true;
    if (got > 0) have += static_cast<std::uint64_t>(got);
  }
  result.end = cursor.end();
  result.is_complete = result.error == 0 && result.end.position == end_position;
  result.bad_position = cursor.checked().position;
  result.bad_sequence = cursor.checked().sequence + 1;
  const std::uint64_t checked = result.bad_position - result.end.position;
  if (!result.is_complete) {
    result.text = result.error != 0 ? platform::describe_errno(result.error)
                                    : describe_bad_record(buffer.data() + checked, have - checked,
                                                          cursor.checked(), instance);
  }
  return result;
}

}  // namespace gateway::journal
