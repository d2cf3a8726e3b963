// The disposals of a whole past, ordered by time, each rule applied to one substance at a time.
#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "gateway_core/ledger/disposals.hpp"

namespace gateway::ledger {
namespace {

/// What the law would call the same thing: a coin in its money wherever it is traded, or a
/// contract; and the side on which it was held.
struct Substance {
  CurrencyId base = 0;
  CurrencyId quote = 0;
  InstrumentId contract = 0;
  bool is_short = false;
  auto operator<=>(const Substance&) const = default;
};

Substance substance_of(const Book& book, bool is_short) noexcept {
  const Terms& terms = book.lots.terms();
  if (terms.is_spot()) return {terms.base, terms.quote, 0, is_short};
  return {0, 0, book.key.instrument, is_short};
}

struct Group {
  std::vector<Disposal> disposals;
  std::vector<Acquisition> acquisitions;
};
using Groups = std::map<Substance, Group>;

void collect_disposals(const Book& book, LotMethod wanted, Groups& groups) {
  book.lots.tell_shares([&](LotMethod method, const Execution& fill, const LotShare& share) {
    if (method != wanted) return;
    const bool is_short = fill.side == Side::kBuy;
    Disposal disposal{.book = &book,
                      .lot = share.lot,
                      .closed_by = fill.sequence,
                      .opened_ns = share.opened_ns,
                      .held_from_ns = share.opened_ns,
                      .closed_ns = fill.time_ns,
                      .quantity = share.quantity,
                      .is_short = is_short,
                      .cost_e18 = share.cost_e18,
                      .cash_e18 = share.cash_e18,
                      .realised_e18 = -share.cash_e18 - share.cost_e18};
    groups[substance_of(book, is_short)].disposals.push_back(disposal);
  });
}

void collect_acquisitions(const Book& book, Groups& groups) {
  PositionBook position;
  for (const Execution& fill : book.lots.executions()) {
    if (fill.quantity == 0) continue;
    const FillEffect effect =
        apply_fill(position, book.lots.terms().rules, fill.side, fill.quantity, {fill.value_e18});
    if (effect.opened == 0) continue;
    const bool is_short = fill.side == Side::kSell;
    groups[substance_of(book, is_short)].acquisitions.push_back(
        {&book, fill.sequence, fill.time_ns, effect.opened, is_short});
  }
}

bool is_earlier(const Disposal& a, const Disposal& b) noexcept {
  return std::tie(a.closed_ns, a.closed_by) < std::tie(b.closed_ns, b.closed_by);
}

}  // namespace

DisposalReport report_disposals(const Ledger& ledger, LotMethod method, TaxRule rule) {
  Groups groups;
  for (const auto& book : ledger.books()) {
    if (book->is_stopped) continue;
    collect_disposals(*book, method, groups);
    if (rule != TaxRule::kNone) collect_acquisitions(*book, groups);
  }
  DisposalReport report;
  for (auto& [substance, group] : groups) {
    std::ranges::stable_sort(group.disposals, is_earlier);
    std::ranges::stable_sort(group.acquisitions, {}, &Acquisition::opened_ns);
    if (rule == TaxRule::kUsWashSale && method != LotMethod::kAverage) {
      apply_wash_sale(group.disposals, group.acquisitions, report.waiting);
    }
    report.disposals.insert(report.disposals.end(), group.disposals.begin(), group.disposals.end());
  }
  std::ranges::stable_sort(report.disposals, is_earlier);
  return report;
}

std::vector<Designation> unmet_designations(const Ledger& ledger) {
  const std::span<const Designation> wishes = ledger.designations();
  std::map<std::pair<std::uint64_t, std::uint64_t>, Int128> met;  // close and lot: smallest unit
  for (const auto& book : ledger.books()) {
    if (wishes.empty()) break;
    const Int128 unit = kPow10_64[kMoneyScale - book->lots.terms().rules.quantity_scale];
    book->lots.tell_shares([&](LotMethod method, const Execution& fill, const LotShare& share) {
      if (method != LotMethod::kSpecific) return;
      if (std::ranges::binary_search(wishes, fill.sequence, {}, &Designation::closed_by)) {
        met[{fill.sequence, share.lot}] = unit;
      }
    });
  }
  std::vector<Designation> unmet;
  std::ranges::copy_if(wishes, std::back_inserter(unmet), [&](const Designation& wish) {
    const auto found = met.find({wish.closed_by, wish.lot});
    return found == met.end() || wish.quantity_e18 < found->second;
  });
  return unmet;
}

}  // namespace gateway::ledger
