// A follower of a journal for Python: its rows by change, fills, outcomes, snapshots. Writes
// nothing but snapshots of its own state.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_set>

#include "bind.hpp"
#include "changed_rows.hpp"
#include "decode.hpp"
#include "fill_notes.hpp"
#include "gateway_core/journal/directory_lock.hpp"
#include "gateway_core/journal/kill_word.hpp"
#include "gateway_core/journal/reader.hpp"
#include "gateway_core/journal/segment.hpp"
#include "gateway_core/journal/snapshot.hpp"
#include "gateway_core/journal/superblock.hpp"
#include "gateway_core/journal/verify.hpp"
#include "gateway_core/platform/clock.hpp"
#include "gateway_core/platform/storage.hpp"
#include "gateway_core/state/follower.hpp"
#include "gateway_core/state/totals.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "gateway_core/types/refusal.hpp"
#include "replica_start.hpp"
#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

[[noreturn]] void fail(const journal::Reader& reader) {
  throw std::runtime_error("journal: " + reader.error());
}

/// Which row a record touches, for streams.
constexpr const char kOrderChange[] = "order";
constexpr const char kStateChange[] = "state";
struct Change {
  Sequence sequence;
  const char* kind;
  std::uint64_t key;
};

/// What happened to the orders of one strategy, venue and type; as words in kOutcomes.
struct OrderOutcomes {
  std::uint64_t counts[9] = {};
  std::map<Refusal, std::uint64_t> refusals;
};
constexpr const char* kOutcomes[9] = {"entered", "refused",  "accepted", "fills", "canceled",
                                      "expired", "rejected", "not_sent", "filled"};
constexpr std::size_t kFilledOutcome = 8;  // beside the fill that ended the order
constexpr std::size_t kNoOutcome = 9;
struct OutcomeKey {
  StrategyId strategy;
  VenueId venue;
  OrderType type;
  auto operator<=>(const OutcomeKey&) const = default;
};

struct ReplicaHandle {
  platform::PosixStorage storage;
  std::string directory;
  std::string ring_directory;
  Follower follower;
  std::unique_ptr<journal::Reader> reader;
  std::vector<Change> changes;
  std::uint32_t tables_changed = 0;  // bit of each of kTables that is in `changes` already
  bool tracks_changes = false;
  std::map<OutcomeKey, OrderOutcomes> outcomes;  // since they were last taken
  Sequence outcomes_after = 0;                   // records up to here are not counted
  FillNotes fills;
  ChangedRows rows;
  std::uint32_t instance = 0;  // of the newest record followed
  std::string snapshot;        // path of what the state was opened from
};

/// `until` 0 = at the newest snapshot, else at the newest one that is not beyond this sequence; the
/// snapshots may lie in `snapshot_directory` too.
std::unique_ptr<ReplicaHandle> open_replica(const std::string& directory,
                                            const std::string& ring_directory, bool use_snapshot,
                                            const std::string& snapshot_directory, Sequence until) {
  const nb::gil_scoped_release release;
  auto handle = std::make_unique<ReplicaHandle>();
  handle->directory = directory;
  handle->ring_directory = ring_directory;
  std::vector<std::string> places;
  if (use_snapshot) places.push_back(directory);
  if (use_snapshot && !snapshot_directory.empty()) places.push_back(snapshot_directory);
  ReplicaStart start =
      start_replica(handle->storage, handle->follower, directory, ring_directory, places, until);
  handle->reader = std::move(start.reader);
  handle->snapshot = std::move(start.snapshot);
  return handle;
}

/// Whole tables: that one of their rows was touched is told once.
constexpr const char* kTables[] = {"fill", "position", "balance"};
enum Table : std::uint32_t { kFillTable = 1, kPositionTable = 2, kBalanceTable = 4 };

