// The past of a position, and doing it again when it was not what it seemed.
#include <algorithm>

#include "gateway_core/ledger/position_lots.hpp"

namespace gateway::ledger {

std::span<const Lot> LotState::lots_of(LotMethod method) const noexcept {
  switch (method) {
    case LotMethod::kFifo:
      return fifo.lots();
    case LotMethod::kLifo:
      return lifo.lots();
    case LotMethod::kHifo:
      return hifo.lots();
    case LotMethod::kSpecific:
      return specific.lots();
    case LotMethod::kAverage:
      break;
  }
  return {};
}

void LotState::open(const Lot& lot) {
  fifo.push(lot);
  lifo.push(lot);
  hifo.push(lot);
  specific.push(lot);
  for (Int128& cost : cost_e18) cost += lot.cost_e18;
}

void LotState::forget_lots() noexcept {
  fifo.clear();
  lifo.clear();
  hifo.clear();
  specific.clear();
}

// Arrival price: what the gate measured the order at when it came in, else its limit. Cash beyond
// the same quantity at that price; the fee is no part of it.
void LotState::measure_slippage(const Terms& terms, const Execution& fill) noexcept {
  const auto value = fill.arrival_price == 0 ? std::nullopt
                                             : value_of(terms.rules, fill.arrival_price,
                                                        terms.rules.price_scale, fill.quantity);
  Execution ideal = fill;
  Int128 slippage = 0;
  if (value) ideal.value_e18 = value->e18;
  if (!value || !gateway::detail::is_storable(value->e18) ||
      add_overflows(slippage_e18, cash_of(terms, fill) - cash_of(terms, ideal), slippage)) {
    ++unmeasured;
    return;
  }
  slippage_e18 = slippage;
}

std::span<const Designation> PositionLots::named(const Execution& fill) const noexcept {
  if (wishes_.empty()) [[likely]]
    return {};
  const auto [begin, end] =
      std::ranges::equal_range(wishes_, fill.sequence, {}, &Designation::closed_by);
  return {begin, end};
}

std::size_t PositionLots::place_of(std::uint64_t ordinal) const noexcept {
  for (std::size_t at = past_.size(); at != 0; --at) {
    if (past_[at - 1].ordinal == ordinal) return at - 1;
  }
  return past_.size();
}

const Execution* PositionLots::find(std::uint64_t ordinal) const noexcept {
  const std::size_t place = place_of(ordinal);
  return place == past_.size() ? nullptr : &past_[place];
}

// A window starts anew when it is full: what lay before the one before is forgotten. Copying a
// state costs as much as it has lots, so very many lots make the window longer.
void PositionLots::checkpoint() {
  const std::size_t open = now_.average.quantity == 0 ? 0 : now_.fifo.lots().size();
  if (past_.size() - middle_at_ < std::max(kWindow, open / 4)) return;
  if (!keeps_all_) {
    if (middle_at_ != 0) first_ = std::move(middle_);
    past_.erase(past_.begin(), past_.begin() + static_cast<std::ptrdiff_t>(middle_at_));
  }
  middle_ = now_;
  middle_at_ = past_.size();
}

bool PositionLots::add(const Execution& fill) {
  if (!execute(now_, terms_, fill, named(fill), NoShares{})) return false;
  past_.push_back(fill);
  checkpoint();
  return true;
}

bool PositionLots::redo(std::size_t from) {
  const bool is_after_middle = middle_at_ != 0 && from >= middle_at_;
  now_ = is_after_middle ? middle_ : first_;
  for (std::size_t at = is_after_middle ? middle_at_ : 0; at < past_.size(); ++at) {
    if (at == middle_at_ && !is_after_middle && at != 0) middle_ = now_;
    if (!execute(now_, terms_, past_[at], named(past_[at]), NoShares{})) return false;
  }
  if (middle_at_ == past_.size() && !is_after_middle && middle_at_ != 0) middle_ = now_;
  return true;
}

bool PositionLots::add_before(std::uint64_t before, const Execution& fill) {
  const std::size_t place = place_of(before);
  if (place == past_.size()) return false;
  past_.insert(past_.begin() + static_cast<std::ptrdiff_t>(place), fill);
  if (redo(place)) return true;
  remove(fill.ordinal);
  return false;
}

bool PositionLots::revise(const Execution& fill) {
  const std::size_t place = place_of(fill.ordinal);
  if (place == past_.size()) return false;
  const Execution before = past_[place];
  past_[place] = fill;
  if (redo(place)) return true;
  past_[place] = before;
  (void)redo(place);
  return false;
}

void PositionLots::remove(std::uint64_t ordinal) {
  const std::size_t place = place_of(ordinal);
  if (place == past_.size()) return;
  const bool is_in_middle = place < middle_at_;
  past_.erase(past_.begin() + static_cast<std::ptrdiff_t>(place));
  middle_at_ = std::min(middle_at_, past_.size());
  (void)redo(is_in_middle ? 0 : place);
}

}  // namespace gateway::ledger
