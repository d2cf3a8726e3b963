// The corridor: risk gate -> reserve -> decide -> append -> publish -> apply -> port. One thread.
// Between reserve and publish: no allocation, lock, system call, exception or Python.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gateway_core/engine/counters.hpp"
#include "gateway_core/engine/fix_entries.hpp"
#include "gateway_core/engine/guard_watch.hpp"
#include "gateway_core/engine/kills.hpp"
#include "gateway_core/engine/refusal_memory.hpp"
#include "gateway_core/engine/route_rules.hpp"
#include "gateway_core/engine/settings.hpp"
#include "gateway_core/engine/unbookable_memory.hpp"
#include "gateway_core/journal/writer.hpp"
#include "gateway_core/order/cross.hpp"
#include "gateway_core/platform/clock.hpp"
#include "gateway_core/port/ports.hpp"
#include "gateway_core/ring/fair_turn.hpp"
#include "gateway_core/state/state.hpp"
#include "gateway_core/telemetry/measurement.hpp"

namespace gateway {

class Counterfactual;
class PortServer;

class Engine {
 public:
  Engine(State& state, journal::Writer& writer, Clock& clock, const EngineSettings& settings);

  // --- Commands. Engine thread; the verdict is returned and sent to the port. ---
  Notice submit(const NewOrderMessage& message, std::uint32_t port) noexcept {
    const telemetry::Ticks begin = at_ = measurement_.sample();
    const Notice notice = decide(message, port);
    at_ = 0;
    measurement_.record(telemetry::Stage::kDecide, begin, notice.order_id);
    return notice;
  }
  Notice cancel(const CancelMessage& message, std::uint32_t port) noexcept;
  Notice replace(const ReplaceMessage& message, std::uint32_t port) noexcept;
  Notice mass_cancel(const MassCancelMessage& message, std::uint32_t port) noexcept;

  /// Orders that live and end together: all of them or none; each has its own verdict on the port.
  /// Returns the first refusal.
  Refusal submit_linked(LinkKind kind, const NewOrderMessage* orders, std::size_t count,
                        std::uint32_t port) noexcept;

  // --- Facts. Engine thread; never refused. ---
  void on_fact(RecordKind kind, const OrderFact& fact) noexcept;
  void on_fill(const OrderFilled& fill) noexcept;
  /// As on_fill() for each, in this order; faster together. Returns how many it took: fewer than
  /// `count` when the journal's ring is full; the rest is told again later.
  [[nodiscard]] std::size_t on_fills(const OrderFilled* fills, std::size_t count) noexcept;
  void on_fill_revised(const FillRevised& fill, const VenueOrderId& venue_order_id) noexcept;
  void on_adopt(const OrderAdopted& order) noexcept;
  void on_mark(const MarkMessage& mark) noexcept;
  void on_session(const VenueState& session) noexcept;
  void on_funding(const Funding& funding) noexcept;
  void on_balance(const BalanceChanged& change) noexcept;
  void on_collateral(const PositionCollateral& told) noexcept;

  /// One turn: kill word, cancels, facts, timers, new orders. Returns how many messages it handled.
  std::size_t turn(std::size_t limit) noexcept;

  /// Journals a control record (registry, limits, trading state, period). 0 = no space.
  template <typename Payload>
  Sequence record_control(RecordKind kind, const Payload& content, PrincipalId actor = 0) noexcept {
    if (is_closed_) return 0;
    (void)now_ns();
    const Sequence sequence = append(kind, content, {.actor = actor});
    if constexpr (std::is_same_v<Payload, GuardsSet>) {
      if (sequence != 0) watch(static_cast<Level>(content.level), content.id);
    }
    if constexpr (std::is_same_v<Payload, TradingStateSet>) {
      if (sequence != 0) note_kills(content.cause == static_cast<std::uint32_t>(LatchCause::kKill));
    }
    return sequence;
  }
  /// Books an execution that was not booked because its price or fee cannot be: a person says that
  /// they are real. `named` names it by account, instrument, venue order id and trade id.
  Refusal admit_fill(const OrderFilled& named) noexcept;
  [[nodiscard]] const UnbookableMemory& unbookable() const noexcept { return unbookable_; }
  /// Halts a level with a latch and cancels what works there, until it has ended or the halt is
  /// lifted: within the rights of `principal`, 0 = everything. `sequence` 0 = no room, nothing
  /// done.
  KillCounts kill(Level level, std::uint32_t id, std::string_view actor, std::string_view reason,
                  PrincipalId principal, Sequence& sequence) noexcept;
  /// Books a position by a person's word. `out` is its record; the after-image fields and a value
  /// of 0 are worked out here.
  Refusal adopt_position(const PositionAdopted& told, PrincipalId actor, Sequence& out) noexcept;
  /// Limits and guards of one level entity at once. Allocates where a guard is new. 0 = no space.
  Sequence set_limits(const LimitsSet& limits, const GuardsSet& guards, PrincipalId actor) noexcept;

