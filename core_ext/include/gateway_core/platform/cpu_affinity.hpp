// Threads that carry their role as a name and run where they were told. The affinity is set before
// the thread exists and verified from inside before its body runs. Must never run a body on a CPU
// other than the one asked for: a silently wrong pinning is a refused start.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gateway {

/// Longest name the kernel keeps.
inline constexpr std::size_t kThreadNameMax = 15;
/// Any CPU the process may use.
inline constexpr int kAnyCpu = -1;

enum class ThreadStart : int {
  kStarted = 0,
  kBadName,        // empty or longer than the kernel keeps
  kCpuNotAllowed,  // outside the process's mask (cgroup, taskset) or not a CPU
  kNoThread,       // the system gave no thread
  kNotPinned,      // the thread found itself with another mask; its body did not run
};

[[nodiscard]] constexpr std::string_view describe(ThreadStart result) noexcept {
  switch (result) {
    case ThreadStart::kStarted:
      return "started";
    case ThreadStart::kBadName:
      return "a thread name has 1 to 15 characters";
    case ThreadStart::kCpuNotAllowed:
      return "this process may not use that CPU";
    case ThreadStart::kNoThread:
      return "the system gave no thread";
    case ThreadStart::kNotPinned:
      return "the thread did not get the affinity it was given";
  }
  return "";
}

/// CPUs the calling thread may use, in rising order.
[[nodiscard]] inline std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

[[nodiscard]] inline bool is_cpu_allowed(int cpu) {
  for (const int allowed : allowed_cpus()) {
    if (allowed == cpu) return true;
  }
  return false;
}

/// The calling thread's name and whether its mask is exactly this one CPU.
[[nodiscard]] inline std::string thread_name() {
  char name[kThreadNameMax + 1] = {};
  return pthread_getname_np(pthread_self(), name, sizeof name) == 0 ? name : "";
}
[[nodiscard]] inline bool is_pinned_to(int cpu) {
  const auto cpus = allowed_cpus();
  return cpus.size() == 1 && cpus[0] == cpu;
}

/// One thread with a role. Joined by its owner at the latest when destroyed: the body must end when
/// its owner told it so. Start and join are for the owning thread.
class RoleThread {
 public:
  RoleThread() = default;
  RoleThread(const RoleThread&) = delete;
  RoleThread& operator=(const RoleThread&) = delete;
  ~RoleThread() { join(); }

  /// Runs `body` under `name` on `cpu`, or on any allowed CPU for kAnyCpu. Not while one is
  /// running.
  [[nodiscard]] ThreadStart start(std::string_view name, int cpu, std::function<void()> body) {
    if (name.empty() || name.size() > kThreadNameMax) return ThreadStart::kBadName;
    if (cpu != kAnyCpu && !is_cpu_allowed(cpu)) return ThreadStart::kCpuNotAllowed;
    if (is_joinable_) return ThreadStart::kNoThread;
    name_ = name;
    cpu_ = cpu;
    body_ = std::move(body);
    verdict_.store(kPending, std::memory_order_relaxed);
    if (!create()) return ThreadStart::kNoThread;
    is_joinable_ = true;
    verdict_.wait(kPending, std::memory_order_acquire);  // Pairs with the release in run().
    const auto result = static_cast<ThreadStart>(verdict_.load(std::memory_order_acquire));
    if (result != ThreadStart::kStarted) join();
    return result;
  }

  void join() noexcept {
    if (is_joinable_) pthread_join(thread_, nullptr);
    is_joinable_ = false;
  }
  [[nodiscard]] bool is_joinable() const noexcept { return is_joinable_; }

  /// Whether the running thread's mask is still the one CPU it was started on: somebody with the
  /// right to do so may have moved it (taskset, a cpuset). True for kAnyCpu and without a thread.
  [[nodiscard]] bool is_where_started() const noexcept {
    if (!is_joinable_ || cpu_ == kAnyCpu) return true;
    cpu_set_t set;
    CPU_ZERO(&set);
    return pthread_getaffinity_np(thread_, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1 &&
           CPU_ISSET(static_cast<unsigned>(cpu_), &set);
  }

 private:
  static constexpr int kPending = -1;

  [[nodiscard]] bool create() noexcept {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    bool is_ready = true;
    if (cpu_ != kAnyCpu) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(static_cast<unsigned>(cpu_), &set);
      is_ready = pthread_attr_setaffinity_np(&attributes, sizeof set, &set) == 0;
    }
    is_ready = is_ready && pthread_create(&thread_, &attributes, &RoleThread::run, this) == 0;
    pthread_attr_destroy(&attributes);
    return is_ready;
  }

  static void* run(void* argument) {
    auto* self = static_cast<RoleThread*>(argument);
    pthread_setname_np(pthread_self(), self->name_.c_str());
    // Its mask says where it may run, getcpu where it does.
    const bool is_right =
        self->cpu_ == kAnyCpu || (is_pinned_to(self->cpu_) && sched_getcpu() == self->cpu_);
    const auto result = is_right ? ThreadStart::kStarted : ThreadStart::kNotPinned;
    self->verdict_.store(static_cast<int>(result), std::memory_order_release);
    self->verdict_.notify_one();
    if (is_right) self->body_();
    return nullptr;
  }

  std::string name_;
  int cpu_ = kAnyCpu;
  std::function<void()> body_;
  std::atomic<int> verdict_{kPending};
  pthread_t thread_{};
  bool is_joinable_ = false;
};

}  // namespace gateway
