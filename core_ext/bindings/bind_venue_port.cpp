// The venue port for Python: requests out, facts in. Decimal text becomes mantissas here, and every
// text is checked before a lane has it.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <algorithm>
#include <cstring>

#include "bind.hpp"
#include "port_values.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

template <std::size_t N>
Text<N> fixed_text(std::string_view text, const char* field) {
  if (text.size() > N) refuse("RANGE", field);
  Text<N> out;
  out.assign(text);
  return out;
}

nb::list take(VenuePortHandle& port, std::size_t limit) {
  nb::list out;
  auto& lane = port.port->outbound;
  drain_wake(port.wake_fd);
  tell_depth(*port.engine, port.outbound_gauge, lane.size_estimate());
  const Registry& registry = port.engine->runtime->state().registry;
  const auto text = [](std::int64_t mantissa, int scale) {
    return mantissa == 0 ? std::string() : format_decimal(mantissa, scale);
  };
  for (std::size_t i = 0; i < limit && lane.size() != 0; ++i) {
    OutboundEntry entry;
    std::memcpy(&entry, lane.peek(), sizeof entry);
    lane.pop();
    // An entry of an older boot, or after another process took over, is never sent.
    if (entry.epoch != port.engine->runtime->state().epoch ||
        !port.engine->runtime->journal().writer().is_current_epoch()) {
      continue;
    }
    const InstrumentDefined& rules = registry.instruments.at(entry.instrument).definition;
    out.append(nb::make_tuple(entry.kind, entry.order_id, entry.epoch, entry.account,
                              entry.instrument, entry.strategy, static_cast<int>(entry.side),
                              static_cast<int>(entry.type), static_cast<int>(entry.time_in_force),
                              entry.flags, entry.leg, text(entry.price, rules.price_scale),
                              text(entry.quantity, rules.quantity_scale),
                              text(entry.trigger_price, rules.price_scale),
                              text(entry.display_quantity, rules.quantity_scale), entry.expires_ns,
                              std::string(entry.venue_order_id.view())));
  }
  return out;
}

template <typename Message>
bool push_fact(VenuePortHandle& port, MessageKind kind, Message& message) {
  set_header(message, kind, 0, 0);
  return port.port->facts.push(&message, message.header.entries);
}

struct FactParts {
  std::string_view venue_order_id = {};
  int reason = 0;
  std::string_view text = {};
  std::int64_t venue_time_ns = 0;
  std::uint64_t venue_sequence = 0;
  int evidence = 1;
  std::int64_t cumulative = -1;
  std::int64_t price = 0;
  std::int64_t quantity = 0;
};

bool push_order_fact(VenuePortHandle& port, RecordKind kind, OrderId order_id,
                     const FactParts& parts) {
  FactMessage message{};
  message.fact.order_id = order_id;
  message.fact.venue_time_ns = parts.venue_time_ns;
  message.fact.venue_sequence = parts.venue_sequence;
  message.fact.venue_order_id = fixed_text<40>(parts.venue_order_id, "venue_order_id");
  message.fact.price = parts.price;
  message.fact.quantity = parts.quantity;
  message.fact.cumulative = parts.cumulative;
  message.fact.reason = static_cast<std::uint32_t>(parts.reason);
  message.fact.evidence = static_cast<std::uint32_t>(parts.evidence);
  message.fact.text.assign(parts.text);
  set_header(message, MessageKind::kFact, 0, 0);
  message.header.detail = static_cast<std::uint8_t>(static_cast<int>(kind) -
                                                    static_cast<int>(RecordKind::kOrderAccepted));
  return port.port->facts.push(&message, message.header.entries);
}

std::int64_t told_cumulative(VenuePortHandle& port, OrderId order_id, std::string_view text) {
  if (text.empty()) return -1;
  return parse_number(text, rules_of_order(*port.engine, order_id).quantity_scale,
                      "cumulative_quantity");
}

/// Price with a scale of its own: as many decimals as the text has.
std::int64_t parse_own_scale(std::string_view text, std::uint8_t& scale, const char* field) {
  const std::size_t point = text.find('.');
  const std::size_t decimals = point == std::string_view::npos ? 0 : text.size() - point - 1;
  if (decimals > static_cast<std::size_t>(kPriceScaleMax)) refuse("PRECISION", field);
  scale = static_cast<std::uint8_t>(decimals);
  return parse_number(text, scale, field);
}

/// What a fill and its revision tell alike, as words and numbers of Python.
struct Execution {
  OrderId order_id;
  AccountId account;
  InstrumentId instrument;
  int side;
  int leg;
  std::string_view quantity;
  std::string_view value;
  std::string_view fee;
  CurrencyId fee_currency;
  int liquidity;
  std::string_view trade_id;
  std::int64_t venue_time_ns;
};

