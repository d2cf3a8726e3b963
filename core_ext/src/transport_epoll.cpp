// Readiness by epoll, level-triggered: the kernel says what can be done, we do it.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "gateway_core/platform/clock.hpp"
#include "gateway_core/transport/socket_table.hpp"

namespace gateway::transport {
namespace {

class EpollTransport final : public SocketTransport {
 public:
  explicit EpollTransport(const TransportLimits& limits)
      : SocketTransport(limits),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        inbound_(std::make_unique<std::byte[]>(limits.receive_bytes_max)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = 0;
    if (epoll_ >= 0) (void)::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_fd_, &event);
  }
  ~EpollTransport() override {
    sockets_.for_each([](ConnectionId, Socket& socket) {
      if (socket.fd >= 0) ::close(socket.fd);
    });
    if (epoll_ >= 0) ::close(epoll_);
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }
  [[nodiscard]] bool is_open() const noexcept { return epoll_ >= 0 && wake_fd_ >= 0; }

 private:
  void want(ConnectionId id, Socket& socket, std::uint32_t interest) {
    if (interest == socket.interest) return;
    epoll_event event{};
    event.events = interest;
    event.data.u64 = id;
    const int step = socket.interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    (void)::epoll_ctl(epoll_, interest == 0 ? EPOLL_CTL_DEL : step, socket.fd, &event);
    socket.interest = interest;
  }
  void begin_accept(ConnectionId id, Socket& socket) override { want(id, socket, EPOLLIN); }
  void begin_receive(ConnectionId id, Socket& socket) override {
    want(id, socket, socket.interest | EPOLLIN);
  }
  void stop_receive(ConnectionId id, Socket& socket) override {
    want(id, socket, socket.interest & ~std::uint32_t{EPOLLIN});
  }
  void begin_connect(ConnectionId id, Socket& socket) override {
    const auto* address = reinterpret_cast<const sockaddr*>(&socket.address);
    if (::connect(socket.fd, address, socket.address_bytes) != 0 && errno != EINPROGRESS)
      socket.error = errno;      // SO_ERROR does not keep what is known at once.
    want(id, socket, EPOLLOUT);  // Writable or in error: take_connect asks which.
  }
  void begin_send(ConnectionId id, Socket& socket) override {
    // Most sends fit into the kernel's buffer: try before asking to be told. The end is handled by
    // the next wait, because the caller is in the middle of something.
    const auto bytes = socket.outbound.front();
    const ssize_t sent = ::send(socket.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(socket.outbound.size()) && !socket.is_refused_send) {
      socket.outbound.consume(static_cast<std::size_t>(sent));
      want(id, socket, socket.interest & ~std::uint32_t{EPOLLOUT});
      return;
    }
    if (sent > 0) socket.outbound.consume(static_cast<std::size_t>(sent));
    want(id, socket, socket.interest | EPOLLOUT);
  }
  bool begin_close(ConnectionId id, Socket& socket) override {
    want(id, socket, 0);
    return true;
  }

  void wait(std::int64_t deadline_ns) override {
    epoll_event events[kEventsPerPoll];
    timespec timeout{};
    if (deadline_ns != 0) {
      const std::int64_t left = std::max<std::int64_t>(deadline_ns - monotonic_ns(), 0);
      timeout = {static_cast<time_t>(left / 1'000'000'000),
                 static_cast<long>(left % 1'000'000'000)};
    }
    const int count =
        ::epoll_pwait2(epoll_, events, static_cast<int>(kEventsPerPoll), &timeout, nullptr);
    for (int i = 0; i < count; ++i) handle(events[i].data.u64, events[i].events);
  }

  void handle(ConnectionId id, std::uint32_t ready) {
    if (id == 0) return drain_wake();
    Socket* socket = sockets_.get(id);
    if (socket == nullptr) return;
    switch (socket->phase) {
      case Phase::kListening:
        return take_accepts(id, *socket);
      case Phase::kConnecting:
        return take_connect(id, *socket);
      case Phase::kOpen:
        break;
      case Phase::kClosing:
        return;
    }
    if ((ready & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && !take_bytes(id, *socket)) return;
    socket = sockets_.get(id);
    if (socket != nullptr && socket->phase == Phase::kOpen && (ready & EPOLLOUT) != 0)
      take_room(id, *socket);
  }

  void take_accepts(ConnectionId id, Socket& socket) {
    // A few at a time: a storm of connections must not hold back those that are open.
    for (int i = 0; i < 16; ++i) {
      const int fd = ::accept4(socket.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      end_accept(id, fd);
      if (sockets_.get(id) == nullptr || socket.phase != Phase::kListening) return;
    }
  }
  void take_connect(ConnectionId id, Socket& socket) {
    int error = socket.error;
    socklen_t bytes = sizeof error;
    if (error == 0 && ::getsockopt(socket.fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
      error = errno;
    if (error == 0) want(id, socket, 0);
    end_connect(id, -error);
  }
  /// False: there is nothing more to do for it.
  bool take_bytes(ConnectionId id, Socket& socket) {
    if (socket.is_paused && (socket.interest & EPOLLOUT) == 0) {
      // An error or hang-up is told without being asked for; it waits with the bytes before it.
      want(id, socket, 0);
      return false;
    }
    if (socket.is_paused) return true;
    const ssize_t got = ::recv(socket.fd, inbound_.get(), limits_.receive_bytes_max, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    end_receive(id, got < 0 ? -errno : static_cast<int>(got), inbound_.get());
    return true;
  }
  void take_room(ConnectionId id, Socket& socket) {
    if (socket.outbound.size() == 0) {
      want(id, socket, socket.interest & ~std::uint32_t{EPOLLOUT});
      return end_send(id, 0);
    }
    const auto bytes = socket.outbound.front();
    const ssize_t sent = ::send(socket.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    end_send(id, sent < 0 ? -errno : static_cast<int>(sent));
  }

  int epoll_;
  std::unique_ptr<std::byte[]> inbound_;
};

}  // namespace

std::unique_ptr<Transport> make_epoll_transport(const TransportLimits& limits, std::string& error) {
  auto made = std::make_unique<EpollTransport>(limits);
  if (made->is_open()) return made;
  error = std::string("epoll: ") + std::strerror(errno);
  return nullptr;
}

}  // namespace gateway::transport
