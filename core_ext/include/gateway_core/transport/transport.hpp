// Bytes over stream sockets, whatever the kernel offers to move them: one interface, one contract
// suite (tests/core_ext/transport), a backend per mechanism. It knows connections and bytes, never
// messages. One thread owns a transport, from construction to the end; only wake() is for others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gateway::transport {

/// Names one life of one connection or listener: an old id never reaches a new one. 0 = none.
using ConnectionId = std::uint64_t;

enum class EventKind : std::uint8_t {
  kAccepted,   // `connection` is new, from `listener`
  kConnected,  // connect() has succeeded
  kReceived,   // `bytes`, valid until the sink returns
  kWritable,   // send() had refused bytes and takes some again
  kClosed,     // last event of `connection`; its id is dead
};
enum class CloseReason : std::uint8_t {
  kNone,
  kLocal,    // close() was called
  kPeer,     // the other side has finished
  kReset,    // the other side broke off
  kTimeout,  // the deadline passed
  kRefused,  // connect() found nobody
  kFailed,   // any other error; `error` says which
};

struct Event {
  EventKind kind = EventKind::kClosed;
  CloseReason reason = CloseReason::kNone;
  int error = 0;  // errno
  ConnectionId connection = 0;
  ConnectionId listener = 0;
  std::span<const std::byte> bytes{};
};

/// Where events go. It may call the transport, close() included, but not poll().
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_event(const Event& event) noexcept = 0;
};

/// An address in numbers: "127.0.0.1" or "::1". Names are resolved elsewhere, where waiting is
/// fine.
struct Endpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 = chosen by the kernel, listeners only
};

/// Every buffer and table is fixed at construction; what is full answers, and never grows.
struct TransportLimits {
  std::uint32_t connections_max = 1024;         // listeners included
  std::uint32_t send_bytes_max = 64 * 1024;     // taken by send() and not yet by the kernel
  std::uint32_t receive_bytes_max = 16 * 1024;  // of one kReceived
  int backlog = 128;
};

class Transport {
 public:
  virtual ~Transport() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// 0 sets `error`.
  [[nodiscard]] virtual ConnectionId listen(const Endpoint& endpoint, std::string& error) = 0;
  /// The port a listener or connection has on this side; 0 = not known.
  [[nodiscard]] virtual std::uint16_t port_of(ConnectionId id) const noexcept = 0;
  /// Begins; kConnected or kClosed tells how it ended, kTimeout when not before `deadline_ns` of
  /// monotonic_ns() (0 = the kernel's own patience). 0 sets `error`: nothing was begun.
  [[nodiscard]] virtual ConnectionId connect(const Endpoint& endpoint, std::int64_t deadline_ns,
                                             std::string& error) = 0;
  /// How many of the bytes were taken, from the first on: fewer than given is back-pressure, and
  /// kWritable says when to go on. 0 for an id that is dead or not connected.
  [[nodiscard]] virtual std::size_t send(ConnectionId id, std::span<const std::byte> bytes) = 0;
  /// Taken by send() and not yet by the kernel.
  [[nodiscard]] virtual std::size_t unsent(ConnectionId id) const noexcept = 0;
  /// Back-pressure towards the other side: at most the bytes of one event still arrive.
  virtual void pause_receive(ConnectionId id) = 0;
  virtual void resume_receive(ConnectionId id) = 0;
  /// Closes by kTimeout when monotonic_ns() reaches it; 0 = never. Replaces the one before.
  virtual void set_deadline(ConnectionId id, std::int64_t deadline_ns) = 0;
  /// Cancels what is under way and drops unsent(); kClosed(kLocal) comes with a later poll().
  virtual void close(ConnectionId id) = 0;

  /// Waits for events until the deadline of monotonic_ns() (0 = do not wait) or wake(), and hands
  /// over at most a bounded number. Returns how many.
  virtual std::size_t poll(std::int64_t deadline_ns, EventSink& sink) = 0;
  /// Any thread: ends a poll() that waits, or the next one that would.
  virtual void wake() noexcept = 0;
};

/// nullptr sets `error` to the reason by name.
[[nodiscard]] std::unique_ptr<Transport> make_epoll_transport(const TransportLimits& limits,
                                                              std::string& error);
[[nodiscard]] std::unique_ptr<Transport> make_io_uring_transport(const TransportLimits& limits,
                                                                 std::string& error);

/// A way to move bytes, and whether this kernel, asked now, lets this process use it.
struct Mechanism {
  std::string name;
  bool is_built = false;      // this gateway has a backend for it
  bool is_available = false;  // the kernel would allow it
  std::string reason{};       // what is missing, or how it was found out
};
/// epoll, io_uring, af_xdp, dpdk. Cold: it asks the kernel.
[[nodiscard]] std::vector<Mechanism> mechanisms();

}  // namespace gateway::transport
