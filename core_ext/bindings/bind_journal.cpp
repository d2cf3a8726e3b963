// Reading journals for Python: records, verification, the superblock.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bind.hpp"
#include "decode.hpp"
#include "gateway_core/journal/directory_lock.hpp"
#include "gateway_core/journal/kill_word.hpp"
#include "gateway_core/journal/reader.hpp"
#include "gateway_core/journal/segment.hpp"
#include "gateway_core/journal/superblock.hpp"
#include "gateway_core/journal/verify.hpp"
#include "gateway_core/platform/clock.hpp"
#include "gateway_core/platform/storage.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

[[noreturn]] void fail(const journal::Reader& reader) {
  throw std::runtime_error("journal: " + reader.error());
}

struct ReaderHandle {
  ReaderHandle(const std::string& directory, const std::string& ring_directory, Sequence from)
      : reader(storage, directory, ring_directory, from) {}
  platform::PosixStorage storage;
  journal::Reader reader;
};

nb::list read_records(ReaderHandle& handle, std::size_t limit) {
  nb::list out;
  for (std::size_t i = 0; i < limit; ++i) {
    const RecordHeader* header = handle.reader.next();
    if (header == nullptr) break;
    out.append(nb::make_tuple(header->sequence, nb::bytes(header, header->length)));
  }
  if (handle.reader.state() != journal::ReaderState::kFollowing && nb::len(out) == 0)
    fail(handle.reader);
  return out;
}

/// Time of the newest record there, 0 without one.
std::int64_t newest_time_ns(const std::string& directory, const std::string& ring_directory) {
  const nb::gil_scoped_release release;
  platform::PosixStorage storage;
  journal::DirectoryListing listing;
  const int failed = journal::list_directory(storage, directory, listing);
  if (failed != 0) throw std::runtime_error(directory + ": " + platform::describe_errno(failed));
  if (listing.segments.empty()) return 0;
  // The newest one may hold no record yet.
  const std::uint32_t index =
      listing.segments[listing.segments.size() < 2 ? 0 : listing.segments.size() - 2];
  const std::string path = directory + "/" + journal::segment_name(index);
  const int file = storage.open(path, platform::OpenMode::kRead);
  if (file < 0) throw std::runtime_error(path + ": " + platform::describe_errno(file));
  const platform::FileGuard guard(storage, file);
  journal::SegmentHeader header{};
  const bool is_good =
      platform::read_fully(storage, file, &header, sizeof header, 0) == sizeof header &&
      journal::check_segment_header(header, index, 0) == journal::HeaderCheck::kGood;
  if (!is_good) throw std::runtime_error(path + ": the header does not check");
  journal::Reader reader(storage, directory, ring_directory, header.first_sequence);
  std::int64_t newest = 0;
  while (const RecordHeader* record = reader.next()) newest = std::max(newest, record->time_ns);
  if (reader.state() != journal::ReaderState::kFollowing) fail(reader);
  return newest;
}

nb::dict verify_directory(const std::string& directory, const std::string& ring_directory) {
  platform::PosixStorage storage;
  journal::VerifyResult result;
  {
    const nb::gil_scoped_release release;
    result = journal::verify(storage, directory, ring_directory);
  }
  nb::list segments;
  for (const auto& segment : result.segments) {
    nb::dict row;
    row["name"] = segment.name;
    row["first_sequence"] = segment.first_sequence;
    row["last_sequence"] = segment.last_sequence;
    row["records"] = segment.records;
    row["bytes"] = segment.bytes;
    row["is_sealed"] = segment.is_sealed;
    segments.append(row);
  }
  nb::list faults;
  for (const auto& fault : result.faults) {
    nb::dict row;
    row["code"] = journal::fault_name(fault.code);
    row["segment"] = fault.segment;
    row["offset"] = fault.offset;
    row["sequence"] = fault.sequence;
    row["text"] = fault.text;
    faults.append(row);
  }
  nb::dict out;
  out["ok"] = result.is_ok;
  out["records"] = result.records;
  out["sequence"] = result.sequence;
  out["segments"] = segments;
  out["faults"] = faults;
  return out;
}

/// Under the directory's lock, so never beside a gateway.
nb::dict rebuild_superblock_of(const std::string& directory) {
  platform::PosixStorage storage;
  journal::DirectoryLock lock;
  journal::RebuildReport report;
  std::string error;
  if (!lock.acquire(directory, error) ||
      !journal::rebuild_superblock(storage, directory, 0, wall_ns(), report, error)) {
    throw std::runtime_error(error);
  }
  nb::dict out;
  out["instance"] = report.instance;
  out["epoch"] = report.epoch;
  out["epoch_found"] = report.epoch_found;
  out["segments"] = report.segments;
  out["segments_bad"] = report.segments_bad;
  out["snapshots"] = report.snapshots;
  out["records"] = report.records;
  out["sequence"] = report.sequence;
  out["was"] = report.was;
  return out;
}

}  // namespace

void bind_journal(nb::module_& module) {
  nb::class_<ReaderHandle>(module, "Reader")
      .def(nb::init<const std::string&, const std::string&, Sequence>(), "directory"_a,
           "ring_directory"_a = "", "from_sequence"_a = 1)
      .def("read", &read_records, "limit"_a = 1024)
      .def_prop_ro("sequence", [](ReaderHandle& handle) { return handle.reader.sequence(); });
  bind_replica(module);
  module.def("newest_time_ns", &newest_time_ns, "directory"_a, "ring_directory"_a = "");
  module.def("verify", &verify_directory, "directory"_a, "ring_directory"_a = "");
  module.def(
      "raise_kill_word",
      [](const std::string& ring_directory) {
        std::string error;
        const std::uint64_t word = journal::raise_kill_word(ring_directory, error);
        if (word == 0) throw std::runtime_error(error);
        return word;
      },
      "ring_directory"_a);
  module.def("rebuild_superblock", &rebuild_superblock_of, "directory"_a);
  module.def("decode", &decode_record, "record"_a);
}

}  // namespace gateway
