// The 63-bit order id: who made it, in which boot, and which one it is. Ids rise within an
// instance. Must never be made twice: the epoch is raised durably before the first id of a boot.
#pragma once

#include <cstdint>

#include "gateway_core/types/ids.hpp"

namespace gateway {

inline constexpr int kOrderInstanceBits = 12;
inline constexpr int kOrderEpochBits = 20;
inline constexpr int kOrderSequenceBits = 31;
inline constexpr std::uint32_t kOrderInstanceMax = (1U << kOrderInstanceBits) - 1;
inline constexpr std::uint32_t kOrderEpochMax = (1U << kOrderEpochBits) - 1;
inline constexpr std::uint32_t kOrderSequenceMax = (1U << kOrderSequenceBits) - 1;
static_assert(kOrderInstanceBits + kOrderEpochBits + kOrderSequenceBits == 63);

struct OrderIdParts {
  std::uint32_t instance = 0;
  std::uint32_t epoch = 0;
  std::uint32_t sequence = 0;
  friend constexpr bool operator==(const OrderIdParts&, const OrderIdParts&) = default;
};

[[nodiscard]] constexpr bool is_representable(const OrderIdParts& parts) noexcept {
  return parts.instance <= kOrderInstanceMax && parts.epoch <= kOrderEpochMax &&
         parts.sequence <= kOrderSequenceMax;
}

/// The id, or 0 ("none") when a part does not fit: the caller must raise the epoch before that.
[[nodiscard]] constexpr OrderId make_order_id(const OrderIdParts& parts) noexcept {
  if (!is_representable(parts)) return 0;
  return (static_cast<OrderId>(parts.instance) << (kOrderEpochBits + kOrderSequenceBits)) |
         (static_cast<OrderId>(parts.epoch) << kOrderSequenceBits) | parts.sequence;
}

[[nodiscard]] constexpr OrderIdParts split_order_id(OrderId id) noexcept {
  return {
      static_cast<std::uint32_t>(id >> (kOrderEpochBits + kOrderSequenceBits)) & kOrderInstanceMax,
      static_cast<std::uint32_t>(id >> kOrderSequenceBits) & kOrderEpochMax,
      static_cast<std::uint32_t>(id) & kOrderSequenceMax};
}

/// What orders of one gateway are made in: their ids without the instance.
[[nodiscard]] constexpr std::uint64_t order_number(OrderId id) noexcept {
  return id & ((std::uint64_t{1} << (kOrderEpochBits + kOrderSequenceBits)) - 1);
}

static_assert(split_order_id(make_order_id({4095, 1048575, 2147483647})) ==
              OrderIdParts{4095, 1048575, 2147483647});
static_assert(make_order_id({4095, 1048575, 2147483647}) == 0x7FFFFFFFFFFFFFFFULL);
static_assert(make_order_id({1, 2, 3}) > make_order_id({1, 1, kOrderSequenceMax}));

}  // namespace gateway
