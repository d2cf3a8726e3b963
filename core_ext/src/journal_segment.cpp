// Names and headers of segments, and their durable birth.
#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "gateway_core/journal/checksum.hpp"
#include "gateway_core/journal/scan.hpp"
#include "gateway_core/journal/segment.hpp"

namespace gateway::journal {

namespace {

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::uint64_t number_in(const std::string& name) {
  const std::size_t start = name.find('-');
  return start == std::string::npos ? 0 : std::strtoull(name.c_str() + start + 1, nullptr, 10);
}

}  // namespace

std::string segment_name(std::uint32_t index) {
  char text[40];
  std::snprintf(text, sizeof text, "segment-%010u.journal", index);
  return text;
}
std::string seal_name(std::uint32_t index) {
  char text[40];
  std::snprintf(text, sizeof text, "segment-%010u.seal", index);
  return text;
}
std::string cut_name(std::uint32_t index, std::uint32_t number) {
  char text[40];
  std::snprintf(text, sizeof text, "segment-%010u.cut", index);
  return number == 0 ? text : text + ("." + std::to_string(number));
}
std::string snapshot_name(Sequence sequence) {
  char text[48];
  std::snprintf(text, sizeof text, "snapshot-%020" PRIu64 ".state", sequence);
  return text;
}

int list_directory(platform::Storage& storage, const std::string& directory,
                   DirectoryListing& listing) {
  std::vector<std::string> names;
  const int error = storage.list(directory, names);
  if (error != 0) return error;
  listing = {};
  for (const std::string& name : names) {
    const std::uint64_t number = number_in(name);
    const auto index = static_cast<std::uint32_t>(number);
    if (name == segment_name(index)) listing.segments.push_back(index);
    if (name == seal_name(index)) listing.seals.push_back(index);
    if (name == snapshot_name(number)) listing.snapshots.push_back(number);
    if (name == kSuperblockName) listing.has_superblock = true;
    if (ends_with(name, ".tmp") || name == kSpareName) listing.leftovers.push_back(name);
  }
  std::sort(listing.segments.begin(), listing.segments.end());
  std::sort(listing.seals.begin(), listing.seals.end());
  std::sort(listing.snapshots.begin(), listing.snapshots.end());
  return 0;
}

HeaderCheck check_segment_header(const SegmentHeader& header, std::uint32_t index,
                                 std::uint32_t instance) noexcept {
  if (std::memcmp(header.magic, kSegmentMagic, 8) != 0) return HeaderCheck::kCorrupt;
  if (crc32c(&header, offsetof(SegmentHeader, header_crc)) != header.header_crc) {
    return HeaderCheck::kCorrupt;
  }
  if (header.version != kFormatVersion) return HeaderCheck::kVersion;
  if (instance != 0 && header.instance != instance) return HeaderCheck::kForeign;
  return header.index == index ? HeaderCheck::kGood : HeaderCheck::kCorrupt;
}

SegmentHeader make_segment_header(const StreamPoint& start, std::uint32_t index,
                                  std::uint32_t instance, std::int64_t created_ns) noexcept {
  SegmentHeader header{};
  std::memcpy(header.magic, kSegmentMagic, 8);
  header.version = kFormatVersion;
  header.instance = instance;
  header.index = index;
  header.epoch = start.epoch;
  header.first_sequence = start.sequence + 1;
  header.first_position = start.position;
  header.created_ns = created_ns;
  header.previous_crc = start.crc;
  header.header_crc = crc32c(&header, offsetof(SegmentHeader, header_crc));
  return header;
}

namespace {

/// The spare under the temporary name, or a new file with its space reserved.
int open_reserved(platform::Storage& storage, const std::string& directory,
                  const std::string& temporary, std::uint64_t bytes) {
  if (storage.rename(directory + "/" + kSpareName, temporary) == 0) {
    const int file = storage.open(temporary, platform::OpenMode::kReadWrite);
    if (file >= 0 && storage.size(file) == static_cast<std::int64_t>(bytes)) return file;
    if (file >= 0) storage.close(file);
  }
  const int file = storage.open(temporary, platform::OpenMode::kCreateEmpty);
  if (file < 0) return file;
  const int error = storage.fallocate(file, bytes);
  if (error == 0 || error == -EOPNOTSUPP || error == -ENOSYS) return file;
  storage.close(file);
  return error;
}

}  // namespace

int create_segment(platform::Storage& storage, const std::string& directory,
                   const SegmentStart& start, std::span<const std::uint8_t> records,
                   OpenSegment& segment) {
  const std::string path = directory + "/" + segment_name(start.index);
  const std::string temporary = path + ".tmp";
  const std::uint64_t bytes = std::max<std::uint64_t>(start.bytes, kPageBytes + records.size());
  const int file = open_reserved(storage, directory, temporary, bytes);
  if (file < 0) {
    static_cast<void>(storage.unlink(temporary));
    return file;
  }
  const SegmentHeader header =
      make_segment_header(start.point, start.index, start.instance, start.created_ns);
  int error = platform::write_exactly(storage, file, &header, sizeof header, 0);
  if (error == 0 && !records.empty()) {
    error = platform::write_exactly(storage, file, records.data(), records.size(), kPageBytes);
  }
  if (error == 0) error = storage.fdatasync(file);
  if (error == 0) error = storage.rename(temporary, path);
  if (error == 0) error = storage.fsync_directory(directory);
  if (error != 0) {
    storage.close(file);
    static_cast<void>(storage.unlink(temporary));
    return error;
  }
  segment = {file, start.index, start.point.position, bytes};
  return 0;
}

int prepare_spare(platform::Storage& storage, const std::string& directory, std::uint64_t bytes) {
  const std::string path = directory + "/" + kSpareName;
  const int existing = storage.open(path, platform::OpenMode::kRead);
  if (existing >= 0) {
    storage.close(existing);
    return 0;
  }
  if (existing != -ENOENT) return existing;
  const std::string temporary = path + ".tmp";
  const std::vector<std::uint8_t> zeros(std::min<std::uint64_t>(bytes, 1ULL << 20));
  const int file = storage.open(temporary, platform::OpenMode::kCreateEmpty);
  if (file < 0) return file;
  int error = storage.fallocate(file, bytes);
  if (error == -EOPNOTSUPP || error == -ENOSYS) error = 0;
  for (std::uint64_t offset = 0; error == 0 && offset < bytes; offset += zeros.size()) {
    const std::uint64_t piece = std::min<std::uint64_t>(zeros.size(), bytes - offset);
    error = platform::write_exactly(storage, file, zeros.data(), piece, offset);
  }
  if (error == 0) error = storage.fdatasync(file);
  storage.close(file);
  if (error == 0) error = storage.rename(temporary, path);
  if (error != 0) static_cast<void>(storage.unlink(temporary));
  return error == 0 ? 1 : error;
}

std::string describe_bad_record(const std::uint8_t* record, std::uint64_t available,
                                const StreamPoint& before, std::uint32_t instance) {
  if (available < sizeof(RecordHeader)) return "the file ends inside a record";
  RecordHeader header;
  std::memcpy(&header, record, sizeof header);
  const auto found = [](const char* what, std::uint64_t is, std::uint64_t expected) {
    return std::string(what) + " is " + std::to_string(is) + ", expected " +
           std::to_string(expected);
  };
  if (header.length == 0 && header.sequence == 0) return "no record (zeros)";
  if (!is_possible_length(header.length, available)) {
    return header.length > available ? "the record ends behind the end"
                                     : "length " + std::to_string(header.length) + " cannot be";
  }
  if (header.version != kRecordVersion) {
    return found("record version", header.version, kRecordVersion);
  }
  if (header.sequence != before.sequence + 1) {
    return found("sequence", header.sequence, before.sequence + 1);
  }
  if (instance != 0 && header.instance != instance) {
    return found("instance", header.instance, instance);
  }
  if (header.previous_crc != before.crc) return "does not chain to the record before";
  if (header.epoch < before.epoch) return found("epoch", header.epoch, before.epoch);
  if (record_crc(record, header.length, before.crc) != header.crc) return "checksum does not match";
  return "the group has no end";
}

std::uint64_t count_later_records(const std::uint8_t* bytes, std::uint64_t size, Sequence sequence,
                                  std::uint32_t instance) noexcept {
  std::uint64_t count = 0;
  for (std::uint64_t offset = 0; offset + sizeof(RecordHeader) <= size;) {
    RecordHeader header;
    std::memcpy(&header, bytes + offset, sizeof header);
    const bool is_record =
        is_possible_length(header.length, size - offset) && header.instance == instance &&
        header.sequence > sequence &&
        record_crc(bytes + offset, header.length, header.previous_crc) == header.crc;
    count += is_record ? 1 : 0;
    offset += is_record ? header.length : kRecordAlign;
  }
  return count;
}

}  // namespace gateway::journal
