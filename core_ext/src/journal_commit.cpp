// The commit thread: group commit from the ring to the open segment, rotation, and the rewrite
// after a failed write or sync. Cold but for the batch walk; never touches bytes the writer may
// change.
#include <cerrno>
#include <chrono>
#include <new>
#include <thread>
#include <utility>

#include "gateway_core/journal/commit.hpp"
#include "gateway_core/journal/scan.hpp"
#include "gateway_core/ring/wait_strategy.hpp"

namespace gateway::journal {

Commit::Commit(Ring& ring, platform::Storage& storage, std::string directory, CommitOptions options,
               const StreamPoint& end, const OpenSegment& segment) noexcept
    : ring_(ring),
      storage_(storage),
      directory_(std::move(directory)),
      options_(options),
      synced_(end),
      segment_(segment),
      must_rotate_(segment.file < 0) {
  index_.store(segment.index, kRelaxed);
}

Commit::~Commit() { stop(); }

std::uint64_t Commit::room() const noexcept {
  return must_rotate_ ? 0 : segment_.end_position() - synced_.position;
}

/// Whole groups from the synced position on, at most `limit` bytes.
Commit::Batch Commit::take(std::uint64_t published, std::uint64_t limit) const noexcept {
  Batch batch{.end = synced_};
  StreamPoint at = synced_;
  while (at.position < published && batch.bytes < options_.batch_bytes_max) {
    const auto& header = *reinterpret_cast<const RecordHeader*>(ring_.at(at.position));
    if (!is_possible_length(header.length, published - at.position) ||
        header.sequence != at.sequence + 1) {
      batch.is_damaged = true;
      return batch;
    }
    at = {at.position + header.length, header.sequence, header.crc, header.epoch};
    if ((header.flags & kGroupLast) == 0) continue;
    if (at.position - synced_.position > limit) break;
    batch.end = at;
    batch.bytes = at.position - synced_.position;
  }
  return batch;
}

int Commit::store(const Batch& batch) noexcept {
  const std::uint64_t offset = kPageBytes + synced_.position - segment_.first_position;
  const int error = platform::write_exactly(storage_, segment_.file, ring_.at(synced_.position),
                                            batch.bytes, offset);
  // The only sync of these pages: after an error the kernel may call them clean without storing
  // them.
  return error != 0 ? error : storage_.fdatasync(segment_.file);
}

void Commit::close_segment(std::uint64_t end_position) noexcept {
  if (segment_.file < 0) return;
  // Best effort: the header of the next segment says where this one ends; the seal repeats the cut.
  static_cast<void>(
      storage_.ftruncate(segment_.file, kPageBytes + end_position - segment_.first_position));
  storage_.close(segment_.file);
  segment_.file = -1;
}

int Commit::store_in_new_segment(const Batch& batch) noexcept {
  SegmentStart start;
  start.point = synced_;
  start.index = segment_.index + 1;
  start.instance = options_.instance;
  start.created_ns = options_.now_ns != nullptr ? options_.now_ns() : 0;
  start.bytes = options_.segment_bytes;
  OpenSegment fresh;
  int error = -ENOMEM;
  try {
    error = create_segment(storage_, directory_, start, {ring_.at(synced_.position), batch.bytes},
                           fresh);
  } catch (const std::bad_alloc&) {  // As any other reason not to store: said, and tried again.
  }
  if (error != 0) return error;
  close_segment(synced_.position);
  segment_ = fresh;
  must_rotate_ = false;
  index_.store(fresh.index, kRelaxed);
  return 0;
}

void Commit::advance(const StreamPoint& end) noexcept {
  synced_ = end;
  RingHeader& header = ring_.header();
  header.synced_sequence.store(end.sequence, std::memory_order_release);
  // Pairs with the acquire in Writer::reserve: our reads of the bytes below are over.
  header.synced_position.store(end.position, std::memory_order_release);
  if (header.commit_state.load(kRelaxed) != CommitState::kRunning) {
    header.commit_state.store(CommitState::kRunning, kRelaxed);
  }
}

StepResult Commit::fail(int error) noexcept {
  last_errno_.store(error < 0 ? -error : error, kRelaxed);
  must_rotate_ = true;
  ring_.header().commit_state.store(CommitState::kFailed, kRelaxed);
  return StepResult::kFailed;
}

void Commit::measure(telemetry::Measurement& measurement) noexcept {
  measurement_ = &measurement;
  // From 75 % new orders are refused.
  backlog_gauge_ = measurement.add_gauge("journal_ring", "bytes", "journal_commit",
                                         ring_.capacity(), ring_.capacity() / 4 * 3);
}

void Commit::tell_backlog() noexcept {
  if (measurement_ == nullptr) return;
  measurement_->set_depth(backlog_gauge_, ring_.published_position() - synced_.position,
                          monotonic_ns());
}

StepResult Commit::step() noexcept {
  const std::uint64_t published = ring_.published_position();
  if (published == synced_.position) return StepResult::kIdle;
  if (options_.is_memory_only) {
    // Read behind the position, so never of an older record: nobody would wait for that one again.
    advance({published, ring_.published_sequence(), 0, 0});
    return StepResult::kAdvanced;
  }
  tell_backlog();
  const telemetry::Ticks begin = measurement_ == nullptr ? 0 : measurement_->timestamp();
  Batch batch = take(published, room());
  int error = 0;
  if (batch.bytes != 0) {
    error = store(batch);
    syncs_.fetch_add(1, kRelaxed);
    if (error != 0) {
      last_errno_.store(-error, kRelaxed);
      must_rotate_ = true;
    }
  }
  if (!batch.is_damaged && (batch.bytes == 0 || error != 0)) {
    if (must_rotate_) rewrites_.fetch_add(1, kRelaxed);
    batch = take(published, ring_.capacity());
    error = store_in_new_segment(batch);
    syncs_.fetch_add(1, kRelaxed);
  }
  if (batch.is_damaged && batch.bytes == 0) error = -EBADMSG;
  if (error != 0) return fail(error);
  bytes_.fetch_add(batch.bytes, kRelaxed);
  advance(batch.end);
  if (measurement_ != nullptr) measurement_->record(telemetry::Stage::kCommit, begin);
  tell_backlog();
  return StepResult::kAdvanced;
}

ThreadStart Commit::start() {
  is_stopping_.store(false, std::memory_order_release);
  return thread_.start("journal_commit", options_.cpu, [this] { run(); });
}

void Commit::stop() noexcept {
  is_stopping_.store(true, std::memory_order_release);
  thread_.join();
  if (is_closed_) return;
  is_closed_ = true;
  while (step() == StepResult::kAdvanced) continue;
  close_segment(synced_.position);
}

void Commit::run() noexcept {
  std::uint32_t idle_rounds = 0;
  std::int64_t paused_ns = options_.retry_ns;
  for (;;) {
    const bool is_stopping = is_stopping_.load(std::memory_order_acquire);
    // While storing fails, attempts come retry_ns apart, but a stop is still seen at once.
    const bool is_due = !is_failed() || paused_ns >= options_.retry_ns || is_stopping;
    const StepResult result = is_due ? step() : StepResult::kFailed;
    if (result == StepResult::kAdvanced && options_.is_memory_only) {
      // Nothing is stored: looking all the time would only take the writer's line away from it.
      std::this_thread::sleep_for(std::chrono::nanoseconds(options_.park_ns));
      continue;
    }
    if (result == StepResult::kAdvanced) {
      idle_rounds = 0;
      continue;
    }
    if (is_stopping) return;
    paused_ns = result == StepResult::kFailed && !is_due ? paused_ns + options_.park_ns : 0;
    ++idle_rounds;
    if (result == StepResult::kIdle && idle_rounds < options_.spin_rounds) {
      spin_pause();
    } else if (result == StepResult::kIdle &&
               idle_rounds < options_.spin_rounds + options_.yield_rounds) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::nanoseconds(options_.park_ns));
    }
  }
}

}  // namespace gateway::journal
