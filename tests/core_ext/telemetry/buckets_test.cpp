// Every bucket against its neighbours, its width and the ends of the range.
#include "gateway_core/telemetry/buckets.hpp"

#include "check.hpp"

using namespace gateway::telemetry;

TEST(every_bucket_begins_where_the_one_before_ends) {
  for (std::size_t i = 0; i + 1 < kBuckets; ++i) {
    CHECK_EQUAL(highest_of(i) + 1, lowest_of(i + 1));
    CHECK_EQUAL(bucket_of(lowest_of(i)), i);
    CHECK_EQUAL(bucket_of(highest_of(i)), i);
  }
}

TEST(a_bucket_is_at_most_one_64th_of_its_lowest_value_wide) {
  for (std::size_t i = 1; i < kTopBucket; ++i) {
    CHECK((highest_of(i) - lowest_of(i)) * 64 <= lowest_of(i));
  }
}

TEST(the_top_bucket_takes_everything_that_is_too_long) {
  CHECK_EQUAL(bucket_of((1ULL << kValueBits) - 1), kTopBucket - 1);
  CHECK_EQUAL(bucket_of(1ULL << kValueBits), kTopBucket);
  CHECK_EQUAL(bucket_of(~0ULL), kTopBucket);
}

TEST(the_range_is_more_than_an_hour_at_5_ghz) {
  CHECK(static_cast<double>(1ULL << kValueBits) / 5e9 > 3600);
}
