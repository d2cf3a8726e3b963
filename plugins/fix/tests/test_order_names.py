"""Names of requests say which order they are about, and no name is made twice."""

import uuid

import pytest
from gateway_fix.order_names import PlainNames, UuidNames

from gateway.venues.client_order_ids import ClientOrderIds

ORDER_IDS = [7 << 51 | 1, 7 << 51 | (1 << 51) - 1, 4095 << 51 | 123_456_789]


def ids_of(names, order_id):
    ids = ClientOrderIds(order_id >> 51, length_max=names.length_max, pattern=names.pattern)
    return ids.encode(order_id)


@pytest.mark.parametrize("order_id", ORDER_IDS)
@pytest.mark.parametrize("make", [lambda: PlainNames(lambda: 10**18, 36), UuidNames])
def test_every_name_of_an_order_leads_back_to_it(make, order_id):
    names = make() if make is not UuidNames else UuidNames(lambda: 10**18)
    client_id = ids_of(names, order_id)
    chain = [names.first(client_id), *(names.next(client_id) for _ in range(500))]
    assert len(set(chain)) == len(chain), "with a clock that stands still"
    assert {names.root(name) for name in chain} == {client_id}
    assert all(len(name) <= 36 for name in chain)


def test_coinbase_gets_uuids_of_version_4():
    names = UuidNames(lambda: 1_800_000_000_000_000_000)
    for order_id in ORDER_IDS:
        name = names.next(ids_of(names, order_id))
        found = uuid.UUID(name)
        assert (str(found), found.version, found.variant) == (name, 4, uuid.RFC_4122)


def test_names_of_somebody_else_stay_as_they_are():
    plain, uuids = PlainNames(lambda: 0, 36), UuidNames(lambda: 0)
    for name in ("web-0", "x", "", "g00-1", "web_7-1a2b"):
        assert plain.root(name) == name
    for name in (str(uuid.UUID(int=1 << 120, version=4)), "web-0", ""):
        assert uuids.root(name) == name


def test_names_differ_after_a_restart():
    client_id = ids_of(PlainNames(lambda: 0, 36), ORDER_IDS[0])
    before = PlainNames(lambda: 1_800_000_000_000_000_000, 36).next(client_id)
    after = PlainNames(lambda: 1_800_000_001_000_000_000, 36).next(client_id)
    assert before != after
