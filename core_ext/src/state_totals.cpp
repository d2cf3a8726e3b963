// Adding everything up anew, beside the running totals.

#include <unordered_map>

#include "gateway_core/state/totals.hpp"

namespace gateway {
namespace {

struct Sums {
  std::unordered_map<const Exposure*, Exposure> exposures;
  std::unordered_map<const LevelEntity*, LevelTotals> levels;

  void add(const Route& route, const Order& order) {
    const int side = index_of(order.side);
    for (const Exposure* exposure :
         {route.shared, route.account_exposure, route.strategy_exposure}) {
      exposures[exposure].working[side] += order.reserved_quantity;
    }
    const int open = is_open(static_cast<OrderState>(order.state)) ? 1 : 0;
    for (const LevelEntity* level : route.levels) {
      LevelTotals& totals = levels[level];
      totals.gross_e4 += order.reserved_notional_e4;
      totals.working_e4[side] += order.reserved_notional_e4;
      totals.open_orders[side] += open;
    }
  }
  void add(const Route& route, const Position& position) {
    const std::int64_t amount_e4 = position.notional_e4;
    for (const Exposure* exposure :
         {route.shared, route.account_exposure, route.strategy_exposure}) {
      exposures[exposure].position += position.book.quantity;
    }
    for (const LevelEntity* level : route.levels) {
      levels[level].net_e4 += position.book.quantity > 0 ? amount_e4 : -amount_e4;
      levels[level].gross_e4 += amount_e4;
    }
  }
};

std::string differs(const std::string& what, std::int64_t told, std::int64_t sum) {
  if (told == sum) return {};
  return what + " is " + std::to_string(told) + ", its parts add up to " + std::to_string(sum);
}

std::string differing(const Route& route, Sums& sums) {
  constexpr const char* kExposures[] = {"instrument", "account", "strategy"};
  constexpr const char* kLevelWords[] = {"instrument", "strategy", "account", "venue", "firm"};
  const std::string where = "account " + std::to_string(route.account) + ", instrument " +
                            std::to_string(route.instrument) + ", strategy " +
                            std::to_string(route.strategy) + ": ";
  const Exposure* exposures[] = {route.shared, route.account_exposure, route.strategy_exposure};
  for (int i = 0; i < 3; ++i) {
    const Exposure& told = *exposures[i];
    const Exposure& sum = sums.exposures[&told];
    const std::string of = where + kExposures[i] + " ";
    for (const std::string& text :
         {differs(of + "position", told.position, sum.position),
          differs(of + "reserved buys", told.working[0], sum.working[0]),
          differs(of + "reserved sells", told.working[1], sum.working[1])}) {
      if (!text.empty()) return text;
    }
  }
  for (int i = 0; i < kLevels; ++i) {
    const LevelTotals& told = route.levels[i]->totals;
    const LevelTotals& sum = sums.levels[route.levels[i]];
    const std::string of = where + kLevelWords[i] + " ";
    for (const std::string& text :
         {differs(of + "gross amount", told.gross_e4, sum.gross_e4),
          differs(of + "net amount", told.net_e4, sum.net_e4),
          differs(of + "reserved amount of buys", told.working_e4[0], sum.working_e4[0]),
          differs(of + "reserved amount of sells", told.working_e4[1], sum.working_e4[1]),
          differs(of + "open buys", told.open_orders[0], sum.open_orders[0]),
          differs(of + "open sells", told.open_orders[1], sum.open_orders[1])}) {
      if (!text.empty()) return text;
    }
  }
  return {};
}

std::string compare(const State& state, Sums& sums) {
  for (std::uint32_t index = 0; index < state.routes.count(); ++index) {
    const std::string found = differing(state.routes.at(index), sums);
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace

std::string differing_total(const State& state) {
  Sums sums;
  const auto add = [&](std::uint32_t slot) {
    const Order& order = state.orders.at(slot);
    sums.add(state.routes.at(order.route), order);
  };
  for (std::uint32_t index = 0; index < state.routes.count(); ++index) {
    sums.add(state.routes.at(index), state.routes.position(index));
  }
  state.orders.for_each_open(add);
  if (compare(state, sums).empty()) return {};
  state.orders.for_each_terminal(add);
  return compare(state, sums);
}

}  // namespace gateway
