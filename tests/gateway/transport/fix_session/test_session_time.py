"""When a session may be up, and what its numbers do at the turn of the session time: time is an
argument here, and days pass in a call."""

import pytest

from gateway.transport.fix_session import (
    FixMessage,
    FixSession,
    MemoryStore,
    NotLoggedOn,
    QuietApplication,
    Schedule,
    SessionIdentity,
    SessionSettings,
    SessionState,
    format_time,
    parse_time,
)

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
WORKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
OFFICE = Schedule(start_time="08:00", end_time="17:00", days=WORKDAYS, time_zone="Europe/London")
FRIDAY_NIGHT = Schedule(start_time="20:00", end_time="06:00", days=("friday",))
SMALL_HOURS = Schedule(start_time="01:30", end_time="05:00", time_zone="Europe/London")
AROUND_THE_CLOCK = Schedule(start_time="22:00", end_time="22:00", time_zone="America/New_York")


def at(text: str) -> int:
    time_ns = parse_time(text.encode())
    assert time_ns is not None
    return time_ns


@pytest.mark.parametrize(
    ("schedule", "time", "is_open", "start"),
    [
        # London is an hour ahead of UTC from 2026-03-29 to 2026-10-25.
        (OFFICE, "20260327-07:59:59", False, "20260326-08:00:00"),
        (OFFICE, "20260327-08:00:00", True, "20260327-08:00:00"),
        (OFFICE, "20260327-16:59:59", True, "20260327-08:00:00"),
        (OFFICE, "20260327-17:00:00", False, "20260327-08:00:00"),
        (OFFICE, "20260328-10:00:00", False, "20260327-08:00:00"),  # Saturday
        (OFFICE, "20260329-10:00:00", False, "20260327-08:00:00"),
        (OFFICE, "20260330-06:59:59", False, "20260327-08:00:00"),
        (OFFICE, "20260330-07:00:00", True, "20260330-07:00:00"),
        (OFFICE, "20261026-07:59:59", False, "20261023-07:00:00"),
        (OFFICE, "20261026-08:00:00", True, "20261026-08:00:00"),
        # New York: 22:00 is 03:00 UTC in winter and 02:00 in summer.
        (AROUND_THE_CLOCK, "20260308-02:59:59", True, "20260307-03:00:00"),
        (AROUND_THE_CLOCK, "20260309-01:59:59", True, "20260308-03:00:00"),
        (AROUND_THE_CLOCK, "20260309-02:00:00", True, "20260309-02:00:00"),
        # Overnight on workdays: Friday's ends on Saturday.
        (FRIDAY_NIGHT, "20260328-05:59:59", True,
         "20260327-20:00:00"),
        (FRIDAY_NIGHT, "20260328-20:00:00", False,
         "20260327-20:00:00"),
        # A start that the clocks leave out comes an hour later, one that comes twice is the first.
        (SMALL_HOURS, "20260329-01:29:59", False,
         "20260328-01:30:00"),
        (SMALL_HOURS, "20260329-01:30:00", True,
         "20260329-01:30:00"),
        (SMALL_HOURS, "20261025-00:30:00", True,
         "20261025-00:30:00"),
        (SMALL_HOURS, "20261025-01:30:00", True,
         "20261025-00:30:00"),
    ],
)  # fmt: skip
def test_the_session_time_follows_days_and_clock_changes(
    schedule: Schedule, time: str, is_open: bool, start: str
) -> None:
    assert schedule.is_open(at(time)) is is_open
    assert format_time(schedule.period_start_ns(at(time)), 0).decode() == start


@pytest.mark.parametrize(
    "given",
    [
        {"days": ("monday",)},
        {"start_time": "08:00", "end_time": "17:00", "days": ("mon",)},
        {"start_time": "08:00", "end_time": "17:00", "days": ("monday",),
         "start_day": "sunday", "end_day": "friday"},
        {"start_time": "08:00"},
        {"start_time": "08:00", "end_time": "17:00", "start_day": "sunday"},
    ],
)  # fmt: skip
def test_a_schedule_that_says_two_things_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"schedule|day"):
        Schedule(**given)  # type: ignore[arg-type]


