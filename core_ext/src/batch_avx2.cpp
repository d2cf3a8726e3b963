// Batch valuation with AVX2, four rows at a time. Compiled with its own flags and into its own
// section; includes nothing inline, so that no other code can lean on these instructions.
#include <immintrin.h>

#include "gateway_core/valuation/batch_block.hpp"

#define GATEWAY_KERNEL __attribute__((section("gateway_avx2")))

namespace gateway::valuation {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::size_t kLanes = 4;

/// 10^(18 - scale) for scale 0..18.
constexpr long long kPowers[19] = {1000000000000000000,
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

GATEWAY_KERNEL inline __m256i load(const void* from) noexcept {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
GATEWAY_KERNEL inline __m256i smaller(__m256i a, __m256i b) noexcept {
  return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b));
}
GATEWAY_KERNEL inline __m256i larger(__m256i a, __m256i b) noexcept {
  return _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b));
}

/// Smallest and largest value of a column so far.
struct Extent {
  __m256i smallest;
  __m256i largest;
  GATEWAY_KERNEL void take(__m256i values) noexcept {
    smallest = smaller(smallest, values);
    largest = larger(largest, values);
  }
  [[nodiscard]] GATEWAY_KERNEL std::int64_t lowest() const noexcept {
    alignas(32) std::int64_t lanes[kLanes];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), smallest);
    std::int64_t least = lanes[0];
    for (std::size_t i = 1; i < kLanes; ++i) least = lanes[i] < least ? lanes[i] : least;
    return least;
  }
  [[nodiscard]] GATEWAY_KERNEL std::int64_t highest() const noexcept {
    alignas(32) std::int64_t lanes[kLanes];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), largest);
    std::int64_t most = lanes[0];
    for (std::size_t i = 1; i < kLanes; ++i) most = lanes[i] > most ? lanes[i] : most;
    return most;
  }
  [[nodiscard]] GATEWAY_KERNEL Wide magnitude() const noexcept {
    const std::int64_t low = lowest();
    const std::int64_t high = highest();
    const std::uint64_t below = low < 0 ? 0 - static_cast<std::uint64_t>(low) : 0;
    const std::uint64_t above = high > 0 ? static_cast<std::uint64_t>(high) : 0;
    return below > above ? below : above;
  }
};

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

/// x without its sign: x itself, or -x - 1. A set bit of it says that |x| reaches that far.
GATEWAY_KERNEL inline __m256i without_sign(__m256i values) noexcept {
  return _mm256_xor_si256(values, _mm256_cmpgt_epi64(_mm256_setzero_si256(), values));
}
/// Bits that any lane needs, 0..64.
GATEWAY_KERNEL inline int bits_of(__m256i lanes) noexcept {
  const __m128i half =
      _mm_or_si128(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  const auto all = static_cast<std::uint64_t>(_mm_cvtsi128_si64(half) | _mm_extract_epi64(half, 1));
  return all == 0 ? 0 : 64 - __builtin_clzll(all);
}

/// The quick proof: with a, b and c bits |quantity| <= 2^a, |mark| <= 2^b and multiplier <= 2^c, so
/// every product is at most 2^(a+b+c), and costs are within 2^126. Refuses some blocks that fit.
GATEWAY_KERNEL inline bool fits_by_bits(const Block& block) noexcept {
  const __m256i one = _mm256_set1_epi64x(1);
  const __m256i bias = _mm256_set1_epi64x(std::int64_t{1} << 62);
  __m256i quantity = _mm256_setzero_si256();
  __m256i mark = quantity;
  __m256i multiplier = quantity;
  __m256i cost = quantity;
  for (std::size_t i = 0; i < kBlockRows; i += kLanes) {
    quantity = _mm256_or_si256(quantity, without_sign(load(block.quantity + i)));
    mark = _mm256_or_si256(mark, without_sign(load(block.mark + i)));
    // A multiplier of zero or below leaves 63 or 64 bits, which never fit.
    multiplier = _mm256_or_si256(multiplier, _mm256_sub_epi64(load(block.multiplier + i), one));
    const __m256i high =
        _mm256_unpackhi_epi64(load(block.cost_e18 + i), load(block.cost_e18 + i + 2));
    cost = _mm256_or_si256(cost, _mm256_add_epi64(high, bias));
  }
  return _mm256_movemask_pd(_mm256_castsi256_pd(cost)) == 0 &&
         bits_of(quantity) + bits_of(mark) + bits_of(multiplier) <= 62;
}

/// The tight proof: largest |quantity| x largest |mark| x largest multiplier <= INT64_MAX.
GATEWAY_KERNEL bool fits_by_products(const Block& block) noexcept {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i bias = _mm256_set1_epi64x(std::int64_t{1} << 62);
  Extent quantity{zero, zero};
  Extent mark{zero, zero};
  Extent multiplier{_mm256_set1_epi64x(INT64_MAX), zero};
  __m256i cost_outside = zero;
  for (std::size_t i = 0; i < kBlockRows; i += kLanes) {
    quantity.take(load(block.quantity + i));
    mark.take(load(block.mark + i));
    multiplier.take(load(block.multiplier + i));
    // -2^62 <= high word < 2^62 exactly when this sum has no sign bit.
    const __m256i high =
        _mm256_unpackhi_epi64(load(block.cost_e18 + i), load(block.cost_e18 + i + 2));
    cost_outside = _mm256_or_si256(cost_outside, _mm256_add_epi64(high, bias));
  }
  if (_mm256_movemask_pd(_mm256_castsi256_pd(cost_outside)) != 0) return false;
  if (multiplier.lowest() <= 0) return false;
  // Each factor is at most 2^63, so the first product fits 126 bits; the second one is a division.
  const Wide product = quantity.magnitude() * mark.magnitude();
  const auto most = static_cast<std::uint64_t>(multiplier.highest());
  return product <= static_cast<std::uint64_t>(INT64_MAX) / most;
}

/// In the order of kInner below: rows 0, 2, 1, 3.
GATEWAY_KERNEL inline __m256i powers_of(const std::uint8_t* scale) noexcept {
  return _mm256_setr_epi64x(kPowers[scale[0]], kPowers[scale[2]], kPowers[scale[1]],
                            kPowers[scale[3]]);
}

/// Low 64 bits of the products.
GATEWAY_KERNEL inline __m256i multiply_64(__m256i a, __m256i b) noexcept {
  const __m256i cross = _mm256_mullo_epi32(a, _mm256_shuffle_epi32(b, 0xB1));
  const __m256i upper = _mm256_add_epi32(cross, _mm256_srli_epi64(cross, 32));
  return _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_slli_epi64(upper, 32));
}

