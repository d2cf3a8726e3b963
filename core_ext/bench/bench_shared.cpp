// The shared-memory door, measured from another process: order to acknowledgement, and a bare echo
// over the same lanes. The client is a child of this process; it takes no lock and no memory.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <thread>

#include "benches.hpp"
#include "desk.hpp"
#include "gateway_port.h"

namespace gateway::bench {
namespace {

constexpr std::int64_t kPace_ns = 10'000;  // 100,000 a second
constexpr std::int64_t kAnswer_ns = 1'000'000'000;
constexpr std::uint64_t kInFlight = 256;
constexpr std::size_t kEntries = 4'096;

/// What the child leaves behind.
struct Report {
  std::atomic<std::uint32_t> is_done;
  std::uint32_t has_failed;
  std::uint64_t samples;
  std::uint64_t messages;  // acknowledged in the flood
  std::int64_t flood_ns;
  std::uint32_t ticks[];
};

/// Memory that parent and child share, unmapped at the end.
class SharedReport {
 public:
  explicit SharedReport(std::size_t samples)
      : bytes_(sizeof(Report) + samples * sizeof(std::uint32_t)) {
    memory_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory_ == MAP_FAILED) throw std::runtime_error("bench: no shared memory");
  }
  SharedReport(const SharedReport&) = delete;
  SharedReport& operator=(const SharedReport&) = delete;
  ~SharedReport() { ::munmap(memory_, bytes_); }
  [[nodiscard]] Report& get() const noexcept { return *static_cast<Report*>(memory_); }

