// The reading side of a market file: maps what another process writes. Trusts nothing: layout,
// counts and scales are checked before use. Never writes, and the writer never hears of it.
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

  /// Maps PATH read-only. False sets `error`: missing, short, foreign, another version.
  [[nodiscard]] bool open(const std::string& path, std::string& error);
  void close() noexcept;
  /// True when the name was given to a newer file, or taken away: open again.
  [[nodiscard]] bool is_replaced() const noexcept;
  /// Whether the mapping may be read: a file that was cut would end this process.
  [[nodiscard]] bool is_whole() const noexcept;

  [[nodiscard]] const std::string& venue() const noexcept { return venue_; }
  [[nodiscard]] const std::vector<std::string>& instruments() const noexcept {
    return instruments_;
  }
  [[nodiscard]] std::uint32_t process_id() const noexcept { return header().process_id; }
  [[nodiscard]] std::int64_t created_ns() const noexcept { return header().created_ns; }
  [[nodiscard]] std::int64_t beat_ns() const noexcept {
    return header().beat_ns.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_closed() const noexcept {
    return header().is_closed.load(std::memory_order_acquire) != 0;
  }

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
  [[nodiscard]] const FileHeader& header() const noexcept {
    return *reinterpret_cast<const FileHeader*>(bytes_);
  }
  [[nodiscard]] const Row& row(std::size_t number) const noexcept {
    return reinterpret_cast<const Row*>(bytes_ + sizeof(FileHeader))[number];
  }
  [[nodiscard]] std::string find_fault();

  int descriptor_ = -1;
  const std::uint8_t* bytes_ = nullptr;
  std::uint64_t mapped_bytes_ = 0;
  std::string venue_;
  struct Seen {
    Version book = ~Version{0};
    Version reference = ~Version{0};
    std::uint64_t trades = 0;
  };
  std::vector<Seen> seen_;
  std::vector<std::string> instruments_;  // copies: what the file says later leads nowhere
};

}  // namespace gateway::market