void touch_tables(ReplicaHandle& handle, Sequence sequence, std::uint32_t tables) {
  for (std::size_t i = 0; i < std::size(kTables); ++i) {
    const std::uint32_t bit = 1U << i & tables & ~handle.tables_changed;
    if (bit == 0) continue;
    handle.tables_changed |= bit;
    handle.changes.push_back({sequence, kTables[i], 0});
  }
}

void note_changes(ReplicaHandle& handle, const RecordHeader& header, const std::uint8_t* record) {
  const State& state = *handle.follower.state();
  const auto touch_order = [&](OrderId id) {
    const std::uint32_t slot = id == 0 ? kNoSlot : state.orders.find(id);
    if (slot == kNoSlot) return kNoSlot;
    handle.changes.push_back({header.sequence, kOrderChange, id});
    return slot;
  };
  switch (static_cast<RecordKind>(header.type)) {
    case RecordKind::kOrderFilled: {
      const auto& fill = payload<OrderFilled>(record);
      touch_order(fill.order_id);
      return touch_tables(handle, header.sequence, kFillTable | kPositionTable | kBalanceTable);
    }
    case RecordKind::kFillBusted:
    case RecordKind::kFillCorrected:
      touch_order(payload<FillRevised>(record).order_id);
      return touch_tables(handle, header.sequence, kFillTable | kPositionTable | kBalanceTable);
    case RecordKind::kPositionAdopted:
      return touch_tables(handle, header.sequence, kPositionTable | kBalanceTable);
    case RecordKind::kPositionCollateral:
      return touch_tables(handle, header.sequence, kPositionTable);
    case RecordKind::kFunding:
    case RecordKind::kBalanceChanged:
      return touch_tables(handle, header.sequence, kBalanceTable);
    default:
      break;
  }
  const auto kind = header.type;
  const bool is_order = kind >= static_cast<int>(RecordKind::kOrderNew) &&
                        kind <= static_cast<int>(RecordKind::kOrderAdopted) &&
                        kind != static_cast<int>(RecordKind::kOrderRefused);
  // The order id is the first field of every order payload.
  if (is_order) {
    touch_order(payload<OrderNew>(record).order_id);
  } else if (kind != static_cast<int>(RecordKind::kOrderRefused)) {
    handle.changes.push_back({header.sequence, kStateChange, kind});
    const bool is_definition = kind >= static_cast<int>(RecordKind::kCurrencyDefined) &&
                               kind <= static_cast<int>(RecordKind::kPrincipalDefined);
    if (!is_definition) return;
    handle.rows.forget();  // names, scales and rules are in every row of these tables
    touch_tables(handle, header.sequence, kPositionTable | kBalanceTable);
  }
}

/// Place in OrderOutcomes; kNoOutcome = the record is no outcome of an order.
[[nodiscard]] std::size_t outcome_of(RecordKind kind) noexcept {
  switch (kind) {
    case RecordKind::kOrderNew:
    case RecordKind::kOrderAdopted:
      return 0;
    case RecordKind::kOrderRefused:
      return 1;
    case RecordKind::kOrderAccepted:
      return 2;
    case RecordKind::kOrderFilled:
      return 3;
    case RecordKind::kOrderCanceled:
      return 4;
    case RecordKind::kOrderExpired:
      return 5;
    case RecordKind::kOrderRejected:
      return 6;
    case RecordKind::kOrderNotSent:
      return 7;
    default:
      return kNoOutcome;
  }
}

