"""Templates from Python: the same order as by hand, and no text of a caller in a hole."""

from types import SimpleNamespace

import pytest
from native_desk import Desk

from gateway.api import RefusedError
from gateway.core.names import Names
from gateway.core.templates import HOLES, compile_template

QUANTITY_AND_PRICE = HOLES["quantity"] | HOLES["price"]


@pytest.fixture
def desk(tmp_path, ring_directory):
    made = Desk(tmp_path, ring_directory)
    yield made
    made.engine.stop()


def compiled(desk, holes=QUANTITY_AND_PRICE, **fixed):
    return desk.client.compile_template(desk.principal, *desk.names, 1, 2, 1, holes, **fixed)


def test_a_filled_template_is_the_order_made_by_hand(desk):
    form = compiled(desk)
    request = desk.client.submit_template(form, 7, quantity=3, price=9_950)
    by_hand = desk.client.submit(desk.principal, "T7", *desk.names, 1, 2, 1, "3", "99.50")
    assert by_hand == request + 1
    desk.engine.turn()
    rows = desk.engine.orders(True, 10)
    own = ("order_id", "client_order_id", "sequence", "created_ns", "updated_ns")
    first, second = (
        {name: value for name, value in row.items() if name not in own}
        for row in sorted(rows, key=lambda row: int(row["order_id"]))
    )
    assert first == second
    assert (first["quantity"], first["price"]) == ("3", "99.5")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"quantity": 1}, "MISSING_FIELD"),
        ({"price": 9_900}, "MISSING_FIELD"),
        ({"quantity": 1, "price": 9_900, "trigger_price": 5}, "MISSING_FIELD"),
        ({"quantity": -1, "price": 9_900}, "RANGE"),
        ({"quantity": 1, "price": 1 << 62}, "RANGE"),
    ],
)
def test_a_wrong_hole_is_refused_before_anything_is_queued(desk, values, code):
    form = compiled(desk)
    before = desk.engine.counters()["orders_accepted"]
    with pytest.raises(ValueError, match=code):
        desk.client.submit_template(form, 1, **values)
    desk.engine.turn()
    assert desk.engine.counters()["orders_accepted"] == before
    assert desk.client.notices() == []


@pytest.mark.parametrize("value", ["1", "1;cancel", '{"price":1}', 1.5, b"1", None, 1 << 70])
def test_a_hole_takes_a_whole_number_and_nothing_else(desk, value):
    form = compiled(desk)
    with pytest.raises(TypeError):
        desk.client.submit_template(form, 1, quantity=value, price=9_900)
    desk.engine.turn()
    assert desk.client.notices() == []


@pytest.mark.parametrize(
    ("holes", "fixed", "code"),
    [
        (HOLES["quantity"], {}, "PRICE_MISSING"),
        (QUANTITY_AND_PRICE, {"price": "99.50"}, "RANGE"),
        (QUANTITY_AND_PRICE | 128, {}, "UNKNOWN_FIELD"),
        (HOLES["quantity"], {"price": "99.505"}, "PRECISION"),
        (HOLES["quantity"], {"price": "ninety"}, "BAD_NUMBER"),
    ],
)
def test_a_template_that_nothing_could_fill_is_refused(desk, holes, fixed, code):
    with pytest.raises(ValueError, match=code):
        compiled(desk, holes, **fixed)


def compiled_by_name(desk, **change):
    names = Names()
    numbers = (*desk.names, desk.principal)
    for kind, number in zip(
        ("instrument", "account", "strategy", "principal"), numbers, strict=True
    ):
        names.add(kind, "x", number)
    words = {
        "principal": "x", "account": "x", "instrument": "x", "strategy": "x", "side": "buy",
        "type": "limit", "time_in_force": "gtc", "holes": ("quantity", "price"),
    }  # fmt: skip
    return compile_template(SimpleNamespace(names=names), desk.client, **words | change)


def test_words_make_the_template_that_numbers_make(desk):
    form = compiled_by_name(desk, flags=("post_only",))
    assert (form.holes, form.instrument) == (QUANTITY_AND_PRICE, desk.names[0])


@pytest.mark.parametrize(
    ("change", "code", "field", "value"),
    [
        ({"holes": ("price", "size")}, "UNKNOWN_FIELD", "holes", "size"),
        ({"flags": ("post_only", "hidden")}, "UNKNOWN_FIELD", "flags", "hidden"),
        ({"flags": ("override_size",)}, "UNSUPPORTED_FLAG", "flags", ""),
    ],
)
def test_a_refused_template_names_its_field(desk, change, code, field, value):
    with pytest.raises(RefusedError) as refused:
        compiled_by_name(desk, **change)
    found = refused.value
    assert (found.code, found.field, found.value) == (code, field, value)
