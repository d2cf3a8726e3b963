"""Native columns as Arrow tables: ids become names, codes words, money decimals, mantissas stay
integers beside their scale. Nothing is ever a float."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from gateway.journal.words import LEVELS, TRADING_STATES, WORDS

__all__ = ["ADDED", "ADDED_IN", "TABLES", "schema_of", "tables_of"]

MONEY = pa.decimal128(38, 18)
WORD = pa.dictionary(pa.int32(), pa.string())
TEXT = pa.string()
U8, U16, U32, U64, I64 = pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.int64()
MONEY_E18_MAX = 10**38  # what fits DECIMAL(38, 18); 128 bits hold a little more

# Table -> column -> type, in the order of the files. The native name is the same unless _NATIVE
# says otherwise.
TABLES: dict[str, dict[str, pa.DataType]] = {
    "orders": {
        "sequence": U64, "time_ns": I64, "cause": U64, "event": WORD, "order_id": U64,
        "client_order_id": TEXT, "actor": WORD, "origin_port": U32, "cancel_reason": WORD,
        "principal": WORD, "venue": WORD, "instrument": WORD,
        "account": WORD, "strategy": WORD, "side": WORD, "type": WORD, "time_in_force": WORD,
        "leg": WORD, "margin_mode": WORD, "flags": U8, "price_scale": U8, "quantity_scale": U8,
        "price_mantissa": I64, "quantity_mantissa": I64, "cumulative_mantissa": I64,
        "trigger_price_mantissa": I64, "display_quantity_mantissa": I64, "expires_ns": I64,
        "value": MONEY, "state": WORD, "pending": WORD, "reason": WORD,
        "reference_price_mantissa": I64, "reference_age_ms": U16, "limits_version": U32,
        "venue_time_ns": I64, "venue_order_id": TEXT, "text": TEXT, "cross_ms": U16,
        "crossed_mantissa": I64,
    },
    "fills": {
        "sequence": U64, "time_ns": I64, "event": WORD, "order_id": U64, "venue": WORD,
        "instrument": WORD, "account": WORD, "strategy": WORD, "side": WORD, "leg": WORD,
        "liquidity": WORD, "price_scale": U8, "quantity_scale": U8, "price_mantissa": I64,
        "quantity_mantissa": I64, "value": MONEY, "fee": MONEY, "fee_currency": WORD,
        "revision": U64, "venue_time_ns": I64, "trade_id": TEXT, "venue_order_id": TEXT,
        "crossed_with": U64, "cross_bid_mantissa": I64, "cross_ask_mantissa": I64,
        "cross_age_ns": I64,
    },
    "positions": {
        "sequence": U64, "time_ns": I64, "event": WORD, "order_id": U64, "venue": WORD,
        "instrument": WORD, "account": WORD, "strategy": WORD, "leg": WORD, "margin_mode": WORD,
        "quantity_scale": U8, "quantity_mantissa": I64, "cost": MONEY, "realised": MONEY,
        "fees": MONEY, "currency": WORD, "fills": U32, "state": WORD,
    },
    "balances": {
        "sequence": U64, "time_ns": I64, "event": WORD, "account": WORD, "currency": WORD,
        "total": MONEY, "change": MONEY, "reference": TEXT,
    },
    "funding": {
        "sequence": U64, "time_ns": I64, "venue": WORD, "instrument": WORD, "account": WORD,
        "leg": WORD, "currency": WORD, "amount": MONEY, "rate": MONEY, "venue_time_ns": I64,
        "reference": TEXT,
    },
    "refusals": {
        "sequence": U64, "time_ns": I64, "refusal": WORD, "level": WORD, "order_id": U64,
        "client_order_id": TEXT, "origin_port": U32, "principal": WORD, "venue": WORD,
        "instrument": WORD,
        "account": WORD, "strategy": WORD, "side": WORD, "type": WORD, "time_in_force": WORD,
        "flags": U8, "price_scale": U8, "quantity_scale": U8, "price_mantissa": I64,
        "quantity_mantissa": I64, "limits_version": U32, "limit": I64, "current": I64,
        "would_be": I64, "working": I64,
    },
    "limits": {
        "sequence": U64, "time_ns": I64, "level": WORD, "name": WORD, "version": U32,
        "actor": TEXT, "reason": TEXT, "fields": TEXT,
    },
    "trading_states": {
        "sequence": U64, "time_ns": I64, "level": WORD, "name": WORD, "state": WORD,
        "is_latch": pa.bool_(), "actor": TEXT, "reason": TEXT, "breaker": U8,
    },
    "events": {
        "sequence": U64, "time_ns": I64, "kind": WORD, "cause": U64, "actor": U32, "body": TEXT,
    },
}  # fmt: skip

# What files of before this version of the archive lack: table -> column -> SQL for it. What they do
# not tell is null; a fill without a cross's trade id was none.
ADDED_IN = 2
ADDED: dict[str, dict[str, str]] = {
    "orders": {"cross_ms": "CAST(NULL AS USMALLINT)", "crossed_mantissa": "CAST(NULL AS BIGINT)"},
    "fills": {
        "crossed_with": "CASE WHEN starts_with(trade_id, 'cross-') THEN NULL "
        "ELSE CAST(0 AS UBIGINT) END",
        "cross_bid_mantissa": "CAST(NULL AS BIGINT)",
        "cross_ask_mantissa": "CAST(NULL AS BIGINT)",
        "cross_age_ns": "CAST(NULL AS BIGINT)",
    },
}

# Of a fill that was a cross; null of any other.
_OF_CROSS = frozenset(("cross_bid_mantissa", "cross_ask_mantissa", "cross_age_ns"))
# Column -> native column, where the names differ.
_NATIVE = {
    "cumulative_mantissa": "cumulative",
    "reference_age_ms": "reference_age",
}
_NAMES = ("principal", "instrument", "account", "strategy", "currency", "refusal")
_HEAD = frozenset(
    ("sequence", "kind", "time_ns", "cause", "epoch", "actor", "origin_port", "origin_sequence")
)  # fmt: skip
Names = Mapping[str, Any]


def schema_of(table: str) -> pa.Schema:
    """The columns of a table, as they are in every file of it. Numbers are never null, but those
    that files of before lack: which ones are need not be written beside them."""
    added = ADDED.get(table, {})
    return pa.schema(
        [
            pa.field(name, kind, name in added or not _is_number(kind))
            for name, kind in TABLES[table].items()
        ]
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def tables_of(
    found: Mapping[str, Any], names: Names, refusals: Sequence[str | None]
) -> dict[str, pa.Table]:
    """Every table of one extract(). ArithmeticError: an amount beyond DECIMAL(38, 18)."""
    tables = {}
    for table in ("orders", "fills", "positions", "balances", "funding", "refusals"):
        columns = {
            name: _column(table, name, found[table], {**names, "refusal": refusals})
            for name in TABLES[table]
        }
        tables[table] = pa.table(columns, schema=schema_of(table))
    for table, rows in _other_rows(found["others"], names).items():
        tables[table] = pa.Table.from_pylist(rows, schema=schema_of(table))
    return tables


def _column(table: str, name: str, native: Mapping[str, Any], names: Names) -> pa.Array:
    kind = TABLES[table][name]
    source = native.get(_NATIVE.get(name, name.removesuffix("_mantissa")))
    if kind == MONEY:
        return _money(source)
    if kind == TEXT:
        return _text(native[name])
    if name in _OF_CROSS:
        return pa.array(source, kind, mask=native["crossed_with"] == 0)
    if kind != WORD:
        return pa.array(source, kind)
    if name == "venue":
        return _words(names["venue_of_instrument"][native["instrument"]], names["venue"])
    if name == "currency" and source is None:
        return _words(names["settle_of_instrument"][native["instrument"]], names["currency"])
    if name == "actor":
        return _words(source, names["principal"])
    if name in _NAMES:
        return _words(source, names[name])
    if name == "fee_currency":
        return _words(source, names["currency"])
    words = WORDS.get(name) or WORDS["order_state" if table == "orders" else "position_state"]
    return _words(source, words)


def _words(codes: Any, words: Sequence[str | None]) -> pa.DictionaryArray:
    """Codes as words; a code without one, and the empty name of id 0, are null. A word stands in
    the dictionary once: files with a doubled one are not the same every time they are made."""
    kept = list(dict.fromkeys(word for word in words if word))
    places = {word: place for place, word in enumerate(kept)}
    # One place more, for codes that nobody named.
    index_of = np.array([places.get(word or "", -1) for word in words] + [-1], np.int32)
    indices = index_of[np.minimum(codes, len(words))]
    is_null = indices < 0
    found = pa.array(indices, mask=is_null) if is_null.any() else pa.array(indices)
    return pa.DictionaryArray.from_arrays(found, pa.array(kept, TEXT))


def _money(words: Any) -> pa.Array:
    """128 bits, low word first, at 10^-18."""
    high = words[:, 1]
    if len(high) and (high.max() >= MONEY_E18_MAX >> 64 or high.min() < -(MONEY_E18_MAX >> 64)):
        raise ArithmeticError("an amount is beyond 10^20 and fits no column of history")
    return pa.Array.from_buffers(MONEY, len(words), [None, pa.py_buffer(words)])


def _text(column: tuple[Any, Any]) -> pa.Array:
    ends, letters = column
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(letters)]
    return pa.Array.from_buffers(TEXT, len(ends) - 1, buffers)


def _other_rows(
    records: Sequence[Mapping[str, Any]], names: Names
) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {"limits": [], "trading_states": [], "events": []}
    makers: dict[str, tuple[str, Callable[..., dict[str, Any]]]] = {
        "limits_set": ("limits", _limits_row),
        "trading_state_set": ("trading_states", _state_row),
    }
    for record in records:
        table, make = makers.get(record["kind"], ("events", _event_row))
        head = {"sequence": record["sequence"], "time_ns": record["time_ns"]}
        rows[table].append(head | make(record, names))
    return rows


def _entity(record: Mapping[str, Any], names: Names) -> dict[str, str | None]:
    level = LEVELS[record["level"]]
    known = ["firm"] if level == "firm" else names[level]
    number = record["id"]
    return {"level": level, "name": known[number] if number < len(known) else None}


def _limits_row(record: Mapping[str, Any], names: Names) -> dict[str, Any]:
    kept = ("level", "id", "limits_version", "limits_actor", "reason", *_HEAD)
    fields = {name: value for name, value in record.items() if name not in kept}
    return {
        **_entity(record, names),
        "version": record["limits_version"],
        "actor": record["limits_actor"],
        "reason": record["reason"],
        "fields": msgspec.json.encode(fields).decode(),
    }


def _state_row(record: Mapping[str, Any], names: Names) -> dict[str, Any]:
    return {
        **_entity(record, names),
        "state": TRADING_STATES[record["state"]],
        "is_latch": bool(record["is_latch"]),
        "actor": record["state_actor"],
        "reason": record["reason"],
        "breaker": record["breaker"],
    }


def _event_row(record: Mapping[str, Any], _: Names) -> dict[str, Any]:
    body = {name: value for name, value in record.items() if name not in _HEAD}
    head = {name: record[name] for name in ("kind", "cause", "actor")}
    return {**head, "body": msgspec.json.encode(body).decode()}
