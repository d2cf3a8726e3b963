// Mapping of the ring: one reservation of addresses, then the file put into it with its data twice.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "gateway_core/platform/mapped_file.hpp"
#include "gateway_core/platform/storage.hpp"

namespace gateway::platform {

namespace {

constexpr long kTmpfsMagic = 0x01021994;  // linux/magic.h TMPFS_MAGIC
constexpr long kRamfsMagic = static_cast<long>(0x858458f6U);

std::string failed(const std::string& what, const std::string& path) {
  return path + ": " + what + " failed: " + describe_errno(errno);
}

bool is_in_memory(int file, const std::string& path, std::string& error) {
  struct statfs status{};
  if (::fstatfs(file, &status) != 0) {
    error = failed("statfs", path);
    return false;
  }
  if (status.f_type == kTmpfsMagic || status.f_type == kRamfsMagic) return true;
  error = path + ": the ring must be on tmpfs (a disk file stalls the writer); set the ring " +
          "directory to one below /dev/shm or /run";
  return false;
}

}  // namespace

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }
MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this != &other) {
    reset();
    descriptor_ = std::exchange(other.descriptor_, -1);
    head_ = std::exchange(other.head_, nullptr);
    head_bytes_ = other.head_bytes_;
    ring_bytes_ = other.ring_bytes_;
  }
  return *this;
}
MappedFile::~MappedFile() { reset(); }

void MappedFile::reset() noexcept {
  if (head_ != nullptr) ::munmap(head_, head_bytes_ + 2 * ring_bytes_);
  if (descriptor_ >= 0) ::close(descriptor_);
  head_ = nullptr;
  descriptor_ = -1;
}

bool MappedFile::map(int descriptor, std::size_t head_bytes, std::size_t ring_bytes,
                     bool is_writable, std::string& error) {
  reset();
  descriptor_ = descriptor;
  head_bytes_ = head_bytes;
  ring_bytes_ = ring_bytes;
  void* area = ::mmap(nullptr, head_bytes + 2 * ring_bytes, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area == MAP_FAILED) {
    error = failed("mmap", "ring");
    reset();
    return false;
  }
  head_ = static_cast<std::uint8_t*>(area);
  const int protection = is_writable ? PROT_READ | PROT_WRITE : PROT_READ;
  const int populate = is_writable ? MAP_POPULATE : 0;
  const auto place = [&](std::uint8_t* to, std::size_t bytes, std::size_t offset) {
    return ::mmap(to, bytes, protection, MAP_SHARED | MAP_FIXED | populate, descriptor,
                  static_cast<off_t>(offset)) != MAP_FAILED;
  };
  if (place(head_, head_bytes + ring_bytes, 0) &&
      place(head_ + head_bytes + ring_bytes, ring_bytes, head_bytes)) {
    return true;
  }
  error = failed("mmap", "ring");
  reset();
  return false;
}

bool MappedFile::is_unlinked() const noexcept {
  struct stat status{};
  return descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0 && status.st_nlink == 0;
}

int open_memory_file(const std::string& path, std::uint64_t bytes, bool allow_any_filesystem,
                     bool& was_created, std::string& error) {
  was_created = false;
  int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file >= 0) {
    struct stat status{};
    if (::fstat(file, &status) == 0 && static_cast<std::uint64_t>(status.st_size) == bytes &&
        (allow_any_filesystem || is_in_memory(file, path, error))) {
      return file;
    }
    ::close(file);
    if (!error.empty()) return -1;
  } else if (errno != ENOENT) {
    error = failed("open", path);
    return -1;
  }
  // Made under another name first: who opens the final name finds all space reserved.
  const std::string temporary = path + ".tmp";
  file = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (file < 0) {
    error = failed("create", temporary);
    return -1;
  }
  bool is_good = allow_any_filesystem || is_in_memory(file, path, error);
  if (is_good) {
    errno = ::posix_fallocate(file, 0, static_cast<off_t>(bytes));
    is_good = errno == 0;
    if (!is_good) error = failed("reserving " + std::to_string(bytes) + " bytes", path);
  }
  if (is_good && ::rename(temporary.c_str(), path.c_str()) != 0) {
    error = failed("rename", path);
    is_good = false;
  }
  if (!is_good) {
    ::unlink(temporary.c_str());
    ::close(file);
    return -1;
  }
  was_created = true;
  return file;
}

int open_anonymous_memory(std::uint64_t bytes, std::string& error) {
  const int file = ::memfd_create("journal.ring", MFD_CLOEXEC);
  if (file < 0 || ::ftruncate(file, static_cast<off_t>(bytes)) != 0) {
    error = failed("memfd", "ring");
    if (file >= 0) ::close(file);
    return -1;
  }
  return file;
}

}  // namespace gateway::platform
