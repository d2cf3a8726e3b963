// Completions by io_uring: operations are handed to the kernel, which says how they ended.
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>

#include "gateway_core/platform/clock.hpp"
#include "gateway_core/transport/io_uring.hpp"
#include "gateway_core/transport/socket_table.hpp"

namespace gateway::transport {
namespace {

/// Beside the id in the user data of a completion.
enum Operation : std::uint64_t { kAccept, kConnect, kReceive, kSend, kWake, kCancel };
constexpr int kOperationBits = 3;
constexpr std::uint32_t bit(Operation operation) noexcept { return 1U << operation; }

class IoUringTransport final : public SocketTransport {
 public:
  explicit IoUringTransport(const TransportLimits& limits) : SocketTransport(limits) {}

  ~IoUringTransport() override {
    // The kernel may write into buffers until every operation has ended: end them first.
    sockets_.for_each([&](ConnectionId id, Socket& socket) {
      if (socket.fd >= 0 && socket.phase != Phase::kClosing && begin_close(id, socket)) {
        ::close(socket.fd);
        socket.fd = -1;
      }
      socket.phase = Phase::kClosing;
    });
    is_ending_ = true;
    wake();
    const auto is_quiet = [&] { return count_under_way() == 0 && !is_wake_under_way_; };
    for (int tries = 0; tries < 1000 && is_open_ && !is_quiet(); ++tries) {
      ring_.submit_and_wait(monotonic_ns() + 10'000'000);
      (void)ring_.reap(~std::size_t{0}, [&](std::uint64_t data, int result) { end(data, result); });
    }
  }

  [[nodiscard]] bool open(std::string& error) {
    // Receive, send and the cancel of each; the kernel wants at least as many as submissions.
    const std::uint32_t at_once = std::max(4 * limits_.connections_max + 8, kSubmissions);
    if (!ring_.open(kSubmissions, std::bit_ceil(at_once), error)) return false;
    is_open_ = true;
    begin_wake();
    return true;
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }

 private:
  io_uring_sqe* begin(ConnectionId id, Socket& socket, Operation operation, std::uint8_t code) {
    io_uring_sqe* entry = ring_.next();
    if (entry == nullptr) std::abort();  // 256 free places after a submit: the ring is broken
    entry->opcode = code;
    entry->fd = socket.fd;
    entry->user_data = id << kOperationBits | operation;
    socket.in_flight |= bit(operation);
    return entry;
  }

  void begin_accept(ConnectionId id, Socket& socket) override {
    begin(id, socket, kAccept, IORING_OP_ACCEPT)->accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  }
  void begin_connect(ConnectionId id, Socket& socket) override {
    io_uring_sqe* entry = begin(id, socket, kConnect, IORING_OP_CONNECT);
    entry->addr = reinterpret_cast<std::uint64_t>(&socket.address);
    entry->off = socket.address_bytes;
  }
  void begin_receive(ConnectionId id, Socket& socket) override {
    // What was under way when the receiver paused still serves.
    if ((socket.in_flight & bit(kReceive)) != 0) return;
    if (socket.has_held) return late_.push_back(id);
    if (socket.inbound == nullptr)
      socket.inbound = std::make_unique<std::byte[]>(limits_.receive_bytes_max);
    io_uring_sqe* entry = begin(id, socket, kReceive, IORING_OP_RECV);
    entry->addr = reinterpret_cast<std::uint64_t>(socket.inbound.get());
    entry->len = limits_.receive_bytes_max;
  }
  void stop_receive(ConnectionId, Socket&) override {}
  void begin_send(ConnectionId id, Socket& socket) override {
    if ((socket.in_flight & bit(kSend)) != 0) return;
    const auto bytes = socket.outbound.front();
    io_uring_sqe* entry = begin(id, socket, kSend, IORING_OP_SEND);
    entry->addr = reinterpret_cast<std::uint64_t>(bytes.data());
    entry->len = static_cast<std::uint32_t>(bytes.size());
    entry->msg_flags = MSG_NOSIGNAL;
  }

