// Making a market file and putting books, trades and reference prices into its rows.
#include "gateway_core/market/market_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <set>

#include "gateway_core/platform/storage.hpp"
#include "gateway_core/types/decimal_text.hpp"

namespace gateway::market {
namespace {

/// A number with as few decimals as it needs.
struct Exact {
  std::int64_t mantissa = 0;
  int scale = 0;
};

bool read_exact(std::string_view text, Exact& out) noexcept {
  const std::size_t point = text.find('.');
  std::size_t decimals = point == std::string_view::npos ? 0 : text.size() - point - 1;
  while (decimals > 0 && text[point + decimals] == '0') --decimals;
  if (decimals > static_cast<std::size_t>(kScaleMax)) return false;
  out.scale = static_cast<int>(decimals);
  const ParsedDecimal found = parse_decimal(text, out.scale);
  out.mantissa = static_cast<std::int64_t>(found.mantissa);
  return found.fault == DecimalFault::kNone && out.mantissa == found.mantissa;
}

bool rescale(Exact value, int scale, std::int64_t& out) noexcept {
  out = value.mantissa;
  for (int i = value.scale; i < scale; ++i) {
    if (__builtin_mul_overflow(out, std::int64_t{10}, &out)) return false;
  }
  return true;
}

/// One side of a book before its scales are known.
struct Side {
  Exact prices[kLevelsMax];
  Exact quantities[kLevelsMax];
  std::size_t count = 0;
  int price_scale = 0;
  int quantity_scale = 0;

  bool read(std::span<const LevelText> levels) noexcept {
    count = std::min(levels.size(), kLevelsMax);
    for (std::size_t i = 0; i < count; ++i) {
      if (!read_exact(levels[i].price, prices[i]) ||
          !read_exact(levels[i].quantity, quantities[i]) || prices[i].mantissa <= 0 ||
          quantities[i].mantissa <= 0) {
        return false;
      }
      price_scale = std::max(price_scale, prices[i].scale);
      quantity_scale = std::max(quantity_scale, quantities[i].scale);
    }
    return true;
  }

  /// `sign` 1: prices fall (bids); -1: they rise.
  bool put_into(Level (&target)[kLevelsMax], const Book& book, int sign) const noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      if (!rescale(prices[i], static_cast<int>(book.price_scale), target[i].price) ||
          !rescale(quantities[i], static_cast<int>(book.quantity_scale), target[i].quantity)) {
        return false;
      }
      if (i == 0) continue;
      const bool falls = target[i].price < target[i - 1].price;
      if (target[i].price == target[i - 1].price || falls != (sign > 0)) return false;
    }
    return true;
  }
};

template <std::size_t N>
void assign(char (&target)[N], std::string_view text) noexcept {
  const std::size_t size = std::min(text.size(), N - 1);
  std::memcpy(target, text.data(), size);
  std::memset(target + size, 0, N - size);
}

std::string fault_of(std::span<const std::string> instruments) {
  if (instruments.empty() || instruments.size() > kRowsMax) {
    return std::to_string(instruments.size()) + " instruments, 1 to " + std::to_string(kRowsMax);
  }
  std::set<std::string_view> seen;
  for (const std::string& name : instruments) {
    if (name.empty() || name.size() >= kNameBytes) return "instrument name '" + name + "'";
    if (!seen.insert(name).second) return "instrument '" + name + "' twice";
  }
  return {};
}

}  // namespace

bool MarketWriter::open(const std::string& path, const MarketOrigin& origin,
                        std::span<const std::string> instruments, std::string& error) {
  close();
  error = fault_of(instruments);
  if (!error.empty()) return false;
  path_ = path;
  rows_ = std::make_unique<Row[]>(instruments.size());
  row_count_ = instruments.size();
  times_cut_ = 0;
  fill(origin, instruments);
  if (make_file(error)) return true;
  rows_.reset();
  row_count_ = 0;
  return false;
}

