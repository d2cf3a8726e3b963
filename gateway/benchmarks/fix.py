"""The FIX codec beside simplefix on identical bytes, from Python, then sessions beside QuickFIX,
each in one run. What each figure means: docs/reference/bench.md."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import simplefix

from gateway.benchmarks import _machine, _place
from gateway.benchmarks._fix_run import measure_sessions
from gateway.transport.fix_codec import FixCodec, FixFramer, decode_request

__all__ = ["codec", "measure"]

_ROUNDS = 40
_CALLS = 500  # of ours in a round; simplefix, in turns with it, makes a tenth
_NOW_NS = 1_785_242_096_789_000_000
_ROW: dict[str, Any] = {
    "order_id": "4611686018427387905",
    "client_order_id": "strategy-7-000123",
    "account": "main",
    "instrument": "BTC-USDT",
    "side": "buy",
    "type": "limit",
    "time_in_force": "gtc",
    "quantity": "1.5",
    "price": "60000.25",
    "trigger_price": None,
    "display_quantity": None,
    "expires_ns": None,
    "state": "PARTIALLY_FILLED",
    "pending": "",
    "cumulative_quantity": "0.5",
    "leaves_quantity": "1",
    "average_price": "60000.25",
}
# The same report as simplefix is told it: values that are text already, so it formats nothing.
_REPORT = (
    (8, "FIX.4.4"), (35, "8"), (34, "12"), (49, "GATEWAY"), (52, "20260728-12:34:56.789"),
    (56, "CLIENT"), (1, "main"), (6, "60000.25"), (11, "strategy-7-000123"), (14, "0.5"),
    (17, "e-000456"), (31, "60000.25"), (32, "0.5"), (37, "4611686018427387905"), (38, "1.5"),
    (39, "1"), (40, "2"), (44, "60000.25"), (54, "1"), (55, "BTC-USDT"), (59, "1"),
    (60, "20260728-12:34:56.789"), (150, "F"), (151, "1"),
)  # fmt: skip
_READ = (11, 55, 1, 38, 44, 54, 40, 59, 34, 52)
_VALUES = (
    "strategy-7-000123", "BTC-USDT", "main", "1.5", "60000.25", "buy", "limit", "gtc", 7, _NOW_NS,
)  # fmt: skip
_ORDER = (
    (8, "FIX.4.4"), (35, "D"), (34, "7"), (49, "CLIENT"), (52, "20260728-12:34:56.789"),
    (56, "GATEWAY"), (1, "main"), (11, "strategy-7-000123"), (38, "1.5"), (40, "2"),
    (44, "60000.25"), (54, "1"), (55, "BTC-USDT"), (59, "1"), (60, "20260728-12:34:56.789"),
)  # fmt: skip


def measure(progress: Callable[[str], None], *, is_quick: bool = False) -> dict[str, Any]:
    """`is_quick` shortens the rounds; its figures are not for comparison."""
    from gateway._core import bench as native

    result: dict[str, Any] = {"machine": _machine.facts()}
    with _place.place("machine_costs", progress, is_quick=is_quick) as place:
        costs = native.machine_costs(place)
    rounded = {name: round(value, 2) for name, value in costs.items()}
    result["machine_costs_ns"] = rounded | _machine.bound_call_ns(is_quick)
    result |= codec(3 if is_quick else _ROUNDS)
    progress("codec: done")
    result |= measure_sessions(progress, is_quick=is_quick)
    return result


def codec(rounds: int) -> dict[str, Any]:
    """Both directions; raises RuntimeError when the two codecs do not agree."""
    ours, theirs = _our_report, _their_report
    wire = _their_message(_ORDER)
    told = dict(_ORDER)
    texts = tuple(told[tag].encode() for tag in _READ)
    if ours() != theirs() or _our_order(wire) != _VALUES or _their_order(wire) != texts:
        raise RuntimeError("the codec and simplefix do not agree, so there is nothing to compare")
    encode = _in_turns(ours, theirs, rounds)
    decode = _in_turns(lambda: _our_order(wire), lambda: _their_order(wire), rounds)
    return {
        "codec_vs_simplefix": {
            "encode": round(encode[1] / encode[0], 2),
            "decode": round(decode[1] / decode[0], 2),
        },
        "codec_ns": {
            "encode": round(encode[0]),
            "decode": round(decode[0]),
            "simplefix_encode": round(encode[1]),
            "simplefix_decode": round(decode[1]),
            "report_bytes": len(ours()),
            "order_bytes": len(wire),
        },
    }


_CODEC = FixCodec(begin_string="FIX.4.4", sender="GATEWAY", target="CLIENT")
_FRAMER = FixFramer()


def _our_report() -> bytes:
    return _CODEC.execution_report(
        _ROW,
        "fill",
        sequence=12,
        sending_time_ns=_NOW_NS,
        execution_id="e-000456",
        transact_time_ns=_NOW_NS,
        last_price="60000.25",
        last_quantity="0.5",
    )


def _their_message(pairs: tuple[tuple[int, str], ...]) -> bytes:
    message = simplefix.FixMessage()
    for tag, value in pairs:
        message.append_pair(tag, value)
    encoded: bytes = message.encode()
    return encoded


def _their_report() -> bytes:
    return _their_message(_REPORT)


def _our_order(wire: bytes) -> tuple[object, ...]:
    """Framed, verified, decoded, and read as the acceptor reads it."""
    _FRAMER.feed(wire)
    frame = _FRAMER.next()
    request = decode_request(frame.data) if frame is not None else None
    if request is None or request.fault:
        raise RuntimeError("the order was not understood")
    return (
        request.client_order_id,
        request.symbol,
        request.account,
        request.quantity,
        request.price,
        request.side,
        request.type,
        request.time_in_force,
        request.sequence,
        request.sending_time_ns,
    )


def _their_order(wire: bytes) -> tuple[bytes, ...]:
    """Split, and the same fields read as bytes: no sum, no length, no types."""
    parser = simplefix.FixParser()
    parser.append_buffer(wire)
    message = parser.get_message()
    return tuple(message.get(tag) for tag in _READ)


def _in_turns(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """Median nanoseconds of one call of each."""
    found: tuple[list[float], list[float]] = ([], [])
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            found[0].append(_per_call(ours, _CALLS))
            found[1].append(_per_call(theirs, _CALLS // 10))
    finally:
        if was_collecting:
            gc.enable()
    return statistics.median(found[0]), statistics.median(found[1])


def _per_call(call: Callable[[], object], times: int) -> float:
    """Time of this thread on a processor: what others take of a busy machine is no codec's cost."""
    begin = time.thread_time_ns()
    for _ in range(times):
        call()
    return (time.thread_time_ns() - begin) / times
