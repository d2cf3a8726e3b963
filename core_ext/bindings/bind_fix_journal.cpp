// FIX sessions of the journal as Python sees them: defining, journaling a turn's entries, rows, and
// what was sent, for a resend.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <chrono>
#include <iterator>
#include <thread>

#include "control.hpp"
#include "gateway_core/journal/fix_messages.hpp"
#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

constexpr const char* kReasons[] = {"", "incoming", "reset", "operator"};

std::uint32_t define_fix_session(EngineHandle& handle, std::string_view name,
                                 std::int64_t created_ns) {
  if (!FixSessions::is_name(name)) {
    refuse("BAD_SYMBOL", "name", std::string(name.substr(0, 128)),
           "BEGINSTRING:SENDER->TARGET[:QUALIFIER], at most 112 printable characters");
  }
  if (created_ns < 0) refuse("RANGE", "created_ns", std::to_string(created_ns), "0 or later");
  FixSessionDefined record{};
  record.version = 1;
  record.created_ns = created_ns;
  record.name.assign(name);
  bool is_known = false;
  bool is_full = false;
  Sequence sequence = 0;
  handle.runtime->run([&] {
    const FixSessions& sessions = handle.runtime->state().fix;
    record.id = sessions.find(name);
    is_known = record.id != 0;
    is_full = !is_known && sessions.is_full();
    if (is_known || is_full) return;
    record.id = sessions.count() + 1;
    sequence = handle.runtime->engine().record_control(RecordKind::kFixSessionDefined, record);
  });
  if (is_full) refuse("TABLE_FULL", "name", std::string(name), "4096 sessions");
  if (!is_known && sequence == 0) refuse("JOURNAL_BEHIND", "journal", "", "no room");
  return record.id;
}

FixNumbersReason reason_of(const std::string& word) {
  for (std::uint32_t i = 1; i < std::size(kReasons); ++i) {
    if (word == kReasons[i]) return static_cast<FixNumbersReason>(i);
  }
  refuse("BAD_ENUM", "why", word.substr(0, 64), "incoming, reset or operator");
}

/// (session, number, sent_ns, is_application, bytes) is a message, (session, why, next_outgoing,
/// next_incoming, created_ns) numbers. The bytes stay the list's.
FixEntry entry_of(nb::handle item) {
  if (!nb::isinstance<nb::tuple>(item) || nb::len(item) != 5)
    refuse("BAD_TYPE", "entries", "", "tuples of five");
  const auto from = nb::borrow<nb::tuple>(item);
  FixEntry entry;
  try {
    entry.session = nb::cast<std::uint32_t>(from[0]);
    if (nb::isinstance<nb::bytes>(from[4])) {
      const auto bytes = nb::borrow<nb::bytes>(from[4]);
      entry.is_message = true;
      entry.number = nb::cast<std::uint64_t>(from[1]);
      entry.sent_ns = nb::cast<std::int64_t>(from[2]);
      entry.is_application = nb::cast<bool>(from[3]);
      entry.bytes = static_cast<const std::uint8_t*>(bytes.data());
      if (bytes.size() > kFixMessageBytesMax)
        refuse("RANGE", "bytes", std::to_string(bytes.size()), "1 to 65536 bytes");
      entry.size = static_cast<std::uint32_t>(bytes.size());
      return entry;
    }
    entry.reason = reason_of(nb::cast<std::string>(from[1]));
    entry.next_outgoing = nb::cast<std::uint64_t>(from[2]);
    entry.next_incoming = nb::cast<std::uint64_t>(from[3]);
    entry.created_ns = nb::cast<std::int64_t>(from[4]);
  } catch (const nb::cast_error&) {
    refuse("BAD_TYPE", "entries", "", "whole numbers from 0 on");
  }
  return entry;
}

Sequence journal_fix(EngineHandle& handle, nb::list entries) {
  if (nb::len(entries) == 0) return 0;
  std::vector<FixEntry> all;
  all.reserve(nb::len(entries));
  for (const nb::handle item : entries) all.push_back(entry_of(item));
  FixFault fault;
  Sequence sequence = 0;
  handle.runtime->run(
      [&] { sequence = handle.runtime->engine().journal_fix(all.data(), all.size(), fault); });
  if (sequence == 0) {
    refuse(std::string(describe(fault.code).name), fault.field, std::to_string(fault.value),
           std::string(fault.rule) + " (entry " + std::to_string(fault.place) + ")");
  }
  return sequence;
}

