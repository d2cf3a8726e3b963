// The measurement file, byte for byte: header, stage table, gauges, histograms. Public through
// gateway_measurement.h; a change of any offset is a new version.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "gateway_core/memory/relaxed.hpp"
#include "gateway_core/telemetry/buckets.hpp"
#include "gateway_core/telemetry/stage.hpp"

namespace gateway::telemetry {

inline constexpr char kMeasurementMagic[8] = {'G', 'W', 'M', 'E', 'A', 'S', '0', '1'};
inline constexpr std::uint32_t kMeasurementVersion = 1;
inline constexpr const char* kMeasurementFileName = "measurement.map";
inline constexpr std::uint32_t kStagesMax = 64;
inline constexpr std::uint32_t kGaugesMax = 120;

/// First 256 bytes. Everything up to `instance` is written before the file has its name.
struct FileHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint64_t file_bytes;
  std::uint32_t stage_count;
  std::uint32_t stage_bytes;
  std::uint64_t stages_offset;
  std::uint32_t gauge_capacity;
  std::uint32_t gauge_bytes;
  std::uint64_t gauges_offset;
  std::uint32_t sub_bucket_bits;
  std::uint32_t value_bits;
  std::uint32_t bucket_count;
  std::uint32_t process_id;
  std::int64_t created_ns;  // wall clock
  std::uint32_t instance;
  std::uint32_t uses_counter;  // 1: ticks are the processor's; 0: nanoseconds
  std::uint8_t padding_0[40];
  // Written by the event loop while others read.
  alignas(64) std::atomic<std::uint64_t> ns_per_tick_e32;  // nanoseconds of a tick at 2^-32
  std::atomic<std::uint32_t> gauge_count;
  std::uint32_t padding_1;
  std::atomic<std::int64_t> updated_ns;  // monotonic clock, about once a second
  std::atomic<std::uint64_t> gauges_left_out;
  std::uint8_t padding_2[96];
};
static_assert(sizeof(FileHeader) == 256 && offsetof(FileHeader, ns_per_tick_e32) == 128);
static_assert(offsetof(FileHeader, created_ns) == 72);

struct StageEntry {
  char name[24];    // zero-terminated
  char writer[16];  // thread role
  std::uint32_t number;
  std::uint32_t kind;
  std::uint32_t parent;
  std::uint32_t sampled_one_in;
  std::uint64_t histogram_offset;
  std::uint8_t padding[64];
};
static_assert(sizeof(StageEntry) == 128 && offsetof(StageEntry, histogram_offset) == 56);

/// Depth of one queue. Each has one writer.
struct alignas(64) GaugeEntry {
  char name[40];
  char unit[8];
  char drained_by[16];  // thread role of the consumer
  std::uint64_t capacity;
  std::uint64_t threshold;  // "full" begins here
  std::atomic<std::uint64_t> depth;
  std::atomic<std::uint64_t> depth_max;
  std::atomic<std::uint64_t> above_ns;  // time spent at or above the threshold
  std::atomic<std::uint64_t> samples;
  std::atomic<std::int64_t> updated_ns;  // monotonic
  std::uint64_t padding;
};
static_assert(sizeof(GaugeEntry) == 128 && offsetof(GaugeEntry, depth) == 80);

/// The longest duration so far and whose it was; a version like every row with one writer.
struct Worst {
  Version version;
  std::uint64_t ticks;
  std::uint64_t tag;  // order id, 0 = none
  std::int64_t time_ns;
};

struct alignas(64) Histogram {
  Worst worst;
  std::atomic<std::uint64_t> sum;  // ticks
  std::uint8_t padding_0[24];
  std::atomic<std::uint64_t> counts[kBuckets];
  std::uint8_t padding_1[56];
};
static_assert(kBuckets == 2561 && sizeof(Histogram) == 64 + 8 * 2568);
static_assert(offsetof(Histogram, counts) == 64 && offsetof(Histogram, sum) == 32);

struct alignas(64) MeasurementLayout {
  FileHeader header;
  StageEntry stages[kStagesMax];
  GaugeEntry gauges[kGaugesMax];
  Histogram histograms[kStages];
};
static_assert(offsetof(MeasurementLayout, stages) == 256);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace gateway::telemetry