/// Four signed 64-bit numbers times four powers below 2^60, as words of 128 bits.
GATEWAY_KERNEL inline void multiply_128(__m256i worth, __m256i power, __m256i& low,
                                        __m256i& high) noexcept {
  const __m256i half = _mm256_set1_epi64x(0xFFFFFFFF);
  const __m256i worth_high = _mm256_srli_epi64(worth, 32);
  const __m256i power_high = _mm256_srli_epi64(power, 32);
  const __m256i low_low = _mm256_mul_epu32(worth, power);
  const __m256i middle =
      _mm256_add_epi64(_mm256_mul_epu32(worth_high, power), _mm256_srli_epi64(low_low, 32));
  const __m256i cross =
      _mm256_add_epi64(_mm256_mul_epu32(worth, power_high), _mm256_and_si256(middle, half));
  high = _mm256_add_epi64(
      _mm256_mul_epu32(worth_high, power_high),
      _mm256_add_epi64(_mm256_srli_epi64(middle, 32), _mm256_srli_epi64(cross, 32)));
  low = _mm256_or_si256(_mm256_slli_epi64(cross, 32), _mm256_and_si256(low_low, half));
  // A negative number was read as itself + 2^64, which put 2^64 times the power too much in.
  const __m256i is_negative = _mm256_cmpgt_epi64(_mm256_setzero_si256(), worth);
  high = _mm256_sub_epi64(high, _mm256_and_si256(is_negative, power));
}

GATEWAY_KERNEL inline void value_lanes(const Block& block, std::size_t i,
                                       MoneyWords* unrealised_e18) noexcept {
  // As the unpacking of two rows at a time leaves the costs: rows 0, 2, 1, 3.
  constexpr int kInner = 0xD8;
  const __m256i quantity = load(block.quantity + i);
  const __m256i product =
      multiply_64(multiply_64(quantity, load(block.mark + i)), load(block.multiplier + i));
  __m256i low;
  __m256i high;
  multiply_128(_mm256_permute4x64_epi64(product, kInner), powers_of(block.scale + i), low, high);
  const __m256i flat =
      _mm256_permute4x64_epi64(_mm256_cmpeq_epi64(quantity, _mm256_setzero_si256()), kInner);
  const __m256i first = load(block.cost_e18 + i);
  const __m256i second = load(block.cost_e18 + i + 2);
  const __m256i cost_low = _mm256_unpacklo_epi64(first, second);
  const __m256i sign = _mm256_set1_epi64x(INT64_MIN);
  const __m256i borrows =
      _mm256_cmpgt_epi64(_mm256_xor_si256(cost_low, sign), _mm256_xor_si256(low, sign));
  low = _mm256_andnot_si256(flat, _mm256_sub_epi64(low, cost_low));
  high = _mm256_sub_epi64(high, _mm256_unpackhi_epi64(first, second));
  high = _mm256_andnot_si256(flat, _mm256_add_epi64(high, borrows));
  auto* out = reinterpret_cast<__m256i*>(unrealised_e18 + i);
  _mm256_storeu_si256(out, _mm256_unpacklo_epi64(low, high));
  _mm256_storeu_si256(out + 1, _mm256_unpackhi_epi64(low, high));
}

}  // namespace

GATEWAY_KERNEL bool value_block_avx2(const Block& block, MoneyWords* unrealised_e18) noexcept {
  if (!are_linear(block)) return false;
  if (!fits_by_bits(block) && !fits_by_products(block)) return false;
  for (std::size_t i = 0; i < kBlockRows; i += kLanes) value_lanes(block, i, unrealised_e18);
  return true;
}

}  // namespace gateway::valuation
