// Any bytes as a stream of records: the cursor stops at the first that does not follow, describes
// it, and counts what stands behind, within the bytes it was given. Bytes that are mended into
// records that chain come out again one by one.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "gateway_core/journal/scan.hpp"

using namespace gateway::journal;  // NOLINT
using gateway::kGroupLast;
using gateway::kRecordBytesMax;
using gateway::kRecordVersion;
using gateway::RecordHeader;

namespace {

void demand(bool is_true) {
  if (!is_true) std::abort();
}

/// Heap memory of exactly this size, so that one byte too far is seen.
struct Exact {
  std::vector<std::uint8_t> bytes;
  std::size_t size;
  Exact(const std::uint8_t* data, std::size_t count) : bytes(data, data + count), size(count) {}
};

std::uint64_t walk(const Exact& stream) {
  std::uint64_t records = 0;
  const ScanEnd scan =
      scan_memory(stream.bytes.data(), stream.size, {}, 0,
                  [&](const RecordHeader& header, const std::uint8_t* bytes) {
                    demand(bytes >= stream.bytes.data() &&
                           bytes + header.length <= stream.bytes.data() + stream.size);
                    ++records;
                    demand(header.sequence == records);
                  });
  demand(scan.end.position <= stream.size && scan.end.sequence == records);
  demand(scan.is_complete || !scan.text.empty());
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  const Exact raw(data, bytes);
  walk(raw);
  static_cast<void>(count_later_records(raw.bytes.data(), raw.size, 0, 1));
  StreamPoint point;
  if (bytes >= sizeof(RecordHeader)) {
    static_cast<void>(describe_bad_record(raw.bytes.data(), raw.size, point, 1));
  }

  // The same bytes with their headers put right.
  Exact mended(data, bytes);
  std::uint64_t made = 0;
  std::uint64_t whole = 0;
  std::size_t at = 0;
  while (at + sizeof(RecordHeader) <= bytes) {
    RecordHeader header;
    std::memcpy(&header, mended.bytes.data() + at, sizeof header);
    const std::size_t room = (bytes - at) / 64 * 64;
    header.length = static_cast<std::uint32_t>(64 * (1 + header.length % 64));
    if (header.length > room) header.length = static_cast<std::uint32_t>(room);
    header.version = kRecordVersion;
    header.sequence = ++made;
    header.previous_crc = point.crc;
    header.epoch = point.epoch + header.epoch % 2;
    std::memcpy(mended.bytes.data() + at, &header, sizeof header);
    header.crc = record_crc(mended.bytes.data() + at, header.length, point.crc);
    std::memcpy(mended.bytes.data() + at, &header, sizeof header);
    point = behind(point, mended.bytes.data() + at);
    at += header.length;
    if ((header.flags & kGroupLast) != 0) whole = made;
  }
  demand(walk(mended) == whole);
  return 0;
}
