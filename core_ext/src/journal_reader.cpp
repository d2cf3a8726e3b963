// Following a journal: from the ring while it holds the wanted position, else from the segments.
#include <algorithm>
#include <cstring>

#include "gateway_core/journal/reader.hpp"
#include "gateway_core/journal/scan.hpp"

namespace gateway::journal {

namespace {

constexpr std::uint64_t kBufferBytes = 256 * 1024;
constexpr std::uint32_t kAttachEveryCalls = 256;

}  // namespace

Reader::Reader(platform::Storage& storage, std::string directory, std::string ring_directory,
               Sequence from_sequence)
    : storage_(storage),
      directory_(std::move(directory)),
      ring_directory_(std::move(ring_directory)),
      from_sequence_(std::max<Sequence>(from_sequence, 1)) {
  attach_ring();
}

Reader::~Reader() {
  if (file_ >= 0) storage_.close(file_);
}

void Reader::fail(ReaderState state, std::string text) {
  state_ = state;
  error_ = std::move(text);
}

void Reader::attach_ring() {
  if (ring_directory_.empty()) return;
  if (ring_.is_open() && !ring_.is_unlinked()) return;
  std::string ignored;  // the ring may appear later; until then the segments are followed
  ring_.close();
  static_cast<void>(ring_.attach(ring_directory_, ignored));
}

bool Reader::is_next(const std::uint8_t* record, std::uint64_t available) const noexcept {
  return follows(record, available, point_, 0);
}

void Reader::accept(const std::uint8_t* record) noexcept { point_ = behind(point_, record); }

bool Reader::open_segment(std::uint32_t index, SegmentHeader& header) {
  const std::string path = directory_ + "/" + segment_name(index);
  const int file = storage_.open(path, platform::OpenMode::kRead);
  if (file < 0) return false;
  const std::int64_t got = platform::read_fully(storage_, file, &header, sizeof header, 0);
  if (got != sizeof header || check_segment_header(header, index, 0) != HeaderCheck::kGood) {
    storage_.close(file);
    return false;
  }
  if (file_ >= 0) storage_.close(file_);
  file_ = file;
  index_ = index;
  first_position_ = header.first_position;
  buffer_bytes_ = 0;
  return true;
}

/// Finds the segment that holds the first wanted sequence; the walk to it is the caller's.
bool Reader::locate() {
  DirectoryListing listing;
  if (list_directory(storage_, directory_, listing) != 0) return false;
  SegmentHeader header{};
  for (auto it = listing.segments.rbegin(); it != listing.segments.rend(); ++it) {
    if (!open_segment(*it, header) || header.first_sequence > from_sequence_) continue;
    point_ = {header.first_position, header.first_sequence - 1, header.previous_crc, header.epoch};
    is_located_ = true;
    return true;
  }
  if (!listing.segments.empty() && header.first_sequence > from_sequence_) {
    oldest_ = header.first_sequence;
    fail(ReaderState::kMissing, "sequence " + std::to_string(from_sequence_) +
                                    " is older than the oldest segment, which starts at " +
                                    std::to_string(header.first_sequence));
  }
  // Memory-only journals have no segments: the ring alone, from its very beginning.
  const bool is_ring_whole = listing.segments.empty() && ring_.is_open() &&
                             ring_.published_position() > 0 && ring_.lowest_position() == 0;
  is_located_ = is_ring_whole;
  return is_ring_whole;
}

const RecordHeader* Reader::next() {
  while (state_ == ReaderState::kFollowing) {
    if (!is_located_ && !locate()) return nullptr;
    const RecordHeader* record = step();
    if (record == nullptr) {
      if (++idle_calls_ % kAttachEveryCalls == 0) attach_ring();
      return nullptr;
    }
    if (record->sequence >= from_sequence_) return record;
  }
  return nullptr;
}

const RecordHeader* Reader::step() {
  for (;;) {
    const Found in_ring = from_ring();
    if (in_ring == Found::kRecord) break;
    if (in_ring == Found::kNothing) return nullptr;
    const Found on_disk = from_disk();
    if (on_disk == Found::kRecord) break;
    if (on_disk == Found::kNothing) return nullptr;
  }
  accept(record_);
  return reinterpret_cast<const RecordHeader*>(record_);
}

Reader::Found Reader::from_ring() {
  if (!ring_.is_open()) return Found::kElsewhere;
  const std::uint64_t published = ring_.published_position();
  const std::uint64_t position = point_.position;
  if (position < ring_.lowest_position() || position > published) return Found::kElsewhere;
  if (position == published) return Found::kNothing;
  ring_.copy(record_, position, sizeof(RecordHeader));
  RecordHeader header;
  std::memcpy(&header, record_, sizeof header);
  const bool is_possible = is_possible_length(header.length, published - position);
  if (is_possible) {
    ring_.copy(record_ + sizeof header, position + sizeof header,
               header.length - static_cast<std::uint32_t>(sizeof header));
  }
  if (position < ring_.lowest_position()) return Found::kElsewhere;  // overtaken while copying
  if (is_possible && is_next(record_, header.length)) return Found::kRecord;
  // A ring that does not continue what was read may be one that is being replaced: the disk
  // decides.
  if (ring_.is_unlinked()) {
    attach_ring();
    return Found::kElsewhere;
  }
  fail(ReaderState::kCorrupt, std::string(kRingFileName) + ": position " +
                                  std::to_string(position) + ", sequence " +
                                  std::to_string(point_.sequence + 1) + ": " +
                                  describe_bad_record(record_, published - position, point_, 0));
  return Found::kNothing;
}

Reader::Found Reader::from_disk() {
  if (!open_segment_for_position()) return Found::kNothing;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::uint64_t position = point_.position;
    if (position >= buffer_position_ && position < buffer_position_ + buffer_bytes_) {
      const std::uint8_t* record = buffer_.data() + (position - buffer_position_);
      const std::uint64_t available = buffer_position_ + buffer_bytes_ - position;
      if (is_next(record, available)) {
        RecordHeader header;
        std::memcpy(&header, record, sizeof header);
        std::memcpy(record_, record, header.length);
        return Found::kRecord;
      }
    }
    if (attempt == 1) break;
    buffer_.resize(kBufferBytes);
    const std::int64_t got = platform::read_fully(storage_, file_, buffer_.data(), buffer_.size(),
                                                  kPageBytes + position - first_position_);
    buffer_position_ = position;
    buffer_bytes_ = got > 0 ? static_cast<std::uint64_t>(got) : 0;
  }
  return after_segment_end();
}

