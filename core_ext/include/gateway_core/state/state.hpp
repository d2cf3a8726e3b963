// All state that the journal makes, and `apply`, the only code that changes it: live, in recovery,
// in replay and in every follower. One writer; readers on other threads copy rows by version.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gateway_core/order/idempotency.hpp"
#include "gateway_core/order/order_id.hpp"
#include "gateway_core/order/order_state.hpp"
#include "gateway_core/order/order_table.hpp"
#include "gateway_core/record/kinds.hpp"
#include "gateway_core/state/balances.hpp"
#include "gateway_core/state/collaterals.hpp"
#include "gateway_core/state/fill_memory.hpp"
#include "gateway_core/state/fix_sessions.hpp"
#include "gateway_core/state/registry.hpp"
#include "gateway_core/state/route.hpp"

namespace gateway {

/// Sizes that decide what is remembered. They come from the newest Boot record, so that a follower
/// forgets exactly what the live process forgot.
struct Capacity {
  std::uint32_t orders_max = 262144;
  std::uint32_t texts_max = 1048576;
  std::uint32_t positions_max = 65536;
  friend bool operator==(const Capacity&, const Capacity&) = default;
};

class State {
 public:
  explicit State(const Capacity& size)
      : capacity(size),
        orders(size.orders_max),
        own(size.orders_max, kInstrumentsMax),
        names(size.orders_max, size.texts_max),
        routes(size.positions_max, registry, own),
        fills(size.orders_max),
        references(size.orders_max) {}

  const Capacity capacity;
  Registry registry;
  OrderTable orders;
  OwnQuotes own;
  ClientNames names;
  RouteTable routes;
  FillMemory fills;
  KeyTable references;  // funding and balance references already booked, with when and whose
  BalanceTable balances;
  CollateralTable collaterals;
  std::uint32_t epoch = 0;
  std::uint64_t orders_made = 0;                 // order ids of this epoch
  std::int64_t last_fill_ns[kAccountsMax] = {};  // newest venue time of a fill
  // Venue time up to which the balances of an account are known to hold its funding: the newest
  // payment booked, before the first one the time of its first balance record.
  std::int64_t funding_known_ns[kAccountsMax] = {};
  // The same when its venue was last reconciled: a stream may tell a payment before an older one
  // that was missed, a reconciliation asks for both. 0 = never.
  std::int64_t funding_settled_ns[kAccountsMax] = {};
  std::int64_t interest_known_ns[kAccountsMax] = {};  // of borrow interest, which no stream tells
  // What is told of that time or an older one and is not remembered may be booked already: venue
  // time of the newest fill, and of the newest payment, that was forgotten. 0 = none was.
  std::int64_t forgotten_fill_ns[kAccountsMax] = {};
  std::int64_t forgotten_payment_ns[kAccountsMax] = {};
  std::int64_t last_time_ns = 0;       // journal time, never decreases
  std::int64_t period_began_ns = 0;    // the newest end of a trading day, before it the first boot
  std::uint64_t period_began_ids = 0;  // order_number() of the newest order that was made before it
  std::uint64_t counts[64] = {};       // records applied per kind
  FixSessions fix;                     // behind everything that orders touch

  /// Takes all memory of the hot tables now. The live process, before its first order.
  void prefault() noexcept {
    orders.prefault();
    own.prefault();
    names.prefault();
    routes.prefault();
    fills.prefault();
  }

  /// Applies one record. False: the record contradicts the state (corruption or a newer format);
  /// the state is then not to be trusted any more.
  bool apply(const RecordHeader& header, const std::uint8_t* record) noexcept;

  /// What the engine worked out about a new order before it was journaled.
  struct DecidedOrder {
    std::uint32_t route = 0;
    std::int64_t amount_e4 = 0;  // what it holds at the gate
  };
  /// As apply() of an OrderNew record; returns its slot.
  std::uint32_t apply_decided(const RecordHeader& header, const std::uint8_t* record,
                              const DecidedOrder& decided) noexcept;

  /// What a fill does, worked out before it is journaled; apply works it out again in replay.
  struct DecidedFill {
    Key128 key;
    std::uint32_t slot = kNoSlot;
    std::uint32_t route = 0;
    PositionBook book;
    RouteChange change;  // of the position; of a late fill it is known when that has its place
  };
  /// Works out `decided.change` from the rest.
  void measure_fill(DecidedFill& decided, const OrderFilled& fill) const noexcept;
  /// As apply() of a fill record, with the decision its after-image was written from.
  bool apply_decided(const RecordHeader& header, const OrderFilled& fill,
                     const DecidedFill& decided) noexcept;

