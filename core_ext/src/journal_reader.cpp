// Following a journal: from the ring while it holds the wanted position, else from the segments.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "gateway_core/journal/checksum.hpp"
#include "gateway_core/journal/reader.hpp"
#include "gateway_core/journal/scan.hpp"
#include "gateway_core/journal/superblock.hpp"

namespace gateway::journal {

namespace {

constexpr std::uint64_t kBufferBytes = 256 * 1024;
constexpr std::uint32_t kAttachEveryCalls = 256;
constexpr std::uint32_t kEndCalls = 32;  // at one end, before the rest of its segment is read

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

Reader::Opened Reader::open_segment(std::uint32_t index, SegmentHeader& header) {
  const std::string path = directory_ + "/" + segment_name(index);
  const int file = storage_.open(path, platform::OpenMode::kRead);
  if (file == -ENOENT) return Opened::kAbsent;
  const std::int64_t got =
      file < 0 ? file : platform::read_fully(storage_, file, &header, sizeof header, 0);
  const bool is_whole = got == sizeof header;
  if (!is_whole || check_segment_header(header, index, 0) != HeaderCheck::kGood) {
    if (file >= 0) storage_.close(file);
    header = {};
    // Segments get their names when they are whole: such a header is never one being written.
    header_fault_ = segment_name(index) + ": offset 0, sequence " +
                    std::to_string(point_.sequence + 1) + ": " +
                    (got < 0 ? platform::describe_errno(static_cast<int>(got))
                             : std::string("the header does not check"));
    return Opened::kDamaged;
  }
  if (file_ >= 0) storage_.close(file_);
  file_ = file;
  index_ = index;
  first_position_ = header.first_position;
  instance_ = header.instance;
  buffer_bytes_ = 0;
  return Opened::kYes;
}

/// Finds the segment that holds the first wanted sequence; the walk to it is the caller's.
bool Reader::locate() {
  DirectoryListing listing;
  if (list_directory(storage_, directory_, listing) != 0) return false;
  SegmentHeader header{};
  Sequence oldest = 0;
  bool is_damaged = false;
  for (auto it = listing.segments.rbegin(); it != listing.segments.rend(); ++it) {
    const Opened opened = open_segment(*it, header);
    is_damaged = opened == Opened::kDamaged || (is_damaged && opened == Opened::kAbsent);
    if (opened != Opened::kYes) continue;
    oldest = header.first_sequence;
    if (oldest > from_sequence_) continue;
    point_ = {header.first_position, header.first_sequence - 1, header.previous_crc, header.epoch};
    is_located_ = true;
    return true;
  }
  if (is_damaged) {  // the oldest one: whether it has the wanted sequence nobody can tell
    fail(ReaderState::kCorrupt, header_fault_);
  } else if (oldest > from_sequence_) {
    oldest_ = oldest;
    fail(ReaderState::kMissing, "sequence " + std::to_string(from_sequence_) +
                                    " is older than the oldest segment, which starts at " +
                                    std::to_string(oldest));
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
    if (got < 0) {
      fail(ReaderState::kCorrupt, place() + ": " + platform::describe_errno(static_cast<int>(got)));
      return Found::kNothing;
    }
  }
  return after_segment_end();
}

std::string Reader::place() const {
  return segment_name(index_) + ": offset " +
         std::to_string(kPageBytes + point_.position - first_position_) + ", sequence " +
         std::to_string(point_.sequence + 1);
}

/// The place of the next record afresh; true when it is there. `fault` says what is there else.
bool Reader::read_again(std::string& fault) {
  std::uint8_t record[kRecordBytesMax];
  const std::int64_t got = platform::read_fully(storage_, file_, record, sizeof record,
                                                kPageBytes + point_.position - first_position_);
  const std::uint64_t available = got > 0 ? static_cast<std::uint64_t>(got) : 0;
  if (is_next(record, available)) return true;
  fault = got < 0 ? platform::describe_errno(static_cast<int>(got))
                  : describe_bad_record(record, available, point_, 0);
  return false;
}

/// The open segment gave no next record: it has not come yet, or the stream goes on in the next
/// one, or it is lost.
Reader::Found Reader::after_segment_end() {
  SegmentHeader header;
  const std::uint64_t position = point_.position;
  const std::uint32_t index = index_;
  const Opened opened = open_segment(index_ + 1, header);
  if (opened == Opened::kDamaged) {
    // The rest of this segment may have come just before.
    std::string fault;
    if (read_again(fault)) return Found::kElsewhere;
    fail(ReaderState::kCorrupt, header_fault_);
    return Found::kNothing;
  }
  if (opened == Opened::kAbsent) return without_next_segment();
  if (header.first_position <= position) return Found::kElsewhere;
  // Rotation happened behind our read: the rest of the old segment is there now.
  SegmentHeader old;
  if (open_segment(index, old) != Opened::kYes) {
    fail(ReaderState::kMissing,
         "what follows sequence " + std::to_string(point_.sequence) + " is no longer kept");
    return Found::kNothing;
  }
  return missing_record(segment_name(index + 1) + " begins behind it");
}

/// Something shows that the next record was written. It must be there now, whatever a read before
/// may have met half written: records are stored in their order.
Reader::Found Reader::missing_record(const std::string& evidence) {
  std::string fault;
  if (read_again(fault)) return Found::kElsewhere;
  fail(ReaderState::kCorrupt, place() + ": " + fault + "; " + evidence);
  return Found::kNothing;
}

Reader::Found Reader::without_next_segment() {
  if (end_checked_at_ == point_.position && !is_behind_ring()) return Found::kNothing;
  if (!is_end_due()) return Found::kNothing;
  DirectoryListing listing;
  if (list_directory(storage_, directory_, listing) == 0 && !listing.segments.empty() &&
      listing.segments.back() > index_) {
    const bool is_recycled = listing.segments.front() > index_ + 1;
    const bool is_new = std::binary_search(listing.segments.begin(), listing.segments.end(),
                                           index_ + 1);  // came just now
    if (is_new) return Found::kElsewhere;
    if (!is_recycled) return missing_record(segment_name(index_ + 1) + " is not there");
    std::string fault;
    if (read_again(fault)) return Found::kElsewhere;
    fail(ReaderState::kMissing,
         "what follows sequence " + std::to_string(point_.sequence) + " is no longer kept");
    return Found::kNothing;
  }
  const std::string evidence = evidence_of_more();
  if (!evidence.empty()) {
    SegmentHeader header;
    // It may all have come since: then there is a next segment, or the record itself.
    if (open_segment(index_ + 1, header) != Opened::kAbsent) return Found::kElsewhere;
    return missing_record(evidence);
  }
  end_checked_at_ = point_.position;
  return Found::kNothing;
}

/// Whether this end is worth a look at what may be behind it, which costs a read of the rest of the
/// segment: the first one at once, as of a journal that lies still; a later one, which is where a
/// writer is about to go on, once it stands.
bool Reader::is_end_due() noexcept {
  const bool is_first = end_met_at_ == ~0ULL;
  end_met_calls_ = end_met_at_ == point_.position ? end_met_calls_ + 1 : 1;
  end_met_at_ = point_.position;
  return is_first || end_met_calls_ >= kEndCalls || is_behind_ring();
}

/// The writer went on beyond the wanted position, so that it is stored: the writer waits for that.
bool Reader::is_behind_ring() const noexcept {
  return ring_.is_open() && point_.position < ring_.lowest_position();
}

/// What shows that a record was written behind the last one read; "" when nothing does.
std::string Reader::evidence_of_more() {
  if (is_behind_ring()) {
    return "the writer went on to sequence " + std::to_string(ring_.published_sequence());
  }
  if (sealed_sequence() > point_.sequence) {
    return "its seal ends at sequence " + std::to_string(sealed_sequence());
  }
  Superblock superblock(storage_, directory_);
  std::string ignored;  // a superblock that cannot be read proves nothing here; verify names it
  if (superblock.load(instance_, ignored) && superblock.state().is_clean &&
      superblock.state().clean_sequence > point_.sequence) {
    return "the last clean stop was at sequence " +
           std::to_string(superblock.state().clean_sequence);
  }
  return has_later_record() ? "later records are behind it" : "";
}

/// Last sequence by the seal of the open segment; 0 without a good one.
Sequence Reader::sealed_sequence() {
  SealFile seal{};
  const int file = storage_.open(directory_ + "/" + seal_name(index_), platform::OpenMode::kRead);
  if (file < 0) return 0;
  const std::int64_t got = platform::read_fully(storage_, file, &seal, sizeof seal, 0);
  storage_.close(file);
  const bool is_good = got == sizeof seal && std::memcmp(seal.magic, kSealMagic, 8) == 0 &&
                       crc32c(&seal, offsetof(SealFile, crc)) == seal.crc && seal.index == index_ &&
                       seal.instance == instance_;
  return is_good ? seal.last_sequence : 0;
}

/// Whether the rest of the open segment holds a record that checks by itself.
bool Reader::has_later_record() {
  std::vector<std::uint8_t> chunk(kBufferBytes + kRecordBytesMax);
  for (std::uint64_t at = point_.position;; at += kBufferBytes) {
    // Chunks overlap by the longest record, so that none is cut in two.
    const std::int64_t got = platform::read_fully(storage_, file_, chunk.data(), chunk.size(),
                                                  kPageBytes + at - first_position_);
    if (got <= 0) return false;
    const auto size = static_cast<std::uint64_t>(got);
    const bool is_zero =
        chunk[0] == 0 && std::memcmp(chunk.data(), chunk.data() + 1, size - 1) == 0;
    if (!is_zero && count_later_records(chunk.data(), size, point_.sequence, instance_) != 0) {
      return true;
    }
    if (size < chunk.size()) return false;
  }
}

/// Makes sure that a segment is open which starts at or before the wanted position.
bool Reader::open_segment_for_position() {
  if (file_ >= 0 && first_position_ <= point_.position) return true;
  DirectoryListing listing;
  if (list_directory(storage_, directory_, listing) != 0) return false;
  SegmentHeader header;
  bool is_damaged = false;
  for (auto it = listing.segments.rbegin(); it != listing.segments.rend(); ++it) {
    const Opened opened = open_segment(*it, header);
    is_damaged = opened == Opened::kDamaged || (is_damaged && opened == Opened::kAbsent);
    if (opened == Opened::kYes && header.first_position <= point_.position) return true;
  }
  if (is_damaged) {
    fail(ReaderState::kCorrupt, header_fault_);
  } else if (!listing.segments.empty() || is_behind_ring()) {
    fail(ReaderState::kMissing,
         "what follows sequence " + std::to_string(point_.sequence) + " is no longer kept");
  }
  return false;
}

}  // namespace gateway::journal
