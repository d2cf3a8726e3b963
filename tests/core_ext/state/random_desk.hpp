// A desk that does everything at random: orders, changes, fills, their revisions, adoptions and
// control commands, from one seed. Its replica applies each record.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "check.hpp"
#include "engine/engine_world.hpp"
#include "random.hpp"

namespace desk {

inline std::string named(const char* letter, std::uint64_t number) {
  return std::string(letter).append(std::to_string(number));
}

inline constexpr std::uint32_t kAccounts = 2;

/// A desk whose every record is also applied to a replica.
struct Twin {
  World world;
  Engine& engine = world.engine;
  State replica{world.runtime.state().capacity};
  check::Random random;
  std::vector<OrderId> orders;
  std::vector<OrderFilled> fills;
  std::uint64_t position;
  std::uint64_t revision = 0;
  std::uint64_t records = 0;

  explicit Twin(std::uint64_t seed, const RuntimeOptions& wanted = options())
      : world(wanted), random(seed) {
    AccountDefined account = engine.state().registry.accounts.at(1).definition;
    account.id = 2;
    account.name.assign("second");
    engine.record_control(RecordKind::kAccountDefined, account);
    PrincipalDefined principal = engine.state().registry.principals.at(1).definition;
    principal.id = 2;
    principal.name.assign("head");
    engine.record_control(RecordKind::kPrincipalDefined, principal);
    LimitsSet limits{};
    limits.level = static_cast<std::uint32_t>(Level::kAccount);
    limits.id = 2;
    limits.version = 1;
    limits.fields = engine.state().registry.level(Level::kAccount, 1).limits;
    engine.record_control(RecordKind::kLimitsSet, limits);
    restore(replica);
    position = engine.writer().point().position;
  }

  void restore(State& copy) {
    std::vector<std::uint8_t> bytes;
    engine.state().serialize(bytes);
    CHECK(copy.restore(bytes.data(), bytes.size()));
  }

  template <typename Step>
  void take(Step&& step) {
    take(step, [](const RecordHeader&, const std::uint8_t*) {});
  }
  /// `heard` is told each record when the replica has applied it.
  template <typename Step, typename Heard>
  void take(Step&& step, Heard&& heard) {
    const std::uint8_t* at = engine.writer().reserve(0);
    step();
    const std::uint64_t end = engine.writer().point().position;
    while (position < end) {
      const auto& header = *reinterpret_cast<const RecordHeader*>(at);
      CHECK(replica.apply(header, at));
      heard(header, at);
      position += header.length;
      at += header.length;
      ++records;
    }
    world.drain();
  }

