/* A snapshot file in place: the rows of a state for readers in C, without a copy or a dependency.
   Map or read the file, then gateway_snapshot_rows(). Little-endian machines; the mapping must
   begin at a multiple of 64 bytes (every page does). docs/reference/journal_format.md explains the
   rows. Read-only: a snapshot is never changed, it is replaced by a newer file. */
#ifndef GATEWAY_SNAPSHOT_H
#define GATEWAY_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway_journal.h"

#define GATEWAY_SNAPSHOT_VERSION 5u
#define GATEWAY_SNAPSHOT_STATE_MAGIC "GWSTATE6"
#define GATEWAY_SNAPSHOT_TABLES 9u
#define GATEWAY_SNAPSHOT_ALIGN 64u

enum gateway_snapshot_table_number {
  GATEWAY_SNAPSHOT_CURRENCIES = 1,
  GATEWAY_SNAPSHOT_VENUES = 2,
  GATEWAY_SNAPSHOT_INSTRUMENTS = 3,
  GATEWAY_SNAPSHOT_ACCOUNTS = 4,
  GATEWAY_SNAPSHOT_STRATEGIES = 5,
  GATEWAY_SNAPSHOT_ORDERS = 6,
  GATEWAY_SNAPSHOT_POSITIONS = 7,
  GATEWAY_SNAPSHOT_BALANCES = 8,
  GATEWAY_SNAPSHOT_COLLATERALS = 9
};

struct gateway_snapshot_table {
  uint32_t table;
  uint32_t row_bytes;
  uint64_t offset; /* of the first row, from the end of struct gateway_journal_snapshot */
  uint64_t rows;
  uint32_t padding; /* zero bytes in front of the first row */
  uint32_t reserved;
};

/* What follows struct gateway_journal_snapshot. */
struct gateway_snapshot_contents {
  char magic[8];
  uint32_t tables;
  uint32_t entry_bytes;
  struct gateway_snapshot_table entries[GATEWAY_SNAPSHOT_TABLES]; /* entry i is table i + 1 */
};

/* 128 bits, two's complement: high * 2^64 + low, at 10^-18 of a currency. */
struct gateway_money {
  uint64_t low;
  int64_t high;
};

struct gateway_snapshot_currency {
  uint32_t id;
  uint32_t version;
  char code[24];
  uint64_t reserved[4];
};

struct gateway_snapshot_venue {
  uint32_t id;
  uint32_t version;
  char name[32];
  uint32_t is_simulated;
  uint32_t order_types;
  uint32_t times_in_force;
  uint32_t flags;
  uint32_t amend;
  uint32_t ack_timeout_ms;
};

struct gateway_snapshot_instrument {
  uint32_t id;
  uint32_t version;
  uint32_t venue;
  uint32_t base;
  uint32_t quote;
  uint32_t settle;
  uint8_t kind; /* 1 spot, 2 linear, 3 inverse, 4 quanto */
  uint8_t price_scale;
  uint8_t quantity_scale;
  uint8_t multiplier_scale;
  uint8_t is_tradable;
  uint8_t reserved_bytes[3];
  int64_t tick;
  int64_t lot;
  int64_t quantity_min;
  int64_t quantity_max;
  int64_t multiplier;
  int64_t notional_min_e8;
  char symbol[32];
  char venue_symbol[32];
  uint64_t reserved[6];
};

struct gateway_snapshot_account {
  uint32_t id;
  uint32_t version;
  uint32_t venue;
  uint8_t durability; /* 0 memory, 1 process, 2 disk_async, 3 disk */
  uint8_t is_hedge_mode;
  uint8_t margin_mode; /* 0 cash, 1 cross, 2 isolated */
  uint8_t reserved_byte;
  char name[32];
  uint64_t reserved[2];
};

struct gateway_snapshot_strategy {
  uint32_t id;
  uint32_t version;
  char name[32];
  uint64_t reserved[3];
};

