// Borrowed numpy arrays, checked.
#include "array_rows.hpp"

#include <nanobind/stl/string.h>

#include <cstdint>
#include <string>
#include <unordered_map>

namespace nb = nanobind;

namespace gateway {
namespace {

std::string shown(nb::handle value) { return nb::cast<std::string>(nb::str(value)); }

[[noreturn]] void refuse(const std::string& text) { throw nb::value_error(text.c_str()); }

}  // namespace

nb::object numpy_dtype(const char* description) {
  // Kept for the life of the process, under the interpreter's lock: making a dtype of many fields
  // takes longer than the work on a thousand rows.
  static auto* const kept = new std::unordered_map<std::string, PyObject*>;
  if (const auto found = kept->find(description); found != kept->end()) {
    return nb::borrow(found->second);
  }
  const nb::object read = nb::module_::import_("ast").attr("literal_eval");
  const nb::object made = nb::module_::import_("numpy").attr("dtype")(read(nb::str(description)));
  kept->emplace(description, made.inc_ref().ptr());
  return made;
}

ArrayRows::ArrayRows(nb::handle array, nb::handle dtype, const char* name, Access access) {
  const std::string what = name;
  if (!nb::hasattr(array, "dtype") || PyObject_CheckBuffer(array.ptr()) == 0) {
    throw nb::type_error((what + ": a numpy array is needed").c_str());
  }
  const nb::object found = array.attr("dtype");
  if (!found.is(dtype) && !found.equal(dtype)) {
    throw nb::type_error(
        (what + ": dtype " + shown(dtype) + " is needed, not " + shown(found)).c_str());
  }
  const auto dimensions = nb::cast<int>(array.attr("ndim"));
  if (dimensions != 1) {
    refuse(what + ": one dimension is needed, not " + std::to_string(dimensions));
  }
  const bool is_written = access == Access::kWrite;
  if (!nb::cast<bool>(array.attr("flags").attr("c_contiguous"))) {
    refuse(what + ": rows must lie one behind the other (numpy.ascontiguousarray makes a copy)");
  }
  if (is_written && !nb::cast<bool>(array.attr("flags").attr("writeable"))) {
    refuse(what + ": is read-only");
  }
  rows_ = nb::cast<Py_ssize_t>(array.attr("shape")[0]);
  const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (is_written ? PyBUF_WRITABLE : 0);
  if (PyObject_GetBuffer(array.ptr(), &view_, flags) != 0) throw nb::python_error();
  // Numbers of this module are words of 8 bytes, alone or in rows, or single bytes.
  const std::size_t alignment = view_.itemsize % 8 == 0 ? 8 : 1;
  if (reinterpret_cast<std::uintptr_t>(view_.buf) % alignment != 0) {
    PyBuffer_Release(&view_);
    refuse(what + ": must begin at a multiple of 8 bytes");
  }
}

bool ArrayRows::overlaps(const ArrayRows& other) const noexcept {
  const auto mine = reinterpret_cast<std::uintptr_t>(view_.buf);
  const auto theirs = reinterpret_cast<std::uintptr_t>(other.view_.buf);
  return mine < theirs + static_cast<std::size_t>(other.view_.len) &&
         theirs < mine + static_cast<std::size_t>(view_.len);
}

}  // namespace gateway
