// Definitions, limits and trading states as Python gives them: checked, compared, then one record.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <optional>

#include "control.hpp"
#include "gateway_core/types/decimal_text.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

/// Journals a definition unless the registered one says the same. Returns the id.
template <typename Record, typename Rows>
std::uint32_t define(EngineHandle& handle, RecordKind kind, Rows& rows, std::uint32_t known,
                     Record record) {
  record.id = known != 0 ? known : rows.count() + 1;
  record.version = known != 0 ? rows.at(known).definition.version : 1;
  if (known != 0 && std::memcmp(&record, &rows.at(known).definition, sizeof record) == 0)
    return known;
  if (known == 0 && rows.is_full()) refuse("TABLE_FULL", "name", "", "no id is left");
  if (known != 0) ++record.version;
  Sequence sequence = 0;
  handle.runtime->run([&] { sequence = handle.runtime->engine().record_control(kind, record); });
  if (sequence == 0) refuse("JOURNAL_BEHIND", "journal", "", "no room");
  return record.id;
}

std::uint32_t define_currency(EngineHandle& handle, std::string_view code) {
  Registry& registry = handle.runtime->state().registry;
  CurrencyDefined record{};
  record.code = name_text<24>(code, "code");
  return define(handle, RecordKind::kCurrencyDefined, registry.currencies,
                registry.find_currency(code), record);
}

std::uint32_t define_venue(EngineHandle& handle, std::string_view name, bool is_simulated,
                           std::uint32_t order_types, std::uint32_t times_in_force,
                           std::uint32_t flags, std::uint32_t amend, std::uint32_t ack_timeout_ms) {
  Registry& registry = handle.runtime->state().registry;
  VenueDefined record{};
  record.name = name_text<32>(name, "name");
  record.is_simulated = is_simulated ? 1 : 0;
  record.order_types = order_types;
  record.times_in_force = times_in_force;
  record.flags = flags;
  record.amend = amend;
  record.ack_timeout_ms = ack_timeout_ms;
  return define(handle, RecordKind::kVenueDefined, registry.venues, registry.find_venue(name),
                record);
}

void check_scales(int price_scale, int quantity_scale, int multiplier_scale) {
  const int sum = price_scale + quantity_scale + multiplier_scale;
  if (price_scale < 0 || quantity_scale < 0 || multiplier_scale < 0 || sum > kScaleSumMax) {
    refuse("SCALE_SUM", "price_scale + quantity_scale + multiplier_scale", std::to_string(sum),
           "at most 18, none below 0");
  }
}

void check_unchanged(const InstrumentDefined& was, const InstrumentDefined& now) {
  const bool is_same =
      was.venue == now.venue && was.kind == now.kind && was.base == now.base &&
      was.quote == now.quote && was.settle == now.settle && was.price_scale == now.price_scale &&
      was.quantity_scale == now.quantity_scale && was.multiplier_scale == now.multiplier_scale &&
      was.multiplier == now.multiplier;
  if (!is_same) {
    refuse("REGISTRY_CONFLICT", "symbol", std::string(now.symbol.view()),
           "venue, kind, currencies, scales and multiplier never change");
  }
}

