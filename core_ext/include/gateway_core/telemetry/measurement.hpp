// Always-on measurement, the writing side: one histogram per stage and one gauge per queue in a
// file that any process may map. Recording never waits, allocates or calls the system; each
// histogram and gauge has one writing thread (stage.hpp says which).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway_core/platform/clock.hpp"
#include "gateway_core/telemetry/layout.hpp"

namespace gateway::telemetry {

/// A moment in counter ticks; 0 = this operation is not measured.
using Ticks = std::uint64_t;

/// Moments of the counter and of CLOCK_MONOTONIC, and the rate between two of them.
struct TickSample {
  std::uint64_t ticks = 0;
  std::int64_t monotonic_ns = 0;

  /// Tightest of a few tries, so that an interruption between the reads does not count.
  [[nodiscard]] static TickSample take(bool uses_counter) noexcept;
  /// Nanoseconds of a tick at 2^-32 from `earlier` to here; 0 = the counter is not plausible.
  [[nodiscard]] std::uint64_t rate_e32_since(const TickSample& earlier) const noexcept;
};

/// The counter of this process, calibrated once (about 20 ms at the first call).
struct TickRate {
  bool uses_counter = false;
  std::uint64_t ns_per_tick_e32 = 1ULL << 32;
  TickSample first;
  [[nodiscard]] static const TickRate& of_process() noexcept;
};

/// What a file says of its origin; tests pass fixed numbers.
struct MeasurementOrigin {
  std::uint32_t process_id = 0;
  std::uint32_t instance = 1;
  std::int64_t created_ns = 0;
};

class Measurement {
 public:
  /// In memory of its own, seen by nobody else: for tests and simulations.
  Measurement();
  ~Measurement();
  Measurement(const Measurement&) = delete;
  Measurement& operator=(const Measurement&) = delete;

  /// Makes DIRECTORY/measurement.map anew, all space reserved, under its name only when complete; a
  /// file of an earlier start is replaced. Before the first record(). False sets `error`.
  [[nodiscard]] bool open(const std::string& directory, const MeasurementOrigin& origin,
                          std::string& error);

  [[nodiscard]] Ticks timestamp() const noexcept { return read_ticks(uses_counter_); }

  /// Engine thread only. A moment for one operation in kEngineSampling on average, else 0. The gaps
  /// are random, so that no rhythm of the orders hides behind the rhythm of the samples.
  [[nodiscard]] Ticks sample() noexcept {
    if (--until_sample_ != 0) [[likely]]
      return 0;
    until_sample_ = next_gap();
    return timestamp();
  }

  /// Records from `begin` to now and returns now, where the next stage begins. 0 stays 0 and
  /// records nothing. The stage's writer only. `tag` names the worst: an order id.
  Ticks record(Stage stage, Ticks begin, std::uint64_t tag = 0) noexcept {
    if (begin == 0) [[likely]]
      return 0;
    const Ticks now = timestamp();
    add(stage, now > begin ? now - begin : 0, tag);
    return now;
  }

  /// Records a duration that was not measured in ticks. The stage's writer only.
  void record_ns(Stage stage, std::int64_t duration_ns, std::uint64_t tag = 0) noexcept {
    add(stage, to_ticks(duration_ns), tag);
  }

  /// Records a duration in ticks. The stage's writer only.
  void add(Stage stage, std::uint64_t ticks, std::uint64_t tag = 0) noexcept {
    Histogram& histogram = layout_->histograms[static_cast<std::size_t>(stage)];
    if (ticks > histogram.worst.ticks) [[unlikely]]
      remember_worst(histogram, ticks, tag);
    bump(histogram.sum, ticks, std::memory_order_relaxed);
    // Pairs with the acquire in HistogramSnapshot: who counts a duration finds it in sum and worst.
    bump(histogram.counts[bucket_of(ticks)], 1, std::memory_order_release);
  }

  /// Names a queue; its number, or -1 when the table is full (counted in the header). From
  /// `threshold` on it counts as full. The thread that opens ports.
  [[nodiscard]] int add_gauge(std::string_view name, std::string_view unit,
                              std::string_view drained_by, std::uint64_t capacity,
                              std::uint64_t threshold) noexcept;
  /// What waits in a queue now. The gauge's writer only; a number of -1 is ignored.
  void set_depth(int gauge, std::uint64_t depth, std::int64_t now_ns) noexcept;

  /// About once a second: a better rate from a longer stretch, and a sign of life.
  void calibrate() noexcept;

  [[nodiscard]] const MeasurementLayout& layout() const noexcept { return *layout_; }
  [[nodiscard]] bool uses_counter() const noexcept { return uses_counter_; }

 private:
  static void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by,
                   std::memory_order order) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + by, order);  // one writer: no lock
  }
  static void remember_worst(Histogram& histogram, std::uint64_t ticks, std::uint64_t tag) noexcept;
  [[nodiscard]] std::uint32_t next_gap() noexcept;
  [[nodiscard]] std::uint64_t to_ticks(std::int64_t duration_ns) const noexcept;
  void fill_header(const MeasurementOrigin& origin) noexcept;
  void unmap() noexcept;

  MeasurementLayout* layout_ = nullptr;
  bool uses_counter_;
  std::uint32_t until_sample_ = 1;
  std::uint64_t random_ = 0x9E3779B97F4A7C15ULL;
};

}  // namespace gateway::telemetry
