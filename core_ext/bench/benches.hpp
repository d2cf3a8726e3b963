// The benches of the core, each on a fresh desk. Definitions: docs/reference/bench.md.
#pragma once

#include <cstdint>
#include <string>

#include "desk_options.hpp"
#include "measure.hpp"

namespace gateway::bench {

/// Where a bench may write, on which CPUs it runs, and how long its timed part lasts.
struct Place {
  std::string directory;       // an empty directory on a disk
  std::string ring_directory;  // an empty directory on tmpfs
  int engine_cpu = -1;         // -1 = any
  int other_cpu = -1;
  double seconds = 10;
  double scale = 1;  // of the counts; below 1 for a quick look

  [[nodiscard]] DeskOptions desk() const {
    DeskOptions options;
    options.directory = directory;
    options.ring_directory = ring_directory;
    options.engine_cpu = engine_cpu;
    options.other_cpu = other_cpu;
    return options;
  }
  [[nodiscard]] DeskOptions memory_desk() const {
    DeskOptions options = desk();
    options.is_memory_only = true;
    return options;
  }
};

[[nodiscard]] Figures machine_costs(const Place& place);
[[nodiscard]] Figures submit_latency(const Place& place);
[[nodiscard]] Figures submit_pinned(const Place& place);
/// The same order made field by field and from a template, in turns; making it is inside.
[[nodiscard]] Figures submit_template(const Place& place);
/// Orders that the venue ends with one fact each (IOC), or whole cycles.
[[nodiscard]] Figures sustained(const Place& place, bool has_cycles);
[[nodiscard]] Figures risk(const Place& place);
/// 10,000 working orders from the raised kill word to their last cancel on the venue ring.
[[nodiscard]] Figures kill(const Place& place);
[[nodiscard]] Figures fills(const Place& place);
/// One execution applied to a held position, and nothing else.
[[nodiscard]] Figures positions(const Place& place);
[[nodiscard]] Figures append(const Place& place);
/// A million a second, on a schedule that is never moved.
[[nodiscard]] Figures append_paced(const Place& place);
/// What the disk takes when it is written from front to end, synced every 16 MiB.
[[nodiscard]] Figures disk_sequential(const Place& place);
[[nodiscard]] Figures recover(const Place& place, std::uint64_t records);
/// A journal of orders that are acknowledged and filled, read from its files and booked again and
/// again; `is_deep` piles up as many lots as it can.
[[nodiscard]] Figures follow_and_book(const Place& place, std::uint64_t records, bool is_deep);
[[nodiscard]] Figures rings(const Place& place);
/// Nanoseconds that measuring one stage adds, always and sampled.
[[nodiscard]] Figures measurement(const Place& place);
/// Order to acknowledgement from another process, and a bare echo over the same lanes.
[[nodiscard]] Figures shared_memory(const Place& place);
[[nodiscard]] Figures shared_memory_echo(const Place& place);
[[nodiscard]] Figures matching(const Place& place);
/// Positions valued a second on each instruction set; `_large`: more of them than caches hold.
[[nodiscard]] Figures mark_positions(const Place& place);
[[nodiscard]] Figures threads(const Place& place);
[[nodiscard]] Figures waits(const Place& place);
/// Once per process: caches and predictors remember.
[[nodiscard]] Figures first_order(const Place& place, std::uint32_t warm_up_orders);
[[nodiscard]] Figures transport_echo(const Place& place);
/// Names are BOOK.WHAT.
[[nodiscard]] Figures books(const Place& place);

}  // namespace gateway::bench