  bool begin_close(ConnectionId id, Socket& socket) override {
    if (socket.in_flight == 0) return true;
    for (const Operation operation : {kAccept, kConnect, kReceive, kSend}) {
      if ((socket.in_flight & bit(operation)) == 0) continue;
      io_uring_sqe* entry = ring_.next();
      if (entry == nullptr) std::abort();
      entry->opcode = IORING_OP_ASYNC_CANCEL;
      entry->fd = -1;
      entry->addr = id << kOperationBits | operation;
      entry->user_data = kCancel;
    }
    return false;
  }

  void begin_wake() {
    io_uring_sqe* entry = ring_.next();
    if (entry == nullptr) std::abort();
    entry->opcode = IORING_OP_READ;
    entry->fd = wake_fd_;
    entry->addr = reinterpret_cast<std::uint64_t>(&wakes_);
    entry->len = sizeof wakes_;
    entry->user_data = kWake;
    is_wake_under_way_ = true;
  }

  void wait(std::int64_t deadline_ns) override {
    ring_.submit_and_wait(late_.empty() ? deadline_ns : 0);
    hand_over_held();
    (void)ring_.reap(kEventsPerPoll, [&](std::uint64_t data, int result) { end(data, result); });
    ring_.submit();  // What the sink began goes on while it does other things.
  }

  void end(std::uint64_t data, int result) {
    const auto operation = static_cast<Operation>(data & ((1U << kOperationBits) - 1));
    if (operation == kCancel) return;
    if (operation == kWake) {
      is_wake_under_way_ = false;
      was_woken();
      if (!is_ending_) begin_wake();
      return;
    }
    const ConnectionId id = data >> kOperationBits;
    Socket* socket = sockets_.get(id);
    if (socket == nullptr) return;  // cannot be: a socket outlives its operations
    socket->in_flight &= ~bit(operation);
    if (socket->phase == Phase::kClosing) {
      if (operation == kAccept && result >= 0) ::close(result);
      if (socket->in_flight == 0) end_close(id);
      return;
    }
    const bool is_again = result == -EINTR || result == -EAGAIN;
    switch (operation) {
      case kAccept:
        return end_accept(id, result);
      case kConnect:
        return end_connect(id, result);
      case kReceive:
        if (is_again) return begin_receive(id, *socket);
        return receive(id, *socket, result);
      case kSend:
        return end_send(id, is_again ? 0 : result);
      default:
        return;
    }
  }

  /// Bytes that arrive for a paused receiver are held: it was promised silence.
  void receive(ConnectionId id, Socket& socket, int result) {
    if (!socket.is_paused) return end_receive(id, result, socket.inbound.get());
    socket.has_held = true;
    socket.held = result;
  }
  void hand_over_held() {
    for (std::size_t i = 0; i < late_.size(); ++i) {
      Socket* socket = sockets_.get(late_[i]);
      if (socket == nullptr || !socket->has_held || socket->is_paused) continue;
      socket->has_held = false;
      end_receive(late_[i], socket->held, socket->inbound.get());
    }
    late_.clear();
  }

  [[nodiscard]] std::size_t count_under_way() {
    std::size_t count = 0;
    sockets_.for_each([&](ConnectionId, Socket& socket) { count += socket.in_flight != 0; });
    return count;
  }

  static constexpr std::uint32_t kSubmissions = 256;

  IoUring ring_;
  std::vector<ConnectionId> late_;  // resumed, with something held
  std::uint64_t wakes_ = 0;
  bool is_wake_under_way_ = false;
  bool is_ending_ = false;
  bool is_open_ = false;
};

}  // namespace

std::unique_ptr<Transport> make_io_uring_transport(const TransportLimits& limits,
                                                   std::string& error) {
  auto made = std::make_unique<IoUringTransport>(limits);
  if (!made->open(error)) return nullptr;
  return made;
}

}  // namespace gateway::transport
