// A client in shared memory gets what every door gives, and a hostile one hurts nobody but itself.
#include <sys/mman.h>

#include "check.hpp"
#include "engine/port_world.hpp"
#include "random.hpp"

using desk::Client;
using desk::World;
using namespace gateway;  // NOLINT

namespace {

constexpr std::uint16_t number_of(Refusal refusal) { return static_cast<std::uint16_t>(refusal); }

OrderFact accepted(OrderId id) {
  OrderFact fact{};
  fact.order_id = id;
  fact.cumulative = -1;
  fact.venue_order_id.assign("v");
  return fact;
}

std::size_t outbound(World& world) { return world.venue->outbound.size_now(); }

}  // namespace

static_assert(sizeof(gateway_port_lane) == sizeof(SharedLaneHeader));
static_assert(offsetof(gateway_port_lane, needs_wake) == offsetof(SharedLaneHeader, needs_wake));
static_assert(offsetof(gateway_port_lane, head) == offsetof(SharedLaneHeader, head));
static_assert(offsetof(gateway_port_lane, tail) == offsetof(SharedLaneHeader, tail));
static_assert(offsetof(gateway_port_lane, overruns) == offsetof(SharedLaneHeader, overruns));
static_assert(offsetof(gateway_port_lane, end) == offsetof(SharedLaneHeader, end));
static_assert(sizeof(gateway_port_header) == sizeof(MessageHeader));
static_assert(offsetof(gateway_port_header, request) == offsetof(MessageHeader, request));
static_assert(sizeof(gateway_port_new_order) == sizeof(NewOrderMessage));
static_assert(offsetof(gateway_port_new_order, strategy) == offsetof(NewOrderMessage, strategy));
static_assert(offsetof(gateway_port_new_order, leg) == offsetof(NewOrderMessage, leg));
static_assert(offsetof(gateway_port_new_order, expires_ns) ==
              offsetof(NewOrderMessage, expires_ns));
static_assert(offsetof(gateway_port_new_order, client_id) == offsetof(NewOrderMessage, client_id));
static_assert(offsetof(gateway_port_replace, client_id) == offsetof(ReplaceMessage, client_id));
static_assert(offsetof(gateway_port_mass_cancel, venue) == offsetof(MassCancelMessage, venue));
static_assert(offsetof(gateway_port_query, client_id) == offsetof(QueryMessage, client_id));
static_assert(offsetof(gateway_port_reply, working) == offsetof(Notice, working));
static_assert(offsetof(gateway_port_reply, client_number) == offsetof(PortReply, client_number));
static_assert(offsetof(gateway_port_reply, value_low) == offsetof(PortReply, value_low));
static_assert(offsetof(gateway_port_reply, state) == offsetof(PortReply, state));
static_assert(offsetof(gateway_port_reply, strategy) == offsetof(PortReply, strategy));
static_assert(GATEWAY_PORT_END_STOPPING == static_cast<int>(PortEnd::kStopping));