template <typename Fill>
void put_execution(VenuePortHandle& port, const Execution& told, Fill& fill) {
  const InstrumentDefined& rules = rules_of(*port.engine, told.instrument);
  fill.order_id = told.order_id;
  fill.account = told.account;
  fill.instrument = told.instrument;
  fill.quantity = parse_number(told.quantity, rules.quantity_scale, "quantity");
  fill.value.e18 = told.value.empty() ? 0 : parse_wide(told.value, kMoneyScale, "value");
  fill.fee.e18 = told.fee.empty() ? 0 : parse_wide(told.fee, kMoneyScale, "fee");
  fill.fee_currency = told.fee_currency;
  fill.side = static_cast<Side>(told.side);
  fill.leg = static_cast<std::uint8_t>(told.leg);
  fill.liquidity = static_cast<std::uint8_t>(told.liquidity);
  fill.venue_time_ns = told.venue_time_ns;
  fill.trade_id = fixed_text<40>(told.trade_id, "trade_id");
}

bool filled(VenuePortHandle& port, OrderId order_id, AccountId account, InstrumentId instrument,
            int side, int leg, std::string_view price, std::string_view quantity,
            std::string_view value, std::string_view fee, CurrencyId fee_currency, int liquidity,
            std::string_view trade_id, std::string_view venue_order_id, std::int64_t venue_time_ns,
            std::uint64_t venue_sequence) {
  FillMessage message{};
  OrderFilled& fill = message.fill;
  put_execution(port,
                {order_id, account, instrument, side, leg, quantity, value, fee, fee_currency,
                 liquidity, trade_id, venue_time_ns},
                fill);
  fill.price = parse_own_scale(price, fill.price_scale, "price");
  fill.venue_order_id = fixed_text<40>(venue_order_id, "venue_order_id");
  fill.venue_sequence = venue_sequence;
  return push_fact(port, MessageKind::kFill, message);
}

bool fill_revised(VenuePortHandle& port, OrderId order_id, AccountId account,
                  InstrumentId instrument, int side, int leg, std::string_view price,
                  std::string_view quantity, std::string_view value, std::string_view fee,
                  CurrencyId fee_currency, int liquidity, std::string_view trade_id,
                  std::string_view venue_order_id, std::int64_t venue_time_ns,
                  std::uint64_t revision) {
  FillRevisedMessage message{};
  FillRevised& fill = message.fill;
  put_execution(port,
                {order_id, account, instrument, side, leg, quantity, value, fee, fee_currency,
                 liquidity, trade_id, venue_time_ns},
                fill);
  // A bust has no price.
  if (fill.quantity != 0) fill.price = parse_own_scale(price, fill.price_scale, "price");
  fill.revision = revision;
  message.venue_order_id = fixed_text<40>(venue_order_id, "venue_order_id");
  return push_fact(port, MessageKind::kFillRevised, message);
}

bool adopt(VenuePortHandle& port, AccountId account, InstrumentId instrument, StrategyId strategy,
           int side, int type, int time_in_force, int flags, int leg, std::string_view price,
           std::string_view quantity, std::string_view cumulative_quantity,
           std::string_view venue_order_id, std::string_view venue_client_id, OrderId order_id) {
  const InstrumentDefined& rules = rules_of(*port.engine, instrument);
  AdoptMessage message{};
  OrderAdopted& order = message.order;
  order.order_id = order_id;
  order.price = price.empty() ? 0 : parse_number(price, rules.price_scale, "price");
  order.quantity = parse_number(quantity, rules.quantity_scale, "quantity");
  order.cumulative = parse_number(cumulative_quantity, rules.quantity_scale, "cumulative_quantity");
  order.instrument = instrument;
  order.account = account;
  order.strategy = strategy;
  order.type = static_cast<OrderType>(type);
  order.side = static_cast<Side>(side);
  order.time_in_force = static_cast<TimeInForce>(time_in_force);
  order.flags = static_cast<std::uint8_t>(flags);
  order.leg = static_cast<std::uint64_t>(leg);
  order.venue_order_id = fixed_text<40>(venue_order_id, "venue_order_id");
  order.venue_client_id.assign(venue_client_id);
  return push_fact(port, MessageKind::kAdopt, message);
}

bool marked(VenuePortHandle& port, InstrumentId instrument, std::string_view mark,
            std::string_view bid, std::string_view ask, std::string_view last) {
  std::uint8_t scale = 0;
  for (const std::string_view text : {mark, bid, ask, last}) {
    std::uint8_t own = 0;
    if (!text.empty()) (void)parse_own_scale(text, own, "mark");
    scale = std::max(scale, own);
  }
  const auto parse = [&](std::string_view text, const char* field) {
    return text.empty() ? std::int64_t{0} : parse_number(text, scale, field);
  };
  MarkMessage message{};
  message.instrument = instrument;
  message.scale = scale;
  message.mark = parse(mark, "mark");
  message.bid = parse(bid, "bid");
  message.ask = parse(ask, "ask");
  message.last = parse(last, "last");
  return push_fact(port, MessageKind::kMark, message);
}

