// Opening and closing a journal in the only safe order.
#include "gateway_core/journal/journal.hpp"

#include <algorithm>
#include <filesystem>
#include <new>
#include <system_error>

namespace gateway::journal {

Journal::~Journal() {
  if (commit_) commit_->stop();
}

bool Journal::fail(std::string text) {
  error_ = std::move(text);
  // Without a commit thread nobody else closes what recovery opened.
  if (commit_ == nullptr && report_.segment.file >= 0) storage_.close(report_.segment.file);
  report_.segment.file = -1;
  commit_.reset();
  lock_.release();
  return false;
}

bool Journal::fail_for_memory() noexcept {
  return fail("ENOMEM (memory)");  // short enough to need none
}

bool Journal::open_superblock() {
  superblock_.emplace(storage_, options_.directory);
  DirectoryListing listing;
  const int failed = list_directory(storage_, options_.directory, listing);
  if (failed != 0) return fail(options_.directory + ": " + platform::describe_errno(failed));
  const bool is_new =
      !listing.has_superblock && listing.segments.empty() && listing.snapshots.empty();
  std::string error;
  const bool is_good = is_new ? superblock_->create(options_.instance, options_.now_ns, error)
                              : superblock_->load(options_.instance, error);
  return is_good || fail(error);
}

bool Journal::open(const JournalOptions& options, RecoveryVisitor& visitor) {
  try {
    options_ = options;
    return open_parts(visitor);
  } catch (const std::bad_alloc&) {
    return fail_for_memory();
  }
}

bool Journal::open_parts(RecoveryVisitor& visitor) {
  const JournalOptions& options = options_;
  options_.commit.instance = options.instance;
  options_.commit.segment_bytes = options.segment_bytes;
  options_.commit.is_memory_only = options.is_memory_only;
  RingOptions ring{options.instance, options.ring_bytes, options.now_ns,
                   options.allow_any_filesystem};
  std::string error;
  if (options.is_memory_only) {
    if (!ring_.open_anonymous(ring, error)) return fail(error);
    epoch_ = 1;
  } else {
    std::error_code refused;
    std::filesystem::create_directories(options.directory, refused);
    if (!refused) std::filesystem::create_directories(options.ring_directory, refused);
    if (refused) return fail(options.directory + ": " + refused.message());
    if (!lock_.acquire(options.directory, error)) return fail(error);
    if (!open_superblock()) return false;
    if (!ring_.open(options.ring_directory, ring, error)) return fail(error);
    const SuperblockState& before = superblock_->state();
    // Nothing was ever written here, so records in the ring are another journal's.
    if (before.epoch == 0 && ring_.published_position() != 0) {
      return fail(options.ring_directory + "/" + kRingFileName +
                  " holds records of another journal, " + options.directory +
                  " is new: start with that journal's directory, or remove the " +
                  "ring file if that journal is gone for good");
    }
    was_clean_ = before.is_clean;
    RecoveryOptions recovery;
    recovery.instance = options.instance;
    recovery.segment_bytes = options.segment_bytes;
    recovery.use_snapshot = options.use_snapshot;
    recovery.now_ns = options.now_ns;
    recovery.sequence_min = before.is_clean ? before.clean_sequence : 0;
    report_ = recover(options.directory, ring_, storage_, recovery, visitor);
    if (!report_.is_ok) return fail(report_.error);
    if (!report_.is_whole) superblock_->note_loss(report_.known_to_ns);
    if (!superblock_->raise_epoch(report_.epoch_max + 1, options.now_ns, error)) return fail(error);
    epoch_ = superblock_->state().epoch;
  }
  ring_.restart_at(report_.end, epoch_);
  writer_.emplace(ring_, report_.end, options.instance, epoch_);
  commit_ = std::make_unique<Commit>(ring_, storage_, options.directory, options_.commit,
                                     report_.end, report_.segment);
  sealer_ = std::make_unique<Sealer>(storage_, options.directory, options.instance,
                                     options.segment_bytes);
  is_open_ = true;
  return true;
}

bool Journal::raise_epoch(std::uint32_t epoch_min, std::int64_t now_ns) {
  try {
    return raise_parts(epoch_min, now_ns);
  } catch (const std::bad_alloc&) {
    error_ = "ENOMEM (memory)";
    return false;
  }
}

bool Journal::raise_parts(std::uint32_t epoch_min, std::int64_t now_ns) {
  if (options_.is_memory_only) {
    epoch_ = std::max(epoch_ + 1, epoch_min);
  } else {
    if (!superblock_->raise_epoch(epoch_min, now_ns, error_)) return false;
    epoch_ = superblock_->state().epoch;
  }
  ring_.header().epoch.store(epoch_, std::memory_order_release);
  writer_.emplace(ring_, writer_->point(), options_.instance, epoch_);
  return true;
}

bool Journal::forget_loss(std::int64_t now_ns) {
  try {
    return !superblock_ || superblock_->forget_loss(now_ns, error_);
  } catch (const std::bad_alloc&) {
    error_ = "ENOMEM (memory)";
    return false;
  }
}

bool Journal::forget_halt_due() {
  int failed = storage_.unlink(options_.directory + "/" + kHaltDueName);
  if (failed == 0) failed = storage_.fsync_directory(options_.directory);
  return failed == 0;
}

bool Journal::close(std::int64_t now_ns) {
  try {
    return close_parts(now_ns);
  } catch (const std::bad_alloc&) {
    lock_.release();
    error_ = "ENOMEM (memory)";
    return false;
  }
}

bool Journal::close_parts(std::int64_t now_ns) {
  if (!is_open_) return true;
  is_open_ = false;
  commit_->stop();
  bool is_good = ring_.synced_position() == ring_.published_position();
  if (!is_good)
    error_ = "not everything is on disk: " + platform::describe_errno(commit_->last_errno());
  if (is_good && !options_.is_memory_only) {
    is_good = superblock_->mark_clean(writer_->point(), now_ns, error_);
  }
  lock_.release();
  return is_good;
}

}  // namespace gateway::journal
