"""Any record again: the state the live engine had there, what changed between two, and why."""

from decimal import Decimal

import pytest

from gateway.history import time_machine
from gateway.history.archive import Archiver
from gateway.history.faults import HistoryFault
from gateway.history.queries import History
from gateway.history.time_machine import difference, sequence_at, state_at
from gateway.history.views import Views
from gateway.history.why import why_balance, why_order, why_position
from gateway.journal import JournalPlace, reader

PASSING = ("mark", "mark_age_ms", "unrealised")


@pytest.fixture(scope="module")
def place(past):
    return JournalPlace(past.directory, past.ring)


@pytest.fixture(scope="module")
def archive(past, tmp_path_factory):
    found = tmp_path_factory.mktemp("archive")
    archiver = Archiver(past.directory, found)
    archiver.step()
    archiver.step()
    archiver.close()
    return found


@pytest.fixture(scope="module")
def history(past, archive):
    views = Views(past.directory, archive, str(past.ring), threads=1)
    yield History(views)
    views.close()


def without_marks(rows):
    return [{name: row[name] for name in row if name not in PASSING} for row in rows]


def words(found):
    return [step["words"] for step in found["chain"]]


def test_the_state_is_the_live_one_by_sequence_and_by_time(past, place, archive):
    for station in past.stations[::3]:
        for asked in ({"sequence": station["sequence"]}, {"time_ns": station["time_ns"]}):
            found = state_at(place, archive=archive, **asked)
            assert (found.sequence, found.state_hash) == (
                station["sequence"],
                station["state_hash"],
            )
            assert found.time_ns == station["time_ns"]
            assert found.orders == station["orders"]
            assert without_marks(found.positions) == without_marks(station["positions"])
            # A state from a snapshot has its rows in another order.
            assert sorted(map(str, found.balances)) == sorted(map(str, station["balances"]))


def test_a_nearer_snapshot_leads_to_the_same_state(past, place, archive):
    station = past.stations[-1]
    assert list((archive / "snapshots").glob("snapshot-*"))
    near = state_at(place, sequence=station["sequence"], archive=archive)
    far = state_at(place, sequence=station["sequence"])
    assert near.rows()["state_hash"] == far.rows()["state_hash"] == station["state_hash"]


def test_an_instant_between_two_records_is_the_earlier_one(past, place):
    station = past.stations[2]
    assert sequence_at(place, station["time_ns"] + 1) == station["sequence"]
    assert sequence_at(place, station["time_ns"]) == station["sequence"]
    assert sequence_at(place, station["time_ns"] - 1) < station["sequence"]


@pytest.mark.parametrize("asked", [{"sequence": 10**12}, {"sequence": 0}, {"time_ns": -5}])
def test_what_is_outside_of_the_journal_is_refused(place, asked):
    with pytest.raises(HistoryFault) as caught:
        state_at(place, **asked)
    assert caught.value.code == "OUT_OF_RANGE"


def test_a_difference_is_what_leads_from_one_state_to_the_other(past, place):
    before, after = (state_at(place, sequence=past.stations[at]["sequence"]) for at in (3, 4))
    changes = difference(before, after)
    positions = {row["instrument"]: row for row in before.positions}
    for change in changes:
        if change["table"] == "positions":
            row = positions[change["key"]["instrument"]]
            for name, (old, new) in change["fields"].items():
                assert row[name] == old
                row[name] = new
    assert {row["instrument"]: row["quantity"] for row in after.positions} == {
        name: row["quantity"] for name, row in positions.items()
    }
    touched = {change["key"]["order_id"] for change in changes if change["table"] == "orders"}
    open_after = {row["order_id"] for row in after.orders}
    assert open_after - {row["order_id"] for row in before.orders} <= touched
    assert touched - open_after, "orders that came and went are there too"
    assert difference(after, after) == []
    with pytest.raises(HistoryFault) as caught:
        difference(after, before)
    assert caught.value.code == "BAD_VALUE"


