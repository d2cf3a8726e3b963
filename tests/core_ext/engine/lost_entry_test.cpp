// A group whose last records are lost, before a venue that tells of it piece by piece: what its
// exits prove of the entry holds until the entry is heard of, and what may have left is neither
// ended nor sent before somebody knows.
#include <memory>

#include "gateway_core/engine/gateway_fact.hpp"
#include "gateway_core/journal/journal.hpp"
#include "linked_desk.hpp"

using namespace desk;  // NOLINT

namespace {

class NothingBefore final : public journal::RecoveryVisitor {
 public:
  bool snapshot(const journal::StreamPoint&, const std::uint8_t*, std::size_t) override {
    return false;
  }
  void record(const RecordHeader&, const std::uint8_t*) override {}
};

/// An engine over what the journal kept, in front of a venue that is not compared yet.
struct NextLife {
  State state;
  Clock clock;
  platform::PosixStorage storage;  // nothing is written: the journal is memory alone
  journal::Journal journal{storage};
  std::unique_ptr<Engine> engine;
  VenuePort* port = nullptr;
  std::uint64_t trades = 0;

  NextLife(const State& before, const std::vector<std::uint8_t>& kept, bool is_tail_lost = false)
      : state(before.capacity), clock(VirtualTime{before.last_time_ns + 1}) {
    CHECK(state.restore(kept.data(), kept.size()));
    const std::uint32_t lost_epoch = is_tail_lost ? state.epoch : 0;
    ++state.epoch;
    journal::JournalOptions options;
    options.is_memory_only = true;
    options.ring_bytes = 1 << 20;
    options.now_ns = clock.now_ns();
    NothingBefore nothing;
    CHECK(journal.open(options, nothing));
    engine = std::make_unique<Engine>(state, journal.writer(), clock,
                                      EngineSettings{.lost_epoch = lost_epoch});
    port = &engine->open_venue_port(1, 256);
    session(VenueSession::kDown);
    engine->settle_in_flight();
    mark();
    turn();
  }
  ~NextLife() {
    engine->close();
    (void)journal.close(clock.now_ns());
  }
  NextLife(const NextLife&) = delete;
  NextLife& operator=(const NextLife&) = delete;