  /// What FIX sessions send and took, as one group: all of it or, with `found` told, nothing. 0 =
  /// nothing. Returns the last sequence: readable by recovery from here on. May allocate.
  Sequence journal_fix(const FixEntry* entries, std::size_t count, FixFault& found);

  ClientPort& open_client_port(const std::string& name, std::size_t capacity);
  VenuePort& open_venue_port(VenueId venue, std::size_t capacity);
  /// Events of orders that came through shared memory, or that nobody here sent, go to this client
  /// port as well (0 = to none). Its overruns lose nobody's verdict: it should carry no commands.
  void let_hear(std::uint32_t port) noexcept { hearing_port_ = client_port(port); }

  /// Clients in other processes; polled by every turn. Set once, before the first.
  void serve(PortServer* ports) noexcept { shared_ports_ = ports; }

  /// Nothing waits for an adapter or for the disk.
  [[nodiscard]] bool is_outbound_empty() const noexcept {
    for (const auto& port : venue_ports_) {
      if (!port->outbound.is_empty() || !port->gated.is_empty()) return false;
    }
    return true;
  }

  /// More about a refusal of the gate that this port was told lately. False: it is forgotten.
  [[nodiscard]] bool refusal_details(std::uint32_t port, std::uint64_t request,
                                     RefusalDetails& out) noexcept;

  /// The order with this client number, or the one whose pending replace brings it; 0 = none.
  [[nodiscard]] OrderId order_of_number(PrincipalId principal, std::uint64_t number) const noexcept;
  [[nodiscard]] State& state() noexcept { return state_; }
  [[nodiscard]] journal::Writer& writer() noexcept { return writer_; }
  [[nodiscard]] const EngineCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::int64_t now_ns() noexcept;
  [[nodiscard]] std::uint64_t beat() const noexcept {
    return beat_.load(std::memory_order_relaxed);
  }
  void set_clock_healthy(bool is_healthy) noexcept { is_clock_healthy_ = is_healthy; }
  /// First thing after recovery: what was in flight becomes UNKNOWN, what the gateway holds itself
  /// is taken up again. Journaled. Allocates.
  void settle_in_flight();
  /// Orders held here that may have left and ended at their venue, in records that are lost: none
  /// of them leaves before its venue has been asked. Forgets those that are held no longer.
  [[nodiscard]] const std::vector<OrderId>& doubted() noexcept;
  /// Proved (kGateway), or by a person's word (kOperator): it never left. False: no room for it.
  bool settle_doubt(OrderId id, Evidence evidence = Evidence::kGateway) noexcept;
  /// Takes the memory that orders will need. Before the first one.
  void prefault() noexcept { prepared_.prefault(); }
  /// Makes the routes that orders may take by today's definitions and works their rules out, so
  /// that no order is the first of its route. Bounded; nothing that is recorded or hashed changes.
  void prepare_routes() noexcept;
  /// Reads what the next order is likely to need of the engine's own. Engine thread.
  void touch() const noexcept;
  /// The journal is closed: nothing turns or is recorded any more.
  void close() noexcept { is_closed_ = true; }
  /// End of the trading period: text client ids of orders that ended before it began are dropped,
  /// emulated DAY orders end, now or as soon as their venue can be told. 0 = no room.
  Sequence roll_period() noexcept;

 private:
  friend class Counterfactual;  // engine/counterfactual.hpp: decides recorded days again