def test_what_does_not_fit_is_refused_and_not_cut(past, place, monkeypatch):
    monkeypatch.setattr(time_machine, "ORDERS_MAX", 5)
    before, after = (state_at(place, sequence=past.stations[at]["sequence"]) for at in (3, 4))
    with pytest.raises(HistoryFault) as caught:
        difference(before, after)
    assert caught.value.code == "TOO_LARGE"
    open_orders = len(after.orders)
    assert len(reader.every_order(after.replica, is_open=True, limit=open_orders)) == open_orders
    with pytest.raises(reader.TooManyOrders):
        reader.every_order(after.replica, is_open=True, limit=open_orders - 1)


def test_a_filled_order_tells_intent_decision_venue_and_position(past, history):
    found = why_order(history, str(past.orders[0]))
    events = [step["event"] for step in found["chain"]]
    assert events == [
        "order_new", "risk_decision", "order_accepted", "order_filled", "order_filled",
    ]  # fmt: skip
    intent, decision, accepted, fill, last = found["chain"]
    assert "desk asked through port" in intent["words"]
    assert decision["fields"]["reference_price"] == "100"
    levels = [row["level"] for row in decision["fields"]["limits"]]
    assert levels == ["instrument", "strategy", "account", "venue", "firm"]
    assert decision["fields"]["limits"][0]["fields"]["collar_bps"] == 1000
    assert accepted["fields"]["venue_order_id"] == f"V{past.orders[0]}"
    assert fill["fields"]["fill"]["trade_id"] == "trade-1"
    assert fill["fields"]["position"]["quantity"] == "0.5"
    assert last["fields"]["position"]["quantity"] == "2"
    assert found["order"]["state"] == "FILLED"
    assert found["client_order_id"] == intent["words"].split(" as ")[1].split(":")[0]


def test_a_cancel_and_a_bust_name_their_cause(past, history):
    canceled = words(why_order(history, str(past.orders[1])))
    assert "a cancel went out, cause client, by desk" in canceled
    assert "sim canceled it (requested): as asked" in canceled
    busted = words(why_order(history, str(past.orders[10])))
    assert any(text.startswith("sim took back trade trade-11") for text in busted)


def test_a_client_id_finds_the_order_and_a_refusal_its_halt(past, history):
    refused = history.sql("SELECT client_order_id, refusal FROM refusals ORDER BY sequence").rows
    halted = next(row for row in refused if row["refusal"] == "LATCHED")
    found = why_order(history, halted["client_order_id"])
    assert found["order"] is None
    assert [step["event"] for step in found["chain"]] == ["trading_state_set", "order_refused"]
    assert found["chain"][0]["words"] == "firm firm was halted by ops: test"
    by_name = why_order(history, why_order(history, str(past.orders[3]))["client_order_id"])
    assert by_name["order_id"] == str(past.orders[3])


def test_a_position_and_a_balance_run_up_to_what_they_are(past, history):
    key = {"account": "main", "instrument": "BTC-PERP", "strategy": "alpha"}
    position = why_position(history, key, limit=5)
    live = {row["instrument"]: row for row in past.stations[-1]["positions"]}["BTC-PERP"]
    assert len(position["chain"]) == 5 and position["is_cut"]
    every = why_position(history, key, limit=10_000)
    assert any(
        step["sequence"] == live["sequence"] and step["fields"]["quantity"] == live["quantity"]
        for step in every["chain"]
    )
    balance = why_balance(history, {"account": "main", "currency": "USD"}, limit=10_000)
    total = Decimal(0)
    for step in balance["chain"]:
        total += Decimal(step["fields"]["change"])
        assert Decimal(step["fields"]["total"]) == total
    assert any("deposit-10" in text for text in words(balance))
    assert any("funding-10" in text for text in words(balance))


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda h: why_order(h, "nobody"), "UNKNOWN_ORDER"),
        (lambda h: why_order(h, "9" * 19), "UNKNOWN_ORDER"),
        (lambda h: why_order(h, "'; DROP VIEW fills; --"), "UNKNOWN_ORDER"),
        (lambda h: why_position(h, {"account": "nobody"}), "UNKNOWN_POSITION"),
        (lambda h: why_balance(h, {"account": "main", "currency": "ZZZ"}), "UNKNOWN_BALANCE"),
    ],
)
def test_what_never_was_has_no_chain(history, ask, code):
    with pytest.raises(HistoryFault) as caught:
        ask(history)
    assert caught.value.code == code
