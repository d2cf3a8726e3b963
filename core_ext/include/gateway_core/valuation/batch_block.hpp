// One block of positions and the kernels that value it, one source file per instruction set.
// Declarations and plain data only: those files are compiled for processors that may be absent, so
// nothing inline that another file could end up calling may ever stand here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gateway {

/// Money as two machine words, at 10^-18; aligned to 8 bytes like every column.
struct MoneyWords {
  std::uint64_t low;
  std::int64_t high;
};

namespace valuation {

/// Rows of one block. Small, so that one wild row sends few others to the exact path.
inline constexpr std::size_t kBlockRows = 64;

/// Columns of kBlockRows positions (batch.hpp says what each holds).
struct Block {
  const std::int64_t* quantity;
  const std::int64_t* mark;
  const std::int64_t* multiplier;
  const MoneyWords* cost_e18;
  const std::uint8_t* scale;
  const std::uint8_t* kind;
};

/// Values the whole block, or returns false and writes nothing: it is not proved to fit 64 bits.
/// The proof: docs/concepts/simd_valuation.md. Call only where the processor has the set.
bool value_block_avx2(const Block& block, MoneyWords* unrealised_e18) noexcept;
bool value_block_avx512(const Block& block, MoneyWords* unrealised_e18) noexcept;

}  // namespace valuation
}  // namespace gateway
