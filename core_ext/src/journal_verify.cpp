// Integrity of a whole directory. Reads everything, writes nothing, stops at nothing.
#include <algorithm>
#include <cstring>

#include "gateway_core/journal/checksum.hpp"
#include "gateway_core/journal/ring.hpp"
#include "gateway_core/journal/scan.hpp"
#include "gateway_core/journal/sha256.hpp"
#include "gateway_core/journal/snapshot.hpp"
#include "gateway_core/journal/superblock.hpp"
#include "gateway_core/journal/verify.hpp"

namespace gateway::journal {

namespace {

constexpr std::uint64_t kNoLimit = ~0ULL;

class Verification {
 public:
  Verification(platform::Storage& storage, const std::string& directory, std::uint32_t instance)
      : storage_(storage), directory_(directory), instance_(instance) {}

  VerifyResult run(const std::string& ring_directory) {
    const int error = list_directory(storage_, directory_, listing_);
    if (error != 0) {
      fault(FaultCode::kUnreadable, directory_, 0, 0, platform::describe_errno(error));
      return std::move(result_);
    }
    read_headers();
    for (std::size_t i = 0; i < segments_.size(); ++i) check_segment(i);
    check_orphan_seals();
    check_snapshots();
    check_superblock();
    if (!ring_directory.empty()) check_ring(ring_directory);
    result_.sequence = end_.sequence;
    result_.is_ok = result_.faults.empty();
    return std::move(result_);
  }

 private:
  struct Segment {
    std::uint32_t index = 0;
    SegmentHeader header{};
    bool is_good = false;
    bool is_sealed = false;
  };

  void fault(FaultCode code, const std::string& segment, std::uint64_t offset, Sequence sequence,
             const std::string& text) {
    result_.faults.push_back({code, segment, offset, sequence, text});
  }
  void read_headers();
  void check_segment(std::size_t place);
  void check_records(const Segment& segment, std::uint64_t limit, bool is_last, int file,
                     SegmentReport& report);
  void check_tail(const Segment& segment, const ScanEnd& scan, int file);
  void check_seal(const Segment& segment, int file, const SegmentReport& report);
  void check_orphan_seals();
  void check_snapshots();
  void check_superblock();
  void check_ring(const std::string& ring_directory);

