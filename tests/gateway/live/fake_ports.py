"""The ports of the engine in memory: commands are checked as the native ports check them, queued,
and handed to the engine's next turn."""

# ruff: noqa: PLR0917

import itertools
import re
from collections import deque
from decimal import Decimal


def text(number):
    return format(number.normalize(), "f") if number else "0"


class ClientPort:
    def __init__(self, engine, number):
        self.number, self._engine = number, engine
        self._requests = itertools.count(1)
        self._notices = deque()
        self.overruns = 0
        self.is_full = False

    def submit(
        self,
        principal,
        client_id,
        instrument,
        account,
        strategy,
        side,
        type,
        time_in_force,
        quantity,
        price="",
        trigger_price="",
        display_quantity="",
        expires_ns=0,
        leg=0,
        flags=0,
    ):
        for field, value in (("quantity", quantity), ("price", price)):
            if value and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
                raise ValueError(f"BAD_NUMBER {field}")
            if value and len(value.partition(".")[2].rstrip("0")) > 8:
                raise ValueError(f"PRECISION {field}")
            if value and Decimal(value) * 10**8 >= 2**63:
                raise ValueError(f"OVERFLOW {field}")
        content = (principal, client_id, instrument, account, strategy, side, type, time_in_force)
        content += (quantity, price, trigger_price, display_quantity, expires_ns, leg, flags)
        return self._queue("new", content)

    def cancel(self, principal, order_id, reason=0):
        return self._queue("cancel", (principal, order_id, reason))

    def replace(self, principal, order_id, client_id="", quantity="", price=""):
        return self._queue("replace", (principal, order_id, client_id, quantity, price))

    def mass_cancel(
        self, principal, account=0, strategy=0, instrument=0, venue=0, origin_port=0, reason=1
    ):
        return self._queue("mass", (principal, account, strategy, instrument, venue))

    def notices(self, limit=1024):
        return [self._notices.popleft() for _ in range(min(limit, len(self._notices)))]

    def wake_fd(self):
        raise AssertionError("inline drive only")

    def _queue(self, kind, content):
        if self.is_full:
            return 0
        request = next(self._requests)
        self._engine.work.append((self, request, kind, content))
        return request


class VenuePort:
    def __init__(self, engine, venue):
        self.venue, self._engine = venue, engine
        self.outbound = deque()
        self.is_full = False
        self.state = 0

    def take(self, limit=256):
        return [self.outbound.popleft() for _ in range(min(limit, len(self.outbound)))]

    def wake_fd(self):
        raise AssertionError("inline drive only")

    def __getattr__(self, name):
        if name not in self._engine.FACTS:
            raise AttributeError(name)

        def put(*values, **named):
            if self.is_full:
                return False
            self._engine.work.append((self, 0, name, values, named))
            return True

        return put


class Measurement:
    """Remembers (stage, tag) of what was measured from a moment that was really taken."""

    def __init__(self):
        self.recorded = []
        self._moments = 0

    def timestamp(self):
        self._moments += 1
        return self._moments

    def record(self, stage, begin, tag=0):
        assert 0 < begin <= self._moments
        self.recorded.append((stage, tag))

    def record_ns(self, stage, duration_ns, tag=0):
        assert duration_ns >= 0
        self.recorded.append((stage, tag))

    def calibrate(self):
        pass


class AccountTimes:
    """Up to when what is booked of an account; a part of the engine."""

    def last_fill_time_ns(self, account):
        return max((when for key, when in self._fills.items() if key[0] == account), default=0)

    def funding_known_ns(self, account):
        return self._funded.get(account, 0)

    def funding_settled_ns(self, account):
        return self._settled.get(account, 0)

    def interest_known_ns(self, account):
        return self._interest.get(account, 0)

    def forgotten_fill_ns(self, account):
        return 0  # it remembers all

    forgotten_payment_ns = forgotten_fill_ns
