// The engine for Python: start, drive, control commands and reads. Its ports: bind_orders.cpp and
// bind_venue_port.cpp.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <cerrno>
#include <cstring>

#include "bind.hpp"
#include "control.hpp"
#include "engine_handle.hpp"
#include "gateway_core/journal/reader.hpp"
#include "gateway_core/journal/sha256.hpp"
#include "rows.hpp"
#include "shared_ports.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

WaitKind wait_kind(const std::string& name) {
  constexpr std::pair<const char*, WaitKind> kNames[] = {{"spin", WaitKind::kSpin},
                                                         {"pause", WaitKind::kPause},
                                                         {"spin_yield", WaitKind::kSpinYield},
                                                         {"yield", WaitKind::kYield},
                                                         {"park", WaitKind::kPark}};
  for (const auto& [known, kind] : kNames) {
    if (name == known) return kind;
  }
  throw nb::value_error("engine_wait is spin, pause, spin_yield, yield or park");
}

nb::dict warm_up(EngineHandle& handle, std::uint32_t orders) {
  WarmUpReport report;
  {
    const nb::gil_scoped_release release;
    report = handle.runtime->warm_up(orders);
  }
  nb::dict out;
  out["orders"] = report.orders;
  out["accepted"] = report.accepted;
  out["refused"] = report.refused;
  out["fills"] = report.fills;
  out["cancels"] = report.cancels;
  out["took_ns"] = report.took_ns;
  return out;
}

nb::dict memory_of(EngineHandle& handle) {
  const auto report = handle.runtime->memory_report();
  nb::dict out;
  out["node"] = report.node;
  out["nodes"] = report.nodes;
  out["bytes"] = report.bytes;
  out["bound_bytes"] = report.bound_bytes;
  out["refused_errno"] = report.refused_errno;
  out["pages_near"] = report.pages_near;
  out["pages_elsewhere"] = report.pages_elsewhere;
  out["huge_wanted_bytes"] = report.huge_wanted_bytes;
  out["huge_bytes"] = report.huge_bytes;
  out["text"] = report.describe();
  return out;
}

/// The venue's words in one fact of the journal; "" when it is another record or not kept any more.
std::string text_of_fact(const EngineHandle& handle, OrderId order_id, Sequence sequence) {
  platform::PosixStorage storage;
  journal::Reader reader(storage, handle.directory, handle.ring_directory, sequence);
  const RecordHeader* record = reader.next();
  if (record == nullptr || record->sequence != sequence) return {};
  const auto kind = static_cast<RecordKind>(record->type);
  if (kind < RecordKind::kOrderAccepted || kind > RecordKind::kOrderNotSent) return {};
  const auto& fact = payload<OrderFact>(reinterpret_cast<const std::uint8_t*>(record));
  return fact.order_id == order_id ? std::string(fact.text.view()) : std::string();
}

std::unique_ptr<EngineHandle> open_engine(const std::string& directory,
                                          const std::string& ring_directory, std::uint32_t instance,
                                          std::uint64_t ring_bytes, std::uint64_t segment_bytes,
                                          std::uint32_t orders_max, std::uint32_t idempotency_max,
                                          std::uint32_t positions_max, bool is_memory_only,
                                          bool is_virtual_clock, int commit_cpu,
                                          int disk_async_window_ms, const std::string& build,
                                          int engine_cpu, const std::string& engine_wait) {
  RuntimeOptions options;
  options.journal.directory = directory;
  options.journal.ring_directory = ring_directory;
  options.journal.instance = instance;
  options.journal.ring_bytes = ring_bytes;
  options.journal.segment_bytes = segment_bytes;
  options.journal.is_memory_only = is_memory_only;
  options.journal.commit.cpu = commit_cpu;
  options.journal.commit.now_ns = &wall_ns;
  options.capacity = {orders_max, idempotency_max, positions_max};
  options.is_virtual_clock = is_virtual_clock;
  options.disk_async_window_ns = std::int64_t{disk_async_window_ms} * 1'000'000;
  options.build = build;
  options.engine_cpu = engine_cpu;
  options.engine_wait = wait_kind(engine_wait);
  auto handle = std::make_unique<EngineHandle>();
  handle->directory = directory;
  handle->ring_directory = ring_directory;
  if (!is_memory_only) handle->stored_directory = directory;
  const nb::gil_scoped_release release;
  handle->runtime = std::make_unique<Runtime>(options);
  return handle;
}

