"""The panels of figures: profit in the reporting currency, flow, tape, health. What is read is what
the stream said, to the last digit, and names are shown as they are."""

import re
from decimal import Decimal

import pytest
from browser_stage import needs_chromium, scene
from screen_server import ALL, START_NS, Screen, ScreenServer

pytestmark = [pytest.mark.timeout(900), needs_chromium]
CAUSES = ("price", "carry", "fees", "fx", "slippage", "other")
HOSTILE = "<img src=x onerror=document.title=1>"
MIRRORED = "a\u202eb"


def profit(currency, *parts, reporting=None, excluded=()):
    total = f"{sum(map(Decimal, parts)):f}"
    return dict(zip(CAUSES, parts, strict=True)) | {
        "account": "main", "strategy": "alpha", "currency": currency, "total": total,
        "realised": "0", "unrealised": "0", "funding": "0", "interest": "0",
        "reporting": reporting, "excluded": list(excluded),
    }  # fmt: skip


def reported(rate, *parts):
    total = f"{sum(map(Decimal, parts)):f}"
    told = {"currency": "USD", "total": total, "rounding": "0", "rate": rate}
    return dict(zip(CAUSES, parts, strict=True)) | told | {"rate_time_ns": START_NS}


def flow(strategy="alpha", second=0, **fields):
    counts = dict.fromkeys(
        ("entered", "refused", "accepted", "fills", "filled", "canceled", "expired", "rejected"), 0
    )
    place = {"strategy": strategy, "venue": "okx", "time_ns": START_NS + second * 10**9}
    return place | counts | {"refusals": {}, "volume": {}, "liquidity": {}} | fields


def health(part, name, value, rank, **fields):
    told = {"part": part, "name": name, "value": value, "rank": rank}
    return told | {"of": None, "unit": "", "state": ""} | fields


