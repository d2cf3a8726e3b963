// A random day on files, decided again: without a change it is the day itself; whatever is assumed,
// the journal that is made makes the state again that it was decided with, and its totals add up.
#include "gateway_core/engine/counterfactual.hpp"

#include <filesystem>

#include "check.hpp"
#include "engine/held_storage.hpp"
#include "gateway_core/state/totals.hpp"
#include "state/random_desk.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr Sequence kAll = ~Sequence{0};
constexpr std::uint64_t kMs = 1'000'000;

/// Some seconds of a random desk, each step a few milliseconds behind the one before.
void record_day(const Directory& directory, std::uint64_t seed) {
  RuntimeOptions wanted = stored_options(directory);
  wanted.journal.ring_bytes = 1 << 22;
  Twin twin(seed, wanted);
  Clock& clock = twin.world.runtime.clock();
  for (int step = 0; step < 2'000; ++step) {
    (void)clock.set_ns(clock.now_ns() + 1 + static_cast<std::int64_t>(twin.random.below(5 * kMs)));
    twin.step();
    twin.engine.turn(64);
    twin.world.drain();
  }
  CHECK(twin.engine.counters().fills > 100);
  CHECK(twin.world.runtime.stop());
}

/// A day and what becomes of it under other assumptions.
struct Day {
  Directory directory;
  platform::PosixStorage storage;

  explicit Day(std::uint64_t seed) { record_day(directory, seed); }

  /// Beside the journal, in a place that is made anew.
  [[nodiscard]] CounterfactualOptions options() const {
    CounterfactualOptions out;
    out.directory = directory.path / "journal";
    out.out_directory = directory.path / "other";
    out.out_ring_directory = directory.path / "other_ring";
    for (const std::string& place : {out.out_directory, out.out_ring_directory}) {
      std::filesystem::remove_all(place);
      std::filesystem::create_directories(place);
    }
    return out;
  }
  /// All of it, in pieces of some records.
  void decide(Counterfactual& again) const {
    while (again.advance(97, kAll) != 0) continue;
    again.finish();
    CHECK_EQUAL(again.error(), std::string());
    CHECK(again.counts().orders > 100);
  }
  /// The journal that was made is one that a reader follows to the same state.
  void check_made(const Counterfactual& again, const std::string& made) {
    journal::Reader reader(storage, made);
    Follower follower;
    while (const RecordHeader* header = reader.next()) {
      CHECK(follower.apply(*header, reinterpret_cast<const std::uint8_t*>(header)));
    }
    CHECK_EQUAL(follower.sequence(), again.other_sequence());
    CHECK(follower.state() != nullptr);
    if (follower.state() == nullptr) return;
    CHECK_EQUAL(follower.state()->hash(), again.other_hash());
    CHECK_EQUAL(differing_total(*follower.state()), std::string());
  }
  /// How many differences there are of each kind under these assumptions.
  std::vector<std::uint64_t> assume(const CounterfactualOptions& assumed) {
    Counterfactual again(storage, assumed);
    decide(again);
    check_made(again, assumed.out_directory);
    std::vector<std::uint64_t> told(kDifferences);
    for (const DifferenceNote& note : again.take_notes())
      ++told[static_cast<std::size_t>(note.what)];
    for (std::size_t kind = 0; kind < kDifferences; ++kind)
      CHECK_EQUAL(told[kind], again.counts().by_kind[kind]);
    return told;
  }
};

[[nodiscard]] LimitChange limit(Level level, const char* name, const char* field,
                                const char* value) {
  LimitChange out;
  CHECK_EQUAL(out.read(level, name, field, value), std::string());
  return out;
}

std::uint64_t of(const std::vector<std::uint64_t>& told, Difference what) {
  return told[static_cast<std::size_t>(what)];
}

}  // namespace

TEST(a_day_without_a_change_is_itself) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Day day(seed);
    const CounterfactualOptions nothing = day.options();
    Counterfactual again(day.storage, nothing);
    day.decide(again);
    for (const DifferenceNote& note : again.take_notes())
      CHECK_EQUAL(kDifferenceNames[static_cast<std::size_t>(note.what)], std::string("none"));
    CHECK_EQUAL(again.fact_hash(), again.other_hash());
    CHECK(again.is_identical());
    day.check_made(again, nothing.out_directory);
  }
}

TEST(an_assumed_limit_refuses_what_was_accepted_and_its_world_is_sound) {
  Day day(4);
  CounterfactualOptions assumed = day.options();
  assumed.limits = {limit(Level::kStrategy, "alpha", "position_long_max", "2"),
                    limit(Level::kFirm, "", "order_quantity_max", "1.5")};
  const auto told = day.assume(assumed);
  CHECK(of(told, Difference::kAssumed) > 0);
  CHECK(of(told, Difference::kRefused) > 20);
  CHECK(of(told, Difference::kFellAway) > 10);
}

TEST(an_account_that_is_left_out_has_no_order_and_no_fill) {
  Day day(5);
  CounterfactualOptions assumed = day.options();
  assumed.accounts_left_out = {"second"};
  const auto told = day.assume(assumed);
  CHECK(of(told, Difference::kLeftOut) > 50);
}

TEST(what_was_refused_and_would_be_taken_is_filled_where_that_is_assumed) {
  Day day(6);
  CounterfactualOptions assumed = day.options();
  assumed.limits = {limit(Level::kAccount, "main", "collar_bps", "9000"),
                    limit(Level::kInstrument, "BTC-PERP", "order_quantity_max", "1.9")};
  assumed.from_sequence = 500;
  for (const AssumedFills fills :
       {AssumedFills::kNone, AssumedFills::kLimit, AssumedFills::kMark}) {
    assumed.fills = fills;
    (void)day.options();  // their place anew
    CHECK(of(day.assume(assumed), Difference::kRefused) > 0);
  }
}
