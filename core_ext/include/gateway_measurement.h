/* The measurement file RINGDIR/measurement.map for readers in any language: layouts and constants,
   no dependency. Little-endian. Map it read-only and load every number as one aligned 64-bit word.
   docs/concepts/measurement.md explains each field. */
#ifndef GATEWAY_MEASUREMENT_H
#define GATEWAY_MEASUREMENT_H

#include <stdint.h>

#define GATEWAY_MEASUREMENT_MAGIC "GWMEAS01"
#define GATEWAY_MEASUREMENT_VERSION 1u
#define GATEWAY_MEASUREMENT_NAME "measurement.map"
#define GATEWAY_MEASUREMENT_SUB_BUCKET_BITS 6u
#define GATEWAY_MEASUREMENT_BUCKETS 2561u
#define GATEWAY_MEASUREMENT_NO_PARENT 0xFFFFFFFFu

struct gateway_measurement_header {
  char magic[8];
  uint32_t version;
  uint32_t header_bytes;
  uint64_t file_bytes;
  uint32_t stage_count;
  uint32_t stage_bytes;
  uint64_t stages_offset;
  uint32_t gauge_capacity;
  uint32_t gauge_bytes;
  uint64_t gauges_offset;
  uint32_t sub_bucket_bits;
  uint32_t value_bits;
  uint32_t bucket_count;
  uint32_t process_id;
  int64_t created_ns; /* wall clock */
  uint32_t instance;
  uint32_t uses_counter;
  uint8_t padding_0[40];
  uint64_t ns_per_tick_e32; /* nanoseconds of a tick times 2^32; changes */
  uint32_t gauge_count;     /* changes */
  uint32_t padding_1;
  int64_t updated_ns; /* monotonic clock; changes */
  uint64_t gauges_left_out;
  uint8_t padding_2[96];
};

struct gateway_measurement_stage {
  char name[24];
  char writer[16];
  uint32_t number;
  uint32_t kind; /* 0 work, 1 wait, 2 span */
  uint32_t parent;
  uint32_t sampled_one_in;
  uint64_t histogram_offset; /* from the beginning of the file */
  uint8_t padding[64];
};

struct gateway_measurement_gauge {
  char name[40];
  char unit[8];
  char drained_by[16];
  uint64_t capacity;
  uint64_t threshold;
  uint64_t depth; /* this and the following change */
  uint64_t depth_max;
  uint64_t above_ns;
  uint64_t samples;
  int64_t updated_ns;
  uint64_t padding;
};

struct gateway_measurement_histogram {
  uint64_t worst_version; /* odd while the next three are being written */
  uint64_t worst_ticks;
  uint64_t worst_tag;
  int64_t worst_time_ns;
  uint64_t sum_ticks;
  uint8_t padding_0[24];
  uint64_t counts[GATEWAY_MEASUREMENT_BUCKETS];
  uint8_t padding_1[56];
};

/* Smallest duration of a bucket, in ticks. Below 128 it is the bucket's own number. */
static inline uint64_t gateway_measurement_lowest(uint32_t bucket) {
  const uint32_t shift = bucket < 128 ? 0 : bucket / 64 - 1;
  return (uint64_t)(bucket - shift * 64) << shift;
}

#endif
