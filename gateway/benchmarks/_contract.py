"""The bench contract: every figure the core is judged by, the bench that prints it, and where it
stands in that bench's JSON. Data alone; the goals are said here and gate nothing by themselves."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["CONTRACT", "Figure", "find"]


class Figure(NamedTuple):
    """One figure. `path` is the place in the object of `gateway bench BENCH --json`."""

    what: str
    bench: str
    path: str
    reach: str
    is_optional: bool = False  # needs a package or memory that a machine may lack


CONTRACT: tuple[Figure, ...] = (
    Figure("native submit inline", "core", "submit_ns.p50", "<= 60 ns"),
    Figure("native submit inline", "core", "submit_ns.p999", "<= 500 ns"),
    Figure("native submit to the pinned engine", "core", "submit_pinned_ns.p50", "<= 250 ns"),
    Figure("sustained orders", "core", "submit_per_second", ">= 5 M/s"),
    Figure("sustained cycles", "core", "cycles_per_second", ">= 2 M/s"),
    Figure("the same in memory", "core", "submit_per_second_in_memory", "beside it", True),
    Figure("the same in memory", "core", "cycles_per_second_in_memory", "beside it", True),
    Figure("what the journal stored", "core", "disk_mib_per_second", "beside it"),
    Figure("the disk's own rate", "core", "disk_sequential_mib_per_second", "beside it"),
    Figure("risk gate, with minus without", "core", "risk_ns.hot_mean", "<= 10 ns"),
    Figure("fill applied", "core", "fill_ns.p50", "<= 25 ns"),
    Figure("fill at 100,000 held to 100", "core", "ratios.fill_by_held", "<= 1.2"),
    Figure("batch fills", "core", "fills_per_second", ">= 20 M/s"),
    Figure("position update alone", "core", "position_ns.both", "<= 25 ns"),
    Figure("mark-to-market, widest to scalar", "core", "ratios.mark_to_market", ">= 2.5"),
    Figure("submit from Python to an empty call", "core", "ratios.submit_python", "<= 2"),
    Figure("submit from Python, batch", "core", "submit_python_ns.batch_per_order", "<= 200 ns"),
    Figure("submit from a template to by hand", "core", "submit_template_ns.ratio", "< 1"),
    Figure("kill, last of 10,000 cancels out", "core", "kill_ms.max", "<= 10 ms"),
    Figure("shared memory, order to ack", "core", "shm_round_trip_ns.p50", "<= 300 ns"),
    Figure("ring to the two-line ping-pong", "core", "ratios.ring_round_trip", "<= 1.4"),
    Figure("matching, mix A", "core", "match_ns.mix_a", "<= 50 ns"),
    Figure("matching, mix B", "core", "match_ns.mix_b", "<= 50 ns"),
    Figure("append 128 B", "core", "append_ns.p50", "<= 15 ns"),
    Figure("append 128 B at 1 M/s", "core", "append_paced_ns.p9999", "<= 1,000 ns"),
    Figure("recovery of 10 M records", "core", "recover.seconds", "<= 2.0 s"),
    Figure("position against a peer, 200 fills", "core", "nautilus_ratio.200", ">= 25", True),
    Figure("position against a peer, 2,000", "core", "nautilus_ratio.2000", ">= 250", True),
    Figure("position against a peer, batch", "core", "nautilus_ratio.batch", ">= 100", True),
    Figure("resident memory, start", "core", "resident_mib.start", "no growth"),
    Figure("resident memory, end", "core", "resident_mib.end", "no growth"),
    Figure("first order to steady", "threads", "first_order_ns.warmed_up.first_to_steady", "<= 2"),
    Figure("shared memory, messages", "shm", "messages_per_second", "beside its echo"),
    Figure("FIX report, simplefix to ours", "fix", "codec_vs_simplefix.encode", ">= 15"),
    Figure("FIX order, simplefix to ours", "fix", "codec_vs_simplefix.decode", ">= 15"),
    Figure("FIX sessions, round trip to QuickFIX", "fix", "ratios.round_trip", "<= 0.8", True),
    Figure("FIX sessions, messages to QuickFIX", "fix", "ratios.messages", ">= 3", True),
    Figure("200 FIX sessions on one CPU", "fix", "sessions.messages_per_second", "printed"),
    Figure("idle FIX session", "fix", "idle_session_kib.plain", "<= 64 KiB"),
    Figure("idle FIX session, TLS", "fix", "idle_session_kib.tls", "<= 192 KiB"),
    Figure("trading beside 10,000 strangers", "fix", "strangers.p99_ratio", "<= 2"),
    Figure("shared memory, echo", "shm", "echo.round_trip_us.p50", "beside it"),
    Figure("sign one order, HMAC (Binance)", "venues", "sign_vs_ccxt.binance", ">= 10", True),
    Figure("sign one order, HMAC (OKX)", "venues", "sign_vs_ccxt.okx", ">= 10", True),
    Figure(
        "sign one order, Ed25519",
        "venues",
        "sign_vs_ccxt.binance_ed25519",
        "beside its bound",
        True,
    ),
    Figure("user event to fact (Binance)", "venues", "event_vs_msgspec.binance", ">= 1.5"),
    Figure("user event to fact (OKX)", "venues", "event_vs_msgspec.okx", ">= 1.5"),
    Figure("order to the wire", "venues", "order_to_wire_us.p50", "<= 60 us"),
    Figure("order to the wire, to ccxt", "venues", "order_to_wire_vs_ccxt.p50", ">= 4", True),
    Figure("follow and book", "observe", "records_per_second", ">= 500,000/s"),
    Figure("follow and book, slowest", "observe", "follow_and_book.min", "beside it"),
    Figure("follow and book, many lots", "observe", "follow_and_book_deep.median", "beside it"),
    Figure("option greeks", "observe", "greeks_per_second", ">= 20 M/s"),
    Figure("option greeks, one lane", "observe", "greeks.scalar", "beside it"),
    Figure("margin of 10,000 positions", "observe", "margin_10k_positions_ms", "<= 1 ms"),
    Figure("books behind 100,000 records/s", "observe", "lag_ms.p99", "<= 5 ms"),
    Figure("observer's memory, start", "observe", "lag_ms.resident_mib.start", "beside it"),
    Figure("observer's memory, end", "observe", "lag_ms.resident_mib.end", "<= 768 MiB"),
    Figure("native submit beside killed observers", "observe", "kills.p99_ratio", "<= 1.2"),
    Figure("1,000 changes/s to 200 clients", "observe", "stream_core_percent", "< 50 %"),
    Figure("rows into Parquet", "observe", "parquet_rows_per_second", ">= 3,000,000/s", True),
    Figure("journal archived to 20 x 100 GB/day", "observe", "archive_to_burst", ">= 1", True),
    Figure("a position as of then", "observe", "as_of_ms.one_key", "< 10 ms", True),
    Figure("all positions as of then", "observe", "as_of_ms.all_keys", "<= 500 ms", True),
    Figure("a position, rows by --rows", "history", "as_of_ms.one_key", "< 10 ms", True),
    Figure("all positions, rows by --rows", "history", "as_of_ms.all_keys", "<= 500 ms", True),
    Figure("a position, merged days", "history", "as_of_merged_ms.one_key", "< 10 ms", True),
    Figure("all positions, merged days", "history", "as_of_merged_ms.all_keys", "<= 500 ms", True),
    Figure("books of 1,000 instruments", "venues", "books.headroom", ">= 1"),
    Figure("memory over an hour", "venues", "memory.growth_percent", "no growth"),
)


def find(result: dict[str, Any], path: str) -> float | None:
    """The number at `path`; None when it is not there or is no number."""
    found: Any = result
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if is_number else None
