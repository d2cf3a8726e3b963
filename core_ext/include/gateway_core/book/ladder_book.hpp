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

#include "gateway_core/book/exact_divisor.hpp"
#include "gateway_core/book/order_book.hpp"
#include "gateway_core/book/rules.hpp"
#include "gateway_core/memory/huge_array.hpp"

namespace gateway {

/// One side. The window is a ring of 64 words with 64 ticks each, so moving it moves only the
/// levels that leave it or come in.
class LadderSide {
 public:
  static constexpr std::uint64_t kTicks = 4096;

  LadderSide(Side side, std::int64_t tick)
      : levels_(kTicks),
        tick_(static_cast<std::uint64_t>(tick)),
        tick_size_(static_cast<std::uint64_t>(tick)),
        side_(side),
        far_(side) {}

  [[nodiscard]] PriceLevel* best() noexcept {
    PriceLevel* near = count_ == 0 ? nullptr : &levels_[best_];
    return far_.is_empty() ? near : better(near, far_.best());
  }

  [[nodiscard]] PriceLevel* find(std::int64_t price) noexcept {
    const std::uint64_t tick = tick_of(price);
    if (!is_inside(tick)) return far_.find(price);
    return has(tick % kTicks) ? &levels_[tick % kTicks] : nullptr;
  }

  PriceLevel& open(std::int64_t price) {
    const std::uint64_t tick = tick_of(price);
    if (is_inside(tick)) [[likely]]
      return open_inside(price, tick);
    PriceLevel* known = far_.find(price);
    if (known != nullptr) return *known;
    if (tick <= tick_.quotient_max() && should_move_for(tick)) {
      move_window(base_for(best_tick_with(tick)));
      if (is_inside(tick)) return open_inside(price, tick);
    }
    return far_.open(price);
  }

  void close(std::int64_t price) noexcept {
    const std::uint64_t tick = tick_of(price);
    if (!is_inside(tick)) return far_.close(price);
    clear(tick % kTicks);
    if (tick % kTicks == best_ && count_ > 0) best_ = first_place();
  }

  template <typename Visit>
  void walk(Visit&& visit) {
    std::size_t rank = 0;  // in the far levels
    for (std::uint64_t place = best_, left = count_; left > 0; --left) {
      PriceLevel& level = levels_[place];
      for (; rank < far_.size() && is_better(far_[rank].price, level.price); ++rank) {
        if (!visit(far_[rank])) return;
      }
      if (left > 1) place = next_place(place);
      if (!visit(level)) return;
    }
    for (; rank < far_.size(); ++rank) {
      if (!visit(far_[rank])) return;
    }
  }

  [[nodiscard]] std::size_t levels_outside() const noexcept { return far_.size(); }

 private:
  static constexpr std::uint64_t kWordTicks = 64;
  static constexpr std::uint64_t kComfort = kTicks / 4;  // ticks kept free on the better side

  [[nodiscard]] std::uint64_t tick_of(std::int64_t price) const noexcept {
    return tick_.quotient(static_cast<std::uint64_t>(price));
  }
  [[nodiscard]] bool is_inside(std::uint64_t tick) const noexcept {
    return tick - base_ < kTicks && tick <= tick_.quotient_max();
  }
  [[nodiscard]] bool is_better(std::int64_t price, std::int64_t other) const noexcept {
    return side_ == Side::kBuy ? price > other : price < other;
  }
  [[nodiscard]] PriceLevel* better(PriceLevel* near, PriceLevel* far) const noexcept {
    return near == nullptr || is_better(far->price, near->price) ? far : near;
  }

  // --- The bitmap ------------------------------------------------------------------------------

  [[nodiscard]] bool has(std::uint64_t place) const noexcept {
    return (words_[place / kWordTicks] >> (place % kWordTicks) & 1) != 0;
  }
  void clear(std::uint64_t place) noexcept {
    std::uint64_t& word = words_[place / kWordTicks];
    word &= ~(std::uint64_t{1} << (place % kWordTicks));
    if (word == 0) used_words_ &= ~(std::uint64_t{1} << (place / kWordTicks));
    --count_;
  }
  PriceLevel& open_inside(std::int64_t price, std::uint64_t tick) noexcept {
    const std::uint64_t place = tick % kTicks;
    PriceLevel& level = levels_[place];
    if (has(place)) return level;
    words_[place / kWordTicks] |= std::uint64_t{1} << (place % kWordTicks);
    used_words_ |= std::uint64_t{1} << (place / kWordTicks);
    level = PriceLevel{};
    level.price = price;
    if (count_++ == 0 || is_better(price, levels_[best_].price)) best_ = place;
    return level;
  }

