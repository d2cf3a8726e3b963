// A shared-memory port under every schedule, the engine's code on one side and the public C header
// on the other: requests and replies arrive once, whole and in order, places are not written again
// before they were read, and who sees the end of a port sees all that came before it.
#include <cstring>
#include <string>

#include "explore/machine.hpp"
#include "explore/mutants.hpp"
#include "gateway_core/port/shared_lane.hpp"
#include "gateway_port.h"

using explore::require;
using namespace gateway;  // NOLINT

namespace proof {

constexpr std::size_t kEntries = 2;
constexpr std::size_t kLaneBytes = sizeof(SharedLaneHeader) + kEntries * kEntryBytes;

/// Mapped once, as another process would have it; every execution begins with an empty lane.
SharedLaneMemory& lane(int which) {
  static SharedLaneMemory* lanes = [] {
    const explore::Inside inside;
    auto* made = new SharedLaneMemory[2];
    std::string error;
    for (int i = 0; i < 2; ++i) {
      if (!made[i].create("explored", kEntries, 1, 1, false, error)) std::abort();
    }
    return made;
  }();
  return lanes[which];
}

struct Case {
  SharedLaneMemory& requests = lane(0);
  SharedLaneMemory& replies = lane(1);
  RequestReader reader{requests};
  ReplyWriter writer{replies};
  gateway_port client{};
  std::uint64_t sent = 0;
  std::uint64_t taken = 0;
  std::uint64_t answered = 0;
  std::uint64_t heard = 0;
  std::uint64_t at_the_end = 0;  // plain: written by the engine before it ends the port

  Case() {
    const char* const names[] = {"request", "reply"};
    for (int i = 0; i < 2; ++i) {
      SharedLaneMemory& memory = lane(i);
      {
        const explore::Inside inside;
        std::memset(reinterpret_cast<std::byte*>(&memory.header()) + 64, 0, kLaneBytes - 64);
      }
      explore::watch(&memory.header(), kLaneBytes);
      const auto called = [&](const char* what) { return std::string(names[i]) + what; };
      explore::name(&memory.header().head, 8, called(" head"));
      explore::name(&memory.header().tail, 8, called(" tail"));
      explore::name(&memory.header().overruns, 8, called(" overruns"));
      explore::name(&memory.header().end, 4, called(" end"));
      explore::name(memory.entry(0), kEntryBytes, called(" 0"));
      explore::name(memory.entry(1), kEntryBytes, called(" 1"));
    }
    client.requests = reinterpret_cast<gateway_port_lane*>(&requests.header());
    client.replies = reinterpret_cast<gateway_port_lane*>(&replies.header());
  }

  /// One request whose words all say its number.
  void send() {
    gateway_port_cancel message{};
    message.order_id = sent + 1;
    if (gateway_port_send(&client, &message, GATEWAY_PORT_CANCEL, 1) != 0) ++sent;
  }
  /// A new order with a text id takes both places at once.
  void send_long() {
    gateway_port_new_order message{};
    message.client_id[0] = 'x';
    message.quantity = static_cast<std::int64_t>(sent + 1);
    message.client_id[63] = 'y';
    if (gateway_port_submit(&client, &message) != 0) ++sent;
  }
  void hear() {
    gateway_port_reply reply{};
    if (!gateway_port_next(&client, &reply)) return;
    require(reply.request == heard + 1, "replies come in order");
    require(reply.client_number == reply.request && reply.strategy == reply.request,
            "a reply is whole");
    ++heard;
  }
  /// As PortServer::poll_port: takes what there is, answers each, gives the places back once.
  void poll(int limit) {
    AnyMessage message;
    Take found = Take::kNothing;
    int done = 0;
    while (done < limit && (found = reader.take(message)) == Take::kMessage) {
      ++done;
      ++taken;
      require(message.header().request == taken, "requests come in order");
      if (message.header().kind == MessageKind::kCancel) {
        require(message.as<CancelMessage>().order_id == taken, "a request is whole");
      } else {
        const auto& order = message.as<NewOrderMessage>();
        require(order.quantity == static_cast<std::int64_t>(taken) &&
                    order.client_id.bytes[0] == 'x' && order.client_id.bytes[63] == 'y',
                "a long request is whole");
      }
      answer(taken);
    }
    require(found == Take::kNothing || found == Take::kMessage, "a good client is never ended");
    if (done != 0) reader.release();
    require(!writer.is_broken(), "a good client's index is never wrong");
  }
  void answer(std::uint64_t number) {
    PortReply reply{};
    reply.notice.request = number;
    reply.client_number = number;
    reply.strategy = static_cast<StrategyId>(number);
    if (writer.push(reply)) ++answered;
  }
};

void requests_go_round_and_come_back_as_replies() {
  auto* at = new Case;
  explore::thread("client", [at] {
    at->send();
    at->send();
    at->send();
    at->hear();
    at->hear();
  });
  explore::thread("engine", [at] {
    at->poll(2);
    at->poll(1);
  });
  explore::at_end([at] {
    at->poll(3);
    for (int i = 0; i < 3; ++i) at->hear();
    require(at->taken == at->sent && at->heard == at->answered, "nothing is lost or doubled");
  });
}

void long_requests_are_seen_whole() {
  auto* at = new Case;
  explore::thread("client", [at] {
    at->send_long();
    at->send_long();
    at->send();
  });
  explore::thread("engine", [at] {
    at->poll(1);
    at->poll(1);
  });
  explore::at_end([at] {
    at->poll(3);
    require(at->taken == at->sent, "nothing is lost or doubled");
  });
}

void lost_replies_are_told() {
  auto* at = new Case;
  explore::thread("engine", [at] {
    for (std::uint64_t number = 1; number <= 3; ++number) at->answer(number);
  });
  explore::thread("client", [at] {
    at->hear();
    if (gateway_port_take_gap(&at->client) != 0) {
      // The gap is told behind what was pushed before it: two replies filled the lane.
      require(gateway_port_load(&at->client.replies->tail) >= 2, "a gap is told behind its reply");
    }
    at->hear();
  });
  explore::at_end([at] {
    require(at->answered + at->writer.overruns() == 3, "a reply is pushed or counted as lost");
    require(gateway_port_load(&at->client.replies->overruns) == at->writer.overruns(),
            "the client is told how many");
  });
}

/// As PortServer::finish and the client's look at it.
void the_end_comes_behind_everything() {
  auto* at = new Case;
  explore::thread("engine", [at] {
    at->answer(1);
    at->at_the_end = 7;
    at->replies.tell_end(PortEnd::kStopping);
  });
  explore::thread("client", [at] {
    const std::uint32_t end = gateway_port_end(&at->client);
    if (end == 0) return;
    require(end == GATEWAY_PORT_END_STOPPING, "the end says why");
    require(at->at_the_end == 7, "what came before the end is there");
    at->hear();
    require(at->heard == 1, "the last reply is there");
  });
}

}  // namespace proof
using namespace proof;  // NOLINT

TEST(a_shared_port_holds_in_every_execution_and_every_planted_fault_is_caught) {
  explore::Limits limits;
  limits.random_executions = 1'000;
  explore::prove("shared port",
                 {requests_go_round_and_come_back_as_replies, long_requests_are_seen_whole,
                  lost_replies_are_told, the_end_comes_behind_everything},
                 {}, 16, limits);
}