std::uint32_t define_instrument(EngineHandle& handle, VenueId venue, std::string_view symbol,
                                std::string_view venue_symbol, int kind, CurrencyId base,
                                CurrencyId quote, CurrencyId settle, int price_scale,
                                int quantity_scale, int multiplier_scale, std::string_view tick,
                                std::string_view lot, std::string_view multiplier,
                                std::string_view quantity_min, std::string_view quantity_max,
                                std::string_view notional_min, bool is_tradable) {
  Registry& registry = handle.runtime->state().registry;
  if (!registry.venues.has(venue))
    refuse("UNKNOWN_VENUE", "venue", std::to_string(venue), "registered");
  for (const CurrencyId currency : {base, quote, settle}) {
    if (!registry.currencies.has(currency)) {
      refuse("REGISTRY_CONFLICT", "currency", std::to_string(currency), "registered");
    }
  }
  if (kind < 1 || kind > 4) refuse("BAD_ENUM", "kind", std::to_string(kind), "1 to 4");
  check_scales(price_scale, quantity_scale, multiplier_scale);
  InstrumentDefined record{};
  record.venue = venue;
  record.base = base;
  record.quote = quote;
  record.settle = settle;
  record.kind = static_cast<std::uint8_t>(kind);
  record.price_scale = static_cast<std::uint8_t>(price_scale);
  record.quantity_scale = static_cast<std::uint8_t>(quantity_scale);
  record.multiplier_scale = static_cast<std::uint8_t>(multiplier_scale);
  record.is_tradable = is_tradable ? 1 : 0;
  record.tick = parse(tick, price_scale, "tick");
  record.lot = parse(lot, quantity_scale, "lot");
  record.multiplier = parse(multiplier, multiplier_scale, "multiplier");
  record.quantity_min = parse(quantity_min, quantity_scale, "quantity_min");
  record.quantity_max = parse(quantity_max, quantity_scale, "quantity_max");
  record.notional_min_e8 = parse(notional_min, 8, "notional_min");
  record.symbol = name_text<32>(symbol, "symbol");
  record.venue_symbol = name_text<32>(venue_symbol, "venue_symbol");
  if (record.tick <= 0) refuse("RANGE", "tick", std::string(tick), "above 0");
  if (record.lot <= 0) refuse("RANGE", "lot", std::string(lot), "above 0");
  if (record.multiplier <= 0) refuse("RANGE", "multiplier", std::string(multiplier), "above 0");
  const std::uint32_t known = registry.find_instrument(symbol);
  if (known != 0) check_unchanged(registry.instruments.at(known).definition, record);
  return define(handle, RecordKind::kInstrumentDefined, registry.instruments, known, record);
}

std::uint32_t define_account(EngineHandle& handle, VenueId venue, std::string_view name,
                             int durability, bool is_hedge_mode, int margin_mode) {
  Registry& registry = handle.runtime->state().registry;
  if (!registry.venues.has(venue))
    refuse("UNKNOWN_VENUE", "venue", std::to_string(venue), "registered");
  if (durability < 0 || durability > 3)
    refuse("BAD_ENUM", "durability", std::to_string(durability), "0 to 3");
  if (margin_mode < 0 || margin_mode > 2)
    refuse("BAD_ENUM", "margin_mode", std::to_string(margin_mode), "0 to 2");
  const std::uint32_t known = registry.find_account(name);
  if (known != 0 && registry.accounts.at(known).definition.venue != venue) {
    refuse("REGISTRY_CONFLICT", "account", std::string(name), "an account never changes its venue");
  }
  AccountDefined record{};
  record.venue = venue;
  record.durability = static_cast<std::uint8_t>(durability);
  record.is_hedge_mode = is_hedge_mode ? 1 : 0;
  record.margin_mode = static_cast<std::uint8_t>(margin_mode);
  record.name = name_text<32>(name, "name");
  return define(handle, RecordKind::kAccountDefined, registry.accounts, known, record);
}

std::uint32_t define_strategy(EngineHandle& handle, std::string_view name) {
  Registry& registry = handle.runtime->state().registry;
  if (name == "EXTERNAL")
    refuse("REGISTRY_CONFLICT", "name", "EXTERNAL", "the name of the gateway's own book");
  StrategyDefined record{};
  record.name = name_text<32>(name, "name");
  return define(handle, RecordKind::kStrategyDefined, registry.strategies,
                registry.find_strategy(name), record);
}

using Ids = std::optional<std::vector<std::uint32_t>>;

template <std::size_t N>
void set_mask(std::uint64_t (&mask)[N], std::uint8_t& all, const Ids& ids, const char* field) {
  all = ids ? 0 : 1;
  if (!ids) return;
  for (const std::uint32_t id : *ids) {
    if (id >= N * 64) {
      refuse("TABLE_FULL", field, std::to_string(id),
             "a list names ids below " + std::to_string(N * 64));
    }
    mask[id / 64] |= std::uint64_t{1} << (id % 64);
  }
}

