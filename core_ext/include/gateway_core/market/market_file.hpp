// The reading side of a market file: copies what another process writes. Trusts nothing: layout,
// counts and scales are checked before use, and nothing is mapped, for whoever cuts a mapped file
// ends its readers. Never writes, and the writer never hears of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway_core/market/layout.hpp"

namespace gateway::market {

class MarketFile {
 public:
  MarketFile() = default;
  ~MarketFile() { close(); }
  MarketFile(const MarketFile&) = delete;
  MarketFile& operator=(const MarketFile&) = delete;

  /// Opens PATH to read. False sets `error`: missing, short, foreign, another version.
  [[nodiscard]] bool open(const std::string& path, std::string& error);
  void close() noexcept;
  /// True when the name was given to a newer file, or taken away: open again.
  [[nodiscard]] bool is_replaced() const noexcept;
  /// False: the file was cut since, and what is read of it from now on is nothing.
  [[nodiscard]] bool is_whole() const noexcept;

  [[nodiscard]] const std::string& venue() const noexcept { return venue_; }
  [[nodiscard]] const std::vector<std::string>& instruments() const noexcept {
    return instruments_;
  }
  [[nodiscard]] std::uint32_t process_id() const noexcept { return process_id_; }
  [[nodiscard]] std::int64_t created_ns() const noexcept { return created_ns_; }
  /// Of the last sign of life; 0 when the file was cut.
  [[nodiscard]] std::int64_t beat_ns() const noexcept;
  /// A cut file is closed too.
  [[nodiscard]] bool is_closed() const noexcept;

  /// What moved since the last call; at the first one everything. Row numbers, ascending.
  struct Moved {
    std::vector<std::size_t> books;
    std::vector<std::size_t> references;
    std::vector<std::size_t> trades;
  };
  [[nodiscard]] Moved moved();
  /// The version alone: whether a row is worth reading.
  [[nodiscard]] Version book_version(std::size_t row) const noexcept;
  [[nodiscard]] Version reference_version(std::size_t row) const noexcept;
  /// A consistent copy. False: the writer stopped within it, or what it says makes no sense.
  [[nodiscard]] bool read_book(std::size_t row, Book& out) const noexcept;
  [[nodiscard]] bool read_reference(std::size_t row, Reference& out) const noexcept;
  /// Trades after number `after`, oldest first, and the newest number. What was overwritten before
  /// it was read is missing: the numbers say so.
  [[nodiscard]] std::uint64_t read_trades(std::size_t row, std::uint64_t after,
                                          std::vector<Trade>& out) const;

 private:
  /// Copies bytes of the file. False: they are not there any more.
  [[nodiscard]] bool fetch(std::uint64_t offset, void* out, std::size_t size) const noexcept;
  /// A copy of one state of what begins with a version.
  template <typename T>
  [[nodiscard]] bool copy(std::uint64_t offset, T& out) const noexcept;
  [[nodiscard]] std::string find_fault();
  [[nodiscard]] std::string read_instruments(std::uint32_t row_count);

  int descriptor_ = -1;
  std::uint64_t file_bytes_ = 0;
  std::string path_;
  std::string venue_;
  std::uint32_t process_id_ = 0;
  std::int64_t created_ns_ = 0;
  struct Seen {
    Version book = ~Version{0};
    Version reference = ~Version{0};
    std::uint64_t trades = 0;
  };
  std::vector<Seen> seen_;
  std::vector<std::string> instruments_;  // copies: what the file says later leads nowhere
};

}  // namespace gateway::market
