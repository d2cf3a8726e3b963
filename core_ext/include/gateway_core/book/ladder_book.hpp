// The book as an array ladder: a window of ticks around the best price, one place per tick, and a
// bitmap that finds the next level. Prices outside the window or off the tick lie in a sorted array
// behind it, so the answers are exact everywhere and only the speed differs. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "gateway_core/book/order_book.hpp"
#include "gateway_core/book/rules.hpp"
#include "gateway_core/memory/huge_array.hpp"
#include "gateway_core/types/exact_divisor.hpp"

namespace gateway {

/// One side. Ticks are counted so that a better price has the lower rank on either side, and
/// nothing below asks which side it is. The window is a ring of 64 words with 64 ranks each, so
/// moving it moves only the levels that leave it or come in.
class LadderSide {
 public:
  static constexpr std::uint64_t kTicks = 4096;

  LadderSide(Side side, std::int64_t tick)
      : levels_(kTicks),
        tick_(static_cast<std::uint64_t>(tick)),
        tick_size_(static_cast<std::uint64_t>(tick)),
        flip_(side == Side::kBuy ? ~std::uint64_t{0} : 0),
        far_(side) {}

  [[nodiscard]] PriceLevel* best() noexcept {
    PriceLevel* near = count_ == 0 ? nullptr : &levels_[best_ % kTicks];
    return far_.is_empty() ? near : better(near, far_.best());
  }

  [[nodiscard]] PriceLevel* find(std::int64_t price) noexcept {
    const std::uint64_t rank = rank_of(price);
    if (!is_inside(rank)) return far_.find(price);
    return has(rank % kTicks) ? &levels_[rank % kTicks] : nullptr;
  }

  PriceLevel& open(std::int64_t price) {
    const std::uint64_t rank = rank_of(price);
    if (is_inside(rank)) [[likely]]
      return open_inside(price, rank);
    PriceLevel* known = far_.find(price);
    if (known != nullptr) return *known;
    if (is_on_tick(rank) && should_move_for(rank)) {
      move_window(base_for(best_rank_with(rank)));
      if (is_inside(rank)) return open_inside(price, rank);
    }
    return far_.open(price);
  }

  void close(std::int64_t price) noexcept {
    const std::uint64_t rank = rank_of(price);
    if (!is_inside(rank)) return far_.close(price);
    clear(rank % kTicks);
    if (rank == best_ && count_ > 0) best_ = first_rank(used_words_);
  }

  template <typename Visit>
  void walk(Visit&& visit) {
    std::size_t place = 0;  // in the far levels, best first
    std::uint64_t rank = best_;
    for (std::uint64_t left = count_; left > 0; --left) {
      PriceLevel& level = levels_[rank % kTicks];
      for (; place < far_.size() && is_better(far_[place], level); ++place) {
        if (!visit(far_[place])) return;
      }
      if (left > 1) rank = next_rank(rank);
      if (!visit(level)) return;
    }
    for (; place < far_.size(); ++place) {
      if (!visit(far_[place])) return;
    }
  }

  [[nodiscard]] std::size_t levels_outside() const noexcept { return far_.size(); }

 private:
  static constexpr std::uint64_t kWordRanks = 64;
  static constexpr std::uint64_t kComfort = kTicks / 4;  // ranks kept free on the better side

  [[nodiscard]] std::uint64_t rank_of(std::int64_t price) const noexcept {
    return tick_.quotient(static_cast<std::uint64_t>(price)) ^ flip_;
  }
  [[nodiscard]] bool is_on_tick(std::uint64_t rank) const noexcept {
    return (rank ^ flip_) <= tick_.quotient_max();
  }
  [[nodiscard]] bool is_inside(std::uint64_t rank) const noexcept {
    return rank - base_ < kTicks && is_on_tick(rank);
  }
  [[nodiscard]] bool is_better(const PriceLevel& level, const PriceLevel& other) const noexcept {
    return flip_ != 0 ? level.price > other.price : level.price < other.price;
  }
  [[nodiscard]] PriceLevel* better(PriceLevel* near, PriceLevel* far) const noexcept {
    return near == nullptr || is_better(*far, *near) ? far : near;
  }

