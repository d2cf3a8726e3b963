// FIX sessions for tests: messages that say who they are, and entries made in one line.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine_world.hpp"
#include "gateway_core/journal/fix_messages.hpp"

namespace desk {

inline FixSessionId define_session(Engine& engine, const std::string& name) {
  FixSessionDefined defined{};
  defined.id = engine.state().fix.count() + 1;
  defined.version = 1;
  defined.created_ns = 7;
  defined.name.assign(name);
  return engine.record_control(RecordKind::kFixSessionDefined, defined) != 0 ? defined.id : 0;
}

/// `size` bytes at least that name the session, the number and a salt.
inline std::string message_text(FixSessionId session, std::uint64_t number, std::uint64_t salt,
                                std::size_t size = 0) {
  std::string text = numbered(
      "8=FIX.4.4\x01"
      "35=8\x01"
      "34=",
      number);
  text += numbered(
      "\x01"
      "58=",
      salt * 1000 + session);
  for (std::size_t at = text.size(); at < size; ++at) {
    text += static_cast<char>('a' + (at * 7 + number) % 26);
  }
  return text;
}

/// Entries of one turn, with the bytes they point to.
struct Turn {
  std::vector<std::unique_ptr<std::string>> texts;
  std::vector<FixEntry> entries;

  Turn& send(FixSessionId session, std::uint64_t number, const std::string& text,
             bool is_application = true) {
    texts.push_back(std::make_unique<std::string>(text));
    FixEntry entry;
    entry.session = session;
    entry.is_message = true;
    entry.is_application = is_application;
    entry.number = number;
    entry.sent_ns = static_cast<std::int64_t>(1000 + number);
    entry.bytes = reinterpret_cast<const std::uint8_t*>(texts.back()->data());
    entry.size = static_cast<std::uint32_t>(texts.back()->size());
    entries.push_back(entry);
    return *this;
  }
  Turn& set(FixSessionId session, FixNumbersReason reason, std::uint64_t outgoing,
            std::uint64_t incoming, std::int64_t created_ns = 0) {
    FixEntry entry;
    entry.session = session;
    entry.reason = reason;
    entry.next_outgoing = outgoing;
    entry.next_incoming = incoming;
    entry.created_ns = created_ns;
    entries.push_back(entry);
    return *this;
  }
  Turn& take(FixSessionId session, std::uint64_t incoming) {
    return set(session, FixNumbersReason::kIncomingTaken, 0, incoming);
  }
  Sequence journal(Engine& engine, FixFault& fault) const {
    return engine.journal_fix(entries.data(), entries.size(), fault);
  }
  Refusal refused(Engine& engine) const {
    FixFault fault;
    return journal(engine, fault) != 0 ? Refusal::kNone : fault.code;
  }
};

inline std::string text_of(const journal::FixMessage& message) {
  return {message.bytes.begin(), message.bytes.end()};
}

}  // namespace desk
