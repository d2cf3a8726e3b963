// What an engine is opened with.
#pragma once

#include <cstdint>

#include "gateway_core/telemetry/measurement.hpp"

namespace gateway {

struct EngineSettings {
  std::uint32_t instance = 1;
  std::int64_t disk_async_window_ns = 250'000'000;
  telemetry::Measurement* measurement = nullptr;  // null: the engine measures into its own
  std::uint32_t lost_epoch = 0;     // orders up to it may have left without a record, 0 = none
  std::int64_t lost_newest_ns = 0;  // when the newest of these losses began
};

}  // namespace gateway
