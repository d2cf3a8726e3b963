// New groups of linked orders: all are checked before one of them is journaled, all are journaled
// in one group of records, and only then the first of them are let go.
#include <algorithm>

#include "gateway_core/engine/engine.hpp"

namespace gateway {
namespace {

[[nodiscard]] OrderLink link_of(LinkKind kind, std::size_t place, std::size_t count) noexcept {
  return {kind, static_cast<std::uint8_t>(place), static_cast<std::uint8_t>(count), 0};
}

/// Members that are let go at once; a bracket's exits wait for its entry.
[[nodiscard]] std::size_t released_at_once(LinkKind kind, std::size_t count) noexcept {
  return kind == LinkKind::kBracket ? 1 : count;
}

[[nodiscard]] bool has_same_place(const NewOrderMessage& a, const NewOrderMessage& b) noexcept {
  return a.header.principal == b.header.principal && a.account == b.account &&
         a.instrument == b.instrument && a.strategy == b.strategy && a.leg == b.leg;
}

[[nodiscard]] bool has_same_name(const NewOrderMessage& a, const NewOrderMessage& b) noexcept {
  return a.client_number == b.client_number && (a.client_number != 0 || a.client_id == b.client_id);
}

/// Whether the order can wait for another one: it rests until something happens.
[[nodiscard]] bool can_wait(const NewOrderMessage& order) noexcept {
  return order.type != OrderType::kMarket && !is_immediate(order.time_in_force);
}

}  // namespace

Refusal Engine::check_group(LinkKind kind, const NewOrderMessage* orders,
                            std::size_t count) const noexcept {
  const bool is_bracket = kind == LinkKind::kBracket;
  for (std::size_t i = 0; i < count; ++i) {
    if (!has_same_place(orders[0], orders[i])) return Refusal::kBadLink;
    if (orders[i].cross_ms != 0) return Refusal::kBadCross;
    for (std::size_t j = 0; j < i; ++j) {
      if (has_same_name(orders[i], orders[j])) return Refusal::kIdConflict;
    }
    if (is_bracket && i == 0) continue;
    if (!can_wait(orders[i])) return Refusal::kBadLink;
    if (is_bracket && orders[i].side == orders[0].side) return Refusal::kBadLink;
    // One quantity is shared, so it is said once.
    if (kind != LinkKind::kOneCancelsOther && orders[i].quantity != orders[0].quantity) {
      return Refusal::kBadLink;
    }
  }
  const VenueId venue = state_.registry.instruments.at(orders[0].instrument).definition.venue;
  const bool can_amend = state_.registry.venues.at(venue).definition.amend != 0;
  return kind == LinkKind::kOneUpdatesOther && !can_amend ? Refusal::kReplaceUnsupported
                                                          : Refusal::kNone;
}

Refusal Engine::check_member(const NewOrderMessage& order, std::uint32_t port,
                             std::uint32_t& route) noexcept {
  if (const Refusal found = check_identity(order); found != Refusal::kNone) return found;
  Candidate candidate{order, port, now_ns_, PreparedRoutes::kNone};
  const Refusal found = check_named(candidate);
  route = candidate.route_index;
  return found;
}

GateVerdict Engine::check_places(LinkKind kind, const NewOrderMessage* orders, std::size_t count,
                                 std::uint32_t route_index) const noexcept {
  const Route& route = state_.routes.at(route_index);
  std::int64_t wanted[2] = {};
  for (std::size_t i = 0; i < count; ++i) ++wanted[index_of(orders[i].side)];
  for (int i = 0; i < kLevels; ++i) {
    const LevelEntity& level = *route.levels[i];
    for (int side = 0; side < 2; ++side) {
      const std::int64_t open = level.totals.open_orders[side];
      if (wanted[side] == 0 || open + wanted[side] <= level.open_limit) continue;
      return {.refusal = Refusal::kMaxOpenOrders,
              .level = i,
              .limit = level.open_limit,
              .current = open,
              .would_be = open + wanted[side],
              .working = open};
    }
  }
  return check_rate(route, static_cast<std::int64_t>(released_at_once(kind, count)));
}

GateVerdict Engine::check_together(LinkKind kind, const NewOrderMessage* orders, std::size_t count,
                                   std::uint32_t route, std::size_t& place) noexcept {
  SharedRoom before[2];  // by side: what members in front of this one will hold
  for (place = 0; place < released_at_once(kind, count); ++place) {
    const NewOrderMessage& order = orders[place];
    SharedRoom& held = before[index_of(order.side)];
    Release release{.is_new = true};
    const GateVerdict verdict = check_release(order, route, held, release);
    if (verdict.refusal != Refusal::kNone) return verdict;
    if ((order.flags & kReduceOnly) != 0) {
      held.quantity_max = std::max(held.quantity_max, order.quantity);
      held.notional_max_e4 = std::max(held.notional_max_e4, release.amount_e4);
    } else {
      held.quantity -= order.quantity;
      held.notional_e4 -= release.amount_e4;
    }
  }
  place = 0;
  const GateVerdict places = check_places(kind, orders, count, route);
  if (places.refusal != Refusal::kNone) return places;
  const bool has_slots = state_.orders.has_room_for(static_cast<std::uint32_t>(count)) &&
                         state_.orders_made + count < kOrderSequenceMax;
  if (!has_slots) return {.refusal = Refusal::kOrdersFull};
  const KeyTable& texts = state_.names.texts();
  const bool has_names = texts.size() + count <= texts.capacity();
  return {.refusal = has_names ? Refusal::kNone : Refusal::kIdempotencyFull};
}

// Of the members that go out at once. Exits follow their entry: two entries may have the same ones.
Refusal Engine::check_sent_before(LinkKind kind, const NewOrderMessage* orders, std::size_t count,
                                  std::uint32_t route, std::size_t& place) const noexcept {
  for (place = 0; place < released_at_once(kind, count); ++place) {
    Candidate candidate{orders[place], 0, now_ns_, route};
    if (is_duplicate(candidate)) return Refusal::kDuplicateOrder;
  }
  place = 0;
  return Refusal::kNone;
}

Refusal Engine::refuse_group(const NewOrderMessage* orders, std::size_t count, std::size_t place,
                             std::uint32_t port, const GateVerdict& verdict) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    (void)refuse(orders[i], port,
                 i == place ? verdict : GateVerdict{.refusal = Refusal::kLinkRefused});
  }
  return verdict.refusal;
}