nb::dict fix_row(const FixSessionRow& row) {
  nb::dict out;
  out["id"] = row.definition.id;
  out["name"] = std::string(row.definition.name.view());
  out["next_outgoing"] = row.progress.next_outgoing;
  out["next_incoming"] = row.progress.next_incoming;
  out["created_ns"] = row.progress.created_ns;
  out["last_number"] = row.progress.last_number;
  out["sequence"] = row.sequence;
  return out;
}

FixSessionRow row_now(EngineHandle& handle, FixSessionId session) {
  FixSessionRow row;
  bool is_known = false;
  handle.runtime->run([&] {
    const FixSessions& sessions = handle.runtime->state().fix;
    is_known = sessions.has(session);
    if (is_known) row = sessions.at(session);
  });
  if (!is_known) refuse("NOT_FOUND", "session", std::to_string(session), "a defined session");
  return row;
}

/// As many messages as one call may bring: what it takes is bounded.
constexpr std::uint64_t kMessagesMax = 4096;

/// Kept from call to call, so that segments are looked up once.
struct SentMessages {
  explicit SentMessages(EngineHandle& handle)
      : messages(storage, handle.stored_directory, handle.runtime->journal().ring()) {}
  platform::PosixStorage storage;
  journal::FixMessages messages;
};

void check_open(EngineHandle& handle) {
  if (!handle.runtime->journal().ring().is_open())
    refuse("SHUTTING_DOWN", "journal", "", "it is closed");
}

/// With the interpreter held: one thread at a time reads.
journal::FixMessages& sent_messages(EngineHandle& handle) {
  check_open(handle);
  if (handle.sent_messages == nullptr)
    handle.sent_messages = std::make_shared<SentMessages>(handle);
  return std::static_pointer_cast<SentMessages>(handle.sent_messages)->messages;
}

nb::list fix_messages(EngineHandle& handle, FixSessionId session, std::uint64_t first,
                      std::uint64_t last, std::uint64_t from) {
  if (first == 0 || last < first || last - first >= kMessagesMax)
    refuse("RANGE", "last", std::to_string(last), "first to first + 4095");
  auto& sent = sent_messages(handle);
  const FixSessionRow row = row_now(handle, session);
  const auto newest = from == 0 ? row.progress.last_position : from;
  const auto found = sent.read(session, newest, first, last);
  nb::list out;
  for (const auto& message : found) {
    out.append(nb::make_tuple(message.number, message.sent_ns, message.is_application,
                              nb::bytes(message.bytes.data(), message.bytes.size())));
  }
  return out;
}

nb::list fix_pages(EngineHandle& handle, FixSessionId session, std::uint64_t first,
                   std::uint64_t last, std::uint64_t numbers) {
  if (first == 0 || last < first || numbers == 0 || numbers > kMessagesMax)
    refuse("RANGE", "numbers", std::to_string(numbers), "1 to 4096, and first to last in order");
  auto& sent = sent_messages(handle);
  const FixSessionRow row = row_now(handle, session);
  nb::list out;
  for (const auto& page : sent.pages(session, row.progress.last_position, {first, last, numbers})) {
    out.append(nb::make_tuple(page.first, page.last, page.position));
  }
  return out;
}

Sequence synced_sequence(EngineHandle& handle) {
  check_open(handle);
  return handle.runtime->journal().commit().synced_sequence();
}

/// False: not within that time. The commit thread stores without being asked.
bool wait_synced(EngineHandle& handle, Sequence sequence, std::int64_t timeout_ms) {
  check_open(handle);
  const nb::gil_scoped_release release;
  auto& commit = handle.runtime->journal().commit();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (commit.synced_sequence() < sequence) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  return true;
}

}  // namespace

nb::list fix_session_rows(const State& state) {
  nb::list out;
  for (FixSessionId id = 1; id <= state.fix.count(); ++id) out.append(fix_row(state.fix.at(id)));
  return out;
}

void bind_fix_journal(nb::class_<EngineHandle>& engine) {
  engine.def("define_fix_session", &define_fix_session, "name"_a, "created_ns"_a)
      .def("journal_fix", &journal_fix, "entries"_a)
      .def(
          "fix_session",
          [](EngineHandle& handle, FixSessionId session) {
            return fix_row(row_now(handle, session));
          },
          "session"_a)
      .def_prop_ro("synced_sequence", &synced_sequence)
      .def("wait_synced", &wait_synced, "sequence"_a, "timeout_ms"_a)
      .def("fix_messages", &fix_messages, "session"_a, "first"_a, "last"_a, "position"_a = 0)
      .def("fix_pages", &fix_pages, "session"_a, "first"_a, "last"_a, "numbers"_a);
}

}  // namespace gateway
