// An interleaving explorer for production code. The code is compiled with the compiler's own race
// instrumentation (-fsanitize=thread) but linked to this runtime instead of the sanitizer's: every
// load, store, fence and plain access of the unchanged source arrives here with its memory order.
// Threads are fibers; schedules and weak loads are choices; all of them are tried, or random ones.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace explore {

struct Limits {
  int preemptions = 2;                      // switches away from a thread that could go on
  int stale_loads = 3;                      // loads that do not see the newest store
  std::uint64_t executions = 3'000'000;     // of the depth-first search
  std::uint64_t random_executions = 5'000;  // behind it, without these bounds
  std::uint64_t seed = 1;
  bool has_moved = true;  // plant wrong indexes too; not where one would be followed out of memory
};

/// One atomic access in the code, found by running it.
struct Site {
  std::uintptr_t call = 0;  // where in the program
  std::string function;
  std::string what;   // "store release u64"
  std::string where;  // the memory it first went to, as named
  int order = 0;
  bool is_fence = false;
  bool is_store = false;
  bool is_kernel = false;
  std::int64_t unit = 1;
  bool is_threaded = false;  // met outside set-up and end
};
/// One planted fault: this site is weakened to `order` (-1 = the fence is left out), or the value
/// it stores is moved by `value_added`.
struct Mutant {
  std::size_t site = 0;
  int order = 0;
  std::int64_t value_added = 0;
  std::string name;  // "SpscLane<64>::push: store release u64 tail -> relaxed"
};

struct Outcome {
  bool is_good = true;
  bool is_complete = false;  // all executions within the bounds were tried
  std::uint64_t executions = 0;
  std::string failure;  // what went wrong, with the trace of all steps and the choices
};

/// `make` sets up one execution: allocates everything anew (the memory is taken back after it) and
/// calls thread(), at_end(), name(). It runs before the threads, alone.
[[nodiscard]] Outcome explore(const std::string& name, const std::function<void()>& make,
                              const Limits& limits = {}, const Mutant* mutant = nullptr);
/// Sites met so far, and the mutants that weaken each by one step.
[[nodiscard]] const std::vector<Site>& sites();
void forget_sites();
[[nodiscard]] std::vector<Mutant> weakened();
/// Every store site with its value moved by one unit: a wrong index.
[[nodiscard]] std::vector<Mutant> moved();

// Inside make():
void thread(const std::string& name, std::function<void()> body);
void at_end(std::function<void()> judge);
/// Names memory in traces. `unit`: what a wrong index in it is off by.
void name(const volatile void* memory, std::size_t bytes, const std::string& text,
          std::int64_t unit = 1);
/// Memory outside the heap that the threads share. `mirror` bytes behind it show the same bytes
/// again.
enum class Memory : std::uint8_t {
  kUsual,
  kWords,  // rows: fields of any size are stored, whole words are read
  kRacy,   // as kWords, and a reader may copy it while it is written by plain stores, by design
};
void watch(void* memory, std::size_t bytes, std::size_t mirror = 0, Memory kind = Memory::kUsual);

// Inside threads and at_end():
/// Ends the execution as failed when `is_true` is not.
void require(bool is_true, const char* text);
/// Says that the thread waits for the others: they go first.
void yield();
/// Puts a line into the trace.
void note(const std::string& text);

}  // namespace explore
