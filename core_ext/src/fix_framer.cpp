// The framer's states: seek 8=FIX, read 8, read 9, wait for the body and its trailer, check; or,
// when a length was wrong, skip to the end of the next trailer.
#include <bit>
#include <cstring>
#include <new>

#include "gateway_core/fix/framer.hpp"

namespace gateway::fix {
namespace {

constexpr std::string_view kStart = "8=FIX";
constexpr std::string_view kThird = "35=";
constexpr std::string_view kTrailer =
    "\x01"
    "10=";
constexpr std::size_t kSumMax = 8;  // a trailer's value; what has no end by then is no trailer
constexpr std::size_t kBeginStringMax = 16;
constexpr std::size_t kTrailerBytes = 7;  // 10=nnn and SOH
constexpr std::size_t kIdleBytes = 4096;  // what a session may keep between its messages

/// Whether the bytes that are there are those of `wanted`; more may come.
bool may_be(const char* bytes, std::size_t count, std::string_view wanted) noexcept {
  return std::memcmp(bytes, wanted.data(), std::min(count, wanted.size())) == 0;
}

}  // namespace

std::string_view word_of(FrameFault fault) noexcept {
  constexpr std::string_view kWords[] = {
      "",         "junk",          "header_order", "body_length",    "too_long",
      "checksum", "trailer_order", "bad_tag",      "too_many_fields"};
  return kWords[static_cast<std::size_t>(fault)];
}

bool Framer::feed(const char* bytes, std::size_t count) noexcept {
  if (count > limits_.buffer_bytes_max || buffered() > limits_.buffer_bytes_max - count) {
    return false;
  }
  if (count == 0) return true;
  if (capacity_ - end_ < count && !make_room(count)) return false;
  std::memcpy(bytes_.get() + end_, bytes, count);
  end_ += count;
  return true;
}

/// Moves what waits to the front, but only when at least as much in front of it is done with, or
/// into a buffer of twice the size: so each byte is moved a bounded number of times.
bool Framer::make_room(std::size_t count) noexcept {
  const std::size_t waiting = buffered();
  if (begin_ >= waiting && capacity_ - waiting >= count) {
    if (waiting != 0) std::memcpy(bytes_.get(), here(), waiting);
  } else {
    const std::size_t wanted = std::max(kIdleBytes, std::bit_ceil(waiting + count));
    const std::size_t capacity = wanted > capacity_ ? wanted : 2 * wanted;
    std::unique_ptr<char[]> bytes(new (std::nothrow) char[capacity]);
    if (bytes == nullptr) return false;
    if (waiting != 0) std::memcpy(bytes.get(), here(), waiting);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }
  work_ += waiting;
  begin_ = 0;
  end_ = waiting;
  return true;
}

void Framer::release() noexcept {
  begin_ = end_ = 0;
  if (capacity_ <= kIdleBytes) return;
  bytes_.reset();
  capacity_ = 0;
}

/// Where the next 8=FIX begins, whole or cut off by the end; the end when there is none.
std::size_t Framer::seek(std::size_t from) noexcept {
  const std::size_t first = from;
  while (from < end_) {
    const void* const found = std::memchr(bytes_.get() + from, kStart[0], end_ - from);
    if (found == nullptr) {
      from = end_;
      break;
    }
    from = static_cast<std::size_t>(static_cast<const char*>(found) - bytes_.get());
    if (may_be(bytes_.get() + from, end_ - from, kStart)) break;
    ++from;
  }
  work_ += from - first + 1;
  return from;
}

/// Gives up on the message at begin_ and goes on at the next start at or behind the offset `from`.
bool Framer::drop(FrameFault fault, std::size_t from, Frame& frame) noexcept {
  return take(fault, seek(begin_ + from) - begin_, frame);
}

/// What stands where the trailer should. When it is a message, ours had no trailer and is dropped
/// alone. Else everything is dropped up to the end of the next trailer: a length too long takes the
/// following message with it, as the peers of the QuickFIX family expect.
bool Framer::drop_wrong_length(std::size_t trailer, Frame& frame) noexcept {
  const char* const place = here() + trailer;
  const bool ends_with_trailer =
      trailer > body_ + kTrailerBytes &&
      std::memcmp(place - kTrailerBytes - 1, kTrailer.data(), kTrailer.size()) == 0;
  if (may_be(place, kStart.size(), kStart) && !ends_with_trailer) {
    return take(FrameFault::kBodyLength, trailer, frame);
  }
  const Trailer found = find_trailer(begin_ + trailer - 1);
  take(FrameFault::kBodyLength, found.stop - begin_, frame);
  if (!found.is_whole) phase_ = Phase::kSkip;
  return true;
}

/// The end of the next trailer; when it is not whole, where what may become one begins.
Framer::Trailer Framer::find_trailer(std::size_t from) noexcept {
  const std::size_t first = from;
  Trailer found{end_, false};
  for (; from < end_; ++from) {
    const void* const soh = std::memchr(bytes_.get() + from, kSoh, end_ - from);
    if (soh == nullptr) break;
    from = static_cast<std::size_t>(static_cast<const char*>(soh) - bytes_.get());
    if (!may_be(bytes_.get() + from, end_ - from, kTrailer)) continue;
    found.stop = from;
    const std::size_t value = from + kTrailer.size();
    if (value >= end_) break;
    const std::size_t bytes = std::min(end_ - value, kSumMax);
    const void* const last = std::memchr(bytes_.get() + value, kSoh, bytes);
    if (last == nullptr && bytes < kSumMax) break;
    found.is_whole = true;
    found.stop = last == nullptr
                     ? value
                     : static_cast<std::size_t>(static_cast<const char*>(last) - bytes_.get()) + 1;
    break;
  }
  work_ += found.stop - first + 1;
  return found;
}

/// Hands out the first `bytes` that wait; always true, so that next() can end with it.
bool Framer::take(FrameFault fault, std::size_t bytes, Frame& frame) noexcept {
  frame.fault = fault;
  frame.data = {here(), bytes};
  begin_ += bytes;
  phase_ = Phase::kSeek;
  return true;
}

bool Framer::next(Frame& frame) noexcept {
  frame = {};
  if (begin_ == end_) {
    release();
    return false;
  }
  if (phase_ == Phase::kSkip) {
    const Trailer found = find_trailer(begin_);
    if (found.stop == begin_) return false;
    take(FrameFault::kJunk, found.stop - begin_, frame);
    if (!found.is_whole) phase_ = Phase::kSkip;
    return true;
  }
  if (phase_ == Phase::kSeek) {
    const std::size_t start = seek(begin_);
    if (start != begin_) return take(FrameFault::kJunk, start - begin_, frame);
    if (buffered() < kStart.size()) return false;
    phase_ = Phase::kBeginString;
    scan_ = kStart.size();
  }
  if (phase_ == Phase::kBeginString && !read_begin_string(frame)) return !frame.data.empty();
  if (phase_ == Phase::kBodyLength && !read_body_length(frame)) return !frame.data.empty();
  return read_body(frame);
}

bool Framer::read_begin_string(Frame& frame) noexcept {
  for (; scan_ < buffered(); ++scan_, ++work_) {
    const char c = here()[scan_];
    if (c == kSoh) {
      begin_string_end_ = scan_++;
      phase_ = Phase::kBodyLength;
      body_bytes_ = 0;
      return true;
    }
    if (c <= ' ' || c > '~' || c == '=' || scan_ == 2 + kBeginStringMax) {
      drop(FrameFault::kHeaderOrder, kStart.size(), frame);
      return false;
    }
  }
  return false;
}

bool Framer::read_body_length(Frame& frame) noexcept {
  for (; scan_ < buffered(); ++scan_, ++work_) {
    const char c = here()[scan_];
    const std::size_t place = scan_ - begin_string_end_ - 1;
    if (place < 2) {
      if (c == "9="[place]) continue;
      drop(FrameFault::kHeaderOrder, scan_, frame);
      return false;
    }
    if (c == kSoh && place > 2) break;
    // A leading zero is refused too: a message has one way to be written.
    if (c < (place == 2 ? '1' : '0') || c > '9') {
      drop(FrameFault::kBodyLength, scan_, frame);
      return false;
    }
    body_bytes_ = body_bytes_ * 10 + static_cast<std::size_t>(c - '0');
    if (scan_ + 2 + body_bytes_ + kTrailerBytes > limits_.message_bytes_max) {
      drop(FrameFault::kTooLong, scan_, frame);
      return false;
    }
  }
  if (scan_ == buffered()) return false;
  body_ = ++scan_;
  phase_ = Phase::kBody;
  return true;
}

bool Framer::read_body(Frame& frame) noexcept {
  frame.begin_string = {here() + 2, begin_string_end_ - 2};
  if (!may_be(here() + body_, buffered() - body_, kThird)) {
    return drop(FrameFault::kHeaderOrder, body_, frame);
  }
  const std::size_t trailer = body_ + body_bytes_;
  if (buffered() < trailer + kTrailerBytes) return false;
  if (here()[trailer - 1] != kSoh || std::memcmp(here() + trailer, kTrailer.data() + 1, 3) != 0) {
    return drop_wrong_length(trailer, frame);
  }
  // The SOH in front of the trailer ends the search at the latest: 35= alone is three bytes.
  const char* const type = here() + body_ + kThird.size();
  const auto* const type_end = static_cast<const char*>(
      std::memchr(type, kSoh, static_cast<std::size_t>(here() + trailer - type)));
  frame.message_type = {type, static_cast<std::size_t>(type_end - type)};
  work_ += 2 * (trailer + kTrailerBytes);
  const char* const sum = here() + trailer + 3;
  for (int i = 0; i < 3; ++i) {
    if (sum[i] < '0' || sum[i] > '9') return drop(FrameFault::kChecksum, trailer + 3, frame);
  }
  if (sum[3] != kSoh) return drop(FrameFault::kChecksum, trailer + 3, frame);
  FrameFault fault = check_sum();
  if (fault == FrameFault::kNone) fault = check_fields(frame);
  return take(fault, trailer + kTrailerBytes, frame);
}

FrameFault Framer::check_sum() const noexcept {
  const std::size_t trailer = body_ + body_bytes_;
  const char* const digits = here() + trailer + 3;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < trailer; ++i) sum += static_cast<unsigned char>(here()[i]);
  const int told = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  return told == static_cast<int>(sum % 256) ? FrameFault::kNone : FrameFault::kChecksum;
}

FrameFault Framer::check_fields(Frame& frame) const noexcept {
  FieldCursor cursor({here(), body_ + body_bytes_});
  Field field;
  std::size_t fields = 1;  // the trailer
  while (cursor.next(field)) {
    if (field.tag == 10) return FrameFault::kTrailerOrder;
    if (++fields > limits_.fields_max) return FrameFault::kTooManyFields;
  }
  frame.length_fault = cursor.length_fault();
  return cursor.is_broken() ? FrameFault::kBadTag : FrameFault::kNone;
}

}  // namespace gateway::fix
