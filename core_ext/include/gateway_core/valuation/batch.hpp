// Mark-to-market of many positions held as columns. The same integers on every instruction set:
// those of unrealised_at (position/profit_loss.hpp), row by row. Pure; any thread; allocates
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway_core/types/fixed_point.hpp"
#include "gateway_core/valuation/batch_block.hpp"

namespace gateway::valuation {

/// Instruction sets with code of their own, slowest first. kScalar is there on every machine.
enum class SimdLevel : std::uint8_t { kScalar = 0, kAvx2 = 1, kAvx512 = 2 };
inline constexpr int kSimdLevels = 3;

[[nodiscard]] std::string_view name(SimdLevel level) noexcept;
[[nodiscard]] std::optional<SimdLevel> simd_level_of(std::string_view name) noexcept;
/// Whether this build has the code, and processor and operating system can run it.
[[nodiscard]] bool is_supported(SimdLevel level) noexcept;
[[nodiscard]] SimdLevel best_level() noexcept;

/// Columns of `count` positions, none of them null unless count is 0.
struct PositionColumns {
  const std::int64_t* quantity;    // signed, the instrument's scale
  const std::int64_t* mark;        // mantissa
  const std::int64_t* multiplier;  // mantissa above zero
  const MoneyWords* cost_e18;      // signed cash paid in for what is open (position_state.hpp)
  /// Decimals of quantity x multiplier x mark, 0..36; of an inverse contract those of
  /// quantity x multiplier / mark, -18..18 as two's complement.
  const std::uint8_t* scale;
  const std::uint8_t* kind;  // InstrumentKind
  std::size_t count;
};

/// What a row without a value holds: the mark, scale, kind or multiplier has none, or the result
/// leaves 127 bits. No money is ever this number.
inline constexpr MoneyWords kNoValue{0, INT64_MIN};

struct BatchCounts {
  std::size_t without_value = 0;
  std::size_t exact_rows = 0;  // rows of blocks that took the 128-bit path
};

/// unrealised = signed worth at the mark - cost, 0 where nothing is held. One row, 128 bits: the
/// scalar code every level must agree with.
[[nodiscard]] MoneyWords value_row(const PositionColumns& columns, std::size_t row) noexcept;

/// Values every row into `unrealised_e18`, which overlaps no column. `level` must be supported.
BatchCounts mark_to_market(const PositionColumns& columns, MoneyWords* unrealised_e18,
                           SimdLevel level) noexcept;

/// A position as one row of 64 bytes, for callers who hold rows and not columns.
struct PositionRow {
  std::int64_t quantity;
  std::int64_t mark;
  std::int64_t multiplier;
  MoneyWords cost_e18;
  std::uint8_t scale;
  std::uint8_t kind;
  std::uint8_t reserved[22];
};
static_assert(sizeof(PositionRow) == 64);

/// The same over rows, which are read in place and laid out block by block on the stack.
BatchCounts mark_to_market(const PositionRow* rows, std::size_t count, MoneyWords* unrealised_e18,
                           SimdLevel level) noexcept;

}  // namespace gateway::valuation
