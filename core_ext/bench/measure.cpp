// The timer's calibration and the quantiles.
#include "measure.hpp"

#include <sched.h>
#include <unistd.h>

#include <cstdio>

namespace gateway::bench {

const Timer& Timer::get() {
  static const Timer timer = [] {
    Timer made;
    const std::int64_t begin_ns = steady_ns();
    const std::uint64_t begin = stamp();
    while (steady_ns() - begin_ns < 50'000'000) continue;
    const auto ticks = static_cast<double>(stamp() - begin);
    made.ns_per_tick = static_cast<double>(steady_ns() - begin_ns) / ticks;
    std::vector<std::uint64_t> empty(10'001);
    for (auto& one : empty) {
      const std::uint64_t first = stamp();
      one = stamp() - first;
    }
    std::nth_element(empty.begin(), empty.begin() + 5'000, empty.end());
    made.empty_ticks = empty[5'000];
    return made;
  }();
  return timer;
}

double Samples::quantile_ns(double share) {
  if (ticks_.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(ticks_.size() - 1));
  std::nth_element(ticks_.begin(), ticks_.begin() + static_cast<std::ptrdiff_t>(at), ticks_.end());
  const double ticks =
      static_cast<double>(ticks_[at]) - static_cast<double>(Timer::get().empty_ticks);
  return std::max(ticks, 0.0) * Timer::get().ns_per_tick;
}

bool pin_to(int cpu) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

double resident_mib() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  long total = 0;
  long resident = 0;
  const int found = std::fscanf(file, "%ld %ld", &total, &resident);
  std::fclose(file);
  if (found != 2) return 0;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace gateway::bench
