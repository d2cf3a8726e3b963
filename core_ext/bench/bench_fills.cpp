// Fills: one at a time, with few and many fills held, and as a sustained stream.
#include <stdexcept>

#include "benches.hpp"
#include "desk.hpp"

namespace gateway::bench {
namespace {

constexpr std::int64_t kOrderQuantity = 100'000;  // 100 units: the largest the limits allow

/// Opens `count` orders and returns them accepted, so that fills meet resting orders.
std::vector<OrderId> open_orders(Desk& desk, std::size_t count) {
  std::vector<OrderId> ids;
  NewOrderMessage message;
  for (std::size_t i = 0; i < count; ++i) {
    desk.fill_order(message);
    message.instrument = 1;
    message.quantity = kOrderQuantity;
    message.price = Desk::kMid - static_cast<std::int64_t>(i % 5'000);
    message.side = i % 2 == 0 ? Side::kBuy : Side::kSell;
    const Notice notice = desk.engine().submit(message, desk.client().number);
    if (notice.refusal != 0) {
      throw std::runtime_error("bench: refused, code " + std::to_string(notice.refusal));
    }
    ids.push_back(notice.order_id);
    desk.tell(RecordKind::kOrderAccepted, notice.order_id);
    if (i % 64 == 0) desk.drain();
  }
  desk.drain();
  return ids;
}

Side side_of(std::size_t order) { return order % 2 == 0 ? Side::kBuy : Side::kSell; }

void measure_single(Desk& desk, const std::vector<OrderId>& orders, std::size_t count,
                    Samples& samples) {
  OrderFilled told;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t order = i % orders.size();
    desk.prepare_fill(told, orders[order], side_of(order), Desk::kMid + static_cast<int>(i % 97),
                      7);
    const std::uint64_t begin = stamp();
    desk.engine().on_fill(told);
    samples.add(begin, stamp());
    if (i % 64 == 0) desk.drain();
    if (i % 4'096 == 0) desk.wait_for_journal();
  }
}

/// Prepared fills, applied as one stream; preparing is not timed.
double fills_per_second(Desk& desk, const std::vector<OrderId>& orders, const Place& place) {
  std::vector<OrderFilled> batch(8'192);
  double ticks = 0;
  std::size_t done = 0;
  const auto wanted = static_cast<std::size_t>(4'000'000 * place.scale) + batch.size();
  while (done < wanted) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::size_t order = (done + i) % orders.size();
      desk.prepare_fill(batch[i], orders[order], side_of(order),
                        Desk::kMid + static_cast<int>(i % 97), 3);
    }
    desk.wait_for_journal();
    const std::uint64_t begin = stamp();
    const std::size_t taken = desk.engine().on_fills(batch.data(), batch.size());
    ticks += static_cast<double>(stamp() - begin);
    if (taken != batch.size()) throw std::runtime_error("bench: the ring is full");
    desk.drain();
    done += batch.size();
  }
  return static_cast<double>(done) / (ticks * Timer::get().ns_per_tick / 1e9);
}

}  // namespace

Figures fills(const Place& place) {
  Desk desk(place.desk());
  const auto orders = open_orders(desk, 1'024);
  Samples few(1'000);
  measure_single(desk, orders, 100, few);
  few.clear();
  measure_single(desk, orders, 1'000, few);
  const auto held = static_cast<std::size_t>(100'000 * place.scale) + 1'000;
  Samples all(held);
  measure_single(desk, orders, held, all);
  Samples many(1'000);
  measure_single(desk, orders, 1'000, many);
  desk.stop();

  Desk stream(place.memory_desk());
  const auto stream_orders = open_orders(stream, 1'024);
  const double rate = fills_per_second(stream, stream_orders, place);
  stream.stop();
  return {{"p50", all.quantile_ns(0.5)},
          {"p99", all.quantile_ns(0.99)},
          {"held_100", few.quantile_ns(0.5)},
          {"held_100000", many.quantile_ns(0.5)},
          {"per_second", rate}};
}

}  // namespace gateway::bench
