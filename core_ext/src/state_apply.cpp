// The one door of `apply`: a record's kind chooses what changes.
#include "gateway_core/journal/sha256.hpp"
#include "gateway_core/state/state.hpp"

namespace gateway {

bool State::apply_boot(const Boot& boot, std::int64_t time_ns) noexcept {
  epoch = boot.epoch;
  orders_made = 0;
  if (period_began_ns == 0) period_began_ns = time_ns;
  if (boot.clean_shutdown == 2) return true;
  for (std::uint32_t id = 1; id <= registry.venues.count(); ++id) {
    registry.venues.at(id).session = VenueSession::kDown;
  }
  registry.touch();
  return true;
}

// The names of a day stay for the whole next one: who repeats an order across its end, or across an
// outage that lasted over it, meets the order and makes no second one.
bool State::apply_tick(const ClockTick& tick, std::int64_t time_ns) noexcept {
  if (tick.purpose != 1) return true;
  registry.start_period();
  names.roll([this](OrderId id) {
    const std::uint32_t slot = orders.find(id);
    if (slot == kNoSlot) return order_number(id) > period_began_ids;
    const Order& order = orders.at(slot);
    return is_open(static_cast<OrderState>(order.state)) || order.updated_ns >= period_began_ns;
  });
  period_began_ns = time_ns;
  period_began_ids =
      order_number(make_order_id({0, epoch, static_cast<std::uint32_t>(orders_made)}));
  return true;
}

namespace {

/// Audit records and volatile ones leave no trace in the state, not even a count.
bool is_counted(RecordKind kind) noexcept {
  return kind != RecordKind::kOrderRefused && kind != RecordKind::kAnomaly &&
         kind != RecordKind::kVenueState && kind != RecordKind::kOverrideUsed &&
         kind != RecordKind::kOperationNoted;
}

}  // namespace

bool State::apply_venue_state(const VenueState& state) noexcept {
  if (!registry.venues.has(state.venue)) return false;
  VenueRow& row = registry.venues.at(state.venue);
  row.session = static_cast<VenueSession>(state.state);
  row.session_text = state.text;
  row.session_since_ns = state.since_ns;
  // All that was paid before is asked for and booked.
  if (row.session == VenueSession::kReconciled) {
    for (AccountId id = 1; id <= registry.accounts.count(); ++id) {
      if (registry.accounts.at(id).definition.venue == state.venue)
        put(funding_settled_ns[id], funding_known_ns[id]);
    }
  }
  registry.touch();
  return true;
}

bool State::apply_measured(const RiskMeasured& measured, std::int64_t time_ns) noexcept {
  if (!registry.apply(measured, time_ns)) return false;
  if ((measured.told & kToldGreeks) == 0) return true;
  if (static_cast<Level>(measured.level) != Level::kInstrument) return false;
  routes.tell_greeks(measured.id, measured.greeks_e8);
  return true;
}

bool State::apply_definition(RecordKind kind, const std::uint8_t* record) noexcept {
  switch (kind) {
    case RecordKind::kCurrencyDefined:
      return registry.apply(payload<CurrencyDefined>(record));
    case RecordKind::kVenueDefined:
      return registry.apply(payload<VenueDefined>(record));
    case RecordKind::kInstrumentDefined:
      return registry.apply(payload<InstrumentDefined>(record));
    case RecordKind::kAccountDefined:
      return registry.apply(payload<AccountDefined>(record));
    case RecordKind::kStrategyDefined:
      return registry.apply(payload<StrategyDefined>(record));
    case RecordKind::kPrincipalDefined:
      if (!registry.apply(payload<PrincipalDefined>(record))) return false;
      names.make_room(payload<PrincipalDefined>(record).id);
      return true;
    case RecordKind::kCurrencyRateSet:
      return registry.apply(payload<CurrencyRateSet>(record));
    case RecordKind::kLimitsSet:
      return registry.apply(payload<LimitsSet>(record),
                            reinterpret_cast<const RecordHeader*>(record)->time_ns);
    case RecordKind::kGuardsSet:
      return registry.apply(payload<GuardsSet>(record));
    case RecordKind::kRiskMeasured:
      return apply_measured(payload<RiskMeasured>(record),
                            reinterpret_cast<const RecordHeader*>(record)->time_ns);
    case RecordKind::kTradingStateSet:
      return registry.apply(payload<TradingStateSet>(record),
                            *reinterpret_cast<const RecordHeader*>(record));
    case RecordKind::kFixSessionDefined:
    case RecordKind::kFixNumbersSet:
    case RecordKind::kFixMessageSent:
      return fix.apply(*reinterpret_cast<const RecordHeader*>(record), record);
    default:
      return false;
  }
}

bool State::apply(const RecordHeader& header, const std::uint8_t* record) noexcept {
  last_time_ns = header.time_ns;
  if (is_counted(static_cast<RecordKind>(header.type))) ++counts[header.type & 63];
  switch (static_cast<RecordKind>(header.type)) {
    case RecordKind::kOrderNew:
      return apply_order_new(header, record);
    case RecordKind::kOrderFilled:
      return apply_filled(header, payload<OrderFilled>(record));
    case RecordKind::kOrderAccepted:
    case RecordKind::kOrderRejected:
    case RecordKind::kOrderCanceled:
    case RecordKind::kOrderExpired:
    case RecordKind::kOrderReplaced:
    case RecordKind::kCancelRejected:
    case RecordKind::kReplaceRejected:
    case RecordKind::kOrderUnknown:
    case RecordKind::kOrderNotSent:
      return apply_fact(header, payload<OrderFact>(record));
    case RecordKind::kCancelRequested:
      return apply_cancel_requested(header, payload<CancelRequested>(record));
    case RecordKind::kReplaceRequested:
      return apply_replace_requested(header, payload<ReplaceRequested>(record));
    case RecordKind::kOrderTriggered:
      return apply_triggered(header, payload<OrderTriggered>(record));
    case RecordKind::kFillBusted:
    case RecordKind::kFillCorrected:
      return apply_revised(header, payload<FillRevised>(record));
    case RecordKind::kOrderAdopted:
      return apply_adopted(header, payload<OrderAdopted>(record));
    case RecordKind::kBoot:
      return apply_boot(payload<Boot>(record), header.time_ns);
    case RecordKind::kPositionAdopted:
      return apply_position_adopted(header, payload<PositionAdopted>(record));
    case RecordKind::kClockTick:
      return apply_tick(payload<ClockTick>(record), header.time_ns);
    case RecordKind::kFunding:
      return apply_funding(header, payload<Funding>(record));
    case RecordKind::kBalanceChanged:
      return apply_balance(header, payload<BalanceChanged>(record));
    case RecordKind::kPositionCollateral:
      return apply_collateral(header, payload<PositionCollateral>(record));
    case RecordKind::kVenueState:
      return apply_venue_state(payload<VenueState>(record));
    case RecordKind::kStopped:
    case RecordKind::kOperationNoted:
    case RecordKind::kOrderRefused:
    case RecordKind::kOverrideUsed:
    case RecordKind::kAnomaly:
      return true;
    default:
      return apply_definition(static_cast<RecordKind>(header.type), record);
  }
}

std::string State::hash() const {
  std::vector<std::uint8_t> bytes;
  serialize(bytes);
  return journal::hex(journal::sha256(bytes.data(), bytes.size()));
}

}  // namespace gateway