// The same group again has the same answers; anything else under a used name is a conflict.
bool Engine::find_repeated_group(LinkKind kind, const NewOrderMessage* orders, std::size_t count,
                                 std::uint32_t port) noexcept {
  bool is_answered[kLinkedMax] = {};
  bool is_any = false;
  for (std::size_t i = 0; i < count; ++i) {
    Notice repeated;
    is_answered[i] = find_repeated(orders[i], port, repeated, link_of(kind, i, count));
    is_any |= is_answered[i];
  }
  if (!is_any) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_answered[i]) (void)refuse(orders[i], port, {.refusal = Refusal::kLinkRefused});
  }
  return true;
}

Refusal Engine::submit_linked(LinkKind kind, const NewOrderMessage* orders, std::size_t count,
                              std::uint32_t port) noexcept {
  (void)now_ns();
  const bool is_kind = kind != LinkKind::kNone && static_cast<std::size_t>(kind) < kLinkKinds;
  if (!is_kind || count < 2 || count > kLinkedMax) {
    return refuse_group(orders, std::min(count, kLinkedMax), 0, port,
                        {.refusal = Refusal::kBadLink});
  }
  std::uint32_t route = PreparedRoutes::kNone;
  for (std::size_t i = 0; i < count; ++i) {
    if (const Refusal found = check_identity(orders[i]); found != Refusal::kNone) {
      return refuse_group(orders, count, i, port, {.refusal = found});
    }
  }
  if (find_repeated_group(kind, orders, count, port)) return Refusal::kNone;
  for (std::size_t i = 0; i < count; ++i) {
    if (const Refusal found = check_member(orders[i], port, route); found != Refusal::kNone) {
      return refuse_group(orders, count, i, port, {.refusal = found});
    }
  }
  std::size_t place = 0;
  GateVerdict verdict{.refusal = check_group(kind, orders, count)};
  if (verdict.refusal == Refusal::kNone) {
    verdict = check_together(kind, orders, count, route, place);
  }
  if (verdict.refusal == Refusal::kNone) {
    verdict.refusal = check_sent_before(kind, orders, count, route, place);
  }
  if (verdict.refusal != Refusal::kNone) return refuse_group(orders, count, place, port, verdict);
  std::uint32_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Candidate candidate{orders[i], port, now_ns_, route};
    candidate.link = link_of(kind, i, count);
    bytes += length_of(candidate);
  }
  std::uint8_t* record = writer_.reserve(bytes);
  if (record == nullptr) {
    return refuse_group(orders, count, 0, port, {.refusal = Refusal::kJournalBehind});
  }
  accept_group(kind, orders, count, route, port, record, bytes);
  return Refusal::kNone;
}

