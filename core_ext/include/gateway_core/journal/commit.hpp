// Copies published records from the ring to segment files and advances the synced position.
// A failed sync is never retried on the same pages: the tail is rewritten from the ring elsewhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "gateway_core/journal/ring.hpp"
#include "gateway_core/journal/segment.hpp"
#include "gateway_core/platform/cpu_affinity.hpp"
#include "gateway_core/telemetry/measurement.hpp"

namespace gateway::journal {

enum class StepResult : std::uint8_t { kIdle, kAdvanced, kFailed };

struct CommitOptions {
  std::uint32_t instance = 1;
  std::uint64_t segment_bytes = 64ULL << 20;
  std::uint64_t batch_bytes_max = 8ULL << 20;
  bool is_memory_only = false;  // synced follows published, nothing is stored
  // Waiting of the thread: spin, then yield, then sleep at most park_ns; this bounds the latency.
  std::uint32_t spin_rounds = 200;
  std::uint32_t yield_rounds = 50;
  std::int64_t park_ns = 100'000;
  std::int64_t retry_ns = 1'000'000'000;  // pause between attempts while storing fails
  int cpu = kAnyCpu;                      // a CPU that cannot be had is a refused start
  std::int64_t (*now_ns)() = nullptr;     // wall clock for the created field of segments
};

class Commit {
 public:
  /// `end` and `segment` come from recovery; the ring was restarted at `end`.
  Commit(Ring& ring, platform::Storage& storage, std::string directory, CommitOptions options,
         const StreamPoint& end, const OpenSegment& segment) noexcept;
  ~Commit();
  Commit(const Commit&) = delete;
  Commit& operator=(const Commit&) = delete;

  /// Measures batches and the ring's backlog from now on. Before the thread starts.
  void measure(telemetry::Measurement& measurement) noexcept;
  /// One round: store what is published, sync, advance. Without the thread only (tests, inline).
  /// After kFailed each further call tries once more in a new file; the ring still holds the tail.
  StepResult step() noexcept;

  /// Starts the `journal_commit` thread on its CPU; anything but kStarted: there is no thread.
  [[nodiscard]] ThreadStart start();
  /// Stores what is published, ends the thread, closes the segment. Idempotent.
  void stop() noexcept;

  [[nodiscard]] std::uint64_t synced_position() const noexcept { return ring_.synced_position(); }
  [[nodiscard]] Sequence synced_sequence() const noexcept { return ring_.synced_sequence(); }
  [[nodiscard]] bool is_failed() const noexcept {
    return ring_.commit_state() == CommitState::kFailed;
  }
  // Counters; any thread.
  [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_.load(kRelaxed); }
  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return bytes_.load(kRelaxed); }
  [[nodiscard]] std::uint64_t rewrites() const noexcept { return rewrites_.load(kRelaxed); }
  [[nodiscard]] std::uint32_t segment_index() const noexcept { return index_.load(kRelaxed); }
  [[nodiscard]] int last_errno() const noexcept { return last_errno_.load(kRelaxed); }

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;

  struct Batch {
    StreamPoint end;          // behind the last whole group taken
    std::uint64_t bytes = 0;  // 0 = nothing to take
    bool is_damaged = false;  // a length that cannot be: the ring was overwritten by somebody
  };
  [[nodiscard]] Batch take(std::uint64_t published, std::uint64_t limit) const noexcept;
  [[nodiscard]] int store(const Batch& batch) noexcept;
  [[nodiscard]] int store_in_new_segment(const Batch& batch) noexcept;
  [[nodiscard]] std::uint64_t room() const noexcept;
  void advance(const StreamPoint& end) noexcept;
  StepResult fail(int error) noexcept;
  void tell_backlog() noexcept;
  void close_segment(std::uint64_t end_position) noexcept;
  void run() noexcept;

  Ring& ring_;
  platform::Storage& storage_;
  std::string directory_;
  CommitOptions options_;
  StreamPoint synced_;
  OpenSegment segment_;
  bool must_rotate_ = false;  // the open segment's pages are not to be trusted any more
  bool is_closed_ = false;
  telemetry::Measurement* measurement_ = nullptr;
  int backlog_gauge_ = -1;
  RoleThread thread_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<std::uint64_t> syncs_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> rewrites_{0};
  std::atomic<std::uint32_t> index_{0};
  std::atomic<int> last_errno_{0};
};

}  // namespace gateway::journal
