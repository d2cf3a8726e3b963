// Snapshot files: written whole or not at all, checked by a header CRC and a SHA-256 of the
// payload.
#include <cstring>

#include "gateway_core/journal/checksum.hpp"
#include "gateway_core/journal/segment.hpp"
#include "gateway_core/journal/sha256.hpp"
#include "gateway_core/journal/snapshot.hpp"

namespace gateway::journal {

SnapshotWritten write_snapshot(platform::Storage& storage, const std::string& directory,
                               std::uint32_t instance, const StreamPoint& at,
                               std::span<const std::uint8_t> payload) {
  SnapshotHeader header{};
  std::memcpy(header.magic, kSnapshotMagic, 8);
  header.version = kSnapshotVersion;
  header.instance = instance;
  header.sequence = at.sequence;
  header.position = at.position;
  header.crc = at.crc;
  header.epoch = at.epoch;
  header.payload_bytes = payload.size();
  const Sha256Digest digest = sha256(payload.data(), payload.size());
  std::memcpy(header.payload_sha256, digest.data(), digest.size());
  header.header_crc = crc32c(&header, offsetof(SnapshotHeader, header_crc));
  std::vector<std::uint8_t> file(sizeof header + payload.size());
  std::memcpy(file.data(), &header, sizeof header);
  if (!payload.empty()) std::memcpy(file.data() + sizeof header, payload.data(), payload.size());
  SnapshotWritten written;
  written.name = snapshot_name(at.sequence);
  written.error =
      platform::replace_file(storage, directory, written.name, file.data(), file.size());
  return written;
}

namespace {

std::string check_header(const SnapshotHeader& header, Sequence sequence, std::uint32_t instance) {
  if (std::memcmp(header.magic, kSnapshotMagic, 8) != 0 ||
      crc32c(&header, offsetof(SnapshotHeader, header_crc)) != header.header_crc) {
    return "header does not check";
  }
  if (header.version != kSnapshotVersion) {
    return "snapshot version " + std::to_string(header.version) + ", this build reads " +
           std::to_string(kSnapshotVersion);
  }
  if (instance != 0 && header.instance != instance) {
    return "belongs to instance " + std::to_string(header.instance) + ", not " +
           std::to_string(instance);
  }
  return header.sequence == sequence ? "" : "name and content disagree about the sequence";
}

std::string read_snapshot(platform::Storage& storage, int file, Sequence sequence,
                          std::uint32_t instance, Snapshot& snapshot) {
  SnapshotHeader header;
  if (platform::read_fully(storage, file, &header, sizeof header, 0) != sizeof header) {
    return "shorter than its header";
  }
  std::string wrong = check_header(header, sequence, instance);
  if (!wrong.empty()) return wrong;
  if (storage.size(file) != static_cast<std::int64_t>(sizeof header + header.payload_bytes)) {
    return "size does not match its header";
  }
  snapshot.payload.resize(header.payload_bytes);
  const std::int64_t got = platform::read_fully(storage, file, snapshot.payload.data(),
                                                header.payload_bytes, sizeof header);
  if (got != static_cast<std::int64_t>(header.payload_bytes)) return "cannot be read";
  const Sha256Digest digest = sha256(snapshot.payload.data(), snapshot.payload.size());
  if (std::memcmp(digest.data(), header.payload_sha256, digest.size()) != 0) {
    return "payload does not match its SHA-256";
  }
  snapshot.at = {header.position, header.sequence, header.crc, header.epoch};
  return "";
}

}  // namespace

bool load_snapshot(platform::Storage& storage, const std::string& directory, Sequence sequence,
                   std::uint32_t instance, Snapshot& snapshot, std::string& error) {
  snapshot.name = snapshot_name(sequence);
  const int file = storage.open(directory + "/" + snapshot.name, platform::OpenMode::kRead);
  if (file < 0) {
    error = snapshot.name + ": " + platform::describe_errno(file);
    return false;
  }
  const std::string wrong = read_snapshot(storage, file, sequence, instance, snapshot);
  storage.close(file);
  if (!wrong.empty()) error = snapshot.name + ": " + wrong;
  return wrong.empty();
}

Sequence newest_valid_snapshot(platform::Storage& storage, const std::string& directory,
                               std::uint32_t instance) {
  DirectoryListing listing;
  if (list_directory(storage, directory, listing) != 0) return 0;
  for (auto it = listing.snapshots.rbegin(); it != listing.snapshots.rend(); ++it) {
    Snapshot snapshot;
    std::string error;
    if (load_snapshot(storage, directory, *it, instance, snapshot, error)) return *it;
  }
  return 0;
}

int recycle_snapshots(platform::Storage& storage, const std::string& directory, std::size_t keep) {
  DirectoryListing listing;
  int error = list_directory(storage, directory, listing);
  int removed = 0;
  while (error == 0 && listing.snapshots.size() > keep) {
    error = storage.unlink(directory + "/" + snapshot_name(listing.snapshots.front()));
    listing.snapshots.erase(listing.snapshots.begin());
    ++removed;
  }
  return error == 0 ? removed : error;
}

}  // namespace gateway::journal
