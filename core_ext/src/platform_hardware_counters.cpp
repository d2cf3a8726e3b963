// perf_event_open(2), one event at a time: a machine may have some and not others.
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "gateway_core/platform/hardware_counters.hpp"

namespace gateway::platform {
namespace {

struct Kind {
  const char* name;
  std::uint32_t type;
  std::uint64_t config;
};

constexpr std::uint64_t cache(std::uint64_t which, std::uint64_t result) {
  return which | (std::uint64_t{PERF_COUNT_HW_CACHE_OP_READ} << 8) | (result << 16);
}

constexpr Kind kKinds[kCacheEvents] = {
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"l1d_reads", PERF_TYPE_HW_CACHE,
     cache(PERF_COUNT_HW_CACHE_L1D, PERF_COUNT_HW_CACHE_RESULT_ACCESS)},
    {"l1d_read_misses", PERF_TYPE_HW_CACHE,
     cache(PERF_COUNT_HW_CACHE_L1D, PERF_COUNT_HW_CACHE_RESULT_MISS)},
    {"last_level_references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"last_level_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"tlb_read_misses", PERF_TYPE_HW_CACHE,
     cache(PERF_COUNT_HW_CACHE_DTLB, PERF_COUNT_HW_CACHE_RESULT_MISS)},
};

[[nodiscard]] constexpr std::size_t at(CacheEvent event) { return static_cast<std::size_t>(event); }

}  // namespace

const char* name(CacheEvent event) noexcept { return kKinds[at(event)].name; }

int open_for_this_thread(CacheEvent event) {
  const Kind& kind = kKinds[at(event)];
  perf_event_attr wanted{};
  wanted.size = sizeof wanted;
  wanted.type = kind.type;
  wanted.config = kind.config;
  wanted.exclude_kernel = 1;  // what an ordinary user may count
  wanted.exclude_hv = 1;
  const long opened = ::syscall(SYS_perf_event_open, &wanted, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  return opened < 0 ? -errno : static_cast<int>(opened);
}

HardwareCounters::HardwareCounters(OpenEvent open) noexcept {
  for (std::size_t i = 0; i < kCacheEvents; ++i) {
    descriptors_[i] = open(static_cast<CacheEvent>(i));
  }
}

HardwareCounters::~HardwareCounters() {
  for (const int descriptor : descriptors_) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

std::optional<std::uint64_t> HardwareCounters::read(CacheEvent event) const noexcept {
  const int descriptor = descriptors_[at(event)];
  std::uint64_t value = 0;
  if (descriptor < 0 || ::read(descriptor, &value, sizeof value) != sizeof value) return {};
  return value;
}

int HardwareCounters::refused_errno(CacheEvent event) const noexcept {
  return descriptors_[at(event)] < 0 ? -descriptors_[at(event)] : 0;
}

}  // namespace gateway::platform
