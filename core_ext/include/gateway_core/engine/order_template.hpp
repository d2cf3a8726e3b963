// An order prepared once, of which only typed holes are filled at submission. A hole that is empty,
// unexpected or out of its range is found here, before the engine is asked. What comes out is an
// ordinary message: the gate judges it as any other.
#pragma once

#include <cstdint>
#include <cstring>

#include "gateway_core/port/messages.hpp"
#include "gateway_core/state/registry.hpp"
#include "gateway_core/types/exact_divisor.hpp"
#include "gateway_core/types/refusal.hpp"

namespace gateway {

/// The numbers an order may leave open; one bit each.
enum class Hole : std::uint8_t {
  kQuantity = 1,
  kPrice = 2,
  kTriggerPrice = 4,
  kDisplayQuantity = 8,
  kExpires = 16,
};
using Holes = std::uint8_t;
[[nodiscard]] constexpr Holes holes(std::initializer_list<Hole> wanted) noexcept {
  Holes out = 0;
  for (const Hole hole : wanted) out = static_cast<Holes>(out | static_cast<Holes>(hole));
  return out;
}
inline constexpr Holes kHolesKnown = 31;

/// What fills a template. The client number is always a hole; 0 = absent for all of them.
struct HoleValues {
  std::uint64_t client_number = 0;
  std::int64_t quantity = 0;  // mantissas in the instrument's scales
  std::int64_t price = 0;
  std::int64_t trigger_price = 0;
  std::int64_t display_quantity = 0;
  std::int64_t expires_ns = 0;
};

class OrderTemplate {
 public:
  /// Prepares `order`, whose holes must be zero. A refusal names what no values could mend.
  [[nodiscard]] static Refusal compile(const Registry& registry, const NewOrderMessage& order,
                                       Holes holes, OrderTemplate& out) noexcept;

  /// Writes the first entry of the message into `place`, which has kEntryBytes: all an order with a
  /// client number has. Nothing is written when a hole is wrong.
  [[nodiscard]] Refusal fill(const HoleValues& values, std::uint64_t request,
                             void* place) const noexcept {
    if (const Refusal found = check(values); found != Refusal::kNone) [[unlikely]]
      return found;
    auto* message = static_cast<std::byte*>(place);
    std::memcpy(message, &order_, kEntryBytes);
    const auto set = [message](std::size_t at, const auto& value) {
      std::memcpy(message + at, &value, sizeof value);
    };
    set(offsetof(NewOrderMessage, header) + offsetof(MessageHeader, request), request);
    set(offsetof(NewOrderMessage, client_number), values.client_number);
    if (has(Hole::kQuantity)) set(offsetof(NewOrderMessage, quantity), values.quantity);
    if (has(Hole::kPrice)) set(offsetof(NewOrderMessage, price), values.price);
    if ((holes_ & kRareHoles) == 0) [[likely]]
      return Refusal::kNone;
    if (has(Hole::kTriggerPrice)) {
      set(offsetof(NewOrderMessage, trigger_price), values.trigger_price);
    }
    if (has(Hole::kDisplayQuantity)) {
      set(offsetof(NewOrderMessage, display_quantity), values.display_quantity);
    }
    if (has(Hole::kExpires)) set(offsetof(NewOrderMessage, expires_ns), values.expires_ns);
    return Refusal::kNone;
  }

  [[nodiscard]] Holes open_holes() const noexcept { return holes_; }
  [[nodiscard]] InstrumentId instrument() const noexcept { return order_.instrument; }

 private:
  static constexpr Holes kRareHoles = static_cast<Holes>(Hole::kTriggerPrice) |
                                      static_cast<Holes>(Hole::kDisplayQuantity) |
                                      static_cast<Holes>(Hole::kExpires);

  [[nodiscard]] bool has(Hole hole) const noexcept {
    return (holes_ & static_cast<Holes>(hole)) != 0;
  }
  /// Present exactly when it is a hole.
  [[nodiscard]] bool is_told(Hole hole, std::int64_t value) const noexcept {
    return has(hole) == (value != 0);
  }
  [[nodiscard]] Refusal check(const HoleValues& values) const noexcept;

  NewOrderMessage order_{};
  Holes holes_ = 0;
  ExactDivisor tick_;
  ExactDivisor lot_;
  std::int64_t quantity_min_ = 1;
  std::int64_t quantity_max_ = kQuantityMax;
};

inline Refusal OrderTemplate::check(const HoleValues& values) const noexcept {
  if (values.client_number == 0) return Refusal::kBadClientId;
  const bool is_complete = is_told(Hole::kQuantity, values.quantity) &
                           is_told(Hole::kPrice, values.price) &
                           is_told(Hole::kTriggerPrice, values.trigger_price) &
                           is_told(Hole::kDisplayQuantity, values.display_quantity) &
                           is_told(Hole::kExpires, values.expires_ns);
  if (!is_complete) [[unlikely]]
    return Refusal::kMissingField;
  const auto outside = [](std::int64_t number) { return number < 0 || number > kQuantityMax; };
  if (outside(values.quantity) || outside(values.price) || outside(values.trigger_price) ||
      outside(values.display_quantity) || values.expires_ns < 0) {
    return Refusal::kRange;
  }
  if (!tick_.divides(static_cast<std::uint64_t>(values.price)) ||
      !tick_.divides(static_cast<std::uint64_t>(values.trigger_price))) {
    return Refusal::kBadTick;
  }
  if (!lot_.divides(static_cast<std::uint64_t>(values.quantity)) ||
      !lot_.divides(static_cast<std::uint64_t>(values.display_quantity))) {
    return Refusal::kBadLot;
  }
  const bool is_sized = !has(Hole::kQuantity) ||
                        (values.quantity >= quantity_min_ && values.quantity <= quantity_max_);
  return is_sized ? Refusal::kNone : Refusal::kQuantityRange;
}

}  // namespace gateway
