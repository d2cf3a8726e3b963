// One contract, every backend, over loopback: connect, accept, partial writes, receive, close,
// reset, back-pressure both ways, cancellation, timeouts, many connections. A backend that this
// kernel forbids is named, and the others are tested all the same.
#include "gateway_core/transport/transport.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <thread>

#include "check.hpp"
#include "gateway_core/platform/clock.hpp"

using namespace gateway;
using namespace gateway::transport;

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kPatience = 20'000 * kMillisecond;

struct Backend {
  const char* name;
  std::unique_ptr<Transport> (*make)(const TransportLimits&, std::string&);
};
constexpr Backend kBackends[] = {{"epoll", &make_epoll_transport},
                                 {"io_uring", &make_io_uring_transport}};

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// One transport and everything it told, with waits that end.
class Side : public EventSink {
 public:
  Side(const Backend& backend, const TransportLimits& limits)
      : transport(backend.make(limits, error)) {}

  void on_event(const Event& event) noexcept override {
    if (event.kind == EventKind::kReceived) {
      received[event.connection].append(reinterpret_cast<const char*>(event.bytes.data()),
                                        event.bytes.size());
    }
    if (event.kind == EventKind::kAccepted) accepted.push_back(event.connection);
    if (event.kind == EventKind::kConnected) ++connected[event.connection];
    if (event.kind == EventKind::kWritable) ++writable[event.connection];
    if (event.kind == EventKind::kClosed) {
      ++closed_times[event.connection];
      closed[event.connection] = event.reason;
    }
    if (then) then(event);
  }
  void poll_once(std::int64_t wait_ns = kMillisecond) {
    (void)transport->poll(wait_ns == 0 ? 0 : monotonic_ns() + wait_ns, *this);
  }
  [[nodiscard]] ConnectionId listen() {
    const ConnectionId id = transport->listen({}, error);
    CHECK(id != 0 && transport->port_of(id) != 0);
    return id;
  }
  [[nodiscard]] ConnectionId connect_to(std::uint16_t port, std::int64_t deadline_ns = 0) {
    const ConnectionId id = transport->connect({"127.0.0.1", port}, deadline_ns, error);
    CHECK(id != 0);
    return id;
  }

  std::string error;
  std::unique_ptr<Transport> transport;
  std::map<ConnectionId, std::string> received;
  std::vector<ConnectionId> accepted;
  std::map<ConnectionId, int> connected, writable, closed_times;
  std::map<ConnectionId, CloseReason> closed;
  std::function<void(const Event&)> then;
};

/// Turns all sides until `is_done` or until patience ends; says whether it is done.
template <typename Done>
bool turn_until(std::initializer_list<Side*> sides, Done&& is_done) {
  const std::int64_t deadline = monotonic_ns() + kPatience;
  while (!is_done()) {
    if (monotonic_ns() > deadline) return false;
    for (Side* side : sides) side->poll_once();
  }
  return true;
}

/// A server and a client with one open connection between them.
struct Pair {
  explicit Pair(const Backend& backend, const TransportLimits& limits = {})
      : server(backend, limits), client(backend, limits) {
    listener = server.listen();
    near = client.connect_to(server.transport->port_of(listener));
    CHECK(turn_until({&server, &client}, [&] {
      return server.accepted.size() == 1 && client.connected.count(near) == 1;
    }));
    far = server.accepted.empty() ? 0 : server.accepted[0];
  }
  Side server, client;
  ConnectionId listener = 0, near = 0, far = 0;
};

/// Runs `body` for each backend of this kernel.
template <typename Body>
void each(Body&& body) {
  for (const Backend& backend : kBackends) {
    std::string error;
    if (backend.make({.connections_max = 4}, error) == nullptr) {
      std::printf("not here: %s\n", error.c_str());
      CHECK(!error.empty() && std::strcmp(backend.name, "epoll") != 0);
      continue;
    }
    const int before = check::failures();
    body(backend);
    if (check::failures() != before) std::printf("... with %s\n", backend.name);
  }
}

