// Mark-to-market of columns: every instruction set of this machine gives the integers of an oracle
// that shares no code with it, at every size, alignment and bound. Sets it lacks are named.
#include "gateway_core/valuation/batch.hpp"

#include <bit>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "check.hpp"
#include "gateway_core/position/profit_loss.hpp"
#include "random.hpp"

using namespace gateway;
using namespace gateway::valuation;

namespace {

constexpr std::uint8_t kSpot = 1, kLinearKind = 2, kInverse = 3, kQuanto = 4;

/// Columns with `lead` rows in front, so that a test chooses how they are aligned.
struct Columns {
  std::vector<std::int64_t> quantity, mark, multiplier;
  std::vector<MoneyWords> cost;
  std::vector<std::uint8_t> scale, kind;
  std::size_t lead = 0;

  void add(std::int64_t q, std::int64_t m, std::int64_t x, Int128 c, int s, std::uint8_t k) {
    quantity.push_back(q);
    mark.push_back(m);
    multiplier.push_back(x);
    cost.push_back(std::bit_cast<MoneyWords>(c));
    scale.push_back(static_cast<std::uint8_t>(s));
    kind.push_back(k);
  }
  [[nodiscard]] std::size_t count() const { return quantity.size() - lead; }
  [[nodiscard]] PositionColumns view() const {
    return {quantity.data() + lead,
            mark.data() + lead,
            multiplier.data() + lead,
            cost.data() + lead,
            scale.data() + lead,
            kind.data() + lead,
            count()};
  }
};

std::string text(MoneyWords words) {
  return std::to_string(words.high) + ":" + std::to_string(words.low);
}
bool same(MoneyWords a, MoneyWords b) { return a.low == b.low && a.high == b.high; }

std::vector<SimdLevel> levels_here() {
  std::vector<SimdLevel> found;
  for (int i = 0; i < kSimdLevels; ++i) {
    if (is_supported(static_cast<SimdLevel>(i))) found.push_back(static_cast<SimdLevel>(i));
  }
  return found;
}

/// |a| x |b| over 256 bits, divided half-even by |d|: bit by bit, sharing nothing with the product.
std::optional<UInt128> long_division(std::vector<UInt128> factors, UInt128 divisor) {
  std::vector<std::uint32_t> number{1};  // little-endian digits of 2^32
  for (UInt128 factor : factors) {
    std::vector<std::uint32_t> digits;
    for (; factor != 0; factor >>= 32) digits.push_back(static_cast<std::uint32_t>(factor));
    std::vector<std::uint32_t> product(number.size() + digits.size() + 1);
    for (std::size_t i = 0; i < number.size(); ++i) {
      std::uint64_t carry = 0;
      for (std::size_t j = 0; j < digits.size() || carry != 0; ++j) {
        const std::uint64_t digit = j < digits.size() ? digits[j] : 0;
        carry += product[i + j] + std::uint64_t{number[i]} * digit;
        product[i + j] = static_cast<std::uint32_t>(carry);
        carry >>= 32;
      }
    }
    number = product;
  }
  UInt128 rest = 0;
  UInt128 quotient = 0;
  for (std::size_t bit = number.size() * 32; bit-- > 0;) {
    if ((quotient >> 127) != 0) return std::nullopt;
    const bool carried = (rest >> 127) != 0;
    rest = (rest << 1) | ((number[bit / 32] >> (bit % 32)) & 1);
    quotient <<= 1;
    if (carried || rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
  }
  if (rest > divisor - rest || (rest == divisor - rest && (quotient & 1) != 0)) ++quotient;
  if (quotient > static_cast<UInt128>(kInt128Max)) return std::nullopt;
  return quotient;
}

UInt128 size_of(std::int64_t number) { return magnitude(number); }

/// The documented meaning of a row, without value_of, mul_div or any kernel.
std::optional<Int128> oracle(std::int64_t quantity, std::int64_t mark, std::int64_t multiplier,
                             Int128 cost, std::uint8_t scale_byte, std::uint8_t kind) {
  const int scale = static_cast<std::int8_t>(scale_byte);
  const bool is_inverse = kind == kInverse;
  if (kind < 1 || kind > 4 || multiplier <= 0) return std::nullopt;
  if (is_inverse ? scale < -18 || scale > 18 : scale < 0 || scale > 36) return std::nullopt;
  if (quantity == 0) return 0;
  if (is_inverse && mark <= 0) return std::nullopt;
  std::optional<UInt128> worth;
  if (is_inverse) {
    worth = long_division(
        {size_of(quantity), size_of(multiplier), static_cast<UInt128>(pow10_128(18 - scale))},
        size_of(mark));
  } else {
    const int up = scale < 18 ? 18 - scale : 0;
    const int down = scale > 18 ? scale - 18 : 0;
    worth = long_division({size_of(quantity), size_of(mark), size_of(multiplier),
                           static_cast<UInt128>(pow10_128(up))},
                          static_cast<UInt128>(pow10_128(down)));
  }
  if (!worth) return std::nullopt;
  const bool is_negative = ((quantity < 0) != (mark < 0)) != is_inverse;
  const auto signed_worth =
      is_negative ? -static_cast<Int128>(*worth) : static_cast<Int128>(*worth);
  Int128 difference = 0;
  if (__builtin_sub_overflow(signed_worth, cost, &difference) || difference == kInt128Min) {
    return std::nullopt;
  }
  return difference;
}

MoneyWords oracle_row(const PositionColumns& at, std::size_t i) {
  const auto found = oracle(at.quantity[i], at.mark[i], at.multiplier[i],
                            std::bit_cast<Int128>(at.cost_e18[i]), at.scale[i], at.kind[i]);
  return found ? std::bit_cast<MoneyWords>(*found) : kNoValue;
}

/// Values on every level and compares with the oracle; rows in front of and behind the result stay
/// untouched. Returns the rows that took the exact way, the same on every level with vectors.
std::size_t agree_everywhere(const Columns& columns, const char* what) {
  constexpr MoneyWords kFence{0xF0F0F0F0F0F0F0F0ULL, 0x0F0F0F0F0F0F0F0F};
  const PositionColumns view = columns.view();
  std::optional<std::size_t> exact;
  for (const SimdLevel level : levels_here()) {
    std::vector<MoneyWords> out(view.count + 2, kFence);
    const BatchCounts counts = mark_to_market(view, out.data() + 1, level);
    std::size_t missing = 0;
    for (std::size_t i = 0; i < view.count; ++i) {
      const MoneyWords expected = oracle_row(view, i);
      missing += same(expected, kNoValue) ? 1 : 0;
      if (same(out[i + 1], expected)) continue;
      check::fail(__FILE__, __LINE__,
                  std::string(what) + " " + std::string(name(level)) + " row " + std::to_string(i) +
                      " of " + std::to_string(view.count) + ": " + text(out[i + 1]) +
                      " instead of " + text(expected));
      break;
    }
    CHECK(same(out.front(), kFence) && same(out.back(), kFence));
    CHECK_EQUAL(counts.without_value, missing);
    if (level == SimdLevel::kScalar) {
      CHECK_EQUAL(counts.exact_rows, view.count);
    } else {
      CHECK_EQUAL(counts.exact_rows, exact.value_or(counts.exact_rows));
      exact = counts.exact_rows;
    }
  }
  return exact.value_or(view.count);
}

std::int64_t number_of_bits(check::Random& random, int bits) {
  const std::uint64_t raw = bits == 0 ? 0 : random.next() >> (64 - bits);
  const auto positive = static_cast<std::int64_t>(raw & INT64_MAX);
  return random.below(2) == 0 ? positive : -positive;
}

Int128 random_cost(check::Random& random, int bits) {
  const auto raw = (static_cast<UInt128>(random.next()) << 64) | random.next();
  const auto positive = static_cast<Int128>(raw >> (128 - bits));
  return random.below(2) == 0 ? positive : -positive;
}

int below(check::Random& random, int bound) {
  return static_cast<int>(random.below(static_cast<std::uint64_t>(bound)));
}

/// Rows of a desk: everything fits.
void add_usual(Columns& columns, check::Random& random) {
  constexpr std::uint8_t kKinds[] = {kSpot, kLinearKind, kQuanto};
  columns.add(number_of_bits(random, below(random, 26)), number_of_bits(random, below(random, 26)),
              1 + below(random, 1000), random_cost(random, 1 + below(random, 110)),
              below(random, 19), kKinds[random.below(3)]);
}

/// Any bits in any column.
void add_wild(Columns& columns, check::Random& random) {
  constexpr std::int64_t kExtremes[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, -1, 0, 1};
  const auto pick = [&](int bits) {
    return random.below(8) == 0 ? kExtremes[random.below(6)]
                                : number_of_bits(random, below(random, bits + 1));
  };
  const std::int64_t quantity = pick(64);
  const std::int64_t mark = pick(64);
  columns.add(quantity, mark, pick(63), random_cost(random, 1 + below(random, 127)),
              below(random, 60) - 21, static_cast<std::uint8_t>(below(random, 6)));
}

}  // namespace

TEST(levels_of_this_machine_are_named_and_the_others_reported) {
  CHECK(is_supported(SimdLevel::kScalar));
  CHECK(is_supported(best_level()));
  for (int i = 0; i < kSimdLevels; ++i) {
    const auto level = static_cast<SimdLevel>(i);
    CHECK(simd_level_of(name(level)) == level);
    std::printf("level %s: %s\n", std::string(name(level)).c_str(),
                is_supported(level) ? "tested" : "NOT TESTED, this machine lacks it");
  }
  CHECK(!simd_level_of("sse9") && !simd_level_of(""));
}

TEST(every_level_agrees_with_the_oracle_at_every_size_and_alignment) {
  check::Random random(41);
  for (std::size_t count = 0; count <= 200; ++count) {
    Columns columns;
    columns.lead = count % 7;
    for (std::size_t i = 0; i < count + columns.lead; ++i) add_usual(columns, random);
    CHECK_EQUAL(agree_everywhere(columns, "usual") > 0,
                best_level() == SimdLevel::kScalar && count > 0);
  }
}

TEST(every_level_agrees_with_the_oracle_on_any_bits) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    check::Random random(seed);
    Columns columns;
    const std::size_t count = 1 + random.below(300);
    for (std::size_t i = 0; i < count; ++i) {
      if (random.below(40) == 0) {
        add_wild(columns, random);
      } else {
        add_usual(columns, random);
      }
    }
    agree_everywhere(columns, "mixed");
    Columns wild;
    for (std::size_t i = 0; i < count; ++i) add_wild(wild, random);
    agree_everywhere(wild, "wild");
  }
}