  Notice decide(const NewOrderMessage& message, std::uint32_t port) noexcept;
  /// Who and why, beside the payload.
  struct Origin {
    Sequence cause = 0;
    std::uint64_t origin_sequence = 0;
    PrincipalId actor = 0;
    std::uint32_t port = 0;
  };
  /// A new order on its way through the gate.
  struct Candidate {
    const NewOrderMessage& message;
    std::uint32_t port;
    std::int64_t now_ns;
    std::uint32_t route_index;
    std::int64_t price = 0;         // protection price for orders without one
    std::int64_t amount_e4 = 0;     // what it holds at the gate
    std::uint64_t fingerprint = 0;  // of the duplicate check, 0 = not looked for
    bool is_emulated = false;       // held back: the gateway triggers it
    bool is_kept = false;           // held back: it may meet an opposite order here
    OrderLink link{};               // of a group; zero = it stands alone
  };

  // Admission and checks (engine_orders.cpp).
  [[nodiscard]] Refusal check_flow(VenuePort* port, Durability durability,
                                   std::int64_t now_ns) noexcept;
  /// The flow, and a free slot.
  [[nodiscard]] Refusal check_space(VenuePort* port, Durability durability,
                                    std::int64_t now_ns) noexcept;
  [[nodiscard]] Refusal check_identity(const NewOrderMessage& message) const noexcept;
  [[nodiscard]] Refusal check_shape(const NewOrderMessage& message) const noexcept;
  [[nodiscard]] Refusal check_numbers(const NewOrderMessage& message,
                                      const InstrumentRow& row) const noexcept;
  [[nodiscard]] Refusal check_capability(const NewOrderMessage& message, const VenueRow& venue,
                                         bool& is_emulated) const noexcept;
  [[nodiscard]] Refusal check_venue(const Route& route) const noexcept;
  [[nodiscard]] bool find_repeated(const NewOrderMessage& message, std::uint32_t port,
                                   Notice& answer, OrderLink link = {}) noexcept;
  /// Slot of the order that was made under the message's client id, kNoSlot = none.
  [[nodiscard]] std::uint32_t made_under(const NewOrderMessage& message) const noexcept;
  [[nodiscard]] std::int64_t protection_price(const NewOrderMessage& message,
                                              const Route& route) const noexcept;
  [[nodiscard]] GateVerdict check_gate(Candidate& candidate) noexcept;
  /// What a candidate asks of the gate.
  [[nodiscard]] static GateOrder gate_order(const Candidate& candidate,
                                            const Route& route) noexcept;
  /// For an order that the short pass did not let through. Cold.
  [[nodiscard]] GateVerdict judge(const Candidate& candidate) noexcept;
  /// Why the gate did not pass an order; it never says nothing when there is something. Cold.
  [[nodiscard]] GateVerdict explain(Route& route, const GateOrder& order) noexcept;
  [[nodiscard]] bool is_duplicate(Candidate& candidate) const noexcept;
  void remember_fingerprint(const Candidate& candidate) noexcept;
  /// An order like this goes out now because its link lets it go: the same again is a duplicate.
  void remember_released(const NewOrderMessage& message, std::uint32_t route_index) noexcept;
  [[nodiscard]] OrderId next_order_id() const noexcept;
  Notice accept(const Candidate& candidate) noexcept;
  Notice accept_held(const Candidate& candidate) noexcept;
  Notice accept_kept(const Candidate& candidate) noexcept;
  Notice accepted(const Candidate& candidate, OrderId id, Sequence sequence) noexcept;
  [[nodiscard]] static std::uint32_t length_of(const Candidate& candidate) noexcept;
  void write_new(const Candidate& candidate, std::uint8_t* record, std::uint32_t length,
                 OrderId id) noexcept;
  /// The audit record of a refusal.
  [[nodiscard]] OrderRefused refused_of(const NewOrderMessage& message,
                                        const GateVerdict& verdict) const noexcept;
  Notice refuse(const NewOrderMessage& message, std::uint32_t port, GateVerdict verdict) noexcept;
  /// Every check whose answer the prepared rules did not know, one by one and by name.
  [[nodiscard]] Refusal check_named(Candidate& candidate) noexcept;
  void send_new(const Order& order, Sequence sequence, const Route& route) noexcept;
  [[nodiscard]] bool orders_left() const noexcept {
    return state_.orders.has_room() && state_.orders_made + 1 < kOrderSequenceMax;
  }
  [[nodiscard]] static bool has_same_content(const Order& order, const NewOrderMessage& message,
                                             OrderLink link) noexcept;