/// What is in memory as a file with its name; the one before it, if any, is left.
bool MarketWriter::make_file(std::string& error) {
  // Of this process alone: two writers at once must not share a file before it has its name.
  const std::string temporary = path_ + "." + std::to_string(::getpid()) + ".new";
  const auto failure = [&error](const std::string& where, const char* what) {
    error = where + ": " + what + " failed: " + platform::describe_errno(errno);
  };
  ::unlink(temporary.c_str());  // of an earlier process of this number that died within this
  const int file = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (file < 0) {
    failure(temporary, "create");
    return false;
  }
  errno = ::posix_fallocate(file, 0, static_cast<off_t>(bytes()));
  const std::size_t rows_bytes = row_count_ * sizeof(Row);
  if (errno != 0) {
    failure(temporary, "reserving space");
  } else if (!write_all(file, &header_, sizeof header_, 0) ||
             !write_all(file, rows_.get(), rows_bytes, sizeof header_)) {
    failure(temporary, "write");
  } else if (::rename(temporary.c_str(), path_.c_str()) != 0) {
    failure(path_, "rename");
  } else {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = file;
    return true;
  }
  ::close(file);
  ::unlink(temporary.c_str());
  return false;
}

std::uint64_t MarketWriter::bytes() const noexcept {
  return sizeof(FileHeader) + row_count_ * sizeof(Row) + kTrailerBytes;
}

