// Many orders in one call from rows of numbers, and many notices into rows: no Python object per
// order. Each row meets the checks of a single submit here, and the engine's as any other order.
#include <nanobind/nanobind.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "batch.hpp"
#include "gateway_core/risk/limits.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

/// gateway.core.batch.ORDER_ROW: the message of a new order from its client number to its expiry.
struct OrderRow {
  std::uint64_t client_number;
  std::int64_t price;
  std::int64_t quantity;
  InstrumentId instrument;
  AccountId account;
  StrategyId strategy;
  std::uint8_t type;
  std::uint8_t side;
  std::uint8_t time_in_force;
  std::uint8_t flags;
  std::uint8_t leg;
  std::uint8_t reserved[7];
  std::int64_t trigger_price;
  std::int64_t display_quantity;
  std::int64_t expires_ns;
};
static_assert(sizeof(OrderRow) == 72);
static_assert(offsetof(NewOrderMessage, reserved) - offsetof(NewOrderMessage, client_number) ==
              sizeof(OrderRow));

/// A contiguous buffer of rows of one size, held as long as this lives.
class Rows {
 public:
  Rows(nb::handle object, std::size_t row_bytes, bool is_written) {
    const int flags = PyBUF_C_CONTIGUOUS | (is_written ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) throw nb::python_error();
    if (static_cast<std::size_t>(view_.itemsize) != row_bytes) {
      PyBuffer_Release(&view_);
      throw nb::value_error(("rows of " + std::to_string(row_bytes) + " bytes").c_str());
    }
  }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  ~Rows() { PyBuffer_Release(&view_); }
  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(view_.len) / static_cast<std::size_t>(view_.itemsize);
  }
  [[nodiscard]] std::byte* at(std::size_t index) const {
    return static_cast<std::byte*>(view_.buf) + index * static_cast<std::size_t>(view_.itemsize);
  }

 private:
  Py_buffer view_{};
};

/// What a single submit checks before the lane.
Refusal check_row(const OrderRow& row, const Registry& registry) noexcept {
  const auto is_outside = [](std::int64_t value) { return value < 0 || value > kQuantityMax; };
  if (!registry.instruments.has(row.instrument)) return Refusal::kUnknownInstrument;
  if (row.client_number == 0 || (row.flags & kTextClientId) != 0) return Refusal::kBadClientId;
  if (row.quantity <= 0 || is_outside(row.quantity) || is_outside(row.price) ||
      is_outside(row.trigger_price) || is_outside(row.display_quantity) || row.expires_ns < 0) {
    return Refusal::kRange;
  }
  return Refusal::kNone;
}

nb::tuple submit_batch(ClientPortHandle& port, PrincipalId principal, nb::handle orders,
                       nb::handle codes) {
  const Rows rows(orders, sizeof(OrderRow), false);
  const Rows out(codes, sizeof(std::uint16_t), true);
  if (out.size() != rows.size()) throw nb::value_error("one code for each row");
  const Registry& registry = port.engine->runtime->state().registry;
  const std::uint64_t first = port.port->last_request + 1;
  std::size_t queued = 0;
  NewOrderMessage message{};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    OrderRow row;
    std::memcpy(&row, rows.at(i), sizeof row);
    Refusal code = check_row(row, registry);
    if (code == Refusal::kNone) {
      message.header = {MessageKind::kNewOrder, 1, 0, principal, first + queued};
      std::memset(row.reserved, 0, sizeof row.reserved);
      std::memcpy(&message.client_number, &row, sizeof row);
      if (port.port->orders.push(&message))
        ++queued;
      else
        code = Refusal::kLaneFull;
    }
    const auto number = static_cast<std::uint16_t>(code);
    std::memcpy(out.at(i), &number, sizeof number);
  }
  port.port->last_request += queued;
  return nb::make_tuple(queued == 0 ? 0 : first, queued);
}

std::size_t take_notices(ClientPortHandle& port, nb::handle target) {
  const Rows rows(target, sizeof(Notice), true);
  auto& lane = port.port->notices;
  drain_wake(port.wake_fd);
  std::size_t taken = 0;
  while (taken < rows.size() && lane.size() != 0) {
    std::memcpy(rows.at(taken++), lane.peek(), sizeof(Notice));
    lane.pop();
  }
  return taken;
}

}  // namespace

void bind_batch(nb::class_<ClientPortHandle>& port) {
  port.def("submit_batch", &submit_batch, "principal"_a, "orders"_a, "codes"_a)
      .def("take_notices", &take_notices, "rows"_a);
}

}  // namespace gateway