std::uint32_t define_principal(EngineHandle& handle, std::string_view name, std::uint32_t scopes,
                               const Ids& accounts, const Ids& strategies, const Ids& instruments,
                               bool is_enabled) {
  Registry& registry = handle.runtime->state().registry;
  PrincipalDefined record{};
  record.name = name_text<32>(name, "name");
  record.scopes = scopes;
  record.is_enabled = is_enabled ? 1 : 0;
  set_mask(record.accounts, record.all_accounts, accounts, "accounts");
  set_mask(record.strategies, record.all_strategies, strategies, "strategies");
  set_mask(record.instruments, record.all_instruments, instruments, "instruments");
  return define(handle, RecordKind::kPrincipalDefined, registry.principals,
                registry.find_principal(name), record);
}

Sequence record_now(EngineHandle& handle, RecordKind kind, const auto& record,
                    PrincipalId actor = 0) {
  Sequence sequence = 0;
  handle.runtime->run(
      [&] { sequence = handle.runtime->engine().record_control(kind, record, actor); });
  if (sequence == 0) refuse("JOURNAL_BEHIND", "journal", "", "no room");
  return sequence;
}

Sequence set_currency_rate(EngineHandle& handle, CurrencyId currency, std::string_view rate) {
  Registry& registry = handle.runtime->state().registry;
  if (!registry.currencies.has(currency)) {
    refuse("REGISTRY_CONFLICT", "currency", std::to_string(currency), "registered");
  }
  CurrencyRateSet record{};
  record.currency = currency;
  record.rate_e8 = parse(rate, 8, "rate");
  if (record.rate_e8 <= 0) refuse("RANGE", "rate", std::string(rate), "above 0");
  if (registry.currencies.at(currency).rate_e8 == record.rate_e8) return 0;
  record.version = registry.currencies.at(currency).rate_version + 1;
  return record_now(handle, RecordKind::kCurrencyRateSet, record);
}

std::int64_t decimal_field(const nb::dict& fields, const char* name, int scale,
                           std::int64_t maximum) {
  if (!fields.contains(name)) refuse("MISSING_FIELD", name, "", "every limit must be given");
  if (!nb::isinstance<nb::str>(fields[name])) refuse("BAD_TYPE", name, "", "decimal text");
  const auto text = nb::cast<std::string>(fields[name]);
  const std::int64_t value = parse(text, scale, name);
  if (value > maximum) refuse("LIMIT_TOO_LARGE", name, text, "must leave the exact range room");
  return value;
}

std::uint32_t whole_field(const nb::dict& fields, const char* name) {
  if (!fields.contains(name)) refuse("MISSING_FIELD", name, "", "every limit must be given");
  if (!nb::isinstance<nb::int_>(fields[name]) || nb::isinstance<nb::bool_>(fields[name])) {
    refuse("BAD_TYPE", name, "", "whole number");
  }
  std::int64_t value = -1;
  if (!nb::try_cast(fields[name], value) || value < 0 || value > 0xFFFFFFFFLL) {
    const nb::object given = fields[name];
    refuse("RANGE", name, nb::cast<std::string>(nb::steal<nb::str>(PyObject_Str(given.ptr()))),
           "0 to 4294967295");
  }
  return static_cast<std::uint32_t>(value);
}

/// An amount of a guard; "off" is the word for none, and absent is as it stands.
void guard_amount(const nb::dict& fields, const char* name, std::int64_t& amount) {
  if (!fields.contains(name)) return;
  const nb::object given = fields[name];
  const bool is_off = nb::isinstance<nb::str>(given) && nb::cast<std::string>(given) == "off";
  amount = is_off ? kGuardOff : decimal_field(fields, name, 4, kAmountMaxE4 - 1);
}

constexpr std::uint32_t kAnyCount = 0xFFFFFFFF;

void guard_count(const nb::dict& fields, const char* name, std::uint32_t& count,
                 std::uint32_t maximum) {
  if (!fields.contains(name)) return;
  count = whole_field(fields, name);
  if (count > maximum) {
    refuse("RANGE", name, std::to_string(count), "at most " + std::to_string(maximum));
  }
}

