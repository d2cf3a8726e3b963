// Both sides of one instrument as price levels, best first. Also keeps untriggered stops, by
// trigger price. Must never know orders, rules or events: a book only finds levels.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gateway_core/book/price_level.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

/// What matching needs of a book. Pointers and references are valid until the next open or close.
/// `walk` goes from the best level outwards until the visitor says false; the visitor may change a
/// level but neither its price nor the book.
template <typename B>
concept Book = requires(B book, const B& constant, Side side, std::int64_t price,
                        bool (*visit)(PriceLevel&), bool (*look)(const PriceLevel&)) {
  { book.best(side) } -> std::same_as<PriceLevel*>;
  { book.find(side, price) } -> std::same_as<PriceLevel*>;
  { book.open(side, price) } -> std::same_as<PriceLevel&>;
  { book.close(side, price) } -> std::same_as<void>;
  { book.walk(side, visit) } -> std::same_as<void>;
  { constant.best(side) } -> std::same_as<const PriceLevel*>;
  { constant.find(side, price) } -> std::same_as<const PriceLevel*>;
  { constant.walk(side, look) } -> std::same_as<void>;
};

/// Sorted arrays with the best level at the back, where almost all traffic is: opening and closing
/// there moves nothing. Far levels cost a move of 48 bytes per level in between.
class FlatBook {
 public:
  explicit FlatBook(std::size_t levels_expected = 1024) {
    bids_.reserve(levels_expected);
    asks_.reserve(levels_expected);
  }

  [[nodiscard]] PriceLevel* best(Side side) noexcept {
    auto& all = levels(side);
    return all.empty() ? nullptr : &all.back();
  }
  [[nodiscard]] const PriceLevel* best(Side side) const noexcept {
    return const_cast<FlatBook*>(this)->best(side);
  }

  [[nodiscard]] PriceLevel* find(Side side, std::int64_t price) noexcept {
    auto& all = levels(side);
    if (!all.empty() && all.back().price == price) return &all.back();
    const auto at = place(side, price);
    return at != all.end() && at->price == price ? &*at : nullptr;
  }
  [[nodiscard]] const PriceLevel* find(Side side, std::int64_t price) const noexcept {
    return const_cast<FlatBook*>(this)->find(side, price);
  }

  /// The level at `price`, made when absent.
  PriceLevel& open(Side side, std::int64_t price) {
    const auto at = place(side, price);
    if (at != levels(side).end() && at->price == price) return *at;
    PriceLevel level;
    level.price = price;
    return *levels(side).insert(at, level);
  }

  /// Removes a level; the caller has seen that it is empty.
  void close(Side side, std::int64_t price) noexcept { levels(side).erase(place(side, price)); }

  template <typename Visit>
  void walk(Side side, Visit&& visit) {
    auto& all = levels(side);
    for (auto at = all.rbegin(); at != all.rend() && visit(*at); ++at) {
    }
  }
  template <typename Look>
  void walk(Side side, Look&& look) const {
    const auto& all = side == Side::kBuy ? bids_ : asks_;
    for (auto at = all.rbegin(); at != all.rend() && look(*at); ++at) {
    }
  }

 private:
  using Levels = std::vector<PriceLevel>;

  [[nodiscard]] Levels& levels(Side side) noexcept { return side == Side::kBuy ? bids_ : asks_; }

  /// First level that is not worse than `price`: the level itself or where it belongs.
  [[nodiscard]] Levels::iterator place(Side side, std::int64_t price) noexcept {
    auto& all = levels(side);
    const std::int64_t sign = sign_of(side);
    return std::lower_bound(all.begin(), all.end(), sign * price,
                            [sign](const PriceLevel& level, std::int64_t wanted) {
                              return sign * level.price < wanted;
                            });
  }

  Levels bids_;  // ascending
  Levels asks_;  // descending
};

static_assert(Book<FlatBook>);

}  // namespace gateway
