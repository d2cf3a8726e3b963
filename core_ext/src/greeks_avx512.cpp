// Option values with AVX-512 (F and DQ), eight rows at a time. Compiled with its own flags; the
// arithmetic is greeks_kernel.hpp, the lanes have no linkage, so that no other code can lean on
// them.
#include <immintrin.h>

#include "gateway_core/valuation/greeks_kernel.hpp"

namespace gateway::valuation {
namespace {

struct Lanes {
  using F = __m512d;
  typedef unsigned long long Bits __attribute__((vector_size(64)));
  static constexpr std::size_t kLanes = 8;

  GATEWAY_IN_LANES static F all(double value) noexcept { return _mm512_set1_pd(value); }
  GATEWAY_IN_LANES static Bits all_bits(unsigned long long value) noexcept {
    return Bits{} + value;
  }
  GATEWAY_IN_LANES static F load(const double* from) noexcept { return _mm512_loadu_pd(from); }
  GATEWAY_IN_LANES static void store(double* to, F value) noexcept { _mm512_storeu_pd(to, value); }
  GATEWAY_IN_LANES static F square_root(F value) noexcept { return _mm512_sqrt_pd(value); }
  GATEWAY_IN_LANES static Bits bits(F value) noexcept { return (Bits)value; }
  GATEWAY_IN_LANES static F from_bits(Bits value) noexcept { return (F)value; }
  template <typename Mask>
  GATEWAY_IN_LANES static F select(Mask mask, F yes, F no) noexcept {
    return mask ? yes : no;
  }
};

}  // namespace

__attribute__((section("gateway_avx512"))) void greeks_block_avx512(const OptionBlock& block,
                                                                    const GreekColumns& out,
                                                                    bool is_black_76) noexcept {
  if (is_black_76) {
    kernel::value_rows<Lanes, true>(block, out, kOptionRows);
  } else {
    kernel::value_rows<Lanes, false>(block, out, kOptionRows);
  }
}

}  // namespace gateway::valuation
