// The writing side of a market file: one thread of the process that hosts the adapter, never the
// engine's. Never waits for a reader, and never maps the file: whoever cuts a mapped file ends its
// writer (docs/concepts/market_data.md).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway_core/market/layout.hpp"

namespace gateway::market {

/// One level in decimal text.
struct LevelText {
  std::string_view price;
  std::string_view quantity;
};

/// What a book says of itself.
struct BookStamp {
  std::int64_t sequence = 0;
  std::int64_t venue_time_ns = 0;
  std::int64_t time_ns = 0;
};

/// What a file says of its origin; tests pass fixed numbers.
struct MarketOrigin {
  std::string venue;
  std::uint32_t process_id = 0;
  std::int64_t created_ns = 0;
};

class MarketWriter {
 public:
  MarketWriter() = default;
  ~MarketWriter() { close(); }
  MarketWriter(const MarketWriter&) = delete;
  MarketWriter& operator=(const MarketWriter&) = delete;

  /// Makes PATH anew with a row per instrument, all space reserved, under its name only when
  /// complete; readers of the file before it see that they were left. False sets `error`.
  [[nodiscard]] bool open(const std::string& path, const MarketOrigin& origin,
                          std::span<const std::string> instruments, std::string& error);

  /// Shows a book, best level first; levels beyond the twentieth are left out. False, and nothing
  /// changes: a text that is no number above 0, levels out of order, or numbers that no common
  /// scale holds.
  [[nodiscard]] bool show(std::size_t row, std::span<const LevelText> bids,
                          std::span<const LevelText> asks, const BookStamp& stamp) noexcept;
  /// The book is not known any more, or not yet: no levels.
  void lose(std::size_t row, BookState state, std::int64_t time_ns) noexcept;
  /// False, and nothing changes: no numbers above 0.
  [[nodiscard]] bool trade(std::size_t row, const LevelText& what, TradeSide side,
                           std::string_view id, std::int64_t time_ns) noexcept;
  /// False, and nothing changes: no number above 0.
  [[nodiscard]] bool mark(std::size_t row, std::string_view price, std::int64_t time_ns) noexcept;
  /// Rates may be negative. False, and nothing changes: no number.
  [[nodiscard]] bool funding(std::size_t row, std::string_view rate, std::int64_t next_ns,
                             std::int64_t time_ns) noexcept;

  /// A sign of life, a few times a second. Without it readers call the file stale. A file that was
  /// cut is made anew, with all that was shown.
  void beat(std::int64_t monotonic_ns) noexcept;
  /// Ends in order: readers call the file closed.
  void close() noexcept;
  [[nodiscard]] std::size_t rows() const noexcept { return row_count_; }
  [[nodiscard]] std::uint64_t times_cut() const noexcept { return times_cut_; }

 private:
  void fill(const MarketOrigin& origin, std::span<const std::string> instruments) noexcept;

  [[nodiscard]] std::uint64_t bytes() const noexcept;
  [[nodiscard]] bool make_file(std::string& error);
  [[nodiscard]] static bool write_all(int file, const void* from, std::size_t size,
                                      std::uint64_t offset) noexcept;
  void put_out(const void* from, std::size_t size) noexcept;
  template <typename T>
  void publish(T& target, const T& source) noexcept;

  FileHeader header_{};
  std::unique_ptr<Row[]> rows_;  // what the file shows, as far as it is whole
  std::size_t row_count_ = 0;
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t times_cut_ = 0;
};

}  // namespace gateway::market
