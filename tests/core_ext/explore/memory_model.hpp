// The C++ memory model as a machine: every atomic word keeps all values it ever had, every thread
// knows which of them it may no longer see. Weak outcomes are choices, plain data races are errors.
// Modelled: relaxed, acquire, release, seq_cst accesses and fences, release sequences, coherence.
// Not modelled: load buffering (a load never sees a store that is executed later).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace explore {

inline constexpr int kThreadsMax = 4;  // 0 is the one that sets up and judges
inline constexpr int kLocationsMax = 192;

enum Order : int { kRelaxed = 0, kConsume, kAcquire, kRelease, kAcquireRelease, kSequential };
[[nodiscard]] constexpr bool acquires(int order) {
  return order == kConsume || order == kAcquire || order >= kAcquireRelease;
}
[[nodiscard]] constexpr bool releases(int order) { return order >= kRelease; }

/// What has surely happened before, as one thread knows it.
struct View {
  std::array<std::uint32_t, kThreadsMax> clock{};   // per thread: events up to here
  std::array<std::uint16_t, kLocationsMax> seen{};  // per location: the oldest store still readable

  void join(const View& other, int locations) {
    for (int i = 0; i < kThreadsMax; ++i) clock[i] = std::max(clock[i], other.clock[i]);
    for (int i = 0; i < locations; ++i) seen[i] = std::max(seen[i], other.seen[i]);
  }
  void clear(int locations) {
    clock = {};
    std::fill_n(seen.begin(), locations, std::uint16_t{0});
  }
};

struct Store {
  std::uint64_t value;
  std::uint32_t clock;  // of the writing thread
  std::int8_t thread;
  View released;  // what an acquiring reader learns
};

struct Location {
  std::uintptr_t address = 0;
  std::uint8_t bytes = 0;
  bool is_plain_since = false;  // a plain, ordered store changed it behind the history
  int count = 0;
  std::vector<Store> history;

  [[nodiscard]] Store& last() { return history[static_cast<std::size_t>(count - 1)]; }
};

struct Thread {
  View current;   // acts on it
  View acquired;  // what an acquire fence would add
  View released;  // what relaxed stores publish since the last release fence
};

/// Who touched these four bytes last, to find accesses that nothing orders.
struct Cell {
  std::uint32_t execution = 0;
  std::array<std::uint32_t, kThreadsMax> plain_write{}, plain_read{}, atomic_write{}, atomic_read{};
};

class MemoryModel {
 public:
  /// Asks which of `count` possible outcomes happens; 0 is the usual one.
  using Choose = int (*)(int count);
  explicit MemoryModel(Choose choose) : choose_(choose), locations_(kLocationsMax) {}

  void restart() {
    ++execution_;
    for (Thread& thread : threads_) {
      thread.current.clear(count_);
      thread.acquired.clear(count_);
      thread.released.clear(count_);
    }
    sequential_.clear(count_);
    for (int i = 0; i < kThreadsMax; ++i) threads_[i].current.clock[i] = 1;
    for (int i = 0; i < count_; ++i) locations_[i].count = 0;
    count_ = 0;
  }
  /// The new thread knows all that its maker knew.
  void begin_thread(int thread, int maker) {
    threads_[thread].current.join(threads_[maker].current, count_);
    threads_[thread].acquired = threads_[thread].current;
    tick(maker);
  }
  void join_thread(int thread, int joiner) {
    threads_[joiner].current.join(threads_[thread].current, count_);
    threads_[joiner].acquired.join(threads_[joiner].current, count_);
  }

  [[nodiscard]] std::uint64_t load(int thread, int location, int order) {
    Location& at = ready(location);
    Thread& self = threads_[thread];
    int oldest = self.current.seen[location];
    if (order == kSequential) oldest = std::max<int>(oldest, sequential_.seen[location]);
    const int index = at.count - 1 - choose_(at.count - oldest);
    take(self, at.history[static_cast<std::size_t>(index)], location, index, order);
    read_index = index;
    return at.history[static_cast<std::size_t>(index)].value;
  }
  void store(int thread, int location, std::uint64_t value, int order) {
    Location& at = ready(location);
    append(thread, at, location, value, order, nullptr);
  }
  /// The value that a read-modify-write reads: always the last one.
  [[nodiscard]] std::uint64_t last(int location) { return ready(location).last().value; }
  void modify(int thread, int location, std::uint64_t value, int order) {
    Location& at = ready(location);
    take(threads_[thread], at.last(), location, at.count - 1, order);
    read_index = at.count - 1;
    const View carried = at.last().released;  // A release sequence goes on through us.
    append(thread, at, location, value, order, &carried);
  }
  void fence(int thread, int order) {
    Thread& self = threads_[thread];
    if (acquires(order)) self.current.join(self.acquired, count_);
    if (order == kSequential) {
      self.current.join(sequential_, count_);
      self.acquired.join(self.current, count_);
      sequential_.join(self.current, count_);
    }
    if (releases(order)) {
      self.released = self.current;
      tick(thread);
    }
  }

