"""A venue whose market stands still and a gateway in front of it: what the crash tests with one
fault at a time have in common."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from gateway_paper.record import read_record
from processes import GatewayProcess, VenueProcess
from verdict import judge_books, judge_replay

from gateway.journal import reader
from gateway.ledger.funding import FundingAudit

__all__ = ["ORDER", "Desk", "Row"]

Row = dict[str, Any]
ORDER = {
    "account": "main", "instrument": "BTC-USDT-PERP.paper", "strategy": "s", "side": "buy",
    "type": "limit", "time_in_force": "gtc", "quantity": "1", "price": "49000",
}  # fmt: skip


class Desk:
    """Opened by `open`; may be killed and opened again."""

    def __init__(self, directory: Path, **change: Any) -> None:
        self.venue = VenueProcess(directory, market="manual")
        self.venue.start()
        self.quote()
        # Far above what a loaded machine needs for an answer: only a fault is late.
        self.gateway = GatewayProcess(directory, self.venue.url, timeout_ms=2000, **change)

    def quote(self) -> None:
        """The venue forgets its market when it is restarted."""
        levels = [["buy", "49999", "10"], ["sell", "50001", "10"]]
        self.venue.admin("market", {"instrument": "BTCUSDT", "levels": levels})

    def open(self) -> None:
        """Started, reconciled, and a reference price is there."""
        self.gateway.start()
        self.gateway.wait_up()
        self.gateway.wait_trading()
        self.gateway.wait(lambda: self.gateway.get("/v1/status")["counters"]["marks"])

    def submit(self, client_order_id: str, **change: Any) -> tuple[int, Any]:
        """Asked again while its mark is not here yet, or not again since: that is no verdict."""
        body = {**ORDER, "client_order_id": client_order_id, **change}

        def answered() -> tuple[int, Any] | None:
            status, answer = self.gateway.ask("POST", "/v1/orders", body)
            is_unpriced = status == 422 and answer["error"]["code"] == "STALE_PRICE"
            return None if is_unpriced else (status, answer)

        found: tuple[int, Any] = self.gateway.wait(answered)
        return found

    def buy(self, client_order_id: str) -> None:
        """A position of one, on which funding is paid."""
        assert self.submit(client_order_id, price="50001")[0] == 201
        self.wait_state(client_order_id, "FILLED")

    def pay_funding(self) -> None:
        self.venue.admin("action", {"action": "pay_funding"})

    def order(self, client_order_id: str) -> Row:
        row: Row = self.gateway.get(f"/v1/orders/by-client-id/{client_order_id}")["order"]
        return row

    def state(self, client_order_id: str) -> str:
        return str(self.order(client_order_id)["state"])

    def wait_state(self, client_order_id: str, *states: str) -> Row:
        self.gateway.wait(lambda: self.state(client_order_id) in states)
        return self.order(client_order_id)

    def status(self) -> Row:
        status: Row = self.gateway.get("/v1/status")
        return status

    def balances(self) -> dict[str, Fraction]:
        rows = self.gateway.get("/v1/balances")["balances"]
        return {row["currency"]: Fraction(row["total"]) for row in rows}

    def venues_own(self) -> dict[str, Fraction]:
        record = read_record(self.venue.record_path)
        return {code: total for (_, code), total in record.balances().items()}

    def wait_equal(self, payments: int) -> None:
        """The venue has paid so often, and our balances are its own to the last digit."""
        assert len(read_record(self.venue.record_path).funding) == payments
        self.gateway.wait(lambda: self.balances() == self.venues_own())
        # A comparison in the middle of a payment may have named it; the next one does not.
        self.gateway.wait(lambda: self.status()["venues"][0]["breaks"] == [])
        judge_replay(self.gateway)
        judge_books(self.gateway, self.venues_own())
        self.judge_payments(payments)

    def judge_payments(self, payments: int) -> None:
        """Each is what rate and position make, once, and its parts add up to it."""
        place = str(self.gateway.ring_directory)
        rows = list(
            FundingAudit().run(reader.decoded(self.gateway.directory, ring_directory=place))
        )
        assert [row["faults"] for row in rows] == [[]] * payments, rows
        for row in rows:
            assert sum(map(Fraction, row["parts"].values())) == Fraction(row["amount"]), row

    def close(self) -> None:
        self.gateway.close()
        self.venue.kill()
