"""Several gateways of one account or behind one address: what OKX counts by user id and instrument
is spent together by those of one account, what it counts by address by all."""

from collections import Counter
from random import Random

import pytest
from gateway_okx import gateway_create_adapter
from gateway_okx.rest import OkxRest
from gateway_okx.rows import TimeRow
from gateway_okx.signing import Signer

from gateway.api import VenueUnavailable

NOW_NS = 1_700_000_030_000_000_000
ORDER = {"order@BTC-USDT": 1, "new_and_amend@main": 1}
SECRETS = {"key": "k", "secret": "s", "passphrase": "p"}


def rest_of(file, account="main", *, url="http://127.0.0.1:1"):
    return OkxRest(
        url,
        Signer("key", "secret", "phrase", is_demo=False),
        account,
        timeout_ms=100,
        acceptance_window_ms=1_000,
        now_ns=lambda: NOW_NS,
        random=Random(1),
        counters=Counter(),
        budget_rows_file=file,
    )


def taken(rest, costs):
    count = 0
    while not rest.budget.take("kill", costs):
        count += 1
    return count


@pytest.mark.parametrize("is_shared", [True, False])
def test_two_gateways_of_one_account_spend_its_orders_together(tmp_path, is_shared):
    file = str(tmp_path / "okx.budget") if is_shared else ""
    first, second = rest_of(file), rest_of(file)
    assert taken(first, ORDER) == 60
    assert taken(second, ORDER) == (0 if is_shared else 60)
    assert taken(second, {"order@ETH-USDT": 1}) == 60, "counted by instrument"


def test_accounts_and_hosts_are_counted_apart_and_public_questions_by_address(tmp_path):
    file = str(tmp_path / "okx.budget")
    first, other = rest_of(file), rest_of(file, "second")
    elsewhere = rest_of(file, url="http://127.0.0.1:2")
    assert taken(first, {"order@BTC-USDT": 1}) == taken(other, {"order@BTC-USDT": 1}) == 60
    assert taken(elsewhere, {"order@BTC-USDT": 1}) == 60
    assert taken(first, {"instruments": 1}) == 20
    assert taken(other, {"instruments": 1}) == 0
    assert taken(elsewhere, {"instruments": 1}) == 20


@pytest.mark.parametrize("file", ["relative.budget", "/not/there/at.all"])
def test_a_file_that_cannot_be_is_refused_by_the_name_of_the_setting(file):
    with pytest.raises(ValueError, match="budget_rows_file"):
        gateway_create_adapter("okx", {"account": "main", "budget_rows_file": file}, SECRETS)


def test_adapters_that_name_one_file_share_it(tmp_path):
    settings = {"account": "main", "budget_rows_file": str(tmp_path / "okx.budget")}
    adapters = [gateway_create_adapter("okx", settings, SECRETS) for _ in range(2)]
    assert taken(adapters[0]._rest, ORDER) > 0 and taken(adapters[1]._rest, ORDER) == 0


@pytest.mark.asyncio
async def test_an_order_that_stays_here_gives_back_what_it_took():
    """No line can be had: not one byte left, and the next 60 may go at once."""
    rest = rest_of("")
    body = {"instId": "BTC-USDT", "clOrdId": "a"}
    for _ in range(3):
        with pytest.raises(VenueUnavailable):
            await rest.post("trade/order", body, TimeRow, lane="new")
    with pytest.raises(VenueUnavailable):
        await rest.get("public/time", {}, TimeRow, is_public=True)
    assert taken(rest, ORDER) == 60 and taken(rest, {"time": 1}) == 10
    await rest.close()


@pytest.mark.asyncio
async def test_an_order_whose_port_closed_while_it_waited_gives_back_what_it_took():
    rest = rest_of("")
    terms = iter([1, 2])
    rest.term = lambda: next(terms)
    rest.clock.doubt()

    async def settled():
        return None

    rest.clock.settle = settled
    with pytest.raises(VenueUnavailable, match="port closed or epoch raised"):
        await rest.post("trade/order", {"instId": "BTC-USDT"}, TimeRow, lane="new")
    assert taken(rest, ORDER) == 60
    await rest.close()
