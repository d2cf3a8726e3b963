// Writes records as an engine would, after-images from plain books among them, straight into a
// ledger: two accounts, one of them in hedge mode, two strategies and an instrument of each kind.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "gateway_core/ledger/ledger.hpp"
#include "random_terms.hpp"

namespace check {

using namespace gateway;

class PaperJournal {
 public:
  static constexpr AccountId kMain = 1, kHedge = 2;

  explicit PaperJournal(ledger::LedgerOptions options = {}) : books(options) { define(); }

  ledger::Ledger books;
  std::int64_t time_ns = 1;

  template <typename Payload>
  void write(RecordKind kind, const Payload& payload) {
    alignas(64) std::uint8_t record[sizeof(RecordHeader) + sizeof(Payload)];
    RecordHeader header{};
    header.length = sizeof record;
    header.type = static_cast<std::uint16_t>(kind);
    header.sequence = ++sequence_;
    header.time_ns = time_ns;
    std::memcpy(record, &header, sizeof header);
    std::memcpy(record + sizeof header, &payload, sizeof payload);
    books.apply(*reinterpret_cast<RecordHeader*>(record), record);
  }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

  /// A working order of that strategy; its id.
  OrderId order(AccountId account, InstrumentId instrument, StrategyId strategy, Side side,
                Leg leg = Leg::kNet, std::int64_t arrival_price = 0) {
    OrderNew order{};
    order.order_id = ++orders_;
    order.account = account;
    order.instrument = instrument;
    order.strategy = strategy;
    order.side = side;
    order.type = OrderType::kMarket;
    order.quantity = std::int64_t{1} << 61;
    order.reference_price = arrival_price;
    order.leg = static_cast<std::uint8_t>(leg);
    order.margin_mode = is_spot(instrument) ? 0 : 1;
    strategies_[order.order_id] = strategy;
    write(RecordKind::kOrderNew, order);
    return order.order_id;
  }

  /// The record of a fill, its image worked out and booked in the plain book.
  OrderFilled filled(OrderId order, AccountId account, InstrumentId instrument,
                     const ledger::Execution& fill, Leg leg = Leg::kNet) {
    const StrategyId strategy = order == 0 ? 0 : strategies_.at(order);
    PositionBook& book = book_of(account, instrument, strategy, leg);
    FillEffect effect;
    if (!apply_to_average(book, kTerms[instrument - 1], fill, effect)) std::abort();
    OrderFilled out{};
    out.order_id = order;
    out.account = account;
    out.instrument = instrument;
    out.quantity = fill.quantity;
    out.value.e18 = fill.value_e18;
    out.fee.e18 = fill.fee_e18;
    out.fee_currency = fill.fee_currency;
    out.side = fill.side;
    out.leg = static_cast<std::uint8_t>(leg);
    out.venue_time_ns = fill.time_ns;
    out.position_quantity = book.quantity;
    out.position_cost.e18 = book.cost_e18;
    out.position_realised.e18 = book.realised_e18;
    return out;
  }
  void fill(OrderId order, AccountId account, InstrumentId instrument,
            const ledger::Execution& fill, Leg leg = Leg::kNet) {
    write(RecordKind::kOrderFilled, filled(order, account, instrument, fill, leg));
  }

  PositionBook& book_of(AccountId account, InstrumentId instrument, StrategyId strategy, Leg leg) {
    return plain_[{account, instrument, strategy, leg}];
  }
  [[nodiscard]] const ledger::Book* booked(AccountId account, InstrumentId instrument,
                                           StrategyId strategy, Leg leg = Leg::kNet) const {
    const std::uint8_t mode = is_spot(instrument) ? 0 : 1;
    return books.find({account, instrument, strategy, static_cast<std::uint8_t>(leg), mode});
  }
  [[nodiscard]] static bool is_spot(InstrumentId instrument) noexcept {
    return kTerms[instrument - 1].is_spot();
  }

 private:
  void define() {
    for (CurrencyId id = 1; id <= 3; ++id) {
      CurrencyDefined row{};
      row.id = row.version = id;
      write(RecordKind::kCurrencyDefined, row);
    }
    for (AccountId id = kMain; id <= kHedge; ++id) {
      AccountDefined row{};
      row.id = row.version = id;
      row.margin_mode = 1;
      row.is_hedge_mode = id == kHedge;
      write(RecordKind::kAccountDefined, row);
    }
    for (InstrumentId id = 1; id <= std::size(kTerms); ++id) {
      const ledger::Terms& terms = kTerms[id - 1];
      InstrumentDefined row{};
      row.id = row.version = id;
      row.base = terms.base;
      row.quote = terms.quote;
      row.settle = terms.settle;
      row.kind = static_cast<std::uint8_t>(terms.rules.kind);
      row.price_scale = terms.rules.price_scale;
      row.quantity_scale = terms.rules.quantity_scale;
      row.multiplier_scale = terms.rules.multiplier_scale;
      row.multiplier = terms.rules.multiplier;
      write(RecordKind::kInstrumentDefined, row);
    }
  }

  std::uint64_t sequence_ = 0;
  OrderId orders_ = 0;
  std::map<OrderId, StrategyId> strategies_;
  std::map<std::tuple<AccountId, InstrumentId, StrategyId, Leg>, PositionBook> plain_;
};

}  // namespace check
