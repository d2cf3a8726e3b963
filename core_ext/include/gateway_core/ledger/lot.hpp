// Lots: what was opened together, and in which order the methods give it away again. A method
// chooses which lots a close takes and nothing else, so that realised - cost is the same for all.
// Exact integers; every division is half-even and what it leaves stays in the lot.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include "gateway_core/types/fixed_point.hpp"

namespace gateway::ledger {

/// Values are in reports: append only.
enum class LotMethod : std::uint8_t {
  kFifo = 0,      // oldest first
  kLifo = 1,      // newest first
  kHifo = 2,      // the highest cost of a unit first: least profit now
  kSpecific = 3,  // the lots that somebody named, else the oldest
  kAverage = 4,   // weighted average cost: no lots, the engine's own books
};
inline constexpr std::size_t kLotMethods = 5;
inline constexpr std::size_t kMethodsWithLots = 4;

[[nodiscard]] constexpr std::string_view name(LotMethod method) noexcept {
  constexpr std::string_view kNames[] = {"fifo", "lifo", "hifo", "specific", "wac"};
  static_assert(std::size(kNames) == kLotMethods);
  const auto index = static_cast<std::size_t>(method);
  return index < kLotMethods ? kNames[index] : std::string_view{};
}

/// One lot, one cache line. Quantities are magnitudes; cost has the sign of a book's cost.
struct Lot {
  Int128 cost_e18 = 0;        // of what is left
  Int128 first_cost_e18 = 0;  // of all of it
  std::int64_t quantity = 0;  // what is left
  std::int64_t first_quantity = 0;
  std::uint64_t id = 0;  // sequence of the record that opened it
  std::int64_t opened_ns = 0;
};
static_assert(sizeof(Lot) == 64);

/// Somebody's wish which lots the close in record `closed_by` takes.
struct Designation {
  std::uint64_t closed_by = 0;
  std::uint64_t lot = 0;
  Int128 quantity_e18 = 0;  // at 10^-18, because a wish does not know the instrument's scale
};

/// One lot's share of one close.
struct LotShare {
  std::uint64_t lot = 0;
  std::int64_t opened_ns = 0;
  std::int64_t quantity = 0;
  Int128 cost_e18 = 0;  // that left with it
  Int128 cash_e18 = 0;  // of the closing fill
};

namespace detail {

/// Whether a / b > c / d, with b and d above zero; exact.
[[nodiscard]] inline bool is_greater_ratio(Int128 a, std::int64_t b, Int128 c,
                                           std::int64_t d) noexcept {
  if ((a < 0) != (c < 0)) return c < 0;
  const auto left = gateway::detail::multiply_192(magnitude(a), static_cast<std::uint64_t>(d));
  const auto right = gateway::detail::multiply_192(magnitude(c), static_cast<std::uint64_t>(b));
  const bool is_more = left.high != right.high       ? left.high > right.high
                       : left.middle != right.middle ? left.middle > right.middle
                                                     : left.low > right.low;
  const bool is_equal =
      left.high == right.high && left.middle == right.middle && left.low == right.low;
  return a < 0 ? !is_more && !is_equal : is_more;
}

/// Whether `b` is given away before `a`. Ties: the older one first.
struct GoesAfter {
  [[nodiscard]] bool operator()(const Lot& a, const Lot& b) const noexcept {
    if (is_greater_ratio(b.first_cost_e18, b.first_quantity, a.first_cost_e18, a.first_quantity))
      return true;
    if (is_greater_ratio(a.first_cost_e18, a.first_quantity, b.first_cost_e18, b.first_quantity))
      return false;
    return a.opened_ns != b.opened_ns ? a.opened_ns > b.opened_ns : a.id > b.id;
  }
};

}  // namespace detail

/// Oldest first. Lots that were named before their turn leave empty places, which are given up when
/// they are more than half of all.
class LotQueue {
 public:
  void push(const Lot& lot) { lots_.push_back(lot); }
  [[nodiscard]] Lot& next() noexcept {
    for (; lots_[head_].quantity == 0; ++head_) --empty_;
    return lots_[head_];
  }
  /// The lot next() gave is empty.
  void pop() {
    if (++head_ < 64 || head_ * 2 < lots_.size()) return;
    lots_.erase(lots_.begin(), lots_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  [[nodiscard]] Lot* find(std::uint64_t id) noexcept {
    const auto begin = lots_.begin() + static_cast<std::ptrdiff_t>(head_);
    const auto found = std::find_if(
        begin, lots_.end(), [&](const Lot& lot) { return lot.id == id && lot.quantity != 0; });
    return found == lots_.end() ? nullptr : &*found;
  }
  /// The lot find() gave is empty. Places change.
  void vacate() {
    if (++empty_ < 64 || empty_ * 2 < lots_.size() - head_) return;
    std::erase_if(lots_, [](const Lot& lot) { return lot.quantity == 0; });
    head_ = empty_ = 0;
  }
  [[nodiscard]] std::span<const Lot> lots() const noexcept {
    return std::span(lots_).subspan(head_);
  }
  void clear() noexcept {
    lots_.clear();
    head_ = empty_ = 0;
  }

 private:
  std::vector<Lot> lots_;
  std::size_t head_ = 0;
  std::size_t empty_ = 0;  // from head_ on
};

/// Newest first.
class LotStack {
 public:
  void push(const Lot& lot) { lots_.push_back(lot); }
  [[nodiscard]] Lot& next() noexcept { return lots_.back(); }
  void pop() noexcept { lots_.pop_back(); }
  [[nodiscard]] std::span<const Lot> lots() const noexcept { return lots_; }
  void clear() noexcept { lots_.clear(); }

 private:
  std::vector<Lot> lots_;
};

/// Highest cost of a unit first; a push or a pop takes O(log n) steps.
class LotHeap {
 public:
  void push(const Lot& lot) {
    lots_.push_back(lot);
    std::push_heap(lots_.begin(), lots_.end(), detail::GoesAfter{});
  }
  [[nodiscard]] Lot& next() noexcept { return lots_.front(); }
  void pop() {
    std::pop_heap(lots_.begin(), lots_.end(), detail::GoesAfter{});
    lots_.pop_back();
  }
  [[nodiscard]] std::span<const Lot> lots() const noexcept { return lots_; }
  void clear() noexcept { lots_.clear(); }

 private:
  std::vector<Lot> lots_;
};

/// Takes up to `quantity` out of one lot and tells `take(share)`. `cash_e18` is what is left of the
/// closing fill's cash for `left`; both go down by the share. Returns the cost that leaves.
template <typename Take>
Int128 close_share(Lot& lot, std::int64_t quantity, std::int64_t& left, Int128& cash_e18,
                   Take&& take) noexcept {
  const Int128 cash = quantity < left ? *mul_div(cash_e18, quantity, left) : cash_e18;
  const Int128 cost =
      quantity < lot.quantity ? *mul_div(lot.cost_e18, quantity, lot.quantity) : lot.cost_e18;
  take(LotShare{lot.id, lot.opened_ns, quantity, cost, cash});
  lot.quantity -= quantity;
  lot.cost_e18 -= cost;
  left -= quantity;
  cash_e18 -= cash;
  return cost;
}

/// Closes `left` units over the lots in their order; the caller knows that there are so many.
/// Returns the cost that leaves.
template <typename Lots, typename Take>
Int128 close_in_order(Lots& lots, std::int64_t left, Int128 cash_e18, Take&& take) {
  Int128 released = 0;
  while (left > 0) {
    Lot& lot = lots.next();
    released += close_share(lot, std::min(left, lot.quantity), left, cash_e18, take);
    if (lot.quantity == 0) lots.pop();
  }
  return released;
}

/// The named lots first, as far as they reach, then the oldest. `unit_e18` is one of the quantity's
/// smallest units.
template <typename Take>
Int128 close_named(LotQueue& lots, std::span<const Designation> named, Int128 unit_e18,
                   std::int64_t left, Int128 cash_e18, Take&& take) {
  Int128 released = 0;
  for (const Designation& wish : named) {
    Lot* lot = lots.find(wish.lot);
    if (lot == nullptr) continue;
    const Int128 most = std::min(left, lot->quantity);
    const auto quantity = static_cast<std::int64_t>(std::min(wish.quantity_e18 / unit_e18, most));
    if (quantity > 0) released += close_share(*lot, quantity, left, cash_e18, take);
    if (lot->quantity == 0) lots.vacate();
  }
  return released + close_in_order(lots, left, cash_e18, take);
}

}  // namespace gateway::ledger
