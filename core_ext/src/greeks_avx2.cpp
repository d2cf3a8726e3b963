// Option values with AVX2, four rows at a time. Compiled with its own flags and into its own
// section; the arithmetic is greeks_kernel.hpp, the lanes have no linkage, so that no other code
// can lean on them.
#include <immintrin.h>

#include "gateway_core/valuation/greeks_kernel.hpp"

namespace gateway::valuation {
namespace {

struct Lanes {
  using F = __m256d;
  typedef unsigned long long Bits __attribute__((vector_size(32)));
  static constexpr std::size_t kLanes = 4;

  GATEWAY_IN_LANES static F all(double value) noexcept { return _mm256_set1_pd(value); }
  GATEWAY_IN_LANES static Bits all_bits(unsigned long long value) noexcept {
    return Bits{} + value;
  }
  GATEWAY_IN_LANES static F load(const double* from) noexcept { return _mm256_loadu_pd(from); }
  GATEWAY_IN_LANES static void store(double* to, F value) noexcept { _mm256_storeu_pd(to, value); }
  GATEWAY_IN_LANES static F square_root(F value) noexcept { return _mm256_sqrt_pd(value); }
  GATEWAY_IN_LANES static Bits bits(F value) noexcept { return (Bits)value; }
  GATEWAY_IN_LANES static F from_bits(Bits value) noexcept { return (F)value; }
  template <typename Mask>
  GATEWAY_IN_LANES static F select(Mask mask, F yes, F no) noexcept {
    return mask ? yes : no;
  }
};

}  // namespace

__attribute__((section("gateway_avx2"))) void greeks_block_avx2(const OptionBlock& block,
                                                                const GreekColumns& out,
                                                                bool is_black_76) noexcept {
  if (is_black_76) {
    kernel::value_rows<Lanes, true>(block, out, kOptionRows);
  } else {
    kernel::value_rows<Lanes, false>(block, out, kOptionRows);
  }
}

}  // namespace gateway::valuation
