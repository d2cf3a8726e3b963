"""What a session's messages mean at the simulated venue: D, F, G, H, AF, q, AN, x, V in, reports
out. The fault script decides what goes wrong with a request or a report."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fault_script import FaultScript
from fix_simulator.logons import Login, LogonGate
from fix_simulator.reports import Reports
from fix_simulator.venue import Event, FixVenue, VenueOrder, VenueRefusal
from fix_simulator.voices import Voice
from gateway_paper.venue.orders import SubmitBody

from gateway.transport.fix_session import (
    UNSUPPORTED,
    BusinessReject,
    Field,
    FixMessage,
    FixSession,
    QuietApplication,
    parse_time,
)

__all__ = ["Desk"]

_SIDES = {"1": "buy", "2": "sell"}
_TYPES = {"1": "market", "2": "limit", "3": "stop", "4": "stop_limit"}
_TIMES = {"0": "day", "1": "gtc", "3": "ioc", "4": "fok", "6": "gtd"}
_FRAME = frozenset((8, 9, 10, 34, 35, 43, 49, 52, 56, 122))
_HANDLED = frozenset((b"D", b"F", b"G", b"H", b"AF", b"q", b"AN", b"x", b"V"))


class Desk(QuietApplication):
    """One session's application. Faults of requests, subject `in D`: `ignore` (never arrives),
    `refuse_unknown` (executed, answered with the venue's unknown code), `delay` (executed `seconds`
    late), `silent` (executed, no report about it leaves), `call`. Of reports, subject `out 8 F`:
    `lose`, `duplicate` (again, under a new number), `late` (`seconds`), `reorder` (behind the
    next)."""

    def __init__(
        self,
        venue: FixVenue,
        voice: Voice,
        reports: Reports,
        *,
        login: Login,
        gate: LogonGate,
        faults: FaultScript,
    ) -> None:
        self.venue, self.voice, self.login = venue, voice, login
        self.session: FixSession | None = None
        self.requests: list[tuple[str, str]] = []  # (35, 11) of everything that arrived
        self._reports, self._gate, self._faults = reports, gate, faults
        self._subscribed: dict[str, str] = {}  # symbol -> 262
        self._held: list[tuple[bytes, list[Field]]] = []
        self._muted: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # The session.

    def check_logon(self, session: FixSession, logon: FixMessage) -> str | None:
        return self._gate.refusal(self.login, logon) or None

    def on_logout(self, session: FixSession, reason: str) -> None:
        self._subscribed.clear()

    def may_resend(self, session: FixSession, message: FixMessage, now_ns: int) -> bool:
        # Prices of before are worth nothing.
        return self.voice.has_resend and message.message_type not in {b"W", b"X"}

    def on_message(
        self, session: FixSession, message: FixMessage, now_ns: int
    ) -> BusinessReject | None:
        kind = message.message_type
        if kind not in _HANDLED:
            return UNSUPPORTED
        fields = {tag: value.decode() for tag, value in message.fields}
        name = kind.decode()
        if alien := self._alien(name, message):
            number = message.get(34) or b"0"
            text = b"Tag not defined for this message type."
            refusal = [(45, number), (371, b"%d" % alien), (372, kind), (373, b"2"), (58, text)]
            session.send(b"3", refusal, now_ns)
            return None
        self.requests.append((name, fields.get(11, "")))
        fault = self._faults.take(f"in {name}")
        if fault is None:
            return self._handle(name, fields, message)
        if fault.call is not None:
            fault.call()
        if fault.action == "ignore":
            return None
        if fault.action == "delay":
            self._later(fault.seconds, lambda: self._handle(name, fields, message))
            return None
        if fault.action in ("silent", "refuse_unknown"):
            self._mute(fields)
            self._handle(name, fields, message)
            if fault.action == "refuse_unknown":
                self._say_unknown(name, fields)
            return None
        return self._handle(name, fields, message)

    def _alien(self, kind: str, message: FixMessage) -> int:
        """The first field the venue's schema does not have there, 0 = none."""
        allowed = self.voice.bodies.get(kind)
        tags = (tag for tag, _ in message.fields if tag not in _FRAME)
        return 0 if allowed is None else next((tag for tag in tags if tag not in allowed), 0)

    # Requests.

    def _handle(
        self, kind: str, fields: dict[int, str], message: FixMessage
    ) -> BusinessReject | None:
        if kind == "D":
            self._new(fields)
        elif kind == "F":
            self._cancel(fields)
        elif kind == "G":
            self._replace(fields)
        elif kind == "H" and self.voice.has_order_status:
            self._status(fields)
        elif kind == "AF" and self.voice.has_mass_status:
            self._mass_status(fields)
        elif kind == "q":
            self._mass_cancel(fields)
        elif kind == "AN":
            self._positions(fields)
        elif kind == "x":
            self._securities(fields)
        elif kind == "V":
            self._subscribe(message)
        else:
            return UNSUPPORTED
        return None

    def _new(self, fields: dict[int, str]) -> None:
        name = fields[11]
        try:
            body = self._body(fields, self.venue.next_id())
            self.venue.place(self.login.account, name, body)
        except (VenueRefusal, KeyError, ValueError) as error:
            reason = error.reason if isinstance(error, VenueRefusal) else "99"
            text = str(error) or "bad field"
            body_fields = self._reports.rejection(
                name, fields.get(55, "NA"), fields.get(54, "1"), reason, text
            )
            self.say(b"8", body_fields, "8")

    def _body(self, fields: Mapping[int, str], venue_id: str) -> SubmitBody:
        words = set(fields.get(18, ""))
        kind = _TYPES[fields[40]]
        default = "ioc" if kind == "market" else "day" if self.voice.day_word == "0" else "gtc"
        expires = fields.get(126)
        values: dict[str, Any] = {
            "account": self.login.account,
            "client_order_id": venue_id,
            "instrument": fields[55],
            "side": _SIDES[fields[54]],
            "type": kind,
            "time_in_force": _TIMES[fields[59]] if 59 in fields else default,
            "quantity": fields[38],
            "price": fields.get(44),
            "trigger_price": fields.get(99),
            "expires_ns": parse_time(expires.encode()) if expires else None,
            "is_post_only": bool(words & {"6", "A"}),
            "display_quantity": fields.get(111),
        }
        return SubmitBody(**values)

    def _named(self, fields: Mapping[int, str]) -> VenueOrder | None:
        names = [fields[tag] for tag in (37, 41, 11) if fields.get(tag)]
        return self.venue.find(self.login.account, *names)

    def _cancel(self, fields: dict[int, str]) -> None:
        order = self._named(fields)
        try:
            if order is None:
                raise VenueRefusal("1", "Unknown order sent.")
            self.venue.cancel(order, fields.get(11) or order.names[-1])
        except VenueRefusal as error:
            answer = self._reports.cancel_reject(fields, order, error.reason, error.text, "1")
            self.say(b"9", answer, "")

    def _replace(self, fields: dict[int, str]) -> None:
        order = self._named(fields)
        try:
            if order is None:
                raise VenueRefusal("1", "Unknown order sent.")
            name = fields.get(11) or f"{order.names[0]}.{len(order.names)}"
            self.venue.replace(order, name, fields[38], fields.get(44))
        except VenueRefusal as error:
            answer = self._reports.cancel_reject(fields, order, error.reason, error.text, "2")
            self.say(b"9", answer, "")

    def _status(self, fields: dict[int, str]) -> None:
        order = self._named(fields)
        echo = {"t790": fields[790]} if 790 in fields else {}
        if order is None:
            answer = self._reports.unknown_order(fields[11], fields.get(55, ""), **echo)
        else:
            answer = self._reports.of_status(order, **echo)
        self.say(b"8", answer, "I")

    def _mass_status(self, fields: dict[int, str]) -> None:
        key = fields[584]
        by_name = self.voice.is_mass_status_by_name and fields.get(9014) == "1"
        found = [
            each
            for each in self.venue.orders.values()
            if each.account == self.login.account
            and (key in each.names if by_name else not each.is_done)
        ]
        if self.voice.is_mass_status_by_name:
            for order in found:
                self.say(b"8", self._reports.of_status(order, t584=key), "I")
            return
        if not found:
            more = {"t584": key, "t911": "0", "t912": "Y"}
            self.say(b"8", self._reports.unknown_order("NONE", "", **more), "I")
        for place, order in enumerate(found, 1):
            more = {
                "t584": key,
                "t911": str(len(found)),
                "t912": "Y" if place == len(found) else "N",
            }
            self.say(b"8", self._reports.of_status(order, **more), "I")

    def _mass_cancel(self, fields: dict[int, str]) -> None:
        symbol = fields.get(55, "")
        if symbol and symbol not in self.venue.listings:
            refused = {11: fields[11], 37: "NONE", 55: symbol, 530: fields[530], 531: "0"}
            self.say(b"r", _sorted(refused | {532: "99", 58: "Unknown symbol"}), "")
            return
        count = self.venue.cancel_all(self.login.account, symbol)
        kind = fields[530]
        answer = {11: fields[11], 37: "NONE", 530: kind, 531: kind, 533: str(count)}
        self.say(b"r", _sorted(answer), "")

    def _positions(self, fields: dict[int, str]) -> None:
        held = {
            symbol: text
            for symbol, listing in self.venue.listings.items()
            if listing.kind != "spot"
            and (text := self.venue.held(self.login.account, symbol)).strip("0.-")
        }
        shared = {710: fields[710], 721: "P1", 715: fields[715], 1: fields[1], 581: "1"}
        if not held:
            answer = shared | {727: "0", 728: "2", 729: "0"}
            del answer[715]
            self.say(b"AO", _sorted(answer), "")
        for symbol, text in held.items():
            side = 705 if text.startswith("-") else 704
            body = shared | {
                727: str(len(held)),
                728: "0",
                55: symbol,
                730: "0",
                731: "1",
                734: "0",
            }
            group = {702: "1", 703: "TQ", side: text.lstrip("-")}
            self.say(b"AP", [*_sorted(body), *_sorted(group)], "")

    def _securities(self, fields: dict[int, str]) -> None:
        out: list[Field] = [*_sorted({320: fields[320], 322: "S1", 560: "0", 893: "Y"})]
        out.append((146, b"%d" % len(self.venue.listings)))
        for listing in self.venue.listings.values():
            row = [(55, listing.symbol), (969, listing.tick), (561, listing.lot)]
            out += [(tag, value.encode()) for tag, value in row]
        self.say(b"y", out, "")

    # Prices.

    def _subscribe(self, message: FixMessage) -> None:
        symbols = [value.decode() for tag, value in message.fields if tag == 55]
        request = (message.get(262) or b"").decode()
        self._subscribed = {each: request for each in symbols if each in self.venue.listings}
        for symbol in self._subscribed:
            self.market(symbol)

    def market(self, symbol: str) -> None:
        """W to who asked for it."""
        if symbol not in self._subscribed or self.session is None or not self.session.is_logged_on:
            return
        row = self.venue.exchange.mark_row(symbol)
        sides = (("0", row["bid"]), ("1", row["ask"]), ("2", row["last"]))
        entries = [(kind, price) for kind, price in sides if price]
        out: list[tuple[int, str]] = [(55, symbol), (262, self._subscribed[symbol])]
        out.append((268, str(max(1, len(entries)))))
        for kind, price in entries or [("0", "0")]:
            out += [(269, kind), (270, price), (271, "1")]
        self.session.send(b"W", [(tag, value.encode()) for tag, value in out], self.venue.now_ns())

    # Out.

    def event(self, event: Event) -> None:
        """Something happened to an order of this account."""
        self.say(b"8", self._reports.of_event(event), event.kind, set(event.order.names))

    def say(
        self, kind: bytes, fields: list[Field], word: str, names: set[str] | None = None
    ) -> None:
        """A message to the client, under the fault script; 150 is part of its subject."""
        values = {value.decode() for tag, value in fields if tag in (11, 41)}
        if self._muted & (values | (names or set())) and word != "I":
            return
        fault = self._faults.take(f"out {kind.decode()} {word}".strip())
        if fault is not None and fault.call is not None:
            fault.call()
        action = fault.action if fault is not None else ""
        if action == "lose":
            return
        if action == "late":
            assert fault is not None
            self._later(fault.seconds, lambda: self._emit(kind, fields))
            return
        if action == "reorder":
            self._held.append((kind, fields))
            return
        self._emit(kind, fields)
        if action == "duplicate":
            self._emit(kind, fields)
        held, self._held = self._held, []
        for each in held:
            self._emit(*each)

    def _emit(self, kind: bytes, fields: list[Field]) -> None:
        session = self.session
        if session is None:
            return
        is_kept = self.voice.has_resend and not self.voice.is_reset_on_logon
        if session.is_logged_on or is_kept:
            session.send(kind, fields, self.venue.now_ns(), is_kept_when_down=is_kept)

    def _mute(self, fields: Mapping[int, str]) -> None:
        order = self._named(fields)
        self._muted |= {fields[11]} if 11 in fields else set()
        if order is not None and fields.get(11) is None:
            self._muted |= set(order.names)

    def _say_unknown(self, kind: str, fields: dict[int, str]) -> None:
        self._muted.clear()
        text = "Timeout waiting for response from backend server."
        if kind == "D":
            symbol, side = fields[55], fields[54]
            out = self._reports.rejection(fields[11], symbol, side, "99", text)
            self._emit(b"8", [*out, (self.voice.error_tag, b"-1007")])
        else:
            to = "1" if kind == "F" else "2"
            out = self._reports.cancel_reject(fields, self._named(fields), "99", text, to)
            self._emit(b"9", [*out, (self.voice.error_tag, b"-1007")])

    @property
    def is_late(self) -> bool:
        """Whether something is still to be carried out or said."""
        return bool(self._tasks)

    def _later(self, seconds: float, act: Any) -> None:
        async def run() -> None:
            await asyncio.sleep(seconds)
            act()

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _sorted(fields: dict[int, str]) -> list[Field]:
    return [(tag, value.encode()) for tag, value in sorted(fields.items()) if value]
