// The table of routes against a plain map, full, and beside readers that copy its positions.
#include "gateway_core/state/route.hpp"

#include <map>
#include <thread>
#include <tuple>

#include "check.hpp"
#include "random.hpp"

using namespace gateway;  // NOLINT

namespace {

using Name = std::tuple<AccountId, InstrumentId, int, int, StrategyId>;

/// A registry with so many of everything.
struct Names {
  Registry registry;
  explicit Names(std::uint32_t count) {
    for (std::uint32_t id = 1; id <= count; ++id) {
      (void)registry.venues.define(id);
      (void)registry.accounts.define(id);
      (void)registry.strategies.define(id);
      registry.instruments.define(id)->definition.venue = 1 + id % 3;
    }
  }
};

std::uint32_t make(RouteTable& table, const Name& name) {
  const auto [account, instrument, leg, mode, strategy] = name;
  return table.find_or_make(account, instrument, static_cast<Leg>(leg),
                            static_cast<MarginMode>(mode), strategy);
}

Name random_name(check::Random& random) {
  const auto id = [&](std::uint64_t most) {
    return static_cast<std::uint32_t>(1 + random.below(most));
  };
  return {id(5), id(5), static_cast<int>(random.below(3)), static_cast<int>(random.below(2)),
          static_cast<StrategyId>(random.below(5))};
}

}  // namespace

TEST(routes_are_a_map_from_names_to_indexes_that_never_change) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    check::Random random(seed);
    Names names(5);
    constexpr std::uint32_t kCapacity = 100;
    const OwnQuotes own(16, kInstrumentsMax);
    RouteTable table(kCapacity, names.registry, own);
    std::map<Name, std::uint32_t> model;
    for (int step = 0; step < 3000; ++step) {
      const Name name = random_name(random);
      const std::uint32_t found = make(table, name);
      const auto known = model.find(name);
      if (known != model.end()) {
        CHECK_EQUAL(found, known->second);
      } else if (model.size() == kCapacity) {
        CHECK_EQUAL(found, RouteTable::kNone);
      } else {
        CHECK_EQUAL(found, static_cast<std::uint32_t>(model.size()));
        model.emplace(name, found);
      }
      CHECK_EQUAL(table.count(), static_cast<std::uint32_t>(model.size()));
    }
    for (const auto& [name, index] : model) {
      const auto [account, instrument, leg, mode, strategy] = name;
      const Route& route = table.at(index);
      const Position& position = table.position(index);
      CHECK(route.account == account && route.instrument == instrument &&
            route.strategy == strategy && static_cast<int>(route.leg) == leg &&
            static_cast<int>(route.margin_mode) == mode && route.venue == 1 + instrument % 3);
      CHECK(position.account == account && position.instrument == instrument &&
            position.strategy == strategy && position.leg == leg && position.margin_mode == mode);
      // What is measured for several routes together is one place for all of them.
      for (const auto& [other, at] : model) {
        const bool is_same_thing = std::get<1>(other) == instrument && std::get<2>(other) == leg;
        CHECK((table.at(at).shared == route.shared) == is_same_thing);
        CHECK((table.at(at).account_exposure == route.account_exposure) ==
              (is_same_thing && std::get<0>(other) == account));
        CHECK((table.at(at).strategy_exposure == route.strategy_exposure) ==
              (is_same_thing && std::get<4>(other) == strategy));
      }
    }
  }
}

TEST(positions_below_the_count_are_whole_beside_the_thread_that_makes_them) {
  Names names(50);
  const OwnQuotes own(16, kInstrumentsMax);
  RouteTable table(2500, names.registry, own);
  std::thread reader([&] {
    for (std::uint32_t seen = 0; seen < 2500;) {
      const std::uint32_t count = table.count();
      CHECK(count >= seen);
      for (; seen < count; ++seen) {
        Position copy;
        if (!read(table.position(seen), copy, 1'000'000)) continue;
        CHECK(copy.account == 1 + seen / 50 && copy.instrument == 1 + seen % 50);
        CHECK(copy.notional_e4 == static_cast<std::int64_t>(10 * copy.sequence));
      }
      std::this_thread::yield();
    }
  });
  for (std::uint32_t i = 0; i < 2500; ++i) {
    const std::uint32_t at =
        table.find_or_make(1 + i / 50, 1 + i % 50, Leg::kNet, MarginMode::kCash, kExternalStrategy);
    CHECK_EQUAL(at, i);
    Position& position = table.position(at);
    begin_write(position.version);
    put(position.notional_e4, std::int64_t{10} * (i + 1));
    put(position.sequence, i + 1);
    end_write(position.version);
  }
  reader.join();
}
