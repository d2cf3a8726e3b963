// Control commands of the engine's Python face, and the clock as Python reads it.
#pragma once

#include <nanobind/nanobind.h>

#include "engine_handle.hpp"

namespace gateway {

void bind_control(nanobind::class_<EngineHandle>& engine);
void bind_fix_journal(nanobind::class_<EngineHandle>& engine);

/// A refusal of a command, as gateway.core.refusals reads it.
[[noreturn]] inline void refuse(const std::string& code, const std::string& field,
                                const std::string& value, const std::string& rule) {
  throw nanobind::value_error((code + " " + field + " " + value + ": " + rule).c_str());
}

/// Time for readers on other threads: the engine's own clock belongs to the engine's thread.
[[nodiscard]] inline std::int64_t wall_or_virtual_ns(Runtime& runtime) noexcept {
  return runtime.clock().is_virtual() ? runtime.clock().now_ns() : wall_ns();
}

}  // namespace gateway
