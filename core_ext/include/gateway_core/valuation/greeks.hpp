// Values and greeks of options in doubles: Black-Scholes with a continuous yield, Black-76,
// American exercise by a binomial tree, implied volatility. Pure; allocates nothing. Estimates: no
// number from here may enter a book. Units and errors: docs/concepts/greeks.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gateway_core/valuation/batch.hpp"
#include "gateway_core/valuation/greeks_block.hpp"

namespace gateway::valuation {

enum class PricingModel : std::uint8_t {
  kBlackScholes = 0,  // spot of an asset that yields `carry`
  kBlack76 = 1,       // the future of the same expiry stands for the spot; `carry` is not read
};

enum class PricingStatus : std::uint8_t {
  kOk = 0,
  kNotANumber = 1,      // an input that is NaN or infinite
  kOutOfRange = 2,      // beyond what the terms below allow
  kBelowIntrinsic = 3,  // a price less than exercise is worth: no volatility makes it
  kAboveBound = 4,      // a price no volatility reaches
  kExpired = 5,         // no time is left in which volatility could act
  kNoConvergence = 6,
};

/// One option. Prices in 1e-100..1e100, years in 0..1000, volatility in 0..100 (1 = 100 %),
/// |rate x years| and |carry x years| up to 200. What lies outside has a status and no value.
struct OptionTerms {
  double spot;
  double strike;
  double years;
  double volatility;
  double rate;   // continuously compounded
  double carry;  // yield of the asset, continuously compounded
  bool is_call;
};

struct Greeks {
  double price;
  double delta;
  double gamma;
  double vega;   // for one point of volatility (0.01)
  double theta;  // for one day of `days_per_year`
  double rho;    // for one percentage point of rate
};

struct Priced {
  Greeks greeks;  // NaN unless status is kOk
  PricingStatus status;
};

inline constexpr double kCalendarDays = 365.0;

/// Whether a year can have so many days: 1 to 1,000,000.
[[nodiscard]] constexpr bool are_days(double days_per_year) noexcept {
  return days_per_year >= 1.0 && days_per_year <= 1e6;
}

[[nodiscard]] PricingStatus status_of(const OptionTerms& terms) noexcept;

/// European exercise. Without volatility or time: the forward's intrinsic value and its greeks,
/// gamma 0.
[[nodiscard]] Priced greeks_of(const OptionTerms& terms, PricingModel model,
                               double days_per_year = kCalendarDays) noexcept;

/// American exercise: Leisen-Reimer tree of `steps` (made odd, 3..2001), corrected by what the same
/// tree makes of the European option.
[[nodiscard]] Priced american_greeks_of(const OptionTerms& terms, int steps,
                                        double days_per_year = kCalendarDays) noexcept;

struct Implied {
  double volatility;  // NaN unless status is kOk
  PricingStatus status;
  int iterations;
};

/// The volatility at which a European option costs `price`; `terms.volatility` is not read. A price
/// that equals its intrinsic value has volatility 0.
[[nodiscard]] Implied implied_volatility(const OptionTerms& terms, PricingModel model,
                                         double price) noexcept;

/// Values `count` options into `out`, which overlap no input; returns how many have no value (NaN
/// in every column). `level` must be supported. Every level gives the same bits.
std::size_t greeks_of(const OptionColumns& options, const GreekColumns& out, std::size_t count,
                      PricingModel model, double days_per_year, SimdLevel level) noexcept;

}  // namespace gateway::valuation
