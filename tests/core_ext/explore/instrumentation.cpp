// The entry points that the compiler's race instrumentation calls, forwarded to the explorer.
// Accesses outside an execution, and to memory that nobody shares, are done as they are.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <new>

#include "explore/machine.hpp"

using explore::Inside;

namespace {

[[nodiscard]] bool is_ours(const volatile void* memory) {
  return explore::is_running() && explore::is_watched(reinterpret_cast<std::uintptr_t>(memory));
}

std::uint64_t set(std::uint64_t, std::uint64_t operand) { return operand; }
std::uint64_t add(std::uint64_t value, std::uint64_t operand) { return value + operand; }
std::uint64_t subtract(std::uint64_t value, std::uint64_t operand) { return value - operand; }
std::uint64_t both(std::uint64_t value, std::uint64_t operand) { return value & operand; }
std::uint64_t either(std::uint64_t value, std::uint64_t operand) { return value | operand; }
std::uint64_t differing(std::uint64_t value, std::uint64_t operand) { return value ^ operand; }

template <typename T>
T modify(volatile T* memory, T operand, int order,
         std::uint64_t (*change)(std::uint64_t, std::uint64_t), std::uintptr_t call,
         const char* verb) {
  if (is_ours(memory)) {
    return static_cast<T>(
        explore::atomic_modify(memory, sizeof(T), order, call, change, operand, verb));
  }
  T value = __atomic_load_n(memory, __ATOMIC_SEQ_CST);
  while (!__atomic_compare_exchange_n(memory, &value, static_cast<T>(change(value, operand)), false,
                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  return value;
}

template <typename T>
bool compare(volatile T* memory, T* expected, T desired, int order, int failure_order, bool is_weak,
             std::uintptr_t call) {
  if (!is_ours(memory)) {
    return __atomic_compare_exchange_n(memory, expected, desired, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
  }
  std::uint64_t found = *expected;
  const bool is_done = explore::atomic_compare(memory, sizeof(T), found, desired, order,
                                               failure_order, is_weak, call);
  *expected = static_cast<T>(found);
  return is_done;
}

}  // namespace

#define HERE reinterpret_cast<std::uintptr_t>(__builtin_return_address(0))
#define PLAIN(kind, bytes, is_write)                                           \
  void __tsan_##kind##bytes(void* memory) {                                    \
    if (is_ours(memory)) explore::plain_access(memory, bytes, is_write, HERE); \
  }                                                                            \
  void __tsan_unaligned_##kind##bytes(void* memory) {                          \
    if (is_ours(memory)) explore::plain_access(memory, bytes, is_write, HERE); \
  }
#define MODIFY(bits, name, change)                                                           \
  std::uint##bits##_t __tsan_atomic##bits##_##name(volatile std::uint##bits##_t* memory,     \
                                                   std::uint##bits##_t operand, int order) { \
    return modify<std::uint##bits##_t>(memory, operand, order, change, HERE, #name);         \
  }
