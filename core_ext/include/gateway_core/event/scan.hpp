// One pass over the bytes of a JSON document: its tokens, and names that must not stand twice in an
// object. Never reads beyond the end and never makes a number of one: digits stay the text they
// are. Texts with escapes or bytes beyond ASCII are refused here; the ordinary way can read them.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "gateway_core/event/fault.hpp"

namespace gateway::event {

inline constexpr std::size_t kEventBytesMax = 16 * 1024;
inline constexpr std::size_t kNamesMax = 256;  // of all objects of one event
inline constexpr int kDepthMax = 8;
inline constexpr std::size_t kJsonNumberMax = 40;

struct Cursor {
  const char* at;
  const char* end;

  [[nodiscard]] bool is_at_end() const noexcept { return at == end; }
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end - at); }
};

inline void skip_space(Cursor& cursor) noexcept {
  while (cursor.at != cursor.end) {
    const char letter = *cursor.at;
    if (letter > ' ' || (letter != ' ' && letter != '\n' && letter != '\r' && letter != '\t'))
      return;
    ++cursor.at;
  }
}

/// Takes this one letter, after space.
[[nodiscard]] inline bool take_letter(Cursor& cursor, char letter) noexcept {
  skip_space(cursor);
  if (cursor.is_at_end() || *cursor.at != letter) return false;
  ++cursor.at;
  return true;
}

inline constexpr std::uint64_t kOnes = 0x0101010101010101U;
inline constexpr std::uint64_t kHighs = 0x8080808080808080U;

/// The high bit of each byte that ends a plain text: a quote, or what is refused in one. The lowest
/// of them is exact; higher ones may be echoes of it.
[[nodiscard]] constexpr std::uint64_t text_stops(std::uint64_t word) noexcept {
  const std::uint64_t quote = word ^ (kOnes * '"');
  const std::uint64_t escape = word ^ (kOnes * '\\');
  const std::uint64_t erase = word ^ (kOnes * 0x7f);
  return (((quote - kOnes) & ~quote) | ((escape - kOnes) & ~escape) | ((erase - kOnes) & ~erase) |
          ((word - kOnes * 0x20) & ~word) | word) &
         kHighs;
}

[[nodiscard]] constexpr bool ends_text(char letter) noexcept {
  return letter == '"' || letter == '\\' || static_cast<unsigned char>(letter) < 0x20 ||
         static_cast<unsigned char>(letter) >= 0x7f;
}

/// A text whose opening quote has been taken; the cursor stands behind its closing one.
[[nodiscard]] inline Fault take_text(Cursor& cursor, std::string_view& text) noexcept {
  const char* const begin = cursor.at;
  const char* at = begin;
  if constexpr (std::endian::native == std::endian::little) {
    while (cursor.end - at >= 8) {
      std::uint64_t word;
      std::memcpy(&word, at, sizeof word);
      const std::uint64_t stops = text_stops(word);
      if (stops != 0) {
        at += std::countr_zero(stops) / 8;
        break;
      }
      at += 8;
    }
  }
  while (at != cursor.end && !ends_text(*at)) ++at;
  cursor.at = at;
  if (at == cursor.end) return Fault::kTruncated;
  if (*at != '"') return Fault::kByte;
  text = {begin, static_cast<std::size_t>(at - begin)};
  ++cursor.at;
  return Fault::kNone;
}

enum class TokenKind : std::uint8_t { kNone, kText, kNumber, kTrue, kFalse, kNull };

struct Token {
  std::string_view text;  // without quotes
  TokenKind kind = TokenKind::kNone;
};

[[nodiscard]] constexpr bool is_digit(char letter) noexcept {
  return letter >= '0' && letter <= '9';
}

/// Digits from here on; false = there is none.
[[nodiscard]] inline bool take_digits(Cursor& cursor) noexcept {
  const char* const begin = cursor.at;
  while (!cursor.is_at_end() && is_digit(*cursor.at)) ++cursor.at;
  return cursor.at != begin;
}