constexpr const char* kGuardNames[] = {
#define AMOUNT(name) #name,
#define COUNT(name, maximum, looser) #name,
#include "gateway_core/risk/guard_fields.def"
#undef AMOUNT
#undef COUNT
};

/// Guards as they stand, with what is given instead.
GuardFields guard_fields(const nb::dict& fields, GuardFields out, Level level) {
#define AMOUNT(name) guard_amount(fields, #name, out.name##_e4);
#define COUNT(name, maximum, looser) guard_count(fields, #name, out.name, maximum);
#include "gateway_core/risk/guard_fields.def"
#undef AMOUNT
#undef COUNT
  if ((out.repeat_orders_max | out.repeat_fills_max) != 0 && out.repeat_window_ms == 0) {
    refuse("RANGE", "repeat_window_ms", "0", "above 0 where repeats are counted");
  }
  if (out.breaker_move_bps != 0 && level != Level::kInstrument) {
    refuse("RANGE", "breaker_move_bps", std::to_string(out.breaker_move_bps),
           "only an instrument has a price");
  }
  return out;
}

/// Whether a count lets more through than before.
enum class Looser : std::uint8_t { kLower, kZeroIsOff };
bool is_looser(Looser looser, std::uint32_t was, std::uint32_t now) {
  if (looser == Looser::kLower) return now < was;
  return was != 0 && (now == 0 || now > was);
}

bool raises(const GuardFields& was, const GuardFields& now) {
  bool is_raised = false;
#define AMOUNT(name) is_raised |= now.name##_e4 > was.name##_e4;
#define COUNT(name, maximum, looser) is_raised |= is_looser(Looser::looser, was.name, now.name);
#include "gateway_core/risk/guard_fields.def"
#undef AMOUNT
#undef COUNT
  return is_raised;
}

constexpr const char* kLimitNames[] = {
    "order_quantity_max",   "order_notional_max",   "position_long_max",  "position_short_max",
    "gross_exposure_max",   "net_exposure_max",     "credit_max",         "collar_bps",
    "reference_age_ms_max", "orders_per_second",    "order_burst",        "cancels_per_second",
    "cancel_burst",         "open_orders_side_max", "duplicate_window_ms"};

LimitFields limit_fields(const nb::dict& fields, int quantity_scale) {
  for (const auto& item : fields) {
    const auto key = nb::cast<std::string>(item.first);
    bool is_known = false;
    for (const char* name : kLimitNames) is_known = is_known || key == name;
    for (const char* name : kGuardNames) is_known = is_known || key == name;
    if (!is_known) refuse("UNKNOWN_FIELD", key.substr(0, 64), "", "not a limit");
  }
  // limit x 10^quantity_scale <= 2^61 (kQuantityMax); the finest scale counts at shared levels.
  const Int128 widest =
      static_cast<Int128>(kQuantityMax) * kPow10_64[8] / kPow10_64[quantity_scale];
  const std::int64_t quantity_max =
      widest > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(widest);
  LimitFields out{};
  out.order_quantity_max_e8 = decimal_field(fields, "order_quantity_max", 8, quantity_max);
  out.order_notional_max_e4 = decimal_field(fields, "order_notional_max", 4, kAmountMaxE4 - 1);
  out.position_long_max_e8 = decimal_field(fields, "position_long_max", 8, quantity_max);
  out.position_short_max_e8 = decimal_field(fields, "position_short_max", 8, quantity_max);
  out.gross_exposure_max_e4 = decimal_field(fields, "gross_exposure_max", 4, kAmountMaxE4 - 1);
  out.net_exposure_max_e4 = decimal_field(fields, "net_exposure_max", 4, kAmountMaxE4 - 1);
  out.credit_max_e4 = decimal_field(fields, "credit_max", 4, kAmountMaxE4 - 1);
  out.collar_bps = whole_field(fields, "collar_bps");
  out.reference_age_ms_max = whole_field(fields, "reference_age_ms_max");
  out.orders_per_second = whole_field(fields, "orders_per_second");
  out.order_burst = whole_field(fields, "order_burst");
  out.cancels_per_second = whole_field(fields, "cancels_per_second");
  out.cancel_burst = whole_field(fields, "cancel_burst");
  out.open_orders_side_max = whole_field(fields, "open_orders_side_max");
  out.duplicate_window_ms = whole_field(fields, "duplicate_window_ms");
  return out;
}

