// A client in shared memory that writes whatever it likes, wherever it can: entries, indexes, the
// lane's own header. The engine takes whole messages or ends the port with a reason; it never reads
// or writes outside the lane, never acts for anybody else, and goes on serving others.
// Input: steps of 16 bytes {u8 what, u8 kind, u16 where, u32 value, u64 wide}.
#include <cstring>
#include <memory>

#include "fuzz/small_desk.hpp"
#include "gateway_core/engine/port_server.hpp"

using namespace small;  // NOLINT

namespace {

constexpr std::size_t kEntries = 8;

struct Step {
  std::uint8_t what;
  std::uint8_t kind;
  std::uint16_t where;
  std::uint32_t value;
  std::uint64_t wide;
};
static_assert(sizeof(Step) == 16);

/// The client's side of two lanes, without any manners.
struct Hostile {
  std::byte* requests;
  std::byte* replies;
  std::uint64_t tail = 0;

  [[nodiscard]] SharedLaneHeader& request_header() const {
    return *reinterpret_cast<SharedLaneHeader*>(requests);
  }
  [[nodiscard]] SharedLaneHeader& reply_header() const {
    return *reinterpret_cast<SharedLaneHeader*>(replies);
  }
  [[nodiscard]] std::byte* entry(std::uint64_t index) const {
    return requests + sizeof(SharedLaneHeader) + index % kEntries * kEntryBytes;
  }

  void scribble(const Step& step) const {
    constexpr std::size_t kBytes = sizeof(SharedLaneHeader) + kEntries * kEntryBytes;
    std::memcpy(requests + step.where % (kBytes - 8), &step.wide, sizeof step.wide);
  }
  /// A message that looks right but for what the step says; published when `value` is even.
  void send(const Step& step) {
    AnyMessage message{};
    auto& order = *reinterpret_cast<NewOrderMessage*>(message.bytes);
    constexpr MessageKind kKinds[] = {MessageKind::kNewOrder, MessageKind::kCancel,
                                      MessageKind::kReplace,  MessageKind::kMassCancel,
                                      MessageKind::kQuery,    MessageKind::kPing};
    order.header = {kKinds[step.kind % 6], static_cast<std::uint8_t>(1 + step.kind / 128), 0, 0,
                    step.value};
    if (order.header.kind == MessageKind::kNewOrder) {
      order.client_number = 1 + step.value % 4096;
      order.price = 10'000;
      order.quantity = 1000;
      order.instrument = order.account = order.strategy = 1;
      order.type = OrderType::kLimit;
      order.side = Side::kBuy;
      order.time_in_force = TimeInForce::kGtc;
    } else {
      std::memcpy(message.bytes + 16, &step.wide, sizeof step.wide);
    }
    // One word of it is the step's.
    std::memcpy(message.bytes + step.where % (2 * kEntryBytes - 8), &step.wide,
                step.what % 2 == 0 ? 0 : sizeof step.wide);
    std::memcpy(entry(tail), message.bytes, kEntryBytes);
    std::memcpy(entry(tail + 1), message.bytes + kEntryBytes, kEntryBytes);
    if (step.value % 2 != 0) return;
    tail += order.header.entries;
    request_header().tail.store(tail, std::memory_order_release);
  }
};

/// What a port may have done: orders of its own principal alone.
void judge(const State& state, std::uint32_t port) {
  for (std::uint32_t slot = 0; slot < state.orders.used(); ++slot) {
    const Order& order = state.orders.at(slot);
    if (order.origin_port == port) demand(order.principal == 1);
  }
}

void play(Engine& engine, PortServer& server, Hostile& client, const Step& step) {
  switch (step.what % 8) {
    case 0:
    case 1:
      client.send(step);
      break;
    case 2:
      client.scribble(step);
      break;
    case 3:
      client.request_header().tail.store(step.wide, std::memory_order_release);
      break;
    case 4:
      client.tail += step.value % (kEntries + 2);
      client.request_header().tail.store(client.tail, std::memory_order_release);
      break;
    case 5:
      client.reply_header().head.store(
          step.kind % 2 == 0 ? client.reply_header().tail.load(std::memory_order_acquire)
                             : step.wide,
          std::memory_order_release);
      break;
    case 6:
      std::memcpy(client.replies + step.where % sizeof(SharedLaneHeader) / 8 * 8, &step.wide, 8);
      break;
    default:
      engine.turn(1 + step.value % 64);
      if (step.kind == 255) server.end(PortServer::kFirstNumber, PortEnd::kClient);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  static const Bytes kBase = make_base();
  auto state = std::make_unique<State>(kCapacity);
  demand(state->restore(kBase.data(), kBase.size()));
  SmallDesk desk(*state);
  Engine& engine = desk.engine;
  VenuePort& venue = engine.open_venue_port(1, 64);
  PortServer server(engine);
  engine.serve(&server);
  server.admit(Refusal::kNone);
  VenueState session{};
  session.venue = 1;
  session.state = static_cast<std::uint32_t>(VenueSession::kReconciled);
  engine.on_session(session);
  MarkMessage mark{};
  mark.instrument = 1;
  mark.scale = 2;
  mark.mark = 10'000;
  engine.on_mark(mark);

  SharedPortTerms terms;
  terms.principal = 1;
  terms.scopes = kScopeRead | kScopeTrade | kScopeCancel;
  terms.cancels_on_disconnect = bytes % 2 == 1;
  SharedLaneMemory requests;
  SharedLaneMemory replies;
  std::string error;
  const std::uint32_t number = server.next_number();
  demand(number == PortServer::kFirstNumber);
  demand(requests.create("requests", kEntries, 1, number, false, error));
  demand(replies.create("replies", kEntries, 1, number, false, error));
  Hostile client{reinterpret_cast<std::byte*>(&requests.header()),
                 reinterpret_cast<std::byte*>(&replies.header())};
  server.attach(
      std::make_unique<SharedPort>(terms, number, std::move(requests), std::move(replies)));

  for (std::size_t at = 0; at + sizeof(Step) <= bytes; at += sizeof(Step)) {
    Step step;
    std::memcpy(&step, data + at, sizeof step);
    play(engine, server, client, step);
    while (venue.outbound.size() != 0) venue.outbound.pop();
  }
  engine.turn(64);
  judge(*state, number);
  const auto rows = server.rows();
  demand(rows.size() == 1);
  const std::uint64_t taken = rows[0].requests;
  if (rows[0].end != PortEnd::kNone) {  // an ended port is read no more, whatever it publishes
    client.request_header().tail.fetch_add(1, std::memory_order_release);
    engine.turn(64);
    demand(server.rows()[0].requests == taken);
  }

  // Others are served as if nothing had been.
  CancelMessage nothing{};
  nothing.header = {MessageKind::kCancel, 1, 0, 1, 7};
  nothing.order_id = 1;
  demand(engine.cancel(nothing, desk.door.number).refusal ==
         static_cast<std::uint16_t>(Refusal::kUnknownOrder));
  server.end(number, PortEnd::kClient);
  for (int i = 0; i < 4 && server.release(number) == nullptr; ++i) {
    while (venue.outbound.size() != 0) venue.outbound.pop();
    demand(desk.clock.set_ns(desk.clock.now_ns() + 61'000'000'000));
    engine.turn(64);
  }
  demand(server.rows().empty());
  return 0;
}
