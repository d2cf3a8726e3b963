// Orders a bounded number of slots at a time, for readers that must not take a whole table at once.
#include <nanobind/nanobind.h>

#include <algorithm>

#include "gateway_core/memory/relaxed.hpp"
#include "rows.hpp"

namespace nb = nanobind;

namespace gateway {
namespace {

[[nodiscard]] bool is_unknown(std::uint8_t state, std::uint8_t overlay) noexcept {
  return state == static_cast<std::uint8_t>(OrderState::kUnknown) ||
         pending(overlay, Overlay::kCancel) == Pending::kUnknown ||
         pending(overlay, Overlay::kReplace) == Pending::kUnknown;
}

/// The slots of a page, and whether others follow.
struct Slots {
  std::uint32_t end;
  std::uint32_t next;
};
[[nodiscard]] Slots slots_of(const State& state, std::uint32_t start,
                             std::uint32_t slots_max) noexcept {
  const std::uint32_t used = state.orders.used();
  if (start >= used) return {start, 0};
  const std::uint32_t end = start + std::min(slots_max, used - start);
  return {end, end < used ? end : 0};
}

}  // namespace

nb::tuple order_page(const State& state, const OrderPage& page) {
  nb::list rows;
  const Slots slots = slots_of(state, page.start, page.slots_max);
  Order copy;
  for (std::uint32_t slot = page.start; slot < slots.end; ++slot) {
    const auto seen = __atomic_load_n(&state.orders.at(slot).state, __ATOMIC_RELAXED);
    if (seen == 0 || (page.is_open_only && !is_open(static_cast<OrderState>(seen)))) continue;
    if (!read(state.orders.at(slot), copy) || copy.state == 0) continue;
    if (page.is_open_only && !is_open(static_cast<OrderState>(copy.state))) continue;
    if (page.is_unknown_only && !is_unknown(copy.state, copy.overlay)) continue;
    if (page.account == 0 || page.account == copy.account) rows.append(order_row(state, copy));
  }
  return nb::make_tuple(rows, slots.next);
}

OrderCount count_orders(const State& state, std::uint32_t start, std::uint32_t slots_max) noexcept {
  const Slots slots = slots_of(state, start, slots_max);
  OrderCount out{0, 0, slots.next};
  for (std::uint32_t slot = start; slot < slots.end; ++slot) {
    const Order& order = state.orders.at(slot);
    const auto seen = __atomic_load_n(&order.state, __ATOMIC_RELAXED);
    if (seen == 0 || !is_open(static_cast<OrderState>(seen))) continue;
    ++out.open;
    const auto overlay = __atomic_load_n(&order.overlay, __ATOMIC_RELAXED);
    out.unknown += is_unknown(seen, overlay) ? 1 : 0;
  }
  return out;
}

nb::object order_ids(const State& state, std::uint32_t start, std::uint32_t slots_max,
                     bool open_only) {
  const Slots slots = slots_of(state, start, slots_max);
  nb::list ids;
  for (std::uint32_t slot = start; slot < slots.end; ++slot) {
    const Order& order = state.orders.at(slot);
    const auto seen = __atomic_load_n(&order.state, __ATOMIC_RELAXED);
    if (seen == 0 || (open_only && !is_open(static_cast<OrderState>(seen)))) continue;
    ids.append(__atomic_load_n(&order.order_id, __ATOMIC_RELAXED));
  }
  return nb::make_tuple(ids, slots.next);
}

}  // namespace gateway
