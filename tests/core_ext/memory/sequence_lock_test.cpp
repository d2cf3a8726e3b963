// One writer and several readers: a reader never holds the quantity of one version with the cost of
// another. Meant to run under the thread sanitizer as well.
#include "gateway_core/memory/sequence_lock.hpp"

#include <thread>
#include <vector>

#include "check.hpp"
#include "gateway_core/position/position_state.hpp"

using namespace gateway;

namespace {

enum class Color : std::uint8_t { kRed = 1, kBlue = 2 };

/// Fields that belong together: cost is always quantity x 2^70 + 1.
struct Guarded {
  SequenceLock lock;
  Relaxed<std::int64_t> quantity;
  Relaxed<Int128> cost = Int128{1};
};
Int128 cost_of(std::int64_t quantity) { return (Int128{quantity} << 70) + 1; }

template <typename Read>
void race(int versions, Read read_is_whole, const auto& write) {
  std::atomic<bool> is_done{false};
  std::atomic<int> torn{0};
  std::atomic<int> reads{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!is_done.load()) {
        if (!read_is_whole()) ++torn;
        ++reads;
      }
    });
  }
  for (int version = 1; version <= versions || (reads.load() < 1000 && version < 100 * versions);
       ++version) {
    write(version);
  }
  is_done = true;
  for (auto& reader : readers) reader.join();
  CHECK_EQUAL(torn.load(), 0);
  CHECK(reads.load() > 0);
}

}  // namespace

TEST(a_field_reads_and_writes_like_its_value) {
  Relaxed<std::uint8_t> small = std::uint8_t{250};
  small.add(10);
  CHECK_EQUAL(static_cast<int>(small), 4);
  Relaxed<std::int64_t> large = INT64_MAX;
  large.add(1);
  CHECK(large == INT64_MIN);
  Relaxed<Color> color = Color::kRed;
  color = Color::kBlue;
  CHECK(color.load() == Color::kBlue);
  for (const Int128 value : {Int128{0}, Int128{-1}, kInt128Max, kInt128Min, Int128{1} << 64}) {
    Relaxed<Int128> wide = value;
    const Relaxed<Int128> copy = wide;
    CHECK(copy == value);
  }
}

TEST(guarded_fields_are_read_as_one_version) {
  Guarded guarded;
  race(
      50'000,
      [&] {
        const auto begun = guarded.lock.read_begin();
        const std::int64_t quantity = guarded.quantity;
        const Int128 cost = guarded.cost;
        return !guarded.lock.read_validate(begun) || cost == cost_of(quantity);
      },
      [&](int version) {
        guarded.lock.write_begin();
        guarded.quantity = version;
        guarded.cost = cost_of(version);
        guarded.lock.write_end();
      });
}

TEST(a_position_snapshot_is_one_version_and_versions_rise) {
  Snapshot<PositionBook> snapshot;
  static thread_local std::int64_t newest = 0;
  race(
      50'000,
      [&] {
        const auto book = snapshot.try_load();
        if (!book) return true;
        const bool is_whole =
            book->cost_e18 == Int128{book->quantity} * 3 && book->quantity >= newest;
        newest = book->quantity;
        return is_whole;
      },
      [&](int version) {
        PositionBook book;
        book.quantity = version;
        book.cost_e18 = Int128{version} * 3;
        snapshot.store(book);
      });
}

TEST(a_reader_during_a_write_gives_up_after_its_attempts) {
  Guarded guarded;
  guarded.lock.write_begin();
  CHECK(!guarded.lock.read_validate(guarded.lock.read_begin()));
  guarded.lock.write_end();
  CHECK(guarded.lock.read_validate(guarded.lock.read_begin()));
  CHECK_EQUAL(guarded.lock.version(), 1ULL);
}
