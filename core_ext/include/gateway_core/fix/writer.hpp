// Writes one FIX message into memory of the caller: 8, 9, 35, then what it is told in that order,
// then 10. Allocates nothing; what does not fit is told once, at the end, and never written.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "gateway_core/fix/field.hpp"
#include "gateway_core/fix/number.hpp"
#include "gateway_core/fix/timestamp.hpp"

namespace gateway::fix {

/// A number that is already text, or a decimal; absent when it is neither.
struct Amount {
  std::string_view text;
  Decimal number;

  [[nodiscard]] bool is_set() const noexcept { return !text.empty() || number.is_set(); }
};

class MessageWriter {
 public:
  /// Room in front of the body for 8= and 9=, which are written last.
  static constexpr std::size_t kFrontBytes = 48;
  static constexpr std::size_t kBeginStringMax = 16;

  explicit MessageWriter(std::span<char> memory) noexcept
      : memory_(memory), at_(kFrontBytes), is_full_(memory.size() < kFrontBytes) {}

  /// Empty values are no fields. A value with SOH would be several: the whole message is refused.
  void put(int tag, std::string_view value) noexcept {
    if (value.empty() || !has_room(value.size())) return;
    is_full_ = std::memchr(value.data(), kSoh, value.size()) != nullptr;
    if (is_full_) return;
    put_tag(tag);
    std::memcpy(memory_.data() + at_, value.data(), value.size());
    at_ += value.size();
    memory_[at_++] = kSoh;
  }
  void put(int tag, char value) noexcept {
    if (value != 0) put(tag, std::string_view(&value, 1));
  }
  /// Text that a stranger may have written: control characters become spaces.
  void put_text(int tag, std::string_view value) noexcept {
    if (value.empty() || !has_room(value.size())) return;
    put_tag(tag);
    for (const char c : value) memory_[at_++] = static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    memory_[at_++] = kSoh;
  }
  void put_count(int tag, std::uint64_t value) noexcept {
    char digits[kNumberBytesMax];
    const char* const first = write_count_before(digits + sizeof digits, value);
    put(tag, std::string_view(first, static_cast<std::size_t>(digits + sizeof digits - first)));
  }
  void put(int tag, const Amount& amount) noexcept {
    if (!amount.text.empty()) return put(tag, amount.text);
    if (!amount.number.is_set() || !has_room(kNumberBytesMax)) return;
    put_tag(tag);
    at_ += write_number(memory_.data() + at_, amount.number);
    memory_[at_++] = kSoh;
  }
  void put_time(int tag, std::int64_t ns, int precision) noexcept {
    if (ns <= 0 || !has_room(kTimestampBytesMax)) return;
    put_tag(tag);
    at_ += write_timestamp(memory_.data() + at_, ns, precision);
    memory_[at_++] = kSoh;
  }

  /// The whole message; empty when the memory was too small, a value held SOH or the begin string
  /// is too long.
  [[nodiscard]] std::string_view finish(std::string_view begin_string) noexcept {
    if (begin_string.size() > kBeginStringMax || !has_room(8) || is_full_) return {};
    char* const body = memory_.data() + kFrontBytes;
    char* front = body;
    *--front = kSoh;
    front = write_count_before(front, at_ - kFrontBytes);
    *--front = '=';
    *--front = '9';
    *--front = kSoh;
    front -= begin_string.size();
    std::memcpy(front, begin_string.data(), begin_string.size());
    *--front = '=';
    *--front = '8';
    std::uint32_t sum = 0;
    const char* const end = memory_.data() + at_;
    for (const char* byte = front; byte != end; ++byte) sum += static_cast<unsigned char>(*byte);
    put_tag(10);
    detail::put_digits(memory_.data() + at_, 3, sum % 256);
    at_ += 3;
    memory_[at_++] = kSoh;
    return {front, static_cast<std::size_t>(memory_.data() + at_ - front)};
  }

 private:
  static constexpr std::size_t kAroundValue = 12;  // tag, = and SOH

  [[nodiscard]] bool has_room(std::size_t bytes) noexcept {
    is_full_ = is_full_ || memory_.size() - at_ < bytes + kAroundValue;
    return !is_full_;
  }
  void put_tag(int tag) noexcept {
    char digits[kNumberBytesMax];
    char* const end = digits + sizeof digits;
    const char* const first = write_count_before(end, static_cast<std::uint64_t>(tag));
    const auto count = static_cast<std::size_t>(end - first);
    std::memcpy(memory_.data() + at_, first, count);
    at_ += count;
    memory_[at_++] = '=';
  }

  std::span<char> memory_;
  std::size_t at_;
  bool is_full_;
};

}  // namespace gateway::fix
