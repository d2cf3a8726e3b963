// The canonical serialization of the state: what is hashed, what a snapshot holds. Sections in a
// fixed order, rows in id or key order, nothing volatile, nothing that depends on where a row lies.
// Tables that other programs read in place are aligned and listed in front (snapshot_tables.hpp).
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "gateway_core/order/order_id.hpp"
#include "gateway_core/state/canonical_stream.hpp"
#include "gateway_core/state/soundness.hpp"
#include "gateway_core/state/state.hpp"

namespace gateway {
namespace {

using canonical::In;
using canonical::Out;

/// Names a position without its place in the table.
struct PositionName {
  AccountId account;
  InstrumentId instrument;
  StrategyId strategy;
  std::uint16_t leg;
  std::uint16_t margin_mode;
  friend auto operator<=>(const PositionName&, const PositionName&) = default;
};

PositionName name_of(const Position& position) {
  return {position.account, position.instrument, position.strategy, position.leg,
          position.margin_mode};
}

struct PositionImage {
  PositionName name;
  Sequence sequence;
  std::int64_t notional_e4;
  std::uint64_t last_fill;
  std::uint64_t reserved[3];
  PositionBook book;
};

template <typename Rows>
void put_rows(Out& out, SnapshotTable table, const Rows& rows) {
  out.put(rows.count());
  out.begin_table(table, sizeof(rows.at(0).definition), rows.count());
  for (std::uint32_t id = 1; id <= rows.count(); ++id) out.put(rows.at(id).definition);
}

/// Ids rise by one from 1, each row once.
template <typename Definition>
bool get_definitions(In& in, std::uint32_t count, Registry& registry) {
  for (std::uint32_t id = 1; id <= count; ++id) {
    Definition definition;
    if (!in.get(definition) || definition.id != id || !is_sound(definition, registry) ||
        !registry.apply(definition)) {
      return false;
    }
  }
  return true;
}

template <typename Definition>
bool get_rows(In& in, SnapshotTable table, Registry& registry) {
  std::uint32_t count = 0;
  if (!in.get(count) || !in.begin_table(table, sizeof(Definition), count)) return false;
  return get_definitions<Definition>(in, count, registry);
}

// Rights are no table of the contents: who may do what is nothing for other programs.
void put_principals(Out& out, const Registry& registry) {
  out.put(registry.principals.count());
  for (std::uint32_t id = 1; id <= registry.principals.count(); ++id) {
    out.put(registry.principals.at(id).definition);
  }
}

bool get_principals(In& in, Registry& registry) {
  std::uint32_t count = 0;
  return in.get(count) && get_definitions<PrincipalDefined>(in, count, registry);
}

struct LevelImage {
  std::uint32_t level;
  std::uint32_t id;
  std::uint32_t limits_version;
  std::uint16_t state;
  std::uint16_t is_latched;
  std::int64_t realised_e4;
  LimitFields limits;
  Text<40> limits_actor;
  Text<48> limits_reason;
  Text<40> state_actor;
  Text<64> state_reason;
};

void put_levels(Out& out, const Registry& registry) {
  std::vector<LevelImage> images;
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    for (std::uint32_t id = 0; id < registry.level_count(static_cast<Level>(level)); ++id) {
      const LevelEntity& entity = registry.level(static_cast<Level>(level), id);
      const bool is_fresh = entity.limits_version == 0 && entity.state == TradingState::kActive &&
                            entity.totals.realised_e4 == 0 && entity.state_actor.empty();
      if (is_fresh) continue;
      images.push_back({level, id, entity.limits_version, static_cast<std::uint16_t>(entity.state),
                        static_cast<std::uint16_t>(entity.is_latched), entity.totals.realised_e4,
                        entity.limits, entity.limits_actor, entity.limits_reason,
                        entity.state_actor, entity.state_reason});
    }
  }
  out.put(static_cast<std::uint32_t>(images.size()));
  for (const auto& image : images) out.put(image);
}

bool get_levels(In& in, Registry& registry) {
  std::uint32_t count = 0;
  if (!in.get(count)) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    LevelImage image;
    if (!in.get(image) || !registry.has_level(image.level, image.id) || !is_sound(image.limits) ||
        image.state > static_cast<std::uint16_t>(TradingState::kHalted) ||
        image.realised_e4 <= -kGateMax || image.realised_e4 >= kGateMax) {
      return false;
    }
    LevelEntity& entity = registry.level(static_cast<Level>(image.level), image.id);
    if (image.limits_version != 0) {
      entity.set({.level = image.level,
                  .id = image.id,
                  .version = image.limits_version,
                  .reserved_word = 0,
                  .fields = image.limits,
                  .actor = image.limits_actor,
                  .reason = image.limits_reason});
    }
    entity.state = static_cast<TradingState>(image.state);
    entity.is_latched = image.is_latched != 0;
    entity.state_actor = image.state_actor;
    entity.state_reason = image.state_reason;
    entity.add_realised(image.realised_e4);
  }
  return true;
}

