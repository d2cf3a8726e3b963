// The shadow's small world and what is done in it.
#include "gateway_core/engine/warm_up.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace gateway {
namespace {

constexpr std::size_t kLane = 64;
constexpr std::uint32_t kId = 1;
constexpr std::int64_t kPrice = 10'000;
constexpr std::int64_t kQuantity = 1'000;
constexpr Capacity kShadow{1024, 1024, 64};

/// An anonymous journal has nothing to recover.
class NoRecovery final : public journal::RecoveryVisitor {
 public:
  bool snapshot(const journal::StreamPoint&, const std::uint8_t*, std::size_t) override {
    return false;
  }
  void record(const RecordHeader&, const std::uint8_t*) override {}
};

template <typename T>
std::uint64_t read_lines(const T& object) noexcept {
  const auto* bytes = reinterpret_cast<const volatile std::uint8_t*>(&object);
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < sizeof(T); at += kCacheLine) sum += bytes[at];
  return sum;
}

}  // namespace

WarmUp::WarmUp() {
  journal::JournalOptions options;
  options.is_memory_only = true;
  options.ring_bytes = 1 << 20;
  options.now_ns = clock_.now_ns();
  NoRecovery nothing;
  if (!journal_.open(options, nothing)) throw std::runtime_error("warm-up: " + journal_.error());
  state_ = std::make_unique<State>(kShadow);
  engine_ = std::make_unique<Engine>(*state_, journal_.writer(), clock_, EngineSettings{});
  define();
}

WarmUp::~WarmUp() {
  engine_->close();
  (void)journal_.close(clock_.now_ns());
}

void WarmUp::define() {
  CurrencyDefined currency{};
  currency.id = currency.version = kId;
  currency.code.assign("USD");
  (void)engine_->record_control(RecordKind::kCurrencyDefined, currency);
  CurrencyRateSet rate{};
  rate.currency = rate.version = kId;
  rate.rate_e8 = 100'000'000;
  (void)engine_->record_control(RecordKind::kCurrencyRateSet, rate);
  VenueDefined venue{};
  venue.id = venue.version = kId;
  venue.name.assign("shadow");
  venue.order_types = venue.times_in_force = 0xFF;
  venue.amend = 1;
  (void)engine_->record_control(RecordKind::kVenueDefined, venue);
  InstrumentDefined instrument{};
  instrument.id = instrument.version = instrument.venue = kId;
  instrument.base = instrument.quote = instrument.settle = kId;
  instrument.kind = static_cast<std::uint8_t>(InstrumentKind::kLinear);
  instrument.price_scale = 2;
  instrument.quantity_scale = 3;
  instrument.is_tradable = 1;
  instrument.tick = instrument.lot = instrument.quantity_min = instrument.multiplier = 1;
  instrument.symbol.assign("SHADOW");
  (void)engine_->record_control(RecordKind::kInstrumentDefined, instrument);
  define_people();
  define_limits();
  client_ = &engine_->open_client_port("warm_up", kLane);
  venue_ = &engine_->open_venue_port(kId, kLane);
  VenueState session{};
  session.venue = kId;
  session.state = static_cast<std::uint32_t>(VenueSession::kReconciled);
  engine_->on_session(session);
  MarkMessage mark{};
  mark.instrument = kId;
  mark.scale = 2;
  mark.mark = kPrice;
  engine_->on_mark(mark);
}

void WarmUp::define_people() {
  AccountDefined account{};
  account.id = account.version = account.venue = kId;
  account.durability = static_cast<std::uint8_t>(Durability::kProcess);
  account.margin_mode = static_cast<std::uint8_t>(MarginMode::kCross);
  account.name.assign("shadow");
  (void)engine_->record_control(RecordKind::kAccountDefined, account);
  StrategyDefined strategy{};
  strategy.id = strategy.version = kId;
  strategy.name.assign("shadow");
  (void)engine_->record_control(RecordKind::kStrategyDefined, strategy);
  PrincipalDefined principal{};
  principal.id = principal.version = kId;
  principal.scopes = kScopeRead | kScopeTrade | kScopeCancel;
  principal.all_accounts = principal.all_strategies = principal.all_instruments = 1;
  principal.is_enabled = 1;
  principal.name.assign("shadow");
  (void)engine_->record_control(RecordKind::kPrincipalDefined, principal);
}

