// What every FIX session has come to: its numbers, and where in the journal its messages begin.
// The messages themselves stay in the journal. Changed by records alone; engine's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "gateway_core/record/fix.hpp"

namespace gateway {

/// Sessions are never forgotten, so that their numbers are not; a constant as for other names.
inline constexpr std::uint32_t kFixSessionsMax = 4096;

/// How far a session's period has come, and how a record moves it on. Both the engine, before it
/// journals, and apply() go by these steps.
struct FixProgress {
  std::uint64_t next_outgoing = 1;
  std::uint64_t next_incoming = 1;
  std::int64_t created_ns = 0;
  std::uint64_t last_number = 0;     // newest message of the period, 0 = none
  std::uint64_t last_position = 0;   // where it lies in the journal
  std::uint64_t block_position = 0;  // newest one of an earlier block of numbers

  /// Whether these numbers may follow: only a reset lowers one, and only an operator or a reset
  /// touches the outgoing one.
  [[nodiscard]] bool allows(const FixNumbersSet& set) const noexcept;
  void take(const FixNumbersSet& set) noexcept;
  /// What a message's record says of those before it.
  [[nodiscard]] std::uint64_t block_before(std::uint64_t number) const noexcept {
    return last_number / kFixBlock == number / kFixBlock ? block_position : last_position;
  }
  /// The message `next_outgoing`, its first record at `position`.
  void take_message(std::uint64_t position) noexcept;
};

struct FixSessionRow {
  FixSessionDefined definition{};
  FixProgress progress;
  std::uint64_t sequence = 0;       // of the newest record of this session
  std::uint64_t parts_bytes = 0;    // of a message whose last part has not come yet
  std::uint64_t part_position = 0;  // of its first part
};

class FixSessions {
 public:
  [[nodiscard]] std::uint32_t count() const noexcept {
    return static_cast<std::uint32_t>(rows_.size());
  }
  [[nodiscard]] bool has(FixSessionId id) const noexcept { return id != 0 && id <= count(); }
  [[nodiscard]] bool is_full() const noexcept { return count() >= kFixSessionsMax; }
  [[nodiscard]] const FixSessionRow& at(FixSessionId id) const noexcept { return *rows_[id - 1]; }
  /// 0 = unknown. Cold.
  [[nodiscard]] FixSessionId find(std::string_view name) const noexcept;
  /// Whether a session may have this name: printable, in the form of FixSessionName.
  [[nodiscard]] static bool is_name(std::string_view name) noexcept;

  /// Records, the same way live and in replay. False: they contradict what was before them.
  [[nodiscard]] bool apply(const RecordHeader& header, const FixSessionDefined& defined);
  [[nodiscard]] bool apply(const RecordHeader& header, const FixNumbersSet& set) noexcept;
  [[nodiscard]] bool apply(const RecordHeader& header, const FixMessageSent& sent) noexcept;
  /// One of the three, by its header.
  [[nodiscard]] bool apply(const RecordHeader& header, const std::uint8_t* record);

  /// Appends the canonical rows in id order; nothing when there is no session.
  void serialize(std::vector<std::uint8_t>& out) const;
  /// From serialize()'s bytes, or from none. False = not such bytes.
  [[nodiscard]] bool restore(std::span<const std::uint8_t> bytes);

 private:
  std::vector<std::unique_ptr<FixSessionRow>> rows_;
};

}  // namespace gateway
