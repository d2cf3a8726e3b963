// Every table has an end. What arrives there is refused by name, or, when it is a venue's fact and
// cannot be refused, halts its instrument and is kept as evidence; nothing that was there is lost.
#include "check.hpp"
#include "engine/port_world.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr int number_of(Refusal refusal) { return static_cast<int>(refusal); }

RuntimeOptions sized(const Capacity& capacity) {
  RuntimeOptions out = options();
  out.capacity = capacity;
  return out;
}

int submit(World& world, const NewOrderMessage& message) {
  const int refusal = world.engine.submit(message, world.client->number).refusal;
  world.drain();
  return refusal;
}

NewOrderMessage named(World& world, const std::string& text) {
  NewOrderMessage message = world.order();
  message.header.entries = 2;
  message.client_number = 0;
  message.flags = kTextClientId;
  message.client_id.assign(text);
  return message;
}

OrderFact canceled(OrderId id) {
  OrderFact fact{};
  fact.order_id = id;
  fact.cumulative = -1;
  return fact;
}

void define_strategy(World& world, StrategyId id) {
  StrategyDefined strategy{};
  strategy.id = id;
  strategy.version = 1;
  strategy.name.assign(numbered("s", id));
  world.engine.record_control(RecordKind::kStrategyDefined, strategy);
  LimitsSet limits{};
  limits.level = static_cast<std::uint32_t>(Level::kStrategy);
  limits.id = id;
  limits.version = 1;
  limits.fields = world.engine.state().registry.level(Level::kStrategy, 1).limits;
  world.engine.record_control(RecordKind::kLimitsSet, limits);
}

TradingState state_of_instrument(World& world) {
  return world.engine.state().registry.level(Level::kInstrument, 1).state;
}

}  // namespace

TEST(when_all_orders_are_open_a_new_one_is_refused_and_an_ended_one_makes_room) {
  World world(sized({4, 64, 16}));
  OrderId first = 0;
  for (int i = 0; i < 4; ++i) {
    const Notice made = world.engine.submit(world.order(), world.client->number);
    CHECK_EQUAL(int{made.refusal}, 0);
    if (first == 0) first = made.order_id;
  }
  CHECK_EQUAL(submit(world, world.order()), number_of(Refusal::kOrdersFull));
  CHECK_EQUAL(world.engine.counters().refused_for_space, 1U);
  OrderAdopted stranger{};
  stranger.account = stranger.instrument = 1;
  stranger.quantity = 10;
  stranger.price = 10'000;
  stranger.side = Side::kBuy;
  stranger.type = OrderType::kLimit;
  stranger.time_in_force = TimeInForce::kGtc;
  stranger.venue_order_id.assign("stranger");
  world.engine.on_adopt(stranger);
  CHECK_EQUAL(world.engine.counters().anomalies, 1U);  // evidence, as it cannot be held
  world.engine.on_fact(RecordKind::kOrderCanceled, canceled(first));
  CHECK_EQUAL(submit(world, world.order()), 0);
  CHECK_EQUAL(world.engine.state().orders.open_count(), 4U);
}

TEST(when_all_text_ids_are_used_new_texts_are_refused_and_known_ones_answered) {
  World world(sized({64, 3, 16}));
  NewOrderMessage first = named(world, "t0");
  const OrderId id = world.engine.submit(first, world.client->number).order_id;
  CHECK_EQUAL(submit(world, named(world, "t1")), 0);
  CHECK_EQUAL(submit(world, named(world, "t2")), 0);
  CHECK_EQUAL(submit(world, named(world, "t3")), number_of(Refusal::kIdempotencyFull));
  CHECK_EQUAL(world.engine.submit(first, world.client->number).order_id, id);
  ReplaceMessage replace{};
  replace.header = {MessageKind::kReplace, 1, 0, 1, 50};
  replace.order_id = id;
  replace.quantity = 2000;
  replace.client_id.assign("t4");
  CHECK_EQUAL(int{world.engine.replace(replace, world.client->number).refusal},
              number_of(Refusal::kIdempotencyFull));
  CHECK_EQUAL(submit(world, world.order()), 0);  // numbers have a window of their own
  world.engine.on_fact(RecordKind::kOrderCanceled, canceled(id));
  // The names of a day stay for the whole next one.
  Clock& clock = world.runtime.clock();
  for (int day = 0; day < 2; ++day) {
    (void)clock.set_ns(clock.now_ns() + 1);
    (void)world.engine.roll_period();
  }
  CHECK_EQUAL(submit(world, named(world, "t3")), 0);
}

