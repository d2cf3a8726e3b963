"""A recorded market: one session of Binance USD-M traffic, read in place, looped with shifted
times. The book starts every loop from the recorded snapshots; a continuity break is an error."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import cysimdjson

from gateway.api.messages import SideName
from gateway_paper.venue.market import BookCleared, LevelSet, MarketChange, Traded
from gateway_paper.venue.settings import Listing

__all__ = ["RecordedMarket", "find_recorded_data", "read_listings"]

EVENTS_PER_ADVANCE_MAX = 20_000


class Timed(NamedTuple):
    """Changes that became known together, by receive time since the first line."""

    offset_ns: int
    changes: tuple[MarketChange, ...]


def find_recorded_data(project_root: Path) -> Path | None:
    """The folder with the recording, or None when this machine has none."""
    named = os.environ.get("GATEWAY_RECORDED_DATA")
    places = [Path(named), Path(named) / "binance_usdm"] if named else []
    places.append(project_root.parent / "shared" / "data" / "binance_usdm")
    return next((place for place in places if (place / "ws.txt").is_file()), None)


def read_listings(folder: Path) -> list[Listing]:
    """The instruments of the recording with the venue's own rules."""
    wanted = {symbol for symbol, _, _ in _snapshots(folder)}
    for _, _, answer in _lines(folder / "exchange_info.txt"):
        rows = [row for row in answer["symbols"] if row["symbol"] in wanted]
        return sorted((_listing(row) for row in rows), key=lambda listing: listing.symbol)
    raise ValueError(f"{folder}/exchange_info.txt: no answer in it")


def _listing(row: Mapping[str, Any]) -> Listing:
    filters = {item["filterType"]: item for item in row["filters"]}
    tick, lot = filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]
    return Listing(
        symbol=row["symbol"],
        name=f"{row['baseAsset']}-{row['quoteAsset']}",
        kind="linear",
        base=row["baseAsset"],
        quote=row["quoteAsset"],
        settle=row["marginAsset"],
        tick=_trimmed(tick),
        lot=_trimmed(lot),
        quantity_min=filters["LOT_SIZE"]["minQty"],
        quantity_max=filters["LOT_SIZE"]["maxQty"],
        notional_min=filters["MIN_NOTIONAL"]["notional"],
        funding_rate="0.0001",
    )


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


class RecordedMarket:
    """Plays the recording from its start, again and again."""

    def __init__(self, folder: Path, listings: Mapping[str, Listing]) -> None:
        self._events = list(_timeline(folder, listings))
        if not self._events:
            raise ValueError(f"{folder}: nothing recorded for {sorted(listings)}")
        # One more millisecond than the last event, so that loops do not overlap.
        self.duration_ns = self._events[-1].offset_ns + 1_000_000
        self._position = 0  # events played since the start, over all loops

    def advance(self, elapsed_ns: int) -> list[MarketChange]:
        changes: list[MarketChange] = []
        for _ in range(EVENTS_PER_ADVANCE_MAX):
            loop, index = divmod(self._position, len(self._events))
            event = self._events[index]
            if loop * self.duration_ns + event.offset_ns > elapsed_ns:
                break
            changes += event.changes
            self._position += 1
        return changes


def _timeline(folder: Path, listings: Mapping[str, Listing]) -> Iterator[Timed]:
    """All changes in receive order; depth before its snapshot is dropped."""
    start_ns, last_update = 0, {}
    rows: list[tuple[int, int, str, Mapping[str, Any]]] = []
    for number, (received_ns, _, message) in enumerate(_lines(folder / "ws.txt")):
        start_ns = start_ns or received_ns
        data = message["data"]
        if data["e"] in ("depthUpdate", "aggTrade") and data["s"] in listings:
            rows.append((received_ns, number, data["e"], data))
    for symbol, _, answer in _snapshots(folder):
        if symbol in listings:
            last_update[symbol] = answer["lastUpdateId"]
            # All books start at once: there is no moment of a loop without a market.
            yield Timed(0, tuple(_snapshot_changes(listings[symbol], answer)))
    previous: dict[str, int] = {}
    for received_ns, _, kind, data in rows:
        changes = (
            _trade_changes(listings[data["s"]], data)
            if kind == "aggTrade"
            else _depth_changes(listings[data["s"]], data, last_update, previous)
        )
        if changes:
            yield Timed(received_ns - start_ns, tuple(changes))


def _snapshot_changes(listing: Listing, answer: Mapping[str, Any]) -> list[MarketChange]:
    return [BookCleared(listing.symbol), *_levels(listing, answer["bids"], answer["asks"])]


def _trade_changes(listing: Listing, data: Mapping[str, Any]) -> list[MarketChange]:
    aggressor: SideName = "sell" if data["m"] else "buy"  # m: the buyer was the maker
    price, quantity = listing.price(data["p"]), listing.quantity(data["q"])
    return [Traded(listing.symbol, price, quantity, aggressor)]


def _depth_changes(
    listing: Listing,
    data: Mapping[str, Any],
    last_update: Mapping[str, int],
    previous: dict[str, int],
) -> list[MarketChange]:
    """The venue's continuity rule: after the snapshot each `pu` is the `u` before it."""
    symbol, first, last = data["s"], data["U"], data["u"]
    snapshot = last_update[symbol]
    if last < snapshot:
        return []
    expected = previous.get(symbol)
    is_continuous = first <= snapshot if expected is None else data["pu"] == expected
    if not is_continuous:
        raise ValueError(f"{symbol}: update {first}-{last} does not follow {expected or snapshot}")
    previous[symbol] = last
    return _levels(listing, data["b"], data["a"])


def _levels(listing: Listing, bids: Any, asks: Any) -> list[MarketChange]:
    """Levels of the recording. It still shows a few orders from before the venue made its tick
    coarser; no order of ours could stand there, so they are left out."""
    sides: tuple[tuple[SideName, Any], ...] = (("buy", bids), ("sell", asks))
    return [
        LevelSet(listing.symbol, side, listing.price(price), listing.quantity(quantity))
        for side, pairs in sides
        for price, quantity in pairs
        if (Fraction(price) / Fraction(listing.tick)).denominator == 1
    ]


def _snapshots(folder: Path) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    for received_ns, address, answer in _lines(folder / "http.txt"):
        symbol = address.partition("symbol=")[2].partition("&")[0]
        if symbol:
            yield symbol, received_ns, answer


def _lines(path: Path) -> Iterator[tuple[int, str, Any]]:
    """(receive time ns, address or "", message) of every recorded line that carries JSON."""
    parser = cysimdjson.JSONParser()
    with path.open("rb") as file:
        for line in file:
            head, brace, tail = line.partition(b": {")
            if not brace:
                continue
            address, arrow, stamp = head.decode().partition(" -> ")
            seconds, _, fraction = (stamp if arrow else address).partition(".")
            received_ns = int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9])
            message = parser.parse(b"{" + tail.strip()).export()
            yield received_ns, address if arrow else "", message
