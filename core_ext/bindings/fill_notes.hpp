// The newest fills of a follower, bounded, as rows with decimal text. Revisions change the row of
// the fill they speak of. Whoever follows adds what he knows: orders and names, or books.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "gateway_core/record/kinds.hpp"
#include "gateway_core/types/decimal_text.hpp"
#include "row_words.hpp"

namespace gateway {

/// What the books say of a fill: the difference that it made to its own.
struct BookedFill {
  Int128 realised_e18 = 0;
  Int128 slippage_e18 = 0;
  std::int64_t arrival_price = 0;  // instrument scale, 0 = none
};

struct FillNote {
  Sequence sequence = 0;
  std::int64_t time_ns = 0;
  OrderFilled fill{};
  std::uint64_t revision = 0;
  StrategyId strategy = 0;
  std::optional<BookedFill> booked;
  bool is_taken = false;
};

class FillNotes {
 public:
  /// As many as a person looks back on; older ones are in the journal.
  static constexpr std::size_t kFillsMax = 1'000;

  FillNote& add(const RecordHeader& header, const OrderFilled& fill) {
    if (notes_.size() == kFillsMax) notes_.pop_front();
    FillNote note;
    note.sequence = header.sequence;
    note.time_ns = header.time_ns;
    note.fill = fill;
    return notes_.emplace_back(note);
  }

  /// The fill that the revision speaks of as it stands now; nullptr = it is too old to be shown.
  FillNote* revise(const FillRevised& revised) {
    for (auto it = notes_.rbegin(); it != notes_.rend(); ++it) {
      OrderFilled& fill = it->fill;
      if (fill.account != revised.account || fill.instrument != revised.instrument ||
          fill.trade_id.view() != revised.trade_id.view()) {
        continue;
      }
      fill.price = revised.price;
      fill.price_scale = revised.price_scale;
      fill.quantity = revised.quantity;
      fill.fee = revised.fee;
      fill.fee_currency = revised.fee_currency;
      it->revision = revised.revision;
      it->is_taken = false;
      return &*it;
    }
    return nullptr;
  }

  /// Rows that are new or changed since the last call, oldest first. `names` knows what ids mean:
  /// account(id), strategy(id), instrument(id) -> const InstrumentDefined*, currency(id),
  /// and add(row, note, instrument) for what one follower alone knows.
  template <typename Names>
  nanobind::list take(const Names& names, std::size_t limit) {
    nanobind::list rows;
    for (FillNote& note : notes_) {
      if (note.is_taken) continue;
      if (nanobind::len(rows) == limit) break;
      note.is_taken = true;
      if (const InstrumentDefined* rules = names.instrument(note.fill.instrument)) {
        rows.append(row_of(note, *rules, names));
      }
    }
    return rows;
  }

 private:
  template <typename Names>
  static nanobind::dict row_of(const FillNote& note, const InstrumentDefined& rules,
                               const Names& names) {
    constexpr const char* kLiquidities[] = {"unknown", "maker", "taker"};
    const OrderFilled& fill = note.fill;
    nanobind::dict row;
    row["sequence"] = note.sequence;
    row["time_ns"] = note.time_ns;
    row["account"] = names.account(fill.account);
    row["strategy"] = names.strategy(note.strategy);
    row["instrument"] = text(rules.symbol.view());
    row["side"] = fill.side == Side::kBuy ? "buy" : "sell";
    row["quantity"] = format_decimal(fill.quantity, rules.quantity_scale);
    row["price"] = number(fill.price, fill.price_scale);
    row["fee"] = format_decimal(fill.fee.e18, kMoneyScale);
    row["fee_currency"] = names.currency(fill.fee_currency);
    row["order_id"] = fill.order_id == 0
                          ? nanobind::none()
                          : nanobind::object(nanobind::cast(std::to_string(fill.order_id)));
    row["trade_id"] = text(fill.trade_id.view());
    row["liquidity"] = kLiquidities[fill.liquidity < 3 ? fill.liquidity : 0];
    row["revision"] = note.revision;
    put_booked(row, note, rules.price_scale);
    names.add(row, note, rules);
    return row;
  }

  static void put_booked(nanobind::dict& row, const FillNote& note, int price_scale) {
    row["realised"] = nanobind::none();
    row["arrival_price"] = nanobind::none();
    row["slippage"] = nanobind::none();
    if (!note.booked) return;
    row["realised"] = format_decimal(note.booked->realised_e18, kMoneyScale);
    if (note.booked->arrival_price == 0) return;
    row["arrival_price"] = format_decimal(note.booked->arrival_price, price_scale);
    row["slippage"] = format_decimal(note.booked->slippage_e18, kMoneyScale);
  }

  std::deque<FillNote> notes_;
};

}  // namespace gateway
