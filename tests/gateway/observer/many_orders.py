"""As many orders as the daemon takes over HTTP, until enough records are there: fills on both
sides, orders that end unfilled, and some that stay open."""

import asyncio
import itertools

import aiohttp

SECONDS_MAX = 300
WORKERS = 8
OPEN_MAX = 20
# On a loaded machine a mark may be late, or the disk behind a small ring: that is no verdict.
LATER = ("STALE_PRICE", "JOURNAL_BEHIND")
KINDS = (
    {"side": "buy", "type": "market", "time_in_force": "ioc", "quantity": "0.002"},
    {"side": "buy", "type": "limit", "time_in_force": "ioc", "quantity": "0.01", "price": "49000"},
    {"side": "sell", "type": "market", "time_in_force": "ioc", "quantity": "0.002"},
)
REST = {"side": "buy", "type": "limit", "time_in_force": "gtc", "quantity": "0.01"}


def trade_until(run, is_enough):
    """Orders until `is_enough()`, asked after each; how many were taken. Each must be taken."""
    return asyncio.run(_trade_until(run, is_enough))


async def _trade_until(run, is_enough):
    headers = {"Authorization": f"Bearer {run.key}"}
    numbers = itertools.count(run.numbers)
    async with (
        aiohttp.ClientSession(run.url, headers=headers) as http,
        asyncio.timeout(SECONDS_MAX),
    ):

        async def work():
            while not is_enough():
                await _submit(http, next(numbers))

        await asyncio.gather(*(work() for _ in range(WORKERS)))
    taken = next(numbers) - run.numbers
    run.numbers += taken
    return taken


async def _submit(http, number):
    kind = KINDS[number % len(KINDS)]
    if number < OPEN_MAX:
        kind = REST | {"price": str(47_000 + number)}
    body = {
        "client_order_id": f"many-{number}",
        "account": "main",
        "instrument": "BTC-USDT.paper",
        "strategy": "alpha",
        **kind,
    }
    while True:
        async with http.post("/v1/orders", json=body) as answer:
            if answer.status == 201:
                return
            told = await answer.json()
            assert told["error"]["code"] in LATER, told
        await asyncio.sleep(0.01)
