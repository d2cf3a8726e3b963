// The Python module gateway._core: one register function per area, nothing else.
#include <nanobind/nanobind.h>

#include "bind.hpp"
#include "source_digest.hpp"

NB_MODULE(_core, module) {
  module.doc() = "Native core of the gateway. Import it through its doors (docs/architecture.md).";
  module.attr("SOURCE_DIGEST") = GATEWAY_SOURCE_DIGEST;
  auto telemetry = module.def_submodule("telemetry", "Measurement of stages and queues.");
  gateway::bind_telemetry(telemetry);
  auto market = module.def_submodule("market", "Books, trades and marks for other processes.");
  gateway::bind_market(market);
  auto types = module.def_submodule("types", "Refusals and exact numbers.");
  gateway::bind_types(types);
  auto event = module.def_submodule("event", "Reading events of venues by a table.");
  gateway::bind_event(event);
  auto engine = module.def_submodule("engine", "The single-writer engine and its ports.");
  gateway::bind_engine(engine);
  gateway::bind_fact_door(engine);
  auto journal = module.def_submodule("journal", "Reading, following and verifying journals.");
  gateway::bind_journal(journal);
  auto history = module.def_submodule("history", "Columns of history from a journal.");
  gateway::bind_history(history);
  auto positions = module.def_submodule("positions", "Exact position arithmetic.");
  gateway::bind_positions(positions);
  auto valuation = module.def_submodule("valuation", "Pure valuation over numpy arrays.");
  gateway::bind_valuation(valuation);
  auto ledger = module.def_submodule("ledger", "Balanced books and lots from a journal.");
  gateway::bind_ledger(ledger);
  auto matching = module.def_submodule("matching", "Price-time matching of one instrument.");
  gateway::bind_matching(matching);
  auto fix = module.def_submodule("fix", "FIX framing and the codec of hot messages.");
  gateway::bind_fix(fix);
  gateway::bind_fix_codec(fix);
  gateway::bind_fix_screen(fix);
  auto counterfactual = module.def_submodule("counterfactual", "Recorded days decided again.");
  gateway::bind_counterfactual(counterfactual);
  auto machine = module.def_submodule("machine", "Processors, memory and transports here.");
  gateway::bind_machine(machine);
  auto port = module.def_submodule("port", "A client's end of a shared-memory port.");
  gateway::bind_port_client(port);
  auto bench = module.def_submodule("bench", "Measurements of this machine.");
  gateway::bind_bench(bench);
}
