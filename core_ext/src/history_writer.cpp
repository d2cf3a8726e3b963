// One function per table. A column is pushed in every row, so all of a table have one length.
#include <algorithm>
#include <string>
#include <type_traits>

#include "gateway_core/history/writer.hpp"

namespace gateway::history {
namespace {

/// Bytes of the letter that begins here, 0 = no valid UTF-8.
std::size_t letter_bytes(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return first >= ' ' && first != 0x7F ? 1 : 0;
  const std::size_t bytes = first >= 0xF0 && first <= 0xF3   ? 4
                            : first >= 0xE1 && first <= 0xEF ? 3
                            : first >= 0xC2 && first <= 0xDF ? 2
                                                             : 0;
  if (bytes == 0 || at + bytes > text.size()) return 0;
  // Overlong forms and halves of pairs.
  if ((first == 0xF0 && byte(at + 1) < 0x90) || (first == 0xED && byte(at + 1) > 0x9F)) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  return bytes;
}

std::uint64_t balance_key(AccountId account, CurrencyId currency) noexcept {
  return std::uint64_t{account} << 32 | currency;
}

bool is_order_event(RecordKind kind) noexcept {
  return kind >= RecordKind::kOrderNew && kind <= RecordKind::kOrderAdopted &&
         kind != RecordKind::kOrderRefused;
}

}  // namespace

void Texts::push_back(std::string_view text) {
  const auto is_plain = [](char letter) { return letter >= ' ' && letter < 0x7F; };
  if (std::ranges::all_of(text, is_plain)) {  // nearly all of them
    bytes.insert(bytes.end(), text.begin(), text.end());
    ends.push_back(static_cast<std::int32_t>(bytes.size()));
    return;
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t letter = letter_bytes(text, at);
    if (letter == 0) {
      bytes.push_back('?');
      ++at;
      continue;
    }
    for (const std::size_t end = at + letter; at < end; ++at) bytes.push_back(text[at]);
  }
  ends.push_back(static_cast<std::int32_t>(bytes.size()));
}

void Writer::reserve_orders(std::size_t rows) {
  const auto make_room = [rows](auto& column) {
    if constexpr (requires { column.ends; }) {
      column.ends.reserve(rows + 1);
    } else {
      column.reserve(rows);
    }
  };
#define COLUMN(type, name) make_room(orders.name);
#include "gateway_core/history/orders.def"
#undef COLUMN
}

std::size_t Writer::rows() const noexcept {
  return std::max({orders.sequence.size(), fills.sequence.size(), positions.sequence.size(),
                   balances.sequence.size(), funding.sequence.size(), refusals.sequence.size(),
                   others.size()});
}

void Writer::begin(const State& state) {
  balance_index_.clear();
  totals_.clear();
  learn_balances(state);
  for (std::uint32_t i = 0; i < state.balances.count(); ++i) {
    totals_[i] = state.balances.at(i).total_e18;
  }
}

void Writer::learn_balances(const State& state) {
  while (totals_.size() < state.balances.count()) {
    const auto index = static_cast<std::uint32_t>(totals_.size());
    const Balance& row = state.balances.at(index);
    balance_index_.emplace(balance_key(row.account, row.currency), index);
    totals_.push_back(0);
  }
}

void Writer::write(const State& state, const RecordHeader& header, const std::uint8_t* record) {
  const auto kind = static_cast<RecordKind>(header.type);
  if (is_order_event(kind)) write_order(state, header, record);
  switch (kind) {
    case RecordKind::kOrderFilled:
      return write_fill(state, header, payload<OrderFilled>(record));
    case RecordKind::kFillBusted:
    case RecordKind::kFillCorrected:
      return write_revised(state, header, payload<FillRevised>(record));
    case RecordKind::kOrderRefused:
      return write_refusal(state, header, payload<OrderRefused>(record));
    case RecordKind::kBalanceChanged:
      return write_moved_balances(state, header, payload<BalanceChanged>(record).reference.view());
    case RecordKind::kFunding: {
      const auto& paid = payload<Funding>(record);
      write_funding(header, paid);
      return write_moved_balances(state, header, paid.reference.view());
    }
    case RecordKind::kPositionAdopted: {
      const auto& adopted = payload<PositionAdopted>(record);
      write_position(
          state, header,
          state.routes.find(RouteTable::key(
              adopted.account, adopted.instrument, static_cast<Leg>(adopted.leg),
              state.margin_mode_of(adopted.account, adopted.instrument), adopted.strategy)),
          0);
      write_moved_balances(state, header, adopted.reference.view());
      break;  // and the whole record, which names the person
    }
    case RecordKind::kFixMessageSent:
    case RecordKind::kClockTick:
      return;
    default:
      if (is_order_event(kind)) return;
      break;
  }
  others.emplace_back(record, record + header.length);
}

void Writer::write_order(const State& state, const RecordHeader& header,
                         const std::uint8_t* record) {
  // The order id is the first field of every order payload.
  const OrderId id = payload<OrderNew>(record).order_id;
  const std::uint32_t slot = id == 0 ? kNoSlot : state.orders.find(id);
  if (slot == kNoSlot) return;
  const Order& order = state.orders.at(slot);
  const auto kind = static_cast<RecordKind>(header.type);
  const InstrumentDefined& rules = state.registry.instruments.at(order.instrument).definition;
  orders.sequence.push_back(header.sequence);
  orders.time_ns.push_back(header.time_ns);
  orders.cause.push_back(header.cause);
  orders.event.push_back(header.type);
  orders.order_id.push_back(id);
  orders.actor.push_back(header.actor);
  orders.origin_port.push_back(header.origin_port);
  const bool is_cancel = kind == RecordKind::kCancelRequested;
  orders.cancel_reason.push_back(
      is_cancel ? static_cast<std::uint8_t>(payload<CancelRequested>(record).reason)
                : std::uint8_t{0xFF});
  orders.principal.push_back(order.principal);
  orders.instrument.push_back(order.instrument);
  orders.account.push_back(order.account);
  orders.strategy.push_back(order.strategy);
  orders.side.push_back(static_cast<std::uint8_t>(order.side));
  orders.type.push_back(static_cast<std::uint8_t>(order.type));
  orders.time_in_force.push_back(static_cast<std::uint8_t>(order.time_in_force));
  orders.leg.push_back(order.leg);
  orders.margin_mode.push_back(order.margin_mode);
  orders.flags.push_back(order.flags);
  orders.price_scale.push_back(rules.price_scale);
  orders.quantity_scale.push_back(rules.quantity_scale);
  orders.price.push_back(order.price);
  orders.quantity.push_back(order.quantity);
  orders.cumulative.push_back(order.cumulative);
  orders.trigger_price.push_back(order.trigger_price);
  orders.display_quantity.push_back(displayed(order));
  orders.expires_ns.push_back(order.expires_ns);
  orders.value.push_back(order.value_e18);
  orders.state.push_back(order.state);
  orders.pending.push_back(order.overlay);
  orders.reason.push_back(order.reason);
  const bool is_new = kind == RecordKind::kOrderNew;
  const auto& made = payload<OrderNew>(record);
  orders.reference_price.push_back(is_new ? made.reference_price : 0);
  orders.reference_age.push_back(is_new ? made.reference_age_ms : std::uint16_t{0});
  orders.limits_version.push_back(is_new ? made.limits_version : 0);
  const bool is_fact = kind >= RecordKind::kOrderAccepted && kind <= RecordKind::kOrderNotSent;
  orders.venue_time_ns.push_back(is_fact ? payload<OrderFact>(record).venue_time_ns
                                 : kind == RecordKind::kOrderFilled
                                     ? payload<OrderFilled>(record).venue_time_ns
                                     : 0);
  if (order.client_number != 0) {
    orders.client_order_id.push_back(std::to_string(order.client_number));
  } else {
    orders.client_order_id.push_back(order.client_id.view());
  }
  orders.venue_order_id.push_back(order.venue_order_id.view());
  orders.text.push_back(is_fact ? payload<OrderFact>(record).text.view() : std::string_view());
  orders.cross_ms.push_back(order.cross_ms);
  orders.crossed.push_back(crossed(order));
}

template <typename Fill>
void Writer::write_execution(const State& state, const RecordHeader& header, const Fill& fill,
                             std::uint32_t route) {
  const InstrumentDefined& rules = state.registry.instruments.at(fill.instrument).definition;
  fills.sequence.push_back(header.sequence);
  fills.time_ns.push_back(header.time_ns);
  fills.event.push_back(header.type);
  fills.order_id.push_back(fill.order_id);
  fills.instrument.push_back(fill.instrument);
  fills.account.push_back(fill.account);
  fills.strategy.push_back(route == RouteTable::kNone ? 0 : state.routes.at(route).strategy);
  fills.side.push_back(static_cast<std::uint8_t>(fill.side));
  fills.leg.push_back(fill.leg);
  fills.liquidity.push_back(fill.liquidity);
  fills.price_scale.push_back(fill.price_scale);
  fills.quantity_scale.push_back(rules.quantity_scale);
  fills.price.push_back(fill.price);
  fills.quantity.push_back(fill.quantity);
  fills.value.push_back(fill.value.e18);
  fills.fee.push_back(fill.fee.e18);
  fills.fee_currency.push_back(fill.fee_currency);
  if constexpr (std::is_same_v<Fill, FillRevised>) {
    fills.revision.push_back(fill.revision);
    fills.venue_order_id.push_back({});
    write_cross({});  // a venue has no word about a cross
  } else {
    fills.revision.push_back(0);
    fills.venue_order_id.push_back(fill.venue_order_id.view());
    write_cross(fill.cross);
  }
  fills.venue_time_ns.push_back(fill.venue_time_ns);
  fills.trade_id.push_back(fill.trade_id.view());
  write_position(state, header, route, fill.order_id);
}

void Writer::write_cross(const CrossNote& cross) {
  fills.crossed_with.push_back(cross.with);
  fills.cross_bid.push_back(cross.bid);
  fills.cross_ask.push_back(cross.ask);
  fills.cross_age_ns.push_back(cross.age_ns);
}

void Writer::write_fill(const State& state, const RecordHeader& header, const OrderFilled& fill) {
  const std::uint32_t slot = fill.order_id == 0 ? kNoSlot : state.orders.find(fill.order_id);
  const std::uint32_t route =
      slot != kNoSlot
          ? state.orders.at(slot).route
          : state.routes.find(RouteTable::key(
                fill.account, fill.instrument, static_cast<Leg>(fill.leg),
                state.margin_mode_of(fill.account, fill.instrument), kExternalStrategy));
  write_execution(state, header, fill, route);
  learn_balances(state);
  const InstrumentDefined& rules = state.registry.instruments.at(fill.instrument).definition;
  // The currencies that a fill can move, each once.
  const CurrencyId currencies[] = {rules.settle, rules.base, rules.quote, fill.fee_currency};
  for (std::size_t i = 0; i < std::size(currencies); ++i) {
    if (std::find(currencies, currencies + i, currencies[i]) != currencies + i) continue;
    write_balance_of(state, header, fill.account, currencies[i]);
  }
}

void Writer::write_revised(const State& state, const RecordHeader& header,
                           const FillRevised& fill) {
  const bool is_known = state.fills.holds(fill.fill_ordinal);
  write_execution(state, header, fill,
                  is_known ? state.fills.at(fill.fill_ordinal).route : RouteTable::kNone);
  write_moved_balances(state, header, fill.trade_id.view());
}

void Writer::write_position(const State& state, const RecordHeader& header, std::uint32_t route,
                            OrderId order_id) {
  if (route == RouteTable::kNone) return;
  const Position& position = state.routes.position(route);
  if (position.sequence != header.sequence) return;
  positions.sequence.push_back(header.sequence);
  positions.time_ns.push_back(header.time_ns);
  positions.event.push_back(header.type);
  positions.order_id.push_back(order_id);
  positions.instrument.push_back(position.instrument);
  positions.account.push_back(position.account);
  positions.strategy.push_back(position.strategy);
  positions.leg.push_back(position.leg);
  positions.margin_mode.push_back(position.margin_mode);
  positions.quantity_scale.push_back(
      state.registry.instruments.at(position.instrument).definition.quantity_scale);
  positions.quantity.push_back(position.book.quantity);
  positions.cost.push_back(position.book.cost_e18);
  positions.realised.push_back(position.book.realised_e18);
  positions.fees.push_back(position.book.fees_e18);
  positions.fills.push_back(position.book.fills);
  positions.state.push_back(static_cast<std::uint8_t>(position.book.state));
}

void Writer::write_balance(const State& state, const RecordHeader& header, std::uint32_t index,
                           std::string_view reference) {
  const Balance& row = state.balances.at(index);
  if (row.sequence != header.sequence) return;
  balances.sequence.push_back(header.sequence);
  balances.time_ns.push_back(header.time_ns);
  balances.event.push_back(header.type);
  balances.account.push_back(row.account);
  balances.currency.push_back(row.currency);
  balances.total.push_back(row.total_e18);
  balances.change.push_back(row.total_e18 - totals_[index]);
  balances.reference.push_back(reference);
  totals_[index] = row.total_e18;
}

void Writer::write_balance_of(const State& state, const RecordHeader& header, AccountId account,
                              CurrencyId currency) {
  const auto found = balance_index_.find(balance_key(account, currency));
  if (found != balance_index_.end()) write_balance(state, header, found->second, {});
}

void Writer::write_moved_balances(const State& state, const RecordHeader& header,
                                  std::string_view reference) {
  learn_balances(state);
  std::vector<std::uint32_t> moved;
  for (std::uint32_t i = 0; i < state.balances.count(); ++i) {
    if (state.balances.at(i).sequence == header.sequence) moved.push_back(i);
  }
  // A state that came from a snapshot has its rows in another order.
  std::ranges::sort(moved, {}, [&](std::uint32_t i) {
    return balance_key(state.balances.at(i).account, state.balances.at(i).currency);
  });
  for (const std::uint32_t i : moved) write_balance(state, header, i, reference);
}

void Writer::write_funding(const RecordHeader& header, const Funding& paid) {
  funding.sequence.push_back(header.sequence);
  funding.time_ns.push_back(header.time_ns);
  funding.instrument.push_back(paid.instrument);
  funding.account.push_back(paid.account);
  funding.leg.push_back(static_cast<std::uint8_t>(paid.leg));
  funding.currency.push_back(paid.currency);
  funding.amount.push_back(paid.amount.e18);
  funding.rate.push_back(paid.rate_e18);
  funding.venue_time_ns.push_back(paid.venue_time_ns);
  funding.reference.push_back(paid.reference.view());
}

void Writer::write_refusal(const State& state, const RecordHeader& header,
                           const OrderRefused& refused) {
  const bool is_known = state.registry.instruments.has(refused.instrument);
  const InstrumentDefined& rules =
      state.registry.instruments.at(is_known ? refused.instrument : 0).definition;
  refusals.sequence.push_back(header.sequence);
  refusals.time_ns.push_back(header.time_ns);
  refusals.refusal.push_back(refused.refusal);
  refusals.level.push_back(refused.level);
  refusals.order_id.push_back(refused.order_id);
  refusals.origin_port.push_back(header.origin_port);
  refusals.principal.push_back(header.actor);
  refusals.instrument.push_back(is_known ? refused.instrument : 0);
  refusals.account.push_back(refused.account);
  refusals.strategy.push_back(refused.strategy);
  refusals.side.push_back(static_cast<std::uint8_t>(refused.side));
  refusals.type.push_back(static_cast<std::uint8_t>(refused.type));
  refusals.time_in_force.push_back(static_cast<std::uint8_t>(refused.time_in_force));
  refusals.flags.push_back(refused.flags);
  refusals.price_scale.push_back(rules.price_scale);
  refusals.quantity_scale.push_back(rules.quantity_scale);
  refusals.price.push_back(refused.price);
  refusals.quantity.push_back(refused.quantity);
  refusals.limits_version.push_back(refused.limits_version);
  refusals.limit.push_back(refused.limit);
  refusals.current.push_back(refused.current);
  refusals.would_be.push_back(refused.would_be);
  refusals.working.push_back(refused.working);
  if (refused.client_number != 0) {
    refusals.client_order_id.push_back(std::to_string(refused.client_number));
  } else {
    refusals.client_order_id.push_back(refused.client_id.view());
  }
}

}  // namespace gateway::history
