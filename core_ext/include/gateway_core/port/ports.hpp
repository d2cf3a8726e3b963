// The engine's ends of its attachments: a client port carries commands in and notices out, a venue
// port carries work out and facts in. Lanes inside are single-producer, single-consumer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway_core/port/messages.hpp"
#include "gateway_core/ring/spsc_lane.hpp"

namespace gateway {

/// Places that a port's number can say; a port behind them is looked for.
inline constexpr std::uint32_t kPortPlaces = 256;

/// The number of a port inside: 23 bits of its name over its place. It stands in the journal, so it
/// must mean the same door in the next boot, whatever was opened before it, and never another one.
/// Always below PortServer::kFirstNumber, never 0.
[[nodiscard]] constexpr std::uint32_t port_number_of(std::string_view name,
                                                     std::size_t place) noexcept {
  std::uint32_t hash = 0x811C9DC5U;  // FNV-1a: stable, its bits are public through the journal
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x01000193U;
  const std::uint32_t name_bits = (hash ^ (hash >> 23)) & 0x7F'FFFFU;
  const auto low = static_cast<std::uint32_t>(place + 1 < kPortPlaces ? place + 1 : 0);
  return (name_bits != 0 ? name_bits : 1) * kPortPlaces + low;
}
/// Whether two numbers are of one door, opened at the same place or not.
[[nodiscard]] constexpr bool is_same_door(std::uint32_t a, std::uint32_t b) noexcept {
  return a / kPortPlaces == b / kPortPlaces;
}

struct ClientPort {
  ClientPort(std::uint32_t port_number, std::string port_name, std::size_t capacity)
      : number(port_number),
        name(std::move(port_name)),
        urgent(capacity),
        orders(capacity * 2),
        notices(capacity * 4) {}

  std::uint32_t number;
  std::string name;
  SpscLane<kEntryBytes> urgent;      // client -> engine: cancels, polled before anything new
  SpscLane<kEntryBytes> orders;      // client -> engine: new and replace
  SpscLane<sizeof(Notice)> notices;  // engine -> client
  std::uint64_t last_request = 0;    // client side
};

struct VenuePort {
  VenuePort(VenueId id, std::size_t capacity, std::uint64_t epoch)
      : venue(id), outbound(capacity, epoch), gated(capacity, epoch), facts(capacity * 4) {}

  VenueId venue;
  SpscLane<sizeof(OutboundEntry)> outbound;  // engine -> adapter
  SpscLane<sizeof(OutboundEntry)> gated;     // engine -> engine: waits for the disk
  SpscLane<kEntryBytes> facts;               // adapter -> engine
  std::uint64_t entries_out = 0;             // engine's count, compared with the journal

  /// New work may use three quarters of a lane, cancels nearly all.
  [[nodiscard]] bool has_room_for_new() noexcept {
    return !outbound.holds_more_than(outbound.capacity() * 3 / 4) &&
           !gated.holds_more_than(gated.capacity() * 3 / 4);
  }
  [[nodiscard]] bool has_room_for_cancel() noexcept {
    return !outbound.holds_more_than(outbound.capacity() * 19 / 20);
  }
};

}  // namespace gateway
