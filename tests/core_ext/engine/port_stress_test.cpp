// Client and engine on two threads over the same lanes, for the thread sanitizer: every request is
// answered once and in order, or is counted as lost.
#include <atomic>
#include <thread>

#include "check.hpp"
#include "engine/port_world.hpp"
#include "random.hpp"

using desk::Client;
using desk::World;
using namespace gateway;  // NOLINT

namespace {

/// Turns the engine on a thread of its own; the venue ends at once what it gets.
class Turning {
 public:
  explicit Turning(World& world) : thread_([this, &world] { run(world); }) {}
  Turning(const Turning&) = delete;
  Turning& operator=(const Turning&) = delete;
  ~Turning() { stop(); }
  void stop() {
    is_stopping_.store(true, std::memory_order_release);
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run(World& world) {
    bool is_last = false;
    while (!is_last) {
      is_last = is_stopping_.load(std::memory_order_acquire);
      if (world.engine.turn(256) == 0) std::this_thread::yield();
      auto& outbound = world.venue->outbound;
      while (outbound.size() != 0) {
        OutboundEntry entry;
        std::memcpy(&entry, outbound.peek(), sizeof entry);
        outbound.pop();
        OrderFact fact{};
        fact.order_id = entry.order_id;
        fact.cumulative = -1;
        fact.reason = static_cast<std::uint32_t>(FactReason::kTimeInForce);
        world.engine.on_fact(RecordKind::kOrderCanceled, fact);
      }
    }
  }

  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

/// The engine's own mapping, so that the sanitizer sees both sides at one address.
gateway_port same_memory(Client& client) {
  gateway_port port{};
  port.socket = -1;
  port.requests = reinterpret_cast<gateway_port_lane*>(client.request_memory);
  port.replies = reinterpret_cast<gateway_port_lane*>(client.reply_memory);
  return port;
}

}  // namespace

TEST(a_client_that_keeps_up_gets_every_answer_once_and_in_order) {
  World world;
  Client client(world);
  gateway_port port = same_memory(client);
  constexpr std::uint64_t kOrders = 4'000;
  std::uint64_t answers = 0;
  std::uint64_t ends = 0;
  {
    Turning turning(world);
    std::uint64_t sent = 0;
    gateway_port_reply reply;
    while (ends < kOrders) {
      gateway_port_new_order order = Client::order(sent + 1);
      // Two replies an order: what is in flight always fits into the reply lane of 16.
      if (sent < kOrders && sent - ends < 7 && gateway_port_submit(&port, &order) != 0) ++sent;
      while (gateway_port_next(&port, &reply)) {
        if (reply.request != 0) CHECK_EQUAL(reply.request, ++answers);
        if (reply.kind == GATEWAY_PORT_ORDER_CANCELED) ++ends;
        CHECK_EQUAL(reply.refusal, 0);
      }
    }
  }
  CHECK_EQUAL(answers, kOrders);
  CHECK_EQUAL(gateway_port_take_gap(&port), 0);
}

TEST(a_client_that_stops_reading_now_and_then_loses_what_is_counted_and_nothing_else) {
  World world;
  Client client(world);
  gateway_port port = same_memory(client);
  check::Random random(3);
  constexpr std::uint64_t kPings = 20'000;
  std::uint64_t sent = 0;
  std::uint64_t seen = 0;
  std::uint64_t last = 0;
  Turning turning(world);
  gateway_port_reply reply;
  const auto take = [&] {
    while (gateway_port_next(&port, &reply)) {
      ++seen;
      CHECK(reply.request > last);
      last = reply.request;
    }
  };
  while (sent < kPings) {
    if (gateway_port_ping(&port) != 0) ++sent;
    if (random.below(24) == 0) take();
  }
  turning.stop();
  take();
  CHECK_EQUAL(seen + gateway_port_load(&port.replies->overruns), kPings);
}