  platform::Storage& storage_;
  const std::string& directory_;
  std::uint32_t instance_;
  DirectoryListing listing_;
  std::vector<Segment> segments_;
  StreamPoint end_;
  bool has_end_ = false;  // end_ is known, the next segment must continue it
  VerifyResult result_;
};

void Verification::read_headers() {
  for (const std::uint32_t index : listing_.segments) {
    const std::string name = segment_name(index);
    if (!segments_.empty() && segments_.back().index + 1 != index) {
      fault(FaultCode::kMissingSegment, segment_name(segments_.back().index + 1), 0, 0,
            "there is no such file, but " + name + " follows");
    }
    Segment segment;
    segment.index = index;
    segment.is_sealed = std::binary_search(listing_.seals.begin(), listing_.seals.end(), index);
    const int file = storage_.open(directory_ + "/" + name, platform::OpenMode::kRead);
    std::int64_t got = file;
    if (file >= 0) {
      got = platform::read_fully(storage_, file, &segment.header, sizeof segment.header, 0);
      storage_.close(file);
    }
    const HeaderCheck check = got == sizeof segment.header
                                  ? check_segment_header(segment.header, index, instance_)
                                  : HeaderCheck::kShort;
    segment.is_good = check == HeaderCheck::kGood;
    if (got < 0) {
      fault(FaultCode::kUnreadable, name, 0, 0, platform::describe_errno(got));
    } else if (check == HeaderCheck::kVersion) {
      fault(FaultCode::kVersion, name, 8, 0,
            "format version " + std::to_string(segment.header.version));
    } else if (check == HeaderCheck::kForeign) {
      fault(FaultCode::kForeign, name, 12, 0,
            "instance " + std::to_string(segment.header.instance));
    } else if (check != HeaderCheck::kGood) {
      fault(FaultCode::kCorrupt, name, 0, 0, "the header does not check");
    }
    if (segment.is_good && instance_ == 0) instance_ = segment.header.instance;
    segments_.push_back(segment);
  }
}

void Verification::check_segment(std::size_t place) {
  const Segment& segment = segments_[place];
  const bool is_last = place + 1 == segments_.size();
  if (!segment.is_good) {
    has_end_ = false;
    return;
  }
  SegmentReport report;
  report.name = segment_name(segment.index);
  report.index = segment.index;
  report.first_sequence = segment.header.first_sequence;
  report.is_sealed = segment.is_sealed;
  std::uint64_t limit = kNoLimit;
  if (!is_last && segments_[place + 1].is_good) {
    limit = std::max(segments_[place + 1].header.first_position, segment.header.first_position);
  }
  const StreamPoint start{segment.header.first_position, segment.header.first_sequence - 1,
                          segment.header.previous_crc, segment.header.epoch};
  if (has_end_ && (start.position != end_.position || start.sequence != end_.sequence ||
                   start.crc != end_.crc)) {
    fault(FaultCode::kMissingSegment, report.name, 0, start.sequence + 1,
          "does not continue what is before it: expected sequence " +
              std::to_string(end_.sequence + 1));
  }
  const int file = storage_.open(directory_ + "/" + report.name, platform::OpenMode::kRead);
  if (file < 0) {
    fault(FaultCode::kUnreadable, report.name, 0, 0, platform::describe_errno(file));
    has_end_ = false;
    return;
  }
  end_ = start;
  check_records(segment, limit, is_last, file, report);
  if (segment.is_sealed) check_seal(segment, file, report);
  storage_.close(file);
  result_.records += report.records;
  result_.segments.push_back(report);
}

void Verification::check_records(const Segment& segment, std::uint64_t limit, bool is_last,
                                 int file, SegmentReport& report) {
  const ScanEnd scan =
      scan_file(storage_, file, limit, end_, instance_,
                [&report](const RecordHeader&, const std::uint8_t*) { ++report.records; });
  end_ = scan.end;
  has_end_ = true;
  report.last_sequence = scan.end.sequence;
  report.bytes = kPageBytes + scan.end.position - segment.header.first_position;
  if (scan.error != 0) {
    fault(FaultCode::kUnreadable, report.name,
          kPageBytes + scan.bad_position - segment.header.first_position, scan.bad_sequence,
          scan.text);
  } else if (!scan.is_complete && limit != kNoLimit) {
    fault(FaultCode::kCorrupt, report.name,
          kPageBytes + scan.bad_position - segment.header.first_position, scan.bad_sequence,
          scan.text);
    has_end_ = false;
  } else if (!scan.is_complete && (is_last || !segment.is_sealed)) {
    check_tail(segment, scan, file);
  }
}

/// Behind the last record of the open segment only zeros may lie. Valid records behind a bad place
/// were written, and stored unless the power failed: that is damage, not a torn end.
void Verification::check_tail(const Segment& segment, const ScanEnd& scan, int file) {
  const std::uint64_t start = kPageBytes + scan.end.position - segment.header.first_position;
  const std::int64_t size = storage_.size(file);
  if (size <= static_cast<std::int64_t>(start)) return;
  std::vector<std::uint8_t> tail(static_cast<std::uint64_t>(size) - start);
  const std::int64_t got = platform::read_fully(storage_, file, tail.data(), tail.size(), start);
  tail.resize(static_cast<std::size_t>(std::max<std::int64_t>(got, 0)));
  if (std::all_of(tail.begin(), tail.end(), [](std::uint8_t byte) { return byte == 0; })) return;
  // A gateway that runs has written on since: then the place is no bad one any more.
  const ScanEnd again = scan_memory(tail.data(), scan.end.position + tail.size(), scan.end,
                                    instance_, [](const RecordHeader&, const std::uint8_t*) {});
  if (again.bad_position != scan.bad_position) return;
  const std::uint64_t later =
      count_later_records(tail.data(), tail.size(), scan.bad_sequence, instance_);
  const std::string text =
      later == 0 ? scan.text : scan.text + "; valid records behind it: " + std::to_string(later);
  fault(later == 0 ? FaultCode::kCutTail : FaultCode::kCorrupt, segment_name(segment.index),
        kPageBytes + scan.bad_position - segment.header.first_position, scan.bad_sequence, text);
}

void Verification::check_seal(const Segment& segment, int file, const SegmentReport& report) {
  const std::string name = seal_name(segment.index);
  SealFile seal{};
  const int seal_file = storage_.open(directory_ + "/" + name, platform::OpenMode::kRead);
  std::int64_t got = 0;
  if (seal_file >= 0) {
    got = platform::read_fully(storage_, seal_file, &seal, sizeof seal, 0);
    if (storage_.size(seal_file) != sizeof seal) got = 0;
    storage_.close(seal_file);
  }
  if (got != sizeof seal || std::memcmp(seal.magic, kSealMagic, 8) != 0 ||
      crc32c(&seal, offsetof(SealFile, crc)) != seal.crc || seal.index != segment.index ||
      seal.instance != segment.header.instance || seal.version != kFormatVersion) {
    fault(FaultCode::kBadSeal, name, 0, 0, "the seal does not check");
    return;
  }
  const std::int64_t size = storage_.size(file);
  if (size != static_cast<std::int64_t>(seal.bytes) ||
      seal.first_sequence != segment.header.first_sequence ||
      seal.last_sequence != report.last_sequence) {
    fault(FaultCode::kBadSeal, name, 0, seal.last_sequence,
          report.name + " has " + std::to_string(size) + " bytes up to sequence " +
              std::to_string(report.last_sequence) + ", the seal says " +
              std::to_string(seal.bytes) + " and " + std::to_string(seal.last_sequence));
    return;
  }
  Sha256 hash;
  std::vector<std::uint8_t> buffer(256 * 1024);
  for (std::uint64_t offset = 0; offset < seal.bytes;) {
    const std::int64_t read =
        platform::read_fully(storage_, file, buffer.data(), buffer.size(), offset);
    if (read <= 0) break;
    hash.update(buffer.data(), static_cast<std::size_t>(read));
    offset += static_cast<std::uint64_t>(read);
  }
  const Sha256Digest digest = hash.finish();
  if (std::memcmp(digest.data(), seal.sha256, digest.size()) != 0) {
    fault(FaultCode::kBadSeal, name, 0, 0, report.name + " does not match the SHA-256 of its seal");
  }
}

void Verification::check_orphan_seals() {
  for (const std::uint32_t index : listing_.seals) {
    // Below the first segment it is what an interrupted recycle left behind.
    if (!listing_.segments.empty() && index < listing_.segments.front()) continue;
    if (!std::binary_search(listing_.segments.begin(), listing_.segments.end(), index)) {
      fault(FaultCode::kMissingSegment, segment_name(index), 0, 0, "only its seal is there");
    }
  }
}

void Verification::check_snapshots() {
  for (const Sequence sequence : listing_.snapshots) {
    Snapshot snapshot;
    std::string error;
    if (!load_snapshot(storage_, directory_, sequence, instance_, snapshot, error)) {
      fault(FaultCode::kBadSnapshot, snapshot.name, 0, sequence, error);
    }
  }
}

void Verification::check_superblock() {
  if (!listing_.has_superblock) {
    fault(FaultCode::kBadSuperblock, kSuperblockName, 0, 0, "there is no superblock");
    return;
  }
  Superblock superblock(storage_, directory_);
  std::string error;
  if (!superblock.load(instance_, error)) {
    fault(FaultCode::kBadSuperblock, kSuperblockName, 0, 0, error);
  } else if (superblock.copies_agreeing() < 4) {
    fault(FaultCode::kBadSuperblock, kSuperblockName, 0, 0,
          std::to_string(4 - superblock.copies_agreeing()) + " of 4 copies differ");
  }
}

void Verification::check_ring(const std::string& ring_directory) {
  Ring ring;
  std::string error;
  if (!ring.attach(ring_directory, error)) {
    fault(FaultCode::kUnreadable, kRingFileName, 0, 0, error);
    return;
  }
  const std::uint64_t published = ring.published_position();
  if (!has_end_ || end_.position >= published || end_.position < ring.lowest_position()) return;
  std::uint64_t records = 0;
  std::vector<std::uint8_t> copy(ring.at(end_.position),
                                 ring.at(end_.position) + (published - end_.position));
  if (end_.position < ring.lowest_position()) return;  // overtaken while copying
  const ScanEnd scan =
      scan_memory(copy.data(), published, end_, instance_,
                  [&records](const RecordHeader&, const std::uint8_t*) { ++records; });
  result_.records += records;
  if (!scan.is_complete) {
    fault(FaultCode::kCorrupt, kRingFileName, scan.bad_position, scan.bad_sequence, scan.text);
  }
  end_ = scan.end;
}

}  // namespace

const char* fault_name(FaultCode code) noexcept {
  switch (code) {
    case FaultCode::kCutTail:
      return "CUT_TAIL";
    case FaultCode::kCorrupt:
      return "CORRUPT";
    case FaultCode::kForeign:
      return "FOREIGN";
    case FaultCode::kVersion:
      return "VERSION";
    case FaultCode::kMissingSegment:
      return "MISSING_SEGMENT";
    case FaultCode::kBadSeal:
      return "BAD_SEAL";
    case FaultCode::kBadSnapshot:
      return "BAD_SNAPSHOT";
    case FaultCode::kBadSuperblock:
      return "BAD_SUPERBLOCK";
    case FaultCode::kUnreadable:
      return "UNREADABLE";
  }
  return "";
}

VerifyResult verify(platform::Storage& storage, const std::string& directory,
                    const std::string& ring_directory, std::uint32_t instance) {
  return Verification(storage, directory, instance).run(ring_directory);
}

}  // namespace gateway::journal
