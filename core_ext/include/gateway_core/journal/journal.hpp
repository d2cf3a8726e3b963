// One journal, opened the safe way: lock, superblock, ring, recovery, epoch raised, writer, commit.
// The order matters and is here once. Knows records; state comes in through the visitor.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway_core/journal/commit.hpp"
#include "gateway_core/journal/directory_lock.hpp"
#include "gateway_core/journal/recovery.hpp"
#include "gateway_core/journal/seal.hpp"
#include "gateway_core/journal/superblock.hpp"
#include "gateway_core/journal/writer.hpp"

namespace gateway::journal {

struct JournalOptions {
  std::string directory;
  std::string ring_directory;  // "" only with is_memory_only
  std::uint32_t instance = 1;
  std::uint64_t ring_bytes = 64ULL << 20;
  std::uint64_t segment_bytes = 64ULL << 20;
  bool use_snapshot = true;
  bool is_memory_only = false;  // anonymous ring, nothing stored, epoch 1
  bool allow_any_filesystem = false;
  std::int64_t now_ns = 0;  // wall clock at boot
  CommitOptions commit;     // instance, segment_bytes, is_memory_only are taken from above
};

class Journal {
 public:
  explicit Journal(platform::Storage& storage) : storage_(storage) {}
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Lock, recover, raise the epoch durably. False: error() says why and nothing was changed that a
  /// second attempt would miss. The commit thread is not started: commit().start() or step().
  [[nodiscard]] bool open(const JournalOptions& options, RecoveryVisitor& visitor);
  /// Stores everything, marks the clean stop, releases. Idempotent. False: not everything is
  /// durable.
  bool close(std::int64_t now_ns);
  /// Raises the epoch again, durably: at least `epoch_min` (an id of ours seen at a venue, or the
  /// 31-bit sequence running out). Before the next append; the writer goes on with the new epoch.
  [[nodiscard]] bool raise_epoch(std::uint32_t epoch_min, std::int64_t now_ns);
  /// Nothing that a lost record may have told is in doubt any more; durable when it returns true.
  [[nodiscard]] bool forget_loss(std::int64_t now_ns);
  /// The halt that recovery() found due is stored: the next start finds none. Durable when true.
  [[nodiscard]] bool forget_halt_due();

  [[nodiscard]] Writer& writer() noexcept { return *writer_; }
  [[nodiscard]] Commit& commit() noexcept { return *commit_; }
  [[nodiscard]] Sealer& sealer() noexcept { return *sealer_; }
  [[nodiscard]] Ring& ring() noexcept { return ring_; }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] const RecoveryReport& recovery() const noexcept { return report_; }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }
  [[nodiscard]] bool was_clean() const noexcept { return was_clean_; }
  /// Orders up to this epoch may have left without a record that is still there; 0 = none.
  [[nodiscard]] std::uint32_t lost_epoch() const noexcept {
    return superblock_ ? superblock_->state().lost_epoch : 0;
  }
  /// When the last record before the loss was written, or earlier; 0 = nothing is in doubt.
  [[nodiscard]] std::int64_t lost_after_ns() const noexcept {
    return superblock_ ? superblock_->state().lost_after_ns : 0;
  }
  /// The same of the newest loss alone: what was said of a doubt before it may have changed since.
  [[nodiscard]] std::int64_t lost_newest_ns() const noexcept {
    return superblock_ ? superblock_->state().lost_newest_ns : 0;
  }

 private:
  bool fail(std::string text);
  bool fail_for_memory() noexcept;
  [[nodiscard]] bool open_parts(RecoveryVisitor& visitor);
  [[nodiscard]] bool raise_parts(std::uint32_t epoch_min, std::int64_t now_ns);
  bool close_parts(std::int64_t now_ns);
  [[nodiscard]] bool open_superblock();

  platform::Storage& storage_;
  JournalOptions options_;
  DirectoryLock lock_;
  Ring ring_;
  std::optional<Superblock> superblock_;
  std::optional<Writer> writer_;
  std::unique_ptr<Commit> commit_;
  std::unique_ptr<Sealer> sealer_;
  RecoveryReport report_;
  std::uint32_t epoch_ = 0;
  bool was_clean_ = false;
  bool is_open_ = false;
  std::string error_;
};

}  // namespace gateway::journal