bool raises(const LimitFields& was, const LimitFields& now) {
  return now.order_quantity_max_e8 > was.order_quantity_max_e8 ||
         now.order_notional_max_e4 > was.order_notional_max_e4 ||
         now.position_long_max_e8 > was.position_long_max_e8 ||
         now.position_short_max_e8 > was.position_short_max_e8 ||
         now.gross_exposure_max_e4 > was.gross_exposure_max_e4 ||
         now.net_exposure_max_e4 > was.net_exposure_max_e4 ||
         now.credit_max_e4 > was.credit_max_e4 || now.collar_bps > was.collar_bps ||
         now.reference_age_ms_max > was.reference_age_ms_max ||
         now.orders_per_second > was.orders_per_second || now.order_burst > was.order_burst ||
         now.cancels_per_second > was.cancels_per_second || now.cancel_burst > was.cancel_burst ||
         now.open_orders_side_max > was.open_orders_side_max ||
         now.duplicate_window_ms < was.duplicate_window_ms;
}

/// Whether a principal who may trade is held by this level: then he may lower it, never raise it.
bool binds(const Registry& registry, PrincipalId principal, Level level, std::uint32_t id) {
  if (!registry.principals.has(principal)) return false;
  const PrincipalRow& row = registry.principals.at(principal);
  if (!row.has_scope(kScopeTrade)) return false;
  const PrincipalDefined& mask = row.definition;
  const auto holds = [id](std::uint8_t all, const std::uint64_t* words, std::uint32_t count) {
    return all != 0 || (id < count * 64 && (words[id / 64] >> (id % 64) & 1) != 0);
  };
  switch (level) {
    case Level::kAccount:
      return holds(mask.all_accounts, mask.accounts, 4);
    case Level::kStrategy:
      return holds(mask.all_strategies, mask.strategies, 4);
    case Level::kInstrument:
      return holds(mask.all_instruments, mask.instruments, 8);
    default:
      return true;
  }
}

Sequence set_limits(EngineHandle& handle, std::uint32_t level, std::uint32_t id,
                    const nb::dict& fields, std::string_view actor, std::string_view reason,
                    PrincipalId principal) {
  Registry& registry = handle.runtime->state().registry;
  if (!registry.has_level(level, id))
    refuse("NOT_FOUND", "level", std::to_string(level), "a registered entity");
  const auto kind = static_cast<Level>(level);
  const int scale =
      kind == Level::kInstrument ? registry.instruments.at(id).definition.quantity_scale : 8;
  LimitsSet record{};
  record.level = level;
  record.id = id;
  record.fields = limit_fields(fields, scale);
  record.actor = name_text<40>(actor, "actor");
  record.reason.assign(reason);
  const LevelEntity& entity = registry.level(kind, id);
  GuardsSet guards{};
  guards.level = level;
  guards.id = id;
  guards.fields = guard_fields(fields, entity.guard_fields, kind);
  const bool is_raised =
      raises(entity.limits, record.fields) || raises(entity.guard_fields, guards.fields);
  if (entity.limits_version != 0 && is_raised && binds(registry, principal, kind, id)) {
    refuse("LIMIT_RAISE_DENIED", "principal", std::to_string(principal),
           "another person must raise it");
  }
  record.version = guards.version = entity.limits_version + 1;
  Sequence sequence = 0;
  handle.runtime->run(
      [&] { sequence = handle.runtime->engine().set_limits(record, guards, principal); });
  if (sequence == 0) refuse("JOURNAL_BEHIND", "journal", "", "has no room now");
  return sequence;
}

std::int64_t signed_decimal(const nb::dict& fields, const char* name, int scale,
                            std::int64_t bound) {
  if (!nb::isinstance<nb::str>(fields[name])) refuse("BAD_TYPE", name, "", "decimal text");
  const auto text = nb::cast<std::string>(fields[name]);
  const ParsedDecimal parsed = parse_decimal(text, scale);
  if (parsed.fault != DecimalFault::kNone) refuse("BAD_NUMBER", name, text, "decimal text");
  if (parsed.mantissa > bound || parsed.mantissa < -bound) {
    refuse("LIMIT_TOO_LARGE", name, text, "must leave the exact range room");
  }
  return static_cast<std::int64_t>(parsed.mantissa);
}

