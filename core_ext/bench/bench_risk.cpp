// The risk gate alone: a loop over random orders with the gate minus the same loop without it.
#include <algorithm>
#include <stdexcept>
#include <vector>

#include "benches.hpp"
#include "desk.hpp"
#include "gateway_core/journal/kill_word.hpp"

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
  // What passes_gate compares: 9 of the order and price, 3 positions, 1 reduce-only, 5 x 6 levels.
  return {{"hot_mean", with_ns - without_ns},
          {"cold_p50", cold},
          {"checks", 43},
          {"refused_share", refused}};
}

namespace {

constexpr std::size_t kWorking = 10'000;

void rest_orders(Desk& desk, std::vector<OrderId>& open) {
  NewOrderMessage message;
  open.clear();
  while (open.size() < kWorking) {
    desk.fill_order(message);
    const Notice notice = desk.engine().submit(message, desk.client().number);
    if (notice.refusal != 0) throw std::runtime_error("bench: an order was refused");
    desk.tell(RecordKind::kOrderAccepted, notice.order_id);
    open.push_back(notice.order_id);
    if (open.size() % 1'000 == 0) {
      desk.wait_for_journal();
      desk.drain();
      desk.mark();
    }
  }
  desk.wait_for_journal();
  desk.drain();
}

void end_orders(Desk& desk, const std::vector<OrderId>& open) {
  TradingStateSet enable{};
  enable.level = static_cast<std::uint32_t>(Level::kFirm);
  enable.actor.assign("bench");
  keep(desk.engine().record_control(RecordKind::kTradingStateSet, enable));
  for (std::size_t i = 0; i < open.size(); ++i) {
    desk.tell(RecordKind::kOrderCanceled, open[i], FactReason::kRequested);
    if (i % 1'000 == 0) desk.wait_for_journal();
  }
  desk.drain();
  desk.mark();
}

}  // namespace

Figures kill(const Place& place) {
  Desk desk(place.desk());
  const std::size_t rounds = static_cast<std::size_t>(10 * place.scale) + 3;
  std::vector<double> times;
  std::vector<OrderId> open;
  for (std::size_t round = 0; round < rounds; ++round) {
    rest_orders(desk, open);
    std::string error;
    if (journal::raise_kill_word(place.ring_directory, error) == 0) throw std::runtime_error(error);
    const std::int64_t begin = monotonic_ns();
    while (desk.venue().outbound.size() < kWorking) keep(desk.engine().turn(1));
    times.push_back(static_cast<double>(monotonic_ns() - begin) / 1e6);
    end_orders(desk, open);
  }
  desk.stop();
  std::sort(times.begin(), times.end());
  return {{"p50", times[times.size() / 2]},
          {"max", times.back()},
          {"orders", static_cast<double>(kWorking)}};
}

}  // namespace gateway::bench
