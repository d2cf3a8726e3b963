// Making a route: pointers to its levels, exposures and rows, once.
#include "gateway_core/state/route.hpp"

namespace gateway {

Exposure* RouteTable::exposure(std::uint64_t entity, std::uint32_t id, InstrumentId instrument,
                               Leg leg) noexcept {
  const Key128 wanted{(entity << 60) | (std::uint64_t{1} << 59) | id,
                      (std::uint64_t{instrument} << 8) | static_cast<std::uint64_t>(leg)};
  if (const std::uint64_t* found = exposure_index_.find(wanted)) return &exposures_[*found];
  if (!exposure_index_.insert(wanted, exposure_count_)) return nullptr;
  return &exposures_[exposure_count_++];
}

std::uint32_t RouteTable::find_or_make(AccountId account, InstrumentId instrument, Leg leg,
                                       MarginMode mode, StrategyId strategy) noexcept {
  const Key128 wanted = key(account, instrument, leg, mode, strategy);
  const std::uint32_t found = find(wanted);
  if (found != kNone) return found;
  if (count_ == capacity_ || !index_.insert(wanted, count_)) return kNone;
  const std::uint32_t index = count_;
  Route& route = routes_[index];
  route.account = account;
  route.strategy = strategy;
  route.instrument = instrument;
  route.leg = leg;
  route.margin_mode = mode;
  route.instrument_row = &registry_.instruments.at(instrument);
  route.venue = route.instrument_row->definition.venue;
  route.venue_row = &registry_.venues.at(route.venue);
  route.account_row = &registry_.accounts.at(account);
  const std::uint32_t ids[kLevels] = {instrument, strategy, account, route.venue, 0};
  for (int i = 0; i < kLevels; ++i) {
    route.levels[i] = &registry_.level(static_cast<Level>(i), ids[i]);
  }
  route.shared = exposure(1, 0, instrument, leg);
  route.account_exposure = exposure(2, account, instrument, leg);
  route.strategy_exposure = exposure(3, strategy, instrument, leg);
  Position& position = positions_[index];
  position.account = account;
  position.instrument = instrument;
  position.strategy = strategy;
  position.leg = static_cast<std::uint8_t>(leg);
  position.margin_mode = static_cast<std::uint8_t>(mode);
  // Pairs with the acquire in count(): the row is complete before it can be seen.
  __atomic_store_n(&count_, index + 1, __ATOMIC_RELEASE);
  return index;
}

}  // namespace gateway
