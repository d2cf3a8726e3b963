// One block of options and the kernels that value it, one source file per instruction set.
// Declarations and plain data only, for the reason batch_block.hpp gives.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gateway::valuation {

inline constexpr std::size_t kOptionRows = 64;

struct OptionColumns {
  const double* spot;
  const double* strike;
  const double* years;
  const double* volatility;
  const double* rate;
  const double* carry;
  const std::uint8_t* is_call;  // 0 or 1
};

struct GreekColumns {
  double* price;
  double* delta;
  double* gamma;
  double* vega;
  double* theta;
  double* rho;
};

/// kOptionRows options whose sides are +1 (call) or -1 (put).
struct OptionBlock {
  const double* spot;
  const double* strike;
  const double* years;
  const double* volatility;
  const double* rate;
  const double* carry;
  const double* side;
  double day;  // of a year
};

/// Value a whole block. Call only where the processor has the set.
void greeks_block_avx2(const OptionBlock& block, const GreekColumns& out,
                       bool is_black_76) noexcept;
void greeks_block_avx512(const OptionBlock& block, const GreekColumns& out,
                         bool is_black_76) noexcept;

}  // namespace gateway::valuation