TEST(when_all_positions_are_named_an_order_for_another_is_refused_and_a_fill_halts) {
  World world(sized({64, 64, 2}));
  define_strategy(world, 2);
  define_strategy(world, 3);
  NewOrderMessage message = world.order();
  CHECK_EQUAL(submit(world, message), 0);
  message = world.order();
  message.strategy = 2;
  CHECK_EQUAL(submit(world, message), 0);
  message = world.order();
  message.strategy = 3;
  CHECK_EQUAL(submit(world, message), number_of(Refusal::kTableFull));
  CHECK_EQUAL(submit(world, world.order()), 0);  // what has its place goes on
  // A fill that nobody ordered belongs to EXTERNAL, which has no place any more.
  const std::uint64_t before = world.engine.counters().anomalies;
  world.engine.on_fill(world.fill(0, Side::kBuy, 5));
  CHECK_EQUAL(world.engine.counters().fills, 0U);
  CHECK_EQUAL(world.engine.counters().anomalies, before + 1);
  CHECK(state_of_instrument(world) == TradingState::kHalted);
}

TEST(when_all_balances_are_named_money_of_another_is_kept_as_evidence_and_fills_halt) {
  RuntimeOptions wanted = options();
  wanted.journal.ring_bytes = 1 << 24;
  World world(wanted);
  for (std::uint32_t id = 3; id < kCurrenciesMax; ++id) {
    CurrencyDefined currency{};
    currency.id = id;
    currency.version = 1;
    currency.code.assign(numbered("C", id));
    world.engine.record_control(RecordKind::kCurrencyDefined, currency);
  }
  AccountDefined account = world.engine.state().registry.accounts.at(1).definition;
  std::uint32_t booked = 0;
  BalanceChanged change{};
  change.amount.e18 = 7;
  for (std::uint32_t id = 1; booked < kBalancesMax + 10; ++id) {
    account.id = id;
    account.version = id == 1 ? 2 : 1;
    account.name.assign(numbered("a", id));
    world.engine.record_control(RecordKind::kAccountDefined, account);
    for (std::uint32_t currency = 1; currency < kCurrenciesMax; ++currency) {
      change.account = id;
      change.currency = currency;
      change.reference.assign(numbered("r", ++booked));
      world.engine.on_balance(change);
      CHECK(world.engine.writer().free_bytes() > kRecordBytesMax);
    }
  }
  const auto& balances = world.engine.state().balances;
  CHECK_EQUAL(balances.count(), kBalancesMax);
  CHECK_EQUAL(world.engine.counters().anomalies, booked - kBalancesMax);
  // A row that is there goes on.
  change.account = change.currency = 1;
  change.reference.assign("again");
  world.engine.on_balance(change);
  CHECK(balances.total(1, 1) == 14);
  // A fill may need three rows: without room it is refused as a whole, not booked by halves.
  const std::uint64_t anomalies = world.engine.counters().anomalies;
  world.engine.on_fill(world.fill(0, Side::kBuy, 5));
  CHECK_EQUAL(world.engine.counters().fills, 0U);
  CHECK_EQUAL(world.engine.counters().anomalies, anomalies + 1);
  CHECK(state_of_instrument(world) == TradingState::kHalted);
}

TEST(when_all_references_are_remembered_the_older_half_goes_and_the_newer_still_count_once) {
  World world(sized({64, 64, 16}));
  BalanceChanged change{};
  change.account = change.currency = 1;
  change.amount.e18 = 1;
  for (int i = 0; i < 100; ++i) {
    change.reference.assign(numbered("r", static_cast<std::uint64_t>(i)));
    world.engine.on_balance(change);
    world.engine.on_balance(change);  // told twice
    CHECK(world.engine.state().balances.total(1, 1) == i + 1);
  }
  CHECK_EQUAL(world.engine.counters().facts_repeated, 100U);
  for (int i = 99; i > 99 - 32; --i) {
    change.reference.assign(numbered("r", static_cast<std::uint64_t>(i)));
    world.engine.on_balance(change);
  }
  CHECK(world.engine.state().balances.total(1, 1) == 100);
}

TEST(when_all_shared_ports_are_attached_there_is_no_number_for_another) {
  World world;
  PortServer& server = world.runtime.shared_ports();
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < PortServer::kPortsMax; ++i) {
    clients.push_back(std::make_unique<Client>(world));
  }
  CHECK_EQUAL(server.next_number(), 0U);
  server.end(clients[7]->number, PortEnd::kClient);
  CHECK(server.release(clients[7]->number) != nullptr);
  CHECK(server.next_number() != 0);
  CHECK(server.next_number() != clients[7]->number);  // never given twice
}
