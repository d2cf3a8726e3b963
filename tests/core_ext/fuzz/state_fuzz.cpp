// A state of a real desk, changed anywhere, behind a checksum that is right: State::restore refuses
// it, or what it takes is a state. That one is written and read again as the same bytes, and an
// engine lives on it: facts, fills, revisions, cancels and new orders end no process.
// Input: changes of 12 bytes each {u32 where, u8 what, u8 width, u16 run, u32 value}; an odd first
// byte means that the bytes behind it are the payload themselves.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/small_desk.hpp"

using namespace small;  // NOLINT

namespace {

Bytes changed(const Bytes& base, const std::uint8_t* data, std::size_t bytes) {
  if (bytes != 0 && data[0] % 2 == 1) return {data + 1, data + bytes};
  Bytes out = base;
  for (std::size_t at = 1; at + 12 <= bytes && !out.empty(); at += 12) {
    std::uint32_t where = 0;
    std::uint32_t value = 0;
    std::uint16_t run = 0;
    std::memcpy(&where, data + at, sizeof where);
    std::memcpy(&run, data + at + 6, sizeof run);
    std::memcpy(&value, data + at + 8, sizeof value);
    const std::size_t place = where % out.size();
    const std::size_t width = 1 + data[at + 5] % 16;
    const auto begin = out.begin() + static_cast<std::ptrdiff_t>(place);
    const std::size_t count = std::min<std::size_t>(1 + run % 512, out.size() - place);
    switch (data[at + 4] % 8) {
      case 0:
        out[place] ^= static_cast<std::uint8_t>(value);
        break;
      case 1:  // one pattern over the width: 00.., FF.., 80 00..
        for (std::size_t i = 0; i < width && place + i < out.size(); ++i) {
          out[place + i] = static_cast<std::uint8_t>(value);
        }
        break;
      case 2:
        for (std::size_t i = 0; i < 4 && place + i < out.size(); ++i) {
          out[place + i] = static_cast<std::uint8_t>(value >> (8 * i));
        }
        break;
      case 3:
        out.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
        break;
      case 4: {
        const Bytes piece(begin, begin + static_cast<std::ptrdiff_t>(count));
        out.insert(begin, piece.begin(), piece.end());
        break;
      }
      case 5: {  // a piece of it stands where another one did
        const std::size_t from = value % out.size();
        for (std::size_t i = 0; i < count && from + i < out.size(); ++i) {
          out[place + i] = out[from + i];
        }
        break;
      }
      case 6:
        out[place] = static_cast<std::uint8_t>(out[place] + (value % 2 == 0 ? 1 : 255));
        break;
      default:
        out.resize(place);
    }
  }
  return out;
}

/// An engine on the restored state: what comes in after a start.
void live_on(State& state) {
  SmallDesk desk(state);
  Engine& engine = desk.engine;
  for (VenueId venue = 1; venue <= state.registry.venues.count(); ++venue) {
    engine.open_venue_port(venue, 16);
  }
  engine.settle_in_flight();
  std::vector<OrderId> ids;
  state.orders.for_each_open(
      [&](std::uint32_t slot) { ids.push_back(state.orders.at(slot).order_id); });
  for (const OrderId id : ids) {
    const Order order = state.orders.at(state.orders.find(id));
    OrderFilled fill{};
    fill.order_id = id;
    fill.account = order.account;
    fill.instrument = order.instrument;
    fill.side = order.side;
    fill.leg = order.leg;
    fill.quantity = 1;
    fill.price = 10'000;
    fill.price_scale = 2;
    fill.trade_id.assign(desk::numbered("t", id));
    engine.on_fill(fill);
    OrderFact replaced = fact_of(id);
    replaced.quantity = order.pending_quantity != 0 ? order.pending_quantity : 500;
    engine.on_fact(RecordKind::kOrderReplaced, replaced);
    CancelMessage cancel{};
    cancel.header = {MessageKind::kCancel, 1, 0, 1, 1};
    cancel.order_id = id;
    (void)engine.cancel(cancel, desk.door.number);
    engine.on_fact(RecordKind::kOrderCanceled, fact_of(id));
  }
  for (std::uint64_t ordinal = state.fills.oldest(); ordinal <= state.fills.total(); ++ordinal) {
    const FillEntry entry = state.fills.at(ordinal);
    for (const bool commit : {false, true}) {
      FillRevised bust{};
      bust.fill_ordinal = ordinal;
      bust.revision = entry.revision + 1;
      bust.side = entry.side;
      (void)state.book_revised(ordinal, bust, commit);
    }
  }
  NewOrderMessage message{};
  message.header = {MessageKind::kNewOrder, 1, 0, 1, 1};
  message.client_number = 77;
  message.price = 10'000;
  message.quantity = 1;
  message.instrument = message.account = message.strategy = 1;
  message.type = OrderType::kLimit;
  message.side = Side::kBuy;
  message.time_in_force = TimeInForce::kGtc;
  (void)engine.submit(message, desk.door.number);
  (void)engine.roll_period();
  for (FixSessionId session = 1; session <= state.fix.count(); ++session) {
    const FixProgress now = state.fix.at(session).progress;
    desk::Turn turn;  // its journal may end elsewhere: refused or taken, never worse
    turn.take(session, now.next_incoming + 1).send(session, now.next_outgoing, "8=FIX.4.4");
    (void)turn.set(session, FixNumbersReason::kReset, 1, 1).refused(engine);
  }
  engine.turn(64);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  static const Bytes kBase = make_base();
  const Bytes payload = changed(kBase, data, bytes);
  (void)State::capacity_of(payload.data(), payload.size());
  auto state = std::make_unique<State>(kCapacity);
  if (!state->restore(payload.data(), payload.size())) return 0;
  Bytes written;
  state->serialize(written);
  auto copy = std::make_unique<State>(kCapacity);
  demand(copy->restore(written.data(), written.size()));
  Bytes again;
  copy->serialize(again);
  demand(written == again);
  live_on(*state);
  return 0;
}