  // Cancel and replace (engine_changes.cpp).
  /// Whether the venue has never seen the order: held for a trigger, or waiting for the disk.
  [[nodiscard]] bool is_held_here(const Order& order, VenuePort& port) const noexcept;
  /// Whether an order that is held here may work at its venue: an earlier life let it go, and the
  /// record of that is lost with the journal's last moments. Once its venue has been compared,
  /// whatever of it lives or has executed there is known here (gateway/venues/reconcile.py).
  [[nodiscard]] bool may_have_left(const Order& order) const noexcept;
  /// Whether even the comparison cannot tell: it may have left and ended there, unrecorded.
  [[nodiscard]] bool is_doubted(OrderId id) const noexcept;
  [[nodiscard]] bool may_cancel(PrincipalId principal, const Order& order) const noexcept;
  [[nodiscard]] Refusal check_cancel(const Order& order, PrincipalId principal,
                                     CancelReason reason = CancelReason::kClient) noexcept;
  Notice send_cancel(std::uint32_t slot, PrincipalId principal, std::uint64_t request,
                     CancelReason reason, std::uint32_t port) noexcept;
  /// Whether every level has room for so many messages at once.
  [[nodiscard]] GateVerdict check_rate(const Route& route,
                                       std::int64_t messages = 1) const noexcept;
  [[nodiscard]] GateVerdict check_replace(const ReplaceMessage& message, const Order& order,
                                          std::int64_t price, std::int64_t quantity) noexcept;
  /// Whether a replace may take its new client id.
  [[nodiscard]] Refusal check_new_name(const ReplaceMessage& message) const noexcept;
  /// Journals and sends new terms that every check let pass.
  Notice send_replace(std::uint32_t slot, const ReplaceMessage& message, std::int64_t price,
                      std::int64_t quantity, std::uint32_t port) noexcept;
  void notify(ClientPort& client, const Notice& notice) noexcept {
    auto* place = reinterpret_cast<Notice*>(client.notices.claim());
    if (place == nullptr) [[unlikely]] {
      client.notices.count_overrun();
      ++counters_.notices_lost;
      return;
    }
    // Field by field: what was just built in registers goes straight to the lane.
    place->sequence = notice.sequence;
    place->request = notice.request;
    place->order_id = notice.order_id;
    place->kind = notice.kind;
    place->refusal = notice.refusal;
    place->level = notice.level;
    place->limit = notice.limit;
    place->current = notice.current;
    place->would_be = notice.would_be;
    place->working = notice.working;
    client.notices.publish();
  }
  void send_notice(std::uint32_t port, const Notice& notice) noexcept;
  Notice answer(std::uint32_t port, const Notice& notice) noexcept;
  /// The port inside that a number names, of this boot or of an earlier one; nullptr = nobody.
  [[nodiscard]] ClientPort* client_port(std::uint32_t number) const noexcept {
    const std::size_t place = number % kPortPlaces;
    if (place - 1 < client_ports_.size() && client_ports_[place - 1]->number == number) [[likely]]
      return client_ports_[place - 1].get();
    return client_port_elsewhere(number);
  }
  [[nodiscard]] ClientPort* client_port_elsewhere(std::uint32_t number) const noexcept;
  /// Tells the port that hears what passes by the doors of this process.
  void overhear(const Notice& notice) noexcept {
    if (hearing_port_ == nullptr) return;
    Notice heard = notice;
    heard.request = 0;  // of another port's numbers
    notify(*hearing_port_, heard);
  }
  Notice refuse_change(RecordKind kind, const MessageHeader& header, OrderId order_id,
                       std::uint32_t port, const GateVerdict& verdict) noexcept;

