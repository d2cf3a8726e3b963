// What the machine offers, for Python: topology, judgement of pinning, ways to move bytes.
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "bind.hpp"
#include "gateway_core/platform/cpu_affinity.hpp"
#include "gateway_core/platform/pinning.hpp"
#include "gateway_core/platform/topology.hpp"
#include "gateway_core/transport/transport.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using Files = std::map<std::string, std::string>;

/// The kernel, or a machine that is only described.
template <typename Work>
auto with_text(const std::optional<Files>& files, Work&& work) {
  if (files) return work(platform::GivenText(*files));
  return work(platform::KernelText());
}

nb::dict row_of(const platform::MemoryNode& node) {
  nb::dict out;
  out["id"] = node.id;
  out["cpus"] = node.cpus;
  out["memory_bytes"] = node.memory_bytes;
  out["free_bytes"] = node.free_bytes;
  return out;
}

nb::dict row_of(const platform::Processor& one) {
  nb::dict out;
  out["id"] = one.id;
  out["node"] = one.node;
  out["is_online"] = one.is_online;
  out["is_isolated"] = one.is_isolated;
  out["siblings"] = one.siblings;
  return out;
}

nb::dict topology(const std::optional<Files>& files) {
  nb::list nodes, processors;
  const auto machine = with_text(
      files, [](const platform::SystemText& text) { return platform::Topology::read(text); });
  for (const auto& node : machine.nodes()) nodes.append(row_of(node));
  for (const auto& one : machine.processors()) processors.append(row_of(one));
  nb::dict out;
  out["nodes"] = nodes;
  out["processors"] = processors;
  return out;
}

using Role = std::tuple<std::string, int, bool>;

nb::list judge(const std::vector<Role>& roles, bool is_strict, const std::optional<Files>& files,
               const std::optional<std::vector<int>>& allowed) {
  const auto found = with_text(files, [&](const platform::SystemText& text) {
    const auto machine = platform::Topology::read(text);
    platform::PinQuestion question{.topology = machine,
                                   .allowed = allowed ? *allowed : allowed_cpus(),
                                   .quota = platform::cpu_quota(text),
                                   .roles = {}};
    question.policy = is_strict ? platform::PinPolicy::kStrict : platform::PinPolicy::kWarn;
    for (const auto& [role, cpu, is_spinning] : roles)
      question.roles.push_back({role, cpu, is_spinning});
    return judge_pinning(question);
  });
  nb::list out;
  for (const auto& one : found) {
    out.append(nb::make_tuple(std::string(code_of(one.fault)), one.role, one.cpu, one.text,
                              one.is_refused));
  }
  return out;
}

nb::list mechanisms() {
  nb::list out;
  for (const auto& one : transport::mechanisms()) {
    out.append(nb::make_tuple(one.name, one.is_built, one.is_available, one.reason));
  }
  return out;
}

}  // namespace

void bind_machine(nb::module_& module) {
  module.def("topology", &topology, "files"_a = nb::none());
  module.def("judge_pinning", &judge, "roles"_a, "is_strict"_a, "files"_a = nb::none(),
             "allowed"_a = nb::none());
  module.def("transports", &mechanisms);
}

}  // namespace gateway
