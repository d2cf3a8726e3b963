// Control commands of the engine's Python face, and the clock as Python reads it.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>

#include "engine_handle.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "gateway_core/types/text.hpp"

namespace gateway {

void bind_control(nanobind::class_<EngineHandle>& engine);
void bind_adoption(nanobind::class_<EngineHandle>& engine);
void bind_operation(nanobind::class_<EngineHandle>& engine);
void bind_fix_journal(nanobind::class_<EngineHandle>& engine);
void bind_order_events(nanobind::module_& module, nanobind::class_<EngineHandle>& engine);

/// A refusal of a command, as gateway.core.refusals reads it.
[[noreturn]] inline void refuse(const std::string& code, const std::string& field,
                                const std::string& value, const std::string& rule) {
  throw nanobind::value_error((code + " " + field + " " + value + ": " + rule).c_str());
}

/// Text as a whole number of its scale, 0 to 2^63 - 1.
[[nodiscard]] inline std::int64_t parse(std::string_view text, int scale, const char* field) {
  const ParsedDecimal parsed = parse_decimal(text, scale);
  const std::string value(text.substr(0, 64));
  if (parsed.fault == DecimalFault::kSyntax)
    refuse("BAD_NUMBER", field, value, "plain decimal text");
  if (parsed.fault == DecimalFault::kPrecision) {
    refuse("PRECISION", field, value, "at most " + std::to_string(scale) + " decimals");
  }
  const bool fits =
      parsed.fault == DecimalFault::kNone && parsed.mantissa >= 0 && parsed.mantissa <= INT64_MAX;
  if (!fits) refuse("OVERFLOW", field, value, "0 to 2^63 - 1 at its scale");
  return static_cast<std::int64_t>(parsed.mantissa);
}

/// A name of 1 to N printable characters without space.
template <std::size_t N>
[[nodiscard]] Text<N> name_text(std::string_view text, const char* field) {
  const auto is_plain = [](char c) { return c > ' ' && c <= '~'; };
  bool is_good = !text.empty() && text.size() <= N;
  for (const char c : text) is_good = is_good && is_plain(c);
  if (!is_good) {
    refuse("BAD_SYMBOL", field, std::string(text.substr(0, 64)),
           "1 to " + std::to_string(N) + " printable ASCII characters without space");
  }
  Text<N> out;
  out.assign(text);
  return out;
}

/// Journal time for readers on other threads: the engine's own clock belongs to the engine's
/// thread. Ahead of the wall by as much as the engine's is.
[[nodiscard]] inline std::int64_t journal_time_ns(Runtime& runtime) noexcept {
  return runtime.clock().is_virtual() ? runtime.clock().now_ns()
                                      : wall_ns() + runtime.clock().ahead_ns();
}
/// The clock that we agree on with others, who know nothing of our journal.
[[nodiscard]] inline std::int64_t wall_or_virtual_ns(Runtime& runtime) noexcept {
  return runtime.clock().is_virtual() ? runtime.clock().now_ns() : wall_ns();
}

}  // namespace gateway
