// Text of a wire for Python as it is: every byte is one character, so none can be wrong.
#pragma once

#include <nanobind/nanobind.h>

#include <string_view>

namespace gateway {

inline nanobind::object latin_1(std::string_view text) {
  PyObject* const made =
      PyUnicode_DecodeLatin1(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
  if (made == nullptr) throw nanobind::python_error();
  return nanobind::steal(made);
}

}  // namespace gateway
