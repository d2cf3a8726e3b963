// What the machine costs, and what a lane between two threads costs on it.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "benches.hpp"
#include "gateway_core/ring/spsc_lane.hpp"

namespace gateway::bench {
namespace {

struct alignas(128) Word {
  std::atomic<std::uint64_t> value{0};
};

/// Each waits for the other in a loop that never sleeps: on a machine with other work a round may
/// take a time slice, so a shortened run has few.
std::uint64_t rounds_of(const Place& place) {
  return static_cast<std::uint64_t>(97'000 * place.scale) + 3'000;
}

/// Round trip of one number between two threads, over one cache line or one for each direction.
double ping_pong_ns(const Place& place, bool has_two_lines) {
  const std::uint64_t rounds = rounds_of(place);
  Word lines[2];
  auto& there = lines[0].value;
  auto& back = has_two_lines ? lines[1].value : lines[0].value;
  double best = 1e300;
  for (int repeat = 0; repeat < 7; ++repeat) {
    there = back = 0;
    std::thread echo([&] {
      if (place.other_cpu >= 0) (void)pin_to(place.other_cpu);
      for (std::uint64_t i = 1; i <= rounds; ++i) {
        while (there.load(std::memory_order_acquire) != 2 * i - 1) continue;
        back.store(2 * i, std::memory_order_release);
      }
    });
    const std::int64_t begin = steady_ns();
    for (std::uint64_t i = 1; i <= rounds; ++i) {
      there.store(2 * i - 1, std::memory_order_release);
      while (back.load(std::memory_order_acquire) != 2 * i) continue;
    }
    best = std::min(best, static_cast<double>(steady_ns() - begin) / static_cast<double>(rounds));
    echo.join();
  }
  return best;
}

double fdatasync_ns(const Place& place) {
  const std::string path = place.directory + "/fdatasync.probe";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || ::posix_fallocate(file, 0, 1 << 20) != 0) {
    throw std::runtime_error("bench: no probe file in " + place.directory);
  }
  char block[4096] = {1};
  Samples samples(200);
  while (!samples.is_full()) {
    (void)!::pwrite(file, block, sizeof block, 0);
    const std::uint64_t begin = stamp();
    ::fdatasync(file);
    samples.add(begin, stamp());
  }
  ::close(file);
  ::unlink(path.c_str());
  return samples.quantile_ns(0.5);
}

double memcpy_128_ns() {
  static std::byte source[4096];
  static std::byte target[4096];
  return best_ns(20, 32'000, [&] {
    for (int i = 0; i < 32'000; ++i) {
      std::memcpy(target + (i & 31) * 128, source + (i & 31) * 128, 128);
      keep(target);
    }
  });
}

}  // namespace

Figures machine_costs(const Place& place) {
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  std::atomic<std::uint64_t> counter{0};
  const double cas = best_ns(20, 10'000, [&] {
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      std::uint64_t expected = counter.load(std::memory_order_relaxed);
      keep(counter.compare_exchange_strong(expected, expected + 1));
    }
  });
  const double timer = best_ns(20, 10'000, [&] {
    for (int i = 0; i < 10'000; ++i) {
      timespec now{};
      clock_gettime(CLOCK_MONOTONIC, &now);
      keep(now);
    }
  });
  return {{"cas", cas},
          {"ping_pong_1", ping_pong_ns(place, false)},
          {"ping_pong_2", ping_pong_ns(place, true)},
          {"memcpy_128", memcpy_128_ns()},
          {"timer", timer},
          {"fdatasync", fdatasync_ns(place)}};
}

namespace {

using Lane = SpscLane<128>;

double lane_round_trip_ns(const Place& place) {
  const std::uint64_t rounds = rounds_of(place);
  double best = 1e300;
  for (int repeat = 0; repeat < 7; ++repeat) {
    Lane there(1'024);
    Lane back(1'024);
    std::thread echo([&] {
      if (place.other_cpu >= 0) (void)pin_to(place.other_cpu);
      for (std::uint64_t i = 0; i < rounds; ++i) {
        while (there.size() == 0) continue;
        (void)back.push(there.peek());
        there.pop();
      }
    });
    std::byte entry[128] = {};
    const std::int64_t begin = steady_ns();
    for (std::uint64_t i = 0; i < rounds; ++i) {
      (void)there.push(entry);
      while (back.size() == 0) continue;
      std::memcpy(entry, back.peek(), sizeof entry);
      back.pop();
    }
    best = std::min(best, static_cast<double>(steady_ns() - begin) / static_cast<double>(rounds));
    echo.join();
  }
  return best;
}

double lane_items_per_second(const Place& place) {
  const auto items = static_cast<std::uint64_t>(10'000'000 * place.scale) + 100'000;
  double best = 0;
  for (int repeat = 0; repeat < 3; ++repeat) {
    Lane lane(4'096);
    std::thread consumer([&] {
      if (place.other_cpu >= 0) (void)pin_to(place.other_cpu);
      std::uint64_t seen = 0;
      std::byte taken[128];
      while (seen < items) {
        const std::size_t waiting = lane.size();
        if (waiting == 0) continue;
        for (std::size_t i = 0; i < waiting; ++i) {
          std::memcpy(taken, lane.peek(i), sizeof taken);
          keep(taken);
        }
        lane.pop(waiting);
        seen += waiting;
      }
    });
    std::byte entry[128] = {};
    const std::int64_t begin = steady_ns();
    for (std::uint64_t i = 0; i < items; ++i) {
      while (!lane.push(entry)) continue;
    }
    consumer.join();
    best =
        std::max(best, static_cast<double>(items) * 1e9 / static_cast<double>(steady_ns() - begin));
  }
  return best;
}

}  // namespace

Figures rings(const Place& place) {
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  // Beside each other: the ratio of two figures of one moment means something.
  const double round_trip = lane_round_trip_ns(place);
  return {{"round_trip", round_trip},
          {"ping_pong_2", ping_pong_ns(place, true)},
          {"items_per_second", lane_items_per_second(place)}};
}

}  // namespace gateway::bench
