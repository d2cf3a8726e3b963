// The rules of pinning, one after the other.
#include <algorithm>
#include <cstdio>

#include "gateway_core/platform/pinning.hpp"

namespace gateway::platform {
namespace {

bool has(const std::vector<int>& values, int value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

std::string list_of(const std::vector<int>& values) {
  std::string out;
  for (const int value : values) {
    if (!out.empty()) out += ',';
    out += std::to_string(value);
  }
  return out.empty() ? "none" : out;
}

class Judge {
 public:
  explicit Judge(const PinQuestion& question) : question_(question) {}

  std::vector<PinFinding> run() {
    for (const PinRole& role : question_.roles) {
      if (role.cpu < 0) continue;
      if (is_possible(role)) judge_neighbours(role);
    }
    judge_quota();
    return std::move(found_);
  }

 private:
  void add(PinFault fault, const PinRole& role, std::string text) {
    const bool is_impossible = fault == PinFault::kNotPresent || fault == PinFault::kOffline ||
                               fault == PinFault::kNotAllowed;
    found_.push_back({fault, role.role, role.cpu, std::move(text),
                      is_impossible || question_.policy == PinPolicy::kStrict});
  }

  bool is_possible(const PinRole& role) {
    const Processor* processor = question_.topology.find(role.cpu);
    if (processor == nullptr) {
      add(PinFault::kNotPresent, role, "there is no such processor here");
    } else if (!processor->is_online) {
      add(PinFault::kOffline, role, "it is offline; bring it online or choose another");
    } else if (!has(question_.allowed, role.cpu)) {
      add(PinFault::kNotAllowed, role,
          "this process may use " + list_of(question_.allowed) +
              "; widen AllowedCPUs, CPUAffinity or the cpuset, or choose another");
    } else {
      return true;
    }
    return false;
  }

  void judge_neighbours(const PinRole& role) {
    const Processor& processor = *question_.topology.find(role.cpu);
    bool has_role_beside = false;
    for (const PinRole& other : question_.roles) {
      if (&other == &role || other.cpu < 0) continue;
      if (other.cpu == role.cpu && (&other < &role)) {
        add(PinFault::kSharedCpu, role, "the role " + other.role + " has it too");
      }
      if (!has(processor.siblings, other.cpu)) continue;
      has_role_beside = true;
      if (&other < &role) {
        add(PinFault::kSharedSibling, role,
            "it is the other half of the core of " + other.role + " (" + std::to_string(other.cpu) +
                "); both get less than a core");
      }
    }
    if (!role.is_spinning) return;
    for (const int sibling : processor.siblings) {
      const Processor* beside = question_.topology.find(sibling);
      if (has_role_beside || beside == nullptr || !beside->is_online || beside->is_isolated)
        continue;
      add(PinFault::kOpenSibling, role,
          "the other half of its core, " + std::to_string(sibling) +
              ", takes any work; isolate it or switch it off");
    }
    if (!processor.is_isolated) {
      add(PinFault::kNotIsolated, role,
          "the scheduler may put other work there; isolate it (isolcpus, nohz_full, rcu_nocbs)");
    }
  }

  void judge_quota() {
    const auto& roles = question_.roles;
    const auto spinning = std::find_if(roles.begin(), roles.end(), [](const PinRole& role) {
      return role.is_spinning && role.cpu >= 0;
    });
    if (spinning == roles.end() || !question_.quota) return;
    if (*question_.quota >= static_cast<double>(question_.allowed.size())) return;
    char text[160];
    std::snprintf(text, sizeof text,
                  "the control group allows %.2f processors of %zu; a spinning thread uses it up "
                  "and all threads stop; remove CPUQuota",
                  *question_.quota, question_.allowed.size());
    add(PinFault::kQuota, *spinning, text);
  }

  const PinQuestion& question_;
  std::vector<PinFinding> found_;
};

}  // namespace

std::string_view code_of(PinFault fault) noexcept {
  switch (fault) {
    case PinFault::kNotPresent:
      return "CPU_NOT_PRESENT";
    case PinFault::kOffline:
      return "CPU_OFFLINE";
    case PinFault::kNotAllowed:
      return "CPU_NOT_ALLOWED";
    case PinFault::kSharedCpu:
      return "CPU_SHARED";
    case PinFault::kSharedSibling:
      return "CPU_SIBLING_SHARED";
    case PinFault::kOpenSibling:
      return "CPU_SIBLING_OPEN";
    case PinFault::kNotIsolated:
      return "CPU_NOT_ISOLATED";
    case PinFault::kQuota:
      return "CPU_QUOTA";
  }
  return "";
}

std::vector<PinFinding> judge_pinning(const PinQuestion& question) { return Judge(question).run(); }

}  // namespace gateway::platform
