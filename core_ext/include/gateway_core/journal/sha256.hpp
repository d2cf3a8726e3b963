// SHA-256 (FIPS 180-4), incremental, for seals, snapshots and state hashes. Never on the hot path.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace gateway::journal {

using Sha256Digest = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  Sha256() noexcept;
  void update(const void* data, std::size_t bytes) noexcept;
  /// Ends the hash; the object must not be used again.
  [[nodiscard]] Sha256Digest finish() noexcept;

 private:
  std::array<std::uint32_t, 8> state_;
  std::array<std::uint8_t, 64> block_{};
  std::size_t block_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
};

[[nodiscard]] Sha256Digest sha256(const void* data, std::size_t bytes) noexcept;
[[nodiscard]] std::string hex(const Sha256Digest& digest);

}  // namespace gateway::journal
