// Rows that one thread makes and others copy (balances, order slots, routes): a row that is counted
// is complete, a slot that is used again is never a mixture of two orders.
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "explore/machine.hpp"
#include "explore/mutants.hpp"
#define private public  // The counters of the tables are reset by hand.
#include "gateway_core/order/order_table.hpp"
#include "gateway_core/state/balances.hpp"
#include "gateway_core/state/route.hpp"
#undef private

using explore::require;
using gateway::Balance;
using gateway::BalanceTable;
using gateway::ChainIndex;
using gateway::KeyTable;
using gateway::Order;
using gateway::OrderTable;

namespace proof {

BalanceTable& balances() {
  static BalanceTable& table = []() -> BalanceTable& {
    const explore::Inside inside;
    return *new BalanceTable;
  }();
  {
    const explore::Inside inside;
    std::memset(static_cast<void*>(table.rows_.get()), 0, 2 * sizeof(Balance));
    table.count_ = 0;
    table.index_ = KeyTable(16);
  }
  explore::watch(table.rows_.get(), 2 * sizeof(Balance), 0, explore::Memory::kWords);
  explore::watch(&table.count_, sizeof table.count_);
  explore::name(&table.count_, 4, "count");
  explore::name(table.rows_.get(), sizeof(Balance), "row 0");
  explore::name(table.rows_.get() + 1, sizeof(Balance), "row 1");
  return table;
}

void a_counted_balance_is_complete() {
  BalanceTable* table = &balances();
  explore::thread("engine", [table] {
    require(table->add(3, 5, 100, 1), "there is room");
    require(table->add(3, 6, 200, 2), "there is room");
  });
  explore::thread("reader", [table] {
    const std::uint32_t count = table->count();
    for (std::uint32_t i = 0; i < count; ++i) {
      Balance copy;
      if (!gateway::read(table->at(i), copy, 2)) continue;
      require(copy.account == 3 && copy.currency == 5 + i, "a counted row has its names");
      require(copy.total_e18 == (copy.sequence == 0 ? 0 : 100 * (i + 1)),
              "an amount goes with its sequence");
    }
  });
}

OrderTable& orders(std::uint32_t capacity) {
  static OrderTable& table = []() -> OrderTable& {
    const explore::Inside inside;
    return *new OrderTable(2);
  }();
  {
    const explore::Inside inside;
    table.capacity_ = capacity;
    table.used_ = 0;
    table.open_ = table.terminal_ = {};
    std::memset(static_cast<void*>(&table.slots_[0]), 0, 2 * sizeof(Order));
    table.by_id_ = ChainIndex<Order, &Order::id_next>(2);
    table.by_number_ = ChainIndex<Order, &Order::number_next>(2);
    table.by_venue_id_ = ChainIndex<Order, &Order::venue_id_next>(2);
  }
  explore::watch(&table.slots_[0], 2 * sizeof(Order), 0, explore::Memory::kWords);
  explore::watch(&table.by_id_.first_[0], (table.by_id_.mask_ + 1) * sizeof(std::uint32_t));
  explore::watch(&table.used_, 4);
  explore::name(&table.used_, 4, "used");
  explore::name(&table.slots_[0].version, 8, "version");
  explore::name(&table.slots_[0].order_id, 8, "order id");
  explore::name(&table.slots_[0], sizeof(Order), "slot 0");
  explore::name(&table.slots_[1], sizeof(Order), "slot 1");
  return table;
}

/// As the engine does: the slot, then its fields between two versions.
void begin(OrderTable& table, gateway::OrderId id) {
  Order& order = table.at(table.take(id));
  gateway::begin_write(order.version);
  gateway::put(order.created_ns, static_cast<std::int64_t>(id * 10));
  gateway::put(order.state, 1);
  gateway::end_write(order.version);
}
void look(const OrderTable& table, std::uint32_t slot) {
  if (table.used() <= slot) return;
  Order copy;
  if (!gateway::read(table.at(slot), copy, 2) || copy.state == 0) return;
  require(copy.order_id != 0 && copy.created_ns == static_cast<std::int64_t>(copy.order_id * 10),
          "a slot is one order");
}

void a_slot_is_used_again() {
  OrderTable* table = &orders(1);
  explore::thread("engine", [table] {
    begin(*table, 7);
    table->retire(0);
    begin(*table, 8);
  });
  explore::thread("reader", [table] { look(*table, 0); });
}
void slots_are_counted() {
  OrderTable* table = &orders(2);
  auto* before = new std::uint64_t(0);
  explore::thread("engine", [table, before] {
    begin(*table, 7);
    *before = 1;
    begin(*table, 8);
  });
  explore::thread("reader", [table, before] {
    if (table->used() == 2) require(*before == 1, "what came before a counted slot is there");
  });
}

/// Routes that are made while positions are copied: an index below count() is a whole row.
struct Routes {
  gateway::Registry registry;
  gateway::OwnQuotes own{4, gateway::kInstrumentsMax};
  gateway::RouteTable table{4, registry, own};
};
gateway::RouteTable& routes() {
  static Routes& made = []() -> Routes& {
    const explore::Inside inside;
    Routes& fresh = *new Routes;
    for (std::uint32_t id = 1; id <= 2; ++id) {
      (void)fresh.registry.venues.define(id);
      (void)fresh.registry.accounts.define(id);
      (void)fresh.registry.strategies.define(id);
      fresh.registry.instruments.define(id)->definition.venue = 1;
    }
    return fresh;
  }();
  gateway::RouteTable& table = made.table;
  {
    const explore::Inside inside;
    for (int i = 0; i < 4; ++i) {
      table.routes_[i] = {};
      table.positions_[i] = {};
    }
    table.count_ = table.exposure_count_ = 0;
    table.index_ = KeyTable(4);
    table.exposure_index_ = KeyTable(12);
    table.last_key_ = {};
    table.last_route_ = gateway::RouteTable::kNone;
  }
  explore::watch(&table.positions_[0], 2 * sizeof(gateway::Position), 0, explore::Memory::kWords);
  explore::watch(&table.count_, sizeof table.count_);
  explore::name(&table.count_, 4, "route count");
  explore::name(&table.positions_[0], sizeof(gateway::Position), "position 0");
  explore::name(&table.positions_[1], sizeof(gateway::Position), "position 1");
  return table;
}

void a_counted_route_is_complete() {
  gateway::RouteTable* table = &routes();
  auto* before = new std::uint64_t(0);
  explore::thread("engine", [table, before] {
    for (std::uint32_t id = 1; id <= 2; ++id) {
      *before = id;
      const std::uint32_t index =
          table->find_or_make(id, id, gateway::Leg::kLong, gateway::MarginMode::kCross, id);
      require(index == id - 1, "there is room");
      gateway::Position& position = table->position(index);
      gateway::begin_write(position.version);
      gateway::put(position.notional_e4, std::int64_t{10} * id);
      gateway::put(position.sequence, id);
      gateway::end_write(position.version);
    }
  });
  explore::thread("reader", [table, before] {
    const std::uint32_t count = table->count();
    if (count == 2) require(*before == 2, "what came before a counted route is there");
    for (std::uint32_t i = 0; i < count; ++i) {
      gateway::Position copy;
      if (!gateway::read(table->position(i), copy, 2)) continue;
      require(copy.account == i + 1 && copy.instrument == i + 1 && copy.strategy == i + 1 &&
                  copy.leg == 1 && copy.margin_mode == 1,
              "a counted route has its names");
      require(copy.notional_e4 == static_cast<std::int64_t>(10 * copy.sequence),
              "an amount goes with its sequence");
    }
  });
}

}  // namespace proof

TEST(rows_of_tables_hold_in_every_execution_and_every_planted_fault_is_caught) {
  using namespace proof;  // NOLINT
  explore::Limits limits;
  limits.random_executions = 1'000;
  limits.stale_loads = 2;    // of 56 words of an order
  limits.has_moved = false;  // a wrong slot number would be followed anywhere
  explore::prove("tables",
                 {a_counted_balance_is_complete, a_slot_is_used_again, slots_are_counted,
                  a_counted_route_is_complete},
                 {}, 14, limits);
}
