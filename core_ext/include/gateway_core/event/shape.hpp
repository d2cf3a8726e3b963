// What the names of an earlier event were, in order. A venue writes its events with the same
// program, so the next one mostly has the same names in the same places: then they need not be
// read, looked up and compared with one another again. Where it differs nothing is assumed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "gateway_core/event/scan.hpp"
#include "gateway_core/event/table.hpp"

namespace gateway::event {

/// One step through the objects of an event: into one, a name in it, or out of it.
struct ShapeStep {
  static constexpr std::size_t kWords = 4;  // longer names are not remembered

  std::array<std::uint64_t, kWords> bytes{};  // `"name":`, zeros behind
  std::array<std::uint64_t, kWords> masks{};
  std::uint8_t size = 0;  // of a name with quotes and colon; 0 = into or out of an object
  bool is_begin = false;
  const Branch* branch = nullptr;

  [[nodiscard]] bool is_name() const noexcept { return size != 0; }
  [[nodiscard]] bool operator==(const ShapeStep& other) const noexcept {
    return bytes == other.bytes && size == other.size && is_begin == other.is_begin &&
           branch == other.branch;
  }
  /// Whether exactly these bytes stand here.
  [[nodiscard]] bool stands_at(const Cursor& cursor) const noexcept {
    if (cursor.left() < kWords * 8) {
      return cursor.left() >= size && std::memcmp(cursor.at, bytes.data(), size) == 0;
    }
    const auto differs = [this, &cursor](std::size_t i) {
      std::uint64_t word;
      std::memcpy(&word, cursor.at + i * 8, sizeof word);
      return (word ^ bytes[i]) & masks[i];
    };
    const std::uint64_t difference = differs(0) | differs(1);  // nearly every name
    return difference == 0 && (size <= 16 || (differs(2) | differs(3)) == 0);
  }
  /// False when the name is too long to be remembered.
  [[nodiscard]] bool set_name(std::string_view name, const Branch* at) noexcept {
    if (name.size() + 3 > kWords * 8) return false;
    char text[kWords * 8] = {};
    char ones[kWords * 8] = {};
    size = static_cast<std::uint8_t>(name.size() + 3);
    text[0] = '"';
    std::memcpy(text + 1, name.data(), name.size());
    text[name.size() + 1] = '"';
    text[name.size() + 2] = ':';
    std::memset(ones, 0xFF, size);
    std::memcpy(bytes.data(), text, sizeof text);
    std::memcpy(masks.data(), ones, sizeof ones);
    branch = at;
    return true;
  }
};

/// The steps of one event whose names were found to stand once in each object.
struct Shape {
  static constexpr std::size_t kStepsMax = 160;

  std::array<ShapeStep, kStepsMax> steps{};
  std::size_t count = 0;
  bool is_whole = false;  // the event was read to its end while this was written

  void add(const ShapeStep& step) noexcept {
    if (count < kStepsMax) steps[count] = step;
    ++count;
  }
  [[nodiscard]] bool is_usable() const noexcept { return is_whole && count <= kStepsMax; }
};

}  // namespace gateway::event
