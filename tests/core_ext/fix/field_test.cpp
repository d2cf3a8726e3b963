// Fields, data pairs and lengths that lie.
#include "gateway_core/fix/field.hpp"

#include <string>
#include <vector>

#include "check.hpp"
#include "fix/sample.hpp"

using namespace gateway::fix;  // NOLINT

namespace {

struct Split {
  std::string text;  // tag=value; for each
  bool is_broken;
  std::int64_t length_fault;
};

Split split(std::string_view wire) {
  // Exactly its own memory, so that a sanitizer sees one byte too far.
  const std::string text = sample::soh(wire);
  const std::vector<char> bytes(text.begin(), text.end());
  FieldCursor cursor({bytes.data(), bytes.size()});
  Field field;
  Split out{};
  while (cursor.next(field)) {
    std::string value(field.value);
    for (char& c : value) {
      if (c == kSoh) c = '|';
    }
    out.text += std::to_string(field.tag) + "=" + value + ";";
  }
  out.is_broken = cursor.is_broken();
  out.length_fault = cursor.length_fault();
  return out;
}

}  // namespace

TEST(fields_come_in_the_order_of_the_wire_and_may_be_empty) {
  const Split out = split("35=D|58=|11=a=b|");
  CHECK_EQUAL(out.text, "35=D;58=;11=a=b;");
  CHECK(!out.is_broken);
  CHECK_EQUAL(split("").text, "");
  CHECK(!split("").is_broken);
}

TEST(data_may_hold_the_separator_when_its_length_says_so) {
  const Split out = split("95=5|96=a|10=|58=x|");
  CHECK_EQUAL(out.text, "95=5;96=a|10=;58=x;");
  CHECK_EQUAL(out.length_fault, 0);
  CHECK_EQUAL(split("1184=3|1185=<|>|").text, "1184=3;1185=<|>;");
  CHECK_EQUAL(split("42171=1|42172=||").text, "42171=1;42172=|;");
  CHECK_EQUAL(split("95=0|96=|58=x|").text, "95=0;96=;58=x;");
}

TEST(a_length_that_lies_is_named_and_the_data_ends_at_its_first_separator) {
  for (const char* wire :
       {"95=500000|96=abc|58=x|", "95=2|96=abc|58=x|", "95=-3|96=abc|58=x|", "95=x|96=abc|58=x|",
        "95=|96=abc|58=x|", "95=99999999999999999999|96=abc|58=x|"}) {
    const Split out = split(wire);
    CHECK(!out.is_broken);
    CHECK_EQUAL(out.length_fault, 95);
    CHECK(out.text.ends_with("96=abc;58=x;"));
  }
}

TEST(data_without_a_length_and_a_length_without_data_are_ordinary_fields) {
  CHECK_EQUAL(split("96=abc|58=x|").text, "96=abc;58=x;");
  CHECK_EQUAL(split("96=abc|58=x|").length_fault, 0);
  const Split out = split("95=9|58=x|96=ab|");
  CHECK_EQUAL(out.text, "95=9;58=x;96=ab;");
  CHECK_EQUAL(out.length_fault, 0);
}

TEST(a_tag_has_one_spelling) {
  CHECK_EQUAL(split("0=a|-5=b|4999=c|2147483648=d|").text, "0=a;-5=b;4999=c;2147483648=d;");
  for (const char* wire : {"abc=1|", "=1|", "11|", "1 1=1|", "+1=1|", "0011=1|", "-0=1|", "-=1|",
                           "1_1=1|", "|", "11=1", "11=1|58", "9999999999999999999=1|"}) {
    CHECK(split(wire).is_broken);
  }
}

TEST(every_pair_is_found_and_nothing_else) {
  int pairs = 0;
  for (std::int64_t tag = -70000; tag < 70000; ++tag) {
    if (data_tag_of(tag) != 0) ++pairs;
  }
  CHECK_EQUAL(pairs, static_cast<int>(std::size(kDataPairs)));
  CHECK_EQUAL(data_tag_of(95), 96);
  CHECK_EQUAL(data_tag_of(96), 0);
  CHECK_EQUAL(data_tag_of(65536 + 95), 0);
}
