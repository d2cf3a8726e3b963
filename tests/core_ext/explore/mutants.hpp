// Judges a scenario: the production code holds in every execution, and every planted fault is
// caught but for those that a table calls harmless, with the reason.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "check.hpp"
#include "explore/explorer.hpp"

namespace explore {

struct Harmless {
  const char* mutant;  // the beginning of its name
  const char* reason;
};

/// Runs the scenario as it is, then once per planted fault. `others` are more scenarios of the same
/// code: a fault is caught when one of them fails. GATEWAY_EXPLORE_EXECUTIONS sets how many random
/// executions follow the complete search of each scenario, GATEWAY_EXPLORE_SEED their seed.
inline void prove(const std::string& name, const std::vector<std::function<void()>>& scenarios,
                  const std::vector<Harmless>& harmless, std::size_t expected_mutants,
                  Limits limits = {}) {
  if (const char* wanted = std::getenv("GATEWAY_EXPLORE_EXECUTIONS")) {
    limits.random_executions = std::strtoull(wanted, nullptr, 10);
  }
  if (const char* seed = std::getenv("GATEWAY_EXPLORE_SEED")) {
    limits.seed = std::strtoull(seed, nullptr, 10);
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  forget_sites();
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    const Outcome outcome = explore(name + " " + std::to_string(i), scenarios[i], limits);
    std::printf("%s, scenario %zu: %llu executions, %s\n", name.c_str(), i,
                static_cast<unsigned long long>(outcome.executions),
                outcome.is_complete ? "complete within the bounds" : "not complete");
    if (!outcome.is_good) std::printf("%s", outcome.failure.c_str());
    CHECK(outcome.is_good);
    if (!outcome.is_good) return;
  }
  std::vector<Mutant> mutants = weakened();
  if (limits.has_moved) {
    for (const Mutant& mutant : moved()) mutants.push_back(mutant);
  }
  // A site that the explorer no longer meets, or a new one, is looked at by a person.
  CHECK_EQUAL(mutants.size(), expected_mutants);
  std::vector<bool> is_used(harmless.size());
  std::size_t caught = 0;
  for (const Mutant& mutant : mutants) {
    bool is_caught = false;
    std::uint64_t executions = 0;
    for (std::size_t i = 0; i < scenarios.size() && !is_caught; ++i) {
      Limits fewer = limits;
      fewer.random_executions = std::min<std::uint64_t>(limits.random_executions, 500);
      const Outcome outcome = explore(name, scenarios[i], fewer, &mutant);
      is_caught = !outcome.is_good;
      executions += outcome.executions;
      if (is_caught && std::getenv("GATEWAY_EXPLORE_TRACES") != nullptr) {
        std::printf("%s", outcome.failure.c_str());
      }
    }
    const char* reason = nullptr;
    for (std::size_t i = 0; i < harmless.size(); ++i) {
      if (mutant.name.rfind(harmless[i].mutant, 0) != 0) continue;
      reason = harmless[i].reason;
      is_used[i] = true;
    }
    caught += is_caught ? 1 : 0;
    std::printf("  %s %s (%llu executions)%s%s\n",
                is_caught           ? "caught  "
                : reason != nullptr ? "harmless"
                                    : "MISSED  ",
                mutant.name.c_str(), static_cast<unsigned long long>(executions),
                reason != nullptr ? ": " : "", reason != nullptr ? reason : "");
    if (is_caught == (reason != nullptr)) {
      check::fail(__FILE__, __LINE__,
                  (is_caught ? "called harmless but caught: " : "not caught: ") + mutant.name);
    }
  }
  for (std::size_t i = 0; i < harmless.size(); ++i) {
    if (!is_used[i]) {
      check::fail(__FILE__, __LINE__, std::string("no such planted fault: ") + harmless[i].mutant);
    }
  }
  std::printf("%s: %zu of %zu planted faults caught\n", name.c_str(), caught, mutants.size());
}

}  // namespace explore
