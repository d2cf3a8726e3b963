// The file operations the journal needs, behind one interface, so that tests run on a simulated
// disk. Results are 0 or a count; a failure is the negative errno. Must never retry a failed sync.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gateway::platform {

enum class OpenMode : std::uint8_t { kRead, kReadWrite, kCreateEmpty };

class Storage {
 public:
  virtual ~Storage() = default;
  /// A file number, or the negative errno. kCreateEmpty truncates what is there.
  virtual int open(const std::string& path, OpenMode mode) noexcept = 0;
  virtual void close(int file) noexcept = 0;
  virtual std::int64_t pwrite(int file, const void* data, std::size_t bytes,
                              std::uint64_t offset) noexcept = 0;
  virtual std::int64_t pread(int file, void* data, std::size_t bytes,
                             std::uint64_t offset) noexcept = 0;
  virtual int fdatasync(int file) noexcept = 0;
  /// Reserves space; the content up to `bytes` reads as zeros. -EOPNOTSUPP is allowed.
  virtual int fallocate(int file, std::uint64_t bytes) noexcept = 0;
  virtual int ftruncate(int file, std::uint64_t bytes) noexcept = 0;
  virtual std::int64_t size(int file) noexcept = 0;
  virtual int rename(const std::string& from, const std::string& to) noexcept = 0;
  virtual int unlink(const std::string& path) noexcept = 0;
  virtual int list(const std::string& directory, std::vector<std::string>& names) noexcept = 0;
  virtual int fsync_directory(const std::string& directory) noexcept = 0;
};

/// Closes a file at the end of its scope, also when an exception passes.
class FileGuard {
 public:
  FileGuard(Storage& storage, int file) noexcept : storage_(storage), file_(file) {}
  ~FileGuard() {
    if (file_ >= 0) storage_.close(file_);
  }
  FileGuard(const FileGuard&) = delete;
  FileGuard& operator=(const FileGuard&) = delete;

 private:
  Storage& storage_;
  int file_;
};

/// The kernel's files. Stateless; any thread.
class PosixStorage final : public Storage {
 public:
  int open(const std::string& path, OpenMode mode) noexcept override;
  void close(int file) noexcept override;
  std::int64_t pwrite(int file, const void* data, std::size_t bytes,
                      std::uint64_t offset) noexcept override;
  std::int64_t pread(int file, void* data, std::size_t bytes,
                     std::uint64_t offset) noexcept override;
  int fdatasync(int file) noexcept override;
  int fallocate(int file, std::uint64_t bytes) noexcept override;
  int ftruncate(int file, std::uint64_t bytes) noexcept override;
  std::int64_t size(int file) noexcept override;
  int rename(const std::string& from, const std::string& to) noexcept override;
  int unlink(const std::string& path) noexcept override;
  int list(const std::string& directory, std::vector<std::string>& names) noexcept override;
  int fsync_directory(const std::string& directory) noexcept override;
};

/// Completes short writes and EINTR exactly: 0, or the negative errno of the first real failure.
[[nodiscard]] int write_exactly(Storage& storage, int file, const void* data, std::size_t bytes,
                                std::uint64_t offset) noexcept;
/// Bytes read (fewer only at the end of the file), or a negative errno.
[[nodiscard]] std::int64_t read_fully(Storage& storage, int file, void* data, std::size_t bytes,
                                      std::uint64_t offset) noexcept;
/// Writes a whole small file so that after a crash it is there completely or not at all:
/// temporary name, sync, rename, directory sync. 0 or a negative errno.
[[nodiscard]] int replace_file(Storage& storage, const std::string& directory,
                               const std::string& name, const void* data, std::size_t bytes);
/// "ENOSPC (No space left on device)" for -ENOSPC or ENOSPC.
[[nodiscard]] std::string describe_errno(std::int64_t error);

}  // namespace gateway::platform
