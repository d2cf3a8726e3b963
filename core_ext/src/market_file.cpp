// Opening and reading a market file that another process writes, or that somebody made up.
#include "gateway_core/market/market_file.hpp"

#include <fcntl.h>
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

constexpr int kTriesMax = 100;  // a writer is within a book for a microsecond

constexpr std::uint64_t row_at(std::size_t number) {
  return sizeof(FileHeader) + number * sizeof(Row);
}

/// The beginning of a row up to the version of its reference: what tells that something moved.
struct RowStart {
  char bytes[offsetof(Row, reference) + sizeof(Version)];

  [[nodiscard]] std::uint64_t word(std::size_t offset) const noexcept {
    std::uint64_t found = 0;
    std::memcpy(&found, bytes + offset, sizeof found);
    return found;
  }
};

}  // namespace

void MarketFile::close() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  file_bytes_ = 0;
  instruments_.clear();
  seen_.clear();
}

bool MarketFile::open(const std::string& path, std::string& error) {
  close();
  path_ = path;
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status{};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    error = path + ": " + platform::describe_errno(errno);
    close();
    return false;
  }
  file_bytes_ = static_cast<std::uint64_t>(status.st_size);
  const bool is_file = S_ISREG(status.st_mode) && file_bytes_ >= sizeof(FileHeader);
  const std::string found = is_file ? find_fault() : "too short for a market file";
  if (found.empty()) {
    seen_.resize(instruments_.size());
    return true;
  }
  error = path + ": " + found;
  close();
  return false;
}

std::string MarketFile::find_fault() {
  FileHeader head{};
  if (!fetch(0, static_cast<void*>(&head), sizeof head)) return "cut while it was opened";
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
  const std::uint64_t wanted = row_at(head.row_count);
  if (head.file_bytes != wanted || file_bytes_ < wanted + kTrailerBytes) {
    return "cut: " + std::to_string(file_bytes_) + " of " + std::to_string(wanted + kTrailerBytes) +
           " bytes";
  }
  process_id_ = head.process_id;
  created_ns_ = head.created_ns;
  return read_text(head.venue, venue_) ? read_instruments(head.row_count) : "it names no venue";
}

std::string MarketFile::read_instruments(std::uint32_t row_count) {
  char field[kNameBytes];
  std::string name;
  for (std::size_t i = 0; i < row_count; ++i) {
    if (!fetch(row_at(i), field, sizeof field)) return "cut while it was opened";
    if (!read_text(field, name)) return "row " + std::to_string(i) + " has no name";
    instruments_.push_back(name);
  }
  return {};
}

bool MarketFile::is_replaced() const noexcept {
  struct stat ours{};
  struct stat named{};
  if (descriptor_ < 0 || ::fstat(descriptor_, &ours) != 0) return false;
  // By the name and not by the count of links: another link to the old file hides nothing.
  return ::stat(path_.c_str(), &named) != 0 || named.st_ino != ours.st_ino ||
         named.st_dev != ours.st_dev;
}

bool MarketFile::is_whole() const noexcept {
  struct stat status{};
  return descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0 &&
         static_cast<std::uint64_t>(status.st_size) >= file_bytes_;
}

bool MarketFile::fetch(std::uint64_t offset, void* out, std::size_t size) const noexcept {
  auto* target = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t found = ::pread(descriptor_, target, size, static_cast<off_t>(offset));
    if (found < 0 && errno == EINTR) continue;
    if (found <= 0) return false;
    target += found;
    offset += static_cast<std::uint64_t>(found);
    size -= static_cast<std::size_t>(found);
  }
  return true;
}

template <typename T>
bool MarketFile::copy(std::uint64_t offset, T& out) const noexcept {
  static_assert(offsetof(T, version) == 0);
  Version before = 0;
  Version after = 0;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    // Three calls: within one the order of the bytes is nobody's promise.
    if (!fetch(offset, &before, sizeof before)) return false;
    if ((before & 1) != 0) continue;
    if (!fetch(offset, &out, sizeof out) || !fetch(offset, &after, sizeof after)) return false;
    if (before == after && out.version == after) return true;
  }
  return false;
}

std::int64_t MarketFile::beat_ns() const noexcept {
  std::int64_t found = 0;
  return fetch(offsetof(FileHeader, beat_ns), &found, sizeof found) ? found : 0;
}

bool MarketFile::is_closed() const noexcept {
  std::uint64_t found = 0;
  return !fetch(offsetof(FileHeader, is_closed), &found, sizeof found) || found != 0;
}

MarketFile::Moved MarketFile::moved() {
  Moved found;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    Seen& seen = seen_[i];
    RowStart start;
    if (!fetch(row_at(i), &start, sizeof start)) break;  // cut: is_whole tells
    const Seen now{start.word(offsetof(Row, book)), start.word(offsetof(Row, reference)),
                   start.word(offsetof(Row, trades_total))};
    if (now.book != seen.book) found.books.push_back(i);
    if (now.reference != seen.reference) found.references.push_back(i);
    if (now.trades != seen.trades) found.trades.push_back(i);
    seen = now;
  }
  return found;
}

Version MarketFile::book_version(std::size_t number) const noexcept {
  Version found = 0;
  return fetch(row_at(number) + offsetof(Row, book), &found, sizeof found) ? found : 0;
}

Version MarketFile::reference_version(std::size_t number) const noexcept {
  Version found = 0;
  return fetch(row_at(number) + offsetof(Row, reference), &found, sizeof found) ? found : 0;
}

bool MarketFile::read_book(std::size_t number, Book& out) const noexcept {
  return number < instruments_.size() && copy(row_at(number) + offsetof(Row, book), out) &&
         out.state <= static_cast<std::uint32_t>(BookState::kGap) && out.bid_count <= kLevelsMax &&
         out.ask_count <= kLevelsMax && out.price_scale <= kScaleMax &&
         out.quantity_scale <= kScaleMax;
}

bool MarketFile::read_reference(std::size_t number, Reference& out) const noexcept {
  return number < instruments_.size() && copy(row_at(number) + offsetof(Row, reference), out) &&
         out.mark_scale <= kScaleMax && out.rate_scale <= kScaleMax;
}

std::uint64_t MarketFile::read_trades(std::size_t number, std::uint64_t after,
                                      std::vector<Trade>& out) const {
  if (number >= instruments_.size()) return after;
  // Pairs with the release in MarketWriter::trade: it is read before the slots are.
  std::uint64_t total = 0;
  if (!fetch(row_at(number) + offsetof(Row, trades_total), &total, sizeof total)) return after;
  const std::uint64_t oldest = total > kTradesKept ? total - kTradesKept : 0;
  for (std::uint64_t each = std::max(after, oldest) + 1; each <= total; ++each) {
    Trade trade;
    const std::uint64_t slot = (each - 1) % kTradesKept;
    if (!copy(row_at(number) + offsetof(Row, trades) + slot * sizeof(Trade), trade)) continue;
    const bool is_sound = trade.price_scale <= kScaleMax && trade.quantity_scale <= kScaleMax &&
                          trade.side <= static_cast<std::uint8_t>(TradeSide::kSell);
    if (trade.number == each && is_sound) out.push_back(trade);
  }
  return std::max(total, after);
}

}  // namespace gateway::market
