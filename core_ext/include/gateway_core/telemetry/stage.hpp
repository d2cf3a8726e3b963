// The stages an order passes, by number and name. Numbers are part of the measurement file: a new
// stage goes to the end, none is ever reused.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace gateway::telemetry {

enum class Stage : std::uint32_t {
  kSubmit = 0,          // a door's command until its verdict is at the door
  kDecide = 1,          // Engine::submit: checks to verdict
  kGate = 2,            // the risk gate inside kDecide
  kAppend = 3,          // reserve, write and publish of the order's record inside kDecide
  kPublish = 4,         // the entry on the venue's lane inside kDecide
  kAck = 5,             // order journaled until its acknowledgement is applied
  kFill = 6,            // one fill applied: position, money, order, journal
  kCommit = 7,          // one batch of records written and synced
  kSeal = 8,            // one segment checked, hashed and sealed, or a spare prepared
  kLoopLag = 9,         // how late the event loop runs a timer
  kRest = 10,           // one REST request, from its head to its answer
  kWebSocket = 11,      // one WebSocket operation, from its text to its queued answer
  kVenueRoundTrip = 12  // one adapter call: new, cancel or replace
};
inline constexpr std::size_t kStages = 13;

/// Work keeps its thread busy. A wait is time in which the thread may do something else. A span
/// contains the time of other stages: it is shown, and never named as the bottleneck.
enum class StageKind : std::uint32_t { kWork = 0, kWait = 1, kSpan = 2 };
inline constexpr std::uint32_t kNoParent = 0xFFFFFFFF;

/// Mean number of operations per measured one in the engine's stages. Two reads of the counter and
/// one addition cost more than the 5 ns a stage may (docs/concepts/measurement.md has the figures).
inline constexpr std::uint32_t kEngineSampling = 16;

struct StageDefinition {
  const char* name;
  const char* writer;  // thread role; it alone stores into the histogram
  StageKind kind;
  std::uint32_t parent;  // the stage whose time contains this one's
  std::uint32_t sampled_one_in;
};

inline constexpr std::uint32_t kInDecide = static_cast<std::uint32_t>(Stage::kDecide);
inline constexpr std::array<StageDefinition, kStages> kStageTable{{
    {"submit", "event_loop", StageKind::kSpan, kNoParent, 1},
    {"decide", "engine", StageKind::kWork, kNoParent, kEngineSampling},
    {"gate", "engine", StageKind::kWork, kInDecide, kEngineSampling},
    {"append", "engine", StageKind::kWork, kInDecide, kEngineSampling},
    {"publish", "engine", StageKind::kWork, kInDecide, kEngineSampling},
    {"ack", "engine", StageKind::kSpan, kNoParent, 1},
    {"fill", "engine", StageKind::kWork, kNoParent, kEngineSampling},
    {"commit", "journal_commit", StageKind::kWork, kNoParent, 1},
    {"seal", "seal", StageKind::kWork, kNoParent, 1},
    {"loop_lag", "event_loop", StageKind::kWait, kNoParent, 1},
    {"rest", "event_loop", StageKind::kSpan, kNoParent, 1},
    {"websocket", "event_loop", StageKind::kSpan, kNoParent, 1},
    {"venue_round_trip", "event_loop", StageKind::kWait, kNoParent, 1},
}};

}  // namespace gateway::telemetry