  // Linked orders (engine_links.cpp).
  struct LinkedGroup;
  struct LinkPlan;
  enum class LinkStep : std::uint8_t { kSettled, kUnderWay, kBlocked };
  /// What the other members hold at the gate that the order shares with them.
  struct SharedRoom {
    std::int64_t quantity = 0;      // of all of them
    std::int64_t quantity_max = 0;  // of the largest
    std::int64_t notional_e4 = 0;
    std::int64_t notional_max_e4 = 0;
  };
  /// What the checks of an order that is let go work out.
  struct Release {
    std::int64_t price = 0;  // protection price for orders without one
    std::int64_t amount_e4 = 0;
    bool is_emulated = false;
    bool is_new = false;   // it does not yet count among the open orders
    bool is_exit = false;  // of a bracket: reduces as long as there is something to close
  };
  /// Whether every level has places among its open orders, and tokens, for the whole group.
  [[nodiscard]] GateVerdict check_places(LinkKind kind, const NewOrderMessage* orders,
                                         std::size_t count, std::uint32_t route) const noexcept;
  [[nodiscard]] Refusal check_group(LinkKind kind, const NewOrderMessage* orders,
                                    std::size_t count) const noexcept;
  [[nodiscard]] Refusal check_member(const NewOrderMessage& order, std::uint32_t port,
                                     std::uint32_t& route) noexcept;
  [[nodiscard]] GateVerdict check_together(LinkKind kind, const NewOrderMessage* orders,
                                           std::size_t count, std::uint32_t route,
                                           std::size_t& place) noexcept;
  /// Whether one of the first orders is the same again within the duplicate window.
  [[nodiscard]] Refusal check_sent_before(LinkKind kind, const NewOrderMessage* orders,
                                          std::size_t count, std::uint32_t route,
                                          std::size_t& place) const noexcept;
  std::size_t release_first(OrderId head, const NewOrderMessage* orders,
                            std::size_t count) noexcept;
  Refusal refuse_group(const NewOrderMessage* orders, std::size_t count, std::size_t place,
                       std::uint32_t port, const GateVerdict& verdict) noexcept;
  [[nodiscard]] bool find_repeated_group(LinkKind kind, const NewOrderMessage* orders,
                                         std::size_t count, std::uint32_t port) noexcept;
  void accept_group(LinkKind kind, const NewOrderMessage* orders, std::size_t count,
                    std::uint32_t route, std::uint32_t port, std::uint8_t* record,
                    std::uint32_t bytes) noexcept;
  /// A linked order has changed: its group is looked at before the turn ends.
  void touch_link(const Order& order) noexcept {
    if (!order.link.is_linked()) [[likely]]
      return;
    const OrderId head = link_head(order.order_id, order.link);
    if (touched_links_.empty() || touched_links_.back() != head) touched_links_.push_back(head);
  }
  /// What an event of a linked order means for its group; from tell_owner() alone.
  void note_link(const Order& order, RecordKind kind) noexcept;
  /// Brings every touched group to where its rows say it should be.
  void settle_links() noexcept;
  void settle_links_due(std::int64_t now_ns) noexcept;
  void settle_link(OrderId head) noexcept;
  void wait_link(OrderId head) noexcept;
  [[nodiscard]] LinkedGroup gather_link(OrderId head) const noexcept;
  [[nodiscard]] LinkPlan plan_link(const LinkedGroup& group) const noexcept;
  [[nodiscard]] LinkStep settle_member(const LinkedGroup& group, const LinkPlan& plan,
                                       std::uint32_t slot) noexcept;
  [[nodiscard]] LinkStep cancel_linked(std::uint32_t slot) noexcept;
  [[nodiscard]] LinkStep resize_linked(std::uint32_t slot, std::int64_t quantity) noexcept;
  /// `overrides` is the word of who sends it now, nobody's for what is let go later.
  [[nodiscard]] GateVerdict release_linked(std::uint32_t slot, std::int64_t quantity,
                                           std::uint8_t overrides = 0) noexcept;
  [[nodiscard]] GateVerdict check_release(const NewOrderMessage& wanted, std::uint32_t route_index,
                                          const SharedRoom& shared, Release& out) noexcept;
  [[nodiscard]] SharedRoom shared_room(const Order& order) const noexcept;
  /// Whether all that the order executed is known here: its life is this one, or its venue was
  /// compared since.
  [[nodiscard]] bool is_heard(const Order& order) const noexcept;
  /// Tells of executions beyond, or without, what the group covers, once its entry is heard.
  void judge_link(const LinkedGroup& group, const LinkPlan& plan, OrderId head) noexcept;
  /// Whether what its venue says of it proves that an earlier life let it go.
  [[nodiscard]] bool is_release_lost(const Order& order) const noexcept;
  /// Books a release whose record is lost. Sends nothing. False: the journal's ring is full.
  [[nodiscard]] bool book_release(const Order& order) noexcept;
  /// A group cannot have what it needs: journaled and told once per reason.
  void tell_refused_link(const Order& order, std::int64_t quantity,
                         const GateVerdict& verdict) noexcept;

