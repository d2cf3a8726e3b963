"""Derived ids: valid under the venue's rules, reversible, and only ours decode."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.venues.client_order_ids import ClientOrderIds

RULES = [(36, r"[A-Za-z0-9_-]+"), (32, r"[a-z0-9]{1,32}"), (18, r"[A-Z0-9]+"), (22, r"[0-9]+")]
REST = st.integers(1, (1 << 51) - 1)
# docs/concepts/client_order_ids.md: longest id and its characters, with the page each was read on.
VENUES = {
    "binance": (36, r"[.A-Z:/a-z0-9_-]{1,36}"),
    "okx": (32, r"[A-Za-z0-9]{1,32}"),
    "bybit": (36, r"[A-Za-z0-9_-]{1,36}"),
    "kraken": (18, r"[!-~]{1,18}"),
    "whitebit": (32, r"[A-Za-z0-9._-]{1,32}"),
    "gate": (30, r"t-[A-Za-z0-9._-]{1,28}"),
    "hyperliquid": (34, r"0x[0-9a-f]{32}"),
}


@pytest.mark.parametrize(("length", "pattern"), RULES)
@given(instance=st.integers(1, 4095), rest=REST)
def test_an_id_comes_back_and_fits_the_rules(length, pattern, instance, rest):
    ids = ClientOrderIds(instance, length_max=length, pattern=pattern)
    order_id = instance << 51 | rest
    text = ids.encode(order_id)
    assert ids.decode(text) == order_id
    assert len(text) == ids.length <= length
    assert re.fullmatch(pattern, text)


@pytest.mark.parametrize("venue", VENUES)
@given(instance=st.integers(1, 4095), rests=st.lists(REST, min_size=2, max_size=50, unique=True))
def test_ids_of_known_venues_fit_and_two_orders_never_share_one(venue, instance, rests):
    length, pattern = VENUES[venue]
    ids = ClientOrderIds(instance, length_max=length, pattern=pattern)
    orders = [instance << 51 | rest for rest in rests]
    texts = [ids.encode(order) for order in orders]
    assert all(len(text) <= length and re.fullmatch(pattern, text) for text in texts)
    assert len(set(texts)) == len(orders)
    assert [ids.decode(text) for text in texts] == orders


def test_the_page_lists_the_venues_that_are_tested():
    page = Path(__file__).parents[3] / "docs" / "concepts" / "client_order_ids.md"
    rows = re.findall(r"^\| (\w+) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert [row.lower() for row in rows if row not in ("venue", "shape")] == list(VENUES)


@given(rest=REST, other=st.integers(2, 4095))
def test_another_instance_does_not_decode(rest, other):
    mine = ClientOrderIds(1, length_max=36, pattern=r"[A-Za-z0-9]+")
    theirs = ClientOrderIds(other, length_max=36, pattern=r"[A-Za-z0-9]+")
    assert mine.decode(theirs.encode(other << 51 | rest)) == 0


@given(st.text(max_size=40))
def test_no_stranger_raises(text):
    decoded = ClientOrderIds(1, length_max=36, pattern=r"[A-Za-z0-9]+").decode(text)
    assert decoded == 0 or decoded >> 51 == 1


@pytest.mark.parametrize(("length", "pattern"), [(8, r"[a-z0-9]+"), (36, r"[!]+")])
def test_rules_no_shape_fits_are_refused(length, pattern):
    with pytest.raises(ValueError, match="no client order id shape"):
        ClientOrderIds(1, length_max=length, pattern=pattern)


@pytest.mark.parametrize("order_id", [0, -1, 1 << 63, 2 << 51 | 1])
def test_a_foreign_order_id_is_not_encoded(order_id):
    with pytest.raises(ValueError, match="not of instance"):
        ClientOrderIds(1, length_max=36, pattern=r"[a-z0-9]+").encode(order_id)


def shape_of(venue):
    length, pattern = VENUES[venue]
    return ClientOrderIds(1, length_max=length, pattern=pattern)


@pytest.mark.parametrize("venue", VENUES)
def test_every_shape_is_a_numeral_system_with_room_so_no_two_orders_collide(venue):
    """The premises of the bijection (docs/decisions/0026): fixed length, an alphabet without
    repeats, room for every instance and every order; then each order id has one text."""
    ids = shape_of(venue)
    base = len(ids._alphabet)
    assert len(set(ids._alphabet)) == base
    assert base**ids._head >= 1 << 12
    assert base**ids._tail >= 1 << 51
    # Every carry: the last number of one more place and the first of the next differ and come back.
    for place in range(1, ids._tail + 1):
        for rest in {base**place - 1, base**place, base**place + 1}:
            if 0 < rest < 1 << 51:
                assert ids.decode(ids.encode(1 << 51 | rest)) == 1 << 51 | rest
    for bit in range(51):
        order_id = 1 << 51 | 1 << bit
        assert ids.decode(ids.encode(order_id)) == order_id


@pytest.mark.parametrize("venue", VENUES)
@given(first=REST, second=REST)
def test_ids_rise_as_text_with_the_order(venue, first, second):
    ids = shape_of(venue)
    assert list(ids._alphabet) == sorted(ids._alphabet)
    texts = [ids.encode(1 << 51 | rest) for rest in sorted({first, second})]
    assert texts == sorted(texts)


PARTS = st.tuples(
    st.integers(1, 4095), st.integers(1, (1 << 20) - 1), st.integers(1, (1 << 31) - 1)
)


@pytest.mark.parametrize("venue", VENUES)
@given(orders=st.lists(PARTS, min_size=2, max_size=30, unique=True))
def test_restarts_instances_and_hosts_share_no_id(venue, orders):
    length, pattern = VENUES[venue]
    texts = set()
    for instance, epoch, sequence in orders:
        ids = ClientOrderIds(instance, length_max=length, pattern=pattern)
        texts.add(ids.encode(instance << 51 | epoch << 31 | sequence))
    assert len(texts) == len(orders)
