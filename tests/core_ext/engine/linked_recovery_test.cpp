// Linked orders before a venue that loses, delays, repeats and rejects, from one seed each: the
// records make the same state again, and an engine that is started anew after any single record
// brings every group to the same rest as one that never stopped.
#include <map>
#include <memory>
#include <vector>

#include "check.hpp"
#include "engine_world.hpp"
#include "gateway_core/engine/gateway_fact.hpp"
#include "gateway_core/journal/journal.hpp"
#include "random.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr std::int64_t kQuantity = 1'000;

struct Listing {
  Side side = Side::kBuy;
  std::int64_t quantity = 0;
  std::int64_t executed = 0;
  bool is_open = false;
};

/// The venue: its book is the truth. What it says is delivered by the caller.
struct Venue {
  std::map<OrderId, Listing> orders;
  std::vector<OrderFilled> fills;
  std::uint64_t trades = 0;
  bool is_strict = false;  // answers everything at once and rejects nothing any more

  void execute(OrderId id, std::int64_t quantity, Engine& engine) {
    Listing& order = orders[id];
    quantity = std::min(quantity, order.quantity - order.executed);
    if (!order.is_open || quantity <= 0) return;
    order.executed += quantity;
    order.is_open = order.executed < order.quantity;
    OrderFilled fill{};
    fill.order_id = id;
    fill.account = fill.instrument = fill.fee_currency = 1;
    fill.price = 10'000;
    fill.price_scale = 2;
    fill.quantity = quantity;
    fill.side = order.side;
    ++trades;
    std::memcpy(fill.trade_id.bytes.data(), "trade", 5);
    std::memcpy(fill.trade_id.bytes.data() + 8, &trades, sizeof trades);
    fill.venue_order_id.assign("v");
    fills.push_back(fill);
    engine.on_fill(fill);
  }
};

OrderFact fact_of(OrderId id, const Listing* listing) {
  OrderFact fact{};
  fact.order_id = id;
  fact.cumulative = -1;
  fact.evidence = static_cast<std::uint32_t>(Evidence::kQuery);
  if (listing == nullptr) return fact;
  fact.quantity = listing->quantity;
  fact.venue_order_id.assign("v");
  return fact;
}

/// Takes what the engine wants and answers it.
void serve(Engine& engine, VenuePort& port, Venue& venue, check::Random& random) {
  while (port.outbound.size() != 0) {
    OutboundEntry entry;
    std::memcpy(&entry, port.outbound.peek(), sizeof entry);
    port.outbound.pop();
    const auto kind = static_cast<RecordKind>(entry.kind);
    const OrderId id = entry.order_id;
    const bool is_moody = !venue.is_strict && random.below(6) == 0;
    Listing& order = venue.orders[id];
    if (kind == RecordKind::kOrderNew) {
      CHECK(!order.is_open && order.executed == 0);  // never a second one
      order = {entry.side, entry.quantity, 0, !is_moody};
      engine.on_fact(is_moody ? RecordKind::kOrderRejected : RecordKind::kOrderAccepted,
                     fact_of(id, &order));
    } else if (kind == RecordKind::kCancelRequested) {
      const bool is_done = order.is_open && !is_moody;
      if (is_done) order.is_open = false;
      engine.on_fact(is_done ? RecordKind::kOrderCanceled : RecordKind::kCancelRejected,
                     fact_of(id, nullptr));
    } else {
      const bool is_done = order.is_open && entry.quantity > order.executed && !is_moody;
      if (is_done) order.quantity = entry.quantity;
      engine.on_fact(is_done ? RecordKind::kOrderReplaced : RecordKind::kReplaceRejected,
                     fact_of(id, is_done ? &order : nullptr));
    }
    if (!venue.is_strict && random.below(3) == 0) return;  // the rest comes later
  }
}

