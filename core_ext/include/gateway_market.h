/* The market file RINGDIR/market-VENUE.map for readers in any language: layouts and constants, no
   dependency. Little-endian. Map it read-only and load every number that changes as one aligned
   64-bit word. docs/reference/market_file.md explains each field and how a row is read. */
#ifndef GATEWAY_MARKET_H
#define GATEWAY_MARKET_H

#include <stdint.h>

#define GATEWAY_MARKET_MAGIC "GWMARK01"
#define GATEWAY_MARKET_VERSION 1u
#define GATEWAY_MARKET_LEVELS 20u
#define GATEWAY_MARKET_TRADES 256u
#define GATEWAY_MARKET_STALE_NS 2000000000ll /* of beat_ns: nobody writes any more */

struct gateway_market_header {
  char magic[8];
  uint32_t version;
  uint32_t header_bytes;
  uint64_t file_bytes;
  uint64_t rows_offset;
  uint32_t row_bytes;
  uint32_t row_count;
  uint32_t levels_max;
  uint32_t trades_kept;
  uint32_t process_id;
  uint32_t padding_0;
  int64_t created_ns; /* wall clock; names the run of the writer */
  char venue[32];
  uint8_t padding_1[32];
  int64_t beat_ns;    /* CLOCK_MONOTONIC; changes */
  uint64_t is_closed; /* 1: the writer ended in order; changes */
  uint8_t padding_2[112];
};

struct gateway_market_level {
  int64_t price;    /* times 10^-price_scale of the book */
  int64_t quantity; /* times 10^-quantity_scale of the book */
};

struct gateway_market_book {
  uint64_t version; /* odd while the rest is being written */
  uint32_t state;   /* 0 empty, 1 live, 2 gap */
  uint16_t bid_count;
  uint16_t ask_count;
  uint32_t price_scale;
  uint32_t quantity_scale;
  int64_t sequence;
  int64_t venue_time_ns;
  int64_t time_ns;
  uint64_t updates;
  uint64_t gaps;
  struct gateway_market_level bids[GATEWAY_MARKET_LEVELS];
  struct gateway_market_level asks[GATEWAY_MARKET_LEVELS];
};

struct gateway_market_reference {
  uint64_t version; /* odd while the rest is being written */
  uint32_t mark_scale;
  uint32_t rate_scale;
  int64_t mark;
  int64_t mark_time_ns; /* 0 = no mark yet */
  int64_t funding_rate;
  int64_t funding_time_ns; /* 0 = no rate yet */
  int64_t next_funding_ns;
  int64_t padding;
};

struct gateway_market_trade {
  uint64_t version; /* odd while the rest is being written */
  uint64_t number;
  int64_t price;
  int64_t quantity;
  int64_t time_ns;
  uint8_t price_scale;
  uint8_t quantity_scale;
  uint8_t side; /* of the taker: 0 not told, 1 buy, 2 sell */
  uint8_t padding[5];
  char id[16];
};

struct gateway_market_row {
  char instrument[48];
  uint64_t trades_total; /* changes; trade n is in slot (n - 1) % 256 */
  uint64_t padding;
  struct gateway_market_book book;
  struct gateway_market_reference reference;
  struct gateway_market_trade trades[GATEWAY_MARKET_TRADES];
};

#endif