void put_registry(Out& out, const Registry& registry) {
  put_rows(out, SnapshotTable::kCurrencies, registry.currencies);
  for (std::uint32_t id = 1; id <= registry.currencies.count(); ++id) {
    out.put(registry.currencies.at(id).rate_e8);
    out.put(std::uint64_t{registry.currencies.at(id).rate_version});
  }
  put_rows(out, SnapshotTable::kVenues, registry.venues);
  put_rows(out, SnapshotTable::kInstruments, registry.instruments);
  put_rows(out, SnapshotTable::kAccounts, registry.accounts);
  put_rows(out, SnapshotTable::kStrategies, registry.strategies);
  put_principals(out, registry);
  put_levels(out, registry);
}

bool get_registry(In& in, Registry& registry) {
  if (!get_rows<CurrencyDefined>(in, SnapshotTable::kCurrencies, registry)) return false;
  for (std::uint32_t id = 1; id <= registry.currencies.count(); ++id) {
    std::int64_t rate = 0;
    std::uint64_t version = 0;
    if (!in.get(rate) || !in.get(version) || rate < 0) return false;
    if (rate == 0) continue;
    if (!registry.apply(CurrencyRateSet{.currency = id,
                                        .version = static_cast<std::uint32_t>(version),
                                        .rate_e8 = rate,
                                        .reserved = {}})) {
      return false;
    }
  }
  return get_rows<VenueDefined>(in, SnapshotTable::kVenues, registry) &&
         get_rows<InstrumentDefined>(in, SnapshotTable::kInstruments, registry) &&
         get_rows<AccountDefined>(in, SnapshotTable::kAccounts, registry) &&
         get_rows<StrategyDefined>(in, SnapshotTable::kStrategies, registry) &&
         get_principals(in, registry) && get_levels(in, registry);
}

void put_orders(Out& out, const OrderTable& orders) {
  std::vector<std::uint32_t> slots;
  std::vector<OrderId> ended;
  orders.for_each_open([&](std::uint32_t slot) { slots.push_back(slot); });
  orders.for_each_terminal([&](std::uint32_t slot) {
    slots.push_back(slot);
    ended.push_back(orders.at(slot).order_id);
  });
  std::sort(slots.begin(), slots.end(), [&](std::uint32_t a, std::uint32_t b) {
    return orders.at(a).order_id < orders.at(b).order_id;
  });
  out.put(static_cast<std::uint64_t>(slots.size()));
  out.begin_table(SnapshotTable::kOrders, sizeof(Order), slots.size());
  for (const std::uint32_t slot : slots) {
    Order order = orders.at(slot);
    order.version = 0;
    order.route = 0;
    order.next = 0;
    order.previous = 0;
    order.id_next = 0;
    order.number_next = 0;
    order.venue_id_next = 0;
    order.venue_id_hash = 0;
    out.put(order);
  }
  out.put(static_cast<std::uint64_t>(ended.size()));
  for (const OrderId id : ended) out.put(id);
}