void WarmUp::define_limits() {
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    LimitsSet limits{};
    limits.level = level;
    limits.id = level == static_cast<std::uint32_t>(Level::kFirm) ? 0 : kId;
    limits.version = 1;
    LimitFields& fields = limits.fields;
    fields.order_quantity_max_e8 = kQuantity * 100'000;  // exactly one order at scale 3
    fields.position_long_max_e8 = fields.position_short_max_e8 = std::int64_t{1} << 50;
    fields.order_notional_max_e4 = fields.gross_exposure_max_e4 = fields.net_exposure_max_e4 =
        fields.credit_max_e4 = std::int64_t{1} << 56;
    fields.collar_bps = 1000;
    fields.reference_age_ms_max = 2'000'000;
    fields.orders_per_second = fields.order_burst = 1'000'000'000;
    fields.cancels_per_second = fields.cancel_burst = 1'000'000'000;
    fields.open_orders_side_max = 1'000'000;
    fields.duplicate_window_ms = 1;
    limits.actor.assign("warm_up");
    (void)engine_->record_control(RecordKind::kLimitsSet, limits);
  }
}

void WarmUp::turn() noexcept {
  (void)engine_->turn(kLane);
  client_->notices.pop(client_->notices.size());
}

/// What the engine put on the shadow's own venue port, which nothing else can read; 0 = nothing.
OrderId WarmUp::sent() noexcept {
  if (venue_->outbound.size() == 0) return 0;
  OutboundEntry entry;
  std::memcpy(&entry, venue_->outbound.peek(), sizeof entry);
  venue_->outbound.pop();
  return entry.order_id;
}

void WarmUp::settle(OrderId id, std::uint32_t number) noexcept {
  FactMessage accepted{};
  accepted.header = {MessageKind::kFact, sizeof(FactMessage) / kEntryBytes, 0, 0, 0};
  accepted.fact.order_id = id;
  accepted.fact.cumulative = -1;
  accepted.fact.venue_order_id.assign("shadow");
  (void)venue_->facts.push(&accepted, accepted.header.entries);
  if (number % 4 == 0) {
    turn();
    CancelMessage cancel{};
    cancel.header = {MessageKind::kCancel, 1, 0, kId, ++request_};
    cancel.order_id = id;
    (void)client_->urgent.push(&cancel);
    turn();
    (void)sent();
    accepted.header.detail =
        static_cast<std::uint8_t>(static_cast<int>(RecordKind::kOrderCanceled) -
                                  static_cast<int>(RecordKind::kOrderAccepted));
    (void)venue_->facts.push(&accepted, accepted.header.entries);
  } else {
    FillMessage filled{};
    filled.header = {MessageKind::kFill, sizeof(FillMessage) / kEntryBytes, 0, 0, 0};
    filled.fill.order_id = id;
    filled.fill.account = filled.fill.instrument = filled.fill.fee_currency = kId;
    filled.fill.price = kPrice;
    filled.fill.price_scale = 2;
    filled.fill.quantity = kQuantity;
    filled.fill.fee.e18 = 1;
    filled.fill.side = number % 2 == 0 ? Side::kBuy : Side::kSell;
    std::memcpy(filled.fill.trade_id.bytes.data(), "warm", 4);
    std::memcpy(filled.fill.trade_id.bytes.data() + 8, &id, sizeof id);
    filled.fill.venue_order_id.assign("shadow");
    (void)venue_->facts.push(&filled, filled.header.entries);
  }
  turn();
}

WarmUpReport WarmUp::run(std::uint32_t orders) noexcept {
  WarmUpReport report;
  const std::int64_t began = monotonic_ns();
  const EngineCounters before = engine_->counters();
  for (std::uint32_t number = 0; number < std::min(orders, kOrdersMax); ++number) {
    NewOrderMessage message{};
    message.header = {MessageKind::kNewOrder, 1, 0, kId, ++request_};
    message.client_number = request_;
    if (number % 8 == 0) {  // Some name themselves by text, which is another way through the code.
      message.header.entries = 2;
      message.client_number = 0;
      message.flags = kTextClientId;
      std::memcpy(message.client_id.bytes.data(), "warm-up", 7);
      for (std::size_t i = 0; i < 16; ++i) {
        message.client_id.bytes[7 + i] =
            "0123456789abcdef"[request_ >> (60 - 4 * static_cast<int>(i)) & 15];
      }
    }
    message.price = kPrice;
    message.quantity = number % 16 == 15 ? kQuantity + 1 : kQuantity;
    message.instrument = message.account = message.strategy = kId;
    message.type = OrderType::kLimit;
    message.side = number % 2 == 0 ? Side::kBuy : Side::kSell;
    message.time_in_force = TimeInForce::kGtc;
    report.orders += client_->orders.push(&message, message.header.entries) ? 1 : 0;
    (void)clock_.set_ns(clock_.now_ns() + 10'000'000);
    if (number % 2048 == 2047) (void)engine_->roll_period();  // room for names
    turn();
    if (const OrderId id = sent(); id != 0) settle(id, number);
    (void)journal_.commit().step();  // the anonymous ring is given back
  }
  const EngineCounters& after = engine_->counters();
  report.accepted = after.orders_accepted - before.orders_accepted;
  report.refused = after.orders_refused - before.orders_refused;
  report.fills = after.fills - before.fills;
  report.cancels = after.cancels_sent - before.cancels_sent;
  report.took_ns = monotonic_ns() - began;
  return report;
}

