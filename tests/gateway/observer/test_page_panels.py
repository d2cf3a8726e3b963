"""Panel by panel, on what is visible: values change, are sorted, filtered and marked; sums are
exact; names are shown as they are; the past is marked as past."""

import json
import re
from decimal import Context, Decimal, localcontext

import pytest
from browser_stage import needs_chromium, scene
from live_door import SECRET, open_door
from screen_server import START_NS, Screen, ScreenServer, order, position

pytestmark = [pytest.mark.timeout(900), needs_chromium]
HOSTILE = [
    "<img src=x onerror=document.title=1>",
    "\"'`&amp;</div><script>document.title=1</script>",
    "x" * 64,
]
MIRRORED = "abc\u202edef\u200bghi"


async def order_of(screen, panel, column):
    return [row.split(" | ")[column] for row in await screen.cells(panel)]


@scene
async def test_values_change_in_place_and_flash(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish("positions", position(), position("ETH-USDT.paper", mark="2600"))
        await screen.open(server.url)
        await screen.sees("positions", "ETH-USDT.paper", "2,600")
        await server.publish("positions", position("ETH-USDT.paper", mark="1234567.25"))
        row = await screen.sees("positions", "ETH-USDT.paper", "1,234,567.25")
        assert "41,000.5" in row and "17.99" in row  # liquidation price and distance
        await server.publish("positions", position("ETH-USDT.paper", mark="2.123456789012"))
        await screen.sees("positions", "2.12345678…")  # cut visibly, whole in the title
        title = '#panel-positions .cell[title="2.123456789012"]'
        assert await screen.page.locator(title).count() == 1
        flashed = screen.page.locator("#panel-positions .cell.flash")
        await screen.until(lambda: is_none(flashed))  # it was there, and goes again
        assert screen.complaints == []


async def is_none(locator):
    return await locator.count() == 0


@scene
async def test_columns_are_sorted_by_number_by_click_and_by_key(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        rows = [("B", "9"), ("A", "-100.5"), ("C", "10.25"), ("D", "1000")]
        await server.publish("positions", *[position(name, unrealised=text) for name, text in rows])
        await screen.open(server.url)
        await screen.sees("positions", "D")
        assert await order_of(screen, "positions", 0) == ["A", "B", "C", "D"]
        head = "#panel-positions .head .cell:has-text('Unrealised')"
        await screen.page.click(head)

        async def is_sorted(wanted):
            return await order_of(screen, "positions", 0) == wanted

        await screen.until(lambda: is_sorted(["D", "C", "B", "A"]))
        await screen.page.click(head)
        await screen.until(lambda: is_sorted(["A", "B", "C", "D"]))
        await server.publish("positions", position("A", unrealised="99999"))
        await screen.until(lambda: is_sorted(["B", "C", "D", "A"]))
        await screen.page.keyboard.press("1")
        for key in ("ArrowDown", "Home", "s"):  # the cursor stands in the first column
            await screen.page.keyboard.press(key)
        await screen.until(lambda: is_sorted(["A", "B", "C", "D"]))
        await screen.page.keyboard.press("ArrowDown")
        chosen = screen.page.locator('#panel-positions .row[aria-selected="true"]')
        await screen.until(lambda: has_text(chosen, "C"))  # B stayed chosen where it went
        assert screen.complaints == []


async def has_text(locator, text):
    return await locator.count() == 1 and text in await locator.inner_text()


@scene
async def test_the_filter_and_the_column_chooser_choose_what_is_seen(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish(
            "orders",
            order(1, strategy="alpha", state="CANCELED"),
            order(2, strategy="beta", state="CANCELED"),
            order(3, strategy="beta", venue_order_id="V3"),
        )
        await screen.open(server.url)
        await screen.sees("orders", "client-1")
        await screen.page.keyboard.press("/")
        await screen.page.keyboard.type("beta canceled")

        async def is_one():
            rows = await screen.cells("orders")
            return len(rows) == 1 and "client-2" in rows[0]

        await screen.until(is_one)
        await screen.page.keyboard.press("Escape")
        await screen.page.keyboard.press("Escape")
        await screen.page.check("#open-only")
        await screen.until(lambda: only(screen, "client-3"))
        await screen.page.keyboard.press("2")
        await screen.page.keyboard.press("c")
        await screen.page.get_by_label("Venue id").check()
        await screen.sees("orders", "client-3", "V3")
        await screen.page.reload()  # the layout is remembered
        await screen.sees("orders", "client-3", "V3")
        assert screen.complaints == []


async def only(screen, word):
    rows = await screen.cells("orders")
    return len(rows) == 1 and word in rows[0]


@scene
async def test_one_table_is_made_large_by_a_key_and_small_again(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await screen.open(server.url)
        await screen.page.keyboard.press("2")
        await screen.page.keyboard.press("m")
        await screen.page.wait_for_selector("#pane-risk", state="hidden")
        await screen.page.keyboard.press("8")  # another table takes the place
        await screen.page.wait_for_selector("#pane-risk", state="visible")
        assert not await screen.page.is_visible("#pane-orders")
        await screen.page.keyboard.press("Escape")
        await screen.page.wait_for_selector("#pane-orders", state="visible")
        assert screen.complaints == []


@scene
async def test_hostile_names_are_shown_as_they_are(stage):
    async with ScreenServer() as server, Screen(stage.chromium, size=(1440, 900)) as screen:
        names = [*HOSTILE, MIRRORED]
        await server.publish(
            "orders",
            *[order(at, instrument=name, client_order_id=name) for at, name in enumerate(names)],
        )
        await server.publish("positions", *[position(name) for name in names])
        await server.publish("states", {"kind": "state", "level": "strategy", "name": HOSTILE[0],
                                        "state": "halted", "is_latch": True, "reason": HOSTILE[1],
                                        "actor": ""})  # fmt: skip
        await screen.open(server.url)
        for name in HOSTILE:
            await screen.sees("orders", name)
            await screen.sees("positions", name)
        await screen.sees("positions", r"abc\u202edef\u200bghi")
        await screen.sees("risk", HOSTILE[0], "halted", HOSTILE[1])
        assert await screen.page.title() == "Exchange gateway"
        assert await screen.page.locator("main img, main script").count() == 0
        assert screen.complaints == []


def exact_sum(numbers):
    with localcontext(Context(prec=80)):
        return sum(map(Decimal, numbers))


def profit(strategy, *parts, currency="USDT", **more):
    names = ("price", "carry", "fees", "fx", "slippage", "other")
    row = dict(zip(names, parts, strict=True))
    total = f"{exact_sum(parts):f}"
    return row | {"account": "main", "strategy": strategy, "currency": currency, "total": total,
                  "realised": "0", "unrealised": "0", "funding": "0", "interest": "0",
                  "excluded": []} | more  # fmt: skip


async def figures(screen):
    """Part -> number as a person reads it."""
    texts = await screen.page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#profit-parts dd")]
        .map((node) => [node.dataset.part, node.innerText]))"""
    )
    return {name: Decimal(re.sub(r"[^0-9.-]", "", text)) for name, text in texts.items()}


@scene
async def test_the_waterfall_s_parts_are_the_total_exactly(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        tiny = "0.000000000000000001"
        rows = [profit("alpha", "9007199254740993.1", "-0.3", "-1.7", "0", "-0.2", tiny),
                profit("beta", "-12.25", "3", f"-{tiny}", "4.5", "0", "0", excluded=["ETH-PERP"]),
                profit("beta", "1", "0", "0", "0", "0", "0", currency="EUR")]  # fmt: skip
        await server.publish("profit", *rows)
        await screen.open(server.url)
        await screen.reads("#profit-parts", lambda text: "9,007,199,254,740,980.85" in text)
        shown = await figures(screen)
        total = shown.pop("total")
        assert exact_sum(shown.values()) == total == exact_sum(row["total"] for row in rows[:2])
        assert "ETH-PERP" in await screen.page.inner_text("#profit-note")
        await screen.page.select_option("#profit-book", label="main · beta")
        await screen.reads("#profit-parts", lambda text: re.search(r"Total\s+▼ -4.75", text))
        await screen.page.click(".chip:has-text('EUR')")
        await screen.reads("#profit-parts", lambda text: re.search(r"Total\s+▲ \+1\s", text + " "))
        await server.publish("profit", rows[2] | {"total": "2"})
        await screen.reads("#profit-note", lambda text: "not the total" in text)
        assert screen.complaints == []


@scene
async def test_old_numbers_and_stale_marks_are_named(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish("positions", position(), position("OLD", mark_age_ms=65000))
        await screen.open(server.url)
        await screen.sees("positions", "OLD", "⚠ stale 65 s")
        await screen.reads("#marks", lambda text: text == "⚠ 1 stale")
        await screen.reads("#lag", lambda text: text == "0 ms")
        server.status |= {"lag_ms": 12345, "lag_records": 678}
        await screen.reads("#connection", lambda text: text == "⚠ old: behind the journal")
        assert await screen.page.inner_text("#lag") == "12,345 ms, 678 records"
        server.status |= {"lag_ms": 0, "state": "waiting", "reason": "no journal", "ready": False}
        await screen.reads("#connection", lambda text: text == "⚠ old: journal waiting")
        assert "no journal" in await screen.page.inner_text("#journal")
        assert screen.complaints == []


@scene
async def test_a_panel_without_its_channel_says_so(stage):
    async with ScreenServer(["orders", "positions"]) as server, Screen(stage.chromium) as screen:
        await screen.open(server.url)
        said = "its stream has no such channel."
        await screen.reads("#profit-note", lambda text: said in text)
        for key, panel in (("9", "margin"), ("7", "depth"), ("0", "latency"), ("3", "fills")):
            await screen.page.keyboard.press(key)
            await screen.reads(f"#panel-{panel}", lambda text: said in text)
        assert screen.complaints == []


@scene
async def test_risk_shows_what_is_halted_and_how_much_of_a_limit_is_held(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        held = {"net": "-250", "gross": "750", "long": "250", "short": "-500"}
        await server.publish(
            "exposure",
            {
                "level": "strategy",
                "name": "alpha",
                "currency": "USDT",
                **held,
                "reporting": held,
                "excluded": ["OLD"],
            },
        )
        await server.publish(
            "states",
            {"kind": "limits", "level": "strategy", "name": "alpha", "gross_exposure_max": "1000",
             "net_exposure_max": "2000", "loss_max": "off", "actor": "", "reason": ""},
            {"kind": "state", "level": "venue", "name": "okx", "state": "reducing",
             "is_latch": False, "actor": "anna", "reason": "maintenance"},
        )  # fmt: skip
        await server.publish("margin", {"account": "main", "venue": "paper", "currency": "USDT",
                                        "equity": "1000", "initial": "200", "maintenance": "100",
                                        "ratio": "0.1", "headroom": "800", "state": "call",
                                        "excluded": ["OLD"]})  # fmt: skip
        await screen.open(server.url)
        await screen.sees("risk", "gross exposure", "75.0 %", "750", "1,000")
        await screen.sees("risk", "net exposure", "12.5 %", "250", "2,000")
        await screen.sees("risk", "okx", "reducing", "maintenance – anna")
        assert "okx" in (await screen.cells("risk"))[0]  # what stops trading stands on top
        await screen.reads("#trading", lambda text: text == "■ reducing okx")
        await screen.page.keyboard.press("9")
        await screen.sees("margin", "main", "call", "1,000", "▲ +800", "⚠ 1: OLD")
        await screen.page.keyboard.press("6")
        await screen.page.click("#panel-exposure .chip:has-text('strategy')")
        await screen.sees("exposure", "alpha", "▼ -250", "750", "-500", "⚠ 1: OLD")
        assert screen.complaints == []


@scene
async def test_depth_shows_a_live_book_and_no_other(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        book = {"venue": "paper", "instrument": "BTC-USDT.paper", "state": "live", "sequence": 9,
                "time_ns": START_NS, "bids": [["49999.9", "1.25"], ["49990", "3"]],
                "asks": [["50000.1", "0.5"]]}  # fmt: skip
        await server.publish("books", book)
        await screen.open(server.url)
        await screen.page.keyboard.press("7")
        await screen.reads(
            "#panel-depth", lambda text: re.search(r"1\.25\s+49,999\.9\s+50,000\.1\s+0\.5", text)
        )
        assert "spread 0.2" in await screen.page.inner_text("#panel-depth")
        await server.publish("books", book | {"state": "gap", "bids": [], "asks": []})
        await screen.reads(
            "#panel-depth", lambda text: "The book is gap" in text and "49,999" not in text
        )
        assert screen.complaints == []


@scene
async def test_latency_is_read_by_stage_and_leads_to_the_slowest_order(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:

        def cell(bucket, count, second, worst=None):
            return {"stage": "ack", "bucket_us": bucket, "count": count, "worst_order_id": worst,
                    "time_ns": START_NS + second * 10**9}  # fmt: skip

        server.why["7"] = {"chain": [], "is_cut": False}
        await server.publish("orders", order(7))
        await server.publish("latency", cell("0.5", 98, 0), cell("20", 98, 1),
                             cell("inf", 4, 1, worst="7"))  # fmt: skip
        await screen.open(server.url)
        await screen.page.keyboard.press("0")
        line = "ack\\s+200\\s+20 µs\\s+> 10 s\\s+> 10 s\\s+7"
        await screen.reads("#panel-latency", lambda text: re.search(line, text))
        await screen.page.click("#panel-latency button:has-text('7')")
        await screen.reads("#life", lambda text: "Order client-7" in text)
        assert screen.complaints == []


@scene
async def test_the_life_of_an_order_is_told_with_nanoseconds_and_causes(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        server.why["5"] = {
            "chain": [
                {"sequence": 1, "time_ns": START_NS, "event": "order_new",
                 "words": "desk asked", "fields": {"state": "PENDING_NEW"}},
                {"sequence": 2, "time_ns": START_NS + 1001, "event": "order_accepted",
                 "words": "paper took it", "fields": {"state": "NEW"}},
            ],
            "is_cut": False,
        }  # fmt: skip
        await server.publish("orders", order(5))
        await screen.open(server.url)
        await screen.sees("orders", "client-5")
        await screen.page.keyboard.press("2")
        await screen.page.keyboard.press("Enter")
        life = await screen.reads("#life", lambda text: "paper took it" in text)
        assert "123 456 789" in life and "123 457 790" in life and "desk asked" in life
        await server.publish("orders", order(5, state="CANCELED", reason="user"))
        await screen.reads("#life", lambda text: "CANCELED" in text and "Cancel…" not in text)
        await screen.page.keyboard.press("Escape")
        await screen.page.wait_for_selector("#life", state="hidden")
        assert screen.complaints == []


@scene
async def test_the_past_is_shown_marked_and_left_again(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish("orders", order(1, state="FILLED"))
        server.sequence = 50
        server.past[20] = {"sequence": 20, "time_ns": START_NS, "orders": [order(1, state="NEW")],
                           "positions": [position("PAST")], "balances": []}  # fmt: skip
        await screen.open(server.url)
        await screen.sees("orders", "FILLED")
        await screen.page.wait_for_selector("#replay-at:enabled")
        await screen.page.fill("#replay-at", "20")
        await screen.page.keyboard.press("Enter")
        await screen.sees("orders", "NEW")
        await screen.sees("positions", "PAST")
        told = await screen.page.inner_text("#past")
        assert "Past: sequence 20 of 5" in told and "123 456 789 UTC" in told
        await server.publish("orders", order(2))  # the live stream goes on underneath
        assert all("client-2" not in row for row in await screen.cells("orders"))
        await screen.page.keyboard.press("Escape")
        await screen.sees("orders", "client-2")
        await screen.sees("orders", "FILLED")
        assert not await screen.page.is_visible("#past")
        await screen.page.fill("#replay-at", "soon")
        await screen.page.keyboard.press("Enter")
        await screen.reads("#replay-text", lambda text: "whole number" in text)
        assert screen.complaints == []


async def is_loaded_again(server):
    return [path for _, path, _, _ in server.requests].count("/") == 2


@scene
async def test_a_halt_needs_its_name_typed_and_goes_to_the_live_api_alone(stage, tmp_path):
    async with (
        ScreenServer() as server,
        open_door(tmp_path, page_origins=[server.url]) as door,
        Screen(stage.chromium) as screen,
    ):
        server.live_api = door.url
        await screen.open(server.url)
        await screen.reads("#lag", lambda text: text == "0 ms")
        await screen.page.keyboard.press("k")
        await screen.page.fill("#control-name", "alpha")
        for field, text in (("actor", "anna"), ("reason", "drill"), ("key", f"boss.{SECRET}")):
            await screen.page.fill(f"#control-{field}", text)
        assert await screen.page.is_disabled("#control-send")
        await screen.page.fill("#control-confirm", "Alpha")
        assert await screen.page.is_disabled("#control-send")
        await screen.page.fill("#control-confirm", "alpha")
        await screen.page.click("#control-send")
        await screen.reads("#control-said", lambda text: text.startswith("✔ Halt alpha"))
        states = (await door.call("GET", "/v1/trading-states"))[1]["trading_states"]
        halted = [row for row in states if row["state"] == "halted"]
        assert [(row["name"], row["actor"], row["reason"]) for row in halted] == [
            ("alpha", "anna", "drill")
        ]
        # The key is remembered by the open page alone.
        assert await screen.page.is_hidden("#control-key")
        kept = await screen.page.evaluate("JSON.stringify([localStorage, sessionStorage])")
        assert SECRET not in kept
        assert SECRET not in json.dumps(server.requests)
        await screen.page.check("#control-form input[value=enable]")
        await screen.page.fill("#control-confirm", "alpha")
        await screen.page.click("#control-send")
        await screen.reads("#control-said", lambda text: text.startswith("✔ Enable alpha"))
        assert screen.complaints == []


@scene
async def test_a_page_of_a_foreign_origin_cannot_halt(stage, tmp_path):
    async with (
        ScreenServer() as server,
        open_door(tmp_path) as door,
        Screen(stage.chromium) as screen,
    ):
        server.live_api = door.url
        await screen.open(server.url)
        fetched = await screen.page.evaluate(
            """([url, key]) => fetch(url + "/v1/kill", {method: "POST", headers:
            {Authorization: "Bearer " + key, "Content-Type": "application/json"}, body:
            JSON.stringify({level: "firm", actor: "a", reason: "b"})})
            .then(() => 1, () => 0)""",
            [door.url, f"boss.{SECRET}"],
        )
        assert fetched == 0
        states = (await door.call("GET", "/v1/trading-states"))[1]["trading_states"]
        assert {row["state"] for row in states} <= {"active"}


@scene
async def test_the_scheme_is_switched_and_remembered(stage):
    async with ScreenServer() as server, Screen(stage.chromium, "light") as screen:
        await screen.open(server.url)
        paper = "getComputedStyle(document.body).backgroundColor"
        light = await screen.page.evaluate(paper)
        await screen.page.wait_for_selector("#panels", state="visible")
        await screen.page.keyboard.press("d")
        dark = await screen.page.evaluate(paper)
        assert dark != light
        await screen.page.reload()
        assert await screen.page.evaluate(paper) == dark
        assert screen.complaints == []


@scene
async def test_break_even_and_the_next_funding_are_columns_that_may_be_chosen(stage):
    async with ScreenServer() as server, Screen(stage.chromium, size=(1920, 900)) as screen:
        now_ns = START_NS
        server.status["time_ns"] = now_ns
        await server.publish(
            "positions",
            position("A", break_even="100.600600600601", next_funding="-1.25",
                     break_even_after_next_funding="100.725",
                     next_funding_ns=now_ns + 2 * 3600 * 10**9 + 59 * 10**9),
            position("B", break_even=None),
        )  # fmt: skip
        await screen.open(server.url)
        await screen.sees("positions", "A")
        assert not any("100.6" in row for row in await screen.cells("positions"))
        await screen.page.keyboard.press("m")
        await screen.page.keyboard.press("c")
        titles = ("Break-even", "B/e after funding", "Next funding", "Funding in")
        for title in titles:
            await screen.page.locator("#chooser label", has_text=title).first.click()
        await screen.page.keyboard.press("Escape")
        row = await screen.sees("positions", "A", "100.725")
        cells = row.split(" | ")
        assert {"▼ -1.25", "2 h 0 min"} <= set(cells) and any(
            c.startswith("100.6006") for c in cells
        )
        assert await screen.page.get_by_title("100.600600600601").count() == 1
        plain = await screen.sees("positions", "B")
        assert plain.split(" | ").count("–") >= len(titles)
        server.status["time_ns"] = now_ns + 2 * 3600 * 10**9  # it counts down without a row
        await screen.sees("positions", "A", " s")
        assert screen.complaints == []
