// A histogram and the table of gauges that one thread writes and others read: who counts a duration
// finds it in the sum and under the worst, and a gauge that is counted has its name.
#include <cstring>
#include <string>

#include "explore/machine.hpp"
#include "explore/mutants.hpp"
#include "gateway_core/telemetry/histogram_snapshot.hpp"
#include "gateway_core/telemetry/measurement.hpp"

using explore::require;
using namespace gateway::telemetry;  // NOLINT

namespace proof {

constexpr Stage kStage = Stage::kFill;

/// Made once; every execution begins with zeros. Of the buckets only those that are used are
/// watched: the others are zeros that nobody writes.
Measurement& measurement() {
  static Measurement& made = []() -> Measurement& {
    const explore::Inside inside;
    return *new Measurement;
  }();
  auto& layout = const_cast<MeasurementLayout&>(made.layout());
  Histogram& histogram = layout.histograms[static_cast<std::size_t>(kStage)];
  {
    const explore::Inside inside;
    std::memset(static_cast<void*>(&histogram), 0, 64 + 16 * sizeof(std::uint64_t));
    std::memset(static_cast<void*>(&layout.gauges[0]), 0, 2 * sizeof(GaugeEntry));
    layout.header.gauge_count.store(0);
  }
  explore::watch(&histogram, 64, 0, explore::Memory::kWords);
  explore::watch(&histogram.counts[0], 8 * sizeof(std::uint64_t));
  explore::watch(&layout.header.gauge_count, 4);
  explore::watch(&layout.gauges[0], 2 * sizeof(GaugeEntry));
  explore::name(&histogram.worst, sizeof(Worst), "worst");
  explore::name(&histogram.sum, 8, "sum");
  explore::name(&histogram.counts[0], 64, "counts");
  explore::name(&layout.header.gauge_count, 4, "gauge count");
  explore::name(&layout.gauges[0], sizeof(GaugeEntry), "gauge 0");
  return made;
}

void a_counted_duration_is_in_the_sum_and_under_the_worst() {
  Measurement* all = &measurement();
  explore::thread("engine", [all] {
    all->add(kStage, 3, 33);
    all->add(kStage, 5, 55);
  });
  explore::thread("reader", [all] {
    const auto& histogram = all->layout().histograms[static_cast<std::size_t>(kStage)];
    const HistogramSnapshot seen(histogram, 1.0, 2);
    const std::uint64_t three = seen.counts()[bucket_of(3)];
    const std::uint64_t five = seen.counts()[bucket_of(5)];
    require(seen.count() == three + five && seen.count() <= 2, "the count is that of the buckets");
    require(seen.sum_ns() >= static_cast<double>(3 * three + 5 * five), "the sum covers the count");
    if (seen.worst().ticks == ~std::uint64_t{0}) return;  // the writer was busy each time
    require(seen.worst().ticks >= (five != 0 ? 5U : three != 0 ? 3U : 0U), "the worst covers all");
    require(seen.worst().tag == seen.worst().ticks * 11, "the worst goes with its name");
  });
}

void a_counted_gauge_has_its_name() {
  Measurement* all = &measurement();
  explore::thread("event loop", [all] {
    const int gauge = all->add_gauge("outbound.sim", "entries", "event_loop", 64, 48);
    require(gauge == 0, "there is room");
    all->set_depth(gauge, 7, 100);
  });
  explore::thread("reader", [all] {
    const MeasurementLayout& layout = all->layout();
    // As MeasurementFile::read does.
    if (layout.header.gauge_count.load(std::memory_order_acquire) == 0) return;
    const GaugeEntry& gauge = layout.gauges[0];
    require(gauge.capacity == 64 && gauge.threshold == 48 && gauge.name[0] == 'o',
            "a counted gauge is complete");
  });
}

}  // namespace proof
using namespace proof;  // NOLINT

TEST(measurements_hold_in_every_execution_and_every_planted_fault_is_caught) {
  explore::Limits limits;
  limits.random_executions = 1'000;
  limits.has_moved = false;  // sums and depths are sums and depths
  explore::prove(
      "telemetry",
      {a_counted_duration_is_in_the_sum_and_under_the_worst, a_counted_gauge_has_its_name}, {}, 7,
      limits);
}