/// Every ended order once, in the order in which they will be recycled.
bool get_ended(In& in, State& state) {
  std::uint64_t count = 0;
  std::uint64_t ended = 0;
  const auto has_ended = [&](std::uint32_t slot) {
    return !is_open(static_cast<OrderState>(state.orders.at(slot).state));
  };
  for (std::uint32_t slot = 0; slot < state.orders.used(); ++slot) ended += has_ended(slot) ? 1 : 0;
  if (!in.get(count) || count != ended) return false;
  std::vector<bool> is_retired(state.orders.used());
  for (std::uint64_t i = 0; i < count; ++i) {
    OrderId id = 0;
    if (!in.get(id)) return false;
    const std::uint32_t slot = state.orders.find(id);
    if (slot == kNoSlot || !has_ended(slot) || is_retired[slot]) return false;
    is_retired[slot] = true;
    state.orders.retire(slot);
  }
  return true;
}

bool get_orders(In& in, State& state) {
  std::uint64_t count = 0;
  if (!in.get(count) || count > state.orders.capacity() ||
      !in.begin_table(SnapshotTable::kOrders, sizeof(Order), count)) {
    return false;
  }
  OrderId newest = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    Order order;
    if (!in.get(order) || !is_sound(order, state.registry) || order.order_id <= newest) {
      return false;
    }
    newest = order.order_id;
    order.route =
        state.routes.find_or_make(order.account, order.instrument, static_cast<Leg>(order.leg),
                                  static_cast<MarginMode>(order.margin_mode), order.strategy);
    if (order.route == RouteTable::kNone) return false;
    const std::uint32_t slot = state.orders.take(order.order_id);
    order.next = state.orders.at(slot).next;
    order.previous = state.orders.at(slot).previous;
    order.id_next = state.orders.at(slot).id_next;
    order.version = state.orders.at(slot).version;
    order.venue_id_hash = 0;
    order.number_next = order.venue_id_next = 0;
    state.orders.at(slot) = order;
    state.orders.name_venue_id(slot, order.venue_order_id);
    if (order.client_number != 0) state.orders.index_number(slot);
    if (order.pending_client_number != 0) {
      state.names.await_number(order.principal, order.pending_client_number, order.order_id);
    }
    if (is_open(static_cast<OrderState>(order.state))) state.own.link(order, slot);
    if (static_cast<OrderState>(order.state) == OrderState::kUnknown)
      state.orders.note_unknown(slot, true);
    if (order.pending_price != 0 && can_rest(order)) state.own.tell(order, order.pending_price);
    if (!add_restored(state.routes.at(order.route), order)) return false;
    // Journal time never decreases, also when no record follows the snapshot.
    state.last_time_ns = std::max(state.last_time_ns, order.updated_ns);
  }
  return get_ended(in, state);
}

void put_table(Out& out, const KeyTable& table) {
  struct Entry {
    Key128 key;
    std::uint64_t value;
  };
  std::vector<Entry> entries;
  entries.reserve(table.size());
  table.for_each([&](Key128 key, std::uint64_t value) { entries.push_back({key, value}); });
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.key.high != b.key.high ? a.key.high < b.key.high : a.key.low < b.key.low;
  });
  out.put(static_cast<std::uint64_t>(entries.size()));
  for (const Entry& entry : entries) out.put(entry);
}

bool get_table(In& in, KeyTable& table) {
  std::uint64_t count = 0;
  if (!in.get(count)) return false;
  Key128 last;  // {0, 0} marks an empty place and is never a key
  for (std::uint64_t i = 0; i < count; ++i) {
    Key128 key;
    std::uint64_t value = 0;
    if (!in.get(key) || !in.get(value)) return false;
    const bool is_behind = key.high != last.high ? key.high > last.high : key.low > last.low;
    if (!is_behind || !table.insert(key, value)) return false;
    last = key;
  }
  return true;
}

void put_names(Out& out, const ClientNames& names) {
  put_table(out, names.texts());
  for (PrincipalId id = 0; id < kPrincipalsMax; ++id) {
    const NumberWindow* window = names.window(id);
    out.put(std::uint8_t{window != nullptr});
    if (window != nullptr) out.put(*window);
  }
}

bool get_names(In& in, ClientNames& names) {
  if (!get_table(in, names.texts())) return false;
  for (PrincipalId id = 0; id < kPrincipalsMax; ++id) {
    std::uint8_t has = 0;
    if (!in.get(has) || has > 1) return false;
    if (has != 0 && !in.get(names.window_for_restore(id))) return false;
  }
  return true;
}