// Greeks are told together: half of them told anew would be a mixture of two moments.
Sequence tell_measures(EngineHandle& handle, std::uint32_t level, std::uint32_t id,
                       const nb::dict& fields, std::string_view actor) {
  Registry& registry = handle.runtime->state().registry;
  if (!registry.has_level(level, id))
    refuse("NOT_FOUND", "level", std::to_string(level), "a registered entity");
  constexpr int kGreekScaleMax = 10;
  constexpr const char* kGreekNames[] = {"delta", "gamma", "vega"};
  RiskMeasured record{};
  record.level = level;
  record.id = id;
  record.actor = name_text<40>(actor, "actor");
  for (const auto& item : fields) {
    const auto key = nb::cast<std::string>(item.first);
    if (key == "margin_headroom") {
      record.told |= kToldHeadroom;
      record.margin_headroom_e4 = signed_decimal(fields, "margin_headroom", 4, kAmountMaxE4);
    } else if (key == "result") {
      record.told |= kToldResult;
      record.result_e4 = signed_decimal(fields, "result", 4, kAmountMaxE4);
    } else if (key == "delta" || key == "gamma" || key == "vega") {
      record.told |= kToldGreeks;
    } else {
      refuse("UNKNOWN_FIELD", key.substr(0, 64), "", "not a measure");
    }
  }
  if (record.told == 0) refuse("MISSING_FIELD", "fields", "", "at least one measure");
  for (int greek = 0; greek < kGreeks && (record.told & kToldGreeks) != 0; ++greek) {
    if (!fields.contains(kGreekNames[greek]))
      refuse("MISSING_FIELD", kGreekNames[greek], "", "greeks are told together");
    record.greeks_e8[greek] = signed_decimal(fields, kGreekNames[greek], 8, kGreekMaxE8);
  }
  if ((record.told & kToldGreeks) != 0) {
    if (static_cast<Level>(level) != Level::kInstrument)
      refuse("RANGE", "level", std::to_string(level), "greeks are those of an instrument");
    if (registry.instruments.at(id).definition.quantity_scale > kGreekScaleMax)
      refuse("PRECISION", "quantity_scale", "", "at most 10 where greeks are told");
  }
  return record_now(handle, RecordKind::kRiskMeasured, record);
}

Sequence set_trading_state(EngineHandle& handle, std::uint32_t level, std::uint32_t id,
                           std::uint32_t state, bool is_latch, std::string_view actor,
                           std::string_view reason, bool keeps_halts,
                           std::optional<std::string_view> if_actor) {
  Registry& registry = handle.runtime->state().registry;
  if (!registry.has_level(level, id))
    refuse("NOT_FOUND", "level", std::to_string(level), "a registered entity");
  if (state > 2) refuse("BAD_ENUM", "state", std::to_string(state), "0 to 2");
  TradingStateSet record{};
  record.level = level;
  record.id = id;
  record.state = state;
  record.is_latch = is_latch ? 1 : 0;
  record.actor = name_text<40>(actor, "actor");
  record.reason.assign(reason);
  // An open breaker is never closed by hand: whoever lets orders through again starts its trial.
  // Read where it is written: one that opens meanwhile must not be closed by what was read before.
  // So are a halt, a latch and who set what stands: the engine latches by itself.
  Sequence sequence = 0;
  const char* above = nullptr;
  bool is_other = false;
  handle.runtime->run([&] {
    const LevelEntity& entity = registry.level(static_cast<Level>(level), id);
    if (keeps_halts && entity.is_latched)
      above = "LATCHED";
    else if (keeps_halts && entity.state == TradingState::kHalted)
      above = "TRADING_HALTED";
    is_other = if_actor && entity.state_actor.view() != *if_actor;
    if (above != nullptr || is_other) return;
    const auto breaker = static_cast<BreakerState>(entity.breaker);
    const bool is_trial = breaker == BreakerState::kOpen && state != 2;
    record.breaker = static_cast<std::uint32_t>(is_trial ? BreakerState::kHalfOpen : breaker);
    sequence = handle.runtime->engine().record_control(RecordKind::kTradingStateSet, record,
                                                       PrincipalId{});
  });
  if (above != nullptr) refuse(above, "name", "", "what is above stays");
  if (is_other)
    refuse("REGISTRY_CONFLICT", "if_actor", std::string(*if_actor),
           "somebody else set the state meanwhile");
  if (sequence == 0) refuse("JOURNAL_BEHIND", "journal", "", "no room");
  return sequence;
}

