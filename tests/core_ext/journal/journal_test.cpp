// The whole journal on real files: lock, ring checks, clean stop, and kill -9 of a real process.
#include "gateway_core/journal/journal.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "check.hpp"
#include "gateway_core/journal/verify.hpp"
#include "journal_world.hpp"

using namespace simulated;  // NOLINT

namespace {

struct Files {
  std::string root;
  Files() {
    // Named by this process: the next run of the tests removes what a killed one has left.
    std::string name = "/dev/shm/gateway-test-" + std::to_string(::getpid()) + "-XXXXXX";
    root = ::mkdtemp(name.data());
  }
  ~Files() { std::filesystem::remove_all(root); }
  [[nodiscard]] JournalOptions options() const {
    JournalOptions options;
    options.directory = root + "/journal";
    options.ring_directory = root + "/ring";
    options.ring_bytes = 65536;
    options.segment_bytes = 65536;
    return options;
  }
};

struct Count final : RecoveryVisitor {
  Sequence last = 0;
  std::uint64_t wrong = 0;
  bool snapshot(const StreamPoint& at, const std::uint8_t*, std::size_t) override {
    last = at.sequence;
    return true;
  }
  void record(const RecordHeader& header, const std::uint8_t* bytes) override {
    std::vector<std::uint8_t> expected(gateway::kRecordBytesMax);
    fill(expected.data(), header.length, static_cast<std::uint64_t>(header.time_ns));
    wrong += header.sequence != last + 1 ||
             std::memcmp(bytes + 64, expected.data() + 64, header.length - 64) != 0;
    last = header.sequence;
  }
};

bool append(Journal& journal, std::uint64_t seed) {
  std::uint8_t* record = journal.writer().reserve(128);
  if (record == nullptr) return false;
  fill(record, 128, seed);
  journal.writer().publish(128);
  return true;
}

}  // namespace

TEST(what_a_lost_ring_may_have_taken_is_remembered_until_it_is_forgotten) {
  Files files;
  gateway::platform::PosixStorage storage;
  const auto life = [&](const auto& work) {
    Count count;
    Journal journal(storage);
    CHECK(journal.open(files.options(), count));
    work(journal);
  };
  const auto lose_the_ring = [&] { std::filesystem::remove_all(files.options().ring_directory); };
  const auto killed = [](Journal& journal) {
    CHECK(append(journal, 7));
    while (journal.commit().step() == StepResult::kAdvanced) continue;
  };
  life([&](Journal& journal) {
    CHECK_EQUAL(journal.lost_epoch(), 0U);
    killed(journal);
  });
  life([&](Journal& journal) {  // a kill loses nothing
    CHECK_EQUAL(journal.lost_epoch(), 0U);
    killed(journal);
  });
  lose_the_ring();
  std::int64_t since = 0;
  life([&](Journal& journal) {
    CHECK_EQUAL(journal.lost_epoch(), 2U);
    since = journal.lost_after_ns();
    CHECK_EQUAL(journal.lost_newest_ns(), since);
    CHECK(append(journal, 1'000'000));
    CHECK(journal.close(9));
  });
  life([&](Journal& journal) {  // a clean stop in between proves nothing about what was lost
    CHECK_EQUAL(journal.lost_epoch(), 2U);
    CHECK_EQUAL(journal.lost_after_ns(), since);
    killed(journal);
  });
  lose_the_ring();
  life([&](Journal& journal) {
    CHECK_EQUAL(journal.lost_epoch(), 4U);
    CHECK_EQUAL(journal.lost_after_ns(), since);  // of the older ones it is as it was
    CHECK(journal.lost_newest_ns() > since);
    CHECK(journal.forget_loss(10));
    CHECK(append(journal, 3));
    CHECK(journal.close(11));
  });
  lose_the_ring();
  life([&](Journal& journal) {  // nothing: the stop had stored all
    CHECK_EQUAL(journal.lost_epoch(), 0U);
    CHECK_EQUAL(journal.lost_after_ns(), 0);
  });
}

TEST(whatever_fails_of_the_first_start_after_a_power_cut_its_loss_is_noted_by_the_next) {
  constexpr std::int64_t kCutNs = 7;
  Files files;
  Disk before;
  Count count;
  JournalOptions options = files.options();
  {
    Journal journal(before);
    CHECK(journal.open(options, count));
    CHECK(append(journal, kCutNs));
    while (journal.commit().step() == StepResult::kAdvanced) continue;
  }
  std::size_t refused_by_superblock = 0;
  for (std::uint64_t call = 0;; ++call) {
    std::filesystem::remove_all(options.ring_directory);
    const auto disk = before.copy();
    disk->fault.after = call;
    {
      Count first;
      Journal journal(*disk);
      options.now_ns = 1'000;  // long after the cut
      const bool is_open = journal.open(options, first);
      const bool is_named = journal.error().find(kSuperblockName) != std::string::npos;
      refused_by_superblock += !is_open && is_named && journal.recovery().is_ok;
    }
    if (disk->faults_hit == 0) break;
    Count second;
    Journal journal(*disk);
    options.now_ns = 2'000;
    CHECK(journal.open(options, second));
    CHECK_EQUAL(second.last, 1ULL);
    CHECK(journal.lost_epoch() >= 1U);
    CHECK_EQUAL(journal.lost_after_ns(), kCutNs);
  }
  CHECK(refused_by_superblock >= 4);  // opened, written and synced twice
}

