// The benches for Python: each returns its figures by name, and calls that measure a call.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <sched.h>

#include "../bench/benches.hpp"
#include "bind.hpp"
#include "gateway_core/types/ids.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using bench::Figures;
using bench::Place;

/// Runs one bench on this thread without the interpreter's lock, on its own CPUs, and puts the
/// caller's affinity back.
template <typename Bench>
nb::dict run(Bench&& work) {
  Figures figures;
  {
    const nb::gil_scoped_release release;
    cpu_set_t before;
    const bool is_known = ::sched_getaffinity(0, sizeof before, &before) == 0;
    const auto restore = [&] {
      if (is_known) ::sched_setaffinity(0, sizeof before, &before);
    };
    try {
      figures = work();
    } catch (...) {
      restore();
      throw;
    }
    restore();
  }
  nb::dict out;
  for (const auto& [name, value] : figures) out[nb::str(name.c_str())] = value;
  return out;
}

template <Figures (*Bench)(const Place&)>
nb::dict run_at(const Place& place) {
  return run([&] { return Bench(place); });
}

/// Takes what a port takes and does nothing: the floor of a bound call.
struct EmptyPort {
  std::uint64_t last = 0;
};

std::uint64_t empty_submit(EmptyPort& port, PrincipalId, std::string_view, InstrumentId, AccountId,
                           StrategyId, int, int, int, std::string_view, std::string_view,
                           std::string_view, std::string_view, std::int64_t, int, int) {
  return ++port.last;
}

}  // namespace

void bind_bench(nb::module_& module) {
#if defined(__clang__)
  module.attr("COMPILER") = "clang " __clang_version__;
#else
  module.attr("COMPILER") = "gcc " __VERSION__;
#endif
  nb::class_<Place>(module, "Place")
      .def_ro("directory", &Place::directory)
      .def_ro("ring_directory", &Place::ring_directory)
      .def(nb::init<std::string, std::string, int, int, double, double>(), "directory"_a,
           "ring_directory"_a, "engine_cpu"_a = -1, "other_cpu"_a = -1, "seconds"_a = 10.0,
           "scale"_a = 1.0);
  nb::class_<EmptyPort>(module, "EmptyPort")
      .def(nb::init<>())
      .def("submit", &empty_submit, "principal"_a, "client_order_id"_a, "instrument"_a, "account"_a,
           "strategy"_a, "side"_a, "type"_a, "time_in_force"_a, "quantity"_a, "price"_a = "",
           "trigger_price"_a = "", "display_quantity"_a = "", "expires_ns"_a = 0, "leg"_a = 0,
           "flags"_a = 0)
      .def("add", [](EmptyPort& port, std::int64_t a, std::int64_t b, std::int64_t c) {
        return port.last += static_cast<std::uint64_t>(a + b + c);
      });
  module.def("machine_costs", &run_at<bench::machine_costs>, "place"_a);
  module.def("submit_latency", &run_at<bench::submit_latency>, "place"_a);
  module.def("submit_pinned", &run_at<bench::submit_pinned>, "place"_a);
  module.def("submit_template", &run_at<bench::submit_template>, "place"_a);
  module.def(
      "sustained",
      [](const Place& place, bool has_cycles) {
        return run([&] { return bench::sustained(place, has_cycles); });
      },
      "place"_a, "has_cycles"_a);
  module.def("risk", &run_at<bench::risk>, "place"_a);
  module.def("kill", &run_at<bench::kill>, "place"_a);
  module.def("fills", &run_at<bench::fills>, "place"_a);
  module.def("positions", &run_at<bench::positions>, "place"_a);
  module.def("append", &run_at<bench::append>, "place"_a);
  module.def("append_paced", &run_at<bench::append_paced>, "place"_a);
  module.def("disk_sequential", &run_at<bench::disk_sequential>, "place"_a);
  module.def(
      "recover",
      [](const Place& place, std::uint64_t records) {
        return run([&] { return bench::recover(place, records); });
      },
      "place"_a, "records"_a);
  module.def(
      "follow_and_book",
      [](const Place& place, std::uint64_t records, bool is_deep) {
        return run([&] { return bench::follow_and_book(place, records, is_deep); });
      },
      "place"_a, "records"_a, "is_deep"_a = false);
  module.def("rings", &run_at<bench::rings>, "place"_a);
  module.def("measurement", &run_at<bench::measurement>, "place"_a);
  module.def("shared_memory", &run_at<bench::shared_memory>, "place"_a);
  module.def("shared_memory_echo", &run_at<bench::shared_memory_echo>, "place"_a);
  module.def("matching", &run_at<bench::matching>, "place"_a);
  module.def("mark_positions", &run_at<bench::mark_positions>, "place"_a);
  module.def("threads", &run_at<bench::threads>, "place"_a);
  module.def("waits", &run_at<bench::waits>, "place"_a);
  module.def(
      "first_order",
      [](const Place& place, std::uint32_t warm_up_orders) {
        return run([&] { return bench::first_order(place, warm_up_orders); });
      },
      "place"_a, "warm_up_orders"_a);
  module.def("transport_echo", &run_at<bench::transport_echo>, "place"_a);
  module.def("books", &run_at<bench::books>, "place"_a);
}

}  // namespace gateway