namespace {

/// Looks for the ids that come next: finds nothing, and brings near where they would stand.
std::uint64_t read_places(const State& state, std::uint32_t instance) noexcept {
  constexpr std::uint32_t kAhead = 64;
  std::uint64_t sum = 0;
  for (std::uint32_t i = 1; i <= kAhead; ++i) {
    const auto sequence = static_cast<std::uint32_t>(state.orders_made + i);
    sum += state.orders.find(make_order_id({instance, state.epoch, sequence}));
    for (PrincipalId id = 1; id <= state.registry.principals.count(); ++id) {
      const NumberWindow* window = state.names.window(id);
      const std::uint64_t newest = window == nullptr ? 0 : window->high_water;
      sum += state.names.find_pending(id, newest + i);
      sum += state.orders.find_number(id, newest + i);
    }
  }
  return sum;
}

}  // namespace

void Engine::touch() const noexcept {
  constexpr std::size_t kEntries = 64;
  std::uint64_t sum = read_lines(*this) + read_lines(writer_) + read_lines(state_);
  for (std::size_t i = 0; i < kFingerprints; i += kCacheLine / sizeof(Fingerprint)) {
    sum += fingerprints_[i].value;
  }
  for (std::uint32_t route = 0; route < state_.routes.count(); ++route) {
    sum += read_lines(prepared_.at(route));
  }
  for (const auto& port : client_ports_) {
    sum += read_lines(*port);
    port->notices.prefetch_next(kEntries);
    sum += port->notices.free_entries();  // the producer's look at the consumer's line
  }
  for (const auto& port : venue_ports_) {
    sum += read_lines(*port);
    port->outbound.prefetch_next(kEntries);
    sum += port->outbound.free_entries() + port->gated.free_entries();
  }
  __asm__ volatile("" : : "r"(sum));
}

void touch(const State& state, std::uint32_t instance) noexcept {
  std::uint64_t sum = 0;
  const Registry& registry = state.registry;
  for (std::uint32_t id = 1; id <= registry.instruments.count(); ++id)
    sum += read_lines(registry.instruments.at(id));
  for (std::uint32_t id = 1; id <= registry.accounts.count(); ++id)
    sum += read_lines(registry.accounts.at(id));
  for (std::uint32_t id = 1; id <= registry.venues.count(); ++id)
    sum += read_lines(registry.venues.at(id));
  for (std::uint32_t id = 1; id <= registry.currencies.count(); ++id)
    sum += read_lines(registry.currencies.at(id));
  for (std::uint32_t id = 1; id <= registry.principals.count(); ++id) {
    sum += read_lines(registry.principals.at(id));
    if (const NumberWindow* room = state.names.room(id)) sum += read_lines(*room);
  }
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    const auto kind = static_cast<Level>(level);
    for (std::uint32_t id = 0; id < registry.level_count(kind); ++id)
      sum += read_lines(registry.level(kind, id));
  }
  for (std::uint32_t route = 0; route < state.routes.count(); ++route) {
    const Route& row = state.routes.at(route);
    sum += read_lines(row) + read_lines(state.routes.position(route));
    for (const Exposure* exposure : {row.shared, row.account_exposure, row.strategy_exposure}) {
      if (exposure != nullptr) sum += read_lines(*exposure);
    }
  }
  constexpr std::uint32_t kSlots = 256;
  const std::uint32_t next = state.orders.used();
  if (next != 0) state.orders.prefetch_slot(next - 1);  // the newest order is linked to it
  for (std::uint32_t i = 0; i < kSlots && next + i < state.orders.capacity(); ++i) {
    state.orders.prefetch_slot(next + i);
  }
  sum += read_places(state, instance);
  __asm__ volatile("" : : "r"(sum));
}

}  // namespace gateway
