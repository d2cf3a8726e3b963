// The newest refusals of the gate with the orders they met, so that whoever was refused may ask for
// more than a notice holds. Volatile; engine thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gateway_core/risk/risk_gate.hpp"
#include "gateway_core/state/route.hpp"

namespace gateway {

/// What a refused order may know beyond its notice.
struct RefusalDetails {
  Level level = Level::kFirm;
  std::uint32_t id = 0;
  std::int64_t unknown = 0;           // share of UNKNOWN orders in `working`, in the rule's unit;
                                      // at least, where more than a thousand are unknown
  std::int64_t nearest_quantity = 0;  // largest that passes now, mantissa; 0 = none
};

class RefusalMemory {
 public:
  struct Entry {
    std::uint64_t request = 0;
    std::uint32_t port = 0;  // 0 = nobody asks
    Route* route = nullptr;
    GateOrder order{};
    GateVerdict verdict;
  };
  /// The gate said no; who asked is not known yet.
  void note(Route& route, const GateOrder& order, const GateVerdict& verdict) noexcept {
    Entry& entry = entries_[next_ % kEntries];
    entry.port = 0;
    entry.route = &route;
    entry.order = order;
    entry.verdict = verdict;
  }
  /// The refusal that was noted last is the answer to this request.
  void name(std::uint32_t port, std::uint64_t request) noexcept {
    Entry& entry = entries_[next_ % kEntries];
    if (entry.route == nullptr) return;
    entry.port = port;
    entry.request = request;
    ++next_;
    entries_[next_ % kEntries].route = nullptr;
  }
  /// nullptr: forgotten, or not refused by the gate.
  [[nodiscard]] const Entry* find(std::uint32_t port, std::uint64_t request) const noexcept {
    for (const Entry& entry : entries_) {
      const bool is_it = entry.port == port && entry.request == request;
      if (port != 0 && is_it && entry.route != nullptr) return &entry;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kEntries = 128;
  Entry entries_[kEntries];
  std::size_t next_ = 0;
};

}  // namespace gateway
