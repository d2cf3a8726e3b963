// How one instrument is matched: allocation, self-trade prevention, icebergs. Data only; a matching
// engine never changes its rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace gateway {

/// Prices, one level's market quantity and all open quantity together stay at or below this, so no
/// sum of the book can overflow.
inline constexpr std::int64_t kBookNumberMax = std::int64_t{1} << 61;

/// Who trades at a price: the oldest first, or everybody in proportion to what is displayed.
enum class Allocation : std::uint8_t { kPriceTime, kProRata };
/// What pro-rata does with lots that no share covers: one each to the largest fractions, ties to
/// the oldest; or all to the oldest first.
enum class Remainder : std::uint8_t { kLargest, kTime };
/// What happens instead of a trade between two orders of one owner.
enum class SelfTrade : std::uint8_t {
  kAllowed,
  kCancelNewest,  // the taker ends
  kCancelOldest,  // the resting order ends, the taker goes on
  kCancelBoth,
  kDecrement,  // both lose the smaller one's quantity; the smaller one ends
};
/// Which id of an order names its owner. An id of 0 is nobody's and never prevented.
enum class SelfTradeScope : std::uint8_t { kAccount, kGroup, kFirm };

inline constexpr std::string_view kAllocationNames[] = {"price_time", "pro_rata"};
inline constexpr std::string_view kRemainderNames[] = {"largest", "time"};
inline constexpr std::string_view kSelfTradeNames[] = {"allowed", "cancel_newest", "cancel_oldest",
                                                       "cancel_both", "decrement"};
inline constexpr std::string_view kSelfTradeScopeNames[] = {"account", "group", "firm"};
static_assert(std::size(kSelfTradeNames) == static_cast<std::size_t>(SelfTrade::kDecrement) + 1);

struct MatchingRules {
  std::int64_t tick = 1;
  std::int64_t lot = 1;
  std::size_t orders_max = 65536;
  Allocation allocation = Allocation::kPriceTime;
  Remainder remainder = Remainder::kLargest;
  SelfTrade self_trade = SelfTrade::kAllowed;
  SelfTradeScope self_trade_scope = SelfTradeScope::kAccount;
  std::int64_t allocation_min = 0;  // pro-rata gives no share below this; 0 = any
  /// A refreshed display is drawn from this many percent below its size up to its size.
  std::int64_t display_variance_percent = 0;
  std::uint64_t display_seed = 0;
};

}  // namespace gateway
