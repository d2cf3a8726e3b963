// What is kept beside the state about kills in force: counts, and how far each venue was asked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "gateway_core/state/registry.hpp"
#include "gateway_core/types/refusal.hpp"

namespace gateway {

enum class KillStep : std::uint8_t { kSent, kEnded, kOnTheWay, kWaits };

/// No room now: there may be some at the next look.
[[nodiscard]] constexpr bool is_full(Refusal found) noexcept {
  return found == Refusal::kVenueQueueFull || found == Refusal::kJournalBehind;
}

/// What one look at the kills in force found and did.
struct KillCounts {
  std::uint64_t sent = 0;        // cancels
  std::uint64_t ended = 0;       // of those at once: never left the gateway
  std::uint64_t on_the_way = 0;  // sent before; not answered, or asked again in a while
  std::uint64_t refused = 0;     // not permitted to who killed
  // Could not be sent, sent as soon as they can be:
  std::uint64_t no_room = 0;
  std::uint64_t venue_down = 0;
  std::uint64_t not_reconciled = 0;

  [[nodiscard]] std::uint64_t waiting() const noexcept {
    return no_room + venue_down + not_reconciled;
  }
  void count(KillStep step, Refusal found) noexcept {
    sent += step == KillStep::kSent || step == KillStep::kEnded;
    ended += step == KillStep::kEnded;
    on_the_way += step == KillStep::kOnTheWay;
    if (step != KillStep::kWaits) return;
    no_room += is_full(found);
    venue_down += found == Refusal::kVenueDown;
    not_reconciled += found == Refusal::kNotReconciled;
  }
};

/// How far kills have come at one venue, and when it is asked again for what it did not do.
struct KillWait {
  static constexpr std::int64_t kEverything = std::numeric_limits<std::int64_t>::max();

  std::int64_t asked_until_ns = 0;  // orders made before this were asked for
  std::int64_t full_from_ns = kEverything;
  std::int64_t due_ns = 0;
  std::int64_t wait_ns = 0;
  bool is_full = false;  // these three: within one look
  bool is_asked = false;
  bool is_asked_again = false;
};

/// Which levels are killed is state (LevelEntity::is_killed); this is volatile.
struct KillsInForce {
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  static constexpr std::int64_t kAskAgainNs = 100'000'000;
  static constexpr std::int64_t kAskAgainMaxNs = 5'000'000'000;
  static constexpr std::int64_t kNoRoomNs = 1'000'000;  // after a look that could send nothing

  std::int64_t due_ns = kNone;  // the next look
  std::int64_t beat_ns = 0;     // so long after the last one at the latest
  bool is_stopping = false;     // the gateway stops, and ends every order
  PrincipalId stopped_by = 0;
  KillWait venues[kVenuesMax];

  [[nodiscard]] bool is_any() const noexcept { return due_ns != kNone; }
  void begin() noexcept {
    for (KillWait& each : venues) each = {};
    due_ns = beat_ns = 0;
  }
  void look_by(std::int64_t time_ns) noexcept { due_ns = std::min(due_ns, time_ns); }
  /// A look has ended: who was asked waits longer than the last time, who had no room does not.
  void settle(const KillCounts& found, std::int64_t now_ns) noexcept {
    const auto longer = [](std::int64_t wait_ns) {
      return std::clamp(wait_ns * 2, kAskAgainNs, kAskAgainMaxNs);
    };
    bool is_any_full = false;
    for (KillWait& venue : venues) {
      is_any_full |= venue.is_full;
      venue.asked_until_ns = venue.full_from_ns;
      if (venue.is_asked_again) venue.wait_ns = longer(venue.wait_ns);
      if (venue.is_asked) venue.due_ns = now_ns + std::max(venue.wait_ns, kAskAgainNs);
      venue.full_from_ns = KillWait::kEverything;
      venue.is_full = venue.is_asked = venue.is_asked_again = false;
    }
    beat_ns = longer(beat_ns);
    look_by(now_ns + beat_ns);
    if (is_any_full) look_by(now_ns + (found.sent != 0 ? 0 : kNoRoomNs));
  }
};

}  // namespace gateway
