// The measurement file: its bytes, its cost rules, readers beside the writer, hostile files.
#include "gateway_core/telemetry/measurement.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "check.hpp"
#include "gateway_core/journal/sha256.hpp"
#include "gateway_core/telemetry/measurement_file.hpp"
#include "gateway_measurement.h"
#include "random.hpp"

using namespace gateway;
using namespace gateway::telemetry;

namespace {

/// A directory of its own that goes with it.
struct Directory {
  Directory() {
    char name[] = "/tmp/gateway-measurement-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Directory() {
    ::unlink(file().c_str());
    ::rmdir(path.c_str());
  }
  [[nodiscard]] std::string file() const { return path + "/" + kMeasurementFileName; }
  std::string path;
};

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

Reading read_file(const std::string& path) {
  MeasurementFile file;
  std::string error;
  Reading reading;
  if (!file.open(path, error) || !file.read(reading)) check::fail(__FILE__, __LINE__, error);
  return reading;
}

std::string refusal_of(const std::string& path) {
  MeasurementFile file;
  std::string error;
  CHECK(!file.open(path, error));
  return error;
}

}  // namespace

TEST(the_public_header_and_the_layout_are_the_same) {
  CHECK_EQUAL(sizeof(gateway_measurement_header), sizeof(FileHeader));
  CHECK_EQUAL(offsetof(gateway_measurement_header, ns_per_tick_e32),
              offsetof(FileHeader, ns_per_tick_e32));
  CHECK_EQUAL(offsetof(gateway_measurement_header, gauges_left_out),
              offsetof(FileHeader, gauges_left_out));
  CHECK_EQUAL(sizeof(gateway_measurement_stage), sizeof(StageEntry));
  CHECK_EQUAL(sizeof(gateway_measurement_gauge), sizeof(GaugeEntry));
  CHECK_EQUAL(offsetof(gateway_measurement_gauge, depth), offsetof(GaugeEntry, depth));
  CHECK_EQUAL(sizeof(gateway_measurement_histogram), sizeof(Histogram));
  CHECK_EQUAL(offsetof(gateway_measurement_histogram, sum_ticks), offsetof(Histogram, sum));
  CHECK_EQUAL(GATEWAY_MEASUREMENT_BUCKETS, kBuckets);
  for (std::uint32_t i = 0; i < kBuckets; ++i) {
    CHECK_EQUAL(gateway_measurement_lowest(i), lowest_of(i));
  }
}

