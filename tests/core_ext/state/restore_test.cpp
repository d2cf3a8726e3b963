// A snapshot whose checksum is right and whose contents are not: refused, each broken field by
// itself, and nothing is ever read outside a table. One that is right comes back as it was.
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>

#include "check.hpp"
#include "fuzz/small_desk.hpp"
#include "gateway_core/state/snapshot_tables.hpp"
#include "gateway_core/state/totals.hpp"

using namespace small;  // NOLINT

namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kPositionBytes = 128;  // names, sequence, amounts, and the book at 64
constexpr std::size_t kNameBytes = 16;

const Bytes& base() {
  static const Bytes bytes = make_base();
  return bytes;
}

SnapshotTableEntry table_of(SnapshotTable table) {
  SnapshotTableEntry entry;
  std::memcpy(&entry, base().data() + 16 + (static_cast<std::size_t>(table) - 1) * sizeof entry,
              sizeof entry);
  return entry;
}

std::size_t row_of(SnapshotTable table, std::size_t row) {
  const SnapshotTableEntry entry = table_of(table);
  return entry.offset + row * entry.row_bytes;
}

bool restores(const Bytes& bytes) {
  // Exactly these bytes on the heap: one read too far is seen by the address sanitizer.
  auto state = std::make_unique<State>(kCapacity);
  return state->restore(bytes.data(), bytes.size());
}

template <typename Value>
Bytes with(std::size_t at, Value value, Bytes bytes = base()) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

template <typename Value>
void refuses(std::size_t at, Value value, const char* what) {
  if (restores(with(at, value))) check::fail(__FILE__, __LINE__, what);
}

#define REFUSES_ROW(table, row, type, field, value)                       \
  refuses(row_of(SnapshotTable::table, row) + offsetof(type, field),      \
          static_cast<std::remove_cvref_t<decltype(type::field)>>(value), \
          #type "." #field " = " #value)
#define REFUSES(table, type, field, value) REFUSES_ROW(table, 0, type, field, value)

/// Where the remembered fills begin: behind the positions, their count and the first ordinal.
std::size_t fill_at(std::size_t index) {
  const SnapshotTableEntry positions = table_of(SnapshotTable::kPositions);
  return positions.offset + positions.rows * positions.row_bytes + 16 +
         index * (kNameBytes + sizeof(FillEntry)) + kNameBytes;
}

}  // namespace

TEST(what_was_written_comes_back_as_the_same_bytes) {
  CHECK(restores(base()));
  auto state = std::make_unique<State>(kCapacity);
  CHECK(state->restore(base().data(), base().size()));
  Bytes again;
  state->serialize(again);
  CHECK(again == base());
  CHECK(table_of(SnapshotTable::kOrders).rows == 12);
  CHECK(table_of(SnapshotTable::kPositions).row_bytes == kPositionBytes);
  CHECK(state->fills.total() == 6);
}

TEST(a_cut_or_prolonged_payload_is_refused) {
  for (std::size_t bytes = 0; bytes < base().size(); bytes += bytes < 600 ? 1 : 61) {
    const Bytes cut(base().begin(), base().begin() + static_cast<std::ptrdiff_t>(bytes));
    if (restores(cut)) check::fail(__FILE__, __LINE__, "cut at " + std::to_string(bytes));
  }
  Bytes longer = base();
  longer.push_back(0);
  CHECK(!restores(longer));
}

