// Option values: every instruction set of this machine gives the bits of the one-lane code, the
// building blocks keep their stated errors, and no input, however wild, is undefined behaviour.
#include "gateway_core/valuation/greeks.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "check.hpp"
#include "random.hpp"

using namespace gateway::valuation;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Book {
  std::array<std::vector<double>, 6> in;
  std::array<std::vector<double>, 6> out;
  std::vector<std::uint8_t> is_call;

  explicit Book(std::size_t count) : is_call(count) {
    for (auto& column : in) column.resize(count);
    for (auto& column : out) column.resize(count, -7.0);
  }
  [[nodiscard]] OptionColumns options() const {
    return {in[0].data(), in[1].data(), in[2].data(),  in[3].data(),
            in[4].data(), in[5].data(), is_call.data()};
  }
  [[nodiscard]] GreekColumns results() {
    return {out[0].data(), out[1].data(), out[2].data(),
            out[3].data(), out[4].data(), out[5].data()};
  }
  [[nodiscard]] OptionTerms row(std::size_t i) const {
    return {in[0][i], in[1][i], in[2][i], in[3][i], in[4][i], in[5][i], is_call[i] != 0};
  }
};

/// Sane terms, edges, and any bits at all.
double wild(check::Random& random, double sane) {
  constexpr double kEdges[] = {0.0,    -0.0,  1e-320, 1e-100, 1e100,     1e300, -1.0,
                               1000.0, 100.0, kNaN,   200.0,  kInfinity, 1e-30, -kInfinity};
  const std::uint64_t dice = random.below(20);
  if (dice == 0) return kEdges[random.below(14)];
  if (dice == 1) return std::bit_cast<double>(random.next());
  return sane * (static_cast<double>(random.below(1'000'000)) + 1.0) / 500'000.0;
}

void fill(Book& book, check::Random& random) {
  constexpr double kSane[] = {100.0, 100.0, 0.5, 0.4, 0.03, 0.02};
  for (std::size_t i = 0; i < book.is_call.size(); ++i) {
    for (std::size_t column = 0; column < 6; ++column) {
      book.in[column][i] = wild(random, kSane[column]);
    }
    book.is_call[i] = static_cast<std::uint8_t>(random.below(2));
  }
}

bool same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

void levels_agree(PricingModel model) {
  check::Random random(3);
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{203}, std::size_t{20'000}}) {
    Book scalar(count);
    fill(scalar, random);
    const std::size_t without = greeks_of(scalar.options(), scalar.results(), count, model,
                                          kCalendarDays, SimdLevel::kScalar);
    for (int each = 1; each < kSimdLevels; ++each) {
      const auto level = static_cast<SimdLevel>(each);
      if (!is_supported(level)) continue;
      Book other = scalar;
      CHECK_EQUAL(greeks_of(other.options(), other.results(), count, model, kCalendarDays, level),
                  without);
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t column = 0; column < 6; ++column) {
          CHECK(same(other.out[column][i], scalar.out[column][i]));
        }
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Priced one = greeks_of(scalar.row(i), model);
      CHECK(same(one.greeks.price, scalar.out[0][i]));
      CHECK(same(one.greeks.theta, scalar.out[4][i]));
      CHECK_EQUAL(one.status == PricingStatus::kOk, !std::isnan(scalar.out[0][i]));
      CHECK(one.status != PricingStatus::kOk || std::isfinite(one.greeks.gamma));
    }
  }
}

}  // namespace

TEST(every_level_gives_the_bits_of_one_lane) {
  levels_agree(PricingModel::kBlackScholes);
  levels_agree(PricingModel::kBlack76);
}

TEST(every_number_of_an_allowed_option_is_finite) {
  check::Random random(9);
  const auto scaled = [&random](double low, double high) {
    const double part = static_cast<double>(random.below(1'000'001)) / 1e6;
    return std::exp(std::log(low) + part * (std::log(high) - std::log(low)));
  };
  for (int i = 0; i < 50'000; ++i) {
    OptionTerms terms{scaled(1e-100, 1e100),
                      scaled(1e-100, 1e100),
                      scaled(1e-18, 1000.0),
                      scaled(1e-18, 100.0),
                      0.0,
                      0.0,
                      random.below(2) == 0};
    if (random.below(3) == 0) terms.strike = terms.spot;
    terms.rate = (static_cast<double>(random.below(401)) - 200.0) / terms.years;
    terms.carry = (static_cast<double>(random.below(401)) - 200.0) / terms.years;
    const Priced found = greeks_of(terms, PricingModel::kBlackScholes);
    if (status_of(terms) != PricingStatus::kOk) continue;
    const Greeks& greeks = found.greeks;
    CHECK(std::isfinite(greeks.price) && std::isfinite(greeks.delta) &&
          std::isfinite(greeks.gamma) && std::isfinite(greeks.vega) &&
          std::isfinite(greeks.theta) && std::isfinite(greeks.rho));
  }
}

TEST(a_price_is_that_of_the_library_functions) {
  check::Random random(2);
  const auto below = [](double d) { return 0.5 * std::erfc(-d / std::sqrt(2.0)); };
  for (int i = 0; i < 20'000; ++i) {
    const double strike = 50.0 + static_cast<double>(random.below(100));
    const double years = 0.01 + static_cast<double>(random.below(300)) / 100.0;
    const double volatility = 0.05 + static_cast<double>(random.below(150)) / 100.0;
    const OptionTerms terms{100.0, strike, years, volatility, 0.05, 0.02, true};
    const double total = volatility * std::sqrt(years);
    const double d1 = (std::log(100.0 / strike) + 0.03 * years) / total + 0.5 * total;
    const double wanted = 100.0 * std::exp(-0.02 * years) * below(d1) -
                          strike * std::exp(-0.05 * years) * below(d1 - total);
    const double found = greeks_of(terms, PricingModel::kBlackScholes).greeks.price;
    CHECK(std::abs(found - wanted) <= 2e-13);
  }
}

TEST(wild_terms_end_with_a_status) {
  check::Random random(17);
  Book book(3'000);
  fill(book, random);
  for (std::size_t i = 0; i < book.is_call.size(); ++i) {
    const OptionTerms terms = book.row(i);
    const int steps = static_cast<int>(random.below(60)) - 5;
    const Priced american = american_greeks_of(terms, steps);
    CHECK_EQUAL(american.status == PricingStatus::kOk, !std::isnan(american.greeks.price));
    const Implied found =
        implied_volatility(terms, PricingModel::kBlackScholes, wild(random, 20.0));
    CHECK_EQUAL(found.status == PricingStatus::kOk, std::isfinite(found.volatility));
    CHECK(found.iterations <= 100);
  }
}
