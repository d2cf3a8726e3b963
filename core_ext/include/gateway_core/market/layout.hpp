// The market file of one venue, byte for byte: header, then one row per instrument with its book,
// its reference prices and its last trades. Public through gateway_market.h; a change of any offset
// is a new version.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "gateway_core/memory/relaxed.hpp"

namespace gateway::market {

inline constexpr char kMarketMagic[8] = {'G', 'W', 'M', 'A', 'R', 'K', '0', '1'};
inline constexpr std::uint32_t kMarketVersion = 1;
inline constexpr std::size_t kLevelsMax = 20;    // of each side
inline constexpr std::size_t kTradesKept = 256;  // of each instrument
inline constexpr std::size_t kNameBytes = 48;    // zero included
inline constexpr std::size_t kRowsMax = 1024;
inline constexpr int kScaleMax = 18;
/// Behind the rows, not counted in `file_bytes`, never written again: rows that are written behind
/// a cut do not make the file whole.
inline constexpr std::size_t kTrailerBytes = 64;

enum class BookState : std::uint32_t { kEmpty = 0, kLive = 1, kGap = 2 };
enum class TradeSide : std::uint8_t { kUnknown = 0, kBuy = 1, kSell = 2 };  // of the taker

/// First 256 bytes. Everything up to `venue` is written before the file has its name.
struct FileHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint64_t file_bytes;
  std::uint64_t rows_offset;
  std::uint32_t row_bytes;
  std::uint32_t row_count;
  std::uint32_t levels_max;
  std::uint32_t trades_kept;
  std::uint32_t process_id;
  std::uint32_t padding_0;
  std::int64_t created_ns;  // wall clock; names the run of the writer
  char venue[32];
  std::uint8_t padding_1[32];
  // Written while others read.
  alignas(64) std::atomic<std::int64_t> beat_ns;  // monotonic clock of this machine
  std::atomic<std::uint64_t> is_closed;           // 1: the writer ended in order
  std::uint8_t padding_2[112];
};
static_assert(sizeof(FileHeader) == 256 && offsetof(FileHeader, beat_ns) == 128);
static_assert(offsetof(FileHeader, created_ns) == 56 && offsetof(FileHeader, venue) == 64);

/// Mantissas at the scales of the book.
struct Level {
  std::int64_t price;
  std::int64_t quantity;
};

/// Best level first. Only a live book has levels.
struct Book {
  Version version;
  std::uint32_t state;
  std::uint16_t bid_count;
  std::uint16_t ask_count;
  std::uint32_t price_scale;
  std::uint32_t quantity_scale;
  std::int64_t sequence;       // the venue's number of this book
  std::int64_t venue_time_ns;  // 0 = the venue does not say
  std::int64_t time_ns;        // wall clock of the writer
  std::uint64_t updates;       // books shown so far
  std::uint64_t gaps;          // live books lost so far
  Level bids[kLevelsMax];
  Level asks[kLevelsMax];
};
static_assert(sizeof(Book) == 64 + 32 * kLevelsMax && offsetof(Book, bids) == 64);

/// A time of 0 = never told.
struct Reference {
  Version version;
  std::uint32_t mark_scale;
  std::uint32_t rate_scale;
  std::int64_t mark;
  std::int64_t mark_time_ns;
  std::int64_t funding_rate;
  std::int64_t funding_time_ns;
  std::int64_t next_funding_ns;
  std::int64_t padding;
};
static_assert(sizeof(Reference) == 64);

/// Slot (number - 1) % kTradesKept holds trade `number`, until a later one takes it.
struct Trade {
  Version version;
  std::uint64_t number;  // 1 is the first of this file
  std::int64_t price;
  std::int64_t quantity;
  std::int64_t time_ns;  // the venue's, else the writer's
  std::uint8_t price_scale;
  std::uint8_t quantity_scale;
  std::uint8_t side;
  std::uint8_t padding[5];
  char id[16];  // the venue's, zero-filled; empty when it has none or a longer one
};
static_assert(sizeof(Trade) == 64 && offsetof(Trade, id) == 48);

struct alignas(64) Row {
  char instrument[kNameBytes];
  std::atomic<std::uint64_t> trades_total;
  std::uint64_t padding;
  Book book;
  Reference reference;
  Trade trades[kTradesKept];
};
static_assert(offsetof(Row, book) == 64 && offsetof(Row, reference) == 768);
static_assert(offsetof(Row, trades) == 832 && sizeof(Row) == 832 + 64 * kTradesKept);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace gateway::market