  /// Brings near what the next new orders will touch: slots, and the names of those they recycle.
  void prefetch_next(PrincipalId principal, std::uint64_t number, OrderId id) const noexcept;
  /// Position after fill `ordinal` is replaced by these numbers and everything later is done again;
  /// with `commit` the remembered fills are rewritten too. nullopt: the chain is not remembered.
  [[nodiscard]] std::optional<PositionBook> book_revised(std::uint64_t ordinal,
                                                         const FillRevised& revised,
                                                         bool commit) noexcept;
  /// Before which fill of the route one of this time and number happened; 0 = it is the newest, or
  /// its place is too far back to be known.
  [[nodiscard]] std::uint64_t place_of_late(std::uint32_t route, std::int64_t venue_time_ns,
                                            std::uint64_t venue_sequence) const noexcept;
  /// Position after a fill that counts before `fill.booked_before`, everything later done again;
  /// with `commit` the later fills are rewritten too. nullopt: the chain is not remembered.
  [[nodiscard]] std::optional<PositionBook> book_late(std::uint32_t route, const OrderFilled& fill,
                                                      bool commit) noexcept;
  /// The execution that an adopted position is booked as.
  [[nodiscard]] static OrderFilled fill_of(const PositionAdopted& adopted) noexcept;
  [[nodiscard]] static Key128 reference_key(std::uint64_t scope,
                                            const Text<40>& reference) noexcept {
    return text_key(scope, reference);
  }
  /// Remembers a booked reference of a payment of that time; a full table forgets its older half.
  void remember_reference(Key128 key, AccountId account, std::int64_t time_ns) noexcept;
  /// Place for one more fill; the one that goes for it leaves its mark.
  [[nodiscard]] FillEntry& remember_fill_of(Key128 key) noexcept {
    if (const FillEntry* oldest = fills.next_forgotten(); oldest != nullptr) {
      std::int64_t& newest_ns = forgotten_fill_ns[oldest->account];
      if (oldest->latest_ns() > newest_ns) put(newest_ns, oldest->latest_ns());
    }
    return fills.remember(key);
  }
  /// Whether no fill of the order is forgotten, as far as a bounded look back can tell.
  [[nodiscard]] bool remembers_fills_of(const Order& order) const noexcept;
  [[nodiscard]] std::uint32_t route_of_order(AccountId account, InstrumentId instrument, Leg leg,
                                             StrategyId strategy) noexcept;
  [[nodiscard]] MarginMode margin_mode_of(AccountId account,
                                          InstrumentId instrument) const noexcept;

  /// Canonical serialization in id order, without volatile parts; also the snapshot's payload.
  /// Replaces what `out` holds.
  void serialize(std::vector<std::uint8_t>& out) const;
  /// Fills an empty state from serialize()'s bytes. False = not such bytes.
  [[nodiscard]] bool restore(const std::uint8_t* bytes, std::size_t size);
  /// Capacity a payload was made with; nullopt = not such bytes.
  [[nodiscard]] static std::optional<Capacity> capacity_of(const std::uint8_t* bytes,
                                                           std::size_t size);
  /// SHA-256 over serialize(), hexadecimal.
  [[nodiscard]] std::string hash() const;

