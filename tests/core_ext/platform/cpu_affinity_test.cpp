// A thread runs where it was told and under its name, or it does not run at all.
#include "gateway_core/platform/cpu_affinity.hpp"

#include <thread>

#include "check.hpp"

using namespace gateway;

TEST(a_pinned_thread_finds_itself_on_its_cpu_with_its_name) {
  for (const int cpu : allowed_cpus()) {
    RoleThread thread;
    std::string name;
    bool is_pinned = false;
    int ran_on = -1;
    CHECK(thread.start("journal_commit", cpu, [&] {
      name = thread_name();
      is_pinned = is_pinned_to(cpu);
      ran_on = sched_getcpu();
    }) == ThreadStart::kStarted);
    thread.join();
    CHECK_EQUAL(name, "journal_commit");
    CHECK(is_pinned);
    CHECK_EQUAL(ran_on, cpu);
  }
}

TEST(the_starter_keeps_its_own_cpus) {
  const auto before = allowed_cpus();
  RoleThread thread;
  CHECK(thread.start("engine", before.front(), [] {}) == ThreadStart::kStarted);
  thread.join();
  CHECK(allowed_cpus() == before);
}

TEST(any_cpu_means_the_mask_of_the_starter) {
  RoleThread thread;
  std::vector<int> cpus;
  CHECK(thread.start("seal", kAnyCpu, [&] { cpus = allowed_cpus(); }) == ThreadStart::kStarted);
  thread.join();
  CHECK(cpus == allowed_cpus());
}

TEST(what_cannot_be_right_is_refused_before_a_thread_exists) {
  RoleThread thread;
  bool has_run = false;
  const auto body = [&] { has_run = true; };
  CHECK(thread.start("engine", CPU_SETSIZE + 5, body) == ThreadStart::kCpuNotAllowed);
  CHECK(thread.start("engine", -2, body) == ThreadStart::kCpuNotAllowed);
  CHECK(thread.start("", kAnyCpu, body) == ThreadStart::kBadName);
  CHECK(thread.start("sixteen_letters_", kAnyCpu, body) == ThreadStart::kBadName);
  CHECK(!has_run && !thread.is_joinable());
}

TEST(a_cpu_outside_the_mask_of_the_process_is_refused) {
  const auto cpus = allowed_cpus();
  if (cpus.size() < 2) return;
  RoleThread narrow;
  ThreadStart result = ThreadStart::kStarted;
  CHECK(narrow.start("narrow", cpus[0], [&] {
    RoleThread inner;
    result = inner.start("inner", cpus[1], [] {});
  }) == ThreadStart::kStarted);
  narrow.join();
  CHECK(result == ThreadStart::kCpuNotAllowed);
}

TEST(a_thread_that_somebody_moved_is_noticed) {
  const auto cpus = allowed_cpus();
  RoleThread thread;
  std::atomic<bool> is_over{false}, is_moved{false};
  CHECK(thread.is_where_started());
  CHECK(thread.start("engine", cpus[0], [&] {
    while (!is_moved) std::this_thread::yield();
    cpu_set_t all;
    CPU_ZERO(&all);
    for (const int cpu : cpus) CPU_SET(static_cast<unsigned>(cpu), &all);
    CHECK_EQUAL(sched_setaffinity(0, sizeof all, &all), 0);
    is_moved = false;
    while (!is_over) std::this_thread::yield();
  }) == ThreadStart::kStarted);
  CHECK(thread.is_where_started());
  is_moved = true;
  while (is_moved) std::this_thread::yield();
  CHECK_EQUAL(thread.is_where_started(), cpus.size() == 1);
  is_over = true;
  thread.join();
  CHECK(thread.is_where_started());  // there is none
}
