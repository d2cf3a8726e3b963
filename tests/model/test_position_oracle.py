"""The native position arithmetic equals the slow oracle, digit for digit, over random fills."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import position_oracle as oracle
import pytest

from gateway._core.positions import PositionModel

FILLS = int(os.environ.get("GATEWAY_ORACLE_FILLS", "60000"))
LIVES = ("net", "long", "short")
MONEY_MAX = Fraction(2**127 - 1, 10**18)


@dataclass(frozen=True)
class Shape:
    """An instrument: scales in decimals, multiplier as a mantissa."""

    name: str
    kind: int
    price_scale: int
    quantity_scale: int
    multiplier_scale: int
    multiplier: int
    price_max: int
    quantity_max: int

    def new_pair(self) -> tuple[PositionModel, oracle.Oracle, oracle.Unrounded]:
        multiplier = Fraction(self.multiplier, 10**self.multiplier_scale)
        model = PositionModel(
            self.kind,
            self.price_scale,
            self.quantity_scale,
            self.multiplier_scale,
            oracle.text(multiplier, self.multiplier_scale),
        )
        return model, oracle.Oracle(self.kind, multiplier), oracle.Unrounded(self.kind, multiplier)


SHAPES = (
    Shape("spot", oracle.SPOT, 2, 8, 0, 1, 10**8, 10**12),
    Shape("spot_fine", oracle.SPOT, 10, 8, 0, 1, 10**12, 10**11),
    Shape("linear", oracle.LINEAR, 1, 3, 0, 1, 10**7, 10**8),
    Shape("linear_contracts", oracle.LINEAR, 5, 0, 4, 37, 10**9, 10**9),
    Shape("linear_extreme", oracle.LINEAR, 0, 0, 0, 1, 3, 2**61),
    Shape("inverse", oracle.INVERSE, 1, 0, 0, 100, 10**7, 10**7),
    Shape("inverse_fine", oracle.INVERSE, 8, 4, 2, 12345, 10**12, 10**10),
    Shape("quanto", oracle.QUANTO, 2, 1, 7, 1, 10**8, 10**7),
    Shape("quanto_extreme", oracle.QUANTO, 9, 0, 9, 10**9 + 7, 10**12, 10**6),
)


def fill_quantity(
    rng: random.Random, held: int, is_closing: bool, is_bound: bool, most: int
) -> int:
    """Partial close, full close, flip or something new; small numbers as often as large ones."""
    if is_closing and held:
        choice = rng.random()
        if choice < 0.2:
            return held
        if choice < 0.7 or is_bound:
            return rng.randint(1, held)
    return rng.randint(1, max(1, int(most ** rng.random())))


def random_fills(rng: random.Random, shape: Shape, life: str, count: int) -> list[list[int]]:
    """[side, price, quantity, fee] mantissas. On a hedge leg nothing closes more than is held."""
    fills: list[list[int]] = []
    held = 0
    for _ in range(count):
        opening = {"long": oracle.BUY, "short": oracle.SELL}.get(life)
        side = rng.choice((oracle.BUY, oracle.SELL))
        if opening is not None and held == 0:
            side = opening
        is_closing = held * (1 if side == oracle.BUY else -1) < 0
        quantity = fill_quantity(
            rng, abs(held), is_closing, opening is not None, shape.quantity_max
        )
        change = quantity if side == oracle.BUY else -quantity
        if abs(held + change) >= 2**63:
            continue
        held += change
        price = rng.randint(1, max(1, int(shape.price_max ** rng.random())))
        fills.append([side, price, quantity, rng.randint(-(10**15), 10**18)])
    return fills


def apply_both(shape: Shape, fills: list[list[int]], *models: oracle.Unrounded) -> None:
    for side, price, quantity, fee in fills:
        for model in models:
            model.apply(
                side,
                Fraction(price, 10**shape.price_scale),
                Fraction(quantity, 10**shape.quantity_scale),
                Fraction(fee, 10**18),
            )


def expected_row(shape: Shape, model: oracle.Oracle) -> dict[str, object]:
    return {
        "quantity": oracle.text(model.quantity, shape.quantity_scale),
        "cost": oracle.text(model.cost, 18),
        "realised": oracle.text(model.realised, 18),
        "fees": oracle.text(model.fees, 18),
        "fills": model.fills,
        "state": model.state,
    }


def check_prices(shape: Shape, native: PositionModel, slow: oracle.Oracle, mark: Fraction) -> None:
    if abs(slow.signed_worth(mark)) < MONEY_MAX / 2:
        assert native.unrealised(oracle.text(mark, 9)) == oracle.text(slow.unrealised(mark), 18)
    elif abs(slow.signed_worth(mark)) > MONEY_MAX:
        with pytest.raises(ValueError, match="RANGE"):
            native.unrealised(oracle.text(mark, 9))
    scale = 9
    unit = Fraction(1, 10**scale)
    if slow.quantity and slow.cost:
        average = oracle.half_even(slow.average_price(), unit)
        if abs(average) < 10**24:
            assert native.average_price(scale) == oracle.text(average, scale)
    exact = slow.break_even()
    if exact is None:
        assert native.break_even(scale) is None
    elif exact < 10**24:
        rounded = oracle.half_even(exact, unit)
        assert native.break_even(scale) == (oracle.text(rounded, scale) if rounded else None)


def check_run(shape: Shape, life: str, seed: int, count: int) -> int:
    rng = random.Random(seed)
    fills = random_fills(rng, shape, life, count)
    native, slow, unrounded = shape.new_pair()
    columns = [np.array(column, dtype=np.int64) for column in zip(*fills, strict=True)]
    native.apply_many(*columns)
    apply_both(shape, fills, slow, unrounded)
    where = f"{shape.name} {life} seed {seed}"
    assert native.row() == expected_row(shape, slow), where
    assert slow.realised - slow.cost == -slow.cash, where
    drift = oracle.UNIT / 2 * slow.divisions
    assert abs(slow.cost - unrounded.cost) <= drift, where
    assert abs(slow.realised - unrounded.realised) <= drift, where
    if not slow.quantity:
        assert slow.cost == 0, where
    check_prices(shape, native, slow, Fraction(rng.randint(1, 10**15), 10**9))
    return len(fills)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_native_books_equal_the_oracle_over_random_fills(shape: Shape, life: str) -> None:
    wanted = FILLS // (len(SHAPES) * len(LIVES)) + 1
    done = 0
    seed = 0
    while done < wanted:
        seed += 1
        done += check_run(shape, life, seed, 1 + seed % 40)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_single_step_equals_the_oracle_not_only_the_end(shape: Shape) -> None:
    fills = random_fills(random.Random(7), shape, "net", 120)
    native, slow, _ = shape.new_pair()
    for fill in fills:
        side, price, quantity, fee = fill
        state = native.apply(
            side,
            oracle.text(Fraction(price, 10**shape.price_scale), shape.price_scale),
            oracle.text(Fraction(quantity, 10**shape.quantity_scale), shape.quantity_scale),
            oracle.text(Fraction(fee, 10**18), 18),
        )
        apply_both(shape, [fill], slow)
        assert native.row() == expected_row(shape, slow)
        assert state == slow.state
        check_prices(shape, native, slow, Fraction(price, 10**9))


def test_a_range_fault_names_itself_and_changes_nothing() -> None:
    native = PositionModel(oracle.LINEAR, 0, 0, 0, "1")
    native.apply(oracle.BUY, "1", str(2**63 - 1))
    before = native.row()
    for price, quantity, code in (
        ("1", "1", "OVERFLOW"),
        ("100000000000000000000", "9223372036854775807", "RANGE"),
        ("1", "0", "QUANTITY_RANGE"),
        ("1", "9223372036854775808", "OVERFLOW"),
        ("1e3", "1", "BAD_NUMBER"),
    ):
        with pytest.raises(ValueError, match=code):
            native.apply(oracle.BUY, price, quantity)
    assert native.row() == before


def test_a_base_currency_fee_is_valued_at_its_fill_and_leaves_the_quantity_alone() -> None:
    native = PositionModel(oracle.SPOT, 2, 8)
    native.apply(oracle.BUY, "30000.00", "0.5", fee="0.0005", is_base_fee=True)
    assert native.row()["fees"] == "15"
    assert native.row()["quantity"] == "0.5"
    assert native.break_even(2) == "30030"


def test_scales_beyond_eighteen_decimals_are_refused() -> None:
    with pytest.raises(ValueError, match="SCALE_SUM"):
        PositionModel(oracle.LINEAR, 9, 9, 1, "1")
