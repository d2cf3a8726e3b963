// The newest fills are known by key, the oldest are forgotten, also after a restore that had
// wrapped.
#include "gateway_core/state/fill_memory.hpp"

#include "check.hpp"

using namespace gateway;  // NOLINT

namespace {

FillEntry entry(std::uint64_t number) {
  FillEntry out{};
  out.key = {std::uint64_t{1} << 63, number};
  out.quantity = static_cast<std::int64_t>(number);
  return out;
}

std::uint64_t remember(FillMemory& memory, std::uint64_t number) {
  FillEntry& place = memory.remember(entry(number).key);
  place.quantity = entry(number).quantity;
  return memory.total();
}

void check_newest(const FillMemory& memory, std::uint64_t total) {
  for (std::uint64_t number = 1; number <= total; ++number) {
    const bool is_held = number + memory.capacity() > total;
    CHECK_EQUAL(memory.find(entry(number).key), is_held ? number : 0);
    CHECK_EQUAL(memory.holds(number), is_held);
    if (is_held) CHECK_EQUAL(memory.at(number).quantity, static_cast<std::int64_t>(number));
  }
}

}  // namespace

TEST(the_oldest_fill_is_forgotten_first) {
  FillMemory memory(16);
  for (std::uint64_t number = 1; number <= 100; ++number) {
    CHECK_EQUAL(remember(memory, number), number);
    check_newest(memory, number);
  }
}

TEST(a_restored_memory_that_had_wrapped_knows_its_keys) {
  FillMemory memory(16);
  memory.restart(84);
  for (std::uint64_t number = 85; number <= 120; ++number) remember(memory, number);
  check_newest(memory, 120);
}
