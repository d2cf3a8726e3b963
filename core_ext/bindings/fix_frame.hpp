// A frame with bytes of its own, so that it outlives the framer's buffer; as Python holds it.
#pragma once

#include <nanobind/nanobind.h>

#include "gateway_core/fix/framer.hpp"

namespace gateway {

struct FrameCopy {
  nanobind::bytes data;
  nanobind::object begin_string;
  nanobind::object message_type;
  std::size_t bytes;  // before the cut
  std::int64_t length_fault;
  fix::FrameFault fault;
};

}  // namespace gateway
