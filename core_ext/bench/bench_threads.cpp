// What threads cost each other: lines that are shared, rings, lanes that are swept, ways to wait,
// and the first order of a process with and without a warm-up.
#include <sys/resource.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "benches.hpp"
#include "desk.hpp"
#include "gateway_core/ring/fair_turn.hpp"
#include "gateway_core/ring/mpmc_ring.hpp"
#include "gateway_core/ring/spsc_lane.hpp"
#include "gateway_core/ring/wait_strategy.hpp"

namespace gateway::bench {
namespace {

using Lane = SpscLane<128>;

/// Two threads, each adding to its own word `apart` bytes from the other's: nanoseconds per add,
/// the middle of all batches during which the other thread was seen to run.
double neighbours_ns(const Place& place, std::size_t apart) {
  constexpr std::uint64_t kBatch = 500;
  constexpr std::size_t kBatches = 20'000;
  struct alignas(4096) Page {
    std::byte bytes[4096];
  };
  const auto page = std::make_unique<Page>();
  const auto word = [&](std::size_t at) {
    return new (page->bytes + at) std::atomic<std::uint64_t>(0);
  };
  auto* const own = word(0);
  auto* const others = word(apart);
  std::atomic<bool> is_over{false};
  std::thread other([&] {
    if (place.other_cpu >= 0) (void)pin_to(place.other_cpu);
    while (!is_over.load(std::memory_order_relaxed)) {
      for (int i = 0; i < 64; ++i) others->fetch_add(1, std::memory_order_relaxed);
    }
  });
  Samples samples(kBatches);
  for (std::size_t batch = 0; batch < 4 * kBatches && !samples.is_full(); ++batch) {
    const std::uint64_t before = others->load(std::memory_order_relaxed);
    const std::uint64_t begin = stamp();
    for (std::uint64_t i = 0; i < kBatch; ++i) own->fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t end = stamp();
    const bool was_running = others->load(std::memory_order_relaxed) - before > kBatch / 4;
    if (was_running) samples.add(begin, end);
  }
  is_over = true;
  other.join();
  return samples.quantile_ns(0.5) / kBatch;
}

double lane_pass_ns() {
  Lane lane(1'024);
  return best_ns(20, 10'000, [&] {
    std::byte entry[128] = {};
    for (int i = 0; i < 10'000; ++i) {
      keep(lane.push(entry));
      keep(lane.size());
      lane.pop();
    }
  });
}

double mpmc_pass_ns() {
  struct Entry {
    std::byte bytes[128];
  };
  MpmcRing<Entry> ring(1'024);
  return best_ns(20, 10'000, [&] {
    Entry entry{};
    for (int i = 0; i < 10'000; ++i) {
      keep(ring.try_push(entry));
      keep(ring.try_pop(entry));
    }
  });
}

/// One look at `count` lanes of which one holds an entry.
double sweep_ns(std::size_t count) {
  std::vector<std::unique_ptr<Lane>> lanes;
  for (std::size_t i = 0; i < count; ++i) lanes.push_back(std::make_unique<Lane>(64));
  FairTurn turn;
  std::byte entry[128] = {};
  return best_ns(20, 1'000, [&] {
    for (std::size_t i = 0; i < 1'000; ++i) {
      keep(lanes[i % count]->push(entry));
      keep(turn.sweep(count, 256, [&](std::size_t lane, std::size_t share) {
        const std::size_t found = std::min(lanes[lane]->size(), share);
        lanes[lane]->pop(found);
        return found;
      }));
    }
  });
}

struct Waited {
  double wake_p50 = 0;
  double wake_p99 = 0;
  double idle_cpu_percent = 0;
};

double thread_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// A waiter on the other CPU, notified now and then after pauses of 50 us; then left alone.
Waited wait_cost(const Place& place, WaitKind kind) {
  const auto rounds = static_cast<std::size_t>(1'000 * place.scale) + 100;
  const auto idle_ns = static_cast<std::int64_t>(200e6 * place.scale) + 10'000'000;
  WaitStrategy waiting(kind);
  std::atomic<std::uint64_t> told{0}, heard{0};
  Samples samples(rounds);
  std::atomic<std::uint64_t> sent_at{0};
  double idle_cpu = 0;
  std::thread waiter([&] {
    if (place.other_cpu >= 0) (void)pin_to(place.other_cpu);
    const std::int64_t deadline = monotonic_ns() + 20'000'000'000;
    for (std::uint64_t i = 1; i <= rounds; ++i) {
      if (!waiting.wait_until(deadline, [&] { return told.load() >= i; })) return;
      samples.add(sent_at.load(), stamp());
      heard.store(i);
    }
    const double before = thread_seconds();
    (void)waiting.wait_until(monotonic_ns() + idle_ns, [] { return false; });
    idle_cpu = (thread_seconds() - before) * 1e9 / static_cast<double>(idle_ns) * 100;
  });
  const std::int64_t deadline = monotonic_ns() + 20'000'000'000;
  for (std::uint64_t i = 1; i <= rounds && monotonic_ns() < deadline; ++i) {
    const std::int64_t until = monotonic_ns() + 50'000;
    while (monotonic_ns() < until) spin_pause();
    sent_at.store(stamp());
    told.store(i);
    waiting.notify();
    while (heard.load() != i && monotonic_ns() < deadline) spin_pause();
  }
  waiter.join();
  return {samples.quantile_ns(0.5), samples.quantile_ns(0.99), idle_cpu};
}

}  // namespace

Figures threads(const Place& place) {
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  return {{"shared_line", neighbours_ns(place, 8)},
          {"next_line", neighbours_ns(place, kCacheLine)},
          {"next_pair", neighbours_ns(place, kFalseSharingRange)},
          {"lane_pass", lane_pass_ns()},
          {"mpmc_pass", mpmc_pass_ns()},
          {"sweep_1", sweep_ns(1)},
          {"sweep_8", sweep_ns(8)},
          {"sweep_64", sweep_ns(64)}};
}

Figures waits(const Place& place) {
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  constexpr std::pair<const char*, WaitKind> kKinds[] = {{"spin", WaitKind::kSpin},
                                                         {"pause", WaitKind::kPause},
                                                         {"spin_yield", WaitKind::kSpinYield},
                                                         {"yield", WaitKind::kYield},
                                                         {"park", WaitKind::kPark}};
  Figures out;
  for (const auto& [name, kind] : kKinds) {
    const Waited one = wait_cost(place, kind);
    out.emplace_back(std::string(name) + "_wake_p50", one.wake_p50);
    out.emplace_back(std::string(name) + "_wake_p99", one.wake_p99);
    out.emplace_back(std::string(name) + "_idle_cpu_percent", one.idle_cpu_percent);
  }
  return out;
}

Figures first_order(const Place& place, std::uint32_t warm_up_orders) {
  keep(Timer::get());  // takes a while: not between the warm-up and the first order
  const std::int64_t begun = steady_ns();
  Desk desk(place.desk());
  const std::int64_t opened = steady_ns();
  if (warm_up_orders != 0) keep(desk.runtime().warm_up(warm_up_orders));
  const std::int64_t warm = steady_ns();
  NewOrderMessage message;
  const auto one = [&] {
    desk.fill_order(message, TimeInForce::kIoc);
    const std::uint64_t before = stamp();
    const Notice notice = desk.engine().submit(message, desk.client().number);
    const std::uint64_t after = stamp();
    if (notice.refusal != 0) throw std::runtime_error("bench: an order was refused");
    desk.tell(RecordKind::kOrderExpired, notice.order_id);
    desk.drain();
    return static_cast<double>(after - before) * Timer::get().ns_per_tick;
  };
  rusage faults_before{}, faults_after{};
  ::getrusage(RUSAGE_THREAD, &faults_before);
  const double first = one();
  ::getrusage(RUSAGE_THREAD, &faults_after);
  const double second = one();
  Samples samples(2'000);
  while (!samples.is_full()) {
    desk.fill_order(message, TimeInForce::kIoc);
    const std::uint64_t before = stamp();
    const Notice notice = desk.engine().submit(message, desk.client().number);
    samples.add(before, stamp());
    desk.tell(RecordKind::kOrderExpired, notice.order_id);
    desk.drain();
  }
  return {
      {"first", first},
      {"first_page_faults", static_cast<double>(faults_after.ru_minflt - faults_before.ru_minflt)},
      {"second", second},
      {"steady_p50", samples.quantile_ns(0.5)},
      {"open_ms", static_cast<double>(opened - begun) * 1e-6},
      {"warm_up_ms", static_cast<double>(warm - opened) * 1e-6}};
}

}  // namespace gateway::bench
