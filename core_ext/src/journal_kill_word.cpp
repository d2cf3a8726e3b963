// Maps only the head of the ring and adds one; nothing else of the ring is touched.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "gateway_core/journal/kill_word.hpp"
#include "gateway_core/journal/ring.hpp"

namespace gateway::journal {

std::uint64_t raise_kill_word(const std::string& ring_directory, std::string& error) {
  const std::string path = ring_directory + "/" + kRingFileName;
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) {
    error = path + ": " + std::strerror(errno);
    return 0;
  }
  void* head = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (head == MAP_FAILED) {
    error = path + ": " + std::strerror(errno);
    return 0;
  }
  auto& header = *static_cast<RingHeader*>(head);
  std::uint64_t word = 0;
  if (std::memcmp(header.magic, kRingMagic, sizeof kRingMagic) != 0) {
    error = path + ": not a journal ring";
  } else {
    word = header.kill_word.fetch_add(1, std::memory_order_release) + 1;
  }
  ::munmap(head, kPageBytes);
  return word;
}

}  // namespace gateway::journal
