// The pool against a map of what lives: no handle ever reaches the object of another life.
#include "gateway_core/memory/slab_pool.hpp"

#include <unordered_map>
#include <vector>

#include "check.hpp"
#include "random.hpp"

using gateway::SlabHandle;
using gateway::SlabPool;

namespace {
struct Thing {
  std::uint64_t name = 0;
};
}  // namespace

TEST(a_random_life_agrees_with_a_map) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    check::Random random(seed);
    SlabPool<Thing> pool(1 + static_cast<std::uint32_t>(random.below(50)));
    std::unordered_map<SlabHandle, std::uint64_t> living;
    std::vector<SlabHandle> ever{0};
    for (int step = 0; step < 20000; ++step) {
      if (random.below(2) == 0) {
        const SlabHandle handle = pool.acquire();
        CHECK_EQUAL(handle == 0, living.size() == pool.capacity());
        if (handle == 0) continue;
        CHECK(!living.contains(handle));
        CHECK_EQUAL(pool.get(handle)->name, 0ULL);  // never the leftovers of the last life
        living[handle] = pool.get(handle)->name = random.next() | 1;
        ever.push_back(handle);
      } else {
        const SlabHandle handle = ever[random.below(ever.size())];
        const auto found = living.find(handle);
        CHECK_EQUAL(pool.get(handle) != nullptr, found != living.end());
        if (found != living.end()) CHECK_EQUAL(pool.get(handle)->name, found->second);
        CHECK_EQUAL(pool.release(handle), found != living.end());
        living.erase(handle);
      }
      CHECK_EQUAL(pool.live(), living.size());
    }
    if (check::failures() != 0) std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  }
}

TEST(no_handle_of_a_slot_repeats_until_the_slot_is_retired) {
  SlabPool<Thing, 2, 4> pool(1);  // generations 1, 3 ... 15: eight lives
  std::vector<SlabHandle> seen;
  for (int life = 0; life < 8; ++life) {
    const SlabHandle handle = pool.acquire();
    CHECK(handle != 0);
    for (const SlabHandle old : seen) CHECK(old != handle && pool.get(old) == nullptr);
    seen.push_back(handle);
    CHECK(pool.release(handle) && !pool.release(handle));
  }
  CHECK_EQUAL(pool.retired(), 1U);
  CHECK_EQUAL(pool.acquire(), 0ULL);
  for (const SlabHandle old : seen) CHECK(pool.get(old) == nullptr);
}

TEST(handles_from_nowhere_are_refused) {
  SlabPool<Thing> pool(4);
  const SlabHandle handle = pool.acquire();
  CHECK(pool.get(0) == nullptr && pool.get(~SlabHandle{0}) == nullptr);
  CHECK(pool.get(handle + 1) == nullptr && pool.get(handle + (SlabHandle{1} << 28)) == nullptr);
  CHECK(pool.get(handle) != nullptr);
}

TEST(a_million_recyclings_leave_the_pool_as_it_was) {
  SlabPool<Thing> pool(3);
  SlabHandle last = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const SlabHandle handle = pool.acquire();
    if (handle == 0 || handle == last || pool.get(last) != nullptr) {
      check::fail(__FILE__, __LINE__, "recycling went wrong");
      return;
    }
    (void)pool.release(handle);
    last = handle;
  }
  CHECK(pool.live() == 0 && pool.retired() == 0);
}
