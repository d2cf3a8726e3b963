// What the explorer and the instrumentation share: the running execution. Not for tests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "explore/memory_model.hpp"

namespace explore {

enum class Kind : std::uint8_t { kLoad, kStore, kModify, kCompare, kFence };

/// True while a thread of an execution runs (or its set-up or end), and no hook is inside.
[[nodiscard]] bool is_running();
/// While one lives, accesses are the explorer's own and allocations come from the system.
class Inside {
 public:
  Inside() { ++depth; }
  ~Inside() { --depth; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  static inline int depth = 1;  // 0 only while an execution runs
};

[[nodiscard]] bool is_watched(std::uintptr_t address);
void plain_access(const volatile void* memory, std::size_t bytes, bool is_write,
                  std::uintptr_t call);
[[nodiscard]] std::uint64_t atomic_load(const volatile void* memory, int bytes, int order,
                                        std::uintptr_t call);
void atomic_store(volatile void* memory, int bytes, std::uint64_t value, int order,
                  std::uintptr_t call);
/// `change` gives the new value from the old one; returns the old one.
[[nodiscard]] std::uint64_t atomic_modify(volatile void* memory, int bytes, int order,
                                          std::uintptr_t call,
                                          std::uint64_t (*change)(std::uint64_t, std::uint64_t),
                                          std::uint64_t operand, const char* verb);
/// True and stored, or false with `expected` set to what is there.
[[nodiscard]] bool atomic_compare(volatile void* memory, int bytes, std::uint64_t& expected,
                                  std::uint64_t desired, int order, int failure_order, bool is_weak,
                                  std::uintptr_t call);
void atomic_fence(int order, std::uintptr_t call);
/// The kernel's futex: waits while the word holds `expected` / wakes all who wait. 0 or -1.
long futex_wait(const volatile void* word, std::uint32_t expected, std::uintptr_t call);
long futex_wake(const volatile void* word, std::uintptr_t call);
/// Memory for the execution that runs.
[[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment);
[[nodiscard]] bool is_allocated_here(const void* memory);

}  // namespace explore
