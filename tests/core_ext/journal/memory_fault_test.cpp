// The Nth allocation fails, for every N, once and for good: open, append, rotate, seal, snapshot,
// recycle, raise, close, on real files. Nothing crashes, the error is named, nothing acknowledged
// is lost, no file descriptor stays behind.
#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>

#include "check.hpp"
#include "gateway_core/journal/journal.hpp"
#include "gateway_core/journal/snapshot.hpp"
#include "journal_world.hpp"

namespace {

bool is_armed = false;
bool is_for_good = false;
std::uint64_t left = 0;
std::uint64_t failed = 0;

void* take(std::size_t bytes) {
  if (is_armed) {
    if (left == 0) {
      ++failed;
      if (!is_for_good) is_armed = false;
      throw std::bad_alloc();
    }
    --left;
  }
  void* memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
/// While one lives, allocations are the test's own.
struct Own {
  const bool was_armed = is_armed;
  Own() { is_armed = false; }
  ~Own() { is_armed = was_armed; }
};

}  // namespace

void* operator new(std::size_t bytes) { return take(bytes); }
void* operator new[](std::size_t bytes) { return take(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return take(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

using namespace gateway::journal;  // NOLINT
using gateway::RecordHeader;
using gateway::Sequence;

namespace {

/// Sequences and payloads must come back as they were written.
struct Checker final : RecoveryVisitor {
  Sequence at = 0;
  bool is_wrong = false;
  bool snapshot(const StreamPoint& point, const std::uint8_t*, std::size_t) override {
    at = point.sequence;
    return true;
  }
  void record(const RecordHeader& header, const std::uint8_t*) override {
    is_wrong = is_wrong || header.sequence != at + 1 ||
               header.time_ns != static_cast<std::int64_t>(header.sequence);
    at = header.sequence;
  }
};

struct Told {
  Sequence published = 0;
  Sequence synced = 0;
  std::uint64_t refusals = 0;  // failures that were reported, with a name
  std::uint64_t unnamed = 0;
};

void expect_name(const std::string& text, Told& told) {
  const Own own;
  const bool is_named = text.find("ENOMEM") != std::string::npos || text.find("E") == 0 ||
                        text.find(": E") != std::string::npos;
  ++(is_named ? told.refusals : told.unnamed);
  if (!is_named) std::printf("unnamed: %s\n", text.c_str());
}

void append(Journal& journal, Told& told) {
  std::uint8_t* record = journal.writer().reserve(512);
  if (record == nullptr) return;
  simulated::fill(record, 512, journal.writer().next_sequence());
  told.published = journal.writer().publish(512);
}

/// One life with everything in it; what it was told is in `told` whatever happens.
void live(gateway::platform::Storage& storage, const JournalOptions& options, Told& told) {
  Checker checker;
  Journal journal(storage);
  if (!journal.open(options, checker)) return expect_name(journal.error(), told);
  for (int i = 0; i < 24; ++i) {
    append(journal, told);
    if (journal.commit().step() == StepResult::kFailed) ++told.refusals;
    told.synced = journal.commit().synced_sequence();
    if (i % 6 != 5) continue;
    if (journal.sealer().step() == SealResult::kFailed) {
      expect_name(journal.sealer().error(), told);
    }
    const StreamPoint point = journal.writer().point();
    if (point.sequence == told.synced) {
      const std::uint8_t payload[8] = {};
      if (write_snapshot(storage, options.directory, 1, point, payload).error != 0) ++told.refusals;
    }
    if (journal.sealer().recycle(told.synced) < 0) ++told.refusals;
  }
  if (!journal.raise_epoch(0, 5)) expect_name(journal.error(), told);
  if (!journal.close(6)) expect_name(journal.error(), told);
}

int open_descriptors() {
  int count = 0;
  DIR* stream = ::opendir("/proc/self/fd");
  while (::readdir(stream) != nullptr) ++count;
  ::closedir(stream);
  return count;
}

/// One run; false when the Nth allocation was never reached.
bool run(const std::string& home, std::uint64_t n, bool for_good, Told& total) {
  std::filesystem::remove_all(home);
  JournalOptions options;
  options.directory = home + "/journal";
  options.ring_directory = home + "/ring";
  options.ring_bytes = 65536;
  options.segment_bytes = kPageBytes + 4096;
  options.allow_any_filesystem = true;
  gateway::platform::PosixStorage storage;
  Told told;
  live(storage, options, told);  // what is recovered next holds segments, seals and snapshots
  const Told first = told;
  CHECK_EQUAL(told.refusals + told.unnamed, 0ULL);
  const int descriptors = open_descriptors();
  left = n;
  failed = 0;
  is_for_good = for_good;
  is_armed = true;
  live(storage, options, told);
  is_armed = false;
  CHECK_EQUAL(open_descriptors(), descriptors);
  CHECK_EQUAL(told.unnamed, 0ULL);
  total.refusals += told.refusals;
  Checker checker;
  Journal journal(storage);
  const std::string what = (for_good ? "from allocation " : "allocation ") + std::to_string(n);
  if (!journal.open(options, checker)) {
    check::fail(__FILE__, __LINE__, what + ": refused: " + journal.error());
  } else {
    if (checker.is_wrong) check::fail(__FILE__, __LINE__, what + ": a wrong record was accepted");
    if (checker.at < told.published || checker.at < first.published) {
      check::fail(__FILE__, __LINE__, what + ": lost behind " + std::to_string(checker.at));
    }
  }
  return failed != 0;
}

}  // namespace

TEST(the_nth_failure_of_an_allocation_is_named_and_loses_nothing) {
  const bool has_memory_files = ::access("/dev/shm", W_OK) == 0;
  std::string home = has_memory_files ? "/dev/shm/gateway-memory-fault-XXXXXX"
                                      : "/tmp/gateway-memory-fault-XXXXXX";
  CHECK(::mkdtemp(home.data()) != nullptr);
  Told total;
  for (const bool for_good : {false, true}) {
    std::uint64_t n = 0;
    while (run(home, n, for_good, total) && check::failures() == 0) ++n;
    std::printf("%llu allocations failed %s\n", static_cast<unsigned long long>(n),
                for_good ? "and all behind them" : "alone");
    CHECK(n > 100);
  }
  CHECK(total.refusals > 100);
  std::filesystem::remove_all(home);
}
