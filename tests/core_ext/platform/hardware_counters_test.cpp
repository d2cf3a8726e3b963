// Both answers of the kernel: counted, and not permitted.
#include "gateway_core/platform/hardware_counters.hpp"

#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>

#include "check.hpp"

using namespace gateway::platform;  // NOLINT

namespace {

int refuse(CacheEvent) { return -EACCES; }

/// A kernel that counts instructions and nothing else; a pipe stands for its descriptor.
int count_instructions(CacheEvent event) {
  if (event != CacheEvent::kInstructions) return -ENOENT;
  int ends[2];
  if (::pipe(ends) != 0) return -errno;
  const std::uint64_t counts[2] = {41, 42};
  const bool is_written = ::write(ends[1], counts, sizeof counts) == sizeof counts;
  ::close(ends[1]);
  return is_written ? ends[0] : -EIO;
}

}  // namespace

TEST(what_is_not_permitted_is_unavailable_and_says_why) {
  const HardwareCounters counters(&refuse);
  for (std::size_t i = 0; i < kCacheEvents; ++i) {
    const auto event = static_cast<CacheEvent>(i);
    CHECK(!counters.read(event).has_value());
    CHECK_EQUAL(counters.refused_errno(event), EACCES);
  }
}

TEST(what_is_permitted_is_read_and_the_rest_is_unavailable) {
  const HardwareCounters counters(&count_instructions);
  CHECK_EQUAL(counters.read(CacheEvent::kInstructions).value(), 41U);
  CHECK_EQUAL(counters.read(CacheEvent::kInstructions).value(), 42U);
  CHECK(!counters.read(CacheEvent::kInstructions).has_value());  // a broken read is no zero
  CHECK_EQUAL(counters.refused_errno(CacheEvent::kInstructions), 0);
  CHECK_EQUAL(counters.refused_errno(CacheEvent::kCycles), ENOENT);
}

TEST(this_machine_counts_or_says_why_not) {
  const HardwareCounters counters;
  std::set<std::string> names;
  for (std::size_t i = 0; i < kCacheEvents; ++i) {
    const auto event = static_cast<CacheEvent>(i);
    names.insert(name(event));
    CHECK(counters.read(event).has_value() == (counters.refused_errno(event) == 0));
  }
  CHECK_EQUAL(names.size(), kCacheEvents);
}
