// What a refused order may know beyond its notice: whose limit it was, what is unknown of it, and
// which order would pass. Asked for after the refusal, never on the way of an order.
#include <algorithm>

#include "gateway_core/engine/engine.hpp"

namespace gateway {
namespace {

/// An explanation looks at no more: it runs on the engine's thread, between orders.
constexpr std::uint32_t kUnknownShareMax = 1'024;

}  // namespace

bool Engine::refusal_details(std::uint32_t port, std::uint64_t request,
                             RefusalDetails& out) noexcept {
  const RefusalMemory::Entry* entry = refused_.find(port, request);
  if (entry == nullptr || entry->verdict.level < 0) return false;
  const Route& route = *entry->route;
  out.level = static_cast<Level>(entry->verdict.level);
  const std::uint32_t ids[kLevels] = {route.instrument, route.strategy, route.account, route.venue,
                                      0};
  out.id = ids[entry->verdict.level];
  out.unknown = unknown_share(*entry);
  out.nearest_quantity = nearest_quantity(*entry);
  return true;
}

// The largest number of lots that the gate would take now; asked for by halving. A replace counts
// what it adds to an order that lives on, so there is no such number for it.
std::int64_t Engine::nearest_quantity(const RefusalMemory::Entry& refused) noexcept {
  GateOrder order = refused.order;
  Route& route = *refused.route;
  const InstrumentRow& row = *route.instrument_row;
  const InstrumentDefined& rules = row.definition;
  if (!order.counts_as_order || rules.lot <= 0) return 0;
  counters_.rows_explained += state_.own.work_out(state_.orders, route.instrument, order.side);
  const JudgedView judged(route.view(), order);
  const GateView& view = judged.view;
  order.now_ns = now_ns();
  const auto passes = [&](std::int64_t lots) {
    order.quantity = order.added_quantity = lots * rules.lot;
    order.notional_e4 = order.added_notional_e4 =
        row.amount_e4(gate_price_of(order.side, order.price, row.reference.price), order.quantity);
    return passes_gate_again(view, order);
  };
  std::int64_t good = (std::max<std::int64_t>(rules.quantity_min, 1) + rules.lot - 1) / rules.lot;
  std::int64_t bad = refused.order.quantity / rules.lot + 1;
  if (good >= bad || !passes(good)) return 0;
  while (bad - good > 1) {
    const std::int64_t middle = good + (bad - good) / 2;
    (passes(middle) ? good : bad) = middle;
  }
  NewOrderMessage shape{};
  shape.price = order.price;
  shape.quantity = good * rules.lot;
  return check_numbers(shape, row) == Refusal::kNone ? shape.quantity : 0;
}

namespace {

/// What one order holds of the measure that a rule counts.
[[nodiscard]] std::int64_t share_of(const Order& order, const Route& route,
                                    const RefusalMemory::Entry& refused) noexcept {
  const bool is_same_side = order.side == refused.order.side;
  const LevelEntity& level = *refused.route->levels[refused.verdict.level];
  switch (refused.verdict.refusal) {
    case Refusal::kPositionLimit:
    case Refusal::kWouldIncrease:
      return is_same_side && route.instrument == refused.route->instrument &&
                     route.leg == refused.route->leg
                 ? order.reserved_quantity
                 : 0;
    case Refusal::kExposureLimit:
    case Refusal::kCreditLimit:
      return order.reserved_notional_e4;
    case Refusal::kInsufficientMargin:
      return static_cast<std::int64_t>(static_cast<Int128>(order.reserved_notional_e4) *
                                       level.guard_fields.margin_bps / 10'000);
    case Refusal::kMaxOpenOrders:
      return is_same_side ? 1 : 0;
    case Refusal::kDeltaLimit:
    case Refusal::kGammaLimit:
    case Refusal::kVegaLimit: {
      const int greek =
          static_cast<int>(refused.verdict.refusal) - static_cast<int>(Refusal::kDeltaLimit);
      const auto moves = [greek](const Route& of, Side side) {
        return of.levels[0]->greek_units_e12[greek] * sign_of(side);
      };
      const std::int64_t unit = moves(route, order.side);
      const bool is_same_way = (unit > 0) == (moves(*refused.route, refused.order.side) > 0);
      const Int128 amount = static_cast<Int128>(unit) * order.reserved_quantity / kPow10_64[8];
      return is_same_way ? static_cast<std::int64_t>(amount < 0 ? -amount : amount) : 0;
    }
    default:
      return 0;
  }
}

}  // namespace

std::int64_t Engine::unknown_share(const RefusalMemory::Entry& refused) noexcept {
  if (refused.verdict.working == 0) return 0;
  const int level = refused.verdict.level;
  std::int64_t share = 0;
  state_.orders.for_each_unknown(kUnknownShareMax, [&](std::uint32_t slot) {
    ++counters_.rows_explained;
    const Order& order = state_.orders.at(slot);
    const Route& route = state_.routes.at(order.route);
    if (route.levels[level] == refused.route->levels[level]) {
      share += share_of(order, route, refused);
    }
  });
  return share;
}

}  // namespace gateway