nb::dict recovery_of(EngineHandle& handle) {
  const journal::RecoveryReport& report = handle.runtime->journal().recovery();
  nb::dict out;
  out["records"] = report.records;
  out["ring_records"] = report.ring_records;
  out["seconds"] = handle.runtime->recovery_seconds();
  out["sequence"] = report.end.sequence;
  out["snapshot_sequence"] = report.snapshot_sequence;
  out["cut_bytes"] = report.cut_bytes + report.ring_cut_bytes;
  out["later_valid_records"] = report.later_valid_records;
  out["halted_for"] = report.halt_due;
  out["was_clean"] = handle.runtime->journal().was_clean();
  nb::list notes;
  for (const auto& note : report.notes) notes.append(note);
  out["notes"] = notes;
  return out;
}

/// What a notice has no room for; None when the refusal is forgotten or was not the gate's.
nb::object refusal_details(EngineHandle& handle, std::uint32_t port, std::uint64_t request) {
  RefusalDetails details;
  Text<40> actor;
  Text<48> reason;
  std::int64_t set_ns = 0;
  bool is_known = false;
  const Registry& registry = handle.runtime->state().registry;
  handle.runtime->run([&] {
    is_known = handle.runtime->engine().refusal_details(port, request, details);
    if (!is_known) return;
    const LevelEntity& level = registry.level(details.level, details.id);
    actor = level.limits_actor;
    reason = level.limits_reason;
    set_ns = level.limits_time_ns;
  });
  if (!is_known) return nb::none();
  nb::dict row;
  row["name"] = entity_name(registry, static_cast<int>(details.level), details.id);
  row["unknown"] = details.unknown;
  row["nearest_quantity"] = details.nearest_quantity;
  row["limit_actor"] = std::string(actor.view());
  row["limit_reason"] = std::string(reason.view());
  row["limit_set_ns"] = set_ns;
  return row;
}

nb::dict counters_of(EngineHandle& handle) {
  const EngineCounters& counters = handle.runtime->engine().counters();
  auto& commit = handle.runtime->journal().commit();
  nb::dict out;
  out["orders_accepted"] = counters.orders_accepted;
  out["orders_repeated"] = counters.orders_repeated;
  out["orders_refused"] = counters.orders_refused;
  out["refused_for_space"] = counters.refused_for_space;
  out["cancels_sent"] = counters.cancels_sent;
  out["replaces_sent"] = counters.replaces_sent;
  out["facts"] = counters.facts;
  out["facts_repeated"] = counters.facts_repeated;
  out["fills"] = counters.fills;
  out["fills_repeated"] = counters.fills_repeated;
  out["fills_late"] = counters.fills_late;
  out["unbookable"] = counters.unbookable;
  out["unbookable_repeated"] = counters.unbookable_repeated;
  out["facts_forgotten"] = counters.facts_forgotten;
  out["anomalies"] = counters.anomalies;
  out["notices_lost"] = counters.notices_lost;
  out["marks"] = counters.marks;
  out["expired_by_engine"] = counters.expired_by_engine;
  out["triggered_by_engine"] = counters.triggered_by_engine;
  out["rows_explained"] = counters.rows_explained;
  out["route_rules_missed"] = counters.route_rules_missed;
  out["crosses"] = counters.crosses;
  out["kept_released"] = counters.kept_released;
  out["kept_ended"] = counters.kept_ended;
  out["links_released"] = counters.links_released;
  out["links_canceled"] = counters.links_canceled;
  out["links_refused"] = counters.links_refused;
  out["links_anomalous"] = counters.links_anomalous;
  out["kill_waiting"] = counters.kill_waiting;
  out["kill_cancels_again"] = counters.kill_cancels_again;
  out["journal_syncs"] = commit.syncs();
  out["journal_bytes"] = commit.bytes_written();
  out["journal_rewrites"] = commit.rewrites();
  out["journal_segment"] = commit.segment_index();
  out["journal_failed"] = static_cast<std::uint64_t>(commit.is_failed());
  out["synced_sequence"] = commit.synced_sequence();
  return out;
}

