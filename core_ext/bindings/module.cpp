// The Python module gateway._core: one register function per area, nothing else.
#include <nanobind/nanobind.h>

#include "bind.hpp"

NB_MODULE(_core, module) {
  module.doc() = "Native core of the gateway. Import it only through the doors of STYLE.md.";
  auto types = module.def_submodule("types", "Refusals and exact numbers.");
  gateway::bind_types(types);
  auto positions = module.def_submodule("positions", "Exact position arithmetic.");
  gateway::bind_positions(positions);
  auto matching = module.def_submodule("matching", "Price-time matching of one instrument.");
  gateway::bind_matching(matching);
}
