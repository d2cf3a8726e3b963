"""The page in a real browser behind the observer: what a person reads, live, after a broken
connection and in both schemes, without console errors."""

import asyncio
import re

import pytest
from browser_stage import needs_chromium, scene
from real_programs import RealGateway
from screen_server import Screen

from gateway.stream.channels import CHANNELS

pytestmark = [pytest.mark.timeout(900), needs_chromium]  # each wait is bounded for itself

PAGE_CHANNELS = {name for name, spec in CHANNELS.items() if spec.is_on_page}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@scene
async def test_a_live_order_and_its_position_are_read_on_the_page(stage, world, tmp_path, scheme):
    async with world.RunningObserver(tmp_path) as run, Screen(stage.chromium, scheme) as screen:
        await screen.open(run.observer.page_address())
        assert "token" not in screen.page.url
        run.journal.new_order(1, "3.00", instrument="BTC-PERP")
        await screen.sees("orders", "PENDING_NEW", "BTC-PERP", "▲ buy", "100.50", "3.00")
        run.journal.accept(1)
        run.journal.fill(1, "1.25")
        await screen.sees("orders", "PARTIALLY_FILLED", "1.25")
        run.journal.new_order(2, "4", side="sell", instrument="ETH-PERP")
        run.journal.fill(2, "4", price="2000")
        await screen.sees("positions", "BTC-PERP", "▲ +1.25", "100.50", "no mark")
        await screen.sees("positions", "ETH-PERP", "▼ -4")
        await screen.reads(
            "#totals", lambda text: "USD" in text and "0.2" in text and "2 without mark" in text
        )
        await screen.reads("#marks", lambda text: text == "⚠ 2 missing")
        background = await screen.page.evaluate(
            "getComputedStyle(document.querySelector('.pane')).backgroundColor"
        )
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        assert {url.split("/")[2] for url in screen.asked} == {run.url.split("/")[2]}
        assert screen.complaints == []


@scene
async def test_a_broken_connection_resumes_without_losing_a_change(stage, world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, Screen(stage.chromium) as screen:
        run.journal.new_order(1)
        books = [run.observer.view.channels[name] for name in ("profit", "exposure")]
        async with asyncio.timeout(300):
            while any(each.waiting for each in books):  # noqa: ASYNC110 they begin anew once read
                await asyncio.sleep(0.01)
        await screen.open(run.observer.page_address())
        await screen.sees("orders", "PENDING_NEW")
        counters = run.observer.hub.counters
        snapshots = len(PAGE_CHANNELS & set(run.observer.hub.channels))
        async with asyncio.timeout(300):
            while counters.snapshots < snapshots:  # noqa: ASYNC110 counted on the way out
                await asyncio.sleep(0.01)
        await run.observer.hub.close()
        run.journal.accept(1)
        await screen.sees("orders", "NEW", "BTC-USD")
        await screen.page.wait_for_selector('#connection[data-state="open"]')
        run.journal.fill(1, "2")
        await screen.sees("orders", "FILLED")
        assert run.observer.hub.counters.snapshots == snapshots
        assert screen.complaints == []


@scene
async def test_without_a_session_the_page_asks_for_a_key(stage, world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, Screen(stage.chromium) as screen:
        run.journal.new_order(1)
        await screen.open(run.url)
        await screen.page.fill("#key", run.KEY)
        await screen.page.keyboard.press("Enter")
        await screen.sees("orders", "PENDING_NEW")
        assert screen.complaints == []


@pytest.fixture
def paper_gateway(tmp_path):
    """Paper venue, daemon and observer as real programs; the daemon knows the observer's page."""
    run = RealGateway(tmp_path)
    try:
        run.start_paper()
        run.start_observer_first()
        run.start_daemon()
        yield run
    finally:
        run.close()


@scene
async def test_the_running_gateway_is_read_and_halted_from_its_page(stage, paper_gateway):
    """What a trader does is on the page within moments; a halt reaches the live API alone."""
    gateway = paper_gateway
    async with Screen(stage.chromium, "dark") as screen:
        await screen.open(gateway.page_address())
        await asyncio.to_thread(gateway.submit, "buy", "0.25")
        await asyncio.to_thread(gateway.submit, "sell", "0.1", "52000")
        await screen.sees("orders", "FILLED", "BTC-USDT.paper", "0.25")
        await screen.sees("orders", "NEW", "▼ sell", "52,000")
        await screen.sees("positions", "BTC-USDT.paper", "▲ +0.25")
        before = await screen.reads("#totals", is_marked)
        await screen.reads("#totals", before.__ne__)
        await screen.reads("#profit-parts", lambda text: re.search(r"Fees\s+▼ -\d", text))
        await screen.page.keyboard.press("3")
        await screen.sees("fills", "BTC-USDT.paper", "▲ buy", "0.25")
        await look_back(screen, gateway)
        await halt(screen, "strategy", "alpha", "demo.wrong-secret")
        await screen.reads("#control-said", lambda text: text.startswith("✕ NOT_AUTHENTICATED"))
        await halt(screen, "strategy", "alpha", gateway.key)
        await screen.reads("#control-said", lambda text: text.startswith("✔ Halt alpha"))
        await screen.page.keyboard.press("Escape")
        await screen.reads("#trading", lambda text: "halted alpha" in text)
        await screen.page.keyboard.press("2")
        await screen.sees("orders", "CANCELED", "52,000")
        assert all("401" in text for text in screen.complaints), screen.complaints
        assert {url.split("/")[2] for url in screen.asked} == {
            gateway.observer_url.split("/")[2],
            gateway.url.split("/")[2],
        }


def is_marked(totals):
    return "USDT" in totals and "unrealised" in totals and "without mark" not in totals


async def look_back(screen, gateway):
    """The life of the first order and the journal before it, where the observer serves the past."""
    if "/v1/at" not in (await asyncio.to_thread(gateway.observe, "page"))["routes"]:
        return
    await screen.page.click("#panel-fills .row >> nth=0")
    life = await screen.reads("#life", lambda text: "order filled" in text)
    assert re.search(r"\d\d:\d\d:\d\d\.\d{3} \d{3} \d{3}\s+order new → PENDING_NEW", life)
    sequence = re.search(r"account main, strategy alpha · sequence (\d+)", life)[1]
    await screen.page.keyboard.press("Escape")
    await screen.page.fill("#replay-at", str(int(sequence) - 1))
    await screen.page.keyboard.press("Enter")
    await screen.reads("#panel-orders", lambda text: "No orders" in text)
    await screen.reads("#past", lambda text: f"sequence {int(sequence) - 1:,} of" in text)
    await screen.page.keyboard.press("Escape")
    await screen.sees("orders", "FILLED", "0.25")


async def halt(screen, level, name, key):
    if not await screen.page.locator("#control[open]").count():
        await screen.page.keyboard.press("k")
    await screen.page.select_option("#control-level", level)
    await screen.page.fill("#control-name", name)
    await screen.page.fill("#control-confirm", name)
    await screen.page.fill("#control-actor", "anna")
    await screen.page.fill("#control-reason", "drill")
    await screen.page.fill("#control-key", key)
    # Until the first status came the page does not know the live API's address.
    await screen.page.click("#control-send")