void count_outcome(ReplicaHandle& handle, const RecordHeader& header, const std::uint8_t* record) {
  const std::size_t outcome = outcome_of(static_cast<RecordKind>(header.type));
  if (outcome == kNoOutcome || header.sequence <= handle.outcomes_after) return;
  const State& state = *handle.follower.state();
  OutcomeKey key{};
  InstrumentId instrument = 0;
  bool is_filled = false;
  Refusal refusal = Refusal::kNone;
  if (outcome == 1) {
    const auto& refused = payload<OrderRefused>(record);
    if (refused.order_id != 0) return;  // a change of an order, not an order
    instrument = refused.instrument;
    refusal = static_cast<Refusal>(refused.refusal);
    key = {refused.strategy, 0, refused.type};
  } else {
    // The order id is the first field of every order payload.
    const OrderId id = payload<OrderNew>(record).order_id;
    const std::uint32_t slot = id == 0 ? kNoSlot : state.orders.find(id);
    if (slot == kNoSlot) return;  // a fill of no order of ours
    const Order& order = state.orders.at(slot);
    instrument = order.instrument;
    key = {order.strategy, 0, order.type};
    is_filled = outcome == 3 && static_cast<OrderState>(order.state) == OrderState::kFilled;
  }
  const Registry& registry = state.registry;
  if (registry.instruments.has(instrument)) {
    key.venue = registry.instruments.at(instrument).definition.venue;
  }
  OrderOutcomes& counted = handle.outcomes[key];
  ++counted.counts[outcome];
  if (is_filled) ++counted.counts[kFilledOutcome];
  if (outcome == 1) ++counted.refusals[refusal];
}

nb::list take_outcomes(ReplicaHandle& handle) {
  nb::list out;
  if (handle.follower.state() == nullptr) return out;
  const State& state = *handle.follower.state();
  for (const auto& [key, outcomes] : handle.outcomes) {
    for (std::size_t i = 0; i < std::size(outcomes.counts); ++i) {
      if (outcomes.counts[i] == 0) continue;
      out.append(nb::make_tuple(strategy_name(state.registry, key.strategy),
                                venue_name(state.registry, key.venue), order_type_name(key.type),
                                kOutcomes[i], outcomes.counts[i]));
    }
    for (const auto& [refusal, count] : outcomes.refusals) {
      const std::string word = "refused:" + std::string(describe(refusal).name);
      out.append(nb::make_tuple(strategy_name(state.registry, key.strategy),
                                venue_name(state.registry, key.venue), order_type_name(key.type),
                                word, count));
    }
  }
  handle.outcomes.clear();
  return out;
}

/// Behind apply: an order of ours is there, also when this fill ended it.
void note_fill(ReplicaHandle& handle, const RecordHeader& header, const std::uint8_t* record) {
  switch (static_cast<RecordKind>(header.type)) {
    case RecordKind::kOrderFilled: {
      const State& state = *handle.follower.state();
      FillNote& note = handle.fills.add(header, payload<OrderFilled>(record));
      const OrderId id = note.fill.order_id;
      const std::uint32_t slot = id == 0 ? kNoSlot : state.orders.find(id);
      if (slot != kNoSlot) note.strategy = state.orders.at(slot).strategy;
      return;
    }
    case RecordKind::kFillBusted:
    case RecordKind::kFillCorrected:
      (void)handle.fills.revise(payload<FillRevised>(record));
      return;
    default:
      return;
  }
}

struct StateNames {
  const State& state;
  const Registry& registry = state.registry;
  [[nodiscard]] std::string account(AccountId id) const {
    return registry.accounts.has(id) ? text(registry.accounts.at(id).definition.name.view())
                                     : std::string();
  }
  [[nodiscard]] std::string strategy(StrategyId id) const { return strategy_name(registry, id); }
  [[nodiscard]] std::string currency(CurrencyId id) const {
    return registry.currencies.has(id) ? text(registry.currencies.at(id).definition.code.view())
                                       : std::string();
  }
  [[nodiscard]] const InstrumentDefined* instrument(InstrumentId id) const {
    return registry.instruments.has(id) ? &registry.instruments.at(id).definition : nullptr;
  }
  void add(nb::dict& row, const FillNote& note, const InstrumentDefined& rules) const {
    row["venue"] = venue_name(registry, rules.venue);
    row["client_order_id"] = nb::none();
    const OrderId id = note.fill.order_id;
    const std::uint32_t slot = id == 0 ? kNoSlot : state.orders.find(id);
    if (slot == kNoSlot) return;
    const Order& order = state.orders.at(slot);
    row["client_order_id"] = order.client_number != 0 ? std::to_string(order.client_number)
                                                      : std::string(order.client_id.view());
  }
};