class Desk:
    """An acceptor, its store, and the peer as bytes."""

    def __init__(self, now: str, schedule: Schedule, **more: object) -> None:
        self.now_ns = at(now)
        self.store = MemoryStore(self.now_ns)
        self.settings = SessionSettings(
            identity=SessionIdentity("FIX.4.4", "US", "PEER"),
            schedule=schedule,
            **more,  # type: ignore[arg-type]
        )
        self.session = FixSession(self.settings, self.store, QuietApplication())

    def peer(self, kind: str, number: int, *fields: tuple[int, bytes]) -> None:
        head = [(8, b"FIX.4.4"), (9, b"0"), (35, kind.encode()), (34, b"%d" % number)]
        names = [(49, b"PEER"), (52, format_time(self.now_ns)), (56, b"US")]
        message = FixMessage([*head, *names, *fields, (10, b"000")])
        self.session.received(message, self.now_ns)

    def logon(self, number: int, heartbeat: int = 0) -> None:
        self.session.connected(self.now_ns)
        self.peer("A", number, (98, b"0"), (108, b"%d" % heartbeat))

    def said(self) -> list[tuple[str, int, str]]:
        """(35, 34, 148 or 58 or 36) of what goes out now."""
        found = []
        while self.session.has_output:
            for data in self.session.take_output():
                fields = dict(each.split(b"=", 1) for each in data.split(b"\x01") if each)
                more = fields.get(b"148") or fields.get(b"58") or fields.get(b"36") or b""
                found.append((fields[b"35"].decode(), int(fields[b"34"]), more.decode()))
        return found

    def news(self, headline: str) -> int:
        return self.session.send(
            b"B", [(148, headline.encode()), (33, b"1"), (58, b"x")], self.now_ns,
            is_kept_when_down=True,
        )  # fmt: skip

    def cut(self) -> None:
        self.session.disconnected(self.now_ns, "test")

    def at(self, time: str) -> None:
        self.now_ns = at(time)
        self.session.tick(self.now_ns)


def headlines(desk: Desk) -> list[tuple[int, bytes]]:
    """What a resend could give, by its number."""
    kept = desk.store.range(1, desk.store.next_outgoing)
    found = [(number, data.split(b"\x01148=")) for number, data in kept]
    return [(number, parts[1].split(b"\x01")[0]) for number, parts in found if len(parts) > 1]


def test_the_end_of_the_session_time_logs_out_and_the_next_start_begins_with_one() -> None:
    desk = Desk("20260327-16:00:00", OFFICE)
    desk.logon(1)
    assert desk.said() == [("A", 1, "")]
    assert desk.session.next_tick_ns() == at("20260327-17:00:00")
    desk.at("20260327-17:00:00")
    assert desk.said() == [("5", 2, "End of the session time")]
    desk.peer("5", 2)
    assert desk.session.close_reason == "logged out"
    desk.cut()
    desk.now_ns = at("20260330-06:59:00")
    desk.logon(3)
    assert desk.said() == [("5", 3, "Outside of the session time")]
    desk.cut()
    desk.now_ns = at("20260330-07:00:00")
    desk.logon(1)
    assert desk.said() == [("A", 1, "")]
    assert (desk.store.next_outgoing, desk.store.next_expected) == (2, 2)


def test_numbers_go_on_over_the_start_where_they_are_not_reset() -> None:
    desk = Desk("20260327-16:00:00", OFFICE, is_reset_at_start=False)
    desk.logon(1)
    desk.at("20260327-17:00:00")
    desk.peer("5", 2)
    desk.cut()
    desk.now_ns = at("20260327-20:00:00")
    assert desk.news("by night") == 3
    desk.now_ns = at("20260330-07:00:00")
    assert desk.news("before the logon") == 4
    desk.said()
    desk.logon(3)
    assert desk.said() == [("A", 5, "")]
    assert headlines(desk) == [(3, b"by night"), (4, b"before the logon")]


def test_what_is_said_between_the_start_and_the_logon_is_of_the_new_period() -> None:
    """A reset at the Logon would wipe it before anybody has it."""
    desk = Desk("20260327-16:00:00", OFFICE)
    desk.logon(1)
    desk.at("20260327-17:00:00")
    desk.peer("5", 2)
    desk.cut()
    desk.now_ns = at("20260327-20:00:00")
    assert desk.news("by night") == 3
    desk.now_ns = at("20260330-07:00:01")
    assert desk.news("first") == 1
    assert desk.news("second") == 2
    desk.logon(1)
    assert desk.said() == [("A", 3, "")]
    desk.peer("2", 2, (7, b"1"), (16, b"0"))
    assert desk.said() == [("B", 1, "first"), ("B", 2, "second"), ("4", 3, "4")]
    assert headlines(desk) == [(1, b"first"), (2, b"second")]


