"""When something is due in a session: heartbeats, test requests, time-outs. Times in ns, no clock.

The factors (1.2 and 2.4 heartbeat intervals) are those of the QuickFIX family.
"""

from __future__ import annotations

from gateway.transport.fix_session.settings import SessionSettings

__all__ = ["Timers"]

_SECOND_NS = 1_000_000_000


class Timers:
    """Moments of one session. `heartbeat_s` 0 = no heartbeats in either direction."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self.heartbeat_s = settings.heartbeat_s
        self.resend_attempts = 0
        self.logon_end_ns = self.logout_end_ns = 0
        self._received_ns = self._asked_ns = self._period_end_ns = 0
        self._is_life_asked = False

    def connected(self, now_ns: int) -> None:
        self._received_ns = now_ns
        self.period_began(now_ns)
        self._is_life_asked = False
        self.resend_attempts = 0
        self.logon_end_ns = now_ns + int(self._settings.logon_timeout_s * _SECOND_NS)

    def period_began(self, now_ns: int) -> None:
        """The numbers are of the period of now, and end with it."""
        self._period_end_ns = self._settings.schedule.period_end_ns(now_ns)

    def logged_out(self, now_ns: int) -> None:
        self.logout_end_ns = now_ns + int(self._settings.logout_timeout_s * _SECOND_NS)

    def received(self, now_ns: int) -> None:
        self._received_ns = now_ns
        self._is_life_asked = False

    def asked(self, now_ns: int) -> None:
        """A ResendRequest went out, or 789 said as much."""
        self._asked_ns = now_ns
        self.resend_attempts += 1

    def progressed(self, now_ns: int) -> None:
        """The expected number moved on."""
        self._asked_ns = now_ns
        self.resend_attempts = min(self.resend_attempts, 1)

    def asked_for_life(self) -> None:
        """A TestRequest went out."""
        self._is_life_asked = True

    def is_logon_over(self, now_ns: int) -> bool:
        return now_ns >= self.logon_end_ns

    def is_logout_over(self, now_ns: int) -> bool:
        return now_ns >= self.logout_end_ns

    def is_peer_dead(self, now_ns: int) -> bool:
        return self.heartbeat_s > 0 and now_ns >= self._received_ns + self._part(24)

    def needs_test_request(self, now_ns: int) -> bool:
        is_due = now_ns >= self._received_ns + self._part(12)
        return self.heartbeat_s > 0 and is_due and not self._is_life_asked

    def needs_heartbeat(self, now_ns: int, last_sent_ns: int) -> bool:
        is_due = now_ns >= last_sent_ns + self._part(10)
        return self.heartbeat_s > 0 and is_due and not self._is_life_asked

    def is_period_over(self, now_ns: int) -> bool:
        return 0 < self._period_end_ns <= now_ns

    def is_resend_late(self, now_ns: int) -> bool:
        return now_ns >= self._asked_ns + self._resend_ns()

    def next_ns(self, last_sent_ns: int, is_gap_open: bool) -> int | None:
        """The earliest of what can be due in an active session."""
        moments: list[int] = []
        if self.heartbeat_s > 0 and self._is_life_asked:
            moments.append(self._received_ns + self._part(24))
        elif self.heartbeat_s > 0:
            moments += [self._received_ns + self._part(12), last_sent_ns + self._part(10)]
        if is_gap_open:
            moments.append(self._asked_ns + self._resend_ns())
        if self._period_end_ns:
            moments.append(self._period_end_ns)
        return min(moments, default=None)

    def _resend_ns(self) -> int:
        return int(self._settings.resend_timeout_s * _SECOND_NS)

    def _part(self, tenths: int) -> int:
        return self.heartbeat_s * tenths * (_SECOND_NS // 10)
