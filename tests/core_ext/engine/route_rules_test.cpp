// Prepared rules and named checks are one gate: orders that are decided by the prepared rules end
// exactly as when every order is looked at check by check.
#include "gateway_core/engine/route_rules.hpp"

#include <string>

#include "check.hpp"
#include "engine_world.hpp"
#include "random.hpp"

using namespace desk;  // NOLINT

namespace {

void redefine_instrument(World& world, std::int64_t tick, std::int64_t lot,
                         std::int64_t notional_min_e8, InstrumentKind kind) {
  InstrumentDefined row = world.runtime.state().registry.instruments.at(1).definition;
  ++row.version;
  row.tick = tick;
  row.lot = lot;
  row.quantity_min = lot;
  row.quantity_max = 5'000;
  row.notional_min_e8 = notional_min_e8;
  row.kind = static_cast<std::uint8_t>(kind);
  world.engine.record_control(RecordKind::kInstrumentDefined, row);
}

/// An order near the rules: most fields are fine, a few are anything.
NewOrderMessage near_order(check::Random& random, World& world) {
  NewOrderMessage message = world.order(random.below(2) == 0 ? Side::kBuy : Side::kSell);
  message.price = 10'000 + static_cast<std::int64_t>(random.below(400)) - 200;
  message.quantity = 1 + static_cast<std::int64_t>(random.below(6'000));
  if (random.below(8) != 0) {
    const InstrumentDefined& rules = world.runtime.state().registry.instruments.at(1).definition;
    message.price -= message.price % rules.tick;
    message.quantity -= message.quantity % rules.lot;
  }
  for (int i = static_cast<int>(random.below(3)); i > 0; --i) {
    switch (random.below(16)) {
      case 0:
        message.side = static_cast<Side>(random.below(5));
        break;
      case 1:
        message.type = static_cast<OrderType>(random.below(12));
        break;
      case 2:
        message.time_in_force = static_cast<TimeInForce>(random.below(12));
        break;
      case 3:
        message.flags = static_cast<std::uint8_t>(random.below(256));
        break;
      case 4:
        message.leg = static_cast<std::uint8_t>(random.below(4));
        break;
      case 5:
        message.price = static_cast<std::int64_t>(random.next());
        break;
      case 6:
        message.quantity = static_cast<std::int64_t>(random.next());
        break;
      case 7:
        message.client_number = random.below(2) == 0 ? 0 : 1 + random.below(20);
        break;
      case 8:
        message.trigger_price = static_cast<std::int64_t>(random.below(3)) * 10'000;
        break;
      case 9:
        message.display_quantity = static_cast<std::int64_t>(random.below(3));
        break;
      case 10:
        message.expires_ns = static_cast<std::int64_t>(random.below(3));
        break;
      case 11:
        message.account = static_cast<AccountId>(random.below(3));
        break;
      case 12:
        message.strategy = static_cast<StrategyId>(random.below(3));
        break;
      case 13:
        message.instrument = static_cast<InstrumentId>(random.below(3));
        break;
      case 14:
        message.header.principal = static_cast<PrincipalId>(random.below(300));
        break;
      default:
        message.price = 0;
        message.type = OrderType::kMarket;
    }
  }
  return message;
}

}  // namespace

TEST(prepared_rules_decide_as_the_named_checks_do) {
  constexpr struct {
    std::int64_t tick, lot, notional_min_e8;
    InstrumentKind kind;
  } kInstruments[] = {{1, 1, 0, InstrumentKind::kLinear},
                      {5, 10, 30'000'000'000, InstrumentKind::kLinear},
                      {1, 1, std::int64_t{1} << 62, InstrumentKind::kLinear},
                      {2, 3, 1'000'000, InstrumentKind::kInverse},
                      {2, 3, 0, InstrumentKind::kInverse},
                      {10, 7, 5'000'000'000, InstrumentKind::kSpot}};
  std::uint64_t accepted = 0;
  for (const auto& rules : kInstruments) {
    World prepared;
    World named;
    for (World* world : {&prepared, &named}) {
      redefine_instrument(*world, rules.tick, rules.lot, rules.notional_min_e8, rules.kind);
    }
    check::Random random(static_cast<std::uint64_t>(rules.tick * 31 + rules.lot));
    for (int step = 0; step < 4'000; ++step) {
      const NewOrderMessage message = near_order(random, prepared);
      named.number = prepared.number;
      // A registry that always just moved has nothing prepared.
      named.runtime.state().registry.touch();
      const Notice one = prepared.engine.submit(message, prepared.client->number);
      const Notice other = named.engine.submit(message, named.client->number);
      CHECK_EQUAL(one.refusal, other.refusal);
      CHECK_EQUAL(one.order_id, other.order_id);
      CHECK_EQUAL(one.would_be, other.would_be);
      if (one.refusal == 0 && one.order_id != 0) {
        ++accepted;
        OrderFact gone{};
        gone.order_id = one.order_id;
        gone.cumulative = -1;
        prepared.engine.on_fact(RecordKind::kOrderCanceled, gone);
        named.engine.on_fact(RecordKind::kOrderCanceled, gone);
      }
      prepared.drain();
      named.drain();
    }
    CHECK(prepared.runtime.state().hash() == named.runtime.state().hash());
  }
  CHECK(accepted > 3'000);
}

TEST(after_a_new_margin_mode_no_new_order_takes_the_route_of_the_old_one) {
  World world;
  const Notice first = world.engine.submit(world.order(), world.client->number);
  CHECK_EQUAL(first.refusal, 0);
  AccountDefined account = world.runtime.state().registry.accounts.at(1).definition;
  ++account.version;
  account.margin_mode = static_cast<std::uint8_t>(MarginMode::kIsolated);
  world.engine.record_control(RecordKind::kAccountDefined, account);
  // A replace of the old order prepares its route again, before any new order asked.
  ReplaceMessage replace{};
  replace.header = {MessageKind::kReplace, 1, 0, 1, 1};
  replace.order_id = first.order_id;
  replace.quantity = 2'000;
  CHECK_EQUAL(world.engine.replace(replace, world.client->number).refusal, 0);
  const Notice second = world.engine.submit(world.order(), world.client->number);
  CHECK_EQUAL(second.refusal, 0);
  const State& state = world.runtime.state();
  const auto mode_of = [&](OrderId id) {
    return state.orders.at(state.orders.find(id)).margin_mode;
  };
  CHECK_EQUAL(mode_of(first.order_id), static_cast<int>(MarginMode::kCross));
  CHECK_EQUAL(mode_of(second.order_id), static_cast<int>(MarginMode::kIsolated));
}

TEST(without_a_rate_of_the_settlement_currency_losses_cannot_be_measured_and_nothing_passes) {
  World world;
  CurrencyDefined coin{};
  coin.id = 3;
  coin.version = 1;
  coin.code.assign("ETH");
  world.engine.record_control(RecordKind::kCurrencyDefined, coin);
  const Notice held = world.engine.submit(world.order(), world.client->number);
  InstrumentDefined row = world.runtime.state().registry.instruments.at(1).definition;
  ++row.version;
  row.settle = 3;
  world.engine.record_control(RecordKind::kInstrumentDefined, row);
  constexpr auto kNoRate = static_cast<int>(Refusal::kNoConversionRate);
  CHECK_EQUAL(world.engine.submit(world.order(), world.client->number).refusal, kNoRate);
  CHECK_EQUAL(world.engine.submit(world.order(), world.client->number).refusal, kNoRate);
  ReplaceMessage replace{};
  replace.header = {MessageKind::kReplace, 1, 0, 1, 1};
  replace.order_id = held.order_id;
  replace.quantity = 2'000;
  CHECK_EQUAL(world.engine.replace(replace, world.client->number).refusal, kNoRate);
  CurrencyRateSet rate{};
  rate.currency = 3;
  rate.version = 1;
  rate.rate_e8 = 100'000'000;
  world.engine.record_control(RecordKind::kCurrencyRateSet, rate);
  CHECK_EQUAL(world.engine.submit(world.order(), world.client->number).refusal, 0);
}