nb::list take_fills(ReplicaHandle& handle, std::size_t limit) {
  if (handle.follower.state() == nullptr) return {};
  return handle.fills.take(StateNames{*handle.follower.state()}, limit);
}

/// Rows of these orders: every open one, and of the finished ones so many, the first that are
/// named. An order that is not there any more has no row.
nb::list orders_of(ReplicaHandle& handle, const std::vector<OrderId>& ids,
                   std::size_t finished_max) {
  nb::list rows;
  if (handle.follower.state() == nullptr) return rows;
  const State& state = *handle.follower.state();
  for (const OrderId id : ids) {
    const std::uint32_t slot = state.orders.find(id);
    if (slot == kNoSlot) continue;
    if (!is_open(static_cast<OrderState>(state.orders.at(slot).state))) {
      if (finished_max == 0) continue;
      --finished_max;
    }
    rows.append(order_row_at(state, slot, id));
  }
  return rows;
}

using Groups = std::map<OrderId, unsigned>;  // head of linked orders, members it began with

void add_group(const Order& order, Groups& groups) {
  if (order.state == 0 || !order.link.is_linked()) return;
  groups.emplace(link_head(order.order_id, order.link), order.link.count);
}

nb::list list_of(const Groups& groups) {
  nb::list out;
  for (const auto& [head, members] : groups) out.append(nb::make_tuple(head, members));
  return out;
}

/// The groups that these orders are members of, by their heads.
nb::list linked_of(ReplicaHandle& handle, const std::vector<OrderId>& ids) {
  Groups groups;
  if (handle.follower.state() == nullptr) return {};
  const State& state = *handle.follower.state();
  for (const OrderId id : ids) {
    const std::uint32_t slot = state.orders.find(id);
    if (slot != kNoSlot) add_group(state.orders.at(slot), groups);
  }
  return list_of(groups);
}

/// Every one of which an order is open, and so many others, those that were entered last.
nb::list newest_linked(ReplicaHandle& handle, std::size_t ended_max) {
  if (handle.follower.state() == nullptr) return {};
  const State& state = *handle.follower.state();
  Groups groups;
  Groups ended;
  for (std::uint32_t slot = 0; slot < state.orders.used(); ++slot) {
    const Order& order = state.orders.at(slot);
    add_group(order, is_open(static_cast<OrderState>(order.state)) ? groups : ended);
  }
  for (const auto& [head, members] : groups) ended.erase(head);
  while (ended.size() > ended_max) ended.erase(ended.begin());
  groups.merge(ended);
  return list_of(groups);
}

std::size_t follow(ReplicaHandle& handle, std::size_t limit, Sequence until) {
  const nb::gil_scoped_release release;
  std::size_t done = 0;
  while (done < limit && (until == 0 || handle.follower.sequence() < until)) {
    const RecordHeader* header = handle.reader->next();
    if (header == nullptr) break;
    const auto* record = reinterpret_cast<const std::uint8_t*>(header);
    if (!handle.follower.apply(*header, record)) {
      throw std::runtime_error("journal: " + handle.follower.error());
    }
    handle.instance = header->instance;
    if (handle.tracks_changes) note_changes(handle, *header, record);
    count_outcome(handle, *header, record);
    note_fill(handle, *header, record);
    ++done;
  }
  // Also behind records: fewer than were asked for would read as the end of the journal.
  if (handle.reader->state() != journal::ReaderState::kFollowing) fail(*handle.reader);
  return done;
}

