// Cuts a stream of bytes into whole FIX messages whose order, length and sum are right. Bounded in
// memory and linear in time, whatever a stranger sends and however he cuts it. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "gateway_core/fix/field.hpp"

namespace gateway::fix {

enum class FrameFault : std::uint8_t {
  kNone,
  kJunk,           // bytes in front of a message
  kHeaderOrder,    // 8, 9 and 35 are not the first three fields
  kBodyLength,     // BodyLength is no plain number, or the trailer is not where it says
  kTooLong,        // BodyLength claims more than the limit
  kChecksum,       // CheckSum is wrong or has not exactly three digits
  kTrailerOrder,   // CheckSum stands in the middle
  kBadTag,         // bytes that are no tag=value
  kTooManyFields,  // more fields than the limit
};

/// The fault as a word; empty for kNone.
[[nodiscard]] std::string_view word_of(FrameFault fault) noexcept;

struct FramerLimits {
  std::size_t message_bytes_max = 65536;       // from 8= to the last SOH
  std::size_t fields_max = 2048;               // of a message, header and trailer included
  std::size_t buffer_bytes_max = 1024 * 1024;  // fed and not yet taken
};

/// Views into the framer's buffer, good until its next call.
struct Frame {
  FrameFault fault = FrameFault::kNone;
  std::string_view data;          // the message; with a fault, all that was dropped
  std::string_view begin_string;  // empty when the fault came before it
  std::string_view message_type;
  std::int64_t length_fault = 0;  // FieldCursor::length_fault
};

class Framer {
 public:
  explicit Framer(const FramerLimits& limits) noexcept : limits_(limits) {}

  /// False, and nothing is taken, when more than buffer_bytes_max would wait or memory is short.
  [[nodiscard]] bool feed(const char* bytes, std::size_t count) noexcept;
  /// The next message or the next bytes that were dropped; false when it takes more bytes to tell.
  [[nodiscard]] bool next(Frame& frame) noexcept;

  /// Bytes fed and neither delivered nor dropped.
  [[nodiscard]] std::size_t buffered() const noexcept { return end_ - begin_; }
  /// Bytes looked at or moved since the start: a measure of work that needs no clock.
  [[nodiscard]] std::uint64_t work() const noexcept { return work_; }
  /// Bytes of memory held; what an idle session costs.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  enum class Phase : std::uint8_t { kSeek, kBeginString, kBodyLength, kBody, kSkip };
  struct Trailer {
    std::size_t stop;
    bool is_whole;
  };

  [[nodiscard]] bool make_room(std::size_t count) noexcept;
  void release() noexcept;
  [[nodiscard]] const char* here() const noexcept { return bytes_.get() + begin_; }
  [[nodiscard]] std::size_t seek(std::size_t from) noexcept;
  bool drop(FrameFault fault, std::size_t from, Frame& frame) noexcept;
  bool drop_wrong_length(std::size_t trailer, Frame& frame) noexcept;
  [[nodiscard]] Trailer find_trailer(std::size_t from) noexcept;
  bool take(FrameFault fault, std::size_t bytes, Frame& frame) noexcept;
  /// Each reads on where it stopped: true when its part is whole; false with a fault in `frame`, or
  /// without one when bytes are missing.
  [[nodiscard]] bool read_begin_string(Frame& frame) noexcept;
  [[nodiscard]] bool read_body_length(Frame& frame) noexcept;
  [[nodiscard]] bool read_body(Frame& frame) noexcept;
  [[nodiscard]] FrameFault check_sum() const noexcept;
  [[nodiscard]] FrameFault check_fields(Frame& frame) const noexcept;

  FramerLimits limits_;
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;  // where the message, or what should be one, begins
  std::size_t end_ = 0;
  // Offsets from begin_.
  std::size_t scan_ = 0;
  std::size_t begin_string_end_ = 0;
  std::size_t body_ = 0;
  std::size_t body_bytes_ = 0;
  std::uint64_t work_ = 0;
  Phase phase_ = Phase::kSeek;
};

}  // namespace gateway::fix