TEST(the_file_is_byte_for_byte_what_version_1_says) {
  const Directory directory;
  Measurement measurement;
  std::string error;
  CHECK(measurement.open(directory.path, {4711, 3, 1'700'000'000'000'000'000}, error));
  for (std::uint64_t i = 0; i < 40; ++i) measurement.add(Stage::kGate, 1ULL << i, i);
  measurement.add(Stage::kVenueRoundTrip, 123'456, 42);
  const int gauge = measurement.add_gauge("journal_ring", "bytes", "journal_commit", 1024, 768);
  measurement.set_depth(gauge, 800, 1'000);
  measurement.set_depth(gauge, 10, 3'000);
  std::string bytes = bytes_of(directory.file());
  CHECK_EQUAL(bytes.size(), sizeof(MeasurementLayout));
  // What differs between machines and moments: the counter, its rate, when the worst was seen.
  std::fill_n(bytes.begin() + offsetof(FileHeader, uses_counter), 4, '\0');
  std::fill_n(bytes.begin() + offsetof(FileHeader, ns_per_tick_e32), 8, '\0');
  for (std::size_t i = 0; i < kStages; ++i) {
    const std::size_t at = offsetof(MeasurementLayout, histograms) + i * sizeof(Histogram);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at + offsetof(Worst, time_ns)), 8,
                '\0');
  }
  const auto digest =
      journal::sha256(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  CHECK_EQUAL(journal::hex(digest),
              std::string("120d8a5008217d98897def4fce460a267d354da907e61d7d04a3d7385702bcb0"));
}

TEST(what_was_recorded_is_what_is_read) {
  const Directory directory;
  Measurement measurement;
  std::string error;
  CHECK(measurement.open(directory.path, {1, 7, 5}, error));
  measurement.add(Stage::kCommit, 1'000);
  measurement.add(Stage::kCommit, 3'000, 99);
  const int gauge = measurement.add_gauge("venue.sim.outbound", "entries", "event_loop", 100, 75);
  measurement.set_depth(gauge, 80, 1'000);
  measurement.set_depth(gauge, 5, 4'000);
  const Reading reading = read_file(directory.file());
  CHECK_EQUAL(reading.instance, 7U);
  CHECK_EQUAL(reading.stages.size(), kStages);
  const StageReading& commit = reading.stages[static_cast<std::size_t>(Stage::kCommit)];
  CHECK_EQUAL(commit.name, std::string("commit"));
  CHECK_EQUAL(commit.histogram.count(), 2U);
  CHECK_EQUAL(commit.histogram.worst().tag, 99U);
  CHECK_EQUAL(commit.histogram.mean_ns(), 2'000 * reading.ns_per_tick);
  CHECK_EQUAL(reading.stages[static_cast<std::size_t>(Stage::kGate)].parent, std::string("decide"));
  CHECK_EQUAL(reading.gauges.size(), 1U);
  CHECK_EQUAL(reading.gauges[0].depth, 5U);
  CHECK_EQUAL(reading.gauges[0].depth_max, 80U);
  CHECK_EQUAL(reading.gauges[0].above_ns, 3'000U);
}

TEST(ticks_become_nanoseconds_of_the_monotonic_clock) {
  Measurement measurement;
  measurement.record_ns(Stage::kAck, 2'000'000);
  const auto& layout = measurement.layout();
  const double ns_per_tick =
      static_cast<double>(layout.header.ns_per_tick_e32.load()) / 4294967296.0;
  const HistogramSnapshot found(layout.histograms[static_cast<std::size_t>(Stage::kAck)],
                                ns_per_tick);
  CHECK(found.max_ns() > 1'999'000 && found.max_ns() < 2'001'000);
  // A stretch measured by both clocks: the ratio within one run, half a percent wide.
  const std::int64_t begin_ns = monotonic_ns();
  const Ticks begin = measurement.timestamp();
  while (monotonic_ns() - begin_ns < 20'000'000) continue;
  measurement.record(Stage::kFill, begin);
  const auto passed_ns = static_cast<double>(monotonic_ns() - begin_ns);
  const HistogramSnapshot fill(layout.histograms[static_cast<std::size_t>(Stage::kFill)],
                               ns_per_tick);
  CHECK(fill.max_ns() <= passed_ns * 1.005);
}

TEST(durations_that_end_before_they_begin_or_are_negative_count_as_zero) {
  Measurement measurement;
  CHECK(measurement.record(Stage::kGate, measurement.timestamp() + 1'000'000'000) != 0);
  measurement.record_ns(Stage::kGate, -5);
  CHECK_EQUAL(measurement.layout().histograms[2].counts[0].load(), 2U);
}

TEST(the_longest_duration_there_is_goes_to_the_last_bucket) {
  Measurement measurement;
  measurement.record_ns(Stage::kAck, INT64_MAX);
  const auto& ack = measurement.layout().histograms[static_cast<std::size_t>(Stage::kAck)];
  CHECK_EQUAL(ack.counts[kTopBucket].load(), 1U);
}

TEST(an_operation_that_is_not_sampled_leaves_no_trace) {
  Measurement measurement;
  CHECK_EQUAL(measurement.record(Stage::kGate, 0), 0U);
  for (const auto& count : measurement.layout().histograms[2].counts) {
    CHECK_EQUAL(count.load(), 0U);
  }
}

TEST(one_operation_in_sixteen_is_sampled_without_a_rhythm) {
  Measurement measurement;
  constexpr int kOperations = 1'600'000;
  int sampled = 0;
  int by_rhythm[16] = {};
  for (int i = 0; i < kOperations; ++i) {
    if (measurement.sample() == 0) continue;
    ++sampled;
    ++by_rhythm[i % 16];
  }
  CHECK(sampled > 99'000 && sampled < 101'000);
  for (const int one : by_rhythm)
    CHECK(one > sampled / 16 * 9 / 10 && one < sampled / 16 * 11 / 10);
}

TEST(gauges_beyond_the_table_are_counted_and_ignored) {
  Measurement measurement;
  for (std::uint32_t i = 0; i < kGaugesMax; ++i) {
    CHECK_EQUAL(measurement.add_gauge("a", "b", "c", 1, 1), static_cast<int>(i));
  }
  const int none = measurement.add_gauge("a", "b", "c", 1, 1);
  CHECK_EQUAL(none, -1);
  measurement.set_depth(none, 1, 1);
  CHECK_EQUAL(measurement.layout().header.gauges_left_out.load(), 1U);
}

TEST(a_new_start_replaces_the_file_and_a_reader_notices) {
  const Directory directory;
  std::string error;
  Measurement first;
  CHECK(first.open(directory.path, {1, 1, 1}, error));
  MeasurementFile reader;
  CHECK(reader.open(directory.file(), error));
  CHECK(!reader.is_replaced());
  Measurement second;
  CHECK(second.open(directory.path, {2, 1, 2}, error));
  CHECK(reader.is_replaced());
  CHECK_EQUAL(read_file(directory.file()).process_id, 2U);
}

TEST(a_directory_that_cannot_be_written_is_named) {
  Measurement measurement;
  std::string error;
  CHECK(!measurement.open("/nonexistent/place", {}, error));
  CHECK(error.find("/nonexistent/place") != std::string::npos);
}

TEST(a_short_file_is_refused_at_every_length) {
  const Directory directory;
  Measurement measurement;
  std::string error;
  CHECK(measurement.open(directory.path, {}, error));
  const std::string whole = bytes_of(directory.file());
  for (std::size_t size = 0; size < whole.size(); size += size < 512 ? 13 : 9'973) {
    write_bytes(directory.file(), whole.substr(0, size));
    CHECK(!refusal_of(directory.file()).empty());
  }
  CHECK(refusal_of(directory.path).find("too short") != std::string::npos);
  CHECK(refusal_of(directory.path + "/none").find("ENOENT") != std::string::npos);
}

TEST(a_file_that_is_cut_while_it_is_open_is_refused_and_not_touched) {
  const Directory directory;
  Measurement measurement;
  std::string error;
  CHECK(measurement.open(directory.path, {}, error));
  MeasurementFile reader;
  CHECK(reader.open(directory.file(), error));
  CHECK_EQUAL(::truncate(directory.file().c_str(), 1'000), 0);
  Reading reading;
  CHECK(!reader.read(reading));
}

TEST(a_foreign_file_and_another_version_are_refused_by_name) {
  const Directory directory;
  Measurement measurement;
  std::string error;
  CHECK(measurement.open(directory.path, {}, error));
  const std::string whole = bytes_of(directory.file());
  std::string changed = whole;
  changed[0] = 'X';
  write_bytes(directory.file(), changed);
  CHECK(refusal_of(directory.file()).find("not a measurement file") != std::string::npos);
  changed = whole;
  changed[8] = 9;
  write_bytes(directory.file(), changed);
  CHECK(refusal_of(directory.file()).find("version 9") != std::string::npos);
}

TEST(hostile_headers_and_tables_never_lead_out_of_the_file) {
  const Directory directory;
  Measurement measurement;
  std::string error;
  CHECK(measurement.open(directory.path, {}, error));
  const std::string whole = bytes_of(directory.file());
  check::Random random(20261121);
  int read = 0;
  for (int round = 0; round < 600; ++round) {
    std::string changed = whole;
    const std::size_t area = random.below(3) == 0 ? 256 : 256 + 128 * kStages;
    for (std::uint64_t i = 0; i <= random.below(4); ++i) {
      const std::size_t at = 8 + random.below(area - 8);
      changed[at] = static_cast<char>(random.next());
      // Whole fields of ones are what overflows sums of offsets.
      if (random.below(2) == 0)
        std::fill_n(changed.begin() + static_cast<long>(at & ~7U), 8, '\xff');
    }
    write_bytes(directory.file(), changed);
    MeasurementFile reader;
    Reading reading;
    if (reader.open(directory.file(), error) && reader.read(reading)) ++read;
  }
  CHECK(read > 0);  // Some changes are harmless; none may crash.
}

TEST(a_reader_beside_the_writer_sees_whole_numbers_that_only_grow) {
  const Directory directory;
  Measurement measurement;
  std::string error;
  CHECK(measurement.open(directory.path, {}, error));
  std::atomic<bool> is_done{false};
  constexpr std::uint64_t kRounds = 60'000;
  std::thread writer([&] {
    // Each duration is its tag times 3: a worst that mixes two of them is seen.
    for (std::uint64_t i = 1; i <= kRounds; ++i) {
      measurement.add(Stage::kDecide, i * 3, i);
      measurement.set_depth(0, i, static_cast<std::int64_t>(i));
      if (i == kRounds / 2) (void)measurement.add_gauge("late", "entries", "engine", 9, 9);
    }
    is_done = true;
  });
  MeasurementFile reader;
  CHECK(reader.open(directory.file(), error));
  std::uint64_t before = 0;
  while (!is_done) {
    Reading reading;
    CHECK(reader.read(reading));
    const HistogramSnapshot& found = reading.stages[1].histogram;
    CHECK(found.count() >= before);
    before = found.count();
    if (found.worst().ticks != ~0ULL) CHECK_EQUAL(found.worst().ticks, found.worst().tag * 3);
    // Durations rise, so what is counted must be in the sum: 3 * (1 + 2 + ... + count).
    const double least = 1.5 * static_cast<double>(before) * static_cast<double>(before + 1);
    CHECK(found.sum_ns() >= least * reading.ns_per_tick * 0.999);
    CHECK(found.percentile_ns(1.0) <= found.max_ns());
    for (const GaugeReading& gauge : reading.gauges) CHECK_EQUAL(gauge.name, std::string("late"));
  }
  writer.join();
  Reading reading;
  CHECK(reader.read(reading));
  CHECK_EQUAL(reading.stages[1].histogram.count(), kRounds);
}