  // Facts (engine_facts.cpp).
  void record_anomaly(OrderId order_id, RecordKind kind, std::uint8_t state, AnomalyCode code,
                      const TradeId& trade_id) noexcept;
  void tell_owner(const Order& order, Sequence sequence, RecordKind kind,
                  Refusal refusal = Refusal::kNone) noexcept;

  // Executions (engine_fills.cpp).
  /// Latches the instrument of a fact that cannot be booked, once per `key`. True = now.
  bool halt_by_fact(InstrumentId instrument, OrderId order_id, const TradeId& trade_id, Key128 key,
                    AnomalyCode code = AnomalyCode::kRange) noexcept;
  /// Whether it is as old as fills that are forgotten, and nothing proves that it is none of them.
  [[nodiscard]] bool is_forgotten(const OrderFilled& told, std::uint32_t slot) const noexcept;
  /// What may be booked already is not booked: kept as an anomaly, once.
  void leave_forgotten(OrderId order_id, RecordKind kind, const TradeId& trade_id,
                       Key128 key) noexcept;
  [[nodiscard]] std::uint32_t slot_of_fill(const OrderFilled& told) const noexcept;
  /// Whether it executes an order that waits here for its link, as far as the journal goes.
  [[nodiscard]] bool proves_release(const OrderFilled& told) const noexcept;
  [[nodiscard]] Key128 key_of(const OrderFilled& fill) const noexcept;
  /// False: its numbers cannot be booked.
  [[nodiscard]] bool complete_fill(OrderFilled& told, const InstrumentRow& row,
                                   std::uint32_t slot) const noexcept;
  void decide_late(OrderFilled& told, State::DecidedFill& decided) noexcept;
  [[nodiscard]] bool decide_fill(OrderFilled& told, const InstrumentRow& row,
                                 State::DecidedFill& decided) noexcept;
  /// False, and nothing has happened: the journal's ring is full.
  [[nodiscard]] bool take_fill(const OrderFilled& seen, Key128 key,
                               bool is_admitted = false) noexcept;
  /// What of a booked fill contradicts what is known: one anomaly each.
  void judge_fill(const OrderFilled& seen, std::uint32_t slot) noexcept;
  /// False, with an anomaly, when the money cannot be booked.
  [[nodiscard]] bool check_money(RecordKind kind, AccountId account, CurrencyId currency,
                                 Money amount) noexcept;
  void trigger_emulated(InstrumentId instrument, std::int64_t price) noexcept;
  /// Lets a held order go if its trigger is reached. False: the journal's ring is full.
  bool trigger_held(OrderId id, InstrumentId instrument, std::int64_t price) noexcept;
  /// The same by the newest price that was told since the start, while it is fresh enough for the
  /// gate: nobody repeats the price of a quiet market.
  void trigger_by_known_price(const Order& order) noexcept;
  /// So for every order that an earlier life held for a trigger and that waited for this venue.
  void trigger_waiting(VenueId venue) noexcept;
  [[nodiscard]] bool end_emulated(const Order& order) noexcept;  // false: not now
  [[nodiscard]] bool is_timed_here(const Order& order) const noexcept;
  [[nodiscard]] bool is_over(const Order& order, std::int64_t now) const noexcept;

  // Orders kept to be crossed (engine_crossing.cpp).
  [[nodiscard]] Refusal check_crossing(const NewOrderMessage& message) const noexcept;
  /// What the venue says of an order's quantities, with what was crossed here.
  static void count_crossed(const Order& order, OrderFact& fact) noexcept;
  /// Kept orders of the instrument that may meet do, oldest first.
  void cross_kept(InstrumentId instrument) noexcept;
  [[nodiscard]] bool may_cross(const Order& order, const Mid& mid) noexcept;
  void cross(std::uint32_t buy, std::uint32_t sell, const Mid& mid) noexcept;
  /// The execution of one side; false = it cannot be booked exactly.
  [[nodiscard]] bool draw_cross(std::uint32_t slot, OrderId with, std::int64_t quantity,
                                const Mid& mid, OrderFilled& out) const noexcept;
  void look_at_kept(std::int64_t now_ns) noexcept;
  /// Its time is over: it goes to the venue or, when it cannot, ends. False = not now.
  [[nodiscard]] bool release_kept(std::uint32_t slot) noexcept;
  [[nodiscard]] Refusal check_kept_release(const Order& order) noexcept;
  /// The gate again, for what is left of an order that holds its place there already.
  [[nodiscard]] Refusal check_kept_gate(const Order& order, const NewOrderMessage& rest) noexcept;
  /// New protection for a market order whose price the market has left behind.
  void protect_kept(const Order& order, const NewOrderMessage& rest) noexcept;
  void end_kept(std::uint32_t slot, Refusal refusal) noexcept;
  /// Kept orders that are good for the day end with it.
  void end_kept_of_day() noexcept;
  /// After a start it counts as one that left: its venue is asked, and it is never sent again.
  void presume_left(const Order& order) noexcept;

