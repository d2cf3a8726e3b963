"""Health figures: rates between two looks, what is late or full named as such."""

from gateway.stream.authority import NOTHING
from gateway.stream.books import BooksStep
from gateway.stream.health_stream import HealthInput, HealthRows
from gateway.telemetry import Queue

VIEW = {"lag_ms": 3, "sequence": 90, "reopened": 1}
TOTALS = {"records": 100, "messages": 10, "conflated": 0, "cut_off": 0}
BOOKS = BooksStep("following", "", 80, posted=60, unbooked={"OVERFLOW": 0}, is_balanced=True)


def found(**more):
    given = {
        "view": VIEW,
        "lag_records": 0,
        "totals": TOTALS,
        "clients": 2,
        "books": BOOKS,
        "engine": {},
        "queues": {},
    }
    return HealthInput(**(given | more))


def queue(name, depth, threshold=75):
    return Queue(name, "bytes", "engine", 100, threshold, depth, depth, 0, 1, 1)


def test_rates_are_of_the_time_between_two_looks():
    now = [10.0]
    health = HealthRows(lambda: now[0])
    assert health.rows(found())["observer|records"]["value"] is None
    now[0] = 12.0
    rows = health.rows(found(totals=TOTALS | {"records": 1100, "messages": 5}))
    assert (rows["observer|records"]["value"], rows["observer|records"]["unit"]) == ("500", "1/s")
    assert rows["stream|messages"]["value"] == "0"
    assert rows["books|lag in records"]["value"] == "10"
    assert {row["state"] for row in rows.values()} == {""}
    assert all(NOTHING.sees("health", row) for row in rows.values())


def test_what_is_late_full_or_wrong_says_so():
    engine = {"venue:okx:reconciled": 0, "venue:okx:adapter.banned_ms": 5, "orders": 4,
              "venue:okx:adapter.clock_offset_us": -7, "venue:okx:counter.x": 1,
              "venue:okx:adapter.reconnects.private": 3}  # fmt: skip
    books = BooksStep("catching_up", "", 80, unbooked={"OVERFLOW": 2}, is_balanced=False)
    rows = HealthRows(lambda: 0.0).rows(
        found(view=VIEW | {"lag_ms": 2001}, totals=TOTALS | {"cut_off": 1}, books=books,
              engine=engine, queues={"a": queue("a", 75), "journal_ring": queue("journal_ring", 7)})
    )  # fmt: skip
    states = {key: row["state"] for key, row in rows.items() if row["state"]}
    assert states == {
        "observer|lag": "warning", "stream|clients cut off": "warning", "books|state": "warning",
        "books|not booked": "fault", "books|trial balance": "fault", "queues|a": "warning",
        "venue okx|state": "warning", "venue okx|ban": "fault",
    }  # fmt: skip
    assert (rows["queues|journal_ring"]["value"], rows["queues|journal_ring"]["of"]) == ("7", "100")
    assert next(key for key in rows if key.startswith("queues")) == "queues|journal_ring"
    assert rows["venue okx|reconnects private"]["value"] == "3"
    assert "venue okx|x" not in rows


def test_a_lag_that_nobody_knows_is_not_none():
    health = HealthRows(lambda: 0.0)
    assert health.rows(found(lag_records=None))["observer|lag in records"]["value"] is None
    assert health.rows(found(lag_records=0))["observer|lag in records"]["value"] == "0"