TEST(the_largest_block_that_fits_is_taken_and_one_more_is_not) {
  if (best_level() == SimdLevel::kScalar) return;
  struct Bound {
    std::int64_t quantity, mark, multiplier;
    bool fits;
  };
  const Bound bounds[] = {
      {INT64_MAX, 1, 1, true},
      {1, -INT64_MAX, 1, true},
      {1, 1, INT64_MAX, true},
      {INT64_MIN, 1, 1, false},
      {1, INT64_MIN, 1, false},
      {INT64_MIN, INT64_MIN, INT64_MAX, false},
      {3037000499, 3037000499, 1, true},     // 9223372030926249001 < 2^63
      {3037000500, -3037000500, 1, false},   // 9223372037000250000 > 2^63
      {2097151, 2097151, 2097151, true},     // just below 2^63
      {-2097152, -2097152, 2097152, false},  // one more than any int64
      {-2097152, 2097152, 2097152, false},   // 2^63 exactly
      {INT64_MAX / 7, 7, 1, true},           // 7 x 1317624576693539401 = INT64_MAX
      {INT64_MAX / 7 + 1, 7, 1, false},
      {INT64_MAX, 2, 1, false},
  };
  for (const Bound& bound : bounds) {
    for (const int at : {0, 5, 37, 63}) {
      Columns columns;
      for (int i = 0; i < 64; ++i) {
        const bool here = i == at;
        columns.add(here ? bound.quantity : 1, here ? bound.mark : 1, here ? bound.multiplier : 1,
                    i - 32, i % 19, kLinearKind);
      }
      CHECK_EQUAL(agree_everywhere(columns, "bound"), bound.fits ? 0u : 64u);
    }
  }
}

