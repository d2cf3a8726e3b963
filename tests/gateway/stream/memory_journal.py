"""A journal in memory and a replica that follows it: the same shapes as the native ones, slow and
obvious. Used by the tests of follower, stream and observer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.journal import JournalPlace
from gateway.observer import Observer, ObserverOptions

TERMINAL = {"FILLED", "CANCELED", "REJECTED"}


class MemoryJournal:
    """A list of records. The helpers append what the live engine would."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.goes_on = True  # False: it is another history than the one that was followed
        self.differing_total = ""  # what a replica of it finds

    def append(self, kind: str, **fields: Any) -> int:
        self.records.append({"kind": kind, **fields})
        return len(self.records)

    def new_order(self, order_id: int, quantity: str = "2", **fields: Any) -> int:
        defaults = {
            "account": "main",
            "strategy": "alpha",
            "instrument": "BTC-USD",
            "venue": "paper",
            "side": "buy",
            "price": "100.50",
        }
        return self.append("new", order_id=order_id, quantity=quantity, **(defaults | fields))

    def accept(self, order_id: int) -> int:
        return self.append("state", order_id=order_id, state="NEW")

    def cancel(self, order_id: int) -> int:
        return self.append("state", order_id=order_id, state="CANCELED")

    def fill(self, order_id: int, quantity: str, price: str = "100.50", fee: str = "0.10") -> int:
        return self.append("fill", order_id=order_id, quantity=quantity, price=price, fee=fee)

    def deposit(self, account: str, currency: str, amount: str) -> int:
        return self.append("balance", account=account, currency=currency, amount=amount)


# Kind of a record here -> word of the native replica's outcomes.
OUTCOME_WORDS = {"new_order": "entered", "new": "entered", "fill": "fills", "cancel": "canceled"}


