"""Balanced books and lots from a journal's files, exact. Decimal text out. Enumerations are the
words of core_ext/include/gateway_core/ledger: methods fifo, lifo, hifo, specific, wac; rules none,
us_wash_sale."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

class Ledger:
    """Follows a journal from its first record. RuntimeError: the journal cannot be read.
    ValueError: a method, a rule or a number is not known. For one thread at a time: follow() lets
    other threads run, and none of them may use the same ledger meanwhile."""

    def __init__(
        self,
        directory: str,
        ring_directory: str = "",
        keeps_all: bool = True,
        designations: list[tuple[int, int, str]] = ...,
    ) -> None:
        """`keeps_all`: every execution is remembered, 96 bytes each, for disposals over the whole
        past; False is for who follows for ever and asks for no disposals.
        `designations`: (sequence of the closing record, lot, quantity) for `specific`."""
    def follow(
        self,
        limit: int = 65536,
        until_sequence: int = 0,
        until_time_ns: int = 0,
        checks_end: bool = True,
        stops_at_rates: bool = False,
    ) -> int:
        """Book up to `limit` new records and none beyond the bounds (0 = none); how many. Where the
        journal is damaged the records before are booked, and the next call raises: who wants to
        know whether 0 is the end or a damage calls follow(0). That looks at the directory: who
        asks a thousand times a second says `checks_end` now and then. `stops_at_rates`: return
        behind a record that gave a currency another rate, so that what was earned before it can
        be told from what comes after."""
    def run(self, seconds: float, idle_seconds: float) -> bool:
        """Book what comes for so long, a second at most, with a pause of `idle_seconds` where
        nothing comes, or up to a record that gave a currency another rate; whether it stands at
        the end. Needs the interpreter at its end only. Raises as follow(), whose look at a damage
        it takes once."""
    def take_steps(self) -> list[tuple[int, int]]:
        """(sequence, monotonic ns) behind each step of run() since the last call; kept are 8192 at
        most."""
    def reopen(self) -> bool:
        """Read on from the files as they are now, from where it stands. False, and nothing is
        changed: they do not hold the record that was read last."""
    @property
    def sequence(self) -> int: ...
    @property
    def is_empty(self) -> bool:
        """No record was found, be it within the bounds or beyond them."""
    @property
    def time_ns(self) -> int: ...
    @property
    def posted(self) -> int:
        """Records that moved something."""
    @property
    def unbooked_count(self) -> int:
        """Records that are not in the books."""
    def is_balanced(self) -> bool:
        """Add up every account anew: every currency is zero."""
    def trial_balance(self, method: str = "wac") -> list[dict[str, Any]]: ...
    def accounts(self, method: str = "wac") -> list[dict[str, Any]]: ...
    def positions(
        self, method: str = "wac", exit_fee_rate: str = "", marks: dict[str, str] = ...
    ) -> list[dict[str, Any]]:
        """`exit_fee_rate` "" = what each book has paid so far. `marks`: instrument -> price, for
        `unrealised` by weighted average; None without one. ValueError for a bad number."""
    def lots(self, method: str = "fifo") -> list[dict[str, Any]]: ...
    def holdings(self, edges_ns: list[int]) -> list[dict[str, Any]]:
        """Of each open book, by its lots (fifo): {account, strategy, instrument, leg, margin_mode,
        currency, quantity, opened_ns, average_opened_ns (by size), oldest_opened_ns, parts}.
        parts[i] was opened behind edges_ns[i] and not behind the edge before, the last part before
        all of them; edges go backwards."""
    def disposals(
        self, method: str = "fifo", rule: str = "none"
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """(disposals by time, losses that wait in lots still open)."""
    def unmet_designations(self) -> list[tuple[int, int, str]]:
        """Those that no close met so far."""
    def unbooked(self) -> list[dict[str, Any]]: ...
    def unbooked_counts(self) -> dict[str, int]:
        """All of them by reason, also those no longer in unbooked()."""
    def rates(self) -> list[dict[str, Any]]:
        """{currency, rate, time_ns}: worth in the reporting currency, as last said."""
    @property
    def rate_changes(self) -> int:
        """Rises with every record that gave a currency another rate."""
    def take_fills(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Rows of the newest 1000 fills that are new or revised since the last call: {sequence,
        time_ns, account, strategy, instrument, side, quantity, price, fee, fee_currency, order_id,
        trade_id, liquidity, revision, realised, arrival_price, slippage}."""

class LotModel:
    """One position under every method; fills are numbered from 1 and name the lots they open. A
    fault raises ValueError(CODE) and leaves the fills before it."""

    def __init__(
        self,
        kind: int,
        price_scale: int,
        quantity_scale: int,
        multiplier_scale: int = 0,
        multiplier: int = 1,
    ) -> None: ...
    def designate(self, wishes: list[tuple[int, int, int]]) -> None:
        """(closing fill, lot, quantity) for the method specific, in the order in which they count.
        ValueError: there are fills already."""
    def apply_many(
        self,
        sides: NDArray[np.int64],
        prices: NDArray[np.int64],
        quantities: NDArray[np.int64],
    ) -> None: ...
    def apply_before(self, before: int, side: int, price: int, quantity: int) -> None:
        """A fill that happened before the one with that number, and is told now."""
    def revise(self, number: int, side: int, price: int, quantity: int) -> None:
        """Another fill in its place; quantity 0 = it never was."""
    def row(self, method: int) -> dict[str, Any]:
        """{quantity, cost, realised, lots: [(number, quantity, cost)]}"""
