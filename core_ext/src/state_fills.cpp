// `apply` for executions: position, order, money, and the memory that duplicates and busts need.
#include <algorithm>
#include <vector>

#include "gateway_core/position/profit_loss.hpp"
#include "gateway_core/state/execution.hpp"
#include "gateway_core/state/reservation.hpp"
#include "gateway_core/state/state.hpp"

namespace gateway {
namespace {

/// An amount with the sign of a quantity.
std::int64_t signed_as(std::int64_t amount, std::int64_t quantity) noexcept {
  return quantity > 0 ? amount : -amount;
}

/// Price of an execution in the instrument's own scale, away from zero: limits measure with it. A
/// fill that came without a price is measured by its value.
std::int64_t price_in_scale(const InstrumentRules& rules, std::int64_t price, int scale,
                            Int128 value_e18, std::int64_t quantity) noexcept {
  if (scale == rules.price_scale && price != 0) [[likely]] {
    return price > kQuantityMax || price < -kQuantityMax ? kQuantityMax : price;
  }
  const auto found =
      price == 0 ? price_of(rules, {value_e18}, quantity, rules.price_scale)
                 : mul_div(price, kPow10_64[rules.price_scale], kPow10_64[scale], Rounding::kUp);
  if (!found || *found > kQuantityMax || *found < -kQuantityMax) return kQuantityMax;
  return static_cast<std::int64_t>(*found);
}

/// Reporting amount of all that a position realised, never better than it is; for limits only.
std::int64_t realised_amount_e4(const CurrencyRow& currency, Int128 realised_e18) noexcept {
  if (currency.reporting.factor == 0) return 0;
  if (realised_e18 <= 0) return -currency.reporting.amount_e4(-realised_e18);
  // amount_e4 rounds up by less than two units; profit is rounded down.
  const std::int64_t amount = currency.reporting.amount_e4(realised_e18);
  return amount > 2 ? amount - 2 : 0;
}

}  // namespace

// The parts of book_fill() are one function to the processor: a fill is too short for six calls.
[[gnu::always_inline]] inline RouteChange State::publish_position(
    const Route& route, Position& position, const PositionBook& book, std::int64_t price,
    std::uint64_t last_fill, Sequence sequence) noexcept {
  const InstrumentRow& row = *route.instrument_row;
  const std::int64_t amount = row.amount_e4(price, book.quantity);
  RouteChange change{.position = book.quantity - position.book.quantity,
                     .net_e4 = signed_as(amount, book.quantity) -
                               signed_as(position.notional_e4, position.book.quantity),
                     .gross_e4 = amount - position.notional_e4};
  if (book.realised_e18 != position.book.realised_e18) {
    // The difference of two totals: roundings of single fills do not add up.
    const CurrencyRow& settle = registry.currencies.at(row.definition.settle);
    change.realised_e4 = realised_amount_e4(settle, book.realised_e18) -
                         realised_amount_e4(settle, position.book.realised_e18);
  }
  begin_write(position.version);
  put_all(position.book, book);
  put(position.notional_e4, amount);
  put(position.last_fill, last_fill);
  put(position.sequence, sequence);
  end_write(position.version);
  return change;
}

[[gnu::always_inline]] inline void State::move_money(Route& route, CurrencyId currency,
                                                     Int128 amount_e18,
                                                     Sequence sequence) noexcept {
  const InstrumentDefined& rules = route.instrument_row->definition;
  const int place = currency == rules.settle ? 0 : currency == rules.base ? 1 : 2;
  Balance*& row = route.balances[place];
  if (row == nullptr || row->currency != currency) [[unlikely]] {
    row = balances.find_or_make(route.account, currency);
    if (row == nullptr) return;
  }
  (void)BalanceTable::add(*row, amount_e18, sequence);
}

// Spot moves both currencies; derivatives move what was realised. Fees leave in their own currency.
[[gnu::always_inline]] inline void State::book_cash(Route& route, Side side, std::int64_t quantity,
                                                    Int128 value_e18, Int128 fee_e18,
                                                    CurrencyId fee_currency, Int128 realised_e18,
                                                    Sequence sequence) noexcept {
  const InstrumentDefined& rules = route.instrument_row->definition;
  if (route.instrument_row->rules.kind == InstrumentKind::kSpot) {
    const std::int64_t direction = sign_of(side);
    const Int128 delivered =
        static_cast<Int128>(quantity) * kPow10_64[kMoneyScale - rules.quantity_scale];
    move_money(route, rules.base, delivered * direction, sequence);
    move_money(route, rules.quote, -value_e18 * direction, sequence);
  } else if (fee_currency == rules.settle) {
    // One row for both; each is storable, so their difference cannot wrap.
    if ((fee_e18 | realised_e18) != 0)
      move_money(route, rules.settle, realised_e18 - fee_e18, sequence);
    return;
  } else if (realised_e18 != 0) {
    move_money(route, rules.settle, realised_e18, sequence);
  }
  if (fee_e18 != 0) move_money(route, fee_currency, -fee_e18, sequence);
}

bool State::apply_filled(const RecordHeader& header, const OrderFilled& fill) noexcept {
  if (!registry.instruments.has(fill.instrument) || !registry.accounts.has(fill.account))
    return false;
  const std::uint32_t slot = fill.order_id == 0 ? kNoSlot : orders.find(fill.order_id);
  const std::uint32_t route_index =
      slot != kNoSlot ? orders.at(slot).route
                      : route_of_order(fill.account, fill.instrument, static_cast<Leg>(fill.leg),
                                       kExternalStrategy);
  return book_checked(header, fill, slot, route_index);
}

bool State::book_checked(const RecordHeader& header, const OrderFilled& fill, std::uint32_t slot,
                         std::uint32_t route_index) noexcept {
  if (route_index == RouteTable::kNone) return false;
  DecidedFill decided{
      FillMemory::key(fill.account, fill.instrument, fill.venue_order_id, fill.trade_id), slot,
      route_index, routes.position(route_index).book};
  const PositionBook& book = decided.book;
  // The after-image proves that replay does what the live process did.
  if (!apply_execution(decided.book, *routes.at(route_index).instrument_row, fill.side,
                       fill.quantity, fill.value, fill.fee, fill.fee_currency) ||
      book.quantity != fill.position_quantity || book.cost_e18 != fill.position_cost.e18 ||
      book.realised_e18 != fill.position_realised.e18) {
    return false;
  }
  book_fill(header, fill, decided);
  return true;
}

OrderFilled State::fill_of(const PositionAdopted& adopted) noexcept {
  OrderFilled fill{};
  fill.account = adopted.account;
  fill.instrument = adopted.instrument;
  fill.price = adopted.price;
  fill.quantity = adopted.quantity;
  fill.value = adopted.value;
  fill.price_scale = adopted.price_scale;
  fill.side = adopted.side;
  fill.leg = adopted.leg;
  fill.trade_id = adopted.reference;
  fill.position_quantity = adopted.position_quantity;
  fill.position_cost = adopted.position_cost;
  fill.position_realised = adopted.position_realised;
  return fill;
}

bool State::apply_position_adopted(const RecordHeader& header,
                                   const PositionAdopted& adopted) noexcept {
  if (!registry.instruments.has(adopted.instrument) || !registry.accounts.has(adopted.account))
    return false;
  return book_checked(header, fill_of(adopted), kNoSlot,
                      route_of_order(adopted.account, adopted.instrument,
                                     static_cast<Leg>(adopted.leg), adopted.strategy));
}

bool State::apply_decided(const RecordHeader& header, const OrderFilled& fill,
                          const DecidedFill& decided) noexcept {
  last_time_ns = header.time_ns;
  ++counts[header.type & 63];
  book_fill(header, fill, decided);
  return true;
}

inline void State::remember_fill(const OrderFilled& fill, const DecidedFill& decided,
                                 const Position& position) noexcept {
  FillEntry& entry = fills.remember(decided.key);
  entry.order_id = fill.order_id;
  entry.previous = position.last_fill;
  entry.quantity = fill.quantity;
  entry.revision = 0;
  entry.value_e18 = fill.value.e18;
  entry.fee_e18 = fill.fee.e18;
  entry.fee_currency = fill.fee_currency;
  entry.side = fill.side;
  entry.price_scale = fill.price_scale;
  entry.price = fill.price;
  entry.route = decided.route;
  entry.before = position.book;
}

inline RouteChange State::fill_order(const RecordHeader& header, const OrderFilled& fill,
                                     std::uint32_t slot, const InstrumentRow& row) noexcept {
  Order& order = orders.at(slot);
  begin_write(order.version);
  put(order.cumulative, fill.order_cumulative);
  put(order.value_e18, order.value_e18 + fill.value.e18);
  if (order.venue_order_id.empty() && !fill.venue_order_id.empty()) [[unlikely]] {
    orders.name_venue_id(slot, fill.venue_order_id);
  }
  put(order.updated_ns, header.time_ns);
  put(order.sequence, header.sequence);
  const OrderEvent event = fill_event(order.cumulative, order.quantity);
  const RouteChange change =
      settle(orders, own, slot, transition(static_cast<OrderState>(order.state), event).next, row);
  end_write(order.version);
  return change;
}

void State::book_fill(const RecordHeader& header, const OrderFilled& fill,
                      const DecidedFill& decided) noexcept {
  Route& route = routes.at(decided.route);
  Position& position = routes.position(decided.route);
  const InstrumentRow& row = *route.instrument_row;
  const Int128 realised = decided.book.realised_e18 - position.book.realised_e18;
  remember_fill(fill, decided, position);
  RouteChange change = publish_position(
      route, position, decided.book,
      price_in_scale(row.rules, fill.price, fill.price_scale, fill.value.e18, fill.quantity),
      fills.total(), header.sequence);
  book_cash(route, fill.side, fill.quantity, fill.value.e18, fill.fee.e18, fill.fee_currency,
            realised, header.sequence);
  std::int64_t& newest_ns = last_fill_ns[fill.account];
  if (fill.venue_time_ns > newest_ns) put(newest_ns, fill.venue_time_ns);
  if (decided.slot != kNoSlot) {
    const RouteChange settled = fill_order(header, fill, decided.slot, row);
    change.working = settled.working;
    change.working_e4 = settled.working_e4;
    change.open_orders = settled.open_orders;
  }
  route.change(fill.side, change);
}

std::optional<PositionBook> State::book_revised(std::uint64_t ordinal, const FillRevised& revised,
                                                bool commit) noexcept {
  if (!fills.holds(ordinal)) return std::nullopt;
  const std::uint32_t route_index = fills.at(ordinal).route;
  const Route& route = routes.at(route_index);
  std::vector<std::uint64_t> chain;  // newest first
  for (std::uint64_t at = routes.position(route_index).last_fill; at >= ordinal;
       at = fills.at(at).previous) {
    if (!fills.holds(at)) return std::nullopt;
    chain.push_back(at);
    if (at == ordinal) break;
  }
  if (chain.empty() || chain.back() != ordinal) return std::nullopt;
  PositionBook book = fills.at(ordinal).before;
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    FillEntry entry = fills.at(*it);
    entry.before = book;
    if (*it == ordinal) {
      entry.quantity = revised.quantity;
      entry.value_e18 = revised.value.e18;
      entry.fee_e18 = revised.fee.e18;
      entry.fee_currency = revised.fee_currency;
      entry.price = revised.price;
      entry.price_scale = revised.price_scale;
      entry.revision = revised.revision;
    }
    if (!apply_execution(book, *route.instrument_row, entry.side, entry.quantity, {entry.value_e18},
                         {entry.fee_e18}, entry.fee_currency)) {
      return std::nullopt;
    }
    if (commit) fills.at(*it) = entry;
  }
  return book;
}

