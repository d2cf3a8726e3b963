// Words and numbers that rows of every kind share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway_core/types/decimal_text.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

[[nodiscard]] inline std::string text(std::string_view view) { return std::string(view); }

/// None for 0: not given.
[[nodiscard]] inline nanobind::object number(std::int64_t mantissa, int scale) {
  if (mantissa == 0) return nanobind::none();
  return nanobind::cast(format_decimal(mantissa, scale));
}

[[nodiscard]] inline const char* margin_word(std::uint8_t mode) noexcept {
  return mode == 0 ? "cash" : mode == 1 ? "cross" : "isolated";
}

/// None: the venue has not told it.
[[nodiscard]] inline nanobind::object venue_margin_word(VenueMarginMode mode) {
  switch (mode) {
    case VenueMarginMode::kNotTold:
      return nanobind::none();
    case VenueMarginMode::kCross:
      return nanobind::cast("cross");
    case VenueMarginMode::kIsolated:
      return nanobind::cast("isolated");
    case VenueMarginMode::kUnknown:
      return nanobind::cast("unknown");
  }
  return nanobind::none();
}

}  // namespace gateway
