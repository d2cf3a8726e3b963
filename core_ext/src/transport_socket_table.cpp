// Life of a connection, the same for every backend.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "gateway_core/platform/clock.hpp"
#include "gateway_core/transport/socket_table.hpp"

namespace gateway::transport {

std::size_t ByteRing::add(std::span<const std::byte> bytes) noexcept {
  const std::size_t count = std::min(bytes.size(), capacity_ - size_);
  if (count == 0) return 0;
  const std::size_t at = (first_ + size_) % capacity_;
  const std::size_t before_end = std::min(count, capacity_ - at);
  std::memcpy(bytes_.get() + at, bytes.data(), before_end);
  std::memcpy(bytes_.get(), bytes.data() + before_end, count - before_end);
  size_ += count;
  return count;
}

std::span<const std::byte> ByteRing::front() const noexcept {
  return {bytes_.get() + first_, std::min(size_, capacity_ - first_)};
}

void ByteRing::consume(std::size_t count) noexcept {
  first_ = (first_ + count) % capacity_;
  size_ -= count;
}

socklen_t to_address(const Endpoint& endpoint, sockaddr_storage& address) noexcept {
  std::memset(&address, 0, sizeof address);
  auto* four = reinterpret_cast<sockaddr_in*>(&address);
  if (::inet_pton(AF_INET, endpoint.host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(endpoint.port);
    return sizeof *four;
  }
  auto* six = reinterpret_cast<sockaddr_in6*>(&address);
  if (::inet_pton(AF_INET6, endpoint.host.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(endpoint.port);
    return sizeof *six;
  }
  return 0;
}

namespace {

CloseReason reason_of(int error) noexcept {
  switch (error) {
    case ECONNRESET:
    case EPIPE:
      return CloseReason::kReset;
    case ECONNREFUSED:
      return CloseReason::kRefused;
    case ETIMEDOUT:
      return CloseReason::kTimeout;
    default:
      return CloseReason::kFailed;
  }
}

int fail(int fd, const char* step, std::string& error) {
  error = std::string(step) + ": " + std::strerror(errno);
  if (fd >= 0) ::close(fd);
  return -1;
}

int open_listener(const sockaddr_storage& address, socklen_t bytes, int backlog,
                  std::string& error) {
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(fd, "socket", error);
  const int on = 1;
  (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), bytes) != 0)
    return fail(fd, "bind", error);
  if (::listen(fd, backlog) != 0) return fail(fd, "listen", error);
  return fd;
}

}  // namespace

SocketTransport::SocketTransport(const TransportLimits& limits)
    : sockets_(limits.connections_max),
      limits_(limits),
      wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  timers_.reserve(4 * std::size_t{limits.connections_max} + 64);
  finished_.reserve(limits.connections_max);
}

