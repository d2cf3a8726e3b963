// One fact as a venue told it: names and decimal text, before the ids and scales of the engine. It
// owns its bytes and can be packed for another process. Never holds a number that was rounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "gateway_core/types/ids.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway::event {

enum class FactKind : std::uint8_t {
  kNone = 0,
  kFilled = 1,
  kAccepted = 2,
  kCanceled = 3,
  kExpired = 4,
  kReplaced = 5,
};
inline constexpr std::size_t kFactKinds = 6;

[[nodiscard]] constexpr std::string_view name_of(FactKind kind) noexcept {
  constexpr std::string_view kNames[kFactKinds] = {"",         "filled",  "accepted",
                                                   "canceled", "expired", "replaced"};
  return kNames[static_cast<std::size_t>(kind) % kFactKinds];
}

/// memcpy for texts of some bytes: a call would take longer than the copy.
inline void copy_short(char* to, const char* from, std::size_t size) noexcept {
  const auto copy = [to, from](std::size_t at, auto word) {
    std::memcpy(&word, from + at, sizeof word);
    std::memcpy(to + at, &word, sizeof word);
  };
  if (size >= 8) {
    for (std::size_t at = 0; at + 8 < size; at += 8) copy(at, std::uint64_t{});
    copy(size - 8, std::uint64_t{});
  } else if (size >= 4) {
    copy(0, std::uint32_t{});
    copy(size - 4, std::uint32_t{});
  } else {
    for (std::size_t at = 0; at < size; ++at) to[at] = from[at];
  }
}

/// Text of at most N bytes; what is behind its size is not initialised.
template <std::size_t N>
struct ShortText {
  static_assert(N < 256);
  std::uint8_t size = 0;
  char bytes[N];

  static constexpr std::size_t kCapacity = N;

  /// False when it does not fit; the text is empty then.
  bool assign(std::string_view text) noexcept {
    size = 0;
    if (text.size() > N) return false;
    copy_short(bytes, text.data(), text.size());
    size = static_cast<std::uint8_t>(text.size());
    return true;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes, size}; }
};

struct Fact {
  FactKind kind = FactKind::kNone;
  Side side = Side::kBuy;
  Leg leg = Leg::kNet;
  Liquidity liquidity = Liquidity::kUnknown;
  OrderId order_id = 0;  // the gateway's; of a fill 0, for its client id says it
  std::int64_t venue_time_ns = 0;
  std::uint64_t venue_sequence = 0;
  ShortText<64> account;
  ShortText<64> symbol;
  ShortText<64> client_order_id;
  ShortText<40> venue_order_id;
  ShortText<40> trade_id;
  ShortText<40> price;     // of the fill, or now in force
  ShortText<40> quantity;  // of the fill, or now in force
  ShortText<40> cumulative;
  ShortText<48> fee;
  ShortText<24> fee_currency;
  ShortText<32> reason;

  /// Empty, as at the beginning; texts keep stale bytes behind their size.
  void clear() noexcept {
    kind = FactKind::kNone;
    side = Side::kBuy;
    leg = Leg::kNet;
    liquidity = Liquidity::kUnknown;
    order_id = 0;
    venue_time_ns = 0;
    venue_sequence = 0;
    for_each_text([](auto& text) { text.size = 0; });
  }

  template <typename Visit>
  void for_each_text(Visit&& visit) noexcept {
    visit(account), visit(symbol), visit(client_order_id), visit(venue_order_id);
    visit(trade_id), visit(price), visit(quantity), visit(cumulative), visit(fee);
    visit(fee_currency), visit(reason);
  }
};

inline constexpr std::size_t kPackedMax = 4 + 3 * 8 + sizeof(Fact);

/// Whether a text is a decimal number: `-?digits[.digits]`.
[[nodiscard]] constexpr bool is_decimal(std::string_view text) noexcept {
  std::size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
  std::size_t digits = 0;
  bool has_point = false;
  for (; at < text.size(); ++at) {
    if (text[at] == '.' && !has_point && digits != 0) {
      has_point = true;
      digits = 0;
    } else if (text[at] >= '0' && text[at] <= '9') {
      ++digits;
    } else {
      return false;
    }
  }
  return digits != 0;
}

