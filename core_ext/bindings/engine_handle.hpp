// What Python holds: the runtime, its ports, and the `waker` thread that turns waiting entries into
// readable event descriptors, so that the engine's thread never makes a system call for it.
#pragma once

#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gateway_core/engine/runtime.hpp"
#include "gateway_core/platform/cpu_affinity.hpp"

namespace gateway {

struct EngineHandle;

struct ClientPortHandle {
  EngineHandle* engine;
  ClientPort* port;
  int wake_fd = -1;
  int urgent_gauge = -1;
  int orders_gauge = -1;
  int notices_gauge = -1;
};
struct VenuePortHandle {
  EngineHandle* engine;
  VenuePort* port;
  int wake_fd = -1;
  int outbound_gauge = -1;
  int gated_gauge = -1;
  int facts_gauge = -1;
};

/// Empties an event descriptor; no descriptor is fine.
inline void drain_wake(int fd) noexcept {
  std::uint64_t count = 0;
  if (fd >= 0) (void)!::read(fd, &count, sizeof count);
}

struct EngineHandle {
  std::unique_ptr<Runtime> runtime;
  std::string directory;
  std::string ring_directory;
  std::string stored_directory;         // where segments are, "" = nothing is stored
  std::shared_ptr<void> sent_messages;  // what bind_fix_journal.cpp reads with, once it has
  std::vector<std::unique_ptr<ClientPortHandle>> client_ports;
  std::vector<std::unique_ptr<VenuePortHandle>> venue_ports;

  ~EngineHandle() { stop(); }

  int watch(ClientPortHandle& port) {
    return watch(port.wake_fd, [lane = &port.port->notices] { return !lane->is_empty(); });
  }
  int watch(VenuePortHandle& port) {
    return watch(port.wake_fd, [lane = &port.port->outbound] { return !lane->is_empty(); });
  }
  /// Names the port's queues in the measurement file.
  void measure(ClientPortHandle& port);
  void measure(VenuePortHandle& port, const std::string& venue);
  /// Writes down what waits in every queue now. Event-loop thread, a few times a second.
  void sample_queues() noexcept;
  /// Ends the waker and the runtime. Idempotent. False: not everything is durable.
  bool stop();

 private:
  struct Watched {
    int fd;
    std::function<bool()> has_entries;
  };
  int watch(int& fd, std::function<bool()> has_entries);
  void run_waker();

  std::mutex mutex_;
  std::vector<Watched> watched_;
  RoleThread waker_;
  std::atomic<bool> is_stopping_{false};
};

}  // namespace gateway
