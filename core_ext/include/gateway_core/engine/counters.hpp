// What only counts: never journaled, never hashed.
#pragma once

#include <cstdint>

namespace gateway {

struct EngineCounters {
  std::uint64_t orders_accepted = 0;
  std::uint64_t orders_repeated = 0;
  std::uint64_t orders_refused = 0;
  std::uint64_t refused_for_space = 0;
  std::uint64_t cancels_sent = 0;
  std::uint64_t replaces_sent = 0;
  std::uint64_t facts = 0;
  std::uint64_t facts_repeated = 0;
  std::uint64_t fills = 0;
  std::uint64_t fills_repeated = 0;
  std::uint64_t fills_late = 0;           // booked before newer ones
  std::uint64_t unbookable = 0;           // facts that left the exact range: each latched once
  std::uint64_t unbookable_repeated = 0;  // the same ones, told again
  std::uint64_t facts_forgotten = 0;      // not booked, for they may be booked already
  std::uint64_t anomalies = 0;
  std::uint64_t notices_lost = 0;
  std::uint64_t marks = 0;
  std::uint64_t expired_by_engine = 0;
  std::uint64_t triggered_by_engine = 0;
  std::uint64_t rows_explained = 0;      // order rows looked at to explain refusals
  std::uint64_t route_rules_missed = 0;  // orders whose prepared rules were not at hand
  std::uint64_t crosses = 0;             // meetings of two kept orders
  std::uint64_t kept_released = 0;       // kept orders that went to their venue
  std::uint64_t kept_ended = 0;          // kept orders that could not, when their time was over
  std::uint64_t links_released = 0;      // orders let go by the order they waited for
  std::uint64_t links_canceled = 0;      // cancels because of another member's execution or end
  std::uint64_t links_refused = 0;       // what a group needs and a check or the gate refused
  std::uint64_t links_anomalous = 0;     // executions beyond, or without, what a group covers
  std::uint64_t kill_waiting = 0;        // orders that a kill wants to end, at the last look
  std::uint64_t kill_cancels_again = 0;  // cancels of kills that were asked for before
};

}  // namespace gateway
