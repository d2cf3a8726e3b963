// The key table against std::map, with runs that collide, wrap and are erased from the middle.
#include "gateway_core/memory/key_table.hpp"

#include <map>

#include "check.hpp"
#include "random.hpp"

using gateway::Key128;
using gateway::KeyTable;

namespace {

using Model = std::map<std::uint64_t, std::uint64_t>;

Key128 key_of(std::uint64_t number) { return {std::uint64_t{1} << 63, number}; }

void check_equal(const KeyTable& table, const Model& model, std::uint64_t range) {
  CHECK_EQUAL(table.size(), model.size());
  std::size_t visited = 0;
  table.for_each([&](Key128 key, std::uint64_t value) {
    ++visited;
    const auto found = model.find(key.low);
    CHECK(found != model.end() && found->second == value);
  });
  CHECK_EQUAL(visited, model.size());
  for (std::uint64_t number = 0; number < range; ++number) {
    const auto* found = table.find(key_of(number));
    const auto expected = model.find(number);
    CHECK((found != nullptr) == (expected != model.end()));
    if (found != nullptr && expected != model.end()) CHECK_EQUAL(*found, expected->second);
  }
}

void run(std::size_t capacity, std::uint64_t seed) {
  check::Random random(seed);
  KeyTable table(capacity);
  Model model;
  const std::uint64_t range = capacity * 2;
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t number = random.below(range);
    if (random.below(100) < 55) {
      const std::uint64_t value = random.next();
      const bool fits = model.contains(number) || model.size() < capacity;
      CHECK_EQUAL(table.insert(key_of(number), value), fits);
      if (fits) model[number] = value;
    } else {
      table.erase(key_of(number));
      model.erase(number);
    }
    if (step % 1000 == 0) check_equal(table, model, range);
  }
  table.retain([](Key128 key, std::uint64_t) { return key.low % 3 == 0; });
  std::erase_if(model, [](const auto& entry) { return entry.first % 3 != 0; });
  check_equal(table, model, range);
}

}  // namespace

TEST(the_table_is_a_map_of_fixed_size) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    run(8, seed);
    run(100, seed);
  }
}

TEST(the_empty_key_is_never_there_and_never_erased) {
  KeyTable table(4);
  table.erase(Key128{});
  CHECK_EQUAL(table.size(), 0U);
  CHECK(table.find(Key128{}) == nullptr);
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(table.insert(key_of(i), i));
  CHECK(!table.insert(key_of(9), 9));
}

TEST(texts_and_scopes_have_names_of_their_own) {
  gateway::Text<64> a, b;
  a.assign("order-1");
  b.assign("order-2");
  CHECK(!(gateway::text_key(1, a) == gateway::text_key(1, b)));
  CHECK(!(gateway::text_key(1, a) == gateway::text_key(2, a)));
  CHECK(gateway::text_key(1, a) == gateway::text_key(1, a));
  CHECK(!(gateway::text_key(1, a, b) == gateway::text_key(1, b, a)));
}
