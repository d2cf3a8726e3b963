// Why the gateway says no: one enum, one number, one name, one sentence each (refusals.def).
#pragma once

#include <cstdint>
#include <string_view>

namespace gateway {

enum class Refusal : std::uint16_t {
  kNone = 0,
#define X(number, enumerator, name, http, fix103, fix102, sentence) enumerator = number,
#include "gateway_core/types/refusals.def"
#undef X
};

struct RefusalText {
  Refusal refusal;
  std::string_view name;
  std::uint16_t http_status;
  std::uint16_t fix_order_reject_reason;   // tag 103
  std::uint16_t fix_cancel_reject_reason;  // tag 102
  std::string_view sentence;
};

inline constexpr RefusalText kRefusals[] = {
#define X(number, enumerator, name, http, fix103, fix102, sentence) \
  {Refusal::enumerator, #name, http, fix103, fix102, sentence},
#include "gateway_core/types/refusals.def"
#undef X
};

/// The table row of a refusal; kNone and unknown numbers give an empty name.
[[nodiscard]] constexpr RefusalText describe(Refusal refusal) noexcept {
  for (const auto& row : kRefusals) {
    if (row.refusal == refusal) return row;
  }
  return {refusal, "", 500, 99, 99, ""};
}

}  // namespace gateway
