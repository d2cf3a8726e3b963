// Wash sales as 26 U.S.C. 1091 and 26 CFR 1.1091-1 and -2 describe them: a loss does not count as
// far as the same thing was acquired from 30 days before to 30 days after; it goes into the basis
// of what was acquired, earliest first, together with the time for which the sold units were held.
#include <algorithm>
#include <deque>
#include <numeric>
#include <span>
#include <unordered_map>

#include "gateway_core/ledger/disposals.hpp"

namespace gateway::ledger {
namespace {

constexpr std::int64_t kDay_ns = 86'400'000'000'000;
constexpr std::int64_t kWindowDays = 30;

/// The law counts days; ours are those of UTC.
std::int64_t day_of(std::int64_t time_ns) noexcept {
  return time_ns / kDay_ns - (time_ns % kDay_ns < 0 ? 1 : 0);
}

/// Units of a lot that took up a loss; they are given away before the others of the lot.
struct Carried {
  std::int64_t quantity;
  Int128 amount_e18;
  std::int64_t earlier_ns;
};

struct Held {
  std::int64_t free;  // held, and not yet a replacement
  std::deque<Carried> carried;
};

/// Part of an amount for part of a quantity; the whole for the whole.
Int128 part_of(Int128 amount, std::int64_t part, std::int64_t whole) noexcept {
  return part == whole ? amount : *mul_div(amount, part, whole);
}

class WashSale {
 public:
  explicit WashSale(const std::vector<Acquisition>& acquisitions)
      : acquisitions_(acquisitions), next_(acquisitions.size() + 1) {
    std::iota(next_.begin(), next_.end(), std::size_t{0});
    for (std::size_t at = 0; at < acquisitions.size(); ++at) {
      held_.push_back({acquisitions[at].quantity, {}});
      place_of_lot_[acquisitions[at].lot] = at;
    }
  }

  /// Splits what one record closed by what its units carry, and each part by the rule. All of it
  /// is gone before any of it is replaced: what was sold together replaces nothing of itself.
  void dispose(std::span<const Disposal> together, std::vector<Disposal>& out) {
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    for (Disposal whole : together) {
      const std::size_t own = place_of_lot_.at(whole.lot);
      while (whole.quantity > 0) out.push_back(take(whole, held_[own]));
      if (held_[own].free == 0) next_[own] = own + 1;
    }
    for (auto part = out.begin() + first; part != out.end(); ++part) {
      disallow(*part, place_of_lot_.at(part->lot));
    }
  }

  void tell_waiting(std::vector<CarriedLoss>& out) const {
    for (std::size_t at = 0; at < held_.size(); ++at) {
      for (const Carried& each : held_[at].carried) {
        out.push_back({acquisitions_[at].book, acquisitions_[at].lot, each.quantity,
                       each.amount_e18, each.earlier_ns});
      }
    }
  }

 private:
  /// The next units of the lot, with what they carry; `whole` shrinks by them.
  static Disposal take(Disposal& whole, Held& lot) {
    Disposal part = whole;
    if (lot.carried.empty()) {
      lot.free -= whole.quantity;
      whole.quantity = 0;
      return part;
    }
    Carried& carried = lot.carried.front();
    part.quantity = std::min(carried.quantity, whole.quantity);
    part.carried_e18 = part_of(carried.amount_e18, part.quantity, carried.quantity);
    part.held_from_ns = part.opened_ns - carried.earlier_ns;
    part.cost_e18 = part_of(whole.cost_e18, part.quantity, whole.quantity);
    part.cash_e18 = part_of(whole.cash_e18, part.quantity, whole.quantity);
    part.realised_e18 = -part.cash_e18 - part.cost_e18;
    whole.cost_e18 -= part.cost_e18;
    whole.cash_e18 -= part.cash_e18;
    whole.realised_e18 -= part.realised_e18;
    whole.quantity -= part.quantity;
    carried.amount_e18 -= part.carried_e18;
    carried.quantity -= part.quantity;
    if (carried.quantity == 0) lot.carried.pop_front();
    return part;
  }

  void disallow(Disposal& part, std::size_t own) {
    Int128 loss = part.carried_e18 - part.realised_e18;
    std::int64_t left = part.quantity;
    if (loss <= 0) return;
    const std::int64_t day = day_of(part.closed_ns);
    while (first_ < acquisitions_.size() &&
           day_of(acquisitions_[first_].opened_ns) < day - kWindowDays) {
      ++first_;  // disposals come by time, so it is out of every later window too
    }
    for (std::size_t at = available(first_);
         left > 0 && at < acquisitions_.size() &&
         day_of(acquisitions_[at].opened_ns) <= day + kWindowDays;
         at = available(at + 1)) {
      if (at == own) continue;  // the rest of a lot does not replace a part of it
      Held& lot = held_[at];
      const std::int64_t matched = std::min(left, lot.free);
      const Int128 amount = part_of(loss, matched, left);
      lot.carried.push_back({matched, amount, part.closed_ns - part.held_from_ns});
      lot.free -= matched;
      if (lot.free == 0) next_[at] = at + 1;
      part.disallowed_e18 += amount;
      loss -= amount;
      left -= matched;
    }
  }

  /// The first acquisition from `at` on that has units to spare; ways are shortened as they are
  /// walked.
  std::size_t available(std::size_t at) noexcept {
    while (next_[at] != at) {
      next_[at] = next_[next_[at]];
      at = next_[at];
    }
    return at;
  }

  const std::vector<Acquisition>& acquisitions_;
  std::vector<Held> held_;
  std::vector<std::size_t> next_;
  std::size_t first_ = 0;
  std::unordered_map<std::uint64_t, std::size_t> place_of_lot_;
};

}  // namespace

void apply_wash_sale(std::vector<Disposal>& disposals, const std::vector<Acquisition>& acquisitions,
                     std::vector<CarriedLoss>& waiting) {
  WashSale rule(acquisitions);
  std::vector<Disposal> out;
  const auto is_of_another_record = [](const Disposal& a, const Disposal& b) {
    return a.closed_by != b.closed_by;
  };
  for (auto from = disposals.begin(); from != disposals.end();) {
    const auto last = std::adjacent_find(from, disposals.end(), is_of_another_record);
    const auto to = last == disposals.end() ? last : last + 1;
    rule.dispose({from, to}, out);
    from = to;
  }
  rule.tell_waiting(waiting);
  disposals = std::move(out);
}

}  // namespace gateway::ledger
