// Cache events that the processor counts for one thread, where kernel and machine permit it. What
// is not permitted is unavailable by name, never zero. Reading costs a system call per event: never
// on an order's way.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace gateway::platform {

enum class CacheEvent : std::uint8_t {
  kCycles,
  kInstructions,
  kL1dReads,
  kL1dReadMisses,
  kLastLevelReferences,
  kLastLevelMisses,
  kTlbReadMisses,
};
inline constexpr std::size_t kCacheEvents = 7;

/// The word of an event in metrics and commands.
[[nodiscard]] const char* name(CacheEvent event) noexcept;

/// Opens one event for the calling thread, user space only: a descriptor, or -errno.
using OpenEvent = int (*)(CacheEvent event);
[[nodiscard]] int open_for_this_thread(CacheEvent event);

class HardwareCounters {
 public:
  /// On the thread that is to be counted.
  explicit HardwareCounters(OpenEvent open = &open_for_this_thread) noexcept;
  HardwareCounters(const HardwareCounters&) = delete;
  HardwareCounters& operator=(const HardwareCounters&) = delete;
  ~HardwareCounters();

  /// Since the construction; none = unavailable. Any thread.
  [[nodiscard]] std::optional<std::uint64_t> read(CacheEvent event) const noexcept;
  /// Why the event is unavailable: an errno, 0 = it is available.
  [[nodiscard]] int refused_errno(CacheEvent event) const noexcept;

 private:
  std::array<int, kCacheEvents> descriptors_;  // -errno where there is none
};

}  // namespace gateway::platform
