// Fields one thread writes while others read: relaxed atomic words, and the sequence lock that
// makes a group of them one consistent snapshot. Readers never delay the writer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include "gateway_core/memory/cache_line.hpp"
#include "gateway_core/types/fixed_point.hpp"

namespace gateway {

/// A field of 8 to 64 bits with value semantics. Each load and store is whole, none is ordered:
/// alone it is good for counters and gauges, under a SequenceLock for everything.
template <typename T>
class Relaxed {
  static_assert(std::is_trivially_copyable_v<T> && std::atomic<T>::is_always_lock_free);

 public:
  constexpr Relaxed() noexcept = default;
  constexpr Relaxed(T value) noexcept : value_(value) {}  // NOLINT: a field reads like its value
  Relaxed(const Relaxed& other) noexcept : value_(other.load()) {}
  Relaxed& operator=(const Relaxed& other) noexcept {
    store(other.load());
    return *this;
  }
  Relaxed& operator=(T value) noexcept {
    store(value);
    return *this;
  }
  operator T() const noexcept { return load(); }  // NOLINT

  [[nodiscard]] T load() const noexcept { return value_.load(std::memory_order_relaxed); }
  void store(T value) noexcept { value_.store(value, std::memory_order_relaxed); }

  /// Owner thread only: load and store, no locked instruction. Wraps like an unsigned.
  void add(T amount) noexcept
    requires std::is_integral_v<T>
  {
    using U = std::make_unsigned_t<T>;
    store(static_cast<T>(static_cast<U>(load()) + static_cast<U>(amount)));
  }

 private:
  std::atomic<T> value_{};
};

/// 128 bits as two words. A reader may see halves of two values; only a SequenceLock makes it
/// whole.
template <>
class Relaxed<Int128> {
 public:
  constexpr Relaxed() noexcept = default;
  constexpr Relaxed(Int128 value) noexcept  // NOLINT
      : low_(static_cast<std::uint64_t>(value)),
        high_(static_cast<std::uint64_t>(static_cast<UInt128>(value) >> 64)) {}
  Relaxed(const Relaxed& other) noexcept : Relaxed(other.load()) {}
  Relaxed& operator=(const Relaxed& other) noexcept {
    store(other.load());
    return *this;
  }
  Relaxed& operator=(Int128 value) noexcept {
    store(value);
    return *this;
  }
  operator Int128() const noexcept { return load(); }  // NOLINT

  [[nodiscard]] Int128 load() const noexcept {
    return static_cast<Int128>((static_cast<UInt128>(high_.load()) << 64) | low_.load());
  }
  void store(Int128 value) noexcept {
    low_.store(static_cast<std::uint64_t>(value));
    high_.store(static_cast<std::uint64_t>(static_cast<UInt128>(value) >> 64));
  }

 private:
  Relaxed<std::uint64_t> low_;
  Relaxed<std::uint64_t> high_;
};
static_assert(sizeof(Relaxed<std::int64_t>) == 8 && sizeof(Relaxed<Int128>) == 16);

#if defined(__SANITIZE_THREAD__)
// The thread sanitizer does not model fences. Here it need not: every guarded word is atomic, so
// there is no race it could miss or invent.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/// One writer, any number of readers. Guarded fields must be Relaxed. Use:
///   writer: lock.write_begin(); fields...; lock.write_end();
///   reader: n = lock.read_begin(); copy fields; if (lock.read_validate(n)) the copy is one
///   version.
class SequenceLock {
 public:
  void write_begin() noexcept {
    sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    // Pairs with the acquire fence in read_validate: a reader that saw one of the stores below
    // sees this odd number or a later one.
    std::atomic_thread_fence(std::memory_order_release);
  }
  void write_end() noexcept {
    // Pairs with the acquire in read_begin: who sees this even number sees every store before it.
    sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  [[nodiscard]] std::uint64_t read_begin() const noexcept {
    return sequence_.load(std::memory_order_acquire);  // Pairs with the release in write_end.
  }
  [[nodiscard]] bool read_validate(std::uint64_t begun) const noexcept {
    std::atomic_thread_fence(std::memory_order_acquire);  // Pairs with the fence in write_begin.
    return (begun & 1) == 0 && sequence_.load(std::memory_order_relaxed) == begun;
  }
  /// Completed writes so far.
  [[nodiscard]] std::uint64_t version() const noexcept { return read_begin() / 2; }

 private:
  std::atomic<std::uint64_t> sequence_{0};
};

#if defined(__SANITIZE_THREAD__)
#pragma GCC diagnostic pop
#endif

/// A whole value behind a sequence lock, copied word by word.
template <typename T>
class Snapshot {
  static_assert(std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>);
  static constexpr std::size_t kWords = (sizeof(T) + 7) / 8;

 public:
  /// Writer thread only.
  void store(const T& value) noexcept {
    std::uint64_t words[kWords] = {};
    std::memcpy(words, &value, sizeof(T));
    lock_.write_begin();
    for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i]);
    lock_.write_end();
  }
  /// One attempt; nullopt when a write was under way.
  [[nodiscard]] std::optional<T> try_load() const noexcept {
    std::uint64_t words[kWords];
    const std::uint64_t begun = lock_.read_begin();
    for (std::size_t i = 0; i < kWords; ++i) words[i] = words_[i].load();
    if (!lock_.read_validate(begun)) return std::nullopt;
    T value;
    std::memcpy(&value, words, sizeof(T));
    return value;
  }
  /// At most `attempts` attempts: a reader may starve while the writer never pauses, and says so.
  [[nodiscard]] std::optional<T> load(int attempts = 1 << 16) const noexcept {
    for (int i = 0; i < attempts; ++i) {
      if (auto value = try_load()) return value;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::uint64_t version() const noexcept { return lock_.version(); }

 private:
  alignas(kCacheLine) SequenceLock lock_;
  Relaxed<std::uint64_t> words_[kWords];
};

}  // namespace gateway
