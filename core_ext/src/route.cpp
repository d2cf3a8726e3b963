// Making a route: pointers to its levels, exposures and rows, once.
#include "gateway_core/state/route.hpp"

namespace gateway {
namespace {

constexpr std::uint32_t kOwnerIsAccount = std::uint32_t{1} << 31;
constexpr std::uint32_t kOwnerIsStrategy = std::uint32_t{1} << 30;
constexpr std::uint32_t kOwnerMask = kOwnerIsStrategy - 1;

/// Who an exposure belongs to; the entities are those of find_or_make.
std::uint32_t owner_of(std::uint64_t entity, std::uint32_t id) noexcept {
  return entity == 1 ? 0 : (entity == 2 ? kOwnerIsAccount : kOwnerIsStrategy) | id;
}

}  // namespace

Exposure* RouteTable::exposure(std::uint64_t entity, std::uint32_t id, InstrumentId instrument,
                               Leg leg) noexcept {
  const Key128 wanted{(entity << 60) | (std::uint64_t{1} << 59) | id,
                      (std::uint64_t{instrument} << 8) | static_cast<std::uint64_t>(leg)};
  if (const std::uint64_t* found = exposure_index_.find(wanted)) return &exposures_[*found];
  if (!exposure_index_.insert(wanted, exposure_count_)) return nullptr;
  Exposure& made = exposures_[exposure_count_++];
  made.owner = owner_of(entity, id);
  made.next = first_exposure_[instrument];
  first_exposure_[instrument] = exposure_count_;
  return &made;
}

void Route::change_greeks(Side side, RouteChange by) noexcept {
  for (LevelEntity* level : levels) {
    for (int greek = 0; greek < kGreeks; ++greek) {
      level->greeks[greek].change(levels[0]->greek_units_e12[greek], side, by.position, by.working);
    }
  }
}

// Every exposure counts at the levels that look at it: the instrument's own at three, an account's
// and a strategy's at one each.
void RouteTable::count_greeks(InstrumentId instrument, std::int64_t sign) noexcept {
  const LevelEntity& told = registry_.level(Level::kInstrument, instrument);
  const VenueId venue = registry_.instruments.at(instrument).definition.venue;
  for (std::uint32_t at = first_exposure_[instrument]; at != 0; at = exposures_[at - 1].next) {
    const Exposure& exposure = exposures_[at - 1];
    const std::uint32_t id = exposure.owner & kOwnerMask;
    const auto count = [&](Level level, std::uint32_t entity) {
      for (int greek = 0; greek < kGreeks; ++greek) {
        const std::int64_t unit_e12 = told.greek_units_e12[greek];
        GreekTotal& total = registry_.level(level, entity).greeks[greek];
        total.change(unit_e12, Side::kBuy, sign * exposure.position, sign * exposure.working[0]);
        total.change(unit_e12, Side::kSell, 0, sign * exposure.working[1]);
      }
    };
    if (exposure.owner == 0) {
      count(Level::kInstrument, instrument);
      count(Level::kVenue, venue);
      count(Level::kFirm, 0);
    } else {
      count((exposure.owner & kOwnerIsAccount) != 0 ? Level::kAccount : Level::kStrategy, id);
    }
  }
}

void RouteTable::tell_greeks(InstrumentId instrument,
                             const std::int64_t (&greeks_e8)[kGreeks]) noexcept {
  LevelEntity& level = registry_.level(Level::kInstrument, instrument);
  const int scale = registry_.instruments.at(instrument).definition.quantity_scale;
  if (level.has_greeks) count_greeks(instrument, -1);
  for (int greek = 0; greek < kGreeks; ++greek) {
    level.measures.greeks_e8[greek] = greeks_e8[greek];
    level.greek_units_e12[greek] = greek_unit_e12(greeks_e8[greek], scale);
  }
  level.has_greeks = true;
  count_greeks(instrument, 1);
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
  route.own = own_.prices(instrument);
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