TEST(the_factors_of_a_bound_may_stand_in_different_rows) {
  if (best_level() == SimdLevel::kScalar) return;
  Columns columns;
  for (int i = 0; i < 64; ++i) columns.add(1, 1, 1, 0, 0, kLinearKind);
  columns.quantity[3] = std::int64_t{1} << 40;
  columns.mark[60] = std::int64_t{1} << 40;
  // No row needs more than 64 bits, but the block is not proved: it takes the exact way.
  CHECK_EQUAL(agree_everywhere(columns, "apart"), 64u);
}

TEST(what_has_no_64_bit_form_takes_the_exact_way_for_its_block_alone) {
  if (best_level() == SimdLevel::kScalar) return;
  struct Odd {
    const char* what;
    std::int64_t quantity, mark, multiplier;
    Int128 cost;
    int scale;
    std::uint8_t kind;
  };
  const Int128 huge = Int128{1} << 126;
  const Odd odds[] = {
      {"inverse", -500, 6000000, 100, -7, -2, kInverse},
      {"inverse without mark", 5, 0, 100, 0, 0, kInverse},
      {"inverse below zero", 5, -1, 100, 0, 0, kInverse},
      {"rounded", 15, 5, 1, 0, 19, kLinearKind},
      {"rounded to even", 25, 1, 1, 0, 20, kLinearKind},
      {"scale", 1, 1, 1, 0, 37, kLinearKind},
      {"scale below zero", 1, 1, 1, 0, -1, kLinearKind},
      {"no multiplier", 1, 1, 0, 0, 0, kLinearKind},
      {"multiplier below zero", 1, 1, -1, 0, 0, kLinearKind},
      {"no kind", 1, 1, 1, 0, 0, 0},
      {"kind", 1, 1, 1, 0, 0, 5},
      {"kind with a sign", 1, 1, 1, 0, 0, 255},
      {"cost", 1, 1, 1, huge, 0, kLinearKind},
      {"cost below", 1, 1, 1, -huge - 1, 0, kLinearKind},
      {"out of range", 1000, 1000, 1000, kInt128Min, 0, kLinearKind},
  };
  for (const Odd& odd : odds) {
    Columns columns;
    check::Random random(7);
    for (int i = 0; i < 64 * 3; ++i) add_usual(columns, random);
    columns.lead = 0;
    columns.quantity[100] = odd.quantity;
    columns.mark[100] = odd.mark;
    columns.multiplier[100] = odd.multiplier;
    columns.cost[100] = std::bit_cast<MoneyWords>(odd.cost);
    columns.scale[100] = static_cast<std::uint8_t>(odd.scale);
    columns.kind[100] = odd.kind;
    CHECK_EQUAL(agree_everywhere(columns, odd.what), 64u);
  }
}

