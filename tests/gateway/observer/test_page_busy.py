"""What a trader with a busy desk must not miss: whole names, figures below each other, what does
not trade, whose margin is called, and how old all of it is."""

import pytest
from browser_stage import needs_chromium, scene
from screen_server import START_NS, Screen, ScreenServer, order, position
from test_page_figures import flow, health

pytestmark = [pytest.mark.timeout(900), needs_chromium]
OPTION = "BTC-USD-261225-64000-C.okx"
LIMIT = {"kind": "limits", "level": "strategy", "name": "alpha", "gross_exposure_max": "1000"}


def state(level, name, word, **fields):
    told = {"kind": "state", "level": level, "name": name, "state": word}
    return told | {"is_latch": word == "halted", "actor": "anna", "reason": "bad marks"} | fields


def margin(account, word, **fields):
    figures = {"equity": "1000", "initial": "200", "maintenance": "100", "headroom": "800"}
    told = {"account": account, "venue": "okx", "currency": "USDT", "ratio": "0.1", "state": word}
    return told | figures | {"excluded": []} | fields


CUT = """(panel) => [...document.querySelectorAll(`#panel-${panel} .row:not([hidden]) .cell`)]
  .filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.innerText)"""


@scene
async def test_names_are_whole_and_the_first_column_stays_in_sight(stage):
    async with ScreenServer() as server, Screen(stage.chromium, size=(1280, 800)) as screen:
        names = [OPTION, OPTION.replace("-C.", "-P."), OPTION.replace("64000", "72000")]
        long = {"strategy": "market-making-options", "account": "okx-main-subaccount"}
        await server.publish("positions", *(position(name, **long) for name in names))
        await server.publish("orders", order(1, type="trailing_stop", pending="cancel_unknown"))
        await screen.open(server.url)
        await screen.sees("positions", "market-making-options", "BTC-USD-261225-72000-C.okx")

        async def is_whole():
            cut = [await screen.page.evaluate(CUT, panel) for panel in ("positions", "orders")]
            return cut == [[], []]

        await screen.until(is_whole)
        grid = "#panel-positions .grid"
        lefts = f"""() => [document.querySelector("{grid}").scrollLeft,
          ...[...document.querySelectorAll("{grid} .head, {grid} .row:not([hidden])")]
          .map(({{firstChild: cell}}) => Math.round(cell.getBoundingClientRect().left))]"""
        _, *before = await screen.page.evaluate(lefts)
        await screen.page.keyboard.press("1")
        for _ in range(14):
            await screen.page.keyboard.press("ArrowRight")
        scrolled, *after = await screen.page.evaluate(lefts)
        assert scrolled > 0 and after == before, "names stand beside what is scrolled"
        assert screen.complaints == []


