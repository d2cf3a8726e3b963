// FIX sessions in the journal: what a turn hands over is laid down as one group or refused by name,
// numbers never fall but by a reset, and what was sent is found again wherever it lies now.
#include "check.hpp"
#include "engine/fix_world.hpp"
#include "engine/held_storage.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr const char* kName = "FIX.4.4:US->THEM";

/// A desk with one session, and a replica that its records are applied to.
struct Fix {
  World world;
  Engine& engine = world.engine;
  const FixSessionId session = define_session(engine, kName);

  explicit Fix(const RuntimeOptions& wanted = options()) : world(wanted) {}

  [[nodiscard]] const FixProgress& now() const { return engine.state().fix.at(session).progress; }
  void send(std::uint64_t count, std::size_t size = 0) {
    while (count > 0) {
      Turn turn;
      for (std::uint64_t i = 0; i < 50 && count > 0; ++i, --count) {
        const std::uint64_t number = now().next_outgoing + i;
        turn.send(session, number, message_text(session, number, 1, size));
      }
      FixFault fault;
      CHECK(turn.journal(engine, fault) != 0);
    }
  }
  std::vector<journal::FixMessage> read(std::uint64_t first, std::uint64_t last,
                                        const std::string& directory = "") {
    platform::PosixStorage storage;
    journal::FixMessages messages(storage, directory, world.runtime.journal().ring());
    return messages.read(session, now().last_position, first, last);
  }
};

/// Applies what `step` journals to a copy of the state and holds the two against each other.
template <typename Step>
void check_replayed(Engine& engine, Step&& step) {
  std::vector<std::uint8_t> before;
  engine.state().serialize(before);
  State replica(engine.state().capacity);
  CHECK(replica.restore(before.data(), before.size()));
  const std::uint8_t* at = engine.writer().reserve(0);
  const std::uint64_t begin = engine.writer().point().position;
  step();
  for (std::uint64_t done = begin; done < engine.writer().point().position;) {
    const auto& header = *reinterpret_cast<const RecordHeader*>(at);
    CHECK(replica.apply(header, at));
    done += header.length;
    at += header.length;
  }
  CHECK_EQUAL(replica.hash(), engine.state().hash());
  std::vector<std::uint8_t> after;
  engine.state().serialize(after);
  State restored(engine.state().capacity);
  CHECK(restored.restore(after.data(), after.size()));
  CHECK_EQUAL(restored.hash(), engine.state().hash());
}

}  // namespace