/// Cache events of the engine's thread by name: a count, or why there is none.
nb::dict cache_counters_of(EngineHandle& handle) {
  const platform::HardwareCounters& counters = handle.runtime->hardware_counters();
  nb::dict out;
  for (std::size_t i = 0; i < platform::kCacheEvents; ++i) {
    const auto event = static_cast<platform::CacheEvent>(i);
    const auto value = counters.read(event);
    const int refused = counters.refused_errno(event);
    out[platform::name(event)] =
        value
            ? nb::cast(*value)
            : nb::cast("unavailable: " + std::string(std::strerror(refused == 0 ? EIO : refused)));
  }
  return out;
}

/// Where the texts of limits, states and definitions may be copied: the engine writes them.
Between between_turns(EngineHandle& handle) {
  return [&handle](const std::function<void()>& copy) { handle.runtime->run(copy); };
}

std::uint32_t slot_of(EngineHandle& handle, OrderId id) {
  std::uint32_t slot = kNoSlot;
  handle.runtime->run([&] { slot = handle.runtime->state().orders.find(id); });
  return slot;
}

OrderId find_order(EngineHandle& handle, PrincipalId principal, std::string_view client_id) {
  if (client_id.empty() || client_id.size() > ClientId::kCapacity) return 0;
  ClientId text;
  text.assign(client_id);
  OrderId found = 0;
  handle.runtime->run([&] { found = handle.runtime->state().names.find_text(principal, text); });
  return found;
}

OrderId order_by_venue_id(EngineHandle& handle, AccountId account, InstrumentId instrument,
                          std::string_view venue_order_id) {
  if (venue_order_id.size() > VenueOrderId::kCapacity) return 0;
  VenueOrderId text;
  text.assign(venue_order_id);
  OrderId found = 0;
  handle.runtime->run([&] {
    const OrderTable& orders = handle.runtime->state().orders;
    const std::uint32_t slot = orders.find_venue_id(account, instrument, text);
    found = slot == kNoSlot ? 0 : orders.at(slot).order_id;
  });
  return found;
}

nb::tuple state_hash(EngineHandle& handle) {
  std::vector<std::uint8_t> bytes;
  Sequence sequence = 0;
  {
    const nb::gil_scoped_release release;
    // Only the copy is taken between two turns; the hash is the caller's time.
    handle.runtime->run([&] {
      handle.runtime->state().serialize(bytes);
      sequence = handle.runtime->engine().writer().next_sequence() - 1;
    });
  }
  return nb::make_tuple(sequence, journal::hex(journal::sha256(bytes.data(), bytes.size())));
}

Sequence sequence_of(EngineHandle& handle) {
  return handle.runtime->journal().ring().published_sequence();
}

ClientPortHandle& open_client_port(EngineHandle& handle, const std::string& name,
                                   std::size_t capacity) {
  ClientPort* port = nullptr;
  handle.runtime->run([&] { port = &handle.runtime->engine().open_client_port(name, capacity); });
  auto& made = *handle.client_ports.emplace_back(
      std::make_unique<ClientPortHandle>(ClientPortHandle{&handle, port}));
  handle.measure(made);
  return made;
}

VenuePortHandle& open_venue_port(EngineHandle& handle, VenueId venue, std::size_t capacity) {
  if (!handle.runtime->state().registry.venues.has(venue))
    throw nb::value_error("UNKNOWN_VENUE venue");
  VenuePort* port = nullptr;
  handle.runtime->run([&] { port = &handle.runtime->engine().open_venue_port(venue, capacity); });
  auto& made = *handle.venue_ports.emplace_back(
      std::make_unique<VenuePortHandle>(VenuePortHandle{&handle, port}));
  handle.measure(
      made, std::string(handle.runtime->state().registry.venues.at(venue).definition.name.view()));
  return made;
}

