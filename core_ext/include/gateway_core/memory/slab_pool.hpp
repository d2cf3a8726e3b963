// A fixed number of slots of one type, taken and given back in constant time, without allocation.
// Owner thread only. Must never let an old handle reach a new object: a slot whose generations are
// used up is retired, not reused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace gateway {

/// Names one life of one slot: generation above, index below. 0 is never a handle.
using SlabHandle = std::uint64_t;

template <typename T, int kIndexBits = 28, int kGenerationBits = 64 - kIndexBits>
class SlabPool {
  static_assert(kIndexBits > 0 && kGenerationBits > 1 && kIndexBits + kGenerationBits <= 64);
  static constexpr std::uint64_t kGenerationMax = ~std::uint64_t{0} >> (64 - kGenerationBits);
  static constexpr std::uint64_t kIndexMask = ~std::uint64_t{0} >> (64 - kIndexBits);

 public:
  static constexpr std::uint32_t kCapacityMax = static_cast<std::uint32_t>(kIndexMask);

  /// Allocates and touches every slot. `capacity` above kCapacityMax is cut to it.
  explicit SlabPool(std::uint32_t capacity)
      : capacity_(capacity < kCapacityMax ? capacity : kCapacityMax),
        values_(std::make_unique<T[]>(capacity_)),
        slots_(std::make_unique<Slot[]>(capacity_)) {
    for (std::uint32_t i = capacity_; i > 0; --i) push_free(i - 1);
  }

  /// A fresh slot holding T{}; 0 when none is left.
  [[nodiscard]] SlabHandle acquire() noexcept {
    if (free_ == kNoSlot) return 0;
    const std::uint32_t index = free_;
    Slot& slot = slots_[index];
    free_ = slot.next_free;
    ++slot.generation;  // Odd: live.
    values_[index] = T{};
    ++live_;
    return (slot.generation << kIndexBits) | index;
  }

  /// The object, or nullptr when the handle is stale or was never given out.
  [[nodiscard]] T* get(SlabHandle handle) noexcept {
    return is_live(handle) ? &values_[index_of(handle)] : nullptr;
  }
  [[nodiscard]] const T* get(SlabHandle handle) const noexcept {
    return is_live(handle) ? &values_[index_of(handle)] : nullptr;
  }

  /// Gives the slot back. False, and nothing happens, when the handle is stale.
  bool release(SlabHandle handle) noexcept {
    if (!is_live(handle)) return false;
    const std::uint32_t index = index_of(handle);
    Slot& slot = slots_[index];
    --live_;
    if (slot.generation == kGenerationMax) {
      slot.generation = 0;  // Even and never given out again: no handle matches any more.
      ++retired_;
      return true;
    }
    ++slot.generation;
    push_free(index);
    return true;
  }

  [[nodiscard]] bool is_live(SlabHandle handle) const noexcept {
    const std::uint64_t index = handle & kIndexMask;
    const std::uint64_t generation = handle >> kIndexBits;
    return index < capacity_ && (generation & 1) != 0 && slots_[index].generation == generation;
  }
  /// Calls visit(handle, object) for every live slot. Cold.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (std::uint32_t index = 0; index < capacity_; ++index) {
      const SlabHandle handle = (slots_[index].generation << kIndexBits) | index;
      if (is_live(handle)) visit(handle, values_[index]);
    }
  }
  [[nodiscard]] static constexpr std::uint32_t index_of(SlabHandle handle) noexcept {
    return static_cast<std::uint32_t>(handle & kIndexMask);
  }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::uint32_t live() const noexcept { return live_; }
  /// Slots that ran out of generations. Free slots = capacity - live - retired.
  [[nodiscard]] std::uint32_t retired() const noexcept { return retired_; }

 private:
  struct Slot {
    std::uint64_t generation = 0;
    std::uint32_t next_free = 0;
  };
  static constexpr std::uint32_t kNoSlot = 0xFFFFFFFF;
  static_assert(kIndexBits <= 32 && kCapacityMax <= kNoSlot);

  void push_free(std::uint32_t index) noexcept {
    slots_[index].next_free = free_;  // Last in, first out: the warmest slot is taken next.
    free_ = index;
  }

  std::uint32_t capacity_;
  std::uint32_t live_ = 0;
  std::uint32_t retired_ = 0;
  std::uint32_t free_ = kNoSlot;
  std::unique_ptr<T[]> values_;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace gateway
