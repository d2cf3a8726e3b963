"""Fills from Python by text, by integers and by one array end in the same book, digit for digit."""

import random

import numpy as np
import pytest

from gateway.core.position_model import FILL, PositionModel


def new_model():
    """Linear, two decimals of price, three of quantity."""
    return PositionModel(2, 2, 3)


def some_fills(count, seed=8):
    """Buys and sells that close, flip and open again."""
    rng = random.Random(seed)
    rows = np.zeros(count, FILL)
    rows["side"] = [rng.choice((1, 2)) for _ in range(count)]
    rows["price"] = [rng.randint(1, 10**7) for _ in range(count)]
    rows["quantity"] = [rng.randint(1, 10**5) for _ in range(count)]
    rows["fee_e18"] = [rng.randint(-(10**15), 10**15) for _ in range(count)]
    return rows


def decimal(mantissa, scale):
    """Decimal text of an integer."""
    sign, digits = "-" * (mantissa < 0), str(abs(mantissa)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


@pytest.mark.parametrize("count", [0, 1, 500])
def test_text_integers_columns_and_rows_make_the_same_book(count):
    fills = some_fills(count)
    by_text, by_integers, by_columns, by_rows = (new_model() for _ in range(4))
    for side, price, quantity, fee in (
        (int(row["side"]), int(row["price"]), int(row["quantity"]), int(row["fee_e18"]))
        for row in fills
    ):
        state = by_text.apply(side, decimal(price, 2), decimal(quantity, 3), decimal(fee, 18))
        names = ["FLAT", "OPENING", "OPEN", "PARTIALLY_CLOSED", "CLOSED", "FLIPPED"]
        assert names[by_integers.apply_mantissas(side, price, quantity, fee)] == state
    columns = (np.ascontiguousarray(fills[name], np.int64) for name in
               ("side", "price", "quantity", "fee_e18"))  # fmt: skip
    by_columns.apply_many(*columns)
    by_rows.apply_fills(fills)
    assert by_text.row() == by_integers.row() == by_columns.row() == by_rows.row()
    assert by_rows.row()["fills"] == count


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("side", 3, "BAD_ENUM side"), ("quantity", 0, "QUANTITY_RANGE"), ("quantity", -5, "QUANTITY")],
)
def test_the_first_fault_stops_and_those_before_it_stay_booked(field, value, message):
    fills = some_fills(20)
    before = new_model()
    before.apply_fills(fills[:11])
    fills[field][11] = value
    model = new_model()
    with pytest.raises(ValueError, match=message):
        model.apply_fills(fills)
    assert model.row() == before.row()


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (np.zeros(4), TypeError, "fills: dtype"),
        (np.zeros(4, np.dtype([("price", "<i8"), ("side", "u1")])), TypeError, "fills: dtype"),
        ([1, 2], TypeError, "fills: a numpy array is needed"),
        (np.zeros((2, 2), FILL), ValueError, "fills: one dimension is needed, not 2"),
        (np.zeros(4, FILL)[::2], ValueError, "fills: rows must lie one behind the other"),
    ],
)
def test_an_array_of_another_kind_is_refused_and_nothing_booked(wrong, kind, message):
    model = new_model()
    with pytest.raises(kind, match=message):
        model.apply_fills(wrong)
    assert model.row()["fills"] == 0


def test_a_read_only_array_is_applied_where_it_lies():
    fills = some_fills(10)
    fills.flags.writeable = False
    model = new_model()
    model.apply_fills(fills)
    assert model.row()["fills"] == 10
