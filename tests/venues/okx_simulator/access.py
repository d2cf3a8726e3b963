"""Who may ask, and how often: signatures over the exact bytes, and rolling limits per user."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from okx_simulator.envelope import Refusal, TopRefusal
from okx_simulator.listings import Key

__all__ = ["Gate", "RollingLimits", "sign"]

SKEW_SECONDS_MAX = 30


def sign(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256)).decode()


class Gate:
    """Checks requests and logins. Knows nothing of sockets."""

    def __init__(self, keys: Iterable[Key], now_ns: Callable[[], int]) -> None:
        self._keys = {key.key: key for key in keys}
        self._now_ns = now_ns

    def check_request(self, headers: Mapping[str, str], method: str, path: str, body: str) -> str:
        """The account of a signed request. `path` holds the query as it was sent."""
        name = headers.get("OK-ACCESS-KEY", "")
        if not name:
            raise TopRefusal("50103", 401)
        key = self._keys.get(name)
        if key is None:
            raise TopRefusal("50111", 401)
        if headers.get("OK-ACCESS-PASSPHRASE") != key.passphrase:
            raise TopRefusal("50105", 401)
        if (headers.get("x-simulated-trading", "0") == "1") != key.is_demo:
            raise TopRefusal("50101", 401)
        stamp = headers.get("OK-ACCESS-TIMESTAMP", "")
        self._check_stamp(stamp)
        wanted = sign(key.secret, f"{stamp}{method}{path}{body}")
        if not hmac.compare_digest(wanted, headers.get("OK-ACCESS-SIGN", "")):
            raise TopRefusal("50113", 401)
        return key.account

    def check_login(self, row: Mapping[str, object]) -> str:
        """The account of a WebSocket login; clients write the seconds as text or as a number."""
        key = self._keys.get(str(row.get("apiKey", "")))
        if key is None:
            raise Refusal("60005")
        if row.get("passphrase") != key.passphrase:
            raise Refusal("60024")
        stamp = str(row.get("timestamp", ""))
        try:
            seconds = float(stamp)
        except ValueError:
            raise Refusal("60004") from None
        if abs(self._now_ns() / 1e9 - seconds) > SKEW_SECONDS_MAX:
            raise Refusal("60006")
        wanted = sign(key.secret, f"{stamp}GET/users/self/verify")
        if not hmac.compare_digest(wanted, str(row.get("sign", ""))):
            raise Refusal("60007")
        return key.account

    def _check_stamp(self, stamp: str) -> None:
        try:
            asked = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        except ValueError:
            raise TopRefusal("50112", 401) from None
        if abs(self._now_ns() / 1e9 - asked.timestamp()) > SKEW_SECONDS_MAX:
            raise TopRefusal("50102", 401)


class RollingLimits:
    """At most `capacity` in any `window_ms`, per subject. Refused requests do not count."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._spent: dict[tuple[str, ...], deque[int]] = defaultdict(deque)
        self.scale = 1  # tests make the limits smaller: capacity // scale
        self.refused = 0

    def spend(
        self, subject: tuple[str, ...], capacity: int, window_ms: int, amount: int = 1
    ) -> bool:
        """Whether the request still fits."""
        now, spent = self._now_ns(), self._spent[subject]
        while spent and spent[0] <= now - window_ms * 1_000_000:
            spent.popleft()
        if len(spent) + amount > max(1, capacity // self.scale):
            self.refused += 1
            return False
        spent.extend([now] * amount)
        return True