void bind_drive(nb::class_<EngineHandle>& engine) {
  engine
      .def(
          "turn",
          [](EngineHandle& handle, std::size_t limit) {
            return handle.runtime->engine().turn(limit);
          },
          "limit"_a = 4096)
      .def("warm_up", &warm_up, "orders"_a)
      .def_prop_ro("memory", &memory_of)
      .def("is_where_started",
           [](EngineHandle& handle) { return handle.runtime->is_where_started(); })
      .def(
          "start_pinned",
          [](EngineHandle& handle, int cpu) {
            if (!handle.runtime->start_pinned(cpu)) {
              throw std::runtime_error("engine: CPU " + std::to_string(cpu) + " was refused");
            }
          },
          "cpu"_a)
      .def("stop",
           [](EngineHandle& handle) {
             const nb::gil_scoped_release release;
             return handle.stop();
           })
      .def("beat", [](EngineHandle& handle) { return handle.runtime->engine().beat(); })
      .def("now_ns", [](EngineHandle& handle) { return journal_time_ns(*handle.runtime); })
      .def("wall_ns", [](EngineHandle& handle) { return wall_or_virtual_ns(*handle.runtime); })
      .def(
          "set_time",
          [](EngineHandle& handle, std::int64_t now_ns) {
            if (!handle.runtime->clock().set_ns(now_ns)) {
              throw nb::value_error("RANGE now_ns: a virtual clock only goes forward");
            }
          },
          "now_ns"_a)
      .def_prop_ro("clock_ahead_ns",
                   [](EngineHandle& handle) { return handle.runtime->clock().ahead_ns(); })
      .def("discipline_clock",
           [](EngineHandle& handle) {
             std::int64_t ahead = 0;
             handle.runtime->run([&] { ahead = handle.runtime->clock().discipline(); });
             return ahead;
           })
      .def("order_ids_left",
           [](EngineHandle& handle) {
             return kOrderSequenceMax -
                    __atomic_load_n(&handle.runtime->state().orders_made, __ATOMIC_RELAXED);
           })
      .def(
          "raise_epoch",
          [](EngineHandle& handle, std::uint32_t epoch_min) {
            const nb::gil_scoped_release release;
            return handle.runtime->raise_epoch(epoch_min);
          },
          "epoch_min"_a = 0)
      .def(
          "set_clock_healthy",
          [](EngineHandle& handle, bool is_healthy) {
            handle.runtime->run([&] { handle.runtime->engine().set_clock_healthy(is_healthy); });
          },
          "is_healthy"_a);
}

void bind_order_reads(nb::class_<EngineHandle>& engine) {
  engine
      .def(
          "orders",
          [](EngineHandle& handle, bool open_only, std::size_t limit) {
            return order_rows(handle.runtime->state(), open_only, limit);
          },
          "open_only"_a = true, "limit"_a = 10000)
      .def(
          "orders_page",
          [](EngineHandle& handle, std::uint32_t start, std::uint32_t slots_max, bool open_only,
             bool unknown_only, AccountId account) {
            return order_page(handle.runtime->state(),
                              {start, slots_max, open_only, unknown_only, account});
          },
          "start"_a = 0, "slots_max"_a = 512, nb::kw_only(), "open_only"_a = true,
          "unknown_only"_a = false, "account"_a = 0)
      .def(
          "order_ids",
          [](EngineHandle& handle, std::uint32_t start, std::uint32_t slots_max, bool open_only) {
            return order_ids(handle.runtime->state(), start, slots_max, open_only);
          },
          "start"_a = 0, "slots_max"_a = 4096, nb::kw_only(), "open_only"_a = true)
      .def(
          "count_orders",
          [](EngineHandle& handle, std::uint32_t start, std::uint32_t slots_max) {
            const OrderCount found = count_orders(handle.runtime->state(), start, slots_max);
            return nb::make_tuple(found.open, found.unknown, found.next);
          },
          "start"_a = 0, "slots_max"_a = 4096)
      .def(
          "order",
          [](EngineHandle& handle, OrderId id) {
            return order_row_at(handle.runtime->state(), slot_of(handle, id), id);
          },
          "order_id"_a)
      .def(
          "pending_replace",
          [](EngineHandle& handle, OrderId id) {
            return pending_replace_at(handle.runtime->state(), slot_of(handle, id), id);
          },
          "order_id"_a)
      .def("find_order", &find_order, "principal"_a, "client_id"_a)
      .def("order_by_venue_id", &order_by_venue_id, "account"_a, "instrument"_a, "venue_order_id"_a)
      .def(
          "fact_text",
          [](EngineHandle& handle, OrderId order_id, Sequence sequence) {
            const nb::gil_scoped_release release;
            return text_of_fact(handle, order_id, sequence);
          },
          "order_id"_a, "sequence"_a)
      .def(
          "cancel_by_gateway",
          [](EngineHandle& handle, OrderId order_id, int reason) {
            CancelMessage message{};
            message.header.kind = MessageKind::kCancel;
            message.header.entries = 1;
            message.order_id = order_id;
            message.reason = static_cast<CancelReason>(reason);
            Notice notice;
            handle.runtime->run([&] { notice = handle.runtime->engine().cancel(message, 0); });
            return notice.refusal;
          },
          "order_id"_a, "reason"_a);
}

