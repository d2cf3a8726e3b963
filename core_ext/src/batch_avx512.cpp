// Batch valuation with AVX-512 (F and DQ), eight rows at a time. Compiled with its own flags and
// into its own section; includes nothing inline, so that no other code can lean on these
// instructions.
#include <immintrin.h>

#include "gateway_core/valuation/batch_block.hpp"

#define GATEWAY_KERNEL __attribute__((section("gateway_avx512")))

namespace gateway::valuation {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::size_t kLanes = 8;

/// 10^(18 - scale) for scale 0..18, then zeros up to three vectors.
alignas(64) constexpr std::uint64_t kPowers[24] = {1000000000000000000,
                                                   100000000000000000,
                                                   10000000000000000,
                                                   1000000000000000,
                                                   100000000000000,
                                                   10000000000000,
                                                   1000000000000,
                                                   100000000000,
                                                   10000000000,
                                                   1000000000,
                                                   100000000,
                                                   10000000,
                                                   1000000,
                                                   100000,
                                                   10000,
                                                   1000,
                                                   100,
                                                   10,
                                                   1};

/// Largest magnitude in a column whose smallest and largest values these are.
GATEWAY_KERNEL inline Wide magnitude_of(__m512i smallest, __m512i largest) noexcept {
  const std::int64_t low = _mm512_reduce_min_epi64(smallest);
  const std::int64_t high = _mm512_reduce_max_epi64(largest);
  const std::uint64_t below = low < 0 ? 0 - static_cast<std::uint64_t>(low) : 0;
  const std::uint64_t above = high > 0 ? static_cast<std::uint64_t>(high) : 0;
  return below > above ? below : above;
}

/// Kinds 1, 2 and 4 (not inverse), scales 0..18.
GATEWAY_KERNEL inline bool are_linear(const Block& block) noexcept {
  const __m256i kind_max = _mm256_set1_epi8(4);
  const __m256i inverse = _mm256_set1_epi8(3);
  const __m256i scale_max = _mm256_set1_epi8(18);
  __m256i wrong = _mm256_setzero_si256();
  for (std::size_t i = 0; i < kBlockRows; i += 32) {
    const __m256i kind = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.kind + i));
    const __m256i scale = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.scale + i));
    wrong = _mm256_or_si256(wrong, _mm256_subs_epu8(kind, kind_max));
    wrong = _mm256_or_si256(wrong, _mm256_cmpeq_epi8(kind, inverse));
    wrong = _mm256_or_si256(wrong, _mm256_cmpeq_epi8(kind, _mm256_setzero_si256()));
    wrong = _mm256_or_si256(wrong, _mm256_subs_epu8(scale, scale_max));
  }
  return _mm256_testz_si256(wrong, wrong) != 0;
}

GATEWAY_KERNEL bool fits_64_bits(const Block& block) noexcept {
  const __m512i bias = _mm512_set1_epi64(std::int64_t{1} << 62);
  __m512i quantity_min = _mm512_setzero_si512();
  __m512i quantity_max = _mm512_setzero_si512();
  __m512i mark_min = _mm512_setzero_si512();
  __m512i mark_max = _mm512_setzero_si512();
  __m512i multiplier_min = _mm512_set1_epi64(INT64_MAX);
  __m512i multiplier_max = _mm512_setzero_si512();
  __m512i cost_outside = _mm512_setzero_si512();
  for (std::size_t i = 0; i < kBlockRows; i += kLanes) {
    const __m512i quantity = _mm512_loadu_si512(block.quantity + i);
    const __m512i mark = _mm512_loadu_si512(block.mark + i);
    const __m512i multiplier = _mm512_loadu_si512(block.multiplier + i);
    quantity_min = _mm512_min_epi64(quantity_min, quantity);
    quantity_max = _mm512_max_epi64(quantity_max, quantity);
    mark_min = _mm512_min_epi64(mark_min, mark);
    mark_max = _mm512_max_epi64(mark_max, mark);
    multiplier_min = _mm512_min_epi64(multiplier_min, multiplier);
    multiplier_max = _mm512_max_epi64(multiplier_max, multiplier);
    // -2^62 <= high word < 2^62 exactly when this sum has no sign bit.
    const __m512i first = _mm512_loadu_si512(block.cost_e18 + i);
    const __m512i second = _mm512_loadu_si512(block.cost_e18 + i + 4);
    const __m512i high = _mm512_unpackhi_epi64(first, second);
    cost_outside = _mm512_or_si512(cost_outside, _mm512_add_epi64(high, bias));
  }
  if (_mm512_movepi64_mask(cost_outside) != 0) return false;
  if (_mm512_reduce_min_epi64(multiplier_min) <= 0) return false;
  // Each factor is at most 2^63, so the first product fits 126 bits; the second one is a division.
  const Wide product = magnitude_of(quantity_min, quantity_max) * magnitude_of(mark_min, mark_max);
  const auto most = static_cast<std::uint64_t>(_mm512_reduce_max_epi64(multiplier_max));
  return product <= static_cast<std::uint64_t>(INT64_MAX) / most;
}

