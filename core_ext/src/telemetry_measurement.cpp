// Making the measurement file, calibrating ticks, and what recording does rarely.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "gateway_core/platform/storage.hpp"
#include "gateway_core/telemetry/measurement.hpp"

namespace gateway::telemetry {
namespace {

constexpr std::int64_t kBaselineNsMin = 1'000'000'000;

template <std::size_t N>
void assign(char (&target)[N], std::string_view text) noexcept {
  const std::size_t size = std::min(text.size(), N - 1);
  std::memcpy(target, text.data(), size);
  std::memset(target + size, 0, N - size);
}

void* map_memory(int file) noexcept {
  const int flags = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
  return ::mmap(nullptr, sizeof(MeasurementLayout), PROT_READ | PROT_WRITE, flags, file, 0);
}

std::string failure(const std::string& path, const char* what) {
  return path + ": " + what + " failed: " + platform::describe_errno(errno);
}

}  // namespace

TickSample TickSample::take(bool uses_counter) noexcept {
  TickSample best;
  std::uint64_t best_width = ~std::uint64_t{0};
  for (int i = 0; i < 7; ++i) {
    const std::uint64_t before = read_ticks(uses_counter);
    const std::int64_t now = gateway::monotonic_ns();
    const std::uint64_t width = read_ticks(uses_counter) - before;
    if (width >= best_width) continue;
    best_width = width;
    best = {before + width / 2, now};
  }
  return best;
}

std::uint64_t TickSample::rate_e32_since(const TickSample& earlier) const noexcept {
  const std::int64_t passed_ns = monotonic_ns - earlier.monotonic_ns;
  const std::uint64_t passed = ticks - earlier.ticks;
  if (passed_ns <= 0 || passed == 0 || static_cast<std::int64_t>(passed) < 0) return 0;
  const UInt128 rate = (static_cast<UInt128>(passed_ns) << 32) / passed;
  constexpr UInt128 kSlowest = UInt128{100} << 32;  // 10 MHz
  return rate > 0 && rate < kSlowest ? static_cast<std::uint64_t>(rate) : 0;
}

const TickRate& TickRate::of_process() noexcept {
  static const TickRate rate = [] {
    TickRate made;
    made.uses_counter = has_steady_counter();
    made.first = TickSample::take(made.uses_counter);
    if (!made.uses_counter) return made;
    constexpr timespec kCalibration{0, 20'000'000};
    nanosleep(&kCalibration, nullptr);
    const std::uint64_t found = TickSample::take(true).rate_e32_since(made.first);
    made.uses_counter = found != 0;
    if (found != 0) made.ns_per_tick_e32 = found;
    if (found == 0) made.first = TickSample::take(false);
    return made;
  }();
  return rate;
}

Measurement::Measurement() : uses_counter_(TickRate::of_process().uses_counter) {
  void* memory = map_memory(-1);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  layout_ = static_cast<MeasurementLayout*>(memory);
  fill_header({});
}

Measurement::~Measurement() { unmap(); }

void Measurement::unmap() noexcept {
  if (layout_ != nullptr) ::munmap(layout_, sizeof(MeasurementLayout));
  layout_ = nullptr;
}

bool Measurement::open(const std::string& directory, const MeasurementOrigin& origin,
                       std::string& error) {
  const std::string path = directory + "/" + kMeasurementFileName;
  const std::string temporary = path + ".new";
  const int file = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (file < 0) {
    error = failure(temporary, "create");
    return false;
  }
  void* memory = MAP_FAILED;
  errno = ::posix_fallocate(file, 0, sizeof(MeasurementLayout));
  if (errno != 0) {
    error = failure(temporary, "reserving space");
  } else if ((memory = map_memory(file)) == MAP_FAILED) {
    error = failure(temporary, "mmap");
  }
  ::close(file);
  if (memory != MAP_FAILED) {
    unmap();
    layout_ = static_cast<MeasurementLayout*>(memory);
    fill_header(origin);
    if (::rename(temporary.c_str(), path.c_str()) == 0) return true;
    error = failure(path, "rename");
  }
  ::unlink(temporary.c_str());
  return false;
}

void Measurement::fill_header(const MeasurementOrigin& origin) noexcept {
  MeasurementLayout& layout = *layout_;
  FileHeader& header = layout.header;
  std::memcpy(header.magic, kMeasurementMagic, sizeof header.magic);
  header.version = kMeasurementVersion;
  header.header_bytes = sizeof(FileHeader);
  header.file_bytes = sizeof(MeasurementLayout);
  header.stage_count = static_cast<std::uint32_t>(kStages);
  header.stage_bytes = sizeof(StageEntry);
  header.stages_offset = offsetof(MeasurementLayout, stages);
  header.gauge_capacity = kGaugesMax;
  header.gauge_bytes = sizeof(GaugeEntry);
  header.gauges_offset = offsetof(MeasurementLayout, gauges);
  header.sub_bucket_bits = kSubBucketBits;
  header.value_bits = kValueBits;
  header.bucket_count = static_cast<std::uint32_t>(kBuckets);
  header.process_id = origin.process_id;
  header.created_ns = origin.created_ns;
  header.instance = origin.instance;
  header.uses_counter = uses_counter_ ? 1 : 0;
  header.ns_per_tick_e32.store(TickRate::of_process().ns_per_tick_e32, std::memory_order_relaxed);
  for (std::size_t i = 0; i < kStages; ++i) {
    const StageDefinition& stage = kStageTable[i];
    StageEntry& entry = layout.stages[i];
    assign(entry.name, stage.name);
    assign(entry.writer, stage.writer);
    entry.number = static_cast<std::uint32_t>(i);
    entry.kind = static_cast<std::uint32_t>(stage.kind);
    entry.parent = stage.parent;
    entry.sampled_one_in = stage.sampled_one_in;
    entry.histogram_offset = offsetof(MeasurementLayout, histograms) + i * sizeof(Histogram);
  }
}

void Measurement::remember_worst(Histogram& histogram, std::uint64_t ticks,
                                 std::uint64_t tag) noexcept {
  begin_write(histogram.worst.version);
  put(histogram.worst.ticks, ticks);
  put(histogram.worst.tag, tag);
  put(histogram.worst.time_ns, wall_ns());
  end_write(histogram.worst.version);
}

std::uint32_t Measurement::next_gap() noexcept {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  constexpr std::uint64_t kGaps = 2 * kEngineSampling - 1;  // 1 to 31, on average 16
  return static_cast<std::uint32_t>(1 + (((random_ >> 32) * kGaps) >> 32));
}

std::uint64_t Measurement::to_ticks(std::int64_t duration_ns) const noexcept {
  if (duration_ns <= 0) return 0;
  if (!uses_counter_) return static_cast<std::uint64_t>(duration_ns);
  const std::uint64_t rate = layout_->header.ns_per_tick_e32.load(std::memory_order_relaxed);
  // Doubles: a division of 128 bits costs more than the rest of a recording; 53 bits are enough.
  const double ticks = static_cast<double>(duration_ns) * 0x1p32 / static_cast<double>(rate);
  constexpr double kLongest = 0x1p63;
  return ticks < kLongest ? static_cast<std::uint64_t>(ticks) : ~std::uint64_t{0};
}

int Measurement::add_gauge(std::string_view name, std::string_view unit,
                           std::string_view drained_by, std::uint64_t capacity,
                           std::uint64_t threshold) noexcept {
  FileHeader& header = layout_->header;
  const std::uint32_t number = header.gauge_count.load(std::memory_order_relaxed);
  if (number >= kGaugesMax) {
    bump(header.gauges_left_out, 1, std::memory_order_relaxed);
    return -1;
  }
  GaugeEntry& gauge = layout_->gauges[number];
  assign(gauge.name, name);
  assign(gauge.unit, unit);
  assign(gauge.drained_by, drained_by);
  gauge.capacity = capacity;
  gauge.threshold = threshold;
  // Pairs with the acquire in MeasurementFile::read: the entry is complete before it is counted.
  header.gauge_count.store(number + 1, std::memory_order_release);
  return static_cast<int>(number);
}

void Measurement::set_depth(int number, std::uint64_t depth, std::int64_t now_ns) noexcept {
  if (number < 0) return;
  GaugeEntry& gauge = layout_->gauges[number];
  const std::int64_t before = gauge.updated_ns.load(std::memory_order_relaxed);
  if (gauge.depth.load(std::memory_order_relaxed) >= gauge.threshold && before != 0 &&
      now_ns > before) {
    bump(gauge.above_ns, static_cast<std::uint64_t>(now_ns - before), std::memory_order_relaxed);
  }
  if (depth > gauge.depth_max.load(std::memory_order_relaxed)) {
    gauge.depth_max.store(depth, std::memory_order_relaxed);
  }
  gauge.depth.store(depth, std::memory_order_relaxed);
  gauge.updated_ns.store(now_ns, std::memory_order_relaxed);
  bump(gauge.samples, 1, std::memory_order_relaxed);
}

void Measurement::calibrate() noexcept {
  const TickRate& process = TickRate::of_process();
  const TickSample now = TickSample::take(uses_counter_);
  FileHeader& header = layout_->header;
  if (uses_counter_ && now.monotonic_ns - process.first.monotonic_ns >= kBaselineNsMin) {
    const std::uint64_t rate = now.rate_e32_since(process.first);
    if (rate != 0) header.ns_per_tick_e32.store(rate, std::memory_order_relaxed);
  }
  header.updated_ns.store(now.monotonic_ns, std::memory_order_relaxed);
}

}  // namespace gateway::telemetry
