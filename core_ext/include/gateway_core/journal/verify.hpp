// Integrity of every file of a journal, without a daemon and without writing. Names each fault.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway_core/journal/segment.hpp"

namespace gateway::journal {

enum class FaultCode : std::uint8_t {
  kCutTail,         // bytes behind the last whole group of the open segment
  kCorrupt,         // a header or record does not check
  kForeign,         // another instance
  kVersion,         // a format this build does not read
  kMissingSegment,  // a gap in indexes, positions or sequences
  kBadSeal,         // the seal is damaged or does not fit its segment
  kBadSnapshot,
  kBadSuperblock,
  kUnreadable,  // the operating system refused
};
/// "CUT_TAIL", "CORRUPT", ...
[[nodiscard]] const char* fault_name(FaultCode code) noexcept;

struct Fault {
  FaultCode code;
  std::string segment;  // file name
  std::uint64_t offset = 0;
  Sequence sequence = 0;  // that was expected there, 0 = not about a record
  std::string text;
};
struct SegmentReport {
  std::string name;
  std::uint32_t index = 0;
  Sequence first_sequence = 0;
  Sequence last_sequence = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // used, with header
  bool is_sealed = false;
};
struct VerifyResult {
  bool is_ok = false;
  std::uint64_t records = 0;
  Sequence sequence = 0;
  std::vector<SegmentReport> segments;
  std::vector<Fault> faults;
};

/// `instance` 0 takes the first segment's. With `ring_directory` the records that are only in the
/// ring are checked and counted too.
[[nodiscard]] VerifyResult verify(platform::Storage& storage, const std::string& directory,
                                  const std::string& ring_directory = "",
                                  std::uint32_t instance = 0);

}  // namespace gateway::journal
