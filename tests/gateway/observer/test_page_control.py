"""The halt dialog's turns in a real browser: what has to be typed, wrong and right keys, where the
keyboard is afterwards, and answers that are late, broken or never come."""

import asyncio
import json

import pytest
from aiohttp import web
from browser_stage import needs_chromium, scene
from screen_server import Screen, ScreenServer, order

pytestmark = [pytest.mark.timeout(900), needs_chromium]
WAITING = "asking the live API …"
UNKNOWN = "? Outcome unknown: what was asked may have happened."


class LiveDoor:
    """A live API whose answers a test gives one by one; it lets the page's origin in."""

    def __init__(self):
        self.asked = []
        self.answers = asyncio.Queue()

    async def __aenter__(self):
        app = web.Application()
        app.add_routes(
            [web.options("/{path:.*}", self._allow), web.route("*", "/{path:.*}", self._take)]
        )
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self.runner.cleanup()

    async def _allow(self, request):
        return web.Response(headers=allowing(request) | {
            "Access-Control-Allow-Headers": "authorization, content-type",
            "Access-Control-Allow-Methods": "POST, DELETE",
        })  # fmt: skip

    async def _take(self, request):
        body = json.loads(await request.text() or "{}")
        self.asked.append((request.method, request.path, body, request.headers["Authorization"]))
        status, text = await self.answers.get()
        if status is None:
            request.transport.abort()
            return web.Response()
        return web.Response(status=status, text=text, headers=allowing(request))

    def answer(self, status, text):
        self.answers.put_nowait((status, text if isinstance(text, str) else json.dumps(text)))


def allowing(request):
    return {"Access-Control-Allow-Origin": request.headers["Origin"]}


class Desk:
    """A page with a live API behind it, and the dialog's own words."""

    def __init__(self, stage):
        self.server, self.door, self.screen = ScreenServer(), LiveDoor(), Screen(stage.chromium)

    async def __aenter__(self):
        await self.server.__aenter__()
        await self.door.__aenter__()
        await self.screen.__aenter__()
        self.server.live_api = self.door.url
        await self.server.publish("orders", order(1), order(2))
        await self.screen.open(self.server.url)
        await self.screen.sees("orders", "client-2")
        await self.screen.reads("#lag", lambda text: text == "0 ms")  # it knows the address now
        self.page = self.screen.page
        return self

    async def __aexit__(self, *fault):
        for each in (self.screen, self.door, self.server):
            await each.__aexit__(*fault)

    async def type(self, **fields):
        """As a person does: each field is entered and typed into, key by key."""
        for name, text in fields.items():
            await self.page.focus(f"#control-{name}")
            await self.page.keyboard.press("Control+A")
            await self.page.keyboard.press("Delete")
            await self.page.keyboard.type(text)

    async def said(self, beginning):
        return await self.screen.reads("#control-said", lambda text: text.startswith(beginning))

    async def can_send(self):
        return await self.page.is_enabled("#control-send")

    async def focused(self):
        return await self.page.evaluate(
            "document.activeElement.id || document.activeElement.className"
        )

    async def is_focused(self, wanted):
        async def probe():
            return await self.focused() == wanted

        await self.screen.until(probe)


ALL_TOLD = {
    "name": "alpha",
    "confirm": "alpha",
    "actor": "anna",
    "reason": "drill",
    "key": "k.right",
}


@scene
async def test_nothing_is_sent_before_all_is_told_and_the_name_is_typed_again(stage):
    async with Desk(stage) as desk:
        await desk.page.keyboard.press("2")
        await desk.is_focused("grid")
        await desk.page.keyboard.press("k")
        await desk.is_focused("control-name")
        for name, text in ALL_TOLD.items():
            assert not await desk.can_send(), name
            await desk.type(**{name: text})
        assert await desk.can_send()
        for wrong in ("Alpha", "alph", "alpha ", ""):
            await desk.type(confirm=wrong)
            assert not await desk.can_send(), wrong
            await desk.page.keyboard.press("Enter")  # neither by the form's own key
        await desk.type(name="beta", confirm="alpha")
        assert not await desk.can_send()
        await desk.page.keyboard.press("Escape")
        await desk.page.wait_for_selector("#control", state="hidden")
        await desk.is_focused("grid")  # where the keyboard was
        assert desk.door.asked == []
        await desk.page.keyboard.press("k")
        assert await desk.page.input_value("#control-key") == ""
        assert await desk.page.input_value("#control-confirm") == ""
        assert desk.screen.complaints == []