TEST(a_turn_s_messages_and_numbers_are_one_group_and_replay_to_the_same_state) {
  Fix fix;
  const Sequence before = fix.engine.writer().point().sequence;
  check_replayed(fix.engine, [&] {
    Turn turn;
    turn.send(fix.session, 1, message_text(1, 1, 1)).take(fix.session, 3);
    turn.send(fix.session, 2, message_text(1, 2, 1, 20'000));
    FixFault fault;
    const Sequence last = turn.journal(fix.engine, fault);
    CHECK_EQUAL(last, before + 1 + 1 + 6);
  });
  CHECK_EQUAL(fix.now().next_outgoing, 3U);
  CHECK_EQUAL(fix.now().next_incoming, 3U);
  CHECK_EQUAL(fix.now().created_ns, 7);
}

TEST(only_the_last_record_of_a_turn_ends_its_group) {
  Fix fix;
  const std::uint8_t* at = fix.engine.writer().reserve(0);
  Turn turn;
  FixFault fault;
  CHECK(turn.send(fix.session, 1, message_text(1, 1, 1, 9'000))
            .send(fix.session, 2, message_text(1, 2, 1))
            .take(fix.session, 2)
            .journal(fix.engine, fault) != 0);
  for (int record = 0; record < 5; ++record) {
    const auto& header = *reinterpret_cast<const RecordHeader*>(at);
    CHECK_EQUAL(int{header.flags}, record == 4 ? int{kGroupLast} : 0);
    at += header.length;
  }
}

TEST(what_may_not_be_is_refused_by_name_and_nothing_of_its_turn_is_written) {
  Fix fix;
  fix.send(4);
  Turn good;
  FixFault fault;
  CHECK(good.take(fix.session, 6).journal(fix.engine, fault) != 0);
  const FixSessionId me = fix.session;
  const auto text = [](std::uint64_t number) { return message_text(1, number, 1); };
  using R = FixNumbersReason;
  const struct {
    const char* what;
    Turn turn;
    Refusal code;
    std::size_t place;
  } cases[] = {
      {"an unknown session", std::move(Turn().send(9, 1, text(1))), Refusal::kNotFound, 0},
      {"a number again", std::move(Turn().send(me, 4, text(4))), Refusal::kRange, 0},
      {"a number too far", std::move(Turn().send(me, 6, text(6))), Refusal::kRange, 0},
      {"twice in one turn", std::move(Turn().send(me, 5, text(5)).send(me, 5, text(5))),
       Refusal::kRange, 1},
      {"no bytes", std::move(Turn().send(me, 5, "")), Refusal::kRange, 0},
      {"too many bytes", std::move(Turn().send(me, 5, std::string(65'537, 'x'))), Refusal::kRange,
       0},
      {"incoming not above", std::move(Turn().take(me, 6)), Refusal::kRange, 0},
      {"incoming below", std::move(Turn().send(me, 5, text(5)).take(me, 5)), Refusal::kRange, 1},
      {"operator lowers outgoing", std::move(Turn().set(me, R::kOperator, 4, 9)), Refusal::kRange,
       0},
      {"operator lowers incoming", std::move(Turn().set(me, R::kOperator, 9, 5)), Refusal::kRange,
       0},
      {"reset to nothing", std::move(Turn().set(me, R::kReset, 0, 1)), Refusal::kRange, 0},
      {"a reset before 1970", std::move(Turn().set(me, R::kReset, 1, 1, -1)), Refusal::kRange, 0},
      {"a Logon's password",
       std::move(Turn().send(me, 5,
                             "35=A\x01"
                             "554=hidden\x01",
                             false)),
       Refusal::kNotPermitted, 0},
      {"a new password",
       std::move(Turn().send(me, 5,
                             "35=BE\x01"
                             "925=hidden\x01")),
       Refusal::kNotPermitted, 0},
      {"a Logon's raw data",
       std::move(Turn().send(me, 5,
                             "35=A\x01"
                             "95=1\x01"
                             "96=x\x01",
                             false)),
       Refusal::kNotPermitted, 0},
  };
  const std::string hash = fix.engine.state().hash();
  const Sequence before = fix.engine.writer().point().sequence;
  for (const auto& each : cases) {
    CHECK_EQUAL(each.turn.journal(fix.engine, fault), 0U);
    if (fault.code != each.code || fault.place != each.place || *fault.rule == 0)
      check::fail(__FILE__, __LINE__, each.what);
  }
  CHECK_EQUAL(fix.engine.writer().point().sequence, before);
  CHECK_EQUAL(fix.engine.state().hash(), hash);
  CHECK(Turn()
            .send(me, 5,
                  "35=B\x01"
                  "96=not a secret\x01")
            .refused(fix.engine) == Refusal::kNone);
}

TEST(a_reset_begins_a_period_and_what_was_sent_before_it_is_not_found_any_more) {
  Fix fix;
  fix.send(3);
  check_replayed(fix.engine, [&] {
    Turn turn;
    FixFault fault;
    CHECK(turn.set(fix.session, FixNumbersReason::kReset, 1, 1, 99)
              .send(fix.session, 1, message_text(1, 1, 2))
              .take(fix.session, 2)
              .journal(fix.engine, fault) != 0);
  });
  CHECK_EQUAL(fix.now().created_ns, 99);
  const auto found = fix.read(1, 100);
  CHECK_EQUAL(found.size(), 1U);
  CHECK_EQUAL(text_of(found.front()), message_text(1, 1, 2));
}

TEST(an_operator_raises_numbers_and_the_gap_has_no_messages) {
  Fix fix;
  fix.send(3);
  Turn turn;
  FixFault fault;
  CHECK(turn.set(fix.session, FixNumbersReason::kOperator, 1000, 50).journal(fix.engine, fault));
  fix.send(2);
  const auto found = fix.read(1, 5000);
  CHECK_EQUAL(found.size(), 5U);
  CHECK_EQUAL(found[2].number, 3U);
  CHECK_EQUAL(found[3].number, 1000U);
  CHECK_EQUAL(found[3].sent_ns, 2000);
  CHECK(found[3].is_application);
}

TEST(any_range_of_many_messages_comes_back_in_order_and_byte_for_byte) {
  Fix fix;
  fix.send(1500);
  const struct {
    std::uint64_t first, last, begin, count;
  } ranges[] = {{1, 1500, 1, 1500}, {1, 1, 1, 1},         {256, 256, 256, 1},
                {255, 257, 255, 3}, {700, 800, 700, 101}, {1500, 9999, 1500, 1},
                {1501, 9999, 0, 0}, {512, 1024, 512, 513}};
  for (const auto& range : ranges) {
    const auto found = fix.read(range.first, range.last);
    CHECK_EQUAL(found.size(), range.count);
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK_EQUAL(found[i].number, range.begin + i);
      CHECK_EQUAL(text_of(found[i]), message_text(1, range.begin + i, 1));
    }
  }
}

TEST(messages_of_every_length_around_a_record_s_end_come_back_whole) {
  Fix fix;
  std::vector<std::string> sent;
  for (const std::size_t size : {64UL, 127UL, 3967UL, 3968UL, 3969UL, 7936UL, 7937UL, 65'536UL}) {
    const std::uint64_t number = fix.now().next_outgoing;
    sent.push_back(message_text(1, number, 1, size));
    check_replayed(fix.engine, [&] {
      CHECK(Turn().send(fix.session, number, sent.back()).refused(fix.engine) == Refusal::kNone);
    });
  }
  const auto found = fix.read(1, 100);
  CHECK_EQUAL(found.size(), sent.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(text_of(found[i]) == sent[i]);
}

TEST(what_left_the_ring_is_read_from_the_segments_and_deleted_ones_are_missing) {
  Directory directory;
  RuntimeOptions wanted = stored_options(directory);
  wanted.journal.segment_bytes = 1 << 17;
  Fix fix(wanted);
  const std::string segments = wanted.journal.directory;
  for (int i = 0; i < 20; ++i) {  // 2 MiB through a ring of 256 KiB
    fix.send(50, 2000);
    CHECK(is_stored(fix.world));
  }
  const auto all = fix.read(1, 5000, segments);
  CHECK_EQUAL(all.size(), 1000U);
  for (std::size_t i = 0; i < all.size(); ++i)
    CHECK(text_of(all[i]) == message_text(1, i + 1, 1, 2000));
  CHECK(fix.read(1, 5000).size() < 200);  // the ring alone
  std::filesystem::remove(directory.path / "journal" / journal::segment_name(1));
  std::filesystem::remove(directory.path / "journal" / journal::segment_name(2));
  const auto kept = fix.read(1, 5000, segments);
  CHECK(!kept.empty() && kept.size() < 1000 && kept.back().number == 1000);
  CHECK_EQUAL(kept.front().number, 1001 - kept.size());
  CHECK(fix.read(1, kept.front().number - 1, segments).empty());
}

TEST(sessions_do_not_read_each_other_s_messages) {
  Fix fix;
  const FixSessionId other = define_session(fix.engine, "FIX.4.4:US->OTHERS");
  for (std::uint64_t number = 1; number <= 300; ++number) {
    Turn turn;
    turn.send(fix.session, number, message_text(1, number, 1));
    turn.send(other, number, message_text(other, number, 1));
    CHECK(turn.refused(fix.engine) == Refusal::kNone);
  }
  const auto found = fix.read(1, 300);
  CHECK_EQUAL(found.size(), 300U);
  for (const auto& each : found) CHECK_EQUAL(text_of(each), message_text(1, each.number, 1));
}

TEST(fix_bytes_leave_a_quarter_of_the_ring_to_facts_and_numbers_alone_go_on_as_cancels_do) {
  Directory directory;
  HeldStorage storage;
  Fix fix(stored_options(directory, &storage));
  CHECK(is_stored(fix.world));
  storage.hold();
  fix.engine.roll_period();
  CHECK(comes_true([&] { return storage.is_waited_for(); }));
  auto& writer = fix.engine.writer();
  FixFault fault;
  for (std::uint64_t number = 1; fault.code == Refusal::kNone; ++number)
    (void)Turn()
        .send(fix.session, number, message_text(1, number, 1, 3000))
        .journal(fix.engine, fault);
  CHECK(fault.code == Refusal::kJournalBehind);
  CHECK(writer.used_bytes() <= writer.capacity_bytes() / 4 * 3);
  CHECK(writer.used_bytes() > writer.capacity_bytes() / 4 * 3 - 8192);
  const std::uint64_t outgoing = fix.now().next_outgoing;
  fault = {};
  for (std::uint64_t number = 2; fault.code == Refusal::kNone; ++number)
    (void)Turn().take(fix.session, number).journal(fix.engine, fault);
  CHECK(fault.code == Refusal::kJournalBehind);
  CHECK(writer.used_bytes() > writer.capacity_bytes() / 20 * 18);
  CHECK(writer.used_bytes() <= writer.capacity_bytes() / 20 * 19);
  CHECK_EQUAL(fix.now().next_outgoing, outgoing);
  storage.release();
  CHECK(is_stored(fix.world));
  CHECK(Turn().send(fix.session, outgoing, "x").refused(fix.engine) == Refusal::kNone);
}

TEST(names_are_checked_and_a_session_is_defined_once) {
  CHECK(FixSessions::is_name(kName));
  CHECK(FixSessions::is_name("FIXT.1.1:A->B:NIGHT"));
  for (const char* name : {"", "FIX.4.4", ":A->B", "FIX.4.4:->B", "FIX.4.4:A->", "A->B:FIX.4.4",
                           "FIX.4.4:A\x01->B", "FIX.4.4:A>B"}) {
    CHECK(!FixSessions::is_name(name));
  }
  CHECK(!FixSessions::is_name("FIX.4.4:" + std::string(60, 'A') + "->" + std::string(60, 'B')));
  FixSessions sessions;
  FixSessionDefined defined{};
  defined.id = defined.version = 1;
  defined.name.assign(kName);
  const RecordHeader header{};
  CHECK(sessions.apply(header, defined));
  defined.id = 2;
  CHECK(!sessions.apply(header, defined));  // the name is taken
  defined.id = 3;
  defined.name.assign("FIX.4.4:A->B");
  CHECK(!sessions.apply(header, defined));  // not the next id
}

TEST(a_damaged_row_is_no_state) {
  Fix fix;
  fix.send(2);
  std::vector<std::uint8_t> bytes;
  fix.engine.state().fix.serialize(bytes);
  CHECK(FixSessions().restore(bytes));
  CHECK(FixSessions().restore({}));
  CHECK(!FixSessions().restore(std::span(bytes).first(bytes.size() - 1)));
  for (const std::size_t offset : {0UL, 8UL, 12UL, 24UL, 136UL, 144UL, 160UL, 168UL, 184UL}) {
    auto bad = bytes;
    std::memset(bad.data() + offset, 0xFF, 8);
    CHECK(!FixSessions().restore(bad));
  }
}