TEST(sizes_that_no_configuration_has_are_refused_before_memory_is_taken) {
  constexpr std::size_t kCapacityAt = sizeof kStateMagic + sizeof(SnapshotContents);
  CHECK(State::capacity_of(base().data(), base().size()) == kCapacity);
  for (const std::size_t field : {0U, 4U, 8U}) {
    for (const std::uint32_t size : {0U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
      const Bytes bytes = with(kCapacityAt + field, size);
      CHECK(!State::capacity_of(bytes.data(), bytes.size()));
    }
  }
}

TEST(an_order_with_a_broken_field_is_refused) {
  REFUSES(kOrders, Order, order_id, 0);
  REFUSES_ROW(kOrders, 1, Order, order_id, 1);  // below the one before it
  REFUSES_ROW(kOrders, 11, Order, order_id, ~std::uint64_t{0});
  REFUSES(kOrders, Order, side, 0);
  REFUSES(kOrders, Order, side, 200);
  REFUSES(kOrders, Order, type, 0);
  REFUSES(kOrders, Order, type, 5);
  REFUSES(kOrders, Order, time_in_force, 2);
  REFUSES(kOrders, Order, state, 0);
  REFUSES(kOrders, Order, state, 11);
  REFUSES(kOrders, Order, state, 255);
  REFUSES(kOrders, Order, overlay, 3);
  REFUSES(kOrders, Order, overlay, 16);
  REFUSES(kOrders, Order, leg, 3);
  REFUSES(kOrders, Order, margin_mode, 3);
  REFUSES(kOrders, Order, account, 0);
  REFUSES(kOrders, Order, account, 2);
  REFUSES(kOrders, Order, instrument, 0xFFFFFFFF);
  REFUSES(kOrders, Order, strategy, 2);
  REFUSES(kOrders, Order, strategy, 0xFFFFFFFF);
  REFUSES(kOrders, Order, principal, 2);
  REFUSES(kOrders, Order, quantity, 0);
  REFUSES(kOrders, Order, quantity, kMost);
  REFUSES(kOrders, Order, price, -1);
  REFUSES(kOrders, Order, cumulative, -1);
  REFUSES(kOrders, Order, told_cumulative, -1);
  REFUSES(kOrders, Order, gate_price, kMost);
  REFUSES(kOrders, Order, reserved_quantity, -1);
  REFUSES(kOrders, Order, reserved_notional_e4, -1);
  REFUSES(kOrders, Order, reserved_notional_e4, kMost);
  REFUSES(kOrders, Order, pending_quantity, -1);
  REFUSES(kOrders, Order, is_renamed, 2);
  REFUSES(kOrders, Order, cross_ms, kCrossMsMax + 1);
}

TEST(reservations_that_do_not_add_up_are_refused) {
  const std::size_t field = offsetof(Order, reserved_quantity);
  const Bytes one = with(row_of(SnapshotTable::kOrders, 1) + field, kMost);
  CHECK(!restores(with(row_of(SnapshotTable::kOrders, 2) + field, kMost, one)));
}

TEST(a_version_that_would_keep_readers_waiting_is_not_taken_over) {
  auto state = std::make_unique<State>(kCapacity);
  const Bytes bytes =
      with(row_of(SnapshotTable::kOrders, 0) + offsetof(Order, version), std::uint64_t{7});
  CHECK(state->restore(bytes.data(), bytes.size()));
  Order copy;
  CHECK(read(state->orders.at(0), copy));
}

TEST(the_list_of_ended_orders_holds_each_once_and_no_open_one) {
  const SnapshotTableEntry orders = table_of(SnapshotTable::kOrders);
  const std::size_t list = orders.offset + orders.rows * orders.row_bytes;
  std::uint64_t count = 0;
  std::memcpy(&count, base().data() + list, sizeof count);
  CHECK(count >= 2);
  std::uint64_t first = 0;
  std::memcpy(&first, base().data() + list + 8, sizeof first);
  CHECK(!restores(with(list + 16, first)));                // one twice, another not at all
  CHECK(!restores(with(list, count - 1)));                 // one is missing
  CHECK(!restores(with(list + 8, std::uint64_t{12345})));  // nobody
  std::uint64_t open = 0;
  for (std::size_t row = 0; row < orders.rows && open == 0; ++row) {
    Order order;
    std::memcpy(static_cast<void*>(&order), base().data() + row_of(SnapshotTable::kOrders, row),
                sizeof order);
    if (is_open(static_cast<OrderState>(order.state))) open = order.order_id;
  }
  CHECK(open != 0 && !restores(with(list + 8, open)));
}

TEST(a_definition_with_a_broken_field_is_refused) {
  REFUSES(kInstruments, InstrumentDefined, id, 2);
  REFUSES(kInstruments, InstrumentDefined, id, 0);
  REFUSES(kInstruments, InstrumentDefined, venue, 2);
  REFUSES(kInstruments, InstrumentDefined, quote, 0);
  REFUSES(kInstruments, InstrumentDefined, settle, 99);
  REFUSES(kInstruments, InstrumentDefined, base, 0xFFFFFFFF);
  REFUSES(kInstruments, InstrumentDefined, kind, 0);
  REFUSES(kInstruments, InstrumentDefined, kind, 5);
  REFUSES(kInstruments, InstrumentDefined, price_scale, 255);
  REFUSES(kInstruments, InstrumentDefined, quantity_scale, 17);
  REFUSES(kInstruments, InstrumentDefined, tick, 0);
  REFUSES(kInstruments, InstrumentDefined, lot, -1);
  REFUSES(kInstruments, InstrumentDefined, multiplier, 0);
  REFUSES(kAccounts, AccountDefined, venue, 2);
  REFUSES(kAccounts, AccountDefined, durability, 4);
  REFUSES(kAccounts, AccountDefined, margin_mode, 3);
  REFUSES(kVenues, VenueDefined, id, 3);
  REFUSES_ROW(kCurrencies, 1, CurrencyDefined, id, 1);
  REFUSES(kStrategies, StrategyDefined, id, 255);
}

TEST(a_position_with_a_broken_field_is_refused) {
  const std::size_t row = row_of(SnapshotTable::kPositions, 0);
  const std::size_t book = row + kPositionBytes - sizeof(PositionBook);
  refuses(row, std::uint32_t{9}, "account");
  refuses(row + 4, std::uint32_t{9}, "instrument");
  refuses(row + 8, std::uint32_t{200}, "strategy");
  refuses(row + 12, std::uint16_t{3}, "leg");
  refuses(row + 14, std::uint16_t{258}, "margin mode");
  refuses(row + 16, std::uint64_t{0}, "sequence");
  refuses(row + 24, std::int64_t{-1}, "notional");
  refuses(row + 24, kMost, "notional");
  refuses(row + 32, std::uint64_t{7}, "last fill");
  refuses(book + offsetof(PositionBook, quantity), kMost, "quantity");
  refuses(book + offsetof(PositionBook, state), std::uint8_t{6}, "state");
  refuses(book + offsetof(PositionBook, cost_e18) + 8, kMost, "cost");
}

TEST(a_fill_with_a_broken_field_is_refused) {
  const std::size_t fill = fill_at(0);
  FillEntry entry;
  std::memcpy(static_cast<void*>(&entry), base().data() + fill, sizeof entry);
  CHECK(entry.quantity == 1000);  // the place is right
  refuses(fill + offsetof(FillEntry, key), Key128{}, "key");
  refuses(fill + offsetof(FillEntry, previous), std::uint64_t{1}, "its own predecessor");
  refuses(fill + offsetof(FillEntry, previous), ~std::uint64_t{0}, "a later predecessor");
  refuses(fill + offsetof(FillEntry, quantity), std::int64_t{-1}, "quantity");
  refuses(fill + offsetof(FillEntry, side), std::uint8_t{3}, "side");
  refuses(fill + offsetof(FillEntry, price_scale), std::uint8_t{19}, "price scale");
  refuses(fill + offsetof(FillEntry, fee_currency), std::uint32_t{512}, "fee currency");
  refuses(fill + offsetof(FillEntry, value_e18) + 8, kMost, "value");
  refuses(fill - kNameBytes, std::uint32_t{2}, "account");
  const std::size_t total = fill - kNameBytes - 16;
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{5}, ~std::uint64_t{0}}) {
    refuses(total, value, "total");
    refuses(total + 8, value, "first");
  }
}

