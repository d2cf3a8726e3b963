"""Pages at the API: the configured origins with a key in a header, no other origin, no cookies."""

import pytest
from live_door import open_door

from gateway.entry.page_origins import page_origins_of

pytestmark = pytest.mark.asyncio
PAGE = "http://127.0.0.1:8701"
KILL = {"level": "strategy", "name": "alpha", "actor": "anna", "reason": "drill"}


async def ask(door, method, path, origin, **headers):
    headers = {"Origin": origin} | headers
    async with door.http.request(method, door.url + path, headers=headers) as answer:
        return answer.status, dict(answer.headers), await answer.read()


async def test_the_allowed_page_asks_first_and_may_then_read_the_answer(tmp_path):
    async with open_door(tmp_path, page_origins=[PAGE]) as door:
        question = {"Access-Control-Request-Method": "POST"}
        status, headers, _ = await ask(door, "OPTIONS", "/v1/kill", PAGE, **question)
        assert (status, headers["Access-Control-Allow-Origin"]) == (204, PAGE)
        assert "POST" in headers["Access-Control-Allow-Methods"]
        assert "authorization" in headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in headers
        status, headers, body = await ask(door, "GET", "/v1/status", PAGE)
        assert status == 401 and b"NOT_AUTHENTICATED" in body
        assert (headers["Access-Control-Allow-Origin"], headers["Vary"]) == (PAGE, "Origin")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:8702", "null", "https://127.0.0.1:8701"]
)
async def test_a_foreign_page_is_refused_before_its_key_is_looked_at(tmp_path, origin):
    async with open_door(tmp_path, page_origins=[PAGE]) as door:
        foreign = {"Origin": origin, "Authorization": f"Bearer boss.{'s' * 32}"}
        async with door.http.post(door.url + "/v1/kill", json=KILL, headers=foreign) as answer:
            assert answer.status == 403
            assert (await answer.json())["error"]["code"] == "FOREIGN_ORIGIN"
            assert "Access-Control-Allow-Origin" not in answer.headers
        question = {"Access-Control-Request-Method": "POST"}
        status, headers, _ = await ask(door, "OPTIONS", "/v1/kill", origin, **question)
        assert (status, "Access-Control-Allow-Origin" in headers) == (403, False)
        states = (await door.call("GET", "/v1/trading-states", key="boss"))[1]["trading_states"]
        assert {row["state"] for row in states} <= {"active"}


async def test_a_program_without_an_origin_and_the_api_s_own_address_are_no_foreign_page(tmp_path):
    async with open_door(tmp_path) as door:
        assert (await door.call("GET", "/v1/status"))[0] == 200
        for own in (door.url, door.url.replace("127.0.0.1", "localhost")):
            assert (await ask(door, "GET", "/v1/health/live", own))[0] == 200


async def test_a_foreign_name_that_leads_to_this_machine_is_a_foreign_page(tmp_path):
    async with open_door(tmp_path) as door:
        port = door.url.rpartition(":")[2]
        for name in (f"http://evil.example:{port}", door.url.replace("http", "https"), "null"):
            host = name.partition("://")[2] or "127.0.0.1"
            assert (await ask(door, "GET", "/v1/health/live", name, Host=host))[0] == 403
        other = door.url.replace(port, "1")
        assert (await ask(door, "GET", "/v1/health/live", other, Host="127.0.0.1:1"))[0] == 403


async def test_the_setting_observer_means_its_loopback_addresses_and_none_without_a_port():
    assert page_origins_of("observer", 8701) == {
        "http://127.0.0.1:8701",
        "http://localhost:8701",
        "http://[::1]:8701",
    }
    assert page_origins_of("observer", 0) == frozenset()
    assert page_origins_of([PAGE], 8701) == {PAGE}
    assert page_origins_of([], 8701) == frozenset()