bool MarketWriter::write_all(int file, const void* from, std::size_t size,
                             std::uint64_t offset) noexcept {
  const auto* bytes = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t done = ::pwrite(file, bytes, size, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes += done;
    offset += static_cast<std::uint64_t>(done);
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

/// Of something in `rows_`. What cannot be written was cut, or there is no memory: beat() mends it.
void MarketWriter::put_out(const void* from, std::size_t size) noexcept {
  const auto offset = static_cast<std::uint64_t>(static_cast<const char*>(from) -
                                                 reinterpret_cast<const char*>(rows_.get()));
  static_cast<void>(write_all(descriptor_, from, size, sizeof(FileHeader) + offset));
}

/// Three calls: readers see the version odd before anything else moves, and even behind it all.
template <typename T>
void MarketWriter::publish(T& target, const T& source) noexcept {
  static_assert(offsetof(T, version) == 0);
  const Version before = target.version;
  target = source;
  target.version = before + 1;
  put_out(&target.version, sizeof(Version));
  put_out(reinterpret_cast<const char*>(&target) + sizeof(Version), sizeof(T) - sizeof(Version));
  target.version = before + 2;
  put_out(&target.version, sizeof(Version));
}

void MarketWriter::fill(const MarketOrigin& origin,
                        std::span<const std::string> instruments) noexcept {
  FileHeader& header = header_;
  header.beat_ns = 0;
  header.is_closed = 0;
  std::memcpy(header.magic, kMarketMagic, sizeof header.magic);
  header.version = kMarketVersion;
  header.header_bytes = sizeof(FileHeader);
  header.file_bytes = bytes() - kTrailerBytes;
  header.rows_offset = sizeof(FileHeader);
  header.row_bytes = sizeof(Row);
  header.row_count = static_cast<std::uint32_t>(row_count_);
  header.levels_max = kLevelsMax;
  header.trades_kept = kTradesKept;
  header.process_id = origin.process_id;
  header.created_ns = origin.created_ns;
  assign(header.venue, origin.venue);
  for (std::size_t i = 0; i < row_count_; ++i) assign(rows_[i].instrument, instruments[i]);
}

bool MarketWriter::show(std::size_t row, std::span<const LevelText> bids,
                        std::span<const LevelText> asks, const BookStamp& stamp) noexcept {
  Side buyers;
  Side sellers;
  if (row >= row_count_ || !buyers.read(bids) || !sellers.read(asks)) return false;
  const Book& before = rows_[row].book;
  Book book{};
  book.state = static_cast<std::uint32_t>(BookState::kLive);
  book.bid_count = static_cast<std::uint16_t>(buyers.count);
  book.ask_count = static_cast<std::uint16_t>(sellers.count);
  book.price_scale = static_cast<std::uint32_t>(std::max(buyers.price_scale, sellers.price_scale));
  book.quantity_scale =
      static_cast<std::uint32_t>(std::max(buyers.quantity_scale, sellers.quantity_scale));
  if (!buyers.put_into(book.bids, book, 1) || !sellers.put_into(book.asks, book, -1)) return false;
  book.sequence = stamp.sequence;
  book.venue_time_ns = stamp.venue_time_ns;
  book.time_ns = stamp.time_ns;
  book.updates = before.updates + 1;
  book.gaps = before.gaps;
  publish(rows_[row].book, book);
  return true;
}

void MarketWriter::lose(std::size_t row, BookState state, std::int64_t time_ns) noexcept {
  if (row >= row_count_) return;
  const Book& before = rows_[row].book;
  Book book{};
  book.state = static_cast<std::uint32_t>(state);
  book.sequence = before.sequence;
  book.venue_time_ns = before.venue_time_ns;
  book.time_ns = time_ns;
  book.updates = before.updates;
  book.gaps = before.gaps + (before.state == static_cast<std::uint32_t>(BookState::kLive));
  publish(rows_[row].book, book);
}

bool MarketWriter::trade(std::size_t row, const LevelText& what, TradeSide side,
                         std::string_view id, std::int64_t time_ns) noexcept {
  Exact price;
  Exact quantity;
  if (row >= row_count_ || !read_exact(what.price, price) || !read_exact(what.quantity, quantity) ||
      price.mantissa <= 0 || quantity.mantissa <= 0) {
    return false;
  }
  Row& target = rows_[row];
  const std::uint64_t number = target.trades_total.load(std::memory_order_relaxed) + 1;
  Trade trade{};
  trade.number = number;
  trade.price = price.mantissa;
  trade.quantity = quantity.mantissa;
  trade.time_ns = time_ns;
  trade.price_scale = static_cast<std::uint8_t>(price.scale);
  trade.quantity_scale = static_cast<std::uint8_t>(quantity.scale);
  trade.side = static_cast<std::uint8_t>(side);
  if (id.size() < sizeof trade.id) std::memcpy(trade.id, id.data(), id.size());
  publish(target.trades[(number - 1) % kTradesKept], trade);
  // Pairs with the acquire in MarketFile::read_trades: who counts a trade finds it in its slot.
  target.trades_total.store(number, std::memory_order_release);
  put_out(&target.trades_total, sizeof number);
  return true;
}

bool MarketWriter::mark(std::size_t row, std::string_view price, std::int64_t time_ns) noexcept {
  Exact found;
  if (row >= row_count_ || !read_exact(price, found) || found.mantissa <= 0) return false;
  Reference reference = rows_[row].reference;
  reference.mark = found.mantissa;
  reference.mark_scale = static_cast<std::uint32_t>(found.scale);
  reference.mark_time_ns = time_ns;
  publish(rows_[row].reference, reference);
  return true;
}

bool MarketWriter::funding(std::size_t row, std::string_view rate, std::int64_t next_ns,
                           std::int64_t time_ns) noexcept {
  Exact found;
  if (row >= row_count_ || !read_exact(rate, found)) return false;
  Reference reference = rows_[row].reference;
  reference.funding_rate = found.mantissa;
  reference.rate_scale = static_cast<std::uint32_t>(found.scale);
  reference.funding_time_ns = time_ns;
  reference.next_funding_ns = next_ns;
  publish(rows_[row].reference, reference);
  return true;
}

void MarketWriter::beat(std::int64_t monotonic_ns) noexcept {
  if (descriptor_ < 0) return;
  header_.beat_ns.store(monotonic_ns, std::memory_order_relaxed);
  struct stat status{};
  const bool is_whole =
      ::fstat(descriptor_, &status) == 0 && static_cast<std::uint64_t>(status.st_size) >= bytes();
  // Another file of that name is another writer's, and not to be fought over.
  const bool is_nameless = ::stat(path_.c_str(), &status) != 0 && errno == ENOENT;
  if (is_whole && !is_nameless) {
    const std::size_t at = offsetof(FileHeader, beat_ns);
    static_cast<void>(write_all(descriptor_, &header_.beat_ns, sizeof monotonic_ns, at));
    return;
  }
  // Somebody cut it or took its name away. Readers that hold it see so; others find a whole one.
  try {
    std::string error;
    if (make_file(error)) ++times_cut_;
  } catch (const std::bad_alloc&) {  // as any other reason not to make it: at the next beat
  }
}

void MarketWriter::close() noexcept {
  if (descriptor_ < 0) return;
  header_.is_closed.store(1, std::memory_order_release);
  const std::size_t at = offsetof(FileHeader, is_closed);
  static_cast<void>(write_all(descriptor_, &header_.is_closed, sizeof(std::uint64_t), at));
  ::close(descriptor_);
  descriptor_ = -1;
  rows_.reset();
  row_count_ = 0;
}

}  // namespace gateway::market
