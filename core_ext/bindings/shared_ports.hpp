// The part of the engine's class that serves shared-memory ports.
#pragma once

#include <nanobind/nanobind.h>

#include "engine_handle.hpp"

namespace gateway {

void bind_shared_ports(nanobind::class_<EngineHandle>& engine);

}  // namespace gateway