  // Guards (engine_guards.cpp).
  /// Makes room to watch a level whose guards changed; the first with sizes learns what is usual.
  void watch(Level level, std::uint32_t id);
  void watch_all();
  void learn_sizes() noexcept;
  void tell_breaker(LevelWatch& watched) noexcept;
  void note_order(const Candidate& candidate, OrderId id, Sequence sequence) noexcept;
  /// The route has one more order of this amount.
  void note_size(Route& route, std::int64_t amount_e4) noexcept;
  /// The same of an order that its link let go.
  void note_size(const Order& order) noexcept;
  /// Audit of an order above the usual size, if it is.
  void tell_override(const Route& route, OrderId id, std::int64_t amount_e4,
                     const Origin& origin) noexcept;
  /// The one hook of the fill path: a fill of an own order was booked.
  void note_fill(std::uint32_t route, Side side) noexcept;
  void note_repeat(const Route& route, Side side, int kind) noexcept;
  void note_breaker(const Route& route, std::uint64_t BreakerCounts::* count) noexcept;
  void note_fact(RecordKind kind, const Order& order) noexcept;
  void note_session(VenueId venue) noexcept;
  Sequence latch(Level level, std::uint32_t id, LatchCause cause, const char* reason) noexcept;
  void look_at_breakers(std::int64_t now_ns) noexcept;
  void open_breaker(LevelWatch& watched, const BreakerWindow::Finding& found) noexcept;
  void close_breaker(const LevelWatch& watched, const LevelEntity& level) noexcept;

  // Refusals (engine_refusals.cpp).
  [[nodiscard]] std::int64_t nearest_quantity(const RefusalMemory::Entry& refused) noexcept;
  [[nodiscard]] std::int64_t unknown_share(const RefusalMemory::Entry& refused) noexcept;

  // FIX sessions (engine_fix.cpp). Lays an entry's records down; returns how many bytes.
  std::uint64_t write_fix(const FixEntry& entry, std::uint8_t* out,
                          std::uint64_t position) noexcept;

  // Kills (engine_kills.cpp).
  void poll_kill_word() noexcept;
  /// Whether kills are in force; a new one is looked at in this turn, whatever waited before.
  void note_kills(bool is_new) noexcept;
  /// A cancel was rejected or its outcome is unknown: it may be the business of a kill.
  void note_kill(RecordKind kind, const Order& order) noexcept;
  /// The venue is back: nothing waits there for its time to be asked again.
  void hasten_kills(VenueId venue) noexcept;
  /// Whether a kill or the stop wants the order to end, with whose rights.
  [[nodiscard]] bool is_to_end(const Order& order, PrincipalId& by) const noexcept;
  [[nodiscard]] KillStep end_killed(std::uint32_t slot, PrincipalId by, Refusal& found) noexcept;
  /// Sends every cancel that kills want and that may be sent now. Tells of the level, or of all;
  /// `asker` is who is told what his rights leave out.
  KillCounts look_at_kills(const LevelEntity* level, PrincipalId asker) noexcept;
  /// The stop of the gateway: a kill of everything without a halt, as long as the process lives.
  Notice stop_orders(const MassCancelMessage& message, std::uint32_t port) noexcept;

  // Turn (engine_turn.cpp).
  std::size_t turn_urgent(std::size_t limit) noexcept;
  std::size_t turn_facts(std::size_t limit) noexcept;
  std::size_t turn_orders(std::size_t limit) noexcept;
  /// Takes the new order at the head of the lane without copying it first; false = not possible.
  [[nodiscard]] bool submit_in_place(ClientPort& port) noexcept;
  /// Takes the group at the head of the lane; false = it is not complete yet.
  [[nodiscard]] bool take_linked(ClientPort& port) noexcept;
  void dispatch_fact(const AnyMessage& message) noexcept;
  void release_gated() noexcept;
  void run_timers(std::int64_t now_ns) noexcept;