@scene
async def test_the_waterfall_of_all_currencies_is_exact_and_names_what_has_no_rate(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        tiny = "0.000000000000000001"
        await server.publish(
            "profit",
            profit("USD", "10", "0", "-1", "0", "0", "0",
                   reporting=reported("1", "10", "0", "-1", "0", "0", "0")),
            profit("EUR", "100", "-3", "0", "0", "-2", tiny,
                   reporting=reported("1.08", "110.5", "-3.3", "0", "-1.6", "-2.2", tiny)),
            profit("XAU", "7", "0", "0", "0", "0", "0", excluded=["rate:XAU"]),
        )  # fmt: skip
        await screen.open(server.url)
        await screen.page.click(".chip:has-text('all in USD')")
        text = await screen.reads("#profit-parts", lambda text: "120.5" in text)
        shown = dict(re.findall(r"(\w+)\s+[▲▼]? ?([-+]?[\d.]+)", text.replace(",", "")))
        assert Decimal(shown.pop("Total")) == sum(map(Decimal, shown.values()))
        assert shown["FX"] == "-1.6" and shown["Other"] == f"+{tiny}"
        note = await screen.page.inner_text("#profit-note")
        assert note == "⚠ without a usable rate, not in the sums: XAU."
        rates = await screen.page.inner_text("#profit-rates")
        assert re.search(r"EUR 1\.08 \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)", rates)
        assert "USD 1 " not in rates
        await screen.page.click(".chip:has-text('EUR')")
        await screen.reads("#profit-parts", lambda text: re.search(r"FX\s+0", text))
        assert screen.complaints == []


@scene
async def test_flow_is_told_by_strategy_and_venue_with_rates_and_signed_volume(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        big = "9007199254740993.000000000000000001"
        await server.publish(
            "flow",
            flow(entered=6, fills=5, filled=3, refused=2, refusals={"PRICE_COLLAR": 2},
                 volume={"USDT": {"bought": big, "sold": "0"}}, liquidity={"maker": 3, "taker": 1}),
            flow(second=10, entered=2, refused=1, refusals={"PRICE_COLLAR": 1},
                 volume={"USDT": {"bought": "0", "sold": "0.000000000000000001"}}),
            flow("beta", 10, entered=1, rejected=1),
        )  # fmt: skip
        await screen.open(server.url)
        await screen.page.keyboard.press("f")
        row = await screen.sees("flow", "alpha", "okx", "37.5 %", "PRICE_COLLAR 3", "27.3 %")
        assert "75.0 %" in row and "9,007,199,254,740,993 USDT" in row  # maker share, exact net
        await screen.sees("flow", "beta", "0.0 %")
        said = '#panel-flow canvas[aria-label*="orders 9, filled 3, refused 3"]'
        await screen.page.wait_for_selector(said)
        await screen.page.select_option("#panel-flow select", label="beta · okx")
        await screen.page.wait_for_selector('#panel-flow canvas[aria-label*="orders 1, filled 0"]')
        await screen.page.keyboard.press("Escape")
        await server.publish("flow", removed=[k for k in server.rows["flow"] if "beta" in k])
        await server.publish("flow", flow(second=10, entered=4, filled=4))
        await screen.sees("flow", "alpha", "70.0 %")
        assert screen.complaints == []


@scene
async def test_health_shows_its_groups_in_order_and_what_is_wrong(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish(
            "health",
            health("queues", "journal_ring", "750", 3, of="1000", unit="bytes", state="warning"),
            health("observer", "lag", "12345", 1, unit="ms", state="warning"),
            health("observer", "records", None, 0, unit="1/s"),
            health("books", "trial balance", "NOT ZERO", 2, state="fault"),
        )
        await screen.open(server.url)
        await screen.page.keyboard.press("h")
        text = await screen.reads("#panel-health", lambda text: "12,345 ms" in text)
        words = ["observer", "records", "–", "lag", "⚠", "books", "✕ NOT ZERO", "queues", "75.0 %"]
        places = [text.index(word) for word in words]
        assert places == sorted(places)
        await server.publish("health", health("observer", "lag", "0", 1, unit="ms"))
        await screen.reads("#panel-health", lambda text: re.search(r"lag\s+\S*\s*0 ms", text))
        assert screen.complaints == []


@scene
async def test_names_in_the_new_panels_are_text_and_turning_characters_are_spelled_out(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        trade = {"venue": HOSTILE, "instrument": MIRRORED, "run_ns": START_NS, "number": 1,
                 "price": "1.5", "quantity": "2", "side": "sell", "time_ns": START_NS,
                 "trade_id": HOSTILE}  # fmt: skip
        await server.publish("trades", trade, trade | {"number": 2, "instrument": HOSTILE})
        moved = {MIRRORED: {"bought": "1", "sold": "0"}}
        sent = flow(HOSTILE, entered=1, refusals={HOSTILE: 1}, volume=moved)
        await server.publish("flow", sent, flow(MIRRORED))
        await server.publish("health", health(HOSTILE, MIRRORED, HOSTILE, 0, unit=MIRRORED))
        await server.publish(
            "profit",
            profit(HOSTILE, *"000000", excluded=[f"rate:{MIRRORED}"]),
            profit("EUR", *"000000", reporting=reported("1", *"000000") | {"currency": HOSTILE}),
        )
        await screen.open(server.url)
        await screen.page.keyboard.press("f")
        await screen.sees("flow", HOSTILE, f"{HOSTILE} 1", r"a\u202eb")
        await screen.sees("flow", r"a\u202eb", "okx")
        await screen.page.keyboard.press("p")
        await screen.sees("trades", HOSTILE, "▼ sell", "1.5")
        await screen.sees("trades", r"a\u202eb")
        await screen.page.keyboard.press("h")
        await screen.reads("#panel-health", lambda t: HOSTILE in t and r"a\u202eb" in t)
        await screen.page.keyboard.press("5")
        await screen.page.click(".chip:has-text('all in')")
        await screen.reads("#profit-note", lambda text: r"not in the sums: a\u202eb" in text)
        await screen.reads("#panel-profit .chips", lambda text: f"all in {HOSTILE}" in text)
        assert await screen.page.title() == "Exchange gateway"
        assert await screen.page.locator("main img, main script").count() == 0
        assert screen.complaints == []


@scene
async def test_greeks_are_there_where_the_observer_has_them_and_nowhere_else(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await screen.open(server.url)
        await screen.reads("#profit-note", lambda text: "No profit" in text)
        await screen.page.keyboard.press("g")
        assert await screen.page.is_hidden("#panel-greeks")
        assert await screen.page.is_hidden("#tab-greeks")
    async with ScreenServer([*ALL, "greeks"]) as server, Screen(stage.chromium) as screen:
        sums = {"delta_cash": "-30000", "gamma_cash": "12.5", "vega": "3", "theta": "-4",
                "rho": "0", "value": "7", "beta_delta": None, "excluded": []}  # fmt: skip
        place = {"account": "main", "strategy": HOSTILE, "instrument": "BTC-CALL", "venue": "okx"}
        await server.publish(
            "greeks",
            {"level": "position", "name": f"main|BTC-CALL|{HOSTILE}", **place, **sums,
             "volatility": "0.31", "delta": "-0.5", "gamma": "0.01"},
            {"level": "firm", "name": "firm", **dict.fromkeys(place), **sums,
             "excluded": [f"{MIRRORED}: no fresh mark"]},
        )  # fmt: skip
        await screen.open(server.url)
        await screen.page.wait_for_selector("#tab-greeks", state="visible")
        await screen.page.keyboard.press("g")
        row = await screen.sees("greeks", f"BTC-CALL · {HOSTILE} · main", "▼ -30,000", "0.31")
        assert "12.5" in row
        await screen.page.click("#panel-greeks .chip:has-text('firm')")
        await screen.sees("greeks", "firm", r"⚠ 1: a\u202eb: no fresh mark")
        assert screen.complaints == []
