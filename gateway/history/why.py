"""Why something is as it is: the chain of records behind an order, a position or a balance, in
order, each in words and with its numbers. It tells what the journal holds and guesses nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from gateway.api.decimal_text import plain_text
from gateway.history.faults import HistoryFault
from gateway.history.queries import Answer, Exact, History, Moment

__all__ = ["why_balance", "why_order", "why_position"]

CHAIN_MAX = 10_000
_SHARED_PORTS = 1 << 31  # ports from here on are those of shared memory
_CROSS = "cross-"  # how the trade id of a fill begins that no venue knows
_ASSUMED = "whatif-"  # and of one that nobody told: gateway whatif --assume-fill
_NAMED_MAX = 10  # orders of one client order id that are listed
_START = Moment(sequence=0)
_BEGINNINGS = frozenset(("order_new", "order_adopted"))
_HALTS = frozenset(("TRADING_HALTED", "REDUCE_ONLY_STATE", "LATCHED"))
Row = Mapping[str, Any]


def why_order(history: History, name: str) -> dict[str, Any]:
    """{order_id, client_order_id, order: its last row, chain: [{sequence, time_ns, event, words,
    fields}], is_cut, begins_at: the first record that is left when its beginning went, else 0}.
    `name` is an order id, or a client order id that may have been refused. HistoryFault: nobody
    knows it, or several orders have it."""
    orders = _orders_of(history, name)
    refusals = _refusals_of(history, name, orders.rows)
    if not orders.rows and not refusals:
        raise HistoryFault("UNKNOWN_ORDER", "no order and no refusal has this id", "order", name)
    chain = _order_steps(history, orders.rows) + _refusal_steps(history, refusals)
    chain = sorted(_once(chain), key=lambda step: int(step["sequence"]))
    last = orders.rows[-1] if orders.rows else None
    begins_at = history.begins_at()
    if orders.rows and orders.rows[0]["event"] in _BEGINNINGS:
        begins_at = 0
    return {
        "order_id": str(last["order_id"]) if last else None,
        "client_order_id": last["client_order_id"] if last else name,
        "order": last and {**last, "order_id": str(last["order_id"])},
        "chain": chain,
        "is_cut": orders.is_cut or begins_at > 0,
        "begins_at": begins_at,
    }


def _orders_of(history: History, name: str) -> Any:
    """Every row of the one order that has this id, of the gateway's or a client's making."""
    if name.isascii() and name.isdecimal() and len(name) < 20:
        found = _range(history, "orders", {"order_id": name})
        if found.rows:
            return found
    filters = {"client_order_id": Exact(name)}
    found = history.last("orders", ["order_id"], Moment(), filters, limit=_NAMED_MAX)
    if len(found.rows) > 1:
        listed = ", ".join(f"{row['order_id']} of {row['principal']}" for row in found.rows)
        more = " and more" if found.is_cut else ""
        rule = f"several orders have this client order id, ask by order id: {listed}{more}"
        raise HistoryFault("AMBIGUOUS_ORDER", rule, "order", name)
    if not found.rows:
        return found
    return _range(history, "orders", {"order_id": str(found.rows[0]["order_id"])})


def _refusals_of(history: History, name: str, orders: Sequence[Row]) -> list[dict[str, Any]]:
    """Refusals under a client order id: only its principal's, when there is an order. And those of
    the order's changes."""
    if not orders:
        return list(_range(history, "refusals", {"client_order_id": Exact(name)}).rows)
    asked = {"principal": Exact(orders[0]["principal"] or "")}
    asked["client_order_id"] = Exact(orders[0]["client_order_id"])
    found = list(_range(history, "refusals", asked).rows)
    return found + _range(history, "refusals", {"order_id": str(orders[0]["order_id"])}).rows


def _range(history: History, table: str, filters: Mapping[str, str]) -> Answer:
    return history.range(table, _START, Moment(), filters, limit=CHAIN_MAX)


