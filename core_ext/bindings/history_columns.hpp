// The columns of history that are made at every record: one vector per column, so that numpy and
// Parquet take them as they are. Ids, codes and mantissas; names and words are added downstream.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gateway_core/types/fixed_point.hpp"

namespace gateway::history {

/// Texts one behind the other; `ends` begins with 0. Always valid UTF-8: what a venue cut within a
/// letter gets question marks.
struct Texts {
  std::vector<std::int32_t> ends{0};
  std::vector<char> bytes;
  void push_back(std::string_view text);
};

#define GATEWAY_ORDER_COLUMNS(X)    \
  X(std::uint64_t, sequence)        \
  X(std::int64_t, time_ns)          \
  X(std::uint64_t, cause)           \
  X(std::uint16_t, event)           \
  X(std::uint64_t, order_id)        \
  X(std::uint32_t, principal)       \
  X(std::uint32_t, instrument)      \
  X(std::uint32_t, account)         \
  X(std::uint32_t, strategy)        \
  X(std::uint8_t, side)             \
  X(std::uint8_t, type)             \
  X(std::uint8_t, time_in_force)    \
  X(std::uint8_t, leg)              \
  X(std::uint8_t, margin_mode)      \
  X(std::uint8_t, flags)            \
  X(std::uint8_t, price_scale)      \
  X(std::uint8_t, quantity_scale)   \
  X(std::int64_t, price)            \
  X(std::int64_t, quantity)         \
  X(std::int64_t, cumulative)       \
  X(std::int64_t, trigger_price)    \
  X(std::int64_t, display_quantity) \
  X(std::int64_t, expires_ns)       \
  X(Int128, value)                  \
  X(std::uint8_t, state)            \
  X(std::uint8_t, pending)          \
  X(std::uint32_t, reason)          \
  X(std::int64_t, reference_price)  \
  X(std::uint16_t, reference_age)   \
  X(std::uint32_t, limits_version)  \
  X(std::int64_t, venue_time_ns)    \
  X(Texts, client_order_id)         \
  X(Texts, venue_order_id)          \
  X(Texts, text)

#define GATEWAY_FILL_COLUMNS(X)   \
  X(std::uint64_t, sequence)      \
  X(std::int64_t, time_ns)        \
  X(std::uint16_t, event)         \
  X(std::uint64_t, order_id)      \
  X(std::uint32_t, instrument)    \
  X(std::uint32_t, account)       \
  X(std::uint32_t, strategy)      \
  X(std::uint8_t, side)           \
  X(std::uint8_t, leg)            \
  X(std::uint8_t, liquidity)      \
  X(std::uint8_t, price_scale)    \
  X(std::uint8_t, quantity_scale) \
  X(std::int64_t, price)          \
  X(std::int64_t, quantity)       \
  X(Int128, value)                \
  X(Int128, fee)                  \
  X(std::uint32_t, fee_currency)  \
  X(std::uint64_t, revision)      \
  X(std::int64_t, venue_time_ns)  \
  X(Texts, trade_id)              \
  X(Texts, venue_order_id)

#define GATEWAY_POSITION_COLUMNS(X) \
  X(std::uint64_t, sequence)        \
  X(std::int64_t, time_ns)          \
  X(std::uint16_t, event)           \
  X(std::uint64_t, order_id)        \
  X(std::uint32_t, instrument)      \
  X(std::uint32_t, account)         \
  X(std::uint32_t, strategy)        \
  X(std::uint8_t, leg)              \
  X(std::uint8_t, margin_mode)      \
  X(std::uint8_t, quantity_scale)   \
  X(std::int64_t, quantity)         \
  X(Int128, cost)                   \
  X(Int128, realised)               \
  X(Int128, fees)                   \
  X(std::uint32_t, fills)           \
  X(std::uint8_t, state)

#define GATEWAY_BALANCE_COLUMNS(X) \
  X(std::uint64_t, sequence)       \
  X(std::int64_t, time_ns)         \
  X(std::uint16_t, event)          \
  X(std::uint32_t, account)        \
  X(std::uint32_t, currency)       \
  X(Int128, total)                 \
  X(Int128, change)                \
  X(Texts, reference)

#define GATEWAY_FUNDING_COLUMNS(X) \
  X(std::uint64_t, sequence)       \
  X(std::int64_t, time_ns)         \
  X(std::uint32_t, instrument)     \
  X(std::uint32_t, account)        \
  X(std::uint8_t, leg)             \
  X(std::uint32_t, currency)       \
  X(Int128, amount)                \
  X(Int128, rate)                  \
  X(std::int64_t, venue_time_ns)   \
  X(Texts, reference)

#define GATEWAY_REFUSAL_COLUMNS(X) \
  X(std::uint64_t, sequence)       \
  X(std::int64_t, time_ns)         \
  X(std::uint16_t, refusal)        \
  X(std::uint16_t, level)          \
  X(std::uint64_t, order_id)       \
  X(std::uint32_t, principal)      \
  X(std::uint32_t, instrument)     \
  X(std::uint32_t, account)        \
  X(std::uint32_t, strategy)       \
  X(std::uint8_t, side)            \
  X(std::uint8_t, type)            \
  X(std::uint8_t, time_in_force)   \
  X(std::uint8_t, flags)           \
  X(std::uint8_t, price_scale)     \
  X(std::uint8_t, quantity_scale)  \
  X(std::int64_t, price)           \
  X(std::int64_t, quantity)        \
  X(std::uint32_t, limits_version) \
  X(std::int64_t, limit)           \
  X(std::int64_t, current)         \
  X(std::int64_t, would_be)        \
  X(std::int64_t, working)         \
  X(Texts, client_order_id)

#define GATEWAY_COLUMN(type, name) column_t<type> name;
template <typename T>
struct ColumnOf {
  using type = std::vector<T>;
};
template <>
struct ColumnOf<Texts> {
  using type = Texts;
};
template <typename T>
using column_t = typename ColumnOf<T>::type;

struct OrderColumns {
  GATEWAY_ORDER_COLUMNS(GATEWAY_COLUMN)
};
struct FillColumns {
  GATEWAY_FILL_COLUMNS(GATEWAY_COLUMN)
};
struct PositionColumns {
  GATEWAY_POSITION_COLUMNS(GATEWAY_COLUMN)
};
struct BalanceColumns {
  GATEWAY_BALANCE_COLUMNS(GATEWAY_COLUMN)
};
struct FundingColumns {
  GATEWAY_FUNDING_COLUMNS(GATEWAY_COLUMN)
};
struct RefusalColumns {
  GATEWAY_REFUSAL_COLUMNS(GATEWAY_COLUMN)
};
#undef GATEWAY_COLUMN

}  // namespace gateway::history
