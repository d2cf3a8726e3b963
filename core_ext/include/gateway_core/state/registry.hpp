// Everything the gateway knows by name: dense ids, newest version of each definition, limits and
// trading state per level, reference prices. Rows never move, so pointers into it stay good.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "gateway_core/memory/relaxed.hpp"
#include "gateway_core/position/value.hpp"
#include "gateway_core/record/kinds.hpp"
#include "gateway_core/risk/limits.hpp"
#include "gateway_core/risk/risk_gate.hpp"

namespace gateway {

inline constexpr std::uint32_t kCurrenciesMax = 512;
inline constexpr std::uint32_t kVenuesMax = 64;
inline constexpr std::uint32_t kInstrumentsMax = 4096;
inline constexpr std::uint32_t kAccountsMax = 256;
inline constexpr std::uint32_t kStrategiesMax = 256;
inline constexpr std::uint32_t kPrincipalRowsMax = 256;

/// Volatile prices as the venue told them, readable by any thread.
struct alignas(64) MarkRow {
  Version version = 0;
  std::int64_t mark = 0;  // 0 = absent, all at `scale`
  std::int64_t bid = 0;
  std::int64_t ask = 0;
  std::int64_t last = 0;
  std::int64_t time_ns = 0;
  std::uint64_t scale = 0;
  std::uint64_t reserved = 0;
};
static_assert(sizeof(MarkRow) == 64);

/// Twice what the prices say that a venue told (a MarkRow or a MarkMessage): the mark, else the
/// middle of the book, else the last price. Twice, because a middle may fall between two ticks.
template <typename Prices>
[[nodiscard]] constexpr Int128 twice_reference_price(const Prices& told) noexcept {
  if (told.mark != 0) return static_cast<Int128>(told.mark) * 2;
  if (told.bid != 0 && told.ask != 0) return static_cast<Int128>(told.bid) + told.ask;
  return static_cast<Int128>(told.last) * 2;
}

struct CurrencyRow {
  CurrencyDefined definition{};
  AmountFactor reporting;    // reporting amount at 10^-4 of money at 10^-18; factor 0 = no rate
  std::int64_t rate_e8 = 0;  // 0 = no rate
  std::uint32_t rate_version = 0;
};

struct VenueRow {
  VenueDefined definition{};
  VenueSession session = VenueSession::kDown;  // volatile
  Text<40> session_text;                       // volatile
  std::int64_t session_since_ns = 0;           // volatile
};

struct InstrumentRow {
  InstrumentDefined definition{};
  InstrumentRules rules;
  AmountFactor factor;  // reporting amount of one product unit; factor 0 = no rate
  // Money at 10^-18 of one product unit, when that is a whole number of 63 bits; else 0.
  std::int64_t unit_e18 = 0;
  Reference reference;  // volatile
  MarkRow mark;         // volatile

  /// Reporting amount of an order or position, rounded up, saturating. Inverse: face value.
  [[nodiscard]] std::int64_t amount_e4(std::int64_t price, std::int64_t quantity) const noexcept {
    const auto contracts = magnitude_64(quantity);
    if (rules.kind == InstrumentKind::kInverse) [[unlikely]]
      return factor.amount_e4(contracts);
    return factor.amount_e4(static_cast<UInt128>(magnitude_64(price)) * contracts);
  }
  /// value_of() with the instrument's rules; small numbers in its own price scale go a short way.
  [[nodiscard]] std::optional<Money> value(std::int64_t price, int price_scale,
                                           std::int64_t quantity) const noexcept {
    std::int64_t product = 0;
    if (unit_e18 == 0 || price_scale != rules.price_scale ||
        __builtin_mul_overflow(price, quantity, &product)) [[unlikely]] {
      return value_of(rules, price, price_scale, quantity);
    }
    return Money{static_cast<Int128>(product) * unit_e18};
  }
};

struct AccountRow {
  AccountDefined definition{};
};

struct StrategyRow {
  StrategyDefined definition{};
};

struct PrincipalRow {
  PrincipalDefined definition{};

  [[nodiscard]] bool has_scope(std::uint32_t scope) const noexcept {
    return definition.is_enabled != 0 && (definition.scopes & scope) != 0;
  }
  [[nodiscard]] bool may_use_all() const noexcept {
    return (definition.all_accounts & definition.all_strategies & definition.all_instruments) != 0;
  }
  [[nodiscard]] bool may_use(AccountId account, StrategyId strategy,
                             InstrumentId instrument) const noexcept {
    return holds(definition.all_accounts, definition.accounts, account) &
           holds(definition.all_strategies, definition.strategies, strategy) &
           holds(definition.all_instruments, definition.instruments, instrument);
  }

 private:
  template <std::size_t N>
  [[nodiscard]] static bool holds(std::uint8_t all, const std::uint64_t (&mask)[N],
                                  std::uint32_t id) noexcept {
    return all != 0 || (id < N * 64 && (mask[id / 64] >> (id % 64) & 1) != 0);
  }
};

/// Rows 1..count of one kind; row 0 stands for "none" and is never defined.
template <typename Row, std::uint32_t Max>
class Rows {
 public:
  Rows() : rows_(std::make_unique<Row[]>(Max)) {}
  [[nodiscard]] bool has(std::uint32_t id) const noexcept { return id != 0 && id <= count_; }
  [[nodiscard]] Row& at(std::uint32_t id) noexcept { return rows_[id]; }
  [[nodiscard]] const Row& at(std::uint32_t id) const noexcept { return rows_[id]; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] bool is_full() const noexcept { return count_ + 1 >= Max; }
  /// The row of `id`, which is a known id or the next one. nullptr otherwise.
  [[nodiscard]] Row* define(std::uint32_t id) noexcept {
    if (id == 0 || id > count_ + 1 || id >= Max) return nullptr;
    if (id == count_ + 1) ++count_;
    return &rows_[id];
  }

