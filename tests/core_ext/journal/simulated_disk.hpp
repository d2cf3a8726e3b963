// A disk in memory that forgets like a real one: unsynced sectors may reach the platter, or not, or
// in part, in any order; directory changes too; an error at the Nth call; power off at the Nth
// call.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gateway_core/platform/storage.hpp"

namespace simulated {

using gateway::platform::OpenMode;
using Random = std::mt19937_64;

inline constexpr std::size_t kSectorBytes = 512;

struct File {
  std::vector<std::uint8_t> cache;
  std::vector<std::uint8_t> durable;
  std::set<std::size_t> dirty;  // sectors written since the last sync
};
using FilePointer = std::shared_ptr<File>;

struct DirectoryChange {
  std::string from;  // "" = a new name
  std::string to;    // "" = unlinked
  FilePointer file;
};

enum class Call : std::uint8_t {
  kOpen,
  kWrite,
  kRead,
  kSync,
  kAllocate,
  kTruncate,
  kRename,
  kUnlink,
  kSyncDirectory,
  kLook,  // open for reading, size, list
  kAny
};

/// A planted fault of the code above the disk: the call is answered as if done, and is not.
enum class Lie : std::uint8_t {
  kNone,
  kSegmentNotSynced,     // records are acknowledged that are only in the cache
  kSegmentSyncedLate,    // the superblock and whatever else comes first
  kSuperblockNotSynced,  // an epoch is used that is only in the cache
  kSuperblockOneRound,   // all four copies are written before the first sync
  kDirectoryNotSynced,   // a new segment has no durable name
  kSnapshotNotSynced,    // segments are recycled on the word of a torn snapshot
  kTailNotSynced,        // what was read from the cache of a killed process is taken as durable
  kTailNotCut,           // what stood behind a cut comes back
  kFailedSyncIsTaken,    // an error of a sync is taken for a success
  kRenamedBeforeSynced,  // the final name is there before the content
};

class Disk final : public gateway::platform::Storage {
 public:
  Lie lie = Lie::kNone;
  /// The Nth matching call from now fails with `error` (negative), or is cut short when error is 0.
  struct Fault {
    Call call = Call::kAny;
    std::uint64_t after = ~0ULL;
    int error = -EIO;
    bool is_persistent = false;
  };
  Fault fault;
  std::uint64_t power_off_after = ~0ULL;  // changing calls
  std::uint64_t power_off_at_sync =
      ~0ULL;  // the Nth sync never happens: all since the last is open
  std::uint64_t calls = 0;
  std::uint64_t faults_hit = 0;

  [[nodiscard]] bool is_off() const { return calls > power_off_after; }

  int open(const std::string& path, OpenMode mode) noexcept override {
    if (mode == OpenMode::kCreateEmpty) {
      if (const int error = enter(Call::kOpen); error != 0) return error < 0 ? error : -EMFILE;
    }
    if (mode != OpenMode::kCreateEmpty) {
      if (const int error = look(Call::kLook); error != 0) return error < 0 ? error : -EMFILE;
    }
    auto found = names_.find(path);
    if (found == names_.end()) {
      if (mode != OpenMode::kCreateEmpty) return -ENOENT;
      found = names_.emplace(path, std::make_shared<File>()).first;
      changes_.push_back({"", path, found->second});
    } else if (mode == OpenMode::kCreateEmpty) {
      resize(*found->second, 0);
    }
    open_.push_back(found->second);
    if (lie != Lie::kNone) paths_.resize(open_.size());
    if (lie != Lie::kNone) paths_.back() = path;
    return static_cast<int>(open_.size() - 1);
  }
  void close(int file) noexcept override { open_[static_cast<std::size_t>(file)].reset(); }

