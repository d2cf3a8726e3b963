// Whether the running totals that limits are held against are the sums of what they are made of:
// reserved quantities and amounts of orders, positions, counts. Cold; changes nothing.
#pragma once

#include <string>

#include "gateway_core/state/state.hpp"

namespace gateway {

/// The first total that is not its sum, in words; "" when all are. Costs a look at every route and
/// every open order, and at ended ones when those alone do not add up: a venue may still tell of
/// an ended order that it works.
[[nodiscard]] std::string differing_total(const State& state);

}  // namespace gateway