@scene
async def test_what_does_not_trade_is_marked_where_it_is_held(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        halted = state("instrument", OPTION, "halted")
        await server.publish("positions", position(OPTION), position("OTHER", strategy="beta"))
        await server.publish("orders", order(1, strategy="beta"))
        await server.publish("states", halted, state("strategy", "beta", "reducing"))
        await screen.open(server.url)
        await screen.sees("positions", f"■ {OPTION}", "alpha")
        await screen.sees("positions", "OTHER", "◐ beta")
        await screen.sees("orders", "client-1", "◐ beta")
        await server.publish("states", halted | {"state": "active", "is_latch": False})

        async def is_unmarked():
            return all("■" not in row for row in await screen.cells("positions"))

        await screen.until(is_unmarked)
        await screen.sees("positions", "OTHER", "◐ beta")
        assert screen.complaints == []


@scene
async def test_what_stops_trading_stands_above_every_used_limit(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        held = {"net": "0", "gross": "98765", "long": "0", "short": "0"}
        sum_ = {"level": "strategy", "name": "alpha", "currency": "USDT", "excluded": []}
        await server.publish("exposure", sum_ | held | {"reporting": held})
        stopped = [state("venue", "okx", "reducing"), state("venue", "paper", "halted")]
        await server.publish("states", LIMIT, *stopped)
        await screen.open(server.url)
        await screen.sees("risk", "gross exposure", "9876.5 %")
        names = [row.split(" | ")[1] for row in await screen.cells("risk")]
        assert names == ["paper", "okx", "alpha"]
        assert screen.complaints == []


@scene
async def test_a_margin_call_stands_on_top_with_what_is_nearest_to_liquidation(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish(
            "positions",
            position("FAR", liquidation_distance_percent="-20"),
            position(OPTION, liquidation_distance_percent="-2.5"),
            position("FLAT", quantity="0", liquidation_distance_percent="0.1"),
        )
        await server.publish("margin", margin("main", "ok"), margin("spare", "ok"))
        await screen.open(server.url)
        await screen.reads("#margin-state", lambda text: text == "● ok")
        await server.publish("margin", margin("main", "call", ratio="0.95"))
        await screen.reads("#margin-state", lambda text: text == "■ call main USDT")
        await screen.page.keyboard.press("9")
        await screen.sees("margin", "main", "■ call", "95.0 %", f"-2.5 % {OPTION}")
        await screen.sees("margin", "spare", "● ok", "–")

        async def is_worst_on_top():
            return "call" in (await screen.cells("margin"))[0]

        await screen.until(is_worst_on_top)
        await server.publish("positions", position(OPTION, liquidation_distance_percent="-1.25"))
        await screen.sees("margin", "main", f"-1.25 % {OPTION}")
        assert screen.complaints == []


@scene
async def test_totals_stand_below_each_other_and_are_those_of_what_is_shown(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        rows = [position(f"P{n}", currency=c, unrealised=u) for n, (c, u) in enumerate(
            [("AVAX", "-1094.444"), ("USDT", "7.25"), ("USDT", "12345.5"), ("BTC", None)]
        )]  # fmt: skip
        await server.publish("positions", *rows)
        server.sequence = 50
        server.past[20] = {"sequence": 20, "time_ns": START_NS, "orders": [], "balances": [],
                           "positions": [position("PAST", unrealised="-77.5")]}  # fmt: skip
        await screen.open(server.url)
        text = await screen.reads("#totals", lambda text: "1 without mark" in text)
        assert text.startswith("USDT"), "the currency of most positions first"
        edges = await screen.page.evaluate(
            """() => [0, 1, 2].map((at) => new Set([...document.querySelectorAll("#totals .card")]
            .map((card) => Math.round(card.querySelectorAll(".number")[at]
            .getBoundingClientRect().right))).size)"""
        )
        assert edges == [1, 1, 1]
        await screen.page.wait_for_selector("#replay-at:enabled")
        await screen.page.fill("#replay-at", "20")
        await screen.page.keyboard.press("Enter")
        past = await screen.reads("#totals", lambda text: "-77.5" in text)
        assert "AVAX" not in past
        await screen.page.keyboard.press("Escape")
        await screen.reads("#totals", lambda text: "12,352.75" in text and "AVAX" in text)
        assert screen.complaints == []


@scene
async def test_an_observer_that_is_gone_is_told_with_how_long_ago(stage):
    server = await ScreenServer().__aenter__()
    async with Screen(stage.chromium) as screen:
        await server.publish("states", state("strategy", "alpha", "halted"))
        await screen.open(server.url)
        await screen.reads("#lag", lambda text: text == "0 ms")
        await server.__aexit__()
        await screen.reads("#connection", lambda text: "closed, retrying; last heard" in text)
        await screen.reads("#lag", lambda text: text == "not known")
        grey = "getComputedStyle(document.getElementById('trading')).filter"
        assert await screen.page.evaluate(grey) == "grayscale(1)"


@scene
async def test_depth_flow_and_health_say_what_their_figures_are(stage):
    async with ScreenServer() as server, Screen(stage.chromium, size=(1280, 800)) as screen:
        book = {"venue": "paper", "instrument": "BTC", "state": "live", "time_ns": START_NS,
                "bids": [["99.5", "1"]], "asks": [["100", "10.25"], ["100.5", "3"]]}  # fmt: skip
        await server.publish("books", book)
        await server.publish("flow", flow(entered=5, filled=2, refused=1))
        queue = health("queues", "journal_ring", "750", 1, of="1000", unit="bytes", state="warning")
        venue = health("venues", "binance_spot", "reconnecting since 14:03:07", 2, state="fault")
        await server.publish("health", queue, venue)
        await screen.open(server.url)
        for key in "7fh":
            await screen.page.keyboard.press(key)
        ladder = await screen.reads("#panel-depth .ladder", lambda text: "10.25" in text)
        assert ladder.split("\n")[:4] == ["Bid size", "Bid", "Ask", "Ask size"]
        sizes = "#panel-depth .line:not([hidden]) .ask:last-child"
        texts = await screen.page.locator(sizes).all_text_contents()
        assert texts == ["10.25", "3\u2008\u2007\u2007"], "points in one line"
        legend = await screen.reads("#panel-flow .strip > span", lambda text: "orders" in text)
        assert legend == "■orders 5■filled 2■refused 1■bought■sold"
        await screen.reads("#panel-health", lambda text: "⚠ 750 bytes · 75.0 %" in text)
        hidden = await screen.page.evaluate(
            """() => [...document.querySelectorAll("#panel-health dd > span:last-child")]
            .filter((text) => {
              const box = text.getBoundingClientRect();
              const card = text.closest(".card-box").getBoundingClientRect();
              return box.width === 0 || box.left < card.left || box.right > card.right;
            }).map((text) => text.innerText)"""
        )
        assert hidden == []
        assert screen.complaints == []


@scene
async def test_the_dialog_tells_how_what_is_named_stands_now(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish("states", state("strategy", "alpha", "halted", actor="<b>anna</b>"))
        await screen.open(server.url)
        await screen.sees("risk", "alpha", "halted")
        await screen.page.keyboard.press("k")
        assert await screen.page.is_hidden("#control-now")
        await screen.page.fill("#control-name", "alpha")
        told = "Now: ■ halted (latch): bad marks – <b>anna</b>"
        await screen.reads("#control-now", lambda text: text == told)
        await screen.page.fill("#control-name", "beta")
        assert await screen.page.is_hidden("#control-now")
        assert screen.complaints == []


@scene
async def test_a_key_shows_open_orders_only_and_all_again(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish("orders", order(1, state="FILLED"), order(2))
        await screen.open(server.url)
        await screen.sees("orders", "client-1")
        await screen.page.keyboard.press("f")
        await screen.page.keyboard.press("o")

        async def is_open_only():
            return [row for row in await screen.cells("orders") if "client-1" in row] == []

        await screen.until(is_open_only)
        await screen.sees("orders", "client-2")
        await screen.page.keyboard.press("o")
        await screen.sees("orders", "client-1")
        assert screen.complaints == []