void put_positions(Out& out, const RouteTable& routes) {
  std::vector<PositionImage> images;
  for (std::uint32_t i = 0; i < routes.count(); ++i) {
    const Position& position = routes.position(i);
    if (position.sequence == 0) continue;
    images.push_back({name_of(position),
                      position.sequence,
                      position.notional_e4,
                      position.last_fill,
                      {},
                      position.book});
  }
  std::sort(images.begin(), images.end(),
            [](const PositionImage& a, const PositionImage& b) { return a.name < b.name; });
  out.put(static_cast<std::uint64_t>(images.size()));
  out.begin_table(SnapshotTable::kPositions, sizeof(PositionImage), images.size());
  for (const auto& image : images) out.put(image);
}

std::uint32_t route_of(State& state, const PositionName& name) {
  if (!is_sound_route(name.account, name.instrument, name.strategy, name.leg, name.margin_mode,
                      state.registry)) {
    return RouteTable::kNone;
  }
  return state.routes.find_or_make(name.account, name.instrument, static_cast<Leg>(name.leg),
                                   static_cast<MarginMode>(name.margin_mode), name.strategy);
}

bool get_positions(In& in, State& state) {
  std::uint64_t count = 0;
  if (!in.get(count) || !in.begin_table(SnapshotTable::kPositions, sizeof(PositionImage), count)) {
    return false;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    PositionImage image;
    if (!in.get(image) || !is_sound(image.book) || image.sequence == 0) return false;
    const std::uint32_t index = route_of(state, image.name);
    if (index == RouteTable::kNone || state.routes.position(index).sequence != 0) return false;
    Position& position = state.routes.position(index);
    position.sequence = image.sequence;
    position.notional_e4 = image.notional_e4;
    position.last_fill = image.last_fill;
    position.book = image.book;
    if (!add_restored(state.routes.at(index), image.book, image.notional_e4)) return false;
  }
  return true;
}

void put_fills(Out& out, const State& state) {
  const std::uint64_t total = state.fills.total();
  const std::uint64_t first = state.fills.oldest();
  out.put(total);
  out.put(first);
  for (std::uint64_t ordinal = first; ordinal <= total; ++ordinal) {
    FillEntry entry = state.fills.at(ordinal);
    out.put(name_of(state.routes.position(entry.route)));
    entry.route = 0;
    out.put(entry);
  }
}

bool get_fills(In& in, State& state) {
  std::uint64_t total = 0;
  std::uint64_t first = 0;
  if (!in.get(total) || !in.get(first) || first == 0 || first - 1 > total ||
      total == ~std::uint64_t{0}) {
    return false;
  }
  state.fills.restart(first - 1);
  for (std::uint64_t ordinal = first; ordinal <= total; ++ordinal) {
    PositionName name;
    FillEntry entry;
    if (!in.get(name) || !in.get(entry) || !is_sound(entry, ordinal, state.registry) ||
        entry.previous > total || entry.account != name.account) {
      return false;
    }
    entry.route = route_of(state, name);
    if (entry.route == RouteTable::kNone) return false;
    state.remember_fill_of(entry.key) = entry;
  }
  // The chain of a position begins at one of its own fills.
  for (std::uint32_t i = 0; i < state.routes.count(); ++i) {
    const std::uint64_t last = state.routes.position(i).last_fill;
    if (last > total) return false;
    if (!state.fills.holds(last)) continue;
    const FillEntry& newest = state.fills.at(last);
    if (newest.route != i) return false;
    state.routes.position(i).newest_fill_ns = newest.venue_time_ns;
    state.routes.position(i).newest_fill_sequence = newest.venue_sequence;
  }
  return true;
}

void put_balances(Out& out, const BalanceTable& balances) {
  std::vector<Balance> rows;
  for (std::uint32_t i = 0; i < balances.count(); ++i) {
    rows.push_back(balances.at(i));
    rows.back().version = 0;
  }
  std::sort(rows.begin(), rows.end(), [](const Balance& a, const Balance& b) {
    return a.account != b.account ? a.account < b.account : a.currency < b.currency;
  });
  out.put(static_cast<std::uint64_t>(rows.size()));
  out.begin_table(SnapshotTable::kBalances, sizeof(Balance), rows.size());
  for (const Balance& row : rows) out.put(row);
}