class MemoryReplica:
    """State and apply over a MemoryJournal."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.sequence = 0
        self._orders: dict[int, dict[str, Any]] = {}
        self._positions: dict[tuple[str, ...], dict[str, Any]] = {}
        self._balances: dict[tuple[str, str], dict[str, Any]] = {}
        self._changes: list[tuple[int, str, Any]] = []
        self._fills: list[dict[str, Any]] = []
        self._taken: dict[str, list[dict[str, Any]]] = {}
        self.marks: dict[str, str] = {}
        self.mark_age_ms = 0
        self.fault: Exception | None = None
        self.outcomes_after = 0
        self._outcomes: Counter[tuple[str, str, str, str]] = Counter()

    def follow(self, limit: int = 65536, until: int = 0) -> int:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        batch = self._journal.records[self.sequence : self.sequence + limit]
        for record in batch:
            self.sequence += 1
            getattr(self, f"_apply_{record['kind']}")(record)
            order = self._orders.get(record.get("order_id", 0))
            if order is not None and self.sequence > self.outcomes_after:
                happened = OUTCOME_WORDS.get(record["kind"], record["kind"])
                what = (order["strategy"], order["venue"], order["type"], happened)
                self._outcomes[what] += 1
        return len(batch)

    def take_outcomes(self) -> list[tuple[str, str, str, str, int]]:
        taken = [(*what, count) for what, count in self._outcomes.items()]
        self._outcomes.clear()
        return taken

    def changes(self) -> list[tuple[int, str, Any]]:
        newest: dict[tuple[str, Any], int] = {}
        for sequence, kind, key in self._changes:
            newest.pop((kind, key), None)
            newest[kind, key] = sequence
        self._changes = []
        return [(sequence, kind, key) for (kind, key), sequence in newest.items()]

    @property
    def has_changes(self) -> bool:
        return bool(self._changes)

    def reopen(self) -> bool:
        return self._journal.goes_on

    def orders(self, open_only: bool = True, limit: int = 10000) -> list[dict[str, Any]]:
        rows = [dict(row) for row in self._orders.values()]
        if open_only:
            rows = [row for row in rows if row["state"] not in TERMINAL]
        return rows[:limit]

    def order(self, order_id: int) -> dict[str, Any] | None:
        row = self._orders.get(order_id)
        return None if row is None else dict(row)

    def positions(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self._positions.values()]

    def balances(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self._balances.values()]

    def take_positions(self, is_all: bool = False) -> list[dict[str, Any]]:
        return self._take("position", self.positions(), is_all)

    def take_balances(self, is_all: bool = False) -> list[dict[str, Any]]:
        return self._take("balance", self.balances(), is_all)

    def _take(self, kind: str, rows: list[dict[str, Any]], is_all: bool) -> list[dict[str, Any]]:
        last = [] if is_all else self._taken.get(kind, [])
        told = self._taken[kind] = [_with_age_step(row) for row in rows]
        return [row for row, now in zip(rows, told, strict=True) if now not in last]

    def take_fills(self, limit: int = 1000) -> list[dict[str, Any]]:
        fills, self._fills = self._fills[:limit], self._fills[limit:]
        return fills

    def orders_of(self, order_ids: list[int], finished_max: int) -> list[dict[str, Any]]:
        rows = []
        for row in filter(None, map(self.order, order_ids)):
            finished_max -= row["state"] in TERMINAL
            if row["state"] not in TERMINAL or finished_max >= 0:
                rows.append(row)
        return rows

    def linked_of(self, order_ids: list[int]) -> list[tuple[int, int]]:
        return []

    def linked(self, ended_max: int) -> list[tuple[int, int]]:
        return []

    def limits(self) -> list[dict[str, Any]]:
        return []

    def trading_states(self) -> list[dict[str, Any]]:
        return []

    def registry(self, kind: str) -> list[dict[str, Any]]:
        names = {(row["instrument"], row["venue"]) for row in self._orders.values()}
        return [
            {"name": name, "venue": venue, "kind": "linear", "base": name.split("-")[0],
             "quote": "USD", "settle": "USD", "multiplier": "1", "multiplier_scale": 0,
             "price_scale": 2, "quantity_scale": 3, "tick": "0.01", "lot": "0.001"}
            for name, venue in sorted(names)
        ] if kind == "instrument" else []  # fmt: skip

    def set_mark(self, instrument: str, price: str, time_ns: int) -> bool:
        self.marks[instrument] = price
        for row in self._positions.values():
            if row["instrument"] == instrument:
                value = Decimal(row["quantity"]) * Decimal(price) - Decimal(row["cost"])
                row.update(mark=price, mark_age_ms=self.mark_age_ms, unrealised=str(value))
        return True

    def differing_total(self) -> str:
        return self._journal.differing_total

    def state_hash(self) -> str:
        state = [self.orders(open_only=False), self.positions(), self.balances()]
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()

    def _apply_new(self, record: dict[str, Any]) -> None:
        order_id = record["order_id"]
        self._orders[order_id] = {
            "order_id": str(order_id),
            "client_order_id": f"client-{order_id}",
            "principal": "desk",
            "venue": record["venue"],
            "instrument": record["instrument"],
            "account": record["account"],
            "strategy": record["strategy"],
            "side": record["side"],
            "type": "limit",
            "time_in_force": "gtc",
            "leg": "net",
            "is_post_only": False,
            "is_reduce_only": False,
            "quantity": record["quantity"],
            "price": record["price"],
            "trigger_price": None,
            "display_quantity": None,
            "expires_ns": None,
            "state": "PENDING_NEW",
            "pending": "",
            "cumulative_quantity": "0",
            "leaves_quantity": record["quantity"],
            "average_price": None,
            "venue_order_id": "",
            "reason": "",
            "created_ns": 1_700_000_000_000_000_000 + self.sequence,
            "updated_ns": 1_700_000_000_000_000_000 + self.sequence,
            "sequence": self.sequence,
        }
        self._touch("order", order_id)

    def _apply_state(self, record: dict[str, Any]) -> None:
        row = self._orders[record["order_id"]]
        row.update(state=record["state"], sequence=self.sequence)
        self._touch("order", record["order_id"])

    def _apply_fill(self, record: dict[str, Any]) -> None:
        row = self._orders[record["order_id"]]
        done = Decimal(row["cumulative_quantity"]) + Decimal(record["quantity"])
        leaves = Decimal(row["quantity"]) - done
        row.update(
            cumulative_quantity=str(done),
            leaves_quantity=str(leaves),
            average_price=record["price"],
            state="PARTIALLY_FILLED" if leaves else "FILLED",
            sequence=self.sequence,
        )
        self._touch("order", record["order_id"])
        self._fills.append(_fill_row(self.sequence, row, record))
        self._touch("fill", record["order_id"])
        self._fill_position(row, record)

    def _fill_position(self, order: dict[str, Any], record: dict[str, Any]) -> None:
        key = (order["account"], order["instrument"], "net", "cross", order["strategy"])
        row = self._positions.setdefault(key, _flat_position(key, order["venue"]))
        signed = Decimal(record["quantity"]) * (1 if order["side"] == "buy" else -1)
        row.update(
            quantity=str(Decimal(row["quantity"]) + signed),
            cost=str(Decimal(row["cost"]) + signed * Decimal(record["price"])),
            fees=str(Decimal(row["fees"]) + Decimal(record["fee"])),
            average_price=record["price"],
            sequence=self.sequence,
        )
        self._touch("position", key)

    def _apply_balance(self, record: dict[str, Any]) -> None:
        key = (record["account"], record["currency"])
        row = self._balances.setdefault(key, {"account": key[0], "currency": key[1], "total": "0"})
        row["total"] = str(Decimal(row["total"]) + Decimal(record["amount"]))
        self._touch("balance", key)

    def _touch(self, kind: str, key: Any) -> None:
        self._changes.append((self.sequence, kind, key))


def _with_age_step(row: dict[str, Any]) -> dict[str, Any]:
    age_ms = row.get("mark_age_ms")
    return {**row, "mark_age_ms": None if age_ms is None else age_ms // 5000}


class MemoryLedger:
    """Books in which nothing ever was earned."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.sequence = 0
        self.posted = 0
        self.rate_changes = 0

    def follow(
        self, limit: int = 65536, *, checks_end: bool = True, stops_at_rates: bool = False
    ) -> int:
        records = self._journal.records[self.sequence : self.sequence + limit]
        self.posted += sum(record["kind"] == "fill" for record in records)
        self.sequence += len(records)
        return len(records)

    def run(self, seconds: float, idle_seconds: float) -> bool:
        if not self.follow():
            time.sleep(min(seconds, idle_seconds))
        return True

    def reopen(self) -> bool:
        return self._journal.goes_on

    def take_steps(self) -> list[tuple[int, int]]:
        return []

    def is_balanced(self) -> bool:
        return True

    def unbooked_counts(self) -> dict[str, int]:
        return {"UNBALANCED": 0}

    def positions(self, *, marks: dict[str, str]) -> list[dict[str, Any]]:
        return []

    def accounts(self) -> list[dict[str, Any]]:
        return []

    def holdings(self, edges_ns: list[int]) -> list[dict[str, Any]]:
        return []

    def take_fills(self, limit: int = 1000) -> list[dict[str, Any]]:
        return []

    rates = accounts