/// Each key once, where it was touched last.
void keep_newest(std::vector<Change>& changes) {
  std::unordered_set<std::uint64_t> orders;
  std::uint64_t others = 0;  // bit of each kind of record that touched no order
  const auto is_older = [&](const Change& change) {
    if (change.kind == kOrderChange) return !orders.insert(change.key).second;
    if (change.kind != kStateChange || change.key > 63) return false;
    const bool is_seen = (others >> change.key & 1) != 0;
    others |= std::uint64_t{1} << change.key;
    return is_seen;
  };
  auto kept = changes.rbegin();
  for (auto at = changes.rbegin(); at != changes.rend(); ++at) {
    if (!is_older(*at)) *kept++ = *at;
  }
  changes.erase(changes.begin(), kept.base());
}

std::string differing_total_of(const ReplicaHandle& handle) {
  const nb::gil_scoped_release release;
  const State* state = handle.follower.state();
  return state == nullptr ? std::string() : differing_total(*state);
}

nb::list take_changes(ReplicaHandle& handle) {
  handle.tracks_changes = true;
  keep_newest(handle.changes);
  nb::list out;
  for (const Change& change : handle.changes) {
    const bool is_order = change.kind == kOrderChange;
    out.append(nb::make_tuple(
        change.sequence, change.kind,
        is_order ? nb::object(nb::cast(std::to_string(change.key))) : nb::cast(change.key)));
  }
  handle.changes.clear();
  handle.tables_changed = 0;
  return out;
}

/// Reads on from the files as they are now. False, and nothing is changed: they do not hold the
/// record that was applied last, so what they hold is another history.
bool reopen(ReplicaHandle& handle) {
  const nb::gil_scoped_release release;
  const Sequence at = handle.follower.sequence();
  if (at == 0) return false;
  auto reader = std::make_unique<journal::Reader>(handle.storage, handle.directory,
                                                  handle.ring_directory, at);
  if (reader->next() == nullptr || reader->point() != handle.reader->point()) return false;
  handle.reader = std::move(reader);
  return true;
}

/// The newest may be ahead of the disk or damaged, so older ones stay in reserve.
constexpr std::size_t kSnapshotsKept = 3;

std::string write_state(ReplicaHandle& handle) {
  if (handle.follower.state() == nullptr) throw std::runtime_error("journal: nothing to write yet");
  // No record since the snapshot it was opened from: that one says it all.
  if (handle.instance == 0) return handle.snapshot;
  const nb::gil_scoped_release release;
  std::vector<std::uint8_t> payload;
  handle.follower.state()->serialize(payload);
  const auto written = journal::write_snapshot(handle.storage, handle.directory, handle.instance,
                                               handle.reader->point(), payload);
  if (written.error != 0) {
    throw std::runtime_error("snapshot: errno " + std::to_string(-written.error));
  }
  (void)journal::recycle_snapshots(handle.storage, handle.directory, kSnapshotsKept);
  return handle.directory + "/" + written.name;
}

const State& state_of(ReplicaHandle& handle) {
  if (handle.follower.state() == nullptr) throw std::runtime_error("journal: no record read yet");
  return *handle.follower.state();
}

/// A follower is written by the thread that reads it.
const Between kAtOnce = [](const std::function<void()>& copy) { copy(); };

/// A follower that has read nothing yet has no rows.
template <typename Rows>
auto rows_or_empty(ReplicaHandle& handle, Rows&& rows) {
  return handle.follower.state() == nullptr ? nb::list() : rows(*handle.follower.state());
}

nb::list take_positions(ReplicaHandle& handle, bool is_all) {
  return rows_or_empty(handle,
                       [&](const State& s) { return handle.rows.positions(s, wall_ns(), is_all); });
}
nb::list take_balances(ReplicaHandle& handle, bool is_all) {
  return rows_or_empty(handle, [&](const State& s) { return handle.rows.balances(s, is_all); });
}