/// Whether a decimal number is not zero.
[[nodiscard]] constexpr bool is_nonzero(std::string_view text) noexcept {
  for (const char letter : text) {
    if (letter >= '1' && letter <= '9') return true;
  }
  return false;
}

/// The fact as bytes for another process; their count. `out` has room for kPackedMax.
[[nodiscard]] inline std::size_t pack(Fact& fact, char* out) noexcept {
  char* at = out;
  *at++ = static_cast<char>(fact.kind);
  *at++ = static_cast<char>(fact.side);
  *at++ = static_cast<char>(fact.leg);
  *at++ = static_cast<char>(fact.liquidity);
  const auto number = [&at](auto value) {
    static_assert(sizeof value == 8);
    std::memcpy(at, &value, 8);
    at += 8;
  };
  number(fact.order_id);
  number(fact.venue_time_ns);
  number(fact.venue_sequence);
  fact.for_each_text([&at](const auto& text) {
    *at++ = static_cast<char>(text.size);
    std::memcpy(at, text.bytes, text.size);
    at += text.size;
  });
  return static_cast<std::size_t>(at - out);
}

namespace in_fact {

[[nodiscard]] inline bool is_printable(std::string_view text) noexcept {
  for (const char letter : text) {
    if (letter < ' ' || letter > '~') return false;
  }
  return true;
}
[[nodiscard]] inline bool is_number_or_empty(std::string_view text) noexcept {
  return text.empty() || is_decimal(text);
}

/// Whether a fact that came from elsewhere is one that a reader could have made.
[[nodiscard]] inline bool is_sound(Fact& fact) noexcept {
  const bool has_words = (fact.side == Side::kBuy || fact.side == Side::kSell) &&
                         fact.leg <= Leg::kShort && fact.liquidity <= Liquidity::kTaker &&
                         fact.kind != FactKind::kNone && fact.kind <= FactKind::kReplaced;
  bool are_printable = true;
  fact.for_each_text(
      [&](const auto& text) { are_printable = are_printable && is_printable(text.view()); });
  return has_words && are_printable && fact.venue_time_ns >= 0 &&
         is_number_or_empty(fact.price.view()) && is_number_or_empty(fact.quantity.view()) &&
         is_number_or_empty(fact.cumulative.view()) && is_number_or_empty(fact.fee.view()) &&
         (fact.kind == FactKind::kFilled
              ? fact.order_id == 0 && fact.trade_id.size != 0 && fact.price.size != 0 &&
                    fact.quantity.size != 0 && fact.fee.size != 0 && fact.fee_currency.size != 0
              : fact.order_id != 0 && fact.order_id <= OrderId{INT64_MAX});
}

}  // namespace in_fact

/// What `pack` made. False for anything else; the fact is of no use then.
[[nodiscard]] inline bool unpack(std::string_view bytes, Fact& fact) noexcept {
  fact.clear();
  if (bytes.size() < 4 + 3 * 8 || bytes.size() > kPackedMax) return false;
  fact.kind = static_cast<FactKind>(bytes[0]);
  fact.side = static_cast<Side>(bytes[1]);
  fact.leg = static_cast<Leg>(bytes[2]);
  fact.liquidity = static_cast<Liquidity>(bytes[3]);
  std::memcpy(&fact.order_id, bytes.data() + 4, 8);
  std::memcpy(&fact.venue_time_ns, bytes.data() + 12, 8);
  std::memcpy(&fact.venue_sequence, bytes.data() + 20, 8);
  std::string_view rest = bytes.substr(28);
  bool fits = true;
  fact.for_each_text([&](auto& text) {
    const std::size_t size = rest.empty() ? 0 : static_cast<unsigned char>(rest[0]);
    if (!fits || rest.empty() || rest.size() < 1 + size || !text.assign(rest.substr(1, size))) {
      fits = false;
      return;
    }
    rest.remove_prefix(1 + size);
  });
  return fits && rest.empty() && in_fact::is_sound(fact);
}

}  // namespace gateway::event
