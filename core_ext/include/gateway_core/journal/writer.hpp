// The append side of the ring: reserve, fill in place, publish. One thread, no lock, no system
// call. Must never overwrite a byte that is not synced yet: a full ring is a nullptr, never a wait.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "gateway_core/journal/checksum.hpp"
#include "gateway_core/journal/ring.hpp"
#include "gateway_core/memory/relaxed.hpp"

namespace gateway::journal {

class Writer {
 public:
  /// Goes on behind `at` (the end that recovery found; the ring was restarted there).
  Writer(Ring& ring, const StreamPoint& at, std::uint32_t instance, std::uint32_t epoch) noexcept
      : header_(&ring.header()),
        data_(ring.at(0)),
        mask_(ring.capacity() - 1),
        capacity_(ring.capacity()),
        claim_step_(ring.capacity() / 16 < kClaimBytes ? ring.capacity() / 16 : kClaimBytes),
        position_(at.position),
        synced_(ring.synced_position()),
        claimed_(ring.header().claimed_position.load(std::memory_order_relaxed)),
        sequence_(at.sequence),
        crc_(at.crc),
        instance_(instance),
        epoch_(epoch) {}

  /// Contiguous space for a whole group of up to `bytes` bytes, or nullptr when that would
  /// overwrite unsynced data. Reserving again without publish gives the same address.
  [[nodiscard]] std::uint8_t* reserve(std::uint32_t bytes) noexcept {
    const std::uint64_t end = position_ + bytes;
    if (end - synced_ > capacity_) [[unlikely]] {
      // Pairs with the release in commit: its reads of these bytes are over before we overwrite.
      synced_ = header_->synced_position.load(std::memory_order_acquire);
      if (end - synced_ > capacity_) return nullptr;
    }
    if (end > claimed_) [[unlikely]]
      claim(end);
    return data_ + (position_ & mask_);
  }

  /// Publishes the group of `bytes` bytes that was laid out at the reserved address: one record or
  /// several in a row. The caller has set length, type, cause, time_ns, origin_*, actor and
  /// payload; this sets version, flags, sequence, epoch, instance, previous_crc, crc. Returns the
  /// sequence of the last record. The bytes stay readable until the ring comes round.
  Sequence publish(std::uint32_t bytes) noexcept {
    std::uint8_t* record = data_ + (position_ & mask_);
    std::uint32_t left = bytes;
    for (;;) {
      auto* header = reinterpret_cast<RecordHeader*>(record);
      const std::uint32_t length = header->length;
      // A wrong length is our own mistake: stopping is safe, nothing is published yet.
      if (length - kRecordAlign > kRecordBytesMax - kRecordAlign || length % kRecordAlign != 0 ||
          length > left) [[unlikely]] {
        std::abort();
      }
      number(*header, ++sequence_, length == left ? kGroupLast : std::uint8_t{0});
      header->crc = crc_ = record_crc(record, length, crc_);
      if (length == left) break;
      left -= length;
      record += length;
    }
    return show(bytes);
  }

  /// publish() of one record of `Length` bytes in two steps. After the first it is complete, with
  /// number and checksum, and not published: who finds a reason against it leaves the place to the
  /// next record.
  template <std::uint32_t Length>
  void seal_one() noexcept {
    std::uint8_t* record = data_ + (position_ & mask_);
    auto* header = reinterpret_cast<RecordHeader*>(record);
    if (header->length != Length) [[unlikely]]
      std::abort();
    number(*header, sequence_ + 1, kGroupLast);
    header->crc = record_crc<Length>(record, crc_);
  }
  template <std::uint32_t Length>
  Sequence publish_sealed() noexcept {
    const auto* header = reinterpret_cast<const RecordHeader*>(data_ + (position_ & mask_));
    sequence_ = header->sequence;
    crc_ = header->crc;
    return show(Length);
  }
  /// Both at once.
  template <std::uint32_t Length>
  Sequence publish_one() noexcept {
    seal_one<Length>();
    return publish_sealed<Length>();
  }

  /// Sequence that the next published record gets.
  [[nodiscard]] Sequence next_sequence() const noexcept { return sequence_ + 1; }
  [[nodiscard]] StreamPoint point() const noexcept { return {position_, sequence_, crc_, epoch_}; }
  [[nodiscard]] std::uint64_t capacity_bytes() const noexcept { return capacity_; }

