// The risk gate alone: a loop over random orders with the gate minus the same loop without it.
#include <algorithm>
#include <vector>

#include "benches.hpp"
#include "desk.hpp"

namespace gateway::bench {
namespace {

/// Random orders; about one in twenty breaks a limit (size, notional or collar).
std::vector<GateOrder> random_orders(std::size_t count, const InstrumentRow& row,
                                     std::int64_t now_ns) {
  Random random(11);
  std::vector<GateOrder> orders(count);
  for (GateOrder& order : orders) {
    const std::uint64_t bits = random.next();
    order.side = (bits & 1) != 0 ? Side::kBuy : Side::kSell;
    order.is_reduce_only = false;
    order.counts_as_order = true;
    order.price = Desk::kMid + static_cast<std::int64_t>(bits >> 8 & 0xFFFF) - 0x8000;
    order.quantity = 1 + static_cast<std::int64_t>(bits >> 32 & 0x1FFF);
    const std::uint64_t fate = random.below(60);
    if (fate == 0) order.quantity = 200'000;
    if (fate == 1) order.price = order.side == Side::kBuy ? Desk::kMid * 2 : Desk::kMid / 2;
    if (fate == 2) order.quantity = 190'000;
    order.collar_reference = Desk::kMid;
    order.added_quantity = order.quantity;
    order.notional_e4 = row.amount_e4(order.price, order.quantity);
    order.added_notional_e4 = order.notional_e4;
    order.now_ns = now_ns;
  }
  return orders;
}

double cold_p50(const GateView& view, const std::vector<GateOrder>& orders, const Place& place) {
  std::vector<std::uint64_t> evictor((96ULL << 20) / 8, 1);
  const auto rounds = static_cast<std::size_t>(200 * place.scale) + 20;
  Samples samples(rounds);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < rounds; ++i) {
    for (std::size_t at = 0; at < evictor.size(); at += 8) sum += ++evictor[at];
    keep(sum);
    const GateOrder order = orders[i];
    const std::uint64_t begin = stamp();
    const bool passes = passes_gate(view, order);
    keep(passes);
    samples.add(begin, stamp());
  }
  return samples.quantile_ns(0.5);
}

}  // namespace

Figures risk(const Place& place) {
  Desk desk(place.memory_desk());
  // One order through the engine makes the route and its prepared limits.
  NewOrderMessage message;
  desk.fill_order(message);
  message.instrument = 1;
  keep(desk.engine().submit(message, desk.client().number));
  Route& route = desk.state().routes.at(desk.state().route_of_order(1, 1, Leg::kNet, 1));
  const GateView view = route.view();
  const auto orders = random_orders(1'000'000, *route.instrument_row, desk.engine().now_ns());
  std::size_t passed = 0;
  double with_ns = 1e300;
  double without_ns = 1e300;
  for (int round = 0; round < 10; ++round) {
    with_ns = std::min(with_ns, best_ns(1, orders.size(), [&] {
                         passed = 0;
                         for (const GateOrder& order : orders) {
                           keep(order);
                           passed += passes_gate(view, order) ? 1 : 0;
                         }
                         keep(passed);
                       }));
    without_ns = std::min(without_ns, best_ns(1, orders.size(), [&] {
                            std::size_t seen = 0;
                            for (const GateOrder& order : orders) {
                              keep(order);
                              seen += order.price != 0 ? 1 : 0;
                            }
                            keep(seen);
                          }));
  }
  const double refused = 1 - static_cast<double>(passed) / static_cast<double>(orders.size());
  const double cold = cold_p50(view, orders, place);
  desk.stop();
  // What passes_gate compares: 7 of the order and price, 3 positions, 1 reduce-only, 5 x 5 levels.
  return {{"hot_mean", with_ns - without_ns},
          {"cold_p50", cold},
          {"checks", 36},
          {"refused_share", refused}};
}

}  // namespace gateway::bench
