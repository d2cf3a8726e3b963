// One position under all lot methods at once, and its past, so that a late fill, a bust or a
// correction makes it what it would be had history been right. Owner thread only.
// A fault leaves everything as it was.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gateway_core/ledger/lot.hpp"
#include "gateway_core/position/position_state.hpp"
#include "gateway_core/record/kinds.hpp"

namespace gateway::ledger {

/// What turns an execution into money: the part of an instrument that the ledger needs.
struct Terms {
  InstrumentRules rules;
  CurrencyId base = 0;
  CurrencyId quote = 0;
  CurrencyId settle = 0;

  [[nodiscard]] bool is_spot() const noexcept { return rules.kind == InstrumentKind::kSpot; }
  /// The currency in which cost and profit are counted.
  [[nodiscard]] CurrencyId money() const noexcept { return is_spot() ? quote : settle; }
};

/// One execution as the ledger remembers it. 96 bytes.
struct Execution {
  Int128 value_e18 = 0;
  Int128 fee_e18 = 0;
  std::uint64_t sequence = 0;      // of the record that told it: the id of the lot it opens
  std::uint64_t ordinal = 0;       // the engine's own count of fills
  std::int64_t time_ns = 0;        // the venue's clock, else the journal's
  std::int64_t quantity = 0;       // 0 = busted
  std::int64_t arrival_price = 0;  // instrument scale; 0 = not known
  CurrencyId fee_currency = 0;
  Side side = Side::kBuy;
  std::uint8_t reserved[3] = {};
};

/// Cash of an execution: paid is positive. An inverse buy counts as received (position/value.hpp).
[[nodiscard]] inline Int128 cash_of(const Terms& terms, const Execution& fill) noexcept {
  return sign_of(fill.side) * cash_sign(terms.rules.kind) < 0 ? -fill.value_e18 : fill.value_e18;
}

/// What all executions of a position moved together stays below this, so no sum can wrap.
inline constexpr Int128 kTurnoverMax = static_cast<Int128>(1) << 124;

/// Everything that fills change. Copied whole as a checkpoint.
struct LotState {
  PositionBook average;  // the engine's book, digit for digit
  LotQueue fifo;
  LotStack lifo;
  LotHeap hifo;
  LotQueue specific;
  std::array<Int128, kMethodsWithLots> cost_e18{};
  std::array<Int128, kMethodsWithLots> realised_e18{};
  Int128 turnover_e18 = 0;       // sum of what was traded
  Int128 slippage_e18 = 0;       // paid beyond the arrival price; negative = better than it
  std::uint64_t unmeasured = 0;  // fills without an arrival price
  std::int64_t opened_ns = 0;    // since when the position is not flat or has its side

  [[nodiscard]] Int128 cost_of(LotMethod method) const noexcept {
    return method == LotMethod::kAverage ? average.cost_e18
                                         : cost_e18[static_cast<std::size_t>(method)];
  }
  [[nodiscard]] Int128 realised_of(LotMethod method) const noexcept {
    return method == LotMethod::kAverage ? average.realised_e18
                                         : realised_e18[static_cast<std::size_t>(method)];
  }
  /// realised - cost is what the executions moved, whatever the method.
  [[nodiscard]] bool is_identical() const noexcept {
    for (std::size_t i = 0; i < kMethodsWithLots; ++i) {
      if (realised_e18[i] - cost_e18[i] != average.realised_e18 - average.cost_e18) return false;
    }
    return true;
  }
  /// What is open; none for the average. Lots without a quantity have been given away.
  [[nodiscard]] std::span<const Lot> lots_of(LotMethod method) const noexcept;

