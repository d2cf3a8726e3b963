"""A position that no fill will ever be told for, booked by a person: exact, once, replayed."""

from decimal import Decimal

import pytest
from engine_world import BUY, LONG, NET, SELL, SHORT

from gateway._core.journal import Reader, Replica, decode
from gateway.api import RefusedError
from gateway.core.engine import Engine


def held_of(world, leg):
    words = {NET: "net", LONG: "long", SHORT: "short"}
    rows = [row for row in world.engine.positions() if row["instrument"] == "BTC-PERP"]
    total = sum(Decimal(row["quantity"]) for row in rows if row["leg"] == words.get(leg))
    return format(total, "f")


def adopt(world, quantity, price, reference="break:1", **changes):
    held = held_of(world, changes.get("leg", NET))
    where = {"account": world.account, "instrument": world.perpetual, "strategy": 0, "leg": NET}
    words = {"quantity": quantity, "price": price, "reference": reference, "actor": "anna"}
    words["held"] = held
    return world.engine.adopt_position(**(where | words | changes))


@pytest.mark.parametrize(("quantity", "side"), [("2.5", BUY), ("-2.5", SELL)])
def test_it_opens_from_flat_at_its_price_and_moves_no_money(world, quantity, side):
    adopt(world, quantity, "90.125")
    row = world.position("BTC-PERP", "EXTERNAL")
    assert (row["quantity"], row["average_price"], row["realised"]) == (quantity, "90.125", "0")
    assert world.balance("USD") == 0
    assert world.engine.last_fill_time_ns(world.account) == 0, "no fill time moves"
    closing = SELL if side == BUY else BUY
    world.fill(0, "2.5", "100", side=closing, venue_order="x", instrument=world.perpetual)
    realised = world.position("BTC-PERP", "EXTERNAL")["realised"]
    assert realised == ("24.6875" if side == BUY else "-24.6875")


def test_it_is_booked_once_and_its_record_says_who_did(world):
    sequence = adopt(world, "1", "90")
    before = world.state_hash()
    with pytest.raises(ValueError, match="ID_CONFLICT"):
        adopt(world, "1", "90")
    assert world.state_hash() == before
    rows = [decode(record) for _, record in Reader(world.journal, world.ring).read(10_000)]
    (row,) = [row for row in rows if row["kind"] == "position_adopted"]
    assert (row["sequence"], row["adopted_by"], row["reference"]) == (sequence, "anna", "break:1")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quantity": "0"}, "RANGE"),
        ({"quantity": "0.00001"}, "PRECISION"),
        ({"price": "1e5"}, "BAD_NUMBER"),
        ({"leg": 3}, "BAD_ENUM"),
        ({"strategy": 99}, "NOT_FOUND"),
        ({"reference": ""}, "BAD_SYMBOL"),
        ({"held": "0.001"}, "RANGE held"),
        ({"held": "-0.001"}, "RANGE held"),
        ({"quantity": "2500000000000000"}, "RANGE"),
    ],
)
def test_what_cannot_be_booked_is_refused_and_changes_nothing(world, changes, words):
    before = world.state_hash()
    with pytest.raises(ValueError, match=words):
        adopt(world, **({"quantity": "1", "price": "90"} | changes))
    assert world.state_hash() == before


def test_only_what_has_expired_is_worth_nothing(world):
    with pytest.raises(ValueError, match="RANGE price"):
        adopt(world, "1", "0", instrument=world.inverse)  # its value would have no end
    adopt(world, "1", "90")
    adopt(world, "-1", "0", reference="expiry:1")
    [row] = [row for row in world.engine.positions() if row["strategy"] == "EXTERNAL"]
    assert (row["quantity"], row["cost"], row["realised"]) == ("0", "0", "-90")
    words = {"account": "a", "instrument": "i", "leg": "net", "strategy": "", "held": "0"}
    for price in ("0", "0.00"):
        with pytest.raises(RefusedError, match="RANGE"):  # a person means no such thing
            Engine(world.engine, instance=1).adopt_position(
                **words, quantity="1", price=price, reference="break:1", actor="anna"
            )


def test_spot_is_held_as_balances(world):
    with pytest.raises(ValueError, match="RANGE instrument"):
        adopt(world, "1", "90", instrument=world.spot)


def test_legs_and_books_of_their_own_and_replay_and_snapshot_make_the_same(world):
    adopt(world, "2", "90", account=world.hedge, leg=LONG)
    adopt(world, "-3", "95.5", "break:2", account=world.hedge, leg=SHORT, strategy=world.strategy)
    # A bust of an earlier fill works out everything behind it again, this one too.
    world.fill(0, "1", "80", venue_order="V0", trade="t1", instrument=world.perpetual)
    adopt(world, "4", "100", "break:3")
    world.revise(0, "t1", 1, instrument=world.perpetual)
    assert world.quantity("BTC-PERP", "EXTERNAL") == 4
    replica = Replica(world.journal, world.ring)
    while replica.follow():
        pass
    assert replica.state_hash() == world.state_hash()
    assert replica.write_snapshot()
    from_snapshot = Replica(world.journal, world.ring)
    while from_snapshot.follow():
        pass
    assert from_snapshot.state_hash() == world.state_hash()