void Engine::accept_group(LinkKind kind, const NewOrderMessage* orders, std::size_t count,
                          std::uint32_t route, std::uint32_t port, std::uint8_t* record,
                          std::uint32_t bytes) noexcept {
  const OrderId head = next_order_id();
  std::uint8_t* at = record;
  for (std::size_t i = 0; i < count; ++i) {
    const NewOrderMessage& order = orders[i];
    Candidate candidate{order, port, now_ns_, route};
    candidate.link = link_of(kind, i, count);
    candidate.price = order.price;
    const std::uint32_t length = length_of(candidate);
    write_new(candidate, at, length, head + i);
    at += length;
  }
  const Sequence last = commit(record, bytes);
  for (std::size_t i = 0; i < count; ++i) {
    const bool ends_here =
        orders[i].time_in_force == TimeInForce::kDay || orders[i].expires_ns != 0;
    if ((orders[i].flags & kEmulate) != 0 || (ends_here && i >= released_at_once(kind, count))) {
      emulated_.push_back({.order_id = head + i});
    }
    ++counters_.orders_accepted;
    (void)answer(port, {.sequence = last - count + 1 + i,
                        .request = orders[i].header.request,
                        .order_id = head + i,
                        .kind = static_cast<std::uint16_t>(RecordKind::kOrderNew)});
  }
  const std::size_t released = release_first(head, orders, released_at_once(kind, count));
  // After all of them, so that one member does not change what is usual for the next.
  for (std::size_t i = 0; i < released; ++i) {
    const Order& order = state_.orders.at(state_.orders.find(head + i));
    const Route& gone = state_.routes.at(route);
    if ((orders[i].overrides & kOverrideSize) != 0) {
      tell_override(gone, order.order_id,
                    gone.instrument_row->amount_e4(order.gate_price, order.original_quantity),
                    {.cause = order.sequence, .actor = order.principal, .port = port});
    }
    note_size(order);
  }
}

/// How many of the group's first orders were let go.
std::size_t Engine::release_first(OrderId head, const NewOrderMessage* orders,
                                  std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t slot = state_.orders.find(head + i);
    const GateVerdict verdict = release_linked(slot, orders[i].quantity, orders[i].overrides);
    if (verdict.refusal == Refusal::kNone) continue;
    // Told, and the group ends: what was not let go at once is never sent later.
    tell_refused_link(state_.orders.at(slot), orders[i].quantity, verdict);
    touch_link(state_.orders.at(slot));
    return i;
  }
  return count;
}

bool Engine::take_linked(ClientPort& port) noexcept {
  const auto header = reinterpret_cast<const LinkedOrdersMessage*>(port.orders.peek())->header;
  constexpr std::size_t kEntries = sizeof(NewOrderMessage) / kEntryBytes;
  const std::size_t count = (header.entries - std::size_t{1}) / kEntries;
  if (header.entries == 0 || header.entries != 1 + count * kEntries || count > kLinkedMax) {
    port.orders.pop();  // a broken entry is dropped alone
    return true;
  }
  if (!port.orders.holds(header.entries)) return false;
  NewOrderMessage orders[kLinkedMax];
  for (std::size_t i = 0; i < count * kEntries; ++i) {
    std::memcpy(reinterpret_cast<std::byte*>(orders) + i * kEntryBytes, port.orders.peek(1 + i),
                kEntryBytes);
  }
  port.orders.pop(header.entries);
  (void)submit_linked(static_cast<LinkKind>(header.detail), orders, count, port.number);
  return true;
}

}  // namespace gateway
