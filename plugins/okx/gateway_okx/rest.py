"""Requests to OKX: signed with the venue's time, sent once, read into typed rows.

Must never resend. Failures say exactly what is known: not sent, refused, rate limited, unknown.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from gateway.api import (
    OutcomeUnknown,
    VenueError,
    VenueProtocolError,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
)
from gateway.transport.budget_rows import SharedRows
from gateway.transport.clock_keeper import ClockKeeper, TimeSample
from gateway.transport.counts import shared_counts
from gateway.transport.documents import DOCUMENT_BYTES_MAX, JsonReader
from gateway.transport.outcomes import check_status
from gateway.transport.rate_limit import NO_HEADROOM, Budget, Lane
from gateway.transport.rest import RestAnswer, RestPool
from gateway_okx.errors import verdict_of
from gateway_okx.limits import RATE_LIMITS, costs_of
from gateway_okx.rows import Envelope, TimeRow
from gateway_okx.signing import Signer

__all__ = ["OkxRest"]

Row = TypeVar("Row")
Turn = tuple[Mapping[str, int], int]  # what was taken of the budget, and when
_PAGE_ROWS = 100
_PAGES_MAX = 1_000  # 100,000 rows in one question; a venue that goes on is answering nonsense
# How long a request waits for its turn: a new order soon is no order of now any more.
_PATIENCE_MS: dict[Lane, int] = {
    "kill": 2_000,
    "cancel": 2_000,
    "query": 20_000,
    "new": 250,
    "market": 20_000,
}
_PREFIX = "/api/v5"


class OkxRest:
    """The REST side of one key. `now_ns` must not jump: the venue's clock is measured by it."""

    def __init__(
        self,
        url: str,
        signer: Signer,
        account: str,
        *,
        timeout_ms: int,
        acceptance_window_ms: int,
        now_ns: Callable[[], int],
        random: Random,
        counters: Counter[str],
        budget_rows_file: str = "",
    ) -> None:
        """`budget_rows_file`: shared by the processes of one address or one account, which then
        spend what OKX counts by either together. Raises OSError or ValueError for no such file."""
        self._pool = RestPool(
            url,
            timeout_ms=timeout_ms,
            now_ns=now_ns,
            random=random,
            headers={"Content-Type": "application/json"},
        )
        self.clock = ClockKeeper(now_ns, self._ask_time)
        # Nearly every limit is spent by one kind of request alone, so nothing is kept back in it.
        # Two hosts of the venue have nothing in common, so what is shared is told apart by them.
        host = urlsplit(url).netloc
        self.budget = Budget(
            RATE_LIMITS,
            now_ns,
            rows=SharedRows(Path(budget_rows_file)) if budget_rows_file else None,
            identity={"ip": host, "account": f"{host}/{account}"},
            headroom_percent={limit.name: NO_HEADROOM for limit in RATE_LIMITS},
        )
        # Until when a request may leave: another value than at its begin, and it stays here.
        self.term: Callable[[], object] = lambda: None
        self._account = account
        self._signer = signer
        self._window_ns = acceptance_window_ms * 1_000_000
        self._counters = counters
        self._envelopes = JsonReader(Envelope, "okx answer", bytes_max=DOCUMENT_BYTES_MAX)

    async def open(self) -> None:
        await self._pool.open()
        self.clock.doubt()  # a line that was closed for long says nothing about now
        await self.clock.settle()

    async def close(self) -> None:
        await self._pool.close()

    def row(self) -> dict[str, int]:
        return self._pool.row()

    def counts(self, lines: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """What every adapter tells of itself. The clock here does not jump, so it is no wall's."""
        return shared_counts(
            self._pool.row(), self.budget, self.clock.now_ns(), time.time_ns(), lines
        )

    async def _ask_time(self) -> TimeSample:
        turn = await self.turn("query", "GET", "public/time")
        answer = await self._send(turn, "GET", f"{_PREFIX}/public/time", lane="kill")
        envelope = self._envelope(answer)
        self._raise_for(envelope.code, envelope.msg)
        rows = self._rows(envelope, TimeRow, "public/time")
        if len(rows) != 1 or not rows[0].time_ms.isdigit():
            raise VenueProtocolError(f"okx: public/time said {rows!r:.80}")
        return answer.sent_ns, int(rows[0].time_ms) * 1_000_000, answer.received_ns

    async def get(
        self, place: str, query: Mapping[str, str], type: type[Row], *, is_public: bool = False
    ) -> list[Row]:
        """A question changes nothing; every code but 0 raises."""
        path = f"{_PREFIX}/{place}" + (f"?{urlencode(query)}" if query else "")
        if not is_public:
            await self.clock.settle()
        turn = await self.turn("query", "GET", place, query)
        headers = {} if is_public else self._signed("GET", path, "")
        try:
            answer = await self._send(
                turn,
                "GET",
                path,
                headers=headers,
                may_leave=lambda: self.budget.check_ban("query"),
            )
            envelope = self._envelope(answer)
            self._raise_for(envelope.code, envelope.msg)
        except OutcomeUnknown as error:
            raise VenueUnavailable(f"{place}: {error}") from error
        return self._rows(envelope, type, place)

    async def pages(
        self, place: str, query: Mapping[str, str], type: type[Row], key: Callable[[Row], str]
    ) -> list[Row]:
        """Every row, newest first: `after` = older than this key."""
        found: list[Row] = []
        after: dict[str, str] = {}
        for _ in range(_PAGES_MAX):
            asked = {**query, **after, "limit": str(_PAGE_ROWS)}
            page = await self.get(place, asked, type)
            found += page
            if len(page) < _PAGE_ROWS:
                return found
            if after.get("after") == key(page[-1]):
                break
            after = {"after": key(page[-1])}
        raise VenueProtocolError(f"okx: {place} has no end")

    async def post(
        self, place: str, body: Any, type: type[Row], *, lane: Lane, is_bounded: bool = False
    ) -> list[Row]:
        """A change. Item results come back for codes 0, 1 and 2; `is_bounded` sets expTime, after
        which OKX discards the request (docs-v5, transaction timeouts; orders and amends only).
        """
        path, text = f"{_PREFIX}/{place}", msgspec.json.encode(body).decode()
        term, has_waited = self.term(), self.clock.is_doubted
        if has_waited:
            await self.clock.settle()
        # With room in the budget and a line that is free, nothing is waited for until the write.
        costs = costs_of("POST", place, self._account, body)
        is_taken = not self.budget.take(lane, costs)
        taken_ns = self.budget.taken_ns
        if not is_taken:
            has_waited = True
            taken_ns = await self.budget.wait(lane, costs, _PATIENCE_MS[lane])
        turn = (costs, taken_ns)
        if has_waited:
            self.check_leave(lane, term, turn)
        headers = self._headers(path, text, is_bounded=is_bounded)
        answer = await self._send(
            turn,
            "POST",
            path,
            headers=headers,
            body=text,
            lane=lane,
            may_leave=lambda: self.check_leave(lane, term),
        )
        try:
            envelope = self._envelope(answer)
        except VenueProtocolError as error:
            raise self._unreadable(place, error) from error
        return self.results(envelope.code, envelope.msg, envelope.data, type, place)

    async def _send(self, turn: Turn, method: str, path: str, **more: Any) -> RestAnswer:
        try:
            return await self._pool.request(method, path, **more)
        except (VenueUnavailable, VenueRateLimited):  # not one byte left
            self.budget.give_back(*turn)
            raise

    def check_leave(self, lane: Lane, term: object, turn: Turn | None = None) -> None:
        """Behind every wait: a ban may have come since, or the end of the port. Raises
        VenueRateLimited or VenueUnavailable; then nothing was sent, and `turn` is given back."""
        try:
            self.budget.check_ban(lane)
            if self.term() != term:
                raise VenueUnavailable("port closed or epoch raised meanwhile; nothing was sent")
        except VenueError:
            if turn is not None:
                self.budget.give_back(*turn)
            raise

    def results(
        self, code: str, text: str, data: Sequence[msgspec.Raw], type: type[Row], place: str
    ) -> list[Row]:
        """The items of an answer to a change, REST's or the socket's."""
        if code not in ("0", "1", "2") or not data:
            self._raise_for(code, text)
        try:
            return read_rows(data, type, place)
        except VenueProtocolError as error:
            raise self._unreadable(place, error) from error

    def _headers(self, path: str, text: str, *, is_bounded: bool) -> dict[str, str]:
        headers = self._signed("POST", path, text)
        if is_bounded:
            headers["expTime"] = self.deadline_ms()
        return headers

    def request_bytes(self, place: str, body: Any, *, is_bounded: bool = False) -> bytes:
        """What `post` would write now; nothing is sent. For benches and tests."""
        path, text = f"{_PREFIX}/{place}", msgspec.json.encode(body).decode()
        headers = self._headers(path, text, is_bounded=is_bounded)
        return self._pool.request_bytes("POST", path, headers, text)

    def deadline_ms(self) -> str:
        """expTime of a request that leaves now."""
        return str((self.clock.now_ns() + self._window_ns) // 1_000_000)

    def _unreadable(self, place: str, error: VenueProtocolError) -> OutcomeUnknown:
        """An answer nobody can read proves nothing about what the request did."""
        self._counters["unreadable_answers"] += 1
        return OutcomeUnknown(f"{place}: {error}")

    async def turn(self, lane: Lane, method: str, place: str, body: Any = None) -> Turn:
        """Wait for room in the limits. Raises VenueRateLimited, and then nothing was sent."""
        costs = costs_of(method, place, self._account, body)
        return costs, await self.budget.wait(lane, costs, _PATIENCE_MS[lane])

    def _signed(self, method: str, path: str, body: str) -> dict[str, str]:
        return self._signer.headers(method, path, body, self.clock.now_ns())

    def _envelope(self, answer: RestAnswer) -> Envelope:
        """The body first: OKX says more there than by the status (50004 comes with 400, 50011 with
        200 and with 429). What fails behind the gate is unknown, whatever the body says."""
        try:
            envelope = self._envelopes.read(answer.data)
        except VenueProtocolError:
            check_status(answer)
            raise
        if answer.status >= 500:
            raise OutcomeUnknown(f"status {answer.status}, code {envelope.code[:16]}")
        return envelope

    def _raise_for(self, code: str, text: str) -> None:
        verdict = verdict_of("", code)
        if verdict == "done":
            return
        said = f"{code} {text}"[:160]
        if verdict == "unknown":
            raise OutcomeUnknown(said)
        if verdict == "rate_limited":
            self._counters["rate_limited"] += 1
            raise VenueRateLimited(said)
        if verdict == "clock":
            self._counters["clock_rejects"] += 1
            self.clock.doubt()
        raise VenueRejected(code, text)

    def _rows(self, envelope: Envelope, type: type[Row], place: str) -> list[Row]:
        return read_rows(envelope.data, type, place)


def read_rows(data: Sequence[msgspec.Raw], type: type[Row], what: str) -> list[Row]:
    """Typed rows. Raises VenueProtocolError naming the place and the field."""
    try:
        return [msgspec.json.decode(each, type=type) for each in data]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VenueProtocolError(f"okx {what}: {error}") from None