  template <typename Payload>
  Sequence append(RecordKind kind, const Payload& content, const Origin& origin) noexcept {
    std::uint8_t* record = writer_.reserve(sizeof(RecordHeader) + sizeof(Payload));
    if (record == nullptr) return 0;
    open_record(record, kind, sizeof(RecordHeader) + sizeof(Payload), origin);
    std::memcpy(record + sizeof(RecordHeader), &content, sizeof(Payload));
    return commit(record, sizeof(RecordHeader) + sizeof(Payload));
  }
  void open_record(std::uint8_t* record, RecordKind kind, std::uint32_t length,
                   const Origin& origin) noexcept {
    auto* header = reinterpret_cast<RecordHeader*>(record);
    header->length = length;
    header->type = static_cast<std::uint16_t>(kind);
    header->cause = origin.cause;
    header->time_ns = now_ns_;
    header->origin_sequence = origin.origin_sequence;
    header->actor = origin.actor;
    header->origin_port = origin.port;
  }
  /// Publishes a group of records and applies each. Everything that changes state ends here.
  Sequence commit(std::uint8_t* group, std::uint32_t bytes) noexcept;

  std::unique_ptr<telemetry::Measurement> own_measurement_;
  telemetry::Measurement& measurement_;
  telemetry::Ticks at_ = 0;  // where the measured order stands; 0 = it is not sampled
  State& state_;
  PreparedRoutes prepared_;
  journal::Writer& writer_;
  Clock& clock_;
  EngineSettings settings_;
  EngineCounters counters_;
  std::vector<std::unique_ptr<ClientPort>> client_ports_;
  std::vector<std::unique_ptr<VenuePort>> venue_ports_;
  VenuePort* venue_port_of_[kVenuesMax] = {};
  bool is_compared_[kVenuesMax] = {};                // the venue, since this engine began
  FairTurn urgent_turn_, facts_turn_, orders_turn_;  // which port is asked first
  PortServer* shared_ports_ = nullptr;
  ClientPort* hearing_port_ = nullptr;
  std::int64_t now_ns_ = 0;
  std::int64_t timers_due_ns_ = 0;
  std::uint64_t kill_word_seen_ = 0;  // its kill is recorded
  KillsInForce kills_;
  std::atomic<std::uint64_t> beat_{0};
  bool is_closed_ = false;
  bool is_clock_healthy_ = true;
  /// An order we may have to trigger or end; when the venue rejects the end, we wait before asking.
  struct Emulated {
    OrderId order_id;
    std::int64_t retry_ns = 0;
    std::int64_t wait_ns = 0;
  };
  /// What every price asks of all of them stands here, so that rows are touched for few.
  struct Kept {
    OrderId order_id;
    std::int64_t ends_ns;
    InstrumentId instrument;
    PrincipalId principal;
    Side side;
  };
  std::vector<Kept> kept_;          // to be crossed, oldest first; bounded by kKeptMax
  std::vector<Emulated> emulated_;  // bounded by the order table; waits for a trigger or an expiry
  std::vector<OrderId> doubted_;    // in their order; of this start alone
  std::vector<OrderId> touched_links_;  // heads of groups to look at before the turn ends
  /// A group that is not where it should be: asked again later, less and less often.
  struct LinkWait {
    OrderId head;
    std::int64_t retry_ns;
    std::int64_t wait_ns;
    Refusal told;              // the owner has been told of
    bool is_unjudged = false;  // what its entry executed is not known yet
  };
  std::vector<LinkWait> waiting_links_;  // bounded by the order table
  [[nodiscard]] LinkWait* find_link_wait(OrderId head) noexcept;
  LinkWait& make_link_wait(OrderId head) noexcept;
  struct Fingerprint {
    std::uint64_t value = 0;
    std::int64_t time_ns = 0;
  };
  std::unique_ptr<Fingerprint[]> fingerprints_;  // duplicate check, volatile
  RefusalMemory refused_;
  UnbookableMemory unbookable_;
  UnbookableMemory forgotten_;
  std::vector<LevelWatch> watches_;  // levels with guards over time
  bool is_learning_sizes_ = false;   // sizes are remembered from here on
  FixDraft fix_draft_;
};

inline constexpr std::size_t kFingerprints = 8192;

}  // namespace gateway
