// The kernel's files with a hand on the sync: while held, whoever stores waits inside fdatasync, as
// on a disk that has stalled; while failing, it is told EIO. A world whose journal lies on it.
#pragma once

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "engine/engine_world.hpp"

namespace desk {

class HeldStorage final : public platform::Storage {
 public:
  ~HeldStorage() override { release(); }

  void hold() { set(true, false); }
  void fail() { set(false, true); }
  void release() { set(false, false); }
  /// Whether somebody waits for the disk now.
  [[nodiscard]] bool is_waited_for() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return waiting_ != 0;
  }

  int fdatasync(int file) noexcept override {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    changed_.wait(lock, [this] { return !is_held_; });
    --waiting_;
    const bool is_failing = is_failing_;
    lock.unlock();
    return is_failing ? -EIO : files_.fdatasync(file);
  }
  int open(const std::string& path, platform::OpenMode mode) noexcept override {
    return files_.open(path, mode);
  }
  void close(int file) noexcept override { files_.close(file); }
  std::int64_t pwrite(int file, const void* data, std::size_t bytes,
                      std::uint64_t offset) noexcept override {
    return files_.pwrite(file, data, bytes, offset);
  }
  std::int64_t pread(int file, void* data, std::size_t bytes,
                     std::uint64_t offset) noexcept override {
    return files_.pread(file, data, bytes, offset);
  }
  int fallocate(int file, std::uint64_t bytes) noexcept override {
    return files_.fallocate(file, bytes);
  }
  int ftruncate(int file, std::uint64_t bytes) noexcept override {
    return files_.ftruncate(file, bytes);
  }
  std::int64_t size(int file) noexcept override { return files_.size(file); }
  int rename(const std::string& from, const std::string& to) noexcept override {
    return files_.rename(from, to);
  }
  int unlink(const std::string& path) noexcept override { return files_.unlink(path); }
  int list(const std::string& directory, std::vector<std::string>& names) noexcept override {
    return files_.list(directory, names);
  }
  int fsync_directory(const std::string& directory) noexcept override {
    return files_.fsync_directory(directory);
  }

 private:
  void set(bool is_held, bool is_failing) {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_held_ = is_held;
    is_failing_ = is_failing;
    changed_.notify_all();
  }

  platform::PosixStorage files_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool is_held_ = false;
  bool is_failing_ = false;
};

/// A directory of its own, gone at the end.
struct Directory {
  std::filesystem::path path;
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "gateway-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
};

/// A desk whose journal is on files; several can follow each other in one directory.
[[nodiscard]] inline RuntimeOptions stored_options(const Directory& directory,
                                                   platform::Storage* storage = nullptr) {
  RuntimeOptions out = options();
  out.journal.is_memory_only = false;
  out.journal.directory = directory.path / "journal";
  out.journal.ring_directory = directory.path / "ring";
  out.journal.allow_any_filesystem = true;
  out.journal.ring_bytes = 1 << 18;
  out.journal.segment_bytes = 1 << 20;
  out.journal.commit.retry_ns = 1'000'000;
  out.capacity = {8192, 8192, 256};
  out.storage = storage;
  std::filesystem::create_directories(out.journal.directory);
  std::filesystem::create_directories(out.journal.ring_directory);
  return out;
}

/// Waits for a fact that will come; a minute is for the slowest machine.
template <typename Fact>
[[nodiscard]] bool comes_true(Fact&& fact) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!fact()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

inline void set_durability(World& world, Durability durability) {
  AccountDefined account = world.engine.state().registry.accounts.at(1).definition;
  ++account.version;
  account.durability = static_cast<std::uint8_t>(durability);
  world.engine.record_control(RecordKind::kAccountDefined, account);
}

/// Everything published so far is stored.
[[nodiscard]] inline bool is_stored(World& world) {
  return comes_true([&] {
    return world.engine.writer().synced_sequence() + 1 == world.engine.writer().next_sequence();
  });
}

}  // namespace desk