bool get_balances(In& in, const Registry& registry, BalanceTable& balances) {
  std::uint64_t count = 0;
  if (!in.get(count) || !in.begin_table(SnapshotTable::kBalances, sizeof(Balance), count)) {
    return false;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    Balance row;
    if (!in.get(row) || !registry.accounts.has(row.account) ||
        !registry.currencies.has(row.currency) ||
        !balances.add(row.account, row.currency, row.total_e18, row.sequence)) {
      return false;
    }
  }
  return true;
}

bool is_before(const Collateral& a, const Collateral& b) {
  if (a.account != b.account) return a.account < b.account;
  return a.instrument != b.instrument ? a.instrument < b.instrument : a.leg < b.leg;
}

// Where nothing lies any more and no mode was told is no row: whether something once did is not
// state.
void put_collaterals(Out& out, const CollateralTable& collaterals) {
  std::vector<Collateral> rows;
  for (std::uint32_t i = 0; i < collaterals.count(); ++i) {
    if (!collaterals.at(i).says_something()) continue;
    rows.push_back(collaterals.at(i));
    rows.back().version = 0;
  }
  std::sort(rows.begin(), rows.end(), is_before);
  out.put(static_cast<std::uint64_t>(rows.size()));
  out.begin_table(SnapshotTable::kCollaterals, sizeof(Collateral), rows.size());
  for (const Collateral& row : rows) out.put(row);
}

bool get_collaterals(In& in, const Registry& registry, CollateralTable& collaterals) {
  std::uint64_t count = 0;
  if (!in.get(count) || !in.begin_table(SnapshotTable::kCollaterals, sizeof(Collateral), count)) {
    return false;
  }
  Collateral last;
  for (std::uint64_t i = 0; i < count; ++i) {
    Collateral row;
    if (!in.get(row) || !is_sound(row, registry) || !is_before(last, row) ||
        !collaterals.set(row)) {
      return false;
    }
    last = row;
  }
  return true;
}

}  // namespace

void State::serialize(std::vector<std::uint8_t>& bytes) const {
  Out out(bytes);
  out.put(capacity);
  out.put(epoch);
  out.put(orders_made);
  out.put(period_began_ns);
  out.put(period_began_ids);
  out.put(last_fill_ns);
  out.put(funding_known_ns);
  out.put(funding_settled_ns);
  out.put(interest_known_ns);
  out.put(forgotten_fill_ns);
  out.put(forgotten_payment_ns);
  out.put(counts);
  put_registry(out, registry);
  put_orders(out, orders);
  put_names(out, names);
  put_positions(out, routes);
  put_fills(out, *this);
  put_table(out, references);
  put_balances(out, balances);
  put_collaterals(out, collaterals);
  canonical::put_guards(out, registry);
  canonical::put_ages(out, registry);
  fix.serialize(bytes);
}

std::optional<Capacity> State::capacity_of(const std::uint8_t* bytes, std::size_t size) {
  In in(bytes, size);
  Capacity found;
  if (!in.open() || !in.get(found) || !is_sound(found)) return std::nullopt;
  return found;
}

bool State::restore(const std::uint8_t* bytes, std::size_t size) {
  In in(bytes, size);
  Capacity made_with;
  return in.open() && in.get(made_with) && in.get(epoch) && in.get(orders_made) &&
         in.get(period_began_ns) && in.get(period_began_ids) && epoch <= kOrderEpochMax &&
         orders_made <= kOrderSequenceMax && in.get(last_fill_ns) && in.get(funding_known_ns) &&
         in.get(funding_settled_ns) && in.get(interest_known_ns) && in.get(forgotten_fill_ns) &&
         in.get(forgotten_payment_ns) && in.get(counts) && get_registry(in, registry) &&
         get_orders(in, *this) && get_names(in, names) && get_positions(in, *this) &&
         get_fills(in, *this) && get_table(in, references) &&
         get_balances(in, registry, balances) && get_collaterals(in, registry, collaterals) &&
         get_guards(in, *this) && get_ages(in, registry) && fix.restore(in.rest());
}

}  // namespace gateway
