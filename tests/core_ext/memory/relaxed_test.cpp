// Readers copy whole rows while the writer changes them: never a mix of two versions.
#include "gateway_core/memory/relaxed.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "check.hpp"

namespace {

struct alignas(64) Row {
  gateway::Version version = 0;
  std::uint64_t a = 0;
  gateway::Int128 wide = 0;
  std::uint64_t b = 0;
  std::uint64_t c = 0;
};

void write(Row& row, std::uint64_t value) {
  gateway::begin_write(row.version);
  gateway::put(row.a, value);
  gateway::put(row.wide, static_cast<gateway::Int128>(value) << 64 | value);
  gateway::put(row.b, ~value);
  gateway::put(row.c, value * 3);
  gateway::end_write(row.version);
}

}  // namespace

TEST(a_reader_sees_one_version) {
  Row row;
  write(row, 0);
  std::atomic<bool> is_done{false};
  std::vector<std::thread> readers;
  std::atomic<std::uint64_t> torn{0}, seen{0};
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      Row copy;
      while (!is_done.load(std::memory_order_acquire)) {
        if (!gateway::read(row, copy)) continue;
        const bool is_whole = copy.b == ~copy.a && copy.c == copy.a * 3 && copy.a >= last &&
                              copy.wide == (static_cast<gateway::Int128>(copy.a) << 64 | copy.a);
        if (!is_whole) torn.fetch_add(1);
        last = copy.a;
        seen.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (std::uint64_t value = 1; value < 200'000 || (seen.load() == 0 && value < 50'000'000);
       ++value) {
    write(row, value);
  }
  is_done.store(true, std::memory_order_release);
  for (auto& reader : readers) reader.join();
  CHECK_EQUAL(torn.load(), 0U);
  CHECK(seen.load() > 0);
}

TEST(a_reader_gives_up_on_a_writer_that_stays) {
  Row row, copy;
  gateway::begin_write(row.version);
  CHECK(!gateway::read(row, copy, 5));
  gateway::end_write(row.version);
  CHECK(gateway::read(row, copy, 5));
}
