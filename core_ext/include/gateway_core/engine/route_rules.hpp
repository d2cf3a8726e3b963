// What venue, instrument, account and principals allow on one route, worked out once per
// generation of the registry. An order that passes here breaks none of the named checks; one that
// does not is looked at check by check: these rules may be stricter than those, never looser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "gateway_core/memory/huge_array.hpp"
#include "gateway_core/port/messages.hpp"
#include "gateway_core/state/state.hpp"
#include "gateway_core/types/exact_divisor.hpp"

namespace gateway {

/// All zero = not worked out, passes nothing.
struct RouteRules {
  std::uint32_t generation;  // of the registry when worked out, 0 = never
  std::uint32_t stray_bits;  // that type, side, time in force and flags must not have
  std::uint64_t shapes[8];   // a bit per combination of those four
  ExactDivisor tick;
  ExactDivisor lot;
  std::uint64_t quantity_min;
  std::uint64_t quantity_span;  // largest minus smallest
  std::uint64_t product_min;    // price x quantity that is worth the minimum notional
  std::uint64_t product_span;
  std::uint64_t principals[kPrincipalRowsMax / 64];
  std::uint8_t leg;
  Durability durability;
  std::uint8_t reserved[6];

  [[nodiscard]] bool permits(PrincipalId principal) const noexcept {
    return principal < kPrincipalRowsMax &&
           (principals[principal / 64] >> (principal % 64) & 1) != 0;
  }

  /// Whether the message, whose ids name this route, breaks no rule of shape, number, capability,
  /// venue and permission. Orders with conditions, overrides or a text id go the long way.
  [[nodiscard]] bool pass(const NewOrderMessage& message) const noexcept {
    static_assert(offsetof(NewOrderMessage, flags) == offsetof(NewOrderMessage, type) + 3);
    std::uint32_t words = 0;  // type, side, time in force, flags
    std::memcpy(&words, &message.type, sizeof words);
    const std::uint32_t shape = shape_of(words);
    const auto price = static_cast<std::uint64_t>(message.price);
    const auto quantity = static_cast<std::uint64_t>(message.quantity);
    const UInt128 product = static_cast<UInt128>(price) * quantity;
    const bool is_limit = message.type == OrderType::kLimit;
    bool ok = (words & stray_bits) == 0;
    ok &= (shapes[shape / 64] >> (shape % 64) & 1) != 0;
    ok &= (price != 0) == is_limit;
    ok &= price <= static_cast<std::uint64_t>(kQuantityMax);
    ok &= quantity - quantity_min <= quantity_span;
    ok &= message.client_number != 0;
    ok &= tick.divides(price) & lot.divides(quantity);
    ok &= message.leg == leg;
    ok &= (message.trigger_price | message.display_quantity | message.expires_ns |
           message.overrides | message.cross_ms) == 0;
    ok &= !is_limit | (static_cast<std::uint64_t>(product >> 64) == 0 &&
                       static_cast<std::uint64_t>(product) - product_min <= product_span);
    return ok && permits(message.header.principal);
  }

  /// Place in `shapes`: three bits of type, two of side, three of time in force, one post-only.
  [[nodiscard]] static constexpr std::uint32_t shape_of(std::uint32_t words) noexcept {
    return (words & 7) | (words >> 5 & 0x18) | (words >> 11 & 0xE0) |
           (words >> 16 & std::uint32_t{kPostOnly} << 8);
  }
};

/// Works the rules of a route out, and its effective limits with them.
[[nodiscard]] RouteRules work_out_rules(State& state, Route& route) noexcept;

/// Rules by route, and the way from a message's ids to its route without the registry.
class PreparedRoutes {
 public:
  static constexpr std::uint32_t kNone = RouteTable::kNone;

  PreparedRoutes(State& state, std::uint32_t routes_max)
      : state_(state), rules_(routes_max), known_(kPlaces) {}

  /// The route of the message when its rules are up to date, else kNone.
  [[nodiscard]] std::uint32_t find(const NewOrderMessage& message) const noexcept {
    const Known& known = known_[place_of(message)];
    const bool is_same = known.instrument == message.instrument &&
                         known.account == message.account && known.strategy == message.strategy;
    if (!is_same || known.route_and_one == 0) return kNone;
    const std::uint32_t route = known.route_and_one - 1;
    return rules_[route].generation == state_.registry.generation() ? route : kNone;
  }
  /// Takes all memory now, so that no order meets a page for the first time.
  void prefault() noexcept {
    rules_.prefault();
    known_.prefault();
  }
  [[nodiscard]] const RouteRules& at(std::uint32_t route) const noexcept { return rules_[route]; }
  /// Brings the rules and limits of a route up to date; the message's ids find it from now on.
  void prepare(const NewOrderMessage& message, std::uint32_t route) noexcept {
    prepare(route);
    known_[place_of(message)] = {message.instrument, message.account, message.strategy, route + 1};
  }
  void prepare(std::uint32_t route) noexcept {
    if (rules_[route].generation == state_.registry.generation()) return;
    rules_[route] = work_out_rules(state_, state_.routes.at(route));
  }

 private:
  static constexpr std::size_t kPlaces = 4096;
  struct Known {
    InstrumentId instrument;
    AccountId account;
    StrategyId strategy;
    std::uint32_t route_and_one;  // 0 = free
  };
  [[nodiscard]] static std::size_t place_of(const NewOrderMessage& message) noexcept {
    return (message.instrument + message.account * 67 + message.strategy * 521 +
            message.leg * std::size_t{1361}) %
           kPlaces;
  }

  State& state_;
  HugeArray<RouteRules> rules_;
  HugeArray<Known> known_;
};

}  // namespace gateway
