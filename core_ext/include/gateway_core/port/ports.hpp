// The engine's ends of its attachments: a client port carries commands in and notices out, a venue
// port carries work out and facts in. Lanes inside are single-producer, single-consumer.
#pragma once

#include <cstdint>
#include <string>

#include "gateway_core/port/messages.hpp"
#include "gateway_core/ring/spsc_lane.hpp"

namespace gateway {

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