/// A number by JSON's own grammar.
[[nodiscard]] inline Fault take_number(Cursor& cursor, Token& token) noexcept {
  const char* const begin = cursor.at;
  if (!cursor.is_at_end() && *cursor.at == '-') ++cursor.at;
  const char* const digits = cursor.at;
  if (!take_digits(cursor)) return cursor.is_at_end() ? Fault::kTruncated : Fault::kSyntax;
  if (*digits == '0' && cursor.at - digits > 1) return Fault::kSyntax;
  if (!cursor.is_at_end() && *cursor.at == '.') {
    ++cursor.at;
    if (!take_digits(cursor)) return Fault::kSyntax;
  }
  if (!cursor.is_at_end() && (*cursor.at == 'e' || *cursor.at == 'E')) {
    ++cursor.at;
    if (!cursor.is_at_end() && (*cursor.at == '+' || *cursor.at == '-')) ++cursor.at;
    if (!take_digits(cursor)) return Fault::kSyntax;
  }
  token = {{begin, static_cast<std::size_t>(cursor.at - begin)}, TokenKind::kNumber};
  return token.text.size() > kJsonNumberMax ? Fault::kNumber : Fault::kNone;
}

[[nodiscard]] inline Fault take_literal(Cursor& cursor, std::string_view word, TokenKind kind,
                                        Token& token) noexcept {
  if (cursor.left() < word.size()) return Fault::kTruncated;
  if (std::memcmp(cursor.at, word.data(), word.size()) != 0) return Fault::kSyntax;
  token = {{cursor.at, word.size()}, kind};
  cursor.at += word.size();
  return Fault::kNone;
}

/// A value that is no object and no list; the cursor stands on its first letter.
[[nodiscard]] inline Fault take_scalar(Cursor& cursor, Token& token) noexcept {
  if (cursor.is_at_end()) return Fault::kTruncated;
  switch (*cursor.at) {
    case '"':
      ++cursor.at;
      token.kind = TokenKind::kText;
      return take_text(cursor, token.text);
    case 't':
      return take_literal(cursor, "true", TokenKind::kTrue, token);
    case 'f':
      return take_literal(cursor, "false", TokenKind::kFalse, token);
    case 'n':
      return take_literal(cursor, "null", TokenKind::kNull, token);
    default:
      return take_number(cursor, token);
  }
}

/// The first eight bytes of a name, zeros behind a shorter one.
[[nodiscard]] inline std::uint64_t first_bytes(std::string_view name) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, name.data(), name.size() < 8 ? name.size() : 8);
  return word;
}
/// The same where the document goes on behind the name.
[[nodiscard]] inline std::uint64_t first_bytes(std::string_view name, const char* end) noexcept {
  if (std::endian::native != std::endian::little || name.size() >= 8 || end - name.data() < 8) {
    return first_bytes(name);
  }
  std::uint64_t word;
  std::memcpy(&word, name.data(), sizeof word);
  const auto bits = static_cast<unsigned>(name.size() * 8);
  return word & ~(~std::uint64_t{0} << bits);
}

/// Spreads a name over tables; names of venues differ early or in length.
[[nodiscard]] constexpr std::uint64_t hash_of_name(std::uint64_t word, std::size_t size) noexcept {
  const std::uint64_t mixed = (word ^ (std::uint64_t{size} << 56)) * 0x9E3779B97F4A7C15U;
  return mixed ^ (mixed >> 32);
}

/// The names of each object of one event. Cleared by counting on, so an event touches only the
/// places of its own names.
class NameSet {
 public:
  /// Before each event.
  void begin() noexcept {
    count_ = 0;
    if (++round_ == 0) {  // after four thousand million events the old marks would be new again
      for (Slot& slot : slots_) slot.round = 0;
      round_ = 1;
    }
  }

  /// kTwice when this object has the name already.
  [[nodiscard]] Fault add(std::uint32_t object, std::string_view name, std::uint64_t word,
                          std::uint64_t hash) noexcept {
    if (++count_ > kNamesMax) return Fault::kTooManyKeys;
    std::size_t at = (hash ^ (object * 0x9E37U)) % kSlots;
    while (slots_[at].round == round_) {
      const Slot& slot = slots_[at];
      if (slot.word == word && slot.object == object && slot.name.size() == name.size() &&
          (name.size() <= 8 || slot.name == name)) {
        return Fault::kTwice;
      }
      at = (at + 1) % kSlots;
    }
    slots_[at] = {name, word, object, round_};
    return Fault::kNone;
  }

 private:
  static constexpr std::size_t kSlots = 4 * kNamesMax;
  struct Slot {
    std::string_view name;
    std::uint64_t word;
    std::uint32_t object;
    std::uint32_t round;
  };

  std::array<Slot, kSlots> slots_{};
  std::uint32_t round_ = 0;
  std::size_t count_ = 0;
};

}  // namespace gateway::event
