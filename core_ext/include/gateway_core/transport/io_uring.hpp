// The kernel's submission and completion rings, by bare system calls: no library stands between.
// One thread. Must never lose a completion: the ring is sized for everything that can be under way.
#pragma once

#include <linux/io_uring.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace gateway::transport {

class IoUring {
 public:
  IoUring() = default;
  ~IoUring();
  IoUring(const IoUring&) = delete;
  IoUring& operator=(const IoUring&) = delete;

  /// Room for `submissions` between two submits and `completions` not looked at. False sets `error`
  /// to what the kernel or its policy lacks, by name.
  [[nodiscard]] bool open(std::uint32_t submissions, std::uint32_t completions, std::string& error);

  /// A cleared submission; submits what waits when there is no room. nullptr: the kernel takes
  /// none.
  [[nodiscard]] io_uring_sqe* next() noexcept;
  /// Hands over what was filled in, without waiting.
  void submit() noexcept;
  /// Hands over, then waits for one completion until `deadline_ns` of monotonic_ns(); 0 = no wait.
  void submit_and_wait(std::int64_t deadline_ns) noexcept;
  /// Calls visit(user_data, result) for at most `limit` completions.
  template <typename Visit>
  std::size_t reap(std::size_t limit, Visit&& visit) {
    std::size_t count = 0;
    std::uint32_t head = *completion_head_;
    // Pairs with the kernel's release: entries are complete before the tail counts them.
    while (count < limit && head != __atomic_load_n(completion_tail_, __ATOMIC_ACQUIRE)) {
      const io_uring_cqe& entry = completions_[head & completion_mask_];
      const std::uint64_t data = entry.user_data;
      const int result = entry.res;
      __atomic_store_n(completion_head_, ++head, __ATOMIC_RELEASE);  // the slot is the kernel's
      visit(data, result);
      ++count;
    }
    return count;
  }

 private:
  [[nodiscard]] bool map(const io_uring_params& parameters, std::string& error);
  [[nodiscard]] bool has_operations(std::string& error) const;
  int enter(std::uint32_t count, std::uint32_t wanted, std::int64_t wait_ns) noexcept;

  int fd_ = -1;
  void* rings_ = nullptr;
  std::size_t rings_bytes_ = 0;
  io_uring_sqe* submissions_ = nullptr;
  std::size_t submissions_bytes_ = 0;
  std::uint32_t* submission_head_ = nullptr;
  std::uint32_t* submission_tail_ = nullptr;
  std::uint32_t* submission_array_ = nullptr;
  std::uint32_t submission_mask_ = 0;
  std::uint32_t* completion_head_ = nullptr;
  std::uint32_t* completion_tail_ = nullptr;
  io_uring_cqe* completions_ = nullptr;
  std::uint32_t completion_mask_ = 0;
  std::uint32_t waiting_ = 0;  // filled in and not handed over
};

}  // namespace gateway::transport
