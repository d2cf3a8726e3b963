// What the gateway itself tells about an order, without the venue. Never a quantity that executed.
#pragma once

#include "gateway_core/record/kinds.hpp"

namespace gateway {

[[nodiscard]] inline OrderFact gateway_fact(OrderId order_id, FactReason reason) noexcept {
  OrderFact fact{};
  fact.order_id = order_id;
  fact.cumulative = -1;  // nobody has said how much was executed
  fact.reason = static_cast<std::uint32_t>(reason);
  fact.evidence = static_cast<std::uint32_t>(Evidence::kGateway);
  return fact;
}

}  // namespace gateway
