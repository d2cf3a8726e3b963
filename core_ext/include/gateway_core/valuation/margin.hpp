// Margin of leveraged positions in exact integers: what is required, what is there, what is left.
// Pure functions over plain rows, no state. A requirement is rounded up at 10^-18, never down; a
// row that cannot be valued is named and left out, never guessed. docs/concepts/margin.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "gateway_core/position/value.hpp"
#include "gateway_core/types/fixed_point.hpp"
#include "gateway_core/valuation/batch_block.hpp"

namespace gateway::valuation {

inline constexpr std::int64_t kRateOne = 1'000'000'000'000;  // rates are at 10^-12

/// What the steps of a schedule are measured in.
enum class BracketMeasure : std::uint8_t { kNotional = 1, kContracts = 2 };
/// Where an isolated position is valued for its initial margin (docs/concepts/margin.md).
enum class IsolatedInitial : std::uint8_t { kMark = 0, kEntry = 1 };

/// One step: sizes above floor up to and including cap.
struct Bracket {
  MoneyWords floor_e18;   // of notional in the margin currency, or of contracts
  MoneyWords cap_e18;     // 0 = no cap
  MoneyWords amount_e18;  // taken off maintenance, so that it does not jump at the floor
  std::int64_t initial_rate_e12;
  std::int64_t maintenance_rate_e12;
  std::int64_t slope_e12;     // added to both rates for each unit of notional
  std::int32_t leverage_max;  // 0 = the rate alone says it
  std::int32_t reserved;
};
static_assert(sizeof(Bracket) == 80);

/// The steps of one instrument: `count` of them from `first` in the table of brackets.
struct Schedule {
  std::uint32_t first;
  std::uint32_t count;
  std::int64_t fee_rate_e12;  // fee of a forced close, counted with maintenance; 0 = none
  std::uint8_t measure;       // BracketMeasure
  std::uint8_t isolated_initial;
  std::uint8_t reserved[6];
};
static_assert(sizeof(Schedule) == 24);

/// What the venue sees of one position: all strategies of one account, instrument, leg and mode.
struct MarginRow {
  std::int64_t quantity;  // signed
  std::int64_t mark;
  std::int64_t multiplier;
  std::int64_t tick;        // of prices at price_scale, for the liquidation price
  std::int64_t tier_extra;  // quantity of others that counts for the step, and only for it
  MoneyWords cost_e18;      // signed cash paid in for what is open (position_state.hpp)
  MoneyWords isolated_e18;  // collateral of an isolated position
  std::uint32_t schedule;
  std::uint32_t pool;  // account and margin currency
  std::uint32_t instrument;
  std::uint32_t leverage;  // chosen at the venue; 0 = the most its step allows
  std::uint8_t mark_scale;
  std::uint8_t price_scale;
  std::uint8_t quantity_scale;
  std::uint8_t multiplier_scale;
  std::uint8_t kind;  // InstrumentKind
  std::uint8_t mode;  // MarginMode
  std::uint8_t reserved[10];
};
static_assert(sizeof(MarginRow) == 104);

/// An order that may still open a position.
struct MarginOrder {
  std::int64_t quantity;  // signed: what is left of it
  std::int64_t price;     // at price_scale: its own, or the one its venue assumes
  std::int64_t mark;
  std::int64_t multiplier;
  std::int64_t tier_extra;  // quantity there before it on its side, which it would join
  std::uint32_t schedule;
  std::uint32_t pool;
  std::uint32_t leverage;
  std::uint8_t mark_scale;
  std::uint8_t price_scale;
  std::uint8_t quantity_scale;
  std::uint8_t multiplier_scale;
  std::uint8_t kind;
  std::uint8_t with_open_loss;  // what it would lose at once is asked for too
  std::uint8_t reserved[6];
};
static_assert(sizeof(MarginOrder) == 64);

enum class MarginStatus : std::uint8_t {
  kOk = 0,
  kNoMark = 1,      // no mark above zero
  kBadInput = 2,    // a scale, kind, mode, multiplier or index that cannot be
  kNoBracket = 3,   // no step holds this size
  kOutOfRange = 4,  // an amount leaves 127 bits
};

struct PositionMargin {
  MoneyWords notional_e18;
  MoneyWords unrealised_e18;
  MoneyWords initial_e18;
  MoneyWords maintenance_e18;  // with the fee of a forced close
  std::uint32_t bracket;       // place in its schedule
  std::uint8_t status;         // MarginStatus; every amount is 0 unless it is kOk
  std::uint8_t reserved[3];
};
static_assert(sizeof(PositionMargin) == 72);

/// `ratio_e12` where maintenance is due and no equity is left.
inline constexpr std::int64_t kNoEquity = INT64_MAX;

/// Cross margin of one account in one currency. `balance_e18` is given: the wallet without what
/// lies in isolated positions.
struct PoolMargin {
  MoneyWords balance_e18;
  MoneyWords equity_e18;  // balance + unrealised
  MoneyWords unrealised_e18;
  MoneyWords initial_e18;  // positions and orders
  MoneyWords order_initial_e18;
  MoneyWords maintenance_e18;
  MoneyWords headroom_e18;  // equity - initial
  std::int64_t ratio_e12;   // maintenance / equity: 1 is liquidation
  std::uint32_t counted;
  std::uint32_t excluded;  // rows of this pool with a status other than kOk
  std::uint8_t status;     // kOutOfRange when a sum left 127 bits
  std::uint8_t reserved[7];
};
static_assert(sizeof(PoolMargin) == 136);

/// The tables a row's indices point into.
struct MarginTables {
  const Schedule* schedules;
  std::size_t schedule_count;
  const Bracket* brackets;
  std::size_t bracket_count;
};

/// Why a schedule cannot be used; empty = it can. Steps join without a gap, rates lie in 0..1 and
/// do not fall, and steps of notional let maintenance neither jump nor fall where they meet.
[[nodiscard]] const char* fault_of(const MarginTables& tables, const Schedule& schedule) noexcept;

/// The amount that keeps maintenance whole at the floor of `next`: the documents' recurrence
/// floor x (rate - rate below) + amount below. nullopt = out of range.
[[nodiscard]] std::optional<Int128> amount_of(const Bracket& below, const Bracket& next) noexcept;

[[nodiscard]] PositionMargin margin_of(const MarginRow& row, const MarginTables& tables) noexcept;

/// What an open order asks for: initial margin at its price and, if so, what it loses at once. With
/// `tier_extra`, at least what the initial margin of both together (that valued at the mark)
/// exceeds what was there: an order may carry all of it to a dearer step. The status goes to
/// `status`; 0 unless it is kOk.
[[nodiscard]] Int128 margin_of(const MarginOrder& order, const MarginTables& tables,
                               MarginStatus& status) noexcept;

/// Everything at once: one PositionMargin per row, and the sums of each pool. `pools` come with
/// their balances. An isolated position counts in no pool: its collateral lies with it.
void margin_of(const MarginRow* rows, std::size_t count, const MarginOrder* orders,
               std::size_t order_count, const MarginTables& tables, PositionMargin* out,
               PoolMargin* pools, std::size_t pool_count) noexcept;

/// What margin_of would say were the mark `price` at `price_scale`. A price may carry a position
/// above the last cap; it then meets the terms of the last step.
[[nodiscard]] PositionMargin margin_at(const MarginRow& row, const MarginTables& tables,
                                       std::int64_t price, int price_scale) noexcept;

/// maintenance / equity at 10^-12, rounded up; kNoEquity where nothing is left of what is due.
[[nodiscard]] std::int64_t ratio_of(Int128 maintenance, Int128 equity) noexcept;

/// Coefficients of a venue for sold options, at 10^-12 (docs/concepts/margin.md).
struct OptionRule {
  std::int64_t initial_rate_e12;      // of the money and at it
  std::int64_t initial_floor_e12;     // far out of it
  std::int64_t maintenance_rate_e12;  //
  std::int64_t factor_e12;            // of the seller's tier
  bool initial_covers_maintenance;    // initial is at least maintenance
};

/// A sold option on one coin, amounts in that coin; prices at one scale.
struct SoldOption {
  std::int64_t strike;
  std::int64_t underlying;  // the future of the same expiry, or the index: as the venue says
  Int128 mark_e18;          // of the option
  bool is_call;
};

struct OptionMargin {
  Int128 initial_e18;
  Int128 maintenance_e18;
};

/// Margin of one sold option; a bought one needs none, its premium is paid. nullopt: a price that
/// is not above zero, or out of range.
[[nodiscard]] std::optional<OptionMargin> margin_of(const SoldOption& option,
                                                    const OptionRule& rule) noexcept;

}  // namespace gateway::valuation
