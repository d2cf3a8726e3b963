// Threads that ask a pinned engine while it trades, starts and stops: all of it is done, each piece
// between two turns, and what readers look at from outside is written so that they may.
#include "gateway_core/engine/posted_work.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "check.hpp"
#include "engine/held_storage.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr int kAskers = 3;
constexpr std::uint64_t kEach = 300;

/// Runs `ask(thread, number)` from several threads at once.
template <typename Ask>
std::vector<std::thread> askers(Ask ask) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kAskers; ++i) {
    threads.emplace_back([ask, i] {
      for (std::uint64_t number = 0; number < kEach; ++number) ask(i, number);
    });
  }
  return threads;
}

}  // namespace

TEST(work_of_many_threads_runs_once_each_while_the_engine_starts_and_stops) {
  for (int round = 0; round < 3; ++round) {
    World world;
    std::uint64_t ran = 0;  // plain: the engine's, or the caller's while there is no engine
    std::atomic<std::uint64_t> asked{0};
    auto threads = askers([&](int, std::uint64_t) {
      std::uint64_t seen = 0;
      world.runtime.run([&] { seen = ++ran; });
      CHECK(seen != 0);
      asked.fetch_add(1);
    });
    CHECK(world.runtime.start_pinned(kAnyCpu));
    CHECK(comes_true([&] { return asked.load() >= kEach / 2; }));
    CHECK(world.runtime.stop());
    for (auto& thread : threads) thread.join();
    CHECK_EQUAL(ran, kAskers * kEach);
    CHECK(world.runtime.stop());  // once more is nothing more
  }
}

TEST(readers_of_limits_sessions_and_times_go_beside_an_engine_that_writes_them) {
  World world;
  State& state = world.runtime.state();
  const OrderId id = world.engine.submit(world.order(Side::kBuy, 1'000'000), 1).order_id;
  CHECK(world.runtime.start_pinned(kAnyCpu));
  std::atomic<bool> is_done{false};
  std::thread reader([&] {
    std::int64_t fill_ns = 0;
    while (!is_done.load(std::memory_order_acquire)) {
      // As the bindings read: times as words of their own, rows with texts between two turns.
      const std::int64_t seen = __atomic_load_n(&state.last_fill_ns[1], __ATOMIC_RELAXED);
      CHECK(seen >= fill_ns);
      fill_ns = seen;
      (void)__atomic_load_n(&state.funding_known_ns[1], __ATOMIC_RELAXED);
      VenueRow venue;
      LevelEntity level;
      world.runtime.run([&] {
        venue = state.registry.venues.at(1);
        level = state.registry.level(Level::kAccount, 1);
      });
      const auto version = static_cast<char>('a' + level.limits_version % 26);
      if (level.limits_version > 1)
        CHECK(level.limits_reason.view().find_first_not_of(version) == std::string_view::npos);
      const std::string_view text = venue.session_text.view();
      CHECK(text.empty() || text.find_first_not_of(text[0]) == std::string_view::npos);
    }
  });
  for (std::uint32_t i = 2; i < 300; ++i) {
    world.runtime.run([&] {
      LimitsSet limits{};
      limits.level = static_cast<std::uint32_t>(Level::kAccount);
      limits.id = 1;
      limits.version = i;
      limits.fields = state.registry.level(Level::kAccount, 1).limits;
      limits.reason.assign(std::string(40, static_cast<char>('a' + i % 26)));
      world.engine.record_control(RecordKind::kLimitsSet, limits);
      VenueState session{};
      session.venue = 1;
      session.state = static_cast<std::uint32_t>(VenueSession::kReconciled);
      session.text.assign(std::string(30, static_cast<char>('a' + i % 26)));
      world.engine.on_session(session);
      OrderFilled fill = world.fill(id, Side::kBuy, 1);
      fill.venue_time_ns = i;
      world.engine.on_fill(fill);
      Funding funding{};
      funding.account = funding.instrument = funding.currency = 1;
      funding.venue_time_ns = i;
      funding.reference.assign(numbered("f", i));
      world.engine.on_funding(funding);
    });
  }
  is_done.store(true, std::memory_order_release);
  reader.join();
  CHECK(world.runtime.stop());
  CHECK_EQUAL(world.engine.counters().fills, 298U);
}