  /// The best place; there is one. The window's first word is where the ring is cut.
  [[nodiscard]] std::uint64_t first_place() const noexcept { return first_in(used_words_); }
  [[nodiscard]] std::uint64_t first_in(std::uint64_t words) const noexcept {
    const int cut = static_cast<int>(base_ / kWordTicks % 64);
    const std::uint64_t ordered = std::rotr(words, cut);
    const int step =
        side_ == Side::kBuy ? 63 - std::countl_zero(ordered) : std::countr_zero(ordered);
    const auto word = static_cast<std::uint64_t>(cut + step) % 64;
    return word * kWordTicks + best_bit(words_[word]);
  }
  [[nodiscard]] std::uint64_t best_bit(std::uint64_t word) const noexcept {
    return static_cast<std::uint64_t>(side_ == Side::kBuy ? 63 - std::countl_zero(word)
                                                          : std::countr_zero(word));
  }
  /// The next worse place; there is one.
  [[nodiscard]] std::uint64_t next_place(std::uint64_t place) const noexcept {
    const std::uint64_t word = place / kWordTicks;
    const std::uint64_t bit = std::uint64_t{1} << (place % kWordTicks);
    const std::uint64_t worse = side_ == Side::kBuy ? bit - 1 : ~(bit - 1) & ~bit;
    if (const std::uint64_t rest = words_[word] & worse; rest != 0) {
      return word * kWordTicks + best_bit(rest);
    }
    const int cut = static_cast<int>(base_ / kWordTicks % 64);
    const std::uint64_t at = (word - static_cast<std::uint64_t>(cut)) % 64;
    const std::uint64_t step = std::uint64_t{1} << at;
    const std::uint64_t later = side_ == Side::kBuy ? step - 1 : ~(step - 1) & ~step;
    return first_in(std::rotl(std::rotr(used_words_, cut) & later, cut));
  }

  // --- The window ------------------------------------------------------------------------------

  /// The best tick there will be when `tick` is open. Levels off the tick do not count.
  [[nodiscard]] std::uint64_t best_tick_with(std::uint64_t tick) noexcept {
    std::uint64_t best_tick = tick;
    const auto take = [&](std::uint64_t other) {
      best_tick = side_ == Side::kBuy ? std::max(best_tick, other) : std::min(best_tick, other);
    };
    if (count_ > 0) take(tick_of(levels_[best_].price));
    for (std::size_t rank = 0; rank < far_.size(); ++rank) {
      const std::uint64_t other = tick_of(far_[rank].price);
      if (other > tick_.quotient_max()) continue;
      take(other);
      break;
    }
    return best_tick;
  }
  /// A window with room on the better side, cut between two words.
  [[nodiscard]] static std::uint64_t base_at(std::uint64_t best_tick, std::uint64_t room) noexcept {
    return best_tick < room ? 0 : (best_tick - room) / kWordTicks * kWordTicks;
  }
  [[nodiscard]] std::uint64_t base_for(std::uint64_t best_tick) const noexcept {
    return base_at(best_tick, side_ == Side::kBuy ? kTicks - kComfort : kComfort);
  }

  /// Moving costs the levels that are inside. So it must be asked for as often as there are such
  /// levels, by prices that a better window would have held: then every price pays for one level.
  [[nodiscard]] bool should_move_for(std::uint64_t tick) noexcept {
    if (count_ == 0) return true;
    const std::uint64_t wanted = base_for(best_tick_with(tick));
    const std::uint64_t distance = wanted > base_ ? wanted - base_ : base_ - wanted;
    return distance >= kComfort / 2 && ++misses_ > count_;
  }

  void move_window(std::uint64_t base) {
    misses_ = 0;
    const std::uint64_t old_base = std::exchange(base_, base);
    for (std::uint64_t words = used_words_; words != 0; words &= words - 1) {
      const auto word = static_cast<std::uint64_t>(std::countr_zero(words));
      const std::uint64_t at = (word - old_base / kWordTicks) % 64;
      if (old_base + at * kWordTicks - base < kTicks) continue;  // Words are inside or outside.
      for (std::uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
        const std::uint64_t place =
            word * kWordTicks + static_cast<std::uint64_t>(std::countr_zero(bits));
        far_.open(levels_[place].price) = levels_[place];
        clear(place);
      }
    }
    take_in();
    if (count_ > 0) best_ = first_place();
  }

  /// Far levels that the window covers now come in. They are neighbours there.
  void take_in() noexcept {
    const std::int64_t lowest = price_at(base_);
    const std::int64_t above = price_at(base_ + kTicks);
    const bool is_buy = side_ == Side::kBuy;
    const std::size_t begin = far_.better_than(is_buy ? above - 1 : lowest);
    std::size_t kept = begin;  // Off the tick, so they stay.
    std::size_t rank = begin;
    for (; rank < far_.size(); ++rank) {
      const PriceLevel level = far_[rank];
      if (is_buy ? level.price < lowest : level.price >= above) break;
      const std::uint64_t tick = tick_of(level.price);
      if (is_inside(tick)) {
        open_inside(level.price, tick) = level;
      } else {
        far_[kept++] = level;
      }
    }
    far_.erase(kept, rank - kept);
  }
  /// Its price, or one beyond all that a book may hold.
  [[nodiscard]] std::int64_t price_at(std::uint64_t tick) const noexcept {
    constexpr std::uint64_t kBeyond = static_cast<std::uint64_t>(kBookNumberMax) + 1;
    const bool is_beyond = tick > kBeyond / tick_size_;
    return static_cast<std::int64_t>(is_beyond ? kBeyond : tick * tick_size_);
  }

  HugeArray<PriceLevel> levels_;
  std::array<std::uint64_t, 64> words_{};  // one bit per place
  std::uint64_t used_words_ = 0;           // one bit per word that is not empty
  std::uint64_t base_ = 0;                 // first tick of the window, a multiple of 64
  std::uint64_t best_ = 0;                 // place of the best level inside, when count_ > 0
  std::uint64_t count_ = 0;                // levels inside
  std::uint64_t misses_ = 0;  // prices since the last move that a move would have served
  ExactDivisor tick_;
  std::uint64_t tick_size_;
  Side side_;
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
