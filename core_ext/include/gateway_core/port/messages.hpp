// What travels through a port: 128-byte entries, a message is one to four of them. Public layout.
// Producers outside the process may write anything here, so the engine believes no field unchecked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "gateway_core/record/kinds.hpp"

namespace gateway {

inline constexpr std::size_t kEntryBytes = 128;

enum class MessageKind : std::uint16_t {
  kNone = 0,
  // Client port, inbound.
  kNewOrder = 1,
  kCancel = 2,
  kReplace = 3,
  kMassCancel = 4,
  kQuery = 5,  // shared-memory ports alone
  kPing = 6,
  kLinkedOrders = 7,  // ports of this process alone
  // Venue port, inbound: a fact carries a record payload.
  kFact = 16,
  kFill = 17,
  kFillRevised = 18,
  kAdopt = 19,
  kMark = 20,
  kSession = 21,
  kFunding = 22,
  kBalance = 23,
  kCollateral = 24,
};

struct MessageHeader {
  MessageKind kind;
  std::uint8_t entries;  // of 128 bytes, with this one
  std::uint8_t detail;   // kFact: RecordKind - kOrderAccepted
  PrincipalId principal;
  std::uint64_t request;  // the producer's own counter
};
static_assert(sizeof(MessageHeader) == 16);

struct NewOrderMessage {
  MessageHeader header;
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
  std::uint8_t leg;
  std::uint8_t overrides;  // kOverride*, of a principal with that scope
  std::uint16_t cross_ms;  // kept here so long to meet an opposite order, 0 = not (order/cross.hpp)
  std::uint8_t reserved_bytes[4];
  std::int64_t trigger_price;
  std::int64_t display_quantity;
  std::int64_t expires_ns;
  std::uint64_t reserved[5];
  ClientId client_id;  // second entry, only with kTextClientId
  std::uint64_t reserved_tail[8];
};
static_assert(sizeof(NewOrderMessage) == 256 && offsetof(NewOrderMessage, client_id) == 128);

/// In front of 2 to kLinkedMax NewOrderMessages of two entries each, all counted in
/// header.entries; header.detail is the LinkKind.
struct LinkedOrdersMessage {
  MessageHeader header;
  std::uint64_t reserved[14];
};
static_assert(sizeof(LinkedOrdersMessage) == kEntryBytes);

struct CancelMessage {
  MessageHeader header;
  OrderId order_id;
  CancelReason reason;
  std::uint64_t reserved[12];
};
static_assert(sizeof(CancelMessage) == 128);

struct ReplaceMessage {
  MessageHeader header;
  OrderId order_id;
  std::uint64_t client_number;
  std::int64_t price;     // 0 = unchanged
  std::int64_t quantity;  // 0 = unchanged
  std::uint64_t reserved[2];
  ClientId client_id;
};
static_assert(sizeof(ReplaceMessage) == 128);

struct MassCancelMessage {
  MessageHeader header;
  AccountId account;
  StrategyId strategy;
  InstrumentId instrument;
  VenueId venue;
  std::uint32_t origin_port;
  std::uint32_t reserved_word;
  CancelReason reason;
  std::uint64_t reserved[10];
};
static_assert(sizeof(MassCancelMessage) == 128);

/// The order is meant as it is, though it is far larger than the usual ones.
inline constexpr std::uint8_t kOverrideSize = 1;

/// One order of the asking principal, or with kQueryAllOpen in `detail` all its open ones.
struct QueryMessage {
  MessageHeader header;
  OrderId order_id;
  std::uint64_t client_number;
  ClientId client_id;
  std::uint64_t reserved[4];
};
static_assert(sizeof(QueryMessage) == 128);
inline constexpr std::uint8_t kQueryAllOpen = 1;

/// One order fact; detail names the record kind.
struct FactMessage {
  MessageHeader header;
  OrderFact fact;
  std::uint64_t reserved[14];
};
static_assert(sizeof(FactMessage) == 256);

struct FillMessage {
  MessageHeader header;
  OrderFilled fill;  // after-image fields are the engine's; value 0 = compute from price
  std::uint64_t reserved[14];
};
static_assert(sizeof(FillMessage) == 384);

struct FillRevisedMessage {
  MessageHeader header;
  FillRevised fill;  // after-image fields are the engine's
  VenueOrderId venue_order_id;
  std::uint64_t reserved;
};
static_assert(sizeof(FillRevisedMessage) == 256);

struct AdoptMessage {
  MessageHeader header;
  OrderAdopted order;
  std::uint64_t reserved[6];
};
static_assert(sizeof(AdoptMessage) == 256);

/// Reference prices; a zero scale-less mantissa means absent. All in `scale` decimals.
struct MarkMessage {
  MessageHeader header;
  InstrumentId instrument;
  std::uint32_t scale;
  std::int64_t mark;
  std::int64_t bid;
  std::int64_t ask;
  std::int64_t last;
  std::uint64_t reserved[9];
};
static_assert(sizeof(MarkMessage) == 128);

struct SessionMessage {
  MessageHeader header;
  VenueState state;
  std::uint64_t reserved[6];
};
static_assert(sizeof(SessionMessage) == 128);

struct FundingMessage {
  MessageHeader header;
  Funding funding;
  std::uint64_t reserved[14];
};
static_assert(sizeof(FundingMessage) == 256);

struct BalanceMessage {
  MessageHeader header;
  BalanceChanged change;
  std::uint64_t reserved[14];
};
static_assert(sizeof(BalanceMessage) == 256);

struct CollateralMessage {
  MessageHeader header;
  PositionCollateral told;
  std::uint64_t reserved[6];
};
static_assert(sizeof(CollateralMessage) == 128);

/// Room for the longest message; a consumer copies one in and looks at it as what its kind says.
struct AnyMessage {
  alignas(16) std::byte bytes[384];

