// Reading the recorded day, keeping the one that is made beside it, and comparing the two record by
// record. What a record means for the engine is in the two files beside this one.
#include "gateway_core/engine/counterfactual.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "gateway_core/engine/gateway_fact.hpp"

namespace gateway {
namespace {

using recorded::header_of;
using recorded::kind_of;
using recorded::order_of;

constexpr std::uint64_t kRingBytes = 16ULL << 20;
constexpr std::size_t kVenueEntries = 4096;
// A step of the gateway's own that the day does not show within this time is one of ours alone.
constexpr std::int64_t kOwnStepNs = 1'000'000'000;
constexpr std::size_t kTouchedMax = 1024;
constexpr std::int64_t kNever = INT64_MAX / 4;

/// How often limits were read since the last start: it depends on snapshots, and decides nothing.
struct Counted {
  std::size_t at = 0;
  std::size_t bytes = 0;
};
[[nodiscard]] Counted limits_version_in(RecordKind kind) noexcept {
  if (kind == RecordKind::kOrderNew) return {offsetof(OrderNew, limits_version), 4};
  if (kind == RecordKind::kOrderRefused) return {offsetof(OrderRefused, limits_version), 4};
  if (kind == RecordKind::kOrderTriggered) return {offsetof(OrderTriggered, limits_version), 8};
  return {};
}

/// Who, and the payload; not the place in its journal, nor the time.
[[nodiscard]] bool is_same(const std::uint8_t* a, const std::uint8_t* b) noexcept {
  const RecordHeader& one = header_of(a);
  const RecordHeader& other = header_of(b);
  if (one.length != other.length || one.type != other.type || one.actor != other.actor)
    return false;
  const Counted apart = limits_version_in(kind_of(a));
  const std::size_t behind = sizeof(RecordHeader) + apart.at + apart.bytes;
  return std::memcmp(a + sizeof(RecordHeader), b + sizeof(RecordHeader), apart.at) == 0 &&
         std::memcmp(a + behind, b + behind, one.length - behind) == 0;
}

/// Registries, words of persons and audit: nothing in them is decided by an order.
[[nodiscard]] bool is_taken_over(RecordKind kind) noexcept {
  const auto number = static_cast<int>(kind);
  return (number >= 10 && number <= 16) || (number >= 26 && number <= 28) ||
         kind == RecordKind::kStopped || kind == RecordKind::kOperationNoted ||
         kind == RecordKind::kRiskMeasured;
}

}  // namespace

Counterfactual::Counterfactual(platform::Storage& storage, CounterfactualOptions options)
    : storage_(storage),
      options_(std::move(options)),
      reader_(storage, options_.directory, options_.ring_directory) {}

Counterfactual::~Counterfactual() {
  if (journal_ != nullptr) (void)journal_->close(clock_.now_ns);
}

void Counterfactual::fail(std::string text) {
  if (error_.empty()) error_ = std::move(text);
}

std::string Counterfactual::fact_hash() const {
  return fact_.state() == nullptr ? "" : fact_.state()->hash();
}
std::string Counterfactual::other_hash() const { return state_ == nullptr ? "" : state_->hash(); }

/// One whole group of records; false = there is none, or none that is complete.
bool Counterfactual::fetch(Group& group) {
  group.clear();
  while (const RecordHeader* header = reader_.next()) {
    partial_.at.push_back(partial_.bytes.size());
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(header);
    partial_.bytes.insert(partial_.bytes.end(), bytes, bytes + header->length);
    if ((header->flags & kGroupLast) == 0) continue;
    std::swap(group, partial_);
    partial_.clear();
    return true;
  }
  if (reader_.state() != journal::ReaderState::kFollowing) fail(reader_.error());
  return false;
}

std::size_t Counterfactual::advance(std::size_t limit, Sequence until) {
  std::size_t done = 0;
  if (next_.empty()) (void)fetch(next_);
  while (done < limit && error_.empty() && !next_.empty() &&
         next_.header(next_.at.size() - 1).sequence <= until) {
    std::swap(group_, next_);
    (void)fetch(next_);
    take(group_);
    done += group_.at.size();
    counts_.records += group_.at.size();
  }
  return error_.empty() ? done : 0;
}

void Counterfactual::finish() {
  if (engine_ == nullptr || is_end_ || !error_.empty()) return;
  is_end_ = true;
  if (is_changed_) run_own_steps();
  for (const Bytes& own : pending_) note(Difference::kOnlyHere, nullptr, own.data());
  pending_.clear();
  while (journal_->commit().step() == journal::StepResult::kAdvanced) continue;
}

void Counterfactual::take(const Group& group) {
  const RecordHeader& first = group.header(0);
  const auto kind = static_cast<RecordKind>(first.type);
  if (state_ == nullptr && kind != RecordKind::kBoot) {
    return fail("record " + std::to_string(first.sequence) + " stands before any boot record");
  }
  if (kind == RecordKind::kBoot) {
    boot(group);
  } else {
    if (is_changed_ && first.time_ns > clock_.now_ns) run_own_steps();
    clock_.set(first.time_ns);
    if (!make_room()) return;
    const auto* told = reinterpret_cast<const OrderFact*>(group.record(0) + sizeof(RecordHeader));
    const bool is_lost = kind == RecordKind::kOrderUnknown ||
                         (kind == RecordKind::kOrderNotSent &&
                          told->reason == static_cast<std::uint32_t>(FactReason::kRestart));
    const bool is_settling =
        (is_lost && told->evidence == static_cast<std::uint32_t>(Evidence::kGateway)) ||
        is_doubt(group.record(0));
    if (is_boot_open_ && !is_settling) settle_boot();
    if (!has_begun_ && first.sequence >= options_.from_sequence) begin_assumption();
    if (kind == RecordKind::kLimitsSet || kind == RecordKind::kGuardsSet) {
      take_limits(group);
    } else if (is_taken_over(kind)) {
      take_whole(group);
    } else if (kind == RecordKind::kOrderNew) {
      take_orders(group);
    } else if (is_cross(group)) {
      take_cross(group);
    } else {
      for (std::size_t i = 0; i < group.at.size() && error_.empty(); ++i) {
        clock_.set(group.header(i).time_ns);
        if (make_room()) take_record(group.record(i));
      }
    }
  }
  for (std::size_t i = 0; i < group.at.size() && error_.empty(); ++i) {
    if (!fact_.apply(group.header(i), group.record(i))) fail(fact_.error());
  }
  drop_old_pending();
  // Settled at their own records so far: what is left of them led to nothing.
  if (!is_changed_ && engine_ != nullptr && engine_->touched_links_.size() > kTouchedMax)
    engine_->touched_links_.clear();
}

bool Counterfactual::open_journal(const RecordHeader& first, const Boot& boot) {
  journal::JournalOptions options;
  options.directory = options_.out_directory;
  options.ring_directory = options_.out_ring_directory;
  options.instance = first.instance;
  options.ring_bytes = kRingBytes;
  options.allow_any_filesystem = true;
  options.now_ns = first.time_ns;
  journal_ = std::make_unique<journal::Journal>(storage_);
  Follower nothing;
  if (!journal_->open(options, nothing)) {
    fail(journal_->error());
    journal_.reset();
    return false;
  }
  if (nothing.sequence() != 0) {
    fail("directory of the other journal: it holds records already");
    return false;
  }
  return journal_->epoch() >= boot.epoch || journal_->raise_epoch(boot.epoch, first.time_ns);
}

// A start takes the volatile things away: rates, fingerprints, references, windows. So does this.
void Counterfactual::boot(const Group& group) {
  const RecordHeader& header = group.header(0);
  const Boot& told = payload<Boot>(group.record(0));
  const bool is_start = told.clean_shutdown != 2;
  if (is_boot_open_) settle_boot();
  clock_.set(header.time_ns);
  if (journal_ == nullptr) {
    if (!open_journal(header, told)) return fail("the other journal: its epoch cannot be raised");
  } else if (!journal_->raise_epoch(told.epoch, header.time_ns)) {
    return fail(journal_->error());
  }
  if (is_start) {
    const Capacity capacity{told.orders_max, told.idempotency_max, told.positions_max};
    auto fresh = std::make_unique<State>(capacity);
    if (state_ != nullptr) {
      std::vector<std::uint8_t> bytes;
      state_->serialize(bytes);
      if (!fresh->restore(bytes.data(), bytes.size())) {
        return fail("boot at " + std::to_string(header.sequence) + ": the state does not fit");
      }
      fresh->last_time_ns = state_->last_time_ns;
    }
    engine_.reset();
    state_ = std::move(fresh);
    engine_ = std::make_unique<Engine>(
        *state_, journal_->writer(), clock_.clock,
        EngineSettings{.instance = header.instance, .disk_async_window_ns = kNever});
    for (VenueId id = 1; id <= state_->registry.venues.count(); ++id) {
      (void)engine_->open_venue_port(id, kVenueEntries);
    }
  }
  take_whole(group);
  if (!is_start) return;
  state_->orders.for_each_open([&](std::uint32_t slot) {
    const Order& order = state_->orders.at(slot);
    const bool ends_here = order.link.is_waiting() &&
                           (order.time_in_force == TimeInForce::kDay || order.expires_ns != 0);
    if ((order.flags & kEmulate) != 0 || ends_here) {
      engine_->emulated_.push_back({.order_id = order.order_id});
    }
    engine_->touch_link(order);
  });
  is_boot_open_ = true;
}

// The orders that only stand here: those of the day were settled by the day's own records.
void Counterfactual::settle_boot() {
  is_boot_open_ = false;
  if (!is_changed_) return;
  std::vector<OrderId> open;
  state_->orders.for_each_open(
      [&](std::uint32_t slot) { open.push_back(state_->orders.at(slot).order_id); });
  for (const OrderId id : open) {
    const Order& order = state_->orders.at(state_->orders.find(id));
    const auto lost = [&](FactReason reason) {
      engine_->on_fact(RecordKind::kOrderUnknown, gateway_fact(id, reason));
    };
    if (static_cast<OrderState>(order.state) == OrderState::kPendingNew) lost(FactReason::kRestart);
    if (pending(order.overlay, Overlay::kCancel) == Pending::kSent)
      lost(FactReason::kUnknownOutcomeCancel);
    if (pending(order.overlay, Overlay::kReplace) == Pending::kSent)
      lost(FactReason::kUnknownOutcomeReplace);
    if (is_kept_to_cross(order))  // a start asks the venue for it, which has not heard of it
      engine_->on_fact(RecordKind::kOrderNotSent, gateway_fact(id, FactReason::kRestart));
  }
  collect();
  for (const Bytes& own : produced_) note(Difference::kOnlyHere, nullptr, own.data());
  produced_.clear();
}

void Counterfactual::begin_assumption() {
  has_begun_ = true;
  Registry& registry = state_->registry;
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    for (std::uint32_t id = 0; id < registry.level_count(static_cast<Level>(level)); ++id) {
      const LevelEntity& entity = registry.level(static_cast<Level>(level), id);
      if (entity.limits_version == 0) continue;
      LimitsSet limits{};
      limits.level = level;
      limits.id = id;
      limits.version = entity.limits_version + 1;
      limits.fields = entity.limits;
      limits.actor.assign("whatif");
      limits.reason.assign("assumed");
      GuardsSet guards{};
      guards.level = level;
      guards.id = id;
      guards.version = limits.version;
      guards.fields = entity.guard_fields;
      if (!change_limits(limits, guards)) continue;
      (void)engine_->set_limits(limits, guards, 0);
      collect();
      note(Difference::kAssumed, nullptr,
           produced(RecordKind::kLimitsSet) == nullptr ? produced(RecordKind::kGuardsSet)
                                                       : produced(RecordKind::kLimitsSet));
      produced_.clear();
    }
  }
}

