// Own orders that can rest at a venue, by instrument and side, and a bound of their best prices.
// A new price moves the bound at once; an order that ends leaves it, until somebody is about to be
// refused for it. The chain of that side is walked then, but only when the bound may have gone: who
// is refused again and again by the same quote costs nothing more.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "gateway_core/memory/huge_array.hpp"
#include "gateway_core/order/order_table.hpp"
#include "gateway_core/risk/risk_gate.hpp"

namespace gateway {

/// Whether the order can stand in a book and meet a later one: it has a price and may wait.
[[nodiscard]] inline bool can_rest(const Order& order) noexcept {
  return has_limit_price(order.type) && !is_immediate(order.time_in_force);
}

class OwnQuotes {
 public:
  OwnQuotes(std::uint32_t orders_max, std::uint32_t instruments_max)
      : links_(orders_max), sides_(std::make_unique<Sides[]>(instruments_max)) {}

  void prefault() noexcept { links_.prefault(); }

  [[nodiscard]] const OwnPrices* prices(InstrumentId instrument) const noexcept {
    return &sides_[instrument].prices;
  }
  /// The order is open from now on.
  void link(const Order& order, std::uint32_t slot) noexcept {
    if (!can_rest(order)) return;
    std::uint32_t& first = sides_[order.instrument].first[index_of(order.side)];
    if (first != 0) links_[first - 1].previous = slot + 1;
    links_[slot] = {first, kFirst};
    first = slot + 1;
    tell(order, order.price);
    if (order.pending_price != 0) tell(order, order.pending_price);
    if (order.pending_price != 0 ||
        static_cast<OrderState>(order.state) == OrderState::kUntriggered) {
      doubt(order);
    }
  }
  /// The order ended.
  void unlink(const Order& order, std::uint32_t slot) noexcept {
    if (!can_rest(order)) return;
    const Link link = links_[slot];
    if (link.previous == 0) return;
    if (link.next != 0) links_[link.next - 1].previous = link.previous;
    if (link.previous == kFirst) {
      sides_[order.instrument].first[index_of(order.side)] = link.next;
    } else {
      links_[link.previous - 1].next = link.next;
    }
    links_[slot] = {};
    const OwnPrices& prices = sides_[order.instrument].prices;
    const std::int64_t bound = prices.met_by[index_of(opposite(order.side))];
    if (signed_price(order.side, order.price) <= bound) doubt(order);
  }
  /// The bound that the order is under may be that of a price which nobody has any more.
  void doubt(const Order& order) noexcept {
    sides_[order.instrument].is_exact[index_of(opposite(order.side))] = false;
  }
  /// The order has, or asks for, this price.
  void tell(const Order& order, std::int64_t price) noexcept {
    std::int64_t& met = sides_[order.instrument].prices.met_by[index_of(opposite(order.side))];
    met = std::min(met, signed_price(order.side, price));
  }
  /// Makes the bound exact for orders of `side`. Returns how many orders it looked at.
  std::size_t work_out(const OrderTable& orders, InstrumentId instrument, Side side) noexcept {
    Sides& sides = sides_[instrument];
    if (sides.is_exact[index_of(side)]) return 0;
    std::int64_t best = kGateMax;
    std::size_t seen = 0;
    bool is_exact = true;
    for (std::uint32_t at = sides.first[index_of(opposite(side))]; at != 0;
         at = links_[at - 1].next) {
      const Order& order = orders.at(at - 1);
      ++seen;
      if (static_cast<OrderState>(order.state) == OrderState::kUntriggered) continue;
      std::int64_t price = signed_price(order.side, order.price);
      if (order.pending_price != 0) {
        price = std::min(price, signed_price(order.side, order.pending_price));
        is_exact = false;  // one of the two prices goes with the answer
      }
      best = std::min(best, price);
    }
    sides.prices.met_by[index_of(side)] = best;
    sides.is_exact[index_of(side)] = is_exact;
    return seen;
  }

 private:
  static constexpr std::uint32_t kFirst = 0xFFFFFFFF;
  struct Link {
    std::uint32_t next;      // slot + 1, 0 = last
    std::uint32_t previous;  // slot + 1, kFirst = first, 0 = not linked
  };
  struct alignas(32) Sides {
    OwnPrices prices;
    std::uint32_t first[2] = {};      // newest order by side, slot + 1
    bool is_exact[2] = {true, true};  // some open order has the price that meets this side
  };
  [[nodiscard]] static std::int64_t signed_price(Side side, std::int64_t price) noexcept {
    return side == Side::kSell ? price : -price;
  }

  HugeArray<Link> links_;
  std::unique_ptr<Sides[]> sides_;
};

}  // namespace gateway
