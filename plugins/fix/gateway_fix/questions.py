"""Questions over the session: H, AF, AN, x. Each has a name of its own and ends in an answer, a
refusal or its time. Must never take silence for an answer where the dialect says which is the
last."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress

from gateway.api import VenueProtocolError, VenueRejected, VenueUnavailable
from gateway.transport import Budget
from gateway.transport.fix_session import Field, FixMessage, format_time
from gateway_fix import requests
from gateway_fix.dialect import Dialect
from gateway_fix.known_orders import KnownOrder
from gateway_fix.link import FixLink

__all__ = ["Questions"]

_SILENCE_S = 0.3
# Which field of an answer names its question.
_KEYS = {b"8": (790, 584), b"AP": (710,), b"AO": (710,), b"y": (320,), b"r": (11,)}


class _Question:
    def __init__(self, is_last: Callable[[list[FixMessage]], bool], wire_id: str = "") -> None:
        self.answers: list[FixMessage] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.more = asyncio.Event()
        self.is_last, self.wire_id, self.number = is_last, wire_id, 0
        self.is_over = asyncio.Event()

    def take(self, message: FixMessage) -> None:
        self.answers.append(message)
        self.more.set()
        if self.is_last(self.answers) and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        self.more.set()
        if not self.done.done():
            self.done.set_exception(error)


class Questions:
    """`is_up` of the link is asked first: without a line nothing is asked."""

    def __init__(
        self,
        link: FixLink,
        dialect: Dialect,
        terms: requests.Terms,
        *,
        budget: Budget,
        account: str,
        timeout_ms: int,
        now_ns: Callable[[], int],
    ) -> None:
        self._link, self._dialect, self._terms = link, dialect, terms
        self._budget = budget
        self._account, self._timeout_s, self._now_ns = account, timeout_ms / 1_000, now_ns
        self._open: dict[str, _Question] = {}
        self._serials = itertools.count(now_ns() // 1_000_000)

    # What is asked.

    async def order_status(self, known: KnownOrder, wire_id: str) -> FixMessage:
        """How the venue sees one order. Raises VenueError."""
        key = self._name()
        if self._dialect.order_status == "AF":
            fields = {584: key, 585: "7", 9014: "1", 55: known.symbol}
            fields[584] = wire_id  # by ClOrdID: the name of the question is the order's
            return (await self._ask(b"AF", requests.body(fields), wire_id, _first, wire_id))[0]
        if not self._dialect.order_status:
            raise VenueUnavailable(f"{self._dialect.name} answers no questions about orders")
        body = requests.order_status(known, wire_id, key, self._dialect, self._terms)
        return (await self._ask(b"H", body, key, _first, wire_id))[0]

    async def mass_status(self) -> list[FixMessage]:
        """Every open order of the account."""
        key = self._name()
        fields = {584: key, 585: "7"}
        if self._dialect.has_account:
            fields[1] = self._account
        is_last = _is_last_report if self._dialect.mass_status_end == "last" else _never
        found = await self._ask(b"AF", requests.body(fields), key, is_last)
        for each in found:
            is_empty = each.get(911) == b"0" or each.get(103) == b"5"
            if each.get(39) == b"8" and each.get(37) in {b"NONE", b"", None} and not is_empty:
                text = (each.get(58) or b"").decode("ascii", "replace")
                raise VenueUnavailable(f"AF was refused: {text}"[:120])
        return [each for each in found if each.get(39) != b"8"]

    async def positions(self) -> list[FixMessage]:
        """Every position of the account."""
        key, now = self._name(), format_time(self._now_ns(), 3).decode()
        fields = {710: key, 724: "0", 1: self._account, 581: "1", 715: now[:8], 60: now}
        found = await self._ask(b"AN", requests.body(fields), key, _is_last_position)
        return [each for each in found if each.message_type == b"AP"]

    async def security_list(self) -> list[FixMessage]:
        """Everything that is listed."""
        key = self._name()
        return await self._ask(b"x", requests.body({320: key, 559: "4"}), key, _is_last_fragment)

    async def mass_cancel(self, wire_id: str, body: list[Field]) -> FixMessage:
        """The venue's word that it took the request."""
        return (await self._ask(b"q", body, wire_id, _first))[0]

    # What is heard.

    def take(self, message: FixMessage) -> bool:
        """Whether it answers a question and is nothing else. A report without the question's name
        may be an answer, but is a report of the stream as well."""
        keys = [message.get(tag) for tag in _KEYS.get(message.message_type, ())]
        named = [key.decode("ascii", "replace") for key in keys if key]
        for key in named:
            if key in self._open:
                self._open[key].take(message)
                return True
        if message.message_type != b"8" or message.get(150) not in {b"I", None}:
            return False
        if named:  # of a question that is over, perhaps said again: it may be old
            return not message.get(1362) and not message.get(527)
        self._overhear(message)
        return False

    def _overhear(self, message: FixMessage) -> None:
        """Venues answer without the question's name, and some tell everything in that manner."""
        found = self._named_in(message)
        if found is None and self._dialect.mass_status_end == "silence":
            found = next((each for each in self._open.values() if each.is_last is _never), None)
        if found is not None:
            found.take(message)

    def _named_in(self, message: FixMessage) -> _Question | None:
        names = {(message.get(tag) or b"").decode("ascii", "replace") for tag in (11, 41)}
        asked = (each for each in self._open.values() if each.wire_id and each.wire_id in names)
        return next(asked, None)

    def refused(self, number: int, reason: str) -> bool:
        """A Reject or BusinessMessageReject names a message of ours."""
        for question in self._open.values():
            if question.number == number:
                question.fail(VenueRejected("reject", reason))
                return True
        return False

    def line_down(self, reason: str) -> None:
        for question in self._open.values():
            question.fail(VenueUnavailable(f"the line ended: {reason}"))

    # Inside.

    def _name(self) -> str:
        return f"q{next(self._serials)}"

    async def _ask(
        self,
        kind: bytes,
        fields: list[Field],
        key: str,
        is_last: Callable[[list[FixMessage]], bool],
        wire_id: str = "",
    ) -> list[FixMessage]:
        costs = {limit.name: 1 for limit in self._dialect.rate_limits}
        taken_ns = await self._budget.wait("query", costs, int(self._timeout_s * 1_000))
        while (same := self._open.get(key)) is not None:  # by name: one after the other
            await same.is_over.wait()
        question = self._open[key] = _Question(is_last, wire_id)
        try:
            try:
                question.number = self._link.send(kind, fields)
            except VenueUnavailable:
                self._budget.give_back(costs, taken_ns)
                raise
            async with asyncio.timeout(self._timeout_s):
                if is_last is _never:
                    await self._until_silent(question)
                else:
                    await question.done
        except TimeoutError:
            raise VenueUnavailable(f"{kind.decode()}: no answer in {self._timeout_s} s") from None
        finally:
            del self._open[key]
            question.is_over.set()
            if question.done.done() and not question.done.cancelled():
                question.done.exception()  # told already, or nobody waits any more
        if not question.answers:
            return []
        self._check(question.answers)
        return question.answers

    async def _until_silent(self, question: _Question) -> None:
        while True:
            question.more.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_SILENCE_S):
                    await question.more.wait()
            if question.done.done():
                question.done.result()
            if not question.more.is_set():
                return

    def _check(self, answers: list[FixMessage]) -> None:
        for each in answers:
            if each.message_type == b"AO" and each.get(728) not in {b"0", b"2"}:
                text = (each.get(58) or b"").decode("ascii", "replace")
                raise VenueRejected((each.get(728) or b"").decode("ascii", "replace"), text)


def _first(answers: list[FixMessage]) -> bool:
    return True


def _never(answers: list[FixMessage]) -> bool:
    return False


def _count(message: FixMessage, tag: int) -> int:
    value = message.get(tag) or b""
    if not value.isdigit():
        raise VenueProtocolError(f"field {tag}: {value!r} is no count")
    return int(value)


def _is_last_report(answers: list[FixMessage]) -> bool:
    newest = answers[-1]
    if newest.get(912) == b"Y":
        return True
    return newest.get(911) is not None and len(answers) >= _count(newest, 911)


def _is_last_position(answers: list[FixMessage]) -> bool:
    """727 counts the reports; a refusal or "nothing" comes as AO alone."""
    newest = answers[-1]
    reports = [each for each in answers if each.message_type == b"AP"]
    if newest.get(728) == b"2":
        return True
    if newest.message_type == b"AO":
        return newest.get(728) not in {b"0", None} or _count(newest, 727) <= len(reports)
    return newest.get(727) is None or len(reports) >= _count(newest, 727)


def _is_last_fragment(answers: list[FixMessage]) -> bool:
    return answers[-1].get(893) in {b"Y", None}
