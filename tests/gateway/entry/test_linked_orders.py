"""Linked orders and icebergs through the real programs; the paper venue is the judge."""

import json
import signal
import subprocess
import sys

import pytest
from real_programs import RealGateway, until

INSTRUMENT = "BTC-USDT.paper"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = RealGateway(tmp_path_factory.mktemp("linked"))
    made.start_paper()
    made.start_daemon()
    made.submit("buy", "0.001")  # a price is here
    yield made
    made.close()


def order(name, side, quantity, **changes):
    body = {"client_order_id": name, "account": "main", "instrument": INSTRUMENT}
    body |= {"strategy": "alpha", "side": side, "type": "limit", "time_in_force": "gtc"}
    return body | {"quantity": quantity} | changes


def bracket(name):
    """The entry takes what the market offers; its exits rest far away on both sides."""
    return {
        "link": "bracket",
        "orders": [
            order(f"{name}-entry", "buy", "0.01", type="market", time_in_force="ioc"),
            order(f"{name}-profit", "sell", "0.01", price="80000.0"),
            order(f"{name}-stop", "sell", "0.01", type="stop", trigger_price="30000.0"),
        ],
    }


def at_the_venue(world):
    """Each order as the venue's own record has it."""
    rows = {}
    for line in (world.folder / "venue_record.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row.get("kind") == "order":
            rows[row["client_order_id"]] = row
        if row.get("kind") == "fill" and row["client_order_id"] in rows:
            rows[row["client_order_id"]]["state"] = row["state"]
    return rows


def open_at_the_venue(world):
    return sorted(
        (row["side"], row["type"], row["quantity"])
        for row in at_the_venue(world).values()
        if row["state"] in ("new", "partially_filled", "untriggered")
    )


def restart(world):
    world.daemon.process.send_signal(signal.SIGKILL)
    world.daemon.process.wait(60)
    world.start_daemon()
    world.submit("buy", "0.001")  # a price is here again


def test_a_bracket_protects_its_position_through_a_kill_and_ends_as_one(world):
    body = bracket("b1")
    status, answer = world.call("POST", "/v1/linked-orders", body)
    assert status == 201, answer
    entry, profit, stop = (row["order_id"] for row in answer["orders"])
    assert [row["linked_to"] for row in answer["orders"]] == [entry] * 3
    assert {row["link"] for row in answer["orders"]} == {"bracket"}
    world.wait_order(entry, "FILLED")
    world.wait_order(profit, "NEW")
    until(lambda: len(open_at_the_venue(world)) == 2, what="both exits at the venue")
    assert open_at_the_venue(world) == [("sell", "limit", "0.01"), ("sell", "stop", "0.01")]
    restart(world)
    # The same group again is the same group.
    status, again = world.call("POST", "/v1/linked-orders", body)
    assert (status, [row["order_id"] for row in again["orders"]]) == (200, [entry, profit, stop])
    assert len(open_at_the_venue(world)) == 2
    assert world.call("DELETE", f"/v1/orders/{profit}")[0] == 202
    world.wait_order(profit, "CANCELED")
    world.wait_order(stop, "CANCELED")
    assert open_at_the_venue(world) == []


def test_what_is_refused_takes_the_group_along_and_says_which(world):
    before = open_at_the_venue(world)
    body = bracket("b2")
    body["orders"][2]["quantity"] = "0.02"
    status, answer = world.call("POST", "/v1/linked-orders", body)
    assert (status, answer["error"]["code"]) == (422, "BAD_LINK")
    body = bracket("b3")
    body["orders"][2] |= {"trigger_price": "30000.05"}
    status, answer = world.call("POST", "/v1/linked-orders", body)
    assert (status, answer["error"]["code"]) == (422, "PRECISION")
    status, answer = world.call("POST", "/v1/linked-orders", {"link": "oto", "orders": []})
    assert (status, answer["error"]["code"]) == (400, "BAD_ENUM")
    assert open_at_the_venue(world) == before


def test_the_command_line_sends_a_group_from_a_file(world):
    (world.folder / "group.json").write_text(json.dumps(bracket("b4")["orders"]))
    arguments = [sys.executable, "-m", "gateway", "submit-linked", "bracket", "group.json"]
    arguments += ["--config", "gateway.toml", "--key-file", "journal/demo.key", "--json"]
    done = subprocess.run(
        arguments, check=False, cwd=world.folder, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)["orders"][0]
    world.wait_order(entry["order_id"], "FILLED")


def test_an_iceberg_shows_the_venue_its_part_and_bad_ones_are_refused(world):
    row = world.submit("buy", "0.010", "45000.0", display_quantity="0.002")
    world.wait_order(row["order_id"], "NEW")
    (found,) = [
        each
        for each in at_the_venue(world).values()
        if (each["side"], each["type"], each["quantity"]) == ("buy", "limit", "0.01")
    ]
    assert found["display_quantity"] == "0.002"
    for number, (changes, code) in enumerate(
        [
            ({"display_quantity": "0.011"}, "QUANTITY_RANGE"),
            ({"display_quantity": "0.0005"}, "PRECISION"),
            ({"display_quantity": "0"}, "RANGE"),
            ({"display_quantity": "0.002", "time_in_force": "ioc"}, "UNSUPPORTED_FLAG"),
        ]
    ):
        body = order(f"i{number}", "buy", "0.010", price="45000.0") | changes
        status, answer = world.call("POST", "/v1/orders", body)
        assert (status, answer["error"]["code"]) == (422, code)
