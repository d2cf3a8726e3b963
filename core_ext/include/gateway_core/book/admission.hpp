// Which new orders a matching engine takes, judged by their own words and numbers alone.
// Must never look at a book: what depends on other orders is the engine's.
#pragma once

#include <cstdint>

#include "gateway_core/book/match_event.hpp"
#include "gateway_core/book/rules.hpp"
#include "gateway_core/types/exact_divisor.hpp"
#include "gateway_core/types/ids.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

struct NewBookOrder {
  OrderId order_id = 0;
  AccountId account = 0;
  std::uint32_t group = 0;  // for self-trade prevention, as are account and firm
  std::uint32_t firm = 0;
  Side side = Side::kBuy;
  OrderType type = OrderType::kLimit;
  TimeInForce time_in_force = TimeInForce::kGtc;
  std::uint8_t flags = 0;  // kPostOnly only; reduce-only needs positions and is the venue's
  std::int64_t quantity = 0;
  std::int64_t price = 0;
  std::int64_t trigger_price = 0;
  std::int64_t expires_ns = 0;
  std::int64_t display_quantity = 0;  // 0 = all of it
};

[[nodiscard]] constexpr bool is_stop(OrderType type) noexcept {
  return type == OrderType::kStop || type == OrderType::kStopLimit;
}

class Admission {
 public:
  Admission(std::int64_t tick, std::int64_t lot) noexcept
      : tick_(static_cast<std::uint64_t>(tick)), lot_(static_cast<std::uint64_t>(lot)) {}

  /// `open_quantity` is the sum of what is open already.
  [[nodiscard]] MatchReason refuse(const NewBookOrder& wanted, std::int64_t open_quantity,
                                   std::int64_t now_ns) const noexcept {
    MatchReason reason = refuse_words(wanted);
    if (reason == MatchReason::kNone) reason = refuse_numbers(wanted, open_quantity);
    if (reason == MatchReason::kNone) reason = refuse_expiry(wanted, now_ns);
    return reason;
  }

  /// `open_quantity` is what all other orders leave open.
  [[nodiscard]] MatchReason refuse_quantity(std::int64_t quantity,
                                            std::int64_t open_quantity) const noexcept {
    if (quantity <= 0 || quantity > kBookNumberMax) return MatchReason::kQuantityRange;
    if (!lot_.divides(static_cast<std::uint64_t>(quantity))) return MatchReason::kBadLot;
    if (open_quantity + quantity > kBookNumberMax) return MatchReason::kQuantityRange;
    return MatchReason::kNone;
  }
  [[nodiscard]] MatchReason refuse_price(std::int64_t price) const noexcept {
    if (price < 0 || price > kBookNumberMax) return MatchReason::kRange;
    return tick_.divides(static_cast<std::uint64_t>(price)) ? MatchReason::kNone
                                                            : MatchReason::kBadTick;
  }

 private:
  static MatchReason refuse_words(const NewBookOrder& wanted) noexcept {
    const auto type = wanted.type;
    const auto time = wanted.time_in_force;
    if (wanted.order_id == 0) return MatchReason::kRange;
    if (wanted.side != Side::kBuy && wanted.side != Side::kSell) return MatchReason::kBadEnum;
    if (type < OrderType::kMarket || type > OrderType::kStopLimit) return MatchReason::kBadEnum;
    const bool is_immediate = time == TimeInForce::kIoc || time == TimeInForce::kFok;
    if (!is_immediate && time != TimeInForce::kDay && time != TimeInForce::kGtc &&
        time != TimeInForce::kGtd) {
      return MatchReason::kBadEnum;
    }
    if (type == OrderType::kMarket && time == TimeInForce::kGtd) {
      return MatchReason::kUnsupportedTimeInForce;
    }
    if ((wanted.flags & ~kPostOnly) != 0) return MatchReason::kUnsupportedFlag;
    const bool takes = type == OrderType::kMarket || type == OrderType::kStop || is_immediate;
    if (wanted.flags != 0 && takes) return MatchReason::kUnsupportedFlag;
    if (wanted.display_quantity != 0 && takes) return MatchReason::kDisplayNotAllowed;
    return MatchReason::kNone;
  }

  [[nodiscard]] MatchReason refuse_numbers(const NewBookOrder& wanted,
                                           std::int64_t open_quantity) const noexcept {
    if (const auto reason = refuse_quantity(wanted.quantity, open_quantity);
        reason != MatchReason::kNone) {
      return reason;
    }
    if (const auto reason = refuse_display(wanted); reason != MatchReason::kNone) return reason;
    const bool needs_price =
        wanted.type == OrderType::kLimit || wanted.type == OrderType::kStopLimit;
    if (needs_price && wanted.price == 0) return MatchReason::kPriceMissing;
    if (const auto reason = refuse_price(wanted.price); reason != MatchReason::kNone) return reason;
    if (is_stop(wanted.type) && wanted.trigger_price == 0) return MatchReason::kTriggerMissing;
    if (!is_stop(wanted.type) && wanted.trigger_price != 0) return MatchReason::kTriggerNotAllowed;
    return refuse_price(wanted.trigger_price);
  }

  [[nodiscard]] MatchReason refuse_display(const NewBookOrder& wanted) const noexcept {
    const std::int64_t display = wanted.display_quantity;
    if (display < 0 || display > wanted.quantity) return MatchReason::kDisplayRange;
    return lot_.divides(static_cast<std::uint64_t>(display)) ? MatchReason::kNone
                                                             : MatchReason::kBadLot;
  }

  static MatchReason refuse_expiry(const NewBookOrder& wanted, std::int64_t now_ns) noexcept {
    const bool is_gtd = wanted.time_in_force == TimeInForce::kGtd;
    if (!is_gtd) {
      return wanted.expires_ns == 0 ? MatchReason::kNone : MatchReason::kExpiryNotAllowed;
    }
    if (wanted.expires_ns == 0) return MatchReason::kExpiryMissing;
    return wanted.expires_ns <= now_ns ? MatchReason::kExpiryPast : MatchReason::kNone;
  }

  ExactDivisor tick_;
  ExactDivisor lot_;
};

}  // namespace gateway