#define ATOMIC(bits)                                                                              \
  std::uint##bits##_t __tsan_atomic##bits##_load(const volatile std::uint##bits##_t* memory,      \
                                                 int order) {                                     \
    if (!is_ours(memory)) return __atomic_load_n(memory, __ATOMIC_SEQ_CST);                       \
    return static_cast<std::uint##bits##_t>(explore::atomic_load(memory, bits / 8, order, HERE)); \
  }                                                                                               \
  void __tsan_atomic##bits##_store(volatile std::uint##bits##_t* memory,                          \
                                   std::uint##bits##_t value, int order) {                        \
    if (is_ours(memory)) return explore::atomic_store(memory, bits / 8, value, order, HERE);      \
    __atomic_store_n(memory, value, __ATOMIC_SEQ_CST);                                            \
  }                                                                                               \
  MODIFY(bits, exchange, set)                                                                     \
  MODIFY(bits, fetch_add, add)                                                                    \
  MODIFY(bits, fetch_sub, subtract)                                                               \
  MODIFY(bits, fetch_and, both)                                                                   \
  MODIFY(bits, fetch_or, either)                                                                  \
  MODIFY(bits, fetch_xor, differing)                                                              \
  bool __tsan_atomic##bits##_compare_exchange_strong(                                             \
      volatile std::uint##bits##_t* memory, std::uint##bits##_t* expected,                        \
      std::uint##bits##_t desired, int order, int failure_order) {                                \
    return compare<std::uint##bits##_t>(memory, expected, desired, order, failure_order, false,   \
                                        HERE);                                                    \
  }                                                                                               \
  bool __tsan_atomic##bits##_compare_exchange_weak(                                               \
      volatile std::uint##bits##_t* memory, std::uint##bits##_t* expected,                        \
      std::uint##bits##_t desired, int order, int failure_order) {                                \
    return compare<std::uint##bits##_t>(memory, expected, desired, order, failure_order, true,    \
                                        HERE);                                                    \
  }                                                                                               \
  std::uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                 \
      volatile std::uint##bits##_t* memory, std::uint##bits##_t expected,                         \
      std::uint##bits##_t desired, int order, int failure_order) {                                \
    compare<std::uint##bits##_t>(memory, &expected, desired, order, failure_order, true, HERE);   \
    return expected;                                                                              \
  }

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
PLAIN(read, 1, false)
PLAIN(read, 2, false)
PLAIN(read, 4, false)
PLAIN(read, 8, false)
PLAIN(read, 16, false)
PLAIN(write, 1, true)
PLAIN(write, 2, true)
PLAIN(write, 4, true)
PLAIN(write, 8, true)
PLAIN(write, 16, true)
void __tsan_read_range(void* memory, std::size_t bytes) {
  if (is_ours(memory)) explore::plain_access(memory, bytes, false, HERE);
}
void __tsan_write_range(void* memory, std::size_t bytes) {
  if (is_ours(memory)) explore::plain_access(memory, bytes, true, HERE);
}
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)
void __tsan_atomic_thread_fence(int order) {
  if (explore::is_running()) return explore::atomic_fence(order, HERE);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void __tsan_atomic_signal_fence(int) {}

// The compiler leaves copies of memory to these; the linker sends them here (--wrap).
void* __real_memcpy(void* to, const void* from, std::size_t bytes);
void* __real_memmove(void* to, const void* from, std::size_t bytes);
void* __real_memset(void* to, int value, std::size_t bytes);
int __real_memcmp(const void* a, const void* b, std::size_t bytes);
void* __wrap_memcpy(void* to, const void* from, std::size_t bytes) {
  if (is_ours(from)) explore::plain_access(from, bytes, false, HERE);
  if (is_ours(to)) explore::plain_access(to, bytes, true, HERE);
  return __real_memcpy(to, from, bytes);
}
void* __wrap_memmove(void* to, const void* from, std::size_t bytes) {
  if (is_ours(from)) explore::plain_access(from, bytes, false, HERE);
  if (is_ours(to)) explore::plain_access(to, bytes, true, HERE);
  return __real_memmove(to, from, bytes);
}
void* __wrap_memset(void* to, int value, std::size_t bytes) {
  if (is_ours(to)) explore::plain_access(to, bytes, true, HERE);
  return __real_memset(to, value, bytes);
}
int __wrap_memcmp(const void* a, const void* b, std::size_t bytes) {
  if (is_ours(a)) explore::plain_access(a, bytes, false, HERE);
  if (is_ours(b)) explore::plain_access(b, bytes, false, HERE);
  return __real_memcmp(a, b, bytes);
}
void* __tsan_memcpy(void* to, const void* from, std::size_t bytes) {
  return __wrap_memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, std::size_t bytes) {
  return __wrap_memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, std::size_t bytes) {
  return __wrap_memset(to, value, bytes);
}

/// Only the futex calls of the code under test come here during an execution.
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  auto* word = va_arg(list, void*);
  const long operation = va_arg(list, long) & FUTEX_CMD_MASK;
  const auto value = static_cast<std::uint32_t>(va_arg(list, long));
  va_end(list);
  if (number != SYS_futex || !explore::is_running()) {
    errno = ENOSYS;
    return -1;
  }
  return operation == FUTEX_WAIT ? explore::futex_wait(word, value, HERE)
                                 : explore::futex_wake(word, HERE);
}

}  // extern "C"

namespace {

void* take(std::size_t bytes, std::size_t alignment) {
  if (explore::is_running()) return explore::allocate(bytes, alignment);
  void* memory =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(bytes)
          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void give(void* memory) {
  if (!explore::is_allocated_here(memory)) std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) { return take(bytes, 16); }
void* operator new[](std::size_t bytes) { return take(bytes, 16); }
void* operator new(std::size_t bytes, std::align_val_t to) {
  return take(bytes, static_cast<std::size_t>(to));
}
void* operator new[](std::size_t bytes, std::align_val_t to) {
  return take(bytes, static_cast<std::size_t>(to));
}
void operator delete(void* memory) noexcept { give(memory); }
void operator delete[](void* memory) noexcept { give(memory); }
void operator delete(void* memory, std::size_t) noexcept { give(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give(memory); }
