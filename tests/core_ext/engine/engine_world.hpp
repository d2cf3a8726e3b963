// A small desk around a memory-only runtime with a virtual clock, for tests in C++.
#pragma once

#include <cstring>
#include <thread>

#include "gateway_core/engine/runtime.hpp"

namespace desk {

using namespace gateway;  // NOLINT

/// "v7". Appended, not added: gcc 12 warns falsely of the sum of a literal and a number's text.
[[nodiscard]] inline std::string numbered(const char* begin, std::uint64_t number) {
  std::string out = begin;
  out += std::to_string(number);
  return out;
}

inline RuntimeOptions options() {
  RuntimeOptions out;
  out.journal.is_memory_only = true;
  out.journal.ring_bytes = 1 << 22;
  out.capacity = {1024, 4096, 256};
  out.is_virtual_clock = true;
  return out;
}

struct World {
  Runtime runtime;
  Engine& engine = runtime.engine();
  ClientPort* client;
  VenuePort* venue;
  std::uint64_t number = 0;

  void define_people() {
    AccountDefined account{};
    account.id = account.version = account.venue = 1;
    account.durability = static_cast<std::uint8_t>(Durability::kProcess);
    account.margin_mode = 1;
    account.name.assign("main");
    engine.record_control(RecordKind::kAccountDefined, account);
    StrategyDefined strategy{};
    strategy.id = strategy.version = 1;
    strategy.name.assign("alpha");
    engine.record_control(RecordKind::kStrategyDefined, strategy);
    PrincipalDefined principal{};
    principal.id = principal.version = 1;
    principal.scopes = 15;
    principal.all_accounts = principal.all_strategies = principal.all_instruments = 1;
    principal.is_enabled = 1;
    principal.name.assign("desk");
    engine.record_control(RecordKind::kPrincipalDefined, principal);
  }

  void set_limits() {
    for (std::uint32_t level = 0; level < kLevels; ++level) {
      LimitsSet limits{};
      limits.level = level;
      limits.id = level == static_cast<std::uint32_t>(Level::kFirm) ? 0 : 1;
      limits.version = 1;
      auto& fields = limits.fields;
      fields.order_quantity_max_e8 = fields.position_long_max_e8 = fields.position_short_max_e8 =
          std::int64_t{1} << 50;
      fields.order_notional_max_e4 = fields.gross_exposure_max_e4 = fields.net_exposure_max_e4 =
          fields.credit_max_e4 = std::int64_t{1} << 56;
      fields.collar_bps = 1000;
      fields.reference_age_ms_max = 1'000'000;
      fields.orders_per_second = fields.order_burst = 1'000'000'000;
      fields.cancels_per_second = fields.cancel_burst = 1'000'000'000;
      fields.open_orders_side_max = 1'000'000;
      limits.actor.assign("ops");
      engine.record_control(RecordKind::kLimitsSet, limits);
    }
  }

  explicit World(const RuntimeOptions& wanted = options()) : runtime(wanted) {
    for (std::uint32_t id = 1; id <= 2; ++id) {
      CurrencyDefined currency{};
      currency.id = id;
      currency.version = 1;
      currency.code.assign(id == 1 ? "USD" : "BTC");
      engine.record_control(RecordKind::kCurrencyDefined, currency);
      CurrencyRateSet rate{};
      rate.currency = id;
      rate.version = 1;
      rate.rate_e8 = 100'000'000;
      engine.record_control(RecordKind::kCurrencyRateSet, rate);
    }
    VenueDefined sim{};
    sim.id = sim.version = 1;
    sim.name.assign("sim");
    sim.order_types = sim.times_in_force = 0xFF;
    sim.flags = kPostOnly | kReduceOnly;
    sim.amend = 1;
    engine.record_control(RecordKind::kVenueDefined, sim);
    InstrumentDefined instrument{};
    instrument.id = instrument.version = instrument.venue = 1;
    instrument.base = 2;
    instrument.quote = instrument.settle = 1;
    instrument.kind = static_cast<std::uint8_t>(InstrumentKind::kLinear);
    instrument.price_scale = 2;
    instrument.quantity_scale = 3;
    instrument.is_tradable = 1;
    instrument.tick = instrument.lot = instrument.quantity_min = instrument.multiplier = 1;
    instrument.symbol.assign("BTC-PERP");
    engine.record_control(RecordKind::kInstrumentDefined, instrument);
    define_people();
    set_limits();
    client = &engine.open_client_port("door", 1024);
    venue = &engine.open_venue_port(1, 1024);
    VenueState session{};
    session.venue = 1;
    session.state = static_cast<std::uint32_t>(VenueSession::kReconciled);
    engine.on_session(session);
    MarkMessage mark{};
    mark.instrument = 1;
    mark.scale = 2;
    mark.mark = 10'000;
    engine.on_mark(mark);
  }

  NewOrderMessage order(Side side = Side::kBuy, std::int64_t quantity = 1000) {
    NewOrderMessage message{};
    message.header = {MessageKind::kNewOrder, 1, 0, 1, ++number};
    message.client_number = number;
    message.price = 10'000;
    message.quantity = quantity;
    message.instrument = message.account = message.strategy = 1;
    message.type = OrderType::kLimit;
    message.side = side;
    message.time_in_force = TimeInForce::kGtc;
    return message;
  }

  OrderFilled fill(OrderId id, Side side, std::int64_t quantity) {
    OrderFilled out{};
    out.order_id = id;
    out.account = out.instrument = out.fee_currency = 1;
    out.price = 10'000;
    out.price_scale = 2;
    out.quantity = quantity;
    out.fee.e18 = 1;
    out.side = side;
    ++number;
    std::memcpy(out.trade_id.bytes.data(), "trade", 5);
    std::memcpy(out.trade_id.bytes.data() + 8, &number, sizeof number);
    out.venue_order_id.assign("v");
    return out;
  }

  /// Waits for one: with a pinned engine only.
  Notice next_notice() {
    while (client->notices.size() == 0) std::this_thread::yield();
    Notice notice;
    std::memcpy(&notice, client->notices.peek(), sizeof notice);
    client->notices.pop();
    return notice;
  }

  void drain() {
    while (venue->outbound.size() != 0) venue->outbound.pop();
    while (client->notices.size() != 0) client->notices.pop();
  }
};

}  // namespace desk
