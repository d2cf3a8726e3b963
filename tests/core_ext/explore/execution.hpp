// The state of the running execution, shared by its parts: execution.cpp moves it, trace.cpp shows
// it, search.cpp says which execution comes next. Not for tests.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "explore/explorer.hpp"
#include "explore/fiber.hpp"
#include "explore/machine.hpp"
#include "explore/memory_model.hpp"
#include "random.hpp"

namespace explore {

constexpr std::size_t kArenaBytes = 512 * 1024;
constexpr int kStepsMax = 600;

struct Choice {
  int chosen;
  int count;
};
struct Step {
  int thread;
  int location;  // -1 = none
  std::size_t site;
  Kind kind;
  int order;
  std::uint64_t value;
  int read;  // index of the store that was read, -1
  bool is_done;
  std::string text;
};
struct Name {
  std::uintptr_t from;
  std::size_t bytes;
  std::string text;
  std::int64_t unit;
};
struct Range {
  std::uintptr_t from;
  std::size_t bytes;
  std::size_t mirror;
  Memory kind;
  std::vector<Cell> cells;
};
enum class State : std::uint8_t { kReady, kYielded, kWaiting, kEnded };
struct Role {
  std::string name;
  std::function<void()> body;
  State state = State::kReady;
  std::uintptr_t word = 0;
  std::uintptr_t written = 0;  // plain stores to racy bytes, not in the histories yet
  std::size_t written_bytes = 0;
};

/// Which of the stores that a load may still see it sees; 0 is the newest.
[[nodiscard]] int choose_load(int count);

/// What tells one site from another.
struct SiteKey {
  std::uintptr_t call = 0;
  int order = 0;
  std::uintptr_t word = 0;  // only inside the library
  friend auto operator<=>(const SiteKey&, const SiteKey&) = default;
};

struct Machine {
  MemoryModel model{&choose_load};
  std::uint8_t* arena = nullptr;
  std::size_t arena_used = 0;
  std::vector<Range> ranges;  // [0] is the arena; those behind ranges_used wait to be used again
  std::size_t ranges_used = 1;
  std::vector<Name> names;
  std::vector<Role> roles;
  std::function<void()> judge;
  Fiber main;
  Fiber fibers[kThreadsMax];
  int current = 0;
  std::vector<Choice> path;
  std::size_t depth = 0;
  int preemptions_left = 0;
  int stale_left = 0;
  bool is_random = false;
  check::Random random{1};
  bool has_failed = false;
  std::string failure;
  std::vector<Step> steps;
  std::vector<Site> sites;
  std::map<SiteKey, std::size_t> site_of;
  std::map<std::uintptr_t, bool> is_library;
  std::uintptr_t last_call[1024] = {};
  bool was_library[1024] = {};
  SiteKey last_key[1024] = {};
  std::size_t last_site[1024] = {};
  const Mutant* mutant = nullptr;
  int steps_taken = 0;
};

[[nodiscard]] Machine& machine();
/// One execution: set-up, threads until all have ended, judge.
void run_once(const std::function<void()>& make);
/// The body of every fiber: its role (0 = the judge), again and again.
void run_thread(int thread);

[[nodiscard]] const char* word_of(int order);
/// "Writer::publish", without arguments and namespaces.
[[nodiscard]] std::string function_at(std::uintptr_t call);
/// "tail" or "entries+64".
[[nodiscard]] std::string place(std::uintptr_t address);
/// All steps of the execution so far, one a line.
[[nodiscard]] std::string trace();

}  // namespace explore
