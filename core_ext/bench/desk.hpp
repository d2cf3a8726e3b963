// A desk for the benches: the production engine, opened like the daemon opens it, with a venue, two
// instruments, an account, strategies and limits at all five levels. Nothing is bypassed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "desk_options.hpp"
#include "gateway_core/engine/runtime.hpp"
#include "measure.hpp"

namespace gateway::bench {

class Desk {
 public:
  static constexpr std::int64_t kMid = 6'000'000;  // 60,000.00
  static constexpr std::size_t kPortEntries = 65'536;

  explicit Desk(const DeskOptions& options);

  [[nodiscard]] Engine& engine() noexcept { return runtime_->engine(); }
  [[nodiscard]] Runtime& runtime() noexcept { return *runtime_; }
  [[nodiscard]] State& state() noexcept { return runtime_->state(); }
  [[nodiscard]] ClientPort& client() noexcept { return *client_; }
  [[nodiscard]] VenuePort& venue() noexcept { return *venue_; }

  /// The next order: both sides, prices and sizes that vary, numeric client id.
  void fill_order(NewOrderMessage& message, TimeInForce tif = TimeInForce::kGtc) noexcept;
  /// One venue fact about an order.
  void tell(RecordKind kind, OrderId id, FactReason reason = FactReason::kNone) noexcept;
  void fill(OrderId id, Side side, std::int64_t price, std::int64_t quantity) noexcept;
  /// A fill of the desk's own numbering, everything but order, side, price and quantity prepared.
  void prepare_fill(OrderFilled& out, OrderId id, Side side, std::int64_t price,
                    std::int64_t quantity) noexcept;
  /// Fresh reference prices, as the venue's stream would bring.
  void mark() noexcept;
  /// What the adapter and the client do: take what waits and forget it.
  void drain() noexcept;
  /// Waits until the journal ring holds at most a quarter.
  void wait_for_journal() noexcept;
  bool stop() { return runtime_->stop(); }

 private:
  void define(std::uint32_t open_orders_side_max);
  void define_names();
  void define_limits(std::uint32_t open_orders_side_max);

  std::unique_ptr<Runtime> runtime_;
  ClientPort* client_ = nullptr;
  VenuePort* venue_ = nullptr;
  Random random_{7};
  std::uint64_t number_ = 0;
  std::uint64_t trade_ = 0;
};

}  // namespace gateway::bench
