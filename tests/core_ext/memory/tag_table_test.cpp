// Rows are found by hash and content however their places collide, and removing leaves no trace.
#include "gateway_core/memory/tag_table.hpp"

#include <map>
#include <vector>

#include "check.hpp"
#include "random.hpp"

using gateway::TagTable;

namespace {

constexpr std::uint32_t kRows = 64;

/// Hashes of few homes, so that runs are long and go round the end of the table.
std::uint64_t crowded(std::uint64_t key) { return (key % 3) * 127 + ((key % 7) << 33); }
std::uint64_t spread(std::uint64_t key) { return key * 0x9E3779B97F4A7C15ULL; }

template <typename Hash>
void compare_with_a_map(std::uint64_t seed, Hash hash) {
  check::Random random(seed);
  TagTable table(kRows);
  std::map<std::uint64_t, std::uint32_t> model;  // key -> row
  std::vector<std::uint64_t> key_of(kRows);
  std::vector<std::uint32_t> free;
  for (std::uint32_t row = 0; row < kRows; ++row) free.push_back(row);
  for (int step = 0; step < 40'000; ++step) {
    const std::uint64_t key = 1 + random.below(2 * kRows);
    if (const auto held = model.find(key); held != model.end()) {
      table.erase(hash(key), held->second);
      free.push_back(held->second);
      model.erase(held);
    } else if (!free.empty()) {
      const std::uint32_t row = free.back();
      free.pop_back();
      key_of[row] = key;
      table.insert(hash(key), row);
      model[key] = row;
    }
    const std::uint64_t wanted = 1 + random.below(2 * kRows);
    const std::uint32_t found =
        table.find(hash(wanted), [&](std::uint32_t row) { return key_of[row] == wanted; });
    const auto expected = model.find(wanted);
    CHECK_EQUAL(found, expected == model.end() ? TagTable::kNone : expected->second);
  }
  // All of them at the end: nothing got lost behind a gap.
  for (const auto& [key, row] : model) {
    const std::uint64_t wanted = key;
    CHECK_EQUAL(table.find(hash(key), [&](std::uint32_t at) { return key_of[at] == wanted; }), row);
  }
}

}  // namespace

TEST(a_table_of_tags_is_a_map_from_keys_to_rows) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    compare_with_a_map(seed, crowded);
    compare_with_a_map(seed, spread);
  }
}

TEST(another_hash_of_the_same_home_asks_for_no_row) {
  TagTable table(kRows);
  table.insert(5, 1);
  table.insert(5 + (std::uint64_t{1} << 20), 2);
  int asked = 0;
  const auto found = table.find(5 + (std::uint64_t{2} << 20), [&](std::uint32_t) {
    ++asked;
    return true;
  });
  CHECK_EQUAL(found, TagTable::kNone);
  CHECK_EQUAL(asked, 0);
}
