// A running engine: journal opened and recovered, state rebuilt, threads by role. The one place
// where the parts are wired. Construction throws with the named cause; nothing else does.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gateway_core/engine/engine.hpp"
#include "gateway_core/engine/port_server.hpp"
#include "gateway_core/engine/posted_work.hpp"
#include "gateway_core/engine/warm_up.hpp"
#include "gateway_core/journal/journal.hpp"
#include "gateway_core/platform/cpu_affinity.hpp"
#include "gateway_core/platform/hardware_counters.hpp"
#include "gateway_core/platform/memory_node.hpp"
#include "gateway_core/platform/storage.hpp"
#include "gateway_core/ring/wait_strategy.hpp"
#include "gateway_core/state/follower.hpp"
#include "gateway_core/telemetry/measurement.hpp"

namespace gateway {

struct RuntimeOptions {
  journal::JournalOptions journal;
  Capacity capacity;
  std::string build;
  bool is_virtual_clock = false;
  std::int64_t disk_async_window_ns = 250'000'000;
  int engine_cpu = kAnyCpu;  // where the state's memory should be near to
  WaitKind engine_wait = WaitKind::kPark;
  platform::Storage* storage = nullptr;  // null: the kernel's files
};

class Runtime {
 public:
  explicit Runtime(const RuntimeOptions& options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] Engine& engine() noexcept { return *engine_; }
  /// Clients in other processes. On the engine's thread alone: run().
  [[nodiscard]] PortServer& shared_ports() noexcept { return *shared_ports_; }
  [[nodiscard]] State& state() noexcept { return *state_; }
  [[nodiscard]] Clock& clock() noexcept { return *clock_; }
  [[nodiscard]] journal::Journal& journal() noexcept { return *journal_; }
  [[nodiscard]] telemetry::Measurement& measurement() noexcept { return measurement_; }
  [[nodiscard]] double recovery_seconds() const noexcept { return recovery_seconds_; }

  /// Pinned drive: the `engine` thread turns the engine until stop(). False: the CPU was refused.
  [[nodiscard]] bool start_pinned(int cpu);
  /// Whether the engine's thread may still run on the CPU it was started on and nowhere else; true
  /// when none was asked for. Any thread.
  [[nodiscard]] bool is_where_started() const noexcept { return engine_thread_.is_where_started(); }
  /// Synthetic orders on a shadow engine, on the engine's thread. Nothing of this runtime changes.
  WarmUpReport warm_up(std::uint32_t orders);
  /// What became of the wish for near memory and huge pages, measured now. Cold: reads /proc.
  [[nodiscard]] platform::MemoryReport memory_report() const;
  /// Cache events of the thread that drives the engine, from the first call on. Never from two
  /// threads at once.
  [[nodiscard]] const platform::HardwareCounters& hardware_counters();
  /// Runs `work` between two turns, on the engine's thread. Caller's thread waits, at most 10 s.
  void run(const std::function<void()>& work);
  /// Raises the epoch durably, to at least `epoch_min`: before order ids run out, or above an id of
  /// ours seen at a venue. False: outbound work of the old epoch waits, or the disk refused.
  [[nodiscard]] bool raise_epoch(std::uint32_t epoch_min);
  /// Orders held here that may have left, Engine::doubted(). When there is none, the journal's loss
  /// is forgotten, durably.
  [[nodiscard]] std::vector<OrderId> doubted();
  /// Ends threads, records the stop, stores everything. Idempotent. False: not all is durable.
  bool stop();

 private:
  /// Under run_mutex_: whoever starts or joins the thread changes the answer.
  [[nodiscard]] bool is_pinned() const noexcept { return engine_thread_.is_joinable(); }
  void open_state(const RuntimeOptions& options);
  void run_engine();
  void idle(int turns) const noexcept;
  void run_seal();
  void open_measurement(const journal::JournalOptions& options);
  [[nodiscard]] bool record_boot(std::uint64_t clean_shutdown);
  bool forget_settled_loss();
  /// Valid records were cut away, a kill may have been among them: the firm is halted until a named
  /// person enables it. False: no room for the record.
  [[nodiscard]] bool halt_for_loss();

  std::string build_;
  std::uint32_t instance_;
  platform::PosixStorage storage_;
  telemetry::Measurement measurement_;  // outlives every thread that records
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<State> state_;
  std::unique_ptr<Engine> engine_;
  platform::MemoryReport memory_;
  std::unique_ptr<platform::HardwareCounters> hardware_counters_;
  std::unique_ptr<WarmUp> shadow_;
  WaitKind engine_wait_;
  std::unique_ptr<PortServer> shared_ports_;
  double recovery_seconds_ = 0;
  RoleThread engine_thread_;
  RoleThread seal_thread_;
  std::atomic<bool> is_stopping_{false};
  PostedWork posted_;
  std::mutex run_mutex_;  // one of run(), start and stop at a time; never the engine's thread
  bool is_open_ = false;
  bool is_memory_only_ = false;
};

}  // namespace gateway
