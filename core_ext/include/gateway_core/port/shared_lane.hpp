// The engine's ends of two lanes that another process maps too: requests in, replies out.
// Believes nothing in shared memory: own indexes are kept here, the other side's are checked, and a
// message is copied once before anything of it is judged.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "gateway_core/port/messages.hpp"
#include "gateway_core/ring/spsc_lane.hpp"

namespace gateway {

/// The first 256 bytes of a shared lane: those of a lane, and what its client has to know.
struct SharedLaneHeader {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t entry_bytes;
  std::uint32_t capacity;
  std::uint64_t epoch;
  std::uint32_t port;
  std::uint32_t needs_wake;
  alignas(64) std::atomic<std::uint64_t> head;      // written by the consumer
  alignas(64) std::atomic<std::uint64_t> tail;      // written by the producer
  alignas(64) std::atomic<std::uint64_t> overruns;  // written by the engine
  std::atomic<std::uint32_t> end;                   // PortEnd, written by the engine
};
static_assert(sizeof(SharedLaneHeader) == sizeof(LaneHeader));
static_assert(offsetof(SharedLaneHeader, head) == offsetof(LaneHeader, head));
static_assert(offsetof(SharedLaneHeader, tail) == offsetof(LaneHeader, tail));
static_assert(offsetof(SharedLaneHeader, overruns) == offsetof(LaneHeader, overruns));

/// Why a port is served no more. Public numbers (gateway_port.h).
enum class PortEnd : std::uint32_t {
  kNone = 0,
  kClient = 1,
  kBadIndex = 2,
  kBadKind = 3,
  kBadLength = 4,
  kTooFast = 5,
  kKeyRevoked = 6,
  kStopping = 7,
};

/// Sealed memory with one lane in it: neither side can change its size, so no access can fault.
class SharedLaneMemory {
 public:
  SharedLaneMemory() noexcept = default;
  SharedLaneMemory(SharedLaneMemory&& other) noexcept;
  SharedLaneMemory& operator=(SharedLaneMemory&& other) noexcept;
  SharedLaneMemory(const SharedLaneMemory&) = delete;
  SharedLaneMemory& operator=(const SharedLaneMemory&) = delete;
  ~SharedLaneMemory();

  /// Reserves, maps, seals and initialises; `capacity` is rounded up to a power of two.
  /// False sets `error`.
  bool create(const char* name, std::size_t capacity, std::uint64_t epoch, std::uint32_t port,
              bool needs_wake, std::string& error);

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] SharedLaneHeader& header() const noexcept {
    return *reinterpret_cast<SharedLaneHeader*>(memory_);
  }
  /// Says that the port is served no more. Pairs with the client's acquire: who sees it sees every
  /// reply that came before it.
  void tell_end(PortEnd why) const noexcept {
    header().end.store(static_cast<std::uint32_t>(why), std::memory_order_release);
  }
  [[nodiscard]] std::byte* entry(std::uint64_t index) const noexcept {
    return memory_ + sizeof(SharedLaneHeader) + (index & (capacity_ - 1)) * kEntryBytes;
  }

 private:
  void reset() noexcept;

  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t capacity_ = 0;
  int descriptor_ = -1;
};

enum class Take : std::uint8_t { kNothing, kMessage, kBadIndex, kBadKind, kBadLength };

/// Consumer of requests.
class RequestReader {
 public:
  explicit RequestReader(const SharedLaneMemory& lane) noexcept : lane_(&lane) {}

  /// Copies the oldest request out. Anything but kNothing and kMessage: the client breaks the
  /// protocol, and nothing more is to be read from it.
  [[nodiscard]] Take take(AnyMessage& out) noexcept {
    if (head_ == tail_seen_) {
      // Pairs with the client's release: entries are complete before they are counted.
      const std::uint64_t tail = lane_->header().tail.load(std::memory_order_acquire);
      if (tail == head_) return Take::kNothing;
      if (tail - head_ > lane_->capacity()) return Take::kBadIndex;  // Also when it went back.
      tail_seen_ = tail;
    }
    copy_entry(head_, out.bytes);
    const std::size_t entries = entries_of(out);
    if (entries == 0) return Take::kBadKind;
    if (entries != out.header().entries || tail_seen_ - head_ < entries) return Take::kBadLength;
    if (entries == 2) {
      copy_entry(head_ + 1, out.bytes + kEntryBytes);
    } else {
      std::memset(out.bytes + kEntryBytes, 0, kEntryBytes);  // What an earlier one left behind.
    }
    head_ += entries;
    return Take::kMessage;
  }

  /// Gives back what was taken, once for many messages.
  void release() noexcept { lane_->header().head.store(head_, std::memory_order_release); }

 private:
  void copy_entry(std::uint64_t index, std::byte* to) const noexcept {
    std::memcpy(to, lane_->entry(index), kEntryBytes);
    // The client may write on. From here on the shared bytes may differ from the copy, so the
    // compiler must not read them again in place of the copy.
    __asm__ volatile("" : : : "memory");
  }

  /// Entries a message must have by its kind; 0 = no kind of a client.
  [[nodiscard]] static std::size_t entries_of(const AnyMessage& message) noexcept {
    switch (message.header().kind) {
      case MessageKind::kNewOrder:
        return (message.as<NewOrderMessage>().flags & kTextClientId) != 0 ? 2 : 1;
      case MessageKind::kCancel:
      case MessageKind::kReplace:
      case MessageKind::kMassCancel:
      case MessageKind::kQuery:
      case MessageKind::kPing:
        return 1;
      default:
        return 0;
    }
  }

  const SharedLaneMemory* lane_;
  std::uint64_t head_ = 0;
  std::uint64_t tail_seen_ = 0;
};

/// Producer of replies. Full is counted, never waited for.
class ReplyWriter {
 public:
  explicit ReplyWriter(const SharedLaneMemory& lane) noexcept : lane_(&lane) {}

  [[nodiscard]] bool push(const PortReply& reply) noexcept {
    if (free_entries() == 0) {
      lane_->header().overruns.store(++overruns_, std::memory_order_release);
      return false;
    }
    std::memcpy(lane_->entry(tail_), &reply, sizeof reply);
    // Pairs with the client's acquire: the reply is complete before it is counted.
    lane_->header().tail.store(++tail_, std::memory_order_release);
    return true;
  }

  /// Fetches the lines the next reply is written to, while the request is still being worked on:
  /// the client has them.
  void prefetch() const noexcept {
    const std::byte* entry = lane_->entry(tail_);
    __builtin_prefetch(entry, 1);
    __builtin_prefetch(entry + kEntryBytes / 2, 1);
    __builtin_prefetch(&lane_->header().tail, 1);
  }

  [[nodiscard]] std::size_t free_entries() noexcept {
    if (tail_ - head_seen_ >= lane_->capacity()) {
      // Pairs with the client's release: it has copied what it gives back.
      const std::uint64_t head = lane_->header().head.load(std::memory_order_acquire);
      if (head - head_seen_ > tail_ - head_seen_) {  // Outside what was ever published.
        is_broken_ = true;
        return 0;
      }
      head_seen_ = head;
    }
    return lane_->capacity() - static_cast<std::size_t>(tail_ - head_seen_);
  }

  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
  [[nodiscard]] std::uint64_t overruns() const noexcept { return overruns_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return tail_; }

 private:
  const SharedLaneMemory* lane_;
  std::uint64_t tail_ = 0;
  std::uint64_t head_seen_ = 0;
  std::uint64_t overruns_ = 0;
  bool is_broken_ = false;
};

}  // namespace gateway
