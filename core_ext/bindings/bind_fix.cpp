// The FIX framer for Python: whole verified messages out of bytes as they come.
#include <nanobind/nanobind.h>

#include <cstring>
#include <string>

#include "bind.hpp"
#include "fix_frame.hpp"
#include "latin_1.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

constexpr std::size_t kKeptOfDropped = 256;
constexpr std::size_t kMessageBytesLeast = 64;
constexpr std::size_t kMessageBytesMost = 16 * 1024 * 1024;
constexpr std::size_t kFedAtOnce = 1024 * 1024;

/// The bytes of any contiguous buffer, held for one call.
class BufferView {
 public:
  explicit BufferView(nb::handle source) {
    if (PyObject_GetBuffer(source.ptr(), &view_, PyBUF_SIMPLE) != 0) throw nb::python_error();
  }
  ~BufferView() { PyBuffer_Release(&view_); }
  BufferView(const BufferView&) = delete;
  BufferView& operator=(const BufferView&) = delete;
  [[nodiscard]] const char* data() const noexcept { return static_cast<const char*>(view_.buf); }
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(view_.len); }

 private:
  Py_buffer view_{};
};

FrameCopy copy_of(const fix::Frame& frame) {
  const bool is_good = frame.fault == fix::FrameFault::kNone;
  const std::size_t kept =
      is_good ? frame.data.size() : std::min(frame.data.size(), kKeptOfDropped);
  return {nb::bytes(frame.data.data(), kept),
          latin_1(frame.begin_string),
          latin_1(frame.message_type),
          frame.data.size(),
          frame.length_fault,
          frame.fault};
}

nb::list fields_of(const FrameCopy& frame) {
  nb::list fields;
  if (frame.fault != fix::FrameFault::kNone) return fields;
  fix::FieldCursor cursor({frame.data.c_str(), frame.data.size()});
  fix::Field field;
  while (cursor.next(field)) {
    fields.append(nb::make_tuple(field.tag, nb::bytes(field.value.data(), field.value.size())));
  }
  return fields;
}

void make_framer(fix::Framer* place, std::size_t message_bytes_max, std::size_t fields_max) {
  if (message_bytes_max < kMessageBytesLeast || message_bytes_max > kMessageBytesMost) {
    throw nb::value_error("message_bytes_max must be 64 bytes to 16 MiB");
  }
  if (fields_max < 4) throw nb::value_error("fields_max must be at least 4: 8, 9, 35 and 10");
  new (place) fix::Framer({message_bytes_max, fields_max, message_bytes_max + kFedAtOnce});
}

void feed(fix::Framer& framer, nb::handle data) {
  const BufferView view(data);
  if (framer.feed(view.data(), view.size())) return;
  PyErr_SetString(PyExc_BufferError, "more bytes wait in the framer than it may hold");
  throw nb::python_error();
}

nb::object next(fix::Framer& framer) {
  fix::Frame frame;
  return framer.next(frame) ? nb::cast(copy_of(frame)) : nb::none();
}

}  // namespace

void bind_fix(nb::module_& module) {
  nb::class_<FrameCopy>(module, "FixFrame")
      .def_prop_ro("data", [](const FrameCopy& frame) { return frame.data; })
      .def_prop_ro("fault",
                   [](const FrameCopy& frame) { return latin_1(fix::word_of(frame.fault)); })
      .def_prop_ro("begin_string", [](const FrameCopy& frame) { return frame.begin_string; })
      .def_prop_ro("message_type", [](const FrameCopy& frame) { return frame.message_type; })
      .def_ro("byte_count", &FrameCopy::bytes)
      .def_ro("length_fault", &FrameCopy::length_fault)
      .def("fields", &fields_of);
  nb::class_<fix::Framer>(module, "FixFramer")
      .def("__init__", &make_framer, nb::kw_only(), "message_bytes_max"_a = 65536,
           "fields_max"_a = 2048)
      .def("feed", &feed, "data"_a)
      .def("next", &next)
      .def_prop_ro("buffered", &fix::Framer::buffered)
      .def_prop_ro("capacity", &fix::Framer::capacity)
      .def_prop_ro("work", &fix::Framer::work);
}

}  // namespace gateway
