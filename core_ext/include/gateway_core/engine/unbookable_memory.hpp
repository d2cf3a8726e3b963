// Venue facts that could not be booked and have left an anomaly or a latch: told again, they leave
// no second one, so that a person may lift a latch. Volatile: after a restart a repeat leaves one
// more. Engine thread.
#pragma once

#include <algorithm>
#include <cstddef>

#include "gateway_core/memory/key_table.hpp"

namespace gateway {

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