/// Marks leave no record, so a follower is told them; they are no part of the state's hash.
bool set_mark(ReplicaHandle& handle, std::string_view instrument, std::string_view price,
              std::int64_t time_ns) {
  const std::size_t point = price.find('.');
  const std::size_t scale = point == std::string_view::npos ? 0 : price.size() - point - 1;
  const ParsedDecimal parsed =
      parse_decimal(price, static_cast<int>(std::min<std::size_t>(scale, 64)));
  if (scale > kPriceScaleMax || parsed.fault != DecimalFault::kNone || parsed.mantissa <= 0 ||
      parsed.mantissa > kQuantityMax || time_ns <= 0) {
    throw nb::value_error("set_mark: a positive decimal price and a time are needed");
  }
  if (handle.follower.state() == nullptr) return false;
  Registry& registry = handle.follower.state()->registry;
  const std::uint32_t id = registry.find_instrument(instrument);
  if (id == 0) return false;
  MarkRow& row = registry.instruments.at(id).mark;
  begin_write(row.version);
  put(row.mark, static_cast<std::int64_t>(parsed.mantissa));
  put(row.time_ns, time_ns);
  put(row.scale, scale);
  end_write(row.version);
  return true;
}

}  // namespace

void bind_replica(nb::module_& module) {
  using Handle = ReplicaHandle;
  nb::class_<Handle>(module, "Replica")
      .def(nb::new_(&open_replica), "directory"_a, "ring_directory"_a = "", "use_snapshot"_a = true,
           "snapshot_directory"_a = "", "until"_a = 0)
      .def("follow", &follow, "limit"_a = 65536, "until"_a = 0)
      .def_prop_ro("sequence", [](Handle& handle) { return handle.follower.sequence(); })
      .def("state_hash",
           [](Handle& handle) {
             const State& state = state_of(handle);
             const nb::gil_scoped_release release;
             return state.hash();
           })
      .def("write_snapshot", &write_state)
      .def(
          "orders",
          [](Handle& handle, bool open_only, std::size_t limit) {
            return rows_or_empty(handle,
                                 [&](const State& s) { return order_rows(s, open_only, limit); });
          },
          "open_only"_a = true, "limit"_a = 10000)
      .def(
          "order",
          [](Handle& handle, OrderId id) -> nb::object {
            if (handle.follower.state() == nullptr) return nb::none();
            return order_row_at(*handle.follower.state(), handle.follower.state()->orders.find(id),
                                id);
          },
          "order_id"_a)
      .def("positions",
           [](Handle& handle) {
             return rows_or_empty(handle,
                                  [](const State& s) { return position_rows(s, wall_ns()); });
           })
      .def("balances", [](Handle& handle) { return rows_or_empty(handle, balance_rows); })
      .def("take_positions", &take_positions, "is_all"_a = false)
      .def("take_balances", &take_balances, "is_all"_a = false)
      .def("fix_sessions", [](Handle& handle) { return rows_or_empty(handle, fix_session_rows); })
      .def("limits",
           [](Handle& handle) {
             return rows_or_empty(handle, [](const State& s) { return limit_rows(s, kAtOnce); });
           })
      .def("trading_states",
           [](Handle& handle) {
             return rows_or_empty(handle,
                                  [](const State& s) { return trading_state_rows(s, kAtOnce); });
           })
      .def(
          "registry",
          [](Handle& handle, const std::string& kind) {
            return rows_or_empty(handle,
                                 [&](const State& s) { return registry_rows(s, kind, kAtOnce); });
          },
          "kind"_a)
      .def("take_outcomes", &take_outcomes)
      .def("take_fills", &take_fills, "limit"_a = FillNotes::kFillsMax)
      .def("orders_of", &orders_of, "order_ids"_a, "finished_max"_a)
      .def("linked_of", &linked_of, "order_ids"_a)
      .def("linked", &newest_linked, "ended_max"_a)
      .def_rw("outcomes_after", &Handle::outcomes_after)
      .def("set_mark", &set_mark, "instrument"_a, "price"_a, "time_ns"_a)
      .def("reopen", &reopen)
      .def_prop_ro("has_changes", [](Handle& handle) { return !handle.changes.empty(); })
      .def("changes", &take_changes)
      .def("differing_total", &differing_total_of);
}

}  // namespace gateway
