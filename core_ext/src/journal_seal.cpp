// Sealing: a full segment is cut to its exact length, checked record by record, hashed, and its
// seal written whole or not at all.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "gateway_core/journal/checksum.hpp"
#include "gateway_core/journal/scan.hpp"
#include "gateway_core/journal/seal.hpp"
#include "gateway_core/journal/sha256.hpp"
#include "gateway_core/journal/snapshot.hpp"

namespace gateway::journal {

namespace {

bool read_header(platform::Storage& storage, const std::string& directory, std::uint32_t index,
                 std::uint32_t instance, SegmentHeader& header) {
  const int file = storage.open(directory + "/" + segment_name(index), platform::OpenMode::kRead);
  if (file < 0) return false;
  const std::int64_t got = platform::read_fully(storage, file, &header, sizeof header, 0);
  storage.close(file);
  return got == sizeof header &&
         check_segment_header(header, index, instance) == HeaderCheck::kGood;
}

int hash_file(platform::Storage& storage, int file, std::uint64_t bytes, Sha256Digest& digest) {
  Sha256 hash;
  std::vector<std::uint8_t> buffer(std::min<std::uint64_t>(bytes, 256 * 1024));
  for (std::uint64_t offset = 0; offset < bytes;) {
    const std::uint64_t want = std::min<std::uint64_t>(buffer.size(), bytes - offset);
    const std::int64_t got = platform::read_fully(storage, file, buffer.data(), want, offset);
    if (got < 0) return static_cast<int>(got);
    if (got == 0) return -EIO;
    hash.update(buffer.data(), static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  digest = hash.finish();
  return 0;
}

}  // namespace

bool Sealer::fail(std::string text) {
  error_ = std::move(text);
  return false;
}

bool Sealer::seal(std::uint32_t index, const SegmentHeader& next) {
  const std::string name = segment_name(index);
  SegmentHeader header;
  if (!read_header(storage_, directory_, index, instance_, header)) {
    return fail(name + ": CORRUPT at offset 0: the header does not check");
  }
  const int file = storage_.open(directory_ + "/" + name, platform::OpenMode::kReadWrite);
  if (file < 0) return fail(name + ": " + platform::describe_errno(file));
  const platform::FileGuard guard(storage_, file);
  const StreamPoint from{header.first_position, header.first_sequence - 1, header.previous_crc,
                         header.epoch};
  const ScanEnd scan = scan_file(storage_, file, next.first_position, from, instance_,
                                 [](const RecordHeader&, const std::uint8_t*) {});
  SealFile seal{};
  std::memcpy(seal.magic, kSealMagic, 8);
  seal.version = kFormatVersion;
  seal.instance = instance_;
  seal.index = index;
  seal.first_sequence = header.first_sequence;
  seal.last_sequence = scan.end.sequence;
  seal.bytes = kPageBytes + next.first_position - header.first_position;
  Sha256Digest digest{};
  int error = scan.error;
  const bool is_good = scan.is_complete && scan.end.crc == next.previous_crc &&
                       scan.end.sequence + 1 == next.first_sequence;
  if (is_good) {
    error = storage_.ftruncate(file, seal.bytes);
    if (error == 0) error = storage_.fdatasync(file);
    if (error == 0) error = hash_file(storage_, file, seal.bytes, digest);
  }
  if (error != 0) return fail(name + ": " + platform::describe_errno(error));
  if (!is_good) {
    return fail(name + ": CORRUPT at offset " +
                std::to_string(kPageBytes + scan.bad_position - header.first_position) +
                ", sequence " + std::to_string(scan.bad_sequence) + ": " + scan.text);
  }
  std::memcpy(seal.sha256, digest.data(), digest.size());
  seal.crc = crc32c(&seal, offsetof(SealFile, crc));
  error = platform::replace_file(storage_, directory_, seal_name(index), &seal, sizeof seal);
  return error == 0 || fail(seal_name(index) + ": " + platform::describe_errno(error));
}

SealResult Sealer::step() {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    fail("ENOMEM (memory)");  // short enough to need none
    return SealResult::kFailed;
  }
}

SealResult Sealer::work() {
  DirectoryListing listing;
  const int failed = list_directory(storage_, directory_, listing);
  if (failed != 0) {
    fail(directory_ + ": " + platform::describe_errno(failed));
    return SealResult::kFailed;
  }
  for (std::size_t i = 0; i + 1 < listing.segments.size(); ++i) {
    const std::uint32_t index = listing.segments[i];
    if (std::binary_search(listing.seals.begin(), listing.seals.end(), index)) continue;
    SegmentHeader next;
    if (!read_header(storage_, directory_, listing.segments[i + 1], instance_, next)) {
      fail(segment_name(listing.segments[i + 1]) + ": CORRUPT at offset 0");
      return SealResult::kFailed;
    }
    if (!seal(index, next)) return SealResult::kFailed;
    return SealResult::kSealed;
  }
  const int made = prepare_spare(storage_, directory_, segment_bytes_);
  if (made < 0) fail(std::string(kSpareName) + ": " + platform::describe_errno(made));
  return made < 0 ? SealResult::kFailed : made == 1 ? SealResult::kSpareMade : SealResult::kIdle;
}

int Sealer::recycle(Sequence before_sequence) {
  try {
    return remove(before_sequence);
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
}

int Sealer::remove(Sequence before_sequence) {
  const Sequence covered = newest_valid_snapshot(storage_, directory_, instance_);
  DirectoryListing listing;
  int error = list_directory(storage_, directory_, listing);
  int removed = 0;
  for (std::size_t i = 0; error == 0 && i + 1 < listing.segments.size(); ++i) {
    const std::uint32_t index = listing.segments[i];
    SegmentHeader next;
    if (!std::binary_search(listing.seals.begin(), listing.seals.end(), index) ||
        !read_header(storage_, directory_, listing.segments[i + 1], instance_, next) ||
        next.first_sequence > std::min(before_sequence, covered + 1)) {
      break;
    }
    // One after the other, oldest first, each surely gone before the next: a crash in between never
    // leaves a gap, nor does one after a sync that failed the last time.
    error = storage_.fsync_directory(directory_);
    if (error == 0) error = storage_.unlink(directory_ + "/" + segment_name(index));
    if (error == 0) error = storage_.fsync_directory(directory_);
    if (error == 0) error = storage_.unlink(directory_ + "/" + seal_name(index));
    ++removed;
  }
  return error == 0 ? removed : error;
}

}  // namespace gateway::journal