TEST(a_clean_stop_and_start_keeps_everything_and_raises_the_epoch) {
  Files files;
  gateway::platform::PosixStorage storage;
  Count count;
  for (std::uint32_t life = 1; life <= 3; ++life) {
    count = {};
    Journal journal(storage);
    CHECK(journal.open(files.options(), count));
    CHECK_EQUAL(journal.epoch(), life);
    CHECK_EQUAL(count.last, 10ULL * (life - 1));
    CHECK_EQUAL(journal.was_clean(), life > 1);
    for (std::uint64_t i = 0; i < 10; ++i) CHECK(append(journal, i));
    CHECK(journal.close(5));
    CHECK(journal.close(5));
  }
  CHECK_EQUAL(count.wrong, 0ULL);
  const VerifyResult result =
      verify(storage, files.options().directory, files.options().ring_directory);
  CHECK(result.is_ok);
  CHECK_EQUAL(result.records, 30ULL);
}

TEST(a_second_instance_is_told_who_holds_the_lock) {
  Files files;
  gateway::platform::PosixStorage storage;
  Count count;
  Journal first(storage);
  CHECK(first.open(files.options(), count));
  Journal second(storage);
  CHECK(!second.open(files.options(), count));
  CHECK(second.error().find("/journal/lock: held by process " + std::to_string(::getpid())) !=
        std::string::npos);
}

TEST(a_ring_on_a_disk_of_another_instance_or_of_another_size_is_refused) {
  Files files;
  std::string error;
  Ring ring;
  RingOptions options;
  options.capacity = 8192;
  if (!std::filesystem::exists("/proc/version")) return;
  CHECK(!ring.open("/proc", options, error));
  CHECK(!error.empty());
  error.clear();
  CHECK(ring.open(files.root, options, error));
  ring.restart_at({}, 1);
  Writer writer(ring, {}, 1, 1);
  std::uint8_t* record = writer.reserve(64);
  CHECK(record != nullptr);
  if (record == nullptr) return;
  fill(record, 64, 1);
  writer.publish(64);
  CHECK_EQUAL(ring.at(0), ring.at(8192));
  CHECK_EQUAL(std::memcmp(ring.at(0), ring.at(0) + 8192, 64), 0);  // mapped twice
  Ring other;
  options.instance = 2;
  CHECK(!other.open(files.root, options, error));
  CHECK(error.find("belongs to instance 1, not 2") != std::string::npos);
  options.instance = 1;
  options.capacity = 16384;
  CHECK(!other.open(files.root, options, error));
  CHECK(error.find("holds records not on disk") != std::string::npos);
  options.capacity = 12345;
  CHECK(!other.open(files.root, options, error));
  CHECK(error.find("power of two") != std::string::npos);
}

TEST(kill_9_at_any_instant_loses_no_published_record) {
  Files files;
  Sequence told = 0;
  std::uint32_t epoch = 0;
  for (unsigned round = 0; round < 12; ++round) {
    int pipe_ends[2];
    CHECK_EQUAL(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      gateway::platform::PosixStorage storage;
      Count count;
      Journal journal(storage);
      if (!journal.open(files.options(), count) || count.wrong != 0) ::_exit(3);
      if (journal.commit().start() != gateway::ThreadStart::kStarted) ::_exit(4);
      for (std::uint64_t i = 0;; ++i) {
        if (!append(journal, i)) continue;
        const Sequence sequence = journal.writer().point().sequence;
        if (::write(pipe_ends[1], &sequence, sizeof sequence) != sizeof sequence) ::_exit(5);
      }
    }
    ::close(pipe_ends[1]);
    Sequence sequence = 0;
    const unsigned until = 200 + round * 157;
    for (unsigned i = 0; i < until; ++i) {
      if (::read(pipe_ends[0], &sequence, sizeof sequence) != sizeof sequence) break;
      told = sequence;
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    while (::read(pipe_ends[0], &sequence, sizeof sequence) == sizeof sequence) told = sequence;
    ::close(pipe_ends[0]);
    gateway::platform::PosixStorage storage;
    Count count;
    Journal journal(storage);
    if (!journal.open(files.options(), count)) {
      check::fail(__FILE__, __LINE__, journal.error());
      return;
    }
    CHECK(count.last >= told);
    CHECK_EQUAL(count.wrong, 0ULL);
    CHECK(journal.epoch() > epoch);
    epoch = journal.epoch();
    CHECK(journal.close(0));
  }
  CHECK(told > 0);
}