SocketTransport::~SocketTransport() {
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

ConnectionId SocketTransport::adopt(int fd, Phase phase, std::string& error) {
  const ConnectionId id = sockets_.acquire();
  if (id == 0) {
    error = "all " + std::to_string(limits_.connections_max) + " connections are in use";
    ::close(fd);
    return 0;
  }
  Socket& socket = *sockets_.get(id);
  socket.fd = fd;
  socket.phase = phase;
  if (phase != Phase::kListening) {
    socket.outbound = ByteRing(limits_.send_bytes_max);
    const int on = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return id;
}

ConnectionId SocketTransport::listen(const Endpoint& endpoint, std::string& error) {
  sockaddr_storage address;
  const socklen_t bytes = to_address(endpoint, address);
  if (bytes == 0) {
    error = endpoint.host + " is not an address in numbers";
    return 0;
  }
  const int fd = open_listener(address, bytes, limits_.backlog, error);
  if (fd < 0) return 0;
  const ConnectionId id = adopt(fd, Phase::kListening, error);
  if (id == 0) return 0;
  Socket& socket = *sockets_.get(id);
  begin_accept(id, socket);
  return id;
}

std::uint16_t SocketTransport::port_of(ConnectionId id) const noexcept {
  const Socket* socket = sockets_.get(id);
  if (socket == nullptr) return 0;
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  if (::getsockname(socket->fd, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

ConnectionId SocketTransport::connect(const Endpoint& endpoint, std::int64_t deadline_ns,
                                      std::string& error) {
  sockaddr_storage address;
  const socklen_t bytes = to_address(endpoint, address);
  if (bytes == 0 || endpoint.port == 0) {
    error = endpoint.host + ":" + std::to_string(endpoint.port) + " is not an address in numbers";
    return 0;
  }
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    (void)fail(fd, "socket", error);
    return 0;
  }
  const ConnectionId id = adopt(fd, Phase::kConnecting, error);
  if (id == 0) return 0;
  Socket& socket = *sockets_.get(id);
  socket.address = address;
  socket.address_bytes = bytes;
  set_deadline(id, deadline_ns);
  begin_connect(id, socket);
  return id;
}

std::size_t SocketTransport::send(ConnectionId id, std::span<const std::byte> bytes) {
  Socket* socket = sockets_.get(id);
  if (socket == nullptr || socket->phase != Phase::kOpen) return 0;
  const bool was_idle = socket->outbound.size() == 0;
  const std::size_t taken = socket->outbound.add(bytes);
  socket->is_refused_send = taken < bytes.size();
  if (was_idle && taken != 0) begin_send(id, *socket);
  return taken;
}

std::size_t SocketTransport::unsent(ConnectionId id) const noexcept {
  const Socket* socket = sockets_.get(id);
  return socket == nullptr ? 0 : socket->outbound.size();
}

void SocketTransport::pause_receive(ConnectionId id) {
  Socket* socket = sockets_.get(id);
  if (socket == nullptr || socket->phase != Phase::kOpen || socket->is_paused) return;
  socket->is_paused = true;
  stop_receive(id, *socket);
}

void SocketTransport::resume_receive(ConnectionId id) {
  Socket* socket = sockets_.get(id);
  if (socket == nullptr || socket->phase != Phase::kOpen || !socket->is_paused) return;
  socket->is_paused = false;
  begin_receive(id, *socket);
}

void SocketTransport::set_deadline(ConnectionId id, std::int64_t deadline_ns) {
  Socket* socket = sockets_.get(id);
  if (socket == nullptr || socket->phase == Phase::kClosing) return;
  socket->deadline_ns = deadline_ns;
  if (deadline_ns == 0) return;
  if (timers_.size() == timers_.capacity()) {  // Mostly entries that were replaced: sweep them out.
    std::erase_if(timers_, [&](const Timer& timer) {
      const Socket* owner = sockets_.get(timer.id);
      return owner == nullptr || owner->deadline_ns != timer.deadline_ns;
    });
    std::make_heap(timers_.begin(), timers_.end());
  }
  timers_.push_back({deadline_ns, id});
  std::push_heap(timers_.begin(), timers_.end());
}

void SocketTransport::close(ConnectionId id) { begin_close_of(id, CloseReason::kLocal, 0); }

void SocketTransport::begin_close_of(ConnectionId id, CloseReason reason, int error) {
  Socket* socket = sockets_.get(id);
  if (socket == nullptr || socket->phase == Phase::kClosing) return;
  socket->phase = Phase::kClosing;
  socket->reason = reason;
  socket->error = error;
  socket->deadline_ns = 0;
  if (begin_close(id, *socket)) end_close(id);
}

void SocketTransport::end_close(ConnectionId id) {
  Socket* socket = sockets_.get(id);
  if (socket == nullptr) return;
  ::close(socket->fd);
  socket->fd = -1;
  finished_.push_back(id);
}

void SocketTransport::finish_closed() {
  // A sink may close others meanwhile: the list may grow.
  for (std::size_t i = 0; i < finished_.size(); ++i) {
    const ConnectionId id = finished_[i];
    const Socket& socket = *sockets_.get(id);
    const Event event{.kind = EventKind::kClosed,
                      .reason = socket.reason,
                      .error = socket.error,
                      .connection = id};
    sockets_.release(id);
    tell(event);
  }
  finished_.clear();
}

void SocketTransport::tell(const Event& event) noexcept {
  ++told_;
  sink_->on_event(event);
}

void SocketTransport::expire() {
  const std::int64_t now = timers_.empty() ? 0 : monotonic_ns();
  while (!timers_.empty() && timers_.front().deadline_ns <= now) {
    const Timer timer = timers_.front();
    std::pop_heap(timers_.begin(), timers_.end());
    timers_.pop_back();
    const Socket* socket = sockets_.get(timer.id);
    if (socket != nullptr && socket->deadline_ns == timer.deadline_ns)
      begin_close_of(timer.id, CloseReason::kTimeout, ETIMEDOUT);
  }
}

std::size_t SocketTransport::poll(std::int64_t deadline_ns, EventSink& sink) {
  sink_ = &sink;
  told_ = 0;
  expire();
  finish_closed();
  is_woken_ = false;
  do {  // The kernel may end a wait for reasons that are nobody's event, or a little early.
    std::int64_t until = told_ != 0 ? 0 : deadline_ns;
    if (until != 0 && !timers_.empty()) until = std::min(until, timers_.front().deadline_ns);
    wait(until);
    expire();
    finish_closed();
  } while (told_ == 0 && !is_woken_ && deadline_ns != 0 && monotonic_ns() < deadline_ns);
  sink_ = nullptr;
  return told_;
}

void SocketTransport::wake() noexcept {
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

void SocketTransport::drain_wake() noexcept {
  std::uint64_t count = 0;
  (void)!::read(wake_fd_, &count, sizeof count);
  is_woken_ = true;
}

void SocketTransport::open(ConnectionId id, Socket& socket, Event event) {
  socket.phase = Phase::kOpen;
  event.connection = id;
  begin_receive(id, socket);
  tell(event);
}

void SocketTransport::end_accept(ConnectionId id, int result) {
  Socket* listener = sockets_.get(id);
  if (result >= 0) {
    std::string error;  // A full table breaks the newcomer off; those who are in are not hurt.
    const ConnectionId fresh = listener == nullptr || listener->phase == Phase::kClosing
                                   ? (::close(result), 0)
                                   : adopt(result, Phase::kOpen, error);
    if (fresh != 0) {
      open(fresh, *sockets_.get(fresh), {.kind = EventKind::kAccepted, .listener = id});
    }
  }
  listener = sockets_.get(id);
  if (listener != nullptr && listener->phase == Phase::kListening) begin_accept(id, *listener);
}

void SocketTransport::end_connect(ConnectionId id, int result) {
  Socket* socket = sockets_.get(id);
  if (socket == nullptr || socket->phase != Phase::kConnecting) return;
  if (result < 0) return begin_close_of(id, reason_of(-result), -result);
  set_deadline(id, 0);
  open(id, *socket, {.kind = EventKind::kConnected});
}

void SocketTransport::end_receive(ConnectionId id, int result, const std::byte* bytes) {
  Socket* socket = sockets_.get(id);
  if (socket == nullptr || socket->phase != Phase::kOpen) return;
  if (result == 0) return begin_close_of(id, CloseReason::kPeer, 0);
  if (result < 0) return begin_close_of(id, reason_of(-result), -result);
  tell({.kind = EventKind::kReceived,
        .connection = id,
        .bytes = {bytes, static_cast<std::size_t>(result)}});
  socket = sockets_.get(id);
  if (socket != nullptr && socket->phase == Phase::kOpen && !socket->is_paused)
    begin_receive(id, *socket);
}

void SocketTransport::end_send(ConnectionId id, int result) {
  Socket* socket = sockets_.get(id);
  if (socket == nullptr || socket->phase != Phase::kOpen) return;
  if (result < 0) return begin_close_of(id, reason_of(-result), -result);
  socket->outbound.consume(static_cast<std::size_t>(result));
  const bool has_room = socket->outbound.size() <= socket->outbound.capacity() / 2;
  if (socket->outbound.size() != 0) begin_send(id, *socket);
  socket = sockets_.get(id);
  if (socket == nullptr || socket->phase != Phase::kOpen) return;
  if (socket->is_refused_send && has_room) {
    socket->is_refused_send = false;
    tell({.kind = EventKind::kWritable, .connection = id});
  }
}

}  // namespace gateway::transport
