// The index against std::unordered_map, with keys in sequence, at random, and made to collide.
#include "gateway_core/memory/hash_index.hpp"

#include <unordered_map>

#include "check.hpp"
#include "random.hpp"

using gateway::HashIndex;
using gateway::IndexInsert;

namespace {

std::uint64_t key_of(int style, check::Random& random, std::uint64_t span) {
  const std::uint64_t n = random.below(span);
  if (style == 0) return (0x1234567ULL << 31) + n;   // ids in sequence
  if (style == 1) return n * 0x9E3779B97F4A7C15ULL;  // scattered
  if (style == 2) return n << 40;                    // equal low bits
  return (n << 58) | (random.below(4) << 2);         // a handful of homes
}

void agree(int style, std::uint64_t seed) {
  check::Random random(seed);
  const auto capacity = static_cast<std::uint32_t>(1 + random.below(300));
  HashIndex index(capacity);
  std::unordered_map<std::uint64_t, std::uint32_t> model;
  for (int step = 0; step < 20000; ++step) {
    const std::uint64_t key = key_of(style, random, capacity * 2);
    const auto value = static_cast<std::uint32_t>(random.below(1000));
    const bool is_known = model.contains(key);
    if (random.below(2) == 0) {
      const auto result = index.insert(key, value);
      CHECK(result == (is_known                   ? IndexInsert::kExists
                       : model.size() == capacity ? IndexInsert::kFull
                                                  : IndexInsert::kInserted));
      if (result == IndexInsert::kInserted) model[key] = value;
    } else {
      CHECK_EQUAL(index.erase(key), is_known);
      model.erase(key);
    }
    CHECK_EQUAL(index.size(), model.size());
    const std::uint64_t asked = key_of(style, random, capacity * 2);
    const auto found = model.find(asked);
    CHECK_EQUAL(index.find(asked), found == model.end() ? HashIndex::kAbsent : found->second);
  }
  for (const auto& [key, value] : model) CHECK_EQUAL(index.find(key), value);
  if (check::failures() != 0) std::printf("style %d seed %d\n", style, static_cast<int>(seed));
}

}  // namespace

TEST(a_random_life_agrees_with_a_map) {
  for (int style = 0; style < 4; ++style) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) agree(style, seed);
  }
}

TEST(a_full_index_of_sequential_ids_finds_every_one) {
  constexpr std::uint32_t kCount = 200'000;
  HashIndex index(kCount);
  for (std::uint32_t i = 0; i < kCount; ++i) {
    if (index.insert((7ULL << 51) + i, i) != IndexInsert::kInserted) CHECK(false);
  }
  CHECK(index.insert(1, 1) == IndexInsert::kFull);
  for (std::uint32_t i = 0; i < kCount; ++i) {
    if (index.find((7ULL << 51) + i) != i) CHECK(false);
  }
  for (std::uint32_t i = 0; i < kCount; i += 2) CHECK(index.erase((7ULL << 51) + i));
  for (std::uint32_t i = 0; i < kCount; ++i) {
    if (index.find((7ULL << 51) + i) != (i % 2 == 0 ? HashIndex::kAbsent : i)) CHECK(false);
  }
}

TEST(zero_and_the_largest_key_are_keys_like_others) {
  HashIndex index(4);
  CHECK(index.find(0) == HashIndex::kAbsent);
  CHECK(index.insert(0, 0) == IndexInsert::kInserted);
  CHECK(index.insert(~0ULL, 9) == IndexInsert::kInserted);
  CHECK(index.find(0) == 0 && index.find(~0ULL) == 9);
  CHECK(index.erase(0) && !index.erase(0) && index.find(~0ULL) == 9);
}
