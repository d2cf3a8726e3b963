"""The feed of docs/concepts/paper_venue.md: a real venue's frames move the simulated market, and an
order of ours is filled by them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gateway_paper.adapter import PaperAdapter
from gateway_paper.venue.settings import VenueSettings

SECONDS_MAX = 300.0
PAGE = "docs/concepts/paper_venue.md"
ORDER = {
    "account": "A", "client_order_id": "x1", "instrument": "BTCUSDT", "side": "buy",
    "type": "limit", "time_in_force": "gtc", "quantity": "1", "price": "99.9",
}  # fmt: skip


def book(*levels: tuple[str, str, str]) -> dict[str, Any]:
    sides = {side: [[p, q] for s, p, q in levels if s == side] for side in ("b", "a")}
    return {"stream": "btcusdt@depth20@100ms", "data": {"e": "depthUpdate", "s": "BTCUSDT"} | sides}


def trade(price: str, quantity: str, *, is_buyer_maker: bool) -> dict[str, Any]:
    data = {"e": "aggTrade", "s": "BTCUSDT", "p": price, "q": quantity, "m": is_buyer_maker}
    return {"stream": "btcusdt@aggTrade", "data": data}


async def fed(program: Path, url: str, *frames: dict[str, Any]) -> None:
    lines = "".join(json.dumps(each) + "\n" for each in frames)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(program), url, "test-admin", "BTCUSDT"],
        input=lines, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.asyncio
async def test_the_pages_feed_moves_the_market_and_fills_an_order(
    venue_process: Callable[..., Any],
    connected: Callable[..., Any],
    port: Any,
    project_root: Path,
    tmp_path: Path,
) -> None:
    text = (project_root / PAGE).read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    program = tmp_path / "feed.py"
    program.write_text(code)
    venue = venue_process()
    adapter: PaperAdapter
    async with connected(venue) as adapter:
        await fed(program, venue.url,
                  book(("b", "99.9", "2"), ("b", "99.8", "1"), ("a", "100.1", "3")))  # fmt: skip
        await adapter._rest.post("/v1/orders", ORDER)
        # Behind 2 at its price: a trade of 2 takes what is ahead, the next one is ours.
        await fed(program, venue.url, trade("99.9", "2", is_buyer_maker=True))
        assert list(venue.judge().cumulative().values()) == [0]
        await fed(program, venue.url,
                  book(("b", "99.8", "1"), ("a", "99.9", "1")),
                  trade("99.8", "5", is_buyer_maker=True))  # fmt: skip
        assert list(venue.judge().cumulative().values()) == [1]


def test_the_page_names_the_settings_and_markets_that_there_are(project_root: Path) -> None:
    text = (project_root / PAGE).read_text(encoding="utf-8")
    process = text[text.index("The process reads one file") : text.index("## Where its prices")]
    named = set(re.findall(r"^\| `(\w+)` \|", process, re.MULTILINE))
    assert named <= set(VenueSettings.__struct_fields__)
    markets = set(re.findall(r"^\| `(\w+)` \|", text[text.index("## Where its") :], re.MULTILINE))
    assert markets - {"market"} == {"generator", "recorded", "manual"}
