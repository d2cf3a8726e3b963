// A route: one (account, instrument, leg, margin mode, strategy) with everything the gate and a
// fill need about it one pointer away. Made once, never removed; the same index names its position.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/position/position_state.hpp"
#include "gateway_core/state/balances.hpp"
#include "gateway_core/state/own_quotes.hpp"
#include "gateway_core/state/registry.hpp"

namespace gateway {

/// A position as readers copy it.
struct alignas(64) Position {
  Version version = 0;
  Sequence sequence = 0;  // last record that touched it
  AccountId account = 0;
  InstrumentId instrument = 0;
  StrategyId strategy = 0;
  std::uint8_t leg = 0;
  std::uint8_t margin_mode = 0;
  std::uint8_t reserved[2] = {};
  std::int64_t notional_e4 = 0;     // |quantity| at the last fill's price, reporting currency
  std::uint64_t last_fill = 0;      // ordinal in FillMemory, from 1; 0 = none
  std::int64_t newest_fill_ns = 0;  // of last_fill, by the venue's clock
  std::uint64_t newest_fill_sequence = 0;
  PositionBook book;

  /// Whether a fill that is told now happened before the newest one that is booked.
  [[nodiscard]] bool is_late(std::int64_t time_ns, std::uint64_t sequence_there) const noexcept {
    // The venue's own count where it has one: the times of a stream and of a list may differ.
    if ((sequence_there != 0) & (newest_fill_sequence != 0)) {
      return sequence_there < newest_fill_sequence;
    }
    return (time_ns != 0) & (time_ns < newest_fill_ns);
  }
};
static_assert(sizeof(Position) == 128);

/// What one record changes of the measures that limits are held against, on one route.
struct RouteChange {
  std::int64_t position = 0;  // quantity, signed
  std::int64_t working = 0;   // quantity reserved on the order's side
  std::int64_t net_e4 = 0;    // amounts of the position and of both together
  std::int64_t gross_e4 = 0;
  std::int64_t working_e4 = 0;
  std::int64_t open_orders = 0;
  std::int64_t realised_e4 = 0;
};

struct alignas(64) Route {
  EffectiveLimits limits;
  LevelEntity* levels[kLevels] = {};
  Exposure* shared = nullptr;
  Exposure* account_exposure = nullptr;
  Exposure* strategy_exposure = nullptr;
  InstrumentRow* instrument_row = nullptr;
  VenueRow* venue_row = nullptr;
  AccountRow* account_row = nullptr;
  Balance* balances[3] = {};  // rows the route's fills have moved: settle, base, quote
  AccountId account = 0;
  StrategyId strategy = 0;
  InstrumentId instrument = 0;
  VenueId venue = 0;
  Leg leg = Leg::kNet;
  MarginMode margin_mode = MarginMode::kCross;
  const OwnPrices* own = nullptr;
  SizeMemory sizes;  // volatile

  /// Everything that changed, written once. `side` is the order's.
  [[gnu::always_inline]] inline void change(Side side, const RouteChange& by) noexcept {
    const int at = index_of(side);
    const RouteChange step = by;  // the rows written here could be the argument for all we know
    const std::int64_t gross_e4 = step.gross_e4 + step.working_e4;
    for (Exposure* exposure : {shared, account_exposure, strategy_exposure}) {
      exposure->position += step.position;
      exposure->working[at] += step.working;
    }
    for (LevelEntity* level : levels) {
      LevelTotals& totals = level->totals;
      totals.gross_e4 += gross_e4;
      totals.net_e4 += step.net_e4;
      totals.working_e4[at] += step.working_e4;
      totals.open_orders[at] += step.open_orders;
    }
    if (levels[0]->has_greeks) [[unlikely]]
      change_greeks(side, step);
    if (step.realised_e4 == 0) return;
    for (LevelEntity* level : levels) level->add_realised(step.realised_e4);
  }
  [[nodiscard]] GateView view() const noexcept {
    return {
        &limits, levels, shared, account_exposure, strategy_exposure, &instrument_row->reference,
        own,     &sizes};
  }
  /// What the route's own history lets pass, from its newest orders.
  void refresh_usual() noexcept {
    const std::int64_t hard_e4 = sizes.max_e4(sizes.hard);
    limits.usual_notional_max_e4[0] = std::min(sizes.max_e4(sizes.soft), hard_e4);
    limits.usual_notional_max_e4[1] = hard_e4;
  }