TEST(the_widest_cost_that_a_book_stores_stays_in_the_fast_way) {
  if (best_level() == SimdLevel::kScalar) return;
  const Int128 most = (Int128{1} << 126) - 1;
  Columns columns;
  for (int i = 0; i < 64; ++i) {
    columns.add(i % 2 == 0 ? 3037000499 : -3037000499, 3037000499, 1, i % 4 < 2 ? most : -most - 1,
                0, kLinearKind);
  }
  CHECK_EQUAL(agree_everywhere(columns, "cost"), 0u);
}

TEST(a_flat_position_is_worth_nothing_whatever_stands_beside_it) {
  Columns columns;
  for (int i = 0; i < 65; ++i) columns.add(0, i - 30, 1, i, i % 19, kLinearKind);
  agree_everywhere(columns, "flat");
  const MoneyWords zero = value_row(columns.view(), 64);
  CHECK(zero.low == 0 && zero.high == 0);
}

TEST(the_oracle_and_the_book_agree_on_known_numbers) {
  Columns columns;
  // 2.5 BTC bought at 60,000.00, marked at 60,100.50: 251.25 earned.
  columns.add(2500, 6010050, 1, 150000 * Int128{kPow10_64[18]}, 5, kLinearKind);
  // 500 contracts of 100 USD bought at 50,000, marked at 40,000: 1 BTC - 1.25 BTC.
  columns.add(500, 40000, 100, -Int128{kPow10_64[18]}, 0, kInverse);
  const Int128 earned = std::bit_cast<Int128>(value_row(columns.view(), 0));
  const Int128 lost = std::bit_cast<Int128>(value_row(columns.view(), 1));
  CHECK(earned == Int128{25125} * kPow10_64[16]);
  CHECK(lost == Int128{-25} * kPow10_64[16]);
  agree_everywhere(columns, "known");
}