  /// The location of an atomic word, made on first use from what is in memory.
  [[nodiscard]] int location(std::uintptr_t address, int bytes, int thread) {
    Place* place = &places_[(address / 2) % places_.size()];
    while (place->execution == execution_ && place->address != address) {
      if (++place == places_.data() + places_.size()) place = places_.data();
    }
    if (place->execution == execution_) {
      return locations_[place->location].bytes == bytes ? place->location : -1;
    }
    if (count_ == kLocationsMax) return -1;
    *place = {execution_, count_, address};
    Location& at = locations_[count_];
    at.address = address;
    at.bytes = static_cast<std::uint8_t>(bytes);
    at.is_plain_since = false;
    at.count = 0;
    push(at, {memory(at), 0, static_cast<std::int8_t>(thread), {}});
    for (Thread& one : threads_) {
      one.current.seen[count_] = one.acquired.seen[count_] = one.released.seen[count_] = 0;
    }
    sequential_.seen[count_] = 0;
    return count_++;
  }
  [[nodiscard]] const Location& at(int location) const { return locations_[location]; }
  [[nodiscard]] int locations() const { return count_; }
  /// A plain store goes to bytes that are also atomic words: their histories begin anew.
  void forget(std::uintptr_t address, std::size_t bytes) {
    for (int i = 0; i < count_; ++i) {
      Location& at = locations_[i];
      if (at.address < address + bytes && address < at.address + at.bytes) at.is_plain_since = true;
    }
  }

  enum class Access : std::uint8_t { kPlainRead, kPlainWrite, kAtomicRead, kAtomicWrite };
  /// Notes the access. -1, or the thread whose access is not ordered with it.
  [[nodiscard]] int touch(Cell& cell, int thread, Access access) {
    if (cell.execution != execution_) {
      cell = {};
      cell.execution = execution_;
    }
    const auto& clock = threads_[thread].current.clock;
    const auto conflict = [&](const auto& times) {
      for (int i = 0; i < kThreadsMax; ++i) {
        if (times[i] > clock[i] && i != thread) return i;
      }
      return -1;
    };
    const std::uint32_t now = clock[thread];
    int other = conflict(cell.plain_write);
    const bool is_write = access == Access::kPlainWrite || access == Access::kAtomicWrite;
    const bool is_atomic = access == Access::kAtomicRead || access == Access::kAtomicWrite;
    if (other < 0 && is_write) other = conflict(cell.plain_read);
    if (other < 0 && !is_atomic) other = conflict(cell.atomic_write);
    if (other < 0 && access == Access::kPlainWrite) other = conflict(cell.atomic_read);
    switch (access) {
      case Access::kPlainRead:
        cell.plain_read[thread] = now;
        break;
      case Access::kPlainWrite:
        cell.plain_write[thread] = now;
        break;
      case Access::kAtomicRead:
        cell.atomic_read[thread] = now;
        break;
      case Access::kAtomicWrite:
        cell.atomic_write[thread] = now;
        break;
    }
    return other;
  }

  int read_index = 0;  // which store the last load saw, for the trace

  /// What is in memory now.
  [[nodiscard]] static std::uint64_t memory(const Location& at) {
    std::uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<const void*>(at.address), at.bytes);
    return value;
  }

 private:
  /// Where a word is in the table of locations; open addressing, anew in every execution.
  struct Place {
    std::uint32_t execution = 0;
    int location = 0;
    std::uintptr_t address = 0;
  };

  void tick(int thread) { ++threads_[thread].current.clock[thread]; }

  static void push(Location& at, const Store& store) {
    if (static_cast<std::size_t>(at.count) == at.history.size()) at.history.emplace_back();
    at.history[static_cast<std::size_t>(at.count++)] = store;
  }
  Location& ready(int location) {
    Location& at = locations_[location];
    if (at.is_plain_since) {
      at.is_plain_since = false;
      push(at, {memory(at), 0, 0, {}});
      // The plain store was ordered with everybody who comes here, or it was a race.
      for (Thread& one : threads_) {
        one.current.seen[location] = static_cast<std::uint16_t>(at.count - 1);
      }
    }
    return at;
  }
  void take(Thread& self, const Store& store, int location, int index, int order) {
    self.current.seen[location] = static_cast<std::uint16_t>(index);
    if (acquires(order)) {
      self.current.join(store.released, count_);
      self.acquired.join(self.current, count_);
    } else {
      self.acquired.seen[location] =
          std::max(self.acquired.seen[location], static_cast<std::uint16_t>(index));
      self.acquired.join(store.released, count_);
    }
  }
  void append(int thread, Location& at, int location, std::uint64_t value, int order,
              const View* carried) {
    Thread& self = threads_[thread];
    const auto index = static_cast<std::uint16_t>(at.count);
    self.current.seen[location] = index;
    self.acquired.seen[location] = std::max(self.acquired.seen[location], index);
    if (order == kSequential) sequential_.seen[location] = index;
    push(at, {value, self.current.clock[thread], static_cast<std::int8_t>(thread),
              releases(order) ? self.current : self.released});
    View& released = at.last().released;
    released.seen[location] = index;
    if (carried != nullptr) released.join(*carried, count_);
    std::memcpy(reinterpret_cast<void*>(at.address), &value, at.bytes);
    if (releases(order)) tick(thread);
  }

  Choose choose_;
  std::array<Thread, kThreadsMax> threads_;
  View sequential_;
  std::vector<Location> locations_;
  std::array<Place, 1024> places_;
  int count_ = 0;
  std::uint32_t execution_ = 0;
};

}  // namespace explore