/// The open segment gave no next record: it has not come yet, or the stream goes on in the next
/// one.
Reader::Found Reader::after_segment_end() {
  SegmentHeader header;
  const std::uint64_t position = point_.position;
  const std::uint32_t index = index_;
  if (!open_segment(index_ + 1, header)) return Found::kNothing;
  if (header.first_position <= position) return Found::kElsewhere;
  // Rotation happened behind our read: the rest of the old segment is there now.
  SegmentHeader old;
  if (!open_segment(index, old)) return Found::kNothing;
  std::uint8_t record[kRecordBytesMax];
  const std::int64_t got = platform::read_fully(storage_, file_, record, sizeof record,
                                                kPageBytes + position - first_position_);
  if (got > 0 && is_next(record, static_cast<std::uint64_t>(got))) return Found::kElsewhere;
  fail(ReaderState::kCorrupt,
       segment_name(index) + ": offset " + std::to_string(kPageBytes + position - first_position_) +
           ", sequence " + std::to_string(point_.sequence + 1) + ": " +
           describe_bad_record(record, got > 0 ? static_cast<std::uint64_t>(got) : 0, point_, 0));
  return Found::kNothing;
}

/// Makes sure that a segment is open which starts at or before the wanted position.
bool Reader::open_segment_for_position() {
  if (file_ >= 0 && first_position_ <= point_.position) return true;
  DirectoryListing listing;
  if (list_directory(storage_, directory_, listing) != 0) return false;
  SegmentHeader header;
  for (auto it = listing.segments.rbegin(); it != listing.segments.rend(); ++it) {
    if (open_segment(*it, header) && header.first_position <= point_.position) return true;
  }
  if (!listing.segments.empty()) {
    fail(ReaderState::kMissing,
         "what follows sequence " + std::to_string(point_.sequence) + " is no longer kept");
  }
  return false;
}

}  // namespace gateway::journal
