// The exclusive lock of a journal directory.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "gateway_core/journal/directory_lock.hpp"
#include "gateway_core/journal/segment.hpp"
#include "gateway_core/platform/storage.hpp"

namespace gateway::journal {

bool DirectoryLock::acquire(const std::string& directory, std::string& error) {
  const std::string path = directory + "/" + kLockName;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (file < 0) {
    error = path + ": " + platform::describe_errno(errno) +
            "; the directory must be writable by the user of the gateway";
    return false;
  }
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    char pid[32] = {};
    const ssize_t got = ::pread(file, pid, sizeof pid - 1, 0);
    std::string holder = got > 0 ? std::string(pid, static_cast<std::size_t>(got)) : "unknown";
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    error =
        path + ": held by process " + holder + "; stop that gateway or choose another directory";
    ::close(file);
    return false;
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file, 0) != 0 ||
      ::pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    error = path + ": " + platform::describe_errno(errno);
    ::close(file);
    return false;
  }
  file_ = file;
  return true;
}

void DirectoryLock::release() noexcept {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

}  // namespace gateway::journal
