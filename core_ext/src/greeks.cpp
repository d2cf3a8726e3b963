// Option values on every processor: the one-lane kernel, the choice of a wider one, implied
// volatility and the binomial tree. The compiler may not fuse products and sums here.
#include "gateway_core/valuation/greeks.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "gateway_core/valuation/greeks_kernel.hpp"

namespace gateway::valuation {
namespace {

/// One lane: what every wider one must agree with, bit by bit.
struct Lanes {
  using F = double;
  static constexpr std::size_t kLanes = 1;

  static F all(double value) noexcept { return value; }
  static std::uint64_t all_bits(std::uint64_t value) noexcept { return value; }
  static F load(const double* from) noexcept { return *from; }
  static void store(double* to, F value) noexcept { *to = value; }
  static F square_root(F value) noexcept { return std::sqrt(value); }
  static std::uint64_t bits(F value) noexcept { return std::bit_cast<std::uint64_t>(value); }
  static F from_bits(std::uint64_t value) noexcept { return std::bit_cast<double>(value); }
  static F select(bool mask, F yes, F no) noexcept { return mask ? yes : no; }
};

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Greeks kNoGreeks{kNaN, kNaN, kNaN, kNaN, kNaN, kNaN};
constexpr int kIterationsMax = 100;
constexpr double kVolatilityMax = 100.0;

Greeks value_one(const OptionTerms& terms, PricingModel model, double days_per_year) noexcept {
  const double side = terms.is_call ? 1.0 : -1.0;
  const OptionBlock in{&terms.spot, &terms.strike, &terms.years, &terms.volatility,
                       &terms.rate, &terms.carry,  &side,        1.0 / days_per_year};
  const auto found = model == PricingModel::kBlack76 ? kernel::value_lanes<Lanes, true>(in, 0)
                                                     : kernel::value_lanes<Lanes, false>(in, 0);
  return {found.price, found.delta, found.gamma, found.vega, found.theta, found.rho};
}

using Kernel = void (*)(const OptionBlock&, const GreekColumns&, bool) noexcept;

void greeks_block_scalar(const OptionBlock& block, const GreekColumns& out,
                         bool is_black_76) noexcept {
  if (is_black_76) {
    kernel::value_rows<Lanes, true>(block, out, kOptionRows);
  } else {
    kernel::value_rows<Lanes, false>(block, out, kOptionRows);
  }
}

Kernel kernel_of(SimdLevel level) noexcept {
#if defined(__x86_64__)
  if (level == SimdLevel::kAvx2) return &greeks_block_avx2;
  if (level == SimdLevel::kAvx512) return &greeks_block_avx512;
#endif
  (void)level;
  return &greeks_block_scalar;
}

GreekColumns from(const GreekColumns& all, std::size_t at) noexcept {
  return {all.price + at, all.delta + at, all.gamma + at,
          all.vega + at,  all.theta + at, all.rho + at};
}

/// A block of its own memory for the last rows, filled up with rows that have no value.
struct OwnOptions {
  double in[6][kOptionRows] = {};
  double out[6][kOptionRows];

  void take(const OptionColumns& options, std::size_t at, std::size_t rows) noexcept {
    const double* columns[6] = {options.spot,       options.strike, options.years,
                                options.volatility, options.rate,   options.carry};
    for (int i = 0; i < 6; ++i) std::copy_n(columns[i] + at, rows, in[i]);
  }
  [[nodiscard]] GreekColumns columns() noexcept {
    return {out[0], out[1], out[2], out[3], out[4], out[5]};
  }
  void give(const GreekColumns& to, std::size_t rows) const noexcept {
    double* columns[6] = {to.price, to.delta, to.gamma, to.vega, to.theta, to.rho};
    for (int i = 0; i < 6; ++i) std::copy_n(out[i], rows, columns[i]);
  }
};

// ---- implied volatility ------------------------------------------------------------------------

/// An option out of the money whose price is measured in the geometric mean of what is exchanged:
/// b(s) with the log distance x >= 0 of the forward to the strike and total volatility s.
struct Normalised {
  double x;