  void open(const Lot& lot);
  void forget_lots() noexcept;
  void measure_slippage(const Terms& terms, const Execution& fill) noexcept;
};

/// A share of a close under one method; a fill that closes nothing makes none.
struct NoShares {
  void operator()(LotMethod, const Execution&, const LotShare&) const noexcept {}
};

/// The engine's own arithmetic of one execution and its fee (state/execution.hpp). False, and the
/// book is worthless, when the exact range is left.
[[nodiscard]] inline bool apply_to_average(PositionBook& book, const Terms& terms,
                                           const Execution& fill, FillEffect& effect) noexcept {
  if (fill.quantity != 0) {
    effect = apply_fill(book, terms.rules, fill.side, fill.quantity, {fill.value_e18});
    if (effect.fault != PositionFault::kNone) return false;
  }
  if (fill.fee_currency == terms.settle) return add_fee(book, {fill.fee_e18});
  if (terms.is_spot() && fill.fee_currency == terms.base && fill.quantity != 0) {
    const auto worth =
        value_of_base_fee(terms.rules, {fill.fee_e18}, fill.quantity, {fill.value_e18});
    return worth && add_fee(book, *worth);
  }
  return true;
}

/// Closes `effect.closed` under every method; `closing` is the fill's cash for it.
template <typename Take>
void close_lots(LotState& state, const Terms& terms, const Execution& fill,
                const FillEffect& effect, Int128 closing, std::span<const Designation> named,
                Take&& take) {
  const Int128 unit_e18 = kPow10_64[kMoneyScale - terms.rules.quantity_scale];
  const auto teller = [&](LotMethod method) {
    return [&, method](const LotShare& share) { take(method, fill, share); };
  };
  const std::int64_t closed = effect.closed;
  const std::array<Int128, kMethodsWithLots> released = {
      close_in_order(state.fifo, closed, closing, teller(LotMethod::kFifo)),
      close_in_order(state.lifo, closed, closing, teller(LotMethod::kLifo)),
      close_in_order(state.hifo, closed, closing, teller(LotMethod::kHifo)),
      close_named(state.specific, named, unit_e18, closed, closing, teller(LotMethod::kSpecific))};
  for (std::size_t i = 0; i < kMethodsWithLots; ++i) {
    state.cost_e18[i] -= released[i];
    state.realised_e18[i] -= closing + released[i];
  }
  take(LotMethod::kAverage, fill, LotShare{0, 0, closed, -effect.realised_e18 - closing, closing});
}

/// Applies one execution under every method. `take(method, fill, share)` hears of each closed
/// share; `named` are the wishes for this fill. False, and the state is as before, when the exact
/// range is left.
template <typename Take>
[[nodiscard]] bool execute(LotState& state, const Terms& terms, const Execution& fill,
                           std::span<const Designation> named, Take&& take) {
  PositionBook average = state.average;
  FillEffect effect;
  if (!gateway::detail::is_storable(fill.value_e18)) return false;
  const Int128 worth = fill.value_e18 < 0 ? -fill.value_e18 : fill.value_e18;
  if (worth > kTurnoverMax - state.turnover_e18 ||
      !apply_to_average(average, terms, fill, effect)) {
    return false;
  }
  const bool was_flat = state.average.quantity == 0;
  state.average = average;
  if (fill.quantity == 0) return true;
  state.turnover_e18 += worth;
  if (was_flat || effect.state == PositionState::kFlipped) state.opened_ns = fill.time_ns;
  const Int128 cash = cash_of(terms, fill);
  Int128 closing = 0;
  if (effect.closed != 0) {
    closing = effect.opened == 0 ? cash : *mul_div(cash, effect.closed, fill.quantity);
    close_lots(state, terms, fill, effect, closing, named, take);
    if (effect.opened != 0 || average.quantity == 0) state.forget_lots();
  }
  if (effect.opened != 0) {
    const Int128 opening = cash - closing;
    state.open({opening, opening, effect.opened, effect.opened, fill.sequence, fill.time_ns});
  }
  state.measure_slippage(terms, fill);
  return true;
}

/// A position with the executions that may still be changed. Without `keeps_all` it remembers the
/// newest ones alone: kWindow of them at least, twice as many at most, and two checkpoints.
class PositionLots {
 public:
  static constexpr std::size_t kWindow = 4096;

  explicit PositionLots(const Terms& terms, bool keeps_all = false)
      : terms_(terms), keeps_all_(keeps_all) {}

  [[nodiscard]] const LotState& now() const noexcept { return now_; }
  [[nodiscard]] const Terms& terms() const noexcept { return terms_; }
  /// Oldest first, in the venue's order. All of them with `keeps_all`.
  [[nodiscard]] std::span<const Execution> executions() const noexcept { return past_; }
  /// Wishes, in the order of their fills; before the first record.
  void designate(std::span<const Designation> wishes) noexcept { wishes_ = wishes; }

  /// Newest execution.
  [[nodiscard]] bool add(const Execution& fill);
  /// An execution that counts before the one with the ordinal `before`. False: not exact, or that
  /// one is forgotten; nothing has changed then.
  [[nodiscard]] bool add_before(std::uint64_t before, const Execution& fill);
  /// Puts another execution in the place of the one with its ordinal.
  [[nodiscard]] bool revise(const Execution& fill);
  /// The execution with that ordinal, nullptr = not remembered.
  [[nodiscard]] const Execution* find(std::uint64_t ordinal) const noexcept;
  /// Takes the execution with that ordinal back.
  void remove(std::uint64_t ordinal);

  /// Does everything again and tells each closed share. Only with `keeps_all`.
  template <typename Take>
  void tell_shares(Take&& take) const {
    LotState state;
    for (const Execution& fill : past_) (void)execute(state, terms_, fill, named(fill), take);
  }

 private:
  [[nodiscard]] std::span<const Designation> named(const Execution& fill) const noexcept;
  [[nodiscard]] std::size_t place_of(std::uint64_t ordinal) const noexcept;
  /// Does the executions from place `from` on again. False: not exact; now_ is worthless then.
  [[nodiscard]] bool redo(std::size_t from);
  void checkpoint();

  Terms terms_;
  bool keeps_all_;
  LotState now_;
  LotState first_;   // before past_[0]
  LotState middle_;  // before past_[middle_at_]
  std::size_t middle_at_ = 0;
  std::vector<Execution> past_;
  std::span<const Designation> wishes_;
};

}  // namespace gateway::ledger
