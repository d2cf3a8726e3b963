// What a named person takes over: derivatives older than the fills their venue tells, and fills
// that were not booked because their numbers cannot be.
#include <nanobind/stl/string_view.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control.hpp"
#include "gateway_core/types/refusal.hpp"
#include "row_words.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

/// A number as it was written, with the scale it was written in.
std::int64_t own_scale(std::string_view text, std::uint8_t& scale, const char* field) {
  const std::size_t point = text.find('.');
  const std::size_t decimals = point == std::string_view::npos ? 0 : text.size() - point - 1;
  scale = static_cast<std::uint8_t>(std::min<std::size_t>(decimals, kPriceScaleMax));
  return parse(text, scale, field);
}

/// What all books together hold of an account's leg. Engine thread.
Int128 held_by_all(const State& state, const PositionAdopted& record) noexcept {
  Int128 held = 0;
  for (std::uint32_t i = 0; i < state.routes.count(); ++i) {
    const Position& position = state.routes.position(i);
    const bool is_its = position.account == record.account &&
                        position.instrument == record.instrument && position.leg == record.leg;
    if (is_its && position.sequence != 0) held += position.book.quantity;
  }
  return held;
}

Sequence adopt_position(EngineHandle& handle, AccountId account, InstrumentId instrument,
                        StrategyId strategy, int leg, std::string_view held,
                        std::string_view quantity, std::string_view price,
                        std::string_view reference, std::string_view actor) {
  const Registry& registry = handle.runtime->state().registry;
  const bool is_named = registry.accounts.has(account) && registry.instruments.has(instrument) &&
                        (strategy == kExternalStrategy || registry.strategies.has(strategy));
  if (!is_named) refuse("NOT_FOUND", "instrument", std::to_string(instrument), "registered");
  const InstrumentDefined& rules = registry.instruments.at(instrument).definition;
  if (static_cast<InstrumentKind>(rules.kind) == InstrumentKind::kSpot) {
    refuse("RANGE", "instrument", std::string(rules.symbol.view()),
           "a derivative; what is held of spot is a balance");
  }
  if (leg < 0 || leg > 2) refuse("BAD_ENUM", "leg", std::to_string(leg), "0 to 2");
  const bool is_sold = !quantity.empty() && quantity.front() == '-';
  PositionAdopted record{};
  record.account = account;
  record.instrument = instrument;
  record.strategy = strategy;
  record.side = is_sold ? Side::kSell : Side::kBuy;
  record.leg = static_cast<std::uint8_t>(leg);
  record.quantity = parse(quantity.substr(is_sold ? 1 : 0), rules.quantity_scale, "quantity");
  record.price = own_scale(price, record.price_scale, "price");
  const bool is_short = !held.empty() && held.front() == '-';
  const std::int64_t amount = parse(held.substr(is_short ? 1 : 0), rules.quantity_scale, "held");
  record.reference = name_text<40>(reference, "reference");
  record.actor = name_text<40>(actor, "actor");
  // A worthless option is worth nothing, an inverse contract always something.
  const bool may_be_zero = static_cast<InstrumentKind>(rules.kind) != InstrumentKind::kInverse;
  if (record.quantity == 0) refuse("RANGE", "quantity", "0", "not 0");
  if (record.price == 0 && !may_be_zero) refuse("RANGE", "price", "0", "above 0");
  Sequence sequence = 0;
  Refusal found = Refusal::kNone;
  bool is_as_measured = false;
  handle.runtime->run([&] {
    is_as_measured = held_by_all(handle.runtime->state(), record) == (is_short ? -amount : amount);
    if (is_as_measured) found = handle.runtime->engine().adopt_position(record, 0, sequence);
  });
  if (!is_as_measured) {
    refuse("RANGE", "held", std::string(held), "the position is another one since; compare again");
  }
  if (found != Refusal::kNone) {
    refuse(std::string(describe(found).name).c_str(), "reference", std::string(reference),
           "booked once, and within the exact range");
  }
  return sequence;
}

const char* why(AnomalyCode code) noexcept {
  if (code == AnomalyCode::kPrice) return "price";
  return code == AnomalyCode::kFee ? "fee" : "range";
}

nb::dict quarantined_row(const Registry& registry, const UnbookableMemory::Kept& kept) {
  const OrderFilled& fill = kept.fill;
  const InstrumentDefined& rules = registry.instruments.at(fill.instrument).definition;
  nb::dict row;
  row["account"] = text(registry.accounts.at(fill.account).definition.name.view());
  row["instrument"] = text(rules.symbol.view());
  row["side"] = fill.side == Side::kBuy ? "buy" : "sell";
  row["quantity"] = format_decimal(fill.quantity, rules.quantity_scale);
  row["price"] = format_decimal(fill.price, std::min<int>(fill.price_scale, kPriceScaleMax));
  row["fee"] = format_decimal(fill.fee.e18, kMoneyScale);
  row["fee_currency"] = text(registry.currencies.has(fill.fee_currency)
                                 ? registry.currencies.at(fill.fee_currency).definition.code.view()
                                 : std::string_view{});
  row["order_id"] = fill.order_id;
  row["trade_id"] = text(fill.trade_id.view());
  row["venue_order_id"] = text(fill.venue_order_id.view());
  row["venue_time_ns"] = fill.venue_time_ns;
  row["why"] = why(kept.code);
  return row;
}

nb::list quarantined_fills(EngineHandle& handle) {
  std::vector<UnbookableMemory::Kept> found;
  {
    const nb::gil_scoped_release release;
    handle.runtime->run([&] {
      const State& state = handle.runtime->state();
      handle.runtime->engine().unbookable().for_each_fill(
          [&](Key128 key, const UnbookableMemory::Kept& kept) {
            if (state.fills.find(key) == 0) found.push_back(kept);
          });
    });
  }
  nb::list rows;
  for (const auto& kept : found)
    rows.append(quarantined_row(handle.runtime->state().registry, kept));
  return rows;
}

void admit_fill(EngineHandle& handle, AccountId account, InstrumentId instrument,
                std::string_view venue_order_id, std::string_view trade_id) {
  OrderFilled named{};
  named.account = account;
  named.instrument = instrument;
  named.venue_order_id.assign(venue_order_id);
  named.trade_id.assign(trade_id);
  Refusal found = Refusal::kNone;
  handle.runtime->run([&] { found = handle.runtime->engine().admit_fill(named); });
  if (found == Refusal::kNone) return;
  refuse(std::string(describe(found).name).c_str(), "trade_id", std::string(trade_id),
         "told, not booked, and within the exact range");
}

}  // namespace

void bind_adoption(nb::class_<EngineHandle>& engine) {
  engine.def("adopt_position", &adopt_position, "account"_a, "instrument"_a, "strategy"_a, "leg"_a,
             "held"_a, "quantity"_a, "price"_a, "reference"_a, "actor"_a);
  engine.def("quarantined_fills", &quarantined_fills);
  engine.def("admit_fill", &admit_fill, "account"_a, "instrument"_a, "venue_order_id"_a,
             "trade_id"_a);
}

}  // namespace gateway
