// Numbers of FIX fields: exact, no rounding, one spelling out.
#include "gateway_core/fix/number.hpp"

#include <string>

#include "check.hpp"
#include "random.hpp"

using namespace gateway::fix;  // NOLINT
using gateway::DecimalFault;

namespace {

std::string canonical(std::string_view text) {
  Decimal number;
  switch (parse_number(text, number)) {
    case ValueFault::kFormat:
      return "format";
    case ValueFault::kRange:
      return "range";
    default:
      break;
  }
  char out[kNumberBytesMax];
  return {out, write_number(out, number)};
}

}  // namespace

TEST(numbers_are_read_as_fix_writes_them) {
  CHECK_EQUAL(canonical("100.25"), "100.25");
  CHECK_EQUAL(canonical("00023.230"), "23.23");
  CHECK_EQUAL(canonical("23."), "23");
  CHECK_EQUAL(canonical("23.000"), "23");
  CHECK_EQUAL(canonical("-0.5"), "-0.5");
  CHECK_EQUAL(canonical("0"), "0");
  CHECK_EQUAL(canonical("0.000000000000000001"), "0.000000000000000001");
  CHECK_EQUAL(canonical("9223372036854775807"), "9223372036854775807");
}

TEST(what_is_no_number_is_told_apart_from_what_is_too_much) {
  for (const char* text : {"", "+200.00", ".5", "1e5", "NaN", "inf", "1,000", " 1", "1 ", "--1",
                           "-", "1.2.3", ".", "0x10", "1..", "-."}) {
    CHECK_EQUAL(canonical(text), "format");
  }
  CHECK_EQUAL(canonical("9223372036854775808"), "range");
  CHECK_EQUAL(canonical("0.0000000000000000001"), "range");
  CHECK_EQUAL(canonical("1" + std::string(62, '0')), "range");
  CHECK_EQUAL(canonical(std::string(5000, '1')), "format");
}

TEST(a_number_meets_the_scale_of_its_instrument_exactly_or_not_at_all) {
  std::int64_t out = 0;
  CHECK(rescale({15, 1}, 8, out) == DecimalFault::kNone);
  CHECK_EQUAL(out, 150'000'000);
  CHECK(rescale({15, 1}, 0, out) == DecimalFault::kPrecision);
  CHECK(rescale({150, 1}, 0, out) == DecimalFault::kNone);
  CHECK_EQUAL(out, 15);
  CHECK(rescale({INT64_MAX, 0}, 1, out) == DecimalFault::kOverflow);
  CHECK(rescale({INT64_MIN, 0}, 0, out) == DecimalFault::kNone);
}

TEST(written_numbers_are_those_of_the_gateway_everywhere) {
  check::Random random(11);
  for (int i = 0; i < 20'000; ++i) {
    const auto mantissa = static_cast<std::int64_t>(random.next()) >> random.below(64);
    const auto scale = static_cast<std::int8_t>(random.below(19));
    char out[kNumberBytesMax];
    const std::string text(out, write_number(out, {mantissa, scale}));
    CHECK_EQUAL(text, gateway::format_decimal(mantissa, scale));
    Decimal again;
    CHECK(parse_number(text, again) == ValueFault::kNone);
    std::int64_t back = 0;
    CHECK(rescale(again, scale, back) == DecimalFault::kNone);
    CHECK_EQUAL(back, mantissa);
  }
}

TEST(counts_are_digits_alone) {
  std::uint64_t out = 7;
  CHECK(parse_count("0", out) == ValueFault::kNone);
  CHECK_EQUAL(out, 0U);
  CHECK(parse_count("9999999999999999999", out) == ValueFault::kNone);
  CHECK(parse_count("10000000000000000000", out) == ValueFault::kRange);
  for (const char* text : {"", "-1", "+1", "1.0", " 1", "1a"}) {
    CHECK(parse_count(text, out) == ValueFault::kFormat);
  }
}
