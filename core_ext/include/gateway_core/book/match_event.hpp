// What the matching engine says: one event per fact about one order of ours.
// Must never carry text: words are looked up at the edge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include "gateway_core/types/ids.hpp"

namespace gateway {

enum class MatchKind : std::uint8_t {
  kAccepted,
  kUntriggered,
  kTriggered,
  kFilled,
  kCanceled,
  kExpired,
  kRejected,
  kReplaced,
  kCancelRejected,
  kReplaceRejected,
};

inline constexpr std::string_view kMatchKindNames[] = {
    "accepted", "untriggered", "triggered", "filled",          "canceled",
    "expired",  "rejected",    "replaced",  "cancel_rejected", "replace_rejected"};

/// Why; words shared with refusals.def mean the same there. In memory only, so the order is free.
enum class MatchReason : std::uint8_t {
  kNone,
  // New orders and replaces that are not taken.
  kDuplicateOrder,
  kUnknownOrder,
  kBadEnum,
  kUnsupportedTimeInForce,
  kUnsupportedFlag,
  kQuantityRange,
  kBadLot,
  kPriceMissing,
  kRange,
  kBadTick,
  kTriggerMissing,
  kTriggerNotAllowed,
  kExpiryMissing,
  kExpiryNotAllowed,
  kExpiryPast,
  kOrdersFull,
  kWouldCross,
  kQuantityBelowFilled,
  kNothingToChange,
  kDisplayRange,
  kDisplayNotAllowed,
  // Ends of orders that were taken.
  kRequested,
  kIocRemainder,
  kFokUnfillable,
  kNoLiquidity,
  kProtectionPrice,
  kExpiryReached,
  kDayEnded,
  kSelfTrade,
};

inline constexpr std::string_view kMatchReasonNames[] = {"",
                                                         "DUPLICATE_ORDER",
                                                         "UNKNOWN_ORDER",
                                                         "BAD_ENUM",
                                                         "UNSUPPORTED_TIME_IN_FORCE",
                                                         "UNSUPPORTED_FLAG",
                                                         "QUANTITY_RANGE",
                                                         "BAD_LOT",
                                                         "PRICE_MISSING",
                                                         "RANGE",
                                                         "BAD_TICK",
                                                         "TRIGGER_MISSING",
                                                         "TRIGGER_NOT_ALLOWED",
                                                         "EXPIRY_MISSING",
                                                         "EXPIRY_NOT_ALLOWED",
                                                         "EXPIRY_PAST",
                                                         "ORDERS_FULL",
                                                         "WOULD_CROSS",
                                                         "QUANTITY_BELOW_FILLED",
                                                         "NOTHING_TO_CHANGE",
                                                         "DISPLAY_RANGE",
                                                         "DISPLAY_NOT_ALLOWED",
                                                         "REQUESTED",
                                                         "IOC_REMAINDER",
                                                         "FOK_UNFILLABLE",
                                                         "NO_LIQUIDITY",
                                                         "PROTECTION_PRICE",
                                                         "EXPIRY_REACHED",
                                                         "DAY_ENDED",
                                                         "SELF_TRADE"};

static_assert(std::size(kMatchKindNames) ==
              static_cast<std::size_t>(MatchKind::kReplaceRejected) + 1);
static_assert(std::size(kMatchReasonNames) ==
              static_cast<std::size_t>(MatchReason::kSelfTrade) + 1);

[[nodiscard]] constexpr std::string_view name_of(MatchKind kind) noexcept {
  return kMatchKindNames[static_cast<std::size_t>(kind)];
}
[[nodiscard]] constexpr std::string_view name_of(MatchReason reason) noexcept {
  return kMatchReasonNames[static_cast<std::size_t>(reason)];
}

/// Price and quantity mean what docs/concepts/matching.md says for the kind; leaves is what is open
/// after the event. contra_order_id 0 = the market.
struct MatchEvent {
  OrderId order_id = 0;
  std::int64_t price = 0;
  std::int64_t quantity = 0;
  std::int64_t leaves = 0;
  OrderId contra_order_id = 0;
  MatchKind kind = MatchKind::kAccepted;
  MatchReason reason = MatchReason::kNone;
  bool is_maker = false;
  friend bool operator==(const MatchEvent&, const MatchEvent&) = default;
};

/// The events of one call. Made so that saying one writes its fields and nothing else.
class MatchEvents {
 public:
  explicit MatchEvents(std::size_t expected) : events_(expected) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const MatchEvent& operator[](std::size_t at) const noexcept { return events_[at]; }
  [[nodiscard]] const MatchEvent* begin() const noexcept { return events_.data(); }
  [[nodiscard]] const MatchEvent* end() const noexcept { return events_.data() + size_; }

  void clear() noexcept { size_ = 0; }
  /// The place of the next event; all its fields are still to be set.
  [[nodiscard, gnu::always_inline]] MatchEvent& next() {
    if (size_ == events_.size()) [[unlikely]]
      grow();
    return events_[size_++];
  }

 private:
  [[gnu::noinline]] void grow() { events_.resize(2 * size_ + 1); }

  std::vector<MatchEvent> events_;  // the first size_ are said
  std::size_t size_ = 0;
};

}  // namespace gateway
