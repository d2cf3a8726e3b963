// What happened to the orders of some principals, record by record, read from the journal behind
// the live engine. Reads alone; what it has read is never asked of the engine's state.
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <unordered_set>

#include "bind.hpp"
#include "decode.hpp"
#include "engine_handle.hpp"
#include "gateway_core/journal/reader.hpp"
#include "gateway_core/platform/storage.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

struct OrderEvents {
  OrderEvents(const EngineHandle& handle, Sequence from)
      : reader(storage, handle.directory, handle.ring_directory, from) {}
  platform::PosixStorage storage;
  journal::Reader reader;
  std::unordered_set<PrincipalId> principals;
  std::unordered_set<OrderId> orders;
};

/// Whose order a record is about; 0 = it is about none.
OrderId order_of(const RecordHeader& header, const std::uint8_t* record) {
  const auto kind = static_cast<RecordKind>(header.type);
  if (kind < RecordKind::kOrderNew || kind > RecordKind::kFillCorrected) return 0;
  if (kind == RecordKind::kOrderRefused) return 0;
  OrderId order_id = 0;  // the first field of every payload of these kinds
  std::memcpy(&order_id, record + sizeof header, sizeof order_id);
  return order_id;
}

bool is_followed(OrderEvents& events, const RecordHeader& header, OrderId order_id) {
  if (order_id == 0) return false;
  const bool is_new = static_cast<RecordKind>(header.type) == RecordKind::kOrderNew;
  if (is_new && events.principals.contains(header.actor)) events.orders.insert(order_id);
  return events.orders.contains(order_id);
}

nb::list read_events(OrderEvents& events, std::size_t limit, std::size_t scanned_max) {
  nb::list out;
  for (std::size_t scanned = 0; scanned < scanned_max && nb::len(out) < limit; ++scanned) {
    const RecordHeader* header = events.reader.next();
    if (header == nullptr) break;
    const auto* record = reinterpret_cast<const std::uint8_t*>(header);
    if (is_followed(events, *header, order_of(*header, record)))
      out.append(decode_record(nb::bytes(record, header->length)));
  }
  if (events.reader.state() != journal::ReaderState::kFollowing && nb::len(out) == 0)
    throw std::runtime_error("journal: " + events.reader.error());
  return out;
}

}  // namespace

void bind_order_events(nb::module_& module, nb::class_<EngineHandle>& engine) {
  nb::class_<OrderEvents>(module, "OrderEvents")
      .def("follow", [](OrderEvents& events, PrincipalId id) { events.principals.insert(id); },
           "principal"_a)
      .def("leave", [](OrderEvents& events, PrincipalId id) { events.principals.erase(id); },
           "principal"_a)
      .def("watch", [](OrderEvents& events, OrderId id) { events.orders.insert(id); }, "order_id"_a)
      .def("forget", [](OrderEvents& events, OrderId id) { events.orders.erase(id); },
           "order_id"_a)
      .def_prop_ro("sequence", [](const OrderEvents& events) { return events.reader.sequence(); })
      .def_prop_ro("oldest", [](const OrderEvents& events) { return events.reader.oldest(); })
      .def("read", &read_events, "limit"_a = 64, "scanned_max"_a = 65536);
  engine.def(
      "order_events",
      [](const EngineHandle& handle, Sequence from) {
        return std::make_unique<OrderEvents>(handle, from);
      },
      "from_sequence"_a);
}

}  // namespace gateway
