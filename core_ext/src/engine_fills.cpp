// Executions: booked exactly once, worked out in the record that tells them. Never refused; what
// cannot be booked exactly halts its instrument.
#include "gateway_core/engine/engine.hpp"
#include "gateway_core/engine/possible_fill.hpp"
#include "gateway_core/state/execution.hpp"

namespace gateway {
namespace {

/// Whether the numbers and words of an execution can be booked at all.
[[nodiscard]] bool is_bookable(const InstrumentRow& row, Side side, std::uint8_t leg, Money value,
                               Money fee) noexcept {
  const bool is_spot = row.rules.kind == InstrumentKind::kSpot;
  return (side == Side::kBuy || side == Side::kSell) &&
         leg <= static_cast<std::uint8_t>(Leg::kShort) && detail::is_storable(value.e18) &&
         detail::is_storable(fee.e18) && (!is_spot || value.e18 >= 0);
}

[[nodiscard]] bool is_in_range(std::int64_t quantity) noexcept {
  return quantity <= kQuantityMax && quantity >= -kQuantityMax;
}

struct Executed {
  std::int64_t quantity = 0;
  Int128 value_e18 = 0;
};
/// Whether the order stays within what a snapshot may hold when `now` is counted instead of `old`.
/// Both are storable, and so is what the order has: their difference cannot wrap.
[[nodiscard]] bool fits(const Order& order, const Executed& old, const Executed& now) noexcept {
  Int128 value_e18 = 0;
  return now.quantity <= kQuantityMax &&
         order.cumulative - old.quantity <= kQuantityMax - now.quantity &&
         !add_overflows(order.value_e18 - old.value_e18, now.value_e18, value_e18) &&
         detail::is_storable(value_e18);
}

/// As the reason of a latch has room for it.
[[nodiscard]] constexpr std::string_view reason_of(AnomalyCode code) noexcept {
  if (code == AnomalyCode::kPrice) return "a venue told a price that cannot be";
  if (code == AnomalyCode::kFee) return "a venue told a fee that cannot be";
  return "a venue fact left the exact range";
}

}  // namespace

bool Engine::halt_by_fact(InstrumentId instrument, OrderId order_id, const TradeId& trade_id,
                          Key128 key, AnomalyCode code) noexcept {
  if (unbookable_.has(key)) {
    ++counters_.unbookable_repeated;
    return false;
  }
  record_anomaly(order_id, RecordKind::kOrderFilled, 0, code, trade_id);
  TradingStateSet halt{};
  halt.level = static_cast<std::uint32_t>(Level::kInstrument);
  halt.id = instrument;
  halt.state = static_cast<std::uint32_t>(TradingState::kHalted);
  halt.is_latch = 1;
  halt.actor.assign("gateway");
  halt.reason.assign(reason_of(code));
  halt.breaker = state_.registry.level(Level::kInstrument, instrument).breaker;
  // Without room for the latch the fact is as new when it is told again.
  if (append(RecordKind::kTradingStateSet, halt, {}) == 0) return false;
  ++counters_.unbookable;
  unbookable_.note(key);
  return true;
}

Refusal Engine::admit_fill(const OrderFilled& named) noexcept {
  (void)now_ns();
  const Key128 key = key_of(named);
  const UnbookableMemory::Kept* kept = unbookable_.find(key);
  if (kept == nullptr || state_.fills.find(key) != 0) return Refusal::kNotFound;
  if (!take_fill(kept->fill, key, true)) return Refusal::kJournalBehind;
  return state_.fills.find(key) != 0 ? Refusal::kNone : Refusal::kRange;
}

void Engine::on_fill(const OrderFilled& seen) noexcept {
  const Key128 key = key_of(seen);
  (void)now_ns();
  (void)take_fill(seen, key);
}

// The way to a fill's memory is the longest part of it: it is walked while others are booked.
std::size_t Engine::on_fills(const OrderFilled* fills, std::size_t count) noexcept {
  constexpr std::size_t kAhead = 4;
  (void)now_ns();
  Key128 keys[kAhead];
  for (std::size_t i = 0; i < count + kAhead; ++i) {
    if (i >= kAhead && !take_fill(fills[i - kAhead], keys[i % kAhead])) return i - kAhead;
    if (i < count) keys[i % kAhead] = key_of(fills[i]);
  }
  return count;
}

Key128 Engine::key_of(const OrderFilled& fill) const noexcept {
  const Key128 key =
      FillMemory::key(fill.account, fill.instrument, fill.venue_order_id, fill.trade_id);
  state_.fills.prefetch(key);
  return key;
}

// A fill that contradicts the order it names, or names one that was never sent, is still a fill: it
// goes to EXTERNAL, with an anomaly.
std::uint32_t Engine::slot_of_fill(const OrderFilled& told) const noexcept {
  const std::uint32_t slot = state_.orders.find(told.order_id);
  if (slot == kNoSlot) return kNoSlot;
  const Order& order = state_.orders.at(slot);
  const bool is_same = (order.account == told.account) & (order.instrument == told.instrument) &
                       (order.side == told.side) & !order.link.is_waiting() &
                       !is_kept_to_cross(order);
  return is_same ? slot : kNoSlot;
}

bool Engine::proves_release(const OrderFilled& told) const noexcept {
  const std::uint32_t slot = state_.orders.find(told.order_id);
  if (slot == kNoSlot) return false;
  const Order& order = state_.orders.at(slot);
  return is_release_lost(order) && order.account == told.account &&
         order.instrument == told.instrument && order.side == told.side;
}

// Mends what can be mended of a told execution.
[[gnu::always_inline]] inline bool Engine::complete_fill(OrderFilled& told,
                                                         const InstrumentRow& row,
                                                         std::uint32_t slot) const noexcept {
  // An order that it names and contradicts is not its order.
  if (slot == kNoSlot && told.order_id != 0 && state_.orders.find(told.order_id) != kNoSlot) {
    told.order_id = 0;
  }
  if (!state_.registry.currencies.has(told.fee_currency)) [[unlikely]] {
    told.fee = {};
    told.fee_currency = 0;
  }
  if (told.value.e18 == 0) {
    const auto value = row.value(told.price, told.price_scale, told.quantity);
    if (!value) return false;
    told.value = *value;
  }
  if (told.price_scale > kPriceScaleMax) told.price = told.price_scale = 0;
  return told.quantity > 0 && is_bookable(row, told.side, told.leg, told.value, told.fee) &&
         state_.balances.has_room_for_fill();
}

// What an order of ours has executed is either remembered as a whole, and then a fill that is not
// among it is new, or it is not known what the order lacks (docs/decisions/0057).
inline bool Engine::is_forgotten(const OrderFilled& told, std::uint32_t slot) const noexcept {
  if (!is_as_old(told.venue_time_ns, state_.forgotten_fill_ns[told.account], now_ns_)) [[likely]]
    return false;
  return slot == kNoSlot || !state_.remembers_fills_of(state_.orders.at(slot));
}

void Engine::leave_forgotten(OrderId order_id, RecordKind kind, const TradeId& trade_id,
                             Key128 key) noexcept {
  ++counters_.facts_forgotten;
  if (forgotten_.has(key)) return;
  record_anomaly(order_id, kind, 0, AnomalyCode::kForgotten, trade_id);
  forgotten_.note(key);
}

bool Engine::take_fill(const OrderFilled& seen, Key128 key, bool is_admitted) noexcept {
  const Registry& registry = state_.registry;
  const bool is_known =
      registry.instruments.has(seen.instrument) & registry.accounts.has(seen.account);
  if (seen.trade_id.empty() || !is_known) [[unlikely]] {
    record_anomaly(
        seen.order_id, RecordKind::kOrderFilled, 0,
        seen.trade_id.empty() ? AnomalyCode::kNoTradeId : AnomalyCode::kUnknownInstrument,
        seen.trade_id);
    return true;
  }
  std::uint32_t slot = slot_of_fill(seen);
  if (slot == kNoSlot && proves_release(seen)) [[unlikely]] {
    if (!book_release(state_.orders.at(state_.orders.find(seen.order_id)))) return false;
    slot = slot_of_fill(seen);
  }
  constexpr std::uint32_t kLength = sizeof(RecordHeader) + sizeof(OrderFilled);
  std::uint8_t* record = writer_.reserve(kLength);
  if (record == nullptr) return false;
  // Worked out where it will be published; every early return leaves the place to the next record.
  auto& told = *reinterpret_cast<OrderFilled*>(record + sizeof(RecordHeader));
  told = seen;
  told.cross = {};  // no venue can say it
  const InstrumentRow& row = registry.instruments.at(seen.instrument);
  State::DecidedFill decided;
  decided.key = key;
  decided.slot = slot;
  const bool is_exact = complete_fill(told, row, slot) && decide_fill(told, row, decided);
  open_record(record, RecordKind::kOrderFilled, kLength, {.origin_sequence = told.venue_sequence});
  writer_.seal_one<kLength>();
  // Asked as late as can be, because the answer comes from far memory; nothing has changed so far.
  // What was booked once is not judged again, whatever its repeat says.
  if (state_.fills.find(key) != 0) [[unlikely]] {
    ++counters_.fills_repeated;
    return true;
  }
  if (!is_admitted && is_forgotten(seen, slot)) [[unlikely]] {
    leave_forgotten(seen.order_id, RecordKind::kOrderFilled, seen.trade_id, key);
    return true;
  }
  const bool has_price = is_admitted || is_price_possible(row, seen);
  if (!is_exact || !has_price || !(is_admitted || is_fee_possible(row, told))) [[unlikely]] {
    const AnomalyCode code = !has_price  ? AnomalyCode::kPrice
                             : !is_exact ? AnomalyCode::kRange
                                         : AnomalyCode::kFee;
    if (halt_by_fact(seen.instrument, seen.order_id, seen.trade_id, key, code)) {
      unbookable_.keep(seen, code);
    }
    return true;
  }
  const Sequence sequence = writer_.publish_sealed<kLength>();
  state_.apply_decided(*reinterpret_cast<const RecordHeader*>(record), told, decided);
  ++counters_.fills;
  state_.fills.prefetch_next();
  judge_fill(seen, slot);
  if (slot == kNoSlot) return true;
  tell_owner(state_.orders.at(slot), sequence, RecordKind::kOrderFilled);
  note_fill(decided.route, seen.side);
  return true;
}

// Average cost depends on the order of fills. What happened before others that are booked, because
// the event of it was lost, is booked where it belongs, as if it had come in time.
[[gnu::cold]] void Engine::decide_late(OrderFilled& told, State::DecidedFill& decided) noexcept {
  if (state_.fills.find(decided.key) != 0) return;  // a repeat of an old one has its place
  told.booked_before = state_.place_of_late(decided.route, told.venue_time_ns, told.venue_sequence);
  if (told.booked_before == 0) return;
  if (const auto book = state_.book_late(decided.route, told, false)) {
    decided.book = *book;
    ++counters_.fills_late;
  } else {
    told.booked_before = 0;
  }
}

// The position after it, and the after-image by which replay is held to it.
[[gnu::always_inline]] inline bool Engine::decide_fill(OrderFilled& told, const InstrumentRow& row,
                                                       State::DecidedFill& decided) noexcept {
  decided.route = decided.slot != kNoSlot
                      ? state_.orders.at(decided.slot).route
                      : state_.route_of_order(told.account, told.instrument,
                                              static_cast<Leg>(told.leg), kExternalStrategy);
  if (decided.route == RouteTable::kNone) return false;
  const Position& position = state_.routes.position(decided.route);
  PositionBook& book = decided.book;
  book = position.book;
  told.booked_before = 0;
  // As told it would be the newest for ever, and every fill behind it late; without a time it would
  // hide from those behind it that they are late.
  if (!is_venue_time(told.venue_time_ns, now_ns_)) [[unlikely]]
    told.venue_time_ns = position.newest_fill_ns;
  if (position.is_late(told.venue_time_ns, told.venue_sequence)) [[unlikely]] {
    decide_late(told, decided);
  }
  if (told.booked_before == 0 && !apply_execution(book, row, told.side, told.quantity, told.value,
                                                  told.fee, told.fee_currency)) {
    return false;
  }
  if (!is_in_range(book.quantity) || told.quantity > kQuantityMax) return false;
  told.order_cumulative = told.quantity;
  if (decided.slot != kNoSlot) {
    const Order& order = state_.orders.at(decided.slot);
    if (!fits(order, {}, {told.quantity, told.value.e18})) [[unlikely]]
      return false;
    told.order_cumulative += order.cumulative;
  }
  told.position_quantity = book.quantity;
  told.position_cost = {book.cost_e18};
  told.position_realised = {book.realised_e18};
  state_.measure_fill(decided, told);
  return true;
}

void Engine::judge_fill(const OrderFilled& seen, std::uint32_t slot) noexcept {
  const auto note = [&](std::uint8_t state, AnomalyCode code) {
    record_anomaly(seen.order_id, RecordKind::kOrderFilled, state, code, seen.trade_id);
  };
  if (seen.fee.e18 != 0 && !state_.registry.currencies.has(seen.fee_currency)) [[unlikely]] {
    note(0, AnomalyCode::kUnknownInstrument);
  }
  if (!is_venue_time(seen.venue_time_ns, now_ns_)) [[unlikely]]
    note(0, AnomalyCode::kTime);
  if (slot == kNoSlot) {
    if (seen.order_id == 0) return;
    return note(0, state_.orders.find(seen.order_id) == kNoSlot ? AnomalyCode::kUnknownOrder
                                                                : AnomalyCode::kIllegalEvent);
  }
  const Order& order = state_.orders.at(slot);
  if (order.cumulative > order.quantity) [[unlikely]]
    note(order.state, AnomalyCode::kOverfill);
}

Refusal Engine::adopt_position(const PositionAdopted& told, PrincipalId actor,
                               Sequence& out) noexcept {
  (void)now_ns();
  const InstrumentRow& row = state_.registry.instruments.at(told.instrument);
  PositionAdopted adopted = told;
  OrderFilled fill = State::fill_of(told);
  if (is_closed_) return Refusal::kShuttingDown;
  if (state_.fills.find(key_of(fill)) != 0) return Refusal::kIdConflict;
  fill.fee_currency = row.definition.settle;
  if (!complete_fill(fill, row, kNoSlot) || fill.quantity > kQuantityMax) return Refusal::kRange;
  const std::uint32_t route = state_.route_of_order(told.account, told.instrument,
                                                    static_cast<Leg>(told.leg), told.strategy);
  if (route == RouteTable::kNone) return Refusal::kTableFull;
  PositionBook book = state_.routes.position(route).book;
  if (!apply_execution(book, row, fill.side, fill.quantity, fill.value, {}, 0) ||
      !is_in_range(book.quantity)) {
    return Refusal::kRange;
  }
  adopted.value = fill.value;
  adopted.position_quantity = book.quantity;
  adopted.position_cost = {book.cost_e18};
  adopted.position_realised = {book.realised_e18};
  out = append(RecordKind::kPositionAdopted, adopted, {.actor = actor});
  return out == 0 ? Refusal::kJournalBehind : Refusal::kNone;
}

void Engine::on_fill_revised(const FillRevised& told, const VenueOrderId& venue_order_id) noexcept {
  (void)now_ns();
  const Key128 key = FillMemory::key(told.account, told.instrument, venue_order_id, told.trade_id);
  const std::uint64_t ordinal = state_.fills.find(key);
  const RecordKind kind = told.quantity == 0 ? RecordKind::kFillBusted : RecordKind::kFillCorrected;
  if (ordinal == 0) {
    return record_anomaly(told.order_id, kind, 0, AnomalyCode::kUnknownFill, told.trade_id);
  }
  if (state_.fills.at(ordinal).revision >= told.revision) {
    ++counters_.fills_repeated;
    return;
  }
  const InstrumentRow& row = state_.registry.instruments.at(told.instrument);
  const auto halt = [&](AnomalyCode code = AnomalyCode::kRange) {
    const Key128 revision = words_key(key.low, {key.high, told.revision});
    halt_by_fact(told.instrument, state_.fills.at(ordinal).order_id, told.trade_id, revision, code);
  };
  FillRevised revised = told;
  revised.fill_ordinal = ordinal;
  revised.order_id = state_.fills.at(ordinal).order_id;
  revised.side = state_.fills.at(ordinal).side;
  const bool is_fee_unknown =
      told.fee.e18 != 0 && !state_.registry.currencies.has(told.fee_currency);
  if (is_fee_unknown) revised.fee = {};
  if (told.quantity > 0 && !is_price_possible(row, told)) return halt(AnomalyCode::kPrice);
  if (revised.quantity == 0) {
    revised.value = {};
  } else if (revised.value.e18 == 0) {
    const auto value = value_of(row.rules, told.price, told.price_scale, told.quantity);
    if (!value) return halt();
    revised.value = *value;
  }
  if (revised.price_scale > kPriceScaleMax) revised.price = revised.price_scale = 0;
  if (told.quantity > 0 && !is_fee_possible(row, revised)) return halt(AnomalyCode::kFee);
  if (told.quantity < 0 || !is_bookable(row, revised.side, 0, revised.value, revised.fee) ||
      !state_.balances.has_room_for_fill()) {
    return halt();
  }
  const auto book = state_.book_revised(ordinal, revised, false);
  if (!book || !is_in_range(book->quantity)) return halt();
  const std::uint32_t slot = state_.orders.find(revised.order_id);
  const FillEntry& old = state_.fills.at(ordinal);
  if (slot != kNoSlot && !fits(state_.orders.at(slot), {old.quantity, old.value_e18},
                               {revised.quantity, revised.value.e18})) {
    return halt();
  }
  revised.position_quantity = book->quantity;
  revised.position_cost = {book->cost_e18};
  revised.position_realised = {book->realised_e18};
  const Sequence sequence = append(kind, revised, {});
  if (is_fee_unknown) {
    record_anomaly(revised.order_id, kind, 0, AnomalyCode::kUnknownInstrument, told.trade_id);
  }
  if (slot != kNoSlot) tell_owner(state_.orders.at(slot), sequence, kind);
}

}  // namespace gateway
