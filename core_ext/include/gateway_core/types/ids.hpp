// Dense u32 names of everything the gateway registers. 0 always means "none"; ids are never reused.
#pragma once

#include <cstdint>

namespace gateway {

using CurrencyId = std::uint32_t;
using VenueId = std::uint32_t;
using InstrumentId = std::uint32_t;
using AccountId = std::uint32_t;
using StrategyId = std::uint32_t;
using PrincipalId = std::uint32_t;
/// 63 bits: instance 12 | boot epoch 20 | sequence 31 (order/order_id.hpp).
using OrderId = std::uint64_t;
/// Position in the journal, counted in records from 1.
using Sequence = std::uint64_t;

/// The book of fills that no strategy of ours ordered.
inline constexpr StrategyId kExternalStrategy = 0;

}  // namespace gateway