GATEWAY_KERNEL inline __m512i powers_of(const std::uint8_t* scale) noexcept {
  const __m512i index =
      _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(scale)));
  const __m512i fine =
      _mm512_permutex2var_epi64(_mm512_load_si512(kPowers), index, _mm512_load_si512(kPowers + 8));
  const __mmask8 is_coarse = _mm512_cmpgt_epu64_mask(index, _mm512_set1_epi64(15));
  return _mm512_mask_permutexvar_epi64(fine, is_coarse, index, _mm512_load_si512(kPowers + 16));
}

/// Eight signed 64-bit numbers times eight powers below 2^60, as words of 128 bits.
GATEWAY_KERNEL inline void multiply_128(__m512i worth, __m512i power, __m512i& low,
                                        __m512i& high) noexcept {
  const __m512i half = _mm512_set1_epi64(0xFFFFFFFF);
  const __m512i worth_high = _mm512_srli_epi64(worth, 32);
  const __m512i power_high = _mm512_srli_epi64(power, 32);
  const __m512i low_low = _mm512_mul_epu32(worth, power);
  const __m512i middle =
      _mm512_add_epi64(_mm512_mul_epu32(worth_high, power), _mm512_srli_epi64(low_low, 32));
  const __m512i cross =
      _mm512_add_epi64(_mm512_mul_epu32(worth, power_high), _mm512_and_si512(middle, half));
  high = _mm512_add_epi64(
      _mm512_mul_epu32(worth_high, power_high),
      _mm512_add_epi64(_mm512_srli_epi64(middle, 32), _mm512_srli_epi64(cross, 32)));
  low = _mm512_or_si512(_mm512_slli_epi64(cross, 32), _mm512_and_si512(low_low, half));
  // A negative number was read as itself + 2^64, which put 2^64 times the power too much in.
  high = _mm512_mask_sub_epi64(high, _mm512_movepi64_mask(worth), high, power);
}

GATEWAY_KERNEL inline void value_group(const Block& block, std::size_t i,
                                       MoneyWords* unrealised_e18) noexcept {
  const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
  const __m512i odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
  const __m512i quantity = _mm512_loadu_si512(block.quantity + i);
  const __m512i worth =
      _mm512_mullo_epi64(_mm512_mullo_epi64(quantity, _mm512_loadu_si512(block.mark + i)),
                         _mm512_loadu_si512(block.multiplier + i));
  __m512i low;
  __m512i high;
  multiply_128(worth, powers_of(block.scale + i), low, high);
  const __m512i first = _mm512_loadu_si512(block.cost_e18 + i);
  const __m512i second = _mm512_loadu_si512(block.cost_e18 + i + 4);
  const __m512i cost_low = _mm512_permutex2var_epi64(first, even, second);
  const __m512i cost_high = _mm512_permutex2var_epi64(first, odd, second);
  const __mmask8 borrows = _mm512_cmplt_epu64_mask(low, cost_low);
  high = _mm512_sub_epi64(high, cost_high);
  high = _mm512_mask_sub_epi64(high, borrows, high, _mm512_set1_epi64(1));
  const __mmask8 is_held = _mm512_test_epi64_mask(quantity, quantity);
  low = _mm512_maskz_sub_epi64(is_held, low, cost_low);
  high = _mm512_maskz_mov_epi64(is_held, high);
  const __m512i front = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
  const __m512i back = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
  _mm512_storeu_si512(unrealised_e18 + i, _mm512_permutex2var_epi64(low, front, high));
  _mm512_storeu_si512(unrealised_e18 + i + 4, _mm512_permutex2var_epi64(low, back, high));
}

}  // namespace

GATEWAY_KERNEL bool value_block_avx512(const Block& block, MoneyWords* unrealised_e18) noexcept {
  if (!are_linear(block) || !fits_64_bits(block)) return false;
  for (std::size_t i = 0; i < kBlockRows; i += kLanes) value_group(block, i, unrealised_e18);
  return true;
}

}  // namespace gateway::valuation
