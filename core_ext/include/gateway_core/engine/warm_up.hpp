// Synthetic orders before the first real one: the same code on a shadow engine that has a journal
// in anonymous memory, a state and a venue port of its own and knows no other. Nothing it does can
// reach a venue, the journal or the state of the gateway: it holds no reference to any of them.
#pragma once

#include <cstdint>
#include <memory>

#include "gateway_core/engine/engine.hpp"
#include "gateway_core/journal/journal.hpp"
#include "gateway_core/platform/storage.hpp"

namespace gateway {

struct WarmUpReport {
  std::uint64_t orders = 0;    // sent through the lane
  std::uint64_t accepted = 0;  // by the shadow's gate
  std::uint64_t refused = 0;   // on purpose: one order in sixteen breaks a limit
  std::uint64_t fills = 0;
  std::uint64_t cancels = 0;
  std::int64_t took_ns = 0;
};

class WarmUp {
 public:
  static constexpr std::uint32_t kOrdersMax = 100'000;

  /// Takes the shadow's memory. Throws std::runtime_error when there is none.
  WarmUp();
  ~WarmUp();
  WarmUp(const WarmUp&) = delete;
  WarmUp& operator=(const WarmUp&) = delete;

  /// Drives up to kOrdersMax orders: lane, gate, record, venue port, acknowledgement, then a fill
  /// or a cancel. On the thread that will run the engine: caches and predictors belong to its core.
  WarmUpReport run(std::uint32_t orders) noexcept;

 private:
  void define();
  void define_people();
  void define_limits();
  void settle(OrderId id, std::uint32_t number) noexcept;
  [[nodiscard]] OrderId sent() noexcept;
  void turn() noexcept;

  platform::PosixStorage storage_;
  Clock clock_{VirtualTime{1'000'000'000}};
  journal::Journal journal_{storage_};
  std::unique_ptr<State> state_;
  std::unique_ptr<Engine> engine_;
  ClientPort* client_ = nullptr;
  VenuePort* venue_ = nullptr;
  std::uint64_t request_ = 0;
};

/// Reads every line that the next order of a recovered state is likely to need: definitions,
/// limits, routes, order slots, the places of the next ids in the tables. Changes nothing. Engine's
/// thread.
void touch(const State& state, std::uint32_t instance) noexcept;

}  // namespace gateway
