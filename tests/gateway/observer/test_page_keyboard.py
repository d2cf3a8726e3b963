"""The page without a mouse: every panel by a key and by Tab, focus always seen, columns sorted and
told to a screen reader, nothing that moves for who asked for calm."""

import pytest
from browser_stage import needs_chromium, scene
from screen_server import Screen, ScreenServer, position

pytestmark = [pytest.mark.timeout(900), needs_chromium]
PANELS = {"a": "ageing", "l": "linked",
          "1": "positions", "2": "orders", "3": "fills", "4": "balances", "5": "profit",
          "6": "exposure", "7": "depth", "8": "risk", "9": "margin", "0": "latency",
          "f": "flow", "h": "health", "p": "trades"}  # fmt: skip
# Where the keyboard is, and whether a person can see that.
FOCUSED = """() => {
  const node = document.activeElement;
  // A table shows it with the frame of its pane.
  const ring = getComputedStyle(node.matches(".grid") ? node.closest(".pane") : node);
  return {
    name: node.id || node.getAttribute("aria-label") || node.className || node.tagName,
    isSeen: ring.outlineStyle !== "none" && parseFloat(ring.outlineWidth) >= 2
      && node.getBoundingClientRect().width > 0,
    isNamed: Boolean(node.ariaLabel || node.getAttribute("aria-labelledby") || node.title
      || node.labels?.length || node.textContent.trim()),
    panel: node.closest("[role=tabpanel]")?.id ?? "",
  };
}"""


@scene
async def test_every_panel_has_a_key_and_every_stop_of_tab_is_seen_and_named(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        await server.publish("positions", position())
        await screen.open(server.url)
        await screen.sees("positions", "BTC-USDT.paper")
        for key, name in PANELS.items():
            await screen.page.keyboard.press(key)
            assert await screen.page.is_visible(f"#panel-{name}"), name
            told = await screen.page.get_attribute(f"#tab-{name}", "aria-selected")
            assert told == "true", name
        shown = {"panel-balances", "panel-trades", "panel-flow", "panel-health"}
        stops, panels = [], set()
        await screen.page.evaluate("document.activeElement.blur()")
        for _ in range(60):
            await screen.page.keyboard.press("Tab")
            stop = await screen.page.evaluate(FOCUSED)
            if stops and stop["name"] == stops[0]["name"]:
                break
            stops.append(stop)
            panels.add(stop["panel"])
        assert shown <= panels, panels
        assert [stop for stop in stops if not stop["isSeen"] and stop["name"] != "BODY"] == []
        assert [stop for stop in stops if not stop["isNamed"] and stop["name"] != "BODY"] == []
        assert screen.complaints == []


@scene
async def test_tabs_are_walked_with_arrows_and_the_sorted_column_is_told(stage):
    async with ScreenServer() as server, Screen(stage.chromium) as screen:
        rows = [position(name, unrealised=text) for name, text in (("A", "1"), ("B", "30"))]
        await server.publish("positions", *rows)
        await screen.open(server.url)
        await screen.sees("positions", "B")
        await screen.page.focus("#tab-positions")
        for key, wanted in (("ArrowRight", "balances"), ("ArrowRight", "ageing"),
                            ("ArrowRight", "positions"), ("End", "ageing"),
                            ("Home", "positions")):  # fmt: skip
            await screen.page.keyboard.press(key)
            assert await screen.page.evaluate("document.activeElement.id") == f"tab-{wanted}"
            assert await screen.page.is_visible(f"#panel-{wanted}")
        await screen.page.keyboard.press("1")
        grid = "#panel-positions .grid"
        titles = await screen.page.locator(f"{grid} .head .cell").all_inner_texts()
        at = titles.index("Unrealised")
        for key in (*["ArrowRight"] * at, "s"):
            await screen.page.keyboard.press(key)
        head = screen.page.locator(f"{grid} .head .cell").nth(at)
        assert await head.get_attribute("aria-sort") == "descending"

        async def is_first(name):
            return (await screen.cells("positions"))[0].startswith(name)

        await screen.until(lambda: is_first("B"))
        await screen.page.keyboard.press("s")
        await screen.until(lambda: is_first("A"))
        assert await head.get_attribute("aria-sort") == "ascending"
        await screen.page.keyboard.press("Home")
        told = await screen.page.evaluate(
            f"""document.getElementById(document.querySelector("{grid}")
            .getAttribute("aria-activedescendant")).innerText"""
        )
        assert told.strip() == "▲ +1"  # the cell under the cursor, for a screen reader
        assert screen.complaints == []


@scene
async def test_nothing_flashes_for_who_asked_for_less_motion(stage):
    async with ScreenServer() as server:
        for motion, flashes in (("reduce", False), ("no-preference", True)):
            async with Screen(stage.chromium, reduced_motion=motion) as screen:
                await server.publish("positions", position(mark="1"))
                await screen.open(server.url)
                await screen.sees("positions", "BTC-USDT.paper")
                await screen.page.evaluate(
                    """() => new MutationObserver((seen) => seen.forEach(({target}) => {
                      if (target.classList.contains("flash")) window.flashed = true;
                    })).observe(document.body, {subtree: true, attributeFilter: ["class"]})"""
                )
                await server.publish("positions", position(mark="2345.5"))
                await screen.sees("positions", "2,345.5")
                assert bool(await screen.page.evaluate("window.flashed")) is flashes


@scene
async def test_on_a_narrow_screen_nothing_runs_out_of_the_page(stage):
    async with ScreenServer() as server, Screen(stage.chromium, size=(390, 800)) as screen:
        await server.publish("positions", position())
        await screen.open(server.url)
        await screen.sees("positions", "BTC-USDT.paper")
        for key in PANELS:
            await screen.page.keyboard.press(key)
            wide = await screen.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 390, (key, wide)
