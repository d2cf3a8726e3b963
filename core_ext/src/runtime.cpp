// Start, drive and stop of the engine, thread by thread.
#include "gateway_core/engine/runtime.hpp"

#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace gateway {
namespace {

constexpr int kIdleSpins = 2'000;
constexpr auto kIdleSleep = std::chrono::microseconds(20);
constexpr auto kSealPeriod = std::chrono::milliseconds(50);
constexpr auto kPostDeadline = std::chrono::seconds(10);
constexpr auto kHaltStoredDeadline = std::chrono::seconds(2);

}  // namespace

void Runtime::open_state(const RuntimeOptions& options) {
  platform::Topology topology;  // Simulations start by the thousand and ask for no processor.
  if (options.engine_cpu >= 0 && !options.is_virtual_clock)
    topology = platform::Topology::read(platform::KernelText());
  const platform::KernelNodeCalls calls;
  const platform::MemoryScope near(topology, options.engine_cpu, calls, memory_);
  journal::JournalOptions journal_options = options.journal;
  journal_options.now_ns = clock_->now_ns();
  Follower follower;
  if (!journal_->open(journal_options, follower)) throw std::runtime_error(journal_->error());
  open_measurement(options.journal);
  if (follower.has_failed()) throw std::runtime_error("journal: " + follower.error());
  state_ = follower.release(options.capacity);
  if (state_ == nullptr) {
    throw std::runtime_error("capacity: the recovered state does not fit the configured sizes");
  }
  clock_->start_behind(state_->last_time_ns);
  if (!options.is_virtual_clock) state_->prefault();
}

Runtime::Runtime(const RuntimeOptions& options)
    : build_(options.build),
      instance_(options.journal.instance),
      engine_wait_(options.engine_wait) {
  const auto started = std::chrono::steady_clock::now();
  clock_ = options.is_virtual_clock ? std::make_unique<Clock>(VirtualTime{1})
                                    : std::make_unique<Clock>();
  is_memory_only_ = options.journal.is_memory_only;
  platform::Storage& storage = options.storage != nullptr ? *options.storage : storage_;
  journal_ = std::make_unique<journal::Journal>(storage);
  open_state(options);
  engine_ =
      std::make_unique<Engine>(*state_, journal_->writer(), *clock_,
                               EngineSettings{.instance = options.journal.instance,
                                              .disk_async_window_ns = options.disk_async_window_ns,
                                              .measurement = &measurement_,
                                              .lost_epoch = journal_->lost_epoch(),
                                              .lost_newest_ns = journal_->lost_newest_ns()});
  if (!options.is_virtual_clock) engine_->prefault();
  shared_ports_ = std::make_unique<PortServer>(*engine_);
  engine_->serve(shared_ports_.get());
  is_open_ = true;
  if (const ThreadStart result = journal_->commit().start(); result != ThreadStart::kStarted) {
    throw std::runtime_error("journal_commit: " + std::string(describe(result)));
  }
  if (!record_boot(journal_->was_clean() ? 1 : 0)) {
    throw std::runtime_error("journal: no room for the boot record");
  }
  if (!halt_for_loss()) throw std::runtime_error("journal: no room for the halt");
  engine_->settle_in_flight();
  (void)forget_settled_loss();
  if (!is_memory_only_ &&
      seal_thread_.start("seal", kAnyCpu, [this] { run_seal(); }) != ThreadStart::kStarted) {
    throw std::runtime_error("seal: no thread");
  }
  recovery_seconds_ =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

void Runtime::open_measurement(const journal::JournalOptions& options) {
  // After the journal's lock: a second daemon must not take the first one's file away.
  std::string error;
  const telemetry::MeasurementOrigin origin{static_cast<std::uint32_t>(::getpid()),
                                            options.instance, wall_ns()};
  if (!is_memory_only_ && !measurement_.open(options.ring_directory, origin, error)) {
    throw std::runtime_error("measurement: " + error);
  }
  journal_->commit().measure(measurement_);
}

bool Runtime::record_boot(std::uint64_t clean_shutdown) {
  Boot boot{};
  boot.epoch = journal_->epoch();
  boot.orders_max = state_->capacity.orders_max;
  boot.idempotency_max = state_->capacity.texts_max;
  boot.positions_max = state_->capacity.positions_max;
  boot.clean_shutdown = clean_shutdown;
  boot.wall_time_ns = wall_ns();
  boot.build.assign(build_);
  return engine_->record_control(RecordKind::kBoot, boot) != 0;
}

bool Runtime::halt_for_loss() {
  const std::string& reason = journal_->recovery().halt_due;
  if (reason.empty()) return true;
  TradingStateSet halt{};
  halt.level = static_cast<std::uint32_t>(Level::kFirm);
  halt.state = static_cast<std::uint32_t>(TradingState::kHalted);
  halt.is_latch = 1;
  halt.actor.assign("recovery");
  halt.reason.assign(reason);
  halt.breaker = state_->registry.level(Level::kFirm, 0).breaker;
  const Sequence sequence = engine_->record_control(RecordKind::kTradingStateSet, halt);
  if (sequence == 0) return false;
  const auto deadline = std::chrono::steady_clock::now() + kHaltStoredDeadline;
  const auto& ring = journal_->ring();
  while (ring.synced_sequence() < sequence && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kIdleSleep);
  }
  // Not stored yet, or not forgotten: the next start halts once more.
  if (ring.synced_sequence() >= sequence) (void)journal_->forget_halt_due();
  return true;
}

