// A recorded day under another assumption, for Python: reads one journal, writes another, and hands
// out every difference as the two records it lies between.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "gateway_core/engine/counterfactual.hpp"
#include "gateway_core/platform/storage.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using LimitText = std::tuple<std::uint32_t, std::string, std::string, std::string>;

[[nodiscard]] std::vector<LimitChange> limits_of(const std::vector<LimitText>& told) {
  std::vector<LimitChange> out;
  for (const auto& [level, name, field, value] : told) {
    if (level >= static_cast<std::uint32_t>(kLevels)) throw nb::value_error("RANGE level");
    const std::string found =
        out.emplace_back().read(static_cast<Level>(level), name, field, value);
    if (!found.empty()) throw nb::value_error((found + " | " + field + " | " + value).c_str());
  }
  return out;
}

class WhatIf {
 public:
  WhatIf(CounterfactualOptions options) : native_(storage_, std::move(options)) {}

  std::size_t advance(std::size_t limit, Sequence until) {
    std::size_t done = 0;
    {
      const nb::gil_scoped_release release;
      done = native_.advance(limit, until);
    }
    check();
    return done;
  }
  void finish() {
    {
      const nb::gil_scoped_release release;
      native_.finish();
    }
    check();
  }
  nb::list take_differences() {
    nb::list out;
    const auto bytes = [](const std::vector<std::uint8_t>& record) -> nb::object {
      if (record.empty()) return nb::none();
      return nb::bytes(reinterpret_cast<const char*>(record.data()), record.size());
    };
    for (const DifferenceNote& each : native_.take_notes()) {
      out.append(nb::make_tuple(kDifferenceNames[static_cast<std::size_t>(each.what)],
                                bytes(each.fact), bytes(each.other), each.refusal,
                                each.reference_sequence));
    }
    return out;
  }
  [[nodiscard]] nb::dict counts() const {
    const CounterfactualCounts& counts = native_.counts();
    nb::dict out;
    out["records"] = counts.records;
    out["orders_decided"] = counts.orders;
    out["refusals_decided"] = counts.refusals;
    out["refusals_kept"] = counts.refusals_kept;
    out["facts_told"] = counts.facts;
    out["own_steps_kept"] = counts.steps_kept;
    out["references_old"] = counts.references_old;
    out["funding_as_told"] = counts.funding_as_told;
    for (std::size_t i = 0; i < kDifferences; ++i) out[kDifferenceNames[i]] = counts.by_kind[i];
    return out;
  }
  [[nodiscard]] const Counterfactual& native() const noexcept { return native_; }

 private:
  void check() const {
    if (!native_.error().empty()) throw std::runtime_error("journal: " + native_.error());
  }

  platform::PosixStorage storage_;
  Counterfactual native_;
};

}  // namespace

void bind_counterfactual(nb::module_& module) {
  nb::class_<WhatIf>(module, "Counterfactual")
      .def(
          "__init__",
          [](WhatIf* self, const std::string& directory, const std::string& ring_directory,
             const std::string& out_directory, const std::string& out_ring_directory,
             Sequence from_sequence, const std::vector<LimitText>& limits,
             const std::vector<std::string>& strategies, const std::vector<std::string>& accounts,
             std::uint32_t fills) {
            new (self) WhatIf({.directory = directory,
                               .ring_directory = ring_directory,
                               .out_directory = out_directory,
                               .out_ring_directory = out_ring_directory,
                               .from_sequence = from_sequence,
                               .fills = static_cast<AssumedFills>(fills),
                               .strategies_left_out = strategies,
                               .accounts_left_out = accounts,
                               .limits = limits_of(limits)});
          },
          "directory"_a, "ring_directory"_a, "out_directory"_a, "out_ring_directory"_a,
          "from_sequence"_a, "limits"_a, "strategies_left_out"_a, "accounts_left_out"_a, "fills"_a)
      .def("advance", &WhatIf::advance, "limit"_a, "until"_a)
      .def("finish", &WhatIf::finish)
      .def("take_differences", &WhatIf::take_differences)
      .def("counts", &WhatIf::counts)
      .def_prop_ro("sequence", [](const WhatIf& self) { return self.native().sequence(); })
      .def_prop_ro("other_sequence",
                   [](const WhatIf& self) { return self.native().other_sequence(); })
      .def_prop_ro("time_ns", [](const WhatIf& self) { return self.native().time_ns(); })
      .def_prop_ro("is_identical", [](const WhatIf& self) { return self.native().is_identical(); })
      .def("hashes", [](const WhatIf& self) {
        return std::make_tuple(self.native().fact_hash(), self.native().other_hash());
      });
}

}  // namespace gateway
