"""The judge after a storm of kills: the venue's own record against what the gateway says through
its API and its journal. Recomputes money with fractions; shares no code with the engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from gateway_paper.record import VenueRecord, read_record
from position_oracle import BUY, INVERSE, LINEAR, QUANTO, SELL, SPOT, UNIT, Oracle
from processes import GatewayProcess, VenueProcess
from traders import Intent

from gateway.analytics.recheck import Recheck
from gateway.journal import reader
from gateway.ledger import METHODS, open_books
from gateway.venues.client_order_ids import ClientOrderIds

__all__ = ["judge", "judge_books", "judge_replay"]

Row = dict[str, Any]
KINDS = {"spot": SPOT, "linear": LINEAR, "inverse": INVERSE, "quanto": QUANTO}
IDS = ClientOrderIds(1, length_max=64, pattern=r"[A-Za-z0-9_-]+")


def judge(
    gateway: GatewayProcess, venue: VenueProcess, intents: Sequence[Intent]
) -> dict[str, int]:
    """Assert everything; returns the figures for the run's last lines. Nothing may be open."""
    record = read_record(venue.record_path)
    rows = gateway.get("/v1/orders?open=false&limit=100000")["orders"]
    journal = list(reader.decoded(gateway.directory, ring_directory=str(gateway.ring_directory)))
    judge_orders(record, {int(row["order_id"]): row for row in rows})
    judge_intents(rows, intents)
    judge_ids(journal)
    judge_fills(record, journal)
    judge_order_of_fills(record, journal)
    rechecked = Recheck().run(journal)
    assert rechecked.is_clean, rechecked.findings
    symbols = {
        row["venue_symbol"]: row["name"] for row in gateway.get("/v1/instruments")["instruments"]
    }
    due = judge_money(record, symbols, gateway.get("/v1/positions"), gateway.get("/v1/balances"))
    judge_books(gateway, due)
    judge_replay(gateway)
    status = gateway.get("/v1/status")
    return {
        "orders": len(rows),
        "orders_at_venue": len(record.orders),
        "fills": len(record.fills),
        "never_arrived": len(rows) - len(record.orders),
        "records": status["sequence"],
        "segments": status["counters"]["journal_segment"],
        "boots": sum(1 for each in journal if each["kind"] == "boot"),
    }


def judge_orders(record: VenueRecord, rows: dict[int, Row]) -> None:
    """What the venue saw, we know; what it executed, we count; nothing was sent twice."""
    sent_twice = [key for key, count in Counter(record.orders_seen()).items() if count > 1]
    assert sent_twice == []
    filled = record.cumulative()
    at_venue = {IDS.decode(name): key for key in record.orders for name in key[1:]}
    assert len(at_venue) == len(record.orders)
    unknown_here = [key for order_id, key in at_venue.items() if order_id not in rows]
    assert unknown_here == []
    for order_id, row in rows.items():
        key = at_venue.get(order_id)
        if key is None:
            assert row["state"] in ("CANCELED", "REJECTED"), row
            assert Fraction(row["cumulative_quantity"]) == 0, row
            continue
        theirs = record.orders[key]
        assert row["state"].lower() == theirs["state"], (row, theirs)
        assert Fraction(row["cumulative_quantity"]) == filled[key], (row, theirs)
        # Empty when nobody ever told it: rejected, or cancelled while the outcome was unknown.
        assert row["venue_order_id"] in ("", theirs["venue_order_id"]), (row, theirs)


def judge_intents(rows: Sequence[Row], intents: Sequence[Intent]) -> None:
    """Every intent is at most one order; every acknowledged one is exactly the order answered."""
    by_client_id = {row["client_order_id"]: row for row in rows}
    assert len(by_client_id) == len(rows)
    assert set(by_client_id) <= {intent.body["client_order_id"] for intent in intents}
    for intent in intents:
        row = by_client_id.get(intent.body["client_order_id"])
        assert not intent.is_in_doubt, intent
        if intent.refusal:
            assert row is None, (intent, row)
            continue
        assert row is not None, intent
        assert row["order_id"] == intent.order_id, (intent, row)
        same = ("instrument", "side", "type", "time_in_force", "strategy", "account")
        assert all(row[name] == intent.body[name] for name in same), (intent, row)


def judge_ids(journal: Sequence[Row]) -> None:
    """No order id twice, epochs only rise, every id of the epoch that journaled it."""
    ids = [each["order_id"] for each in journal if each["kind"] == "order_new"]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
    epochs = [each["epoch"] for each in journal if each["kind"] == "boot"]
    assert all(later > earlier for earlier, later in pairwise(epochs))
    sequences = [each["sequence"] for each in journal]
    assert sequences == list(range(1, len(sequences) + 1))


