// Rows are found by hash and content, newest first, however their places collide.
#include "gateway_core/memory/chain_index.hpp"

#include <map>
#include <vector>

#include "check.hpp"
#include "random.hpp"

using gateway::ChainIndex;
using gateway::HugeArray;
using gateway::kNoRow;

namespace {

struct Row {
  std::uint64_t key;
  std::uint32_t next;
  std::uint32_t reserved;
};

}  // namespace

TEST(an_index_of_chains_is_a_multimap_that_finds_the_newest) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    check::Random random(seed);
    constexpr std::uint32_t kRows = 64;
    HugeArray<Row> rows(kRows);
    ChainIndex<Row, &Row::next> index(kRows);
    std::map<std::uint64_t, std::vector<std::uint32_t>> model;  // key -> rows, newest last
    std::vector<bool> is_in(kRows);
    // Few different hashes for many keys: chains get long.
    const auto hash = [](std::uint64_t key) { return key % 5; };
    for (int step = 0; step < 20'000; ++step) {
      const auto row = static_cast<std::uint32_t>(random.below(kRows));
      if (is_in[row]) {
        index.erase(rows, hash(rows[row].key), row);
        std::erase(model[rows[row].key], row);
      } else {
        rows[row].key = random.below(40);
        index.insert(rows, hash(rows[row].key), row);
        model[rows[row].key].push_back(row);
      }
      is_in[row] = !is_in[row];
      const std::uint64_t wanted = random.below(40);
      const std::uint32_t found = index.find(
          rows, hash(wanted), [&](const Row& candidate) { return candidate.key == wanted; });
      const auto& expected = model[wanted];
      CHECK_EQUAL(found, expected.empty() ? kNoRow : expected.back());
    }
  }
}