def _once(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(step["sequence"], step["event"]): step for step in steps}.values())


def _order_steps(history: History, rows: Sequence[Row]) -> list[dict[str, Any]]:
    if not rows:
        return []
    order_id = {"order_id": str(rows[0]["order_id"])}
    fills = _by_sequence(history, "fills", order_id)
    crosses = {sequence: _cross_of(history, fill) for sequence, fill in fills.items()}
    positions = _by_sequence(history, "positions", order_id)
    steps = []
    before: Row | None = None
    for row in rows:
        if row["event"] in ("order_filled", "fill_busted", "fill_corrected"):
            at = row["sequence"]
            steps.append(_fill_step(row, fills.get(at), positions, crosses.get(at)))
        else:
            steps.append(_step(row, _order_words(row, before), _order_fields(row)))
        if row["event"] == "order_new":
            steps.append(_gate_step(history, row))
        if row["event"] == "cancel_requested" and row["cancel_reason"] == "kill":
            steps += _halt_steps(history, row)
        before = row
    return steps


def _by_sequence(history: History, table: str, filters: Mapping[str, str]) -> dict[int, Row]:
    return {row["sequence"]: row for row in _range(history, table, filters).rows}


def _step(row: Row, words: str, fields: Mapping[str, Any], event: str = "") -> dict[str, Any]:
    return {
        "sequence": row["sequence"],
        "time_ns": row["time_ns"],
        "event": event or row["event"],
        "words": words,
        "fields": dict(fields),
    }


def _door(row: Row) -> str:
    port = row["origin_port"]
    if port == 0:
        return "the gateway itself"
    return "shared memory" if port >= _SHARED_PORTS else f"port {port}"


def _terms(row: Row) -> str:
    price = "" if row["type"] in ("market", "stop") else f" at {row['price']}"
    trigger = "" if row["trigger_price"] == "0" else f", trigger {row['trigger_price']}"
    return (
        f"{row['side']} {row['quantity']} {row['instrument']} {row['type']}{price}{trigger}, "
        f"{row['time_in_force']}"
    )


def _order_words(row: Row, before: Row | None) -> str:
    who = row["actor"] or "the gateway"
    at_venue = f"{row['venue']}"
    said = f": {row['text']}" if row["text"] else ""
    why = f" ({row['reason']})" if row["reason"] else ""
    words: dict[str, Callable[[], str]] = {
        "order_new": lambda: (
            f"{row['principal']} asked through {_door(row)} as {row['client_order_id']}: "
            f"{_terms(row)}, account {row['account']}, strategy {row['strategy']}"
            + (f", kept here for {row['cross_ms']} ms to be crossed" if row["cross_ms"] else "")
        ),
        "order_accepted": lambda: f"{at_venue} took it as {row['venue_order_id'] or '?'}{said}",
        "order_rejected": lambda: f"{at_venue} rejected it{why}{said}",
        "order_canceled": lambda: f"{at_venue} canceled it{why}{said}",
        "order_expired": lambda: f"it expired{why}{said}",
        "order_replaced": lambda: (
            f"{at_venue} replaced it: quantity {row['quantity']} at {row['price']}"
            + (f", before {before['quantity']} at {before['price']}" if before else "")
        ),
        "cancel_requested": lambda: (
            f"a cancel went out, cause {row['cancel_reason'] or '?'}, by {who}"
        ),
        "replace_requested": lambda: f"a replace went out, by {who}",
        "cancel_rejected": lambda: f"{at_venue} rejected the cancel{why}{said}",
        "replace_rejected": lambda: f"{at_venue} rejected the replace{why}{said}",
        "order_unknown": lambda: f"its outcome became unknown{why}{said}; exposure stays reserved",
        "order_not_sent": lambda: f"{_rest_words(row)} was never sent{why}{said}",
        "order_triggered": lambda: (
            f"its time to be crossed is over: {_rest_words(row)} counts as sent to {at_venue}"
            if row["cross_ms"]
            else "it was let go"
        ),
        "order_adopted": lambda: f"it was found at {at_venue} and taken in: {_terms(row)}",
    }
    make = words.get(row["event"])
    return make() if make else str(row["event"])


