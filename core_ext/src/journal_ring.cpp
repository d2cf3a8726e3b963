// Making, adopting and attaching the ring file.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "gateway_core/journal/ring.hpp"
#include "gateway_core/platform/storage.hpp"

namespace gateway::journal {

namespace {

bool is_possible_capacity(std::uint64_t capacity) noexcept {
  return std::has_single_bit(capacity) && capacity >= kPageBytes && capacity <= (1ULL << 40);
}

/// Header of an existing ring without mapping it; false when it is too short to be one.
bool peek(const std::string& path, RingHeader* header) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t bytes = ::pread(file, static_cast<void*>(header), sizeof(RingHeader), 0);
  ::close(file);
  return bytes == static_cast<ssize_t>(sizeof(RingHeader));
}

}  // namespace

bool Ring::open(const std::string& directory, const RingOptions& options, std::string& error) {
  if (!is_possible_capacity(options.capacity)) {
    error = "ring_bytes " + std::to_string(options.capacity) +
            ": must be a power of two of at least 4096";
    return false;
  }
  const std::string path = directory + "/" + kRingFileName;
  alignas(RingHeader) std::uint8_t page[sizeof(RingHeader)] = {};
  auto* old = reinterpret_cast<RingHeader*>(page);
  if (peek(path, old) && std::memcmp(old->magic, kRingMagic, 8) == 0 &&
      old->capacity != options.capacity && old->published_position != old->synced_position) {
    error = path + ": has " + std::to_string(old->capacity) +
            " bytes and holds records not on disk; " +
            "start once with that ring_bytes, stop, then change it to " +
            std::to_string(options.capacity);
    return false;
  }
  bool was_created = false;
  const int file = platform::open_memory_file(path, kPageBytes + options.capacity,
                                              options.allow_any_filesystem, was_created, error);
  if (file < 0 || !file_.map(file, kPageBytes, options.capacity, true, error)) return false;
  return adopt_or_format(options, was_created, error);
}

bool Ring::open_anonymous(const RingOptions& options, std::string& error) {
  if (!is_possible_capacity(options.capacity)) {
    error = "ring_bytes: must be a power of two of at least 4096";
    return false;
  }
  const int file = platform::open_anonymous_memory(kPageBytes + options.capacity, error);
  if (file < 0 || !file_.map(file, kPageBytes, options.capacity, true, error)) return false;
  return adopt_or_format(options, true, error);
}

bool Ring::adopt_or_format(const RingOptions& options, bool was_created, std::string& error) {
  RingHeader& page = header();
  capacity_ = options.capacity;
  static constexpr char kNothing[8] = {};
  // A zero magic is a ring whose making was interrupted, published < synced one whose restart was.
  was_created_ = was_created || std::memcmp(page.magic, kNothing, 8) == 0 ||
                 (page.version == kFormatVersion && page.instance == options.instance &&
                  page.published_position < page.synced_position);
  if (was_created_) {
    page.version = kFormatVersion;
    page.instance = options.instance;
    page.capacity = options.capacity;
    page.created_ns = options.created_ns;
    std::atomic_signal_fence(std::memory_order_release);
    std::memcpy(page.magic, kRingMagic, 8);
    return true;
  }
  if (std::memcmp(page.magic, kRingMagic, 8) != 0) {
    error = std::string(kRingFileName) + ": not a journal ring; remove it to give up its content";
  } else if (page.version != kFormatVersion) {
    error = std::string(kRingFileName) + ": format version " + std::to_string(page.version) +
            ", this build reads " + std::to_string(kFormatVersion);
  } else if (page.instance != options.instance) {
    error = std::string(kRingFileName) + ": belongs to instance " + std::to_string(page.instance) +
            ", not " + std::to_string(options.instance);
  } else if (page.capacity != options.capacity ||
             page.published_position - page.synced_position > page.capacity) {
    error = std::string(kRingFileName) + ": damaged header; remove it to give up its content";
  } else {
    return true;
  }
  file_.reset();
  return false;
}

void Ring::clear() noexcept {
  RingHeader& page = header();
  auto* words = reinterpret_cast<std::uint8_t*>(&page.base_position);
  std::memset(words, 0, sizeof page - offsetof(RingHeader, base_position));
  std::memset(at(0), 0, capacity_);
  was_created_ = true;
}

bool Ring::attach(const std::string& directory, std::string& error) {
  const std::string path = directory + "/" + kRingFileName;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    error = path + ": " + platform::describe_errno(errno);
    return false;
  }
  alignas(RingHeader) std::uint8_t page[sizeof(RingHeader)] = {};
  struct stat status{};
  const auto* head = reinterpret_cast<const RingHeader*>(page);
  if (::pread(file, page, sizeof page, 0) != static_cast<ssize_t>(sizeof page) ||
      ::fstat(file, &status) != 0 || std::memcmp(head->magic, kRingMagic, 8) != 0 ||
      head->version != kFormatVersion || !is_possible_capacity(head->capacity) ||
      static_cast<std::uint64_t>(status.st_size) != kPageBytes + head->capacity) {
    error = path + ": not a journal ring of format version " + std::to_string(kFormatVersion);
    ::close(file);
    return false;
  }
  capacity_ = head->capacity;
  return file_.map(file, kPageBytes, capacity_, false, error);
}

void Ring::restart_at(const StreamPoint& end, std::uint32_t epoch) noexcept {
  RingHeader& page = header();
  const std::uint64_t published = page.published_position;
  const bool goes_on = !was_created_ && end.position <= published &&
                       end.position >= page.base_position && published != 0;
  if (!goes_on) {
    page.base_position = end.position;
    page.claimed_position = end.position;
  }
  page.claimed_position = std::max<std::uint64_t>(page.claimed_position, end.position);
  page.commit_state = CommitState::kRunning;
  page.writer_pid = static_cast<std::uint32_t>(::getpid());
  // Synced first: a kill in between leaves either a tail that is checked again or published <
  // synced, which adopt_or_format takes for a ring that holds nothing.
  page.synced_sequence = end.sequence;
  page.synced_position = end.position;
  page.published_sequence = end.sequence;
  page.published_position = end.position;
  page.epoch = epoch;
  was_created_ = false;
}

std::uint64_t Ring::lowest_position() const noexcept {
  const RingHeader& page = header();
  const std::uint64_t claimed = page.claimed_position.load(std::memory_order_acquire);
  const std::uint64_t base = page.base_position.load(std::memory_order_acquire);
  return std::max(base, claimed > capacity_ ? claimed - capacity_ : 0);
}

// Word loads keep the race with the writer harmless, and the sanitizer is told that it is meant.
__attribute__((no_sanitize("thread"))) void Ring::copy(std::uint8_t* to, std::uint64_t position,
                                                       std::uint32_t bytes) const noexcept {
  const std::uint8_t* from = at(position);
  for (std::uint32_t offset = 0; offset < bytes; offset += 8) {
    const std::uint64_t word =
        __atomic_load_n(reinterpret_cast<const std::uint64_t*>(from + offset), __ATOMIC_ACQUIRE);
    std::memcpy(to + offset, &word, sizeof word);
  }
}

}  // namespace gateway::journal