 private:
  bool apply_boot(const Boot& boot, std::int64_t time_ns) noexcept;
  bool apply_order_new(const RecordHeader& header, const std::uint8_t* record) noexcept;
  bool apply_adopted(const RecordHeader& header, const OrderAdopted& adopted) noexcept;
  bool apply_cancel_requested(const RecordHeader& header, const CancelRequested& cancel) noexcept;
  bool apply_replace_requested(const RecordHeader& header,
                               const ReplaceRequested& replace) noexcept;
  bool apply_triggered(const RecordHeader& header, const OrderTriggered& triggered) noexcept;
  bool apply_fact(const RecordHeader& header, const OrderFact& fact) noexcept;
  void book_fill(const RecordHeader& header, const OrderFilled& fill,
                 const DecidedFill& decided) noexcept;
  void remember_fill(const OrderFilled& fill, const DecidedFill& decided, std::uint64_t previous,
                     const PositionBook& before) noexcept;
  void remember_late(const OrderFilled& fill, const DecidedFill& decided) noexcept;
  [[nodiscard]] RouteChange fill_order(const RecordHeader& header, const OrderFilled& fill,
                                       std::uint32_t slot, const InstrumentRow& row) noexcept;
  bool apply_filled(const RecordHeader& header, const OrderFilled& fill) noexcept;
  /// Books a fill whose after-image is what comes out here as well; false = it is not.
  bool book_checked(const RecordHeader& header, const OrderFilled& fill, std::uint32_t slot,
                    std::uint32_t route_index) noexcept;
  bool apply_position_adopted(const RecordHeader& header, const PositionAdopted& adopted) noexcept;
  bool apply_revised(const RecordHeader& header, const FillRevised& fill) noexcept;
  bool apply_funding(const RecordHeader& header, const Funding& funding) noexcept;
  bool apply_balance(const RecordHeader& header, const BalanceChanged& change) noexcept;
  bool apply_collateral(const RecordHeader& header, const PositionCollateral& told) noexcept;
  /// What the venue holds on the route is flat after a fill of this venue time: what lay in it is
  /// in the balance again, unless the venue has told of it since.
  void end_collateral(const Route& route, std::int64_t venue_time_ns, Sequence sequence) noexcept;
  bool apply_tick(const ClockTick& tick, std::int64_t time_ns) noexcept;
  bool apply_venue_state(const VenueState& state) noexcept;
  void forget_references() noexcept;
  bool apply_measured(const RiskMeasured& measured, std::int64_t time_ns) noexcept;
  bool apply_definition(RecordKind kind, const std::uint8_t* record) noexcept;

  std::uint32_t take_slot(OrderId id) noexcept;
  std::uint32_t make_order(const RecordHeader& header, const std::uint8_t* record,
                           const DecidedOrder& decided) noexcept;
  void reserve_again(Order& order) noexcept;
  /// What limits measure of a position that is `book` from now on, last filled at `price`.
  [[nodiscard]] RouteChange measure_position(const Route& route, const Position& position,
                                             const PositionBook& book,
                                             std::int64_t price) const noexcept;
  static void publish_position(Position& position, const PositionBook& book,
                               const RouteChange& change, std::uint64_t last_fill,
                               Sequence sequence) noexcept;
  [[nodiscard]] std::int64_t price_of_newest(std::uint32_t route,
                                             const FillEntry& otherwise) const noexcept;
  /// From the route's newest fill back to this one; nullopt: it is not remembered among them.
  [[nodiscard]] std::optional<std::vector<std::uint64_t>> fills_back_to(
      std::uint32_t route, std::uint64_t ordinal) const;
  /// These fills after `book`; with `commit` each keeps what the position was before it.
  [[nodiscard]] bool do_again(std::span<const std::uint64_t> newest_first, PositionBook& book,
                              bool commit) noexcept;
  void move_money(Route& route, CurrencyId currency, Int128 amount_e18, Sequence sequence) noexcept;
  void book_cash(Route& route, Side side, std::int64_t quantity, Int128 value_e18, Int128 fee_e18,
                 CurrencyId fee_currency, Int128 realised_e18, Sequence sequence) noexcept;
};

/// Payload of a record as its struct. The reader has checked the length.
template <typename Payload>
[[nodiscard]] inline const Payload& payload(const std::uint8_t* record) noexcept {
  return *reinterpret_cast<const Payload*>(record + sizeof(RecordHeader));
}

/// The blocks behind an OrderNew, by its flags; nullptr when absent.
[[nodiscard]] inline const OrderConditions* conditions_of(const std::uint8_t* record,
                                                          std::uint8_t flags) noexcept {
  if ((flags & kConditions) == 0) return nullptr;
  return reinterpret_cast<const OrderConditions*>(record + sizeof(RecordHeader) + sizeof(OrderNew));
}
[[nodiscard]] inline const ClientId* client_id_of(const std::uint8_t* record,
                                                  std::uint8_t flags) noexcept {
  if ((flags & kTextClientId) == 0) return nullptr;
  const std::size_t skip = (flags & kConditions) != 0 ? sizeof(OrderConditions) : 0;
  return reinterpret_cast<const ClientId*>(record + sizeof(RecordHeader) + sizeof(OrderNew) + skip);
}

}  // namespace gateway
