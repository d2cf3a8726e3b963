"""No text on top of the page or above its tables is cut, on small and large screens, light and
dark, with long figures in it."""

import pytest
from browser_stage import needs_chromium, scene
from screen_server import ALL, Screen, ScreenServer, order, position
from test_page_figures import flow, profit

pytestmark = [pytest.mark.timeout(900), needs_chromium]

# Texts of what stands above the rows, cut by an ancestor that clips it or by the window. A list of
# totals that is longer than its lines may be scrolled down, but never sideways.
CUT = """() => {
  const places = "header, .bar, #totals, .strip, .chips, .note, .replay, .head, h3, #late";
  const isCutBy = (text, each) => {
    const {overflowX, overflowY} = getComputedStyle(each);
    const box = each.getBoundingClientRect();
    const isOut = text.left < box.left - 1 || text.right > box.right + 1;
    const isOff = text.top < box.top - 1 || text.bottom > box.bottom + 1;
    return overflowX !== "visible" && isOut || overflowY === "hidden" && isOff;
  };
  const isCramped = (each) => getComputedStyle(each).display !== "inline"
    && each.scrollWidth > each.clientWidth + 1;
  const found = [];
  for (const place of document.querySelectorAll(places)) {
    const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const parent = node.parentElement;
      const isShown = parent.checkVisibility() && !parent.matches("option");
      if (node.data.trim() === "" || !isShown) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const text = range.getBoundingClientRect();
      let isCut = text.left < -1 || isCramped(parent);
      let each = parent;
      // A table is scrolled sideways together with its head.
      for (; each !== null && !each.matches(".grid"); each = each.parentElement) {
        isCut ||= isCutBy(text, each);
      }
      if (each === null) isCut ||= text.right > innerWidth + 1;
      const where = place.id || place.className || place.tagName;
      if (isCut) found.push(`${node.data.trim()} in ${where}`);
    }
  }
  return found;
}"""
PANES = ("positions", "profit", "orders", "risk")


FIGURES = [("USDT", "1234567.8901"), ("USDT", None), ("BTC", "-0.12345678"), ("USD", "987654.321")]


def desk_of_long_figures():
    """Positions in three currencies with as many digits as a strip shows, some without a mark."""
    long = {"realised": "-1234567.1234", "fees": "98765.4321", "mark_age_ms": 70_000}
    return [
        position(f"PAIR-{number}.paper", currency=currency, unrealised=unrealised, **long)
        for number, (currency, unrealised) in enumerate(FIGURES)
    ]


def halted(name):
    who = {"actor": "anna", "reason": "a long reason that a person gave", "since_ns": 1}
    place = {"kind": "state", "level": "strategy", "name": name}
    return place | {"state": "halted", "is_latch": True} | who


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 1600, 1920])
@scene
async def test_nothing_above_the_tables_is_cut(stage, width, scheme):
    async with (
        ScreenServer([*ALL, "greeks"]) as server,
        Screen(stage.chromium, scheme, size=(width, 900)) as screen,
    ):
        server.status |= {"lag_ms": 12_345, "lag_records": 1_234_567}
        server.sequence = 12_345_678_901
        await server.publish("positions", *desk_of_long_figures())
        await server.publish("orders", *(order(number) for number in range(1, 1500)))
        await server.publish("states", *map(halted, ("alpha", "beta-with-a-long-name", "gamma")))
        await server.publish("profit", *(
            profit(name, "1", "0", "0", "0", "0", "0") for name in ("USDT", "BTC", "USD", "EUR")
        ))  # fmt: skip
        await server.publish("flow", flow(entered=4, filled=4))
        await screen.open(server.url)
        await screen.reads("#totals", lambda text: "BTC" in text and "without mark" in text)
        await screen.reads("#lag", lambda text: "records" in text)
        await screen.page.wait_for_selector("#tab-greeks:not([hidden])")
        for pane in PANES:
            for tab in await screen.page.query_selector_all(f"#pane-{pane} [role=tab]"):
                await tab.click()
                name = await tab.get_attribute("id")
                assert await screen.page.evaluate(CUT) == [], name
        await screen.picture(f"layout_{width}_{scheme}")
        assert screen.complaints == []
