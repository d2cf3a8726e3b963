"""Columns of history from a journal's files: what each record left of order, position and balance.
One thread at a time; extract() and skip() let others run."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any] | tuple[NDArray[np.int32], NDArray[np.int8]]

class Extractor:
    """Stands at the newest snapshot of `snapshot_directories` not beyond `until` (0 = the newest),
    or before the first record. RuntimeError: the journal cannot be read further, and why."""

    def __init__(
        self,
        directory: str,
        ring_directory: str = "",
        snapshot_directories: list[str] = ...,
        until: int = 0,
    ) -> None: ...
    @property
    def sequence(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    def skip(self, until: int, limit: int = 1_000_000) -> int:
        """Apply records without making rows; how many."""
    def extract(self, until: int, rows_max: int = 250_000) -> dict[str, Any]:
        """{orders, fills, positions, balances, funding, refusals: {name: Column}, others: decoded
        records, records: how many were read}. Texts are (ends, bytes), money is two words."""
    def names(self) -> dict[str, Any]:
        """{currency, venue, instrument, account, strategy, principal: names by id,
        venue_of_instrument, settle_of_instrument: ids by instrument}"""
    def state_hash(self) -> str: ...
    def write_snapshot(self, directory: str, keep: int = 3) -> str: ...