nb::dict kill(EngineHandle& handle, std::uint32_t level, std::uint32_t id, std::string_view actor,
              std::string_view reason, PrincipalId principal) {
  const Registry& registry = handle.runtime->state().registry;
  if (!registry.has_level(level, id))
    refuse("NOT_FOUND", "level", std::to_string(level), "a registered entity");
  if (!registry.principals.has(principal))
    refuse("UNKNOWN_PRINCIPAL", "principal", std::to_string(principal), "a defined principal");
  const auto who = name_text<40>(actor, "actor");
  Sequence sequence = 0;
  KillCounts found;
  handle.runtime->run([&] {
    found = handle.runtime->engine().kill(static_cast<Level>(level), id, who.view(), reason,
                                          principal, sequence);
  });
  if (sequence == 0) refuse("JOURNAL_BEHIND", "journal", "", "no room");
  nb::dict out;
  out["sequence"] = sequence;
  out["sent"] = found.sent;
  out["on_the_way"] = found.on_the_way;
  out["refused"] = found.refused;
  out["no_room"] = found.no_room;
  out["venue_down"] = found.venue_down;
  out["not_reconciled"] = found.not_reconciled;
  return out;
}

Sequence roll_period(EngineHandle& handle) {
  Sequence sequence = 0;
  handle.runtime->run([&] { sequence = handle.runtime->engine().roll_period(); });
  return sequence;
}

}  // namespace

void bind_control(nb::class_<EngineHandle>& engine) {
  bind_adoption(engine);
  bind_operation(engine);
  engine.def("define_currency", &define_currency, "code"_a)
      .def("define_venue", &define_venue, "name"_a, "is_simulated"_a, "order_types"_a,
           "times_in_force"_a, "flags"_a, "amend"_a, "ack_timeout_ms"_a)
      .def("define_instrument", &define_instrument, "venue"_a, "symbol"_a, "venue_symbol"_a,
           "kind"_a, "base"_a, "quote"_a, "settle"_a, "price_scale"_a, "quantity_scale"_a,
           "multiplier_scale"_a, "tick"_a, "lot"_a, "multiplier"_a, "quantity_min"_a,
           "quantity_max"_a, "notional_min"_a, "is_tradable"_a)
      .def("define_account", &define_account, "venue"_a, "name"_a, "durability"_a,
           "is_hedge_mode"_a, "margin_mode"_a)
      .def("define_strategy", &define_strategy, "name"_a)
      .def("define_principal", &define_principal, "name"_a, "scopes"_a, "accounts"_a.none(),
           "strategies"_a.none(), "instruments"_a.none(), "is_enabled"_a = true)
      .def("set_currency_rate", &set_currency_rate, "currency"_a, "rate"_a)
      .def("set_limits", &set_limits, "level"_a, "id"_a, "fields"_a, "actor"_a, "reason"_a,
           "principal"_a = 0)
      .def("tell_measures", &tell_measures, "level"_a, "id"_a, "fields"_a, "actor"_a)
      .def("set_trading_state", &set_trading_state, "level"_a, "id"_a, "state"_a, "is_latch"_a,
           "actor"_a, "reason"_a, "keeps_halts"_a = false, "if_actor"_a = nb::none())
      .def("kill", &kill, "level"_a, "id"_a, "actor"_a, "reason"_a, "principal"_a)
      .def("roll_period", &roll_period);
}

}  // namespace gateway