  const Order& at(OrderId id) { return state.orders.at(state.orders.find(id)); }
  OrderState state_of(OrderId id) { return static_cast<OrderState>(at(id).state); }
  void mark() {
    MarkMessage told{};
    told.instrument = 1;
    told.scale = 2;
    told.mark = 10'000;
    engine->on_mark(told);
  }
  void turn() {
    (void)clock.set_ns(clock.now_ns() + 10'000'000'000);
    engine->turn(64);
  }
  void session(VenueSession word) {
    VenueState told{};
    told.venue = 1;
    told.state = static_cast<std::uint32_t>(word);
    engine->on_session(told);
  }
  void compared() {
    mark();
    session(VenueSession::kReconciled);
    turn();
  }
  void tell(RecordKind kind, OrderId id, std::int64_t quantity = 0) {
    OrderFact fact = venue_fact(kind, id, quantity);
    fact.evidence = static_cast<std::uint32_t>(Evidence::kQuery);
    engine->on_fact(kind, fact);
    turn();
  }
  /// It works at the venue with this size.
  void listed(OrderId id, std::int64_t quantity = kQuantity) {
    tell(RecordKind::kOrderAccepted, id);
    if (quantity != at(id).quantity) tell(RecordKind::kOrderReplaced, id, quantity);
  }
  void fill(OrderId id, std::int64_t quantity) {
    OrderFilled told{};
    told.order_id = id;
    told.account = told.instrument = told.fee_currency = 1;
    told.price = 10'000;
    told.price_scale = 2;
    told.quantity = quantity;
    told.side = at(id).side;
    told.trade_id.assign(numbered("late", ++trades));
    told.venue_order_id = venue_id(id);
    engine->on_fill(told);
    turn();
  }
  void expect(const std::vector<Out>& wanted, int line) {
    expect_sent(taken_from(*port), wanted, line);
  }
};

/// A bracket whose entry works at its venue: all that the journal kept.
struct Kept : Desk {
  OrderId head = 0;
  std::vector<std::uint8_t> bytes;
  Kept() {
    head = submit(LinkKind::kBracket, bracket());
    accept(head);
    state.serialize(bytes);
  }
};

/// A pair of which the journal kept that it was taken, and not that its orders were let go.
struct KeptPair : Desk {
  OrderId head = 0;
  State unreleased{state.capacity};
  std::vector<std::uint8_t> bytes;
  explicit KeptPair(LinkKind kind) {
    std::vector<std::uint8_t> before;
    state.serialize(before);
    CHECK(unreleased.restore(before.data(), before.size()));
    const std::uint8_t* at = engine.writer().reserve(0);
    head = submit(kind, pair());
    for (int i = 0; i < 2; ++i) {
      const auto& header = *reinterpret_cast<const RecordHeader*>(at);
      CHECK(header.type == static_cast<std::uint16_t>(RecordKind::kOrderNew));
      CHECK(unreleased.apply(header, at));
      at += header.length;
    }
    unreleased.serialize(bytes);
  }
};

}  // namespace

TEST(exits_that_work_there_stay_while_the_fill_of_their_entry_is_missing) {
  Kept kept;
  NextLife life(kept.state, kept.bytes);
  life.listed(kept.head + 1);
  life.listed(kept.head + 2);
  life.turn();
  EXPECT_SENT(life, {});
  life.fill(kept.head, kQuantity);
  life.compared();
  EXPECT_SENT(life, {});
  CHECK(life.state_of(kept.head + 1) == OrderState::kNew);
  CHECK_EQUAL(life.engine->counters().links_anomalous, 0U);
  life.fill(kept.head + 1, kQuantity);
  EXPECT_SENT(life, {{kCancel, kept.head + 2, kQuantity}});
}

TEST(exits_of_an_entry_in_part_stay_with_the_size_they_have) {
  Kept kept;
  NextLife life(kept.state, kept.bytes);
  life.listed(kept.head + 1, 400);
  life.listed(kept.head + 2, 300);  // it was being made larger
  EXPECT_SENT(life, {});
  life.fill(kept.head, 400);
  EXPECT_SENT(life, {});
  life.compared();
  EXPECT_SENT(life, {{kResize, kept.head + 2, 400}});
}

TEST(exits_whose_entry_executed_nothing_by_its_venue_s_own_word_are_cancelled) {
  Kept kept;
  NextLife life(kept.state, kept.bytes);
  life.listed(kept.head + 1);
  life.listed(kept.head + 2);
  EXPECT_SENT(life, {});
  life.tell(RecordKind::kOrderCanceled, kept.head);
  EXPECT_SENT(life, {});
  life.compared();
  EXPECT_SENT(life, {{kCancel, kept.head + 1, kQuantity}, {kCancel, kept.head + 2, kQuantity}});
}

TEST(an_exit_that_executed_ends_the_other_and_is_no_anomaly_once_its_entry_is_heard) {
  Kept kept;
  NextLife life(kept.state, kept.bytes);
  life.listed(kept.head + 2);
  life.fill(kept.head + 1, kQuantity);
  EXPECT_SENT(life, {{kCancel, kept.head, kQuantity}, {kCancel, kept.head + 2, kQuantity}});
  CHECK_EQUAL(life.engine->counters().links_anomalous, 0U);
  life.tell(RecordKind::kOrderCanceled, kept.head + 2);
  life.fill(kept.head, kQuantity);
  life.compared();
  EXPECT_SENT(life, {});
  CHECK_EQUAL(life.engine->counters().links_anomalous, 0U);
}

TEST(an_exit_that_executed_without_its_entry_is_an_anomaly_once_that_is_known) {
  Kept kept;
  NextLife life(kept.state, kept.bytes);
  life.fill(kept.head + 1, kQuantity);
  life.turn();
  CHECK_EQUAL(life.engine->counters().links_anomalous, 0U);
  life.tell(RecordKind::kOrderCanceled, kept.head);
  life.compared();
  life.turn();
  CHECK_EQUAL(life.engine->counters().links_anomalous, 1U);
}

TEST(a_pair_that_left_unrecorded_is_kept_and_one_of_which_half_left_is_ended) {
  for (const LinkKind kind : {LinkKind::kOneCancelsOther, LinkKind::kOneUpdatesOther}) {
    KeptPair kept(kind);
    {
      NextLife life(kept.state, kept.bytes);
      life.listed(kept.head);
      EXPECT_SENT(life, {});
      life.listed(kept.head + 1);
      life.compared();
      EXPECT_SENT(life, {});
    }
    NextLife life(kept.state, kept.bytes);
    life.listed(kept.head);
    EXPECT_SENT(life, {});
    life.compared();
    EXPECT_SENT(life, {{kCancel, kept.head, kQuantity}});
    CHECK(life.state_of(kept.head + 1) == OrderState::kCanceled);
  }
}

TEST(an_exit_in_doubt_is_let_go_when_it_is_proved_that_it_never_left) {
  Kept kept;
  NextLife life(kept.state, kept.bytes, true);
  CHECK_EQUAL(life.engine->doubted().size(), 2U);
  life.fill(kept.head, kQuantity);
  life.compared();
  life.turn();
  EXPECT_SENT(life, {});
  life.engine->settle_doubt(kept.head + 2);
  life.turn();
  EXPECT_SENT(life, {{kNew, kept.head + 2, kQuantity}});
  life.tell(RecordKind::kOrderNotSent, kept.head + 1);  // it had left, and was rejected there
  EXPECT_SENT(life, {});
  CHECK(life.engine->doubted().empty());
  CHECK(life.state_of(kept.head + 2) == OrderState::kPendingNew);
}

TEST(an_entry_in_doubt_leaves_its_exits_where_they_are) {
  Desk desk;
  std::vector<std::uint8_t> before;
  desk.state.serialize(before);
  State unreleased(desk.state.capacity);
  CHECK(unreleased.restore(before.data(), before.size()));
  const std::uint8_t* at = desk.engine.writer().reserve(0);
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  for (int i = 0; i < 3; ++i) {
    const auto& header = *reinterpret_cast<const RecordHeader*>(at);
    CHECK(unreleased.apply(header, at));
    at += header.length;
  }
  std::vector<std::uint8_t> bytes;
  unreleased.serialize(bytes);
  NextLife life(desk.state, bytes, true);
  life.listed(head + 1);
  life.compared();  // neither list knows the entry yet
  EXPECT_SENT(life, {});
  life.fill(head, kQuantity);
  EXPECT_SENT(life, {});
  life.engine->settle_doubt(head + 2);
  life.turn();
  EXPECT_SENT(life, {{kNew, head + 2, kQuantity}});
}
