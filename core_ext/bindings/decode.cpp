// Field by field, kind by kind. Numbers stay mantissas: only the registry knows the scales.
#include "decode.hpp"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateway_core/journal/sha256.hpp"
#include "gateway_core/record/operation.hpp"
#include "gateway_core/state/state.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "gateway_core/types/refusal.hpp"

namespace nb = nanobind;

namespace gateway {
namespace {

constexpr std::pair<RecordKind, const char*> kKindNames[] = {
    {RecordKind::kBoot, "boot"},
    {RecordKind::kStopped, "stopped"},
    {RecordKind::kClockTick, "clock_tick"},
    {RecordKind::kOperationNoted, "operation_noted"},
    {RecordKind::kCurrencyDefined, "currency_defined"},
    {RecordKind::kVenueDefined, "venue_defined"},
    {RecordKind::kInstrumentDefined, "instrument_defined"},
    {RecordKind::kAccountDefined, "account_defined"},
    {RecordKind::kStrategyDefined, "strategy_defined"},
    {RecordKind::kPrincipalDefined, "principal_defined"},
    {RecordKind::kCurrencyRateSet, "currency_rate_set"},
    {RecordKind::kLimitsSet, "limits_set"},
    {RecordKind::kGuardsSet, "guards_set"},
    {RecordKind::kRiskMeasured, "risk_measured"},
    {RecordKind::kOverrideUsed, "override_used"},
    {RecordKind::kTradingStateSet, "trading_state_set"},
    {RecordKind::kFixSessionDefined, "fix_session_defined"},
    {RecordKind::kFixNumbersSet, "fix_numbers_set"},
    {RecordKind::kFixMessageSent, "fix_message_sent"},
    {RecordKind::kOrderNew, "order_new"},
    {RecordKind::kOrderRefused, "order_refused"},
    {RecordKind::kCancelRequested, "cancel_requested"},
    {RecordKind::kReplaceRequested, "replace_requested"},
    {RecordKind::kOrderTriggered, "order_triggered"},
    {RecordKind::kOrderAccepted, "order_accepted"},
    {RecordKind::kOrderRejected, "order_rejected"},
    {RecordKind::kOrderCanceled, "order_canceled"},
    {RecordKind::kOrderExpired, "order_expired"},
    {RecordKind::kOrderReplaced, "order_replaced"},
    {RecordKind::kCancelRejected, "cancel_rejected"},
    {RecordKind::kReplaceRejected, "replace_rejected"},
    {RecordKind::kOrderUnknown, "order_unknown"},
    {RecordKind::kOrderNotSent, "order_not_sent"},
    {RecordKind::kOrderFilled, "order_filled"},
    {RecordKind::kFillBusted, "fill_busted"},
    {RecordKind::kFillCorrected, "fill_corrected"},
    {RecordKind::kOrderAdopted, "order_adopted"},
    {RecordKind::kAnomaly, "anomaly"},
    {RecordKind::kPositionCollateral, "position_collateral"},
    {RecordKind::kVenueState, "venue_state"},
    {RecordKind::kBalanceChanged, "balance_changed"},
    {RecordKind::kFunding, "funding"},
    {RecordKind::kPositionAdopted, "position_adopted"},
};

const char* kind_name(RecordKind kind) {
  for (const auto& [known, name] : kKindNames) {
    if (known == kind) return name;
  }
  return nullptr;
}

class Fields {
 public:
  explicit Fields(nb::dict& row) : row_(row) {}
  template <typename T>
  Fields& put(const char* name, T value) {
    if constexpr (std::is_enum_v<T>) {
      row_[name] = static_cast<std::uint64_t>(value);
    } else {
      row_[name] = value;
    }
    return *this;
  }
  Fields& put(const char* name, Money value) {
    row_[name] = format_decimal(value.e18, kMoneyScale);
    return *this;
  }
  template <std::size_t N>
  Fields& put(const char* name, const Text<N>& value) {
    row_[name] = nb::str(value.view().data(), value.view().size());
    return *this;
  }
  /// A mask is printed as the ids it allows.
  template <std::size_t N>
  Fields& put(const char* name, const std::uint64_t (&mask)[N]) {
    nb::list ids;
    for (std::size_t id = 0; id < N * 64; ++id) {
      if ((mask[id / 64] >> (id % 64) & 1) != 0) ids.append(id);
    }
    row_[name] = ids;
    return *this;
  }

