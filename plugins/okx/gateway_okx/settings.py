"""The settings of one OKX venue, read and checked once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

__all__ = ["KindName", "OkxSettings"]


KindName = Literal["SPOT", "SWAP", "FUTURES", "OPTION"]


class OkxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key is one account at OKX, so one venue of the gateway is one account."""

    account: str  # the gateway's name of the key's account
    url: str = "https://www.okx.com"  # EEA: https://eea.okx.com, US: https://us.okx.com
    socket_url: str = "wss://ws.okx.com:8443/ws/v5"  # demo: wspap.okx.com:8443
    is_demo: bool = False
    is_withdrawal_key_allowed: bool = False  # a key that may withdraw is refused otherwise
    trade_mode: Literal["cross", "isolated"] = "cross"  # margin mode of swaps and futures
    kinds: tuple[KindName, ...] = ("SPOT", "SWAP")
    option_families: tuple[str, ...] = ()  # needed for OPTION, e.g. "BTC-USD"
    symbols: tuple[str, ...] = ()  # OKX's spelling; none = all of the kinds
    has_marks: bool = True
    order_entry: Literal["rest", "websocket"] = "rest"
    timeout_ms: int = 3_000
    acceptance_window_ms: int = 5_000
    history_days: int = 90  # how far back a first start asks for fills, funding and interest
    silence_max_s: float = 20.0  # OKX cuts after 30 s without a word
    budget_rows_file: str = ""  # one budget for all processes of the host that name it

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> OkxSettings:
        """Raises ValueError naming the setting."""
        try:
            terms = msgspec.convert(dict(settings), cls)
        except msgspec.ValidationError as error:
            raise ValueError(f"settings of the okx adapter: {error}") from None
        if not terms.url.startswith(("http://", "https://")):
            raise ValueError("url: an http(s) address is needed")
        if not terms.socket_url.startswith(("ws://", "wss://")):
            raise ValueError("socket_url: a ws(s) address is needed")
        if not 0 < terms.silence_max_s < 30:
            raise ValueError("silence_max_s: above 0 and below 30")
        if not terms.kinds:
            raise ValueError("kinds: at least one")
        if ("OPTION" in terms.kinds) != bool(terms.option_families):
            raise ValueError("option_families: needed with the kind OPTION, and only then")
        if "OPTION" in terms.kinds and terms.trade_mode == "isolated":
            raise ValueError("trade_mode: isolated is for SWAP and FUTURES, not for OPTION")
        if not 0 < terms.history_days <= 365:
            raise ValueError("history_days: 1 to 365")
        if not 0 < terms.acceptance_window_ms <= 30_000:
            raise ValueError("acceptance_window_ms: 1 to 30000")
        file = terms.budget_rows_file
        if file and not (file.startswith("/") and Path(file).parent.is_dir()):
            raise ValueError("budget_rows_file: a full path in a folder that is there")
        return terms

    def wants(self, symbol: str) -> bool:
        return not self.symbols or symbol in self.symbols
