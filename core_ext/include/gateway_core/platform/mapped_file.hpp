// A file in memory whose data region is mapped twice in a row, so a record never wraps in
// addresses. All space is reserved before the first store; must never be used on a disk file
// (stores stall).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gateway::platform {

class MappedFile {
 public:
  MappedFile() noexcept = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  /// Maps `head_bytes` once and the `ring_bytes` behind them twice. Both are multiples of the page.
  /// `descriptor` is taken over, also on failure; false sets `error`.
  bool map(int descriptor, std::size_t head_bytes, std::size_t ring_bytes, bool is_writable,
           std::string& error);
  void reset() noexcept;

  [[nodiscard]] std::uint8_t* head() const noexcept { return head_; }
  [[nodiscard]] std::uint8_t* ring() const noexcept { return head_ + head_bytes_; }
  [[nodiscard]] bool is_open() const noexcept { return head_ != nullptr; }
  /// True when the name this was opened under is gone; readers then attach again.
  [[nodiscard]] bool is_unlinked() const noexcept;

 private:
  int descriptor_ = -1;
  std::uint8_t* head_ = nullptr;
  std::size_t head_bytes_ = 0;
  std::size_t ring_bytes_ = 0;
};

/// Opens PATH in an in-memory file system with all space reserved; -1 sets `error`.
/// An existing file keeps its content when it has the wanted size, else it is replaced.
int open_memory_file(const std::string& path, std::uint64_t bytes, bool allow_any_filesystem,
                     bool& was_created, std::string& error);
/// A nameless in-memory file with all space reserved; -1 sets `error`.
int open_anonymous_memory(std::uint64_t bytes, std::string& error);

}  // namespace gateway::platform
