// Threads of an execution: stacks of our own and a switch without the kernel.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdlib>
#include <memory>

namespace explore {

class Fiber {
 public:
  static constexpr std::size_t kStackBytes = 256 * 1024;

  /// Starts `body(argument)` afresh on its own stack; it must never return.
  void start(void (*body)(int), int argument, Fiber& from) {
    if (stack_ == nullptr) stack_ = std::make_unique<std::uint8_t[]>(kStackBytes);
    ucontext_t unused;
    ::getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = kStackBytes;
    context_.uc_link = nullptr;
    ::makecontext(&context_, reinterpret_cast<void (*)()>(body), 1, argument);
    if (_setjmp(from.jump_) == 0) ::swapcontext(&unused, &context_);
  }
  static void switch_to(Fiber& from, Fiber& to) {
    if (_setjmp(from.jump_) == 0) _longjmp(to.jump_, 1);
  }

 private:
  jmp_buf jump_;
  ucontext_t context_;
  std::unique_ptr<std::uint8_t[]> stack_;
};

}  // namespace explore
