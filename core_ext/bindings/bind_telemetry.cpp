// Measurement for Python: recording on the event loop, and reading any measurement file.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>

#include <string_view>

#include "bind.hpp"
#include "gateway_core/telemetry/measurement.hpp"
#include "gateway_core/telemetry/measurement_file.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using telemetry::HistogramSnapshot;
using telemetry::Measurement;
using telemetry::MeasurementFile;
using telemetry::Stage;

constexpr const char* kKindWords[] = {"work", "wait", "span"};

/// Python runs on the event loop, so it may record the event loop's stages and no other.
Stage stage_of_loop(std::uint32_t number) {
  if (number >= telemetry::kStages ||
      std::string_view(telemetry::kStageTable[number].writer) != "event_loop") {
    throw nb::value_error("BAD_STAGE stage: not one of the event loop");
  }
  return static_cast<Stage>(number);
}

std::unique_ptr<MeasurementFile> open_file(const std::string& path) {
  auto file = std::make_unique<MeasurementFile>();
  std::string error;
  if (!file->open(path, error)) throw nb::value_error(("BAD_FILE " + error).c_str());
  return file;
}

nb::dict gauge_row(const telemetry::GaugeReading& gauge) {
  nb::dict row;
  row["name"] = gauge.name;
  row["unit"] = gauge.unit;
  row["drained_by"] = gauge.drained_by;
  row["capacity"] = gauge.capacity;
  row["threshold"] = gauge.threshold;
  row["depth"] = gauge.depth;
  row["depth_max"] = gauge.depth_max;
  row["above_ns"] = gauge.above_ns;
  row["samples"] = gauge.samples;
  row["updated_ns"] = gauge.updated_ns;
  return row;
}

nb::dict read_file(const MeasurementFile& file) {
  telemetry::Reading reading;
  bool is_read = false;
  {
    const nb::gil_scoped_release release;
    is_read = file.read(reading);
  }
  if (!is_read) throw nb::value_error("BAD_FILE the measurement file was cut");
  nb::dict out;
  out["process_id"] = reading.process_id;
  out["instance"] = reading.instance;
  out["created_ns"] = reading.created_ns;
  out["updated_ns"] = reading.updated_ns;
  out["read_ns"] = reading.read_ns;
  nb::list stages;
  for (auto& stage : reading.stages) {
    nb::dict row;
    row["name"] = stage.name;
    row["writer"] = stage.writer;
    row["kind"] = kKindWords[static_cast<std::size_t>(stage.kind)];
    row["parent"] = stage.parent;
    row["sampled_one_in"] = stage.sampled_one_in;
    row["histogram"] = nb::cast(std::move(stage.histogram));
    stages.append(row);
  }
  out["stages"] = stages;
  nb::list gauges;
  for (const auto& gauge : reading.gauges) gauges.append(gauge_row(gauge));
  out["queues"] = gauges;
  return out;
}

void bind_histogram(nb::module_& module) {
  nb::class_<HistogramSnapshot>(module, "Histogram")
      .def(nb::init<>())
      .def(
          "add",
          [](HistogramSnapshot& histogram, std::uint64_t duration_ns, std::uint64_t times) {
            const double ticks = static_cast<double>(duration_ns) / histogram.ns_per_tick();
            histogram.add(static_cast<std::uint64_t>(ticks), times);
          },
          "duration_ns"_a, "times"_a = 1)
      .def_prop_ro("count", &HistogramSnapshot::count)
      .def_prop_ro("sum_ns", &HistogramSnapshot::sum_ns)
      .def_prop_ro("mean_ns", &HistogramSnapshot::mean_ns)
      .def_prop_ro("max_ns", &HistogramSnapshot::max_ns)
      .def_prop_ro("worst_tag",
                   [](const HistogramSnapshot& histogram) { return histogram.worst().tag; })
      .def_prop_ro("worst_time_ns",
                   [](const HistogramSnapshot& histogram) { return histogram.worst().time_ns; })
      .def("percentile_ns", &HistogramSnapshot::percentile_ns, "share"_a)
      .def("count_up_to", &HistogramSnapshot::count_up_to, "limit_ns"_a)
      .def("merge", &HistogramSnapshot::merge, "other"_a)
      .def("since", &HistogramSnapshot::since, "before"_a);
}

}  // namespace

void bind_telemetry(nb::module_& module) {
  module.attr("FILE_NAME") = telemetry::kMeasurementFileName;
  module.attr("ERROR_SHARE") = 1.0 / static_cast<double>(telemetry::kSubBuckets);
  nb::dict stages;
  for (std::size_t i = 0; i < telemetry::kStages; ++i) stages[telemetry::kStageTable[i].name] = i;
  module.attr("STAGES") = stages;
  bind_histogram(module);
  nb::class_<Measurement>(module, "Measurement")
      .def(nb::init<>())
      .def(
          "open",
          [](Measurement& measurement, const std::string& directory, std::uint32_t process_id,
             std::uint32_t instance, std::int64_t created_ns) {
            std::string error;
            if (!measurement.open(directory, {process_id, instance, created_ns}, error)) {
              throw nb::value_error(("BAD_FILE " + error).c_str());
            }
          },
          "directory"_a, "process_id"_a = 0, "instance"_a = 1, "created_ns"_a = 0)
      .def("timestamp", &Measurement::timestamp)
      .def(
          "record",
          [](Measurement& measurement, std::uint32_t stage, std::uint64_t begin,
             std::uint64_t tag) { measurement.record(stage_of_loop(stage), begin, tag); },
          "stage"_a, "begin"_a, "tag"_a = 0)
      .def(
          "record_ns",
          [](Measurement& measurement, std::uint32_t stage, std::int64_t duration_ns,
             std::uint64_t tag) { measurement.record_ns(stage_of_loop(stage), duration_ns, tag); },
          "stage"_a, "duration_ns"_a, "tag"_a = 0)
      .def("add_gauge", &Measurement::add_gauge, "name"_a, "unit"_a, "drained_by"_a, "capacity"_a,
           "threshold"_a)
      .def("set_depth", &Measurement::set_depth, "gauge"_a, "depth"_a, "now_ns"_a)
      .def("calibrate", &Measurement::calibrate);
  nb::class_<MeasurementFile>(module, "MeasurementFile")
      .def(nb::new_(&open_file), "path"_a)
      .def("read", &read_file)
      .def("is_replaced", &MeasurementFile::is_replaced);
}

}  // namespace gateway
