// The waker: looks at the lanes every few microseconds of idle time and writes an event per change.
#include "engine_handle.hpp"

#include <sys/eventfd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace gateway {

int EngineHandle::watch(int& fd, std::function<bool()> has_entries) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (fd >= 0) return fd;
  fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw std::runtime_error("wake_fd: no descriptor left");
  watched_.push_back({fd, std::move(has_entries)});
  if (waker_.is_joinable()) return fd;
  const ThreadStart result = waker_.start("waker", kAnyCpu, [this] { run_waker(); });
  if (result != ThreadStart::kStarted) {
    throw std::runtime_error("waker: " + std::string(describe(result)));
  }
  return fd;
}

void EngineHandle::run_waker() {
  while (!is_stopping_.load(std::memory_order_acquire)) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (Watched& one : watched_) {
        // A level, told again while entries wait: a reader that took only some is woken again.
        if (!one.has_entries()) continue;
        const std::uint64_t count = 1;
        (void)!::write(one.fd, &count, sizeof count);
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

void EngineHandle::measure(ClientPortHandle& port) {
  auto& measurement = runtime->measurement();
  const std::string& name = port.port->name;
  const auto add = [&](const std::string& lane, const char* drained_by, std::size_t capacity) {
    return measurement.add_gauge(lane + name, "entries", drained_by, capacity, capacity / 4 * 3);
  };
  port.urgent_gauge = add("urgent.", "engine", port.port->urgent.capacity());
  port.orders_gauge = add("orders.", "engine", port.port->orders.capacity());
  port.notices_gauge = add("notices.", "event_loop", port.port->notices.capacity());
}

void EngineHandle::measure(VenuePortHandle& port, const std::string& venue) {
  auto& measurement = runtime->measurement();
  const auto add = [&](const std::string& lane, const char* drained_by, std::size_t capacity) {
    return measurement.add_gauge(lane + venue, "entries", drained_by, capacity, capacity / 4 * 3);
  };
  port.outbound_gauge = add("outbound.", "event_loop", port.port->outbound.capacity());
  // Drained by the engine, at the pace of the disk.
  port.gated_gauge = add("gated.", "journal_commit", port.port->gated.capacity());
  port.facts_gauge = add("facts.", "engine", port.port->facts.capacity());
}

void EngineHandle::sample_queues() noexcept {
  if (runtime == nullptr) return;
  auto& measurement = runtime->measurement();
  const std::int64_t now_ns = monotonic_ns();
  for (const auto& each : client_ports) {
    measurement.set_depth(each->urgent_gauge, each->port->urgent.size_estimate(), now_ns);
    measurement.set_depth(each->orders_gauge, each->port->orders.size_estimate(), now_ns);
    measurement.set_depth(each->notices_gauge, each->port->notices.size_estimate(), now_ns);
  }
  for (const auto& each : venue_ports) {
    measurement.set_depth(each->outbound_gauge, each->port->outbound.size_estimate(), now_ns);
    measurement.set_depth(each->gated_gauge, each->port->gated.size_estimate(), now_ns);
    measurement.set_depth(each->facts_gauge, each->port->facts.size_estimate(), now_ns);
  }
}

bool EngineHandle::stop() {
  is_stopping_.store(true, std::memory_order_release);
  waker_.join();
  for (const Watched& one : watched_) ::close(one.fd);
  watched_.clear();
  // The numbers may belong to other files from now on.
  for (auto& port : client_ports) port->wake_fd = -1;
  for (auto& port : venue_ports) port->wake_fd = -1;
  return runtime == nullptr || runtime->stop();
}

}  // namespace gateway