def test_around_the_clock_a_message_behind_the_turn_is_the_new_periods_first() -> None:
    """The Logout is not answered yet: the line ends, for its numbers are over."""
    desk = Desk("20260310-01:00:00", AROUND_THE_CLOCK)
    desk.logon(1)
    desk.said()
    desk.at("20260310-02:00:00")
    assert desk.session.state is SessionState.LOGGING_OUT
    assert desk.news("behind the turn") == 1
    assert desk.said() == [("5", 2, "End of the session time")]
    assert desk.session.close_reason == "the session time is over"
    desk.peer("0", 2)
    assert (desk.store.next_outgoing, desk.store.next_expected) == (2, 1)
    desk.cut()
    desk.logon(1)
    assert desk.said() == [("A", 2, "")]
    assert headlines(desk) == [(1, b"behind the turn")]


def test_a_message_that_is_earlier_than_the_tick_of_the_end_waits_for_the_logout() -> None:
    desk = Desk("20260310-01:00:00", AROUND_THE_CLOCK)
    desk.logon(1)
    desk.said()
    desk.now_ns = at("20260310-02:00:00")
    assert desk.news("behind the turn") == 1
    assert desk.said() == [("5", 2, "End of the session time")]
    with pytest.raises(NotLoggedOn):
        desk.session.send(b"B", [(148, b"x")], desk.now_ns)
    assert desk.store.next_outgoing == 2


class Answering(QuietApplication):
    """Answers each message at once, as an order is acknowledged."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def on_message(self, session: FixSession, message: FixMessage, now_ns: int) -> None:
        self.taken.append(message.get(148) or b"")
        session.send(
            b"B", [(148, b"re"), (33, b"1"), (58, b"x")], now_ns, is_kept_when_down=True
        )  # fmt: skip


@pytest.mark.parametrize("is_ticked", [True, False])
def test_a_message_that_crosses_the_end_is_answered_in_the_new_period(is_ticked: bool) -> None:
    """Its number was one of the old period: the new one expects 1."""
    desk = Desk("20260310-01:00:00", AROUND_THE_CLOCK, has_last_processed=True)
    application = Answering()
    desk.session = FixSession(desk.settings, desk.store, application)
    desk.logon(1)
    desk.said()
    desk.now_ns = at("20260310-02:00:00")
    if is_ticked:
        desk.session.tick(desk.now_ns)
    desk.peer("B", 2, (148, b"crossed"), (33, b"1"), (58, b"x"))
    assert application.taken == [b"crossed"]
    assert desk.said() == [("5", 2, "End of the session time")]
    assert desk.session.close_reason == "the session time is over"
    assert (desk.store.next_outgoing, desk.store.next_expected) == (2, 1)
    assert headlines(desk) == [(1, b"re")]
    ((_, kept),) = desk.store.range(1, 1)
    assert b"\x01369=0\x01" in kept  # nothing of the new period is processed
    desk.cut()
    desk.logon(1)
    assert desk.said() == [("A", 2, "")]
    assert desk.session.is_logged_on


@pytest.mark.parametrize("is_told_before", [True, False])
def test_a_line_that_is_up_before_the_start_says_logon_in_the_new_period(
    is_told_before: bool,
) -> None:
    desk = Desk("20260327-16:00:00", OFFICE)
    desk.logon(1)
    desk.at("20260327-17:00:00")
    desk.peer("5", 2)
    desk.said()
    desk.cut()
    desk.now_ns = at("20260330-06:59:59")
    desk.session.connected(desk.now_ns)
    desk.now_ns = at("20260330-07:00:00")
    if is_told_before:
        assert desk.news("first") == 1
    desk.peer("A", 1, (98, b"0"), (108, b"0"))
    assert desk.said() == [("A", 2 if is_told_before else 1, "")]
    assert desk.session.next_tick_ns() == at("20260330-16:00:00")
    desk.at("20260330-07:00:01")
    assert (desk.said(), desk.session.state) == ([], SessionState.ACTIVE)


def test_an_initiator_that_said_logon_before_the_start_says_it_again_behind_it() -> None:
    desk = Desk("20260327-16:00:00", OFFICE, is_initiator=True)
    desk.now_ns = at("20260330-06:59:59")
    desk.session.connected(desk.now_ns)
    assert desk.said() == [("A", 1, "")]
    desk.now_ns = at("20260330-07:00:00")
    desk.peer("A", 1, (98, b"0"), (108, b"30"))
    assert desk.session.close_reason == "the session time is over"
    desk.cut()
    desk.session.connected(desk.now_ns)
    desk.peer("A", 1, (98, b"0"), (108, b"30"))
    assert desk.said() == [("A", 1, "")]
    assert desk.session.is_logged_on


def test_a_session_without_a_schedule_never_turns() -> None:
    desk = Desk("20260310-01:00:00", Schedule())
    desk.logon(1)
    desk.said()
    desk.now_ns += 1_000 * DAY_NS
    assert desk.news("years later") == 2
    assert desk.session.next_tick_ns() is None
