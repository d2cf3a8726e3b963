// A journal on a simulated disk, one boot at a time, with the history it must never contradict.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway_core/journal/commit.hpp"
#include "gateway_core/journal/recovery.hpp"
#include "gateway_core/journal/seal.hpp"
#include "gateway_core/journal/superblock.hpp"
#include "gateway_core/journal/writer.hpp"
#include "simulated_disk.hpp"

namespace simulated {

using namespace gateway::journal;  // NOLINT: a test world
using gateway::kGroupLast;
using gateway::RecordHeader;
using gateway::Sequence;

inline constexpr const char* kDirectory = "/journal";
inline constexpr std::uint64_t kRingBytes = 16384;

/// Lays out one record; the payload is recognisable from `seed`.
inline void fill(std::uint8_t* record, std::uint32_t length, std::uint64_t seed) {
  std::memset(record, 0, sizeof(RecordHeader));
  auto* header = reinterpret_cast<RecordHeader*>(record);
  header->length = length;
  header->type = 30;
  header->time_ns = static_cast<std::int64_t>(seed);
  for (std::uint32_t at = sizeof(RecordHeader); at < length; ++at) {
    record[at] = static_cast<std::uint8_t>(seed * 31 + at);
  }
}

/// State of the test: a chain over everything applied, so that one wrong byte shows for ever.
struct History final : RecoveryVisitor {
  std::vector<std::uint32_t> chain{0};  // chain[s] = over records 1..s
  std::vector<std::vector<std::uint8_t>> records{{}};
  std::uint64_t contradictions = 0;
  Sequence at = 0;  // recovery stands here

  void restart() { at = 0; }
  void written(const std::uint8_t* bytes) {
    const auto& header = *reinterpret_cast<const RecordHeader*>(bytes);
    records.emplace_back(bytes, bytes + header.length);
    chain.push_back(record_crc(bytes, header.length, chain.back()));
  }
  bool snapshot(const StreamPoint& point, const std::uint8_t* payload, std::size_t bytes) override {
    std::uint32_t sum = 0;
    if (bytes == sizeof sum) std::memcpy(&sum, payload, sizeof sum);
    if (point.sequence >= chain.size() || sum != chain[point.sequence]) ++contradictions;
    at = point.sequence;
    return true;
  }
  void record(const RecordHeader& header, const std::uint8_t* bytes) override {
    if (header.sequence != at + 1 || header.sequence >= records.size() ||
        records[header.sequence].size() != header.length ||
        std::memcmp(records[header.sequence].data(), bytes, header.length) != 0) {
      ++contradictions;
    }
    at = header.sequence;
  }
  void cut(Sequence last) {
    records.resize(last + 1);
    chain.resize(last + 1);
  }
};

struct World {
  std::unique_ptr<Disk> disk = std::make_unique<Disk>();
  std::unique_ptr<Ring> ring;
  History history;
  RecoveryReport report;
  std::optional<Writer> writer;
  std::unique_ptr<Commit> commit;
  std::unique_ptr<Sealer> sealer;
  std::optional<Superblock> superblock;
  std::uint64_t segment_bytes = kPageBytes + 1024;
  Sequence clean_sequence = 0;  // of the last clean stop, 0 = it was none
  std::uint32_t epoch = 0;      // durable, as far as a caller was told
  std::string error;
  std::uint64_t ring_bytes;
  RecoveryVisitor* visitor = nullptr;  // null: the history

  explicit World(std::uint64_t ring_size = kRingBytes) : ring_bytes(ring_size) { fresh_ring(); }
  void fresh_ring() {
    if (ring != nullptr) return ring->clear();
    ring = std::make_unique<Ring>();
    RingOptions options;
    options.capacity = ring_bytes;
    if (!ring->open_anonymous(options, error)) std::abort();
  }
  /// Superblock, recovery, epoch. False = refused (error), or the power went.
  bool boot() {
    stop();
    history.restart();
    superblock.emplace(*disk, kDirectory);
    DirectoryListing listing;
    if (const int failed = list_directory(*disk, kDirectory, listing); failed != 0) {
      error = gateway::platform::describe_errno(failed);
      return false;
    }
    const bool is_new = !listing.has_superblock && listing.segments.empty();
    if (!(is_new ? superblock->create(1, 0, error) : superblock->load(1, error))) return false;
    RecoveryOptions options;
    options.segment_bytes = segment_bytes;
    options.sequence_min = clean_sequence;
    RecoveryVisitor& seen = visitor != nullptr ? *visitor : history;
    report = recover(kDirectory, *ring, *disk, options, seen);
    error = report.error;
    if (!report.is_ok) return false;
    if (!superblock->raise_epoch(report.epoch_max + 1, 0, error)) {
      disk->close(report.segment.file);  // as Journal does: there is no commit that would
      return false;
    }
    epoch = superblock->state().epoch;
    ring->restart_at(report.end, epoch);
    writer.emplace(*ring, report.end, 1, epoch);
    CommitOptions commit_options;
    commit_options.segment_bytes = segment_bytes;
    commit = std::make_unique<Commit>(*ring, *disk, kDirectory, commit_options, report.end,
                                      report.segment);
    sealer = std::make_unique<Sealer>(*disk, kDirectory, 1, segment_bytes);
    return true;
  }
  /// Ends the process without storing anything more.
  void stop() {
    const std::uint64_t power = disk->power_off_after;
    disk->power_off_after = 0;
    disk->calls += 1;
    commit.reset();
    disk->power_off_after = power;
    writer.reset();
    sealer.reset();
  }
  /// The same when the disk is gone already.
  void stop_without_disk() {
    if (disk == nullptr) disk = std::make_unique<Disk>();
    stop();
  }
  /// One group; false when the ring is full.
  bool append(const std::vector<std::uint32_t>& lengths, std::uint64_t seed) {
    std::uint32_t bytes = 0;
    for (const std::uint32_t length : lengths) bytes += length;
    std::uint8_t* group = writer->reserve(bytes);
    if (group == nullptr) return false;
    std::uint8_t* at = group;
    for (const std::uint32_t length : lengths) {
      fill(at, length, seed++);
      at += length;
    }
    writer->publish(bytes);
    at = group;
    for (const std::uint32_t length : lengths) {
      history.written(at);
      at += length;
    }
    return true;
  }
  void drain() {
    while (commit->step() == StepResult::kAdvanced) continue;
  }
  bool take_snapshot() {
    const Sequence sequence = ring->synced_sequence();
    const StreamPoint point = writer->point();
    if (point.sequence != sequence || sequence == 0) return false;  // only when all is synced
    const std::uint32_t sum = history.chain[sequence];
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&sum);
    return write_snapshot(*disk, kDirectory, 1, point, {bytes, sizeof sum}).error == 0;
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return std::string(kDirectory) + "/" + name;
  }
};

}  // namespace simulated
