// The payloads of the records that make a FIX session durable: its name, its two numbers, and every
// message it sent. Passwords never lie here: whoever records one leaves 554, 925, 1402, 1404 and a
// Logon's 96 out.
#pragma once

#include <cstdint>

#include "gateway_core/record/kinds.hpp"

namespace gateway {

using FixSessionId = std::uint32_t;
/// "BEGINSTRING:SENDER->TARGET" or "BEGINSTRING:SENDER->TARGET:QUALIFIER", as our side sends.
using FixSessionName = Text<112>;

/// A session, with both numbers at 1. Defined once; it never changes its name.
struct FixSessionDefined {
  FixSessionId id;
  std::uint32_t version;    // 1
  std::int64_t created_ns;  // when its first period began
  FixSessionName name;
};

enum class FixNumbersReason : std::uint32_t {
  kIncomingTaken = 1,  // the incoming number rose; the other two fields are as they were
  kReset = 2,          // a new period: both numbers as given, nothing that was sent counts any more
  kOperator = 3,       // somebody raised a number; neither falls
};

/// Both numbers of a session from here on. Only a reset lowers one.
struct FixNumbersSet {
  FixSessionId session;
  std::uint32_t reason;         // FixNumbersReason
  std::uint64_t next_outgoing;  // of the next message we send
  std::uint64_t next_incoming;  // that we wait for
  std::int64_t created_ns;      // when the period began
  std::uint64_t reserved[4];
};

inline constexpr std::uint32_t kFixApplication = 1;
/// Numbers of a session's messages are taken together by this many, so that old ones are found
/// without looking at all behind them.
inline constexpr std::uint64_t kFixBlock = 256;

/// A message as it is sent, or a part of one, followed by its bytes up to the record's end, zero
/// behind the message's last one. A message that does not fit one record is laid down in several,
/// in a row and in one group: each but the last holds kFixPartBytes. Messages of a period are
/// chained backwards by their positions.
struct FixMessageSent {
  FixSessionId session;
  std::uint32_t flags;   // kFixApplication
  std::uint64_t number;  // MsgSeqNum
  std::int64_t sent_ns;
  std::uint32_t total_bytes;        // of the whole message
  std::uint32_t offset;             // of this part in it
  std::uint64_t position;           // of this record in the journal
  std::uint64_t previous_position;  // of the message before it in this period, 0 = none
  std::uint64_t block_position;     // of the last one of an earlier block of numbers, 0 = none
  std::uint64_t reserved;
};

inline constexpr std::uint32_t kFixPartBytes =
    kRecordBytesMax - static_cast<std::uint32_t>(sizeof(RecordHeader) + sizeof(FixMessageSent));
inline constexpr std::uint32_t kFixMessageBytesMax = 64 * 1024;
inline constexpr std::uint64_t kFixNumberMax = 999'999'999'999'999'999;

/// Bytes of the part that begins at `offset`.
[[nodiscard]] constexpr std::uint32_t fix_part_bytes(std::uint32_t total_bytes,
                                                     std::uint32_t offset) noexcept {
  const std::uint32_t left = total_bytes - offset;
  return left < kFixPartBytes ? left : kFixPartBytes;
}
/// Length of the record with that part.
[[nodiscard]] constexpr std::uint32_t fix_record_bytes(std::uint32_t part_bytes) noexcept {
  const auto whole =
      static_cast<std::uint32_t>(sizeof(RecordHeader) + sizeof(FixMessageSent)) + part_bytes;
  return (whole + kRecordAlign - 1) / kRecordAlign * kRecordAlign;
}
static_assert(fix_record_bytes(kFixPartBytes) == kRecordBytesMax);

#define GATEWAY_PAYLOAD(type, bytes)                                             \
  static_assert(sizeof(type) == (bytes) && std::is_trivially_copyable_v<type> && \
                std::has_unique_object_representations_v<type>)
GATEWAY_PAYLOAD(FixSessionDefined, 128);
GATEWAY_PAYLOAD(FixNumbersSet, 64);
GATEWAY_PAYLOAD(FixMessageSent, 64);
#undef GATEWAY_PAYLOAD

}  // namespace gateway
