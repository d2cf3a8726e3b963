// What the two ports of the engine read from Python alike: decimal text at an instrument's scales,
// the head of a message. A value that cannot be is refused by the name of its field.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine_handle.hpp"
#include "gateway_core/platform/clock.hpp"
#include "gateway_core/types/decimal_text.hpp"

namespace gateway {

[[noreturn]] inline void refuse(const char* code, const char* field) {
  throw nanobind::value_error((std::string(code) + " " + field).c_str());
}

[[nodiscard]] inline Int128 parse_wide(std::string_view text, int scale, const char* field) {
  const ParsedDecimal parsed = parse_decimal(text, scale);
  switch (parsed.fault) {
    case DecimalFault::kNone:
      return parsed.mantissa;
    case DecimalFault::kSyntax:
      refuse("BAD_NUMBER", field);
    case DecimalFault::kPrecision:
      refuse("PRECISION", field);
    case DecimalFault::kOverflow:
      refuse("OVERFLOW", field);
  }
  return 0;
}

[[nodiscard]] inline std::int64_t parse_number(std::string_view text, int scale,
                                               const char* field) {
  const Int128 value = parse_wide(text, scale, field);
  if (value > kQuantityMax || value < -kQuantityMax) refuse("OVERFLOW", field);
  return static_cast<std::int64_t>(value);
}

/// "" is 0 = absent; a number that is there must be above zero.
[[nodiscard]] inline std::int64_t parse_optional(std::string_view text, int scale,
                                                 const char* field) {
  if (text.empty()) return 0;
  const std::int64_t value = parse_number(text, scale, field);
  if (value <= 0) refuse("RANGE", field);
  return value;
}

[[nodiscard]] inline const InstrumentDefined& rules_of(const EngineHandle& handle,
                                                       InstrumentId id) {
  const auto& instruments = handle.runtime->state().registry.instruments;
  if (!instruments.has(id)) refuse("UNKNOWN_INSTRUMENT", "instrument");
  return instruments.at(id).definition;
}

/// Rules of the instrument an order is for; found on the engine's thread.
[[nodiscard]] inline const InstrumentDefined& rules_of_order(EngineHandle& handle, OrderId id) {
  std::uint32_t slot = kNoSlot;
  handle.runtime->run([&] { slot = handle.runtime->state().orders.find(id); });
  if (slot == kNoSlot) refuse("UNKNOWN_ORDER", "order_id");
  return rules_of(handle, handle.runtime->state().orders.at(slot).instrument);
}

template <typename Message>
void set_header(Message& message, MessageKind kind, PrincipalId principal, std::uint64_t request) {
  message.header = {kind, static_cast<std::uint8_t>(sizeof(Message) / kEntryBytes), 0, principal,
                    request};
}

/// A lane is longest just before it is drained, so its high-water mark is taken here.
inline void tell_depth(EngineHandle& engine, int gauge, std::size_t depth) noexcept {
  if (depth != 0) engine.runtime->measurement().set_depth(gauge, depth, monotonic_ns());
}

}  // namespace gateway
