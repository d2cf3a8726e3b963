// Brings a journal back after any end: snapshot, segments, then the ring's tail, each record
// checked. A bad tail is cut exactly, kept and reported; a bad middle is refused. Where only valid
// records tell of a middle, the start goes on and a halt is due. Killing it half-way is harmless.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway_core/journal/ring.hpp"
#include "gateway_core/journal/segment.hpp"
#include "gateway_core/journal/snapshot.hpp"

namespace gateway::journal {

/// Receives the state first (at most one snapshot), then every record behind it in order.
class RecoveryVisitor {
 public:
  virtual ~RecoveryVisitor() = default;
  /// False = cannot use this payload (then nothing of it may stay behind); an older one is tried.
  virtual bool snapshot(const StreamPoint& at, const std::uint8_t* payload, std::size_t bytes) = 0;
  virtual void record(const RecordHeader& header, const std::uint8_t* bytes) = 0;
};

struct RecoveryOptions {
  std::uint32_t instance = 1;
  std::uint64_t segment_bytes = 64ULL << 20;  // of the segment that is opened for writing
  bool use_snapshot = true;
  std::int64_t now_ns = 0;
  Sequence sequence_min = 0;  // of the last clean stop: an earlier end is refused, 0 = unknown
};

struct RecoveryReport {
  bool is_ok = false;
  std::string error;                      // why the start is refused
  StreamPoint end;                        // the writer goes on here
  OpenSegment segment;                    // open for the commit thread
  std::uint64_t records = 0;              // given to the visitor
  std::uint64_t ring_records = 0;         // of these only in the ring, now on disk
  std::uint64_t cut_bytes = 0;            // bad tail of the last segment, kept in a file
  std::uint64_t ring_cut_bytes = 0;       // bad or half tail of the ring
  std::uint64_t later_valid_records = 0;  // whole records behind the cut: perhaps sent and lost
  std::string halt_due;                   // why the firm has to be halted first of all; "" = not
  Sequence snapshot_sequence = 0;         // 0 = none used
  std::string snapshot_name;
  std::uint32_t epoch_max = 0;   // highest epoch seen; the next boot must be above
  bool is_whole = false;         // nothing that a life before published can be missing
  std::int64_t known_to_ns = 0;  // the last record found is not older than this
  std::vector<std::string> notes;
};

/// `ring` is open and used by nobody else. It is left as it is: the caller restarts it at the end
/// found once the raised epoch and a loss (`is_whole`) are durable, or the next start would find a
/// ring that misses nothing.
[[nodiscard]] RecoveryReport recover(const std::string& directory, Ring& ring,
                                     platform::Storage& storage, const RecoveryOptions& options,
                                     RecoveryVisitor& visitor);

}  // namespace gateway::journal
