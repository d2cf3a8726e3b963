// Names that must not be taken for each other: the door of an order after a restart, and the client
// id that a replace brought.
#include "check.hpp"
#include "engine/held_storage.hpp"
#include "engine/port_world.hpp"
#include "gateway_core/engine/engine.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr int kConflict = static_cast<int>(Refusal::kIdConflict);

OrderFact accepted(OrderId id) {
  OrderFact fact{};
  fact.order_id = id;
  fact.cumulative = -1;
  fact.venue_order_id.assign("v");
  return fact;
}

/// Notices that wait at a port, by kind.
std::vector<std::uint16_t> heard(ClientPort& port) {
  std::vector<std::uint16_t> kinds;
  while (port.notices.size() != 0) {
    Notice notice;
    std::memcpy(&notice, port.notices.peek(), sizeof notice);
    port.notices.pop();
    kinds.push_back(notice.kind);
  }
  return kinds;
}

NewOrderMessage named(World& world, std::string_view text, std::int64_t quantity = 1000) {
  NewOrderMessage message = world.order(Side::kBuy, quantity);
  message.header.entries = 2;
  message.client_number = 0;
  message.flags = kTextClientId;
  message.client_id.assign(text);
  return message;
}

ReplaceMessage replace_of(World& world, OrderId id, std::int64_t quantity) {
  ReplaceMessage message{};
  message.header = {MessageKind::kReplace, 1, 0, 1, ++world.number};
  message.order_id = id;
  message.quantity = quantity;
  return message;
}

void confirm_replace(World& world, OrderId id, std::int64_t quantity) {
  OrderFact fact = accepted(id);
  fact.quantity = quantity;
  world.engine.on_fact(RecordKind::kOrderReplaced, fact);
}

int submitted(World& world, const NewOrderMessage& message) {
  return world.engine.submit(message, world.client->number).refusal;
}

}  // namespace

TEST(a_door_s_number_is_of_its_name_and_place_and_apart_from_shared_ports) {
  static_assert(port_number_of("api", 0) != port_number_of("fix", 0));
  static_assert(port_number_of("api", 0) != port_number_of("api", 1));
  static_assert(is_same_door(port_number_of("api", 0), port_number_of("api", 7)));
  static_assert(!is_same_door(port_number_of("api", 0), port_number_of("fix", 0)));
  static_assert(!PortServer::is_shared(port_number_of("api", 300)) && port_number_of("", 0) != 0);
  World world;
  std::vector<ClientPort*> doors;
  for (int i = 0; i < 300; ++i) {  // more than a number has places for
    doors.push_back(
        &world.engine.open_client_port(numbered("door ", static_cast<std::uint64_t>(i)), 4));
  }
  for (ClientPort* door : doors) {
    CHECK_EQUAL(int{world.engine.submit(world.order(), door->number).refusal}, 0);
  }
  for (ClientPort* door : doors) CHECK_EQUAL(heard(*door).size(), 1U);
}

TEST(after_a_restart_an_order_tells_its_own_door_and_no_other_one) {
  Directory directory;
  OrderId id = 0;
  {
    World world(stored_options(directory));  // its door is called "door"
    id = world.engine.submit(world.order(), world.client->number).order_id;
    CHECK(id != 0);
  }
  {
    // Now another door stands in that place, and the old one is opened behind it.
    RuntimeOptions options = stored_options(directory);
    Runtime runtime(options);
    ClientPort& stranger = runtime.engine().open_client_port("stranger", 64);
    ClientPort& own = runtime.engine().open_client_port("door", 64);
    runtime.engine().on_fact(RecordKind::kOrderAccepted, accepted(id));
    CHECK_EQUAL(heard(stranger).size(), 0U);
    const auto kinds = heard(own);
    CHECK_EQUAL(kinds.size(), 1U);
    CHECK(!kinds.empty() && kinds[0] == static_cast<std::uint16_t>(RecordKind::kOrderAccepted));
  }
  Runtime runtime(stored_options(directory));
  ClientPort& stranger = runtime.engine().open_client_port("stranger", 64);
  OrderFact canceled = accepted(id);
  runtime.engine().on_fact(RecordKind::kOrderCanceled, canceled);
  CHECK_EQUAL(heard(stranger).size(), 0U);  // the door is not open: nobody is told
}

