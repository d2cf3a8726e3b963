"""What a Logon is allowed, judged without a session, a store or a line."""

from typing import Any

import pytest

from gateway.transport.fix_session import (
    FixMessage,
    Schedule,
    SessionIdentity,
    SessionSettings,
    format_time,
)
from gateway.transport.fix_session.handshake import (
    Numbers,
    Refused,
    Taken,
    judge_again,
    judge_answer,
    judge_request,
)

NOW_NS = 1_800_000_000_000_000_000
NUMBERS = Numbers(expected=7, outgoing=9)


def settings(**given: Any) -> SessionSettings:
    return SessionSettings(identity=SessionIdentity("FIX.4.4", "US", "THEM"), **given)


def logon(number: int, *more: tuple[int, bytes], sender: bytes = b"THEM") -> FixMessage:
    head = [(8, b"FIX.4.4"), (9, b"70"), (35, b"A"), (34, b"%d" % number), (49, sender)]
    head += [(52, format_time(NOW_NS, 3)), (56, b"US")]
    return FixMessage([*head, (98, b"0"), (108, b"30"), *more, (10, b"000")])


def asked(message: FixMessage, given: SessionSettings, answer: str | None = None) -> object:
    return judge_request(message, given, NUMBERS, NOW_NS, lambda: answer)


def test_a_good_logon_is_taken_with_what_it_says() -> None:
    assert asked(logon(7), settings()) == Taken(7, None, 30, says_reset=False, is_reset=False)
    wanted = logon(8, (789, b"4"))
    verdict = asked(wanted, settings(has_next_expected=True))
    assert verdict == Taken(8, 4, 30, says_reset=False, is_reset=False)


def test_a_stranger_is_told_nothing_and_the_application_is_not_asked() -> None:
    def fail() -> str | None:
        raise AssertionError("asked about a stranger")

    verdict = judge_request(logon(7, sender=b"WHO"), settings(), NUMBERS, NOW_NS, fail)
    assert isinstance(verdict, Refused) and not verdict.is_told


def test_who_has_no_password_does_not_learn_our_number() -> None:
    assert asked(logon(3), settings(), "Logon refused") == Refused("Logon refused")
    too_low = Refused("MsgSeqNum too low, expecting 7 but received 3")
    assert asked(logon(3), settings()) == too_low


def test_who_is_not_known_to_the_application_is_closed_without_a_word() -> None:
    for bad in (logon(7), logon(7, (141, b"Y")), logon(3)):
        verdict = asked(bad, settings(is_reset_accepted=False), "")
        assert isinstance(verdict, Refused) and not verdict.is_told


def test_outside_of_its_time_a_session_takes_nobody() -> None:
    closed = settings(schedule=Schedule("09:00:00", "10:00:00"))  # It is 08:00.
    assert asked(logon(7), closed) == Refused("Outside of the session time", session_status=7)


@pytest.mark.parametrize("is_by_flag", [True, False])
def test_a_reset_is_judged_against_fresh_numbers(*, is_by_flag: bool) -> None:
    flag = [(141, b"Y")] if is_by_flag else []
    given = settings(is_reset_on_logon=not is_by_flag)
    verdict = asked(logon(1, *flag), given)
    assert verdict == Taken(1, None, 30, says_reset=is_by_flag, is_reset=True)


def test_the_answer_to_our_own_reset_resets_nothing_more() -> None:
    answer = logon(1, (141, b"Y"))
    for is_ours in (True, False):
        ours = Numbers(expected=1, outgoing=2)
        verdict = judge_answer(answer, settings(), ours, NOW_NS, is_reset_ours=is_ours)
        assert isinstance(verdict, Taken) and verdict.is_reset != is_ours
        again = judge_again(answer, settings(), is_reset_ours=is_ours)
        assert isinstance(again, Taken) and again.is_reset != is_ours


def test_a_refusal_of_the_peer_is_not_answered() -> None:
    logout = FixMessage([(8, b"FIX.4.4"), (35, b"5"), (58, b"go away")])
    verdict = judge_answer(logout, settings(), NUMBERS, NOW_NS, is_reset_ours=False)
    assert isinstance(verdict, Refused) and not verdict.is_told and "go away" in verdict.text