std::string_view Counterfactual::level_name(std::uint32_t level, std::uint32_t id) const noexcept {
  const Registry& registry = state_->registry;
  switch (static_cast<Level>(level)) {
    case Level::kInstrument:
      return registry.instruments.at(id).definition.symbol.view();
    case Level::kStrategy:
      return registry.strategies.at(id).definition.name.view();
    case Level::kAccount:
      return registry.accounts.at(id).definition.name.view();
    case Level::kVenue:
      return registry.venues.at(id).definition.name.view();
    default:
      return "";
  }
}

/// Puts what is assumed in place of what was set; false = nothing of it is of this level entity.
bool Counterfactual::change_limits(LimitsSet& limits, GuardsSet& guards) const noexcept {
  if (!has_begun_) return false;
  const LimitFields old_limits = limits.fields;
  const GuardFields old_guards = guards.fields;
  const std::string_view name = level_name(limits.level, limits.id);
  for (const LimitChange& change : options_.limits) {
    if (change.is_of(static_cast<Level>(limits.level), name))
      change.put(limits.fields, guards.fields);
  }
  return std::memcmp(&old_limits, &limits.fields, sizeof old_limits) != 0 ||
         std::memcmp(&old_guards, &guards.fields, sizeof old_guards) != 0;
}

// Limits and their guards stand in one group; older journals have limits alone.
void Counterfactual::take_limits(const Group& group) {
  LimitsSet limits = payload<LimitsSet>(group.record(0));
  const bool has_guards = group.at.size() > 1;
  const bool is_known = state_->registry.has_level(limits.level, limits.id);
  if (static_cast<RecordKind>(group.header(0).type) != RecordKind::kLimitsSet || !is_known) {
    return take_whole(group);
  }
  const LevelEntity& entity = state_->registry.level(static_cast<Level>(limits.level), limits.id);
  GuardsSet guards{};
  guards.level = limits.level;
  guards.id = limits.id;
  guards.fields = has_guards ? payload<GuardsSet>(group.record(1)).fields : entity.guard_fields;
  const bool is_otherwise = change_limits(limits, guards);
  if (!is_otherwise && !is_changed_) return take_whole(group);
  limits.version = guards.version = entity.limits_version + 1;
  (void)engine_->set_limits(limits, guards, group.header(0).actor);
  collect();
  if (is_otherwise) note(Difference::kAssumed, group.record(0), produced(RecordKind::kLimitsSet));
  produced_.clear();
}