  std::int64_t pwrite(int number, const void* data, std::size_t bytes,
                      std::uint64_t offset) noexcept override {
    const int error = enter(Call::kWrite);
    if (error < 0) return error;
    if (error > 0) bytes = std::max<std::size_t>(1, bytes / 2);  // a short write
    File& file = *open_[static_cast<std::size_t>(number)];
    if (file.cache.size() < offset + bytes) file.cache.resize(offset + bytes);
    std::memcpy(file.cache.data() + offset, data, bytes);
    for (std::size_t sector = offset / kSectorBytes; sector * kSectorBytes < offset + bytes;
         ++sector) {
      file.dirty.insert(sector);
    }
    return static_cast<std::int64_t>(bytes);
  }
  std::int64_t pread(int number, void* data, std::size_t bytes,
                     std::uint64_t offset) noexcept override {
    const File& file = *open_[static_cast<std::size_t>(number)];
    const int error = look(Call::kRead);
    if (error < 0) return error;
    if (offset >= file.cache.size()) return 0;
    if (error > 0) bytes = std::max<std::size_t>(1, bytes / 2);  // a short read
    bytes = std::min<std::size_t>(bytes, file.cache.size() - offset);
    std::memcpy(data, file.cache.data() + offset, bytes);
    return static_cast<std::int64_t>(bytes);
  }
  int fdatasync(int number) noexcept override {
    File& file = *open_[static_cast<std::size_t>(number)];
    if (lie != Lie::kNone && is_sync_left_out(number)) return is_off() ? -EIO : 0;
    if (const int error = enter(Call::kSync); error != 0) {
      if (!is_off()) file.dirty.clear();  // the kernel now calls the pages clean: they are lost
      if (lie == Lie::kFailedSyncIsTaken && !is_off()) return 0;
      return error < 0 ? error : -EINTR;
    }
    store(file);
    return 0;
  }
  int fallocate(int number, std::uint64_t bytes) noexcept override {
    if (const int error = enter(Call::kAllocate); error != 0) return error < 0 ? error : -ENOSPC;
    File& file = *open_[static_cast<std::size_t>(number)];
    if (file.cache.size() < bytes) resize(file, bytes);
    return 0;
  }
  int ftruncate(int number, std::uint64_t bytes) noexcept override {
    if (lie == Lie::kTailNotCut) return is_off() ? -EIO : 0;
    cut_ = number;
    if (const int error = enter(Call::kTruncate); error != 0) return error < 0 ? error : -EIO;
    resize(*open_[static_cast<std::size_t>(number)], bytes);
    return 0;
  }
  std::int64_t size(int number) noexcept override {
    if (const int error = look(Call::kLook); error < 0) return error;
    return static_cast<std::int64_t>(open_[static_cast<std::size_t>(number)]->cache.size());
  }
  int rename(const std::string& from, const std::string& to) noexcept override {
    const auto found = names_.find(from);
    if (found == names_.end()) return -ENOENT;
    if (const int error = enter(Call::kRename); error != 0) return error < 0 ? error : -EIO;
    const FilePointer file = found->second;
    names_.erase(found);
    names_[to] = file;
    changes_.push_back({from, to, file});
    return 0;
  }
  int unlink(const std::string& path) noexcept override {
    if (names_.count(path) == 0) return -ENOENT;
    if (const int error = enter(Call::kUnlink); error != 0) return error < 0 ? error : -EIO;
    names_.erase(path);
    changes_.push_back({path, "", nullptr});
    return 0;
  }
  int list(const std::string& directory, std::vector<std::string>& names) noexcept override {
    names.clear();
    if (const int error = look(Call::kLook); error < 0) return error;
    for (const auto& [path, file] : names_) {
      if (path.compare(0, directory.size() + 1, directory + "/") == 0) {
        names.push_back(path.substr(directory.size() + 1));
      }
    }
    return 0;
  }
  int fsync_directory(const std::string&) noexcept override {
    if (lie == Lie::kDirectoryNotSynced) return is_off() ? -EIO : 0;
    if (const int error = enter(Call::kSyncDirectory); error != 0) return error < 0 ? error : -EIO;
    durable_names_ = names_;
    changes_.clear();
    return 0;
  }

