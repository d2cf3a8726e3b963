// Price levels of each book: a new level at a random price among those that are open, and its
// removal. The ladder's window holds 4,096 ticks; beyond it the figures are those of its sorted
// array.
#include <algorithm>
#include <string>
#include <vector>

#include "benches.hpp"
#include "gateway_core/book/ladder_book.hpp"
#include "gateway_core/book/skip_book.hpp"
#include "gateway_core/book/skip_book_reader.hpp"

namespace gateway::bench {
namespace {

constexpr std::int64_t kFirst = 1'000'000;
constexpr std::size_t kTouched = 1'000;

std::vector<std::int64_t> shuffled(std::int64_t first, std::size_t count, Random& random) {
  std::vector<std::int64_t> prices;
  for (std::size_t i = 0; i < count; ++i) {
    prices.push_back(first + 2 * static_cast<std::int64_t>(i));
  }
  for (std::size_t i = count; i > 1; --i) std::swap(prices[i - 1], prices[random.below(i)]);
  return prices;
}

/// Even prices stay, odd ones between them come and go, each a request of its own.
template <typename B>
void levels_ns(const std::string& name, std::size_t levels, int rounds, Figures& figures) {
  Random random(5);
  B book;
  for (const std::int64_t price : shuffled(kFirst, levels, random)) {
    book.open(Side::kSell, price);
    book.commit();
  }
  double insert = 1e300;
  double erase = 1e300;
  for (int round = 0; round < rounds; ++round) {
    auto prices = shuffled(kFirst + 1, levels, random);
    prices.resize(std::min(kTouched, levels));
    insert = std::min(insert, best_ns(1, prices.size(), [&] {
                        for (const std::int64_t price : prices) {
                          keep(book.open(Side::kSell, price));
                          book.commit();
                        }
                      }));
    for (std::size_t i = prices.size(); i > 1; --i) {
      std::swap(prices[i - 1], prices[random.below(i)]);
    }
    erase = std::min(erase, best_ns(1, prices.size(), [&] {
                       for (const std::int64_t price : prices) {
                         book.close(Side::kSell, price);
                         book.commit();
                       }
                     }));
  }
  figures.emplace_back(name + "insert", insert);
  figures.emplace_back(name + "erase", erase);
}

double snapshot_ns(std::size_t levels, int rounds) {
  SkipBook<> book;
  for (const Side side : {Side::kBuy, Side::kSell}) {
    for (std::size_t i = 0; i < levels; ++i) {
      const auto distance = static_cast<std::int64_t>(i);
      book.open(side, side == Side::kBuy ? kFirst - 1 - distance : kFirst + distance);
    }
  }
  book.commit();
  const SkipBookReader<> reader(book);
  std::vector<DepthRow> bids(levels);
  std::vector<DepthRow> asks(levels);
  DepthSnapshot shown;
  return best_ns(rounds, 100, [&] {
    for (int i = 0; i < 100; ++i) keep(reader.snapshot(bids, asks, shown));
  });
}

}  // namespace

Figures books(const Place& place) {
  if (place.engine_cpu >= 0) (void)pin_to(place.engine_cpu);
  const int rounds = place.scale < 1 ? 3 : 40;
  Figures figures;
  levels_ns<SkipBook<>>("skiplist.", 1'000, rounds, figures);
  levels_ns<LadderBook>("ladder.", 1'000, rounds, figures);
  levels_ns<FlatBook>("flat.", 1'000, rounds, figures);
  levels_ns<SkipBook<>>("skiplist_100000.", 100'000, rounds / 2 + 1, figures);
  levels_ns<LadderBook>("ladder_100000.", 100'000, rounds / 2 + 1, figures);
  figures.emplace_back("skiplist.snapshot_10", snapshot_ns(10, rounds));
  return figures;
}

}  // namespace gateway::bench
