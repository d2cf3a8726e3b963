// One record as a dictionary: header fields, then every payload field by its name in
// record/kinds.hpp.
#pragma once

#include <nanobind/nanobind.h>

namespace gateway {

/// ValueError when the bytes are not one whole record of a known kind.
[[nodiscard]] nanobind::dict decode_record(nanobind::bytes record);

}  // namespace gateway
