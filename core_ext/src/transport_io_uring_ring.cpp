// Setting the rings up, and the one system call that drives them.
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "gateway_core/platform/clock.hpp"
#include "gateway_core/transport/io_uring.hpp"

namespace gateway::transport {
namespace {

std::string why_not(int error) {
  switch (error) {
    case ENOSYS:
      return "io_uring: this kernel has none (CONFIG_IO_URING)";
    case EPERM:
    case EACCES:
      return "io_uring: forbidden to this process (kernel.io_uring_disabled or a seccomp filter)";
    case ENOMEM:
      return "io_uring: no memory for its rings (RLIMIT_MEMLOCK)";
    default:
      return std::string("io_uring_setup: ") + std::strerror(error);
  }
}

int set_up(std::uint32_t entries, io_uring_params& parameters) {
  return static_cast<int>(::syscall(SYS_io_uring_setup, entries, &parameters));
}

}  // namespace

IoUring::~IoUring() {
  if (submissions_ != nullptr) ::munmap(submissions_, submissions_bytes_);
  if (rings_ != nullptr) ::munmap(rings_, rings_bytes_);
  if (fd_ >= 0) ::close(fd_);
}

bool IoUring::open(std::uint32_t submissions, std::uint32_t completions, std::string& error) {
  io_uring_params parameters{};
  constexpr std::uint32_t kSized = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  // One thread submits and completions are only wanted when it asks: kernels that know this spare
  // themselves the interruption. Older ones are asked without.
  parameters.flags = kSized | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  parameters.cq_entries = completions;
  fd_ = set_up(submissions, parameters);
  if (fd_ < 0 && errno == EINVAL) {
    parameters = {};
    parameters.flags = kSized;
    parameters.cq_entries = completions;
    fd_ = set_up(submissions, parameters);
  }
  if (fd_ < 0) {
    error = why_not(errno);
    return false;
  }
  constexpr std::uint32_t kNeeded =
      IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG;
  if ((parameters.features & kNeeded) != kNeeded) {
    error = "io_uring: this kernel's lacks waiting with a deadline (Linux 5.11)";
    return false;
  }
  if (parameters.cq_entries < completions) {
    error = "io_uring: the kernel gives " + std::to_string(parameters.cq_entries) +
            " completions of " + std::to_string(completions);
    return false;
  }
  return has_operations(error) && map(parameters, error);
}

bool IoUring::has_operations(std::string& error) const {
  constexpr std::uint32_t kAsked = 64;
  std::vector<std::uint64_t> memory(
      (sizeof(io_uring_probe) + kAsked * sizeof(io_uring_probe_op)) / sizeof(std::uint64_t) + 1);
  auto* probe = reinterpret_cast<io_uring_probe*>(memory.data());
  if (::syscall(SYS_io_uring_register, fd_, IORING_REGISTER_PROBE, probe, kAsked) != 0) {
    error = why_not(errno);
    return false;
  }
  for (const int wanted : {IORING_OP_ACCEPT, IORING_OP_CONNECT, IORING_OP_SEND, IORING_OP_RECV,
                           IORING_OP_READ, IORING_OP_ASYNC_CANCEL}) {
    const bool is_known =
        wanted < probe->ops_len && (probe->ops[wanted].flags & IO_URING_OP_SUPPORTED) != 0;
    if (is_known) continue;
    error = "io_uring: this kernel's lacks operation " + std::to_string(wanted);
    return false;
  }
  return true;
}

bool IoUring::map(const io_uring_params& parameters, std::string& error) {
  rings_bytes_ =
      std::max<std::size_t>(parameters.sq_off.array + parameters.sq_entries * sizeof(std::uint32_t),
                            parameters.cq_off.cqes + parameters.cq_entries * sizeof(io_uring_cqe));
  submissions_bytes_ = parameters.sq_entries * sizeof(io_uring_sqe);
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  constexpr int kKind = MAP_SHARED | MAP_POPULATE;
  void* rings = ::mmap(nullptr, rings_bytes_, kAccess, kKind, fd_, IORING_OFF_SQ_RING);
  if (rings != MAP_FAILED) rings_ = rings;
  void* entries = ::mmap(nullptr, submissions_bytes_, kAccess, kKind, fd_, IORING_OFF_SQES);
  if (entries != MAP_FAILED) submissions_ = static_cast<io_uring_sqe*>(entries);
  if (rings_ == nullptr || submissions_ == nullptr) {
    error = std::string("io_uring: its rings cannot be mapped: ") + std::strerror(errno);
    return false;
  }
  auto* bytes = static_cast<std::uint8_t*>(rings_);
  const auto word = [&](std::uint32_t at) { return reinterpret_cast<std::uint32_t*>(bytes + at); };
  submission_head_ = word(parameters.sq_off.head);
  submission_tail_ = word(parameters.sq_off.tail);
  submission_mask_ = *word(parameters.sq_off.ring_mask);
  submission_array_ = word(parameters.sq_off.array);
  completion_head_ = word(parameters.cq_off.head);
  completion_tail_ = word(parameters.cq_off.tail);
  completion_mask_ = *word(parameters.cq_off.ring_mask);
  completions_ = reinterpret_cast<io_uring_cqe*>(bytes + parameters.cq_off.cqes);
  return true;
}

io_uring_sqe* IoUring::next() noexcept {
  const std::uint32_t tail = *submission_tail_;
  // Pairs with the kernel's release: it has read the entries it counts off.
  const auto used = [&] { return tail - __atomic_load_n(submission_head_, __ATOMIC_ACQUIRE); };
  if (used() > submission_mask_) submit();
  if (used() > submission_mask_) return nullptr;
  const std::uint32_t at = tail & submission_mask_;
  std::memset(&submissions_[at], 0, sizeof submissions_[at]);
  submission_array_[at] = at;
  // The kernel reads the tail only inside the system call of this same thread.
  __atomic_store_n(submission_tail_, tail + 1, __ATOMIC_RELEASE);
  ++waiting_;
  return &submissions_[at];
}

int IoUring::enter(std::uint32_t count, std::uint32_t wanted, std::int64_t wait_ns) noexcept {
  __kernel_timespec timeout{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
  io_uring_getevents_arg argument{};
  argument.ts = reinterpret_cast<std::uint64_t>(&timeout);
  const std::uint32_t flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
  return static_cast<int>(
      ::syscall(SYS_io_uring_enter, fd_, count, wanted, flags, &argument, sizeof argument));
}

void IoUring::submit() noexcept {
  if (waiting_ == 0) return;
  const long taken = ::syscall(SYS_io_uring_enter, fd_, waiting_, 0, 0, nullptr, 0);
  if (taken > 0) waiting_ -= std::min(waiting_, static_cast<std::uint32_t>(taken));
}

void IoUring::submit_and_wait(std::int64_t deadline_ns) noexcept {
  const std::int64_t left =
      deadline_ns == 0 ? 0 : std::max<std::int64_t>(deadline_ns - monotonic_ns(), 0);
  const bool has_some = *completion_head_ != __atomic_load_n(completion_tail_, __ATOMIC_ACQUIRE);
  const std::uint32_t wanted = left == 0 || has_some ? 0 : 1;
  const int taken = enter(waiting_, wanted, left);
  if (taken > 0) {
    waiting_ -= std::min(waiting_, static_cast<std::uint32_t>(taken));
  } else if (taken < 0 && (errno == ETIME || errno == EINTR)) {
    // All was handed over before the wait began, unless the kernel counts differently.
    const std::uint32_t unread =
        *submission_tail_ - __atomic_load_n(submission_head_, __ATOMIC_ACQUIRE);
    waiting_ = unread;
  }
}

}  // namespace gateway::transport