TEST(an_order_its_acceptance_and_its_fill_come_back_with_the_order_as_it_stands) {
  World world;
  Client client(world);
  const auto verdict = client.submit(Client::order(1));
  CHECK_EQUAL(verdict.kind, GATEWAY_PORT_ORDER_NEW);
  CHECK_EQUAL(verdict.request, 1U);
  CHECK_EQUAL(verdict.quantity, 1'000);
  CHECK_EQUAL(verdict.client_number, 1U);
  CHECK_EQUAL(outbound(world), 1U);
  world.engine.on_fact(RecordKind::kOrderAccepted, accepted(verdict.order_id));
  CHECK_EQUAL(client.next().kind, GATEWAY_PORT_ORDER_ACCEPTED);
  world.engine.on_fill(world.fill(verdict.order_id, Side::kBuy, 400));
  const auto filled = client.next();
  CHECK_EQUAL(filled.kind, GATEWAY_PORT_ORDER_FILLED);
  CHECK_EQUAL(filled.request, 0U);
  CHECK_EQUAL(filled.cumulative, 400);
  CHECK_EQUAL(filled.value_low, 40ULL * 1'000'000'000'000'000'000ULL);  // 100.00 x 0.400
  CHECK_EQUAL(client.next().kind, 0);
}

TEST(an_order_from_a_c_template_is_the_order_made_by_hand_and_a_wrong_value_makes_none) {
  World world;
  Client client(world);
  const gateway_port_new_order by_hand = Client::order(1);
  gateway_port_template prepared{};
  prepared.order = by_hand;
  prepared.order.quantity = prepared.order.price = 0;
  prepared.open = GATEWAY_PORT_OPEN_QUANTITY | GATEWAY_PORT_OPEN_PRICE;
  gateway_port_values values{};
  values.client_number = 1;
  values.quantity = by_hand.quantity;
  values.price = by_hand.price;
  gateway_port_new_order made{};
  CHECK_EQUAL(gateway_port_fill(&prepared, &values, &made), 1);
  CHECK(std::memcmp(&made, &by_hand, sizeof made) == 0);
  CHECK_EQUAL(client.submit(made).kind, GATEWAY_PORT_ORDER_NEW);
  const auto fills = [&](std::int64_t gateway_port_values::* field, std::int64_t value) {
    gateway_port_values wrong = values;
    wrong.*field = value;
    return gateway_port_fill(&prepared, &wrong, &made);
  };
  CHECK_EQUAL(fills(&gateway_port_values::quantity, 0), 0);
  CHECK_EQUAL(fills(&gateway_port_values::price, -1), 0);
  CHECK_EQUAL(fills(&gateway_port_values::trigger_price, 5), 0);
  CHECK_EQUAL(fills(&gateway_port_values::display_quantity, 5), 0);
  CHECK_EQUAL(fills(&gateway_port_values::expires_ns, 5), 0);
  values.client_number = 0;
  CHECK_EQUAL(gateway_port_fill(&prepared, &values, &made), 0);
  values.client_number = 2;
  prepared.order.client_id[0] = 'x';
  CHECK_EQUAL(gateway_port_fill(&prepared, &values, &made), 0);
}

TEST(the_origin_of_an_order_is_its_port_and_its_principal_is_the_port_s) {
  World world;
  Client client(world);
  const auto id = client.submit(Client::order(1)).order_id;
  const Order& order = world.engine.state().orders.at(world.engine.state().orders.find(id));
  CHECK_EQUAL(order.origin_port, client.number);
  CHECK_EQUAL(order.principal, 1U);
  auto forged = Client::order(2);
  (void)gateway_port_submit(&client.port, &forged);
  auto* header = reinterpret_cast<gateway_port_header*>(
      gateway_port_entry(client.port.requests, client.port.requests->tail - 1));
  header->principal = 2;
  (void)world.engine.turn(256);
  CHECK_EQUAL(client.next().refusal, number_of(Refusal::kUnknownField));
}

TEST(the_same_client_id_through_two_doors_is_one_order) {
  World world;
  Client client(world);
  gateway_port_new_order message = Client::order(0);
  std::memcpy(message.client_id, "one-intent", 10);
  const auto first = client.submit(message);
  NewOrderMessage same = world.order();
  same.client_number = 0;
  same.flags = kTextClientId;
  same.client_id.assign("one-intent");
  const Notice again = world.engine.submit(same, world.client->number);
  CHECK_EQUAL(again.order_id, first.order_id);
  CHECK_EQUAL(again.current, 1);
  same.price += 1;
  CHECK_EQUAL(world.engine.submit(same, world.client->number).refusal,
              number_of(Refusal::kIdConflict));
  CHECK_EQUAL(outbound(world), 1U);
}

TEST(refusals_are_those_of_the_gate_and_change_no_state) {
  World world;
  Client client(world);
  const std::string before = desk::state_hash(world);
  auto message = Client::order(1);
  message.quantity = 0;
  CHECK_EQUAL(client.submit(message).refusal, number_of(Refusal::kRange));
  message = Client::order(1);
  message.side = 9;
  CHECK_EQUAL(client.submit(message).refusal, number_of(Refusal::kBadEnum));
  message = Client::order(1);
  message.instrument = 0xFFFFFFFF;
  CHECK_EQUAL(client.submit(message).refusal, number_of(Refusal::kUnknownInstrument));
  message = Client::order(1);
  message.reserved[3] = 1;
  CHECK_EQUAL(client.submit(message).refusal, number_of(Refusal::kUnknownField));
  message = Client::order(0);
  std::memcpy(message.client_id, "a\nb", 3);
  CHECK_EQUAL(client.submit(message).refusal, number_of(Refusal::kBadClientId));
  message.client_id[1] = 0;  // text behind the end of the text
  CHECK_EQUAL(client.submit(message).refusal, number_of(Refusal::kBadClientId));
  (void)gateway_port_cancel_order(&client.port, 77);
  (void)world.engine.turn(256);
  CHECK_EQUAL(client.next().refusal, number_of(Refusal::kUnknownOrder));
  CHECK_EQUAL(desk::state_hash(world), before);
  CHECK_EQUAL(outbound(world), 0U);
}

TEST(a_key_without_a_scope_is_refused_what_the_scope_is_for) {
  World world;
  auto terms = desk::all_scopes();
  terms.scopes = kScopeRead;
  Client client(world, terms);
  CHECK_EQUAL(client.submit(Client::order(1)).refusal, number_of(Refusal::kNotPermitted));
  (void)gateway_port_cancel_order(&client.port, 77);
  gateway_port_mass_cancel all{};
  (void)gateway_port_cancel_all(&client.port, &all);
  (void)world.engine.turn(256);
  CHECK_EQUAL(client.next().refusal, number_of(Refusal::kNotPermitted));
  CHECK_EQUAL(client.next().refusal, number_of(Refusal::kNotPermitted));
}

TEST(a_gateway_that_stops_takes_cancels_and_no_new_orders) {
  World world;
  Client client(world);
  const auto id = client.submit(Client::order(1)).order_id;
  world.engine.on_fact(RecordKind::kOrderAccepted, accepted(id));
  (void)client.next();
  world.runtime.shared_ports().admit(Refusal::kShuttingDown);
  CHECK_EQUAL(client.submit(Client::order(2)).refusal, number_of(Refusal::kShuttingDown));
  (void)gateway_port_cancel_order(&client.port, id);
  (void)world.engine.turn(256);
  CHECK_EQUAL(client.next().kind, GATEWAY_PORT_CANCEL_REQUESTED);
}

TEST(a_full_reply_lane_holds_up_nobody_and_is_told_as_a_gap) {
  World world;
  Client slow(world);
  Client other(world);
  for (std::uint64_t i = 1; i <= 20; ++i) {  // 16 replies fit
    auto message = Client::order(i);
    (void)gateway_port_submit(&slow.port, &message);
    (void)world.engine.turn(256);
  }
  CHECK_EQUAL(outbound(world), 20U);
  CHECK_EQUAL(gateway_port_take_gap(&slow.port), 1);
  CHECK_EQUAL(gateway_port_take_gap(&slow.port), 0);
  CHECK_EQUAL(other.submit(Client::order(21)).kind, GATEWAY_PORT_ORDER_NEW);
  int seen = 0;
  while (slow.next().kind == GATEWAY_PORT_ORDER_NEW) ++seen;
  CHECK_EQUAL(seen, 16);
  // Resynchronised by asking: all open orders, as many as fit, and how many did not.
  (void)gateway_port_query_all(&slow.port);
  (void)world.engine.turn(256);
  int images = 0;
  gateway_port_reply reply = slow.next();
  for (; reply.kind == GATEWAY_PORT_ORDER_IMAGE; reply = slow.next()) ++images;
  CHECK_EQUAL(images, 15);
  CHECK_EQUAL(reply.kind, GATEWAY_PORT_IMAGES_END);
  CHECK_EQUAL(reply.current, 15);
  CHECK_EQUAL(reply.would_be, 6);
  CHECK_EQUAL(gateway_port_take_gap(&slow.port), 0);
}

TEST(an_order_is_found_by_id_and_by_client_id_and_only_by_its_principal) {
  World world;
  Client client(world);
  auto terms = desk::all_scopes();
  terms.principal = 2;
  Client stranger(world, terms);
  const auto id = client.submit(Client::order(5)).order_id;
  gateway_port_query query{};
  query.client_number = 5;
  (void)gateway_port_query_order(&client.port, &query);
  query = {};
  query.order_id = id;
  (void)gateway_port_query_order(&client.port, &query);
  (void)gateway_port_query_order(&stranger.port, &query);
  (void)world.engine.turn(256);
  CHECK_EQUAL(client.next().order_id, id);
  CHECK_EQUAL(client.next().price, 10'000);
  CHECK_EQUAL(stranger.next().refusal, number_of(Refusal::kUnknownOrder));
}

TEST(events_go_to_every_port_of_the_principal_also_after_a_new_attach) {
  World world;
  std::uint64_t id = 0;
  {
    Client first(world);
    id = first.submit(Client::order(1)).order_id;
    world.runtime.shared_ports().end(first.number, PortEnd::kClient);
    CHECK(world.runtime.shared_ports().release(first.number) != nullptr);
  }
  auto terms = desk::all_scopes();
  terms.principal = 2;
  Client stranger(world, terms);
  Client second(world);
  world.engine.on_fact(RecordKind::kOrderAccepted, accepted(id));
  CHECK_EQUAL(second.next().kind, GATEWAY_PORT_ORDER_ACCEPTED);
  CHECK_EQUAL(stranger.next().kind, 0);
}

TEST(what_a_client_published_before_its_end_counts_and_its_orders_are_cancelled_if_it_asked) {
  World world;
  auto terms = desk::all_scopes();
  terms.cancels_on_disconnect = true;
  Client keeps(world);
  Client client(world, terms);
  const auto kept = keeps.submit(Client::order(1)).order_id;
  const auto own = client.submit(Client::order(2)).order_id;
  auto last = Client::order(3);
  (void)gateway_port_submit(&client.port, &last);
  PortServer& server = world.runtime.shared_ports();
  server.end(client.number, PortEnd::kClient);
  State& state = world.engine.state();
  const auto overlay = [&](OrderId id) { return state.orders.at(state.orders.find(id)).overlay; };
  CHECK(pending(overlay(own), Overlay::kCancel) == Pending::kSent);
  CHECK(pending(overlay(world.engine.order_of_number(1, 3)), Overlay::kCancel) == Pending::kSent);
  CHECK(pending(overlay(kept), Overlay::kCancel) == Pending::kNo);
  CHECK_EQUAL(outbound(world), 5U);  // three orders, two cancels
  CHECK(server.release(client.number) != nullptr);
  CHECK(server.release(client.number) == nullptr);
}

TEST(the_wish_to_be_cancelled_is_journaled_with_each_order_and_is_the_ports_alone) {
  World world;
  auto terms = desk::all_scopes();
  terms.cancels_on_disconnect = true;
  Client keeps(world);
  Client client(world, terms);
  const auto kept = keeps.submit(Client::order(1)).order_id;
  const auto own = client.submit(Client::order(2)).order_id;
  State& state = world.engine.state();
  CHECK_EQUAL(state.orders.at(state.orders.find(kept)).flags & kCancelOnDisconnect, 0);
  CHECK_EQUAL(state.orders.at(state.orders.find(own)).flags & kCancelOnDisconnect,
              static_cast<int>(kCancelOnDisconnect));
  auto wished = Client::order(3);
  wished.flags = kCancelOnDisconnect;
  CHECK_EQUAL(keeps.submit(wished).refusal, number_of(Refusal::kUnsupportedFlag));
}

TEST(an_end_reads_on_behind_a_mass_cancel_and_no_more_than_the_lane_holds) {
  World world;
  Client client(world);
  gateway_port_mass_cancel all{};
  (void)gateway_port_cancel_all(&client.port, &all);
  auto last = Client::order(1);
  (void)gateway_port_submit(&client.port, &last);
  PortServer& server = world.runtime.shared_ports();
  server.end(client.number, PortEnd::kClient);
  CHECK_EQUAL(outbound(world), 1U);
  CHECK_EQUAL(server.rows().at(0).requests, 2U);
}

TEST(a_port_with_the_number_of_an_earlier_boot_hears_nothing_of_its_orders) {
  World world;
  auto terms = desk::all_scopes();
  terms.principal = 2;
  Client stranger(world, terms);
  const NewOrderMessage old = world.order();
  const auto id = world.engine.submit(old, stranger.number).order_id;  // as recovered
  (void)stranger.next();
  world.engine.on_fact(RecordKind::kOrderAccepted, accepted(id));
  MassCancelMessage all{};
  all.header = {MessageKind::kMassCancel, 1, 0, 1, 1};
  CHECK_EQUAL(world.engine.mass_cancel(all, world.client->number).current, 1);
  CHECK_EQUAL(stranger.next().kind, 0);
}

TEST(cancels_at_the_end_of_a_port_that_find_no_room_are_tried_again) {
  World world;
  auto terms = desk::all_scopes();
  terms.cancels_on_disconnect = true;
  Client client(world, terms);
  const auto id = client.submit(Client::order(1)).order_id;
  OutboundEntry entry{};
  while (world.venue->outbound.push(&entry)) continue;  // the adapter does not take its work
  PortServer& server = world.runtime.shared_ports();
  server.end(client.number, PortEnd::kClient);
  CHECK(server.release(client.number) == nullptr);
  CHECK_EQUAL(server.rows().at(0).orders_left, 1U);
  world.drain();
  CHECK(world.runtime.clock().set_ns(world.engine.now_ns() + 20'000'000));
  (void)world.engine.turn(256);
  State& state = world.engine.state();
  CHECK(pending(state.orders.at(state.orders.find(id)).overlay, Overlay::kCancel) ==
        Pending::kSent);
  CHECK(server.release(client.number) != nullptr);
}

TEST(too_many_requests_are_refused_and_a_flood_of_them_ends_the_port) {
  World world;
  auto terms = desk::all_scopes();
  terms.requests_per_second = 10;
  terms.request_burst = 2;
  terms.request_entries = terms.reply_entries = 256;
  Client client(world, terms);
  Client other(world);
  for (int i = 0; i < 150; ++i) (void)gateway_port_ping(&client.port);
  for (int i = 0; i < 4; ++i) (void)world.engine.turn(256);
  int pongs = 0;
  int refused = 0;
  for (auto reply = client.next(); reply.kind != 0; reply = client.next()) {
    ++(reply.refusal == 0 ? pongs : refused);
    if (reply.refusal != 0) CHECK_EQUAL(reply.refusal, number_of(Refusal::kTooManyRequests));
  }
  CHECK_EQUAL(pongs, 2);
  CHECK_EQUAL(refused, static_cast<int>(PortServer::kThrottledMax));
  CHECK_EQUAL(gateway_port_end(&client.port), static_cast<std::uint32_t>(PortEnd::kTooFast));
  CHECK_EQUAL(other.submit(Client::order(1)).kind, GATEWAY_PORT_ORDER_NEW);
}

namespace {

/// Breaks the protocol in one way; the port must end with this reason and nothing else change.
void check_end(PortEnd expected, void (*attack)(Client&)) {
  World world;
  Client hostile(world);
  Client other(world);
  const std::string before = desk::state_hash(world);
  attack(hostile);
  for (int i = 0; i < 3; ++i) (void)world.engine.turn(256);
  CHECK_EQUAL(gateway_port_end(&hostile.port), static_cast<std::uint32_t>(expected));
  CHECK_EQUAL(hostile.port.requests->end, static_cast<std::uint32_t>(expected));
  CHECK_EQUAL(desk::state_hash(world), before);
  (void)gateway_port_ping(&hostile.port);
  (void)world.engine.turn(256);
  CHECK_EQUAL(other.submit(Client::order(1)).kind, GATEWAY_PORT_ORDER_NEW);
  CHECK_EQUAL(gateway_port_end(&other.port), 0U);
}

void set_first(Client& client, std::uint16_t kind, std::uint8_t entries) {
  (void)gateway_port_ping(&client.port);
  auto* header =
      reinterpret_cast<gateway_port_header*>(gateway_port_entry(client.port.requests, 0));
  header->kind = kind;
  header->entries = entries;
}

}  // namespace

TEST(a_tail_that_jumps_ahead_ends_the_port) {
  check_end(PortEnd::kBadIndex, [](Client& client) { client.port.requests->tail = 17; });
}

TEST(a_tail_that_goes_back_ends_the_port) {
  check_end(PortEnd::kBadIndex, [](Client& client) {
    (void)gateway_port_ping(&client.port);
    (void)client.world.engine.turn(256);
    client.port.requests->tail = 0;
  });
}

TEST(a_tail_of_all_ones_ends_the_port) {
  check_end(PortEnd::kBadIndex, [](Client& client) { client.port.requests->tail = ~0ULL; });
}

TEST(a_reply_index_that_nobody_published_ends_the_port) {
  check_end(PortEnd::kBadIndex, [](Client& client) {
    client.port.replies->head = 1'000'000;
    for (int i = 0; i < 16; ++i) (void)gateway_port_ping(&client.port);
    (void)client.world.engine.turn(256);
    (void)gateway_port_ping(&client.port);
  });
}

TEST(a_fact_of_a_venue_from_a_client_ends_the_port) {
  check_end(PortEnd::kBadKind, [](Client& client) { set_first(client, 17, 3); });
}

TEST(a_kind_that_does_not_exist_ends_the_port) {
  check_end(PortEnd::kBadKind, [](Client& client) { set_first(client, 999, 1); });
}

TEST(a_length_that_does_not_fit_the_kind_ends_the_port) {
  check_end(PortEnd::kBadLength, [](Client& client) { set_first(client, 2, 2); });
  check_end(PortEnd::kBadLength, [](Client& client) { set_first(client, 6, 0); });
  check_end(PortEnd::kBadLength, [](Client& client) { set_first(client, 6, 255); });
}

TEST(a_message_that_is_cut_ends_the_port) {
  check_end(PortEnd::kBadLength, [](Client& client) {
    gateway_port_new_order message = Client::order(0);
    std::memcpy(message.client_id, "half", 4);
    message.flags = GATEWAY_PORT_TEXT_CLIENT_ID;
    (void)gateway_port_send(&client.port, &message, GATEWAY_PORT_NEW_ORDER, 2);
    client.port.requests->tail -= 1;
  });
}

TEST(a_header_that_the_client_rewrites_is_never_read_again) {
  World world;
  Client client(world);
  std::memset(client.port.requests, 0xFF, 64);
  std::memset(client.port.replies, 0xFF, 64);
  client.port.requests->capacity = client.port.replies->capacity = 16;
  client.port.requests->needs_wake = 0;
  CHECK_EQUAL(client.submit(Client::order(1)).kind, GATEWAY_PORT_ORDER_NEW);
}

TEST(the_size_of_a_lane_is_sealed) {
  SharedLaneMemory lane;
  std::string error;
  CHECK(lane.create("lane", 16, 1, 1, false, error));
  CHECK_EQUAL(::ftruncate(lane.descriptor(), 64), -1);
  CHECK_EQUAL(::ftruncate(lane.descriptor(), 1 << 20), -1);
  CHECK_EQUAL(lane.capacity(), 16U);
}

TEST(random_bytes_on_a_port_never_reach_state_or_another_port) {
  World world;
  Client other(world);
  check::Random random(20'261'121);
  std::uint64_t number = 0;
  const auto expected = [&] {
    const auto reply = other.submit(Client::order(++number));
    CHECK_EQUAL(reply.kind, GATEWAY_PORT_ORDER_NEW);
    world.engine.on_fact(RecordKind::kOrderRejected, accepted(reply.order_id));
    CHECK_EQUAL(other.next().kind, GATEWAY_PORT_ORDER_REJECTED);
    world.drain();
  };
  PortServer& server = world.runtime.shared_ports();
  auto terms = desk::all_scopes();
  terms.principal = 0;  // nobody: whatever passes the form must stop at the identity
  for (int round = 0; round < 3'000; ++round) {
    Client hostile(world, terms);
    const std::string before = round % 100 == 0 ? desk::state_hash(world) : "";
    gateway_port_lane* lane = hostile.port.requests;
    auto* bytes = reinterpret_cast<unsigned char*>(lane) + GATEWAY_PORT_LANE_HEADER_BYTES;
    for (std::size_t i = 0; i < 16 * 128; ++i) bytes[i] = static_cast<unsigned char>(random.next());
    for (std::uint64_t entry = 0; entry < 16 && round % 2 == 0; ++entry) {  // likelier shapes
      auto* header = reinterpret_cast<gateway_port_header*>(gateway_port_entry(lane, entry));
      header->kind = static_cast<std::uint16_t>(random.next() % 8);
      header->entries = static_cast<std::uint8_t>(random.next() % 3);
    }
    lane->tail = round % 3 == 0 ? random.next() : random.next() % 18;
    hostile.port.replies->head = round % 5 == 0 ? random.next() : 0;
    for (int turn = 0; turn < 3; ++turn) (void)world.engine.turn(256);
    if (!before.empty()) CHECK_EQUAL(desk::state_hash(world), before);
    server.end(hostile.number, PortEnd::kClient);
    CHECK(server.release(hostile.number) != nullptr);
    if (round % 100 == 0) expected();
  }
  CHECK_EQUAL(server.rows().size(), 1U);
}

TEST(numbers_of_ports_are_not_given_twice_and_places_end) {
  World world;
  PortServer& server = world.runtime.shared_ports();
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < PortServer::kPortsMax; ++i) {
    clients.push_back(std::make_unique<Client>(world));
    if (i > 0) CHECK(clients[i]->number != clients[i - 1]->number);
  }
  CHECK_EQUAL(server.next_number(), 0U);
  const std::uint32_t gone = clients[3]->number;
  server.end(gone, PortEnd::kClient);
  CHECK(server.release(gone) != nullptr);
  clients[3] = std::make_unique<Client>(world);
  CHECK(clients[3]->number != gone);
  CHECK_EQUAL(clients[3]->number % PortServer::kPortsMax, gone % PortServer::kPortsMax);
}
