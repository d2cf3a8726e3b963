// Makes rows of history from records just applied: what happened, and what order, position and
// balance are afterwards. Reads the state and never changes it.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "gateway_core/history/columns.hpp"
#include "gateway_core/state/state.hpp"

namespace gateway::history {

class Writer {
 public:
  OrderColumns orders;
  FillColumns fills;
  PositionColumns positions;
  BalanceColumns balances;
  FundingColumns funding;
  RefusalColumns refusals;
  /// Records of every other kind but FIX messages and clock ticks, whole.
  std::vector<std::vector<std::uint8_t>> others;

  /// What is known at the start is no change.
  void begin(const State& state);
  /// Engine order; `record` was applied to `state` a moment ago.
  void write(const State& state, const RecordHeader& header, const std::uint8_t* record);
  /// Room for so many rows in the widest table: untouched room costs nothing, growing copies.
  void reserve_orders(std::size_t rows);
  /// Rows of the fullest table.
  [[nodiscard]] std::size_t rows() const noexcept;

 private:
  void write_order(const State& state, const RecordHeader& header, const std::uint8_t* record);
  void write_fill(const State& state, const RecordHeader& header, const OrderFilled& fill);
  void write_revised(const State& state, const RecordHeader& header, const FillRevised& fill);
  /// The row of an execution or of a later word about one, and the position behind it.
  template <typename Fill>
  void write_execution(const State& state, const RecordHeader& header, const Fill& fill,
                       std::uint32_t route);
  void write_cross(const CrossNote& cross);
  void write_position(const State& state, const RecordHeader& header, std::uint32_t route,
                      OrderId order_id);
  void write_balance(const State& state, const RecordHeader& header, std::uint32_t index,
                     std::string_view reference);
  void write_balance_of(const State& state, const RecordHeader& header, AccountId account,
                        CurrencyId currency);
  void write_moved_balances(const State& state, const RecordHeader& header,
                            std::string_view reference);
  void write_funding(const RecordHeader& header, const Funding& paid);
  void write_refusal(const State& state, const RecordHeader& header, const OrderRefused& refused);
  void learn_balances(const State& state);

  std::unordered_map<std::uint64_t, std::uint32_t> balance_index_;  // account, currency
  std::vector<Int128> totals_;  // by place in the balance table, as last written
};

}  // namespace gateway::history