bool session(VenuePortHandle& port, int state, std::string_view text) {
  SessionMessage message{};
  message.state.venue = port.port->venue;
  message.state.state = static_cast<std::uint32_t>(state);
  message.state.text.assign(text);
  return push_fact(port, MessageKind::kSession, message);
}

bool funding(VenuePortHandle& port, AccountId account, InstrumentId instrument, int leg,
             CurrencyId currency, std::string_view amount, std::string_view rate,
             std::string_view reference, std::int64_t venue_time_ns) {
  FundingMessage message{};
  message.funding.account = account;
  message.funding.instrument = instrument;
  message.funding.currency = currency;
  message.funding.leg = static_cast<std::uint32_t>(leg);
  message.funding.amount.e18 = parse_wide(amount, kMoneyScale, "amount");
  message.funding.rate_e18 = parse_number(rate, kMoneyScale, "rate");
  message.funding.venue_time_ns = venue_time_ns;
  message.funding.reference = fixed_text<40>(reference, "reference");
  return push_fact(port, MessageKind::kFunding, message);
}

bool balance(VenuePortHandle& port, AccountId account, CurrencyId currency, std::string_view amount,
             std::uint64_t reason, std::string_view reference, std::int64_t venue_time_ns) {
  BalanceMessage message{};
  const Money moved{parse_wide(amount, kMoneyScale, "amount")};
  message.change = {account,       currency, reason, moved, fixed_text<40>(reference, "reference"),
                    venue_time_ns, {}};
  return push_fact(port, MessageKind::kBalance, message);
}

bool collateral(VenuePortHandle& port, AccountId account, InstrumentId instrument,
                std::uint32_t leg, std::string_view amount, std::int64_t time_ns,
                std::uint32_t from, std::uint32_t mode) {
  const Money lies{parse_wide(amount, kMoneyScale, "amount")};
  if (!is_collateral(mode, lies.e18)) throw nb::value_error("none of an isolated position");
  CollateralMessage told{{}, {account, instrument, time_ns, lies, leg, from, mode, 0, {}}, {}};
  return push_fact(port, MessageKind::kCollateral, told);
}

bool accepted(VenuePortHandle& port, OrderId id, std::string_view venue_order_id,
              bool is_untriggered, std::int64_t venue_time_ns, std::uint64_t venue_sequence,
              int evidence) {
  return push_order_fact(port, RecordKind::kOrderAccepted, id,
                         {.venue_order_id = venue_order_id,
                          .reason = is_untriggered ? static_cast<int>(FactReason::kUntriggered) : 0,
                          .venue_time_ns = venue_time_ns,
                          .venue_sequence = venue_sequence,
                          .evidence = evidence});
}

bool rejected(VenuePortHandle& port, OrderId id, int reason, std::string_view text,
              std::int64_t venue_time_ns, int evidence) {
  return push_order_fact(
      port, RecordKind::kOrderRejected, id,
      {.reason = reason, .text = text, .venue_time_ns = venue_time_ns, .evidence = evidence});
}

bool not_sent(VenuePortHandle& port, OrderId id, int reason, std::string_view text, int evidence) {
  return push_order_fact(port, RecordKind::kOrderNotSent, id,
                         {.reason = reason, .text = text, .evidence = evidence});
}

/// Facts that only name a reason: unknown, cancel_rejected, replace_rejected.
template <RecordKind kind>
bool reasoned(VenuePortHandle& port, OrderId id, int reason, std::string_view text) {
  const int evidence = kind == RecordKind::kOrderUnknown ? 5 : 1;
  return push_order_fact(port, kind, id, {.reason = reason, .text = text, .evidence = evidence});
}

/// The venue's trigger is an acceptance of the working order.
bool triggered(VenuePortHandle& port, OrderId id, std::int64_t venue_time_ns) {
  return push_order_fact(port, RecordKind::kOrderAccepted, id, {.venue_time_ns = venue_time_ns});
}

/// canceled and expired.
template <RecordKind kind>
bool ended(VenuePortHandle& port, OrderId id, int reason, std::string_view text,
           std::string_view cumulative_quantity, std::int64_t venue_time_ns,
           std::uint64_t venue_sequence, int evidence, std::string_view venue_order_id) {
  return push_order_fact(port, kind, id,
                         {.venue_order_id = venue_order_id,
                          .reason = reason,
                          .text = text,
                          .venue_time_ns = venue_time_ns,
                          .venue_sequence = venue_sequence,
                          .evidence = evidence,
                          .cumulative = told_cumulative(port, id, cumulative_quantity)});
}