TEST(a_shared_port_hears_nothing_of_the_order_that_came_by_its_number_in_an_earlier_boot) {
  Directory directory;
  SharedPortTerms terms = all_scopes();
  terms.scopes = kScopeTrade | kScopeCancel;  // without read it hears only of its own orders
  OrderId id = 0;
  std::uint32_t number = 0;
  {
    World world(stored_options(directory));
    Client client(world, terms);
    number = client.number;
    id = client.submit(Client::order(7)).order_id;
    CHECK(id != 0);
  }
  World world(stored_options(directory));
  Client client(world, terms);
  CHECK_EQUAL(client.number, number);
  world.engine.on_fact(RecordKind::kOrderAccepted, accepted(id));
  CHECK_EQUAL(client.next().kind, 0);
  world.engine.writer().set_kill_word_seen(0);
  MassCancelMessage mass{};
  mass.header = {MessageKind::kMassCancel, 1, 0, 1, 1};
  (void)world.engine.mass_cancel(mass, world.client->number);
  CHECK_EQUAL(client.next().kind, 0);
  world.runtime.shared_ports().end(client.number, PortEnd::kClient);
}

TEST(a_text_id_that_a_replace_brought_is_no_repeat_of_the_order_whatever_the_content) {
  World world;
  const NewOrderMessage first = named(world, "a");
  const OrderId id = world.engine.submit(first, world.client->number).order_id;
  world.engine.on_fact(RecordKind::kOrderAccepted, accepted(id));
  ReplaceMessage replace = replace_of(world, id, 5000);
  replace.client_id.assign("b");
  CHECK_EQUAL(int{world.engine.replace(replace, world.client->number).refusal}, 0);
  CHECK_EQUAL(submitted(world, named(world, "b")), kConflict);  // on its way
  confirm_replace(world, id, 5000);
  CHECK_EQUAL(submitted(world, named(world, "b")), kConflict);        // in force, first content
  CHECK_EQUAL(submitted(world, named(world, "b", 5000)), kConflict);  // in force, new content
  replace = replace_of(world, id, 6000);
  replace.client_id.assign("c");
  CHECK_EQUAL(int{world.engine.replace(replace, world.client->number).refusal}, 0);
  confirm_replace(world, id, 6000);
  CHECK_EQUAL(submitted(world, named(world, "b")), kConflict);  // in force no more
  // The id it was made under still answers with it, and only with the content it was made of.
  CHECK_EQUAL(world.engine.submit(named(world, "a"), world.client->number).order_id, id);
  CHECK_EQUAL(submitted(world, named(world, "a", 6000)), kConflict);
  CHECK_EQUAL(world.engine.counters().orders_accepted, 1U);
}

TEST(a_number_that_a_replace_brought_is_no_repeat_of_the_order_also_after_a_restart) {
  Directory directory;
  NewOrderMessage again{};
  {
    World world(stored_options(directory));
    const NewOrderMessage first = world.order();
    const OrderId id = world.engine.submit(first, world.client->number).order_id;
    CHECK_EQUAL(world.engine.submit(first, world.client->number).order_id, id);
    world.engine.on_fact(RecordKind::kOrderAccepted, accepted(id));
    ReplaceMessage replace = replace_of(world, id, 5000);
    replace.client_number = again.client_number = ++world.number;
    CHECK_EQUAL(int{world.engine.replace(replace, world.client->number).refusal}, 0);
    again = first;
    again.client_number = replace.client_number;
    CHECK_EQUAL(submitted(world, again), kConflict);
    confirm_replace(world, id, 5000);
    CHECK_EQUAL(submitted(world, again), kConflict);
    again.quantity = 5000;
    CHECK_EQUAL(submitted(world, again), kConflict);
    again.quantity = first.quantity;
    std::vector<std::uint8_t> bytes;
    world.engine.state().serialize(bytes);
    State copy(world.engine.state().capacity);
    CHECK(copy.restore(bytes.data(), bytes.size()));
    CHECK_EQUAL(copy.hash(), world.engine.state().hash());
  }
  World world(stored_options(directory));
  CHECK_EQUAL(submitted(world, again), kConflict);
}

