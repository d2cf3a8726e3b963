// The kernel's file calls behind Storage, and the loops that make short writes and EINTR exact.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "gateway_core/platform/storage.hpp"

namespace gateway::platform {

int PosixStorage::open(const std::string& path, OpenMode mode) noexcept {
  int flags = O_CLOEXEC;
  if (mode == OpenMode::kRead) flags |= O_RDONLY;
  if (mode == OpenMode::kReadWrite) flags |= O_RDWR;
  if (mode == OpenMode::kCreateEmpty) flags |= O_RDWR | O_CREAT | O_TRUNC;
  int file;
  do {
    file = ::open(path.c_str(), flags, 0640);
  } while (file < 0 && errno == EINTR);
  return file < 0 ? -errno : file;
}
void PosixStorage::close(int file) noexcept { ::close(file); }

std::int64_t PosixStorage::pwrite(int file, const void* data, std::size_t bytes,
                                  std::uint64_t offset) noexcept {
  const ssize_t done = ::pwrite(file, data, bytes, static_cast<off_t>(offset));
  return done < 0 ? -errno : done;
}
std::int64_t PosixStorage::pread(int file, void* data, std::size_t bytes,
                                 std::uint64_t offset) noexcept {
  const ssize_t done = ::pread(file, data, bytes, static_cast<off_t>(offset));
  return done < 0 ? -errno : done;
}
int PosixStorage::fdatasync(int file) noexcept { return ::fdatasync(file) == 0 ? 0 : -errno; }

int PosixStorage::fallocate(int file, std::uint64_t bytes) noexcept {
  int result;
  do {
    result = ::fallocate(file, 0, 0, static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : -errno;
}
int PosixStorage::ftruncate(int file, std::uint64_t bytes) noexcept {
  return ::ftruncate(file, static_cast<off_t>(bytes)) == 0 ? 0 : -errno;
}
std::int64_t PosixStorage::size(int file) noexcept {
  struct stat status{};
  return ::fstat(file, &status) == 0 ? status.st_size : -errno;
}
int PosixStorage::rename(const std::string& from, const std::string& to) noexcept {
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : -errno;
}
int PosixStorage::unlink(const std::string& path) noexcept {
  return ::unlink(path.c_str()) == 0 ? 0 : -errno;
}
int PosixStorage::list(const std::string& directory, std::vector<std::string>& names) noexcept {
  names.clear();
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) return -errno;
  int error = 0;
  try {
    while (const dirent* entry = ::readdir(stream)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
  } catch (const std::bad_alloc&) {
    error = -ENOMEM;
  }
  ::closedir(stream);
  return error;
}
int PosixStorage::fsync_directory(const std::string& directory) noexcept {
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return -errno;
  const int result = ::fsync(file) == 0 ? 0 : -errno;
  ::close(file);
  return result;
}

int write_exactly(Storage& storage, int file, const void* data, std::size_t bytes,
                  std::uint64_t offset) noexcept {
  const auto* at = static_cast<const std::uint8_t*>(data);
  while (bytes > 0) {
    const std::int64_t done = storage.pwrite(file, at, bytes, offset);
    if (done == -EINTR) continue;
    if (done < 0) return static_cast<int>(done);
    if (done == 0) return -EIO;
    at += done;
    bytes -= static_cast<std::size_t>(done);
    offset += static_cast<std::uint64_t>(done);
  }
  return 0;
}

std::int64_t read_fully(Storage& storage, int file, void* data, std::size_t bytes,
                        std::uint64_t offset) noexcept {
  auto* at = static_cast<std::uint8_t*>(data);
  std::int64_t total = 0;
  while (bytes > 0) {
    const std::int64_t done = storage.pread(file, at, bytes, offset);
    if (done == -EINTR) continue;
    if (done < 0) return done;
    if (done == 0) break;
    at += done;
    total += done;
    bytes -= static_cast<std::size_t>(done);
    offset += static_cast<std::uint64_t>(done);
  }
  return total;
}

int replace_file(Storage& storage, const std::string& directory, const std::string& name,
                 const void* data, std::size_t bytes) {
  const std::string path = directory + "/" + name;
  const std::string temporary = path + ".tmp";
  const int file = storage.open(temporary, OpenMode::kCreateEmpty);
  if (file < 0) return file;
  int error = write_exactly(storage, file, data, bytes, 0);
  if (error == 0) error = storage.fdatasync(file);
  storage.close(file);
  if (error == 0) error = storage.rename(temporary, path);
  if (error != 0) {
    // On a full disk the half may hold all the room that was left, and the journal needs it.
    static_cast<void>(storage.unlink(temporary));
    return error;
  }
  return storage.fsync_directory(directory);
}

std::string describe_errno(std::int64_t error) {
  const int number = static_cast<int>(error < 0 ? -error : error);
  const char* name = ::strerrorname_np(number);
  return std::string(name != nullptr ? name : "errno " + std::to_string(number)) + " (" +
         ::strerrordesc_np(number) + ")";
}

}  // namespace gateway::platform
