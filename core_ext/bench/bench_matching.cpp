// The matching engine on two streams: mix A is a venue's feed, mix B is mostly moves; over the
// ladder as venues use it, with more rules, and over the other books.
#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "benches.hpp"
#include "gateway_core/book/matching.hpp"
#include "gateway_core/book/skip_book.hpp"

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
constexpr std::uint64_t kAccounts = 100;

/// Weights in percent; the rest moves. An immediate order takes what it can and never rests.
struct Mix {
  std::uint64_t add, immediate, cancel;
  std::uint64_t immediate_quantity_max;
};

template <typename Engine>
const MatchEvents& run(Engine& engine, const Operation& one) {
  switch (one.kind) {
    case Operation::Kind::kCancel:
      return engine.cancel(one.id);
    case Operation::Kind::kMove:
      return engine.replace(one.id, one.price, 0, 0);
    default:
      break;
  }
  NewBookOrder order;
  order.order_id = one.id;
  order.account = static_cast<AccountId>(1 + one.id % kAccounts);
  order.side = one.side;
  order.time_in_force = one.kind == Operation::Kind::kAdd ? TimeInForce::kGtc : TimeInForce::kIoc;
  order.price = one.price;
  order.quantity = one.quantity;
  return engine.submit(order);
}

/// Draws operations and lets a book of its own run them, so that it knows what is still open. An
/// order that was filled is named once more and then forgotten: venues reject such requests too.
class Stream {
 public:
  explicit Stream(const Mix& mix) : mix_(mix) {
    while (operations_.size() < kBookTarget) add();
    while (operations_.size() < kOperations + kBookTarget) {
      const std::uint64_t roll = random_.below(100);
      if (roll < mix.add || live_.empty())
        add();
      else if (roll < mix.add + mix.immediate)
        take();
      else
        change(roll < mix.add + mix.immediate + mix.cancel);
    }
  }
  [[nodiscard]] std::vector<Operation> operations() && { return std::move(operations_); }
  [[nodiscard]] double rejected_share() const {
    return static_cast<double>(rejected_) / static_cast<double>(operations_.size());
  }

 private:
  struct Live {
    OrderId id;
    Side side;
  };
  [[nodiscard]] Side side() noexcept { return random_.below(2) == 0 ? Side::kBuy : Side::kSell; }
  [[nodiscard]] std::int64_t resting_price(Side side) noexcept {
    const auto distance = 1 + static_cast<std::int64_t>(random_.below(50));
    return side == Side::kBuy ? kMid - distance : kMid + distance;
  }
  void push(const Operation& one) {
    operations_.push_back(one);
    const auto& events = run(engine_, one);
    for (const MatchEvent& event : events) {
      rejected_ +=
          event.kind == MatchKind::kCancelRejected || event.kind == MatchKind::kReplaceRejected;
    }
  }
  void add() {
    const Side mine = side();
    const auto quantity = 1 + static_cast<std::int64_t>(random_.below(100));
    push({Operation::Kind::kAdd, mine, next_, resting_price(mine), quantity});
    live_.push_back({next_++, mine});
  }
  void take() {
    const Side mine = side();
    const auto quantity = 1 + static_cast<std::int64_t>(random_.below(mix_.immediate_quantity_max));
    push({Operation::Kind::kImmediate, mine, next_++, resting_price(opposite(mine)), quantity});
  }
  void change(bool is_cancel) {
    const std::size_t at = random_.below(live_.size());
    const Live order = live_[at];
    const std::uint64_t rejected = rejected_;
    push({is_cancel ? Operation::Kind::kCancel : Operation::Kind::kMove, order.side, order.id,
          resting_price(order.side), 0});
    if (!is_cancel && rejected_ == rejected) return;
    live_[at] = live_.back();
    live_.pop_back();
  }

  Mix mix_;
  Random random_{23};
  MatchingEngine<> engine_{1, 1, 1 << 17};
  std::vector<Operation> operations_;
  std::vector<Live> live_;
  OrderId next_ = 1;
  std::uint64_t rejected_ = 0;
};

MatchingRules rules_with(SelfTrade self_trade, Allocation allocation) {
  MatchingRules rules;
  rules.orders_max = 1 << 17;
  rules.self_trade = self_trade;
  rules.allocation = allocation;
  return rules;
}

/// Every round runs the same requests, so each chunk of them has its own best time: what else the
/// machine does in between spoils single chunks only.
template <typename Engine>
double stream_ns(const std::vector<Operation>& stream, const MatchingRules& rules, int rounds) {
  constexpr std::size_t kChunk = 1'000;
  std::vector<double> best(kOperations / kChunk, 1e300);
  for (int round = 0; round < rounds; ++round) {
    Engine engine(rules);
    for (std::size_t i = 0; i < kBookTarget; ++i) keep(run(engine, stream[i]));
    for (std::size_t chunk = 0; chunk < best.size(); ++chunk) {
      const Operation* first = stream.data() + kBookTarget + chunk * kChunk;
      best[chunk] = std::min(best[chunk], best_ns(1, kOperations, [&] {
                               for (std::size_t i = 0; i < kChunk; ++i) keep(run(engine, first[i]));
                             }));
    }
  }
  return std::accumulate(best.begin(), best.end(), 0.0);
}

void measure(const Mix& mix, const std::string& name, const Place& place, Figures& figures) {
  Stream drawn(mix);
  figures.emplace_back("rejected_" + name, drawn.rejected_share());
  const auto stream = std::move(drawn).operations();
  const int rounds = place.scale < 1 ? 3 : 15;
  const auto plain = rules_with(SelfTrade::kAllowed, Allocation::kPriceTime);
  const auto prevented = rules_with(SelfTrade::kCancelOldest, Allocation::kPriceTime);
  const auto shared = rules_with(SelfTrade::kAllowed, Allocation::kProRata);
  const std::string mix_name = "mix_" + name;
  figures.emplace_back(mix_name, stream_ns<MatchingEngine<>>(stream, plain, rounds));
  figures.emplace_back(mix_name + "_self_trade",
                       stream_ns<MatchingEngine<>>(stream, prevented, rounds));
  figures.emplace_back(mix_name + "_pro_rata", stream_ns<MatchingEngine<>>(stream, shared, rounds));
  figures.emplace_back(mix_name + "_skiplist",
                       stream_ns<MatchingEngine<SkipBook<>>>(stream, plain, rounds));
  figures.emplace_back(mix_name + "_flat",
                       stream_ns<MatchingEngine<FlatBook>>(stream, plain, rounds));
}

}  // namespace

Figures matching(const Place& place) {
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  Figures figures;
  measure({55, 8, 37, 220}, "a", place, figures);
  measure({9, 3, 6, 100}, "b", place, figures);
  return figures;
}

}  // namespace gateway::bench
