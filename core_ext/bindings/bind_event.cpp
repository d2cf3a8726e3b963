// Readers of venue events for Python: a table goes in once, then bytes; the fact stays native, and
// only what an adapter asks for becomes an object.
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <memory>

#include "bind.hpp"
#include "gateway_core/event/reader.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using event::Fact;
using event::Fault;

std::string_view bytes_of(const nb::bytes& data) { return {data.c_str(), data.size()}; }

nb::str text_of(std::string_view text) { return nb::str(text.data(), text.size()); }

/// A reader, the fact it fills and what became of the events so far.
struct EventReader {
  explicit EventReader(event::Table table) : reader(std::move(table)) {}

  event::Reader reader;
  Fact fact;
  std::array<std::uint64_t, event::kFaults> faults{};  // kNone: the events that were read

  /// 0 = not read here; else 1 + the place of the outcome in the table.
  int read(const nb::bytes& data) {
    std::uint8_t outcome = 0;
    const Fault fault = reader.read(bytes_of(data), fact, outcome);
    ++faults[static_cast<std::size_t>(fault)];
    last = fault;
    return fault == Fault::kNone ? outcome : 0;
  }
  Fault last = Fault::kNone;
};

event::PlaceSpec place_of(const nb::tuple& told) {
  event::PlaceSpec place;
  place.path = nb::cast<std::vector<std::string>>(told[0]);
  place.kind = nb::cast<std::string>(told[1]);
  place.role = nb::cast<std::string>(told[2]);
  place.is_required = nb::cast<bool>(told[3]);
  place.may_be_empty = nb::cast<bool>(told[4]);
  place.may_be_null = nb::cast<bool>(told[5]);
  for (const nb::handle pair : nb::cast<nb::tuple>(told[6])) {
    const auto word = nb::cast<nb::tuple>(pair);
    place.words.push_back({nb::cast<std::string>(word[0]), nb::cast<std::string>(word[1])});
  }
  place.refused_prefixes = nb::cast<std::vector<std::string>>(told[7]);
  return place;
}

std::unique_ptr<EventReader> make_reader(const std::string& account, const nb::sequence& places,
                                         const nb::sequence& outcomes, bool is_fee_negated,
                                         bool is_sequence_the_trade) {
  event::TableSpec spec;
  spec.account = account;
  for (const nb::handle each : places) spec.places.push_back(place_of(nb::cast<nb::tuple>(each)));
  for (const nb::handle each : outcomes) {
    const auto told = nb::cast<nb::tuple>(each);
    spec.outcomes.push_back({nb::cast<std::string>(told[0]), nb::cast<std::string>(told[1]),
                             nb::cast<std::string>(told[2]), nb::cast<std::string>(told[3])});
  }
  spec.is_fee_negated = is_fee_negated;
  spec.is_sequence_the_trade = is_sequence_the_trade;
  std::string error;
  auto table = event::compile(spec, error);
  if (!table) throw nb::value_error(error.c_str());
  return std::make_unique<EventReader>(std::move(*table));
}

nb::dict counts_of(const EventReader& reader) {
  nb::dict found;
  for (std::size_t i = 1; i < event::kFaults; ++i) {
    if (reader.faults[i] == 0) continue;
    found[text_of(event::name_of(static_cast<Fault>(i)))] = reader.faults[i];
  }
  return found;
}

nb::bytes packed(Fact& fact) {
  char bytes[event::kPackedMax];
  return nb::bytes(bytes, event::pack(fact, bytes));
}

std::unique_ptr<Fact> unpacked(const nb::bytes& data) {
  auto fact = std::make_unique<Fact>();
  if (!event::unpack(bytes_of(data), *fact)) throw nb::value_error("no packed fact");
  return fact;
}

/// Whose order it is, as the adapter knows: its client id, and for all but fills its number here.
void address(Fact& fact, std::string_view client_order_id, OrderId order_id) {
  if (!fact.client_order_id.assign(client_order_id)) throw nb::value_error("client_order_id");
  fact.order_id = fact.kind == event::FactKind::kFilled ? 0 : order_id;
}

std::uint64_t venue_order_number(const Fact& fact) {
  const std::string_view text = fact.venue_order_id.view();
  std::uint64_t number = 0;
  for (const char letter : text) {
    if (!event::is_digit(letter) || text.size() > 19) return 0;
    number = number * 10 + static_cast<std::uint64_t>(letter - '0');
  }
  return number;
}

template <auto Member>
void def_text(nb::class_<Fact>& fact, const char* name) {
  fact.def_prop_ro(name, [](const Fact& self) { return text_of((self.*Member).view()); });
}

void bind_fact(nb::module_& module) {
  auto fact = nb::class_<Fact>(module, "Fact");
  fact.def_static("unpack", &unpacked, "data"_a)
      .def("pack", &packed)
      .def("address", &address, "client_order_id"_a, "order_id"_a)
      .def_prop_ro("kind", [](const Fact& self) { return text_of(event::name_of(self.kind)); })
      .def_prop_ro("side", [](const Fact& self) { return static_cast<int>(self.side); })
      .def_prop_ro("leg", [](const Fact& self) { return static_cast<int>(self.leg); })
      .def_prop_ro("liquidity", [](const Fact& self) { return static_cast<int>(self.liquidity); })
      .def_prop_ro("venue_order_key",
                   [](const Fact& self) {
                     return nb::make_tuple(text_of(self.symbol.view()), venue_order_number(self));
                   })
      .def_ro("order_id", &Fact::order_id)
      .def_ro("venue_time_ns", &Fact::venue_time_ns)
      .def_ro("venue_sequence", &Fact::venue_sequence);
  def_text<&Fact::account>(fact, "account");
  def_text<&Fact::symbol>(fact, "symbol");
  def_text<&Fact::client_order_id>(fact, "client_order_id");
  def_text<&Fact::venue_order_id>(fact, "venue_order_id");
  def_text<&Fact::trade_id>(fact, "trade_id");
  def_text<&Fact::price>(fact, "price");
  def_text<&Fact::quantity>(fact, "quantity");
  def_text<&Fact::cumulative>(fact, "cumulative_quantity");
  def_text<&Fact::fee>(fact, "fee");
  def_text<&Fact::fee_currency>(fact, "fee_currency");
  def_text<&Fact::reason>(fact, "reason");
}

}  // namespace

void bind_event(nb::module_& module) {
  bind_fact(module);
  nb::class_<EventReader>(module, "EventReader")
      .def(nb::new_(&make_reader), "account"_a, "places"_a, "outcomes"_a, "is_fee_negated"_a,
           "is_sequence_the_trade"_a)
      .def("read", &EventReader::read, "data"_a)
      .def_prop_ro(
          "fact", [](EventReader& self) -> Fact& { return self.fact; },
          nb::rv_policy::reference_internal)
      .def_prop_ro("fault",
                   [](const EventReader& self) { return text_of(event::name_of(self.last)); })
      .def_prop_ro("events_read", [](const EventReader& self) { return self.faults[0]; })
      .def("faults", &counts_of);
}

}  // namespace gateway
