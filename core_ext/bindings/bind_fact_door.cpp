// Where facts of event readers enter a venue port: names become ids, text the instrument's numbers.
// What it has not learned or cannot place it leaves alone; the session tells that in words.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <functional>
#include <new>
#include <string>
#include <unordered_map>

#include "bind.hpp"
#include "engine_handle.hpp"
#include "gateway_core/event/message.hpp"
#include "gateway_core/event/own_ids.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

struct HashOfText {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};
template <typename Value>
using ByName = std::unordered_map<std::string, Value, HashOfText, std::equal_to<>>;

/// Event-loop thread only, as the port's facts.
class FactDoor {
 public:
  FactDoor(VenuePortHandle& port, event::OwnIds ids) : port_(port), ids_(std::move(ids)) {}

  /// The order that a fill was put on the port for, below zero that of any other fact; 0 = nothing
  /// was done.
  std::int64_t take(event::Fact& fact) {
    return fact.kind == event::FactKind::kFilled ? static_cast<std::int64_t>(take_fill(fact))
                                                 : -static_cast<std::int64_t>(take_change(fact));
  }

  void learn_account(const std::string& name, AccountId id) { accounts_[name].id = id; }
  void learn_instrument(const std::string& symbol, InstrumentId id) { instruments_[symbol] = id; }
  void learn_currency(const std::string& code, CurrencyId id) { currencies_[code] = id; }
  void forget_instruments() { instruments_.clear(); }
  /// Fills of an account are taken while it is open: while none older is awaited.
  void open(const std::string& account) { accounts_[account].is_open = true; }
  void close() {
    for (auto& [name, account] : accounts_) account.is_open = false;
  }

 private:
  struct Account {
    AccountId id = 0;
    bool is_open = false;
  };

  template <typename Value>
  static Value find(const ByName<Value>& names, std::string_view name) {
    const auto found = names.find(name);
    return found == names.end() ? Value{} : found->second;
  }

  /// False when the instrument is not known.
  bool set_scales(event::FactIds& ids, std::string_view symbol) const {
    ids.instrument = find(instruments_, symbol);
    const auto& instruments = port_.engine->runtime->state().registry.instruments;
    if (ids.instrument == 0 || !instruments.has(ids.instrument)) return false;
    const InstrumentDefined& rules = instruments.at(ids.instrument).definition;
    ids.price_scale = static_cast<std::uint8_t>(rules.price_scale);
    ids.quantity_scale = static_cast<std::uint8_t>(rules.quantity_scale);
    return true;
  }

  OrderId take_fill(const event::Fact& fact) {
    const Account account = find(accounts_, fact.account.view());
    event::FactIds ids;
    ids.account = account.id;
    ids.fee_currency = find(currencies_, fact.fee_currency.view());
    if (!account.is_open || account.id == 0 || ids.fee_currency == 0 ||
        !set_scales(ids, fact.symbol.view())) {
      return 0;
    }
    ids.order_id = order_of(fact, ids);
    return ids.order_id != 0 && put<FillMessage>(fact, ids) ? ids.order_id : 0;
  }

  OrderId take_change(const event::Fact& fact) {
    event::FactIds ids;
    ids.order_id = fact.order_id;
    if (ids.order_id == 0) return 0;
    if (fact.kind != event::FactKind::kAccepted) {  // its numbers are of the order's instrument
      if (!set_scales(ids, fact.symbol.view())) return 0;
      bool is_of_instrument = false;
      port_.engine->runtime->run([&] {
        const OrderTable& orders = port_.engine->runtime->state().orders;
        const std::uint32_t slot = orders.find(ids.order_id);
        is_of_instrument = slot != kNoSlot && orders.at(slot).instrument == ids.instrument;
      });
      if (!is_of_instrument) return 0;
    }
    return put<FactMessage>(fact, ids) ? ids.order_id : 0;
  }

  /// By the client id when it is ours and the order is there, else by the venue's.
  OrderId order_of(const event::Fact& fact, const event::FactIds& ids) {
    const OrderId named = ids_.decode(fact.client_order_id.view());
    VenueOrderId venue_order_id;
    venue_order_id.assign(fact.venue_order_id.view());
    OrderId found = 0;
    port_.engine->runtime->run([&] {
      const OrderTable& orders = port_.engine->runtime->state().orders;
      const std::uint32_t slot = orders.find_venue_id(ids.account, ids.instrument, venue_order_id);
      if (slot != kNoSlot) found = orders.at(slot).order_id;
      if (named != 0 && named != found && orders.find(named) != kNoSlot) found = named;
    });
    return found;
  }

  /// Built where the engine reads it, beside the lane only where that goes round its end.
  template <typename Message>
  bool put(const event::Fact& fact, const event::FactIds& ids) {
    constexpr std::size_t kEntries = sizeof(Message) / kEntryBytes;
    auto& lane = port_.port->facts;
    std::byte* const place = lane.claim(kEntries);
    alignas(Message) std::byte beside[sizeof(Message)];
    Message& message = *new (place != nullptr ? place : beside) Message{};
    if (!event::write(fact, ids, message)) return false;
    if (place == nullptr) return lane.push(&message, kEntries);
    lane.publish(kEntries);
    return true;
  }

  VenuePortHandle& port_;
  event::OwnIds ids_;
  ByName<Account> accounts_;
  ByName<InstrumentId> instruments_;
  ByName<CurrencyId> currencies_;
};

}  // namespace

void bind_fact_door(nb::module_& module) {
  nb::class_<FactDoor>(module, "FactDoor")
      .def(
          "__init__",
          [](FactDoor* self, VenuePortHandle& port, OrderId instance, const std::string& marker,
             const std::string& alphabet, std::size_t head, std::size_t tail) {
            new (self) FactDoor(port, event::OwnIds(instance, marker, alphabet, head, tail));
          },
          "port"_a, "instance"_a, "marker"_a, "alphabet"_a, "head"_a, "tail"_a,
          nb::keep_alive<1, 2>())
      .def("take", &FactDoor::take, "fact"_a)
      .def("learn_account", &FactDoor::learn_account, "name"_a, "id"_a)
      .def("learn_instrument", &FactDoor::learn_instrument, "symbol"_a, "id"_a)
      .def("learn_currency", &FactDoor::learn_currency, "code"_a, "id"_a)
      .def("forget_instruments", &FactDoor::forget_instruments)
      .def("open", &FactDoor::open, "account"_a)
      .def("close", &FactDoor::close);
}

}  // namespace gateway