void bind_doubts(nb::class_<EngineHandle>& engine) {
  engine
      .def("doubted_orders",
           [](EngineHandle& handle) {
             const nb::gil_scoped_release release;
             return handle.runtime->doubted();
           })
      .def(
          "settle_doubt",
          [](EngineHandle& handle, OrderId order_id, bool is_proof) {
            const Evidence evidence = is_proof ? Evidence::kGateway : Evidence::kOperator;
            bool is_settled = false;
            handle.runtime->run(
                [&] { is_settled = handle.runtime->engine().settle_doubt(order_id, evidence); });
            return is_settled;
          },
          "order_id"_a, "is_proof"_a)
      .def_prop_ro("lost_after_ns",
                   [](EngineHandle& handle) { return handle.runtime->journal().lost_after_ns(); });
}

using AccountTimes = std::int64_t[kAccountsMax];

/// A venue time per account, which the engine thread moves; 0 = none, or no such account.
void bind_mark(nb::class_<EngineHandle>& engine, const char* name, AccountTimes State::* times) {
  engine.def(
      name,
      [times](EngineHandle& handle, AccountId account) -> std::int64_t {
        State& state = handle.runtime->state();
        if (!state.registry.accounts.has(account)) return 0;
        return __atomic_load_n(&(state.*times)[account], __ATOMIC_RELAXED);
      },
      "account"_a);
}

bool holds_fill(EngineHandle& handle, AccountId account, InstrumentId instrument,
                std::string_view venue_order_id, std::string_view trade_id) {
  if (venue_order_id.size() > VenueOrderId::kCapacity || trade_id.size() > TradeId::kCapacity) {
    return false;
  }
  VenueOrderId order;
  order.assign(venue_order_id);
  TradeId trade;
  trade.assign(trade_id);
  const Key128 key = FillMemory::key(account, instrument, order, trade);
  bool is_held = false;
  handle.runtime->run([&] { is_held = handle.runtime->state().fills.find(key) != 0; });
  return is_held;
}

bool holds_payment(EngineHandle& handle, AccountId account, InstrumentId instrument,
                   std::string_view reference) {
  Text<40> text;
  if (reference.size() > text.kCapacity) return false;
  text.assign(reference);
  const Key128 key = State::reference_key((std::uint64_t{account} << 32) | instrument, text);
  bool is_held = false;
  handle.runtime->run([&] { is_held = handle.runtime->state().references.find(key) != nullptr; });
  return is_held;
}

/// What is booked, up to when, and from when on nothing is forgotten.
void bind_marks(nb::class_<EngineHandle>& engine) {
  bind_mark(engine, "last_fill_time_ns", &State::last_fill_ns);
  bind_mark(engine, "funding_known_ns", &State::funding_known_ns);
  bind_mark(engine, "funding_settled_ns", &State::funding_settled_ns);
  bind_mark(engine, "interest_known_ns", &State::interest_known_ns);
  bind_mark(engine, "forgotten_fill_ns", &State::forgotten_fill_ns);
  bind_mark(engine, "forgotten_payment_ns", &State::forgotten_payment_ns);
  engine
      .def("holds_fill", &holds_fill, "account"_a, "instrument"_a, "venue_order_id"_a, "trade_id"_a)
      .def("holds_payment", &holds_payment, "account"_a, "instrument"_a, "reference"_a);
}

