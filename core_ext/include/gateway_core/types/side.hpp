// The small closed vocabularies of an order and a position. Values are on disk: append only.
#pragma once

#include <cstdint>

namespace gateway {

enum class Side : std::uint8_t { kBuy = 1, kSell = 2 };
enum class OrderType : std::uint8_t { kMarket = 1, kLimit = 2, kStop = 3, kStopLimit = 4 };
enum class TimeInForce : std::uint8_t { kDay = 0, kGtc = 1, kIoc = 3, kFok = 4, kGtd = 6 };
enum class Leg : std::uint8_t { kNet = 0, kLong = 1, kShort = 2 };
enum class MarginMode : std::uint8_t { kCash = 0, kCross = 1, kIsolated = 2 };
/// The margin mode of a position by its venue's own word. Unknown: told, and not one of the two.
enum class VenueMarginMode : std::uint8_t { kNotTold = 0, kCross = 1, kIsolated = 2, kUnknown = 3 };
enum class InstrumentKind : std::uint8_t { kSpot = 1, kLinear = 2, kInverse = 3, kQuanto = 4 };
enum class Liquidity : std::uint8_t { kUnknown = 0, kMaker = 1, kTaker = 2 };
/// How far a record must have travelled before the venue hears of it.
enum class Durability : std::uint8_t { kMemory = 0, kProcess = 1, kDiskAsync = 2, kDisk = 3 };
/// Where a limit, a trading state or a kill applies. The order is the order of checks.
enum class Level : std::uint8_t {
  kInstrument = 0,
  kStrategy = 1,
  kAccount = 2,
  kVenue = 3,
  kFirm = 4,
};
inline constexpr int kLevels = 5;
enum class TradingState : std::uint8_t { kActive = 0, kReducing = 1, kHalted = 2 };

[[nodiscard]] constexpr bool is_time_in_force(TimeInForce time_in_force) noexcept {
  return time_in_force == TimeInForce::kDay || time_in_force == TimeInForce::kGtc ||
         time_in_force == TimeInForce::kIoc || time_in_force == TimeInForce::kFok ||
         time_in_force == TimeInForce::kGtd;
}

/// Order flags, one bit each.
inline constexpr std::uint8_t kPostOnly = 1;
inline constexpr std::uint8_t kReduceOnly = 2;
inline constexpr std::uint8_t kClosePosition = 4;
inline constexpr std::uint8_t kEmulate = 8;        // the gateway may trigger or expire it itself
inline constexpr std::uint8_t kTextClientId = 16;  // a 64-byte client id block follows the order
inline constexpr std::uint8_t kConditions = 32;    // a 64-byte trigger/display/expiry block follows
inline constexpr std::uint8_t kExternalOrder = 64;  // made by someone else, adopted from the venue
// Its session is to be its life: what is open of it is canceled when the session is gone.
inline constexpr std::uint8_t kCancelOnDisconnect = 128;

// What a venue offers beside the order flags above: not in an order, so beyond its byte.
inline constexpr std::uint32_t kOffersIceberg = 256;

/// Place of a side in a pair of values: buy first.
[[nodiscard]] constexpr int index_of(Side side) noexcept { return side == Side::kSell ? 1 : 0; }
[[nodiscard]] constexpr std::int64_t sign_of(Side side) noexcept {
  return side == Side::kBuy ? 1 : -1;
}
/// The value for a buy, its negative for a sell. Without a branch: sides come in no order, so the
/// processor would guess wrong every other time.
[[nodiscard]] constexpr std::int64_t signed_by(Side side, std::int64_t value) noexcept {
  const std::int64_t mask = -static_cast<std::int64_t>(side == Side::kSell);
  return (value ^ mask) - mask;
}
/// Whether an order of this side closes this leg of a hedge account.
[[nodiscard]] constexpr bool closes_leg(Leg leg, Side side) noexcept {
  return (leg == Leg::kLong && side == Side::kSell) || (leg == Leg::kShort && side == Side::kBuy);
}
[[nodiscard]] constexpr Side opposite(Side side) noexcept {
  return side == Side::kBuy ? Side::kSell : Side::kBuy;
}

/// Whether an order of this type names a limit price.
[[nodiscard]] constexpr bool has_limit_price(OrderType type) noexcept {
  return type == OrderType::kLimit || type == OrderType::kStopLimit;
}
/// Whether an order of this type waits for a trigger price.
[[nodiscard]] constexpr bool has_trigger(OrderType type) noexcept {
  return type == OrderType::kStop || type == OrderType::kStopLimit;
}
/// Whether nothing of the order is left when it has been matched once.
[[nodiscard]] constexpr bool is_immediate(TimeInForce time_in_force) noexcept {
  return time_in_force == TimeInForce::kIoc || time_in_force == TimeInForce::kFok;
}

}  // namespace gateway
