// Pro-rata: how a quantity is shared among those who wait at one price. Pure; must never create or
// lose a unit: the shares sum to the quantity, or to everything when the quantity is larger.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gateway_core/book/order_pool.hpp"
#include "gateway_core/book/rules.hpp"
#include "gateway_core/types/fixed_point.hpp"

namespace gateway {

/// One who waits, in time order. kNoSlot is the market's displayed quantity, older than all.
struct Claim {
  Slot slot = kNoSlot;
  std::int64_t size = 0;
  std::int64_t share = 0;
};

/// Three steps. 1: everybody's share is quantity * size / sum of sizes, rounded down to lots; a
/// share below the minimum is none. 2 (largest remainder only): one lot each to the largest
/// rounded-off fractions, ties to the oldest, among those whose share stood. 3: what is left,
/// oldest first, each up to its size. So at most one claim gets a part of itself below the minimum.
class ProRata {
 public:
  ProRata(std::int64_t lot, std::int64_t minimum, Remainder remainder)
      : lot_(lot), minimum_(minimum), remainder_(remainder) {}

  /// Sets the shares. Allocates only when more claims come than ever before.
  void allocate(std::vector<Claim>& claims, std::int64_t quantity) {
    std::int64_t sum = 0;
    for (const Claim& claim : claims) sum += claim.size;
    if (quantity >= sum) {
      for (Claim& claim : claims) claim.share = claim.size;
      return;
    }
    std::int64_t left = give_shares(claims, quantity, sum);
    if (remainder_ == Remainder::kLargest) left = give_lots(claims, left);
    for (Claim& claim : claims) {
      const std::int64_t more = std::min(left, claim.size - claim.share);
      claim.share += more;
      left -= more;
    }
  }

 private:
  struct Fraction {
    UInt128 rest;  // of the same divisor for all
    std::size_t claim;
  };

  std::int64_t give_shares(std::vector<Claim>& claims, std::int64_t quantity, std::int64_t sum) {
    const UInt128 divisor = static_cast<UInt128>(sum) * static_cast<UInt128>(lot_);
    std::int64_t left = quantity;
    fractions_.clear();
    for (std::size_t i = 0; i < claims.size(); ++i) {
      Claim& claim = claims[i];
      const UInt128 exact = static_cast<UInt128>(quantity) * static_cast<UInt128>(claim.size);
      const UInt128 lots = exact / divisor;
      claim.share = static_cast<std::int64_t>(lots) * lot_;
      if (claim.share < minimum_) {
        claim.share = 0;
        continue;
      }
      left -= claim.share;
      fractions_.push_back({exact - lots * divisor, i});
    }
    return left;
  }

  std::int64_t give_lots(std::vector<Claim>& claims, std::int64_t left) {
    std::sort(fractions_.begin(), fractions_.end(), [](const Fraction& a, const Fraction& b) {
      return a.rest != b.rest ? a.rest > b.rest : a.claim < b.claim;
    });
    for (const Fraction& fraction : fractions_) {
      Claim& claim = claims[fraction.claim];
      if (left < lot_) break;
      if (claim.size - claim.share < lot_) continue;
      claim.share += lot_;
      left -= lot_;
    }
    return left;
  }

  std::int64_t lot_;
  std::int64_t minimum_;
  Remainder remainder_;
  std::vector<Fraction> fractions_;  // scratch
};

}  // namespace gateway
