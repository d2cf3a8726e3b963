// Rules of a route from the rows of its registry. Cold: once per route and registry generation.
#include "gateway_core/engine/route_rules.hpp"

#include <algorithm>

#include "gateway_core/engine/engine.hpp"

namespace gateway {
namespace {

constexpr TimeInForce kTimesInForce[] = {TimeInForce::kDay, TimeInForce::kGtc, TimeInForce::kIoc,
                                         TimeInForce::kFok};

[[nodiscard]] bool is_trading(const State& state, const Route& route) noexcept {
  const bool is_hedge = route.account_row->definition.is_hedge_mode != 0 &&
                        route.instrument_row->rules.kind != InstrumentKind::kSpot;
  return route.instrument_row->definition.is_tradable != 0 &&
         state.registry.has_rates(*route.instrument_row) &&
         route.venue_row->session == VenueSession::kReconciled &&
         is_hedge == (route.leg != Leg::kNet);
}

/// The strictest wish of five levels about sizes out of the usual.
void work_out_usual(Route& route) noexcept {
  const auto stricter = [](std::uint32_t a, std::uint32_t b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
  };
  route.sizes.soft = route.sizes.hard = 0;
  for (const LevelEntity* level : route.levels) {
    route.sizes.soft = stricter(route.sizes.soft, level->guard_fields.fat_finger_soft);
    route.sizes.hard = stricter(route.sizes.hard, level->guard_fields.fat_finger_hard);
  }
  route.refresh_usual();
}

/// Whether a new order with the ids of this route would take it: a position keeps its margin mode,
/// the account may have another one by now, and then new orders have a route of their own.
[[nodiscard]] bool is_for_new_orders(const State& state, const Route& route) noexcept {
  return route.margin_mode == state.margin_mode_of(route.account, route.instrument) &&
         route.instrument_row->definition.venue == route.venue &&
         route.account_row->definition.venue == route.venue;
}

void allow(RouteRules& rules, OrderType type, TimeInForce time_in_force,
           std::uint8_t flag) noexcept {
  for (const Side side : {Side::kBuy, Side::kSell}) {
    const std::uint32_t shape = RouteRules::shape_of(
        static_cast<std::uint32_t>(type) | static_cast<std::uint32_t>(side) << 8 |
        static_cast<std::uint32_t>(time_in_force) << 16 | static_cast<std::uint32_t>(flag) << 24);
    rules.shapes[shape / 64] |= std::uint64_t{1} << (shape % 64);
  }
}

void work_out_shapes(RouteRules& rules, const VenueDefined& venue) noexcept {
  const std::uint32_t flags = venue.flags & (kPostOnly | kReduceOnly);
  rules.stray_bits = ~(std::uint32_t{0x070307} | (flags | kCancelOnDisconnect) << 24);
  for (const OrderType type : {OrderType::kMarket, OrderType::kLimit}) {
    if ((venue.order_types >> static_cast<int>(type) & 1) == 0) continue;
    for (const TimeInForce time_in_force : kTimesInForce) {
      if ((venue.times_in_force >> static_cast<int>(time_in_force) & 1) == 0) continue;
      allow(rules, type, time_in_force, 0);
      const bool rests = time_in_force == TimeInForce::kDay || time_in_force == TimeInForce::kGtc;
      if (type == OrderType::kLimit && rests && (flags & kPostOnly) != 0) {
        allow(rules, type, time_in_force, kPostOnly);
      }
    }
  }
}

/// Products of price and quantity that are worth at least the minimum and overflow nowhere. False:
/// only the long way can tell.
[[nodiscard]] bool work_out_products(RouteRules& rules, const InstrumentRow& row) noexcept {
  constexpr UInt128 kLargest = ~std::uint64_t{0};
  rules.product_span = static_cast<std::uint64_t>(kLargest);
  if (row.definition.notional_min_e8 == 0) return true;
  const int decimals =
      row.rules.price_scale + row.rules.quantity_scale + row.rules.multiplier_scale;
  if (row.rules.kind == InstrumentKind::kInverse || decimals > kMoneyScale) return false;
  const auto unit = static_cast<UInt128>(row.rules.multiplier) *
                    static_cast<UInt128>(kPow10_64[kMoneyScale - decimals]);
  const auto wanted =
      static_cast<UInt128>(row.definition.notional_min_e8) * static_cast<UInt128>(kPow10_64[10]);
  const UInt128 smallest = (wanted + unit - 1) / unit;
  const UInt128 largest = std::min(kLargest, static_cast<UInt128>(kInt128Max) / unit);
  if (smallest > largest) return false;
  rules.product_min = static_cast<std::uint64_t>(smallest);
  rules.product_span = static_cast<std::uint64_t>(largest - smallest);
  return true;
}

}  // namespace

RouteRules work_out_rules(State& state, Route& route) noexcept {
  const Registry& registry = state.registry;
  const InstrumentRow& row = *route.instrument_row;
  const InstrumentDefined& defined = row.definition;
  route.limits = effective_limits(route.levels, defined.quantity_scale);
  route.limits.generation = registry.limits_generation();
  work_out_usual(route);
  RouteRules rules{};
  rules.generation = registry.generation();
  rules.leg = static_cast<std::uint8_t>(route.leg);
  rules.durability = static_cast<Durability>(route.account_row->definition.durability);
  const std::int64_t smallest = std::max<std::int64_t>(defined.quantity_min, 1);
  const std::int64_t largest =
      defined.quantity_max == 0 ? kQuantityMax : std::min(defined.quantity_max, kQuantityMax);
  if (!is_trading(state, route) || !is_for_new_orders(state, route) || smallest > largest ||
      defined.tick <= 0 || defined.lot <= 0 || !registry.strategies.has(route.strategy) ||
      !work_out_products(rules, row)) {
    return rules;
  }
  work_out_shapes(rules, route.venue_row->definition);
  rules.tick = ExactDivisor(static_cast<std::uint64_t>(defined.tick));
  rules.lot = ExactDivisor(static_cast<std::uint64_t>(defined.lot));
  rules.quantity_min = static_cast<std::uint64_t>(smallest);
  rules.quantity_span = static_cast<std::uint64_t>(largest - smallest);
  for (std::uint32_t id = 1; id <= registry.principals.count(); ++id) {
    const PrincipalRow& principal = registry.principals.at(id);
    if (principal.has_scope(kScopeTrade) &&
        principal.may_use(route.account, route.strategy, route.instrument)) {
      rules.principals[id / 64] |= std::uint64_t{1} << (id % 64);
    }
  }
  return rules;
}

namespace {

constexpr std::uint32_t kRoutesPrepared = 1024;  // about a millisecond of the engine's thread

/// The legs that orders of this account may name.
template <typename Visit>
void for_each_leg(const AccountDefined& account, InstrumentKind kind, Visit&& visit) {
  if (account.is_hedge_mode == 0 || kind == InstrumentKind::kSpot) return visit(Leg::kNet);
  visit(Leg::kLong);
  visit(Leg::kShort);
}

}  // namespace

void Engine::prepare_routes() noexcept {
  const Registry& registry = state_.registry;
  // A table has room for positions_max positions that are really held: routes that nobody may ever
  // use take a small part of it, and none once it fills.
  std::uint32_t left = std::min(kRoutesPrepared, state_.capacity.positions_max / 16);
  const auto prepare = [&](AccountId account, InstrumentId instrument, StrategyId strategy) {
    const auto kind = registry.instruments.at(instrument).rules.kind;
    for_each_leg(registry.accounts.at(account).definition, kind, [&](Leg leg) {
      if (left == 0 || state_.routes.count() > state_.capacity.positions_max / 2) return;
      --left;
      const std::uint32_t route = state_.route_of_order(account, instrument, leg, strategy);
      if (route == RouteTable::kNone) return;
      NewOrderMessage message{};
      message.account = account;
      message.instrument = instrument;
      message.strategy = strategy;
      message.leg = static_cast<std::uint8_t>(leg);
      prepared_.prepare(message, route);
    });
  };
  for (AccountId account = 1; account <= registry.accounts.count() && left != 0; ++account) {
    const VenueId venue = registry.accounts.at(account).definition.venue;
    for (InstrumentId id = 1; id <= registry.instruments.count() && left != 0; ++id) {
      if (registry.instruments.at(id).definition.venue != venue) continue;
      for (StrategyId strategy = 1; strategy <= registry.strategies.count(); ++strategy) {
        prepare(account, id, strategy);
      }
    }
  }
}

}  // namespace gateway
