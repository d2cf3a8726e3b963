// What the FIX sessions of one loop turn want journaled, and why it may be refused. Nothing of it
// touches an order's way.
#pragma once

#include <cstdint>
#include <vector>

#include "gateway_core/state/fix_sessions.hpp"
#include "gateway_core/types/refusal.hpp"

namespace gateway {

/// One message that is about to be sent, or numbers that moved.
struct FixEntry {
  FixSessionId session = 0;
  bool is_message = false;
  // A message:
  bool is_application = false;
  std::uint64_t number = 0;
  std::int64_t sent_ns = 0;  // 0 = the journal's time
  const std::uint8_t* bytes = nullptr;
  std::uint32_t size = 0;
  // Numbers; of an incoming one that was taken, the other two are left as they are:
  FixNumbersReason reason = FixNumbersReason::kIncomingTaken;
  std::uint64_t next_outgoing = 0;
  std::uint64_t next_incoming = 0;
  std::int64_t created_ns = 0;
};

/// Why nothing of a batch was journaled.
struct FixFault {
  Refusal code = Refusal::kNone;
  std::size_t place = 0;  // of the entry
  const char* field = "";
  std::uint64_t value = 0;
  const char* rule = "";
};

/// At most this much of the ring is asked for at once; the other bound is kFixBatchBytesMax.
inline constexpr std::uint64_t kFixRingShare = 8;
inline constexpr std::uint64_t kFixBatchBytesMax = 1024 * 1024;

/// Whether bytes have a field that is a secret: 554, 925, 1402 or 1404 anywhere, 96 in a Logon.
[[nodiscard]] bool has_fix_secret(const std::uint8_t* bytes, std::uint32_t size) noexcept;

/// Where each session will stand behind the entries looked at so far. Forgotten at once.
class FixDraft {
 public:
  /// Forgets everything. Allocates where a session is new.
  void begin(const FixSessions& sessions);
  /// The session's progress; the state's own when it was not touched yet.
  [[nodiscard]] FixProgress& at(const FixSessions& sessions, FixSessionId id) noexcept;
  /// The first fault of an entry, whose records would lie at `position`, against what stands before
  /// it; moves on when there is none.
  [[nodiscard]] FixFault take(const FixSessions& sessions, const FixEntry& entry,
                              std::uint64_t position) noexcept;
  /// The numbers record of an entry, at this point.
  [[nodiscard]] FixNumbersSet numbers(const FixSessions& sessions, const FixEntry& entry) noexcept;
  /// Bytes that an entry's records take.
  [[nodiscard]] static std::uint64_t bytes_of(const FixEntry& entry) noexcept;

 private:
  struct Row {
    std::uint64_t turn = 0;
    FixProgress progress;
  };
  std::vector<Row> rows_;
  std::uint64_t turn_ = 0;
};

}  // namespace gateway
