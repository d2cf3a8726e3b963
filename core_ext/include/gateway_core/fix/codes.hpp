// How an order's events and states are spelled in each version of FIX: 150, 39 and 20. Tables only.
#pragma once

#include <cstdint>
#include <string_view>

#include "gateway_core/order/order_state.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway::fix {

enum class Version : std::uint8_t { kUnknown, k40, k42, k44, k50 };  // k40: also 4.1; k44: also 4.3

/// FIXT.1.1 carries 5.0SP2 here.
[[nodiscard]] constexpr Version version_of(std::string_view begin_string) noexcept {
  if (begin_string == "FIX.4.4" || begin_string == "FIX.4.3") return Version::k44;
  if (begin_string == "FIX.4.2") return Version::k42;
  if (begin_string == "FIXT.1.1") return Version::k50;
  if (begin_string == "FIX.4.0" || begin_string == "FIX.4.1") return Version::k40;
  return Version::kUnknown;
}

/// What an execution report tells.
enum class Event : std::uint8_t {
  kPendingNew,
  kNew,
  kRejected,
  kFill,  // partial or full: the status says
  kPendingCancel,
  kCanceled,
  kPendingReplace,
  kReplaced,
  kExpired,
  kDoneForDay,
  kBust,     // a fill was canceled
  kCorrect,  // a fill was corrected
  kStatus,   // the answer to a question
  kRestated,
  kTriggered,
  kSuspended,
};
inline constexpr std::size_t kEvents = 16;
inline constexpr std::string_view kEventWords[kEvents] = {
    "pending_new",     "new",      "rejected",  "fill",         "pending_cancel", "canceled",
    "pending_replace", "replaced", "expired",   "done_for_day", "bust",           "correct",
    "status",          "restated", "triggered", "suspended"};

struct ExecutionCodes {
  char execution_type = 0;    // 150; 0 = this version has no such report
  char status = 0;            // 39
  char transaction_type = 0;  // 20, up to 4.2 only
};

/// 39 of an order at rest. A pending cancel or replace stands above everything but an end.
[[nodiscard]] constexpr char status_of(OrderState state, bool is_cancel_pending,
                                       bool is_replace_pending, bool has_fills) noexcept {
  switch (state) {
    case OrderState::kFilled:
      return '2';
    case OrderState::kCanceled:
      return '4';
    case OrderState::kExpired:
      return 'C';
    case OrderState::kRejected:
    case OrderState::kRefused:
      return '8';
    default:
      break;
  }
  if (is_cancel_pending) return '6';
  if (is_replace_pending) return 'E';
  if (state == OrderState::kPartiallyFilled || has_fills) return '1';
  // Not acknowledged, or its outcome is not known: nobody may take it for working.
  if (state == OrderState::kPendingNew || state == OrderState::kUnknown) return 'A';
  return '0';
}

/// `status` is 39 of the order after the event.
[[nodiscard]] constexpr ExecutionCodes codes_of(Version version, Event event,
                                                char status) noexcept {
  constexpr char kTypes[kEvents + 1] = "A08F64E5C3HGIDL9";
  const char type = kTypes[static_cast<std::size_t>(event)];
  if (version == Version::k44 || version == Version::k50) return {type, status, 0};
  switch (event) {
    case Event::kFill:
      return {status == '2' ? '2' : '1', status, '0'};
    case Event::kReplaced:
      return {'5', status == '2' ? '2' : '5', '0'};
    case Event::kBust:
      return {status, status, '1'};
    case Event::kCorrect:
      return {status, status, '2'};
    case Event::kStatus:
      return {status, status, '3'};
    case Event::kTriggered:
      return {};
    default:
      return {type, status, '0'};
  }
}

}  // namespace gateway::fix
