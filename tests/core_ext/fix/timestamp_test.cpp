// Times of FIX fields, in every precision, and nothing that is no time.
#include "gateway_core/fix/timestamp.hpp"

#include <string>

#include "check.hpp"
#include "random.hpp"

using namespace gateway::fix;  // NOLINT

namespace {

std::int64_t read(std::string_view text) {
  std::int64_t ns = -2;
  return parse_timestamp(text, ns) ? ns : -1;
}

std::string written(std::int64_t ns, int precision) {
  char out[kTimestampBytesMax];
  return {out, write_timestamp(out, ns, precision)};
}

}  // namespace

TEST(times_are_read_to_the_nanosecond) {
  CHECK_EQUAL(read("19700101-00:00:00"), 0);
  CHECK_EQUAL(read("20260728-12:34:56"), 1'785'242'096'000'000'000);
  CHECK_EQUAL(read("20260728-12:34:56.789"), 1'785'242'096'789'000'000);
  CHECK_EQUAL(read("20260728-12:34:56.789012"), 1'785'242'096'789'012'000);
  CHECK_EQUAL(read("20260728-12:34:56.789012345"), 1'785'242'096'789'012'345);
  CHECK_EQUAL(read("20161231-23:59:60"), read("20170101-00:00:00"));
  CHECK(read("20240229-00:00:00") > 0);
}

TEST(what_is_no_time_is_refused) {
  for (const char* text : {"",
                           "20260728",
                           "20260728-12:34",
                           "20260229-00:00:00",
                           "00000000-00:00:00",
                           "20261301-00:00:00",
                           "20260732-00:00:00",
                           "20260728-24:00:00",
                           "20260728-12:60:00",
                           "20260728-12:34:61",
                           "20260728 12:34:56",
                           "20260728-12:34:56.",
                           "20260728-12:34:56.1234567890",
                           "20260728-12:34:56,789",
                           "20260728-12:34:56.78x",
                           "2026-07-28-12:34:56",
                           "19691231-23:59:59",
                           "22620101-00:00:00",
                           "20260728-1a:34:56",
                           "+0260728-12:34:56"}) {
    CHECK_EQUAL(read(text), -1);
  }
}

TEST(a_written_time_reads_back_in_every_precision) {
  check::Random random(12);
  for (int i = 0; i < 20'000; ++i) {
    const auto ns = static_cast<std::int64_t>(random.below(9'000'000'000'000'000'000));
    std::int64_t unit = kNsPerSecond;
    for (const int precision : {0, 3, 6, 9}) {
      CHECK_EQUAL(read(written(ns, precision)), ns / unit * unit);
      unit /= 1000;
    }
  }
  CHECK_EQUAL(written(1'785'242'096'789'012'345, 6), "20260728-12:34:56.789012");
}
