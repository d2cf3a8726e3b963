"""The panels of what a desk holds and links, and what the flow's bars look like: read as text and
as pixels, in a real browser."""

import pytest
from browser_stage import needs_chromium, scene
from screen_server import START_NS, Screen, ScreenServer, order
from test_page_figures import flow

pytestmark = [pytest.mark.timeout(900), needs_chromium]
HOSTILE = "<img src=x onerror=document.title=1>"
MIRRORED = "a\u202eb"
DAY_NS = 86_400 * 10**9
HOUR_NS = 3_600 * 10**9
BUCKETS = ("under_1_day", "under_7_days", "under_30_days", "under_90_days", "90_days_and_more")


def held(instrument, ages_ns, quantity="4.5", **fields):
    """Average, oldest and first opening so long ago, all of it younger than a day."""
    average, oldest, first = (START_NS - age for age in ages_ns)
    buckets = dict.fromkeys(BUCKETS, "0") | {"under_1_day": quantity}
    return {
        "account": "main", "strategy": "alpha", "instrument": instrument, "leg": "net",
        "margin_mode": "cross", "venue": "okx", "quantity": quantity, "buckets": buckets,
        "average_opened_ns": average, "oldest_opened_ns": oldest, "opened_ns": first,
    } | fields  # fmt: skip


def leg(number, side="buy", done="0", **fields):
    return {
        "order_id": str(number), "client_order_id": f"client-{number}", "instrument": "BTC-USDT",
        "side": side, "state": "NEW", "type": "limit", "quantity": "2",
        "cumulative_quantity": done, "fill_ratio": "0", "price": "100", "trigger_price": None,
        "average_price": None, "pending": "",
    } | fields  # fmt: skip


def group(number, members, **fields):
    return {
        "linked_to": str(number), "kind": "bracket", "state": "working", "members": members,
        "executed_buy": "0", "executed_sell": "0", "leg_risk": "0", "account": "main",
        "strategy": "alpha", "instrument": "BTC-USDT", "venue": "okx", "principal": "desk",
        "leg": "net", "members_forgotten": 0, "updated_ns": START_NS, "sequence": 7,
    } | fields  # fmt: skip


async def count(screen, selector):
    return await screen.page.locator(selector).count()