/// A plain socket of the kernel, for what a transport would not do.
int raw_connect(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQUAL(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

std::string pattern(std::size_t bytes) {
  std::string out(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>((i * 131 + i / 251) & 0xFF);
  return out;
}

}  // namespace

TEST(a_connection_is_made_and_bytes_go_both_ways) {
  each([](const Backend& backend) {
    Pair pair(backend);
    CHECK_EQUAL(pair.client.transport->name(), std::string_view(backend.name));
    CHECK_EQUAL(pair.client.transport->send(pair.near, bytes_of("ping")), 4U);
    CHECK(turn_until({&pair.server, &pair.client},
                     [&] { return pair.server.received[pair.far] == "ping"; }));
    CHECK_EQUAL(pair.server.transport->send(pair.far, bytes_of("pong")), 4U);
    CHECK(turn_until({&pair.server, &pair.client},
                     [&] { return pair.client.received[pair.near] == "pong"; }));
    CHECK_EQUAL(pair.client.transport->unsent(pair.near), 0U);
  });
}

TEST(what_is_more_than_the_kernel_takes_at_once_arrives_whole_and_in_order) {
  each([](const Backend& backend) {
    Pair pair(backend, {.connections_max = 8, .send_bytes_max = 48 * 1024});
    const std::string all = pattern(12 << 20);
    std::size_t sent = 0;
    bool was_refused = false;
    const auto go_on = [&] {
      const std::size_t left = all.size() - sent;
      const std::size_t taken =
          pair.client.transport->send(pair.near, bytes_of(all).subspan(sent, left));
      was_refused |= taken < left;
      sent += taken;
    };
    go_on();
    pair.client.then = [&](const Event& event) {
      if (event.kind == EventKind::kWritable) go_on();
    };
    CHECK(turn_until({&pair.server, &pair.client},
                     [&] { return pair.server.received[pair.far].size() >= all.size(); }));
    CHECK(was_refused && pair.client.writable[pair.near] > 10);
    CHECK(pair.server.received[pair.far] == all);
  });
}

TEST(a_receiver_that_pauses_holds_the_sender_back_and_loses_nothing) {
  each([](const Backend& backend) {
    Pair pair(backend, {.connections_max = 8, .send_bytes_max = 1 << 20});
    pair.server.transport->pause_receive(pair.far);
    const std::string all = pattern(64 << 20);
    std::size_t sent = 0;
    for (int quiet = 0; quiet < 30;) {  // until the kernel's buffers and ours are full
      const std::size_t taken =
          pair.client.transport->send(pair.near, bytes_of(all).subspan(sent, all.size() - sent));
      sent += taken;
      quiet = taken == 0 ? quiet + 1 : 0;
      pair.client.poll_once();
      pair.server.poll_once();
    }
    CHECK(sent < all.size());
    CHECK(pair.server.received[pair.far].empty());
    CHECK(pair.client.transport->unsent(pair.near) > 0);
    pair.server.transport->resume_receive(pair.far);
    CHECK(turn_until({&pair.server, &pair.client},
                     [&] { return pair.server.received[pair.far].size() >= sent; }));
    CHECK(pair.server.received[pair.far] == all.substr(0, sent));
  });
}

TEST(a_close_is_told_once_on_each_side_and_the_id_is_dead) {
  each([](const Backend& backend) {
    Pair pair(backend);
    pair.client.transport->close(pair.near);
    pair.client.transport->close(pair.near);
    CHECK_EQUAL(pair.client.transport->send(pair.near, bytes_of("late")), 0U);
    CHECK(turn_until({&pair.server, &pair.client}, [&] {
      return pair.client.closed.count(pair.near) == 1 && pair.server.closed.count(pair.far) == 1;
    }));
    CHECK(pair.client.closed[pair.near] == CloseReason::kLocal);
    CHECK(pair.server.closed[pair.far] == CloseReason::kPeer);
    for (int i = 0; i < 5; ++i) pair.client.poll_once();
    CHECK_EQUAL(pair.client.closed_times[pair.near], 1);
    CHECK_EQUAL(pair.client.transport->send(pair.near, bytes_of("later")), 0U);
    CHECK_EQUAL(pair.client.transport->port_of(pair.near), 0);
  });
}

TEST(bytes_sent_before_a_close_of_the_other_side_arrive_before_it) {
  each([](const Backend& backend) {
    Pair pair(backend);
    std::string order;
    pair.server.then = [&](const Event& event) {
      if (event.kind == EventKind::kReceived) order += 'r';
      if (event.kind == EventKind::kClosed) order += 'c';
    };
    CHECK_EQUAL(pair.client.transport->send(pair.near, bytes_of("last words")), 10U);
    CHECK(
        turn_until({&pair.client}, [&] { return pair.client.transport->unsent(pair.near) == 0; }));
    pair.client.transport->close(pair.near);
    CHECK(turn_until({&pair.server, &pair.client},
                     [&] { return !order.empty() && order.back() == 'c'; }));
    CHECK_EQUAL(order, "rc");
    CHECK_EQUAL(pair.server.received[pair.far], "last words");
  });
}

TEST(a_reset_by_the_other_side_is_called_a_reset) {
  each([](const Backend& backend) {
    Side server(backend, {});
    const ConnectionId listener = server.listen();
    const int raw = raw_connect(server.transport->port_of(listener));
    CHECK(turn_until({&server}, [&] { return server.accepted.size() == 1; }));
    const linger now{1, 0};  // close() then breaks off instead of finishing
    CHECK_EQUAL(::setsockopt(raw, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    ::close(raw);
    const ConnectionId id = server.accepted[0];
    CHECK(turn_until({&server}, [&] { return server.closed.count(id) == 1; }));
    CHECK(server.closed[id] == CloseReason::kReset);
  });
}

TEST(nobody_there_is_refused_and_told_as_the_only_event) {
  each([](const Backend& backend) {
    Side client(backend, {});
    std::uint16_t free_port = 0;
    {
      Side server(backend, {});
      const ConnectionId listener = server.listen();
      free_port = server.transport->port_of(listener);
    }
    const ConnectionId id = client.connect_to(free_port);
    CHECK(turn_until({&client}, [&] { return client.closed.count(id) == 1; }));
    CHECK(client.closed[id] == CloseReason::kRefused);
    CHECK_EQUAL(client.connected.count(id), 0U);
  });
}

TEST(what_cannot_be_begun_says_why) {
  each([](const Backend& backend) {
    Side side(backend, {});
    CHECK_EQUAL(side.transport->connect({"localhost", 1}, 0, side.error), 0U);
    CHECK(side.error.find("not an address in numbers") != std::string::npos);
    CHECK_EQUAL(side.transport->connect({"127.0.0.1", 0}, 0, side.error), 0U);
    const ConnectionId first = side.listen();
    side.error.clear();
    CHECK_EQUAL(side.transport->listen({"127.0.0.1", side.transport->port_of(first)}, side.error),
                0U);
    CHECK(side.error.find("bind") != std::string::npos);
    side.transport->close(0);
    side.transport->close(12345);
    side.transport->pause_receive(12345);
    CHECK_EQUAL(side.transport->send(12345, bytes_of("x")), 0U);
  });
}

TEST(a_deadline_closes_what_is_silent_and_one_that_was_moved_does_not) {
  each([](const Backend& backend) {
    Pair pair(backend);
    const std::int64_t began = monotonic_ns();
    pair.client.transport->set_deadline(pair.near, began + 30 * kMillisecond);
    pair.server.transport->set_deadline(pair.far, began + 10 * kMillisecond);
    pair.server.transport->set_deadline(pair.far, 0);
    CHECK(turn_until({&pair.server, &pair.client},
                     [&] { return pair.client.closed.count(pair.near) == 1; }));
    CHECK(pair.client.closed[pair.near] == CloseReason::kTimeout);
    CHECK(monotonic_ns() - began >= 30 * kMillisecond);
    CHECK(turn_until({&pair.server}, [&] { return pair.server.closed.count(pair.far) == 1; }));
    CHECK(pair.server.closed[pair.far] == CloseReason::kPeer);
  });
}

TEST(a_deadline_ends_a_wait_that_has_nothing_else) {
  each([](const Backend& backend) {
    Pair pair(backend);
    pair.client.transport->set_deadline(pair.near, monotonic_ns() + 20 * kMillisecond);
    const std::int64_t began = monotonic_ns();
    CHECK_EQUAL(pair.client.transport->poll(began + kPatience, pair.client), 1U);
    CHECK(monotonic_ns() - began < kPatience / 2);
    CHECK(pair.client.closed[pair.near] == CloseReason::kTimeout);
  });
}

TEST(a_connect_that_finds_no_answer_ends_at_its_deadline) {
  each([](const Backend& backend) {
    // A full backlog swallows the handshake: the second or third connect gets no answer.
    const int deaf = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQUAL(::bind(deaf, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    CHECK_EQUAL(::listen(deaf, 0), 0);
    socklen_t size = sizeof address;
    CHECK_EQUAL(::getsockname(deaf, reinterpret_cast<sockaddr*>(&address), &size), 0);
    Side client(backend, {});
    std::vector<ConnectionId> ids;
    const std::int64_t deadline = monotonic_ns() + 100 * kMillisecond;
    for (int i = 0; i < 4; ++i) ids.push_back(client.connect_to(ntohs(address.sin_port), deadline));
    CHECK(
        turn_until({&client}, [&] { return client.connected.size() + client.closed.size() == 4; }));
    CHECK(client.closed.size() >= 1);
    for (const auto& [id, reason] : client.closed) CHECK(reason == CloseReason::kTimeout);
    ::close(deaf);
  });
}

TEST(closing_cancels_what_is_under_way_and_the_end_of_a_transport_too) {
  each([](const Backend& backend) {
    for (int round = 0; round < 20; ++round) {
      Pair pair(backend, {.connections_max = 8, .send_bytes_max = 1 << 20});
      const std::string much = pattern(1 << 20);
      (void)pair.client.transport->send(pair.near, bytes_of(much));
      (void)pair.server.transport->send(pair.far, bytes_of(much));
      if (round % 2 == 0) {
        pair.client.transport->close(pair.near);
        pair.server.transport->close(pair.listener);
        CHECK(turn_until({&pair.server, &pair.client}, [&] {
          return pair.client.closed.count(pair.near) == 1 &&
                 pair.server.closed.count(pair.listener) == 1;
        }));
        CHECK(pair.server.closed[pair.listener] == CloseReason::kLocal);
      }
    }  // Every other round ends both transports in the middle of everything.
  });
}

TEST(a_sink_may_close_and_send_from_inside_an_event) {
  each([](const Backend& backend) {
    Pair pair(backend);
    pair.server.then = [&](const Event& event) {
      if (event.kind != EventKind::kReceived) return;
      CHECK_EQUAL(pair.server.transport->send(event.connection, event.bytes), event.bytes.size());
      pair.server.transport->pause_receive(event.connection);
      pair.server.transport->resume_receive(event.connection);
    };
    pair.client.then = [&](const Event& event) {
      if (event.kind == EventKind::kReceived) pair.client.transport->close(event.connection);
    };
    (void)pair.client.transport->send(pair.near, bytes_of("echo"));
    CHECK(turn_until({&pair.server, &pair.client},
                     [&] { return pair.server.closed.count(pair.far) == 1; }));
    CHECK_EQUAL(pair.client.received[pair.near], "echo");
  });
}

TEST(waking_ends_a_wait_from_another_thread) {
  each([](const Backend& backend) {
    Side side(backend, {});
    for (int round = 0; round < 3; ++round) {
      std::thread waker([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        side.transport->wake();
      });
      const std::int64_t began = monotonic_ns();
      CHECK_EQUAL(side.transport->poll(began + kPatience, side), 0U);
      CHECK(monotonic_ns() - began < kPatience / 2);
      waker.join();
    }
  });
}

TEST(an_empty_wait_lasts_until_its_deadline) {
  each([](const Backend& backend) {
    Side side(backend, {});
    const std::int64_t began = monotonic_ns();
    CHECK_EQUAL(side.transport->poll(began + 20 * kMillisecond, side), 0U);
    CHECK(monotonic_ns() - began >= 20 * kMillisecond);
    CHECK_EQUAL(side.transport->poll(0, side), 0U);  // does not wait at all
  });
}

TEST(a_full_table_breaks_newcomers_off_and_keeps_those_who_are_in) {
  each([](const Backend& backend) {
    Side server(backend, {.connections_max = 3});
    Side client(backend, {.connections_max = 8});
    const ConnectionId listener = server.listen();
    std::vector<ConnectionId> ids;
    for (int i = 0; i < 5; ++i)
      ids.push_back(client.connect_to(server.transport->port_of(listener)));
    CHECK(turn_until({&server, &client}, [&] { return client.closed.size() == 3; }));
    CHECK_EQUAL(server.accepted.size(), 2U);
    std::size_t alive = 0;
    for (const ConnectionId id : ids) {
      if (client.closed.count(id) != 0) continue;
      ++alive;
      (void)client.transport->send(id, bytes_of("in"));
    }
    CHECK_EQUAL(alive, 2U);
    CHECK(turn_until({&server, &client}, [&] { return server.received.size() == 2; }));
    Side crowd(backend, {.connections_max = 1});
    (void)crowd.listen();
    CHECK_EQUAL(crowd.transport->connect({"127.0.0.1", 9}, 0, crowd.error), 0U);
    CHECK(crowd.error.find("in use") != std::string::npos);
  });
}

TEST(many_connections_each_get_their_own_bytes_and_old_ids_never_reach_new_ones) {
  each([](const Backend& backend) {
    constexpr std::size_t kMany = 200;
    TransportLimits limits{
        .connections_max = kMany + 8, .send_bytes_max = 4096, .receive_bytes_max = 2048};
    Side server(backend, limits), client(backend, limits);
    const ConnectionId listener = server.listen();
    server.then = [&](const Event& event) {
      if (event.kind == EventKind::kReceived)
        (void)server.transport->send(event.connection, event.bytes);
    };
    std::vector<ConnectionId> old;
    for (int round = 0; round < 3; ++round) {
      std::vector<ConnectionId> ids;
      for (std::size_t i = 0; i < kMany; ++i)
        ids.push_back(client.connect_to(server.transport->port_of(listener)));
      CHECK(turn_until({&server, &client}, [&] {
        for (const ConnectionId id : ids) {
          if (client.connected.count(id) == 0) return false;
        }
        return true;
      }));
      const auto text = [&](std::size_t i) {
        return "round " + std::to_string(round) + " number " + std::to_string(i);
      };
      for (std::size_t i = 0; i < kMany; ++i) {
        CHECK_EQUAL(client.transport->send(ids[i], bytes_of(text(i))), text(i).size());
      }
      CHECK(turn_until({&server, &client}, [&] {
        for (std::size_t i = 0; i < kMany; ++i) {
          if (client.received[ids[i]].size() < text(i).size()) return false;
        }
        return true;
      }));
      for (std::size_t i = 0; i < kMany; ++i) CHECK(client.received[ids[i]] == text(i));
      for (const ConnectionId id : old) CHECK_EQUAL(client.transport->send(id, bytes_of("x")), 0U);
      for (const ConnectionId id : ids) client.transport->close(id);
      const std::size_t ended = static_cast<std::size_t>(round + 1) * kMany;
      CHECK(turn_until({&server, &client}, [&] {
        return client.closed.size() == ended && server.closed.size() == ended;
      }));
      old = ids;
    }
  });
}

TEST(the_mechanisms_of_this_kernel_are_listed_with_a_reason_each) {
  const auto found = mechanisms();
  CHECK_EQUAL(found.size(), 4U);
  for (const Mechanism& one : found) {
    CHECK(!one.reason.empty());
    std::printf("%s: %s, %s (%s)\n", one.name.c_str(), one.is_built ? "built" : "slot",
                one.is_available ? "available" : "not available", one.reason.c_str());
  }
  CHECK(found[0].name == "epoll" && found[0].is_built && found[0].is_available);
  CHECK(found[1].name == "io_uring" && found[1].is_built);
  CHECK(!found[2].is_built && !found[3].is_built);
  std::string error;
  CHECK_EQUAL(make_io_uring_transport({.connections_max = 4}, error) != nullptr,
              found[1].is_available);
}