/// What the position is measured at after a revision: its newest fill that still stands.
std::int64_t State::price_after_revision(std::uint64_t ordinal,
                                         const FillEntry& old) const noexcept {
  const InstrumentRules& rules = routes.at(old.route).instrument_row->rules;
  std::uint64_t at = routes.position(old.route).last_fill;
  while (at > ordinal && fills.holds(at) && fills.at(at).quantity == 0) at = fills.at(at).previous;
  if (fills.holds(at) && fills.at(at).quantity == 0) at = fills.at(at).previous;
  const FillEntry& newest = fills.holds(at) && fills.at(at).quantity != 0 ? fills.at(at) : old;
  return price_in_scale(rules, newest.price, newest.price_scale, newest.value_e18, newest.quantity);
}

bool State::apply_revised(const RecordHeader& header, const FillRevised& fill) noexcept {
  if (!fills.holds(fill.fill_ordinal)) return false;
  const FillEntry old = fills.at(fill.fill_ordinal);
  Route& route = routes.at(old.route);
  Position& position = routes.position(old.route);
  const auto book = book_revised(fill.fill_ordinal, fill, true);
  if (!book || book->quantity != fill.position_quantity ||
      book->cost_e18 != fill.position_cost.e18 ||
      book->realised_e18 != fill.position_realised.e18) {
    return false;
  }
  const Int128 realised = book->realised_e18 - position.book.realised_e18;
  route.change(old.side, publish_position(route, position, *book,
                                          price_after_revision(fill.fill_ordinal, old),
                                          position.last_fill, header.sequence));
  // Money: take the old fill back, book the new one; the realised difference comes with the new
  // one.
  book_cash(route, opposite(old.side), old.quantity, old.value_e18, -old.fee_e18, old.fee_currency,
            0, header.sequence);
  book_cash(route, old.side, fill.quantity, fill.value.e18, fill.fee.e18, fill.fee_currency,
            realised, header.sequence);
  const std::uint32_t slot = old.order_id == 0 ? kNoSlot : orders.find(old.order_id);
  if (slot == kNoSlot) return true;
  Order& order = orders.at(slot);
  begin_write(order.version);
  put(order.cumulative, order.cumulative + fill.quantity - old.quantity);
  put(order.value_e18, order.value_e18 + fill.value.e18 - old.value_e18);
  // What the venue had told in total moves with the revision; it is not executed a second time.
  if (order.told_cumulative != 0) {
    put(order.told_cumulative,
        std::max<std::int64_t>(order.told_cumulative + fill.quantity - old.quantity, 0));
  }
  put(order.updated_ns, header.time_ns);
  put(order.sequence, header.sequence);
  reserve_again(order);
  end_write(order.version);
  return true;
}

