"""The page in a real browser: what a person reads, in both schemes, without console errors."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

async_api = pytest.importorskip(
    "playwright.async_api", reason="page tests need the package playwright"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.timeout(600),  # each wait is bounded for itself
    pytest.mark.skipif(CHROMIUM is None, reason="page tests need chromium"),
]


TRIES = 1200  # of 50 ms: a loaded machine draws late


class Browser:
    """One chromium, one page, and everything it complained about."""

    def __init__(self, scheme):
        self.scheme = scheme
        self.complaints = []

    async def __aenter__(self):
        self.driver = await async_api.async_playwright().start()
        self.chromium = await self.driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        self.page = await self.chromium.new_page(
            color_scheme=self.scheme, viewport={"width": 1500, "height": 800}
        )
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return self

    async def __aexit__(self, *_):
        await self.chromium.close()
        await self.driver.stop()

    async def cells(self, panel):
        return await self.page.locator(f"#panel-{panel} .row:not([hidden])").all_inner_texts()

    async def sees(self, panel, *words):
        """Wait until one visible row of the panel holds all the words."""
        for _ in range(TRIES):
            rows = await self.cells(panel)
            if any(all(word in row for word in words) for row in rows):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{words} not seen in {rows}")

    async def totals(self, is_wanted):
        """The totals once they are as wanted; the page's policy forbids waiting inside of it."""
        text = ""
        for _ in range(TRIES):
            text = await self.page.inner_text("#totals")
            if is_wanted(text):
                return text
            await asyncio.sleep(0.05)
        raise AssertionError(f"not as wanted: {text}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_live_order_and_its_position_are_read_on_the_page(world, tmp_path, scheme):
    async with world.RunningObserver(tmp_path) as run, Browser(scheme) as browser:
        await browser.page.goto(run.observer.page_address())
        assert "token" not in browser.page.url
        run.journal.new_order(1, "3.00", instrument="BTC-PERP")
        await browser.sees("orders", "PENDING_NEW", "BTC-PERP", "▲ buy", "100.50", "3.00")
        run.journal.accept(1)
        run.journal.fill(1, "1.25")
        await browser.sees("orders", "PARTIALLY_FILLED", "1.25")
        run.journal.new_order(2, "4", side="sell", instrument="ETH-PERP")
        run.journal.fill(2, "4", price="2000")
        await browser.page.keyboard.press("2")
        await browser.sees("positions", "BTC-PERP", "▲ +1.25", "100.50")
        await browser.sees("positions", "ETH-PERP", "▼ -4")
        await browser.totals(
            lambda text: "USD" in text and "0.2" in text and "– (2 without mark)" in text
        )
        if "GATEWAY_SCREENSHOTS" in os.environ:
            folder = Path(os.environ["GATEWAY_SCREENSHOTS"])
            await browser.page.wait_for_timeout(1200)
            await browser.page.screenshot(path=folder / f"positions-{scheme}.png")
            await browser.page.keyboard.press("1")
            await browser.page.screenshot(path=folder / f"orders-{scheme}.png")
        background = await browser.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        assert browser.complaints == []


async def test_the_filter_box_and_the_keyboard_choose_rows(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, Browser("light") as browser:
        run.journal.new_order(1, strategy="alpha")
        run.journal.new_order(2, strategy="beta")
        run.journal.cancel(1)
        await browser.page.goto(run.observer.page_address())
        await browser.sees("orders", "alpha", "CANCELED")
        await browser.page.keyboard.press("/")
        await browser.page.keyboard.type("beta pending")
        for _ in range(TRIES):
            if len(await browser.cells("orders")) == 1:
                break
            await asyncio.sleep(0.05)
        [row] = await browser.cells("orders")
        assert "beta" in row
        assert browser.complaints == []


async def test_a_broken_connection_resumes_without_losing_a_change(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, Browser("light") as browser:
        run.journal.new_order(1)
        await browser.page.goto(run.observer.page_address())
        await browser.sees("orders", "PENDING_NEW")
        counters = run.observer.hub.counters
        snapshots = len(run.observer.hub.channels)  # the page subscribes to all of them
        async with asyncio.timeout(60):
            while counters.snapshots < snapshots:  # noqa: ASYNC110 counted on the way out
                await asyncio.sleep(0.01)
        await run.observer.hub.close()
        run.journal.accept(1)
        await browser.sees("orders", "NEW", "BTC-USD")
        await browser.page.wait_for_selector('#connection[data-state="open"]')
        run.journal.fill(1, "2")
        await browser.sees("orders", "FILLED")
        assert run.observer.hub.counters.snapshots == snapshots
        assert browser.complaints == []


async def test_the_running_gateway_is_read_live_with_its_profit(gateway):
    """Scheme by scheme on the real programs: what a trader does is on the page within moments."""
    for number, scheme in enumerate(("light", "dark")):
        async with Browser(scheme) as browser:
            if number == 0:
                await browser.page.goto(gateway.page_address())
            else:
                await browser.page.goto(gateway.observer_url)
                await browser.page.fill("#key", gateway.key)
                await browser.page.keyboard.press("Enter")
            await asyncio.to_thread(gateway.submit, "buy", "0.25")
            await asyncio.to_thread(gateway.submit, "sell", "0.1", "52000")
            await browser.sees("orders", "FILLED", "BTC-USDT.paper", "0.25")
            await browser.sees("orders", "NEW", "▼ sell", "52000")
            await browser.page.keyboard.press("2")
            await browser.sees("positions", "BTC-USDT.paper", f"+{0.25 * (number + 1)}")
            before = await browser.totals(lambda text: "without mark" not in text)
            assert "USDT" in before and "Unrealised" in before
            await browser.totals(before.__ne__)
            if "GATEWAY_SCREENSHOTS" in os.environ:
                folder = Path(os.environ["GATEWAY_SCREENSHOTS"])
                await browser.page.wait_for_timeout(1200)
                await browser.page.screenshot(path=folder / f"real-positions-{scheme}.png")
                await browser.page.keyboard.press("1")
                await browser.page.screenshot(path=folder / f"real-orders-{scheme}.png")
            assert browser.complaints == []


async def test_without_a_session_the_page_asks_for_a_key(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, Browser("light") as browser:
        run.journal.new_order(1)
        await browser.page.goto(run.url)
        await browser.page.fill("#key", run.KEY)
        await browser.page.keyboard.press("Enter")
        await browser.sees("orders", "PENDING_NEW")
        assert browser.complaints == []
