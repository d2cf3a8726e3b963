// The rules of state/soundness.hpp, kind by kind.
#include "gateway_core/order/cross.hpp"
#include "gateway_core/order/order_id.hpp"
#include "gateway_core/state/soundness.hpp"

namespace gateway {
namespace {

constexpr std::uint32_t kOrdersMost = 1U << 24;
constexpr std::uint32_t kTextsMost = 1U << 26;

[[nodiscard]] constexpr bool is_within(std::int64_t value, std::int64_t least,
                                       std::int64_t most) noexcept {
  return value >= least && value <= most;
}
/// A price or a quantity as the gate takes it; 0 = absent.
[[nodiscard]] constexpr bool is_number(std::int64_t value) noexcept {
  return is_within(value, 0, kQuantityMax);
}
[[nodiscard]] constexpr bool is_amount(std::int64_t value_e4) noexcept {
  return is_within(value_e4, 0, kAmountMaxE4);
}
[[nodiscard]] constexpr bool is_side(Side side) noexcept {
  return side == Side::kBuy || side == Side::kSell;
}
[[nodiscard]] constexpr bool is_strategy(StrategyId id, const Registry& registry) noexcept {
  return id == kExternalStrategy || registry.strategies.has(id);
}
[[nodiscard]] bool add(std::int64_t& to, std::int64_t by) noexcept {
  return !__builtin_add_overflow(to, by, &to);
}

}  // namespace

bool is_sound(const Capacity& capacity) noexcept {
  return is_within(capacity.orders_max, 1, kOrdersMost) &&
         is_within(capacity.texts_max, 1, kTextsMost) &&
         is_within(capacity.positions_max, 1, kOrdersMost);
}

bool is_sound(const CurrencyDefined&, const Registry&) noexcept { return true; }
bool is_sound(const VenueDefined&, const Registry&) noexcept { return true; }
bool is_sound(const StrategyDefined&, const Registry&) noexcept { return true; }
bool is_sound(const PrincipalDefined&, const Registry&) noexcept { return true; }

bool is_sound(const InstrumentDefined& row, const Registry& registry) noexcept {
  const int scales = row.price_scale + row.quantity_scale + row.multiplier_scale;
  return registry.venues.has(row.venue) && registry.currencies.has(row.base) &&
         registry.currencies.has(row.quote) && registry.currencies.has(row.settle) &&
         is_within(row.kind, 1, 4) && scales <= kScaleSumMax && row.tick > 0 && row.lot > 0 &&
         row.multiplier > 0 && row.quantity_min >= 0 && row.quantity_max >= 0 &&
         row.notional_min_e8 >= 0;
}

bool is_sound(const AccountDefined& row, const Registry& registry) noexcept {
  return registry.venues.has(row.venue) &&
         row.durability <= static_cast<std::uint8_t>(Durability::kDisk) &&
         row.margin_mode <= static_cast<std::uint8_t>(MarginMode::kIsolated);
}

bool is_sound(const LimitFields& limits) noexcept {
  return limits.order_quantity_max_e8 >= 0 && limits.position_long_max_e8 >= 0 &&
         limits.position_short_max_e8 >= 0 && is_amount(limits.order_notional_max_e4) &&
         is_amount(limits.gross_exposure_max_e4) && is_amount(limits.net_exposure_max_e4) &&
         is_amount(limits.credit_max_e4);
}

bool is_sound_route(AccountId account, InstrumentId instrument, StrategyId strategy,
                    std::uint32_t leg, std::uint32_t margin_mode,
                    const Registry& registry) noexcept {
  return registry.accounts.has(account) && registry.instruments.has(instrument) &&
         is_strategy(strategy, registry) && leg <= static_cast<std::uint32_t>(Leg::kShort) &&
         margin_mode <= static_cast<std::uint32_t>(MarginMode::kIsolated);
}

bool is_sound(const GuardFields& fields, const Measures& told) noexcept {
  bool is_good = fields.repeat_orders_max <= kRepeatsMax && fields.repeat_fills_max <= kRepeatsMax;
  for (const std::int64_t amount : {told.headroom_e4, told.headroom_gross_e4, told.result_e4,
                                    told.result_realised_e4, told.peak_e4}) {
    is_good = is_good && is_within(amount, -2 * kAmountMaxE4, 2 * kAmountMaxE4);
  }
  for (const std::int64_t greek : told.greeks_e8) {
    is_good = is_good && is_within(greek, -kGreekMaxE8, kGreekMaxE8);
  }
  return is_good;
}

bool is_sound(const Order& order, const Registry& registry) noexcept {
  const bool is_named = order.order_id != 0 && order.order_id >> 63 == 0 &&
                        (order.principal == 0 || registry.principals.has(order.principal)) &&
                        is_sound_route(order.account, order.instrument, order.strategy, order.leg,
                                       order.margin_mode, registry);
  const bool is_word =
      is_side(order.side) && is_within(static_cast<std::int64_t>(order.type), 1, 4) &&
      is_time_in_force(order.time_in_force) && is_within(order.state, 1, kOrderStates - 1) &&
      order.overlay < 16 && pending(order.overlay, Overlay::kCancel) <= Pending::kUnknown &&
      pending(order.overlay, Overlay::kReplace) <= Pending::kUnknown && order.is_renamed <= 1 &&
      order.cross_ms <= kCrossMsMax;
  // More may be executed than was ordered, never less than nothing.
  const bool is_in_range =
      is_number(order.price) && is_within(order.quantity, 1, kQuantityMax) &&
      order.cumulative >= 0 && order.told_cumulative >= 0 && order.reserved_quantity >= 0 &&
      is_number(order.original_price) && is_number(order.original_quantity) &&
      is_number(order.trigger_price) && is_number(order.display_quantity) &&
      is_number(order.pending_price) && is_number(order.pending_quantity) &&
      is_number(order.gate_price) && is_number(order.pending_gate_price) &&
      is_amount(order.reserved_notional_e4) && detail::is_storable(order.value_e18);
  const OrderLink& link = order.link;
  const bool is_link =
      link == OrderLink{} || (is_within(static_cast<std::int64_t>(link.kind), 1, kLinkKinds - 1) &&
                              is_within(link.count, 2, kLinkedMax) && link.place < link.count &&
                              link.is_released <= 1 && order.order_id > link.place);
  return is_named && is_word && is_in_range && is_link;
}

bool is_sound(const PositionBook& book) noexcept {
  return is_within(book.quantity, -kQuantityMax, kQuantityMax) &&
         book.state <= PositionState::kFlipped && detail::is_storable(book.cost_e18) &&
         detail::is_storable(book.realised_e18) && detail::is_storable(book.fees_e18) &&
         (book.quantity != 0 || book.cost_e18 == 0);
}

bool is_sound(const Collateral& row, const Registry& registry) noexcept {
  return registry.accounts.has(row.account) && registry.instruments.has(row.instrument) &&
         row.leg <= static_cast<std::uint32_t>(Leg::kShort) && row.says_something() &&
         is_collateral(row.venue_margin_mode, row.amount_e18) &&
         detail::is_storable(row.amount_e18) &&
         row.evidence <= static_cast<std::uint32_t>(Evidence::kGateway) && row.reserved == 0;
}

bool is_sound(const FillEntry& fill, std::uint64_t ordinal, const Registry& registry) noexcept {
  return fill.previous != ordinal && !(fill.key == Key128{}) && fill.quantity >= 0 &&
         fill.price_scale <= kPriceScaleMax && is_side(fill.side) &&
         detail::is_storable(fill.value_e18) && detail::is_storable(fill.fee_e18) &&
         (fill.fee_e18 == 0 || registry.currencies.has(fill.fee_currency)) && is_sound(fill.before);
}

bool add_restored(Route& route, const Order& order) noexcept {
  const int side = index_of(order.side);
  bool is_good = true;
  for (Exposure* exposure : {route.shared, route.account_exposure, route.strategy_exposure}) {
    is_good =
        is_good && exposure != nullptr && add(exposure->working[side], order.reserved_quantity);
  }
  const int open = is_open(static_cast<OrderState>(order.state)) ? 1 : 0;
  for (LevelEntity* level : route.levels) {
    LevelTotals& totals = level->totals;
    is_good = is_good && add(totals.gross_e4, order.reserved_notional_e4) &&
              add(totals.working_e4[side], order.reserved_notional_e4);
    totals.open_orders[side] += open;
  }
  return is_good;
}

bool add_restored(Route& route, const PositionBook& book, std::int64_t notional_e4) noexcept {
  bool is_good = is_amount(notional_e4);
  for (Exposure* exposure : {route.shared, route.account_exposure, route.strategy_exposure}) {
    is_good = is_good && exposure != nullptr && add(exposure->position, book.quantity);
  }
  const std::int64_t signed_e4 = book.quantity > 0 ? notional_e4 : -notional_e4;
  for (LevelEntity* level : route.levels) {
    is_good =
        is_good && add(level->totals.net_e4, signed_e4) && add(level->totals.gross_e4, notional_e4);
  }
  return is_good;
}

}  // namespace gateway