// As it was written: nothing in it is decided here.
void Counterfactual::take_whole(const Group& group) {
  const auto bytes = static_cast<std::uint32_t>(group.bytes.size());
  std::uint8_t* place = engine_->writer_.reserve(bytes);
  if (place == nullptr) return fail("the other journal: no room");
  std::memcpy(place, group.bytes.data(), bytes);
  engine_->now_ns_ = std::max(engine_->now_ns_, group.header(0).time_ns);
  (void)engine_->commit(place, bytes);
  for (std::size_t i = 0; i < group.at.size(); ++i) learn(group.record(i));
  collect();
  for (std::size_t i = 0; i < group.at.size() && i < produced_.size(); ++i) {
    compare(group.record(i), produced_[i].data());
  }
  produced_.clear();
}

/// One record as it was written.
void Counterfactual::take_raw(const std::uint8_t* record) {
  Group alone;
  alone.at.push_back(0);
  alone.bytes.assign(record, record + header_of(record).length);
  take_whole(alone);
}

/// What is kept beside the state: ports, watches, and who is left out.
void Counterfactual::learn(const std::uint8_t* record) {
  const auto is_among = [](const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  };
  if (kind_of(record) == RecordKind::kGuardsSet) {
    const GuardsSet& guards = payload<GuardsSet>(record);
    engine_->watch(static_cast<Level>(guards.level), guards.id);
  } else if (kind_of(record) == RecordKind::kVenueDefined) {
    const VenueId id = payload<VenueDefined>(record).id;
    if (engine_->venue_port_of_[id] == nullptr) (void)engine_->open_venue_port(id, kVenueEntries);
  } else if (kind_of(record) == RecordKind::kStrategyDefined) {
    const StrategyDefined& made = payload<StrategyDefined>(record);
    if (is_among(options_.strategies_left_out, made.name.view())) strategies_out_.insert(made.id);
  } else if (kind_of(record) == RecordKind::kAccountDefined) {
    const AccountDefined& made = payload<AccountDefined>(record);
    if (is_among(options_.accounts_left_out, made.name.view())) accounts_out_.insert(made.id);
  }
}