TEST(any_sharding_gives_the_same_integers) {
  check::Random random(99);
  Columns columns;
  for (int i = 0; i < 1000; ++i) {
    if (i % 90 == 0) add_wild(columns, random);
    add_usual(columns, random);
  }
  const PositionColumns all = columns.view();
  for (const SimdLevel level : levels_here()) {
    std::vector<MoneyWords> whole(all.count);
    mark_to_market(all, whole.data(), level);
    for (const std::size_t shards : {2u, 3u, 7u, 64u}) {
      std::vector<MoneyWords> parts(all.count);
      for (std::size_t shard = 0; shard < shards; ++shard) {
        const std::size_t from = all.count * shard / shards;
        const std::size_t to = all.count * (shard + 1) / shards;
        mark_to_market({all.quantity + from, all.mark + from, all.multiplier + from,
                        all.cost_e18 + from, all.scale + from, all.kind + from, to - from},
                       parts.data() + from, level);
      }
      for (std::size_t i = 0; i < all.count; ++i) CHECK(same(whole[i], parts[i]));
    }
  }
}

TEST(rows_are_valued_like_columns) {
  check::Random random(5);
  for (const std::size_t count : {0u, 1u, 63u, 64u, 65u, 200u}) {
    Columns columns;
    std::vector<PositionRow> rows;
    for (std::size_t i = 0; i < count; ++i) {
      if (i % 71 == 70) {
        add_wild(columns, random);
      } else {
        add_usual(columns, random);
      }
      rows.push_back({columns.quantity[i],
                      columns.mark[i],
                      columns.multiplier[i],
                      columns.cost[i],
                      columns.scale[i],
                      columns.kind[i],
                      {}});
    }
    for (const SimdLevel level : levels_here()) {
      std::vector<MoneyWords> from_rows(count + 1), from_columns(count + 1);
      const BatchCounts a = mark_to_market(rows.data(), count, from_rows.data(), level);
      const BatchCounts b = mark_to_market(columns.view(), from_columns.data(), level);
      CHECK_EQUAL(a.without_value, b.without_value);
      CHECK_EQUAL(a.exact_rows, b.exact_rows);
      for (std::size_t i = 0; i < count; ++i) CHECK(same(from_rows[i], from_columns[i]));
    }
  }
}
