"""What OKX lists, under bad input: one answer that cannot be read keeps no venue from trading."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from gateway_okx.listings import Listings
from gateway_okx.rows import TickBandsRow

from gateway.api import VenueProtocolError

pytestmark = pytest.mark.asyncio
OPTION = "BTC-USD-301227-60000-C"


class Asked:
    """Stands for the venue: no instruments, and whatever bands `tick` says."""

    tick = "0.0005"

    async def get(self, path: str, query: object, kind: object, *, is_public: bool) -> list[Any]:
        if path != "public/instrument-tick-bands":
            return []
        if self.tick == "not json":
            raise VenueProtocolError("bands: not json")
        band = {"minPx": "0", "maxPx": "100", "tickSz": self.tick}
        return [msgspec.convert({"instFamily": "BTC-USD", "tickBand": [band]}, TickBandsRow)]


@pytest.mark.parametrize("tick", ["not json", "junk"])
async def test_bands_that_cannot_be_read_leave_those_that_are_known(tick: str) -> None:
    asked, counters = Asked(), Counter[str]()
    settings = SimpleNamespace(kinds=("OPTION",), option_families=("BTC-USD",), wants=bool)
    listings = Listings("okx", asked, settings, counters)  # type: ignore[arg-type]
    await listings.ask()
    assert "tick 0.0005" in listings.off_tick(OPTION, "0.0486")
    asked.tick = tick
    assert await listings.ask() == []
    assert "tick 0.0005" in listings.off_tick(OPTION, "0.0486")
    assert counters["unreadable_tick_bands"] == 1


@pytest.mark.parametrize("tick", ["0", "0.0", "-1"])
async def test_a_step_of_nothing_is_no_step(tick: str) -> None:
    asked = Asked()
    asked.tick = tick
    settings = SimpleNamespace(kinds=("OPTION",), option_families=("BTC-USD",), wants=bool)
    listings = Listings("okx", asked, settings, Counter())  # type: ignore[arg-type]
    await listings.ask()
    assert listings.off_tick(OPTION, "0.0486") == ""
