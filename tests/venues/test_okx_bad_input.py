"""What no documentation allows, sent by the simulated OKX: counted, named, never a crash, never a
guess, and the books agree afterwards."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from okx_desk import SWAP, adapter_of, desk, simulated

from gateway.api import VenueProtocolError, VenueUnavailable
from gateway.testing import until

pytestmark = pytest.mark.asyncio

HTML = "<html><body>Attention required</body></html>"


@pytest.fixture
def directory():
    folder = Path(tempfile.mkdtemp(prefix="gateway-test-okx-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def changing(**changes):
    """A rewrite of the first data row of a push; None takes the field away."""

    def rewrite(text):
        frame = json.loads(text)
        for name, value in changes.items():
            if value is None:
                frame["data"][0].pop(name, None)
            else:
                frame["data"][0][name] = value
        return json.dumps(frame)

    return rewrite


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"state": "sleeping"}, "state 'sleeping'"),
        ({"category": "gift"}, "category 'gift'"),
        ({"ordId": None}, "ordId"),
        ({"accFillSz": 2}, "accFillSz"),
        ({"sz": "2.0e0"}, "sz '2.0e0'"),
    ],
)
async def test_an_unreadable_fill_is_named_and_asked_for(changes, named, directory, caplog):
    async with desk(directory) as made:
        order_id = await made.submit()
        await made.until_state(order_id, "NEW")
        made.simulator.faults.add("event orders", "rewrite", rewrite=changing(**changes))
        made.simulator.venue.trade(SWAP, "49000", "2", "sell")
        row = await made.until_state(order_id, "FILLED")
        assert row["cumulative_quantity"] in ("2", "2.00")
        await until(lambda: made.adapter.counters["unreadable_rows"] == 1)
        assert named in caplog.text
        await until(lambda: made.link.health.is_reconciled, "reconciliation")
        made.judge_all()


@pytest.mark.parametrize("action", ["truncate", "rewrite"])
async def test_a_frame_that_is_no_json_ends_the_connection(action, directory):
    async with desk(directory) as made:
        order_id = await made.submit()
        await made.until_state(order_id, "NEW")
        made.simulator.faults.add("event orders", action, rewrite=lambda _: HTML)
        made.simulator.venue.trade(SWAP, "49000", "2", "sell")
        await made.until_state(order_id, "FILLED")
        assert made.adapter.counters["private_disconnects"] >= 1
        await until(lambda: made.link.health.is_reconciled, "reconciliation")
        made.judge_all()


async def test_answers_that_are_no_answers_name_what_they_are():
    async with simulated() as simulator:
        adapter = adapter_of(simulator)

        class Port:
            def __getattr__(self, name):
                return lambda *values, **named: None

        await adapter.connect(Port())
        try:
            for body, status, error, named in [
                (HTML, 200, VenueProtocolError, "HTML"),
                (HTML, 502, VenueUnavailable, "502"),
                ('{"code":0,"data":[]}', 200, VenueProtocolError, "code"),
                ('{"code":"0","code":"1","data":[]}', 200, VenueProtocolError, "twice"),
                ('{"code":"0","data":[{"details":[{"ccy":"BTC","cashBal":1.5}]}]}', 200,
                 VenueProtocolError, "cashBal"),
                ('{"code":"0","data":[]}', 200, VenueProtocolError, "0 rows"),
                ("", 200, VenueProtocolError, "empty"),
            ]:  # fmt: skip
                simulator.faults.clear()
                simulator.faults.add("GET account/balance", "error", status=status, body=body)
                with pytest.raises(error, match=named):
                    await adapter.balances("net")
            assert await adapter.balances("net")
        finally:
            await adapter.close()


async def test_listings_that_make_no_sense_or_vanish_are_counted():
    async with simulated() as simulator:
        adapter = adapter_of(simulator, symbols=[])
        product = simulator.venue.products["ETH-USDT-SWAP"]

        class Port:
            def __getattr__(self, name):
                return lambda *values, **named: None

        await adapter.connect(Port())
        try:
            assert len(await adapter.instruments()) == 4
            del simulator.venue.products["ETH-USDT-SWAP"]
            listed = {each.venue_symbol: each for each in await adapter.instruments()}
            assert not listed["ETH-USDT-SWAP"].is_tradable
            assert adapter.counters["instruments_vanished"] == 1
            simulator.venue.products["ETH-USDT-SWAP"] = product

            def odd(*_):
                row = product.row() | {"ctType": "quadratic"}
                return {"code": "0", "data": [row], "msg": ""}

            simulator.faults.add(
                "GET public/instruments", "error", count=None, status=200, body=json.dumps(odd())
            )
            await adapter.instruments()
            assert adapter.counters["unreadable_listings"] == 2
        finally:
            await adapter.close()


async def test_orders_and_fills_of_people_are_told_and_never_dropped(directory):
    async with desk(directory) as made:
        venue = made.simulator.venue
        terms = {"instId": SWAP, "tdMode": "cross", "ordType": "limit"}
        venue.place("net", {**terms, "side": "buy", "px": "50000.1", "sz": "3"})
        await until(lambda: made.position() == 3, "the fill of a person")
        by_hand = venue.place(
            "net", {**terms, "side": "sell", "px": "52000", "sz": "1", "clOrdId": "handmade"}
        )
        for price in ("52001", "52002"):  # without a client id
            venue.place("net", {**terms, "side": "sell", "px": price, "sz": "1"})
        made.link.session.gap_opened("asked by the test")
        made.link.session.gap_closed()
        await until(
            lambda: any(
                row["venue_order_id"] == by_hand["ordId"] for row in made.native.orders(True)
            ),
            "the adoption",
        )
        made.link.session.gap_opened("again")
        made.link.session.gap_closed()
        await until(lambda: made.link.health.is_reconciled, "reconciliation")
        adopted = [int(row["order_id"]) for row in made.native.orders(True) if row["is_external"]]
        assert len(adopted) == 3
        await made.together(*(made.cancel(each) for each in adopted))
        for each in adopted:
            await made.until_state(each, "CANCELED")
        assert venue.open_orders("net") == []