  // --- The bitmap ------------------------------------------------------------------------------

  [[nodiscard]] bool has(std::uint64_t place) const noexcept {
    return (words_[place / kWordRanks] >> (place % kWordRanks) & 1) != 0;
  }
  void clear(std::uint64_t place) noexcept {
    std::uint64_t& word = words_[place / kWordRanks];
    word &= ~(std::uint64_t{1} << (place % kWordRanks));
    if (word == 0) used_words_ &= ~(std::uint64_t{1} << (place / kWordRanks));
    --count_;
  }
  PriceLevel& open_inside(std::int64_t price, std::uint64_t rank) noexcept {
    const std::uint64_t place = rank % kTicks;
    PriceLevel& level = levels_[place];
    if (has(place)) return level;
    words_[place / kWordRanks] |= std::uint64_t{1} << (place % kWordRanks);
    used_words_ |= std::uint64_t{1} << (place / kWordRanks);
    level = PriceLevel{};
    level.price = price;
    if (count_++ == 0 || rank < best_) best_ = rank;
    return level;
  }

  /// The lowest rank in `words`, which are not empty. The window's first word is where the ring is
  /// cut.
  [[nodiscard]] std::uint64_t first_rank(std::uint64_t words) const noexcept {
    const std::uint64_t cut = base_ / kWordRanks % 64;
    const auto step =
        static_cast<std::uint64_t>(std::countr_zero(std::rotr(words, static_cast<int>(cut))));
    const std::uint64_t word = words_[(cut + step) % 64];
    return base_ + step * kWordRanks + static_cast<std::uint64_t>(std::countr_zero(word));
  }
  /// The next level behind `rank`; there is one.
  [[nodiscard]] std::uint64_t next_rank(std::uint64_t rank) const noexcept {
    const std::uint64_t word = rank % kTicks / kWordRanks;
    const std::uint64_t later = ~std::uint64_t{1} << (rank % kWordRanks);
    if (const std::uint64_t rest = words_[word] & later; rest != 0) {
      return rank - rank % kWordRanks + static_cast<std::uint64_t>(std::countr_zero(rest));
    }
    const auto cut = static_cast<int>(base_ / kWordRanks % 64);
    const std::uint64_t step = (rank - base_) / kWordRanks;
    const std::uint64_t ordered = std::rotr(used_words_, cut) & (~std::uint64_t{1} << step);
    return first_rank(std::rotl(ordered, cut));
  }

  // --- The window ------------------------------------------------------------------------------

  /// The best rank there will be when `rank` is open. Levels off the tick have none.
  [[nodiscard]] std::uint64_t best_rank_with(std::uint64_t rank) noexcept {
    if (count_ > 0) rank = std::min(rank, best_);
    for (std::size_t place = 0; place < far_.size(); ++place) {
      const std::uint64_t other = rank_of(far_[place].price);
      if (is_on_tick(other)) return std::min(rank, other);
    }
    return rank;
  }
  /// The window with room on the better side, cut between two words.
  [[nodiscard]] static std::uint64_t base_for(std::uint64_t best_rank) noexcept {
    return best_rank < kComfort ? 0 : (best_rank - kComfort) / kWordRanks * kWordRanks;
  }

  /// Moving costs the levels that are inside. So it must be asked for as often as there are such
  /// levels, by prices that a better window would have held: then every price pays for one level.
  [[nodiscard]] bool should_move_for(std::uint64_t rank) noexcept {
    if (count_ == 0) return true;
    const std::uint64_t wanted = base_for(best_rank_with(rank));
    const std::uint64_t distance = wanted > base_ ? wanted - base_ : base_ - wanted;
    return distance >= kComfort / 2 && ++misses_ > count_;
  }