@scene
async def test_a_wrong_key_is_refused_and_forgotten_and_the_right_one_is_kept(stage):
    async with Desk(stage) as desk:
        await desk.page.keyboard.press("k")
        await desk.type(**ALL_TOLD | {"key": "k.wrong"})
        await desk.page.keyboard.press("Enter")
        await desk.said(WAITING)
        assert not await desk.can_send()
        desk.door.answer(
            401, {"error": {"code": "NOT_AUTHENTICATED", "rule": "the key is not known"}}
        )
        await desk.said("✕ NOT_AUTHENTICATED: the key is not known")
        await desk.is_focused("control-key")
        assert await desk.page.input_value("#control-key") == ""
        await desk.type(confirm="alpha", key="k.right")
        await desk.page.keyboard.press("Enter")
        desk.door.answer(200, {"sequence": 7, "cancels_sent": 2})
        await desk.said("✔ Halt alpha at sequence 7, cancels sent: 2")
        await desk.is_focused("control-confirm")
        assert await desk.page.is_hidden("#control-key")
        assert await desk.page.inner_text("#control-forget") == "forget the key k"
        assert [(path, key) for _, path, _, key in desk.door.asked] == [
            ("/v1/kill", "Bearer k.wrong"), ("/v1/kill", "Bearer k.right"),
        ]  # fmt: skip
        assert desk.door.asked[1][2] == {
            "level": "strategy", "name": "alpha", "actor": "anna", "reason": "drill",
        }  # fmt: skip
        assert all("401" in text for text in desk.screen.complaints)


@scene
async def test_what_cannot_be_known_is_told_as_unknown_and_never_as_failed(stage):
    async with Desk(stage) as desk:
        await desk.page.keyboard.press("k")
        await desk.type(**ALL_TOLD)
        answers = [
            ((None, ""), "The live API did not answer."),
            ((502, "<html>bad gateway"), "The answer (502) cannot be read."),
            ((200, "half an ans"), "The answer (200) cannot be read."),
            ((504, {"error": {"code": "NO_ANSWER", "rule": "the engine is busy"}}), "NO_ANSWER"),
        ]
        for answer, words in answers:
            await desk.type(confirm="alpha")
            if await desk.page.is_visible("#control-key"):
                await desk.type(key="k.right")
            if answer[0] is None:  # the browser asks once more by itself when a used line is cut
                desk.door.answer(*answer)
            desk.door.answer(*answer)
            await desk.page.keyboard.press("Enter")
            said = await desk.said(UNKNOWN)
            assert words in said and "failed" not in said and "✕" not in said
            assert await desk.page.get_attribute("#control-said", "data-tone") == "unknown"
            await desk.page.evaluate("document.getElementById('control-said').textContent = ''")
        assert len(desk.door.asked) == len(answers) + 1  # the page itself never asks again


@scene
async def test_an_answer_that_does_not_come_is_given_up_after_ten_seconds(stage):
    async with Desk(stage) as desk:
        await desk.page.clock.install()
        await desk.page.keyboard.press("k")
        await desk.type(**ALL_TOLD)
        await desk.page.keyboard.press("Enter")
        await desk.said(WAITING)
        await desk.screen.until(lambda: is_asked(desk.door, 1))
        await desk.page.clock.run_for(9_000)
        assert await desk.page.inner_text("#control-said") == WAITING
        await desk.page.clock.run_for(1_500)
        await desk.said(UNKNOWN)
        assert not await desk.can_send()  # the name has to be typed anew
        desk.door.answer(200, {})


async def is_asked(door, times):
    return len(door.asked) == times


@scene
async def test_a_late_answer_is_told_beside_its_own_name_and_in_no_other_dialog(stage):
    async with Desk(stage) as desk:
        await desk.page.keyboard.press("k")
        await desk.type(**ALL_TOLD)
        await desk.page.keyboard.press("Enter")
        await desk.said(WAITING)
        await desk.page.keyboard.press("Escape")
        await desk.page.wait_for_selector("#control", state="hidden")
        await desk.page.keyboard.press("k")
        await desk.type(**ALL_TOLD | {"name": "beta", "confirm": "beta"})
        assert await desk.can_send()  # one that hangs holds up no other
        await desk.page.keyboard.press("Enter")
        await desk.screen.until(lambda: is_asked(desk.door, 2))
        desk.door.answer(200, {"sequence": 7})
        desk.door.answer(200, {"sequence": 8})
        await desk.said("✔ Halt beta")
        await desk.type(confirm="beta")
        await desk.page.keyboard.press("Enter")
        await desk.page.keyboard.press("Escape")
        desk.door.answer(409, {"error": {"code": "NOT_NOW", "rule": "<b>no</b>"}})
        told = await desk.screen.reads("#late", lambda text: "NOT_NOW" in text)
        assert told == "Halt beta: ✕ NOT_NOW: <b>no</b>"
        await desk.page.keyboard.press("k")
        assert await desk.page.is_hidden("#late")
        assert [body["name"] for _, _, body, _ in desk.door.asked] == ["alpha", "beta", "beta"]


@scene
async def test_an_order_is_cancelled_from_its_life_and_by_its_own_id(stage):
    async with Desk(stage) as desk:
        desk.server.why["2"] = {"chain": [], "is_cut": False}
        await desk.page.click("#panel-orders .row >> text=client-2")
        await desk.page.click("#life button:has-text('Cancel…')")
        await desk.is_focused("control-confirm")
        await desk.type(confirm="2", key="k.right")
        await desk.page.keyboard.press("Enter")
        desk.door.answer(202, {"order": {"order_id": "2", "pending": "cancel", "state": "NEW"}})
        await desk.said("✔ order 2 cancel")
        assert desk.door.asked[0][:2] == ("DELETE", "/v1/orders/2")
        assert desk.screen.complaints == []
