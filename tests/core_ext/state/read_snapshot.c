/* A reader that knows the public C headers alone: maps a snapshot and prints what its rows say.
   With "layout" as first argument: name, offset and bytes of every field, for readers elsewhere. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "gateway_snapshot.h"

_Static_assert(sizeof(struct gateway_snapshot_table) == 32, "entry of the contents");
_Static_assert(sizeof(struct gateway_snapshot_contents) == 304, "contents");
_Static_assert(sizeof(struct gateway_snapshot_order) == 448, "order");
_Static_assert(sizeof(struct gateway_snapshot_position) == 128, "position");
_Static_assert(sizeof(struct gateway_snapshot_balance) == 64, "balance");
_Static_assert(sizeof(struct gateway_snapshot_collateral) == 64, "collateral");

#define FIELD(table, field)                                                                   \
  printf("%s %s %zu %zu\n", #table, #field, offsetof(struct gateway_snapshot_##table, field), \
         sizeof(((struct gateway_snapshot_##table*)0)->field))
#define SIZE(table) printf("%s - 0 %zu\n", #table, sizeof(struct gateway_snapshot_##table))

static void print_names(void) {
  SIZE(currency), FIELD(currency, id), FIELD(currency, version), FIELD(currency, code);
  SIZE(venue), FIELD(venue, id), FIELD(venue, version), FIELD(venue, name);
  FIELD(venue, is_simulated), FIELD(venue, order_types), FIELD(venue, times_in_force);
  FIELD(venue, flags), FIELD(venue, amend), FIELD(venue, ack_timeout_ms);
  SIZE(instrument), FIELD(instrument, id), FIELD(instrument, version), FIELD(instrument, venue);
  FIELD(instrument, base), FIELD(instrument, quote), FIELD(instrument, settle);
  FIELD(instrument, kind), FIELD(instrument, price_scale), FIELD(instrument, quantity_scale);
  FIELD(instrument, multiplier_scale), FIELD(instrument, is_tradable), FIELD(instrument, tick);
  FIELD(instrument, lot), FIELD(instrument, quantity_min), FIELD(instrument, quantity_max);
  FIELD(instrument, multiplier), FIELD(instrument, notional_min_e8), FIELD(instrument, symbol);
  FIELD(instrument, venue_symbol);
  SIZE(account), FIELD(account, id), FIELD(account, version), FIELD(account, venue);
  FIELD(account, durability), FIELD(account, is_hedge_mode), FIELD(account, margin_mode);
  FIELD(account, name);
  SIZE(strategy), FIELD(strategy, id), FIELD(strategy, version), FIELD(strategy, name);
}

static void print_money(void) {
  SIZE(position), FIELD(position, account), FIELD(position, instrument);
  FIELD(position, strategy), FIELD(position, leg), FIELD(position, margin_mode);
  FIELD(position, sequence), FIELD(position, notional_e4), FIELD(position, last_fill);
  FIELD(position, quantity), FIELD(position, fills), FIELD(position, state);
  FIELD(position, cost_e18), FIELD(position, realised_e18), FIELD(position, fees_e18);
  SIZE(balance), FIELD(balance, account), FIELD(balance, currency), FIELD(balance, total_e18);
  FIELD(balance, sequence);
  SIZE(collateral), FIELD(collateral, account), FIELD(collateral, instrument);
  FIELD(collateral, amount_e18), FIELD(collateral, sequence), FIELD(collateral, venue_time_ns);
  FIELD(collateral, leg), FIELD(collateral, evidence), FIELD(collateral, venue_margin_mode);
}

static void print_orders(void) {
  SIZE(order), FIELD(order, order_id), FIELD(order, client_number), FIELD(order, price);
  FIELD(order, quantity), FIELD(order, cumulative), FIELD(order, state), FIELD(order, overlay);
  FIELD(order, side), FIELD(order, type), FIELD(order, time_in_force), FIELD(order, flags);
  FIELD(order, leg), FIELD(order, margin_mode), FIELD(order, instrument), FIELD(order, account);
  FIELD(order, strategy), FIELD(order, principal), FIELD(order, origin_port);
  FIELD(order, reserved_notional_e4), FIELD(order, created_ns), FIELD(order, value_e18);
  FIELD(order, updated_ns), FIELD(order, sequence), FIELD(order, trigger_price);
  FIELD(order, display_quantity), FIELD(order, expires_ns), FIELD(order, pending_price);
  FIELD(order, pending_quantity), FIELD(order, venue_sequence), FIELD(order, reason);
  FIELD(order, reserved_quantity), FIELD(order, venue_order_id), FIELD(order, venue_time_ns);
  FIELD(order, client_id), FIELD(order, pending_client_id), FIELD(order, original_price);
  FIELD(order, original_quantity), FIELD(order, pending_client_number);
  FIELD(order, told_cumulative), FIELD(order, link_kind), FIELD(order, link_place);
  FIELD(order, link_count), FIELD(order, link_released);
  FIELD(order, gate_price), FIELD(order, pending_gate_price), FIELD(order, is_renamed),
  FIELD(order, cross_ms),
  FIELD(order, venue_id_hash);
}

static int print_rows(const void* file, size_t bytes) {
  uint64_t orders = 0, positions = 0, balances = 0, instruments = 0, collaterals = 0, i;
  const struct gateway_snapshot_order* order =
      gateway_snapshot_rows(file, bytes, GATEWAY_SNAPSHOT_ORDERS, sizeof *order, &orders);
  const struct gateway_snapshot_position* position =
      gateway_snapshot_rows(file, bytes, GATEWAY_SNAPSHOT_POSITIONS, sizeof *position, &positions);
  const struct gateway_snapshot_balance* balance =
      gateway_snapshot_rows(file, bytes, GATEWAY_SNAPSHOT_BALANCES, sizeof *balance, &balances);
  const struct gateway_snapshot_instrument* instrument = gateway_snapshot_rows(
      file, bytes, GATEWAY_SNAPSHOT_INSTRUMENTS, sizeof *instrument, &instruments);
  const struct gateway_snapshot_collateral* collateral = gateway_snapshot_rows(
      file, bytes, GATEWAY_SNAPSHOT_COLLATERALS, sizeof *collateral, &collaterals);
  if (order == NULL || position == NULL || balance == NULL || instrument == NULL ||
      collateral == NULL) {
    return 4;
  }
  for (i = 0; i < orders; ++i) {
    printf("order %llu %lld %lld %u %.32s\n", (unsigned long long)order[i].order_id,
           (long long)order[i].quantity, (long long)order[i].cumulative, order[i].state,
           instrument[order[i].instrument - 1].symbol);
  }
  for (i = 0; i < positions; ++i) {
    printf("position %u %u %lld %lld %llu\n", position[i].account, position[i].instrument,
           (long long)position[i].quantity, (long long)position[i].cost_e18.high,
           (unsigned long long)position[i].cost_e18.low);
  }
  for (i = 0; i < balances; ++i) {
    printf("balance %u %u %lld %llu\n", balance[i].account, balance[i].currency,
           (long long)balance[i].total_e18.high, (unsigned long long)balance[i].total_e18.low);
  }
  for (i = 0; i < collaterals; ++i) {
    printf("collateral %u %u %u %lld %llu\n", collateral[i].account, collateral[i].instrument,
           collateral[i].leg, (long long)collateral[i].amount_e18.high,
           (unsigned long long)collateral[i].amount_e18.low);
  }
  return 0;
}

int main(int count, char** arguments) {
  struct stat about;
  const void* file;
  int descriptor;
  if (count == 2 && strcmp(arguments[1], "layout") == 0) {
    print_names(), print_money(), print_orders();
    return 0;
  }
  descriptor = count == 2 ? open(arguments[1], O_RDONLY) : -1;
  if (descriptor < 0 || fstat(descriptor, &about) != 0) return 2;
  file = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (file == MAP_FAILED) return 3;
  return print_rows(file, (size_t)about.st_size);
}