  void move_window(std::uint64_t base) {
    misses_ = 0;
    const std::uint64_t old_base = std::exchange(base_, base);
    for (std::uint64_t words = used_words_; words != 0; words &= words - 1) {
      const auto word = static_cast<std::uint64_t>(std::countr_zero(words));
      const std::uint64_t first = old_base + (word - old_base / kWordRanks) % 64 * kWordRanks;
      if (first - base < kTicks) continue;  // A word is inside or outside as a whole.
      for (std::uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
        const std::uint64_t place =
            word * kWordRanks + static_cast<std::uint64_t>(std::countr_zero(bits));
        far_.open(levels_[place].price) = levels_[place];
        clear(place);
      }
    }
    take_in();
    if (count_ > 0) best_ = first_rank(used_words_);
  }

  /// Far levels that the window covers now come in. They are neighbours there.
  void take_in() noexcept {
    const std::size_t begin = far_.better_than(price_at(base_));
    std::size_t kept = begin;  // Off the tick, so they stay.
    std::size_t place = begin;
    for (; place < far_.size(); ++place) {
      const PriceLevel level = far_[place];
      const std::uint64_t rank = rank_of(level.price);
      if (is_inside(rank)) {
        open_inside(level.price, rank) = level;
      } else if (is_on_tick(rank)) {
        break;  // Worse than the window, as is everything behind it.
      } else {
        far_[kept++] = level;
      }
    }
    far_.erase(kept, place - kept);
  }
  /// Its price, or one beyond all that a book may hold.
  [[nodiscard]] std::int64_t price_at(std::uint64_t rank) const noexcept {
    constexpr std::uint64_t kBeyond = static_cast<std::uint64_t>(kBookNumberMax) + 1;
    const std::uint64_t tick = rank ^ flip_;
    return static_cast<std::int64_t>(tick > kBeyond / tick_size_ ? kBeyond : tick * tick_size_);
  }

  HugeArray<PriceLevel> levels_;
  std::array<std::uint64_t, 64> words_{};  // one bit per place, which is rank % kTicks
  std::uint64_t used_words_ = 0;           // one bit per word that is not empty
  std::uint64_t base_ = 0;                 // first rank of the window, a multiple of 64
  std::uint64_t best_ = 0;                 // rank of the best level inside, when count_ > 0
  std::uint64_t count_ = 0;                // levels inside
  std::uint64_t misses_ = 0;  // prices since the last move that a move would have served
  ExactDivisor tick_;
  std::uint64_t tick_size_;
  std::uint64_t flip_;  // all ones for bids, whose best price has the highest tick
  FlatSide far_;
};

/// For the one thread that matches. Pages of a side are taken when their prices are first used.
class LadderBook {
 public:
  explicit LadderBook(std::int64_t tick = 1)
      : sides_{LadderSide(Side::kBuy, tick), LadderSide(Side::kSell, tick)} {}

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
    at(side).walk(visit);
  }
  template <typename Look>
  void walk(Side side, Look&& look) const {
    mutable_at(side).walk([&look](PriceLevel& level) { return look(std::as_const(level)); });
  }
  void changed(PriceLevel&) noexcept {}
  void commit() noexcept {}

  /// Levels that the window does not hold, for tests and figures.
  [[nodiscard]] std::size_t levels_outside(Side side) const noexcept {
    return mutable_at(side).levels_outside();
  }

 private:
  [[nodiscard]] LadderSide& at(Side side) noexcept { return sides_[side == Side::kSell ? 1 : 0]; }
  [[nodiscard]] LadderSide& mutable_at(Side side) const noexcept {
    return const_cast<LadderBook*>(this)->at(side);
  }

  LadderSide sides_[2];
};

static_assert(Book<LadderBook>);

}  // namespace gateway
