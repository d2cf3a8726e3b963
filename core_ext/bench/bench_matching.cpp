// The matching engine on two streams: mix A is an exchange's feed, mix B is mostly moves.
#include "benches.hpp"
#include "gateway_core/book/matching.hpp"

namespace gateway::bench {
namespace {

struct Operation {
  enum class Kind : std::uint8_t { kAdd, kImmediate, kCancel, kMove } kind;
  Side side;
  OrderId id;
  std::int64_t price;
  std::int64_t quantity;
};

constexpr std::size_t kOperations = 200'000;
constexpr std::size_t kBookTarget = 1'200;
constexpr std::int64_t kMid = 100'000;

/// Weights in percent. Cancels and moves name an order that was added, perhaps gone by now.
struct Mix {
  std::uint64_t add, immediate, cancel;  // the rest moves
};

std::vector<Operation> make_stream(const Mix& mix) {
  Random random(23);
  std::vector<Operation> stream;
  std::vector<OrderId> live;
  OrderId next = 1;
  const auto add = [&](Operation::Kind kind, std::int64_t distance_min) {
    const Side side = random.below(2) == 0 ? Side::kBuy : Side::kSell;
    const auto distance = distance_min + static_cast<std::int64_t>(random.below(50));
    const std::int64_t price = side == Side::kBuy ? kMid - distance : kMid + distance;
    stream.push_back({kind, side, next, price, 1 + static_cast<std::int64_t>(random.below(100))});
    if (kind == Operation::Kind::kAdd) live.push_back(next);
    ++next;
  };
  while (stream.size() < kBookTarget) add(Operation::Kind::kAdd, 1);
  while (stream.size() < kOperations + kBookTarget) {
    const std::uint64_t roll = random.below(100);
    if (roll < mix.add || live.empty()) {
      add(Operation::Kind::kAdd, 1);
    } else if (roll < mix.add + mix.immediate) {
      add(Operation::Kind::kImmediate, -8);
    } else {
      const std::size_t at = random.below(live.size());
      const bool is_cancel = roll < mix.add + mix.immediate + mix.cancel;
      const auto price = kMid + static_cast<std::int64_t>(random.below(101)) - 50;
      stream.push_back({is_cancel ? Operation::Kind::kCancel : Operation::Kind::kMove, Side::kBuy,
                        live[at], price, 0});
      if (is_cancel) {
        live[at] = live.back();
        live.pop_back();
      }
    }
  }
  return stream;
}

void run(MatchingEngine<>& engine, const Operation& one) {
  switch (one.kind) {
    case Operation::Kind::kCancel: keep(engine.cancel(one.id)); return;
    case Operation::Kind::kMove: keep(engine.replace(one.id, one.price, 0, 0)); return;
    default: break;
  }
  NewBookOrder order;
  order.order_id = one.id;
  order.side = one.side;
  order.time_in_force =
      one.kind == Operation::Kind::kAdd ? TimeInForce::kGtc : TimeInForce::kIoc;
  order.price = one.price;
  order.quantity = one.quantity;
  keep(engine.submit(order));
}

double mix_ns(const Mix& mix, const Place& place) {
  const auto stream = make_stream(mix);
  double best = 1e300;
  const int rounds = place.scale < 1 ? 3 : 15;
  for (int round = 0; round < rounds; ++round) {
    MatchingEngine<> engine(1, 1, 1 << 17);
    for (std::size_t i = 0; i < kBookTarget; ++i) run(engine, stream[i]);
    best = std::min(best, best_ns(1, kOperations, [&] {
      for (std::size_t i = kBookTarget; i < stream.size(); ++i) run(engine, stream[i]);
    }));
  }
  return best;
}

}  // namespace

Figures matching(const Place& place) {
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  return {{"mix_a", mix_ns({55, 8, 37}, place)}, {"mix_b", mix_ns({9, 3, 6}, place)}};
}

}  // namespace gateway::bench
