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
