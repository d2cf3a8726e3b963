// FIX sessions into the journal: every entry is checked against those before it, then all of them
// are laid down as one group, or none.
#include <algorithm>
#include <cstring>

#include "gateway_core/engine/engine.hpp"

namespace gateway {
namespace {

constexpr std::uint8_t kSoh = 1;

bool begins_with(const std::uint8_t* at, const std::uint8_t* end, const char* text,
                 std::size_t size) noexcept {
  return static_cast<std::size_t>(end - at) >= size && std::memcmp(at, text, size) == 0;
}

FixFault fault(Refusal code, const char* field, std::uint64_t value, const char* rule) noexcept {
  return {.code = code, .place = 0, .field = field, .value = value, .rule = rule};
}

constexpr std::uint32_t kNumbersBytes = sizeof(RecordHeader) + sizeof(FixNumbersSet);

}  // namespace

bool has_fix_secret(const std::uint8_t* bytes, std::uint32_t size) noexcept {
  const std::uint8_t* end = bytes + size;
  bool is_logon = false;
  for (const std::uint8_t* at = bytes; at != nullptr && at < end;) {
    is_logon = is_logon || begins_with(at, end, "35=A\x01", 5);
    if (begins_with(at, end, "554=", 4) || begins_with(at, end, "925=", 4) ||
        begins_with(at, end, "1402=", 5) || begins_with(at, end, "1404=", 5) ||
        (is_logon && begins_with(at, end, "96=", 3))) {
      return true;
    }
    at =
        static_cast<const std::uint8_t*>(std::memchr(at, kSoh, static_cast<std::size_t>(end - at)));
    if (at != nullptr) ++at;
  }
  return false;
}

void FixDraft::begin(const FixSessions& sessions) {
  if (rows_.size() < sessions.count()) rows_.resize(sessions.count());
  ++turn_;
}

FixProgress& FixDraft::at(const FixSessions& sessions, FixSessionId id) noexcept {
  Row& row = rows_[id - 1];
  if (row.turn != turn_) row = {turn_, sessions.at(id).progress};
  return row.progress;
}

FixNumbersSet FixDraft::numbers(const FixSessions& sessions, const FixEntry& entry) noexcept {
  const FixProgress& now = at(sessions, entry.session);
  const bool is_taken = entry.reason == FixNumbersReason::kIncomingTaken;
  const bool is_reset = entry.reason == FixNumbersReason::kReset;
  return {.session = entry.session,
          .reason = static_cast<std::uint32_t>(entry.reason),
          .next_outgoing = is_taken ? now.next_outgoing : entry.next_outgoing,
          .next_incoming = entry.next_incoming,
          .created_ns = is_reset ? entry.created_ns : now.created_ns,
          .reserved = {}};
}

FixFault FixDraft::take(const FixSessions& sessions, const FixEntry& entry,
                        std::uint64_t position) noexcept {
  if (!sessions.has(entry.session))
    return fault(Refusal::kNotFound, "session", entry.session, "a defined session");
  FixProgress& now = at(sessions, entry.session);
  // No journal of ours ends there; one that says so is not made worse.
  if (sessions.at(entry.session).parts_bytes != 0 || position <= now.last_position)
    return fault(Refusal::kRange, "session", entry.session, "a session whose journal is whole");
  if (!entry.is_message) {
    const FixNumbersSet set = numbers(sessions, entry);
    if (!now.allows(set)) {
      return fault(Refusal::kRange, "next_incoming", entry.next_incoming,
                   "numbers from 1 on; only a reset lowers one, and a taken one rises");
    }
    now.take(set);
    return {};
  }
  if (entry.number != now.next_outgoing || entry.number >= kFixNumberMax)
    return fault(Refusal::kRange, "number", entry.number, "the next outgoing number");
  if (entry.size > kFixMessageBytesMax || (entry.size == 0 && entry.is_application))
    return fault(Refusal::kRange, "bytes", entry.size, "1 to 65536 bytes");
  if (entry.sent_ns < 0) return fault(Refusal::kRange, "sent_ns", 0, "not before 1970");
  if (has_fix_secret(entry.bytes, entry.size))
    return fault(Refusal::kNotPermitted, "bytes", entry.number,
                 "no tag 554, 925, 1402, 1404, nor 96 in a Logon");
  now.take_message(position);
  return {};
}

std::uint64_t FixDraft::bytes_of(const FixEntry& entry) noexcept {
  if (!entry.is_message) return kNumbersBytes;
  const std::uint64_t whole = entry.size / kFixPartBytes * std::uint64_t{kRecordBytesMax};
  const std::uint32_t rest = entry.size % kFixPartBytes;
  return rest != 0 || entry.size == 0 ? whole + fix_record_bytes(rest) : whole;
}

Sequence Engine::journal_fix(const FixEntry* entries, std::size_t count, FixFault& found) {
  found = {};
  if (is_closed_ || count == 0) {
    found = fault(Refusal::kShuttingDown, "journal", 0, "it is closed, or there is nothing");
    return 0;
  }
  fix_draft_.begin(state_.fix);
  const std::uint64_t begin = writer_.point().position;
  std::uint64_t bytes = 0;
  bool has_message = false;
  for (std::size_t place = 0; place < count && found.code == Refusal::kNone; ++place) {
    found = fix_draft_.take(state_.fix, entries[place], begin + bytes);
    found.place = place;
    bytes += FixDraft::bytes_of(entries[place]);
    has_message = has_message || entries[place].is_message;
  }
  if (found.code != Refusal::kNone) return 0;
  const std::uint64_t bytes_max =
      std::min(kFixBatchBytesMax, writer_.capacity_bytes() / kFixRingShare);
  if (bytes > bytes_max) {
    found = fault(Refusal::kRange, "entries", bytes, "fewer bytes at once");
    return 0;
  }
  // As new orders, so that venue facts always find room; numbers alone, as cancels.
  const std::uint64_t share = writer_.capacity_bytes() / 20 * (has_message ? 15 : 19);
  std::uint8_t* group = nullptr;
  if (!writer_.is_commit_failed() && writer_.used_bytes() + bytes <= share)
    group = writer_.reserve(static_cast<std::uint32_t>(bytes));
  if (group == nullptr) {
    ++counters_.refused_for_space;
    found = fault(Refusal::kJournalBehind, "journal", bytes, "room for these bytes");
    return 0;
  }
  (void)now_ns();
  fix_draft_.begin(state_.fix);
  std::uint64_t at = 0;
  for (std::size_t place = 0; place < count; ++place)
    at += write_fix(entries[place], group + at, begin + at);
  return commit(group, static_cast<std::uint32_t>(at));
}

std::uint64_t Engine::write_fix(const FixEntry& entry, std::uint8_t* out,
                                std::uint64_t position) noexcept {
  FixProgress& now = fix_draft_.at(state_.fix, entry.session);
  if (!entry.is_message) {
    const FixNumbersSet set = fix_draft_.numbers(state_.fix, entry);
    open_record(out, RecordKind::kFixNumbersSet, kNumbersBytes, {});
    std::memcpy(out + sizeof(RecordHeader), &set, sizeof set);
    now.take(set);
    return kNumbersBytes;
  }
  FixMessageSent head{.session = entry.session,
                      .flags = entry.is_application ? kFixApplication : 0,
                      .number = entry.number,
                      .sent_ns = entry.sent_ns != 0 ? entry.sent_ns : now_ns_,
                      .total_bytes = entry.size,
                      .offset = 0,
                      .position = position,
                      .previous_position = now.last_position,
                      .block_position = now.block_before(entry.number),
                      .reserved = 0};
  now.take_message(position);
  std::uint64_t done = 0;
  do {
    const std::uint32_t part = fix_part_bytes(entry.size, head.offset);
    const std::uint32_t length = fix_record_bytes(part);
    std::uint8_t* record = out + done;
    open_record(record, RecordKind::kFixMessageSent, length, {});
    head.position = position + done;
    std::memcpy(record + sizeof(RecordHeader), &head, sizeof head);
    std::uint8_t* body = record + sizeof(RecordHeader) + sizeof head;
    if (part != 0) std::memcpy(body, entry.bytes + head.offset, part);
    std::memset(body + part, 0, length - sizeof(RecordHeader) - sizeof head - part);
    head.offset += part;
    done += length;
  } while (head.offset < entry.size);
  return done;
}

}  // namespace gateway
