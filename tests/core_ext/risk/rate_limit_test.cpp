// The rate against a bucket of tokens, counted in exact fractions of nanoseconds.
#include "gateway_core/risk/rate_limit.hpp"

#include <algorithm>

#include "check.hpp"
#include "random.hpp"

using gateway::Rate;
using gateway::RateLimit;

TEST(a_rate_is_a_bucket_that_fills_one_token_per_interval) {
  for (const std::uint32_t per_second : {1U, 3U, 7U, 1000U, 999'999U}) {
    for (const std::uint32_t burst : {1U, 2U, 10U}) {
      check::Random random(per_second * 31 + burst);
      const Rate rate = Rate::of(per_second, burst);
      RateLimit limit;
      const std::int64_t full = rate.interval_ns * burst;  // a bucket of nanoseconds
      std::int64_t bucket = full, now = 1'000'000'000;
      for (int step = 0; step < 20'000; ++step) {
        const auto passed = static_cast<std::int64_t>(
            random.below(static_cast<std::uint64_t>(rate.interval_ns) * 2 + 2));
        now += random.below(4) == 0 ? 0 : passed;
        static thread_local std::int64_t last = 0;
        if (step == 0) last = now;
        bucket = std::min(full, bucket + (now - last));
        last = now;
        const bool has = bucket >= rate.interval_ns;
        CHECK_EQUAL(limit.has_token(now, rate), has);
        CHECK_EQUAL(limit.tokens(now, rate), bucket / rate.interval_ns);
        if (has) {
          limit.take(now, rate);
          bucket -= rate.interval_ns;
        }
      }
    }
  }
}

TEST(never_more_than_the_rate_over_a_long_time) {
  for (const std::uint32_t per_second : {3U, 7U, 600'000'000U, 4'000'000'000U}) {
    const Rate rate = Rate::of(per_second, 1);
    CHECK(rate.interval_ns >= 1);
    CHECK(rate.interval_ns * static_cast<std::int64_t>(per_second) >= 1'000'000'000);
  }
}

TEST(nothing_passes_a_rate_of_zero) {
  RateLimit limit;
  CHECK(!limit.has_token(0, Rate::of(0, 10)));
  CHECK(!limit.has_token(1'000'000'000'000, Rate::of(10, 0)));
  CHECK_EQUAL(limit.tokens(0, Rate::of(0, 10)), 0);
}