def _fill_row(sequence: int, order: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    same = ("account", "strategy", "instrument", "side", "order_id")
    return {
        "sequence": sequence,
        "time_ns": 1_700_000_000_000_000_000 + sequence,
        **{name: order[name] for name in same},
        "quantity": record["quantity"],
        "price": record["price"],
        "fee": record["fee"],
        "fee_currency": "USD",
        "trade_id": f"trade-{sequence}",
        "liquidity": "taker",
        "venue": order["venue"],
        "client_order_id": order["client_order_id"],
        "revision": 0,
        "realised": None,
        "arrival_price": None,
        "slippage": None,
    }


def _flat_position(key: tuple[str, ...], venue: str) -> dict[str, Any]:
    return {
        "account": key[0],
        "instrument": key[1],
        "leg": key[2],
        "margin_mode": key[3],
        "strategy": key[4],
        "venue": venue,
        "quantity": "0",
        "average_price": None,
        "cost": "0",
        "realised": "0",
        "unrealised": None,
        "fees": "0",
        "break_even_before_carry": None,
        "mark": None,
        "mark_age_ms": None,
        "venue_margin_mode": None,
        "collateral": None,
        "currency": "USD",
        "state": "active",
        "sequence": 0,
    }


def make_directory(path: Path) -> Path:
    """A directory that looks like a journal's from outside."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "superblock").write_bytes(b"")
    return path


class RunningObserver:
    """An observer on a port of the kernel's choice, following a journal in memory."""

    KEY = "reader.correct-horse"

    def __init__(self, path: Path, **options: Any) -> None:
        self.journal = MemoryJournal()
        self.replicas: list[MemoryReplica] = []
        self.directory = path / "journal"
        self.ring = path / "ring"
        self.ring.mkdir(parents=True, exist_ok=True)
        keys = path / "keys.toml"
        keys.touch(mode=0o600)
        keys.write_text(_keys_text())
        place = JournalPlace(self.directory, self.ring)
        self.options = ObserverOptions(place, "127.0.0.1", 0, keys, **options)

    async def __aenter__(self) -> RunningObserver:
        make_directory(self.directory)
        return await self.start()

    async def start(self) -> RunningObserver:
        self.observer = Observer(self.options, self._open, open_ledger=self._open_ledger)
        ready = asyncio.Event()
        self.task = asyncio.create_task(self.observer.run(lambda _: ready.set()))
        opened = asyncio.create_task(ready.wait())
        await asyncio.wait({opened, self.task}, timeout=300, return_when=asyncio.FIRST_COMPLETED)
        if not ready.is_set():
            opened.cancel()
            self.task.cancel()
            await self.task
        self.url = self.observer.url
        self.headers = {"Authorization": f"Bearer {self.KEY}"}
        return self

    async def __aexit__(self, *_: object) -> None:
        self.observer.stop()
        await self.task

    def _open(self, _: JournalPlace) -> MemoryReplica:
        self.replicas.append(MemoryReplica(self.journal))
        return self.replicas[-1]

    def _open_ledger(self, _: JournalPlace) -> Any:
        return MemoryLedger(self.journal)

    async def caught_up(self) -> None:
        """Wait until the view holds every record."""
        async with asyncio.timeout(300):
            view = self.observer.view
            while (  # noqa: ASYNC110 - the follower works in its own thread
                not view.is_ready or view.sequence < len(self.journal.records)
            ):
                await asyncio.sleep(0.005)


def _keys_text() -> str:
    def key(name: str, secret: str, scopes: list[str]) -> str:
        digest = hashlib.sha256(secret.encode()).hexdigest()
        return f'[keys.{name}]\nprincipal = "desk"\nscopes = {scopes}\nsha256 = "{digest}"\n'

    return key("reader", "correct-horse", ["read"]) + key("trader", "battery", ["trade"])