TEST(a_fill_that_can_never_be_booked_latches_its_instrument_once_however_often_it_is_told) {
  World world;
  const OrderId id = world.engine.submit(world.order(), world.client->number).order_id;
  OrderFilled fill = world.fill(id, Side::kBuy, 400);
  fill.quantity = 0;
  const LevelEntity& instrument = world.engine.state().registry.level(Level::kInstrument, 1);
  const auto enable = [&] {
    TradingStateSet active{};
    active.level = static_cast<std::uint32_t>(Level::kInstrument);
    active.id = 1;
    active.actor.assign("ops");
    world.engine.record_control(RecordKind::kTradingStateSet, active);
  };
  world.engine.on_fill(fill);
  CHECK(instrument.state == TradingState::kHalted);
  enable();
  const std::string hash = world.engine.state().hash();
  const Sequence next = world.engine.writer().next_sequence();
  for (int i = 0; i < 3; ++i) world.engine.on_fill(fill);
  CHECK(instrument.state == TradingState::kActive);
  CHECK_EQUAL(world.engine.state().hash(), hash);
  CHECK_EQUAL(world.engine.writer().next_sequence(), next);
  CHECK_EQUAL(world.engine.counters().unbookable, 1U);
  CHECK_EQUAL(world.engine.counters().unbookable_repeated, 3U);
  // The same execution in a form that can be booked is booked, and another one latches again.
  fill.quantity = 400;
  world.engine.on_fill(fill);
  CHECK_EQUAL(world.engine.counters().fills, 1U);
  OrderFilled other = world.fill(id, Side::kBuy, 400);
  other.quantity = 0;
  world.engine.on_fill(other);
  CHECK(instrument.state == TradingState::kHalted);
  enable();
  // Nor does a revision, or a replace, that is told again and again.
  FillRevised revised{};
  revised.account = revised.instrument = 1;
  revised.trade_id = fill.trade_id;
  revised.revision = 1;
  revised.quantity = -1;
  OrderFact replaced{};
  replaced.order_id = world.engine.submit(world.order(), world.client->number).order_id;
  world.engine.on_fact(RecordKind::kOrderAccepted, replaced);
  replaced.quantity = 1'000;
  replaced.price = -1;
  for (int i = 0; i < 3; ++i) {
    world.engine.on_fill_revised(revised, fill.venue_order_id);
    world.engine.on_fact(RecordKind::kOrderReplaced, replaced);
    enable();
  }
  CHECK_EQUAL(world.engine.counters().unbookable, 4U);
  CHECK_EQUAL(world.engine.counters().unbookable_repeated, 7U);
}

TEST(a_booked_fill_told_again_in_a_form_that_cannot_be_booked_is_a_repeat_and_halts_nothing) {
  World world;
  const OrderId id = world.engine.submit(world.order(), world.client->number).order_id;
  const OrderFilled fill = world.fill(id, Side::kBuy, 400);
  world.engine.on_fill(fill);
  OrderFilled again = fill;
  again.quantity = 0;
  world.engine.on_fill(again);
  again = fill;
  again.side = static_cast<Side>(9);
  world.engine.on_fill(again);
  CHECK_EQUAL(world.engine.counters().fills, 1U);
  CHECK_EQUAL(world.engine.counters().fills_repeated, 2U);
  CHECK_EQUAL(world.engine.counters().anomalies, 0U);
  CHECK(world.engine.state().registry.level(Level::kInstrument, 1).state == TradingState::kActive);
}