 private:
  nb::dict& row_;
};

#define FIELD(name) put(#name, from.name)

void decode(Fields out, const OrderNew& from, const std::uint8_t* record) {
  out.FIELD(order_id)
      .FIELD(client_number)
      .FIELD(price)
      .FIELD(quantity)
      .FIELD(instrument)
      .FIELD(account)
      .FIELD(strategy)
      .FIELD(type)
      .FIELD(side)
      .FIELD(time_in_force)
      .FIELD(flags)
      .FIELD(reference_price)
      .FIELD(reference_age_ms)
      .FIELD(leg)
      .FIELD(margin_mode)
      .FIELD(limits_version);
  if (const auto* conditions = conditions_of(record, from.flags)) {
    out.put("trigger_price", conditions->trigger_price)
        .put("display_quantity", conditions->display_quantity)
        .put("expires_ns", conditions->expires_ns)
        .put("link_kind", static_cast<std::uint8_t>(conditions->link.kind))
        .put("link_place", conditions->link.place)
        .put("link_count", conditions->link.count)
        .put("cross_ms", conditions->cross_ms);
  }
  if (const auto* client_id = client_id_of(record, from.flags)) out.put("client_id", *client_id);
}
void decode(Fields out, const OrderRefused& from, const std::uint8_t*) {
  out.FIELD(client_number)
      .FIELD(price)
      .FIELD(quantity)
      .FIELD(instrument)
      .FIELD(account)
      .FIELD(strategy)
      .FIELD(type)
      .FIELD(side)
      .FIELD(time_in_force)
      .FIELD(flags)
      .FIELD(level)
      .FIELD(limits_version)
      .FIELD(order_id)
      .FIELD(limit)
      .FIELD(current)
      .FIELD(would_be)
      .FIELD(working)
      .FIELD(client_id);
  out.put("refusal", std::string(describe(static_cast<Refusal>(from.refusal)).name));
}
void decode(Fields out, const OrderFact& from, const std::uint8_t*) {
  out.FIELD(order_id)
      .FIELD(venue_time_ns)
      .FIELD(venue_sequence)
      .FIELD(venue_order_id)
      .FIELD(price)
      .FIELD(quantity)
      .FIELD(cumulative)
      .FIELD(reason)
      .FIELD(evidence)
      .FIELD(text);
}
void decode(Fields out, const OrderFilled& from, const std::uint8_t*) {
  out.FIELD(order_id)
      .FIELD(account)
      .FIELD(instrument)
      .FIELD(price)
      .FIELD(price_scale)
      .FIELD(quantity)
      .FIELD(value)
      .FIELD(fee)
      .FIELD(fee_currency)
      .FIELD(side)
      .FIELD(leg)
      .FIELD(liquidity)
      .FIELD(venue_time_ns)
      .FIELD(trade_id)
      .FIELD(venue_order_id)
      .FIELD(venue_sequence)
      .FIELD(order_cumulative)
      .FIELD(booked_before)
      .FIELD(position_quantity)
      .FIELD(position_cost)
      .FIELD(position_realised);
  if (from.cross.with == 0) return;
  out.put("crossed_with", from.cross.with)
      .put("cross_bid", from.cross.bid)
      .put("cross_ask", from.cross.ask)
      .put("cross_age_ns", from.cross.age_ns);
}
void decode(Fields out, const FillRevised& from, const std::uint8_t*) {
  out.FIELD(order_id)
      .FIELD(account)
      .FIELD(instrument)
      .FIELD(trade_id)
      .FIELD(revision)
      .FIELD(price)
      .FIELD(price_scale)
      .FIELD(quantity)
      .FIELD(value)
      .FIELD(fee)
      .FIELD(fee_currency)
      .FIELD(side)
      .FIELD(leg)
      .FIELD(liquidity)
      .FIELD(venue_time_ns)
      .FIELD(fill_ordinal)
      .FIELD(position_quantity)
      .FIELD(position_cost)
      .FIELD(position_realised);
}
void decode(Fields out, const OrderAdopted& from, const std::uint8_t*) {
  out.FIELD(order_id)
      .FIELD(price)
      .FIELD(quantity)
      .FIELD(cumulative)
      .FIELD(instrument)
      .FIELD(account)
      .FIELD(strategy)
      .FIELD(type)
      .FIELD(side)
      .FIELD(time_in_force)
      .FIELD(flags)
      .FIELD(venue_order_id)
      .FIELD(venue_client_id)
      .FIELD(leg);
}
void decode(Fields out, const CancelRequested& from, const std::uint8_t*) {
  out.FIELD(order_id).FIELD(reason);
}
void decode(Fields out, const ReplaceRequested& from, const std::uint8_t*) {
  out.FIELD(order_id)
      .FIELD(client_number)
      .FIELD(price)
      .FIELD(quantity)
      .FIELD(reference_price)
      .FIELD(client_id);
}
void decode(Fields out, const OrderTriggered& from, const std::uint8_t*) {
  out.FIELD(order_id)
      .FIELD(trigger_price_seen)
      .FIELD(by_gateway)
      .FIELD(quantity)
      .FIELD(price)
      .FIELD(reference_price)
      .FIELD(limits_version);
}
void decode(Fields out, const Anomaly& from, const std::uint8_t*) {
  out.FIELD(order_id).FIELD(state).FIELD(trade_id).FIELD(code);
  out.put("event", from.kind);
}
void decode(Fields out, const Boot& from, const std::uint8_t*) {
  out.FIELD(epoch)
      .FIELD(orders_max)
      .FIELD(idempotency_max)
      .FIELD(positions_max)
      .FIELD(clean_shutdown)
      .FIELD(wall_time_ns)
      .FIELD(build);
}
void decode(Fields out, const Stopped& from, const std::uint8_t*) { out.FIELD(open_orders); }
void decode(Fields out, const ClockTick& from, const std::uint8_t*) { out.FIELD(purpose); }
void decode(Fields out, const CurrencyDefined& from, const std::uint8_t*) {
  out.FIELD(id).put("definition_version", from.version).FIELD(code);
}
void decode(Fields out, const VenueDefined& from, const std::uint8_t*) {
  out.FIELD(id)
      .put("definition_version", from.version)
      .FIELD(name)
      .FIELD(is_simulated)
      .FIELD(order_types)
      .FIELD(times_in_force)
      .FIELD(flags)
      .FIELD(amend)
      .FIELD(ack_timeout_ms);
}
void decode(Fields out, const InstrumentDefined& from, const std::uint8_t*) {
  out.FIELD(id)
      .put("definition_version", from.version)
      .FIELD(venue)
      .FIELD(base)
      .FIELD(quote)
      .FIELD(settle)
      .put("instrument_kind", from.kind)
      .FIELD(price_scale)
      .FIELD(quantity_scale)
      .FIELD(multiplier_scale)
      .FIELD(is_tradable)
      .FIELD(tick)
      .FIELD(lot)
      .FIELD(quantity_min)
      .FIELD(quantity_max)
      .FIELD(multiplier)
      .FIELD(notional_min_e8)
      .FIELD(symbol)
      .FIELD(venue_symbol);
}
void decode(Fields out, const AccountDefined& from, const std::uint8_t*) {
  out.FIELD(id)
      .put("definition_version", from.version)
      .FIELD(venue)
      .FIELD(durability)
      .FIELD(is_hedge_mode)
      .FIELD(margin_mode)
      .FIELD(name);
}
void decode(Fields out, const StrategyDefined& from, const std::uint8_t*) {
  out.FIELD(id).put("definition_version", from.version).FIELD(name);
}
void decode(Fields out, const PrincipalDefined& from, const std::uint8_t*) {
  out.FIELD(id)
      .put("definition_version", from.version)
      .FIELD(scopes)
      .FIELD(all_accounts)
      .FIELD(all_strategies)
      .FIELD(all_instruments)
      .FIELD(is_enabled)
      .FIELD(name)
      .FIELD(accounts)
      .FIELD(strategies)
      .FIELD(instruments);
}
void decode(Fields out, const CurrencyRateSet& from, const std::uint8_t*) {
  out.FIELD(currency).put("rate_version", from.version).FIELD(rate_e8);
}
void decode(Fields out, const LimitsSet& record, const std::uint8_t*) {
  out.put("level", record.level)
      .put("id", record.id)
      .put("limits_version", record.version)
      .put("limits_actor", record.actor)
      .put("reason", record.reason);
  const LimitFields& from = record.fields;
  out.FIELD(order_quantity_max_e8)
      .FIELD(order_notional_max_e4)
      .FIELD(position_long_max_e8)
      .FIELD(position_short_max_e8)
      .FIELD(gross_exposure_max_e4)
      .FIELD(net_exposure_max_e4)
      .FIELD(credit_max_e4)
      .FIELD(collar_bps)
      .FIELD(reference_age_ms_max)
      .FIELD(orders_per_second)
      .FIELD(order_burst)
      .FIELD(cancels_per_second)
      .FIELD(cancel_burst)
      .FIELD(open_orders_side_max)
      .FIELD(duplicate_window_ms);
}
void decode(Fields out, const TradingStateSet& from, const std::uint8_t*) {
  out.FIELD(level)
      .FIELD(id)
      .FIELD(state)
      .FIELD(is_latch)
      .put("state_actor", from.actor)
      .FIELD(reason)
      .put("latch_cause", from.cause)  // `cause` is the record that led to this one
      .FIELD(breaker);
}
void decode(Fields out, const GuardsSet& record, const std::uint8_t*) {
  out.put("level", record.level).put("id", record.id).put("limits_version", record.version);
  const GuardFields& from = record.fields;
#define AMOUNT(name) out.FIELD(name##_e4);
#define COUNT(name, maximum, looser) out.FIELD(name);
#include "gateway_core/risk/guard_fields.def"
#undef AMOUNT
#undef COUNT
}
void decode(Fields out, const RiskMeasured& from, const std::uint8_t*) {
  out.FIELD(level)
      .FIELD(id)
      .FIELD(told)
      .FIELD(margin_headroom_e4)
      .FIELD(result_e4)
      .put("delta_e8", from.greeks_e8[0])
      .put("gamma_e8", from.greeks_e8[1])
      .put("vega_e8", from.greeks_e8[2])
      .put("measured_actor", from.actor);
}
void decode(Fields out, const OverrideUsed& from, const std::uint8_t*) {
  out.FIELD(order_id).FIELD(refusal).FIELD(limit).FIELD(current).FIELD(would_be);
}
void decode(Fields out, const OperationNoted& from, const std::uint8_t*) {
  const bool has_digest = from.digest != decltype(from.digest){};
  out.FIELD(operation)
      .FIELD(unnoted)
      .put("bound_ns", from.values[0])
      .put("estimate_ns", from.values[1])
      .put("offset_ns", from.values[2])
      .put("digest", has_digest ? journal::hex(from.digest) : std::string())
      .put("operation_actor", from.actor)
      .FIELD(subject)
      .FIELD(detail)
      .FIELD(reason);
}
void decode(Fields out, const FixSessionDefined& from, const std::uint8_t*) {
  out.FIELD(id).put("definition_version", from.version).FIELD(created_ns).FIELD(name);
}
void decode(Fields out, const FixNumbersSet& from, const std::uint8_t*) {
  out.FIELD(session).FIELD(reason).FIELD(next_outgoing).FIELD(next_incoming).FIELD(created_ns);
}
void decode(Fields out, const FixMessageSent& from, const std::uint8_t* record) {
  out.FIELD(session)
      .FIELD(flags)
      .FIELD(number)
      .FIELD(sent_ns)
      .FIELD(total_bytes)
      .FIELD(offset)
      .FIELD(position)
      .FIELD(previous_position)
      .FIELD(block_position);
  const auto& header = *reinterpret_cast<const RecordHeader*>(record);
  const std::size_t room = header.length - sizeof header - sizeof from;
  const std::size_t left = from.total_bytes - std::min(from.offset, from.total_bytes);
  std::string text(reinterpret_cast<const char*>(record + sizeof header + sizeof from),
                   std::min(room, left));
  for (char& c : text) {  // for people: bytes of any encoding as text that is always text
    if (c == 1) c = '|';
    if (c < ' ' || c > '~') c = '?';
  }
  out.put("text", text);
}
void decode(Fields out, const VenueState& from, const std::uint8_t*) {
  out.FIELD(venue).FIELD(state).FIELD(since_ns).FIELD(text);
}
void decode(Fields out, const BalanceChanged& from, const std::uint8_t*) {
  out.FIELD(account).FIELD(currency).FIELD(reason);
  out.FIELD(amount).FIELD(reference).FIELD(venue_time_ns);
}
void decode(Fields out, const Funding& from, const std::uint8_t*) {
  out.FIELD(account)
      .FIELD(instrument)
      .FIELD(currency)
      .FIELD(leg)
      .FIELD(amount)
      .FIELD(rate_e18)
      .FIELD(venue_time_ns)
      .FIELD(reference);
}
void decode(Fields out, const PositionAdopted& from, const std::uint8_t*) {
  out.FIELD(account)
      .FIELD(instrument)
      .FIELD(strategy)
      .FIELD(side)
      .FIELD(leg)
      .FIELD(price)
      .FIELD(price_scale)
      .FIELD(quantity)
      .FIELD(value)
      .FIELD(reference)
      .put("adopted_by", from.actor)
      .FIELD(position_quantity)
      .FIELD(position_cost)
      .FIELD(position_realised);
}
void decode(Fields out, const PositionCollateral& from, const std::uint8_t*) {
  out.FIELD(account)
      .FIELD(instrument)
      .FIELD(leg)
      .FIELD(amount)
      .FIELD(venue_time_ns)
      .FIELD(evidence)
      .FIELD(venue_margin_mode);
}

#undef FIELD

template <typename Payload>
void decode_as(nb::dict& row, const std::uint8_t* record, std::size_t length) {
  if (length < sizeof(RecordHeader) + sizeof(Payload)) throw nb::value_error("record is too short");
  decode(Fields(row), payload<Payload>(record), record);
}

/// Orders, and what venues tell.
void decode_fact(nb::dict& row, RecordKind kind, const std::uint8_t* record, std::size_t length) {
  switch (kind) {
    case RecordKind::kOrderNew:
      return decode_as<OrderNew>(row, record, length);
    case RecordKind::kOrderRefused:
      return decode_as<OrderRefused>(row, record, length);
    case RecordKind::kCancelRequested:
      return decode_as<CancelRequested>(row, record, length);
    case RecordKind::kReplaceRequested:
      return decode_as<ReplaceRequested>(row, record, length);
    case RecordKind::kOrderTriggered:
      return decode_as<OrderTriggered>(row, record, length);
    case RecordKind::kOrderFilled:
      return decode_as<OrderFilled>(row, record, length);
    case RecordKind::kFillBusted:
    case RecordKind::kFillCorrected:
      return decode_as<FillRevised>(row, record, length);
    case RecordKind::kOrderAdopted:
      return decode_as<OrderAdopted>(row, record, length);
    case RecordKind::kAnomaly:
      return decode_as<Anomaly>(row, record, length);
    case RecordKind::kVenueState:
      return decode_as<VenueState>(row, record, length);
    case RecordKind::kBalanceChanged:
      return decode_as<BalanceChanged>(row, record, length);
    case RecordKind::kFunding:
      return decode_as<Funding>(row, record, length);
    case RecordKind::kPositionAdopted:
      return decode_as<PositionAdopted>(row, record, length);
    case RecordKind::kPositionCollateral:
      return decode_as<PositionCollateral>(row, record, length);
    default:
      return decode_as<OrderFact>(row, record, length);
  }
}

void decode_payload(nb::dict& row, RecordKind kind, const std::uint8_t* record,
                    std::size_t length) {
  switch (kind) {
    case RecordKind::kBoot:
      return decode_as<Boot>(row, record, length);
    case RecordKind::kStopped:
      return decode_as<Stopped>(row, record, length);
    case RecordKind::kClockTick:
      return decode_as<ClockTick>(row, record, length);
    case RecordKind::kOperationNoted:
      return decode_as<OperationNoted>(row, record, length);
    case RecordKind::kCurrencyDefined:
      return decode_as<CurrencyDefined>(row, record, length);
    case RecordKind::kVenueDefined:
      return decode_as<VenueDefined>(row, record, length);
    case RecordKind::kInstrumentDefined:
      return decode_as<InstrumentDefined>(row, record, length);
    case RecordKind::kAccountDefined:
      return decode_as<AccountDefined>(row, record, length);
    case RecordKind::kStrategyDefined:
      return decode_as<StrategyDefined>(row, record, length);
    case RecordKind::kPrincipalDefined:
      return decode_as<PrincipalDefined>(row, record, length);
    case RecordKind::kCurrencyRateSet:
      return decode_as<CurrencyRateSet>(row, record, length);
    case RecordKind::kLimitsSet:
      return decode_as<LimitsSet>(row, record, length);
    case RecordKind::kGuardsSet:
      return decode_as<GuardsSet>(row, record, length);
    case RecordKind::kRiskMeasured:
      return decode_as<RiskMeasured>(row, record, length);
    case RecordKind::kOverrideUsed:
      return decode_as<OverrideUsed>(row, record, length);
    case RecordKind::kTradingStateSet:
      return decode_as<TradingStateSet>(row, record, length);
    case RecordKind::kFixSessionDefined:
      return decode_as<FixSessionDefined>(row, record, length);
    case RecordKind::kFixNumbersSet:
      return decode_as<FixNumbersSet>(row, record, length);
    case RecordKind::kFixMessageSent:
      return decode_as<FixMessageSent>(row, record, length);
    default:
      return decode_fact(row, kind, record, length);
  }
}

}  // namespace

nb::dict decode_record(nb::bytes bytes) {
  alignas(64) std::uint8_t record[kRecordBytesMax];
  RecordHeader header;
  if (bytes.size() < sizeof header || bytes.size() > sizeof record) {
    throw nb::value_error("a record has 64 to 4096 bytes");
  }
  std::memcpy(record, bytes.data(), bytes.size());
  std::memcpy(&header, record, sizeof header);
  const char* kind = kind_name(static_cast<RecordKind>(header.type));
  if (kind == nullptr || header.length != bytes.size())
    throw nb::value_error("not one known record");
  nb::dict row;
  row["sequence"] = header.sequence;
  row["kind"] = kind;
  row["time_ns"] = header.time_ns;
  row["cause"] = header.cause;
  row["epoch"] = header.epoch;
  row["actor"] = header.actor;
  row["origin_port"] = header.origin_port;
  row["origin_sequence"] = header.origin_sequence;
  decode_payload(row, static_cast<RecordKind>(header.type), record, bytes.size());
  return row;
}

}  // namespace gateway
