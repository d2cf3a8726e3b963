// How old the lots of a position are, weighted by size. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "gateway_core/ledger/lot.hpp"

namespace gateway {

struct LotAges {
  std::int64_t quantity = 0;  // 0 = nothing is open
  std::int64_t oldest_ns = std::numeric_limits<std::int64_t>::max();
  Int128 weighted = 0;  // quantity by time: quantities add up to one position's, so this is exact
  // Opened behind each edge and behind none before it; the last part is older than all edges.
  std::vector<std::int64_t> parts;

  [[nodiscard]] std::int64_t average_ns() const noexcept {
    return quantity == 0 ? 0 : static_cast<std::int64_t>(weighted / quantity);
  }
};

/// `edges_ns` go backwards in time.
[[nodiscard]] inline LotAges ages_of(std::span<const ledger::Lot> lots,
                                     std::span<const std::int64_t> edges_ns) {
  LotAges ages;
  ages.parts.resize(edges_ns.size() + 1);
  for (const ledger::Lot& lot : lots) {
    if (lot.quantity == 0) continue;  // given away before its turn
    const auto edge =
        std::ranges::find_if(edges_ns, [&](std::int64_t ns) { return lot.opened_ns > ns; });
    ages.parts[static_cast<std::size_t>(edge - edges_ns.begin())] += lot.quantity;
    ages.quantity += lot.quantity;
    ages.oldest_ns = std::min(ages.oldest_ns, lot.opened_ns);
    ages.weighted += static_cast<Int128>(lot.quantity) * lot.opened_ns;
  }
  return ages;
}

}  // namespace gateway
