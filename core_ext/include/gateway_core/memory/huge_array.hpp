// A fixed array of zeroed values on pages of its own, on huge pages where the kernel has them.
// Memory is taken lazily: prefault() before the hot path, or the first touch of a page stalls it.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "gateway_core/platform/memory_node.hpp"

namespace gateway {

template <typename T>
class HugeArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  HugeArray() = default;
  /// All bytes are zero, which must be a valid T. Throws std::bad_alloc.
  explicit HugeArray(std::size_t count) : bytes_(count * sizeof(T)) {
    void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    values_ = static_cast<T*>(memory);
    platform::MemoryScope::on_mapped(memory, bytes_, bytes_ >= kHugeFrom);  // before any touch
#if defined(MADV_HUGEPAGE)
    // A wish: random access to a large table costs a page walk per line on small pages.
    if (bytes_ >= kHugeFrom) (void)::madvise(memory, bytes_, MADV_HUGEPAGE);
#endif
  }
  HugeArray(HugeArray&& other) noexcept { swap(other); }
  HugeArray& operator=(HugeArray&& other) noexcept {
    swap(other);
    return *this;
  }
  ~HugeArray() {
    if (values_ != nullptr) ::munmap(values_, bytes_);
  }

  /// Takes all memory now. Writes nothing: safe at any time, also beside readers.
  void prefault() noexcept {
    constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14
    if (values_ == nullptr || ::madvise(values_, bytes_, kPopulateWrite) == 0) return;
    auto* bytes = reinterpret_cast<std::uint8_t*>(values_);
    for (std::size_t at = 0; at < bytes_; at += kPage)
      __atomic_fetch_or(&bytes[at], 0, __ATOMIC_RELAXED);
  }

  [[nodiscard]] T& operator[](std::size_t at) noexcept { return values_[at]; }
  [[nodiscard]] const T& operator[](std::size_t at) const noexcept { return values_[at]; }

 private:
  static constexpr std::size_t kHugeFrom = std::size_t{2} << 20;
  static constexpr std::size_t kPage = 4096;

  void swap(HugeArray& other) noexcept {
    std::swap(values_, other.values_);
    std::swap(bytes_, other.bytes_);
  }

  T* values_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace gateway
