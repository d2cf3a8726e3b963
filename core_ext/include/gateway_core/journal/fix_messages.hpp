// Finds what a FIX session sent, for a resend: by the chain of its messages, from the newest one
// back, in the ring or in the segments. Keeps nothing in memory but the places of segments. Reads
// only; any one thread. What lies in a deleted segment is missing, and so is all before it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gateway_core/journal/ring.hpp"
#include "gateway_core/journal/segment.hpp"
#include "gateway_core/platform/storage.hpp"
#include "gateway_core/record/fix.hpp"

namespace gateway::journal {

struct FixMessage {
  std::uint64_t number = 0;
  std::int64_t sent_ns = 0;
  bool is_application = false;
  std::vector<std::uint8_t> bytes;
};

/// A range of numbers to be read in pages of so many.
struct FixRange {
  std::uint64_t first;
  std::uint64_t last;
  std::uint64_t numbers;
};

/// Numbers first..last, to be read from this position back.
struct FixPage {
  std::uint64_t first;
  std::uint64_t last;
  std::uint64_t position;
};

class FixMessages {
 public:
  /// `directory` "" = nothing is stored: the ring alone. The ring outlives this.
  FixMessages(platform::Storage& storage, std::string directory, const Ring& ring) noexcept
      : storage_(storage), directory_(std::move(directory)), ring_(ring) {}
  ~FixMessages();
  FixMessages(const FixMessages&) = delete;
  FixMessages& operator=(const FixMessages&) = delete;

  /// The messages first..last of a session that are still kept, in order. `newest` is where its
  /// newest message lies, 0 = nowhere. Walks back over at most a block of numbers above `last`,
  /// one step for each block behind that, and the messages asked for.
  [[nodiscard]] std::vector<FixMessage> read(FixSessionId session, std::uint64_t newest,
                                             std::uint64_t first, std::uint64_t last);
  /// The pages of a range that have messages, in order, after one walk over the chain: reading
  /// each from its own position costs what it holds, however long the history is. A page begins
  /// at a multiple of its size; pages as large as a block cost the walk one step each.
  [[nodiscard]] std::vector<FixPage> pages(FixSessionId session, std::uint64_t newest,
                                           FixRange range);

 private:
  /// Where the chain goes on from the message in record_, which may be above `wanted`.
  [[nodiscard]] std::uint64_t step_back(FixSessionId session, std::uint64_t wanted);
  /// The record at a position into record_. False: it is not there any more, or it is no part of
  /// a message of this session.
  [[nodiscard]] bool read_record(FixSessionId session, std::uint64_t position);
  [[nodiscard]] bool copy_from_ring(std::uint64_t position) noexcept;
  [[nodiscard]] bool copy_from_disk(std::uint64_t position);
  [[nodiscard]] bool open_segment(std::uint32_t index);
  void list_segments();
  /// The whole message whose first part is in record_.
  [[nodiscard]] bool read_rest(FixSessionId session, FixMessage& out);
  [[nodiscard]] const FixMessageSent& sent() const noexcept {
    return *reinterpret_cast<const FixMessageSent*>(record_ + sizeof(RecordHeader));
  }

  platform::Storage& storage_;
  std::string directory_;
  const Ring& ring_;
  std::map<std::uint64_t, std::uint32_t> segments_;  // first position -> index
  std::uint32_t newest_index_ = 0;
  std::uint32_t index_ = 0;  // of the open file
  int file_ = -1;
  alignas(64) std::uint8_t record_[kRecordBytesMax] = {};
};

}  // namespace gateway::journal
