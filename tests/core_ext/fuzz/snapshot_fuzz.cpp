// Any bytes as a snapshot file: refused by name, or loaded whole. With the checksums put right it
// loads, whatever else its header says.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "gateway_core/journal/checksum.hpp"
#include "gateway_core/journal/segment.hpp"
#include "gateway_core/journal/sha256.hpp"
#include "gateway_core/journal/snapshot.hpp"
#include "journal/simulated_disk.hpp"

using namespace gateway::journal;  // NOLINT

namespace {

void demand(bool is_true) {
  if (!is_true) std::abort();
}

bool load(simulated::Disk& disk, std::vector<std::uint8_t> bytes, Snapshot& snapshot) {
  disk.put("/j/" + snapshot_name(7), std::move(bytes));
  std::string error;
  const bool is_loaded = load_snapshot(disk, "/j", 7, 1, snapshot, error);
  demand(is_loaded ? error.empty() && snapshot.at.sequence == 7 : !error.empty());
  demand(newest_valid_snapshot(disk, "/j", 1) == (is_loaded ? 7 : 0));
  return is_loaded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  simulated::Disk disk;
  Snapshot snapshot;
  static_cast<void>(load(disk, {data, data + bytes}, snapshot));

  // The same payload under a header that checks, whatever else the header says.
  if (bytes < sizeof(SnapshotHeader)) return 0;
  std::vector<std::uint8_t> file(data, data + bytes);
  SnapshotHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  const bool is_whole = (header.reserved[0] & 1) != 0;
  if (is_whole) {
    std::memcpy(header.magic, kSnapshotMagic, sizeof header.magic);
    header.version = kSnapshotVersion;
    header.instance = 1;
    header.sequence = 7;
    header.payload_bytes = bytes - sizeof header;
    const Sha256Digest digest = sha256(file.data() + sizeof header, bytes - sizeof header);
    std::memcpy(header.payload_sha256, digest.data(), digest.size());
  }
  header.header_crc = crc32c(&header, offsetof(SnapshotHeader, header_crc));
  std::memcpy(file.data(), &header, sizeof header);
  demand(load(disk, file, snapshot) || !is_whole);
  if (is_whole) demand(snapshot.payload.size() == bytes - sizeof header);
  return 0;
}
