"""Names of requests say which order they are about, and no name is made twice."""

import uuid

import pytest
from gateway_fix.order_names import PlainNames, UuidNames

# Client order ids as the gateway makes them: first, last, and one of another instance.
CLIENT_IDS = ["g007000000000013", "g0071zzzzzzzzzzt", "g3zz000003nqk8nt"]


@pytest.mark.parametrize("client_id", CLIENT_IDS)
@pytest.mark.parametrize("make", [lambda: PlainNames(lambda: 10**18, 36), UuidNames])
def test_every_name_of_an_order_leads_back_to_it(make, client_id):
    names = make() if make is not UuidNames else UuidNames(lambda: 10**18)
    chain = [names.first(client_id), *(names.next(client_id) for _ in range(500))]
    assert len(set(chain)) == len(chain), "with a clock that stands still"
    assert {names.root(name) for name in chain} == {client_id}
    assert all(len(name) <= 36 for name in chain)


def test_coinbase_gets_uuids_of_version_4():
    names = UuidNames(lambda: 1_800_000_000_000_000_000)
    for client_id in CLIENT_IDS:
        name = names.next(client_id)
        found = uuid.UUID(name)
        assert (str(found), found.version, found.variant) == (name, 4, uuid.RFC_4122)


def test_names_of_somebody_else_stay_as_they_are():
    plain, uuids = PlainNames(lambda: 0, 36), UuidNames(lambda: 0)
    for name in ("web-0", "x", "", "g00-1", "web_7-1a2b"):
        assert plain.root(name) == name
    for name in (str(uuid.UUID(int=1 << 120, version=4)), "web-0", ""):
        assert uuids.root(name) == name


def test_names_differ_after_a_restart():
    client_id = CLIENT_IDS[0]
    before = PlainNames(lambda: 1_800_000_000_000_000_000, 36).next(client_id)
    after = PlainNames(lambda: 1_800_000_001_000_000_000, 36).next(client_id)
    assert before != after