  OrderId any_order() {
    if (orders.empty() || random.below(50) == 0) return random.next();
    // Mostly young ones, for old ones have ended.
    const std::size_t back = random.below(
        random.below(4) == 0 ? orders.size() : std::min<std::size_t>(orders.size(), 12));
    return orders[orders.size() - 1 - back];
  }
  std::int64_t any_price() { return 9'500 + static_cast<std::int64_t>(random.below(1'000)); }

  void submit() {
    NewOrderMessage message = world.order(random.below(2) == 0 ? Side::kBuy : Side::kSell,
                                          1 + static_cast<std::int64_t>(random.below(3'000)));
    message.header.principal = 1 + static_cast<PrincipalId>(random.below(2));
    message.price = any_price();
    message.account = 1 + static_cast<AccountId>(random.below(kAccounts));
    if (random.below(8) == 0) {
      message.type = OrderType::kMarket;
      message.price = 0;
    }
    if (random.below(8) == 0) {
      message.flags = kTextClientId;
      message.client_id.assign(named("t", random.below(500)));
      message.client_number = 0;
    }
    if (random.below(20) == 0) message.client_number = random.below(world.number + 1);
    const Notice notice = engine.submit(message, 1);
    if (notice.refusal == 0) orders.push_back(notice.order_id);
  }
  void replace() {
    ReplaceMessage message{};
    message.header = {MessageKind::kReplace, 1, 0, 1 + static_cast<PrincipalId>(random.below(2)),
                      1};
    message.order_id = any_order();
    if (random.below(2) == 0) message.price = any_price();
    if (random.below(2) == 0) message.quantity = 1 + static_cast<std::int64_t>(random.below(4'000));
    if (random.below(3) == 0) message.client_number = ++world.number;
    engine.replace(message, 1);
  }
  void tell() {
    OrderFact fact{};
    fact.order_id = any_order();
    fact.cumulative = random.below(3) == 0 ? static_cast<std::int64_t>(random.below(3'000)) : -1;
    const auto kind = static_cast<RecordKind>(static_cast<int>(RecordKind::kOrderAccepted) +
                                              static_cast<int>(random.below(9)));
    const std::uint32_t slot = engine.state().orders.find(fact.order_id);
    if (kind == RecordKind::kOrderReplaced && slot != kNoSlot) {
      const Order& order = engine.state().orders.at(slot);
      fact.quantity = order.pending_quantity;
      fact.price = order.pending_price;
      if (fact.quantity == 0) {
        fact.quantity = 1 + static_cast<std::int64_t>(random.below(4'000));
        fact.price = any_price();
      }
    }
    if (kind == RecordKind::kOrderUnknown) {
      constexpr FactReason kReasons[] = {FactReason::kTimeout, FactReason::kUnknownOutcomeCancel,
                                         FactReason::kUnknownOutcomeReplace};
      fact.reason = static_cast<std::uint32_t>(kReasons[random.below(3)]);
    }
    if (random.below(2) == 0) {
      fact.venue_order_id.assign(
          named("v", random.below(4) == 0 ? random.below(300) : fact.order_id));
    }
    engine.on_fact(kind, fact);
  }
  void fill() {
    const OrderId id = any_order();
    const std::uint32_t slot = engine.state().orders.find(id);
    const Side side =
        slot != kNoSlot && random.below(30) != 0 ? engine.state().orders.at(slot).side : Side::kBuy;
    OrderFilled told = world.fill(id, side, 1 + static_cast<std::int64_t>(random.below(1'500)));
    if (slot != kNoSlot) told.account = engine.state().orders.at(slot).account;
    told.price = any_price();
    told.fee.e18 = static_cast<std::int64_t>(random.below(2'000'000'000));
    if (random.below(10) == 0) told.fee_currency = 2;
    // Some were lost for a while, some have no time, some no number.
    if (random.below(10) != 0) {
      const std::uint64_t late = random.below(4) == 0 ? random.below(60) : 0;
      told.venue_time_ns = static_cast<std::int64_t>(1'000 + fills.size() - late);
      if (random.below(2) == 0) told.venue_sequence = 1'000 + fills.size() - late;
    }
    if (random.below(20) == 0) told = fills.empty() ? told : fills[random.below(fills.size())];
    fills.push_back(told);
    engine.on_fill(told);
  }
  void revise() {
    if (fills.empty()) return;
    const std::size_t back = random.below(std::min<std::size_t>(fills.size(), 100));
    const OrderFilled& fill = fills[fills.size() - 1 - back];
    FillRevised told{};
    told.account = fill.account;
    told.instrument = fill.instrument;
    told.trade_id = fill.trade_id;
    told.revision = ++revision;
    told.side = fill.side;
    told.price = any_price();
    told.price_scale = 2;
    told.quantity = random.below(2) == 0 ? 0 : static_cast<std::int64_t>(random.below(1'500));
    told.fee_currency = 1;
    told.fee.e18 = 5;
    engine.on_fill_revised(told, fill.venue_order_id);
  }
  void adopt() {
    OrderAdopted told{};
    told.price = any_price();
    told.quantity = 1'000;
    told.cumulative = static_cast<std::int64_t>(random.below(900));
    told.instrument = 1;
    told.account = 1 + static_cast<AccountId>(random.below(kAccounts));
    told.strategy = static_cast<StrategyId>(random.below(2));
    told.type = OrderType::kLimit;
    told.side = random.below(2) == 0 ? Side::kBuy : Side::kSell;
    told.time_in_force = TimeInForce::kGtc;
    told.venue_order_id.assign(named("v", random.below(300)));
    engine.on_adopt(told);
    orders.push_back(make_order_id(
        {1, engine.state().epoch, static_cast<std::uint32_t>(engine.state().orders_made)}));
  }
  void tell_collateral() {
    PositionCollateral told{};
    told.account = 1 + static_cast<AccountId>(random.below(kAccounts));
    told.instrument = 1;
    told.leg = static_cast<std::uint32_t>(random.below(3));
    told.amount.e18 = static_cast<Int128>(random.below(3));
    told.evidence = 1 + static_cast<std::uint32_t>(random.below(2));
    told.venue_margin_mode =
        static_cast<std::uint32_t>(random.below(4));  // cross with an amount too
    engine.on_collateral(told);
  }
  void control() {
    const Registry& registry = engine.state().registry;
    switch (random.below(8)) {
      case 0: {
        CurrencyRateSet rate{};
        rate.currency = 1;
        rate.version = registry.currencies.at(1).rate_version + 1;
        rate.rate_e8 = 50'000'000 + static_cast<std::int64_t>(random.below(100'000'000));
        engine.record_control(RecordKind::kCurrencyRateSet, rate);
        break;
      }
      case 1: {
        AccountDefined account = registry.accounts.at(2).definition;
        ++account.version;
        account.margin_mode = static_cast<std::uint8_t>(1 + random.below(2));
        engine.record_control(RecordKind::kAccountDefined, account);
        break;
      }
      case 2: {
        InstrumentDefined row = registry.instruments.at(1).definition;
        ++row.version;
        row.tick = 1 + static_cast<std::int64_t>(random.below(2));
        row.notional_min_e8 = static_cast<std::int64_t>(random.below(2)) * 1'000'000'000;
        engine.record_control(RecordKind::kInstrumentDefined, row);
        break;
      }
      case 3: {
        LimitsSet limits{};
        limits.level = static_cast<std::uint32_t>(random.below(kLevels));
        limits.id = limits.level == static_cast<std::uint32_t>(Level::kFirm) ? 0 : 1;
        const LevelEntity& held = registry.level(static_cast<Level>(limits.level), limits.id);
        limits.version = held.limits_version + 1;
        limits.fields = held.limits;
        limits.fields.collar_bps = 800 + static_cast<std::uint32_t>(random.below(200));
        engine.record_control(RecordKind::kLimitsSet, limits);
        break;
      }
      case 4:
        engine.roll_period();
        break;
      case 5: {
        PositionAdopted told{};
        told.account = 1 + static_cast<AccountId>(random.below(kAccounts));
        told.instrument = 1;
        told.strategy = static_cast<StrategyId>(random.below(2));
        told.side = random.below(2) == 0 ? Side::kBuy : Side::kSell;
        told.price = any_price();
        told.price_scale = 2;
        told.quantity = static_cast<std::int64_t>(random.below(1'500));
        told.reference.assign(named("break", random.below(200)));
        Sequence sequence = 0;
        (void)engine.adopt_position(told, 0, sequence);
        break;
      }
      case 6:
        tell_collateral();
        break;
      default: {
        CancelMessage cancel{};
        cancel.header = {MessageKind::kCancel, 1, 0, 1, 1};
        cancel.order_id = any_order();
        engine.cancel(cancel, 1);
      }
    }
  }
  void mark() {
    MarkMessage mark{};
    mark.instrument = 1;
    mark.scale = 2;
    mark.mark = 9'900 + static_cast<std::int64_t>(random.below(200));
    engine.on_mark(mark);
  }
  /// What left the exact range has latched the instrument: somebody goes on.
  void enable() {
    if (engine.state().registry.level(Level::kInstrument, 1).state == TradingState::kActive) return;
    TradingStateSet active{};
    active.level = static_cast<std::uint32_t>(Level::kInstrument);
    active.id = 1;
    active.actor.assign("ops");
    engine.record_control(RecordKind::kTradingStateSet, active);
  }
  void step() {
    if (random.below(20) == 0) return enable();
    const std::uint64_t roll = random.below(100);
    if (roll < 35) return submit();
    if (roll < 45) return replace();
    if (roll < 65) return tell();
    if (roll < 85) return fill();
    if (roll < 90) return revise();
    if (roll < 93) return adopt();
    if (roll < 97) return control();
    mark();
  }
};

}  // namespace desk
