// What was given away, lot by lot, for a report on any past; and tax rules that move a loss or its
// basis without touching what was earned. Built on demand from a ledger that keeps everything.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gateway_core/ledger/ledger.hpp"

namespace gateway::ledger {

/// One lot's share of one close, in the currency of its book. With a rule that carries losses it is
/// split where the units of a lot have different pasts.
struct Disposal {
  const Book* book = nullptr;
  std::uint64_t lot = 0;          // sequence of the record that opened it; 0 = a pool
  std::uint64_t closed_by = 0;    // sequence of the record that closed it
  std::int64_t opened_ns = 0;     // 0 = a pool
  std::int64_t held_from_ns = 0;  // opened_ns, or earlier by what a rule carried over
  std::int64_t closed_ns = 0;
  std::int64_t quantity = 0;
  bool is_short = false;
  Int128 cost_e18 = 0;        // signed as a book's cost: negative for what a short sale brought
  Int128 cash_e18 = 0;        // of the close: paid is positive
  Int128 realised_e18 = 0;    // -(cash + cost), whatever the rule
  Int128 disallowed_e18 = 0;  // part of a loss that does not count, above zero
  Int128 carried_e18 = 0;     // disallowed losses of others that its basis took up, above zero

  /// What counts under the rule.
  [[nodiscard]] Int128 taxable_e18() const noexcept {
    return realised_e18 + disallowed_e18 - carried_e18;
  }
};

/// Rules by jurisdiction. Values are in reports: append only.
enum class TaxRule : std::uint8_t {
  kNone = 0,
  kUsWashSale = 1,  // 30 days before and after, any account, in order of acquisition
};
inline constexpr std::size_t kTaxRules = 2;

[[nodiscard]] constexpr std::string_view name(TaxRule rule) noexcept {
  constexpr std::string_view kNames[] = {"none", "us_wash_sale"};
  static_assert(std::size(kNames) == kTaxRules);
  const auto index = static_cast<std::size_t>(rule);
  return index < kTaxRules ? kNames[index] : std::string_view{};
}

/// What a rule looks at beside the disposals: one opening of a lot.
struct Acquisition {
  const Book* book = nullptr;
  std::uint64_t lot = 0;
  std::int64_t opened_ns = 0;
  std::int64_t quantity = 0;
  bool is_short = false;
};

/// Losses that wait in lots which are still open.
struct CarriedLoss {
  const Book* book = nullptr;
  std::uint64_t lot = 0;
  std::int64_t quantity = 0;
  Int128 amount_e18 = 0;
  std::int64_t held_earlier_ns = 0;  // how much earlier the units count as held
};

struct DisposalReport {
  std::vector<Disposal> disposals;  // by time of the close, then by record
  std::vector<CarriedLoss> waiting;
};

/// Every disposal under `method`, in which all books that are not stopped take part. The
/// ledger keeps everything. A rule other than kNone needs a method with lots.
[[nodiscard]] DisposalReport report_disposals(const Ledger& ledger, LotMethod method, TaxRule rule);

/// Wishes that no close met: there is no such close in the books, it was not of that lot, nothing
/// was left of the lot, or the quantity is below the instrument's unit. The ledger keeps
/// everything.
[[nodiscard]] std::vector<Designation> unmet_designations(const Ledger& ledger);

/// One rule by itself: disposals and acquisitions of one substance and side, each ordered by time.
void apply_wash_sale(std::vector<Disposal>& disposals, const std::vector<Acquisition>& acquisitions,
                     std::vector<CarriedLoss>& waiting);

}  // namespace gateway::ledger
