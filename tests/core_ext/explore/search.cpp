// Which execution comes next, and which planted faults there are.
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "explore/execution.hpp"

namespace explore {
namespace {

/// The next path of the depth-first search; false when all were taken.
bool advance(std::vector<Choice>& path) {
  while (!path.empty() && path.back().chosen + 1 == path.back().count) path.pop_back();
  if (path.empty()) return false;
  ++path.back().chosen;
  return true;
}

void take_arena() {
  Machine& m = machine();
  if (m.arena == nullptr) {
    void* memory =
        ::mmap(nullptr, kArenaBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    m.arena = static_cast<std::uint8_t*>(memory);
    m.ranges.push_back(
        {reinterpret_cast<std::uintptr_t>(m.arena), kArenaBytes, 0, Memory::kUsual, {}});
    m.ranges[0].cells.resize(kArenaBytes / 4);
  }
}

}  // namespace

Outcome explore(const std::string& what, const std::function<void()>& make, const Limits& limits,
                const Mutant* mutant) {
  Machine& m = machine();
  take_arena();
  m.mutant = mutant;
  m.path.clear();
  m.has_failed = false;
  m.random = check::Random(limits.seed);
  Outcome outcome;
  const auto end = [&] {
    for (int i = 0; i < kThreadsMax; ++i) {
      if (m.has_failed || outcome.executions == 0) {
        // A thread left in the middle is abandoned; its fiber begins anew.
        m.fibers[i].start(
            [](int thread) {
              Fiber::switch_to(machine().fibers[thread], machine().main);
              run_thread(thread);
            },
            i, m.main);
      }
    }
  };
  end();
  const auto run = [&] {
    m.depth = 0;
    m.preemptions_left = m.is_random ? 1 << 30 : limits.preemptions;
    m.stale_left = m.is_random ? 1 << 30 : limits.stale_loads;
    run_once(make);
    ++outcome.executions;
    end();
    return !m.has_failed;
  };
  m.is_random = false;
  while (outcome.executions < limits.executions && run()) {
    if (advance(m.path)) continue;
    outcome.is_complete = true;
    break;
  }
  m.is_random = true;
  for (std::uint64_t i = 0; i < limits.random_executions && !m.has_failed; ++i) {
    m.path.clear();
    run();
  }
  outcome.is_good = !m.has_failed;
  if (m.has_failed) {
    outcome.failure = what + (mutant != nullptr ? " [" + mutant->name + "]" : "") + ", execution " +
                      std::to_string(outcome.executions) + ", seed " + std::to_string(limits.seed) +
                      ": " + m.failure;
  }
  m.roles.clear();
  m.judge = nullptr;
  m.mutant = nullptr;
  return outcome;
}

const std::vector<Site>& sites() { return machine().sites; }
void forget_sites() {
  Machine& m = machine();
  m.sites.clear();
  m.site_of.clear();
  std::fill(std::begin(m.last_key), std::end(m.last_key), SiteKey{});
}

/// What runs in set-ups and ends has nobody beside it; the kernel's part of a futex is its own.
static bool is_of_test(const Site& site) {
  return !site.is_threaded || site.is_kernel || site.function.rfind("proof::", 0) == 0;
}

/// "function: store release u64 tail", numbered where a function has several alike.
static std::string title(const Site& site) {
  const std::string text =
      site.function + ": " + site.what + (site.where.empty() ? "" : " " + site.where);
  std::size_t before = 1;
  std::size_t alike = 0;
  for (const Site& other : sites()) {
    if (other.function != site.function || other.what != site.what || other.where != site.where) {
      continue;
    }
    ++alike;
    before += other.call < site.call ? 1 : 0;
  }
  return alike == 1 ? text : text + " #" + std::to_string(before);
}

std::vector<Mutant> weakened() {
  std::vector<Mutant> mutants;
  const auto add = [&](std::size_t site, int order) {
    mutants.push_back({site, order, 0, title(sites()[site]) + " -> " + word_of(order)});
  };
  for (std::size_t i = 0; i < sites().size(); ++i) {
    const Site& site = sites()[i];
    if (is_of_test(site)) continue;
    if (site.is_fence) {
      add(i, -1);
    } else if (site.order == kSequential) {
      add(i, kAcquireRelease);
    } else if (site.order == kAcquireRelease) {
      add(i, kAcquire);
      add(i, kRelease);
    } else if (site.order != kRelaxed) {
      add(i, kRelaxed);
    }
  }
  return mutants;
}
std::vector<Mutant> moved() {
  std::vector<Mutant> mutants;
  for (std::size_t i = 0; i < sites().size(); ++i) {
    const Site& site = sites()[i];
    if (!site.is_store || is_of_test(site)) continue;
    mutants.push_back(
        {i, site.order, site.unit, title(site) + " with the value + " + std::to_string(site.unit)});
  }
  return mutants;
}

}  // namespace explore
