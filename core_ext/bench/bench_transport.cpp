// An echo over loopback by each transport: the same bytes, the same threads, the same run.
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include "benches.hpp"
#include "gateway_core/transport/transport.hpp"

namespace gateway::bench {
namespace {

using transport::ConnectionId;
using transport::Event;
using transport::EventKind;
using transport::Transport;
using Make = std::unique_ptr<Transport> (*)(const transport::TransportLimits&, std::string&);

constexpr std::size_t kMessage = 200;
constexpr std::int64_t kPatience_ns = 20'000'000'000;

/// Sends back what it gets.
class EchoSink final : public transport::EventSink {
 public:
  explicit EchoSink(Transport& owner) : owner_(owner) {}
  void on_event(const Event& event) noexcept override {
    if (event.kind == EventKind::kReceived) (void)owner_.send(event.connection, event.bytes);
    is_over_ = is_over_ || event.kind == EventKind::kClosed;
  }
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }

 private:
  Transport& owner_;
  bool is_over_ = false;
};

class CountingSink final : public transport::EventSink {
 public:
  void on_event(const Event& event) noexcept override {
    is_connected |= event.kind == EventKind::kConnected;
    is_closed |= event.kind == EventKind::kClosed;
    received += event.bytes.size();
  }
  bool is_connected = false;
  bool is_closed = false;
  std::size_t received = 0;
};

/// One poll: spinning looks and comes back, waiting sleeps until something happens.
void turn(Transport& transport, transport::EventSink& sink, bool is_spinning) {
  (void)transport.poll(is_spinning ? 0 : monotonic_ns() + 100'000'000, sink);
}

void serve(Make make, bool is_spinning, int cpu, std::atomic<int>& port) {
  if (cpu >= 0) (void)pin_to(cpu);
  std::string error;
  const auto server = make({.connections_max = 8}, error);
  if (server == nullptr) return port.store(-1);
  const ConnectionId listener = server->listen({}, error);
  port.store(listener == 0 ? -1 : server->port_of(listener));
  EchoSink sink(*server);
  const std::int64_t deadline = monotonic_ns() + kPatience_ns;
  while (!sink.is_over() && monotonic_ns() < deadline) turn(*server, sink, is_spinning);
}

void echo(Make make, const std::string& name, bool is_spinning, const Place& place, Figures& out) {
  std::atomic<int> port{0};
  std::thread server([&] { serve(make, is_spinning, place.other_cpu, port); });
  while (port.load() == 0) std::this_thread::yield();
  std::string error;
  const auto client = make({.connections_max = 8}, error);
  if (port.load() < 0 || client == nullptr) {
    server.join();
    return;  // this kernel has none: the section is absent
  }
  CountingSink sink;
  const ConnectionId id =
      client->connect({"127.0.0.1", static_cast<std::uint16_t>(port.load())}, 0, error);
  const std::int64_t deadline = monotonic_ns() + kPatience_ns;
  const auto is_late = [&] { return sink.is_closed || monotonic_ns() > deadline; };
  while (!sink.is_connected && !is_late()) turn(*client, sink, is_spinning);
  const auto rounds = static_cast<std::size_t>(20'000 * place.scale) + 200;
  Samples samples(rounds);
  const std::vector<std::byte> message(kMessage);
  for (std::size_t i = 0; i < rounds + 200 && !is_late(); ++i) {
    const std::size_t wanted = sink.received + kMessage;
    const std::uint64_t begin = stamp();
    (void)client->send(id, message);
    while (sink.received < wanted && !is_late()) turn(*client, sink, is_spinning);
    if (i >= 200) samples.add(begin, stamp());
  }
  client->close(id);
  while (!sink.is_closed && monotonic_ns() < deadline) turn(*client, sink, is_spinning);
  server.join();
  const std::string prefix = name + (is_spinning ? "_spin_" : "_wait_");
  out.emplace_back(prefix + "p50", samples.quantile_ns(0.5) / 1000);
  out.emplace_back(prefix + "p99", samples.quantile_ns(0.99) / 1000);
}

}  // namespace

Figures transport_echo(const Place& place) {
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  Figures out;
  for (const bool is_spinning : {true, false}) {
    echo(&transport::make_epoll_transport, "epoll", is_spinning, place, out);
    echo(&transport::make_io_uring_transport, "io_uring", is_spinning, place, out);
  }
  return out;
}

}  // namespace gateway::bench
