// Snapshots in place: the public C header says what the state's rows are, a plain C program reads a
// file, and contents that lie or states of another version are refused.
#include "gateway_core/state/snapshot_tables.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "check.hpp"
#include "engine/engine_world.hpp"
#include "gateway_core/journal/snapshot.hpp"
#include "gateway_snapshot.h"
#include "random.hpp"

#define SAME(ours, theirs, field) \
  static_assert(offsetof(ours, field) == offsetof(theirs, field), #field)
#define ORDER(field) SAME(gateway::Order, gateway_snapshot_order, field)
ORDER(order_id);
ORDER(price);
ORDER(cumulative);
ORDER(state);
ORDER(overlay);
ORDER(side);
ORDER(type);
ORDER(time_in_force);
ORDER(flags);
ORDER(leg);
ORDER(margin_mode);
ORDER(instrument);
ORDER(account);
ORDER(strategy);
ORDER(principal);
ORDER(origin_port);
ORDER(reserved_notional_e4);
ORDER(created_ns);
ORDER(value_e18);
ORDER(updated_ns);
ORDER(sequence);
ORDER(trigger_price);
ORDER(display_quantity);
ORDER(expires_ns);
ORDER(pending_price);
ORDER(pending_quantity);
ORDER(venue_sequence);
ORDER(reason);
ORDER(reserved_quantity);
ORDER(venue_order_id);
ORDER(venue_time_ns);
ORDER(client_id);
ORDER(pending_client_id);
ORDER(original_price);
ORDER(original_quantity);
ORDER(pending_client_number);
ORDER(told_cumulative);
ORDER(gate_price);
ORDER(pending_gate_price);
ORDER(is_renamed);
ORDER(cross_ms);
ORDER(venue_id_hash);
ORDER(next);
ORDER(version);
static_assert(sizeof(gateway::Order) == sizeof(gateway_snapshot_order));
SAME(gateway::Balance, gateway_snapshot_balance, account);
SAME(gateway::Balance, gateway_snapshot_balance, total_e18);
SAME(gateway::Balance, gateway_snapshot_balance, sequence);
static_assert(sizeof(gateway::Balance) == sizeof(gateway_snapshot_balance));
SAME(gateway::Collateral, gateway_snapshot_collateral, account);
SAME(gateway::Collateral, gateway_snapshot_collateral, instrument);
SAME(gateway::Collateral, gateway_snapshot_collateral, amount_e18);
SAME(gateway::Collateral, gateway_snapshot_collateral, sequence);
SAME(gateway::Collateral, gateway_snapshot_collateral, venue_time_ns);
SAME(gateway::Collateral, gateway_snapshot_collateral, leg);
SAME(gateway::Collateral, gateway_snapshot_collateral, evidence);
static_assert(sizeof(gateway::Collateral) == sizeof(gateway_snapshot_collateral));
// The image of a position ends with its book.
constexpr std::size_t kBook = sizeof(gateway_snapshot_position) - sizeof(gateway::PositionBook);
static_assert(offsetof(gateway_snapshot_position, quantity) == kBook);
#define BOOK(field)                                                 \
  static_assert(offsetof(gateway_snapshot_position, field) ==       \
                    kBook + offsetof(gateway::PositionBook, field), \
                #field)
BOOK(fills);
BOOK(state);
BOOK(cost_e18);
BOOK(realised_e18);
BOOK(fees_e18);
SAME(gateway::InstrumentDefined, gateway_snapshot_instrument, kind);
SAME(gateway::InstrumentDefined, gateway_snapshot_instrument, tick);
SAME(gateway::InstrumentDefined, gateway_snapshot_instrument, notional_min_e8);
SAME(gateway::InstrumentDefined, gateway_snapshot_instrument, venue_symbol);
static_assert(sizeof(gateway::InstrumentDefined) == sizeof(gateway_snapshot_instrument));
SAME(gateway::AccountDefined, gateway_snapshot_account, durability);
SAME(gateway::AccountDefined, gateway_snapshot_account, name);
SAME(gateway::VenueDefined, gateway_snapshot_venue, name);
SAME(gateway::VenueDefined, gateway_snapshot_venue, ack_timeout_ms);
SAME(gateway::StrategyDefined, gateway_snapshot_strategy, name);
SAME(gateway::CurrencyDefined, gateway_snapshot_currency, code);
SAME(gateway::SnapshotTableEntry, gateway_snapshot_table, offset);
SAME(gateway::SnapshotTableEntry, gateway_snapshot_table, padding);
static_assert(gateway::journal::kSnapshotVersion == GATEWAY_SNAPSHOT_VERSION);
static_assert(sizeof(gateway_snapshot_contents) ==
              sizeof gateway::kStateMagic + sizeof(gateway::SnapshotContents));

namespace {

using namespace gateway;  // NOLINT
using Bytes = std::vector<std::uint8_t>;

/// A desk with open, filled and canceled orders, a position with collateral, and balances.
void trade(desk::World& world) {
  for (int i = 0; i < 7; ++i) {
    const Side side = i % 3 == 0 ? Side::kSell : Side::kBuy;
    const Notice notice = world.engine.submit(world.order(side, 1000 + i), world.client->number);
    CHECK_EQUAL(int{notice.refusal}, 0);
    if (i % 2 == 0) world.engine.on_fill(world.fill(notice.order_id, side, 400 + i));
    world.drain();
  }
  PositionCollateral told{};
  told.account = told.instrument = 1;
  told.amount.e18 = static_cast<Int128>(5) << 64;
  told.venue_time_ns = 9;
  told.evidence = static_cast<std::uint32_t>(Evidence::kStream);
  world.engine.on_collateral(told);
}

Bytes state_of(const State& state) {
  Bytes bytes;
  state.serialize(bytes);
  return bytes;
}

SnapshotTableEntry entry_of(const Bytes& payload, SnapshotTable table) {
  SnapshotTableEntry entry;
  std::memcpy(&entry, payload.data() + 16 + (static_cast<std::size_t>(table) - 1) * sizeof entry,
              sizeof entry);
  return entry;
}

/// A whole snapshot file in memory that begins where a page would.
struct File {
  explicit File(const Bytes& payload) : size(sizeof(gateway_journal_snapshot) + payload.size()) {
    memory = static_cast<std::uint8_t*>(std::aligned_alloc(4096, (size + 4095) / 4096 * 4096));
    auto* head = reinterpret_cast<gateway_journal_snapshot*>(memory);
    *head = {};
    std::memcpy(head->magic, GATEWAY_JOURNAL_SNAPSHOT_MAGIC, 8);
    head->version = GATEWAY_SNAPSHOT_VERSION;
    head->payload_bytes = payload.size();
    if (!payload.empty()) std::memcpy(memory + sizeof *head, payload.data(), payload.size());
  }
  ~File() { std::free(memory); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] const void* rows(std::uint32_t table, std::size_t row_bytes) {
    return gateway_snapshot_rows(memory, size, table, row_bytes, &count);
  }
  std::size_t size;
  std::uint8_t* memory;
  std::uint64_t count = 0;
};

std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string text;
  char part[256];
  while (std::fgets(part, sizeof part, pipe) != nullptr) text += part;
  CHECK_EQUAL(::pclose(pipe), 0);
  return text;
}

std::string expected_text(const State& state) {
  std::string text;
  std::vector<const Order*> orders;
  for (std::uint32_t slot = 0; slot < state.orders.used(); ++slot) {
    if (state.orders.at(slot).order_id != 0) orders.push_back(&state.orders.at(slot));
  }
  std::sort(orders.begin(), orders.end(),
            [](const Order* a, const Order* b) { return a->order_id < b->order_id; });
  for (const Order* order : orders) {
    text += "order " + std::to_string(order->order_id) + " " + std::to_string(order->quantity) +
            " " + std::to_string(order->cumulative) + " " + std::to_string(order->state) +
            " BTC-PERP\n";
  }
  const Position& position = state.routes.position(0);
  const auto words = [](Int128 amount) {
    return std::to_string(static_cast<std::int64_t>(amount >> 64)) + " " +
           std::to_string(static_cast<std::uint64_t>(amount)) + "\n";
  };
  text += "position 1 1 " + std::to_string(position.book.quantity) + " " +
          words(position.book.cost_e18);
  for (std::uint32_t i = 0; i < state.balances.count(); ++i) {
    const Balance& balance = state.balances.at(i);
    text += "balance " + std::to_string(balance.account) + " " + std::to_string(balance.currency) +
            " " + words(balance.total_e18);
  }
  const Collateral& collateral = state.collaterals.at(0);
  return text + "collateral 1 1 0 " + words(collateral.amount_e18);
}

}  // namespace

TEST(a_c_program_reads_a_snapshot_with_the_public_headers_alone) {
  desk::World world;
  trade(world);
  char name[] = "/tmp/gateway_snapshot_XXXXXX";
  const std::string directory = ::mkdtemp(name);
  platform::PosixStorage storage;
  const auto written = journal::write_snapshot(storage, directory, 1, {4096, 77, 1, 1},
                                               state_of(world.engine.state()));
  CHECK_EQUAL(written.error, 0);
  const std::string here = std::filesystem::path(__FILE__).parent_path();
  const std::string build = "cc -std=c11 -Wall -Wextra -Wpedantic -Werror -I" + here +
                            "/../../../core_ext/include " + here + "/read_snapshot.c -o " +
                            directory + "/read";
  CHECK_EQUAL(std::system(build.c_str()), 0);
  CHECK_EQUAL(output_of(directory + "/read " + directory + "/" + written.name),
              expected_text(world.engine.state()));
  std::filesystem::remove_all(directory);
}

TEST(rows_are_aligned_and_say_what_the_state_holds) {
  desk::World world;
  trade(world);
  File file(state_of(world.engine.state()));
  for (std::uint32_t table = 1; table <= kSnapshotTables; ++table) {
    const auto entry = entry_of(state_of(world.engine.state()), static_cast<SnapshotTable>(table));
    const void* rows = file.rows(table, entry.row_bytes);
    CHECK(rows != nullptr);
    CHECK_EQUAL(reinterpret_cast<std::uintptr_t>(rows) % 64, 0u);
  }
  const auto* orders = static_cast<const gateway_snapshot_order*>(
      file.rows(GATEWAY_SNAPSHOT_ORDERS, sizeof(gateway_snapshot_order)));
  CHECK_EQUAL(file.count, 7u);
  for (std::uint64_t i = 0; i < file.count; ++i) {
    const Order& order =
        world.engine.state().orders.at(world.engine.state().orders.find(orders[i].order_id));
    CHECK_EQUAL(orders[i].quantity, order.quantity);
    CHECK(std::bit_cast<Int128>(orders[i].value_e18) == order.value_e18);
    CHECK(i == 0 || orders[i].order_id > orders[i - 1].order_id);
  }
  CHECK(file.rows(GATEWAY_SNAPSHOT_ORDERS, 440) == nullptr);
  CHECK(file.rows(0, 64) == nullptr);
  CHECK(file.rows(10, 64) == nullptr);
  CHECK_EQUAL(file.count, 0u);
}

TEST(an_empty_state_has_empty_tables) {
  State state({64, 64, 64});
  File file(state_of(state));
  CHECK(file.rows(GATEWAY_SNAPSHOT_BALANCES, sizeof(gateway_snapshot_balance)) != nullptr);
  CHECK_EQUAL(file.count, 0u);
}

TEST(a_state_of_another_version_is_refused_whole) {
  desk::World world;
  trade(world);
  Bytes before = state_of(world.engine.state());
  before[7] = '1';
  CHECK(!State::capacity_of(before.data(), before.size()).has_value());
  State state(world.engine.state().capacity);
  CHECK(!state.restore(before.data(), before.size()));
  File file(before);
  CHECK(file.rows(GATEWAY_SNAPSHOT_ORDERS, sizeof(gateway_snapshot_order)) == nullptr);
}

TEST(contents_that_lie_are_refused_and_never_read_outside) {
  desk::World world;
  trade(world);
  const Bytes good = state_of(world.engine.state());
  constexpr std::size_t kEnd = sizeof kStateMagic + sizeof(SnapshotContents);
  check::Random random(11);
  for (std::size_t at = 0; at < kEnd; ++at) {
    Bytes bad = good;
    bad[at] = static_cast<std::uint8_t>(bad[at] ^ (1 + random.below(255)));
    State state(world.engine.state().capacity);
    CHECK(!state.restore(bad.data(), bad.size()));
    File file(bad);
    for (std::uint32_t table = 1; table <= kSnapshotTables; ++table) {
      const auto entry = entry_of(bad, static_cast<SnapshotTable>(table));
      const auto* rows = static_cast<const std::uint8_t*>(file.rows(table, entry.row_bytes));
      CHECK(rows == nullptr || (rows >= file.memory &&
                                rows + file.count * entry.row_bytes <= file.memory + file.size));
    }
  }
}

TEST(padding_that_is_not_zero_and_short_files_are_refused) {
  desk::World world;
  trade(world);
  const Bytes good = state_of(world.engine.state());
  for (std::uint32_t table = 1; table <= kSnapshotTables; ++table) {
    const auto entry = entry_of(good, static_cast<SnapshotTable>(table));
    if (entry.padding == 0) continue;
    Bytes bad = good;
    bad[entry.offset - 1] = 1;
    State state(world.engine.state().capacity);
    CHECK(!state.restore(bad.data(), bad.size()));
  }
  for (std::size_t size = 0; size < good.size(); size += 97) {
    State state(world.engine.state().capacity);
    CHECK(!state.restore(good.data(), size));
    File file(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    const auto* rows = static_cast<const std::uint8_t*>(
        file.rows(GATEWAY_SNAPSHOT_BALANCES, sizeof(gateway_snapshot_balance)));
    CHECK(rows == nullptr || rows + file.count * 64 <= file.memory + file.size);
  }
}