/* Prices and quantities are mantissas in the instrument's scales. Sorted by order_id. */
struct gateway_snapshot_order {
  uint64_t version; /* 0 in a snapshot, as are route and the chain links */
  uint64_t order_id;
  uint64_t client_number; /* of a numeric client id, else 0 and client_id is set */
  int64_t price;
  int64_t quantity;
  uint32_t instrument;
  uint32_t account;
  uint32_t strategy;     /* 0 = EXTERNAL */
  uint8_t type;          /* 1 market, 2 limit, 3 stop, 4 stop_limit */
  uint8_t side;          /* 1 buy, 2 sell */
  uint8_t time_in_force; /* 0 day, 1 gtc, 3 ioc, 4 fok, 6 gtd */
  uint8_t flags;         /* 1 post_only, 2 reduce_only, 8 emulated, 64 external */
  int64_t cumulative;
  uint32_t principal;
  uint8_t state;   /* see the page */
  uint8_t overlay; /* pending cancel and replace, see the page */
  uint8_t leg;     /* 0 net, 1 long, 2 short */
  uint8_t margin_mode;
  uint32_t route;
  uint32_t origin_port;
  int64_t gate_price;
  int64_t reserved_quantity;
  int64_t reserved_notional_e4;
  int64_t created_ns;
  int64_t updated_ns;
  uint64_t sequence;              /* last record that touched it */
  struct gateway_money value_e18; /* sum of the fills' values */
  uint64_t venue_sequence;
  int64_t venue_time_ns;
  uint32_t reason;
  uint32_t next;
  uint32_t previous;
  uint32_t id_next;
  uint32_t number_next;
  uint32_t venue_id_next;
  uint64_t venue_id_hash;
  int64_t original_price;
  int64_t original_quantity;
  int64_t trigger_price;
  int64_t display_quantity;
  int64_t expires_ns;
  int64_t pending_price;
  int64_t pending_quantity;
  uint64_t pending_client_number;
  char venue_order_id[40];
  int64_t told_cumulative;
  int64_t pending_gate_price;
  uint16_t is_renamed; /* the client number in force came with a replace */
  uint16_t cross_ms;   /* asked to be crossed: display_quantity is what has been */
  uint8_t link_kind;     /* 0 alone, 1 oco, 2 ouo, 3 bracket */
  uint8_t link_place;    /* order_id - link_place is the head of its group */
  uint8_t link_count;    /* members of the group */
  uint8_t link_released; /* 0 = waits here, the venue has never heard of it */
  char client_id[64];
  char pending_client_id[64];
};

/* Sorted by account, instrument, strategy, leg, margin mode. */
struct gateway_snapshot_position {
  uint32_t account;
  uint32_t instrument;
  uint32_t strategy; /* 0 = EXTERNAL */
  uint16_t leg;
  uint16_t margin_mode;
  uint64_t sequence;
  int64_t notional_e4;
  uint64_t last_fill;
  uint64_t reserved[3];
  int64_t quantity; /* signed */
  uint32_t fills;
  uint8_t state; /* 0 flat, 2 open, 3 partially_closed, 4 closed, 5 flipped */
  uint8_t reserved_bytes[3];
  struct gateway_money cost_e18; /* signed cash paid in for what is open */
  struct gateway_money realised_e18;
  struct gateway_money fees_e18; /* paid is positive */
};

/* Sorted by account, currency. */
struct gateway_snapshot_balance {
  uint64_t version; /* 0 in a snapshot */
  uint32_t account;
  uint32_t currency;
  struct gateway_money total_e18;
  uint64_t sequence;
  uint64_t reserved[3];
};

/* The margin mode of a position and what lies in an isolated one, by its venue's word, in the
   settlement currency of the instrument; all strategies together. Sorted by account, instrument,
   leg. */
struct gateway_snapshot_collateral {
  uint64_t version; /* 0 in a snapshot */
  uint32_t account;
  uint32_t instrument;
  struct gateway_money amount_e18;
  uint64_t sequence; /* last record that touched it */
  int64_t venue_time_ns;
  uint32_t leg;      /* 0 net, 1 long, 2 short */
  uint32_t evidence; /* 1 its stream, 2 an answer */
  uint32_t venue_margin_mode; /* 0 not told (an amount: isolated), 1 cross, 2 isolated, 3 unknown */
  uint32_t reserved;
};

/* First row of a table of a whole snapshot file in memory, and how many there are. NULL: no
   snapshot with rows of this layout, or a file that is shorter than it says. Checks bounds, not
   hashes: `gateway verify` does. `row_bytes` is sizeof the struct that the caller will read. */
static inline const void* gateway_snapshot_rows(const void* file, size_t bytes, uint32_t table,
                                                size_t row_bytes, uint64_t* rows) {
  const struct gateway_journal_snapshot* head = (const struct gateway_journal_snapshot*)file;
  const struct gateway_snapshot_contents* contents;
  const struct gateway_snapshot_table* entry;
  uint64_t payload;
  *rows = 0;
  if (file == NULL || bytes < sizeof *head + sizeof *contents) return NULL;
  if ((uintptr_t)file % GATEWAY_SNAPSHOT_ALIGN != 0) return NULL;
  if (memcmp(head->magic, GATEWAY_JOURNAL_SNAPSHOT_MAGIC, 8) != 0) return NULL;
  payload = (uint64_t)(bytes - sizeof *head);
  if (head->version != GATEWAY_SNAPSHOT_VERSION || head->payload_bytes != payload) return NULL;
  contents = (const struct gateway_snapshot_contents*)(const void*)(head + 1);
  if (memcmp(contents->magic, GATEWAY_SNAPSHOT_STATE_MAGIC, 8) != 0) return NULL;
  if (contents->tables != GATEWAY_SNAPSHOT_TABLES || contents->entry_bytes != sizeof *entry ||
      table == 0 || table > contents->tables) {
    return NULL;
  }
  entry = &contents->entries[table - 1];
  if (entry->table != table || entry->row_bytes != row_bytes || row_bytes == 0) return NULL;
  if (entry->offset % GATEWAY_SNAPSHOT_ALIGN != 0 || entry->offset > payload) return NULL;
  if (entry->rows > (payload - entry->offset) / row_bytes) return NULL;
  *rows = entry->rows;
  return (const char*)(head + 1) + entry->offset;
}

#endif
