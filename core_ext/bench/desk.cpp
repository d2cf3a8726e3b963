// Opening the desk and the messages it trades with.
#include "desk.hpp"

#include <cstdio>
#include <stdexcept>
#include <thread>

namespace gateway::bench {
namespace {

RuntimeOptions runtime_options(const DeskOptions& options) {
  RuntimeOptions out;
  out.journal.directory = options.directory;
  out.journal.ring_directory = options.ring_directory;
  out.journal.ring_bytes = options.ring_bytes;
  out.journal.segment_bytes = options.segment_bytes;
  out.journal.is_memory_only = options.is_memory_only;
  out.journal.commit.cpu = options.other_cpu;
  out.journal.commit.now_ns = &wall_ns;
  out.capacity = {options.orders_max, 4'096, 4'096};
  out.build = "bench";
  return out;
}

LimitFields desk_limits(std::uint32_t open_orders_side_max) {
  LimitFields fields{};
  fields.order_quantity_max_e8 = 100 * kPow10_64[8];
  fields.order_notional_max_e4 = 10'000'000 * kPow10_64[4];
  fields.position_long_max_e8 = 10'000'000 * kPow10_64[8];
  fields.position_short_max_e8 = 10'000'000 * kPow10_64[8];
  fields.gross_exposure_max_e4 = 10 * kPow10_64[16];
  fields.net_exposure_max_e4 = 10 * kPow10_64[16];
  fields.credit_max_e4 = 10 * kPow10_64[16];
  fields.collar_bps = 500;
  fields.reference_age_ms_max = 60'000;
  fields.orders_per_second = 50'000'000;
  fields.order_burst = 1'000'000;
  fields.cancels_per_second = 50'000'000;
  fields.cancel_burst = 1'000'000;
  fields.open_orders_side_max = open_orders_side_max;
  fields.duplicate_window_ms = 1;
  return fields;
}

void require(Sequence sequence) {
  if (sequence == 0) throw std::runtime_error("bench: the journal took no definition");
}

/// Decimal digits, 16 of them, zero-padded: what ids of real venues look like to a hash.
template <typename Text>
void put_number(Text& text, std::uint64_t number) noexcept {
  for (int i = 15; i >= 0; --i) {
    text.bytes[static_cast<std::size_t>(i)] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

}  // namespace

Desk::Desk(const DeskOptions& options) {
  // Threads inherit the CPU: sealing on the engine's core would show as milliseconds in p99.
  if (options.other_cpu >= 0) (void)pin_to(options.other_cpu);
  runtime_ = std::make_unique<Runtime>(runtime_options(options));
  if (options.engine_cpu >= 0) (void)pin_to(options.engine_cpu);
  if (!state().registry.venues.has(1)) define(options.open_orders_side_max);
  number_ = state().names.window(1) == nullptr ? 0 : state().names.window(1)->high_water;
  client_ = &engine().open_client_port("bench", kPortEntries);
  venue_ = &engine().open_venue_port(1, kPortEntries);
  VenueState session{};
  session.venue = 1;
  session.state = static_cast<std::uint32_t>(VenueSession::kReconciled);
  engine().on_session(session);
  mark();
}

void Desk::define(std::uint32_t open_orders_side_max) {
  define_names();
  InstrumentDefined row{};
  row.venue = row.base = 1;
  row.quote = row.settle = 2;
  row.kind = static_cast<std::uint8_t>(InstrumentKind::kLinear);
  row.price_scale = 2;
  row.quantity_scale = 3;
  row.is_tradable = 1;
  row.tick = row.lot = row.quantity_min = row.multiplier = 1;
  row.notional_min_e8 = kPow10_64[8];
  for (InstrumentId id = 1; id <= 2; ++id) {
    row.id = id;
    row.version = 1;
    row.symbol.assign(id == 1 ? "BTC-USDT" : "ETH-USDT");
    row.venue_symbol = row.symbol;
    require(engine().record_control(RecordKind::kInstrumentDefined, row));
  }
  define_limits(open_orders_side_max);
}

void Desk::define_names() {
  for (CurrencyId id = 1; id <= 2; ++id) {
    CurrencyDefined currency{};
    currency.id = id;
    currency.version = 1;
    currency.code.assign(id == 1 ? "BTC" : "USDT");
    require(engine().record_control(RecordKind::kCurrencyDefined, currency));
    CurrencyRateSet rate{};
    rate.currency = id;
    rate.version = 1;
    rate.rate_e8 = (id == 1 ? 60'000 : 1) * kPow10_64[8];
    require(engine().record_control(RecordKind::kCurrencyRateSet, rate));
  }
  VenueDefined venue{};
  venue.id = venue.version = 1;
  venue.name.assign("bench");
  venue.is_simulated = 1;
  venue.order_types = venue.times_in_force = 0xFF;
  venue.flags = kPostOnly | kReduceOnly;
  venue.amend = 1;
  venue.ack_timeout_ms = 5'000;
  require(engine().record_control(RecordKind::kVenueDefined, venue));
  AccountDefined account{};
  account.id = account.version = account.venue = 1;
  account.durability = static_cast<std::uint8_t>(Durability::kProcess);
  account.margin_mode = static_cast<std::uint8_t>(MarginMode::kCross);
  account.name.assign("main");
  require(engine().record_control(RecordKind::kAccountDefined, account));
  StrategyDefined strategy{};
  strategy.id = strategy.version = 1;
  strategy.name.assign("quotes");
  require(engine().record_control(RecordKind::kStrategyDefined, strategy));
  PrincipalDefined principal{};
  principal.id = principal.version = 1;
  principal.scopes = kScopeRead | kScopeTrade | kScopeCancel;
  principal.all_accounts = principal.all_strategies = principal.all_instruments = 1;
  principal.is_enabled = 1;
  principal.name.assign("desk");
  require(engine().record_control(RecordKind::kPrincipalDefined, principal));
}

void Desk::define_limits(std::uint32_t open_orders_side_max) {
  constexpr struct {
    Level level;
    std::uint32_t id;
  } kRows[] = {{Level::kInstrument, 1}, {Level::kInstrument, 2}, {Level::kStrategy, 1},
               {Level::kAccount, 1},    {Level::kVenue, 1},      {Level::kFirm, 0}};
  for (const auto& row : kRows) {
    LimitsSet limits{};
    limits.level = static_cast<std::uint32_t>(row.level);
    limits.id = row.id;
    limits.version = 1;
    limits.fields = desk_limits(open_orders_side_max);
    limits.actor.assign("bench");
    limits.reason.assign("bench");
    require(engine().record_control(RecordKind::kLimitsSet, limits));
  }
}

void Desk::mark() noexcept {
  for (InstrumentId id = 1; id <= 2; ++id) {
    MarkMessage message{};
    message.instrument = id;
    message.scale = 2;
    message.mark = kMid;
    message.bid = kMid - 1;
    message.ask = kMid + 1;
    message.last = kMid;
    engine().on_mark(message);
  }
}

void Desk::fill_order(NewOrderMessage& message, TimeInForce tif) noexcept {
  const std::uint64_t random = random_.next();
  const std::uint64_t number = number_ + 1;
  message = {};
  message.header = {MessageKind::kNewOrder, 1, 0, 1, ++number_};
  message.client_number = number_;
  message.side = (random & 1) != 0 ? Side::kBuy : Side::kSell;
  message.price = kMid + static_cast<std::int64_t>(number * 40'503 & 0xFFFF) - 0x8000;
  message.quantity = 1 + static_cast<std::int64_t>(number >> 16 & 0x1FFF);
  message.instrument = 1 + static_cast<InstrumentId>(random >> 1 & 1);
  message.account = 1;
  message.strategy = 1;
  message.type = OrderType::kLimit;
  message.time_in_force = tif;
}

void Desk::tell(RecordKind kind, OrderId id, FactReason reason) noexcept {
  OrderFact fact{};
  fact.order_id = id;
  fact.venue_time_ns = 1;
  if (kind == RecordKind::kOrderAccepted) put_number(fact.venue_order_id, id);
  fact.cumulative = -1;
  fact.reason = static_cast<std::uint32_t>(reason);
  fact.evidence = static_cast<std::uint32_t>(Evidence::kStream);
  engine().on_fact(kind, fact);
}

void Desk::prepare_fill(OrderFilled& out, OrderId id, Side side, std::int64_t price,
                        std::int64_t quantity) noexcept {
  out = {};
  out.order_id = id;
  out.account = 1;
  const std::uint32_t slot = id == 0 ? kNoSlot : state().orders.find(id);
  out.instrument = slot == kNoSlot ? 1 : state().orders.at(slot).instrument;
  out.price = price;
  out.quantity = quantity;
  out.fee = {static_cast<Int128>(price) * quantity * kPow10_64[9]};  // 0.01 %
  out.fee_currency = 2;
  out.price_scale = 2;
  out.side = side;
  out.liquidity = static_cast<std::uint8_t>(Liquidity::kMaker);
  put_number(out.trade_id, ++trade_);
  // It rises as a venue's does, and no ring of fills spans less than a second.
  out.venue_time_ns = static_cast<std::int64_t>(trade_ * 1'000'000);
  put_number(out.venue_order_id, id);
}

void Desk::fill(OrderId id, Side side, std::int64_t price, std::int64_t quantity) noexcept {
  OrderFilled told;
  prepare_fill(told, id, side, price, quantity);
  engine().on_fill(told);
}

void Desk::drain() noexcept {
  if (const std::size_t waiting = venue_->outbound.size(); waiting != 0) {
    keep(*venue_->outbound.peek());
    venue_->outbound.pop(waiting);
  }
  if (const std::size_t waiting = client_->notices.size(); waiting != 0) {
    keep(*client_->notices.peek());
    client_->notices.pop(waiting);
  }
}

void Desk::wait_for_journal() noexcept {
  journal::Writer& writer = engine().writer();
  while (writer.used_bytes() > writer.capacity_bytes() / 4) std::this_thread::yield();
}

}  // namespace gateway::bench
