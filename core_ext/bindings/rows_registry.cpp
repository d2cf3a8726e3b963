// Rows of levels and of what is defined: limits, guards, trading states, instruments, accounts.
// Copied a few at a time where nobody writes.
#include "row_words.hpp"
#include "rows.hpp"

namespace nb = nanobind;

namespace gateway {
namespace {

const char* kind_word(std::uint8_t kind) {
  constexpr const char* kWords[] = {"", "spot", "linear", "inverse", "quanto"};
  return kind < 5 ? kWords[kind] : "";
}

// So many rows are copied in one turn of a live engine: a few microseconds of its time.
constexpr std::uint32_t kRowsPerTurn = 64;

/// Copies ids `first`.. of a table that only grows, a few per turn, and hands out each copy.
/// `count` and `copy` run where nobody writes; `use` runs on the caller's thread and may allocate.
template <typename Copy, typename Count, typename Take, typename Use>
void for_each_copy(const Between& between, std::uint32_t first, Count&& count, Take&& take,
                   Use&& use) {
  std::vector<Copy> copies(kRowsPerTurn);
  std::uint32_t next = first;
  for (std::uint32_t taken = kRowsPerTurn; taken == kRowsPerTurn;) {
    taken = 0;
    between([&] {
      const std::uint32_t end = count();
      for (; taken < kRowsPerTurn && next + taken < end; ++taken) {
        copies[taken] = take(next + taken);
      }
    });
    for (std::uint32_t i = 0; i < taken; ++i) use(next + i, copies[i]);
    next += taken;
  }
}

/// What people are told of one level entity, as it was at one instant.
struct LevelCopy {
  LimitFields limits;
  GuardFields guards;
  Measures measures;
  std::uint8_t breaker = 0;
  std::int64_t limits_time_ns = 0;
  std::uint64_t limits_version = 0;
  TradingState state = TradingState::kActive;
  bool is_latched = false;
  decltype(LevelEntity::limits_actor) limits_actor;
  decltype(LevelEntity::limits_reason) limits_reason;
  decltype(LevelEntity::state_actor) state_actor;
  decltype(LevelEntity::state_reason) state_reason;
};

template <typename Use>
void for_each_level(const State& state, const Between& between, Use&& use) {
  const Registry& registry = state.registry;
  for (int level = 0; level < kLevels; ++level) {
    const auto kind = static_cast<Level>(level);
    for_each_copy<LevelCopy>(
        between, 0, [&] { return registry.level_count(kind); },
        [&](std::uint32_t id) {
          const LevelEntity& from = registry.level(kind, id);
          return LevelCopy{from.limits,        from.guard_fields,   from.measures,
                           from.breaker,       from.limits_time_ns, from.limits_version,
                           from.state,         from.is_latched,     from.limits_actor,
                           from.limits_reason, from.state_actor,    from.state_reason};
        },
        [&](std::uint32_t id, const LevelCopy& copy) { use(level, id, copy); });
  }
}

nb::object guard_amount(std::int64_t amount_e4) {
  return amount_e4 == kGuardOff ? nb::object(nb::str("off"))
                                : nb::cast(format_decimal(amount_e4, 4));
}

void put_guards(nb::dict& row, const GuardFields& guards) {
#define AMOUNT(name) row[#name] = guard_amount(guards.name##_e4);
#define COUNT(name, maximum, looser) row[#name] = guards.name;
#include "gateway_core/risk/guard_fields.def"
#undef AMOUNT
#undef COUNT
}

/// What was told, None where nobody has.
void put_measures(nb::dict& row, const Measures& told) {
  const auto put = [&](const char* name, std::uint32_t bit, std::int64_t value, int scale) {
    row[name] = (told.told & bit) != 0 ? nb::cast(format_decimal(value, scale)) : nb::none();
  };
  put("margin_headroom", kToldHeadroom, told.headroom_e4, 4);
  put("result", kToldResult, told.result_e4, 4);
  put("delta", kToldGreeks, told.greeks_e8[0], 8);
  put("gamma", kToldGreeks, told.greeks_e8[1], 8);
  put("vega", kToldGreeks, told.greeks_e8[2], 8);
}

}  // namespace

nb::list limit_rows(const State& state, const Between& between) {
  nb::list rows;
  for_each_level(state, between, [&](int level, std::uint32_t id, const LevelCopy& entity) {
    if (entity.limits_version == 0) return;
    const LimitFields& limits = entity.limits;
    nb::dict row;
    row["level"] = level_name(level);
    row["id"] = id;
    row["name"] = entity_name(state.registry, level, id);
    row["version"] = entity.limits_version;
    row["order_quantity_max"] = format_decimal(limits.order_quantity_max_e8, 8);
    row["order_notional_max"] = format_decimal(limits.order_notional_max_e4, 4);
    row["position_long_max"] = format_decimal(limits.position_long_max_e8, 8);
    row["position_short_max"] = format_decimal(limits.position_short_max_e8, 8);
    row["gross_exposure_max"] = format_decimal(limits.gross_exposure_max_e4, 4);
    row["net_exposure_max"] = format_decimal(limits.net_exposure_max_e4, 4);
    row["credit_max"] = format_decimal(limits.credit_max_e4, 4);
    row["collar_bps"] = limits.collar_bps;
    row["reference_age_ms_max"] = limits.reference_age_ms_max;
    row["orders_per_second"] = limits.orders_per_second;
    row["order_burst"] = limits.order_burst;
    row["cancels_per_second"] = limits.cancels_per_second;
    row["cancel_burst"] = limits.cancel_burst;
    row["open_orders_side_max"] = limits.open_orders_side_max;
    row["duplicate_window_ms"] = limits.duplicate_window_ms;
    put_guards(row, entity.guards);
    put_measures(row, entity.measures);
    row["set_ns"] = entity.limits_time_ns;
    row["actor"] = text(entity.limits_actor.view());
    row["reason"] = text(entity.limits_reason.view());
    rows.append(row);
  });
  return rows;
}

nb::list trading_state_rows(const State& state, const Between& between) {
  constexpr const char* kStates[] = {"active", "reducing", "halted"};
  constexpr const char* kBreakers[] = {"closed", "open", "half_open"};
  nb::list rows;
  for_each_level(state, between, [&](int level, std::uint32_t id, const LevelCopy& entity) {
    if (entity.state == TradingState::kActive && entity.state_actor.empty()) return;
    nb::dict row;
    row["level"] = level_name(level);
    row["id"] = id;
    row["name"] = entity_name(state.registry, level, id);
    row["state"] = kStates[static_cast<int>(entity.state)];
    row["is_latch"] = entity.is_latched;
    row["breaker"] = kBreakers[entity.breaker];
    row["actor"] = text(entity.state_actor.view());
    row["reason"] = text(entity.state_reason.view());
    rows.append(row);
  });
  return rows;
}

namespace {

nb::dict instrument_row(const Registry& registry, const InstrumentRow& source) {
  const InstrumentDefined& rules = source.definition;
  const auto code = [&](CurrencyId id) {
    return text(registry.currencies.at(id).definition.code.view());
  };
  nb::dict row;
  row["name"] = text(rules.symbol.view());
  row["venue"] = text(registry.venues.at(rules.venue).definition.name.view());
  row["venue_id"] = rules.venue;
  row["venue_symbol"] = text(rules.venue_symbol.view());
  row["kind"] = kind_word(rules.kind);
  row["base"] = code(rules.base);
  row["quote"] = code(rules.quote);
  row["settle"] = code(rules.settle);
  row["price_scale"] = rules.price_scale;
  row["quantity_scale"] = rules.quantity_scale;
  row["multiplier_scale"] = rules.multiplier_scale;
  row["tick"] = format_decimal(rules.tick, rules.price_scale);
  row["lot"] = format_decimal(rules.lot, rules.quantity_scale);
  row["multiplier"] = format_decimal(rules.multiplier, rules.multiplier_scale);
  row["quantity_min"] = format_decimal(rules.quantity_min, rules.quantity_scale);
  row["quantity_max"] = format_decimal(rules.quantity_max, rules.quantity_scale);
  row["notional_min"] = format_decimal(rules.notional_min_e8, 8);
  row["is_tradable"] = rules.is_tradable != 0;
  MarkRow mark;
  const bool has_mark = read(source.mark, mark) && mark.time_ns != 0;
  const int scale = static_cast<int>(mark.scale);
  row["mark"] = has_mark ? number(mark.mark, scale) : nb::none();
  row["bid"] = has_mark ? number(mark.bid, scale) : nb::none();
  row["ask"] = has_mark ? number(mark.ask, scale) : nb::none();
  row["last"] = has_mark ? number(mark.last, scale) : nb::none();
  row["mark_time_ns"] = has_mark ? nb::cast(mark.time_ns) : nb::none();
  return row;
}

template <typename Row, std::uint32_t Max, typename Fill>
nb::list rows_of(const Rows<Row, Max>& source, const Between& between, Fill&& fill) {
  nb::list rows;
  for_each_copy<Row>(
      between, 1, [&] { return source.count() + 1; },
      [&](std::uint32_t id) { return source.at(id); },
      [&](std::uint32_t id, const Row& copy) {
        nb::dict row = fill(copy);
        row["id"] = id;
        row["version"] = copy.definition.version;
        rows.append(row);
      });
  return rows;
}

nb::dict venue_row(const VenueRow& source) {
  constexpr const char* kSessions[] = {"down", "gap_open", "reconciled"};
  const VenueDefined& venue = source.definition;
  nb::dict row;
  row["name"] = text(venue.name.view());
  row["is_simulated"] = venue.is_simulated != 0;
  row["order_types"] = venue.order_types;
  row["times_in_force"] = venue.times_in_force;
  row["flags"] = venue.flags;
  row["amend"] = venue.amend;
  row["ack_timeout_ms"] = venue.ack_timeout_ms;
  row["session"] = kSessions[static_cast<std::uint32_t>(source.session) % 3];
  row["session_text"] = text(source.session_text.view());
  return row;
}

nb::object mask_ids(std::uint8_t all, const std::uint64_t* mask, std::uint32_t words) {
  if (all != 0) return nb::none();
  nb::list ids;
  for (std::uint32_t id = 0; id < words * 64; ++id) {
    if ((mask[id / 64] >> (id % 64) & 1) != 0) ids.append(id);
  }
  return ids;
}

nb::dict principal_row(const PrincipalRow& source) {
  const PrincipalDefined& principal = source.definition;
  nb::dict row;
  row["name"] = text(principal.name.view());
  row["scopes"] = principal.scopes;
  row["is_enabled"] = principal.is_enabled != 0;
  row["accounts"] = mask_ids(principal.all_accounts, principal.accounts, 4);
  row["strategies"] = mask_ids(principal.all_strategies, principal.strategies, 4);
  row["instruments"] = mask_ids(principal.all_instruments, principal.instruments, 8);
  return row;
}

nb::dict account_row(const Registry& registry, const AccountRow& source) {
  constexpr const char* kDurabilities[] = {"memory", "process", "disk_async", "disk"};
  nb::dict row;
  row["name"] = text(source.definition.name.view());
  row["venue"] = text(registry.venues.at(source.definition.venue).definition.name.view());
  row["durability"] = kDurabilities[source.definition.durability & 3];
  row["is_hedge_mode"] = source.definition.is_hedge_mode != 0;
  row["margin_mode"] = margin_word(source.definition.margin_mode);
  return row;
}

}  // namespace

nb::list registry_rows(const State& state, const std::string& kind, const Between& between) {
  const Registry& registry = state.registry;
  if (kind == "instrument") {
    return rows_of(registry.instruments, between,
                   [&](const InstrumentRow& row) { return instrument_row(registry, row); });
  }
  if (kind == "venue") return rows_of(registry.venues, between, venue_row);
  if (kind == "principal") return rows_of(registry.principals, between, principal_row);
  if (kind == "account") {
    return rows_of(registry.accounts, between,
                   [&](const AccountRow& row) { return account_row(registry, row); });
  }
  if (kind == "strategy") {
    return rows_of(registry.strategies, between, [](const StrategyRow& source) {
      nb::dict row;
      row["name"] = text(source.definition.name.view());
      return row;
    });
  }
  if (kind == "currency") {
    return rows_of(registry.currencies, between, [](const CurrencyRow& source) {
      nb::dict row;
      row["name"] = text(source.definition.code.view());
      row["rate"] = format_decimal(source.rate_e8, 8);
      return row;
    });
  }
  throw nb::value_error("registry kind: currency, venue, instrument, account, strategy, principal");
}

}  // namespace gateway
