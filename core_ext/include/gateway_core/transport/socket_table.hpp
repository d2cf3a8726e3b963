// What every socket backend shares: connections, their buffers, deadlines and the order of events.
// A backend begins operations and tells how they ended; it decides nothing about a connection.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "gateway_core/memory/slab_pool.hpp"
#include "gateway_core/transport/transport.hpp"

namespace gateway::transport {

/// Bytes in the order they came, in a fixed ring. What front() shows stays where it is until it is
/// consumed, also while more is added: the kernel may read from it meanwhile.
class ByteRing {
 public:
  ByteRing() = default;
  explicit ByteRing(std::size_t capacity)
      : bytes_(std::make_unique<std::byte[]>(capacity)), capacity_(capacity) {}
  [[nodiscard]] std::size_t add(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] std::span<const std::byte> front() const noexcept;
  void consume(std::size_t count) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

enum class Phase : std::uint8_t { kListening, kConnecting, kOpen, kClosing };

struct Socket {
  int fd = -1;
  Phase phase = Phase::kOpen;
  bool is_paused = false;
  bool is_refused_send = false;  // somebody waits for kWritable
  CloseReason reason = CloseReason::kNone;
  int error = 0;
  std::uint32_t in_flight = 0;  // bits of Operation, for backends that complete later
  std::uint32_t interest = 0;   // for backends that wait for readiness
  std::int64_t deadline_ns = 0;
  ByteRing outbound;
  std::unique_ptr<std::byte[]> inbound;  // for backends that complete later
  bool has_held = false;                 // a receive ended while paused, with this result
  int held = 0;
  sockaddr_storage address{};  // of a connect under way
  socklen_t address_bytes = 0;
};

class SocketTransport : public Transport {
 public:
  ~SocketTransport() override;
  ConnectionId listen(const Endpoint& endpoint, std::string& error) final;
  std::uint16_t port_of(ConnectionId id) const noexcept final;
  ConnectionId connect(const Endpoint& endpoint, std::int64_t deadline_ns,
                       std::string& error) final;
  std::size_t send(ConnectionId id, std::span<const std::byte> bytes) final;
  std::size_t unsent(ConnectionId id) const noexcept final;
  void pause_receive(ConnectionId id) final;
  void resume_receive(ConnectionId id) final;
  void set_deadline(ConnectionId id, std::int64_t deadline_ns) final;
  void close(ConnectionId id) final;
  std::size_t poll(std::int64_t deadline_ns, EventSink& sink) final;
  void wake() noexcept final;

 protected:
  /// 20 bits of index leave room for an operation beside the id in 64 bits.
  using Sockets = SlabPool<Socket, 20, 40>;
  /// At most this many completions are handed over by one poll().
  static constexpr std::size_t kEventsPerPoll = 256;

  explicit SocketTransport(const TransportLimits& limits);

  // The backend's half. begin_* is called once until the matching end_*; never while closing.
  virtual void begin_accept(ConnectionId id, Socket& socket) = 0;
  virtual void begin_connect(ConnectionId id, Socket& socket) = 0;
  virtual void begin_receive(ConnectionId id, Socket& socket) = 0;
  virtual void begin_send(ConnectionId id, Socket& socket) = 0;
  /// No more receiving for now; what is under way may still end.
  virtual void stop_receive(ConnectionId id, Socket& socket) = 0;
  /// Ends everything under way. True: nothing is, the descriptor can be closed now.
  [[nodiscard]] virtual bool begin_close(ConnectionId id, Socket& socket) = 0;
  /// Lets the kernel work until the deadline of monotonic_ns() (0 = do not wait).
  virtual void wait(std::int64_t deadline_ns) = 0;

  // How operations ended. `result` is a count, a descriptor or a negative errno.
  void end_accept(ConnectionId id, int result);
  void end_connect(ConnectionId id, int result);
  void end_receive(ConnectionId id, int result, const std::byte* bytes);
  void end_send(ConnectionId id, int result);
  /// Nothing of a closing socket is under way any more.
  void end_close(ConnectionId id);
  /// Somebody called wake().
  void drain_wake() noexcept;
  void was_woken() noexcept { is_woken_ = true; }

  Sockets sockets_;
  const TransportLimits limits_;
  int wake_fd_ = -1;

 private:
  struct Timer {
    std::int64_t deadline_ns;
    ConnectionId id;
    /// The earliest on top of the heap.
    friend bool operator<(const Timer& a, const Timer& b) noexcept {
      return a.deadline_ns > b.deadline_ns;
    }
  };
  [[nodiscard]] ConnectionId adopt(int fd, Phase phase, std::string& error);
  void open(ConnectionId id, Socket& socket, Event event);
  void begin_close_of(ConnectionId id, CloseReason reason, int error);
  void tell(const Event& event) noexcept;
  void expire();
  void finish_closed();

  std::vector<Timer> timers_;           // heap; entries that no longer hold are skipped
  std::vector<ConnectionId> finished_;  // closed, kClosed not told yet
  EventSink* sink_ = nullptr;           // while poll() runs
  std::size_t told_ = 0;
  bool is_woken_ = false;  // within this poll()
};

/// Sets `address` from numbers; 0 when it is none.
[[nodiscard]] socklen_t to_address(const Endpoint& endpoint, sockaddr_storage& address) noexcept;

}  // namespace gateway::transport
