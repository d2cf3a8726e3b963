// Definitions, limits and rates as records turn them into rows. Cold: never on the order path.
#include "gateway_core/state/registry.hpp"

namespace gateway {
namespace {

template <typename Rows, typename Name>
std::uint32_t find_row(const Rows& rows, std::string_view wanted, Name&& name) noexcept {
  for (std::uint32_t id = 1; id <= rows.count(); ++id) {
    if (name(rows.at(id)) == wanted) return id;
  }
  return 0;
}

template <typename Rows, typename Record>
bool define(Rows& rows, const Record& record) noexcept {
  auto* row = rows.define(record.id);
  if (row == nullptr) return false;
  row->definition = record;
  return true;
}

}  // namespace

std::uint32_t Registry::find_currency(std::string_view code) const noexcept {
  return find_row(currencies, code, [](const auto& row) { return row.definition.code.view(); });
}
std::uint32_t Registry::find_venue(std::string_view name) const noexcept {
  return find_row(venues, name, [](const auto& row) { return row.definition.name.view(); });
}
std::uint32_t Registry::find_instrument(std::string_view symbol) const noexcept {
  return find_row(instruments, symbol,
                  [](const auto& row) { return row.definition.symbol.view(); });
}
std::uint32_t Registry::find_account(std::string_view name) const noexcept {
  return find_row(accounts, name, [](const auto& row) { return row.definition.name.view(); });
}
std::uint32_t Registry::find_strategy(std::string_view name) const noexcept {
  return find_row(strategies, name, [](const auto& row) { return row.definition.name.view(); });
}
std::uint32_t Registry::find_principal(std::string_view name) const noexcept {
  return find_row(principals, name, [](const auto& row) { return row.definition.name.view(); });
}

bool Registry::apply(const CurrencyDefined& record) noexcept {
  touch();
  return define(currencies, record);
}
bool Registry::apply(const VenueDefined& record) noexcept {
  touch();
  return define(venues, record);
}
bool Registry::apply(const AccountDefined& record) noexcept {
  touch();
  return define(accounts, record);
}
bool Registry::apply(const StrategyDefined& record) noexcept {
  touch();
  return define(strategies, record);
}
bool Registry::apply(const PrincipalDefined& record) noexcept {
  touch();
  return define(principals, record);
}

bool Registry::apply(const InstrumentDefined& record) noexcept {
  if (!define(instruments, record)) return false;
  InstrumentRow& row = instruments.at(record.id);
  row.rules = {.multiplier = record.multiplier,
               .kind = static_cast<InstrumentKind>(record.kind),
               .price_scale = record.price_scale,
               .quantity_scale = record.quantity_scale,
               .multiplier_scale = record.multiplier_scale};
  const int decimals = record.price_scale + record.quantity_scale + record.multiplier_scale;
  std::int64_t unit = 0;
  const bool has_unit =
      row.rules.kind != InstrumentKind::kInverse && decimals <= kMoneyScale &&
      record.multiplier > 0 &&
      !__builtin_mul_overflow(record.multiplier, kPow10_64[kMoneyScale - decimals], &unit);
  row.unit_e18 = has_unit ? unit : 0;
  refresh_factor(row);
  limits_moved();
  return true;
}

bool Registry::apply(const CurrencyRateSet& record) noexcept {
  if (!currencies.has(record.currency)) return false;
  CurrencyRow& currency = currencies.at(record.currency);
  currency.rate_e8 = record.rate_e8;
  currency.reporting =
      record.rate_e8 > 0 ? AmountFactor::of(record.rate_e8, pow10_128(22)) : AmountFactor{};
  currency.rate_version = record.version;
  for (std::uint32_t id = 1; id <= instruments.count(); ++id) refresh_factor(instruments.at(id));
  limits_moved();
  return true;
}

bool Registry::apply(const LimitsSet& record, std::int64_t time_ns) noexcept {
  if (!has_level(record.level, record.id)) return false;
  LevelEntity& entity = level(static_cast<Level>(record.level), record.id);
  entity.set(record);
  entity.limits_time_ns = time_ns;
  limits_moved();
  return true;
}

bool Registry::apply(const GuardsSet& record) noexcept {
  if (!has_level(record.level, record.id)) return false;
  level(static_cast<Level>(record.level), record.id).set(record.fields);
  limits_moved();
  return true;
}

bool Registry::apply(const RiskMeasured& record, std::int64_t time_ns) noexcept {
  if (!has_level(record.level, record.id)) return false;
  level(static_cast<Level>(record.level), record.id).take(record, time_ns);
  return true;
}

void Registry::start_period() noexcept {
  for (int kind = 0; kind < kLevels; ++kind) {
    for (std::uint32_t id = 0; id < level_count(static_cast<Level>(kind)); ++id) {
      levels_[kind][id].start_period();
    }
  }
}

bool Registry::apply(const TradingStateSet& record, const RecordHeader& header) noexcept {
  if (!has_level(record.level, record.id)) return false;
  level(static_cast<Level>(record.level), record.id).set(record, header.actor, header.time_ns);
  limits_moved();
  return true;
}

// Linear, spot, quanto: amount = price x quantity x multiplier x rate(value currency).
// Inverse: amount = quantity x multiplier x rate(quote), the contract's face value.
void Registry::refresh_factor(InstrumentRow& row) noexcept {
  const InstrumentDefined& rules = row.definition;
  const bool is_inverse = static_cast<InstrumentKind>(rules.kind) == InstrumentKind::kInverse;
  const bool is_quanto = static_cast<InstrumentKind>(rules.kind) == InstrumentKind::kQuanto;
  const CurrencyId currency = is_quanto ? rules.settle : rules.quote;
  row.factor = {};
  if (!currencies.has(currency) || currencies.at(currency).rate_e8 <= 0) return;
  const Int128 numerator = static_cast<Int128>(rules.multiplier) * currencies.at(currency).rate_e8;
  const int decimals =
      rules.quantity_scale + rules.multiplier_scale + (is_inverse ? 0 : rules.price_scale) + 8 - 4;
  row.factor = AmountFactor::of(numerator, pow10_128(decimals));
}

}  // namespace gateway
