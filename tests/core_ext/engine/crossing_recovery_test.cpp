// Books that cross inside the house before a venue that loses, delays and rejects, from one seed
// each: after every step the books together are what the venue has, in quantity and in cash, to the
// last digit; the records make the same state again; a start after any whole group goes on exactly.
#include "crossing_desk.hpp"
#include "gateway_core/journal/journal.hpp"

using namespace desk;  // NOLINT

namespace {

struct Listing {
  OutboundEntry entry{};
  std::int64_t executed = 0;
  bool is_open = false;
  bool is_crossing = false;
};

/// The venue: its book is the truth. It knows nothing of what met inside the house.
struct Venue {
  std::map<OrderId, Listing> orders;
  std::vector<OrderFilled> fills;
  std::uint64_t meetings = 0;  // a crossing order came where an own one stood to be met
};

/// What the venue counts for one instrument.
struct Counted {
  std::int64_t position = 0;
  Int128 cash_e18 = 0;  // of the value alone
  Int128 fees_e18 = 0;
};

Counted count(const Venue& venue, const State& state, InstrumentId instrument) {
  Counted out;
  const InstrumentRow& row = state.registry.instruments.at(instrument);
  for (const OrderFilled& fill : venue.fills) {
    if (fill.instrument != instrument) continue;
    out.position += fill.quantity * sign_of(fill.side);
    const auto value = row.value(fill.price, fill.price_scale, fill.quantity);
    out.cash_e18 -= value->e18 * sign_of(fill.side);
    out.fees_e18 += fill.fee.e18;
  }
  return out;
}

/// The one claim: all books together are the venue's position and cash.
void check_books(const State& state, const Venue& venue) {
  Int128 derivative_cash = 0;
  for (const InstrumentId instrument : {kPerp, kSpot}) {
    std::int64_t position = 0;
    Int128 cash = 0;
    Int128 realised = 0;
    Int128 fees = 0;
    for (std::uint32_t i = 0; i < state.routes.count(); ++i) {
      if (state.routes.at(i).instrument != instrument) continue;
      const PositionBook& book = state.routes.position(i).book;
      position += book.quantity;
      cash += book.realised_e18 - book.cost_e18;
      realised += book.realised_e18;
      fees += book.fees_e18;
    }
    const Counted counted = count(venue, state, instrument);
    CHECK_EQUAL(position, counted.position);
    CHECK(cash == counted.cash_e18);
    CHECK(fees == counted.fees_e18);
    if (instrument == kPerp) {
      derivative_cash = realised - counted.fees_e18;
      continue;
    }
    CHECK(state.balances.total(1, 2) == static_cast<Int128>(counted.position) * kPow10_64[15]);
    CHECK(state.balances.total(1, 1) == derivative_cash + counted.cash_e18 - counted.fees_e18);
  }
}

void check_orders(const State& state, const Venue& venue) {
  for (std::uint32_t slot = 0; slot < state.orders.used(); ++slot) {
    const Order& order = state.orders.at(slot);
    CHECK(order.cumulative <= order.quantity);
    const auto found = venue.orders.find(order.order_id);
    const std::int64_t there = found == venue.orders.end() ? 0 : found->second.executed;
    CHECK_EQUAL(order.cumulative, crossed(order) + there);
    if (is_kept_to_cross(order)) CHECK(found == venue.orders.end());
    if (found == venue.orders.end()) continue;
    // On the wire went what had not been crossed, and it was crossed no more from then on.
    CHECK_EQUAL(found->second.entry.quantity + crossed(order), order.quantity);
  }
}

void execute(Engine& engine, Venue& venue, OrderId id, std::int64_t quantity) {
  const auto found = venue.orders.find(id);
  if (found == venue.orders.end()) return;
  Listing& order = found->second;
  quantity = std::min(quantity, order.entry.quantity - order.executed);
  if (!order.is_open || quantity <= 0) return;
  order.executed += quantity;
  order.is_open = order.executed < order.entry.quantity;
  OrderFilled fill{};
  fill.order_id = id;
  fill.account = fill.fee_currency = 1;
  fill.instrument = order.entry.instrument;
  fill.price = order.entry.price - 7 * sign_of(order.entry.side);
  fill.price_scale = 2;
  fill.quantity = quantity;
  fill.fee.e18 = 12'345'678'901;
  fill.side = order.entry.side;
  fill.venue_time_ns = 1'000 + static_cast<std::int64_t>(venue.fills.size());
  const std::uint64_t trade = venue.fills.size() + 1;
  std::memcpy(fill.trade_id.bytes.data(), "trade", 5);
  std::memcpy(fill.trade_id.bytes.data() + 8, &trade, sizeof trade);
  fill.venue_order_id.assign("v");
  venue.fills.push_back(fill);
  engine.on_fill(fill);
}

OrderFact fact_of(OrderId id, const Listing* listing) {
  OrderFact fact{};
  fact.order_id = id;
  fact.evidence = static_cast<std::uint32_t>(Evidence::kQuery);
  fact.cumulative = listing == nullptr ? -1 : listing->executed;
  if (listing != nullptr) fact.venue_order_id.assign("v");
  return fact;
}

[[nodiscard]] bool would_meet(const Listing& standing, const OutboundEntry& coming) {
  if (!standing.is_open || standing.entry.instrument != coming.instrument ||
      standing.entry.side == coming.side || is_immediate(standing.entry.time_in_force)) {
    return false;
  }
  return coming.side == Side::kBuy ? coming.price >= standing.entry.price
                                   : coming.price <= standing.entry.price;
}

void serve(Engine& engine, VenuePort& port, Venue& venue, check::Random& random) {
  while (port.outbound.size() != 0) {
    OutboundEntry entry;
    std::memcpy(&entry, port.outbound.peek(), sizeof entry);
    port.outbound.pop();
    const OrderId id = entry.order_id;
    const bool is_moody = random.below(6) == 0;
    if (static_cast<RecordKind>(entry.kind) == RecordKind::kOrderNew) {
      CHECK(!venue.orders.contains(id));  // nothing goes out twice
      const Order& order = engine.state().orders.at(engine.state().orders.find(id));
      const bool is_crossing = order.cross_ms != 0;
      for (const auto& [other, standing] : venue.orders) {
        if (is_crossing && standing.is_crossing && would_meet(standing, entry)) ++venue.meetings;
      }
      venue.orders[id] = {entry, 0, !is_moody, is_crossing};
      engine.on_fact(is_moody ? RecordKind::kOrderRejected : RecordKind::kOrderAccepted,
                     fact_of(id, &venue.orders[id]));
    } else {
      const auto found = venue.orders.find(id);
      const bool is_done = found != venue.orders.end() && found->second.is_open && !is_moody;
      if (is_done) found->second.is_open = false;
      engine.on_fact(is_done ? RecordKind::kOrderCanceled : RecordKind::kCancelRejected,
                     fact_of(id, is_done ? &found->second : nullptr));
    }
    if (random.below(4) == 0) return;  // the rest comes later
  }
}

/// A life of many steps that remembers each record and how the venue stood when it was written.
struct Life {
  CrossingDesk desk;
  Engine& engine = desk.engine;
  Venue venue;
  check::Random random;
  std::vector<std::uint8_t> before;
  std::vector<std::vector<std::uint8_t>> records;
  std::vector<Venue> venues;
  std::uint64_t position;
  std::vector<OrderId> orders;

