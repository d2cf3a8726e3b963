// The port that hears of orders which came through shared memory: every event once, no verdict of
// another port's request, and a full one costs nobody anything but what it misses.
#include "check.hpp"
#include "engine/port_world.hpp"

using namespace desk;

namespace {

std::vector<Notice> taken(ClientPort& port) {
  std::vector<Notice> out;
  for (std::size_t left = port.notices.size(); left != 0; --left) {
    Notice notice;
    std::memcpy(&notice, port.notices.peek(), sizeof notice);
    port.notices.pop();
    out.push_back(notice);
  }
  return out;
}

OrderFact fact_of(OrderId id) {
  OrderFact fact{};
  fact.order_id = id;
  fact.cumulative = -1;
  fact.venue_order_id.assign("V1");
  return fact;
}

}  // namespace

TEST(orders_of_shared_memory_are_heard_from_their_verdict_to_their_end) {
  World world;
  Client client(world);
  ClientPort& hearing = world.engine.open_client_port("heard", 64);
  world.engine.let_hear(hearing.number);
  const auto id = client.submit(Client::order(1)).order_id;
  world.engine.on_fact(RecordKind::kOrderAccepted, fact_of(id));
  world.engine.on_fact(RecordKind::kOrderCanceled, fact_of(id));
  const auto heard = taken(hearing);
  CHECK_EQUAL(heard.size(), 3U);
  const RecordKind kinds[] = {RecordKind::kOrderNew, RecordKind::kOrderAccepted,
                              RecordKind::kOrderCanceled};
  for (std::size_t i = 0; i < heard.size(); ++i) {
    CHECK_EQUAL(heard[i].kind, static_cast<std::uint16_t>(kinds[i]));
    CHECK_EQUAL(heard[i].order_id, id);
    CHECK_EQUAL(heard[i].request, 0U);  // the number is another port's
  }
}

TEST(orders_of_a_client_port_and_refusals_are_not_heard) {
  World world;
  Client client(world);
  ClientPort& hearing = world.engine.open_client_port("heard", 64);
  world.engine.let_hear(hearing.number);
  const Notice own = world.engine.submit(world.order(), world.client->number);
  CHECK_EQUAL(own.refusal, 0);
  world.engine.on_fact(RecordKind::kOrderAccepted, fact_of(own.order_id));
  auto refused = Client::order(1);
  refused.quantity = -1;
  (void)client.submit(refused);  // answered by the event of the other order first
  CHECK(client.next().refusal != 0);
  CHECK_EQUAL(taken(hearing).size(), 0U);
}

TEST(nothing_is_told_to_a_port_that_does_not_hear_any_more) {
  World world;
  Client client(world);
  ClientPort& hearing = world.engine.open_client_port("heard", 64);
  (void)client.submit(Client::order(1));
  CHECK_EQUAL(taken(hearing).size(), 0U);
  world.engine.let_hear(hearing.number);
  (void)client.submit(Client::order(2));
  CHECK_EQUAL(taken(hearing).size(), 1U);
  world.engine.let_hear(0);
  (void)client.submit(Client::order(3));
  CHECK_EQUAL(taken(hearing).size(), 0U);
}

TEST(a_hearing_port_that_is_full_loses_its_own_events_and_no_verdict) {
  World world;
  Client client(world);
  ClientPort& hearing = world.engine.open_client_port("heard", 2);
  world.engine.let_hear(hearing.number);
  const std::size_t room = hearing.notices.capacity();
  for (std::uint64_t number = 1; number <= room + 3; ++number) {
    CHECK_EQUAL(client.submit(Client::order(number)).kind, GATEWAY_PORT_ORDER_NEW);
  }
  CHECK_EQUAL(taken(hearing).size(), room);
  CHECK_EQUAL(hearing.notices.overruns(), 3U);
  CHECK_EQUAL(world.client->notices.overruns(), 0U);
}
