// `apply` for executions: position, order, money, and the memory that duplicates and busts need.
#include <algorithm>
#include <span>
#include <vector>

#include "gateway_core/position/profit_loss.hpp"
#include "gateway_core/state/execution.hpp"
#include "gateway_core/state/reservation.hpp"
#include "gateway_core/state/state.hpp"

namespace gateway {
namespace {

// Farther back a late fill is booked as the newest: a turn of the engine must end.
constexpr std::uint32_t kLateFillsMax = 4'096;

constexpr int kAccountBits = 8;
constexpr std::uint64_t kNsPerMs = 1'000'000;
static_assert(kAccountsMax == 1U << kAccountBits);

/// When a payment was and whose, as the table of references keeps it: milliseconds above the
/// account, so that such words are ordered by age.
std::uint64_t age_of(AccountId account, std::int64_t time_ns) noexcept {
  return (static_cast<std::uint64_t>(time_ns) / kNsPerMs << kAccountBits) | account;
}
/// The last moment of its millisecond.
std::int64_t latest_ns(std::uint64_t age) noexcept {
  return static_cast<std::int64_t>(((age >> kAccountBits) + 1) * kNsPerMs - 1);
}

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
[[gnu::always_inline]] inline RouteChange State::measure_position(
    const Route& route, const Position& position, const PositionBook& book,
    std::int64_t price) const noexcept {
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
  return change;
}

void State::measure_fill(DecidedFill& decided, const OrderFilled& fill) const noexcept {
  const Route& route = routes.at(decided.route);
  decided.change =
      measure_position(route, routes.position(decided.route), decided.book,
                       price_in_scale(route.instrument_row->rules, fill.price, fill.price_scale,
                                      fill.value.e18, fill.quantity));
}

[[gnu::always_inline]] inline void State::publish_position(Position& position,
                                                           const PositionBook& book,
                                                           const RouteChange& change,
                                                           std::uint64_t last_fill,
                                                           Sequence sequence) noexcept {
  begin_write(position.version);
  put_all(position.book, book);
  put(position.notional_e4, position.notional_e4 + change.gross_e4);
  put(position.last_fill, last_fill);
  put(position.sequence, sequence);
  end_write(position.version);
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
      route_index, routes.position(route_index).book, RouteChange{}};
  const PositionBook& book = decided.book;
  if (fill.booked_before != 0) {
    const auto late = book_late(route_index, fill, false);
    if (!late) return false;
    decided.book = *late;
  } else if (!apply_execution(decided.book, *routes.at(route_index).instrument_row, fill.side,
                              fill.quantity, fill.value, fill.fee, fill.fee_currency)) {
    return false;
  }
  // The after-image proves that replay does what the live process did.
  if (book.quantity != fill.position_quantity || book.cost_e18 != fill.position_cost.e18 ||
      book.realised_e18 != fill.position_realised.e18) {
    return false;
  }
  measure_fill(decided, fill);
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

// What its fills of the memory add up to is all that it executed, or some are forgotten. An adopted
// order executed before it was one of ours.
bool State::remembers_fills_of(const Order& order) const noexcept {
  if ((order.flags & kExternalOrder) != 0) return false;
  std::int64_t missing = order.cumulative;
  std::uint64_t at = routes.position(order.route).last_fill;
  for (std::uint32_t steps = 0; missing != 0 && fills.holds(at); ++steps) {
    if (steps == kLateFillsMax) return false;
    const FillEntry& entry = fills.at(at);
    if (entry.order_id == order.order_id) missing -= entry.quantity;
    at = entry.previous;
  }
  return missing == 0;
}

inline void State::remember_fill(const OrderFilled& fill, const DecidedFill& decided,
                                 std::uint64_t previous, const PositionBook& before) noexcept {
  FillEntry& entry = remember_fill_of(decided.key);
  entry.order_id = fill.order_id;
  entry.previous = previous;
  entry.quantity = fill.quantity;
  entry.revision = 0;
  entry.value_e18 = fill.value.e18;
  entry.fee_e18 = fill.fee.e18;
  entry.fee_currency = fill.fee_currency;
  entry.side = fill.side;
  entry.price_scale = fill.price_scale;
  entry.price = fill.price;
  entry.route = decided.route;
  entry.account = fill.account;
  entry.booked_ns = last_time_ns;
  entry.venue_time_ns = fill.venue_time_ns;
  entry.venue_sequence = fill.venue_sequence;
  if (fill.cross.with != 0) [[unlikely]] {
    // It has its place behind all that the venue had told, and late fills find theirs before it.
    const Position& position = routes.position(decided.route);
    entry.venue_time_ns = position.newest_fill_ns;
    entry.venue_sequence = position.newest_fill_sequence;
  }
  entry.before = before;
}

/// A fill that happened before others which are booked: they are done again after it.
[[gnu::cold]] void State::remember_late(const OrderFilled& fill,
                                        const DecidedFill& decided) noexcept {
  const PositionBook before = fills.at(fill.booked_before).before;
  (void)book_late(decided.route, fill, true);
  remember_fill(fill, decided, fills.at(fill.booked_before).previous, before);
  // Unless the new one has just pushed it out.
  if (fills.holds(fill.booked_before)) fills.at(fill.booked_before).previous = fills.total();
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
  OrderState next = transition(static_cast<OrderState>(order.state), event).next;
  if (fill.cross.with != 0) [[unlikely]] {
    // What is left of it goes on waiting here: the venue has not heard of it.
    put(order.display_quantity, order.display_quantity + fill.quantity);
    if (next == OrderState::kPartiallyFilled) next = OrderState::kUntriggered;
  }
  // One more fill of many changes only what is reserved; a held order tells its price again.
  const bool is_settled = next == static_cast<OrderState>(order.state);
  const RouteChange change = is_settled && next != OrderState::kUntriggered
                                 ? reserve(order, row)
                                 : settle(orders, own, slot, next, row);
  end_write(order.version);
  return change;
}

void State::book_fill(const RecordHeader& header, const OrderFilled& fill,
                      const DecidedFill& decided) noexcept {
  Route& route = routes.at(decided.route);
  Position& position = routes.position(decided.route);
  const InstrumentRow& row = *route.instrument_row;
  const Int128 realised = decided.book.realised_e18 - position.book.realised_e18;
  RouteChange change = decided.change;
  std::uint64_t last_fill = 0;
  if (fill.booked_before != 0) [[unlikely]] {
    remember_late(fill, decided);
    last_fill = position.last_fill;
    change = measure_position(route, position, decided.book,
                              price_of_newest(decided.route, fills.at(fills.total())));
  } else {
    remember_fill(fill, decided, position.last_fill, position.book);
    if (fill.cross.with == 0) [[likely]] {
      put(position.newest_fill_ns, fill.venue_time_ns);
      put(position.newest_fill_sequence, fill.venue_sequence);
    }
    last_fill = fills.total();
  }
  publish_position(position, decided.book, change, last_fill, header.sequence);
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
  if (decided.book.quantity == 0) [[unlikely]]
    end_collateral(route, fill.venue_time_ns, header.sequence);
}

std::optional<std::vector<std::uint64_t>> State::fills_back_to(std::uint32_t route,
                                                               std::uint64_t ordinal) const {
  std::vector<std::uint64_t> chain;
  std::uint64_t at = routes.position(route).last_fill;
  while (fills.holds(at) && chain.size() < fills.capacity()) {
    chain.push_back(at);
    if (at == ordinal) return chain;
    at = fills.at(at).previous;
  }
  return std::nullopt;
}

bool State::do_again(std::span<const std::uint64_t> newest_first, PositionBook& book,
                     bool commit) noexcept {
  for (auto it = newest_first.rbegin(); it != newest_first.rend(); ++it) {
    FillEntry& entry = fills.at(*it);
    if (commit) entry.before = book;
    if (!apply_execution(book, *routes.at(entry.route).instrument_row, entry.side, entry.quantity,
                         {entry.value_e18}, {entry.fee_e18}, entry.fee_currency) ||
        book.quantity > kQuantityMax || book.quantity < -kQuantityMax) {
      return false;
    }
  }
  return true;
}

std::optional<PositionBook> State::book_revised(std::uint64_t ordinal, const FillRevised& revised,
                                                bool commit) noexcept {
  if (!fills.holds(ordinal)) return std::nullopt;
  const auto chain = fills_back_to(fills.at(ordinal).route, ordinal);
  if (!chain) return std::nullopt;
  FillEntry& old = fills.at(ordinal);
  FillEntry entry = old;
  entry.quantity = revised.quantity;
  entry.value_e18 = revised.value.e18;
  entry.fee_e18 = revised.fee.e18;
  entry.fee_currency = revised.fee_currency;
  entry.price = revised.price;
  entry.price_scale = revised.price_scale;
  entry.revision = revised.revision;
  PositionBook book = entry.before;
  if (!apply_execution(book, *routes.at(entry.route).instrument_row, entry.side, entry.quantity,
                       {entry.value_e18}, {entry.fee_e18}, entry.fee_currency) ||
      !do_again(std::span(*chain).first(chain->size() - 1), book, commit)) {
    return std::nullopt;
  }
  if (commit) old = entry;
  return book;
}

std::uint64_t State::place_of_late(std::uint32_t route, std::int64_t venue_time_ns,
                                   std::uint64_t venue_sequence) const noexcept {
  std::uint64_t at = routes.position(route).last_fill;
  std::uint64_t place = 0;
  for (std::uint32_t steps = 0; at != 0; ++steps) {
    if (steps == kLateFillsMax || !fills.holds(at)) return 0;
    if (!fills.at(at).is_after(venue_time_ns, venue_sequence)) return place;
    place = at;
    at = fills.at(at).previous;
  }
  return place;
}

std::optional<PositionBook> State::book_late(std::uint32_t route, const OrderFilled& fill,
                                             bool commit) noexcept {
  const auto chain = fills_back_to(route, fill.booked_before);
  if (!chain) return std::nullopt;
  PositionBook book = fills.at(fill.booked_before).before;
  if (!apply_execution(book, *routes.at(route).instrument_row, fill.side, fill.quantity, fill.value,
                       fill.fee, fill.fee_currency) ||
      !do_again(*chain, book, commit)) {
    return std::nullopt;
  }
  return book;
}

/// What the position is measured at after its past has changed: its newest fill that still stands.
std::int64_t State::price_of_newest(std::uint32_t route,
                                    const FillEntry& otherwise) const noexcept {
  std::uint64_t at = routes.position(route).last_fill;
  for (std::uint32_t steps = 0; steps < fills.capacity() && fills.holds(at); ++steps) {
    if (fills.at(at).quantity != 0) break;
    at = fills.at(at).previous;
  }
  const FillEntry& newest =
      fills.holds(at) && fills.at(at).quantity != 0 ? fills.at(at) : otherwise;
  return price_in_scale(routes.at(route).instrument_row->rules, newest.price, newest.price_scale,
                        newest.value_e18, newest.quantity);
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
  const RouteChange change =
      measure_position(route, position, *book, price_of_newest(old.route, old));
  publish_position(position, *book, change, position.last_fill, header.sequence);
  route.change(old.side, change);
  if (book->quantity == 0) end_collateral(route, fill.venue_time_ns, header.sequence);
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
  put(order.cumulative, order.cumulative - old.quantity + fill.quantity);
  put(order.value_e18, order.value_e18 - old.value_e18 + fill.value.e18);
  // What the venue had told in total moves with the revision; it is not executed a second time.
  if (order.told_cumulative != 0) {
    put(order.told_cumulative,
        std::max<std::int64_t>(order.told_cumulative - old.quantity + fill.quantity, 0));
  }
  put(order.updated_ns, header.time_ns);
  put(order.sequence, header.sequence);
  reserve_again(order);
  end_write(order.version);
  return true;
}

[[gnu::cold]] void State::forget_references() noexcept {
  std::vector<std::uint64_t> ages;
  references.for_each([&](Key128, std::uint64_t age) { ages.push_back(age); });
  const auto middle = ages.begin() + static_cast<std::ptrdiff_t>(ages.size() / 2);
  std::nth_element(ages.begin(), middle, ages.end());
  for (const std::uint64_t age : std::span(ages.begin(), middle + 1)) {
    std::int64_t& newest_ns = forgotten_payment_ns[age & (kAccountsMax - 1)];
    if (latest_ns(age) > newest_ns) put(newest_ns, latest_ns(age));
  }
  references.retain([&](Key128, std::uint64_t age) { return age > *middle; });
}

void State::remember_reference(Key128 key, AccountId account, std::int64_t time_ns) noexcept {
  if (references.is_full()) forget_references();
  references.insert(key, age_of(account, time_ns > 0 ? time_ns : last_time_ns));
}

bool State::apply_funding(const RecordHeader& header, const Funding& funding) noexcept {
  const std::uint64_t scope = (std::uint64_t{funding.account} << 32) | funding.instrument;
  remember_reference(reference_key(scope, funding.reference), funding.account,
                     funding.venue_time_ns);
  // A venue's clock that runs ahead of ours must not hide the payments until then.
  std::int64_t& known_ns = funding_known_ns[funding.account];
  put(known_ns, std::max(known_ns, std::min(funding.venue_time_ns, header.time_ns)));
  return balances.add(funding.account, funding.currency, funding.amount.e18, header.sequence);
}

bool State::apply_balance(const RecordHeader& header, const BalanceChanged& change) noexcept {
  remember_reference(reference_key(std::uint64_t{change.account} << 32, change.reference),
                     change.account, change.venue_time_ns);
  std::int64_t& funded_ns = funding_known_ns[change.account];
  if (funded_ns == 0) put(funded_ns, header.time_ns);
  std::int64_t& known_ns = interest_known_ns[change.account];
  const std::int64_t until_ns =
      change.venue_time_ns != 0 ? std::min(change.venue_time_ns, header.time_ns) : header.time_ns;
  if (known_ns == 0 || (change.venue_time_ns != 0 && until_ns > known_ns)) put(known_ns, until_ns);
  return balances.add(change.account, change.currency, change.amount.e18, header.sequence);
}

bool State::apply_collateral(const RecordHeader& header, const PositionCollateral& told) noexcept {
  const bool is_named = registry.accounts.has(told.account) &&
                        registry.instruments.has(told.instrument) &&
                        told.leg <= static_cast<std::uint32_t>(Leg::kShort);
  if (!is_named || !is_collateral(told.venue_margin_mode, told.amount.e18) ||
      !detail::is_storable(told.amount.e18)) {
    return false;
  }
  return collaterals.set({.account = told.account,
                          .instrument = told.instrument,
                          .amount_e18 = told.amount.e18,
                          .sequence = header.sequence,
                          .venue_time_ns = told.venue_time_ns,
                          .leg = told.leg,
                          .evidence = told.evidence,
                          .venue_margin_mode = told.venue_margin_mode});
}

// The mode stays what the venue told last: it tells when that changes, also of a flat position.
[[gnu::cold]] void State::end_collateral(const Route& route, std::int64_t venue_time_ns,
                                         Sequence sequence) noexcept {
  if (route.account_exposure->position != 0) return;  // another strategy holds it
  const auto leg = static_cast<std::uint32_t>(route.leg);
  const Collateral* held = collaterals.find(route.account, route.instrument, leg);
  if (held == nullptr || held->amount_e18 == 0) return;
  // A word of the fill's own moment may tell what was put up for the next position already.
  if (venue_time_ns != 0 && venue_time_ns <= held->venue_time_ns) return;
  (void)collaterals.set({.account = route.account,
                         .instrument = route.instrument,
                         .sequence = sequence,
                         .venue_time_ns = venue_time_ns,
                         .leg = leg,
                         .evidence = static_cast<std::uint32_t>(Evidence::kFills),
                         .venue_margin_mode = held->venue_margin_mode});
}

}  // namespace gateway