 private:
  std::size_t bytes_;
  void* memory_;
};

/// One request: made before the clock starts, as a desk has its order before it sends it; pushing
/// answers with its number, 0 = the lane is full.
struct Send {
  std::function<void()> prepare;
  std::function<std::uint64_t(gateway_port&)> push;
};

/// Waits for the answer to `request`; events in between are read and forgotten.
bool await_answer(gateway_port& port, std::uint64_t request) {
  const std::int64_t deadline = steady_ns() + kAnswer_ns;
  gateway_port_reply reply;
  for (std::uint64_t round = 1;; ++round) {
    if (gateway_port_next(&port, &reply)) {
      if (reply.request == request) return reply.refusal == 0;
    } else if (round % 65'536 == 0 && steady_ns() > deadline) {
      return false;
    }
  }
}

/// One at a time at a fixed pace, both sides spinning.
void run_paced(gateway_port& port, const Send& send, std::size_t samples, Report& report) {
  const auto pace =
      static_cast<std::uint64_t>(static_cast<double>(kPace_ns) / Timer::get().ns_per_tick);
  gateway_port_reply reply;
  std::uint64_t due = stamp();
  for (std::size_t i = 0; i < samples + samples / 10; ++i) {
    for (due += pace; stamp() < due;) (void)gateway_port_next(&port, &reply);
    while (gateway_port_next(&port, &reply)) continue;
    send.prepare();
    const std::uint64_t begin = stamp();
    const std::uint64_t request = send.push(port);
    if (request == 0 || !await_answer(port, request)) {
      report.has_failed = 1;
      return;
    }
    const std::uint64_t passed = stamp() - begin;
    if (i >= samples / 10) report.ticks[report.samples++] = static_cast<std::uint32_t>(passed);
    if (stamp() > due + pace) due = stamp();  // Never catch up in a burst.
  }
}

/// As many as fit into a window, for a time.
void run_flood(gateway_port& port, const Send& send, std::int64_t flood_ns, Report& report) {
  const std::int64_t begin = steady_ns();
  std::uint64_t sent = port.request;
  const std::uint64_t first = sent;
  std::uint64_t answered = sent;
  gateway_port_reply reply;
  std::int64_t seen_ns = begin;
  while (steady_ns() - begin < flood_ns || answered < sent) {
    while (sent - answered < kInFlight && steady_ns() - begin < flood_ns) {
      send.prepare();
      const std::uint64_t request = send.push(port);
      if (request == 0) break;
      sent = request;
    }
    while (gateway_port_next(&port, &reply)) {
      if (reply.request <= answered) continue;
      answered = reply.request;
      seen_ns = steady_ns();
      report.messages += reply.refusal == 0 ? 1 : 0;
    }
    if (steady_ns() - seen_ns > kAnswer_ns) break;
  }
  report.has_failed |= answered == first ? 1 : 0;
  report.flood_ns = steady_ns() - begin;
}

gateway_port client_of(const SharedPort& port) {
  gateway_port out{};
  out.socket = -1;
  out.requests = reinterpret_cast<gateway_port_lane*>(&port.request_memory.header());
  out.replies = reinterpret_cast<gateway_port_lane*>(&port.reply_memory.header());
  return out;
}

/// Runs the client as a child on the other CPU while this thread turns the server.
template <typename Serve>
Figures measure(const Place& place, const SharedPort& port, const Send& send, Serve&& serve) {
  const auto samples = static_cast<std::size_t>(200'000 * place.scale) + 2'000;
  const auto flood_ns = static_cast<std::int64_t>(2e9 * std::min(place.scale * 5, 1.0));
  const SharedReport shared(samples);
  Report& report = shared.get();
  (void)Timer::get();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("bench: no child process");
  if (child == 0) {
    if (place.other_cpu >= 0) (void)pin_to(place.other_cpu);
    gateway_port client = client_of(port);
    run_paced(client, send, samples, report);
    if (report.has_failed == 0) run_flood(client, send, flood_ns, report);
    report.is_done.store(1, std::memory_order_release);
    ::_exit(0);
  }
  const std::int64_t deadline = steady_ns() + 60'000'000'000;
  while (report.is_done.load(std::memory_order_acquire) == 0) {
    for (int i = 0; i < 64; ++i) serve();
    if (steady_ns() < deadline) continue;
    report.has_failed = 1;
    break;
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (report.has_failed != 0) throw std::runtime_error("bench: the client got no answer");
  Samples found(report.samples);
  for (std::uint64_t i = 0; i < report.samples; ++i) found.add(0, report.ticks[i]);
  return {{"p50", found.quantile_ns(0.5)},
          {"p99", found.quantile_ns(0.99)},
          {"messages_per_second",
           static_cast<double>(report.messages) * 1e9 / static_cast<double>(report.flood_ns)}};
}

std::unique_ptr<SharedPort> make_port(std::uint32_t number) {
  SharedPortTerms terms;
  terms.principal = 1;
  terms.scopes = kScopeRead | kScopeTrade | kScopeCancel;
  SharedLaneMemory requests;
  SharedLaneMemory replies;
  std::string error;
  if (!requests.create("bench.requests", kEntries, 1, number, false, error) ||
      !replies.create("bench.replies", kEntries, 1, number, false, error)) {
    throw std::runtime_error(error);
  }
  return std::make_unique<SharedPort>(terms, number, std::move(requests), std::move(replies));
}

/// The venue: ends at once what leaves, so that the table of orders stays as it is.
void end_what_left(Desk& desk) noexcept {
  auto& outbound = desk.venue().outbound;
  while (outbound.size() != 0) {
    OutboundEntry entry;
    std::memcpy(&entry, outbound.peek(), sizeof entry);
    outbound.pop();
    desk.tell(RecordKind::kOrderCanceled, entry.order_id, FactReason::kTimeInForce);
  }
}

}  // namespace

Figures shared_memory(const Place& place) {
  Desk desk(place.desk());
  PortServer& server = desk.runtime().shared_ports();
  server.admit(Refusal::kNone);
  auto made = make_port(server.next_number());
  const SharedPort& port = *made;
  server.attach(std::move(made));
  gateway_port_new_order order{};
  const Send submit{
      [&desk, &order] {
        NewOrderMessage message;
        desk.fill_order(message, TimeInForce::kIoc);
        std::memcpy(&order, &message, sizeof order);
      },
      [&order](gateway_port& client) { return gateway_port_submit(&client, &order); }};
  desk.mark();
  const Figures out = measure(place, port, submit, [&desk] {
    (void)desk.engine().turn(256);
    end_what_left(desk);
  });
  desk.stop();
  return out;
}

Figures shared_memory_echo(const Place& place) {
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  const auto port = make_port(PortServer::kFirstNumber);
  const Send ping{[] {}, [](gateway_port& client) { return gateway_port_ping(&client); }};
  return measure(place, *port, ping, [&port] {
    AnyMessage message;
    while (port->reader.take(message) == Take::kMessage) {
      PortReply reply{};
      reply.notice.request = message.header().request;
      (void)port->writer.push(reply);
      port->reader.release();
    }
  });
}

}  // namespace gateway::bench
