// The shared-memory door's side of the engine: it polls the request lanes of all attached clients,
// hands their commands to the engine as that client's principal, and writes replies. Engine thread
// only (Runtime::run for the others); it must never wait for a client or believe one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "gateway_core/order/order.hpp"
#include "gateway_core/order/order_id.hpp"
#include "gateway_core/port/shared_lane.hpp"
#include "gateway_core/risk/rate_limit.hpp"
#include "gateway_core/types/refusal.hpp"

namespace gateway {

class Engine;

/// Who is behind a port and what he may do; fixed for the life of the port.
struct SharedPortTerms {
  PrincipalId principal = 0;
  std::uint32_t scopes = 0;  // kScope*, of the key and of the principal
  bool cancels_on_disconnect = false;
  bool needs_wake = false;
  std::uint32_t requests_per_second = 0;  // 0 = no bound
  std::uint32_t request_burst = 0;
  std::size_t request_entries = 1024;
  std::size_t reply_entries = 4096;
};

struct SharedPort {
  SharedPort(const SharedPortTerms& port_terms, std::uint32_t port_number,
             SharedLaneMemory requests, SharedLaneMemory replies) noexcept;

  const SharedPortTerms terms;
  const std::uint32_t number;
  SharedLaneMemory request_memory;
  SharedLaneMemory reply_memory;
  RequestReader reader{request_memory};
  ReplyWriter writer{reply_memory};
  Rate rate;
  RateLimit limit;
  std::uint32_t throttled = 0;  // in a row
  std::uint32_t epoch = 0;      // orders of earlier boots are not this port's
  std::uint64_t requests = 0;
  /// Whether the order came by this port: numbers begin again in every boot, so the epoch counts.
  [[nodiscard]] bool is_origin_of(const Order& order) const noexcept {
    return order.origin_port == number && order.principal == terms.principal &&
           split_order_id(order.order_id).epoch >= epoch;
  }

  PortEnd end = PortEnd::kNone;
  bool is_cancelling = false;  // ended, its orders are still being cancelled
  std::int64_t cancel_due_ns = 0;
  std::int64_t cancel_until_ns = 0;
  std::uint64_t orders_left = 0;  // orders it could not cancel at its end
};

/// What can be told about a port from outside.
struct SharedPortRow {
  std::uint32_t number;
  PrincipalId principal;
  PortEnd end;
  bool is_cancelling;
  std::uint64_t requests;
  std::uint64_t replies;
  std::uint64_t replies_lost;
  std::uint64_t orders_left;
};

class PortServer {
 public:
  /// Numbers of shared ports, never given twice in one boot, apart from those of the doors inside.
  static constexpr std::uint32_t kFirstNumber = 0x8000'0000U;
  static constexpr std::size_t kPortsMax = 64;
  static constexpr std::uint32_t kThrottledMax = 100;  // as for a WebSocket session

  explicit PortServer(Engine& engine) noexcept;

  [[nodiscard]] static constexpr bool is_shared(std::uint32_t port) noexcept {
    return port >= kFirstNumber;
  }

  // --- Life of a port. Between two turns. ---
  /// The number the next port will have, 0 = no free place.
  [[nodiscard]] std::uint32_t next_number() const noexcept;
  /// Serves a port that was made with next_number().
  void attach(std::unique_ptr<SharedPort> port) noexcept;
  /// Serves it no more. What a departed client had published counts, as bytes on a socket would.
  void end(std::uint32_t number, PortEnd why) noexcept;
  /// Hands out a port that has ended and has nothing left to cancel; nullptr = not yet.
  [[nodiscard]] std::unique_ptr<SharedPort> release(std::uint32_t number) noexcept;
  /// What new orders and replaces are answered with; kNone = they are taken.
  void admit(Refusal refusal) noexcept { admission_ = refusal; }
  [[nodiscard]] std::vector<SharedPortRow> rows() const;

  // --- Engine. ---
  /// Takes up to `limit` requests. Returns how many it took.
  std::size_t poll(std::size_t limit) noexcept {
    return ports_in_use_ == 0 ? 0 : poll_ports(limit);
  }
  /// The answer to a request of port `number`; one that is gone is nobody.
  void answer(std::uint32_t number, const Notice& notice) noexcept;
  /// An event of an order: for the ports of its principal that may read, and for the one it came
  /// by.
  void tell(const Order& order, const Notice& notice) noexcept;

 private:
  std::size_t poll_ports(std::size_t limit) noexcept;
  std::size_t poll_port(SharedPort& port, std::size_t limit) noexcept;
  void handle(SharedPort& port, AnyMessage& message) noexcept;
  [[nodiscard]] Refusal check(SharedPort& port, const AnyMessage& message) noexcept;
  [[nodiscard]] Refusal check_rate(SharedPort& port) noexcept;
  void refuse(SharedPort& port, const MessageHeader& header, Refusal refusal) noexcept;
  void answer_query(SharedPort& port, const QueryMessage& query) noexcept;
  void send_all_open(SharedPort& port, std::uint64_t request) noexcept;
  void send_image(SharedPort& port, const Order& order, std::uint64_t request) noexcept;
  void drain(SharedPort& port) noexcept;
  void finish(SharedPort& port, PortEnd why) noexcept;
  void cancel_own(SharedPort& port) noexcept;
  [[nodiscard]] SharedPort* find(std::uint32_t number) const noexcept;
  void list_ports() noexcept;

  Engine& engine_;
  std::array<std::unique_ptr<SharedPort>, kPortsMax> ports_;  // by number modulo kPortsMax
  std::array<SharedPort*, kPortsMax> listed_{};               // those there are, without holes
  std::size_t ports_in_use_ = 0;
  std::size_t first_polled_ = 0;  // whose turn comes first: rotates, so that none starves others
  std::uint32_t generation_ = 0;
  Refusal admission_ = Refusal::kNotReady;
};

}  // namespace gateway
