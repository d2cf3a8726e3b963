// Memory of a shared lane: made, sealed and mapped before anybody else sees its descriptor.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "gateway_core/port/shared_lane.hpp"

namespace gateway {

SharedLaneMemory::SharedLaneMemory(SharedLaneMemory&& other) noexcept { *this = std::move(other); }

SharedLaneMemory& SharedLaneMemory::operator=(SharedLaneMemory&& other) noexcept {
  if (this == &other) return *this;
  reset();
  memory_ = std::exchange(other.memory_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  descriptor_ = std::exchange(other.descriptor_, -1);
  return *this;
}

SharedLaneMemory::~SharedLaneMemory() { reset(); }

void SharedLaneMemory::reset() noexcept {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
  if (descriptor_ >= 0) ::close(descriptor_);
  memory_ = nullptr;
  descriptor_ = -1;
}

bool SharedLaneMemory::create(const char* name, std::size_t capacity, std::uint64_t epoch,
                              std::uint32_t port, bool needs_wake, std::string& error) {
  reset();
  capacity_ = 2;
  while (capacity_ < capacity) capacity_ *= 2;
  bytes_ = sizeof(SharedLaneHeader) + capacity_ * kEntryBytes;
  descriptor_ = ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  bool is_good = descriptor_ >= 0;
  if (is_good) {
    // All pages exist before the seal: a full machine refuses the port instead of killing somebody.
    errno = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(bytes_));
    is_good = errno == 0 &&
              ::fcntl(descriptor_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
  }
  void* memory = MAP_FAILED;
  if (is_good) {
    memory =
        ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor_, 0);
  }
  if (memory == MAP_FAILED) {
    error = std::string("shared lane: ") + std::strerror(errno);
    reset();
    return false;
  }
  memory_ = static_cast<std::byte*>(memory);
  auto* made = new (memory_) SharedLaneHeader{};
  made->magic = kLaneMagic;
  made->version = kLaneVersion;
  made->entry_bytes = kEntryBytes;
  made->capacity = static_cast<std::uint32_t>(capacity_);
  made->epoch = epoch;
  made->port = port;
  made->needs_wake = needs_wake ? 1 : 0;
  return true;
}

}  // namespace gateway