  explicit Life(std::uint64_t seed) : random(seed) {
    engine.state().serialize(before);
    position = engine.writer().point().position;
  }

  template <typename Step>
  void take(Step&& step) {
    const std::uint8_t* at = engine.writer().reserve(0);
    step();
    for (const std::uint64_t end = engine.writer().point().position; position < end;) {
      const auto& header = *reinterpret_cast<const RecordHeader*>(at);
      records.emplace_back(at, at + header.length);
      venues.push_back(venue);  // a record never knows more than the venue
      position += header.length;
      at += header.length;
    }
    check_books(engine.state(), venue);
    check_orders(engine.state(), venue);
  }

  void submit() {
    const auto book = static_cast<StrategyId>(1 + random.below(kBooks));
    const Side side = random.below(2) == 0 ? Side::kBuy : Side::kSell;
    const auto price = static_cast<std::int64_t>(9'970 + random.below(60));
    constexpr std::uint16_t kTimes[] = {0, 5, 60, 60, 60};
    NewOrderMessage order =
        desk.message(book, side, price, static_cast<std::int64_t>(1 + random.below(900)),
                     kTimes[random.below(5)]);
    if (random.below(5) == 0) order.time_in_force = TimeInForce::kIoc;
    if (random.below(8) == 0) {
      order.type = OrderType::kMarket;
      order.price = 0;
      order.time_in_force = TimeInForce::kIoc;
    }
    order.instrument = random.below(3) == 0 ? kSpot : kPerp;
    if (const OrderId id = desk.submit(order); id != 0) orders.push_back(id);
  }
  void change() {
    if (orders.empty()) return;
    const OrderId id = orders[random.below(orders.size())];
    if (random.below(2) == 0) {
      CancelMessage cancel{};
      cancel.header = {MessageKind::kCancel, 1, 0, 1, 1};
      cancel.order_id = id;
      (void)engine.cancel(cancel, 1);
      return;
    }
    ReplaceMessage replace{};
    replace.header = {MessageKind::kReplace, 1, 0, 1, 1};
    replace.order_id = id;
    replace.client_number = ++desk.world.number;
    replace.price = static_cast<std::int64_t>(9'970 + random.below(60));
    // At the venue a replace is not the matter here.
    if (is_kept_to_cross(desk.at(id))) (void)engine.replace(replace, 1);
  }
  void look() {
    const auto bid = static_cast<std::int64_t>(9'980 + random.below(20));
    const auto width = static_cast<std::int64_t>(random.below(9));
    const bool is_half = random.below(5) == 0;
    quote(engine, random.below(3) == 0 ? kSpot : kPerp, is_half ? 0 : bid, bid + width);
  }
  void live(int steps) {
    for (int i = 0; i < steps; ++i) {
      const std::uint64_t choice = random.below(10);
      take([&] {
        if (choice < 4) return submit();
        if (choice == 4) return change();
        if (choice == 5) return look();
        if (choice == 6 && !orders.empty()) {
          return execute(engine, venue, orders[random.below(orders.size())],
                         static_cast<std::int64_t>(1 + random.below(500)));
        }
        serve(engine, *desk.world.venue, venue, random);
      });
      Clock& clock = desk.world.runtime.clock();
      (void)clock.set_ns(clock.now_ns() + static_cast<std::int64_t>(random.below(9)) * kMs);
      take([&] { engine.turn(64); });
      while (desk.world.client->notices.size() != 0) desk.world.client->notices.pop();
    }
  }
};

class NothingBefore final : public journal::RecoveryVisitor {
 public:
  bool snapshot(const journal::StreamPoint&, const std::uint8_t*, std::size_t) override {
    return false;
  }
  void record(const RecordHeader&, const std::uint8_t*) override {}
};

[[nodiscard]] bool ends_group(const std::vector<std::uint8_t>& record) {
  return (reinterpret_cast<const RecordHeader*>(record.data())->flags & kGroupLast) != 0;
}

/// What the venue was asked about after a start: everything that is open.
void reconcile(Engine& engine, Venue& venue) {
  for (const OrderFilled& fill : venue.fills) engine.on_fill(fill);
  std::vector<OrderId> open;
  engine.state().orders.for_each_open(
      [&](std::uint32_t slot) { open.push_back(engine.state().orders.at(slot).order_id); });
  for (const OrderId id : open) {
    const auto found = venue.orders.find(id);
    if (found == venue.orders.end()) {
      engine.on_fact(RecordKind::kOrderNotSent, fact_of(id, nullptr));
    } else if (!found->second.is_open) {
      engine.on_fact(RecordKind::kOrderCanceled, fact_of(id, &found->second));
    } else {
      engine.on_fact(RecordKind::kOrderAccepted, fact_of(id, &found->second));
    }
  }
}

/// The first `kept` records are all that is left; what was on its way to the venue is lost.
void start_again(Life& life, std::size_t kept, std::int64_t down_ns) {
  State state(life.desk.state.capacity);
  CHECK(state.restore(life.before.data(), life.before.size()));
  for (std::size_t i = 0; i < kept; ++i) {
    const std::uint8_t* at = life.records[i].data();
    CHECK(state.apply(*reinterpret_cast<const RecordHeader*>(at), at));
  }
  State copy(state.capacity);
  std::vector<std::uint8_t> bytes;
  state.serialize(bytes);
  CHECK(copy.restore(bytes.data(), bytes.size()));
  CHECK(copy.hash() == state.hash());
  Clock clock{VirtualTime{state.last_time_ns + down_ns}};
  platform::PosixStorage storage;
  journal::Journal journal(storage);
  journal::JournalOptions options;
  options.is_memory_only = true;
  options.ring_bytes = 1 << 20;
  options.now_ns = clock.now_ns();
  NothingBefore nothing;
  CHECK(journal.open(options, nothing));
  Engine engine(copy, journal.writer(), clock, EngineSettings{});
  VenuePort& port = engine.open_venue_port(1, 256);
  Venue venue = kept == 0 ? Venue{} : life.venues[kept - 1];
  check::Random random(kept + 1);
  engine.settle_in_flight();
  reconcile(engine, venue);
  VenueState session{};
  session.venue = 1;
  session.state = static_cast<std::uint32_t>(VenueSession::kReconciled);
  engine.on_session(session);
  for (int i = 0; i < 12; ++i) {
    (void)clock.set_ns(clock.now_ns() + 7 * kMs);
    quote(engine, kPerp, 9'990, 9'995);
    engine.turn(64);
    serve(engine, port, venue, random);
    check_books(copy, venue);
    check_orders(copy, venue);
  }
  copy.orders.for_each_open(
      [&](std::uint32_t slot) { CHECK(!is_kept_to_cross(copy.orders.at(slot))); });
  engine.close();
  (void)journal.close(clock.now_ns());
}

/// As start_again(), but the venue is 12 records ahead of what the journal still has. How many kept
/// orders had left by then.
std::size_t start_behind(Life& life, std::size_t kept) {
  State state(life.desk.state.capacity);
  CHECK(state.restore(life.before.data(), life.before.size()));
  for (std::size_t i = 0; i < kept; ++i) {
    const std::uint8_t* at = life.records[i].data();
    CHECK(state.apply(*reinterpret_cast<const RecordHeader*>(at), at));
  }
  const Venue& venue = life.venues[std::min(kept + 12, life.venues.size()) - 1];
  std::vector<OrderId> doubted;
  state.orders.for_each_open([&](std::uint32_t slot) {
    const Order& order = state.orders.at(slot);
    if (is_kept_to_cross(order)) doubted.push_back(order.order_id);
  });
  Clock clock{VirtualTime{state.last_time_ns}};  // nobody's time is over
  platform::PosixStorage storage;
  journal::Journal journal(storage);
  journal::JournalOptions options;
  options.is_memory_only = true;
  options.ring_bytes = 1 << 20;
  options.now_ns = clock.now_ns();
  NothingBefore nothing;
  CHECK(journal.open(options, nothing));
  Engine engine(state, journal.writer(), clock, EngineSettings{});
  VenuePort& port = engine.open_venue_port(1, 256);
  engine.settle_in_flight();
  std::size_t left = 0;
  for (const OrderId id : doubted) {
    const std::uint32_t slot = state.orders.find(id);
    CHECK(static_cast<OrderState>(state.orders.at(slot).state) == OrderState::kUnknown);
    if (const auto found = venue.orders.find(id); found != venue.orders.end()) {
      ++left;
      if (!found->second.is_open) continue;
      engine.on_fact(RecordKind::kOrderAccepted, fact_of(id, &found->second));
      CHECK(is_open(static_cast<OrderState>(state.orders.at(slot).state)));
      CHECK(!state.orders.at(slot).venue_order_id.empty());
    }
    const std::int64_t before = state.orders.at(slot).cumulative;
    for (const OrderFilled& fill : venue.fills) {
      if (fill.order_id == id) engine.on_fill(fill);
    }
    CHECK(state.orders.at(slot).cumulative >= before);
  }
  for (int i = 0; i < 12; ++i) {
    (void)clock.set_ns(clock.now_ns() + 30 * kMs);
    quote(engine, kPerp, 9'990, 9'995);
    engine.turn(64);
  }
  CHECK_EQUAL(port.outbound.size(), 0U);
  CHECK_EQUAL(engine.counters().crosses, 0U);
  engine.close();
  (void)journal.close(clock.now_ns());
  return left;
}

}  // namespace

TEST(books_are_the_venues_position_and_cash_after_every_step_and_replay_makes_the_same_state) {
  std::uint64_t crosses = 0;
  std::uint64_t released = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Life life(seed);
    const int failures = check::failures();
    life.live(150);
    State again(life.desk.state.capacity);
    CHECK(again.restore(life.before.data(), life.before.size()));
    for (const auto& record : life.records) {
      CHECK(again.apply(*reinterpret_cast<const RecordHeader*>(record.data()), record.data()));
    }
    CHECK(again.hash() == life.engine.state().hash());
    CHECK_EQUAL(life.venue.meetings, 0U);
    CHECK_EQUAL(life.engine.counters().anomalies, 0U);
    crosses += life.engine.counters().crosses;
    released += life.engine.counters().kept_released;
    if (check::failures() != failures)
      return void(std::printf("seed %d\n", static_cast<int>(seed)));
  }
  CHECK(crosses > 300);
  CHECK(released > 300);
}

TEST(a_start_after_any_whole_group_goes_on_with_the_books_exact) {
  std::size_t starts = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Life life(seed);
    life.live(60);
    for (std::size_t kept = 0; kept <= life.records.size(); ++kept) {
      if (kept != 0 && !ends_group(life.records[kept - 1])) continue;
      const int failures = check::failures();
      start_again(life, kept, kept % 2 == 0 ? 0 : 10 * kMs);
      ++starts;
      if (check::failures() != failures) {
        return void(
            std::printf("seed %d record %d\n", static_cast<int>(seed), static_cast<int>(kept)));
      }
    }
  }
  CHECK(starts > 300);
}

TEST(what_left_before_the_journals_lost_end_is_found_at_its_venue_and_never_sent_again) {
  std::size_t left = 0;
  for (std::uint64_t seed = 11; seed <= 16; ++seed) {
    Life life(seed);
    life.live(60);
    for (std::size_t kept = 0; kept < life.records.size(); ++kept) {
      if (kept == 0 || !ends_group(life.records[kept - 1])) continue;
      const int failures = check::failures();
      left += start_behind(life, kept);
      if (check::failures() != failures) {
        return void(
            std::printf("seed %d record %d\n", static_cast<int>(seed), static_cast<int>(kept)));
      }
    }
  }
  CHECK(left > 100);
}