def judge_fills(record: VenueRecord, journal: Sequence[Row]) -> None:
    ours = Counter(each["trade_id"] for each in journal if each["kind"] == "order_filled")
    theirs = Counter(trade_id for _, trade_id in record.trade_ids())
    assert {"missing": theirs - ours, "doubled": ours - theirs} == {
        "missing": Counter(),
        "doubled": Counter(),
    }


def judge_order_of_fills(record: VenueRecord, journal: Sequence[Row]) -> None:
    """Average cost depends on the order of the fills: of each instrument it is the venue's."""
    ours: dict[int, list[str]] = defaultdict(list)
    theirs: dict[str, list[str]] = defaultdict(list)
    for each in journal:
        if each["kind"] == "order_filled":
            ours[each["instrument"]].append(each["trade_id"])
    for fill in record.fills:
        theirs[fill["instrument"]].append(fill["trade_id"])
    assert sorted(ours.values()) == sorted(theirs.values())


def judge_money(
    record: VenueRecord, symbols: dict[str, str], held: Row, stated: Row
) -> dict[str, Fraction]:
    """Quantities, realised, fees and balances to the last digit, under the one rounding rule.
    Returns the balances that the venue's own record makes, by currency."""
    books: dict[str, Oracle] = {}
    balances: dict[str, Fraction] = defaultdict(Fraction, record.opening["main"])
    for fill in record.fills:
        rules, symbol = record.instruments[fill["instrument"]], symbols[fill["instrument"]]
        kind, multiplier = KINDS[rules["kind"]], Fraction(rules["multiplier"])
        book = books.setdefault(symbol, Oracle(kind=kind, multiplier=multiplier))
        side, fee = BUY if fill["side"] == "buy" else SELL, Fraction(fill["fee"])
        price, quantity = Fraction(fill["price"]), Fraction(fill["quantity"])
        is_base_fee = kind == SPOT and fill["fee_currency"] == rules["base"]
        before = book.realised
        book.apply(side, price, quantity, fee * price if is_base_fee else fee)
        balances[fill["fee_currency"]] -= fee
        if kind == SPOT:
            direction = 1 if side == BUY else -1
            balances[rules["base"]] += direction * quantity
            balances[rules["quote"]] -= direction * Fraction(fill["value"])
        else:
            balances[rules["settle"]] += book.realised - before
    rows = {row["instrument"]: row for row in held["positions"]}
    assert len(rows) == len(held["positions"])
    assert set(rows) == set(books)
    for symbol, book in books.items():
        row = rows[symbol]
        said = {name: Fraction(row[name]) for name in ("quantity", "realised", "cost", "fees")}
        due = {name: getattr(book, name) for name in said}
        assert said == due, f"{symbol}: stated {said}, due {due}"
    ours = {row["currency"]: Fraction(row["total"]) for row in stated["balances"]}
    assert {code: total for code, total in ours.items() if total} == {
        code: total for code, total in balances.items() if total
    }
    # The venue never rounds its cost: it may differ by one unit per division, and no more.
    divisions = sum(book.divisions for book in books.values())
    for (_, code), total in record.balances().items():
        assert abs(total - balances[code]) <= UNIT * divisions, code
    return balances


def judge_books(gateway: GatewayProcess, due: Mapping[str, Fraction]) -> None:
    """The double-entry books of the journal hold what the venue's record makes, and balance."""
    books = open_books(gateway.directory, str(gateway.ring_directory))
    for method in METHODS:
        assert {row["total"] for row in books.trial_balance(method)} <= {"0"}, method
    cash: dict[str, Fraction] = defaultdict(Fraction)
    for row in books.accounts():
        if row["purpose"] == "cash":
            cash[row["currency"]] += Fraction(row["balance"])
    assert {code: total for code, total in cash.items() if total} == {
        code: total for code, total in due.items() if total
    }


def judge_replay(gateway: GatewayProcess) -> None:
    """`gateway replay --verify` up to the sequence of the live hash, and `gateway verify`."""
    status = gateway.get("/v1/status")
    where = [str(gateway.directory), "--ring-directory", str(gateway.ring_directory), "--json"]
    until = ["--verify", "--to", str(status["sequence"])]
    replayed = command("replay", *where, *until)
    assert replayed["equal"] is True, replayed
    assert (replayed["sequence"], replayed["state_hash"]) == (
        status["sequence"],
        status["state_hash"],
    )
    verified = command("verify", *where)
    assert verified["ok"] is True, verified["faults"]


def command(*arguments: str) -> Row:
    ended = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments], capture_output=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended
    document: Row = json.loads(ended.stdout)
    return document