  /// Bytes published and not synced, never too small. Looks at the shared line only when the last
  /// known figure is above a quarter of the ring, so the admission rule costs nothing when idle.
  [[nodiscard]] std::uint64_t used_bytes() noexcept {
    if (position_ - synced_ > capacity_ / 4) {
      synced_ = header_->synced_position.load(std::memory_order_acquire);
    }
    return position_ - synced_;
  }
  [[nodiscard]] std::uint64_t free_bytes() noexcept { return capacity_ - used_bytes(); }
  /// True when the commit thread cannot store: no new orders (JOURNAL_BEHIND).
  [[nodiscard]] bool is_commit_failed() const noexcept {
    return header_->commit_state.load(std::memory_order_relaxed) == CommitState::kFailed;
  }
  /// Last durable sequence: sends of level `disk` wait for it.
  [[nodiscard]] Sequence synced_sequence() const noexcept {
    return header_->synced_sequence.load(std::memory_order_acquire);
  }
  /// Age of the oldest record that is not durable, by its journal time; 0 when all are.
  [[nodiscard]] std::int64_t oldest_unsynced_age_ns(std::int64_t now_ns) noexcept {
    synced_ = header_->synced_position.load(std::memory_order_acquire);
    if (synced_ == position_) return 0;
    const auto* oldest = reinterpret_cast<const RecordHeader*>(data_ + (synced_ & mask_));
    return now_ns > oldest->time_ns ? now_ns - oldest->time_ns : 0;
  }
  [[nodiscard]] std::uint64_t kill_word_seen() const noexcept {
    return header_->kill_word_seen.load(std::memory_order_acquire);
  }
  void set_kill_word_seen(std::uint64_t word) noexcept {
    header_->kill_word_seen.store(word, std::memory_order_release);
  }
  [[nodiscard]] std::uint64_t kill_word() const noexcept {
    return header_->kill_word.load(std::memory_order_acquire);
  }
  /// False once a newer process took the ring over: this one must not send any more.
  [[nodiscard]] bool is_current_epoch() const noexcept {
    return header_->epoch.load(std::memory_order_acquire) == epoch_;
  }

 private:
  static constexpr std::uint64_t kClaimBytes = 64 * 1024;
  /// How far ahead of the writer ring lines are brought near: they were last touched a whole round
  /// ago, and a store that misses holds up all stores behind it.
  static constexpr std::uint64_t kPrefetchBytes = 1024;

  void number(RecordHeader& header, Sequence sequence, std::uint8_t flags) noexcept {
    const std::uint32_t kind =
        header.type | std::uint32_t{kRecordVersion} << 16 | static_cast<std::uint32_t>(flags) << 24;
    put_word(header, 0, word_of(header.length, kind));
    header.sequence = sequence;
    put_word(header, 5, word_of(epoch_, header.actor));
    put_word(header, 6, word_of(header.origin_port, crc_));
    put_word(header, 7, word_of(0, instance_));  // the checksum takes itself as zero
  }
  [[gnu::always_inline]] Sequence show(std::uint32_t bytes) noexcept {
    position_ += bytes;
    header_->published_sequence.store(sequence_, std::memory_order_relaxed);
    // Pairs with the acquire in commit and reader: records are complete before they are visible.
    header_->published_position.store(position_, std::memory_order_release);
    // The ring is mapped twice in a row, so these lines follow each other in memory too.
    const std::uint8_t* ahead = data_ + ((position_ + kPrefetchBytes - bytes) & mask_);
#pragma GCC unroll 8
    for (std::uint32_t at = 0; at < bytes; at += 64) __builtin_prefetch(ahead + at, 1);
    return sequence_;
  }

  /// Tells readers which bytes may change from now on; in steps, so that it is rare.
  void claim(std::uint64_t end) noexcept {
    claimed_ = end + claim_step_;
    // Never past what may be overwritten: recovery takes all below as lost from the ring.
    if (claimed_ - synced_ > capacity_) claimed_ = synced_ + capacity_;
#if GATEWAY_HAS_FENCES
    header_->claimed_position.store(claimed_, std::memory_order_relaxed);
    // Pairs with the acquire loads of a reader's copy: who sees a byte that is stored from here on
    // sees this claim too when it looks at it after the copy. An exchange would not promise that.
    std::atomic_thread_fence(std::memory_order_release);
#else
    header_->claimed_position.exchange(claimed_, std::memory_order_acq_rel);
#endif
  }

  RingHeader* header_;
  std::uint8_t* data_;
  std::uint64_t mask_;
  std::uint64_t capacity_;
  std::uint64_t claim_step_;
  std::uint64_t position_;
  std::uint64_t synced_;  // last seen value, never ahead of the truth
  std::uint64_t claimed_;
  Sequence sequence_;
  std::uint32_t crc_;
  std::uint32_t instance_;
  std::uint32_t epoch_;
};

}  // namespace gateway::journal
