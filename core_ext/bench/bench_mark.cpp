// Mark-to-market of a book of positions on each instruction set of this machine. The scalar figure
// is the production row function in 128 bits, the one that every level must agree with.
#include <bit>
#include <stdexcept>
#include <vector>

#include "benches.hpp"
#include "gateway_core/types/fixed_point.hpp"
#include "gateway_core/types/side.hpp"
#include "gateway_core/valuation/batch.hpp"

namespace gateway::bench {
namespace {

using valuation::SimdLevel;

/// A book over many instruments: scales, multipliers and sides vary from row to row.
struct Book {
  std::vector<std::int64_t> quantity, mark, multiplier;
  std::vector<MoneyWords> cost;
  std::vector<std::uint8_t> scale, kind;
  std::vector<MoneyWords> unrealised;

  explicit Book(std::size_t rows) : unrealised(rows) {
    constexpr InstrumentKind kKinds[] = {InstrumentKind::kSpot, InstrumentKind::kLinear,
                                         InstrumentKind::kQuanto};
    Random random(20);
    for (std::size_t i = 0; i < rows; ++i) {
      const auto size = static_cast<std::int64_t>(1 + random.below(5'000'000));
      quantity.push_back(random.below(2) == 0 ? size : -size);
      mark.push_back(static_cast<std::int64_t>(1 + random.below(8'000'000)));
      multiplier.push_back(static_cast<std::int64_t>(1 + random.below(100)));
      scale.push_back(static_cast<std::uint8_t>(2 + random.below(10)));
      kind.push_back(static_cast<std::uint8_t>(kKinds[random.below(3)]));
      const Int128 worth = static_cast<Int128>(quantity[i]) * mark[i] * multiplier[i] *
                           kPow10_64[kMoneyScale - scale[i]];
      cost.push_back(std::bit_cast<MoneyWords>(worth - worth / 50));
    }
  }
  [[nodiscard]] valuation::PositionColumns view() const {
    return {quantity.data(), mark.data(), multiplier.data(), cost.data(),
            scale.data(),    kind.data(), quantity.size()};
  }
  /// Of the columns read and the result written.
  [[nodiscard]] double mib() const {
    constexpr double kRowBytes = 3 * 8 + 2 * sizeof(MoneyWords) + 2;
    return kRowBytes * static_cast<double>(quantity.size()) / (1 << 20);
  }
};

double rows_per_second(Book& book, SimdLevel level, int rounds) {
  const auto columns = book.view();
  const auto counts = valuation::mark_to_market(columns, book.unrealised.data(), level);
  if (counts.without_value != 0 || (level != SimdLevel::kScalar && counts.exact_rows != 0)) {
    throw std::runtime_error("bench: the book does not fit the blocks it was made for");
  }
  const double ns = best_ns(rounds, columns.count, [&] {
    (void)valuation::mark_to_market(columns, book.unrealised.data(), level);
    keep(book.unrealised);
  });
  return 1e9 / ns;
}

void add_figures(Figures& out, const Place& place, std::size_t rows, int rounds,
                 const std::string& suffix) {
  Book book(rows);
  for (int i = 0; i < valuation::kSimdLevels; ++i) {
    const auto level = static_cast<SimdLevel>(i);
    if (!valuation::is_supported(level)) continue;
    const int turns = static_cast<int>(rounds * place.scale) + 3;
    out.emplace_back(std::string(valuation::name(level)) + suffix,
                     rows_per_second(book, level, turns));
  }
  out.emplace_back("working_set_mib" + suffix, book.mib());
}

}  // namespace

Figures mark_positions(const Place& place) {
  if (place.engine_cpu >= 0) pin_to(place.engine_cpu);
  Figures figures;
  add_figures(figures, place, 8'192, 3'000, "");
  add_figures(figures, place, 1'048'576, 12, "_large");
  return figures;
}

}  // namespace gateway::bench
