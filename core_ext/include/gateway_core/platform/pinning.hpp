// Whether the CPUs asked for the roles can do what is expected of them: every way in which pinning
// is silently wrong has a code here. Judges descriptions; changes nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway_core/platform/topology.hpp"

namespace gateway::platform {

enum class PinFault : int {
  kNotPresent = 0,  // no such processor
  kOffline,         // switched off
  kNotAllowed,      // outside the mask of this process (taskset, cpuset)
  kSharedCpu,       // two roles on one processor
  kSharedSibling,   // a role on each half of one core
  kOpenSibling,     // the other half of the core is open to everything else
  kNotIsolated,     // the scheduler may put other work there
  kQuota,           // a control group stops the process when its share of time is used up
};

/// UPPER_SNAKE, for logs, `gateway doctor` and documents.
[[nodiscard]] std::string_view code_of(PinFault fault) noexcept;

/// strict: everything found refuses the start. warn: only what cannot run at all refuses it.
enum class PinPolicy : int { kWarn = 0, kStrict = 1 };

struct PinRole {
  std::string role;
  int cpu = -1;              // -1 = any: nothing to judge
  bool is_spinning = false;  // never gives its processor away
};

struct PinFinding {
  PinFault fault;
  std::string role;
  int cpu;
  std::string text;  // what is wrong and what to do
  bool is_refused;
};

struct PinQuestion {
  const Topology& topology;
  std::vector<int> allowed;  // mask of the process
  std::optional<double> quota;
  std::vector<PinRole> roles;
  PinPolicy policy = PinPolicy::kWarn;
};

/// Findings in the order of the roles; empty = nothing is wrong.
[[nodiscard]] std::vector<PinFinding> judge_pinning(const PinQuestion& question);

}  // namespace gateway::platform
