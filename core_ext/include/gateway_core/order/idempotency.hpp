// Client order ids: which of them were used, and for which order. Keyed by principal, not by
// session. Numbers: high-water mark and a bitmap window. Texts: a 128-bit name kept for the trading
// period.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

#include "gateway_core/memory/key_table.hpp"
#include "gateway_core/record/kinds.hpp"

namespace gateway {

/// Numbers about this far below the newest one (a word of 64 less) are refused as stale.
inline constexpr std::uint64_t kNumberWindow = 65536;
inline constexpr std::uint32_t kPrincipalsMax = 256;

struct NumberWindow {
  std::uint64_t high_water = 0;
  std::uint64_t bits[kNumberWindow / 64] = {};

  [[nodiscard]] bool is_stale(std::uint64_t number) const noexcept {
    // By whole words: the newest word must not share its bits with the oldest one.
    return number / 64 + kNumberWindow / 64 <= high_water / 64;
  }
  [[nodiscard]] bool is_used(std::uint64_t number) const noexcept {
    if (number > high_water || is_stale(number)) return false;
    return (bits[(number / 64) % (kNumberWindow / 64)] >> (number % 64) & 1) != 0;
  }
  void use(std::uint64_t number) noexcept {
    if (number > high_water) advance(number);
    bits[(number / 64) % (kNumberWindow / 64)] |= std::uint64_t{1} << (number % 64);
  }

 private:
  /// Clears the words that the window leaves behind; at most one whole window.
  void advance(std::uint64_t number) noexcept {
    const std::uint64_t from = high_water / 64;
    const std::uint64_t to = number / 64;
    const std::uint64_t words = kNumberWindow / 64;
    const std::uint64_t count = to - from > words ? words : to - from;
    for (std::uint64_t i = 0; i < count; ++i) bits[(to - i) % words] = 0;
    high_water = number;
  }
};

/// Numbers in force are found in the order table; here are which were ever used, those that a
/// pending replace will bring, and texts.
class ClientNames {
 public:
  ClientNames(std::uint32_t orders_max, std::uint32_t texts_max)
      : pending_(orders_max),
        texts_(texts_max),
        windows_(std::make_unique<std::unique_ptr<NumberWindow>[]>(kPrincipalsMax)),
        spares_(std::make_unique<std::unique_ptr<NumberWindow>[]>(kPrincipalsMax)) {}

  /// Order that has this text as client id, 0 = none remembered.
  [[nodiscard]] OrderId find_text(PrincipalId principal, const ClientId& text) const noexcept {
    const std::uint64_t* found = texts_.find(text_key(principal, text));
    return found == nullptr ? 0 : *found & ~kByReplace;
  }
  /// Order that was made under this text, 0 = none remembered, or a replace brought the text.
  [[nodiscard]] OrderId find_made(PrincipalId principal, const ClientId& text) const noexcept {
    const std::uint64_t* found = texts_.find(text_key(principal, text));
    return found == nullptr || (*found & kByReplace) != 0 ? 0 : *found;
  }
  /// Order whose pending replace brings this number, 0 = none.
  [[nodiscard]] OrderId find_pending(PrincipalId principal, std::uint64_t number) const noexcept {
    const std::uint64_t* found = pending_.find(number_key(principal, number));
    return found == nullptr ? 0 : *found;
  }
  [[nodiscard]] const NumberWindow* window(PrincipalId principal) const noexcept {
    return principal < kPrincipalsMax ? windows_[principal].get() : nullptr;
  }
  /// A number above the newest one of its principal, so that no order can have it: the common case
  /// costs one comparison. 0 is no number.
  [[nodiscard]] bool is_surely_new(PrincipalId principal, std::uint64_t number) const noexcept {
    const NumberWindow* used = window(principal);
    return number != 0 && (used == nullptr || number > used->high_water);
  }
  void prefault() noexcept { texts_.prefault(); }
  [[nodiscard]] bool is_text_full() const noexcept { return texts_.is_full(); }

  /// Takes the memory of the principal's numbers before its first order, where there is some. No
  /// number is used by it, so nothing that is compared or hashed changes.
  void make_room(PrincipalId principal) noexcept {
    if (principal >= kPrincipalsMax || windows_[principal] || spares_[principal]) return;
    spares_[principal].reset(new (std::nothrow) NumberWindow());
  }
  /// What the principal's next number will be written into; nullptr without room.
  [[nodiscard]] const NumberWindow* room(PrincipalId principal) const noexcept {
    const NumberWindow* used = window(principal);
    return used != nullptr || principal >= kPrincipalsMax ? used : spares_[principal].get();
  }
  /// Marks a number as used, for ever.
  void use_number(PrincipalId principal, std::uint64_t number) noexcept {
    if (!windows_[principal]) [[unlikely]] {
      windows_[principal] =
          spares_[principal] ? std::move(spares_[principal]) : std::make_unique<NumberWindow>();
    }
    windows_[principal]->use(number);
  }
  /// Texts stay for the period and the one after it.
  void use_text(PrincipalId principal, const ClientId& text, OrderId order) noexcept {
    texts_.insert(text_key(principal, text), order);
  }
  /// The same for a text that a replace of the order brings: no order was made under it.
  void use_text_by_replace(PrincipalId principal, const ClientId& text, OrderId order) noexcept {
    texts_.insert(text_key(principal, text), order | kByReplace);
  }
  void await_number(PrincipalId principal, std::uint64_t number, OrderId order) noexcept {
    pending_.insert(number_key(principal, number), order);
  }
  /// The replace is over, or its order left memory.
  void end_pending(PrincipalId principal, std::uint64_t number) noexcept {
    pending_.erase(number_key(principal, number));
  }
  /// End of a trading period: keeps only texts whose order keep(order_id) wants.
  template <typename Keep>
  void roll(Keep&& keep) {
    texts_.retain([&](Key128, std::uint64_t order) { return keep(order & ~kByReplace); });
  }

  [[nodiscard]] KeyTable& texts() noexcept { return texts_; }
  [[nodiscard]] const KeyTable& texts() const noexcept { return texts_; }
  [[nodiscard]] NumberWindow& window_for_restore(PrincipalId principal) {
    if (!windows_[principal]) windows_[principal] = std::make_unique<NumberWindow>();
    return *windows_[principal];
  }

 private:
  static constexpr std::uint64_t kByReplace = std::uint64_t{1} << 63;  // order ids have 63 bits

  [[nodiscard]] static Key128 number_key(PrincipalId principal, std::uint64_t number) noexcept {
    return {std::uint64_t{principal} | (std::uint64_t{1} << 63), number};
  }

  KeyTable pending_;
  KeyTable texts_;
  std::unique_ptr<std::unique_ptr<NumberWindow>[]> windows_;
  std::unique_ptr<std::unique_ptr<NumberWindow>[]> spares_;  // of principals without a number yet
};

}  // namespace gateway