bool replaced(VenuePortHandle& port, OrderId id, std::string_view price, std::string_view quantity,
              std::string_view venue_order_id, std::int64_t venue_time_ns,
              std::uint64_t venue_sequence, int evidence) {
  const InstrumentDefined& rules = rules_of_order(*port.engine, id);
  return push_order_fact(port, RecordKind::kOrderReplaced, id,
                         {.venue_order_id = venue_order_id,
                          .venue_time_ns = venue_time_ns,
                          .venue_sequence = venue_sequence,
                          .evidence = evidence,
                          .price = parse_optional(price, rules.price_scale, "price"),
                          .quantity = parse_number(quantity, rules.quantity_scale, "quantity")});
}

void bind_order_facts(nb::class_<VenuePortHandle>& port) {
  port.def("accepted", &accepted, "order_id"_a, "venue_order_id"_a, "is_untriggered"_a,
           "venue_time_ns"_a, "venue_sequence"_a, "evidence"_a = 1)
      .def("rejected", &rejected, "order_id"_a, "reason"_a, "text"_a, "venue_time_ns"_a,
           "evidence"_a = 1)
      .def("not_sent", &not_sent, "order_id"_a, "reason"_a, "text"_a, "evidence"_a = 5)
      .def("unknown", &reasoned<RecordKind::kOrderUnknown>, "order_id"_a, "reason"_a, "text"_a)
      .def("triggered", &triggered, "order_id"_a, "venue_time_ns"_a)
      .def("canceled", &ended<RecordKind::kOrderCanceled>, "order_id"_a, "reason"_a, "text"_a,
           "cumulative_quantity"_a, "venue_time_ns"_a, "venue_sequence"_a, "evidence"_a = 1,
           "venue_order_id"_a = "")
      .def("expired", &ended<RecordKind::kOrderExpired>, "order_id"_a, "reason"_a, "text"_a,
           "cumulative_quantity"_a, "venue_time_ns"_a, "venue_sequence"_a, "evidence"_a = 1,
           "venue_order_id"_a = "")
      .def("replaced", &replaced, "order_id"_a, "price"_a, "quantity"_a, "venue_order_id"_a,
           "venue_time_ns"_a, "venue_sequence"_a, "evidence"_a = 1)
      .def("cancel_rejected", &reasoned<RecordKind::kCancelRejected>, "order_id"_a, "reason"_a,
           "text"_a)
      .def("replace_rejected", &reasoned<RecordKind::kReplaceRejected>, "order_id"_a, "reason"_a,
           "text"_a);
}

}  // namespace

void bind_venue_port(nb::module_& module) {
  auto port = nb::class_<VenuePortHandle>(module, "VenuePort");
  port.def_prop_ro("venue", [](const VenuePortHandle& handle) { return handle.port->venue; })
      .def("take", &take, "limit"_a = 256)
      .def("wake_fd", [](VenuePortHandle& handle) { return handle.engine->watch(handle); })
      .def("filled", &filled, "order_id"_a, "account"_a, "instrument"_a, "side"_a, "leg"_a,
           "price"_a, "quantity"_a, "value"_a, "fee"_a, "fee_currency"_a, "liquidity"_a,
           "trade_id"_a, "venue_order_id"_a, "venue_time_ns"_a, "venue_sequence"_a)
      .def("fill_revised", &fill_revised, "order_id"_a, "account"_a, "instrument"_a, "side"_a,
           "leg"_a, "price"_a, "quantity"_a, "value"_a, "fee"_a, "fee_currency"_a, "liquidity"_a,
           "trade_id"_a, "venue_order_id"_a, "venue_time_ns"_a, "revision"_a)
      .def("adopt", &adopt, "account"_a, "instrument"_a, "strategy"_a, "side"_a, "type"_a,
           "time_in_force"_a, "flags"_a, "leg"_a, "price"_a, "quantity"_a, "cumulative_quantity"_a,
           "venue_order_id"_a, "venue_client_id"_a, "order_id"_a = 0)
      .def("marked", &marked, "instrument"_a, "mark"_a, "bid"_a, "ask"_a, "last"_a)
      .def("session", &session, "state"_a, "text"_a)
      .def("funding", &funding, "account"_a, "instrument"_a, "leg"_a, "currency"_a, "amount"_a,
           "rate"_a, "reference"_a, "venue_time_ns"_a)
      .def("balance", &balance, "account"_a, "currency"_a, "amount"_a, "reason"_a, "reference"_a,
           "venue_time_ns"_a = 0)
      .def("collateral", &collateral, "account"_a, "instrument"_a, "leg"_a, "amount"_a,
           "venue_time_ns"_a, "evidence"_a, "venue_margin_mode"_a = 0);
  bind_order_facts(port);
}

}  // namespace gateway
