// A memory for one writer and readers that write nothing. Every word keeps all it ever held; a load
// may return any value that the C++ memory model allows, drawn by a seed. Since nothing flows from
// a reader to the writer, the writer can run first and whole: every interleaving and every weak
// outcome is then one set of drawn values.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gateway_core/book/reader_memory.hpp"
#include "random.hpp"

namespace check {

/// What exists once per test: the writer's clock, and what the reader surely knows.
struct History {
  inline static std::uint64_t now = 1;        // the writer's stores so far
  inline static std::uint64_t fenced_at = 0;  // the writer's last release fence
  inline static bool is_reading = false;
  inline static std::uint64_t known = 0;     // the reader has seen all stores up to here
  inline static std::uint64_t acquired = 0;  // and an acquire fence would add up to here
  inline static std::uint64_t execution = 0;
  inline static bool has_race = false;
  inline static Random random{0};

  static void begin_writing() {
    now = 1;
    fenced_at = 0;
    is_reading = has_race = false;
  }
  /// One more run of a reader who starts when it knows what the writer did up to `time`.
  static void begin_reading(std::uint64_t seed, std::uint64_t time) {
    is_reading = true;
    known = acquired = time;
    random = Random(seed);
    ++execution;
  }
  static bool acquires(std::memory_order order) {
    return order != std::memory_order_relaxed && order != std::memory_order_release;
  }
  static bool releases(std::memory_order order) {
    return order != std::memory_order_relaxed && order != std::memory_order_acquire;
  }
  static void fence(std::memory_order order) {
    if (is_reading && acquires(order)) known = acquired > known ? acquired : known;
    if (!is_reading && releases(order)) fenced_at = now;
  }
};

template <typename T>
class HistoryWord {
 public:
  HistoryWord() : HistoryWord(T{}) {}
  HistoryWord(T value) : stores_{{value, History::now, 0}} {}
  HistoryWord(const HistoryWord&) = delete;
  HistoryWord& operator=(const HistoryWord&) = delete;

  [[nodiscard]] T load(std::memory_order order) const {
    if (!History::is_reading) return stores_.back().value;
    if (execution_ != History::execution) {
      execution_ = History::execution;
      seen_ = 0;
    }
    // Made by the writer with a plain store: it must have happened before.
    if (stores_.front().time > History::known) History::has_race = true;
    std::size_t oldest = seen_;
    while (oldest + 1 < stores_.size() && stores_[oldest + 1].time <= History::known) ++oldest;
    // Mostly one of the neighbours: far jumps are seldom the interesting ones.
    const std::size_t room = stores_.size() - oldest;
    std::size_t step = History::random.below(4) == 0 ? History::random.below(room) : 0;
    if (step == 0 && room > 1 && History::random.below(2) == 0) step = 1;
    seen_ = oldest + step;
    const Store& store = stores_[seen_];
    History::acquired = std::max(History::acquired, store.released);
    if (History::acquires(order)) History::known = std::max(History::known, store.released);
    return store.value;
  }
  void store(T value, std::memory_order order) {
    const std::uint64_t time = ++History::now;
    stores_.push_back({value, time, History::releases(order) ? time : History::fenced_at});
  }
  T exchange(T value, std::memory_order order) {
    const T before = stores_.back().value;
    store(value, order);
    return before;
  }

 private:
  struct Store {
    T value;
    std::uint64_t time;
    std::uint64_t released;  // what an acquiring reader learns
  };
  std::vector<Store> stores_;
  mutable std::uint64_t execution_ = 0;
  mutable std::size_t seen_ = 0;
};

struct HistoryMemory : gateway::ReaderOrders {
  template <typename T>
  using Atomic = HistoryWord<T>;
  static void fence(std::memory_order order) { History::fence(order); }
};

}  // namespace check
