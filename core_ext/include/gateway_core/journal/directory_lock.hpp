// One gateway per journal directory: an flock that dies with its process. Never removes the file.
#pragma once

#include <string>

namespace gateway::journal {

class DirectoryLock {
 public:
  DirectoryLock() noexcept = default;
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock() { release(); }

  /// False sets `error`: held by which pid, where, what to do.
  [[nodiscard]] bool acquire(const std::string& directory, std::string& error);
  void release() noexcept;
  [[nodiscard]] bool is_held() const noexcept { return file_ >= 0; }

 private:
  int file_ = -1;
};

}  // namespace gateway::journal
