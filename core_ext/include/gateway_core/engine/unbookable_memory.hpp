// Venue facts that could not be booked and have left an anomaly or a latch: told again, they leave
// no second one, so that a person may lift a latch. Executions are kept whole, for a person may say
// that one is real. Volatile: after a restart a repeat leaves one more. Engine thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

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
  struct Kept {
    OrderFilled fill{};
    AnomalyCode code = AnomalyCode::kNone;  // kNone: no execution
  };

  [[nodiscard]] bool has(Key128 key) const noexcept { return place_of(key) != held(); }
  /// A full memory forgets its oldest.
  void note(Key128 key) noexcept {
    const std::size_t place = noted_++ % kKeys;
    keys_[place] = key;
    kept_[place].code = AnomalyCode::kNone;
  }
  /// The fact that was noted last is this execution.
  void keep(const OrderFilled& fill, AnomalyCode code) noexcept {
    kept_[(noted_ - 1) % kKeys] = {fill, code};
  }
  /// nullptr = no execution of this key is kept.
  [[nodiscard]] const Kept* find(Key128 key) const noexcept {
    const std::size_t place = place_of(key);
    const bool is_kept = place != held() && kept_[place].code != AnomalyCode::kNone;
    return is_kept ? &kept_[place] : nullptr;
  }
  template <typename Visit>
  void for_each_fill(Visit&& visit) const {
    for (std::size_t place = 0; place < held(); ++place) {
      if (kept_[place].code != AnomalyCode::kNone) visit(keys_[place], kept_[place]);
    }
  }

 private:
  static constexpr std::size_t kKeys = 256;
  [[nodiscard]] std::size_t held() const noexcept { return std::min(noted_, kKeys); }
  [[nodiscard]] std::size_t place_of(Key128 key) const noexcept {
    return static_cast<std::size_t>(std::find(keys_, keys_ + held(), key) - keys_);
  }
  Key128 keys_[kKeys]{};
  std::unique_ptr<Kept[]> kept_ = std::make_unique<Kept[]>(kKeys);
  std::size_t noted_ = 0;
};

}  // namespace gateway
