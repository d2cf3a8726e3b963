// Venue facts that could not be booked and have left an anomaly or a latch: told again, they leave
// no second one, so that a person may lift a latch. Volatile: after a restart a repeat leaves one
// more. Engine thread.
#pragma once

#include <algorithm>
#include <cstddef>

#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/record/kinds.hpp"

namespace gateway {

/// By how much the two times of one fill or payment may differ, in a stream and in a list.
inline constexpr std::int64_t kAmbiguousNs = 1'000'000'000;
/// Whether something of that venue time may be among what was forgotten up to another one, 0 =
/// nothing was. What has no time, or an impossible one, may always be.
[[nodiscard]] constexpr bool is_as_old(std::int64_t time_ns, std::int64_t forgotten_ns,
                                       std::int64_t now_ns) noexcept {
  const bool is_newer = time_ns > forgotten_ns + kAmbiguousNs && is_venue_time(time_ns, now_ns);
  return !is_newer && forgotten_ns != 0;
}

class UnbookableMemory {
 public:
  [[nodiscard]] bool has(Key128 key) const noexcept {
    return std::find(keys_, keys_ + held(), key) != keys_ + held();
  }
  /// A full memory forgets its oldest.
  void note(Key128 key) noexcept { keys_[noted_++ % kKeys] = key; }

 private:
  static constexpr std::size_t kKeys = 256;
  [[nodiscard]] std::size_t held() const noexcept { return std::min(noted_, kKeys); }
  Key128 keys_[kKeys]{};
  std::size_t noted_ = 0;
};

}  // namespace gateway
