"""Messages that a hostile or broken peer may write: the session answers or leaves, it never breaks,
and it never answers a Reject nor says anything before a Logon."""

import random
import time

import pytest
from fix_conversation import PEER, US, VERSIONS, expanded, peer_bytes

from gateway._core.fix import FixFramer
from gateway.testing.fix_echo import EchoApplication
from gateway.transport.fix_session import (
    FixMessage,
    FixSession,
    MemoryStore,
    SessionIdentity,
    SessionSettings,
    SessionState,
)

KINDS = ("0", "1", "2", "3", "4", "5", "A", "D", "d", "B", "8", "j", "*", "", "AE", "V")
TAG_WORDS = """
    0 -1 7 8 11 16 34 35 36 38 43 45 49 52 54 55 56 58 60 73 78 79 80 89 93 95 96 97 98 108 112 115
    122 123 141 146 267 268 269 369 386 447 448 453 627 628 789 802 1137 5000 99999 2147483648
"""
VALUE_WORDS = """
    0 1 2 -1 Y N 999999999999999999 3.5 +1 1e9 @0 @-500 @500 20261121 x TW ISLD ZZZ
"""
TAGS = TAG_WORDS.split()
VALUES = ["", " ", "\u00e9", "9" * 30, *VALUE_WORDS.split()]
MESSAGES = 600


class Feeder:
    """One session and what a peer with some knowledge of the numbers feeds to it."""

    def __init__(self, version: str, seed: int) -> None:
        self.version, self.random = version, random.Random(seed)
        identity = SessionIdentity(VERSIONS[version], US, PEER)
        settings = SessionSettings(identity=identity, queued_max=20)
        self.now_ns = time.time_ns()
        self.session = FixSession(settings, MemoryStore(self.now_ns), EchoApplication())

    def feed(self, data: bytes) -> list[FixMessage]:
        """What was answered."""
        framer = FixFramer()
        framer.feed(data)
        while (frame := framer.next()) is not None:
            if frame.fault:
                self.session.garbled(frame.fault, self.now_ns)
            else:
                message = FixMessage.of_frame(frame)
                self.session.received(message, self.now_ns)
        answers: list[FixMessage] = []
        while self.session.has_output:
            for each in self.session.take_output():
                framer.feed(each)
                ours = framer.next()
                assert ours is not None and not ours.fault, each
                answers.append(FixMessage(ours.fields()))
        return answers

    def log_on(self) -> None:
        if self.session.close_reason is not None:
            self.session.disconnected(self.now_ns, self.session.close_reason)
        if self.session.state is SessionState.DISCONNECTED:
            self.session.connected(self.now_ns)
            number = self.session.store.next_expected
            logon = expanded("{logon 30}", self.version)
            self.feed(peer_bytes(f"35=A|34={number}|{logon}", self.version, self.now_ns))

    def any_message(self) -> tuple[str, bytes]:
        kind = self.random.choice(KINDS)
        expected = self.session.store.next_expected
        number = self.random.choice((expected, expected, expected, expected + 2, 1, 0, "x", 10**17))
        fields = [f"{self.random.choice(TAGS)}={self.random.choice(VALUES)}"
                  for _ in range(self.random.randrange(8))]  # fmt: skip
        text = "|".join([f"35={kind}", f"34={number}", *fields])
        return kind, peer_bytes(text, self.version, self.now_ns)


@pytest.mark.parametrize("version", VERSIONS)
def test_whatever_comes_is_answered_or_left(version: str) -> None:
    feeder = Feeder(version, seed=7)
    answered = 0
    for _ in range(MESSAGES):
        feeder.log_on()
        before = feeder.session.store.next_expected
        kind, data = feeder.any_message()
        answers = feeder.feed(data)
        if kind == "3":
            assert b"3" not in {each.message_type for each in answers if each.get(45) is not None}
        is_reset = feeder.session.store.next_outgoing <= 3
        assert feeder.session.store.next_expected >= before or is_reset
        answered += len(answers)
        feeder.now_ns += 1_000_000
    assert answered > MESSAGES // 4


@pytest.mark.parametrize("version", VERSIONS)
def test_before_a_logon_nothing_is_said_but_a_logout(version: str) -> None:
    feeder = Feeder(version, seed=11)
    for _ in range(MESSAGES // 3):
        if feeder.session.state is not SessionState.DISCONNECTED:
            feeder.session.disconnected(feeder.now_ns, "again")
        feeder.session.connected(feeder.now_ns)
        kind, data = feeder.any_message()
        answers = feeder.feed(data)
        if kind != "A":
            assert answers == [] and feeder.session.close_reason is not None
        assert {each.message_type for each in answers} <= {b"A", b"5", b"2"}