def _rest_words(row: Row) -> str:
    """ "it", or what a cross left of it."""
    if row["crossed_quantity"] in (None, "0"):
        return "it"
    left = Decimal(row["quantity"]) - Decimal(row["cumulative_quantity"])
    return f"what is left of it, {plain_text(left)},"


_ORDER_FIELDS = (
    "state", "pending", "quantity", "price", "cumulative_quantity", "cross_ms", "crossed_quantity",
    "reason", "venue_order_id", "venue_time_ns", "actor", "origin_port", "cancel_reason", "cause",
    "text",
)  # fmt: skip


def _order_fields(row: Row) -> dict[str, Any]:
    told = {name: row[name] for name in _ORDER_FIELDS if row[name] not in (None, "", 0)}
    if told.get("crossed_quantity") == "0":
        del told["crossed_quantity"]
    return told


def _cross_of(history: History, fill: Row) -> dict[str, Any] | None:
    """Whom a fill met here: {crossed_with, strategy, bid, ask, age_ns}; None: a venue's fill. Both
    halves are one group of two records, so the other one stands before it or behind it: that also
    tells it of an archive that was written before its fills named whom they met."""
    is_known = fill["crossed_with"] is not None
    own_mark = f"{_CROSS}{int(fill['order_id'] or 0):016x}-"
    if not (fill["crossed_with"] if is_known else str(fill["trade_id"]).startswith(own_mark)):
        return None
    at = int(fill["sequence"])
    near = history.range("fills", Moment(sequence=at - 1), Moment(sequence=at + 1)).rows
    other = next((row for row in near if _are_halves(fill, row)), {})
    with_id = fill["crossed_with"] if is_known else other.get("order_id")
    names = {"bid": "cross_bid", "ask": "cross_ask", "age_ns": "cross_age_ns"}
    return {
        "crossed_with": None if with_id is None else str(with_id),
        "strategy": other.get("strategy"),
        **{name: fill[column] for name, column in names.items()},
    }


def _are_halves(fill: Row, other: Row) -> bool:
    same = ("account", "instrument", "leg", "quantity", "price", "value")
    return (
        other["side"] != fill["side"]
        and str(other["trade_id"]).startswith(_CROSS)
        and all(other[name] == fill[name] for name in same)
    )


def _cross_words(cross: Mapping[str, Any], amount: str, trade: str) -> str:
    other = f"order {cross['crossed_with']}" if cross["crossed_with"] else "another book"
    if cross["strategy"]:
        other += f" of strategy {cross['strategy']}"
    words = f"met {other} here: {amount} ({trade})"
    if cross["bid"] is not None:
        age_ms = int(cross["age_ns"]) // 1_000_000
        words += f", the middle of {cross['bid']} and {cross['ask']}, {age_ms} ms old"
    return f"{words}; no venue heard of it"


def _fill_step(
    row: Row, fill: Row | None, positions: Mapping[int, Row], cross: Mapping[str, Any] | None
) -> dict[str, Any]:
    fields = _order_fields(row)
    position = positions.get(row["sequence"])
    if fill is None:
        return _step(row, "an execution", fields)
    names = ("price", "quantity", "value", "fee", "fee_currency", "liquidity", "trade_id",
             "revision")  # fmt: skip
    fields["fill"] = {name: fill[name] for name in names}
    trade, amount = f"trade {fill['trade_id']}", f"{fill['quantity']} at {fill['price']}"
    said = {
        "fill_busted": f"took back {trade}",
        "fill_corrected": f"corrected {trade} to {amount}",
    }.get(row["event"], f"executed {amount} ({trade})")
    fee = f", fee {fill['fee']} {fill['fee_currency'] or ''}".rstrip()
    words = f"{row['venue']} {said}{fee if fill['fee'] != '0' else ''}"
    if cross is not None:
        fields["cross"] = dict(cross)
        words = _cross_words(cross, amount, trade)
    elif _is_assumed(fill):
        words = f"assumed by the what-if: {said}; no venue told it"
    if position is not None:
        fields["position"] = _position_fields(position)
        words += f"; position {position['quantity']}, realised {position['realised']}"
    return _step(row, words, fields)


