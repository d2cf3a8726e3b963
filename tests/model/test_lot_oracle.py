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


def new_model(shape: Shape) -> LotModel:
    return LotModel(
        shape.kind,
        shape.price_scale,
        shape.quantity_scale,
        shape.multiplier_scale,
        shape.multiplier,
    )


def oracles(shape: Shape, fills: list[Fill]) -> list[oracle.LotOracle]:
    """Every method over a history in its right order."""
    found = [oracle.LotOracle(method) for method in oracle.METHODS]
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


def check(shape: Shape, model: LotModel, fills: list[Fill], where: str) -> None:
    identities = set()
    for method, expected in enumerate(oracles(shape, fills)):
        row = model.row(method)
        assert row["quantity"] == expected.quantity, where
        assert row["cost"] == money(expected.cost), where
        assert row["realised"] == money(expected.realised), where
        held = [(lot.number, lot.quantity, money(lot.cost)) for lot in expected.lots]
        assert sorted(row["lots"]) == sorted(held), where
        identities.add(expected.realised - expected.cost)
    assert len(identities) == 1, where  # realised + unrealised, at any mark, is one number


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


def check_run(shape: Shape, life: str, seed: int, count: int) -> int:
    rng = random.Random(seed)
    rows = random_fills(rng, shape, life, count)
    sides, prices, quantities, _ = (
        np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)
    )
    model = new_model(shape)
    model.apply_many(sides, prices, quantities)
    fills = [(i + 1, *row[:3]) for i, row in enumerate(rows)]
    where = f"{shape.name} {life} seed {seed}"
    check(shape, model, fills, where)
    if seed % 4 == 0:
        check(shape, model, changed_past(rng, model, fills, shape), where + " changed")
    return len(rows)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("shape", WITHOUT_EXTREMES, ids=lambda shape: shape.name)
def test_native_lots_equal_the_oracle_over_random_fills(shape: Shape, life: str) -> None:
    wanted = FILLS // (len(WITHOUT_EXTREMES) * len(LIVES)) + 1
    done = 0
    seed = 0
    while done < wanted:
        seed += 1
        done += check_run(shape, life, seed, 1 + seed % 60)


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
