// A fact in the numbers of the engine: what travels through a venue port. A number that does not
// fit its scale is false and no message; whoever tells it in words then says which one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "gateway_core/event/fact.hpp"
#include "gateway_core/port/messages.hpp"
#include "gateway_core/risk/limits.hpp"
#include "gateway_core/types/decimal_text.hpp"

namespace gateway::event {

/// What the gateway knows about the names in a fact.
struct FactIds {
  OrderId order_id = 0;
  AccountId account = 0;
  InstrumentId instrument = 0;
  CurrencyId fee_currency = 0;
  std::uint8_t price_scale = 0;  // of the instrument
  std::uint8_t quantity_scale = 0;
};

/// Words of adapters for why an order ended; every other one is the venue's own decision.
[[nodiscard]] constexpr FactReason reason_of(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 17> kWords = {"none",
                                                       "requested",
                                                       "time_in_force",
                                                       "post_only",
                                                       "reduce_only",
                                                       "self_trade",
                                                       "expired",
                                                       "venue_decision",
                                                       "timeout",
                                                       "disconnected",
                                                       "send_error",
                                                       "restart",
                                                       "untriggered",
                                                       "queue_stale",
                                                       "insufficient_funds",
                                                       "unknown_outcome_cancel",
                                                       "unknown_outcome_replace"};
  if (text.empty()) return FactReason::kNone;
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == text) return static_cast<FactReason>(i);
  }
  return FactReason::kVenueDecision;
}

namespace in_message {

/// Nearly every number: at most 18 digits and no more decimals than the scale. False = another one.
[[nodiscard]] inline bool read_short(std::string_view text, int scale, Int128& value) noexcept {
  const bool is_negative = !text.empty() && text[0] == '-';
  if (is_negative) text.remove_prefix(1);
  if (text.size() > 18) return false;  // 18 digits, or 17 and a point
  std::int64_t mantissa = 0;
  int decimals = 0;
  bool has_point = false;
  for (const char letter : text) {
    if (letter == '.') {
      if (has_point) return false;
      has_point = true;
      continue;
    }
    if (letter < '0' || letter > '9') return false;
    mantissa = mantissa * 10 + (letter - '0');
    decimals += has_point ? 1 : 0;
  }
  if (text.empty() || text.front() == '.' || text.back() == '.' || decimals > scale ||
      scale - decimals > 18) {
    return false;
  }
  value = Int128{is_negative ? -mantissa : mantissa} * kPow10_64[scale - decimals];
  return true;
}

[[nodiscard]] inline bool read_wide(std::string_view text, int scale, Int128& value) noexcept {
  if (read_short(text, scale, value)) return true;
  const ParsedDecimal parsed = parse_decimal(text, scale);
  value = parsed.mantissa;
  return parsed.fault == DecimalFault::kNone;
}

[[nodiscard]] inline bool read_number(std::string_view text, int scale,
                                      std::int64_t& value) noexcept {
  Int128 wide = 0;
  if (!read_wide(text, scale, wide) || wide > kQuantityMax || wide < -kQuantityMax) return false;
  value = static_cast<std::int64_t>(wide);
  return true;
}

/// Decimals behind the point.
[[nodiscard]] constexpr std::size_t decimals_of(std::string_view text) noexcept {
  const std::size_t point = text.find('.');
  return point == std::string_view::npos ? 0 : text.size() - point - 1;
}

template <typename Message>
void set_header(Message& message, MessageKind kind, std::uint8_t part = 0) noexcept {
  message.header = {kind, static_cast<std::uint8_t>(sizeof(Message) / kEntryBytes), part, 0, 0};
}

}  // namespace in_message

[[nodiscard]] inline bool write(const Fact& fact, const FactIds& ids,
                                FillMessage& message) noexcept {
  OrderFilled& fill = message.fill;
  const std::size_t decimals = in_message::decimals_of(fact.price.view());
  if (decimals > static_cast<std::size_t>(kScaleSumMax)) return false;
  fill.price_scale = static_cast<std::uint8_t>(decimals);
  if (!in_message::read_number(fact.price.view(), fill.price_scale, fill.price) ||
      !in_message::read_number(fact.quantity.view(), ids.quantity_scale, fill.quantity) ||
      !in_message::read_wide(fact.fee.view(), kMoneyScale, fill.fee.e18)) {
    return false;
  }
  fill.order_id = ids.order_id;
  fill.account = ids.account;
  fill.instrument = ids.instrument;
  fill.fee_currency = ids.fee_currency;
  fill.side = fact.side;
  fill.leg = static_cast<std::uint8_t>(fact.leg);
  fill.liquidity = static_cast<std::uint8_t>(fact.liquidity);
  fill.venue_time_ns = fact.venue_time_ns;
  fill.venue_sequence = fact.venue_sequence;
  fill.trade_id.assign(fact.trade_id.view());
  fill.venue_order_id.assign(fact.venue_order_id.view());
  in_message::set_header(message, MessageKind::kFill);
  return true;
}

/// Every kind but a fill.
[[nodiscard]] inline bool write(const Fact& fact, const FactIds& ids,
                                FactMessage& message) noexcept {
  OrderFact& told = message.fact;
  RecordKind kind = RecordKind::kOrderAccepted;
  told.cumulative = -1;
  switch (fact.kind) {
    case FactKind::kAccepted:
      break;
    case FactKind::kReplaced:
      kind = RecordKind::kOrderReplaced;
      if (!in_message::read_number(fact.price.view(), ids.price_scale, told.price) ||
          !in_message::read_number(fact.quantity.view(), ids.quantity_scale, told.quantity) ||
          told.price <= 0) {
        return false;
      }
      break;
    case FactKind::kCanceled:
    case FactKind::kExpired:
      kind =
          fact.kind == FactKind::kCanceled ? RecordKind::kOrderCanceled : RecordKind::kOrderExpired;
      if (!in_message::read_number(fact.cumulative.view(), ids.quantity_scale, told.cumulative)) {
        return false;
      }
      told.reason = static_cast<std::uint32_t>(reason_of(fact.reason.view()));
      told.text.assign(fact.reason.view());
      break;
    default:
      return false;
  }
  told.order_id = ids.order_id;
  told.venue_time_ns = fact.venue_time_ns;
  told.venue_sequence = fact.venue_sequence;
  told.venue_order_id.assign(fact.venue_order_id.view());
  told.evidence = static_cast<std::uint32_t>(Evidence::kStream);
  in_message::set_header(message, MessageKind::kFact,
                         static_cast<std::uint8_t>(static_cast<int>(kind) -
                                                   static_cast<int>(RecordKind::kOrderAccepted)));
  return true;
}

}  // namespace gateway::event