def _is_assumed(fill: Row) -> bool:
    """Of a journal that gateway whatif made: its trade is its order at the venue, by one name."""
    return str(fill["trade_id"]).startswith(_ASSUMED) and fill["trade_id"] == fill["venue_order_id"]


def _position_fields(row: Row) -> dict[str, Any]:
    names = ("account", "instrument", "strategy", "leg", "margin_mode", "quantity", "cost",
             "realised", "fees", "currency", "state")  # fmt: skip
    return {name: row[name] for name in names}


def _gate_step(history: History, row: Row) -> dict[str, Any]:
    """What the risk gate looked at."""
    limits = _limits_before(history, row)
    begins_at = history.begins_at()
    fields = {
        "reference_price": row["reference_price"],
        "reference_age_ms": row["reference_age_ms"],
        "limits_version": row["limits_version"],
        "limits": limits,
    }
    words = (
        f"the risk gate let it pass: reference price {row['reference_price']}, "
        f"{row['reference_age_ms']} ms old, limits version {row['limits_version']}"
    )
    if begins_at and len(limits) < len(_levels_of(row)):
        words += f"; limits set before record {begins_at} are not in the archive any more"
    return _step(row, words, fields, event="risk_decision")


def _limits_before(history: History, row: Row) -> list[dict[str, Any]]:
    wanted = _levels_of(row)
    moment = Moment(sequence=row["sequence"])
    rows = history.last("limits", ["level", "name"], moment, limit=CHAIN_MAX).rows
    found = {(each["level"], each["name"]): each for each in rows}
    return [
        {
            "level": level,
            "name": name,
            "version": found[level, name]["version"],
            "set_at": found[level, name]["sequence"],
            "fields": msgspec.json.decode(found[level, name]["fields"]),
        }
        for level, name in wanted
        if (level, name) in found
    ]


def _levels_of(row: Row) -> list[tuple[str, str]]:
    """(level, name) of what is concerned: a name may stand on several levels."""
    levels = ("instrument", "strategy", "account", "venue")
    return [*((level, row[level]) for level in levels), ("firm", "firm")]


def _halt_steps(history: History, row: Row) -> list[dict[str, Any]]:
    """The halts in force at a record, on a level that concerns it."""
    moment = Moment(sequence=row["sequence"])
    states = history.last("trading_states", ["level", "name"], moment, limit=CHAIN_MAX).rows
    wanted = _levels_of(row)
    return [
        _step(
            state,
            f"{state['level']} {state['name']} was {state['state']} by {state['actor']}: "
            f"{state['reason']}",
            {name: state[name] for name in ("level", "name", "state", "is_latch", "actor",
                                            "reason")},
            event="trading_state_set",
        )
        for state in states
        if state["state"] != "active" and (state["level"], state["name"]) in wanted
    ]  # fmt: skip


def _refusal_steps(history: History, rows: Sequence[Row]) -> list[dict[str, Any]]:
    steps = []
    for row in rows:
        names = ("refusal", "level", "limit", "current", "would_be", "working", "limits_version",
                 "order_id", "client_order_id", "origin_port")  # fmt: skip
        terms = _terms({**row, "trigger_price": "0"})
        words = f"the risk gate refused {terms} of {row['principal']} through {_door(row)}"
        if not row["principal"]:  # of an order that waited here: the gateway asked by itself
            words = f"the risk gate did not let it go, {terms}"
        words += f": {row['refusal']}"
        if row["level"] is not None:
            words += f" at level {row['level']}"
        if row["limit"] or row["would_be"]:
            words += f", limit {row['limit']}, current {row['current']}, would be {row['would_be']}"
        fields = {name: row[name] for name in names}
        steps.append(_step(row, words, fields, event="order_refused"))
        if row["refusal"] in _HALTS:
            steps += _halt_steps(history, row)
    return steps


