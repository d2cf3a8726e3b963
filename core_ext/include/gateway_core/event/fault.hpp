// Why an event was not read natively. No verdict about the venue: whoever reads it in the ordinary
// way decides, and this only says by name what was unusual.
#pragma once

#include <cstdint>
#include <string_view>

namespace gateway::event {

enum class Fault : std::uint8_t {
  kNone = 0,
  kTooLong,
  kTruncated,
  kSyntax,
  kByte,
  kTooDeep,
  kTwice,
  kTooManyKeys,
  kMissing,
  kKind,
  kWord,
  kNumber,
  kTextTooLong,
  kCase,
};
inline constexpr std::size_t kFaults = 14;

/// A stable name, used in counters and documentation.
[[nodiscard]] constexpr std::string_view name_of(Fault fault) noexcept {
  constexpr std::string_view kNames[kFaults] = {
      "none",       "too_long", "truncated",     "syntax",     "escape_or_byte",
      "too_deep",   "twice",    "too_many_keys", "missing",    "other_kind",
      "other_word", "number",   "text_too_long", "other_case",
  };
  const auto at = static_cast<std::size_t>(fault);
  return at < kFaults ? kNames[at] : "none";
}

}  // namespace gateway::event
