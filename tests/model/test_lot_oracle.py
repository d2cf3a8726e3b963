"""The native lots equal the slow oracle, digit for digit, over random fills of every kind of
instrument, net and on hedge legs, under all five methods at once, with a past that changes."""

from __future__ import annotations

import os
import random
from fractions import Fraction

import lot_oracle as oracle
import numpy as np
import position_oracle
import pytest
from test_position_oracle import LIVES, SHAPES, Shape, random_fills

from gateway._core.ledger import LotModel

FILLS = int(os.environ.get("GATEWAY_LOT_FILLS", "200000"))
WITHOUT_EXTREMES = tuple(shape for shape in SHAPES if "extreme" not in shape.name)

Fill = tuple[int, int, int, int]  # number, side, price, quantity
Wishes = dict[int, list[tuple[int, int]]]  # closing fill -> (lot, quantity)


def new_model(shape: Shape) -> LotModel:
    return LotModel(
        shape.kind,
        shape.price_scale,
        shape.quantity_scale,
        shape.multiplier_scale,
        shape.multiplier,
    )


def any_wishes(rng: random.Random, rows: list[list[int]]) -> Wishes:
    """Named lots for a part of the fills: lots that are there, that are gone, that never were or
    are yet to come, the same one twice; all of them or parts."""
    wishes: Wishes = {}
    for number in range(1, len(rows) + 1):
        for _ in range(rng.choice((0, 0, 1, 2, 4))):
            lot = rng.randint(1, number + 1)
            most = rows[lot - 1][2] if lot <= len(rows) else 1
            quantity = rng.choice((most, rng.randint(1, most), min(2 * most, 2**63 - 1), 0))
            wishes.setdefault(number, []).append((lot, quantity))
    return wishes


def oracles(shape: Shape, fills: list[Fill], wishes: Wishes) -> list[oracle.LotOracle]:
    """Every method over a history in its right order."""
    found = [oracle.LotOracle(method, wishes=wishes) for method in oracle.METHODS]
    multiplier = Fraction(shape.multiplier, 10**shape.multiplier_scale)
    for number, side, price, quantity in fills:
        if not quantity:
            continue
        cash = oracle.cash_of(
            shape.kind,
            multiplier,
            side,
            Fraction(price, 10**shape.price_scale),
            Fraction(quantity, 10**shape.quantity_scale),
        )
        signed = quantity if side == position_oracle.BUY else -quantity
        for each in found:
            each.apply(number, signed, cash)
    return found


def money(amount: int) -> str:
    return position_oracle.decimal_text(amount, 18)


def check(shape: Shape, model: LotModel, fills: list[Fill], wishes: Wishes, where: str) -> int:
    """How many parts the wishes took."""
    identities, named = set(), 0
    for method, expected in enumerate(oracles(shape, fills, wishes)):
        row = model.row(method)
        assert row["quantity"] == expected.quantity, where
        assert row["cost"] == money(expected.cost), where
        assert row["realised"] == money(expected.realised), where
        held = [(lot.number, lot.quantity, money(lot.cost)) for lot in expected.lots]
        assert sorted(row["lots"]) == sorted(held), where
        identities.add(expected.realised - expected.cost)
        named += expected.named
    assert len(identities) == 1, where  # realised + unrealised, at any mark, is one number
    return named


def changed_past(
    rng: random.Random, model: LotModel, fills: list[Fill], shape: Shape
) -> list[Fill]:
    """One late fill, one correction and one bust, each as if it had always been so."""
    number = len(fills) + 1
    place = rng.randrange(len(fills))
    late = (number, rng.choice((1, 2)), rng.randint(1, shape.price_max), rng.randint(1, 1000))
    model.apply_before(fills[place][0], *late[1:])
    fills.insert(place, late)
    for quantity in (rng.randint(1, 1000), 0):
        place = rng.randrange(len(fills))
        revised = (fills[place][0], fills[place][1], rng.randint(1, shape.price_max), quantity)
        model.revise(*revised)
        fills[place] = revised
    return fills


def check_run(shape: Shape, life: str, seed: int, count: int) -> tuple[int, int]:
    """How many fills there were, and how many parts of lots were taken by name."""
    rng = random.Random(seed)
    rows = random_fills(rng, shape, life, count)
    sides, prices, quantities, _ = (
        np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)
    )
    model, wishes = new_model(shape), any_wishes(rng, rows) if seed % 2 else {}
    model.designate([(number, *each) for number, named in wishes.items() for each in named])
    model.apply_many(sides, prices, quantities)
    fills = [(i + 1, *row[:3]) for i, row in enumerate(rows)]
    where = f"{shape.name} {life} seed {seed}"
    named = check(shape, model, fills, wishes, where)
    if seed % 4 <= 1:
        check(shape, model, changed_past(rng, model, fills, shape), wishes, where + " changed")
    return len(rows), named


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("shape", WITHOUT_EXTREMES, ids=lambda shape: shape.name)
def test_native_lots_equal_the_oracle_over_random_fills(shape: Shape, life: str) -> None:
    wanted = FILLS // (len(WITHOUT_EXTREMES) * len(LIVES)) + 1
    done = seed = named = 0
    while done < wanted:
        seed += 1
        fills, parts = check_run(shape, life, seed, 1 + seed % 60)
        done, named = done + fills, named + parts
    assert named * 100 > done  # or "specific" was the oldest first


def test_a_turnover_beyond_the_exact_range_is_refused_and_changes_nothing() -> None:
    model = LotModel(position_oracle.LINEAR, 0, 0)
    side, price = np.array([1]), np.array([2**62])
    for fills in range(1, 100):  # each is worth a little more than 2^61 units of money
        before = model.row(0)
        try:
            model.apply_many(side, price, np.array([1]))
        except ValueError as error:
            assert str(error) == "OVERFLOW" and fills > 1
            break
    assert model.row(0) == before
    with pytest.raises(ValueError, match="BAD_ENUM"):
        model.row(5)
