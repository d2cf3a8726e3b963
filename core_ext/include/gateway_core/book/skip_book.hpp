// The book as two skiplists of price levels: one writer that never waits, any number of readers
// that write nothing. Each level keeps its last two states, stamped with the sequence that made
// them, so a reader sees the whole book as it was at one sequence (docs/concepts/books.md).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gateway_core/book/order_book.hpp"
#include "gateway_core/book/reader_memory.hpp"
#include "gateway_core/memory/cache_line.hpp"

namespace gateway {

/// A level as readers see it: what is displayed, and how many orders of ours are in it.
struct DepthRow {
  std::int64_t price = 0;
  std::int64_t quantity = 0;
  std::uint32_t orders = 0;
  friend bool operator==(const DepthRow&, const DepthRow&) = default;
};

/// One side. Nodes are never freed while the book lives: a reader may stand on a node that was
/// removed or became another level, and its stamps say so. A removed node is used again at once, so
/// memory is bounded by the most levels that were ever open together, whatever readers do.
template <typename Memory>
class SkipSide {
  template <typename T>
  using Atomic = typename Memory::template Atomic<T>;
  static constexpr auto kRelaxed = std::memory_order_relaxed;

 public:
  static constexpr int kHeightMax = 12;  // 4^12 levels; one node in four is one higher

  explicit SkipSide(Side side) : side_(side) {}

  // --- The writer ------------------------------------------------------------------------------

  [[nodiscard]] PriceLevel* best() noexcept { return level_of(next(head_)); }
  [[nodiscard]] PriceLevel* find(std::int64_t price) noexcept {
    Node* at = next(*place(price));
    return at != nullptr && at->level.price == price ? &at->level : nullptr;
  }

  PriceLevel& open(std::int64_t price, std::uint64_t writing) {
    Node* before[kHeightMax];
    Node* known = next(*place(price, before));
    if (known != nullptr && known->level.price == price) return known->level;
    if (free_.empty()) grow();
    Node& node = *free_.back();
    free_.pop_back();
    node.level = PriceLevel{};
    node.level.price = price;
    node.height = draw_height();
    State& state = touch(node, writing);
    state.price.store(price, kRelaxed);
    state.quantity.store(0, kRelaxed);
    state.orders.store(kLive, kRelaxed);
    state.next.store(known, kRelaxed);
    touch(*before[0], writing).next.store(&node, kRelaxed);
    for (int i = 1; i < node.height; ++i) {
      node.above[i - 1].store(before[i]->above[i - 1].load(kRelaxed), kRelaxed);
      before[i]->above[i - 1].store(&node, kLink);
    }
    return node.level;
  }

  void close(std::int64_t price, std::uint64_t writing) noexcept {
    Node* before[kHeightMax];
    Node& node = *next(*place(price, before));
    touch(*before[0], writing).next.store(next(node), kRelaxed);
    touch(node, writing).orders.store(0, kRelaxed);
    for (int i = 1; i < node.height; ++i) {
      before[i]->above[i - 1].store(node.above[i - 1].load(kRelaxed), kLink);
    }
    free_.push_back(&node);  // Room was made in grow().
  }

  static void changed(PriceLevel& level, std::uint64_t writing) noexcept {
    State& state = touch(*reinterpret_cast<Node*>(&level), writing);
    state.quantity.store(level.displayed(), kRelaxed);
    state.orders.store(kLive | std::uint64_t{level.orders} << 1, kRelaxed);
  }

  template <typename Visit>
  void walk(Visit&& visit) {
    for (Node* node = next(head_); node != nullptr && visit(node->level); node = next(*node)) {
    }
  }

  [[nodiscard]] std::size_t nodes() const noexcept { return chunks_.size() * kChunk; }

  // --- Readers, at a sequence they have seen committed -------------------------------------------

  /// Shows the levels worse than `after` (nullptr = all), as they were at `sequence`, best first,
  /// until `look` says false. False: the book moved on too far; rows shown so far are right.
  template <typename Look>
  [[nodiscard]] bool read_from(const std::int64_t* after, std::uint64_t sequence,
                               Look&& look) const noexcept {
    Row row;
    const Node* node = after == nullptr ? &head_ : seek(*after, sequence);
    if (!read(*node, sequence, row)) return false;
    while ((node = row.next) != nullptr) {
      if (!read(*node, sequence, row)) return false;
      if (after != nullptr && !is_better(*after, row.shown.price)) continue;
      if (!look(std::as_const(row.shown))) return true;
    }
    return true;
  }

  [[nodiscard]] bool is_better(std::int64_t price, std::int64_t other) const noexcept {
    return side_ == Side::kBuy ? price > other : price < other;
  }

