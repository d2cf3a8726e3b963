// The superblock: two rounds of two copies, so that at every instant two copies agree.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "gateway_core/journal/checksum.hpp"
#include "gateway_core/journal/scan.hpp"
#include "gateway_core/journal/segment.hpp"
#include "gateway_core/journal/snapshot.hpp"
#include "gateway_core/journal/superblock.hpp"

namespace gateway::journal {

namespace {

constexpr std::uint64_t kFileBytes = kSuperblockCopies * kPageBytes;
constexpr std::uint32_t kRebuildMargin = 1000;

SuperblockCopy encode(const SuperblockState& state, std::int64_t now_ns) noexcept {
  SuperblockCopy copy{};
  std::memcpy(copy.magic, kSuperblockMagic, 8);
  copy.version = kFormatVersion;
  copy.instance = state.instance;
  copy.generation = state.generation;
  copy.epoch = state.epoch;
  copy.is_clean = state.is_clean ? 1 : 0;
  copy.clean_sequence = state.clean_sequence;
  copy.clean_position = state.clean_position;
  copy.written_ns = now_ns;
  copy.lost_after_ns = state.lost_after_ns;
  copy.lost_epoch = state.lost_epoch;
  copy.lost_newest_ns = state.lost_newest_ns;
  copy.crc = crc32c(&copy, offsetof(SuperblockCopy, crc));
  return copy;
}

bool is_good(const SuperblockCopy& copy) noexcept {
  return std::memcmp(copy.magic, kSuperblockMagic, 8) == 0 &&
         crc32c(&copy, offsetof(SuperblockCopy, crc)) == copy.crc;
}

bool is_same(const SuperblockCopy& a, const SuperblockCopy& b) noexcept {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

bool Superblock::load(std::uint32_t instance, std::string& error) {
  const std::string path = directory_ + "/" + kSuperblockName;
  const std::string rebuild = "; rebuild it with: gateway journal rebuild-superblock " + directory_;
  const int file = storage_.open(path, platform::OpenMode::kRead);
  if (file < 0) {
    error = path + ": " + platform::describe_errno(file) + rebuild;
    return false;
  }
  SuperblockCopy copies[kSuperblockCopies] = {};
  for (unsigned i = 0; i < kSuperblockCopies; ++i) {
    static_cast<void>(
        platform::read_fully(storage_, file, &copies[i], sizeof copies[i], i * kPageBytes));
  }
  storage_.close(file);
  const SuperblockCopy* best = nullptr;
  for (const SuperblockCopy& copy : copies) {
    const auto agreeing =
        std::count_if(std::begin(copies), std::end(copies),
                      [&](const auto& other) { return is_good(other) && is_same(copy, other); });
    if (agreeing < 2 || (best != nullptr && best->generation >= copy.generation)) continue;
    best = &copy;
    copies_agreeing_ = static_cast<int>(agreeing);
  }
  if (best == nullptr) {
    error = path + ": fewer than two of four copies agree" + rebuild;
    return false;
  }
  if (best->version != kFormatVersion || (instance != 0 && best->instance != instance)) {
    error = path + ": format version " + std::to_string(best->version) + ", instance " +
            std::to_string(best->instance) + "; expected version " +
            std::to_string(kFormatVersion) + ", instance " + std::to_string(instance);
    return false;
  }
  bad_copies_ = 0;
  for (unsigned i = 0; i < kSuperblockCopies; ++i) {
    if (!is_same(copies[i], *best)) bad_copies_ |= 1U << i;
  }
  state_ = {best->instance,      best->epoch,          best->generation,
            best->is_clean != 0, best->clean_sequence, best->clean_position,
            best->lost_after_ns, best->lost_epoch,     best->lost_newest_ns};
  return true;
}

bool Superblock::create(std::uint32_t instance, std::int64_t now_ns, std::string& error) {
  state_ = {};
  state_.instance = instance;
  state_.generation = 1;
  std::vector<std::uint8_t> file(kFileBytes);
  const SuperblockCopy copy = encode(state_, now_ns);
  for (unsigned i = 0; i < kSuperblockCopies; ++i) {
    std::memcpy(file.data() + i * kPageBytes, &copy, sizeof copy);
  }
  copies_agreeing_ = kSuperblockCopies;
  bad_copies_ = 0;
  const int failed =
      platform::replace_file(storage_, directory_, kSuperblockName, file.data(), file.size());
  if (failed == 0) return true;
  error = directory_ + "/" + kSuperblockName + ": " + platform::describe_errno(failed);
  return false;
}

int Superblock::write_copies(int file, const SuperblockCopy& copy, unsigned which) {
  for (unsigned i = 0; i < kSuperblockCopies; ++i) {
    if ((which & (1U << i)) == 0) continue;
    const int error = platform::write_exactly(storage_, file, &copy, sizeof copy, i * kPageBytes);
    if (error != 0) return error;
  }
  return storage_.fdatasync(file);
}

bool Superblock::store(const SuperblockState& next, std::int64_t now_ns, std::string& error) {
  const std::string path = directory_ + "/" + kSuperblockName;
  const int file = storage_.open(path, platform::OpenMode::kReadWrite);
  int failed = file < 0 ? file : 0;
  const SuperblockCopy copy = encode(next, now_ns);
  // First the copies outside the agreement, filled up to two: the two that agree stay until then.
  unsigned first = bad_copies_;
  for (unsigned i = 0; i < kSuperblockCopies && std::popcount(first) < 2; ++i) first |= 1U << i;
  if (failed == 0) failed = write_copies(file, copy, first);
  if (failed == 0) failed = write_copies(file, copy, ~first & 0xFU);
  if (file >= 0) storage_.close(file);
  if (failed != 0) {
    error = path + ": " + platform::describe_errno(failed);
    return false;
  }
  state_ = next;
  bad_copies_ = 0;
  copies_agreeing_ = kSuperblockCopies;
  return true;
}

bool Superblock::raise_epoch(std::uint32_t epoch_min, std::int64_t now_ns, std::string& error) {
  SuperblockState next = state_;
  next.epoch = std::max(state_.epoch + 1, epoch_min);
  next.generation += 1;
  next.is_clean = false;
  return store(next, now_ns, error);
}

void Superblock::note_loss(std::int64_t known_to_ns) noexcept {
  if (state_.lost_epoch == 0) state_.lost_after_ns = known_to_ns;
  state_.lost_epoch = state_.epoch;
  state_.lost_newest_ns = known_to_ns;
}

bool Superblock::forget_loss(std::int64_t now_ns, std::string& error) {
  if (state_.lost_epoch == 0) return true;
  SuperblockState next = state_;
  next.generation += 1;
  next.lost_epoch = 0;
  next.lost_after_ns = next.lost_newest_ns = 0;
  return store(next, now_ns, error);
}

bool Superblock::mark_clean(const StreamPoint& end, std::int64_t now_ns, std::string& error) {
  SuperblockState next = state_;
  next.generation += 1;
  next.is_clean = true;
  next.clean_sequence = end.sequence;
  next.clean_position = end.position;
  return store(next, now_ns, error);
}

namespace {

/// Reads one segment into the report; false when nothing of it can be believed.
bool find_in_segment(platform::Storage& storage, const std::string& path, std::uint32_t index,
                     RebuildReport& report) {
  const int file = storage.open(path, platform::OpenMode::kRead);
  if (file < 0) return false;
  const platform::FileGuard guard(storage, file);
  SegmentHeader header;
  const bool is_good =
      platform::read_fully(storage, file, &header, sizeof header, 0) == sizeof header &&
      check_segment_header(header, index, report.instance) == HeaderCheck::kGood;
  if (is_good) {
    report.instance = header.instance;
    const StreamPoint from{header.first_position, header.first_sequence - 1, header.previous_crc,
                           header.epoch};
    const ScanEnd scan = scan_file(storage, file, ~0ULL, from, header.instance,
                                   [](const RecordHeader&, const std::uint8_t*) {});
    report.epoch_found = std::max(report.epoch_found, scan.end.epoch);
    report.sequence = std::max(report.sequence, scan.end.sequence);
    report.records += scan.end.sequence - from.sequence;
  }
  return is_good;
}

}  // namespace

bool rebuild_superblock(platform::Storage& storage, const std::string& directory,
                        std::uint32_t instance, std::int64_t now_ns, RebuildReport& report,
                        std::string& error) {
  report = {};
  report.instance = instance;
  Superblock present(storage, directory);
  if (present.load(instance, report.was)) {
    error = directory + "/" + kSuperblockName + " is whole (epoch " +
            std::to_string(present.state().epoch) + "); there is nothing to rebuild";
    return false;
  }
  report.was = report.was.substr(0, report.was.find("; "));
  DirectoryListing listing;
  const int failed = list_directory(storage, directory, listing);
  if (failed != 0) {
    error = directory + ": " + platform::describe_errno(failed);
    return false;
  }
  for (const std::uint32_t index : listing.segments) {
    const bool is_good =
        find_in_segment(storage, directory + "/" + segment_name(index), index, report);
    ++(is_good ? report.segments : report.segments_bad);
  }
  for (const Sequence sequence : listing.snapshots) {
    Snapshot snapshot;
    std::string ignored;
    if (!load_snapshot(storage, directory, sequence, report.instance, snapshot, ignored)) continue;
    ++report.snapshots;
    report.epoch_found = std::max(report.epoch_found, snapshot.at.epoch);
  }
  if (report.segments == 0) {
    error = directory + ": no segment with a good header, so nothing tells instance and epoch; " +
            "restore the directory from its copy";
    return false;
  }
  Superblock superblock(storage, directory);
  report.epoch = report.epoch_found + kRebuildMargin;
  if (!superblock.create(report.instance, now_ns, error) ||
      !superblock.raise_epoch(report.epoch - 1, now_ns, error)) {
    return false;
  }
  superblock.note_loss(0);  // the old one may have known of a loss, and since when
  return superblock.raise_epoch(report.epoch, now_ns, error);
}

}  // namespace gateway::journal