/// Space for whatever one record may lead to, and empty lanes: nobody is at their other ends.
bool Counterfactual::make_room() {
  journal::Writer& writer = journal_->writer();
  while (writer.used_bytes() > writer.capacity_bytes() / 4) {
    if (journal_->commit().step() == journal::StepResult::kFailed) {
      fail("the other journal: it cannot be stored");
      return false;
    }
  }
  for (const auto& port : engine_->venue_ports_) {
    if (const std::size_t waiting = port->outbound.size_now(); waiting != 0) {
      (void)port->outbound.size();
      port->outbound.pop(waiting);
    }
    while (port->gated.size() != 0) {
      OutboundEntry entry;
      std::memcpy(&entry, port->gated.peek(), sizeof entry);
      const std::uint32_t slot = state_->orders.find(entry.order_id);
      const bool waits =
          slot != kNoSlot &&
          static_cast<OrderState>(state_->orders.at(slot).state) == OrderState::kPendingNew;
      if (waits && port->gated.size() < kVenueEntries / 2) break;
      port->gated.pop();
    }
  }
  return true;
}

/// Copies what the engine has written since the last call.
void Counterfactual::collect() {
  const std::uint64_t end = journal_->writer().point().position;
  while (collected_ < end) {
    const std::uint8_t* record = journal_->ring().at(collected_);
    const RecordHeader& header = header_of(record);
    produced_.emplace_back(record, record + header.length);
    other_sequence_ = header.sequence;
    collected_ += header.length;
  }
}

