// The reading side: maps another process's measurement file and copies what is in it. Trusts
// nothing: every offset, size and text is checked before use. Never writes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway_core/telemetry/histogram_snapshot.hpp"

namespace gateway::telemetry {

struct StageReading {
  std::string name;
  std::string writer;
  StageKind kind = StageKind::kWork;
  std::string parent;  // "" = none
  std::uint32_t sampled_one_in = 1;
  HistogramSnapshot histogram;
};

struct GaugeReading {
  std::string name;
  std::string unit;
  std::string drained_by;
  std::uint64_t capacity = 0;
  std::uint64_t threshold = 0;
  std::uint64_t depth = 0;
  std::uint64_t depth_max = 0;
  std::uint64_t above_ns = 0;
  std::uint64_t samples = 0;
  std::int64_t updated_ns = 0;
};

struct Reading {
  std::uint32_t process_id = 0;
  std::uint32_t instance = 0;
  std::int64_t created_ns = 0;
  std::int64_t updated_ns = 0;  // monotonic clock of the writer's machine
  std::int64_t read_ns = 0;     // monotonic clock when this was read
  double ns_per_tick = 1;
  std::vector<StageReading> stages;
  std::vector<GaugeReading> gauges;
};

class MeasurementFile {
 public:
  MeasurementFile() = default;
  ~MeasurementFile() { close(); }
  MeasurementFile(const MeasurementFile&) = delete;
  MeasurementFile& operator=(const MeasurementFile&) = delete;

  /// Maps PATH read-only. False sets `error`: missing, short, foreign, another version, or offsets
  /// that lead out of the file.
  [[nodiscard]] bool open(const std::string& path, std::string& error);
  /// Copies everything. False: the file was cut since it was opened.
  [[nodiscard]] bool read(Reading& out) const;
  /// True when the name was given to a newer file: open again.
  [[nodiscard]] bool is_replaced() const noexcept;
  void close() noexcept;

 private:
  [[nodiscard]] const FileHeader& header() const noexcept {
    return *reinterpret_cast<const FileHeader*>(bytes_);
  }
  [[nodiscard]] bool check(std::string& error);

  int descriptor_ = -1;
  const std::uint8_t* bytes_ = nullptr;
  std::uint64_t mapped_bytes_ = 0;
  // Checked copies: what the file says later must not lead anywhere else.
  std::vector<StageEntry> stages_;
  std::uint64_t gauges_offset_ = 0;
  std::uint32_t gauge_capacity_ = 0;
};

}  // namespace gateway::telemetry
