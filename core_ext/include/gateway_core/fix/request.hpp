// The hot incoming messages: D, F, G, H, q as typed values, with every fault named by tag and
// reason. Views and whole numbers only; must never change or keep the message it reads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "gateway_core/fix/codes.hpp"
#include "gateway_core/fix/number.hpp"

namespace gateway::fix {

enum class RequestKind : std::uint8_t { kNone, kNewOrder, kCancel, kReplace, kStatus, kMassCancel };

/// Fields by the form of their value. The tag of each is in request_fields.hpp.
enum class Text : std::uint8_t {
  kSender,
  kTarget,
  kSenderSub,
  kTargetSub,
  kOnBehalfOf,
  kDeliverTo,
  kClientOrderId,
  kOriginalClientOrderId,
  kOrderId,
  kAccount,
  kSymbol,
  kSecurityId,
  kSecurityIdSource,
  kDestination,
  kExchange,
  kCurrency,
  kText,
  kStatusRequestId,
  kInstructions,
  kCount
};
enum class Number : std::uint8_t {
  kQuantity,
  kCashQuantity,
  kMinimumQuantity,
  kDisplayQuantity,
  kPrice,
  kStopPrice,
  kCount
};
enum class Time : std::uint8_t {
  kSending,
  kOriginalSending,
  kTransact,
  kExpire,
  kEffective,
  kCount
};
enum class Letter : std::uint8_t {
  kSide,
  kType,
  kTimeInForce,
  kHandling,
  kPositionEffect,
  kMassCancelType,
  kPossibleDuplicate,
  kPossibleResend,
  kCount
};
enum class Count : std::uint8_t { kSequence, kLastProcessed, kExpireDate, kCount };

/// Who has to answer, and how.
enum class FaultKind : std::uint8_t {
  kNone,
  kSession,      // Reject (35=3) with 373 = reason
  kBusiness,     // BusinessMessageReject (35=j) with 380 = reason
  kUnsupported,  // valid FIX that this gateway does not do: refuse the order, 103 = reason
};

struct RequestFault {
  FaultKind kind = FaultKind::kNone;
  std::int16_t reason = 0;
  std::int64_t tag = 0;  // 371
};

/// Session reject reasons of this decoder (373).
inline constexpr std::int16_t kInvalidTag = 0;
inline constexpr std::int16_t kRequiredMissing = 1;
inline constexpr std::int16_t kNotInThisMessage = 2;
inline constexpr std::int16_t kWithoutValue = 4;
inline constexpr std::int16_t kOutOfRange = 5;
inline constexpr std::int16_t kBadFormat = 6;
inline constexpr std::int16_t kTwice = 13;
inline constexpr std::int16_t kOutOfOrder = 14;
/// 380: a field that is needed because of another one is missing.
inline constexpr std::int16_t kConditionallyMissing = 5;
/// 103: unsupported order characteristic.
inline constexpr std::int16_t kUnsupportedCharacteristic = 11;

struct Request {
  RequestKind kind = RequestKind::kNone;
  Version version = Version::kUnknown;
  bool is_post_only = false;    // 18=6
  bool is_reduce_only = false;  // 18=E
  bool has_groups = false;      // repeating groups are there: only a dictionary can check them
  RequestFault fault;
  std::array<std::string_view, static_cast<std::size_t>(Text::kCount)> texts;
  std::array<Decimal, static_cast<std::size_t>(Number::kCount)> numbers;
  std::array<std::int64_t, static_cast<std::size_t>(Time::kCount)> times{};  // 0 = absent
  std::array<char, static_cast<std::size_t>(Letter::kCount)> letters{};      // 0 = absent
  std::array<std::uint64_t, static_cast<std::size_t>(Count::kCount)> counts{};

  [[nodiscard]] std::string_view at(Text field) const noexcept {
    return texts[static_cast<std::size_t>(field)];
  }
  [[nodiscard]] Decimal at(Number field) const noexcept {
    return numbers[static_cast<std::size_t>(field)];
  }
  [[nodiscard]] std::int64_t at(Time field) const noexcept {
    return times[static_cast<std::size_t>(field)];
  }
  [[nodiscard]] char at(Letter field) const noexcept {
    return letters[static_cast<std::size_t>(field)];
  }
  [[nodiscard]] std::uint64_t at(Count field) const noexcept {
    return counts[static_cast<std::size_t>(field)];
  }
};

struct RequestRules {
  bool allows_user_fields = true;  // tags from 5000 are passed over; else 373=0
};

/// `message` is a whole frame without fault. False when its type is none of the hot ones, or not in
/// this version: then nothing is said about it. Of several faults the one with the lowest session
/// reason is told, the first of these on the wire.
[[nodiscard]] bool decode(std::string_view message, const RequestRules& rules,
                          Request& out) noexcept;

/// The text that goes with a session reject (58).
[[nodiscard]] std::string_view sentence_of(const RequestFault& fault) noexcept;

}  // namespace gateway::fix
