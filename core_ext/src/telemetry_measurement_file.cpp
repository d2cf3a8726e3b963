// Opening and reading a measurement file that another process writes, or that somebody made up.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "gateway_core/platform/clock.hpp"
#include "gateway_core/platform/storage.hpp"
#include "gateway_core/telemetry/measurement_file.hpp"

namespace gateway::telemetry {
namespace {

/// Printable and ended within its field.
template <std::size_t N>
bool is_text(const char (&field)[N]) noexcept {
  for (std::size_t i = 0; i < N; ++i) {
    if (field[i] == 0) return true;
    if (field[i] < ' ' || field[i] > '~') return false;
  }
  return false;
}

/// `count` rows of `bytes` at `offset`, on whole lines, behind the header and within `limit`.
bool fits(std::uint64_t offset, std::uint64_t count, std::uint64_t bytes,
          std::uint64_t limit) noexcept {
  return offset >= sizeof(FileHeader) && offset % 64 == 0 && offset <= limit &&
         count <= (limit - offset) / bytes;
}

template <std::size_t N>
std::string text_of(const char (&field)[N]) {
  return {field, ::strnlen(field, N)};
}

}  // namespace

void MeasurementFile::close() noexcept {
  if (bytes_ != nullptr) ::munmap(const_cast<std::uint8_t*>(bytes_), mapped_bytes_);
  if (descriptor_ >= 0) ::close(descriptor_);
  bytes_ = nullptr;
  descriptor_ = -1;
  mapped_bytes_ = 0;
}

bool MeasurementFile::open(const std::string& path, std::string& error) {
  close();
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status{};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    error = path + ": " + platform::describe_errno(errno);
    close();
    return false;
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::string fault;
  if (!S_ISREG(status.st_mode) || size < sizeof(FileHeader)) {
    fault = "too short for a measurement file";
  } else {
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (memory == MAP_FAILED) {
      fault = platform::describe_errno(errno);
    } else {
      bytes_ = static_cast<const std::uint8_t*>(memory);
      mapped_bytes_ = size;
      static_cast<void>(check(fault));
    }
  }
  if (fault.empty()) return true;
  error = path + ": " + fault;
  close();
  return false;
}

bool MeasurementFile::check(std::string& error) {
  const FileHeader& head = header();
  const auto refuse = [&error](std::string text) {
    error = std::move(text);
    return false;
  };
  if (std::memcmp(head.magic, kMeasurementMagic, sizeof head.magic) != 0) {
    return refuse("not a measurement file");
  }
  if (head.version != kMeasurementVersion) {
    return refuse("version " + std::to_string(head.version) + ", this build reads " +
                  std::to_string(kMeasurementVersion));
  }
  if (head.file_bytes > mapped_bytes_) {
    return refuse("cut: " + std::to_string(mapped_bytes_) + " of " +
                  std::to_string(head.file_bytes) + " bytes");
  }
  if (head.header_bytes != sizeof(FileHeader) || head.stage_bytes != sizeof(StageEntry) ||
      head.gauge_bytes != sizeof(GaugeEntry) || head.sub_bucket_bits != kSubBucketBits ||
      head.value_bits != kValueBits || head.bucket_count != kBuckets) {
    return refuse("its layout is not the one of version 1");
  }
  const std::uint32_t count = head.stage_count;
  const std::uint64_t offset = head.stages_offset;
  gauge_capacity_ = head.gauge_capacity;
  gauges_offset_ = head.gauges_offset;
  if (count > kStagesMax || gauge_capacity_ > kGaugesMax ||
      !fits(offset, count, sizeof(StageEntry), mapped_bytes_) ||
      !fits(gauges_offset_, gauge_capacity_, sizeof(GaugeEntry), mapped_bytes_)) {
    return refuse("its tables lead out of the file");
  }
  stages_.resize(count);
  std::memcpy(stages_.data(), bytes_ + offset, count * sizeof(StageEntry));
  for (std::size_t i = 0; i < count; ++i) {
    const StageEntry& entry = stages_[i];
    const bool is_parent_known = entry.parent == kNoParent || entry.parent < count;
    if (!is_text(entry.name) || !is_text(entry.writer) || entry.sampled_one_in == 0 ||
        !is_parent_known || !fits(entry.histogram_offset, 1, sizeof(Histogram), mapped_bytes_)) {
      return refuse("stage " + std::to_string(i) + " is broken");
    }
  }
  return true;
}

bool MeasurementFile::read(Reading& out) const {
  struct stat status{};
  // The daemon replaces the file and never cuts it; one that was cut would end this process.
  if (::fstat(descriptor_, &status) != 0 ||
      static_cast<std::uint64_t>(status.st_size) < mapped_bytes_) {
    return false;
  }
  const FileHeader& head = header();
  out = {};
  out.process_id = head.process_id;
  out.instance = head.instance;
  out.created_ns = head.created_ns;
  out.updated_ns = head.updated_ns.load(std::memory_order_relaxed);
  out.read_ns = monotonic_ns();
  const auto rate = head.ns_per_tick_e32.load(std::memory_order_relaxed);
  out.ns_per_tick = rate == 0 ? 1.0 : std::ldexp(static_cast<double>(rate), -32);
  for (const StageEntry& entry : stages_) {
    const auto* histogram = reinterpret_cast<const Histogram*>(bytes_ + entry.histogram_offset);
    StageReading& reading = out.stages.emplace_back();
    reading.name = text_of(entry.name);
    reading.writer = text_of(entry.writer);
    reading.kind = entry.kind > 2 ? StageKind::kSpan : static_cast<StageKind>(entry.kind);
    if (entry.parent != kNoParent) reading.parent = text_of(stages_[entry.parent].name);
    reading.sampled_one_in = entry.sampled_one_in;
    reading.histogram = HistogramSnapshot(*histogram, out.ns_per_tick);
  }
  // Pairs with the release in add_gauge.
  const std::uint32_t gauges =
      std::min(head.gauge_count.load(std::memory_order_acquire), gauge_capacity_);
  for (std::uint32_t i = 0; i < gauges; ++i) {
    const auto& entry =
        *reinterpret_cast<const GaugeEntry*>(bytes_ + gauges_offset_ + i * sizeof(GaugeEntry));
    if (!is_text(entry.name) || !is_text(entry.unit) || !is_text(entry.drained_by)) continue;
    GaugeReading& reading = out.gauges.emplace_back();
    reading.name = text_of(entry.name);
    reading.unit = text_of(entry.unit);
    reading.drained_by = text_of(entry.drained_by);
    reading.capacity = entry.capacity;
    reading.threshold = entry.threshold;
    reading.depth = entry.depth.load(std::memory_order_relaxed);
    reading.depth_max = entry.depth_max.load(std::memory_order_relaxed);
    reading.above_ns = entry.above_ns.load(std::memory_order_relaxed);
    reading.samples = entry.samples.load(std::memory_order_relaxed);
    reading.updated_ns = entry.updated_ns.load(std::memory_order_relaxed);
  }
  return true;
}

bool MeasurementFile::is_replaced() const noexcept {
  struct stat status{};
  return descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0 && status.st_nlink == 0;
}

}  // namespace gateway::telemetry