  [[nodiscard]] double value(double s) const noexcept {
    const double h = -x / s;
    const double t = 0.5 * s;
    const double upper = h + t;
    const double lower = h - t;
    if (upper > 0.0) {
      return std::exp(-0.5 * x) * below(upper) - std::exp(0.5 * x) * below(lower);
    }
    // Both probabilities are small: their common bell leaves the difference its digits.
    const double bell = std::exp(-0.5 * (h * h + t * t));
    return 0.5 * bell *
           (kernel::scaled_erfc<Lanes>(-upper * kernel::kSqrtHalf) -
            kernel::scaled_erfc<Lanes>(-lower * kernel::kSqrtHalf));
  }
  [[nodiscard]] double slope(double s) const noexcept {
    const double h = x / s;
    return kernel::kInverseSqrt2Pi * std::exp(-0.5 * (h * h + 0.25 * s * s));
  }
  /// Slope of the slope, over the slope.
  [[nodiscard]] double bend(double s) const noexcept { return x * x / (s * s * s) - 0.25 * s; }

 private:
  static double below(double d) noexcept {
    return kernel::normal_below<Lanes>(d, std::exp(-0.5 * d * d));
  }
};

/// A first guess: Corrado and Miller's near the money, the leading term of ln b far from it.
double guess_of(double x, double target) noexcept {
  const double forward = std::exp(-0.5 * x);
  const double strike = std::exp(0.5 * x);
  const double excess = target + 0.5 * (strike - forward);
  const double inside = excess * excess - (strike - forward) * (strike - forward) / M_PI;
  if (inside >= 0.0) {
    return std::sqrt(2.0 * M_PI) / (forward + strike) * (excess + std::sqrt(inside));
  }
  return x / std::sqrt(-2.0 * std::log(target));
}

/// Halley's step on ln b: short where b is tiny, and as good as Newton's where it is not.
double step_of(const Normalised& option, double s, double value, double target) noexcept {
  const double part = option.slope(s) / value;
  const double newton = -std::log(value / target) / part;
  const double curve = 0.5 * newton * (option.bend(s) - part);
  return newton / (curve > -0.5 ? 1.0 + curve : 0.5);
}

struct Solution {
  double total;
  int iterations;
  bool is_found;
};

Solution solve(const Normalised& option, double target) noexcept {
  double low = 0.0;
  double high = std::max(std::sqrt(2.0 * option.x), 1.0);
  while (option.value(high) < target) {
    if (high > 128.0) return {kNaN, 0, false};
    low = high;
    high *= 2.0;
  }
  double s = guess_of(option.x, target);
  for (int i = 1; i <= kIterationsMax; ++i) {
    if (!(s > low && s < high)) s = 0.5 * (low + high);
    const double value = option.value(s);
    (value < target ? low : high) = s;
    if (value == target || high - low <= 2e-16 * high) return {s, i, true};
    const double next = value > 0.0 ? s + step_of(option, s, value, target) : kNaN;
    // Nearer than the rounding in value(), of the bell and of a difference that is as small as
    // s: more steps would walk at random.
    const double exponent = option.x * option.x / (s * s) + 0.25 * s * s;
    const double rounding = 2.5e-16 * (8.0 + exponent + 4.0 / s);
    if (std::abs(value - target) <= rounding * target || std::abs(next - s) <= 1e-15 * s) {
      return {next > low && next < high ? next : s, i, true};
    }
    s = next;
  }
  return {s, kIterationsMax, high - low <= 1e-12 * high};
}

// ---- American exercise -------------------------------------------------------------------------

constexpr int kStepsMax = 2001;

/// Values now at three prices of the asset around the spot.
struct Three {
  double price[3];
  double american[3];
  double european[3];
};

/// Peizer and Pratt's inversion: the probability of a binomial law of n steps that lies below z.
double inverted(double z, int n) noexcept {
  const double steps = n;
  const double scaled = z / (steps + 1.0 / 3.0 + 0.1 / (steps + 1.0));
  const double inside = 1.0 - std::exp(-scaled * scaled * (steps + 1.0 / 6.0));
  return 0.5 + std::copysign(0.5 * std::sqrt(inside), z);
}

struct Tree {
  double up, down, probability, discount;
  bool is_usable;
};

/// Leisen and Reimer's tree; where its probabilities are 0 or 1, Cox, Ross and Rubinstein's.
Tree tree_of(const OptionTerms& terms, int n) noexcept {
  const double step = terms.years / n;
  const double total = terms.volatility * std::sqrt(terms.years);
  const double drift = terms.rate - terms.carry;
  const double d2 =
      (std::log(terms.spot / terms.strike) + drift * terms.years) / total - 0.5 * total;
  const double p = inverted(d2, n);
  const double q = inverted(d2 + total, n);
  const double discount = std::exp(-terms.rate * step);
  if (p > 1e-6 && p < 1.0 - 1e-6 && q > 1e-6 && q < 1.0 - 1e-6) {
    const double growth = std::exp(drift * step);
    return {growth * q / p, growth * (1.0 - q) / (1.0 - p), p, discount, true};
  }
  const double up = std::exp(terms.volatility * std::sqrt(step));
  const double odds = (std::exp(drift * step) - 1.0 / up) / (up - 1.0 / up);
  return {up, 1.0 / up, odds, discount, odds > 0.0 && odds < 1.0};
}

/// Walks the tree back to now. It begins two steps before now, so that three nodes lie there.
Three walk(const OptionTerms& terms, int n, const Tree& tree) noexcept {
  static_assert(kStepsMax + 3 < 2100);
  std::array<double, 2100> american;
  std::array<double, 2100> european;
  const double side = terms.is_call ? 1.0 : -1.0;
  const double ratio = tree.up / tree.down;
  double lowest = terms.spot / ratio * std::pow(tree.down, n);  // n + 2 steps down from the root
  const auto count = static_cast<std::size_t>(n) + 3;
  double price = lowest;
  for (std::size_t i = 0; i < count; ++i, price *= ratio) {
    american[i] = european[i] = std::max(side * (price - terms.strike), 0.0);
  }
  const double up = tree.discount * tree.probability;
  const double down = tree.discount * (1.0 - tree.probability);
  for (std::size_t nodes = count - 1; nodes >= 3; --nodes) {
    lowest /= tree.down;
    price = lowest;
    for (std::size_t i = 0; i < nodes; ++i, price *= ratio) {
      european[i] = up * european[i + 1] + down * european[i];
      const double kept = up * american[i + 1] + down * american[i];
      american[i] = std::max(kept, side * (price - terms.strike));
    }
  }
  Three found{};
  for (std::size_t i = 0; i < 3; ++i) {
    found.price[i] = lowest * std::pow(ratio, static_cast<double>(i));
    found.american[i] = american[i];
    found.european[i] = european[i];
  }
  return found;
}

struct Slopes {
  double delta, gamma;
};

Slopes slopes_of(const double (&at)[3], const double (&value)[3]) noexcept {
  const double below = at[1] - at[0];
  const double above = at[2] - at[1];
  const double left = (value[1] - value[0]) / below;
  const double right = (value[2] - value[1]) / above;
  return {(left * above + right * below) / (above + below), 2.0 * (right - left) / (above + below)};
}

/// Without volatility the asset follows its forward: the best of now, the end, and where holding
/// stops paying.
double certain_value(const OptionTerms& terms) noexcept {
  const double side = terms.is_call ? 1.0 : -1.0;
  const auto at = [&](double years) {
    return side * (terms.spot * std::exp(-terms.carry * years) -
                   terms.strike * std::exp(-terms.rate * years));
  };
  double best = std::max({0.0, at(0.0), at(terms.years)});
  const double ratio = terms.rate * terms.strike / (terms.carry * terms.spot);
  if (ratio > 0.0 && terms.rate != terms.carry) {
    const double turn = std::log(ratio) / (terms.rate - terms.carry);
    if (turn > 0.0 && turn < terms.years) best = std::max(best, at(turn));
  }
  return best;
}

/// The American price alone, or NaN where the tree cannot be built.
double american_price(const OptionTerms& terms, int n) noexcept {
  if (terms.volatility * std::sqrt(terms.years) < 1e-6) return certain_value(terms);
  const Tree tree = tree_of(terms, n);
  if (!tree.is_usable) return kNaN;
  const Three found = walk(terms, n, tree);
  const double side = terms.is_call ? 1.0 : -1.0;
  const double now = side * (terms.spot - terms.strike);
  // The middle node is the spot up to rounding of the powers that lead to it.
  if (found.american[1] - now <= 1e-11 * terms.spot) return std::max(now, 0.0);
  const double exact = value_one(terms, PricingModel::kBlackScholes, kCalendarDays).price;
  return std::max({found.american[1] + (exact - found.european[1]), now, exact});
}

double bumped(const OptionTerms& terms, double OptionTerms::* field, double by, int n) noexcept {
  OptionTerms up = terms;
  OptionTerms down = terms;
  up.*field += by;
  down.*field -= by;
  return (american_price(up, n) - american_price(down, n)) / (2.0 * by);
}

Greeks exercised(const OptionTerms& terms, double price) noexcept {
  const bool is_worth = price > 0.0;
  return {price, is_worth ? (terms.is_call ? 1.0 : -1.0) : 0.0, 0.0, 0.0, 0.0, 0.0};
}

}  // namespace

PricingStatus status_of(const OptionTerms& terms) noexcept {
  const double inputs[] = {terms.spot, terms.strike, terms.years,
                           terms.rate, terms.carry,  terms.volatility};
  if (!std::all_of(std::begin(inputs), std::end(inputs),
                   [](double x) { return std::isfinite(x); })) {
    return PricingStatus::kNotANumber;
  }
  const auto is_price = [](double x) { return x >= 1e-100 && x <= 1e100; };
  const bool is_allowed =
      is_price(terms.spot) && is_price(terms.strike) && terms.years >= 0.0 &&
      terms.years <= 1000.0 && terms.volatility >= 0.0 && terms.volatility <= kVolatilityMax &&
      std::abs(terms.rate * terms.years) <= 200.0 && std::abs(terms.carry * terms.years) <= 200.0;
  return is_allowed ? PricingStatus::kOk : PricingStatus::kOutOfRange;
}

Priced greeks_of(const OptionTerms& terms, PricingModel model, double days_per_year) noexcept {
  OptionTerms own = terms;
  if (model == PricingModel::kBlack76) own.carry = own.rate;
  PricingStatus status = status_of(own);
  if (status == PricingStatus::kOk && !are_days(days_per_year)) status = PricingStatus::kOutOfRange;
  if (status != PricingStatus::kOk) return {kNoGreeks, status};
  return {value_one(own, model, days_per_year), status};
}

Priced american_greeks_of(const OptionTerms& terms, int steps, double days_per_year) noexcept {
  PricingStatus status = status_of(terms);
  if (status == PricingStatus::kOk &&
      (steps < 3 || steps > kStepsMax || !are_days(days_per_year))) {
    status = PricingStatus::kOutOfRange;
  }
  if (status != PricingStatus::kOk) return {kNoGreeks, status};
  const int n = steps | 1;
  const double side = terms.is_call ? 1.0 : -1.0;
  const double price = american_price(terms, n);
  if (std::isnan(price)) return {kNoGreeks, PricingStatus::kOutOfRange};
  if (price <= std::max(side * (terms.spot - terms.strike), 0.0)) {
    return {exercised(terms, price), PricingStatus::kOk};
  }
  Greeks found = value_one(terms, PricingModel::kBlackScholes, days_per_year);
  if (terms.volatility * std::sqrt(terms.years) < 1e-6) {
    found.price = price;
    return {found, PricingStatus::kOk};
  }
  const Three three = walk(terms, n, tree_of(terms, n));
  const Slopes american = slopes_of(three.price, three.american);
  const Slopes european = slopes_of(three.price, three.european);
  found.price = price;
  found.delta += american.delta - european.delta;
  found.gamma += american.gamma - european.gamma;
  const double bump = std::min(0.01 * terms.volatility, 0.001);
  found.vega = 0.01 * bumped(terms, &OptionTerms::volatility, bump, n);
  found.rho = terms.years == 0.0 ? 0.0 : 0.01 * bumped(terms, &OptionTerms::rate, 1e-4, n);
  // Where holding is better than exercise the value obeys the same equation as a European one.
  const double variance = terms.volatility * terms.volatility * terms.spot * terms.spot;
  found.theta = (terms.rate * price - (terms.rate - terms.carry) * terms.spot * found.delta -
                 0.5 * variance * found.gamma) /
                days_per_year;
  const double sum = found.delta + found.gamma + found.vega + found.theta + found.rho;
  if (!std::isfinite(sum)) return {kNoGreeks, PricingStatus::kOutOfRange};
  return {found, PricingStatus::kOk};
}

Implied implied_volatility(const OptionTerms& terms, PricingModel model, double price) noexcept {
  OptionTerms own = terms;
  own.volatility = 0.0;
  if (model == PricingModel::kBlack76) own.carry = own.rate;
  const auto failed = [](PricingStatus status) { return Implied{kNaN, status, 0}; };
  const PricingStatus status = std::isfinite(price) ? status_of(own) : PricingStatus::kNotANumber;
  if (status != PricingStatus::kOk) return failed(status);
  const double asset = own.spot * std::exp(-own.carry * own.years);
  const double cash = own.strike * std::exp(-own.rate * own.years);
  const double intrinsic = std::max(own.is_call ? asset - cash : cash - asset, 0.0);
  // The discounted amounts carry a rounding or two each: a price that is the intrinsic value but
  // for those is not below it.
  const double slack = 4.0 * std::numeric_limits<double>::epsilon() * std::max(asset, cash);
  if (price < 0.0 || price < intrinsic - slack) return failed(PricingStatus::kBelowIntrinsic);
  if (price >= (own.is_call ? asset : cash)) return failed(PricingStatus::kAboveBound);
  if (own.years == 0.0) return failed(PricingStatus::kExpired);
  if (price <= intrinsic) return {0.0, PricingStatus::kOk, 0};
  const Normalised option{std::abs(std::log(asset / cash))};
  const double target = (price - intrinsic) / (std::sqrt(asset) * std::sqrt(cash));
  if (!(target > 0.0)) return {0.0, PricingStatus::kOk, 0};
  const Solution found = solve(option, target);
  const double volatility = found.total / std::sqrt(own.years);
  if (!found.is_found) return failed(PricingStatus::kNoConvergence);
  if (volatility > kVolatilityMax) return failed(PricingStatus::kOutOfRange);
  return {volatility, PricingStatus::kOk, found.iterations};
}

std::size_t greeks_of(const OptionColumns& options, const GreekColumns& out, std::size_t count,
                      PricingModel model, double days_per_year, SimdLevel level) noexcept {
  const Kernel kernel = kernel_of(level);
  const bool is_black_76 = model == PricingModel::kBlack76;
  const double day = are_days(days_per_year) ? 1.0 / days_per_year : kNaN;
  double side[kOptionRows];
  std::size_t without = 0;
  for (std::size_t at = 0; at < count; at += kOptionRows) {
    const std::size_t rows = std::min(kOptionRows, count - at);
    for (std::size_t i = 0; i < rows; ++i) side[i] = options.is_call[at + i] != 0 ? 1.0 : -1.0;
    const GreekColumns to = from(out, at);
    if (rows == kOptionRows) {
      kernel({options.spot + at, options.strike + at, options.years + at, options.volatility + at,
              options.rate + at, options.carry + at, side, day},
             to, is_black_76);
    } else {
      OwnOptions own;
      std::fill(side + rows, side + kOptionRows, 1.0);
      own.take(options, at, rows);
      kernel({own.in[0], own.in[1], own.in[2], own.in[3], own.in[4], own.in[5], side, day},
             own.columns(), is_black_76);
      own.give(to, rows);
    }
    for (std::size_t i = 0; i < rows; ++i) without += std::isnan(to.price[i]) ? 1 : 0;
  }
  return without;
}

}  // namespace gateway::valuation
