// Which fields the hot requests may have, in which message, in which form. The one table of the
// decoder: a tag that is not here is answered with a reject.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "gateway_core/fix/request.hpp"

namespace gateway::fix {

enum class Form : std::uint8_t {
  kUnknown,
  kIgnored,  // allowed, not looked at but for being empty or twice
  kText,
  kNumber,
  kTime,
  kLetter,
  kCount,
  kInstructions,  // ExecInst: letters with a space between
  kDate,
  kGroup,   // number of entries of a repeating group
  kMember,  // of a repeating group: may come more than once
};

enum class Part : std::uint8_t { kHeader, kBody, kTrailer };

/// Messages as bits.
inline constexpr std::uint8_t kD = 1, kF = 2, kG = 4, kH = 8, kQ = 16;
inline constexpr std::uint8_t kEvery = kD | kF | kG | kH | kQ;
inline constexpr std::uint8_t kOrders = kD | kG;

struct FieldRow {
  std::uint16_t tag = 0;
  std::uint8_t messages = 0;
  Part part = Part::kBody;
  Form form = Form::kUnknown;
  std::uint8_t slot = 0;
  std::string_view letters;  // what a letter may be in any version; empty = anything
};

namespace request_table {

constexpr FieldRow row(std::uint16_t tag, std::uint8_t messages, Text slot) {
  return {tag, messages, Part::kBody, Form::kText, static_cast<std::uint8_t>(slot), {}};
}
constexpr FieldRow row(std::uint16_t tag, std::uint8_t messages, Number slot) {
  return {tag, messages, Part::kBody, Form::kNumber, static_cast<std::uint8_t>(slot), {}};
}
constexpr FieldRow row(std::uint16_t tag, std::uint8_t messages, Time slot) {
  return {tag, messages, Part::kBody, Form::kTime, static_cast<std::uint8_t>(slot), {}};
}
constexpr FieldRow row(std::uint16_t tag, std::uint8_t messages, Count slot) {
  return {tag, messages, Part::kBody, Form::kCount, static_cast<std::uint8_t>(slot), {}};
}
constexpr FieldRow row(std::uint16_t tag, std::uint8_t messages, Letter slot,
                       std::string_view letters) {
  return {tag, messages, Part::kBody, Form::kLetter, static_cast<std::uint8_t>(slot), letters};
}
constexpr FieldRow row(std::uint16_t tag, std::uint8_t messages, Form form) {
  return {tag, messages, Part::kBody, form, 0, {}};
}
constexpr FieldRow header(FieldRow field) {
  field.messages = kEvery;
  field.part = Part::kHeader;
  return field;
}
constexpr FieldRow trailer(std::uint16_t tag) {
  return {tag, kEvery, Part::kTrailer, Form::kIgnored, 0, {}};
}

inline constexpr FieldRow kRows[] = {
    header(row(8, 0, Form::kIgnored)),
    header(row(9, 0, Form::kIgnored)),
    header(row(35, 0, Form::kIgnored)),
    header(row(34, 0, Count::kSequence)),
    header(row(43, 0, Letter::kPossibleDuplicate, "YN")),
    header(row(49, 0, Text::kSender)),
    header(row(50, 0, Text::kSenderSub)),
    header(row(52, 0, Time::kSending)),
    header(row(56, 0, Text::kTarget)),
    header(row(57, 0, Text::kTargetSub)),
    header(row(90, 0, Form::kIgnored)),
    header(row(91, 0, Form::kIgnored)),
    header(row(97, 0, Letter::kPossibleResend, "YN")),
    header(row(115, 0, Text::kOnBehalfOf)),
    header(row(116, 0, Form::kIgnored)),
    header(row(122, 0, Time::kOriginalSending)),
    header(row(128, 0, Text::kDeliverTo)),
    header(row(129, 0, Form::kIgnored)),
    header(row(142, 0, Form::kIgnored)),
    header(row(143, 0, Form::kIgnored)),
    header(row(144, 0, Form::kIgnored)),
    header(row(145, 0, Form::kIgnored)),
    header(row(212, 0, Form::kIgnored)),
    header(row(213, 0, Form::kIgnored)),
    header(row(347, 0, Form::kIgnored)),
    header(row(369, 0, Count::kLastProcessed)),
    header(row(627, 0, Form::kGroup)),
    header(row(628, 0, Form::kMember)),
    header(row(629, 0, Form::kMember)),
    header(row(630, 0, Form::kMember)),
    header(row(1128, 0, Form::kIgnored)),
    header(row(1129, 0, Form::kIgnored)),
    header(row(1156, 0, Form::kIgnored)),
    trailer(10),
    trailer(89),
    trailer(93),
    // Who and what.
    row(1, kEvery, Text::kAccount),
    row(11, kEvery, Text::kClientOrderId),
    row(37, kF | kG | kH, Text::kOrderId),
    row(41, kF | kG, Text::kOriginalClientOrderId),
    row(526, kEvery, Form::kIgnored),
    row(583, kOrders | kF, Form::kIgnored),
    row(790, kH, Text::kStatusRequestId),
    row(530, kQ, Letter::kMassCancelType, "123456789ABCDEF"),
    row(453, kEvery, Form::kGroup),
    row(447, kEvery, Form::kMember),
    row(448, kEvery, Form::kMember),
    row(452, kEvery, Form::kMember),
    row(802, kEvery, Form::kMember),
    row(523, kEvery, Form::kMember),
    row(803, kEvery, Form::kMember),
    row(78, kOrders, Form::kGroup),
    row(79, kOrders, Form::kMember),
    row(80, kOrders, Form::kMember),
    row(467, kOrders, Form::kMember),
    row(661, kOrders, Form::kMember),
    row(736, kOrders, Form::kMember),
    row(386, kOrders, Form::kGroup),
    row(336, kEvery, Form::kMember),
    row(625, kEvery, Form::kMember),
    // The instrument.
    row(55, kEvery, Text::kSymbol),
    row(48, kEvery, Text::kSecurityId),
    row(22, kEvery, Text::kSecurityIdSource),
    row(65, kEvery, Form::kIgnored),
    row(106, kEvery, Form::kIgnored),
    row(107, kEvery, Form::kIgnored),
    row(167, kEvery, Form::kIgnored),
    row(200, kEvery, Form::kIgnored),
    row(201, kEvery, Form::kIgnored),
    row(202, kEvery, Form::kIgnored),
    row(207, kEvery, Text::kExchange),
    row(231, kEvery, Form::kIgnored),
    row(460, kEvery, Form::kIgnored),
    row(461, kEvery, Form::kIgnored),
    row(541, kEvery, Form::kIgnored),
    row(454, kEvery, Form::kGroup),
    row(455, kEvery, Form::kMember),
    row(456, kEvery, Form::kMember),
    // The order.
    row(54, kEvery, Letter::kSide, "123456789ABCDEFGH"),
    row(38, kOrders | kF, Number::kQuantity),
    row(152, kOrders | kF, Number::kCashQuantity),
    row(40, kOrders, Letter::kType, "123456789ABCDEFGHIJKLMPQRS"),
    row(44, kOrders, Number::kPrice),
    row(99, kOrders, Number::kStopPrice),
    row(59, kOrders, Letter::kTimeInForce, "0123456789ABC"),
    row(126, kOrders, Time::kExpire),
    row(432, kOrders, Form::kDate),
    row(168, kOrders, Time::kEffective),
    row(60, kEvery, Time::kTransact),
    row(21, kOrders, Letter::kHandling, "123"),
    row(18, kOrders, Form::kInstructions),
    row(110, kOrders, Number::kMinimumQuantity),
    row(111, kOrders, Number::kDisplayQuantity),
    row(1138, kOrders, Number::kDisplayQuantity),
    row(77, kOrders, Letter::kPositionEffect, "OCRFDN"),
    row(15, kOrders, Text::kCurrency),
    row(100, kOrders, Text::kDestination),
    row(58, kEvery, Text::kText),
    row(354, kEvery, Form::kIgnored),
    row(355, kEvery, Form::kIgnored),
    row(47, kOrders, Form::kIgnored),
    row(63, kOrders, Form::kIgnored),
    row(64, kOrders, Form::kIgnored),
    row(114, kOrders, Form::kIgnored),
    row(203, kOrders, Form::kIgnored),
    row(204, kOrders, Form::kIgnored),
    row(229, kOrders, Form::kIgnored),
    row(376, kOrders, Form::kIgnored),
    row(377, kOrders, Form::kIgnored),
    row(423, kOrders, Form::kIgnored),
    row(528, kOrders, Form::kIgnored),
    row(529, kOrders, Form::kIgnored),
    row(581, kEvery, Form::kIgnored),
    row(582, kOrders, Form::kIgnored),
    row(635, kOrders, Form::kIgnored),
    row(660, kEvery, Form::kIgnored),
};

inline constexpr std::uint16_t kTagsBelow = 2048;

/// Place in kRows + 1 by tag; 0 = not there.
inline constexpr auto kPlaces = [] {
  std::array<std::uint8_t, kTagsBelow> places{};
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    places[kRows[i].tag] = static_cast<std::uint8_t>(i + 1);
  }
  return places;
}();
static_assert(std::size(kRows) < 255);
static_assert([] {
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (kPlaces[kRows[i].tag] != i + 1) return false;  // a tag stands twice
  }
  return true;
}());

}  // namespace request_table

/// Null when the decoder does not know the tag.
[[nodiscard]] inline const FieldRow* request_field(std::int64_t tag) noexcept {
  if (tag <= 0 || tag >= request_table::kTagsBelow) return nullptr;
  const std::uint8_t place = request_table::kPlaces[static_cast<std::size_t>(tag)];
  return place == 0 ? nullptr : &request_table::kRows[place - 1];
}

}  // namespace gateway::fix
