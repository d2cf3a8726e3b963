// The position update alone: what one execution and its fee make of a held position, and the write
// into the row that readers copy. The engine's own functions; no order, duplicate check, journal or
// limit is in it.
#include <stdexcept>
#include <vector>

#include "benches.hpp"
#include "desk.hpp"
#include "gateway_core/state/execution.hpp"
#include "gateway_core/state/route.hpp"

namespace gateway::bench {
namespace {

constexpr CurrencyId kSettle = 2;
constexpr std::size_t kFills = 1'024;
constexpr std::int64_t kHeld = 1'000'000'000;  // more than all fills of a round can close

struct Execution {
  Side side = Side::kBuy;
  std::int64_t quantity = 0;
  Money value;
  Money fee;
};

/// The desk's linear instrument: prices with 2 decimals, quantities with 3.
InstrumentRow instrument() {
  InstrumentRow row;
  row.definition.settle = kSettle;
  row.rules.price_scale = 2;
  row.rules.quantity_scale = 3;
  return row;
}

template <typename SideOf>
std::vector<Execution> executions(const InstrumentRow& row, SideOf&& side_of) {
  Random random(11);
  std::vector<Execution> made(kFills);
  for (Execution& one : made) {
    one.side = side_of(random);
    one.quantity = 1 + static_cast<std::int64_t>(random.below(100'000));
    const std::int64_t price = Desk::kMid + static_cast<std::int64_t>(random.below(97));
    one.value = value_of(row.rules, price, 2, one.quantity).value();
    one.fee = {one.value.e18 / 10'000};
  }
  return made;
}

void apply_all(Position& position, const InstrumentRow& row, const std::vector<Execution>& all) {
  for (const Execution& one : all) {
    PositionBook book = position.book;
    if (!apply_execution(book, row, one.side, one.quantity, one.value, one.fee, kSettle))
      throw std::runtime_error("bench: a fill left the exact range");
    begin_write(position.version);
    put_all(position.book, book);
    end_write(position.version);
  }
}

/// What was paid and held, counted apart: exact sums, whatever was realised on the way.
void check(const PositionBook& before, const PositionBook& after,
           const std::vector<Execution>& all) {
  PositionBook sums = before;
  Int128 cash = before.cost_e18 - before.realised_e18;
  for (const Execution& one : all) {
    sums.quantity += sign_of(one.side) * one.quantity;
    sums.fees_e18 += one.fee.e18;
    cash += sign_of(one.side) * one.value.e18;
  }
  if (after.quantity != sums.quantity || after.fees_e18 != sums.fees_e18 ||
      after.cost_e18 - after.realised_e18 != cash) {
    throw std::runtime_error("bench: the position is not exact");
  }
}

/// Median over rounds of the mean of one round, each from the same position.
template <typename SideOf>
double ns_each(const Place& place, std::int64_t held, SideOf&& side_of) {
  const InstrumentRow row = instrument();
  const auto all = executions(row, side_of);
  Position start;
  start.book.quantity = held;
  start.book.cost_e18 = value_of(row.rules, Desk::kMid, 2, held).value().e18;
  Samples rounds(static_cast<std::size_t>(4'000 * place.scale) + 20);
  while (!rounds.is_full()) {
    Position position = start;
    const std::uint64_t begin = stamp();
    apply_all(position, row, all);
    rounds.add(begin, stamp());
    check(start.book, position.book, all);
  }
  return rounds.quantile_ns(0.5) / static_cast<double>(kFills);
}

}  // namespace

Figures positions(const Place& place) {
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  return {
      {"adding", ns_each(place, kHeld, [](Random&) { return Side::kBuy; })},
      {"reducing", ns_each(place, kHeld, [](Random&) { return Side::kSell; })},
      {"both",
       ns_each(place, 0,
               [](Random& random) { return random.below(2) == 0 ? Side::kBuy : Side::kSell; })},
  };
}

}  // namespace gateway::bench
