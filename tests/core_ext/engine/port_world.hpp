// Clients of shared-memory ports in the test's own process, over the public C header.
#pragma once

#include <unistd.h>

#include <stdexcept>
#include <thread>

#include "engine/engine_world.hpp"
#include "gateway_core/engine/port_server.hpp"
#include "gateway_core/journal/sha256.hpp"
#include "gateway_port.h"

namespace desk {

inline SharedPortTerms all_scopes() {
  SharedPortTerms terms;
  terms.principal = 1;
  terms.scopes = kScopeRead | kScopeTrade | kScopeCancel;
  terms.request_entries = 16;
  terms.reply_entries = 16;
  return terms;
}

/// One attached client, without the socket.
struct Client {
  World& world;
  gateway_port port{};
  std::uint32_t number = 0;
  void* request_memory = nullptr;  // as the engine maps it
  void* reply_memory = nullptr;

  explicit Client(World& the_world, const SharedPortTerms& terms = all_scopes())
      : world(the_world) {
    PortServer& server = world.runtime.shared_ports();
    server.admit(Refusal::kNone);
    number = server.next_number();
    SharedLaneMemory requests;
    SharedLaneMemory replies;
    std::string error;
    if (!requests.create("requests", terms.request_entries, 1, number, terms.needs_wake, error) ||
        !replies.create("replies", terms.reply_entries, 1, number, false, error)) {
      throw std::runtime_error(error);
    }
    port.requests = gateway_port_map(::dup(requests.descriptor()), &port.request_bytes);
    port.replies = gateway_port_map(::dup(replies.descriptor()), &port.reply_bytes);
    request_memory = &requests.header();
    reply_memory = &replies.header();
    server.attach(
        std::make_unique<SharedPort>(terms, number, std::move(requests), std::move(replies)));
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { gateway_port_close(&port); }

  [[nodiscard]] static gateway_port_new_order order(std::uint64_t client_number) {
    gateway_port_new_order out{};
    out.client_number = client_number;
    out.price = 10'000;
    out.quantity = 1'000;
    out.instrument = out.account = out.strategy = 1;
    out.type = GATEWAY_PORT_LIMIT;
    out.side = GATEWAY_PORT_BUY;
    out.time_in_force = GATEWAY_PORT_GTC;
    return out;
  }

  gateway_port_reply next() {
    gateway_port_reply reply{};
    (void)gateway_port_next(&port, &reply);
    return reply;
  }
  /// Sends, turns once and takes the answer; zero when there was none.
  gateway_port_reply submit(gateway_port_new_order message) {
    (void)gateway_port_submit(&port, &message);
    (void)world.engine.turn(256);
    return next();
  }
};

inline std::string state_hash(World& world) {
  std::vector<std::uint8_t> bytes;
  world.runtime.state().serialize(bytes);
  return journal::hex(journal::sha256(bytes.data(), bytes.size()));
}

}  // namespace desk
