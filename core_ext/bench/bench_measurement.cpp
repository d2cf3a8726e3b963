// What measuring costs: one stage measured always, and one operation in 16.
#include "benches.hpp"
#include "gateway_core/telemetry/measurement.hpp"

namespace gateway::bench {

Figures measurement(const Place& place) {
  using telemetry::Stage;
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  telemetry::Measurement measured;
  const auto rounds = static_cast<int>(40 * place.scale) + 3;
  constexpr std::size_t kItems = 20'000;
  std::uint64_t value = 0;
  const double empty = best_ns(rounds, kItems, [&] {
    for (std::size_t i = 0; i < kItems; ++i) keep(++value);
  });
  const double timestamp = best_ns(rounds, kItems, [&] {
    for (std::size_t i = 0; i < kItems; ++i) keep(measured.timestamp());
  });
  const double add = best_ns(rounds, kItems, [&] {
    for (std::size_t i = 0; i < kItems; ++i) measured.add(Stage::kGate, 40 + (i & 63));
  });
  const double always = best_ns(rounds, kItems, [&] {
    for (std::size_t i = 0; i < kItems; ++i) {
      const telemetry::Ticks begin = measured.timestamp();
      keep(++value);
      measured.record(Stage::kGate, begin);
    }
  });
  const double sampled = best_ns(rounds, kItems, [&] {
    for (std::size_t i = 0; i < kItems; ++i) {
      const telemetry::Ticks begin = measured.sample();
      keep(++value);
      measured.record(Stage::kGate, begin);
    }
  });
  // All four engine stages of one order, as the corridor places them.
  const double order = best_ns(rounds, kItems, [&] {
    for (std::size_t i = 0; i < kItems; ++i) {
      const telemetry::Ticks begin = measured.sample();
      telemetry::Ticks at = begin;
      keep(++value);
      at = measured.record(Stage::kGate, at, i);
      keep(++value);
      at = measured.record(Stage::kAppend, at, i);
      keep(++value);
      measured.record(Stage::kPublish, at, i);
      measured.record(Stage::kDecide, begin, i);
    }
  });
  return {{"timestamp", timestamp},
          {"add", add},
          {"always", always - empty},
          {"sampled", sampled - empty},
          {"sampled_order_of_4", order - 3 * empty}};
}

}  // namespace gateway::bench