TEST(a_balance_of_nobody_or_of_nothing_is_refused) {
  const std::size_t row = row_of(SnapshotTable::kBalances, 0);
  refuses(row + offsetof(Balance, account), std::uint32_t{0}, "account 0");
  refuses(row + offsetof(Balance, account), std::uint32_t{2}, "account 2");
  refuses(row + offsetof(Balance, currency), std::uint32_t{3}, "currency 3");
  REFUSES(kCollaterals, Collateral, account, 0);
  REFUSES(kCollaterals, Collateral, account, 2);
  REFUSES(kCollaterals, Collateral, instrument, 2);
  REFUSES(kCollaterals, Collateral, leg, 3);
  REFUSES(kCollaterals, Collateral, leg, 2);  // as the row behind it
  REFUSES(kCollaterals, Collateral, amount_e18, 0);
  REFUSES(kCollaterals, Collateral, amount_e18, -1);
  REFUSES(kCollaterals, Collateral, evidence, 6);
  REFUSES(kCollaterals, Collateral, venue_margin_mode, 1);  // nothing lies in a cross position
  REFUSES(kCollaterals, Collateral, venue_margin_mode, 4);
  REFUSES(kCollaterals, Collateral, reserved, 1);
}

TEST(no_single_broken_byte_ends_the_process) {
  // Every 37th byte (the words of a row are met at every place in time), with three patterns.
  for (std::size_t at = 0; at < base().size(); at += 37) {
    for (const int pattern : {0x00, 0x80, 0xFF}) {
      (void)restores(with(at, static_cast<std::uint8_t>(pattern)));
    }
  }
}

TEST(running_totals_that_are_not_their_sums_are_named) {
  auto state = std::make_unique<State>(kCapacity);
  CHECK(state->restore(base().data(), base().size()));
  CHECK_EQUAL(differing_total(*state), std::string());
  const auto is_named = [&](std::int64_t& total, const char* word) {
    for (const std::int64_t by : {1, -1}) {
      total += by;
      CHECK(differing_total(*state).find(word) != std::string::npos);
      total -= by;
    }
  };
  for (std::uint32_t index = 0; index < state->routes.count(); ++index) {
    Route& route = state->routes.at(index);
    for (Exposure* exposure : {route.shared, route.account_exposure, route.strategy_exposure}) {
      is_named(exposure->position, "position");
      is_named(exposure->working[0], "reserved buys");
      is_named(exposure->working[1], "reserved sells");
    }
    for (LevelEntity* level : route.levels) {
      is_named(level->totals.gross_e4, "gross amount");
      is_named(level->totals.net_e4, "net amount");
      is_named(level->totals.working_e4[0], "reserved amount of buys");
      is_named(level->totals.open_orders[1], "open sells");
    }
  }
  CHECK_EQUAL(differing_total(*state), std::string());
}
