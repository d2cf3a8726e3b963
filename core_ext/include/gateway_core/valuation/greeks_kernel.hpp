// The arithmetic of option values, written once for any number of lanes: +, -, x, /, square root
// and selection, all of them exact to half a unit on every processor, in one order, never fused.
// So every instruction set gives the same bits. Included by one source file per set, each with a
// Lanes type of its own without linkage; nothing here may become code that two files share.
#pragma once

#include "gateway_core/valuation/greeks_block.hpp"

/// Always part of the kernel that calls it, and so in that kernel's own section.
#define GATEWAY_IN_LANES __attribute__((always_inline)) inline

namespace gateway::valuation::kernel {

inline constexpr double kLog2E = 1.4426950408889634;
inline constexpr double kLn2High = 0x1.62e42fefa38p-1;  // its last bits are 0: n x high is exact
inline constexpr double kLn2Low = 0x1.ef35793c7673p-45;
inline constexpr double kMagic = 0x1.8p52;  // x + magic has round(x) in its last bits
inline constexpr double kInverseSqrt2Pi = 0.3989422804014327;
inline constexpr double kSqrtHalf = 0.7071067811865476;
inline constexpr double kSqrt2 = 1.4142135623730951;
inline constexpr double kDepth = 40.0;  // beyond it a normal probability is 0 or 1
inline constexpr double kFlat = 1e-30;  // less total volatility than this is none

/// e^x to 1 unit in the last place for |x| <= 700, 0 below.
template <typename L>
GATEWAY_IN_LANES typename L::F exponential(typename L::F x) noexcept {
  using F = typename L::F;
  const F low = L::all(-700.0);
  const F high = L::all(700.0);
  const F inside = L::select(x < low, low, L::select(x > high, high, x));
  const F shifted = inside * L::all(kLog2E) + L::all(kMagic);
  const F n = shifted - L::all(kMagic);
  const F r = (inside - n * L::all(kLn2High)) - n * L::all(kLn2Low);
  // Taylor, 1/k!: |r| <= ln 2 / 2, so the first term left out is below 4e-18.
  F p = L::all(1.6059043836821613e-10);
  p = p * r + L::all(2.08767569878681e-09);
  p = p * r + L::all(2.505210838544172e-08);
  p = p * r + L::all(2.755731922398589e-07);
  p = p * r + L::all(2.7557319223985893e-06);
  p = p * r + L::all(2.48015873015873e-05);
  p = p * r + L::all(0.0001984126984126984);
  p = p * r + L::all(0.001388888888888889);
  p = p * r + L::all(0.008333333333333333);
  p = p * r + L::all(0.041666666666666664);
  p = p * r + L::all(0.16666666666666666);
  p = p * r + L::all(0.5);
  p = L::all(1.0) + (r + r * r * p);
  const F power = L::from_bits((L::bits(shifted) << 52) + L::bits(L::all(1.0)));
  return L::select(x < low, L::all(0.0), p * power);
}

/// ln x to 2 units in the last place for positive normal x.
template <typename L>
GATEWAY_IN_LANES typename L::F logarithm(typename L::F x) noexcept {
  using F = typename L::F;
  const auto bits = L::bits(x);
  const auto mantissa_bits = (bits & L::all_bits(0x000FFFFFFFFFFFFF)) | L::bits(L::all(1.0));
  F m = L::from_bits(mantissa_bits);
  const auto exponent_bits = (bits >> 52) + L::bits(L::all(kMagic));
  F e = L::from_bits(exponent_bits) - L::all(kMagic + 1023.0);
  const auto is_upper = m > L::all(kSqrt2);
  m = L::select(is_upper, m * L::all(0.5), m);
  e = L::select(is_upper, e + L::all(1.0), e);
  const F s = (m - L::all(1.0)) / (m + L::all(1.0));
  const F z = s * s;
  // 2 artanh s: |s| <= 0.1716, so the first term left out is below 1e-20.
  F p = L::all(2.0 / 25.0);
  p = p * z + L::all(2.0 / 23.0);
  p = p * z + L::all(2.0 / 21.0);
  p = p * z + L::all(2.0 / 19.0);
  p = p * z + L::all(2.0 / 17.0);
  p = p * z + L::all(2.0 / 15.0);
  p = p * z + L::all(2.0 / 13.0);
  p = p * z + L::all(2.0 / 11.0);
  p = p * z + L::all(2.0 / 9.0);
  p = p * z + L::all(2.0 / 7.0);
  p = p * z + L::all(2.0 / 5.0);
  p = p * z + L::all(2.0 / 3.0);
  return e * L::all(kLn2High) + ((s + s) + (s * (z * p) + e * L::all(kLn2Low)));
}

/// e^(x^2) erfc(x) for x >= 0, relative error below 5e-16: a polynomial in (x - 3.75) / (x + 3.75)
/// for (1 + 2x) of it, fitted to 60 digits at Chebyshev points.
template <typename L>
GATEWAY_IN_LANES typename L::F scaled_erfc(typename L::F x) noexcept {
  using F = typename L::F;
  constexpr double kTerms[] = {
      1.2375126308378275,      -0.14024059858554702,   0.00358541548546369,
      0.08227673849015102,     -0.10880393014170746,   0.09230432116019834,
      -0.05869339859054762,    0.0283622774215156,     -0.009746579547619623,
      0.0017556258324217529,   0.00029371359480570737, -0.00029015397928986765,
      5.164940777546399e-05,   2.2383912036550678e-05, -1.1445049125831309e-05,
      -9.72849582211122e-07,   1.7534434251106334e-06, -5.826281078800777e-08,
      -2.6114702359900956e-07, 2.4289762925488707e-08, 4.0971223152703005e-08,
      -4.389284159986328e-09,  -6.545560212480267e-09, 5.457157304704688e-10,
      9.02214970034059e-10,    -3.75315827795962e-11,  -7.33950500852954e-11};
  const F t = (x - L::all(3.75)) / (x + L::all(3.75));
  F p = L::all(kTerms[26]);
  for (int i = 25; i >= 0; --i) p = p * t + L::all(kTerms[i]);
  return p / (L::all(1.0) + (x + x));
}

/// Probability below d of the normal law. `bell` is e^(-d^2/2). Absolute error below 3e-16.
template <typename L>
GATEWAY_IN_LANES typename L::F normal_below(typename L::F d, typename L::F bell) noexcept {
  using F = typename L::F;
  const F size = L::select(d < L::all(0.0), -d, d);
  const F tail = L::all(0.5) * bell * scaled_erfc<L>(size * L::all(kSqrtHalf));
  return L::select(d < L::all(0.0), tail, L::all(1.0) - tail);
}

template <typename L>
GATEWAY_IN_LANES typename L::F clamp_depth(typename L::F d) noexcept {
  const auto low = L::select(d < L::all(-kDepth), L::all(-kDepth), d);
  return L::select(low > L::all(kDepth), L::all(kDepth), low);
}

template <typename L>
struct Values {
  using F = typename L::F;
  F price, delta, gamma, vega, theta, rho;
};

/// L::kLanes options at once; rows whose terms are not allowed hold NaN.
template <typename L, bool kIsBlack76>
GATEWAY_IN_LANES Values<L> value_lanes(const OptionBlock& in, std::size_t at) noexcept {
  using F = typename L::F;
  const F zero = L::all(0.0);
  const F one = L::all(1.0);
  const F spot = L::load(in.spot + at);
  const F strike = L::load(in.strike + at);
  const F years = L::load(in.years + at);
  const F volatility = L::load(in.volatility + at);
  const F rate = L::load(in.rate + at);
  const F carry = kIsBlack76 ? rate : L::load(in.carry + at);
  const F side = L::load(in.side + at);
  const F growth = rate * years;
  const F yield = carry * years;
  const F least = L::all(1e-100);
  const F most = L::all(1e100);
  const F span = L::all(200.0);
  const auto is_allowed = (spot >= least) & (spot <= most) & (strike >= least) & (strike <= most) &
                          (years >= zero) & (years <= L::all(1000.0)) & (volatility >= zero) &
                          (volatility <= L::all(100.0)) & (growth >= -span) & (growth <= span) &
                          (yield >= -span) & (yield <= span);
  const F root = L::square_root(years);
  const F total = volatility * root;
  const auto is_flat = total < L::all(kFlat);
  const F divisor = L::select(is_flat, one, total);
  const F discount = exponential<L>(-growth);
  const F retained = kIsBlack76 ? discount : exponential<L>(-yield);
  const F moneyness = logarithm<L>(L::select(is_allowed, spot / strike, one)) + (growth - yield);
  const F sign = L::select(moneyness > zero, L::all(kDepth),
                           L::select(moneyness < zero, L::all(-kDepth), zero));
  const F first = L::select(is_flat, sign, moneyness / divisor + L::all(0.5) * total);
  const F d1 = clamp_depth<L>(first);
  const F d2 = clamp_depth<L>(first - total);
  const F bell1 = exponential<L>(L::all(-0.5) * (d1 * d1));
  const F bell2 = exponential<L>(L::all(-0.5) * (d2 * d2));
  const F n1 = normal_below<L>(side * d1, bell1);
  const F n2 = normal_below<L>(side * d2, bell2);
  const F asset = spot * retained;
  const F cash = strike * discount;
  const F density = L::all(kInverseSqrt2Pi) * bell1;
  const F worth = side * (asset * n1 - cash * n2);
  const F nothing = L::all(__builtin_nan(""));
  Values<L> out;
  out.price = L::select(worth < zero, zero, worth);
  out.delta = side * (retained * n1);
  out.gamma = L::select(is_flat, zero, retained * density / (spot * divisor));
  out.vega = L::all(0.01) * (asset * density * root);
  const F rooted = L::select(is_flat, one, root);
  const F spread = L::select(is_flat, zero, asset * density * volatility / (rooted + rooted));
  const F held = side * (carry * asset * n1 - rate * cash * n2);
  out.theta = L::all(in.day) * (held - spread);
  out.rho = L::all(0.01) * (kIsBlack76 ? -(years * out.price) : side * (cash * years * n2));
  out.price = L::select(is_allowed, out.price, nothing);
  out.delta = L::select(is_allowed, out.delta, nothing);
  out.gamma = L::select(is_allowed, out.gamma, nothing);
  out.vega = L::select(is_allowed, out.vega, nothing);
  out.theta = L::select(is_allowed, out.theta, nothing);
  out.rho = L::select(is_allowed, out.rho, nothing);
  return out;
}

template <typename L, bool kIsBlack76>
GATEWAY_IN_LANES void value_rows(const OptionBlock& in, const GreekColumns& out,
                                 std::size_t rows) noexcept {
  for (std::size_t at = 0; at < rows; at += L::kLanes) {
    const Values<L> found = value_lanes<L, kIsBlack76>(in, at);
    L::store(out.price + at, found.price);
    L::store(out.delta + at, found.delta);
    L::store(out.gamma + at, found.gamma);
    L::store(out.vega + at, found.vega);
    L::store(out.theta + at, found.theta);
    L::store(out.rho + at, found.rho);
  }
}

}  // namespace gateway::valuation::kernel
