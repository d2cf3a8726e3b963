// A state of a real desk, changed anywhere, behind a checksum that is right: State::restore refuses
// it, or what it takes is a state. That one is written and read again as the same bytes, and an
// engine lives on it: facts, fills, revisions, cancels, new orders, money and prices end no
// process. Its records make the same state of a copy, with rows of history for each, and a start
// takes it. Input: changes of 12 bytes each {u32 where, u8 what, u8 width, u16 run, u32 value}; an
// odd first byte means that the bytes behind it are the payload themselves.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/small_desk.hpp"
#include "gateway_core/history/writer.hpp"

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

void take_facts(SmallDesk& desk, const State& state) {
  Engine& engine = desk.engine;
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
    FillRevised revised{};
    revised.account = order.account;
    revised.instrument = order.instrument;
    revised.trade_id = fill.trade_id;
    revised.revision = 1;
    revised.quantity = 1;
    revised.value.e18 = static_cast<Int128>(1) << 125;
    engine.on_fill_revised(revised, fill.venue_order_id);
    OrderFact replaced = fact_of(id);
    replaced.quantity = order.pending_quantity != 0 ? order.pending_quantity : 500;
    engine.on_fact(RecordKind::kOrderReplaced, replaced);
    CancelMessage cancel{};
    cancel.header = {MessageKind::kCancel, 1, 0, 1, 1};
    cancel.order_id = id;
    (void)engine.cancel(cancel, desk.door.number);
    engine.on_fact(RecordKind::kOrderCanceled, fact_of(id));
  }
}

void take_money(Engine& engine) {
  for (std::uint32_t leg = 0; leg < 3; ++leg) {
    PositionCollateral told{};
    told.account = told.instrument = 1;
    told.leg = leg;
    told.amount.e18 = 71;
    engine.on_collateral(told);
  }
  Funding funding{};
  funding.account = funding.instrument = funding.currency = 1;
  funding.amount.e18 = static_cast<Int128>(1) << 125;
  funding.reference.assign("g");
  engine.on_funding(funding);
  BalanceChanged change{};
  change.account = change.currency = 1;
  change.amount.e18 = -5;
  change.reference.assign("h");
  engine.on_balance(change);
}

/// Prices grow older, kept orders meet or go out, the day ends.
void pass_time(SmallDesk& desk) {
  for (int i = 0; i < 3; ++i) {
    MarkMessage mark{};
    mark.instrument = 1;
    mark.scale = 2;
    mark.mark = 10'000;
    mark.bid = 9'999;
    mark.ask = 10'001;
    desk.engine.on_mark(mark);
    (void)desk.clock.set_ns(desk.clock.now_ns() + 31'000'000'000);
    desk.engine.turn(64);
  }
  (void)desk.engine.roll_period();
}

void submit(SmallDesk& desk) {
  NewOrderMessage message{};
  message.header = {MessageKind::kNewOrder, 1, 0, 1, 1};
  message.client_number = 77;
  message.price = 10'000;
  message.quantity = 1;
  message.instrument = message.account = message.strategy = 1;
  message.type = OrderType::kLimit;
  message.side = Side::kBuy;
  message.time_in_force = TimeInForce::kGtc;
  (void)desk.engine.submit(message, desk.door.number);
  message.client_number = 78;
  message.cross_ms = 50;
  (void)desk.engine.submit(message, desk.door.number);
}

void turn_sessions(SmallDesk& desk, const State& state) {
  for (FixSessionId session = 1; session <= state.fix.count(); ++session) {
    const FixProgress now = state.fix.at(session).progress;
    desk::Turn turn;  // its journal may end elsewhere: refused or taken, never worse
    turn.take(session, now.next_incoming + 1).send(session, now.next_outgoing, "8=FIX.4.4");
    (void)turn.set(session, FixNumbersReason::kReset, 1, 1).refused(desk.engine);
  }
}

/// What an engine wrote, applied to what it began with.
void follow(const SmallDesk& desk, const State& state, State& replica) {
  history::Writer rows;
  rows.begin(replica);
  const std::uint64_t end = desk.writer.point().position;
  for (std::uint64_t at = 0; at < end;) {
    const std::uint8_t* record = desk.ring.at(at);
    const auto& header = *reinterpret_cast<const RecordHeader*>(record);
    demand(replica.apply(header, record));
    rows.write(replica, header, record);
    at += header.length;
  }
  demand(replica.hash() == state.hash());
  Bytes written;
  state.serialize(written);
  demand(std::make_unique<State>(kCapacity)->restore(written.data(), written.size()));
}

/// An engine on the restored state: what comes in after a start.
void live_on(State& state, State& replica) {
  SmallDesk desk(state);
  Engine& engine = desk.engine;
  for (VenueId venue = 1; venue <= state.registry.venues.count(); ++venue) {
    engine.open_venue_port(venue, 16);
  }
  engine.settle_in_flight();
  take_facts(desk, state);
  take_money(engine);
  submit(desk);
  pass_time(desk);
  turn_sessions(desk, state);
  engine.turn(64);
  follow(desk, state, replica);
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
  live_on(*state, *copy);
  return 0;
}