  /// What a power failure right now may leave: one of many possibilities.
  [[nodiscard]] std::unique_ptr<Disk> crash(Random& random) const {
    auto after = std::make_unique<Disk>();
    auto names = durable_names_;
    for (const DirectoryChange& change : changes_) {
      if (random() % 2 == 0) continue;
      if (!change.from.empty()) names.erase(change.from);
      if (!change.to.empty()) names[change.to] = change.file;
    }
    for (const auto& [path, file] : names) {
      auto copy_of = std::make_shared<File>();
      copy_of->durable = survivors(*file, random);
      copy_of->cache = copy_of->durable;
      after->names_[path] = copy_of;
    }
    after->durable_names_ = after->names_;
    return after;
  }
  /// Rot: some bits of any file turn over, synced or not.
  void rot(Random& random) {
    for (std::uint64_t left = 1 + random() % 3; left > 0 && !names_.empty(); --left) {
      auto at = names_.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(random() % names_.size()));
      flip(at->second->cache, 0, at->second->cache.size(), random);
    }
  }
  /// A number that two different disks share once in 2^64 pairs.
  [[nodiscard]] std::uint64_t fingerprint() const {
    std::uint64_t lanes[4] = {1, 2, 3, 4};  // beside each other: one would wait on itself
    const auto mix = [](std::uint64_t& sum, std::uint64_t word) {
      sum = (sum ^ word) * 0xD6E8FEB86659FD93ULL;
      sum ^= sum >> 32;
    };
    const auto add = [&](const void* data, std::size_t bytes) {
      const auto* at = static_cast<const std::uint8_t*>(data);
      mix(lanes[0], bytes);
      std::size_t i = 0;
      for (; i + sizeof lanes <= bytes; i += sizeof lanes) {
        std::uint64_t words[4];
        std::memcpy(words, at + i, sizeof words);
        for (std::size_t lane = 0; lane < 4; ++lane) mix(lanes[lane], words[lane]);
      }
      for (; i < bytes; i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at + i, std::min<std::size_t>(8, bytes - i));
        mix(lanes[i / 8 % 4], word);
      }
    };
    for (const auto& [path, file] : names_) {
      add(path.data(), path.size());
      add(file->cache.data(), file->cache.size());
    }
    return lanes[0] ^ (lanes[1] << 1) ^ (lanes[2] << 2) ^ (lanes[3] << 3);
  }
  /// The files as every process sees them (kill -9 keeps them): an independent copy, nothing
  /// unsynced.
  [[nodiscard]] std::unique_ptr<Disk> copy() const {
    auto after = std::make_unique<Disk>();
    for (const auto& [path, file] : names_) {
      auto twin = std::make_shared<File>();
      twin->cache = twin->durable = file->cache;
      after->names_[path] = twin;
    }
    after->durable_names_ = after->names_;
    return after;
  }
  [[nodiscard]] std::vector<std::uint8_t>& content(const std::string& path) {
    return names_.at(path)->cache;
  }
  /// Files opened and not closed.
  [[nodiscard]] std::size_t open_files() const {
    return static_cast<std::size_t>(std::count_if(
        open_.begin(), open_.end(), [](const auto& file) { return file != nullptr; }));
  }
  [[nodiscard]] bool has(const std::string& path) const { return names_.count(path) != 0; }
  void put(const std::string& path, std::vector<std::uint8_t> bytes) {
    auto file = std::make_shared<File>();
    file->cache = file->durable = std::move(bytes);
    names_[path] = durable_names_[path] = file;
  }
  void erase(const std::string& path) {
    names_.erase(path);
    durable_names_.erase(path);
  }
  void move(const std::string& from, const std::string& to) {
    put(to, content(from));
    erase(from);
  }

 private:
  /// 0 = go on, negative = fail so, 1 = cut short.
  int enter(Call call) {
    ++calls;
    if (call == Call::kSync && power_off_at_sync != ~0ULL && power_off_at_sync-- == 0) {
      power_off_after = calls - 1;
    }
    return is_off() ? -EIO : injected(call);
  }
  /// The same for a call that changes nothing: the power does not count it.
  int look(Call call) { return injected(call); }
  int injected(Call call) {
    if (fault.call != Call::kAny && fault.call != call) return 0;
    if (fault.after == ~0ULL || fault.after-- != 0) return 0;
    fault.after = fault.is_persistent ? 0 : ~0ULL;
    ++faults_hit;
    return fault.error == 0 ? 1 : fault.error;
  }
  static void store(File& file) {
    file.durable.resize(file.cache.size());
    for (const std::size_t sector : file.dirty) copy(file, sector, file.durable, kSectorBytes);
    file.dirty.clear();
  }
  [[nodiscard]] bool is_sync_left_out(int number) {
    const std::string& path = paths_[static_cast<std::size_t>(number)];
    const auto has = [&](const char* part) { return path.find(part) != std::string::npos; };
    if (has("superblock") && late_ != nullptr) {
      store(*late_);  // too late: the superblock went first
      late_.reset();
    }
    if (lie == Lie::kSegmentSyncedLate && has(".journal")) {
      late_ = open_[static_cast<std::size_t>(number)];
      return true;
    }
    if (lie == Lie::kSuperblockOneRound && has("superblock")) return ++rounds_ % 2 == 1;
    if (lie == Lie::kTailNotSynced) return cut_ == number && has(".journal");
    return (lie == Lie::kSegmentNotSynced && has(".journal")) ||
           (lie == Lie::kSuperblockNotSynced && has("superblock")) ||
           (lie == Lie::kSnapshotNotSynced && has("snapshot")) ||
           (lie == Lie::kRenamedBeforeSynced && has(".tmp"));
  }
  static void resize(File& file, std::size_t bytes) {
    const std::size_t before = file.cache.size();
    file.cache.resize(bytes);
    const std::size_t low = std::min(before, bytes) / kSectorBytes;
    const std::size_t high = std::max(before, bytes);
    for (std::size_t sector = low; sector * kSectorBytes < high; ++sector)
      file.dirty.insert(sector);
  }
  static void copy(const File& file, std::size_t sector, std::vector<std::uint8_t>& to,
                   std::size_t bytes) {
    const std::size_t start = sector * kSectorBytes;
    const std::size_t end = std::min({start + bytes, file.cache.size(), to.size()});
    if (start < end) std::memcpy(to.data() + start, file.cache.data() + start, end - start);
  }
  static void flip(std::vector<std::uint8_t>& bytes, std::size_t start, std::size_t count,
                   Random& random) {
    if (start >= bytes.size()) return;
    count = std::min(count, bytes.size() - start);
    bytes[start + random() % count] ^= static_cast<std::uint8_t>(1U << (random() % 8));
  }
  /// Turns a bit of what this write changed: what was durable in the sector stays as it was.
  static void damage(const File& file, std::size_t sector, std::vector<std::uint8_t>& bytes,
                     Random& random) {
    const std::size_t at = sector * kSectorBytes + random() % kSectorBytes;
    if (at >= bytes.size() || at >= file.cache.size()) return;
    if (at < file.durable.size() && file.durable[at] == file.cache[at]) return;
    bytes[at] ^= static_cast<std::uint8_t>(1U << (random() % 8));
  }
  static std::vector<std::uint8_t> survivors(const File& file, Random& random) {
    std::vector<std::uint8_t> bytes = file.durable;
    if (random() % 2 == 0) bytes.resize(file.cache.size());
    for (const std::size_t sector : file.dirty) {
      const std::uint64_t fate = random() % 16;
      if (fate < 6) continue;  // never written
      // Whole, torn inside, or damaged on its way.
      copy(file, sector, bytes, fate < 14 ? kSectorBytes : random() % kSectorBytes);
      if (fate == 15) damage(file, sector, bytes, random);
    }
    return bytes;
  }

  std::map<std::string, FilePointer> names_;
  std::map<std::string, FilePointer> durable_names_;
  std::vector<DirectoryChange> changes_;
  std::vector<FilePointer> open_;
  std::vector<std::string> paths_;  // of open_, kept only for lies
  FilePointer late_;
  std::uint64_t rounds_ = 0;
  int cut_ = -1;  // the file that was cut last
};

}  // namespace simulated
