// The payload of every kind of record. Numbers are on disk: append only, never renumber.
// Each payload is a multiple of 64 bytes, little-endian, without padding holes.
#pragma once

#include <cstdint>

#include "gateway_core/record/header.hpp"
#include "gateway_core/record/risk_records.hpp"
#include "gateway_core/types/fixed_point.hpp"
#include "gateway_core/types/ids.hpp"
#include "gateway_core/types/link.hpp"
#include "gateway_core/types/side.hpp"
#include "gateway_core/types/text.hpp"

namespace gateway {

enum class RecordKind : std::uint16_t {
  // Life of the gateway.
  kBoot = 1,
  kStopped = 2,
  kClockTick = 3,
  kOperationNoted = 4,  // record/operation.hpp
  // Registries; a repeated id is a new version.
  kCurrencyDefined = 10,
  kVenueDefined = 11,
  kInstrumentDefined = 12,
  kAccountDefined = 13,
  kStrategyDefined = 14,
  kPrincipalDefined = 15,
  kCurrencyRateSet = 16,
  kLimitsSet = 17,
  kTradingStateSet = 18,
  kGuardsSet = 19,
  kRiskMeasured = 20,
  kOverrideUsed = 21,
  kFixSessionDefined = 26,  // record/fix.hpp
  kFixNumbersSet = 27,
  kFixMessageSent = 28,
  // Orders: decisions of ours.
  kOrderNew = 30,
  kOrderRefused = 31,
  kCancelRequested = 32,
  kReplaceRequested = 33,
  kOrderTriggered = 34,
  // Orders: facts from the venue.
  kOrderAccepted = 40,
  kOrderRejected = 41,
  kOrderCanceled = 42,
  kOrderExpired = 43,
  kOrderReplaced = 44,
  kCancelRejected = 45,
  kReplaceRejected = 46,
  kOrderUnknown = 47,
  kOrderNotSent = 48,
  kOrderFilled = 49,
  kFillBusted = 50,
  kFillCorrected = 51,
  kOrderAdopted = 52,
  kAnomaly = 53,
  // Venue session, balances and what lies in positions.
  kPositionCollateral = 59,
  kVenueState = 60,
  kBalanceChanged = 61,
  kFunding = 62,
  kPositionAdopted = 63,
};

using Symbol = Text<32>;
using VenueOrderId = Text<40>;
using TradeId = Text<40>;
using ClientId = Text<64>;

/// First record of every start. Capacities and policies that `apply` depends on live here.
struct Boot {
  std::uint32_t epoch;
  std::uint32_t orders_max;       // order slots, open and remembered
  std::uint32_t idempotency_max;  // text client ids per trading period
  std::uint32_t positions_max;
  std::uint64_t clean_shutdown;  // 1 after a clean stop, 2 = epoch raised while running
  std::int64_t wall_time_ns;
  Text<32> build;
};

struct Stopped {
  std::uint64_t open_orders;
  std::uint64_t reserved[7];
};

/// A timer decision with the journal's time: expiries and day ends happen at such a record.
struct ClockTick {
  std::uint64_t purpose;  // 1 = trading period ends: text ids of orders ended before it are dropped
  std::uint64_t reserved[7];
};

struct CurrencyDefined {
  CurrencyId id;
  std::uint32_t version;
  Text<24> code;
  std::uint64_t reserved[4];
};

struct VenueDefined {
  VenueId id;
  std::uint32_t version;
  Text<32> name;
  std::uint32_t is_simulated;
  std::uint32_t order_types;     // bit 1 << OrderType
  std::uint32_t times_in_force;  // bit 1 << TimeInForce
  std::uint32_t flags;           // order flags offered (kPostOnly | ...), and kOffersIceberg
  std::uint32_t amend;           // 0 none, 1 native, 2 cancel_new
  std::uint32_t ack_timeout_ms;
};

struct InstrumentDefined {
  InstrumentId id;
  std::uint32_t version;
  VenueId venue;
  CurrencyId base;
  CurrencyId quote;
  CurrencyId settle;
  std::uint8_t kind;  // InstrumentKind
  std::uint8_t price_scale;
  std::uint8_t quantity_scale;
  std::uint8_t multiplier_scale;
  std::uint8_t is_tradable;
  std::uint8_t reserved_bytes[3];
  std::int64_t tick;             // price mantissa
  std::int64_t lot;              // quantity mantissa
  std::int64_t quantity_min;     // quantity mantissa
  std::int64_t quantity_max;     // quantity mantissa
  std::int64_t multiplier;       // multiplier mantissa
  std::int64_t notional_min_e8;  // quote (or settle for quanto) currency at 10^-8, 0 = none
  Symbol symbol;                 // our name, unique
  Symbol venue_symbol;           // the venue's spelling
  std::uint64_t reserved[6];
};

struct AccountDefined {
  AccountId id;
  std::uint32_t version;
  VenueId venue;
  std::uint8_t durability;     // Durability
  std::uint8_t is_hedge_mode;  // 1 = long and short legs, read from the venue
  std::uint8_t margin_mode;    // MarginMode of its derivative positions
  std::uint8_t reserved_byte;
  Text<32> name;
  std::uint64_t reserved[2];
};

struct StrategyDefined {
  StrategyId id;
  std::uint32_t version;
  Text<32> name;
  std::uint64_t reserved[3];
};

inline constexpr std::uint32_t kScopeRead = 1;
inline constexpr std::uint32_t kScopeTrade = 2;
inline constexpr std::uint32_t kScopeCancel = 4;
inline constexpr std::uint32_t kScopeAdmin = 8;
inline constexpr std::uint32_t kScopeOverride = 16;  // may override soft limits, order by order
inline constexpr std::uint32_t kScopeRisk = 32;      // may tell measures, reduce and lift that

/// Who may do what where. A mask bit i allows id i; `all_*` allows every id, also later ones.
struct PrincipalDefined {
  PrincipalId id;
  std::uint32_t version;
  std::uint32_t scopes;  // kScope*
  std::uint8_t all_accounts;
  std::uint8_t all_strategies;
  std::uint8_t all_instruments;
  std::uint8_t is_enabled;
  Text<32> name;
  std::uint64_t accounts[4];
  std::uint64_t strategies[4];
  std::uint64_t instruments[8];
  std::uint64_t reserved[2];
};

/// Value of one unit of a currency in the reporting currency, for limits only.
struct CurrencyRateSet {
  CurrencyId currency;
  std::uint32_t version;
  std::int64_t rate_e8;
  std::uint64_t reserved[6];
};

/// A new order the gate let pass. Followed in the same record by 64 bytes of OrderConditions when
/// flags has kConditions, then 64 bytes of ClientId when flags has kTextClientId.
struct OrderNew {
  OrderId order_id;
  std::uint64_t client_number;  // native client id, 0 when text
  std::int64_t price;           // limit price; protection price of a market order
  std::int64_t quantity;
  InstrumentId instrument;
  AccountId account;
  StrategyId strategy;
  OrderType type;
  Side side;
  TimeInForce time_in_force;
  std::uint8_t flags;
  std::int64_t reference_price;  // volatile input the gate used, instrument price scale
  std::uint16_t reference_age_ms;
  std::uint8_t leg;          // Leg
  std::uint8_t margin_mode;  // MarginMode
  std::uint32_t limits_version;
};

struct OrderConditions {
  std::int64_t trigger_price;
  std::int64_t display_quantity;
  std::int64_t expires_ns;
  OrderLink link;          // zero = the order stands alone
  std::uint32_t cross_ms;  // kept so long to be crossed, 0 = not
  std::uint64_t reserved[4];
};

/// Audit of a refusal by the gate. Changes no state: the client id stays free.
struct OrderRefused {
  std::uint64_t client_number;
  std::int64_t price;
  std::int64_t quantity;
  InstrumentId instrument;
  AccountId account;
  StrategyId strategy;
  OrderType type;
  Side side;
  TimeInForce time_in_force;
  std::uint8_t flags;
  std::uint16_t refusal;
  std::uint16_t level;
  std::uint32_t limits_version;
  std::uint64_t order_id;  // replace or cancel of this order, 0 for a new one
  std::int64_t limit;
  std::int64_t current;
  std::int64_t would_be;
  std::int64_t working;  // share of working orders in `current`
  ClientId client_id;
  std::uint64_t reserved[5];
};

struct CancelRequested {
  OrderId order_id;
  std::uint64_t reason;  // CancelReason
  std::uint64_t reserved[6];
};

struct ReplaceRequested {
  OrderId order_id;
  std::uint64_t client_number;
  std::int64_t price;
  std::int64_t quantity;  // new total quantity
  std::int64_t reference_price;
  std::uint64_t reserved[3];
  ClientId client_id;  // new client id, empty when numeric or absent
};

enum class TriggeredBy : std::uint64_t {
  kVenue = 0,
  kGateway = 1,   // we held the order, for its trigger or to be crossed, and send it now
  kLink = 2,      // we held the order for its link and send it now
  kLinkHeld = 3,  // we held the order for its link and hold it for its trigger from now on
};

struct OrderTriggered {
  OrderId order_id;
  std::int64_t trigger_price_seen;
  std::uint64_t by_gateway;      // TriggeredBy
  std::int64_t quantity;         // released by its link: the quantity that is sent, else 0
  std::int64_t price;            // released by its link: what the gate was asked for, else 0
  std::int64_t reference_price;  // released by its link: volatile input of the gate, else 0
  std::uint64_t limits_version;  // released by its link, else 0; 0 too when its venue proved it
  std::uint64_t reserved;
};

/// Accepted (working or untriggered at the venue), canceled, expired, replaced, not sent, unknown:
/// what a venue tells about one order, without a fill.
struct OrderFact {
  OrderId order_id;
  std::int64_t venue_time_ns;
  std::uint64_t venue_sequence;  // 0 when the venue has none
  VenueOrderId venue_order_id;
  std::int64_t price;       // kOrderReplaced: now in force; else 0
  std::int64_t quantity;    // kOrderReplaced: now in force; else 0
  std::int64_t cumulative;  // executed so far by the venue's account, -1 when it did not say
  std::uint32_t reason;     // FactReason
  std::uint32_t evidence;   // Evidence
  Text<32> text;            // the venue's own words, cut
};

enum class FactReason : std::uint32_t {
  kNone = 0,
  kRequested = 1,    // by our cancel
  kTimeInForce = 2,  // IOC or FOK rest
  kPostOnlyCross = 3,
  kReduceOnlyRule = 4,
  kSelfTrade = 5,
  kExpired = 6,
  kVenueDecision = 7,
  kTimeout = 8,  // no answer within ack_timeout_ms
  kDisconnected = 9,
  kSendError = 10,
  kRestart = 11,      // in flight when the gateway stopped
  kUntriggered = 12,  // accepted, waiting for its trigger
  kQueueStale = 13,   // still in the venue queue of an earlier epoch, never sent
  kInsufficientFunds = 14,
  kUnknownOutcomeCancel = 15,
  kUnknownOutcomeReplace = 16,
  kCrossEnded = 17,  // kept to be crossed, and when the time was over it could not be sent
};

enum class Evidence : std::uint32_t {
  kNone = 0,
  kStream = 1,
  kQuery = 2,
  kFills = 3,
  kOperator = 4,
  kGateway = 5,
};

enum class CancelReason : std::uint64_t {
  kClient = 0,
  kMassCancel = 1,
  kKill = 2,
  kDisconnect = 3,
  kShutdown = 4,
  kExpiry = 5,
  kOperator = 6,
  kLink = 7,  // another member of its group executed or ended
};

/// Of a fill that no venue knows: two books of one account met here, at the middle of these prices.
struct CrossNote {
  OrderId with;      // the other order
  std::int64_t bid;  // volatile input of the price, with one decimal less where that has one more
  std::int64_t ask;
  std::int64_t age_ns;
};

/// One execution. `value` is the authority, the price is information. After-image is asserted by
/// replay. order_id 0 = an external fill, booked to the EXTERNAL strategy of the account.
struct OrderFilled {
  OrderId order_id;
  AccountId account;
  InstrumentId instrument;
  std::int64_t price;
  std::int64_t quantity;
  Money value;  // positive, currency: quote (spot), settle (derivatives)
  Money fee;    // positive = paid, negative = rebate
  CurrencyId fee_currency;
  std::uint8_t price_scale;
  Side side;
  std::uint8_t leg;
  std::uint8_t liquidity;
  std::int64_t venue_time_ns;
  TradeId trade_id;
  VenueOrderId venue_order_id;
  std::uint64_t venue_sequence;
  // After-image of order and position.
  std::int64_t order_cumulative;
  std::int64_t position_quantity;
  std::uint64_t booked_before;  // ordinal of the newer fill before which it counts, 0 = none
  Money position_cost;
  Money position_realised;
  CrossNote cross;  // zero = it happened at the venue
};

/// Bust (quantity 0) or correction of an earlier fill, by its key and a revision.
struct FillRevised {
  OrderId order_id;
  AccountId account;
  InstrumentId instrument;
  TradeId trade_id;
  std::uint64_t revision;
  std::int64_t price;
  std::int64_t quantity;
  Money value;
  Money fee;
  CurrencyId fee_currency;
  std::uint8_t price_scale;
  Side side;
  std::uint8_t leg;
  std::uint8_t liquidity;
  std::int64_t venue_time_ns;
  std::int64_t position_quantity;
  std::uint64_t fill_ordinal;  // which remembered fill, engine's own count
  Money position_cost;
  Money position_realised;
  std::uint64_t reserved[2];
};

/// An order found at the venue that the journal does not hold: taken in as it stands there.
struct OrderAdopted {
  OrderId order_id;
  std::int64_t price;
  std::int64_t quantity;
  std::int64_t cumulative;
  InstrumentId instrument;
  AccountId account;
  StrategyId strategy;
  OrderType type;
  Side side;
  TimeInForce time_in_force;
  std::uint8_t flags;
  VenueOrderId venue_order_id;
  ClientId venue_client_id;
  std::uint64_t leg;
  std::uint64_t reserved[4];
};

/// An event the state table does not allow, kept as evidence; nothing changed.
struct Anomaly {
  OrderId order_id;
  std::uint32_t kind;   // RecordKind of the event
  std::uint32_t state;  // OrderState it met
  TradeId trade_id;
  std::uint64_t code;  // AnomalyCode
};

enum class AnomalyCode : std::uint64_t {
  kNone = 0,  // in no record
  kIllegalEvent = 1,
  kUnknownOrder = 2,
  kOverfill = 3,
  kRange = 4,
  kDuplicateFill = 5,
  kUnknownInstrument = 6,
  kUnknownFill = 7,
  kNoTradeId = 8,       // a fill without an id could never be told from another one
  kLinkOverfill = 9,    // linked orders executed more together than their group was to
  kLinkUncovered = 10,  // an entry executed and no exit is left to leave again
  // Told for a moment that cannot have been: a fill takes that of the newest one of its position,
  // everything else is kept as "the venue told none".
  kTime = 11,
  kPrice = 12,      // an execution at a price that the instrument's kind does not trade at
  kFee = 13,        // an execution with a fee far beyond what was executed
  kForgotten = 14,  // as old as what is not remembered any more: it may be booked already
};

/// How far a venue's clock may be ahead of ours: no two of them differ by a day.
inline constexpr std::int64_t kVenueAheadNsMax = 86'400'000'000'000;
/// Whether a venue can have told that moment; 0 = it told none.
[[nodiscard]] constexpr bool is_venue_time(std::int64_t time_ns, std::int64_t now_ns) noexcept {
  return (time_ns >= 0) & (time_ns <= now_ns + kVenueAheadNsMax);
}

/// Connect, gap and reconcile states of a venue. New orders need kReconciled.
struct VenueState {
  VenueId venue;
  std::uint32_t state;  // VenueSession
  std::int64_t since_ns;
  Text<40> text;
  std::uint64_t reserved;
};

enum class VenueSession : std::uint32_t { kDown = 0, kGapOpen = 1, kReconciled = 2 };

/// Money that moved without a fill: deposit, withdrawal, transfer, adjustment.
struct BalanceChanged {
  AccountId account;
  CurrencyId currency;
  std::uint64_t reason;
  Money amount;
  Text<40> reference;          // idempotent per (account, reference)
  std::int64_t venue_time_ns;  // end of the period that interest is for; 0 = not told
  std::uint64_t reserved[6];
};

/// BalanceChanged::reason of what an account held when it was first seen (ledger/chart.hpp).
inline constexpr std::uint64_t kOpeningBalance = 0;

/// A funding payment on a position; positive amount = received.
struct Funding {
  AccountId account;
  InstrumentId instrument;
  CurrencyId currency;
  std::uint32_t leg;
  Money amount;
  std::int64_t rate_e18;
  std::int64_t venue_time_ns;
  Text<40> reference;  // idempotent per (account, instrument, reference)
  std::uint64_t reserved[5];
};

/// A named person takes over a position, or a part of one, that no fill will ever be told for: it
/// is older than what the venue remembers. Booked as one execution without a fee that moves no fill
/// time. After-image is asserted by replay.
struct PositionAdopted {
  AccountId account;
  InstrumentId instrument;
  StrategyId strategy;  // 0 = EXTERNAL
  Side side;            // of the quantity that is added
  std::uint8_t leg;
  std::uint8_t price_scale;
  std::uint8_t reserved_byte;
  std::int64_t price;  // what it is taken over at, own scale
  std::int64_t quantity;
  Money value;         // as of a fill
  Text<40> reference;  // once per (account, instrument, reference)
  Text<40> actor;
  std::int64_t position_quantity;
  std::uint64_t reserved_word;
  Money position_cost;
  Money position_realised;
  std::uint64_t reserved[2];
};

/// The margin mode of a position and what lies in it when it is isolated, by its venue's own word,
/// in its settlement currency; 0 = nothing any more. Written only when one of the two is another
/// one than before.
struct PositionCollateral {
  AccountId account;
  InstrumentId instrument;
  std::int64_t venue_time_ns;  // 0 = the venue did not say
  Money amount;
  std::uint32_t leg;
  std::uint32_t evidence;           // Evidence: its stream or an answer
  std::uint32_t venue_margin_mode;  // VenueMarginMode; not told: with an amount, isolated
  std::uint32_t reserved_word;
  std::uint64_t reserved[2];
};

#define GATEWAY_PAYLOAD(type, bytes)                                             \
  static_assert(sizeof(type) == (bytes) && std::is_trivially_copyable_v<type> && \
                std::has_unique_object_representations_v<type>)
GATEWAY_PAYLOAD(Boot, 64);
GATEWAY_PAYLOAD(Stopped, 64);
GATEWAY_PAYLOAD(ClockTick, 64);
GATEWAY_PAYLOAD(CurrencyDefined, 64);
GATEWAY_PAYLOAD(VenueDefined, 64);
GATEWAY_PAYLOAD(InstrumentDefined, 192);
GATEWAY_PAYLOAD(AccountDefined, 64);
GATEWAY_PAYLOAD(StrategyDefined, 64);
GATEWAY_PAYLOAD(PrincipalDefined, 192);
GATEWAY_PAYLOAD(CurrencyRateSet, 64);
GATEWAY_PAYLOAD(LimitsSet, 192);
GATEWAY_PAYLOAD(GuardsSet, 128);
GATEWAY_PAYLOAD(RiskMeasured, 128);
GATEWAY_PAYLOAD(OverrideUsed, 64);
GATEWAY_PAYLOAD(TradingStateSet, 128);
GATEWAY_PAYLOAD(OrderNew, 64);
GATEWAY_PAYLOAD(OrderConditions, 64);
GATEWAY_PAYLOAD(OrderRefused, 192);
GATEWAY_PAYLOAD(CancelRequested, 64);
GATEWAY_PAYLOAD(ReplaceRequested, 128);
GATEWAY_PAYLOAD(OrderTriggered, 64);
GATEWAY_PAYLOAD(OrderFact, 128);
GATEWAY_PAYLOAD(OrderFilled, 256);
GATEWAY_PAYLOAD(FillRevised, 192);
GATEWAY_PAYLOAD(OrderAdopted, 192);
GATEWAY_PAYLOAD(Anomaly, 64);
GATEWAY_PAYLOAD(VenueState, 64);
GATEWAY_PAYLOAD(BalanceChanged, 128);
GATEWAY_PAYLOAD(Funding, 128);
GATEWAY_PAYLOAD(PositionAdopted, 192);
GATEWAY_PAYLOAD(PositionCollateral, 64);
#undef GATEWAY_PAYLOAD

}  // namespace gateway
