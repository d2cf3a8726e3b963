// The running execution: threads and their switches, choices, accesses and what they find.
#include "explore/execution.hpp"

#include <cstdlib>

namespace explore {
namespace {

Machine one_machine;

}  // namespace

Machine& machine() { return one_machine; }

namespace {

int choose(int count) {
  if (count <= 1) return 0;
  Machine& m = machine();
  if (m.is_random) {
    // Mostly the usual outcome, so that long stretches run as on a quiet machine.
    const int chosen = m.random.below(2) == 0
                           ? 0
                           : static_cast<int>(m.random.below(static_cast<std::uint64_t>(count)));
    m.path.push_back({chosen, count});
    return chosen;
  }
  if (m.depth == m.path.size()) m.path.push_back({0, count});
  return m.path[m.depth++].chosen;
}
}  // namespace

/// Which of the stores a load may still see it sees.
int choose_load(int count) {
  Machine& m = machine();
  if (m.stale_left == 0) return 0;
  const int chosen = choose(count);
  if (chosen != 0) --m.stale_left;
  return chosen;
}

namespace {

/// Whether the call is inside the standard library, in a function that many words share: the
/// members of atomic<bool> and of atomic pointers are calls, those of atomic numbers are not.
bool is_library(std::uintptr_t call) {
  Machine& m = machine();
  const std::size_t slot = call % 1024;
  if (m.last_call[slot] == call) return m.was_library[slot];
  const auto [found, is_new] = m.is_library.try_emplace(call, false);
  if (is_new) found->second = function_at(call).rfind("std::", 0) == 0;
  m.last_call[slot] = call;
  return m.was_library[slot] = found->second;
}

/// A site is a place in the program and the order it asks for; in the library also the word.
std::size_t site_at(std::uintptr_t call, Kind kind, int bytes, int order, const char* verb,
                    std::uintptr_t address) {
  Machine& m = machine();
  const SiteKey key{call, order, is_library(call) ? address : 0};
  const std::size_t slot = (call + static_cast<std::uintptr_t>(order) + key.word) % 1024;
  if (m.last_key[slot] == key) return m.last_site[slot];
  auto found = m.site_of.find(key);
  if (found == m.site_of.end()) {
    Site site;
    site.call = call;
    site.function = function_at(call);
    site.what = std::string(verb) + " " + word_of(order);
    if (kind != Kind::kFence) site.what += " u" + std::to_string(bytes * 8);
    site.order = order;
    site.is_fence = kind == Kind::kFence;
    site.is_store = kind == Kind::kStore;
    m.sites.push_back(site);
    found = m.site_of.emplace(key, m.sites.size() - 1).first;
  }
  m.last_key[slot] = key;
  m.last_site[slot] = found->second;
  return found->second;
}

Range* range_of(std::uintptr_t address) {
  Machine& m = machine();
  for (std::size_t i = 0; i < m.ranges_used; ++i) {
    Range& range = m.ranges[i];
    if (address - range.from < range.bytes + range.mirror) return &range;
  }
  return nullptr;
}
/// The one address of a byte that is mapped twice.
std::uintptr_t fold(const Range& range, std::uintptr_t address) {
  return address - range.from < range.bytes ? address : address - range.bytes;
}

/// Leaves the execution for good; its threads are never gone on with.
[[noreturn]] void leave() {
  Machine& m = machine();
  Inside::depth = 1;
  Fiber unused;
  Fiber::switch_to(unused, m.main);
  std::abort();
}
[[noreturn]] void fail(const std::string& why) {
  Machine& m = machine();
  m.has_failed = true;
  m.failure = why + "\n" + trace();
  leave();
}

/// Plain stores to racy bytes become relaxed stores of whole words.
void flush(Role& role) {
  Machine& m = machine();
  if (role.written_bytes == 0) return;
  const std::uintptr_t end = role.written + role.written_bytes;
  const int thread = m.current;
  for (std::uintptr_t at = role.written & ~std::uintptr_t{7}; at < end; at += 8) {
    const int location = m.model.location(at, 8, thread);
    m.model.store(thread, location, MemoryModel::memory(m.model.at(location)), kRelaxed);
  }
  role.written_bytes = 0;
}
void flush_current() {
  Machine& m = machine();
  if (m.current > 0) flush(m.roles[static_cast<std::size_t>(m.current - 1)]);
}

}  // namespace

void run_thread(int thread) {
  Machine& m = machine();
  for (;;) {
    Role* role = thread == 0 ? nullptr : &m.roles[static_cast<std::size_t>(thread - 1)];
    --Inside::depth;
    role == nullptr ? m.judge() : role->body();
    ++Inside::depth;
    if (role != nullptr) flush(*role);
    if (role != nullptr) role->state = State::kEnded;
    Fiber::switch_to(m.fibers[thread], m.main);
  }
}

namespace {

/// Threads that can go on, the current one first when it can.
int ready_threads(int (&ready)[kThreadsMax]) {
  Machine& m = machine();
  int count = 0;
  const auto is = [&](int thread, State state) {
    return m.roles[static_cast<std::size_t>(thread - 1)].state == state;
  };
  const int threads = static_cast<int>(m.roles.size());
  if (m.current > 0 && is(m.current, State::kReady)) ready[count++] = m.current;
  for (int i = 1; i <= threads; ++i) {
    if (i != m.current && is(i, State::kReady)) ready[count++] = i;
  }
  if (count != 0) return count;
  for (int i = 1; i <= threads; ++i) {  // all who could go on have yielded: another round
    if (is(i, State::kYielded)) ready[count++] = i;
  }
  for (Role& role : m.roles) {
    if (role.state == State::kYielded) role.state = State::kReady;
  }
  return count;
}

/// Before every visible step: another thread may come first.
void schedule() {
  Machine& m = machine();
  if (m.current == 0) return;
  if (++m.steps_taken > kStepsMax) fail("does not end");
  const int before = m.current;
  const bool can_go_on = m.roles[static_cast<std::size_t>(before - 1)].state == State::kReady;
  int ready[kThreadsMax];
  const int count = ready_threads(ready);
  if (count == 0) Fiber::switch_to(m.fibers[before], m.main);  // the main loop says what it is
  if (can_go_on && m.preemptions_left == 0) return;
  const int chosen = count == 1 ? 0 : choose(count);
  if (can_go_on && chosen != 0) --m.preemptions_left;
  if (ready[chosen] == before) return;
  m.current = ready[chosen];
  Fiber::switch_to(m.fibers[before], m.fibers[m.current]);
}

void check_race(Range& range, std::uintptr_t address, std::size_t bytes, MemoryModel::Access access,
                std::uintptr_t call) {
  Machine& m = machine();
  const std::size_t first = (address - range.from) / 4;
  const std::size_t last = (address + bytes - 1 - range.from) / 4;
  for (std::size_t cell = first; cell <= last; ++cell) {
    const int other = m.model.touch(range.cells[cell], m.current, access);
    if (other < 0) continue;
    fail("data race on " + place(address) + ": " + function_at(call) + " by " +
         (m.current == 0 ? "end" : m.roles[static_cast<std::size_t>(m.current - 1)].name) +
         " is not ordered with an access by " +
         (other == 0 ? "set-up" : m.roles[static_cast<std::size_t>(other - 1)].name));
  }
}

int order_of(std::size_t site, int order) {
  const Machine& m = machine();
  if (m.mutant == nullptr || m.mutant->site != site || m.mutant->value_added != 0) return order;
  return m.mutant->order;
}
std::uint64_t value_of(std::size_t site, std::uint64_t value) {
  const Machine& m = machine();
  if (m.mutant == nullptr || m.mutant->site != site) return value;
  return value + static_cast<std::uint64_t>(m.mutant->value_added);
}

struct Visit {
  Range* range;
  int location;
  std::size_t site;
  int shift = 0;               // of the field in its word
  std::uint64_t mask = ~0ULL;  // of the field, moved to the bottom
};
/// Comes to an atomic word: schedules, finds its history, checks for plain accesses beside it.
Visit arrive(const volatile void* memory, int bytes, Kind kind, int order, std::uintptr_t call,
             const char* verb) {
  Machine& m = machine();
  flush_current();
  schedule();
  Visit visit{};
  visit.site = site_at(call, kind, bytes, order, verb, reinterpret_cast<std::uintptr_t>(memory));
  m.sites[visit.site].is_threaded |= m.current > 0;
  auto address = reinterpret_cast<std::uintptr_t>(memory);
  visit.range = range_of(address);
  address = fold(*visit.range, address);
  if (m.sites[visit.site].where.empty()) {
    m.sites[visit.site].where = place(address);
    for (const Name& one : m.names) {
      if (address - one.from < one.bytes) m.sites[visit.site].unit = one.unit;
    }
  }
  const std::uintptr_t word = address & ~std::uintptr_t{7};
  if (visit.range->kind == Memory::kUsual) {
    visit.location = m.model.location(address, bytes, m.current);
  } else {
    if (kind == Kind::kModify || kind == Kind::kCompare) fail("rows are not modified in place");
    visit.shift = static_cast<int>(address - word) * 8;
    if (bytes < 8) visit.mask = (std::uint64_t{1} << (8 * bytes)) - 1;
    visit.location = m.model.location(word, 8, m.current);
  }
  if (visit.location < 0) fail("more atomic words than the explorer keeps");
  if (visit.range->kind != Memory::kRacy) {
    check_race(
        *visit.range, address, static_cast<std::size_t>(bytes),
        kind == Kind::kLoad ? MemoryModel::Access::kAtomicRead : MemoryModel::Access::kAtomicWrite,
        call);
  }
  return visit;
}
void record(const Visit& visit, Kind kind, int order, std::uint64_t value, int read,
            bool is_done = true) {
  Machine& m = machine();
  m.steps.push_back({m.current, visit.location, visit.site, kind, order, value, read, is_done, {}});
}

}  // namespace

/// One execution: set-up, threads until all have ended, judge.
void run_once(const std::function<void()>& make) {
  Machine& m = machine();
  m.roles.clear();
  m.judge = nullptr;
  m.names.clear();
  m.ranges_used = 1;
  m.steps.clear();
  m.model.restart();
  m.arena_used = 0;
  m.steps_taken = 0;
  m.current = 0;
  --Inside::depth;
  make();
  ++Inside::depth;
  const int threads = static_cast<int>(m.roles.size());
  for (int i = 1; i <= threads; ++i) m.model.begin_thread(i, 0);
  for (;;) {
    int ready[kThreadsMax];
    m.current = 0;
    const int count = ready_threads(ready);
    if (count == 0) break;
    m.current = ready[choose(count)];
    Fiber::switch_to(m.main, m.fibers[m.current]);
    if (m.has_failed) return;
  }
  m.current = 0;
  for (const Role& role : m.roles) {
    if (role.state == State::kEnded) continue;
    m.has_failed = true;
    m.failure = "deadlock: " + role.name + " waits for " + place(role.word) + "\n" + trace();
    return;
  }
  for (int i = 1; i <= threads; ++i) m.model.join_thread(i, 0);
  if (m.judge) Fiber::switch_to(m.main, m.fibers[0]);
}

bool is_running() { return Inside::depth == 0; }
bool is_watched(std::uintptr_t address) { return range_of(address) != nullptr; }

void plain_access(const volatile void* memory, std::size_t bytes, bool is_write,
                  std::uintptr_t call) {
  const Inside inside;
  if (bytes == 0) return;
  Machine& m = machine();
  flush_current();
  Range& range = *range_of(reinterpret_cast<std::uintptr_t>(memory));
  const std::uintptr_t address = fold(range, reinterpret_cast<std::uintptr_t>(memory));
  const std::size_t room = range.from + range.bytes - address;
  if (bytes > room) {  // over the seam of the two mappings
    plain_access(reinterpret_cast<const void*>(address), room, is_write, call);
    plain_access(reinterpret_cast<const void*>(range.from), bytes - room, is_write, call);
    return;
  }
  check_race(range, address, bytes,
             is_write ? MemoryModel::Access::kPlainWrite : MemoryModel::Access::kPlainRead, call);
  if (!is_write) return;
  if (range.kind == Memory::kRacy && m.current > 0) {
    // The histories must know what was there before this store.
    for (std::uintptr_t at = address & ~std::uintptr_t{7}; at < address + bytes; at += 8) {
      if (m.model.location(at, 8, m.current) < 0) fail("more atomic words than are kept");
    }
    Role& role = m.roles[static_cast<std::size_t>(m.current - 1)];
    role.written = address;
    role.written_bytes = bytes;
  } else {
    m.model.forget(address, bytes);
  }
}

std::uint64_t atomic_load(const volatile void* memory, int bytes, int order, std::uintptr_t call) {
  const Inside inside;
  Machine& m = machine();
  const Visit visit = arrive(memory, bytes, Kind::kLoad, order, call, "load");
  order = order_of(visit.site, order);
  const std::uint64_t value =
      (m.model.load(m.current, visit.location, order) >> visit.shift) & visit.mask;
  record(visit, Kind::kLoad, order, value, m.model.read_index);
  return value;
}

void atomic_store(volatile void* memory, int bytes, std::uint64_t value, int order,
                  std::uintptr_t call) {
  const Inside inside;
  Machine& m = machine();
  const Visit visit = arrive(memory, bytes, Kind::kStore, order, call, "store");
  order = order_of(visit.site, order);
  value = value_of(visit.site, value);
  std::uint64_t whole = value & visit.mask;
  if (visit.range->kind != Memory::kUsual) {
    whole = (m.model.last(visit.location) & ~(visit.mask << visit.shift)) | (whole << visit.shift);
  }
  m.model.store(m.current, visit.location, whole, order);
  record(visit, Kind::kStore, order, value, -1);
}

std::uint64_t atomic_modify(volatile void* memory, int bytes, int order, std::uintptr_t call,
                            std::uint64_t (*change)(std::uint64_t, std::uint64_t),
                            std::uint64_t operand, const char* verb) {
  const Inside inside;
  Machine& m = machine();
  const Visit visit = arrive(memory, bytes, Kind::kModify, order, call, verb);
  order = order_of(visit.site, order);
  const std::uint64_t before = m.model.last(visit.location);
  std::uint64_t value = change(before, operand);
  if (bytes < 8) value &= (std::uint64_t{1} << (8 * bytes)) - 1;
  m.model.modify(m.current, visit.location, value, order);
  record(visit, Kind::kModify, order, value, -1);
  return before;
}

bool atomic_compare(volatile void* memory, int bytes, std::uint64_t& expected,
                    std::uint64_t desired, int order, int failure_order, bool is_weak,
                    std::uintptr_t call) {
  const Inside inside;
  Machine& m = machine();
  const Visit visit = arrive(memory, bytes, Kind::kCompare, order, call, "compare");
  order = order_of(visit.site, order);
  const bool is_spurious = is_weak && m.is_random && choose(8) == 1;
  if (m.model.last(visit.location) == expected && !is_spurious) {
    m.model.modify(m.current, visit.location, desired, order);
    record(visit, Kind::kCompare, order, desired, -1);
    return true;
  }
  expected = m.model.load(m.current, visit.location, failure_order);
  record(visit, Kind::kCompare, failure_order, expected, m.model.read_index, false);
  return false;
}

void atomic_fence(int order, std::uintptr_t call) {
  const Inside inside;
  Machine& m = machine();
  flush_current();
  const std::size_t site = site_at(call, Kind::kFence, 0, order, "fence", 0);
  m.sites[site].is_threaded |= m.current > 0;
  order = order_of(site, order);
  if (order >= 0) m.model.fence(m.current, order);
  m.steps.push_back({m.current, -1, site, Kind::kFence, order, 0, -1, true, {}});
}

long futex_wait(const volatile void* word, std::uint32_t expected, std::uintptr_t call) {
  const Inside inside;
  Machine& m = machine();
  const Visit visit = arrive(word, 4, Kind::kLoad, kSequential, call, "futex wait");
  m.sites[visit.site].is_kernel = true;
  // A full barrier and a load: it may miss a store that no barrier of the storer orders with ours.
  const std::uint64_t found = m.model.load(m.current, visit.location, kSequential);
  record(visit, Kind::kLoad, kSequential, found, m.model.read_index);
  if (found != expected) return -1;
  Role& role = m.roles[static_cast<std::size_t>(m.current - 1)];
  role.state = State::kWaiting;
  role.word = reinterpret_cast<std::uintptr_t>(word);
  schedule();
  return 0;
}

long futex_wake(const volatile void* word, std::uintptr_t call) {
  const Inside inside;
  Machine& m = machine();
  const Visit visit = arrive(word, 4, Kind::kLoad, kRelaxed, call, "futex wake");
  m.sites[visit.site].is_kernel = true;
  record(visit, Kind::kLoad, kRelaxed, m.model.last(visit.location), -1);
  for (Role& role : m.roles) {
    if (role.state == State::kWaiting && role.word == reinterpret_cast<std::uintptr_t>(word)) {
      role.state = State::kReady;
    }
  }
  return 0;
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  const Inside inside;
  Machine& m = machine();
  m.arena_used = (m.arena_used + alignment - 1) / alignment * alignment;
  void* memory = m.arena + m.arena_used;
  m.arena_used += bytes;
  if (m.arena_used > kArenaBytes) std::abort();
  std::memset(memory, 0, bytes);
  return memory;
}
bool is_allocated_here(const void* memory) {
  const Machine& m = machine();
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  return address - reinterpret_cast<std::uintptr_t>(m.arena) < kArenaBytes;
}

void thread(const std::string& role_name, std::function<void()> body) {
  const Inside inside;
  Machine& m = machine();
  Role role;
  role.name = role_name;
  role.body = std::move(body);
  m.roles.push_back(std::move(role));
  if (m.roles.size() >= kThreadsMax) std::abort();
}
void at_end(std::function<void()> judge) {
  const Inside inside;
  machine().judge = std::move(judge);
}
void name(const volatile void* memory, std::size_t bytes, const std::string& text,
          std::int64_t unit) {
  const Inside inside;
  machine().names.push_back({reinterpret_cast<std::uintptr_t>(memory), bytes, text, unit});
}
void watch(void* memory, std::size_t bytes, std::size_t mirror, Memory kind) {
  const Inside inside;
  Machine& m = machine();
  // Cells carry the number of their execution, so an old range's are as good as new ones.
  if (m.ranges_used == m.ranges.size()) m.ranges.emplace_back();
  Range& range = m.ranges[m.ranges_used++];
  range.from = reinterpret_cast<std::uintptr_t>(memory);
  range.bytes = bytes;
  range.mirror = mirror;
  range.kind = kind;
  if (range.cells.size() < bytes / 4) range.cells.resize(bytes / 4);
}
void require(bool is_true, const char* text) {
  if (is_true) return;
  const Inside inside;
  fail(std::string("does not hold: ") + text);
}
void note(const std::string& text) {
  const Inside inside;
  machine().steps.push_back({machine().current, -1, 0, Kind::kLoad, 0, 0, -1, true, text});
}
void yield() {
  const Inside inside;
  Machine& m = machine();
  flush_current();
  m.roles[static_cast<std::size_t>(m.current - 1)].state = State::kYielded;
  schedule();
}

}  // namespace explore
