// `apply` for executions: position, order, money, and the memory that duplicates and busts need.
#include <algorithm>
#include <vector>

#include "gateway_core/position/profit_loss.hpp"
#include "gateway_core/state/state.hpp"

namespace gateway {
namespace {

/// Price of an execution in the instrument's own scale, away from zero: limits measure with it. A
/// fill that came without a price is measured by its value.
std::int64_t price_in_scale(const InstrumentRules& rules, std::int64_t price, int scale,
                            Int128 value_e18, std::int64_t quantity) noexcept {
  const auto found =
      price == 0 ? price_of(rules, {value_e18}, quantity, rules.price_scale)
                 : mul_div(price, kPow10_64[rules.price_scale], kPow10_64[scale], Rounding::kUp);
  if (!found || *found > kQuantityMax || *found < -kQuantityMax) return kQuantityMax;
  return static_cast<std::int64_t>(*found);
}

}  // namespace

std::optional<PositionBook> State::book_after(const PositionBook& book, const Route& route,
                                              Side side, std::int64_t quantity, Money value,
                                              Money fee, CurrencyId fee_currency) const noexcept {
  PositionBook next = book;
  const InstrumentRow& row = *route.instrument_row;
  if (quantity != 0 &&
      apply_fill(next, row.rules, side, quantity, value).fault != PositionFault::kNone) {
    return std::nullopt;
  }
  if (fee_currency == row.definition.settle) {
    if (!add_fee(next, fee)) return std::nullopt;
  } else if (row.rules.kind == InstrumentKind::kSpot && fee_currency == row.definition.base &&
             quantity != 0) {
    const auto worth = value_of_base_fee(row.rules, fee, quantity, value);
    if (!worth || !add_fee(next, *worth)) return std::nullopt;
  }
  return next;
}

void State::publish_position(std::uint32_t route_index, const PositionBook& book,
                             std::int64_t price, std::uint64_t last_fill,
                             Sequence sequence) noexcept {
  Position& position = routes.position(route_index);
  Route& route = routes.at(route_index);
  const std::int64_t moved = book.quantity - position.book.quantity;
  route.shared->position += moved;
  route.account_exposure->position += moved;
  route.strategy_exposure->position += moved;
  const std::int64_t amount = route.instrument_row->amount_e4(price, book.quantity);
  const std::int64_t from =
      position.book.quantity > 0 ? position.notional_e4 : -position.notional_e4;
  const std::int64_t to = book.quantity > 0 ? amount : -amount;
  const Int128 realised = book.realised_e18 - position.book.realised_e18;
  const CurrencyRow& settle_currency =
      registry.currencies.at(route.instrument_row->definition.settle);
  // Reporting amount of the realised difference, rounded towards loss; for limits only.
  std::int64_t realised_e4 = 0;
  if (realised != 0) {
    const auto scaled = mul_div(realised, settle_currency.rate_e8, kPow10_64[8], Rounding::kDown);
    Int128 amount_e4 = scaled ? *scaled / kPow10_64[14] : 0;
    if (realised < 0) --amount_e4;
    realised_e4 = static_cast<std::int64_t>(amount_e4);
  }
  for (LevelEntity* level : route.levels) {
    level->totals.move_position(from, to);
    if (realised_e4 != 0) level->add_realised(realised_e4);
  }
  begin_write(position.version);
  put_all(position.book, book);
  put(position.notional_e4, amount);
  put(position.last_fill, last_fill);
  put(position.sequence, sequence);
  end_write(position.version);
}

// Spot moves both currencies; derivatives move what was realised. Fees leave in their own currency.
void State::book_cash(const Route& route, Side side, std::int64_t quantity, Int128 value_e18,
                      Int128 fee_e18, CurrencyId fee_currency, Int128 realised_e18,
                      Sequence sequence) noexcept {
  const InstrumentDefined& rules = route.instrument_row->definition;
  if (route.instrument_row->rules.kind == InstrumentKind::kSpot) {
    const std::int64_t direction = sign_of(side);
    const Int128 delivered =
        static_cast<Int128>(quantity) * kPow10_64[kMoneyScale - rules.quantity_scale];
    balances.add(route.account, rules.base, delivered * direction, sequence);
    balances.add(route.account, rules.quote, -value_e18 * direction, sequence);
  } else if (realised_e18 != 0) {
    balances.add(route.account, rules.settle, realised_e18, sequence);
  }
  if (fee_e18 != 0) balances.add(route.account, fee_currency, -fee_e18, sequence);
}

bool State::apply_filled(const RecordHeader& header, const OrderFilled& fill) noexcept {
  if (!registry.instruments.has(fill.instrument) || !registry.accounts.has(fill.account))
    return false;
  const std::uint32_t slot = fill.order_id == 0 ? kNoSlot : orders.find(fill.order_id);
  const std::uint32_t route_index =
      slot != kNoSlot ? orders.at(slot).route
                      : route_of_order(fill.account, fill.instrument, static_cast<Leg>(fill.leg),
                                       kExternalStrategy);
  if (route_index == RouteTable::kNone) return false;
  const auto book = book_after(routes.position(route_index).book, routes.at(route_index), fill.side,
                               fill.quantity, fill.value, fill.fee, fill.fee_currency);
  // The after-image proves that replay does what the live process did.
  if (!book || book->quantity != fill.position_quantity ||
      book->cost_e18 != fill.position_cost.e18 ||
      book->realised_e18 != fill.position_realised.e18) {
    return false;
  }
  const DecidedFill decided{
      FillMemory::key(fill.account, fill.instrument, fill.venue_order_id, fill.trade_id), slot,
      route_index, *book};
  book_fill(header, fill, decided);
  return true;
}

bool State::apply_decided(const RecordHeader& header, const OrderFilled& fill,
                          const DecidedFill& decided) noexcept {
  last_time_ns = header.time_ns;
  ++counts[header.type & 63];
  book_fill(header, fill, decided);
  return true;
}

void State::book_fill(const RecordHeader& header, const OrderFilled& fill,
                      const DecidedFill& decided) noexcept {
  const std::uint32_t slot = decided.slot;
  const std::uint32_t route_index = decided.route;
  const PositionBook* book = &decided.book;
  Route& route = routes.at(route_index);
  const Position& position = routes.position(route_index);
  const Int128 realised = book->realised_e18 - position.book.realised_e18;
  const std::uint64_t ordinal = fills.remember({.key = decided.key,
                                                .order_id = fill.order_id,
                                                .previous = position.last_fill,
                                                .quantity = fill.quantity,
                                                .revision = 0,
                                                .value_e18 = fill.value.e18,
                                                .fee_e18 = fill.fee.e18,
                                                .fee_currency = fill.fee_currency,
                                                .side = fill.side,
                                                .price_scale = fill.price_scale,
                                                .reserved = {},
                                                .price = fill.price,
                                                .route = route_index,
                                                .reserved_word = 0,
                                                .reserved_tail = {},
                                                .before = position.book});
  publish_position(route_index, *book,
                   price_in_scale(route.instrument_row->rules, fill.price, fill.price_scale,
                                  fill.value.e18, fill.quantity),
                   ordinal, header.sequence);
  book_cash(route, fill.side, fill.quantity, fill.value.e18, fill.fee.e18, fill.fee_currency,
            realised, header.sequence);
  if (fill.venue_time_ns > last_fill_ns[fill.account])
    last_fill_ns[fill.account] = fill.venue_time_ns;
  if (slot == kNoSlot) return;
  Order& order = orders.at(slot);
  begin_write(order.version);
  put(order.cumulative, fill.order_cumulative);
  put(order.value_e18, order.value_e18 + fill.value.e18);
  if (order.venue_order_id.empty() && !fill.venue_order_id.empty()) {
    orders.name_venue_id(slot, fill.venue_order_id);
  }
  put(order.updated_ns, header.time_ns);
  put(order.sequence, header.sequence);
  const OrderEvent event = fill_event(order.cumulative, order.quantity);
  settle(order, route, slot, transition(static_cast<OrderState>(order.state), event).next);
  end_write(order.version);
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
    const auto next = book_after(book, route, entry.side, entry.quantity, {entry.value_e18},
                                 {entry.fee_e18}, entry.fee_currency);
    if (!next) return std::nullopt;
    if (commit) fills.at(*it) = entry;
    book = *next;
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
  const Position& position = routes.position(old.route);
  const auto book = book_revised(fill.fill_ordinal, fill, true);
  if (!book || book->quantity != fill.position_quantity ||
      book->cost_e18 != fill.position_cost.e18 ||
      book->realised_e18 != fill.position_realised.e18) {
    return false;
  }
  const Int128 realised = book->realised_e18 - position.book.realised_e18;
  publish_position(old.route, *book, price_after_revision(fill.fill_ordinal, old),
                   position.last_fill, header.sequence);
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
  reserve_for(order, route, 0);
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
  return balances.add(funding.account, funding.currency, funding.amount.e18, header.sequence);
}

bool State::apply_balance(const RecordHeader& header, const BalanceChanged& change) noexcept {
  remember_reference(reference_key(std::uint64_t{change.account} << 32, change.reference),
                     header.sequence);
  return balances.add(change.account, change.currency, change.amount.e18, header.sequence);
}

}  // namespace gateway