const std::uint8_t* Counterfactual::produced(RecordKind kind) const noexcept {
  for (const Bytes& each : produced_) {
    if (kind_of(each.data()) == kind) return each.data();
  }
  return nullptr;
}

/// Finds the counterpart of a record among what the engine has just written; the rest waits for
/// its own. False = there is none.
bool Counterfactual::settle(const std::uint8_t* record) {
  collect();
  bool is_found = false;
  for (Bytes& each : produced_) {
    const bool is_it = !is_found && kind_of(each.data()) == kind_of(record) &&
                       order_of(each.data()) == order_of(record);
    if (is_it) {
      compare(record, each.data());
      is_found = true;
    } else {
      pending_.push_back(std::move(each));
    }
  }
  produced_.clear();
  return is_found;
}

void Counterfactual::compare(const std::uint8_t* fact, const std::uint8_t* other) {
  is_identical_ = is_identical_ && header_of(fact).crc == header_of(other).crc;
  if (!is_same(fact, other)) is_changed_ = true;
}

/// What the engine does by itself at this moment: timers, and groups of linked orders.
void Counterfactual::run_own_steps() {
  engine_->timers_due_ns_ = 0;
  (void)engine_->turn(64);
  collect();
  for (Bytes& each : produced_) pending_.push_back(std::move(each));
  produced_.clear();
}

/// Whether the engine has taken this step already.
bool Counterfactual::find_pending(const std::uint8_t* fact) {
  const OrderId id = order_of(fact);
  for (auto each = pending_.begin(); each != pending_.end(); ++each) {
    const bool is_it = is_same(fact, each->data()) || (id != 0 && id == order_of(each->data()) &&
                                                       kind_of(fact) == kind_of(each->data()));
    if (!is_it) continue;
    compare(fact, each->data());
    pending_.erase(each);
    return true;
  }
  return false;
}

void Counterfactual::drop_old_pending() {
  while (!pending_.empty()) {
    const Bytes& oldest = pending_.front();
    if (header_of(oldest.data()).time_ns + kOwnStepNs > clock_.now_ns) return;
    note(Difference::kOnlyHere, nullptr, oldest.data());
    pending_.pop_front();
  }
}

void Counterfactual::note(Difference what, const std::uint8_t* fact, const std::uint8_t* other,
                          const GateVerdict& verdict, Sequence reference) {
  is_changed_ = true;
  is_identical_ = false;
  ++counts_.by_kind[static_cast<std::size_t>(what)];
  DifferenceNote& made = notes_.emplace_back();
  made.what = what;
  if (fact != nullptr) made.fact.assign(fact, fact + header_of(fact).length);
  if (other != nullptr) made.other.assign(other, other + header_of(other).length);
  made.verdict = verdict;
  made.reference_sequence = reference;
}

}  // namespace gateway