def why_position(
    history: History, key: Mapping[str, str], *, moment: Moment | None = None, limit: int = 100
) -> dict[str, Any]:
    """{key, chain: the newest `limit` records that made it, with what each moved and the quantity
    behind it, is_cut, begins_at}. `key` names account, instrument, strategy and if needed leg,
    margin_mode."""
    rows, is_cut, begins_at = _newest(history, "positions", key, moment or Moment(), limit)
    if not rows:
        raise HistoryFault("UNKNOWN_POSITION", "no record ever made such a position")
    first, last = rows[0]["sequence"], rows[-1]["sequence"]
    where = {name: Exact(key[name]) for name in ("account", "instrument") if name in key}
    between = Moment(sequence=first), Moment(sequence=last)
    found = history.range("fills", *between, where, limit=CHAIN_MAX).rows
    fills = {row["sequence"]: row for row in found}
    chain = []
    for row in rows:
        fill = fills.get(row["sequence"])
        moved = f"{fill['side']} {fill['quantity']} at {fill['price']}" if fill else row["event"]
        order = f" of order {row['order_id']}" if row["order_id"] else ""
        if fill and fill["crossed_with"]:
            order += f", crossed here with order {fill['crossed_with']}"
        words = f"{moved}{order}; quantity {row['quantity']}, realised {row['realised']}"
        fields = _position_fields(row)
        if row["order_id"]:
            fields["order_id"] = str(row["order_id"])
        if fill:
            fields["fill"] = {
                name: fill[name]
                for name in ("side", "price", "quantity", "fee", "trade_id", "crossed_with")
            }
        chain.append(_step(row, words, fields))
    return {"key": dict(key), "chain": chain, "is_cut": is_cut, "begins_at": begins_at}


def why_balance(
    history: History, key: Mapping[str, str], *, moment: Moment | None = None, limit: int = 100
) -> dict[str, Any]:
    """{key, chain, is_cut, begins_at} as why_position(); `key` names account and currency."""
    rows, is_cut, begins_at = _newest(history, "balances", key, moment or Moment(), limit)
    if not rows:
        raise HistoryFault("UNKNOWN_BALANCE", "no record ever moved such a balance")
    between = Moment(sequence=rows[0]["sequence"]), Moment(sequence=rows[-1]["sequence"])
    where = {"account": Exact(key["account"])} if "account" in key else {}
    found = history.range("fills", *between, where, limit=CHAIN_MAX).rows
    fills = {row["sequence"]: row for row in found}
    chain = []
    for row in rows:
        fill = fills.get(row["sequence"])
        what = str(row["event"])
        if fill:
            what = f"{fill['side']} {fill['quantity']} {fill['instrument']} at {fill['price']}"
        elif row["reference"]:
            what = f"{row['event']} {row['reference']}"
        words = f"{what}: {row['change']}, total {row['total']} {row['currency']}"
        fields = {name: row[name] for name in ("account", "currency", "change", "total",
                                               "reference")}  # fmt: skip
        if fill and fill["order_id"]:
            fields["order_id"] = str(fill["order_id"])
        chain.append(_step(row, words, fields))
    return {"key": dict(key), "chain": chain, "is_cut": is_cut, "begins_at": begins_at}


def _newest(
    history: History, table: str, key: Mapping[str, str], moment: Moment, limit: int
) -> tuple[list[dict[str, Any]], bool, int]:
    exact = {name: Exact(value) for name, value in key.items()}
    found = history.newest(table, moment, exact, limit=limit)
    return found.rows, found.is_cut or found.begins_at > 0, found.begins_at
