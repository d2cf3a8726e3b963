// A pass over both tables compares numbers; only what differs becomes a row.
#include "changed_rows.hpp"

#include <algorithm>

#include "gateway_core/memory/relaxed.hpp"

namespace nb = nanobind;

namespace gateway {

Sequence ChangedRows::collateral_sequence(const State& state, const Position& position,
                                          Place& place) noexcept {
  const CollateralTable& table = state.collaterals;
  const auto is_its = [&](const Collateral& row) {
    return row.account == position.account && row.instrument == position.instrument &&
           row.leg == position.leg;
  };
  if (place.row == place.seen) {
    const std::uint32_t count = table.count();
    while (place.row < count && !is_its(table.at(place.row))) ++place.row;
    place.seen = place.row < count ? place.row + 1 : place.row;
  }
  Collateral copy;
  if (place.row == place.seen || !read(table.at(place.row), copy)) return 0;
  return copy.says_something() ? copy.sequence : 0;
}

ChangedRows::Told ChangedRows::told_of(const State& state, const Position& position,
                                       std::uint32_t index, std::int64_t now_ns) {
  Told told;
  told.sequence = position.sequence;
  told.collateral = collateral_sequence(state, position, places_[index]);
  MarkRow mark;
  if (!read(state.registry.instruments.at(position.instrument).mark, mark) || mark.time_ns == 0) {
    return told;
  }
  told.age_step = std::max<std::int64_t>(0, now_ns - mark.time_ns) / (kAgeStepMs * 1'000'000);
  told.twice_price = twice_reference_price(mark);
  told.price_scale = mark.scale;
  return told;
}

nb::list ChangedRows::positions(const State& state, std::int64_t now_ns, bool is_all) {
  if (is_all) {
    positions_.clear();
    places_.clear();
  }
  positions_.resize(state.routes.count());
  places_.resize(positions_.size());
  nb::list rows;
  for (std::uint32_t i = 0; i < positions_.size(); ++i) {
    Position copy;
    if (!read(state.routes.position(i), copy) || copy.sequence == 0) continue;
    const Told told = told_of(state, copy, i, now_ns);
    if (told == positions_[i]) continue;
    positions_[i] = told;
    rows.append(position_row(state, copy, now_ns));
  }
  return rows;
}

nb::list ChangedRows::balances(const State& state, bool is_all) {
  if (is_all) balances_.clear();
  balances_.resize(state.balances.count());
  nb::list rows;
  for (std::uint32_t i = 0; i < balances_.size(); ++i) {
    Balance copy;
    if (!read(state.balances.at(i), copy) || copy.sequence == balances_[i]) continue;
    balances_[i] = copy.sequence;
    rows.append(balance_row(state, copy));
  }
  return rows;
}

}  // namespace gateway