/// Time passes and everybody answers until nobody has anything to say.
void rest(Engine& engine, VenuePort& port, Venue& venue, Clock& clock, check::Random& random) {
  venue.is_strict = true;
  for (int i = 0; i < 40; ++i) {
    (void)clock.set_ns(clock.now_ns() + 1'000'000'000);
    MarkMessage mark{};
    mark.instrument = 1;
    mark.scale = 2;
    mark.mark = 10'000;
    engine.on_mark(mark);
    engine.turn(64);
    serve(engine, port, venue, random);
  }
  engine.turn(64);
}

/// What the venue was asked about after a start: everything that is open or unknown here. Of one
/// order, 0 = none, neither list says anything yet.
void reconcile(Engine& engine, const Venue& venue, OrderId untold = 0) {
  for (const OrderFilled& fill : venue.fills) {
    if (fill.order_id != untold) engine.on_fill(fill);
  }
  std::vector<OrderId> open;
  engine.state().orders.for_each_open(
      [&](std::uint32_t slot) { open.push_back(engine.state().orders.at(slot).order_id); });
  for (const OrderId id : open) {
    if (id == untold) continue;
    const Order order = engine.state().orders.at(engine.state().orders.find(id));
    const auto found = venue.orders.find(id);
    if (order.link.is_waiting()) {
      // It asks about none of them; one that it finds in the list of open orders had left.
      if (found == venue.orders.end() || !found->second.is_open) continue;
      engine.on_fact(RecordKind::kOrderAccepted, fact_of(id, &found->second));
      if (found->second.quantity != order.quantity) {
        engine.on_fact(RecordKind::kOrderReplaced, fact_of(id, &found->second));
      }
      continue;
    }
    if (found == venue.orders.end()) {
      engine.on_fact(RecordKind::kOrderNotSent, fact_of(id, nullptr));
      continue;
    }
    const Listing& listing = found->second;
    if (!listing.is_open) {
      engine.on_fact(RecordKind::kOrderCanceled, fact_of(id, &listing));
      continue;
    }
    engine.on_fact(RecordKind::kOrderAccepted, fact_of(id, &listing));
    if (pending(order.overlay, Overlay::kReplace) != Pending::kNo ||
        listing.quantity != order.quantity) {
      engine.on_fact(RecordKind::kOrderReplaced, fact_of(id, &listing));
    }
    if (pending(order.overlay, Overlay::kCancel) != Pending::kNo) {
      engine.on_fact(RecordKind::kCancelRejected, fact_of(id, nullptr));
    }
  }
  for (const auto& [id, listing] : venue.orders) {  // complete here, and larger there
    const std::uint32_t slot = engine.state().orders.find(id);
    if (id == untold || !listing.is_open || slot == kNoSlot) continue;
    const Order& order = engine.state().orders.at(slot);
    if (static_cast<OrderState>(order.state) == OrderState::kFilled &&
        listing.quantity > order.quantity) {
      engine.on_fact(RecordKind::kOrderReplaced, fact_of(id, &listing));
    }
  }
}

/// What must hold of every group when nothing is under way.
void check_group(const State& state, const Venue& venue, OrderId head, std::size_t count) {
  const LinkKind kind = state.orders.at(state.orders.find(head)).link.kind;
  std::int64_t executed = 0;
  std::size_t open = 0;
  const bool is_bracket = kind == LinkKind::kBracket;
  for (std::size_t place = 0; place < count; ++place) {
    const Order& order = state.orders.at(state.orders.find(head + place));
    const auto listed = venue.orders.find(head + place);
    const bool is_listed_open = listed != venue.orders.end() && listed->second.is_open;
    const bool is_working = is_open(static_cast<OrderState>(order.state));
    CHECK(is_listed_open == (is_working && !order.link.is_waiting()));
    CHECK_EQUAL(order.cumulative, listed == venue.orders.end() ? 0 : listed->second.executed);
    if (is_working && !order.link.is_waiting())
      CHECK_EQUAL(order.quantity, listed->second.quantity);
    if (is_bracket && place == 0) continue;
    executed += order.cumulative;
    open += is_working ? 1 : 0;
  }
  const Order& first = state.orders.at(state.orders.find(head));
  if (kind == LinkKind::kOneCancelsOther) {
    CHECK(executed == 0 ? open == 0 || open == 2 : open <= 1);  // who executes goes on alone
    return;
  }
  const bool is_entering = is_bracket && is_open(static_cast<OrderState>(first.state));
  const std::int64_t goal = is_bracket ? first.cumulative : kQuantity;
  if (open != 0 && is_bracket && goal == 0) CHECK(is_entering);
  if (executed != 0) CHECK(!is_entering);
  if (executed >= goal && !is_entering) CHECK_EQUAL(open, 0U);
  for (std::size_t place = is_bracket ? 1 : 0; place < count; ++place) {
    const Order& order = state.orders.at(state.orders.find(head + place));
    if (!is_open(static_cast<OrderState>(order.state))) continue;
    if (order.link.is_waiting()) {
      CHECK_EQUAL(goal, 0);
      continue;
    }
    CHECK_EQUAL(order.quantity - order.cumulative, goal - executed);  // covers what is left
  }
}

/// A run that remembers each record and how the venue stood when it was written.
struct Run {
  World world;
  Engine& engine = world.engine;
  Venue venue;
  check::Random random;
  OrderId head = 0;
  std::size_t count = 0;
  std::vector<std::uint8_t> before;  // the state in front of the first record
  std::vector<std::vector<std::uint8_t>> records;
  std::vector<Venue> venues;
  std::uint64_t position;

  explicit Run(std::uint64_t seed) : random(seed) {
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
  }

  void submit() {
    NewOrderMessage orders[3];
    const auto kind = static_cast<LinkKind>(1 + random.below(3));
    count = kind == LinkKind::kBracket ? 3 : 2;
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_entry = kind == LinkKind::kBracket && i == 0;
      orders[i] = world.order(is_entry ? Side::kBuy : Side::kSell, kQuantity);
    }
    CHECK(engine.submit_linked(kind, orders, count, 1) == Refusal::kNone);
    head = make_order_id(
               {1, engine.state().epoch, static_cast<std::uint32_t>(engine.state().orders_made)}) +
           1 - count;
  }

  void live() {
    take([&] { submit(); });
    for (int i = 0; i < 40; ++i) {
      take([&] { serve(engine, *world.venue, venue, random); });
      take([&] {
        const auto part = 1 + static_cast<std::int64_t>(random.below(kQuantity));
        if (random.below(3) == 0) venue.execute(head + random.below(count), part, engine);
      });
      Clock& clock = world.runtime.clock();
      (void)clock.set_ns(clock.now_ns() + 50'000'000);
      take([&] { engine.turn(64); });
      while (world.client->notices.size() != 0) world.client->notices.pop();
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

void tell_session(Engine& engine, VenueSession word) {
  VenueState session{};
  session.venue = 1;
  session.state = static_cast<std::uint32_t>(word);
  engine.on_session(session);
}

/// The first `kept` records are all that is left. The venue is as far or further; what was still
/// on its way to it is lost. How many releases are lost but proved by the venue. `at_rest`: how the
/// venue stands in the end. `is_late`: what the venue says of the group's first order, its fills
/// among it, comes after all it says of the others.
std::size_t start_again(Run& run, std::size_t kept, const Venue& venue_then,
                        Venue* at_rest = nullptr, bool is_late = false) {
  State state(run.world.runtime.state().capacity);
  CHECK(state.restore(run.before.data(), run.before.size()));
  for (std::size_t i = 0; i < kept; ++i) {
    const std::uint8_t* at = run.records[i].data();
    CHECK(state.apply(*reinterpret_cast<const RecordHeader*>(at), at));
  }
  // A snapshot of it brings the same back.
  State copy(state.capacity);
  std::vector<std::uint8_t> bytes;
  state.serialize(bytes);
  CHECK(copy.restore(bytes.data(), bytes.size()));
  CHECK(copy.hash() == state.hash());
  ++copy.epoch;
  std::size_t waiting = 0;
  copy.orders.for_each_open([&](std::uint32_t slot) {
    const Order& order = copy.orders.at(slot);
    const auto there = venue_then.orders.find(order.order_id);
    const bool was_sent = there != venue_then.orders.end();
    waiting += order.link.is_waiting() && was_sent &&
               (there->second.is_open || there->second.executed != 0);
  });
  Clock clock{VirtualTime{state.last_time_ns}};
  platform::PosixStorage storage;  // nothing is written: the journal is memory alone
  journal::Journal journal(storage);
  journal::JournalOptions options;
  options.is_memory_only = true;
  options.ring_bytes = 1 << 20;
  options.now_ns = clock.now_ns();
  NothingBefore nothing;
  CHECK(journal.open(options, nothing));
  Engine engine(copy, journal.writer(), clock, EngineSettings{});
  VenuePort& port = engine.open_venue_port(1, 256);
  Venue venue = venue_then;
  check::Random random(kept + 1);
  tell_session(engine, VenueSession::kDown);
  engine.settle_in_flight();
  engine.turn(64);
  if (is_late) {
    reconcile(engine, venue, run.head);
    (void)clock.set_ns(clock.now_ns() + 10'000'000'000);
    engine.turn(64);
  }
  reconcile(engine, venue);
  tell_session(engine, VenueSession::kReconciled);
  rest(engine, port, venue, clock, random);
  if (copy.orders.find(run.head) != kNoSlot) check_group(copy, venue, run.head, run.count);
  engine.close();
  (void)journal.close(clock.now_ns());
  if (at_rest != nullptr) *at_rest = venue;
  return waiting;
}

/// Whether an exit works at the venue and none has executed there.
bool is_protected(const Run& run, const Venue& venue) {
  bool is_any_open = false;
  for (std::size_t place = 1; place < run.count; ++place) {
    const auto found = venue.orders.find(run.head + place);
    if (found == venue.orders.end()) continue;
    if (found->second.executed != 0) return false;
    is_any_open |= found->second.is_open;
  }
  return is_any_open;
}

}  // namespace

TEST(every_group_comes_to_rest_and_its_records_make_the_same_state) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Run run(seed);
    run.live();
    const int failures = check::failures();
    State again(run.world.runtime.state().capacity);
    CHECK(again.restore(run.before.data(), run.before.size()));
    for (const auto& record : run.records) {
      CHECK(again.apply(*reinterpret_cast<const RecordHeader*>(record.data()), record.data()));
    }
    CHECK(again.hash() == run.engine.state().hash());
    rest(run.engine, *run.world.venue, run.venue, run.world.runtime.clock(), run.random);
    check_group(run.engine.state(), run.venue, run.head, run.count);
    if (check::failures() != failures)
      return void(std::printf("seed %d\n", static_cast<int>(seed)));
  }
}

TEST(a_start_after_any_record_brings_the_group_to_rest) {
  std::size_t starts = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Run run(seed);
    run.live();
    for (std::size_t kept = run.count; kept <= run.records.size(); ++kept) {
      const int failures = check::failures();
      (void)start_again(run, kept, run.venues[kept - 1]);
      ++starts;
      if (check::failures() != failures) {
        return void(
            std::printf("seed %d record %d\n", static_cast<int>(seed), static_cast<int>(kept)));
      }
    }
  }
  CHECK(starts > 300);
}