void State::remember_reference(Key128 key, Sequence sequence) noexcept {
  if (references.is_full()) {
    std::vector<Sequence> booked;
    references.for_each([&](Key128, std::uint64_t at) { booked.push_back(at); });
    const auto middle = booked.begin() + static_cast<std::ptrdiff_t>(booked.size() / 2);
    std::nth_element(booked.begin(), middle, booked.end());
    references.retain([&](Key128, std::uint64_t at) { return at > *middle; });
  }
  references.insert(key, sequence);
}

bool State::apply_funding(const RecordHeader& header, const Funding& funding) noexcept {
  const std::uint64_t scope = (std::uint64_t{funding.account} << 32) | funding.instrument;
  remember_reference(reference_key(scope, funding.reference), header.sequence);
  // A venue's clock that runs ahead of ours must not hide the payments until then.
  std::int64_t& known_ns = funding_known_ns[funding.account];
  put(known_ns, std::max(known_ns, std::min(funding.venue_time_ns, header.time_ns)));
  return balances.add(funding.account, funding.currency, funding.amount.e18, header.sequence);
}

bool State::apply_balance(const RecordHeader& header, const BalanceChanged& change) noexcept {
  remember_reference(reference_key(std::uint64_t{change.account} << 32, change.reference),
                     header.sequence);
  std::int64_t& known_ns = funding_known_ns[change.account];
  if (known_ns == 0) put(known_ns, header.time_ns);
  return balances.add(change.account, change.currency, change.amount.e18, header.sequence);
}

}  // namespace gateway
