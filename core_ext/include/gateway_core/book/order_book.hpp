// What matching needs of a book, and the plainest one: sorted arrays. A book keeps price levels of
// both sides, best first. Must never know orders, rules or events: a book only finds levels.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "gateway_core/book/price_level.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

/// Pointers and references are valid until the next open or close. `open` gives the level at a
/// price, made when absent; `close` removes a level that the caller has seen to be empty. `walk`
/// goes from the best level outwards until the visitor says false; the visitor may change a level
/// but neither its price nor the book. Whoever changes a level says `changed` before the next call,
/// and `commit` when a request is done: a book that others read shows it to them then.
template <typename B>
concept Book = requires(B book, const B& constant, Side side, std::int64_t price, PriceLevel& level,
                        bool (*visit)(PriceLevel&), bool (*look)(const PriceLevel&)) {
  B{price};  // the tick
  { book.best(side) } -> std::same_as<PriceLevel*>;
  { book.find(side, price) } -> std::same_as<PriceLevel*>;
  { book.open(side, price) } -> std::same_as<PriceLevel&>;
  { book.close(side, price) } -> std::same_as<void>;
  { book.walk(side, visit) } -> std::same_as<void>;
  { book.changed(level) } -> std::same_as<void>;
  { book.commit() } -> std::same_as<void>;
  { constant.best(side) } -> std::same_as<const PriceLevel*>;
  { constant.find(side, price) } -> std::same_as<const PriceLevel*>;
  { constant.walk(side, look) } -> std::same_as<void>;
};

/// One side with the best level at the back, where almost all traffic is: opening and closing there
/// moves nothing. Elsewhere it costs a move of every better level.
class FlatSide {
 public:
  explicit FlatSide(Side side) noexcept : sign_(sign_of(side)) {}

  [[nodiscard]] bool is_empty() const noexcept { return levels_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return levels_.size(); }
  [[nodiscard]] PriceLevel* best() noexcept { return levels_.empty() ? nullptr : &levels_.back(); }
  [[nodiscard]] PriceLevel* find(std::int64_t price) noexcept {
    if (!levels_.empty() && levels_.back().price == price) return &levels_.back();
    const auto at = place(price);
    return at != levels_.end() && at->price == price ? &*at : nullptr;
  }
  PriceLevel& open(std::int64_t price) {
    const auto at = place(price);
    if (at != levels_.end() && at->price == price) return *at;
    PriceLevel level;
    level.price = price;
    return *levels_.insert(at, level);
  }
  void close(std::int64_t price) noexcept { levels_.erase(place(price)); }

  /// The level `rank` places behind the best one.
  [[nodiscard]] PriceLevel& operator[](std::size_t rank) noexcept {
    return levels_[levels_.size() - 1 - rank];
  }
  /// How many levels are better than `price`.
  [[nodiscard]] std::size_t better_than(std::int64_t price) noexcept {
    const auto at = place(price);
    const auto behind = static_cast<std::size_t>(levels_.end() - at);
    return at != levels_.end() && at->price == price ? behind - 1 : behind;
  }
  /// Takes `count` levels out, from `rank` on.
  void erase(std::size_t rank, std::size_t count) noexcept {
    const auto last = levels_.end() - static_cast<std::ptrdiff_t>(rank);
    levels_.erase(last - static_cast<std::ptrdiff_t>(count), last);
  }

 private:
  using Levels = std::vector<PriceLevel>;

  /// First level that is not worse than `price`: the level itself or where it belongs.
  [[nodiscard]] Levels::iterator place(std::int64_t price) noexcept {
    return std::lower_bound(levels_.begin(), levels_.end(), sign_ * price,
                            [this](const PriceLevel& level, std::int64_t wanted) {
                              return sign_ * level.price < wanted;
                            });
  }

  Levels levels_;
  std::int64_t sign_;
};

/// For books of few levels that one thread uses; stops lie in one by their triggers.
class FlatBook {
 public:
  explicit FlatBook(std::int64_t /*tick*/ = 1) {}

  [[nodiscard]] PriceLevel* best(Side side) noexcept { return at(side).best(); }
  [[nodiscard]] const PriceLevel* best(Side side) const noexcept { return mutable_at(side).best(); }
  [[nodiscard]] PriceLevel* find(Side side, std::int64_t price) noexcept {
    return at(side).find(price);
  }
  [[nodiscard]] const PriceLevel* find(Side side, std::int64_t price) const noexcept {
    return mutable_at(side).find(price);
  }
  PriceLevel& open(Side side, std::int64_t price) { return at(side).open(price); }
  void close(Side side, std::int64_t price) noexcept { at(side).close(price); }
  template <typename Visit>
  void walk(Side side, Visit&& visit) {
    FlatSide& all = at(side);
    for (std::size_t rank = 0; rank < all.size() && visit(all[rank]); ++rank) {
    }
  }
  template <typename Look>
  void walk(Side side, Look&& look) const {
    FlatSide& all = mutable_at(side);
    for (std::size_t rank = 0; rank < all.size() && look(std::as_const(all[rank])); ++rank) {
    }
  }
  void changed(PriceLevel&) noexcept {}
  void commit() noexcept {}

 private:
  [[nodiscard]] FlatSide& at(Side side) noexcept { return sides_[side == Side::kSell ? 1 : 0]; }
  [[nodiscard]] FlatSide& mutable_at(Side side) const noexcept {
    return const_cast<FlatBook*>(this)->at(side);
  }

  FlatSide sides_[2] = {FlatSide(Side::kBuy), FlatSide(Side::kSell)};
};

static_assert(Book<FlatBook>);

}  // namespace gateway
