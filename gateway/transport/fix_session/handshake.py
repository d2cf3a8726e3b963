"""Judges a Logon: who may come in, from which number on, and what begins anew. Pure.

Must never store, send or read a clock. Numbers are judged last: who may not come in does not learn
ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.transport.fix_session.checks import (
    check_header,
    check_logon_numbers,
    check_logon_terms,
    too_high,
)
from gateway.transport.fix_session.message import FixMessage, masked, number_of
from gateway.transport.fix_session.settings import SessionSettings
from gateway.transport.fix_session.tags import MessageType, Tag
from gateway.transport.fix_session.validation import validate

__all__ = ["Numbers", "Refused", "Taken", "judge_again", "judge_answer", "judge_request"]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the store says before the Logon."""

    expected: int
    outgoing: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Why, as the text of our Logout; or closed without a word."""

    text: str
    is_told: bool = True
    session_status: int | None = None  # 1409


@dataclass(frozen=True, slots=True)
class Taken:
    """What the session does now."""

    number: int
    wanted: int | None  # 789 when both sides use it
    heartbeat_s: int
    says_reset: bool  # 141 of the Logon
    is_reset: bool  # our numbers begin anew before this Logon counts


_FRESH = Numbers(1, 1)
_NOT_NOW = 7  # 1409: logons are not allowed at this time


def judge_request(
    logon: FixMessage,
    settings: SessionSettings,
    numbers: Numbers,
    now_ns: int,
    ask_application: Callable[[], str | None],
) -> Refused | Taken:
    """Acceptor. Who is not known, or is not whole, learns nothing; nor does he use up a number."""
    fault = _fault(logon, settings, now_ns)
    if fault is not None:
        return Refused(f"first message refused: {fault}: {logon!r}", is_told=False)
    text = ask_application()
    if text == "":
        return Refused("the application refused the Logon", is_told=False)
    text = text or check_logon_terms(logon, settings)
    if text is not None:
        return Refused(text)
    if not settings.schedule.is_open(now_ns):
        return Refused("Outside of the session time", session_status=_NOT_NOW)
    is_reset = settings.is_reset_on_logon or logon.is_set(Tag.RESET_SEQ_NUM_FLAG)
    return _judge_numbers(logon, settings, numbers, is_reset=is_reset)


def judge_answer(
    logon: FixMessage,
    settings: SessionSettings,
    numbers: Numbers,
    now_ns: int,
    *,
    is_reset_ours: bool,
) -> Refused | Taken:
    """Initiator. `is_reset_ours`: our Logon said 141=Y."""
    if logon.message_type == MessageType.LOGOUT and _is_of(settings, logon):
        why = masked([(Tag.TEXT, logon.get(Tag.TEXT) or b"")])
        return Refused(f"refused by the peer: {why}", is_told=False)
    fault = _fault(logon, settings, now_ns)
    if fault is not None:
        return Refused(f"no answer to our Logon: {fault}: {logon!r}", is_told=False)
    text = check_logon_terms(logon, settings, is_reset_ours=is_reset_ours)
    if text is not None:
        return Refused(text)
    is_reset = logon.is_set(Tag.RESET_SEQ_NUM_FLAG) and not is_reset_ours
    return _judge_numbers(logon, settings, numbers, is_reset=is_reset)


def judge_again(
    logon: FixMessage, settings: SessionSettings, *, is_reset_ours: bool
) -> Refused | Taken:
    """While logged on: 141=Y begins anew, or it is the answer to ours, or nothing new. Header,
    dictionary and number were judged as those of any message."""
    text = check_logon_terms(logon, settings, is_reset_ours=is_reset_ours)
    if text is not None:
        return Refused(text)
    is_reset = logon.is_set(Tag.RESET_SEQ_NUM_FLAG) and not is_reset_ours
    return _taken(logon, settings, is_reset=is_reset)


def _fault(logon: FixMessage, settings: SessionSettings, now_ns: int) -> str | None:
    """Why it is no Logon of our peer."""
    fault = check_header(logon, settings, now_ns)
    fault = fault or validate(logon, settings.dictionary_in_force, settings.rules)
    if fault is not None:
        return fault.text
    is_logon = logon.message_type == MessageType.LOGON and _is_of(settings, logon)
    return None if is_logon and logon.number is not None else "no Logon"


def _is_of(settings: SessionSettings, message: FixMessage) -> bool:
    return message.begin_string == settings.identity.begin_string.encode()


def _judge_numbers(
    logon: FixMessage, settings: SessionSettings, numbers: Numbers, *, is_reset: bool
) -> Refused | Taken:
    """A reset that is refused for its numbers leaves ours as they are."""
    taken = _taken(logon, settings, is_reset=is_reset)
    ours = _FRESH if is_reset else numbers
    text = check_logon_numbers(taken.number, taken.wanted, ours.expected, ours.outgoing)
    is_repeated = logon.is_possible_duplicate and taken.wanted is None
    if text is not None and not is_repeated:
        return Refused(text)
    if taken.number > ours.expected and not settings.has_resend:
        return Refused(too_high(taken.number, ours.expected))
    return taken


def _taken(logon: FixMessage, settings: SessionSettings, *, is_reset: bool) -> Taken:
    wanted = logon.get(Tag.NEXT_EXPECTED_MSG_SEQ_NUM) if settings.has_next_expected else None
    return Taken(
        number=logon.number or 0,
        wanted=number_of(wanted),
        heartbeat_s=number_of(logon.get(Tag.HEART_BT_INT)) or 0,
        says_reset=logon.is_set(Tag.RESET_SEQ_NUM_FLAG),
        is_reset=is_reset,
    )
