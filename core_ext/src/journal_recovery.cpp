// Recovery, step by step: list, choose a snapshot, walk the segments, walk the ring's tail, write
// that tail to a new segment. Nothing old is changed, but for the exact cut of a bad tail, and the
// ring not at all: a start that ends before the loss is durable is followed by one that finds it.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "gateway_core/journal/recovery.hpp"
#include "gateway_core/journal/scan.hpp"

namespace gateway::journal {

namespace {

constexpr std::uint64_t kNoLimit = ~0ULL;
constexpr std::size_t kHaltReasonBytes = 64;  // room of a reason in the record of a halt

struct Segment {
  std::uint32_t index = 0;
  SegmentHeader header{};
  std::uint64_t end_position = kNoLimit;  // where the next one starts
  [[nodiscard]] StreamPoint start() const noexcept {
    return {header.first_position, header.first_sequence - 1, header.previous_crc, header.epoch};
  }
  [[nodiscard]] std::string name() const { return segment_name(index); }
};

class Recovery {
 public:
  Recovery(const std::string& directory, Ring& ring, platform::Storage& storage,
           const RecoveryOptions& options, RecoveryVisitor& visitor)
      : directory_(directory),
        ring_(ring),
        storage_(storage),
        options_(options),
        visitor_(visitor) {}

  RecoveryReport run() {
    report_.is_ok = read_directory() && read_headers() && choose_snapshot() && walk_segments() &&
                    walk_ring() && check_end() && open_for_writing();
    report_.is_whole = is_whole();
    return std::move(report_);
  }

 private:
  bool refuse(std::string text) {
    report_.error = std::move(text);
    return false;
  }
  void note(std::string text) { report_.notes.push_back(std::move(text)); }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  bool read_directory();
  bool read_halt_due();
  bool read_headers();
  bool read_header(Segment& segment);
  bool choose_snapshot();
  bool is_on_chain(const StreamPoint& at);
  bool walk_segments();
  bool walk_segment(const Segment& segment, bool is_last);
  bool end_of_last(const Segment& segment, const ScanEnd& scan, int file);
  bool keep_tail(const Segment& segment, const ScanEnd& scan, std::vector<std::uint8_t> tail);
  [[nodiscard]] std::string proof_of_more(const Segment& segment, Sequence end);
  [[nodiscard]] int store_tail(const Segment& segment, const std::vector<std::uint8_t>& tail,
                               std::string& name);
  [[nodiscard]] int store_again(int file, std::uint64_t bytes);
  bool walk_ring();
  bool is_disk_ahead();
  bool check_end();
  bool open_for_writing();
  [[nodiscard]] bool is_whole() const noexcept;

  void visit(const RecordHeader& header, const std::uint8_t* bytes) {
    report_.known_to_ns = std::max(report_.known_to_ns, header.time_ns);
    if (header.sequence <= report_.snapshot_sequence) return;
    visitor_.record(header, bytes);
    ++report_.records;
  }

  // One without a record may be of a start that failed, long after what was lost.
  void know_time_of(const Segment& segment) {
    if (segment.end_position == segment.header.first_position) return;
    report_.known_to_ns = std::max(report_.known_to_ns, segment.header.created_ns);
  }