@scene
async def test_ageing_tells_how_long_what_is_left_has_been_held(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        server.status |= {"time_ns": START_NS}
        old = dict.fromkeys(BUCKETS, "0") | {"90_days_and_more": "-1000.5", "under_7_days": "-2"}
        await server.publish(
            "ageing",
            held("YOUNG", (90 * 10**9, 125 * 10**9, 3_700 * 10**9)),
            held("OLD", (3 * DAY_NS + 4 * HOUR_NS, 100 * DAY_NS, 400 * DAY_NS), "-1002.5",
                 buckets=old),
            held("FUTURE", (-5 * 10**9,) * 3),
            held("BARE", (0, 0, 0), buckets=None, average_opened_ns=None),
        )  # fmt: skip
        await screen.open(server.url)
        await screen.reads("#lag", lambda text: text == "0 ms")
        assert await count(screen, "#panel-ageing .row") == 0, "no work before it is in sight"
        await screen.page.keyboard.press("a")
        row = await screen.sees("ageing", "OLD", "▼ -1,002.5", "3 d 4 h", "100 d 0 h", "400 d 0 h")
        assert "-1,000.5" in row and "-2" in row
        await screen.sees("ageing", "YOUNG", "1 min 30 s", "2 min 5 s", "1 h 1 min")
        await screen.sees("ageing", "FUTURE", "0 s")
        await screen.sees("ageing", "BARE", "–")
        order_shown = [row.split(" | ")[0] for row in await screen.cells("ageing")]
        assert order_shown.index("OLD") < order_shown.index("YOUNG"), "the oldest on top"
        # An hour later by the observer's clock, and nothing was told anew.
        server.status |= {"time_ns": START_NS + HOUR_NS}
        await screen.sees("ageing", "YOUNG", "1 h 1 min", "1 h 2 min", "2 h 1 min")
        await screen.sees("ageing", "OLD", "3 d 5 h")
        assert screen.complaints == []


@scene
async def test_linked_orders_are_told_leg_by_leg_with_what_stands_alone(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        entry = leg(10, done="2", fill_ratio="1", state="FILLED")
        exits = [leg(11, "sell", "0.5", fill_ratio="0.25", state="CANCELED"),
                 leg(12, "sell", type="stop", trigger_price="90")]  # fmt: skip
        server.why["11"] = {"chain": [], "is_cut": False}
        await server.publish("orders", order(11, state="CANCELED"))
        await server.publish(
            "linked",
            group(10, [entry, *exits], state="partial", leg_risk="1.5"),
            group(20, [leg(20), leg(21)], kind="oco"),
        )
        await screen.open(server.url)
        assert await count(screen, "#panel-linked .row") == 0, "no work before it is in sight"
        await screen.page.keyboard.press("l")
        await screen.sees("linked", "10", "bracket", "partial", "⚠ ▲ +1.5", "1/3", "100.0 %")
        await screen.sees("linked", "2/3", "▼ sell", "CANCELED", "0.5", "25.0 %")
        await screen.sees("linked", "3/3", "stop", "0.0 %")
        await screen.sees("linked", "20", "oco", "working", "1/2", "client-20")
        legs = [row.split(" | ")[6] for row in await screen.cells("linked") if "bracket" in row]
        assert legs == ["1/3", "2/3", "3/3"], "one group stands together, in its order"
        # It is balanced again, and a leg is forgotten.
        await server.publish(
            "linked",
            group(10, [entry, leg(12, "sell", "2", fill_ratio="1", state="FILLED")],
                  state="ended", members_forgotten=1),
        )  # fmt: skip
        await screen.sees("linked", "10", "ended", "2/3", "client-12")
        rows = await screen.cells("linked")
        assert not [row for row in rows if "client-11" in row or "⚠" in row]
        await server.publish("linked", removed=[k for k in server.rows["linked"] if "20" in k])
        assert screen.complaints == []


@scene
async def test_named_legs_stand_with_their_ratio_beside_linked_orders(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        near = leg(31, done="2", fill_ratio="1", state="FILLED") | {"place": 0, "ratio": "1"}
        far = leg(32, "sell", "0.5", fill_ratio="0.25") | {"place": 1, "ratio": "-2"}
        again = leg(33, "sell", fill_ratio="0") | {"place": 1, "ratio": "-2"}
        members = [each | {"legs": 2, "strategy": name} for each, name in
                   ((near, "alpha"), (far, "beta"), (again, "beta"))]  # fmt: skip
        named = group(0, members, kind="legs", state="broken", leg_risk="402.5")
        named |= {"linked_to": "CALENDAR-DEC", "strategy": "", "realised": "0", "unrealised": "16"}
        named |= {"fees": "1.5", "net": "14.5"}
        await server.publish("linked", named, group(20, [leg(20)]))
        await screen.open(server.url)
        await screen.page.keyboard.press("l")
        await screen.sees(
            "linked", "CALENDAR-DEC", "legs", "broken", "▲ +402.5", "1/2", "▲ +1", "alpha"
        )
        far_leg = await screen.sees("linked", "CALENDAR-DEC", "2/2", "▼ -2", "25.0 %", "beta")
        assert far_leg.split(" | ")[4:6] == ["▲ +14.5", "1.5"], "net and fees"
        rows = [row for row in await screen.cells("linked") if "CALENDAR-DEC" in row]
        assert [row.split(" | ")[6] for row in rows] == ["1/2", "2/2", "2/2"]
        assert screen.complaints == []


@scene
async def test_enter_on_a_leg_opens_its_life(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        server.why["11"] = {"chain": [], "is_cut": False}
        await server.publish("orders", order(11))
        await server.publish("linked", group(11, [leg(11)]))
        await screen.open(server.url)
        await screen.page.keyboard.press("l")
        await screen.sees("linked", "client-11")
        await screen.page.keyboard.press("ArrowDown")
        await screen.page.keyboard.press("Enter")
        await screen.reads("#life", lambda text: "Order client-11" in text)
        assert screen.complaints == []


@scene
async def test_names_in_both_panels_are_text_and_words_filter_them(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish(
            "ageing", held(HOSTILE, (0, 0, 0), strategy=MIRRORED), held("PLAIN", (0, 0, 0))
        )
        hostile = leg(10, client_order_id=HOSTILE, state=MIRRORED, instrument=HOSTILE)
        await server.publish("linked", group(10, [hostile], kind=MIRRORED), group(20, [leg(20)]))
        await screen.open(server.url)
        await screen.page.keyboard.press("a")
        await screen.sees("ageing", HOSTILE, r"a\u202eb")
        await screen.page.keyboard.press("l")
        await screen.sees("linked", HOSTILE, r"a\u202eb")
        await screen.page.fill("#filter", "client-20")
        await screen.page.keyboard.press("Escape")

        async def is_one():
            return len(await screen.cells("linked")) == 1

        await screen.page.fill("#filter", "client-20")
        await screen.until(is_one)
        await screen.page.fill("#filter", "plain")
        await screen.page.click("#tab-ageing")
        row = await screen.sees("ageing", "PLAIN")
        assert [row] == await screen.cells("ageing")
        assert await screen.page.title() == "Exchange gateway"
        assert await count(screen, "main img, main script") == 0
        assert screen.complaints == []


@scene
async def test_an_observer_without_these_channels_is_named(stage):
    async with ScreenServer(["orders", "positions"]) as server, Screen(stage.chromium) as screen:
        await screen.open(server.url)
        for key, panel in (("a", "ageing"), ("l", "linked")):
            await screen.page.keyboard.press(key)
            await screen.reads(
                f"#panel-{panel}", lambda text: "its stream has no such channel." in text
            )
        assert screen.complaints == []


# Height of what is painted in each of the columns' middles, above the line and below it, by half.
BARS = """() => {
  const canvas = document.querySelector("#panel-flow canvas");
  const scale = canvas.width / canvas.clientWidth;
  const {width} = canvas;
  const {data} = canvas.getContext("2d").getImageData(0, 0, width, canvas.height);
  const half = Math.floor((canvas.clientHeight - 14) / 2 * scale);
  const painted = (x, y) => data[(y * width + x) * 4 + 3] > 0;
  return Array.from({length: 30}, (_, at) => {
    const x = Math.floor((at + 0.5) * width / 30);
    return [[0, half], [half, 2 * half]].map(([from, to]) => {
      let [first, count] = [-1, 0];
      for (let y = from; y < to; y += 1) {
        if (!painted(x, y)) continue;
        if (first < 0) first = y - from;
        count += 1;
      }
      return [first / scale, count / scale];
    });
  });
}"""


async def bars(screen):
    """[[top, height] above, [top, height] below] of the newest columns, the newest last."""
    return (await screen.page.evaluate(BARS))[-4:]


@scene
async def test_no_bar_of_the_flow_leaves_its_half_and_all_have_one_scale(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        tiny = "0.000000000001"
        await server.publish(
            "flow",
            flow(entered=5, filled=5, volume={"BTC": {"bought": tiny, "sold": "0"}}),
            # Entered before and filled now: more is filled than was entered.
            flow(second=10, entered=2, filled=10,
                 volume={"BTC": {"bought": "0.000000000002", "sold": "0"}}),
            flow(second=20, refused=5, volume={"BTC": {"bought": "0", "sold": tiny}}),
        )  # fmt: skip
        await screen.open(server.url)
        await screen.page.keyboard.press("f")
        await screen.sees("flow", "alpha", "7")
        said = '#panel-flow canvas[aria-label*="orders 7, filled 15, refused 5"]'
        await screen.page.wait_for_selector(said)
        _, five, ten, refused = await bars(screen)
        assert ten[0][0] >= 1, "the longest bar ends within its half"
        assert ten[0][1] == pytest.approx(2 * five[0][1], abs=3)
        assert refused[0][1] == pytest.approx(five[0][1], abs=3)
        # Volume in the smallest units has bars like any other.
        assert ten[1][1] == pytest.approx(2 * five[1][1], abs=3)
        assert five[1][1] > 10 and refused[1][1] == pytest.approx(five[1][1], abs=3)
        assert screen.complaints == []


@scene
async def test_a_flow_row_without_a_field_is_nothing_and_breaks_nothing(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        place = {"venue": "okx", "time_ns": START_NS}
        await server.publish(
            "flow",
            flow(entered=4, filled=2, refused=1, refusals={"RANGE": 1}),
            place | {"strategy": "bare"},
            place | {"strategy": "odd", "entered": None, "filled": "x", "refused": -3,
                     "refusals": {"constructor": None}, "liquidity": {"maker": None},
                     "volume": {"USDT": None, "EUR": {"bought": "5"}, "XAU": {"sold": "NaN"}}},
            {"strategy": "timeless", "venue": "okx", "entered": 9},
            {"time_ns": START_NS, "entered": 2},
        )  # fmt: skip
        await screen.open(server.url)
        await screen.page.keyboard.press("f")
        row = await screen.sees("flow", "alpha", "50.0 %", "RANGE 1")
        assert "NaN" not in row
        bare = await screen.sees("flow", "bare", "okx")
        assert bare.split(" | ")[2:5] == ["0", "0", "–"]
        odd = await screen.sees("flow", "odd", "constructor 0")
        assert "▲ +5 EUR" in odd and "NaN" not in odd and "undefined" not in odd
        rows = await screen.cells("flow")
        assert len(rows) == 4 and not [each for each in rows if "timeless" in each]
        assert [each for each in rows if each.startswith("– | – | 2")]
        said = '#panel-flow canvas[aria-label*="orders 6, filled 2, refused 1"]'
        await screen.page.wait_for_selector(said)
        await screen.page.keyboard.press("h")  # and the other panels are drawn
        await screen.reads("#panel-health", lambda text: "No figures yet" in text)
        assert screen.complaints == []


@scene
async def test_every_choice_of_the_flow_has_the_same_time_line(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish("flow", flow("early", entered=1), flow("late", 600, entered=2))
        await screen.open(server.url)
        await screen.page.keyboard.press("f")
        await screen.sees("flow", "early")
        label = screen.page.locator("#panel-flow canvas")

        async def told(words):
            text = await label.get_attribute("aria-label")
            return text if words in text else None

        whole = await screen.until(lambda: told("orders 3"))
        await screen.page.select_option("#panel-flow select", label="early · okx")
        early = await screen.until(lambda: told("orders 1"))
        assert early.split("UTC")[0] == whole.split("UTC")[0]
        assert screen.complaints == []
