// The arithmetic of one position: what a fill does to quantity, cost and realised profit.
// Pure and exact, no table, no clock. Must never change a book half: a fault leaves it untouched.
//
// Signs. quantity > 0 is long, < 0 short (also on the short leg of a hedge account). cost_e18 is
// the cash paid in for what is still open: a linear buy adds +value, a sell -value; inverse
// contracts the other way round. Identity, exact at every step: realised - cost = - sum of signed
// fill cash. Quantity zero means cost zero. Fees are kept apart and in the settlement currency.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <type_traits>

#include "gateway_core/position/value.hpp"
#include "gateway_core/record/header.hpp"
#include "gateway_core/types/fixed_point.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

/// Where a position is in its life. Values are on disk: append only. kOpening is kept for its
/// number; nothing sets it.
enum class PositionState : std::uint8_t {
  kFlat = 0,
  kOpening = 1,
  kOpen = 2,
  kPartiallyClosed = 3,
  kClosed = 4,
  kFlipped = 5,
};

[[nodiscard]] constexpr std::string_view name(PositionState state) noexcept {
  constexpr std::string_view kNames[] = {"FLAT",   "OPENING", "OPEN", "PARTIALLY_CLOSED",
                                         "CLOSED", "FLIPPED"};
  const auto index = static_cast<std::size_t>(state);
  return index < std::size(kNames) ? kNames[index] : std::string_view{};
}

/// One position, one cache line.
struct alignas(64) PositionBook {
  std::int64_t quantity = 0;
  std::uint32_t fills = 0;  // counted, wraps
  PositionState state = PositionState::kFlat;
  std::uint8_t reserved[3] = {};
  Int128 cost_e18 = 0;
  Int128 realised_e18 = 0;
  Int128 fees_e18 = 0;  // paid is positive, a rebate negative

  friend bool operator==(const PositionBook&, const PositionBook&) = default;
};
static_assert(sizeof(PositionBook) == 64 && std::is_trivially_copyable_v<PositionBook>);
// Both are stored as the one word they are copied as (record/header.hpp tells why).
static_assert(offsetof(PositionBook, fills) == 8 && offsetof(PositionBook, state) == 12);

enum class PositionFault : std::uint8_t { kNone, kBadQuantity, kBadValue, kOverflow };

/// What one fill did. opened and closed are magnitudes and add up to the fill's quantity.
struct FillEffect {
  PositionFault fault = PositionFault::kNone;
  PositionState state = PositionState::kFlat;  // of the book afterwards
  std::int64_t opened = 0;
  std::int64_t closed = 0;
  Int128 realised_e18 = 0;  // profit this fill realised, before fees
};

namespace detail {

/// Both shares of a fill that crosses the book: what it closes and what it opens.
struct FillShares {
  Int128 closing_cash = 0;   // share of the fill's signed cash that closes
  Int128 released_cost = 0;  // share of the book's cost that leaves with it
};

/// `closed` of the fill's `quantity` meets `closed` of the book's `held`. Half-even, and whole
/// amounts are taken whole, so nothing is left behind at zero. The rounding remainder stays where
/// it was.
[[nodiscard]] inline FillShares split_fill(Int128 cash, std::int64_t quantity, Int128 cost,
                                           std::int64_t held, std::int64_t closed) noexcept {
  FillShares shares{cash, cost};
  if (closed < quantity) shares.closing_cash = *mul_div(cash, closed, quantity);
  if (closed < held) shares.released_cost = *mul_div(cost, closed, held);
  return shares;
}

/// Range of every stored amount, 2^126 on both sides: two of them always add without wrapping.
[[nodiscard]] constexpr bool is_storable(Int128 amount) noexcept {
  const auto high = static_cast<std::int64_t>(amount >> 64);
  return ((high ^ (high >> 1)) >> 62 & 1) == 0;
}

}  // namespace detail

/// Applies one fill. `quantity` > 0 in the instrument's scale, `value` >= 0 is the fill's
/// authoritative worth; a negative one is accepted for linear instruments, whose price may be below
/// zero. Closes first, then opens: a flip is one step. On a fault the book is unchanged. On a hedge
/// leg kFlipped says that the venue closed more than the leg held; the caller records it.
[[nodiscard, gnu::always_inline]] inline FillEffect apply_fill(PositionBook& book,
                                                               const InstrumentRules& rules,
                                                               Side side, std::int64_t quantity,
                                                               Money value) noexcept {
  if (quantity <= 0) return {.fault = PositionFault::kBadQuantity, .state = book.state};
  if (!detail::is_storable(value.e18) ||
      (value.e18 < 0 && rules.kind == InstrumentKind::kInverse)) {
    return {.fault = PositionFault::kBadValue, .state = book.state};
  }
  const std::int64_t direction = sign_of(side);
  const Int128 cash = direction * cash_sign(rules.kind) < 0 ? -value.e18 : value.e18;
  FillEffect effect;
  std::int64_t after = 0;
  if (__builtin_add_overflow(book.quantity, direction * quantity, &after) || after == INT64_MIN) {
    return {.fault = PositionFault::kOverflow, .state = book.state};
  }
  Int128 cost_e18 = book.cost_e18 + cash;
  Int128 realised_e18 = book.realised_e18;
  if (book.quantity == 0 || (book.quantity > 0) == (direction > 0)) {
    effect.opened = quantity;
    effect.state = PositionState::kOpen;
  } else {
    const std::int64_t held = book.quantity < 0 ? -book.quantity : book.quantity;
    effect.closed = quantity < held ? quantity : held;
    effect.opened = quantity - effect.closed;
    const auto shares = detail::split_fill(cash, quantity, book.cost_e18, held, effect.closed);
    effect.realised_e18 = -shares.closing_cash - shares.released_cost;
    if (!detail::is_storable(effect.realised_e18)) {
      return {.fault = PositionFault::kOverflow, .state = book.state};
    }
    realised_e18 += effect.realised_e18;
    cost_e18 = (book.cost_e18 - shares.released_cost) + (cash - shares.closing_cash);
    effect.state = quantity < held    ? PositionState::kPartiallyClosed
                   : quantity == held ? PositionState::kClosed
                                      : PositionState::kFlipped;
  }
  if (!detail::is_storable(cost_e18) || !detail::is_storable(realised_e18)) {
    return {.fault = PositionFault::kOverflow, .state = book.state};
  }
  book.quantity = after;
  put_word(book, 1, word_of(book.fills + 1, static_cast<std::uint32_t>(effect.state)));
  book.cost_e18 = cost_e18;
  book.realised_e18 = realised_e18;
  return effect;
}

/// Adds a fee in the settlement currency (negative = rebate). False when out of range; unchanged
/// then.
[[nodiscard]] inline bool add_fee(PositionBook& book, Money fee) noexcept {
  if (!detail::is_storable(fee.e18) || !detail::is_storable(book.fees_e18 + fee.e18)) return false;
  book.fees_e18 += fee.e18;
  return true;
}

}  // namespace gateway
