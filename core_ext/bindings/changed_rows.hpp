// Rows of positions and balances by change: what a follower told last is remembered per row as a
// few numbers, so that a frame makes text of what moved and of nothing else.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <vector>

#include "rows.hpp"

namespace gateway {

class ChangedRows {
 public:
  /// A mark's age changes all the time, so it counts in steps: a live mark stays within the first,
  /// a dead one becomes older in front of the reader.
  static constexpr std::int64_t kAgeStepMs = 5000;

  /// Rows of positions that differ from what was told last; `is_all`: every row, told anew.
  [[nodiscard]] nanobind::list positions(const State& state, std::int64_t now_ns, bool is_all);
  [[nodiscard]] nanobind::list balances(const State& state, bool is_all);
  /// All rows are told anew at the next call: what they are made of was defined again.
  void forget() noexcept {
    positions_.clear();
    places_.clear();
    balances_.clear();
  }

 private:
  struct Told {
    Sequence sequence = 0;       // 0 = not told yet
    Sequence collateral = 0;     // that touched it; 0 = there is none
    std::int64_t age_step = -1;  // of the mark; -1 = there is none
    Int128 twice_price = 0;
    std::uint64_t price_scale = 0;
    bool operator==(const Told&) const = default;
  };
  /// Where the venue's word about a position lies: a table that never loses a row, either.
  struct Place {
    std::uint32_t row = 0;   // when it is below `seen`
    std::uint32_t seen = 0;  // rows that were looked at; row == seen: none of them is it
  };
  [[nodiscard]] Told told_of(const State& state, const Position& position, std::uint32_t index,
                             std::int64_t now_ns);
  [[nodiscard]] Sequence collateral_sequence(const State& state, const Position& position,
                                             Place& place) noexcept;

  std::vector<Told> positions_;  // by place in the table, which never loses a row
  std::vector<Place> places_;    // as positions_
  std::vector<Sequence> balances_;
};

}  // namespace gateway