void bind_reads(nb::class_<EngineHandle>& engine) {
  engine
      .def("positions",
           [](EngineHandle& handle) {
             return position_rows(handle.runtime->state(), journal_time_ns(*handle.runtime));
           })
      .def(
          "positions_page",
          [](EngineHandle& handle, std::uint32_t start, std::uint32_t places_max, AccountId account,
             InstrumentId instrument) {
            return position_page(handle.runtime->state(), journal_time_ns(*handle.runtime),
                                 {start, places_max, account, instrument});
          },
          "start"_a = 0, "places_max"_a = 512, nb::kw_only(), "account"_a = 0, "instrument"_a = 0)
      .def("balances", [](EngineHandle& handle) { return balance_rows(handle.runtime->state()); })
      .def("marks", [](EngineHandle& handle) { return mark_rows(handle.runtime->state()); })
      .def("limits",
           [](EngineHandle& handle) {
             return limit_rows(handle.runtime->state(), between_turns(handle));
           })
      .def("trading_states",
           [](EngineHandle& handle) {
             return trading_state_rows(handle.runtime->state(), between_turns(handle));
           })
      .def(
          "registry",
          [](EngineHandle& handle, const std::string& kind) {
            return registry_rows(handle.runtime->state(), kind, between_turns(handle));
          },
          "kind"_a)
      .def("refusal_details", &refusal_details, "port"_a, "request"_a)
      .def("counters", &counters_of)
      .def("cache_counters", &cache_counters_of)
      .def("state_hash", &state_hash);
  bind_marks(engine);
}

}  // namespace

void bind_engine(nb::module_& module) {
  bind_orders(module);
  bind_venue_port(module);
  auto engine = nb::class_<EngineHandle>(module, "Engine");
  engine
      .def(nb::new_(&open_engine), "directory"_a, "ring_directory"_a, nb::kw_only(),
           "instance"_a = 1, "ring_bytes"_a = 64ULL << 20, "segment_bytes"_a = 64ULL << 20,
           "orders_max"_a = 262144, "idempotency_max"_a = 1048576, "positions_max"_a = 65536,
           "is_memory_only"_a = false, "is_virtual_clock"_a = false, "commit_cpu"_a = -1,
           "disk_async_window_ms"_a = 250, "build"_a = "", "engine_cpu"_a = -1,
           "engine_wait"_a = "park")
      .def_prop_ro("epoch", [](EngineHandle& handle) { return handle.runtime->state().epoch; })
      .def_prop_ro("sequence", &sequence_of)
      .def_prop_ro("period_began_ns",
                   [](EngineHandle& handle) { return handle.runtime->state().period_began_ns; })
      .def_prop_ro("recovery", &recovery_of)
      .def_prop_ro(
          "measurement",
          [](EngineHandle& handle) -> telemetry::Measurement& {
            return handle.runtime->measurement();
          },
          nb::rv_policy::reference_internal)
      .def("sample_queues", &EngineHandle::sample_queues)
      .def("open_client_port", &open_client_port, "name"_a, "capacity"_a = 4096,
           nb::rv_policy::reference_internal)
      .def("open_venue_port", &open_venue_port, "venue"_a, "capacity"_a = 4096,
           nb::rv_policy::reference_internal)
      .def(
          "let_hear",
          [](EngineHandle& handle, ClientPortHandle* port) {
            const std::uint32_t number = port == nullptr ? 0 : port->port->number;
            handle.runtime->run([&] { handle.runtime->engine().let_hear(number); });
          },
          "port"_a.none());
  bind_drive(engine);
  bind_control(engine);
  bind_fix_journal(engine);
  bind_order_events(module, engine);
  bind_order_reads(engine);
  bind_doubts(engine);
  bind_reads(engine);
  bind_shared_ports(engine);
}

}  // namespace gateway