 private:
  struct Node;
  /// What a level was from the sequence `stamp` on.
  struct State {
    Atomic<std::uint64_t> stamp{0};
    Atomic<std::int64_t> price{0};
    Atomic<std::int64_t> quantity{0};
    Atomic<std::uint64_t> orders{0};  // count * 2 + kLive
    Atomic<Node*> next{nullptr};
  };
  struct Node {
    PriceLevel level;                          // the writer's own
    alignas(kCacheLine) State states[2] = {};  // written in turns
    Atomic<Node*> above[kHeightMax - 1] = {};  // short cuts: never needed, only faster
    std::uint32_t newest = 0;                  // the writer's own, as height
    int height = 1;
  };
  struct Row {
    DepthRow shown;
    const Node* next = nullptr;
    bool is_live = false;
  };
  // A node of fresh memory is complete before a reader can come to it over a short cut: the fence
  // in touch() stands between. Where fences are not known, loads and stores say so themselves.
  static constexpr auto kLink = GATEWAY_HAS_FENCES != 0 ? kRelaxed : std::memory_order_release;
  static constexpr auto kField = GATEWAY_HAS_FENCES != 0 ? kRelaxed : std::memory_order_acquire;
  static constexpr std::uint64_t kLive = 1;
  static constexpr std::size_t kChunk = 256;

  [[nodiscard]] static Node* next(Node& node) noexcept {
    return node.states[node.newest].next.load(kRelaxed);
  }
  [[nodiscard]] static PriceLevel* level_of(Node* node) noexcept {
    return node == nullptr ? nullptr : &node->level;
  }

  /// The state of this sequence. The first touch writes over the older of the two states.
  [[nodiscard]] static State& touch(Node& node, std::uint64_t writing) noexcept {
    State& now = node.states[node.newest];
    if (now.stamp.load(kRelaxed) == writing) return now;
    node.newest ^= 1;
    State& other = node.states[node.newest];
#if GATEWAY_HAS_FENCES
    other.stamp.store(writing, kRelaxed);
    Memory::fence(Memory::kBeforeFields);  // Who sees a field from below also sees this stamp.
#else
    other.stamp.exchange(writing, std::memory_order_acq_rel);
#endif
    other.price.store(now.price.load(kRelaxed), kRelaxed);
    other.quantity.store(now.quantity.load(kRelaxed), kRelaxed);
    other.orders.store(now.orders.load(kRelaxed), kRelaxed);
    other.next.store(now.next.load(kRelaxed), kRelaxed);
    return other;
  }

  /// The last node before `price`, which may be the head.
  [[nodiscard]] Node* place(std::int64_t price, Node** before = nullptr) noexcept {
    Node* at = &head_;
    for (int i = top_; i > 0; --i) {
      for (Node* ahead = at->above[i - 1].load(kRelaxed);
           ahead != nullptr && is_better(ahead->level.price, price);
           ahead = at->above[i - 1].load(kRelaxed)) {
        at = ahead;
      }
      if (before != nullptr) before[i] = at;
    }
    for (Node* ahead = next(*at); ahead != nullptr && is_better(ahead->level.price, price);
         ahead = next(*at)) {
      at = ahead;
    }
    if (before != nullptr) {
      before[0] = at;
      for (int i = top_ + 1; i < kHeightMax; ++i) before[i] = &head_;
    }
    return at;
  }

  [[nodiscard]] int draw_height() noexcept {
    heights_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t drawn = (heights_ ^ heights_ >> 30) * 0xBF58476D1CE4E5B9ULL;
    drawn = (drawn ^ drawn >> 27) * 0x94D049BB133111EBULL;
    const int height = 1 + std::countr_zero(drawn ^ drawn >> 31) / 2;
    const int capped = height < kHeightMax ? height : kHeightMax;
    if (capped - 1 > top_) top_ = capped - 1;
    return capped;
  }

  void grow() {
    chunks_.push_back(std::make_unique<Node[]>(kChunk));
    free_.reserve(nodes());
    for (std::size_t i = kChunk; i > 0; --i) free_.push_back(&chunks_.back()[i - 1]);
  }