 private:
  std::unique_ptr<Row[]> rows_;
  std::uint32_t count_ = 0;
};

class Registry {
 public:
  Rows<CurrencyRow, kCurrenciesMax> currencies;
  Rows<VenueRow, kVenuesMax> venues;
  Rows<InstrumentRow, kInstrumentsMax> instruments;
  Rows<AccountRow, kAccountsMax> accounts;
  Rows<StrategyRow, kStrategiesMax> strategies;
  Rows<PrincipalRow, kPrincipalRowsMax> principals;

  Registry()
      : levels_{std::make_unique<LevelEntity[]>(kInstrumentsMax),
                std::make_unique<LevelEntity[]>(kStrategiesMax),
                std::make_unique<LevelEntity[]>(kAccountsMax),
                std::make_unique<LevelEntity[]>(kVenuesMax), std::make_unique<LevelEntity[]>(1)} {}

  /// How many ids the level has, with 0. Strategy 0 is EXTERNAL; the firm is id 0 alone.
  [[nodiscard]] std::uint32_t level_count(Level level) const noexcept {
    switch (level) {
      case Level::kInstrument:
        return instruments.count() + 1;
      case Level::kStrategy:
        return strategies.count() + 1;
      case Level::kAccount:
        return accounts.count() + 1;
      case Level::kVenue:
        return venues.count() + 1;
      case Level::kFirm:
        return 1;
    }
    return 0;
  }
  [[nodiscard]] bool has_level(std::uint32_t level, std::uint32_t id) const noexcept {
    if (level >= kLevels) return false;
    const auto kind = static_cast<Level>(level);
    return id < level_count(kind) && (id != 0 || kind == Level::kFirm || kind == Level::kStrategy);
  }
  [[nodiscard]] LevelEntity& level(Level level, std::uint32_t id) noexcept {
    return levels_[static_cast<int>(level)][id];
  }
  [[nodiscard]] const LevelEntity& level(Level level, std::uint32_t id) const noexcept {
    return levels_[static_cast<int>(level)][id];
  }

  /// Ids by name; 0 = unknown. Cold.
  [[nodiscard]] std::uint32_t find_currency(std::string_view code) const noexcept;
  [[nodiscard]] std::uint32_t find_venue(std::string_view name) const noexcept;
  [[nodiscard]] std::uint32_t find_instrument(std::string_view symbol) const noexcept;
  [[nodiscard]] std::uint32_t find_account(std::string_view name) const noexcept;
  [[nodiscard]] std::uint32_t find_strategy(std::string_view name) const noexcept;
  [[nodiscard]] std::uint32_t find_principal(std::string_view name) const noexcept;

  /// Definitions arrive as records, the same way live and in replay. False = impossible id.
  [[nodiscard]] bool apply(const CurrencyDefined& record) noexcept;
  [[nodiscard]] bool apply(const VenueDefined& record) noexcept;
  [[nodiscard]] bool apply(const InstrumentDefined& record) noexcept;
  [[nodiscard]] bool apply(const AccountDefined& record) noexcept;
  [[nodiscard]] bool apply(const StrategyDefined& record) noexcept;
  [[nodiscard]] bool apply(const PrincipalDefined& record) noexcept;
  [[nodiscard]] bool apply(const CurrencyRateSet& record) noexcept;
  [[nodiscard]] bool apply(const LimitsSet& record, std::int64_t time_ns) noexcept;
  [[nodiscard]] bool apply(const GuardsSet& record) noexcept;
  /// Money alone; greeks are counted by the routes.
  [[nodiscard]] bool apply(const RiskMeasured& record, std::int64_t time_ns) noexcept;
  [[nodiscard]] bool apply(const TradingStateSet& record, const RecordHeader& header) noexcept;

  /// Results of the trading period count from here.
  void start_period() noexcept;

  /// Whether orders, and the losses that they may bring, can be measured in the reporting currency.
  [[nodiscard]] bool has_rates(const InstrumentRow& row) const noexcept {
    return row.factor.factor != 0 && currencies.at(row.definition.settle).reporting.factor != 0;
  }

  /// Rises whenever a limit, a trading state or a rate moved: the name of the limits in force.
  [[nodiscard]] std::uint32_t limits_generation() const noexcept { return limits_generation_; }
  /// Rises whenever anything moved that decides about orders, but not with prices and totals: what
  /// was prepared from the registry is prepared again then.
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  void touch() noexcept { ++generation_; }

 private:
  void refresh_factor(InstrumentRow& row) noexcept;

  std::unique_ptr<LevelEntity[]> levels_[kLevels];
  void limits_moved() noexcept {
    ++limits_generation_;
    touch();
  }

  std::uint32_t limits_generation_ = 1;
  std::uint32_t generation_ = 1;
};

}  // namespace gateway