  [[nodiscard]] const MessageHeader& header() const noexcept { return as<MessageHeader>(); }
  template <typename Message>
  [[nodiscard]] const Message& as() const noexcept {
    static_assert(sizeof(Message) <= sizeof(AnyMessage) && alignof(Message) <= 16);
    return *reinterpret_cast<const Message*>(bytes);
  }
};
static_assert(sizeof(AnyMessage) == sizeof(FillMessage));

/// Engine -> client, 64 bytes.
struct Notice {
  Sequence sequence = 0;      // record, 0 = a refusal that is only counted
  std::uint64_t request = 0;  // 0 = not an answer
  OrderId order_id = 0;
  std::uint16_t kind = 0;     // RecordKind
  std::uint16_t refusal = 0;  // Refusal
  std::int32_t level = -1;    // Level that refused, -1 = none
  std::int64_t limit = 0;
  std::int64_t current = 0;
  std::int64_t would_be = 0;
  std::int64_t working = 0;
};
static_assert(sizeof(Notice) == 64);

/// Engine -> client in another process: the notice and the order as it stands after it.
struct PortReply {
  Notice notice;
  std::uint64_t client_number = 0;
  std::int64_t price = 0;
  std::int64_t quantity = 0;
  std::int64_t cumulative = 0;
  std::uint64_t value_low = 0;  // sum of fill values at 10^-18, two's complement
  std::int64_t value_high = 0;
  InstrumentId instrument = 0;
  std::uint8_t state = 0;
  std::uint8_t overlay = 0;
  std::uint8_t side = 0;
  std::uint8_t type = 0;
  AccountId account = 0;
  StrategyId strategy = 0;
};
static_assert(sizeof(PortReply) == kEntryBytes);

/// Kinds of replies that are no records; Notice::kind of a PortReply.
enum class ReplyKind : std::uint16_t { kPong = 200, kOrderImage = 201, kImagesEnd = 202 };

/// Engine -> adapter, 128 bytes: everything a wire message needs.
struct OutboundEntry {
  std::uint16_t kind;  // kOrderNew, kCancelRequested, kReplaceRequested
  std::uint8_t flags;
  std::uint8_t leg;
  std::uint32_t epoch;
  Sequence sequence;
  OrderId order_id;
  InstrumentId instrument;
  AccountId account;
  StrategyId strategy;
  OrderType type;
  Side side;
  TimeInForce time_in_force;
  std::uint8_t reserved_byte;
  std::int64_t price;
  std::int64_t quantity;
  std::int64_t trigger_price;
  std::int64_t display_quantity;
  std::int64_t expires_ns;
  VenueOrderId venue_order_id;  // empty when the venue has not told it
  std::uint64_t reserved;
};
static_assert(sizeof(OutboundEntry) == 128);

}  // namespace gateway
