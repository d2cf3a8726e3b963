"""The state machine of one FIX session, acceptor or initiator. Messages and times in, bytes out.

Must never touch a socket or read a clock, and never advance the incoming number before the
application took the message. Sources: FIX 4.2, 4.4 and FIXT 1.1 specification, session protocol.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from gateway.transport.fix_session import checks, handshake
from gateway.transport.fix_session.admin import AdminMessages
from gateway.transport.fix_session.application import BusinessReject, FixApplication
from gateway.transport.fix_session.handshake import Numbers, Refused, Taken
from gateway.transport.fix_session.inbound import Inbound
from gateway.transport.fix_session.message import FixMessage, number_of
from gateway.transport.fix_session.outbound import Body, Outbound
from gateway.transport.fix_session.reject_reason import RejectReason
from gateway.transport.fix_session.screen import screen_of
from gateway.transport.fix_session.settings import SessionIdentity, SessionSettings
from gateway.transport.fix_session.states import NotLoggedOn, SessionState
from gateway.transport.fix_session.store import SessionStore
from gateway.transport.fix_session.tags import MessageType, Tag
from gateway.transport.fix_session.timers import Timers
from gateway.transport.fix_session.validation import Fault, validate

__all__ = ["FixSession"]

_LOG = logging.getLogger(__name__)
_QUIET = frozenset((MessageType.HEARTBEAT, MessageType.TEST_REQUEST, MessageType.REJECT))
_PERIOD_END = "End of the session time"
_LOGGING_ON = frozenset((SessionState.CONNECTED, SessionState.LOGON_SENT))
_ENDING = frozenset((RejectReason.COMP_ID, RejectReason.SENDING_TIME))


class FixSession:
    """One session. Call `take_output` after every other call and write what it gives; then close
    the line if `close_reason` is set, and tell it by `disconnected`."""

    def __init__(
        self, settings: SessionSettings, store: SessionStore, application: FixApplication
    ) -> None:
        self.settings = settings
        self.store = store
        self.state = SessionState.DISCONNECTED
        self.close_reason: str | None = None
        self.on_output: Callable[[], None] = lambda: None  # there is something to take
        self.on_pause: Callable[[], None] = lambda: None  # `is_paused` changed
        self.is_paused = False
        self._application = application
        self._out = Outbound(settings, store)
        self._say = AdminMessages(settings, self._out)
        self._screen = screen_of(settings)
        self._timers = Timers(settings)
        self._in = Inbound(settings, store, self._timers, self._say.resend_request)
        self._now_ns = 0
        self._reset_sent = False
        self._is_reset_told = False  # by a Logon of ours that answers a reset nobody asked for
        self._is_faulted = False  # only the end of the handshake is of interest
        self.was_logged_on = False
        self._resets = 0  # of the store: numbers of before it mean nothing
        self.counts = {"received": 0, "garbled": 0, "rejected": 0, "duplicates": 0}

    @property
    def identity(self) -> SessionIdentity:
        """Who talks to whom."""
        return self.settings.identity

    @property
    def is_logged_on(self) -> bool:
        """Whether `send` reaches the peer now."""
        return self.state is SessionState.ACTIVE and not self._reset_sent

    # -- the line ---------------------------------------------------------------------------------

    def connected(self, now_ns: int) -> None:
        """The line is up: an initiator says Logon, an acceptor waits for one."""
        assert self.state is SessionState.DISCONNECTED
        self._now_ns = now_ns
        self.close_reason = None
        self._is_faulted = self._reset_sent = self._is_reset_told = self.was_logged_on = False
        self._timers.connected(now_ns)
        self._turn_period()
        if not self.settings.is_initiator:
            self.state = SessionState.CONNECTED
            return
        self.state = SessionState.LOGON_SENT
        if self.settings.is_reset_on_logon:
            self._reset_store()
            self._reset_sent = True
        self._send_logon(is_reset=self._reset_sent, heartbeat_s=self.settings.heartbeat_s)

    def received(self, message: FixMessage, now_ns: int) -> None:
        """One whole, verified message of the peer."""
        self._now_ns = now_ns
        if self.state in _LOGGING_ON and self.close_reason is None:
            self._turn_period()
        if self.state is SessionState.DISCONNECTED or self.close_reason is not None:
            return
        self.counts["received"] += 1
        self._timers.received(now_ns)
        if self.state is SessionState.ACTIVE and self._took_screened(message):
            self.on_output()
            return
        if self.state is SessionState.CONNECTED:
            self._logon_request(message)
        elif self.state is SessionState.LOGON_SENT:
            self._logon_answer(message)
        else:
            self._handle(message)
        self._drain()
        self.on_output()

    def garbled(self, fault: str, now_ns: int) -> None:
        """Bytes that were no message: ignored, but a Logon must be whole."""
        self._now_ns = now_ns
        self.counts["garbled"] += 1
        _LOG.warning("%s: garbled message ignored: %s", self.identity, fault)
        if self.state in _LOGGING_ON:
            self._close(f"garbled before the Logon: {fault}")

    def tick(self, now_ns: int) -> None:
        """Time passed. Call at `next_tick_ns` at the latest."""
        self._now_ns = now_ns
        if self.state is SessionState.DISCONNECTED or self.close_reason is not None:
            return
        if self.state in _LOGGING_ON or self._reset_sent:
            if self._timers.is_logon_over(now_ns):
                self._close("no Logon in time")
        elif self.state is SessionState.LOGGING_OUT:
            if self._timers.is_logout_over(now_ns):
                self._close("no answer to the Logout in time")
        else:
            self._keep_alive()
        self.on_output()

    def next_tick_ns(self) -> int | None:
        """When `tick` has something to do."""
        if self.state is SessionState.DISCONNECTED:
            return None
        if self.state in _LOGGING_ON or self._reset_sent:
            return self._timers.logon_end_ns
        if self.state is SessionState.LOGGING_OUT:
            return self._timers.logout_end_ns
        return self._timers.next_ns(self._out.last_sent_ns, self._in.is_open)

    def disconnected(self, now_ns: int, reason: str) -> None:
        """The line is gone, by whomever."""
        self._now_ns = now_ns
        if self.state is SessionState.DISCONNECTED:
            return
        self.state = SessionState.DISCONNECTED
        self._out.clear()
        self._in.forget()
        self._reset_sent = False
        try:
            if self.settings.is_reset_on_disconnect:
                self._reset_store()
        finally:
            if self.was_logged_on:
                self._application.on_logout(self, reason)

    def take_output(self) -> list[bytes]:
        """Stored first, then given; call again while `has_output`. StoreBehind: nothing is given
        yet, try again; another StoreError: close the line."""
        return self._out.take()

    @property
    def has_output(self) -> bool:
        """Whether `take_output` would give something."""
        return self._out.has_more

    @property
    def queued_bytes(self) -> int:
        """Not yet taken."""
        return self._out.queued_bytes

    # -- what the owner may ask for ---------------------------------------------------------------

    def send(
        self, message_type: bytes, fields: Body, now_ns: int, *, is_kept_when_down: bool = False
    ) -> int:
        """Send an application message, header fields (50, 57, 97, 115, ...) among `fields`, and
        return its number. When the session is down: kept for the peer's resend, or NotLoggedOn."""
        self._now_ns = now_ns
        self._turn_period()
        if not self.is_logged_on and not is_kept_when_down:
            raise NotLoggedOn(f"{self.identity} is {self.state}")
        is_up = self.is_logged_on and self.close_reason is None
        number = self._out.send(message_type, fields, now_ns, is_line_up=is_up)
        self.on_output()
        return number

    def pause(self, now_ns: int, *, is_paused: bool) -> None:
        """The application can take no more for now, or again. Nothing is read meanwhile, so the
        peer's silence is not its own."""
        self.is_paused = is_paused
        self._timers.received(now_ns)
        self.on_pause()

    def logout(self, text: str, now_ns: int, *, session_status: int | None = None) -> None:
        """Begin the handshake; the line closes with the answer or the time-out."""
        self._now_ns = now_ns
        if self.state is SessionState.ACTIVE:
            self._begin_logout(text, session_status)
        elif self.state in _LOGGING_ON:
            self._close(text or "logout before the Logon")
        self.on_output()

    def reset(self, now_ns: int) -> None:
        """Both numbers 1: by 141=Y with a peer that is logged on, alone otherwise."""
        self._now_ns = now_ns
        self._reset_store()
        if self.state is SessionState.ACTIVE:
            self._in.forget()
            self._reset_sent = True
            self._timers.connected(now_ns)
            self._send_logon(is_reset=True, heartbeat_s=self._timers.heartbeat_s)
            self.on_output()

    def set_numbers(self, *, outgoing: int | None = None, expected: int | None = None) -> None:
        """By an operator. Numbers that are skipped are filled when they are asked for."""
        if outgoing is not None:
            self.store.set_next_outgoing(outgoing)
        if expected is not None:
            self.store.set_next_expected(expected)
        self.store.flush()

    def row(self) -> dict[str, Any]:
        """For status."""
        return {
            "session": str(self.identity),
            "state": self.state.value,
            "next_outgoing": self.store.next_outgoing,
            "next_expected": self.store.next_expected,
            "is_gap_open": self._in.is_open,
            "early_dropped": self._in.dropped,
            "sent": self._out.sent,
            "resent": self._out.resent,
            **self.counts,
        }

    def __repr__(self) -> str:
        return f"FixSession({self.identity}, {self.state})"

    # -- logon ------------------------------------------------------------------------------------

    def _logon_request(self, logon: FixMessage) -> None:
        """Acceptor."""
        numbers = Numbers(self.store.next_expected, self.store.next_outgoing)
        ask = self._application.check_logon
        verdict = handshake.judge_request(
            logon, self.settings, numbers, self._now_ns, lambda: ask(self, logon)
        )
        if isinstance(verdict, Refused):
            self._refused(verdict)
            return
        if verdict.is_reset:
            self._reset_store()
        self._timers.heartbeat_s = verdict.heartbeat_s
        answer_number = self._answer_logon(verdict.number, is_reset=verdict.says_reset)
        self._logged_on(verdict, answer_number)

    def _logon_answer(self, logon: FixMessage) -> None:
        """Initiator."""
        numbers = Numbers(self.store.next_expected, self.store.next_outgoing)
        verdict = handshake.judge_answer(
            logon, self.settings, numbers, self._now_ns, is_reset_ours=self._reset_sent
        )
        if isinstance(verdict, Refused):
            self._refused(verdict)
            return
        self._reset_sent = False
        self._timers.heartbeat_s = verdict.heartbeat_s
        if verdict.is_reset:
            self._reset_store()
        answer_number = self.store.next_outgoing
        if verdict.is_reset:
            self._answer_logon(verdict.number, is_reset=True)
            self._is_reset_told = True
        self._logged_on(verdict, answer_number)

    def _relogon(self, logon: FixMessage) -> None:
        """A Logon while logged on."""
        is_told = self._is_reset_told and not self._timers.is_logon_over(self._now_ns)
        is_ours = self._reset_sent or is_told
        verdict = handshake.judge_again(logon, self.settings, is_reset_ours=is_ours)
        if isinstance(verdict, Refused):
            self._refused(verdict)
            return
        if verdict.says_reset:
            self._in.forget()
        if verdict.is_reset:
            self._reset_store()
            self._timers.heartbeat_s = verdict.heartbeat_s
            self._answer_logon(verdict.number, is_reset=True)
        else:
            self._reset_sent = self._is_reset_told = False
            self._advance(verdict.number + 1)

    def _refused(self, verdict: Refused) -> None:
        if verdict.is_told:
            self._refuse(verdict.text, verdict.session_status)
        else:
            self._close(verdict.text)

    def _answer_logon(self, number: int, *, is_reset: bool) -> int:
        is_in_order = number == self.store.next_expected
        self._out.processed = number if is_in_order else None
        self.store.set_next_expected(number + 1) if is_in_order else None
        return self._send_logon(is_reset=is_reset, heartbeat_s=self._timers.heartbeat_s)

    def _logged_on(self, logon: Taken, answer_number: int) -> None:
        """After both Logons: close the gaps, both ways. The peer must want `answer_number`."""
        number, wanted = logon.number, logon.wanted
        self.state = SessionState.ACTIVE
        self.was_logged_on = True
        self._out.processed = None
        if number == self.store.next_expected:
            self.store.set_next_expected(number + 1)
        if wanted is not None and wanted < answer_number:
            self._resend(max(wanted, 1), self.store.next_outgoing - 1)
        if number > self.store.next_expected:
            self._in.keep_logon(number, self._now_ns, is_told=wanted is not None)
        _LOG.info("%s: logged on", self.identity)
        self._application.on_logon(self)

    def _send_logon(self, *, is_reset: bool, heartbeat_s: int) -> int:
        return self._say.logon(
            *(self.store.next_expected, self._now_ns),
            is_reset=is_reset,
            heartbeat_s=heartbeat_s,
            complete=partial(self._application.fill_logon, self),
        )

    # -- messages of an active session ------------------------------------------------------------

    def _handle(self, message: FixMessage) -> None:
        """The checks in their order, then by number: early, late or due."""
        number = message.number
        kind = message.message_type
        if message.begin_string != self.identity.begin_string.encode():
            self._fail("Incorrect BeginString")
            return
        if number is None:
            self._refuse("Received message without MsgSeqNum")
            return
        if self._reset_sent and kind != MessageType.LOGOUT and not checks.is_reset_logon(message):
            return  # Of the time before the reset we asked for.
        if self._is_faulted and kind not in checks.ANY_TIME:
            return
        fault = checks.check_header(message, self.settings, self._now_ns)
        if fault is not None:
            self._reject(message, fault, number)
            if fault.reason in _ENDING:
                self._fail("")
            return
        if checks.is_out_of_order(message):
            self._process(message, number)
        elif number > self.store.next_expected:
            self._too_high(message, number)
        elif number < self.store.next_expected:
            self._too_low(message, number)
        else:
            self._process(message, number)

    def _took_screened(self, message: FixMessage) -> bool:
        """One that is due and certainly good goes straight to the application."""
        expected = self.store.next_expected
        if message.frame is None or self._reset_sent or not self._in.is_idle():
            return False
        if self._screen.check(message.frame, self._now_ns) != expected:
            return False
        message.screened(expected)
        self._out.processed = expected
        self._deliver(message, expected)
        self._out.processed = None
        return True

    def _too_high(self, message: FixMessage | None, number: int) -> None:
        if not self.settings.has_resend:
            self._refuse(checks.too_high(number, self.store.next_expected))
            return
        self._in.keep(number, message, self._now_ns)

    def _too_low(self, message: FixMessage, number: int) -> None:
        if not message.is_possible_duplicate:
            expected = self.store.next_expected
            self._refuse(f"MsgSeqNum too low, expecting {expected} but received {number}")
            return
        self.counts["duplicates"] += 1
        is_reset = message.message_type == MessageType.SEQUENCE_RESET
        fault = None if is_reset else checks.check_original_time(message)
        if fault is not None:
            self._reject(message, fault, number)
            if fault.reason is RejectReason.SENDING_TIME:
                self._fail("")

    def _process(self, message: FixMessage, number: int) -> None:
        """Due, or of a kind that is answered whatever its number."""
        kind = message.message_type
        is_due = number == self.store.next_expected
        self._out.processed = number if is_due else None
        fault = validate(message, self.settings.dictionary_in_force, self.settings.rules)
        if fault is not None and kind != MessageType.REJECT:
            self._reject(message, fault, number)
        elif kind == MessageType.SEQUENCE_RESET:
            self._sequence_reset(message, number)
        elif kind == MessageType.LOGON:
            self._relogon(message)
        elif kind == MessageType.RESEND_REQUEST:
            self._resend_request(message, number)
        elif kind == MessageType.LOGOUT:
            self._logout_message(number)
        elif kind in _QUIET:
            self._advance(number + 1)
            self._quiet_admin(message)
        else:
            self._deliver(message, number)
        self._out.processed = None

    def _quiet_admin(self, message: FixMessage) -> None:
        if message.message_type == MessageType.TEST_REQUEST:
            self._say.heartbeat_for(message, self._now_ns)
        elif message.message_type == MessageType.REJECT:
            _LOG.warning("%s: rejected by the peer: %r", self.identity, message)
            self._application.on_reject(self, message)

    def _deliver(self, message: FixMessage, number: int) -> None:
        """The number moves only when the application has it, and never over a reset from there."""
        resets = self._resets
        answer = self._application.on_message(self, message, self._now_ns)
        if self._resets != resets:
            return
        self._advance(number + 1)
        if answer is not None and message.message_type != MessageType.BUSINESS_REJECT:
            self._business_reject(message, answer, number)

    def _sequence_reset(self, message: FixMessage, number: int) -> None:
        """Nothing is ever decreased."""
        new_number = number_of(message.get(Tag.NEW_SEQ_NO)) or 0
        expected = self.store.next_expected
        is_gap_fill = message.is_set(Tag.GAP_FILL_FLAG)
        if new_number < expected or (is_gap_fill and new_number == number):
            self._reject(message, Fault(RejectReason.BAD_VALUE), number)
        elif new_number > expected:
            self._advance(new_number)

    def _resend_request(self, message: FixMessage, number: int) -> None:
        """Answered whatever its own number: else two gaps would block each other."""
        asked = checks.resend_range(message, self.identity.version, self.store.next_outgoing - 1)
        if asked is None:
            self._reject(message, Fault(RejectReason.BAD_VALUE, Tag.BEGIN_SEQ_NO), number)
            return
        first, end = asked
        if first <= end and not self._resend(first, end):
            self._refuse("Too many ResendRequests")
            return
        if number == self.store.next_expected:
            self._advance(number + 1)
        elif number > self.store.next_expected:
            self._too_high(None, number)

    def _logout_message(self, number: int) -> None:
        if number == self.store.next_expected:
            self._advance(number + 1)
        if self.state is not SessionState.LOGGING_OUT:
            self._say.logout("", self._now_ns)
        if self.settings.is_reset_on_logout:
            self._reset_store()  # The answer is queued and keeps its number.
        self._close("logged out")

    # -- the numbers ------------------------------------------------------------------------------

    def _advance(self, expected: int) -> None:
        self._in.advance(expected, self._now_ns)

    def _drain(self) -> None:
        """Whatever waited for its turn, then what is still missing."""
        while self.state is SessionState.ACTIVE and self.close_reason is None:
            expected = self.store.next_expected
            is_there, message = self._in.next(self._now_ns)
            if not is_there:
                return
            if message is None:
                self._advance(expected + 1)
            else:
                self._process(message, expected)
                if self.store.next_expected == expected:
                    return  # Rejected without being counted: asked for again by the clock.

    def _resend(self, first: int, last: int) -> bool:
        now_ns, ask = self._now_ns, self._application.may_resend
        return self._out.resend(first, last, now_ns, lambda each: ask(self, each, now_ns))

    def _reset_store(self) -> None:
        self._out.reset()
        self.store.reset(self._now_ns)
        self._resets += 1
        self._timers.period_began(self._now_ns)
        self._application.on_reset(self)

    def _turn_period(self) -> None:
        """Before an application message is numbered and before a Logon is judged: the session time
        may have ended, and a new one begun, with no tick and no line. What is said in a new period
        never has a number of the old one, with which it would be wiped; a line that is still
        logging out ends by that, and until then what comes over it is taken with its old number."""
        if self.state is SessionState.ACTIVE:
            if not self._timers.is_period_over(self._now_ns):
                return
            self._begin_logout(_PERIOD_END)
        if not checks.is_new_period(self.settings, self.store.created_ns, self._now_ns):
            return
        if self.state in {SessionState.LOGON_SENT, SessionState.LOGGING_OUT}:
            self._close("the session time is over")
        self._reset_store()

    # -- what we say on our own -------------------------------------------------------------------

    def _keep_alive(self) -> None:
        now_ns = self._now_ns
        if self.is_paused:
            self._timers.received(now_ns)
        if self._timers.is_peer_dead(now_ns):
            self._close("nothing heard for 2.4 heartbeats")
        elif self._timers.is_period_over(now_ns):
            self._begin_logout(_PERIOD_END)
        elif self._in.is_late(now_ns):
            if not self._in.ask_again(now_ns):
                self._fail("ResendRequest was not answered")
        elif self._timers.needs_test_request(now_ns):
            self._timers.asked_for_life()
            self._say.test_request(now_ns)
        elif self._timers.needs_heartbeat(now_ns, self._out.last_sent_ns):
            self._say.heartbeat(now_ns)

    def _reject(self, message: FixMessage, fault: Fault, number: int) -> None:
        """The number counts as used, a SequenceReset's never. A Reject is not answered."""
        self.counts["rejected"] += 1
        is_reset = message.message_type == MessageType.SEQUENCE_RESET
        if number == self.store.next_expected and not is_reset:
            self._advance(number + 1)
        _LOG.warning("%s: rejected: %s: %r", self.identity, fault.text, message)
        if message.message_type != MessageType.REJECT:
            self._say.reject(message, fault, number, self._now_ns)

    def _business_reject(self, message: FixMessage, answer: BusinessReject, number: int) -> None:
        self.counts["rejected"] += 1
        self._say.business_reject(message, answer, number, self._now_ns)

    def _begin_logout(self, text: str, session_status: int | None = None) -> None:
        self._say.logout(text, self._now_ns, session_status)
        self.state = SessionState.LOGGING_OUT
        self._timers.logged_out(self._now_ns)

    def _fail(self, text: str) -> None:
        """Say Logout for a fault of the peer and wait for the answer, for nothing else."""
        if self.state is not SessionState.LOGGING_OUT:
            self._begin_logout(text)
        self._is_faulted = True

    def _refuse(self, text: str, session_status: int | None = None) -> None:
        """Say Logout and do not wait."""
        self._say.logout(text, self._now_ns, session_status)
        self._close(text)

    def _close(self, reason: str) -> None:
        _LOG.info("%s: closing: %s", self.identity, reason)
        self.close_reason = reason
