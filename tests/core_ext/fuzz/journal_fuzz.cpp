// A journal whose files were changed by anybody: recovery, verification and the reader give a
// verdict with a name, or the truth. Never a crash, never a record that was not written.
// Input: pieces of [file u8][what u8][offset u16][count u8][bytes...], each a change to a file.
#include <cstdlib>
#include <cstring>

#include "gateway_core/journal/reader.hpp"
#include "gateway_core/journal/verify.hpp"
#include "journal/journal_world.hpp"

using namespace simulated;  // NOLINT

namespace {

void demand(bool is_true) {
  if (!is_true) std::abort();
}

/// Made once: three segments, two of them sealed, a snapshot, a superblock.
const World& whole() {
  static const World& made = []() -> const World& {
    World& world = *new World;
    demand(world.boot());
    for (std::uint64_t i = 0; i < 20; ++i) {
      demand(world.append({128}, i));
      world.drain();
      if (i == 12) demand(world.take_snapshot());
    }
    while (world.sealer->step() == SealResult::kSealed) continue;
    world.stop();
    return world;
  }();
  return made;
}

/// Headers with a fresh checksum get behind the first check.
void mend(std::vector<std::uint8_t>& file, const std::string& name) {
  if (name.find(".journal") != std::string::npos && file.size() >= sizeof(SegmentHeader)) {
    SegmentHeader header;
    std::memcpy(&header, file.data(), sizeof header);
    header.header_crc = crc32c(&header, offsetof(SegmentHeader, header_crc));
    std::memcpy(file.data(), &header, sizeof header);
  }
  if (name.find(".state") != std::string::npos && file.size() >= sizeof(SnapshotHeader)) {
    SnapshotHeader header;
    std::memcpy(&header, file.data(), sizeof header);
    header.header_crc = crc32c(&header, offsetof(SnapshotHeader, header_crc));
    std::memcpy(file.data(), &header, sizeof header);
  }
  if (name.find("superblock") != std::string::npos) {
    for (std::size_t at = 0; at + sizeof(SuperblockCopy) <= file.size(); at += kPageBytes) {
      SuperblockCopy copy;
      std::memcpy(&copy, file.data() + at, sizeof copy);
      copy.crc = crc32c(&copy, offsetof(SuperblockCopy, crc));
      std::memcpy(file.data() + at, &copy, sizeof copy);
    }
  }
}

/// True when a header was mended: then a visitor may be told things that were never written.
bool change(Disk& disk, const std::uint8_t* data, std::size_t bytes) {
  std::vector<std::string> names;
  demand(disk.list(kDirectory, names) == 0);
  bool is_mended = false;
  while (bytes >= 5) {
    const std::string name = names[data[0] % names.size()];
    const std::string path = std::string(kDirectory) + "/" + name;
    const std::uint8_t what = data[1] % 8;
    const std::size_t offset = static_cast<std::size_t>(data[2]) | std::size_t{data[3]} << 8;
    const std::size_t count = std::min<std::size_t>(data[4], bytes - 5);
    if (disk.has(path)) {
      auto& file = disk.content(path);
      const std::size_t at = file.empty() ? 0 : offset % file.size();
      if (what == 5) {
        disk.erase(path);
      } else if (what == 6) {
        file.resize(at);
      } else if (what == 7) {
        disk.put(std::string(kDirectory) + "/" + names[offset % names.size()], file);
      } else {
        if (file.size() < at + count) file.resize(at + count);
        if (count != 0) std::memcpy(file.data() + at, data + 5, count);
        if (what == 4) mend(file, name);
        is_mended = is_mended || what == 4;
      }
    }
    data += 5 + count;
    bytes -= 5 + count;
  }
  return is_mended;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  const std::unique_ptr<Disk> disk = whole().disk->copy();
  const bool is_mended = change(*disk, data, bytes);

  const VerifyResult verdict = verify(*disk, kDirectory);
  demand(verdict.is_ok || !verdict.faults.empty());
  for (const Fault& fault : verdict.faults) demand(fault_name(fault.code)[0] != '\0');

  Reader reader(*disk, kDirectory);
  for (int i = 0; i < 64; ++i) {
    const RecordHeader* record = reader.next();
    if (record == nullptr) break;
    demand(record->length >= 64 && record->length <= gateway::kRecordBytesMax);
  }
  demand(reader.state() == ReaderState::kFollowing || !reader.error().empty());

  static World world;  // its ring is mapped once
  world.stop();
  world.disk = disk->copy();
  world.fresh_ring();
  world.history = History{};
  world.history.records = whole().history.records;
  world.history.chain = whole().history.chain;
  world.error.clear();
  world.epoch = 0;
  const bool is_up = world.boot();
  demand(is_up || !world.error.empty());
  demand(is_mended || world.history.contradictions == 0);
  world.stop();

  std::string error;
  RebuildReport report;
  static_cast<void>(rebuild_superblock(*disk, kDirectory, 1, 0, report, error));
  return 0;
}
