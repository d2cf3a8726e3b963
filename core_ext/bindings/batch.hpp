// The part of the client port's class that takes and gives rows of numbers.
#pragma once

#include <nanobind/nanobind.h>

#include "engine_handle.hpp"

namespace gateway {

void bind_template(nanobind::module_& module, nanobind::class_<ClientPortHandle>& port);
void bind_batch(nanobind::class_<ClientPortHandle>& port);

}  // namespace gateway