 private:
  void change_greeks(Side side, RouteChange by) noexcept;
};

class RouteTable {
 public:
  RouteTable(std::uint32_t capacity, Registry& registry, const OwnQuotes& own)
      : registry_(registry),
        own_(own),
        capacity_(capacity),
        index_(capacity),
        exposure_index_(std::size_t{capacity} * 3),
        routes_(std::make_unique<Route[]>(capacity)),
        positions_(std::make_unique<Position[]>(capacity)),
        exposures_(std::make_unique<Exposure[]>(std::size_t{capacity} * 3)),
        first_exposure_(std::make_unique<std::uint32_t[]>(kInstrumentsMax)) {}

  /// Takes the memory of the indexes; the rows have taken theirs when they were made.
  void prefault() noexcept {
    index_.prefault();
    exposure_index_.prefault();
  }

  [[nodiscard]] static Key128 key(AccountId account, InstrumentId instrument, Leg leg,
                                  MarginMode mode, StrategyId strategy) noexcept {
    return {(std::uint64_t{account} << 32) | strategy | (std::uint64_t{1} << 63),
            (std::uint64_t{instrument} << 16) | (static_cast<std::uint64_t>(leg) << 8) |
                static_cast<std::uint64_t>(mode)};
  }
  [[nodiscard]] std::uint32_t find(Key128 wanted) const noexcept {
    if (wanted == last_key_) return last_route_;
    const std::uint64_t* found = index_.find(wanted);
    if (found == nullptr) return kNone;
    last_key_ = wanted;
    last_route_ = static_cast<std::uint32_t>(*found);
    return last_route_;
  }
  /// Finds or makes the route; kNone when the table is full. All ids are known to the registry.
  [[nodiscard]] std::uint32_t find_or_make(AccountId account, InstrumentId instrument, Leg leg,
                                           MarginMode mode, StrategyId strategy) noexcept;

  /// The greeks of an instrument are these from now on: what its positions and working orders
  /// count at every level follows. Walks the exposures of the instrument alone.
  void tell_greeks(InstrumentId instrument, const std::int64_t (&greeks_e8)[kGreeks]) noexcept;

  [[nodiscard]] Route& at(std::uint32_t index) noexcept { return routes_[index]; }
  [[nodiscard]] const Route& at(std::uint32_t index) const noexcept { return routes_[index]; }
  [[nodiscard]] Position& position(std::uint32_t index) noexcept { return positions_[index]; }
  [[nodiscard]] const Position& position(std::uint32_t index) const noexcept {
    return positions_[index];
  }
  /// Positions with an index below this exist; readers on other threads see them complete.
  [[nodiscard]] std::uint32_t count() const noexcept {
    return __atomic_load_n(&count_, __ATOMIC_ACQUIRE);
  }

  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

 private:
  [[nodiscard]] Exposure* exposure(std::uint64_t entity, std::uint32_t id, InstrumentId instrument,
                                   Leg leg) noexcept;

  void count_greeks(InstrumentId instrument, std::int64_t sign) noexcept;

  Registry& registry_;
  const OwnQuotes& own_;
  std::uint32_t capacity_;
  std::uint32_t count_ = 0;
  std::uint32_t exposure_count_ = 0;
  KeyTable index_;
  KeyTable exposure_index_;
  std::unique_ptr<Route[]> routes_;
  std::unique_ptr<Position[]> positions_;
  std::unique_ptr<Exposure[]> exposures_;
  std::unique_ptr<std::uint32_t[]> first_exposure_;  // by instrument, place + 1
  mutable Key128 last_key_;
  mutable std::uint32_t last_route_ = kNone;
};

}  // namespace gateway