bool Runtime::raise_epoch(std::uint32_t epoch_min) {
  bool is_raised = false;
  run([&] {
    if (!engine_->is_outbound_empty()) return;
    is_raised = journal_->raise_epoch(epoch_min, wall_ns()) && record_boot(2);
  });
  return is_raised;
}

bool Runtime::forget_settled_loss() {
  return !engine_->doubted().empty() || journal_->forget_loss(wall_ns());
}

std::vector<OrderId> Runtime::doubted() {
  std::vector<OrderId> found;
  run([&] {
    found = engine_->doubted();
    (void)forget_settled_loss();  // tried again at the next start
  });
  return found;
}

Runtime::~Runtime() { (void)stop(); }

bool Runtime::start_pinned(int cpu) {
  const std::lock_guard<std::mutex> lock(run_mutex_);
  if (is_pinned()) return true;
  return engine_thread_.start("engine", cpu, [this] { run_engine(); }) == ThreadStart::kStarted;
}

void Runtime::run_engine() {
  int idle_turns = 0;
  while (!is_stopping_.load(std::memory_order_acquire)) {
    const bool ran = posted_.run_posted();
    if (engine_->turn(256) != 0 || ran) {
      idle_turns = 0;
    } else {
      idle(++idle_turns);
    }
  }
  // Nobody waits for posted work now: stop() holds the mutex that callers of run() take.
}

// Producers never make a system call to wake the engine, so parking is a short sleep: an order that
// finds it asleep waits kIdleSleep longer. Stop and posted work are looked at in every turn.
void Runtime::idle(int turns) const noexcept {
  switch (engine_wait_) {
    case WaitKind::kSpin:
      return;
    case WaitKind::kPause:
      return spin_pause();
    case WaitKind::kSpinYield:
      spin_pause();
      if (turns > kIdleSpins) std::this_thread::yield();
      return;
    case WaitKind::kYield:
      return std::this_thread::yield();
    case WaitKind::kPark:
      if (turns > kIdleSpins) std::this_thread::sleep_for(kIdleSleep);
  }
}

WarmUpReport Runtime::warm_up(std::uint32_t orders) {
  // Its memory is taken here, its orders run there. It stays until the end: giving memory back
  // makes every processor forget where all memory is.
  if (shadow_ == nullptr) shadow_ = std::make_unique<WarmUp>();
  WarmUpReport report;
  run([&] {
    report = shadow_->run(orders);
    engine_->prepare_routes();
    touch(*state_, instance_);
    engine_->touch();
    const auto& ring = journal_->ring();
    constexpr std::uint64_t kAhead = 4096;
    for (std::uint64_t at = 0; at < kAhead; at += kCacheLine)
      __builtin_prefetch(ring.at(ring.published_position() + at), 1);
    constexpr std::uint32_t kAgain = 32;  // the code comes last: it is used by every order
    (void)shadow_->run(std::min(orders, kAgain));
    for (std::uint32_t i = 0; i < kAgain; ++i) (void)engine_->now_ns();  // the shadow's is virtual
  });
  return report;
}

platform::MemoryReport Runtime::memory_report() const {
  platform::MemoryReport report = memory_;
  report.measure(platform::KernelNodeCalls(), platform::KernelText());
  return report;
}

const platform::HardwareCounters& Runtime::hardware_counters() {
  if (hardware_counters_ == nullptr) {
    run([&] { hardware_counters_ = std::make_unique<platform::HardwareCounters>(); });
  }
  return *hardware_counters_;
}

void Runtime::run(const std::function<void()>& work) {
  const std::lock_guard<std::mutex> lock(run_mutex_);
  if (!is_pinned()) return work();
  const auto deadline = std::chrono::steady_clock::now() + kPostDeadline;
  const auto goes_on = [&] {
    std::this_thread::yield();
    return std::chrono::steady_clock::now() <= deadline;
  };
  if (!posted_.run(work, goes_on)) throw std::runtime_error("engine: no answer within 10 s");
}

void Runtime::run_seal() {
  while (!is_stopping_.load(std::memory_order_acquire)) {
    const telemetry::Ticks begin = measurement_.timestamp();
    const auto result = journal_->sealer().step();
    if (result == journal::SealResult::kSealed || result == journal::SealResult::kSpareMade) {
      measurement_.record(telemetry::Stage::kSeal, begin);
    }
    if (result == journal::SealResult::kIdle || result == journal::SealResult::kFailed) {
      std::this_thread::sleep_for(kSealPeriod);
    }
  }
}

bool Runtime::stop() {
  const std::lock_guard<std::mutex> lock(run_mutex_);
  if (!is_open_) return true;
  is_open_ = false;
  is_stopping_.store(true, std::memory_order_release);
  engine_thread_.join();
  seal_thread_.join();
  Stopped stopped{};
  stopped.open_orders = state_->orders.open_count();
  (void)engine_->record_control(RecordKind::kStopped, stopped);
  engine_->close();
  return journal_->close(wall_ns());
}

}  // namespace gateway
