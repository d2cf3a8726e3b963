// A lane: one producer, one consumer, fixed entries, the same public layout in and out of process.
// Every operation is wait-free: no loop depends on the other side, so a thread frozen anywhere
// holds back its own lane only. Full is an answer. Producers that must not wait for each other have
// a lane each (fair_turn.hpp reads many).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "gateway_core/memory/cache_line.hpp"

namespace gateway {

inline constexpr std::uint32_t kLaneMagic = 0x4C4E4157;  // "GWLN" read as little-endian text
inline constexpr std::uint32_t kLaneVersion = 1;

/// First 256 bytes of a lane. Indexes count entries and never wrap (u64).
struct LaneHeader {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t entry_bytes;
  std::uint32_t capacity;  // power of two
  std::uint64_t epoch;     // boot epoch of the engine; entries of another epoch are stale
  alignas(64) std::atomic<std::uint64_t> head;      // written by the consumer
  alignas(64) std::atomic<std::uint64_t> tail;      // written by the producer
  alignas(64) std::atomic<std::uint64_t> overruns;  // written by the producer: entries it dropped
};
static_assert(sizeof(LaneHeader) == 256 && std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(offsetof(LaneHeader, head) == 64 && offsetof(LaneHeader, tail) == 128);
static_assert(offsetof(LaneHeader, overruns) == 192 && alignof(LaneHeader) == kCacheLine);
// The two polled indexes are also in different pairs of lines once the lane begins on such a pair.
static_assert(is_apart(offsetof(LaneHeader, head), offsetof(LaneHeader, tail), kFalseSharingRange));

template <std::size_t EntryBytes>
class SpscLane {
 public:
  static_assert(EntryBytes % 64 == 0);

  /// Owns fresh memory for `capacity` entries, rounded up to a power of two.
  explicit SpscLane(std::size_t capacity, std::uint64_t epoch = 0) {
    std::size_t size = 2;
    while (size < capacity) size *= 2;
    const std::size_t bytes = sizeof(LaneHeader) + size * EntryBytes;
    memory_.reset(
        static_cast<std::byte*>(::operator new(bytes, std::align_val_t{kFalseSharingRange})));
    std::memset(memory_.get(), 0, bytes);
    header_ = new (memory_.get()) LaneHeader{};
    header_->magic = kLaneMagic;
    header_->version = kLaneVersion;
    header_->entry_bytes = EntryBytes;
    header_->capacity = static_cast<std::uint32_t>(size);
    header_->epoch = epoch;
    entries_ = memory_.get() + sizeof(LaneHeader);
    mask_ = size - 1;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

  /// Producer. Entries that can be pushed now without waiting.
  [[nodiscard]] std::size_t free_entries() noexcept {
    const std::uint64_t tail = header_->tail.load(std::memory_order_relaxed);
    // Pairs with the release in pop(): the consumer is done with the slots it gave back.
    head_seen_ = header_->head.load(std::memory_order_acquire);
    return capacity() - static_cast<std::size_t>(tail - head_seen_);
  }

  /// Producer. Whether more than `entries` wait; looks at the consumer's line only when needed.
  [[nodiscard]] bool holds_more_than(std::size_t entries) noexcept {
    const std::uint64_t tail = header_->tail.load(std::memory_order_relaxed);
    if (tail - head_seen_ <= entries) return false;
    return capacity() - free_entries() > entries;
  }

  /// Producer. Copies `count` consecutive entries from `data` or does nothing and returns false.
  [[nodiscard]] bool push(const void* data, std::size_t count = 1) noexcept {
    const std::uint64_t tail = header_->tail.load(std::memory_order_relaxed);
    if (tail + count - head_seen_ > capacity()) {
      if (free_entries() < count) return false;
    }
    const auto* from = static_cast<const std::byte*>(data);
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(entries_ + ((tail + i) & mask_) * EntryBytes, from + i * EntryBytes, EntryBytes);
    }
    // Pairs with the acquire in front(): the entries are visible before the index.
    header_->tail.store(tail + count, std::memory_order_release);
    return true;
  }

  /// Producer. Where `count` entries, at least one, are built in place, nullptr: no room, or they
  /// would go round the end of the lane. Nobody sees them before publish(); claiming again gives
  /// the same place.
  [[nodiscard]] std::byte* claim(std::size_t count = 1) noexcept {
    const std::uint64_t tail = header_->tail.load(std::memory_order_relaxed);
    if (count - 1 > mask_ - (tail & mask_)) return nullptr;  // never true of one entry
    if (tail + count - head_seen_ > capacity() && free_entries() < count) return nullptr;
    return entries_ + (tail & mask_) * EntryBytes;
  }

  /// Producer. Shows the claimed entries. Pairs with the acquire in size().
  void publish(std::size_t count = 1) noexcept {
    header_->tail.store(header_->tail.load(std::memory_order_relaxed) + count,
                        std::memory_order_release);
  }

  /// Producer. Brings the next `count` places near, while nobody waits for them.
  void prefetch_next(std::size_t count) const noexcept {
    const std::uint64_t tail = header_->tail.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < count && i <= mask_; ++i) {
      const std::byte* entry = entries_ + ((tail + i) & mask_) * EntryBytes;
      for (std::size_t at = 0; at < EntryBytes; at += 64) __builtin_prefetch(entry + at, 1);
    }
  }
  /// Producer. Counts one entry that had to be dropped.
  void count_overrun() noexcept {
    header_->overruns.store(header_->overruns.load(std::memory_order_relaxed) + 1,
                            std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t overruns() const noexcept {
    return header_->overruns.load(std::memory_order_relaxed);
  }

  /// Consumer. Entries that can be read now.
  [[nodiscard]] std::size_t size() noexcept {
    const std::uint64_t head = header_->head.load(std::memory_order_relaxed);
    // Pairs with the release in push(): entries are complete before they are counted.
    // Below when entries were popped that only size_now() had counted.
    if (tail_seen_ <= head) tail_seen_ = header_->tail.load(std::memory_order_acquire);
    return static_cast<std::size_t>(tail_seen_ - head);
  }

  /// Consumer. Whether `entries` are there; looks again when what was seen is not enough.
  [[nodiscard]] bool holds(std::size_t entries) noexcept {
    const std::uint64_t head = header_->head.load(std::memory_order_relaxed);
    if (tail_seen_ < head + entries) tail_seen_ = header_->tail.load(std::memory_order_acquire);
    return tail_seen_ - head >= entries;
  }

  /// Consumer. As size(), without changing what the consumer has seen.
  [[nodiscard]] std::size_t size_now() const noexcept {
    return static_cast<std::size_t>(header_->tail.load(std::memory_order_acquire) -
                                    header_->head.load(std::memory_order_relaxed));
  }

  /// Any thread: how many wait, about; for gauges.
  [[nodiscard]] std::size_t size_estimate() const noexcept {
    const std::uint64_t head = header_->head.load(std::memory_order_relaxed);
    const std::uint64_t tail = header_->tail.load(std::memory_order_relaxed);
    return tail > head ? std::min<std::size_t>(tail - head, capacity()) : 0;
  }

  /// Any thread: whether something waits, without touching the consumer's cache.
  [[nodiscard]] bool is_empty() const noexcept {
    return header_->tail.load(std::memory_order_acquire) ==
           header_->head.load(std::memory_order_acquire);
  }

  /// Consumer. The entry `offset` places behind the oldest; size() has said that it is there.
  [[nodiscard]] const std::byte* peek(std::size_t offset = 0) const noexcept {
    const std::uint64_t head = header_->head.load(std::memory_order_relaxed);
    return entries_ + ((head + offset) & mask_) * EntryBytes;
  }

  /// Consumer. Whether the oldest `count` entries lie in a row, so that peek() shows all of them.
  [[nodiscard]] bool is_in_a_row(std::size_t count) const noexcept {
    return (header_->head.load(std::memory_order_relaxed) & mask_) + count <= capacity();
  }

  /// Consumer. Gives `count` entries back.
  void pop(std::size_t count = 1) noexcept {
    header_->head.store(header_->head.load(std::memory_order_relaxed) + count,
                        std::memory_order_release);
  }

 private:
  struct Release {
    void operator()(std::byte* memory) const noexcept {
      ::operator delete(memory, std::align_val_t{kFalseSharingRange});
    }
  };

  std::unique_ptr<std::byte, Release> memory_;
  LaneHeader* header_ = nullptr;
  std::byte* entries_ = nullptr;
  std::size_t mask_ = 0;
  alignas(kCacheLine) std::uint64_t head_seen_ = 0;  // producer's copy of the consumer's index
  alignas(kCacheLine) std::uint64_t tail_seen_ = 0;  // consumer's copy of the producer's index
};
// What neither side writes, what the producer writes, what the consumer writes: a line each.
static_assert(alignof(SpscLane<64>) == kCacheLine && sizeof(SpscLane<64>) == 3 * kCacheLine);

}  // namespace gateway
