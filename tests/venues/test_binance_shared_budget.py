"""Several gateways behind one address: one weight for all that name the same file, and a ban that
one of them hears stops the others."""

from random import Random

import pytest
from gateway_binance import gateway_create_adapter as usdm_adapter
from gateway_binance.capabilities import RATE_LIMITS
from gateway_binance.messages import TimeRow
from gateway_binance.rest import BinanceRest
from gateway_binance.signing import Signer
from gateway_binance.spot import gateway_create_adapter as spot_adapter

from gateway.api import VenueRateLimited, VenueUnavailable
from gateway.transport import JsonReader

ADAPTERS = {"binance": usdm_adapter, "binance_spot": spot_adapter}
NOW_NS = 1_700_000_030_000_000_000
SECOND_NS = 1_000_000_000


def rest_of(file, account, *, url="http://127.0.0.1:1"):
    return BinanceRest(
        url,
        Signer("key", "secret"),
        product="usdm",
        timeout_ms=100,
        acceptance_window_ms=1_000,
        account=account,
        limits=RATE_LIMITS,
        now_ns=lambda: NOW_NS,
        random=Random(1),
        budget_rows_file=file,
    )


def taken(rest, cost=100):
    count = 0
    while not rest.budget.take("kill", {"weight": cost}):
        count += 1
    return count * cost


@pytest.mark.parametrize("is_shared", [True, False])
def test_two_gateways_behind_one_address_spend_one_weight(tmp_path, is_shared):
    file = str(tmp_path / "binance.budget") if is_shared else ""
    first, second = rest_of(file, "a"), rest_of(file, "b")
    assert taken(first) == 2_400
    assert taken(second) == (0 if is_shared else 2_400)


def test_what_is_counted_by_account_or_at_another_host_is_counted_apart(tmp_path):
    file = str(tmp_path / "binance.budget")
    first, second = rest_of(file, "a"), rest_of(file, "b")
    elsewhere = rest_of(file, "a", url="http://127.0.0.1:2")
    for rest in (first, second):
        while not rest.budget.take("kill", {f"orders_10s@{rest._account}": 1}):
            pass
    assert taken(first) == taken(elsewhere) == 2_400
    assert not elsewhere.budget.take("kill", {"orders_10s@a": 1})


@pytest.mark.asyncio
async def test_a_ban_that_one_gateway_hears_keeps_the_orders_of_the_other_here(tmp_path):
    file = str(tmp_path / "binance.budget")
    first, second = rest_of(file, "a"), rest_of(file, "b")
    first.budget.ban(NOW_NS + 60 * SECOND_NS, "418")
    with pytest.raises(VenueRateLimited, match="banned"):
        await second.send("POST", "/fapi/v1/order", {}, weight=0, lane="new", orders=1)
    with pytest.raises(VenueRateLimited, match="banned"):
        second._check_leave("kill", second.term())


@pytest.mark.parametrize("name", ["binance", "binance_spot"])
@pytest.mark.parametrize("file", ["relative.budget", "/not/there/at.all"])
def test_a_file_that_cannot_be_is_refused_by_the_name_of_the_setting(name, file):
    settings = {"account": "main", "symbols": ["BTCUSDT"], "budget_rows_file": file}
    with pytest.raises(ValueError, match="budget_rows_file"):
        ADAPTERS[name](name, settings, {"key": "k", "secret": "s"})


@pytest.mark.parametrize("name", ["binance", "binance_spot"])
def test_adapters_that_name_one_file_share_it(tmp_path, name):
    file = str(tmp_path / "binance.budget")
    settings = {"account": "main", "symbols": ["BTCUSDT"], "budget_rows_file": file}
    adapters = [
        ADAPTERS[name](name, settings | {"account": each}, {"key": "k", "secret": "s"})
        for each in ("a", "b")
    ]
    assert taken(adapters[0]._rest) > 0 and taken(adapters[1]._rest) == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("is_question", [True, False])
async def test_what_stays_here_gives_back_what_it_took(is_question):
    """No line can be had: not one byte left, and what was taken of the budget is free again."""
    rest = rest_of("", "a")
    for _ in range(3):
        with pytest.raises(VenueUnavailable):
            if is_question:
                await rest.public("/fapi/v1/time", JsonReader(TimeRow, "time"), weight=100)
            else:
                await rest.send("POST", "/fapi/v1/order", {}, weight=100, lane="kill", orders=1)
    assert taken(rest) == 2_400
    count = 0
    while not rest.budget.take("kill", {"orders_10s@a": 1}):
        count += 1
    assert count == 300
    await rest.close()


@pytest.mark.asyncio
async def test_an_order_whose_port_closed_while_it_waited_gives_back_what_it_took():
    rest = rest_of("", "a")
    terms = iter([1, 2])
    rest.term = lambda: next(terms)
    rest.clock.doubt()

    async def settled():
        return None

    rest.clock.settle = settled
    with pytest.raises(VenueUnavailable, match="port closed or epoch raised"):
        await rest.send("POST", "/fapi/v1/order", {}, weight=100, lane="kill", orders=1)
    assert taken(rest) == 2_400
    await rest.close()
