// One register function per area of the Python module.
#pragma once

#include <nanobind/nanobind.h>

namespace gateway {

void bind_types(nanobind::module_& module);
void bind_engine(nanobind::module_& module);
void bind_orders(nanobind::module_& module);
void bind_venue_port(nanobind::module_& module);
void bind_journal(nanobind::module_& module);
void bind_replica(nanobind::module_& module);
void bind_history(nanobind::module_& module);
void bind_counterfactual(nanobind::module_& module);
void bind_positions(nanobind::module_& module);
void bind_valuation(nanobind::module_& module);
void bind_ledger(nanobind::module_& module);
void bind_lot_model(nanobind::module_& module);
void bind_matching(nanobind::module_& module);
void bind_event(nanobind::module_& module);
void bind_fact_door(nanobind::module_& module);
void bind_fix(nanobind::module_& module);
void bind_fix_codec(nanobind::module_& module);
void bind_fix_screen(nanobind::module_& module);
void bind_telemetry(nanobind::module_& module);
void bind_market(nanobind::module_& module);
void bind_machine(nanobind::module_& module);
void bind_port_client(nanobind::module_& module);
void bind_bench(nanobind::module_& module);

}  // namespace gateway
