// Building the rows. Copies are taken by version, so that a writing engine is never half seen.
#include "rows.hpp"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <string>

#include "gateway_core/position/profit_loss.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "row_words.hpp"

namespace nb = nanobind;

namespace gateway {
namespace {

std::string money(Int128 e18) { return format_decimal(e18, kMoneyScale); }

const char* side_word(Side side) { return side == Side::kBuy ? "buy" : "sell"; }
const char* type_word(OrderType type) {
  switch (type) {
    case OrderType::kMarket:
      return "market";
    case OrderType::kLimit:
      return "limit";
    case OrderType::kStop:
      return "stop";
    case OrderType::kStopLimit:
      return "stop_limit";
  }
  return "";
}
const char* time_in_force_word(TimeInForce time_in_force) {
  switch (time_in_force) {
    case TimeInForce::kDay:
      return "day";
    case TimeInForce::kGtc:
      return "gtc";
    case TimeInForce::kIoc:
      return "ioc";
    case TimeInForce::kFok:
      return "fok";
    case TimeInForce::kGtd:
      return "gtd";
  }
  return "";
}
const char* leg_word(std::uint8_t leg) { return leg == 0 ? "net" : leg == 1 ? "long" : "short"; }

constexpr const char* kReasonWords[] = {"",
                                        "requested",
                                        "time_in_force",
                                        "post_only",
                                        "reduce_only",
                                        "self_trade",
                                        "expired",
                                        "venue",
                                        "timeout",
                                        "disconnected",
                                        "send_error",
                                        "restart",
                                        "untriggered",
                                        "queue_stale",
                                        "insufficient_funds",
                                        "cancel_outcome_unknown",
                                        "replace_outcome_unknown",
                                        "cross_ended"};
const char* reason_word(std::uint32_t reason) {
  return reason < std::size(kReasonWords) ? kReasonWords[reason] : "";
}

std::string strategy_word(const Registry& registry, StrategyId id) {
  return id == kExternalStrategy ? "EXTERNAL"
                                 : text(registry.strategies.at(id).definition.name.view());
}

int average_scale(const InstrumentRules& rules) { return std::min(rules.price_scale + 8, 18); }

nb::object optional_price(const std::optional<Int128>& price, int scale) {
  return price ? nb::cast(format_decimal(*price, scale)) : nb::none();
}

}  // namespace

std::string strategy_name(const Registry& registry, StrategyId id) {
  const bool is_known = id == kExternalStrategy || registry.strategies.has(id);
  return is_known ? strategy_word(registry, id) : std::string();
}
std::string venue_name(const Registry& registry, VenueId id) {
  return registry.venues.has(id) ? text(registry.venues.at(id).definition.name.view())
                                 : std::string();
}
std::string order_type_name(OrderType type) { return type_word(type); }

namespace {

/// How the order hangs together with others; None when it stands alone.
void put_link(nb::dict& row, const Order& order) {
  constexpr const char* kWords[kLinkKinds] = {"", "oco", "ouo", "bracket"};
  row["link"] = nb::none();
  row["linked_to"] = nb::none();
  if (!order.link.is_linked()) return;
  row["link"] = text(kWords[static_cast<std::size_t>(order.link.kind) % kLinkKinds]);
  row["linked_to"] = std::to_string(link_head(order.order_id, order.link));
}

}  // namespace

nb::dict order_row(const State& state, const Order& order) {
  const Registry& registry = state.registry;
  const InstrumentRow& instrument = registry.instruments.at(order.instrument);
  const int price_scale = instrument.definition.price_scale;
  const int quantity_scale = instrument.definition.quantity_scale;
  const bool has_price = order.type == OrderType::kLimit || order.type == OrderType::kStopLimit;
  const auto average = order.cumulative == 0
                           ? std::nullopt
                           : price_of(instrument.rules, {order.value_e18}, order.cumulative,
                                      average_scale(instrument.rules));
  nb::dict row;
  row["order_id"] = std::to_string(order.order_id);
  row["client_order_id"] =
      order.client_number != 0 ? std::to_string(order.client_number) : text(order.client_id.view());
  row["principal"] = text(registry.principals.at(order.principal).definition.name.view());
  row["venue"] = text(registry.venues.at(instrument.definition.venue).definition.name.view());
  row["instrument"] = text(instrument.definition.symbol.view());
  row["account"] = text(registry.accounts.at(order.account).definition.name.view());
  row["strategy"] = strategy_word(registry, order.strategy);
  row["side"] = side_word(order.side);
  row["type"] = type_word(order.type);
  row["time_in_force"] = time_in_force_word(order.time_in_force);
  row["leg"] = leg_word(order.leg);
  row["is_post_only"] = (order.flags & kPostOnly) != 0;
  row["is_reduce_only"] = (order.flags & kReduceOnly) != 0;
  row["is_emulated"] = (order.flags & kEmulate) != 0;
  row["is_cancel_on_disconnect"] = (order.flags & kCancelOnDisconnect) != 0;
  row["is_external"] = (order.flags & kExternalOrder) != 0;
  put_link(row, order);
  row["quantity"] = format_decimal(order.quantity, quantity_scale);
  row["price"] = has_price ? number(order.price, price_scale) : nb::none();
  row["trigger_price"] = number(order.trigger_price, price_scale);
  row["display_quantity"] = number(displayed(order), quantity_scale);
  row["cross_ms"] = order.cross_ms == 0 ? nb::none() : nb::cast(order.cross_ms);
  row["crossed_quantity"] = number(crossed(order), quantity_scale);
  row["expires_ns"] = order.expires_ns == 0 ? nb::none() : nb::cast(order.expires_ns);
  row["state"] = std::string(name(static_cast<OrderState>(order.state)));
  row["pending"] = std::string(pending_name(order.overlay));
  row["cumulative_quantity"] = format_decimal(order.cumulative, quantity_scale);
  const bool is_working = is_open(static_cast<OrderState>(order.state));
  row["leaves_quantity"] =
      format_decimal(is_working ? std::max<std::int64_t>(leaves(order), 0) : 0, quantity_scale);
  row["average_price"] = optional_price(average, average_scale(instrument.rules));
  row["venue_order_id"] = text(order.venue_order_id.view());
  row["reason"] = reason_word(order.reason);
  row["reason_text"] = text("");  // words are kept beside the state; the live door fills them in
  row["created_ns"] = order.created_ns;
  row["updated_ns"] = order.updated_ns;
  row["sequence"] = order.sequence;
  return row;
}

namespace {

/// A whole copy of the order `id`, which stood in `slot` a moment ago: the slot may have been taken
/// for another order since.
bool copy_order(const State& state, std::uint32_t slot, OrderId id, Order& copy) {
  return slot != kNoSlot && read(state.orders.at(slot), copy) && copy.order_id == id &&
         copy.state != 0;
}

}  // namespace

nb::object order_row_at(const State& state, std::uint32_t slot, OrderId id) {
  Order copy;
  if (!copy_order(state, slot, id, copy)) return nb::none();
  return order_row(state, copy);
}

nb::object pending_replace_at(const State& state, std::uint32_t slot, OrderId id) {
  Order copy;
  if (!copy_order(state, slot, id, copy) || copy.pending_quantity == 0) return nb::none();
  const InstrumentDefined& rules = state.registry.instruments.at(copy.instrument).definition;
  const std::string client_id = copy.pending_client_number != 0
                                    ? std::to_string(copy.pending_client_number)
                                    : text(copy.pending_client_id.view());
  return nb::make_tuple(client_id, format_decimal(copy.pending_quantity, rules.quantity_scale),
                        format_decimal(copy.pending_price, rules.price_scale));
}

nb::list order_rows(const State& state, bool open_only, std::size_t limit) {
  nb::list rows;
  const std::uint32_t used = state.orders.used();
  Order copy;
  // Newest slots last; with a limit the newest are kept.
  std::vector<std::uint32_t> wanted;
  for (std::uint32_t slot = used; slot-- > 0 && wanted.size() < limit;) {
    const auto seen = __atomic_load_n(&state.orders.at(slot).state, __ATOMIC_RELAXED);
    if (seen == 0 || (open_only && !is_open(static_cast<OrderState>(seen)))) continue;
    wanted.push_back(slot);
  }
  for (auto it = wanted.rbegin(); it != wanted.rend(); ++it) {
    if (!read(state.orders.at(*it), copy) || copy.state == 0) continue;
    if (open_only && !is_open(static_cast<OrderState>(copy.state))) continue;
    rows.append(order_row(state, copy));
  }
  return rows;
}

namespace {

/// What positions are valued at, with one digit more than the mark's own scale: half a tick fits.
Int128 valuation_price(const MarkRow& mark) noexcept { return twice_reference_price(mark) * 5; }
int valuation_scale(const MarkRow& mark) noexcept { return static_cast<int>(mark.scale) + 1; }

}  // namespace

nb::list mark_rows(const State& state) {
  nb::list rows;
  const auto& instruments = state.registry.instruments;
  for (std::uint32_t id = 1; id <= instruments.count(); ++id) {
    MarkRow mark;
    if (!read(instruments.at(id).mark, mark) || mark.time_ns == 0) continue;
    const Int128 price = valuation_price(mark);
    if (price == 0) continue;
    rows.append(nb::make_tuple(text(instruments.at(id).definition.symbol.view()),
                               format_decimal(price, valuation_scale(mark)), mark.time_ns));
  }
  return rows;
}

namespace {

/// The venue's word about the position that this one is a part of.
void put_collateral(nb::dict& row, const State& state, const Position& position) {
  Collateral told;
  row["venue_margin_mode"] = nb::none();
  row["collateral"] = nb::none();
  const CollateralTable& table = state.collaterals;
  if (!table.copy_of(position.account, position.instrument, position.leg, told)) return;
  row["venue_margin_mode"] = venue_margin_word(told.mode());
  if (told.amount_e18 != 0) row["collateral"] = money(told.amount_e18);
}

}  // namespace

nb::dict position_row(const State& state, const Position& position, std::int64_t now_ns) {
  const Registry& registry = state.registry;
  MarkRow mark;
  const InstrumentRow& instrument = registry.instruments.at(position.instrument);
  const InstrumentRules& rules = instrument.rules;
  const bool has_mark = read(instrument.mark, mark) && mark.time_ns != 0;
  const int mark_scale = valuation_scale(mark);
  const Int128 mark_price = valuation_price(mark);
  const auto unrealised = has_mark && mark_scale <= kPriceScaleMax
                              ? unrealised_at(position.book, rules, mark_price, mark_scale)
                              : std::nullopt;
  const int scale = average_scale(rules);
  nb::dict row;
  row["account"] = text(registry.accounts.at(position.account).definition.name.view());
  row["venue"] = text(registry.venues.at(instrument.definition.venue).definition.name.view());
  row["instrument"] = text(instrument.definition.symbol.view());
  row["leg"] = leg_word(position.leg);
  row["margin_mode"] = margin_word(position.margin_mode);
  row["strategy"] = strategy_word(registry, position.strategy);
  row["quantity"] = format_decimal(position.book.quantity, rules.quantity_scale);
  row["average_price"] = optional_price(average_price(position.book, rules, scale), scale);
  row["cost"] = money(position.book.cost_e18);
  row["realised"] = money(position.book.realised_e18);
  row["unrealised"] = unrealised ? nb::cast(money(unrealised->e18)) : nb::none();
  row["fees"] = money(position.book.fees_e18);
  row["break_even_before_carry"] =
      optional_price(break_even_price(position.book, rules, scale), scale);
  row["mark"] =
      has_mark && mark_price != 0 ? nb::cast(format_decimal(mark_price, mark_scale)) : nb::none();
  row["mark_age_ms"] = has_mark ? nb::cast((now_ns - mark.time_ns) / 1'000'000) : nb::none();
  put_collateral(row, state, position);
  row["currency"] =
      text(registry.currencies.at(instrument.definition.settle).definition.code.view());
  row["state"] = std::string(name(position.book.state));
  row["sequence"] = position.sequence;
  return row;
}

nb::list position_rows(const State& state, std::int64_t now_ns) {
  return nb::cast<nb::list>(position_page(state, now_ns, {})[0]);
}

nb::tuple position_page(const State& state, std::int64_t now_ns, const PositionPage& page) {
  nb::list rows;
  const std::uint32_t count = state.routes.count();
  const std::uint32_t start = std::min(page.start, count);
  const std::uint32_t end = start + std::min(page.places_max, count - start);
  for (std::uint32_t i = start; i < end; ++i) {
    const Position& place = state.routes.position(i);
    // Written once, before the row can be seen: what is not asked for is not copied.
    const auto is_other = [](const std::uint32_t& held, std::uint32_t wanted) {
      return wanted != 0 && __atomic_load_n(&held, __ATOMIC_RELAXED) != wanted;
    };
    if (is_other(place.account, page.account) || is_other(place.instrument, page.instrument)) {
      continue;
    }
    Position copy;
    if (!read(place, copy) || copy.sequence == 0) continue;
    rows.append(position_row(state, copy, now_ns));
  }
  return nb::make_tuple(rows, end < count ? end : 0);
}

nb::dict balance_row(const State& state, const Balance& balance) {
  nb::dict row;
  row["account"] = text(state.registry.accounts.at(balance.account).definition.name.view());
  row["currency"] = text(state.registry.currencies.at(balance.currency).definition.code.view());
  row["total"] = money(balance.total_e18);
  row["sequence"] = balance.sequence;
  return row;
}

nb::list balance_rows(const State& state) {
  nb::list rows;
  for (std::uint32_t i = 0; i < state.balances.count(); ++i) {
    Balance balance;
    if (read(state.balances.at(i), balance)) rows.append(balance_row(state, balance));
  }
  return rows;
}

const char* level_name(int level) noexcept {
  constexpr const char* kNames[] = {"instrument", "strategy", "account", "venue", "firm"};
  return level >= 0 && level < kLevels ? kNames[level] : "";
}

std::string entity_name(const Registry& registry, int level, std::uint32_t id) {
  switch (static_cast<Level>(level)) {
    case Level::kInstrument:
      return text(registry.instruments.at(id).definition.symbol.view());
    case Level::kStrategy:
      return strategy_word(registry, id);
    case Level::kAccount:
      return text(registry.accounts.at(id).definition.name.view());
    case Level::kVenue:
      return text(registry.venues.at(id).definition.name.view());
    case Level::kFirm:
      return "firm";
  }
  return "";
}

}  // namespace gateway
