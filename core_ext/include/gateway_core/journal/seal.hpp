// Work of the low-priority `seal` role: check and hash full segments, prepare the spare, recycle.
// Never touches the segment that is being written.
#pragma once

#include <cstdint>
#include <string>

#include "gateway_core/journal/segment.hpp"

namespace gateway::journal {

enum class SealResult : std::uint8_t { kIdle, kSealed, kSpareMade, kFailed };

class Sealer {
 public:
  Sealer(platform::Storage& storage, std::string directory, std::uint32_t instance,
         std::uint64_t segment_bytes)
      : storage_(storage),
        directory_(std::move(directory)),
        instance_(instance),
        segment_bytes_(segment_bytes) {}

  /// One piece of work: seals the oldest unsealed full segment, else makes the spare. kFailed sets
  /// error(): a full segment that does not verify is never sealed.
  SealResult step();
  /// Deletes sealed segments that hold only records before `before_sequence`, and never a record
  /// that the newest valid snapshot does not cover. Returns how many went, or a negative errno.
  [[nodiscard]] int recycle(Sequence before_sequence);

  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  SealResult work();
  [[nodiscard]] int remove(Sequence before_sequence);
  [[nodiscard]] bool seal(std::uint32_t index, const SegmentHeader& next);
  bool fail(std::string text);

  platform::Storage& storage_;
  std::string directory_;
  std::uint32_t instance_;
  std::uint64_t segment_bytes_;
  std::string error_;
};

}  // namespace gateway::journal
