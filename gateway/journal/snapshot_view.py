"""A snapshot file as numpy arrays over the mapped file: rows are read where they lie, never copied.

The layouts are those of core_ext/include/gateway_snapshot.h. Read-only; a daemon is not needed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ACCOUNT",
    "BALANCE",
    "COLLATERAL",
    "CURRENCY",
    "INSTRUMENT",
    "MONEY",
    "ORDER",
    "POSITION",
    "STRATEGY",
    "TABLES",
    "VENUE",
    "SnapshotView",
    "newest_snapshot",
]

MONEY = np.dtype([("low", "<u8"), ("high", "<i8")])  # high * 2**64 + low, at 10**-18

_HEADER = np.dtype(
    [
        ("magic", "V8"), ("version", "<u4"), ("instance", "<u4"), ("sequence", "<u8"),
        ("position", "<u8"), ("crc", "<u4"), ("epoch", "<u4"), ("payload_bytes", "<u8"),
        ("payload_sha256", "V32"), ("reserved", "V44"), ("header_crc", "<u4"),
    ]
)  # fmt: skip
_ENTRY = np.dtype(
    [
        ("table", "<u4"), ("row_bytes", "<u4"), ("offset", "<u8"), ("rows", "<u8"),
        ("padding", "<u4"), ("reserved", "<u4"),
    ]
)  # fmt: skip

CURRENCY = np.dtype([("id", "<u4"), ("version", "<u4"), ("code", "S24"), ("reserved", "V32")])
VENUE = np.dtype(
    [
        ("id", "<u4"), ("version", "<u4"), ("name", "S32"), ("is_simulated", "<u4"),
        ("order_types", "<u4"), ("times_in_force", "<u4"), ("flags", "<u4"), ("amend", "<u4"),
        ("ack_timeout_ms", "<u4"),
    ]
)  # fmt: skip
INSTRUMENT = np.dtype(
    [
        ("id", "<u4"), ("version", "<u4"), ("venue", "<u4"), ("base", "<u4"), ("quote", "<u4"),
        ("settle", "<u4"), ("kind", "u1"), ("price_scale", "u1"), ("quantity_scale", "u1"),
        ("multiplier_scale", "u1"), ("is_tradable", "u1"), ("reserved_bytes", "V3"),
        ("tick", "<i8"), ("lot", "<i8"), ("quantity_min", "<i8"), ("quantity_max", "<i8"),
        ("multiplier", "<i8"), ("notional_min_e8", "<i8"), ("symbol", "S32"),
        ("venue_symbol", "S32"), ("reserved", "V48"),
    ]
)  # fmt: skip
ACCOUNT = np.dtype(
    [
        ("id", "<u4"), ("version", "<u4"), ("venue", "<u4"), ("durability", "u1"),
        ("is_hedge_mode", "u1"), ("margin_mode", "u1"), ("reserved_byte", "V1"), ("name", "S32"),
        ("reserved", "V16"),
    ]
)  # fmt: skip
STRATEGY = np.dtype([("id", "<u4"), ("version", "<u4"), ("name", "S32"), ("reserved", "V24")])
ORDER = np.dtype(
    [
        ("version", "<u8"), ("order_id", "<u8"), ("client_number", "<u8"), ("price", "<i8"),
        ("quantity", "<i8"), ("instrument", "<u4"), ("account", "<u4"), ("strategy", "<u4"),
        ("type", "u1"), ("side", "u1"), ("time_in_force", "u1"), ("flags", "u1"),
        ("cumulative", "<i8"), ("principal", "<u4"), ("state", "u1"), ("overlay", "u1"),
        ("leg", "u1"), ("margin_mode", "u1"), ("route", "<u4"), ("origin_port", "<u4"),
        ("gate_price", "<i8"), ("reserved_quantity", "<i8"), ("reserved_notional_e4", "<i8"),
        ("created_ns", "<i8"), ("updated_ns", "<i8"), ("sequence", "<u8"), ("value_e18", MONEY),
        ("venue_sequence", "<u8"), ("venue_time_ns", "<i8"), ("reason", "<u4"), ("next", "<u4"),
        ("previous", "<u4"), ("id_next", "<u4"), ("number_next", "<u4"), ("venue_id_next", "<u4"),
        ("venue_id_hash", "<u8"), ("original_price", "<i8"), ("original_quantity", "<i8"),
        ("trigger_price", "<i8"), ("display_quantity", "<i8"), ("expires_ns", "<i8"),
        ("pending_price", "<i8"), ("pending_quantity", "<i8"), ("pending_client_number", "<u8"),
        ("venue_order_id", "S40"), ("told_cumulative", "<i8"), ("pending_gate_price", "<i8"),
        ("is_renamed", "<u2"), ("cross_ms", "<u2"), ("link_kind", "u1"), ("link_place", "u1"),
        ("link_count", "u1"), ("link_released", "u1"), ("client_id", "S64"),
        ("pending_client_id", "S64"),
    ]
)  # fmt: skip
POSITION = np.dtype(
    [
        ("account", "<u4"), ("instrument", "<u4"), ("strategy", "<u4"), ("leg", "<u2"),
        ("margin_mode", "<u2"), ("sequence", "<u8"), ("notional_e4", "<i8"),
        ("last_fill", "<u8"), ("reserved", "V24"), ("quantity", "<i8"), ("fills", "<u4"),
        ("state", "u1"), ("reserved_bytes", "V3"), ("cost_e18", MONEY), ("realised_e18", MONEY),
        ("fees_e18", MONEY),
    ]
)  # fmt: skip
BALANCE = np.dtype(
    [
        ("version", "<u8"), ("account", "<u4"), ("currency", "<u4"), ("total_e18", MONEY),
        ("sequence", "<u8"), ("reserved", "V24"),
    ]
)  # fmt: skip
COLLATERAL = np.dtype(
    [
        ("version", "<u8"), ("account", "<u4"), ("instrument", "<u4"), ("amount_e18", MONEY),
        ("sequence", "<u8"), ("venue_time_ns", "<i8"), ("leg", "<u4"), ("evidence", "<u4"),
        ("venue_margin_mode", "<u4"), ("reserved", "V4"),
    ]
)  # fmt: skip

TABLES: dict[str, tuple[int, np.dtype[np.void]]] = {
    "currencies": (1, CURRENCY),
    "venues": (2, VENUE),
    "instruments": (3, INSTRUMENT),
    "accounts": (4, ACCOUNT),
    "strategies": (5, STRATEGY),
    "orders": (6, ORDER),
    "positions": (7, POSITION),
    "balances": (8, BALANCE),
    "collaterals": (9, COLLATERAL),
}
_PREFIX = 16  # state magic, number of tables, bytes of an entry


def newest_snapshot(directory: Path) -> Path | None:
    """The snapshot with the highest sequence; None without one. Names sort like sequences."""
    return max(directory.glob("snapshot-*.state"), default=None)


class SnapshotView:
    """One mapped snapshot. `view["positions"]` is a read-only array over the file's own pages; it
    keeps the mapping alive. ValueError says what is wrong with a file and names it."""

    def __init__(self, path: Path, *, is_checked: bool = True) -> None:
        """`is_checked` compares the payload with its SHA-256, which reads the whole file once."""
        if path.stat().st_size < _HEADER.itemsize + _PREFIX + len(TABLES) * _ENTRY.itemsize:
            raise ValueError(f"{path.name}: shorter than its header")
        self._path = path
        self._file = np.memmap(path, np.uint8, mode="r")
        header = self._file[: _HEADER.itemsize].view(_HEADER)[0]
        self._payload = self._file[_HEADER.itemsize :]
        self._check(header, is_checked)
        self._contents = self._payload[_PREFIX : _PREFIX + len(TABLES) * _ENTRY.itemsize]
        self.sequence = int(header["sequence"])
        self.epoch = int(header["epoch"])

    def _check(self, header: Any, is_checked: bool) -> None:
        if header["magic"].tobytes() != b"GWSNAP01" or header["version"] != 5:
            raise ValueError(f"{self._path.name}: no snapshot of version 5")
        if int(header["payload_bytes"]) != len(self._payload):
            raise ValueError(f"{self._path.name}: size does not match its header")
        state = self._payload[:8].tobytes()
        if state != b"GWSTATE6":
            raise ValueError(f"{self._path.name}: state {state!r}, this view reads GWSTATE6")
        tables, entry_bytes = self._payload[8:_PREFIX].view("<u4").tolist()
        if (tables, entry_bytes) != (len(TABLES), _ENTRY.itemsize):
            raise ValueError(f"{self._path.name}: contents of another layout")
        digest = hashlib.sha256(self._payload.data).digest() if is_checked else b""
        if is_checked and digest != header["payload_sha256"].tobytes():
            raise ValueError(f"{self._path.name}: payload does not match its SHA-256")

    def __getitem__(self, name: str) -> NDArray[np.void]:
        """The rows of a table of TABLES. KeyError for another name."""
        number, dtype = TABLES[name]
        entry = self._contents.view(_ENTRY)[number - 1]
        offset, rows = int(entry["offset"]), int(entry["rows"])
        end = offset + rows * dtype.itemsize
        if (entry["table"], entry["row_bytes"]) != (number, dtype.itemsize) or offset % 64:
            raise ValueError(f"{self._path.name}: {name} of another layout")
        if end > len(self._payload):
            raise ValueError(f"{self._path.name}: {name} reach beyond the file")
        found: NDArray[np.void] = np.frombuffer(self._payload, dtype, rows, offset)
        return found
