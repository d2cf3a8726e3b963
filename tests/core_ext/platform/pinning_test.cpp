// Every way in which pinning is silently wrong is named; strict refuses what warn only names.
#include "gateway_core/platform/pinning.hpp"

#include "check.hpp"
#include "platform/described_machine.hpp"

using namespace gateway::platform;

namespace {

struct Desk {
  Topology machine = Topology::read(GivenText(machines::two_sockets()));
  std::vector<int> allowed{0, 1, 2, 3, 4, 5, 6};
  std::optional<double> quota;

  std::vector<PinFinding> judge(std::vector<PinRole> roles, PinPolicy policy = PinPolicy::kWarn) {
    return judge_pinning({machine, allowed, quota, std::move(roles), policy});
  }
  /// The codes alone, in a row.
  std::string codes(std::vector<PinRole> roles) {
    std::string out;
    for (const auto& finding : judge(std::move(roles))) {
      if (!out.empty()) out += ' ';
      out += code_of(finding.fault);
    }
    return out;
  }
};

}  // namespace

TEST(any_cpu_is_never_wrong) {
  CHECK_EQUAL(Desk().codes({{"engine", -1, true}, {"journal_commit", -1, false}}), "");
}

TEST(an_isolated_processor_with_a_quiet_sibling_is_right) {
  auto files = machines::two_sockets();
  files["/sys/devices/system/cpu/isolated"] = "3,7\n";
  Desk desk;
  desk.machine = Topology::read(GivenText(files));
  CHECK_EQUAL(desk.codes({{"engine", 3, true}, {"journal_commit", 0, false}}), "");
}

TEST(what_cannot_run_is_refused_under_both_policies) {
  Desk desk;
  desk.allowed = {0, 1};
  for (const PinPolicy policy : {PinPolicy::kWarn, PinPolicy::kStrict}) {
    for (const auto& [cpu, fault] :
         {std::pair{8, PinFault::kNotPresent}, std::pair{7, PinFault::kOffline},
          std::pair{2, PinFault::kNotAllowed}}) {
      const auto found = desk.judge({{"engine", cpu, true}}, policy);
      CHECK_EQUAL(found.size(), 1U);
      CHECK(found[0].fault == fault && found[0].is_refused);
      CHECK(found[0].role == "engine" && found[0].cpu == cpu);
    }
  }
  CHECK(desk.judge({{"engine", 2, true}})[0].text.find("0,1") != std::string::npos);
}

TEST(degraded_pinning_is_named_and_refused_when_strict) {
  Desk desk;
  const auto refused = [&](PinPolicy policy) {
    bool is_any = false;
    for (const auto& one : desk.judge({{"engine", 0, true}}, policy)) is_any |= one.is_refused;
    return is_any;
  };
  CHECK_EQUAL(desk.codes({{"engine", 0, true}}), "CPU_SIBLING_OPEN CPU_NOT_ISOLATED");
  CHECK(!refused(PinPolicy::kWarn) && refused(PinPolicy::kStrict));
}

TEST(a_thread_that_sleeps_needs_no_isolation) {
  CHECK_EQUAL(Desk().codes({{"journal_commit", 0, false}}), "");
}

TEST(two_roles_on_one_processor_or_on_one_core_are_named_once) {
  Desk desk;
  CHECK_EQUAL(desk.codes({{"engine", 3, true}, {"journal_commit", 3, false}}), "CPU_SHARED");
  CHECK_EQUAL(desk.codes({{"seal", 1, false}, {"journal_commit", 5, false}}), "CPU_SIBLING_SHARED");
  const auto found = desk.judge({{"seal", 1, false}, {"journal_commit", 5, false}});
  CHECK(found[0].role == "journal_commit" && found[0].text.find("seal (1)") != std::string::npos);
}

TEST(a_quota_below_what_the_mask_offers_stops_spinning_threads) {
  Desk desk;
  desk.quota = 1.5;
  CHECK_EQUAL(desk.codes({{"engine", 3, true}}), "CPU_QUOTA");
  CHECK_EQUAL(desk.codes({{"journal_commit", 3, false}}), "");
  CHECK_EQUAL(desk.codes({{"engine", -1, true}}), "");
  desk.quota = 7.0;
  CHECK_EQUAL(desk.codes({{"engine", 3, true}}), "");
}

TEST(every_fault_has_a_code_of_its_own) {
  std::vector<std::string> seen;
  for (int fault = 0; fault <= static_cast<int>(PinFault::kQuota); ++fault) {
    const std::string code(code_of(static_cast<PinFault>(fault)));
    CHECK(code.rfind("CPU_", 0) == 0);
    for (const auto& other : seen) CHECK(other != code);
    seen.push_back(code);
  }
}
