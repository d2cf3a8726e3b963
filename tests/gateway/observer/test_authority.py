"""A key sees the rows of its principal and no others: in snapshots, deltas, resumes and over HTTP.
The printed address sees everything, a session of a key what the key sees."""

import hashlib

import aiohttp
import pytest

from gateway.stream.authority import EVERYTHING, Authority

pytestmark = pytest.mark.asyncio
SECONDS_MAX = 300
OURS = Authority(accounts=frozenset({"main"}))
THEIRS = Authority(frozenset({"other"}), frozenset({"beta"}), None)
NAMES = ("orders", "positions", "balances", "fills", "profit", "exposure", "states")


def headers(name):
    return {"Authorization": f"Bearer {name}.{name}-secret"}


class TwoDesks:
    """An observer whose two principals see an account each; trades of both."""

    def __init__(self, world, path):
        authorities = {"ours": OURS, "theirs": THEIRS, "all": EVERYTHING}
        self.run = world.RunningObserver(path, authorities=authorities)
        text = "".join(
            f'[keys.{name}]\nprincipal = "{name}"\nscopes = ["read"]\n'
            f'sha256 = "{hashlib.sha256(f"{name}-secret".encode()).hexdigest()}"\n'
            for name in (*authorities, "nobody")
        )
        (path / "keys.toml").write_text(text)
        self.number = 0

    async def __aenter__(self):
        await self.run.__aenter__()
        await self.trade()
        return self

    async def __aexit__(self, *error):
        await self.run.__aexit__(*error)

    async def trade(self):
        """An order with a fill, and money, of each account."""
        for account, strategy in (("main", "alpha"), ("other", "beta"), ("other", "gamma")):
            self.number += 1
            self.run.journal.new_order(self.number, account=account, strategy=strategy)
            self.run.journal.fill(self.number, "1")
            self.run.journal.deposit(account, "USD", "5")
        await self.run.caught_up()


def seen(rows):
    return {(row["account"], row.get("strategy", "")) for row in rows}


def expected(name, channel):
    every = {"ours": {("main", "alpha")}, "theirs": {("other", "beta")}, "nobody": set()}
    whole = every.get(name, {("main", "alpha"), ("other", "beta"), ("other", "gamma")})
    if channel == "balances":
        return {(account, "") for account, _ in whole}
    return whole


@pytest.mark.parametrize("name", ["ours", "theirs", "all", "nobody"])
async def test_a_key_sees_its_own_rows_in_snapshots_deltas_and_resumes(world, tmp_path, name):
    async with (
        TwoDesks(world, tmp_path) as desks,
        aiohttp.ClientSession(headers=headers(name)) as http,
    ):
        run = desks.run
        for channel in ("orders", "positions", "balances", "fills"):
            async with http.ws_connect(f"{run.url}/v1/stream") as socket:
                await socket.send_json({"op": "subscribe", "channel": channel, "filter": {}})
                snapshot = await socket.receive_json(timeout=SECONDS_MAX)
                assert seen(snapshot["rows"]) == expected(name, channel), channel
                await desks.trade()
                if expected(name, channel):
                    found = set()
                    while found != expected(name, channel):
                        delta = await socket.receive_json(timeout=SECONDS_MAX)
                        found |= seen(delta["rows"])
                        assert found <= expected(name, channel), channel
            async with http.ws_connect(f"{run.url}/v1/stream") as socket:
                resume = {"resume": snapshot["sequence"], "stream": snapshot["stream"]}
                await socket.send_json({"op": "subscribe", "channel": channel, **resume})
                await socket.send_json({"op": "ping"})
                while (delta := await socket.receive_json(timeout=SECONDS_MAX))["type"] != "pong":
                    assert delta["type"] == "delta"
                    assert seen(delta["rows"]) <= expected(name, channel), channel
                    assert delta["removed"] == []


async def get(http, run, path):
    async with http.get(f"{run.url}/v1/{path}") as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("name", ["ours", "theirs", "all", "nobody"])
async def test_a_key_sees_its_own_rows_over_http(world, tmp_path, name):
    async with (
        TwoDesks(world, tmp_path) as desks,
        aiohttp.ClientSession(headers=headers(name)) as http,
    ):
        run = desks.run
        for channel in ("orders", "positions", "balances", "fills"):
            for query in ("", "?account=*", "?open=false" if channel == "orders" else ""):
                _, answer = await get(http, run, channel + query)
                assert seen(answer[channel]) == expected(name, channel), channel
        for number, owner in ((1, ("main", "alpha")), (2, ("other", "beta"))):
            is_seen = owner in expected(name, "orders")
            run.observer.view.channels["orders"].rows.pop(str(number), None)  # left the stream
            status, answer = await get(http, run, f"orders/{number}")
            assert status == (200 if is_seen else 404)
            if not is_seen:
                assert answer["error"]["code"] == "UNKNOWN_ORDER"
        for path in ("at?sequence=1", "at?time_ns=1", "why/order/1", "why/order/*"):
            status, answer = await get(http, run, path)
            assert (answer.get("error", {}).get("code") == "NOT_PERMITTED") == (name != "all")
            assert (status == 403) == (name != "all")
        _, status = await get(http, run, "status")
        assert status["positions"] == len(expected(name, "positions"))


async def test_sessions_of_the_page_see_what_opened_them(world, tmp_path):
    async with TwoDesks(world, tmp_path) as desks:
        run = desks.run
        token = run.observer.page_address().partition("#token=")[2]
        for body, name in (({"token": token}, "all"), ({"key": "theirs.theirs-secret"}, "theirs")):
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(cookie_jar=jar) as http:
                async with http.post(f"{run.url}/v1/session", json=body) as answer:
                    assert answer.status == 200
                _, answer = await get(http, run, "orders")
                assert seen(answer["orders"]) == expected(name, "orders")


@pytest.mark.parametrize(
    ("authority", "channel", "row", "is_seen"),
    [
        (OURS, "profit", {"account": "main", "strategy": "beta"}, True),
        (OURS, "profit", {"account": "other", "strategy": "alpha"}, False),
        (OURS, "exposure", {"level": "account", "name": "main"}, True),
        (OURS, "exposure", {"level": "account", "name": "other"}, False),
        (OURS, "exposure", {"level": "strategy", "name": "alpha"}, False),
        (OURS, "exposure", {"level": "firm", "name": "firm"}, False),
        (THEIRS, "exposure", {"level": "account", "name": "other"}, False),
        (OURS, "states", {"level": "account", "name": "other"}, False),
        (OURS, "states", {"level": "account", "name": "main"}, True),
        (OURS, "states", {"level": "firm", "name": "firm"}, True),
        (OURS, "latency", {"worst_order_id": "5"}, False),
        (OURS, "latency", {"worst_order_id": None}, True),
        (
            Authority(instruments=frozenset({"A"})),
            "profit",
            {"account": "main", "strategy": "alpha"},
            False,
        ),
        (
            Authority(instruments=frozenset({"A"})),
            "exposure",
            {"level": "instrument", "name": "A"},
            True,
        ),
    ],
)
async def test_a_sum_is_shown_where_all_its_parts_are(authority, channel, row, is_seen):
    assert authority.sees(channel, row) is is_seen
    assert EVERYTHING.sees(channel, row)
