"""The gate of the simulated venue: clock, keys, signatures over the exact bytes, weights and bans.

Rules: "General Info" of the USDS-M futures documentation, 2026-10.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections import deque
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec
from binance_simulator.rules import BinanceError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["Key", "Limits", "SimulatorClock", "check_timestamp", "is_signed", "split_signature"]

_REPEATS_BEFORE_BAN = 3  # requests into a standing 429
_BAN_SECONDS = 120


class SimulatorClock:
    """Real time plus what the test added; `skew_ms` is how far the venue's clock runs ahead."""

    def __init__(self) -> None:
        self._added_ns = 0
        self.skew_ms = 0

    def now_ns(self) -> int:
        return time.time_ns() + self._added_ns + self.skew_ms * 1_000_000

    def now_ms(self) -> int:
        return self.now_ns() // 1_000_000

    def advance(self, seconds: float) -> None:
        self._added_ns += int(seconds * 1e9)


class Key(msgspec.Struct, kw_only=True):
    """One API key: with a secret it signs by HMAC-SHA256, with a public key by Ed25519."""

    api_key: str
    account: str
    secret: str = ""
    public_key: bytes = b""


def split_signature(query: str, body: str) -> tuple[str, str, dict[str, str]]:
    """(signed text, signature, parameters) of a request, its bytes as they came. The signature may
    stand in the query or in the body, and is itself not signed."""
    signature = ""
    kept = []
    for part in (query, body):
        pieces = []
        for piece in part.split("&") if part else ():
            if piece.startswith("signature="):
                signature = piece.removeprefix("signature=")
            else:
                pieces.append(piece)
        kept.append("&".join(pieces))
    pairs = parse_qsl("&".join(part for part in kept if part), keep_blank_values=True)
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise BinanceError(-1102, next(name for name in names if names.count(name) > 1))
    decoded = dict(parse_qsl(f"s={signature}")).get("s", "")
    return "".join(kept), decoded, dict(pairs)


def is_signed(key: Key, text: str, signature: str) -> bool:
    if key.secret:
        wanted = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, signature)
    try:
        raw = base64.b64decode(signature, validate=True)
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(raw, text.encode())
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def check_timestamp(parameters: dict[str, str], now_ms: int) -> None:
    """timestamp < server time + 1 s, and not older than recvWindow (5 s unless told)."""
    try:
        stamp = float(parameters["timestamp"])
        window = float(parameters.get("recvWindow", "5000"))
    except (KeyError, ValueError) as error:
        raise BinanceError(-1102, "timestamp") from error
    if window > 60_000:
        raise BinanceError(-1102, "recvWindow")
    if stamp >= now_ms + 1_000:
        text = "Timestamp for this request was 1000ms ahead of the server's time."
        raise BinanceError(-1021, text=text)
    if now_ms - stamp > window:
        raise BinanceError(-1021)


class Limits:
    """Weight per minute of the address, orders per account, and the ban of who does not listen."""

    def __init__(
        self, clock: SimulatorClock, weight: int, orders: Mapping[str, tuple[int, int]]
    ) -> None:
        self._clock = clock
        self.limit_weight = weight  # per minute and address
        self.limit_orders = dict(orders)  # name -> (seconds, orders of an account)
        self._minute = 0
        self.used_weight = 0
        self._over = 0
        self.banned_until_ms = 0
        self.bans = 0
        self.requests_while_banned = 0
        self._orders: dict[str, deque[int]] = {}

    def ban(self, seconds: float) -> None:
        self.bans += 1
        self.banned_until_ms = self._clock.now_ms() + int(seconds * 1_000)

    def spend(self, weight: int) -> None:
        """Raises 418 while banned, 429 over the limit; who goes on after 429 is banned."""
        now = self._clock.now_ms()
        if now < self.banned_until_ms:
            self.requests_while_banned += 1
            raise self._banned(now)
        if now // 60_000 != self._minute:
            self._minute, self.used_weight, self._over = now // 60_000, 0, 0
        self.used_weight += weight
        if self.used_weight <= self.limit_weight:
            return
        self._over += 1
        if self._over > _REPEATS_BEFORE_BAN:
            self.ban(_BAN_SECONDS)
            raise self._banned(now)
        raise BinanceError(-1003, "127.0.0.1")

    def count_orders(self, account: str, orders: int = 1) -> None:
        now = self._clock.now_ms()
        times = self._orders.setdefault(account, deque())
        longest = max(seconds for seconds, _ in self.limit_orders.values())
        while times and times[0] <= now - longest * 1_000:
            times.popleft()
        for seconds, limit in self.limit_orders.values():
            if sum(1 for each in times if each > now - seconds * 1_000) + orders > limit:
                raise BinanceError(-1015, f"{limit} orders per {seconds} SECOND")
        times.extend([now] * orders)

    def forgive(self, account: str) -> None:
        """An order got its first fill: on Spot it does not count any more."""
        times = self._orders.get(account)
        if times:
            times.pop()

    def order_counts(self, account: str) -> dict[str, int]:
        now = self._clock.now_ms()
        times = self._orders.get(account, ())
        return {
            name: sum(1 for each in times if each > now - seconds * 1_000)
            for name, (seconds, _) in self.limit_orders.items()
        }

    def headers(self, account: str) -> dict[str, str]:
        found = {"X-MBX-USED-WEIGHT-1M": str(self.used_weight)}
        for name, count in self.order_counts(account).items():
            found[f"X-MBX-ORDER-COUNT-{name}"] = str(count)
        return found

    def retry_after_seconds(self) -> int:
        """0 when nothing has to be waited for."""
        now = self._clock.now_ms()
        if now < self.banned_until_ms:
            return -(-(self.banned_until_ms - now) // 1_000)
        return 60 - now // 1_000 % 60

    def _banned(self, now: int) -> BinanceError:
        text = (
            f"Way too many requests; IP(127.0.0.1) banned until {self.banned_until_ms}. Please use "
            "the websocket for live updates to avoid bans."
        )
        return BinanceError(-1003, text=text, status=418)
