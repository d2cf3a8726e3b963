// A numpy array read or written where it lies: one dimension, contiguous, of exactly one dtype.
// Anything else is refused by name; nothing is ever converted or copied.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <string>

namespace gateway {

class ArrayRows {
 public:
  enum class Access { kRead, kWrite };

  /// `name` is what the caller calls the argument. TypeError: no array, or another dtype.
  /// ValueError: shape, gaps between rows, or read-only where it is to be written.
  ArrayRows(nanobind::handle array, nanobind::handle dtype, const char* name,
            Access access = Access::kRead);
  ~ArrayRows() { PyBuffer_Release(&view_); }
  ArrayRows(const ArrayRows&) = delete;
  ArrayRows& operator=(const ArrayRows&) = delete;

  [[nodiscard]] std::size_t count() const noexcept { return static_cast<std::size_t>(rows_); }
  template <typename T>
  [[nodiscard]] T* as() const noexcept {
    return static_cast<T*>(view_.buf);
  }
  /// Whether the two share a byte.
  [[nodiscard]] bool overlaps(const ArrayRows& other) const noexcept;

 private:
  Py_buffer view_{};
  Py_ssize_t rows_ = 0;
};

/// numpy.dtype of what Python would write between the parentheses; made once per process and text.
[[nodiscard]] nanobind::object numpy_dtype(const char* description);

}  // namespace gateway