  /// The node's state at `sequence`; false when both kept states are younger or one is just being
  /// written over.
  [[nodiscard]] static bool read(const Node& node, std::uint64_t sequence, Row& row) noexcept {
    const std::uint64_t stamps[2] = {node.states[0].stamp.load(kRelaxed),
                                     node.states[1].stamp.load(kRelaxed)};
    int which = stamps[1] > stamps[0] ? 1 : 0;
    if (stamps[which] > sequence) which ^= 1;
    if (stamps[which] > sequence) return false;
    const State& state = node.states[which];
    row.shown.price = state.price.load(kField);
    row.shown.quantity = state.quantity.load(kField);
    const std::uint64_t orders = state.orders.load(kField);
    row.next = state.next.load(kField);
    row.shown.orders = static_cast<std::uint32_t>(orders >> 1);
    row.is_live = (orders & kLive) != 0;
    Memory::fence(Memory::kAfterFields);
    return state.stamp.load(kRelaxed) == stamps[which];
  }

  /// A node before `price` that was live at `sequence`. Short cuts are of now, not of then, and may
  /// lead anywhere; a node counts only when it was live then and lies further on, before `price`.
  [[nodiscard]] const Node* seek(std::int64_t price, std::uint64_t sequence) const noexcept {
    const Node* at = &head_;
    std::int64_t reached = 0;
    for (int i = kHeightMax - 2; i >= 0; --i) {
      Row row;
      for (;;) {
        const Node* ahead = at->above[i].load(Memory::kFollowLink);
        if (ahead == nullptr || !read(*ahead, sequence, row) || !row.is_live) break;
        if (!is_better(row.shown.price, price)) break;
        if (at != &head_ && !is_better(reached, row.shown.price)) break;
        reached = row.shown.price;
        at = ahead;
      }
    }
    return at;
  }

  Node head_;
  std::vector<std::unique_ptr<Node[]>> chunks_;
  std::vector<Node*> free_;
  std::uint64_t heights_ = 0;
  int top_ = 0;
  Side side_;
};

/// The writer's side keeps the concept of a book; `commit` makes everything since the last one
/// visible as the next sequence. Readers use SkipBookReader.
template <typename Memory = NativeMemory>
class SkipBook {
 public:
  explicit SkipBook(std::int64_t /*tick*/ = 1) {}

  [[nodiscard]] PriceLevel* best(Side side) noexcept { return at(side).best(); }
  [[nodiscard]] const PriceLevel* best(Side side) const noexcept { return mutable_at(side).best(); }
  [[nodiscard]] PriceLevel* find(Side side, std::int64_t price) noexcept {
    return at(side).find(price);
  }
  [[nodiscard]] const PriceLevel* find(Side side, std::int64_t price) const noexcept {
    return mutable_at(side).find(price);
  }
  PriceLevel& open(Side side, std::int64_t price) {
    is_dirty_ = true;
    return at(side).open(price, writing_);
  }
  void close(Side side, std::int64_t price) noexcept {
    is_dirty_ = true;
    at(side).close(price, writing_);
  }
  template <typename Visit>
  void walk(Side side, Visit&& visit) {
    at(side).walk(visit);
  }
  template <typename Look>
  void walk(Side side, Look&& look) const {
    mutable_at(side).walk([&look](PriceLevel& level) { return look(std::as_const(level)); });
  }
  void changed(PriceLevel& level) noexcept {
    is_dirty_ = true;
    SkipSide<Memory>::changed(level, writing_);
  }
  /// Nothing changed since the last commit: the sequence stays.
  void commit() noexcept {
    if (!is_dirty_) return;
    is_dirty_ = false;
    // Pairs with the load in begin(): every state up to this sequence is visible with it.
    sequence_.store(writing_++, Memory::kCommit);
  }

  /// The writer's: the sequence of the last commit, and nodes held (never given back).
  [[nodiscard]] std::uint64_t sequence() const noexcept { return writing_ - 1; }
  [[nodiscard]] std::size_t nodes() const noexcept { return sides_[0].nodes() + sides_[1].nodes(); }

 private:
  template <typename>
  friend class SkipBookReader;

  [[nodiscard]] SkipSide<Memory>& at(Side side) noexcept {
    return sides_[side == Side::kSell ? 1 : 0];
  }
  [[nodiscard]] const SkipSide<Memory>& at(Side side) const noexcept {
    return sides_[side == Side::kSell ? 1 : 0];
  }
  [[nodiscard]] SkipSide<Memory>& mutable_at(Side side) const noexcept {
    return const_cast<SkipBook*>(this)->at(side);
  }

  alignas(kFalseSharingRange) typename Memory::template Atomic<std::uint64_t> sequence_{0};
  alignas(kFalseSharingRange) std::uint64_t writing_ = 1;
  bool is_dirty_ = false;
  SkipSide<Memory> sides_[2] = {SkipSide<Memory>(Side::kBuy), SkipSide<Memory>(Side::kSell)};
};

static_assert(Book<SkipBook<>>);

}  // namespace gateway
