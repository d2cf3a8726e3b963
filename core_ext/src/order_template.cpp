// Templates are compiled once: everything that no hole can change is checked here.
#include "gateway_core/engine/order_template.hpp"

#include <algorithm>

namespace gateway {
namespace {

/// A number that stands, or is left open, or is not there at all: nothing else.
[[nodiscard]] bool is_consistent(std::int64_t fixed, Holes open, Hole hole) noexcept {
  const bool is_open = (open & static_cast<Holes>(hole)) != 0;
  return fixed >= 0 && fixed <= kQuantityMax && (!is_open || fixed == 0);
}

[[nodiscard]] bool is_given(std::int64_t fixed, Holes open, Hole hole) noexcept {
  return fixed != 0 || (open & static_cast<Holes>(hole)) != 0;
}

[[nodiscard]] Refusal check_words(const NewOrderMessage& order, Holes open) noexcept {
  const auto side = static_cast<std::uint8_t>(order.side);
  const auto type = static_cast<std::uint8_t>(order.type);
  if (side < 1 || side > 2 || type < 1 || type > 4 || order.leg > 2 ||
      !is_time_in_force(order.time_in_force)) {
    return Refusal::kBadEnum;
  }
  const bool is_priced = has_limit_price(order.type);
  const bool is_stop = has_trigger(order.type);
  const bool is_timed = order.time_in_force == TimeInForce::kGtd;
  if (is_priced != is_given(order.price, open, Hole::kPrice)) {
    return is_priced ? Refusal::kPriceMissing : Refusal::kPriceNotAllowed;
  }
  if (is_stop != is_given(order.trigger_price, open, Hole::kTriggerPrice)) {
    return is_stop ? Refusal::kTriggerMissing : Refusal::kTriggerNotAllowed;
  }
  if (is_timed != is_given(order.expires_ns, open, Hole::kExpires)) {
    return is_timed ? Refusal::kExpiryMissing : Refusal::kExpiryNotAllowed;
  }
  return is_given(order.quantity, open, Hole::kQuantity) ? Refusal::kNone : Refusal::kMissingField;
}

[[nodiscard]] Refusal check_fixed(const NewOrderMessage& order, Holes open,
                                  const InstrumentDefined& rules) noexcept {
  if (!is_consistent(order.quantity, open, Hole::kQuantity) ||
      !is_consistent(order.price, open, Hole::kPrice) ||
      !is_consistent(order.trigger_price, open, Hole::kTriggerPrice) ||
      !is_consistent(order.display_quantity, open, Hole::kDisplayQuantity) ||
      order.expires_ns < 0 ||
      ((open & static_cast<Holes>(Hole::kExpires)) != 0 && order.expires_ns != 0)) {
    return Refusal::kRange;
  }
  if (order.price % rules.tick != 0 || order.trigger_price % rules.tick != 0) {
    return Refusal::kBadTick;
  }
  if (order.quantity % rules.lot != 0 || order.display_quantity % rules.lot != 0) {
    return Refusal::kBadLot;
  }
  const std::int64_t largest = rules.quantity_max == 0 ? kQuantityMax : rules.quantity_max;
  const bool is_sized =
      order.quantity == 0 || (order.quantity >= rules.quantity_min && order.quantity <= largest);
  return is_sized ? Refusal::kNone : Refusal::kQuantityRange;
}

}  // namespace

Refusal OrderTemplate::compile(const Registry& registry, const NewOrderMessage& order, Holes open,
                               OrderTemplate& out) noexcept {
  if (!registry.principals.has(order.header.principal)) return Refusal::kUnknownPrincipal;
  if (!registry.instruments.has(order.instrument)) return Refusal::kUnknownInstrument;
  if (!registry.accounts.has(order.account)) return Refusal::kUnknownAccount;
  if (!registry.strategies.has(order.strategy)) return Refusal::kUnknownStrategy;
  if ((open & ~kHolesKnown) != 0) return Refusal::kUnknownField;
  // The client number is the name of one order, so it is always a hole.
  constexpr int kOffered = kPostOnly | kReduceOnly | kEmulate | kCancelOnDisconnect;
  if (order.client_number != 0) return Refusal::kBadClientId;
  if ((order.flags & ~kOffered) != 0) return Refusal::kUnsupportedFlag;
  if (const Refusal found = check_words(order, open); found != Refusal::kNone) return found;
  const InstrumentDefined& rules = registry.instruments.at(order.instrument).definition;
  if (const Refusal found = check_fixed(order, open, rules); found != Refusal::kNone) return found;
  out = {};
  out.order_ = order;
  out.order_.header.kind = MessageKind::kNewOrder;
  out.order_.header.entries = 1;
  out.order_.header.detail = 0;
  out.order_.client_id = {};
  out.holes_ = open;
  out.tick_ = ExactDivisor(static_cast<std::uint64_t>(rules.tick));
  out.lot_ = ExactDivisor(static_cast<std::uint64_t>(rules.lot));
  out.quantity_min_ = std::max<std::int64_t>(rules.quantity_min, 1);
  out.quantity_max_ = rules.quantity_max == 0 ? kQuantityMax : rules.quantity_max;
  return Refusal::kNone;
}

}  // namespace gateway
