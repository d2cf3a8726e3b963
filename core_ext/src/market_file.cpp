// Opening and reading a market file that another process writes, or that somebody made up.
#include "gateway_core/market/market_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "gateway_core/platform/storage.hpp"

namespace gateway::market {
namespace {

/// Printable, not empty and ended within its field.
template <std::size_t N>
bool read_text(const char (&field)[N], std::string& out) {
  const std::size_t size = ::strnlen(field, N);
  out.assign(field, size);
  const bool is_printable =
      std::all_of(out.begin(), out.end(), [](char c) { return c > ' ' && c <= '~'; });
  return size > 0 && size < N && is_printable;
}

}  // namespace

void MarketFile::close() noexcept {
  if (bytes_ != nullptr) ::munmap(const_cast<std::uint8_t*>(bytes_), mapped_bytes_);
  if (descriptor_ >= 0) ::close(descriptor_);
  bytes_ = nullptr;
  descriptor_ = -1;
  mapped_bytes_ = 0;
  instruments_.clear();
  seen_.clear();
}

bool MarketFile::open(const std::string& path, std::string& error) {
  close();
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status{};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    error = path + ": " + platform::describe_errno(errno);
    close();
    return false;
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::string found;
  if (!S_ISREG(status.st_mode) || size < sizeof(FileHeader)) {
    found = "too short for a market file";
  } else {
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (memory == MAP_FAILED) {
      found = platform::describe_errno(errno);
    } else {
      bytes_ = static_cast<const std::uint8_t*>(memory);
      mapped_bytes_ = size;
      found = find_fault();
    }
  }
  if (found.empty()) {
    std::string name;
    for (std::size_t i = 0; i < header().row_count && found.empty(); ++i) {
      if (!read_text(row(i).instrument, name)) found = "row " + std::to_string(i) + " has no name";
      instruments_.push_back(name);
    }
  }
  if (found.empty()) {
    seen_.resize(instruments_.size());
    return true;
  }
  error = path + ": " + found;
  close();
  return false;
}

std::string MarketFile::find_fault() {
  const FileHeader& head = header();
  if (std::memcmp(head.magic, kMarketMagic, sizeof head.magic) != 0) return "not a market file";
  if (head.version != kMarketVersion) {
    return "version " + std::to_string(head.version) + ", this build reads " +
           std::to_string(kMarketVersion);
  }
  if (head.header_bytes != sizeof(FileHeader) || head.rows_offset != sizeof(FileHeader) ||
      head.row_bytes != sizeof(Row) || head.levels_max != kLevelsMax ||
      head.trades_kept != kTradesKept || head.row_count > kRowsMax) {
    return "its layout is not the one of version 1";
  }
  const std::uint64_t wanted = sizeof(FileHeader) + std::uint64_t{head.row_count} * sizeof(Row);
  if (head.file_bytes != wanted || mapped_bytes_ < wanted) {
    return "cut: " + std::to_string(mapped_bytes_) + " of " + std::to_string(wanted) + " bytes";
  }
  return read_text(head.venue, venue_) ? "" : "it names no venue";
}

bool MarketFile::is_replaced() const noexcept {
  struct stat ours{};
  return descriptor_ >= 0 && ::fstat(descriptor_, &ours) == 0 && ours.st_nlink == 0;
}

bool MarketFile::is_whole() const noexcept {
  struct stat status{};
  return descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0 &&
         static_cast<std::uint64_t>(status.st_size) >= mapped_bytes_;
}

MarketFile::Moved MarketFile::moved() {
  Moved found;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    Seen& seen = seen_[i];
    const Seen now{book_version(i), reference_version(i),
                   row(i).trades_total.load(std::memory_order_acquire)};
    if (now.book != seen.book) found.books.push_back(i);
    if (now.reference != seen.reference) found.references.push_back(i);
    if (now.trades != seen.trades) found.trades.push_back(i);
    seen = now;
  }
  return found;
}

Version MarketFile::book_version(std::size_t number) const noexcept {
  return __atomic_load_n(&row(number).book.version, __ATOMIC_ACQUIRE);
}

Version MarketFile::reference_version(std::size_t number) const noexcept {
  return __atomic_load_n(&row(number).reference.version, __ATOMIC_ACQUIRE);
}

bool MarketFile::read_book(std::size_t number, Book& out) const noexcept {
  return number < instruments_.size() && read(row(number).book, out) &&
         out.state <= static_cast<std::uint32_t>(BookState::kGap) && out.bid_count <= kLevelsMax &&
         out.ask_count <= kLevelsMax && out.price_scale <= kScaleMax &&
         out.quantity_scale <= kScaleMax;
}

bool MarketFile::read_reference(std::size_t number, Reference& out) const noexcept {
  return number < instruments_.size() && read(row(number).reference, out) &&
         out.mark_scale <= kScaleMax && out.rate_scale <= kScaleMax;
}

std::uint64_t MarketFile::read_trades(std::size_t number, std::uint64_t after,
                                      std::vector<Trade>& out) const {
  if (number >= instruments_.size()) return after;
  // Pairs with the release in MarketWriter::trade.
  const std::uint64_t total = row(number).trades_total.load(std::memory_order_acquire);
  const std::uint64_t oldest = total > kTradesKept ? total - kTradesKept : 0;
  for (std::uint64_t each = std::max(after, oldest) + 1; each <= total; ++each) {
    Trade trade;
    if (!read(row(number).trades[(each - 1) % kTradesKept], trade)) continue;
    const bool is_sound = trade.price_scale <= kScaleMax && trade.quantity_scale <= kScaleMax &&
                          trade.side <= static_cast<std::uint8_t>(TradeSide::kSell);
    if (trade.number == each && is_sound) out.push_back(trade);
  }
  return std::max(total, after);
}

}  // namespace gateway::market