  const std::string& directory_;
  Ring& ring_;
  platform::Storage& storage_;
  const RecoveryOptions& options_;
  RecoveryVisitor& visitor_;
  RecoveryReport report_;
  DirectoryListing listing_;
  std::vector<Segment> segments_;
  std::size_t first_walked_ = 0;
  StreamPoint tail_start_;               // the disk ends here and the ring goes on
  bool has_ring_ = false;                // it holds what a running gateway left
  std::uint64_t disk_limit_ = kNoLimit;  // what the ring says is synced
};

bool Recovery::read_directory() {
  const int error = list_directory(storage_, directory_, listing_);
  if (error != 0) return refuse(directory_ + ": " + platform::describe_errno(error));
  for (const std::string& name : listing_.leftovers) {
    static_cast<void>(storage_.unlink(path(name)));
  }
  has_ring_ = !ring_.was_created() && ring_.published_position() != 0;
  if (has_ring_) disk_limit_ = ring_.synced_position();
  if (!has_ring_ && !listing_.segments.empty()) {
    note("the ring is empty: what was not on disk is lost, as after a power failure");
  }
  return read_halt_due();
}

/// A start that cut valid records away ended before the firm was halted for it.
bool Recovery::read_halt_due() {
  const int file = storage_.open(path(kHaltDueName), platform::OpenMode::kRead);
  if (file == -ENOENT) return true;
  if (file < 0) return refuse(path(kHaltDueName) + ": " + platform::describe_errno(file));
  const platform::FileGuard guard(storage_, file);
  char text[kHaltReasonBytes] = {};
  const std::int64_t got = platform::read_fully(storage_, file, text, sizeof text, 0);
  if (got < 0) return refuse(path(kHaltDueName) + ": " + platform::describe_errno(got));
  report_.halt_due.assign(text, static_cast<std::size_t>(got));
  if (report_.halt_due.empty()) report_.halt_due = "valid records were cut";
  return true;
}

bool Recovery::read_header(Segment& segment) {
  const int file = storage_.open(path(segment.name()), platform::OpenMode::kRead);
  if (file < 0) return refuse(segment.name() + ": " + platform::describe_errno(file));
  const std::int64_t got =
      platform::read_fully(storage_, file, &segment.header, sizeof segment.header, 0);
  storage_.close(file);
  if (got < 0) return refuse(segment.name() + ": " + platform::describe_errno(got));
  if (got != sizeof segment.header) {
    return refuse(segment.name() + ": CORRUPT at offset 0: shorter than its header");
  }
  const std::string found = std::to_string(segment.header.version) + ", instance " +
                            std::to_string(segment.header.instance);
  switch (check_segment_header(segment.header, segment.index, options_.instance)) {
    case HeaderCheck::kGood:
      return true;
    case HeaderCheck::kVersion:
      return refuse(segment.name() + ": VERSION " + found + "; this build reads version " +
                    std::to_string(kFormatVersion));
    case HeaderCheck::kForeign:
      return refuse(segment.name() + ": FOREIGN: version " + found + ", expected instance " +
                    std::to_string(options_.instance));
    default:
      return refuse(segment.name() + ": CORRUPT at offset 0: the header does not check");
  }
}

bool Recovery::read_headers() {
  for (const std::uint32_t index : listing_.segments) {
    Segment segment;
    segment.index = index;
    if (!segments_.empty() && segments_.back().index + 1 != index) {
      return refuse(segment_name(segments_.back().index + 1) + ": MISSING_SEGMENT");
    }
    if (!read_header(segment)) return false;
    if (!segments_.empty()) {
      Segment& before = segments_.back();
      if (segment.header.first_position < before.header.first_position ||
          segment.header.first_sequence < before.header.first_sequence) {
        return refuse(segment.name() + ": CORRUPT: starts before " + before.name());
      }
      before.end_position = segment.header.first_position;
    }
    segments_.push_back(segment);
  }
  if (segments_.empty() && (!listing_.snapshots.empty() || options_.sequence_min != 0)) {
    return refuse(directory_ +
                  ": MISSING_SEGMENT: there is no segment file, but the journal was in use");
  }
  return true;
}

/// True when the record at this sequence is in the segments with this checksum.
bool Recovery::is_on_chain(const StreamPoint& at) {
  for (std::size_t i = segments_.size(); i-- > 0;) {
    const Segment& segment = segments_[i];
    if (segment.header.first_position > at.position) continue;
    if (segment.start().position == at.position) {
      first_walked_ = i;
      return segment.start().sequence == at.sequence && segment.start().crc == at.crc;
    }
    const int file = storage_.open(path(segment.name()), platform::OpenMode::kRead);
    if (file < 0) return false;
    const platform::FileGuard guard(storage_, file);
    const std::uint64_t end = std::min(segment.end_position, at.position);
    const ScanEnd scan = scan_file(storage_, file, end, segment.start(), options_.instance,
                                   [](const RecordHeader&, const std::uint8_t*) {});
    first_walked_ = i;
    return scan.end.position == at.position && scan.end.sequence == at.sequence &&
           scan.end.crc == at.crc;
  }
  return false;
}

bool Recovery::choose_snapshot() {
  const auto& all = listing_.snapshots;
  for (auto it = all.rbegin(); options_.use_snapshot && it != all.rend(); ++it) {
    Snapshot snapshot;
    std::string error;
    if (!load_snapshot(storage_, directory_, *it, options_.instance, snapshot, error)) {
      note(error + "; an older one is used");
      continue;
    }
    if (!is_on_chain(snapshot.at)) {
      note(snapshot.name + ": not on the chain of the segments; an older one is used");
      continue;
    }
    if (!visitor_.snapshot(snapshot.at, snapshot.payload.data(), snapshot.payload.size())) {
      note(snapshot.name + ": the state in it cannot be used; an older one is used");
      continue;
    }
    report_.snapshot_sequence = snapshot.at.sequence;
    report_.snapshot_name = snapshot.name;
    report_.epoch_max = snapshot.at.epoch;
    return true;
  }
  first_walked_ = 0;
  if (!segments_.empty() && segments_.front().header.first_sequence != 1) {
    return refuse(segments_.front().name() + ": MISSING_SEGMENT: starts at sequence " +
                  std::to_string(segments_.front().header.first_sequence) +
                  " and no usable snapshot covers what came before");
  }
  return true;
}

bool Recovery::walk_segments() {
  if (segments_.empty()) return true;
  for (std::size_t i = 0; i < first_walked_; ++i) know_time_of(segments_[i]);
  report_.end = segments_[first_walked_].start();
  for (std::size_t i = first_walked_; i < segments_.size(); ++i) {
    if (segments_[i].start().position >= disk_limit_ && i != first_walked_ &&
        report_.end.position == disk_limit_) {
      break;
    }
    if (!walk_segment(segments_[i], i + 1 == segments_.size())) return false;
  }
  return true;
}

bool Recovery::walk_segment(const Segment& segment, bool is_last) {
  const StreamPoint start = segment.start();
  if (start.position != report_.end.position || start.sequence != report_.end.sequence ||
      start.crc != report_.end.crc) {
    return refuse(segment.name() + ": CORRUPT at offset 0: does not continue the segment before " +
                  "(sequence " + std::to_string(start.sequence + 1) + ", expected " +
                  std::to_string(report_.end.sequence + 1) + ")");
  }
  const std::uint64_t limit = std::max(std::min(segment.end_position, disk_limit_), start.position);
  const int file = storage_.open(path(segment.name()), platform::OpenMode::kReadWrite);
  if (file < 0) return refuse(segment.name() + ": " + platform::describe_errno(file));
  const platform::FileGuard guard(storage_, file);
  const ScanEnd scan = scan_file(
      storage_, file, limit, start, options_.instance,
      [this](const RecordHeader& header, const std::uint8_t* bytes) { visit(header, bytes); });
  bool is_good = true;
  report_.end = scan.end;
  report_.epoch_max = std::max(report_.epoch_max, scan.end.epoch);
  if (scan.error != 0) {
    is_good = refuse(segment.name() + ": UNREADABLE: " + scan.text);
  } else if (is_last && !scan.is_complete) {
    is_good = end_of_last(segment, scan, file);
  } else if (!scan.is_complete) {
    is_good = refuse(segment.name() + ": CORRUPT at offset " +
                     std::to_string(kPageBytes + scan.bad_position - start.position) +
                     ", sequence " + std::to_string(scan.bad_sequence) + ": " + scan.text);
  }
  return is_good;
}

/// What shows that records behind `end` had been stored, so that their loss is damage and no torn
/// end; "" = nothing does.
std::string Recovery::proof_of_more(const Segment& segment, Sequence end) {
  if (options_.sequence_min > end) {
    return "the last clean stop was at sequence " + std::to_string(options_.sequence_min);
  }
  if (report_.later_valid_records == 0) return "";  // a snapshot may be of what was never synced
  const auto& seals = listing_.seals;
  if (std::binary_search(seals.begin(), seals.end(), segment.index)) {
    return seal_name(segment.index) + " says that it was whole";
  }
  for (const Sequence sequence : listing_.snapshots) {
    Snapshot snapshot;
    std::string error;
    if (sequence > end &&
        load_snapshot(storage_, directory_, sequence, options_.instance, snapshot, error)) {
      return snapshot.name + " was taken behind it";
    }
  }
  return "";
}

/// Keeps the bytes under the first name that is free, or has them already from a start that ended
/// too early. Durable when it returns 0.
int Recovery::store_tail(const Segment& segment, const std::vector<std::uint8_t>& tail,
                         std::string& name) {
  for (std::uint32_t number = 0;; ++number) {
    name = cut_name(segment.index, number);
    const int file = storage_.open(path(name), platform::OpenMode::kRead);
    if (file == -ENOENT) {
      return platform::replace_file(storage_, directory_, name, tail.data(), tail.size());
    }
    if (file < 0) return file;
    const platform::FileGuard guard(storage_, file);
    std::vector<std::uint8_t> kept(tail.size());
    const std::int64_t got = platform::read_fully(storage_, file, kept.data(), kept.size(), 0);
    if (got < 0) return static_cast<int>(got);
    const bool is_same = storage_.size(file) == static_cast<std::int64_t>(tail.size());
    if (is_same && kept == tail) return storage_.fsync_directory(directory_);
  }
}

/// Before a bad tail is cut: refused when records in it were stored for sure, else kept in a file.
/// Where valid records lie behind a hole a halt is due, which outlives this start.
bool Recovery::keep_tail(const Segment& segment, const ScanEnd& scan,
                         std::vector<std::uint8_t> tail) {
  const std::uint64_t first = segment.header.first_position;
  const auto last = std::find_if(tail.rbegin(), tail.rend(), [](auto byte) { return byte != 0; });
  report_.cut_bytes = static_cast<std::uint64_t>(tail.rend() - last);
  if (report_.cut_bytes == 0) return true;
  report_.later_valid_records =
      count_later_records(tail.data(), tail.size(), scan.bad_sequence, options_.instance);
  const std::string later = std::to_string(report_.later_valid_records);
  if (const std::string proof = proof_of_more(segment, scan.end.sequence); !proof.empty()) {
    return refuse(segment.name() + ": CORRUPT at offset " +
                  std::to_string(kPageBytes + scan.bad_position - first) + ", sequence " +
                  std::to_string(scan.bad_sequence) + ": " + scan.text + "; " + later +
                  " valid records behind it, and " + proof + ": restore it from a backup");
  }
  // With the zeros that the last record may end in.
  tail.resize(std::min<std::uint64_t>(tail.size(), report_.cut_bytes + kRecordBytesMax));
  std::string name;
  int error = store_tail(segment, tail, name);
  if (error == 0 && report_.later_valid_records != 0) {
    report_.halt_due =
        later + " valid records cut behind sequence " + std::to_string(scan.end.sequence);
    error = platform::replace_file(storage_, directory_, kHaltDueName, report_.halt_due.data(),
                                   report_.halt_due.size());
  }
  if (error != 0) return refuse(path(name) + ": " + platform::describe_errno(error));
  note(segment.name() + ": cut " + std::to_string(report_.cut_bytes) + " bytes at offset " +
       std::to_string(kPageBytes + scan.end.position - first) + " behind sequence " +
       std::to_string(scan.end.sequence) + " (" + scan.text + "), kept in " + name +
       "; valid records behind the cut: " + later);
  return true;
}

/// The last segment ends where records end. What follows is zeros or a bad tail, which is kept in
/// a file and cut.
bool Recovery::end_of_last(const Segment& segment, const ScanEnd& scan, int file) {
  if (has_ring_) return true;  // walk_ring finds what is missing, or refuses
  const std::uint64_t end_offset = kPageBytes + scan.end.position - segment.header.first_position;
  const std::int64_t size = storage_.size(file);
  std::vector<std::uint8_t> tail;
  if (size > static_cast<std::int64_t>(end_offset)) {
    tail.resize(static_cast<std::uint64_t>(size) - end_offset);
    const std::int64_t got =
        platform::read_fully(storage_, file, tail.data(), tail.size(), end_offset);
    if (got < 0) return refuse(segment.name() + ": " + platform::describe_errno(got));
  }
  if (!keep_tail(segment, scan, std::move(tail))) return false;
  // Also without a bad tail: pages of a killed process may still be on their way to the disk, and
  // where a sync of them failed they look clean and are on no disk. A clean stop had synced all.
  const bool is_surely_stored = options_.sequence_min == scan.end.sequence;
  int error = is_surely_stored ? 0 : store_again(file, end_offset);
  if (error == 0) error = storage_.ftruncate(file, end_offset);
  if (error == 0) error = storage_.fdatasync(file);
  return error == 0 || refuse(segment.name() + ": cutting: " + platform::describe_errno(error));
}

/// Writes the first `bytes` of the file over themselves, so that the next sync stores them.
int Recovery::store_again(int file, std::uint64_t bytes) {
  std::vector<std::uint8_t> piece(std::min<std::uint64_t>(bytes, 1ULL << 20));
  for (std::uint64_t offset = 0; offset < bytes; offset += piece.size()) {
    const std::uint64_t want = std::min<std::uint64_t>(piece.size(), bytes - offset);
    const std::int64_t got = platform::read_fully(storage_, file, piece.data(), want, offset);
    if (got < 0) return static_cast<int>(got);
    const int error = platform::write_exactly(storage_, file, piece.data(),
                                              static_cast<std::size_t>(got), offset);
    if (error != 0) return error;
  }
  return 0;
}

bool Recovery::walk_ring() {
  if (!has_ring_) return true;
  const std::uint64_t published = ring_.published_position();
  const StreamPoint from = report_.end;
  tail_start_ = from;
  if (from.position > published) {
    return refuse(std::string(kRingFileName) + ": older than the segments (ends at position " +
                  std::to_string(published) + ", the disk at " + std::to_string(from.position) +
                  "); remove it to start from the disk");
  }
  if (from.position < ring_.lowest_position() && from.position != published) {
    return refuse("MISSING: the disk ends at sequence " + std::to_string(from.sequence) +
                  ", but up to " + std::to_string(ring_.synced_sequence()) +
                  " was synced and the ring no longer holds what is between; remove " +
                  kRingFileName + " to start from the disk and lose it");
  }
  if (from.position < disk_limit_) {
    note("the disk lost " + std::to_string(disk_limit_ - from.position) +
         " bytes that were synced; taken from the ring");
  }
  const std::uint64_t before = report_.records;
  const ScanEnd scan = scan_memory(
      ring_.at(from.position), published, from, options_.instance,
      [this](const RecordHeader& header, const std::uint8_t* bytes) { visit(header, bytes); });
  report_.end = scan.end;
  report_.epoch_max = std::max(report_.epoch_max, scan.end.epoch);
  report_.ring_records = report_.records - before;
  if (!scan.is_complete) {
    report_.ring_cut_bytes = published - scan.end.position;
    note(std::string(kRingFileName) + ": cut " + std::to_string(report_.ring_cut_bytes) +
         " bytes behind sequence " + std::to_string(scan.end.sequence) + ": " + scan.text);
  }
  if (scan.end.position < disk_limit_ || is_disk_ahead()) {
    return refuse(std::string(kRingFileName) + ": does not continue the segments behind sequence " +
                  std::to_string(report_.end.sequence) +
                  "; remove it to start from the disk alone");
  }
  return true;
}

/// True when the segments go on behind what the ring gave: it is not the ring of these segments.
bool Recovery::is_disk_ahead() {
  if (segments_.empty()) return false;
  const Segment& last = segments_.back();
  if (last.header.first_position > report_.end.position) return true;
  const int file = storage_.open(path(last.name()), platform::OpenMode::kRead);
  if (file < 0) return false;
  const platform::FileGuard guard(storage_, file);
  std::vector<std::uint8_t> record(kRecordBytesMax);
  const std::int64_t got =
      platform::read_fully(storage_, file, record.data(), record.size(),
                           kPageBytes + report_.end.position - last.header.first_position);
  return got > 0 &&
         follows(record.data(), static_cast<std::uint64_t>(got), report_.end, options_.instance);
}

bool Recovery::check_end() {
  const Sequence wanted = std::max(report_.snapshot_sequence, options_.sequence_min);
  if (report_.end.sequence >= wanted) return true;
  return refuse("MISSING: the journal ends at sequence " + std::to_string(report_.end.sequence) +
                ", but the last clean stop or the snapshot was at " + std::to_string(wanted));
}

// The memory stage outlives a process and not the power; a clean stop had stored all of it.
bool Recovery::is_whole() const noexcept {
  if (segments_.empty()) return true;
  const bool was_clean =
      options_.sequence_min != 0 && options_.sequence_min == report_.end.sequence;
  return was_clean || (has_ring_ && report_.ring_cut_bytes == 0);
}

bool Recovery::open_for_writing() {
  SegmentStart start;
  start.instance = options_.instance;
  start.created_ns = options_.now_ns;
  start.bytes = options_.segment_bytes;
  start.index = segments_.empty() ? 1 : segments_.back().index + 1;
  start.point = report_.end;
  std::span<const std::uint8_t> tail;
  if (has_ring_ && tail_start_.position < report_.end.position) {
    start.point = tail_start_;
    tail = {ring_.at(tail_start_.position), report_.end.position - tail_start_.position};
  }
  const int error = create_segment(storage_, directory_, start, tail, report_.segment);
  return error == 0 ||
         refuse(segment_name(start.index) + ": cannot be made: " + platform::describe_errno(error));
}

}  // namespace

RecoveryReport recover(const std::string& directory, Ring& ring, platform::Storage& storage,
                       const RecoveryOptions& options, RecoveryVisitor& visitor) {
  return Recovery(directory, ring, storage, options, visitor).run();
}

}  // namespace gateway::journal
