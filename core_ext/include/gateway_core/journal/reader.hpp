// Follows a journal from another process: segments on disk, then the live ring. Read-only.
// Never blocks the writer; when it is lapped in the ring it goes on from the segments.
// A place without a record is the end of the journal only when nothing shows that there was one:
// a later record or segment, a seal, a clean stop or the ring make it damage, which is never
// taken for an end. A bad record with nothing behind it is what a crash leaves; recovery cuts it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway_core/journal/ring.hpp"
#include "gateway_core/journal/segment.hpp"

namespace gateway::journal {

enum class ReaderState : std::uint8_t {
  kFollowing,  // next() gives what there is
  kMissing,    // the wanted sequence is older than the oldest segment kept
  kCorrupt,    // a record inside the journal does not check; error() names it
};

class Reader {
 public:
  /// `ring_directory` "" = segments only. The ring may appear later.
  Reader(platform::Storage& storage, std::string directory, std::string ring_directory = "",
         Sequence from_sequence = 1);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// The next record (length in its header), or nullptr when there is nothing new right now or
  /// state() is not kFollowing. Valid until the next call.
  [[nodiscard]] const RecordHeader* next();

  [[nodiscard]] ReaderState state() const noexcept { return state_; }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }
  /// After kMissing at the start: the oldest sequence that is kept; 0 = it is not known.
  [[nodiscard]] Sequence oldest() const noexcept { return oldest_; }
  /// Behind the last record given.
  [[nodiscard]] const StreamPoint& point() const noexcept { return point_; }
  [[nodiscard]] Sequence sequence() const noexcept { return point_.sequence; }

 private:
  enum class Found : std::uint8_t { kRecord, kNothing, kElsewhere };
  [[nodiscard]] bool locate();
  [[nodiscard]] const RecordHeader* step();
  [[nodiscard]] Found from_ring();
  [[nodiscard]] Found from_disk();
  [[nodiscard]] Found after_segment_end();
  [[nodiscard]] Found missing_record(const std::string& evidence);
  [[nodiscard]] bool is_behind_ring() const noexcept;
  [[nodiscard]] std::string evidence_of_more();
  [[nodiscard]] bool has_later_record();
  [[nodiscard]] Sequence sealed_sequence();
  [[nodiscard]] bool read_again(std::string& fault);
  [[nodiscard]] Found without_next_segment();
  [[nodiscard]] std::string place() const;
  enum class Opened : std::uint8_t { kYes, kAbsent, kDamaged };
  [[nodiscard]] Opened open_segment(std::uint32_t index, SegmentHeader& header);
  [[nodiscard]] bool open_segment_for_position();
  [[nodiscard]] bool is_next(const std::uint8_t* record, std::uint64_t available) const noexcept;
  void accept(const std::uint8_t* record) noexcept;
  [[nodiscard]] bool is_end_due() noexcept;
  void attach_ring();
  void fail(ReaderState state, std::string text);

  platform::Storage& storage_;
  std::string directory_;
  std::string ring_directory_;
  Sequence from_sequence_;
  Ring ring_;
  StreamPoint point_;
  bool is_located_ = false;
  ReaderState state_ = ReaderState::kFollowing;
  std::string error_;
  Sequence oldest_ = 0;
  std::uint32_t idle_calls_ = 0;
  int file_ = -1;
  std::uint32_t index_ = 0;
  std::uint64_t first_position_ = 0;
  std::uint32_t instance_ = 0;            // of the open segment
  std::uint64_t end_checked_at_ = ~0ULL;  // position at which nothing showed that there is more
  std::uint64_t end_met_at_ = ~0ULL;      // position at which nothing more came last
  std::uint32_t end_met_calls_ = 0;       // in a row
  std::string header_fault_;              // of the segment that open_segment found damaged
  std::vector<std::uint8_t> buffer_;
  std::uint64_t buffer_position_ = 0;  // stream position of buffer_[0]
  std::uint64_t buffer_bytes_ = 0;
  alignas(64) std::uint8_t record_[kRecordBytesMax];
};

}  // namespace gateway::journal