TEST(what_left_in_a_lost_tail_is_found_at_its_venue_and_never_sent_again) {
  constexpr std::size_t kLost = 12;
  std::size_t proved = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Run run(seed);
    run.live();
    for (std::size_t kept = run.count; kept + kLost <= run.records.size(); ++kept) {
      const int failures = check::failures();
      proved += start_again(run, kept, run.venues[kept - 1 + kLost]);
      if (check::failures() != failures) {
        return void(
            std::printf("seed %d record %d\n", static_cast<int>(seed), static_cast<int>(kept)));
      }
    }
  }
  CHECK(proved > 20);
}

TEST(an_entry_that_is_heard_of_last_leaves_its_exits_as_one_that_is_heard_of_first) {
  constexpr std::size_t kLost = 12;
  std::size_t protected_then = 0;
  for (std::uint64_t seed = 1; seed <= 240; ++seed) {
    Run run(seed);
    run.live();
    if (run.count != 3) continue;  // brackets have an entry
    for (std::size_t kept = run.count; kept + kLost <= run.records.size(); ++kept) {
      const int failures = check::failures();
      const Venue& then = run.venues[kept - 1 + kLost];
      Venue early;
      Venue late;
      (void)start_again(run, kept, then, &early);
      (void)start_again(run, kept, then, &late, true);
      if (is_protected(run, then)) {
        for (std::size_t place = 1; place < run.count; ++place) {
          const Listing& one = early.orders[run.head + place];
          const Listing& other = late.orders[run.head + place];
          CHECK_EQUAL(one.is_open, other.is_open);
          if (one.is_open) CHECK_EQUAL(one.quantity, other.quantity);
        }
        ++protected_then;
      }
      if (check::failures() != failures) {
        return void(
            std::printf("seed %d record %d\n", static_cast<int>(seed), static_cast<int>(kept)));
      }
    }
  }
  CHECK(protected_then > 50);
}
