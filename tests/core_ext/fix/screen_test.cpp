// What the screen lets through, and what it leaves to the session layer.
#include "gateway_core/fix/screen.hpp"

#include <string>
#include <vector>

#include "check.hpp"
#include "fix/sample.hpp"
#include "gateway_core/fix/timestamp.hpp"

using namespace gateway::fix;  // NOLINT

namespace {

constexpr std::int64_t kNow = 1'700'000'000'000'000'000;

ScreenTable table() {
  ScreenTable table;
  const auto add = [&](std::int64_t tag, ScreenForm form, std::vector<std::string> values) {
    CHECK(table.add_field(tag, form, std::move(values)));
  };
  for (const int tag : {8, 35, 49, 56, 11, 10}) add(tag, ScreenForm::kText, {});
  add(9, ScreenForm::kCount, {});
  add(34, ScreenForm::kCount, {});
  add(43, ScreenForm::kFlag, {});
  add(52, ScreenForm::kTime, {});
  add(54, ScreenForm::kCharacter, {"1", "2"});
  add(44, ScreenForm::kDecimal, {});
  add(18, ScreenForm::kOdd, {});
  table.add_message("D");
  for (const int tag : {8, 9, 35, 34, 49, 52, 56})
    CHECK(table.add_member("D", tag, ScreenPlace::kHeader, true));
  CHECK(table.add_member("D", 43, ScreenPlace::kHeader, false));
  for (const int tag : {11, 54}) CHECK(table.add_member("D", tag, ScreenPlace::kBody, true));
  for (const int tag : {44, 18}) CHECK(table.add_member("D", tag, ScreenPlace::kBody, false));
  CHECK(table.add_member("D", 10, ScreenPlace::kTrailer, true));
  return table;
}

/// Number of a message with this header's and this body's fields; 52 is now.
std::uint64_t passed(std::string_view header, std::string_view body, std::string_view type = "D") {
  static const ScreenTable kTable = table();
  static const ScreenPeer kPeer{"FIX.4.4", "THEM", "US", 120 * kNsPerSecond};
  const std::string text = sample::soh("8=FIX.4.4|9=5|35=" + std::string(type) + "|" +
                                       std::string(header) + std::string(body) + "10=000|");
  // Exactly its own memory, so that a sanitizer sees one byte too far.
  const std::vector<char> bytes(text.begin(), text.end());
  return screen(kTable, kPeer, type, {bytes.data(), bytes.size()}, kNow);
}

constexpr std::string_view kHeader = "34=7|49=THEM|52=20231114-22:13:20|56=US|";
constexpr std::string_view kBody = "11=a|54=1|44=99.50|";

}  // namespace

TEST(a_message_in_which_all_is_right_passes_with_its_number) {
  CHECK_EQUAL(passed(kHeader, kBody), 7U);
  CHECK_EQUAL(passed("34=0|49=THEM|52=20231114-22:13:20|56=US|", kBody), 0U);
  CHECK_EQUAL(passed("43=N|34=9|49=THEM|52=20231114-22:15:18|56=US|", kBody), 9U);
}

TEST(another_peer_time_or_a_possible_duplicate_is_not_certain) {
  CHECK_EQUAL(passed("34=7|49=OTHER|52=20231114-22:13:20|56=US|", kBody), 0U);
  CHECK_EQUAL(passed("34=7|49=THEM|52=20231114-22:13:20|56=YOU|", kBody), 0U);
  CHECK_EQUAL(passed("34=7|49=THEM|52=20231114-22:15:20|56=US|", kBody), 0U);
  CHECK_EQUAL(passed("34=7|49=THEM|52=20231114-22:11:20|56=US|", kBody), 0U);
  CHECK_EQUAL(passed("34=7|43=Y|49=THEM|52=20231114-22:13:20|56=US|", kBody), 0U);
  CHECK_EQUAL(passed("34=7|49=THEM|56=US|", kBody), 0U);
}

TEST(fields_that_are_missing_foreign_twice_misplaced_or_badly_written_are_not_certain) {
  for (const char* body :
       {"11=a|", "54=1|44=1|", "11=a|54=1|54=1|", "11=a|54=3|", "11=a|54=11|", "11=|54=1|",
        "11=a|54=1|44=1.2.3|", "11=a|54=1|44=-|", "11=a|54=1|44=+1|", "11=a|54=1|18=1|",
        "11=a|54=1|99=1|", "11=a|54=1|70000=1|", "11=a|54=1|0=1|", "11=a|54=1|-1=1|",
        "11=a|34=8|54=1|", "11=a|54=1|10=000|44=1|"}) {
    CHECK_EQUAL(passed(kHeader, body), 0U);
  }
  CHECK_EQUAL(passed(kHeader, kBody, "8"), 0U);
}

TEST(a_table_refuses_what_it_has_no_room_for) {
  ScreenTable table;
  CHECK(!table.add_field(0, ScreenForm::kText, {}));
  CHECK(!table.add_field(ScreenTable::kTagMax + 1, ScreenForm::kText, {}));
  CHECK(table.add_field(5, ScreenForm::kText, {}));
  CHECK(!table.add_field(5, ScreenForm::kText, {}));
  for (std::int64_t tag = 6; tag < 6 + 2046; ++tag)
    CHECK(table.add_field(tag, ScreenForm::kText, {}));
  CHECK(!table.add_field(9000, ScreenForm::kText, {}));
  CHECK(!table.add_member("D", 5, ScreenPlace::kBody, true));
  table.add_message("D");
  CHECK(!table.add_member("D", 9000, ScreenPlace::kBody, true));
  CHECK(table.add_member("D", 5, ScreenPlace::kBody, true));
}
