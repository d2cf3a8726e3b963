"""gateway legs on journals that a real engine wrote: what is named is checked, noted, and there
after a start; what contradicts is refused before anything is noted."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from engine_world import BUY, SELL

from gateway.__main__ import root

COMMAND = 11  # of operations


@pytest.fixture
def api(world):
    """Answers POST /v1/notes as the gateway does: a note in the journal of `world`."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.append((self.path, body))
            status, answer = 503, {"error": {"code": "JOURNAL_BEHIND", "rule": "no room"}}
            if len(taken) <= server.takes_max:
                status, answer = 200, {"sequence": note(world, **body), "noted": True}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    taken = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.taken, server.takes_max = taken, 100
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def note(world, subject, actor="anna", reason="r"):
    sequence = world.engine.note_operation(COMMAND, actor, subject, "", reason)
    world.turn()
    return sequence


@pytest.fixture
def call(world, api, tmp_path):
    key = tmp_path / "cli.key"
    key.write_text("cli.secret")
    key.chmod(0o600)

    def caller(what, *words, where=world):
        words = ["legs", what, where.journal, *map(str, words), "--ring-directory", where.ring]
        if what != "show":
            words += ["--url", f"http://127.0.0.1:{api.server_address[1]}", "--key-file", str(key),
                      "--actor", "anna", "--reason", "calendar"]  # fmt: skip
        return CliRunner().invoke(root, [*words, "--json"])

    return caller


def shown(call, *words, **where):
    result = call("show", *words, "--mark", "BTC-PERP=110", "--mark", "BTC-USD=104", **where)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(result):
    assert result.exit_code == 4, result.output
    error = json.loads(result.stdout)["error"]
    return error["code"], error["field"], error["value"]


def spread(world):
    """Two working legs on two instruments and strategies."""
    near = world.working(BUY, "2", "100", instrument=world.perpetual)
    far = world.working(SELL, "4", "105", strategy=world.other_strategy)
    return near, far


def test_legs_are_named_checked_noted_and_one_position(world, api, call):
    near, far = spread(world)
    result = call("name", "CAL", f"{near}:1", f"{far}:-2")
    assert result.exit_code == 0, result.output
    subjects = [f"legs CAL 1/2 {near} +1", f"legs CAL 2/2 {far} -2"]
    assert [each["subject"] for each in json.loads(result.stdout)["noted"]] == subjects
    assert [body for _, body in api.taken] == [
        {"subject": each, "actor": "anna", "reason": "calendar"} for each in subjects
    ]
    world.fill(near, "1.5", "100", instrument=world.perpetual)
    world.fill(far, "1", "105", side=SELL)
    (row,) = shown(call)["rows"]
    assert (row["group"], row["state"], row["units"], row["late"]) == ("CAL", "partial", "0.5", [2])
    assert [leg["share"] for leg in row["legs"]] == ["1", "0.3333"]
    assert row["risk"] == [{"asset": "BTC", "delta": "1", "value": "100"}]
    assert row["profit"]["USD"] == {"realised": "0", "unrealised": "16", "fees": "0", "net": "16"}
    assert row["spread_price"] == "-110" and float(row["delta_cash"]) == pytest.approx(61)
    world.fill(near, "0.5", "100", instrument=world.perpetual)
    world.fact("canceled", far, 1, "by the venue", "1", 1, 1)
    (row,) = shown(call, "--group", "CAL")["rows"]
    assert (row["state"], row["canceled"]) == ("broken", [2])
    again = world.working(SELL, "3", "105", strategy=world.other_strategy)
    assert call("add", "CAL", "2", again).exit_code == 0
    world.fill(again, "3", "105", side=SELL)
    (row,) = shown(call)["rows"]
    assert (row["state"], row["units"], row["leg_risk"]) == ("filled", "2", "0")
    assert row["members"][0]["actor"] == "anna" and row["faults"] == []


def test_fees_are_those_of_every_fill_as_it_stands_corrected(open_world, world, call):
    near, far = spread(world)
    world.fill(near, "1", "100", instrument=world.perpetual, fee="0.15", fee_currency=world.usd)
    world.fill(near, "0.5", "100", instrument=world.perpetual, trade="T2", fee="0.1",
               fee_currency=world.usd)  # fmt: skip
    assert call("name", "CAL", f"{near}:1", f"{far}:-2").exit_code == 0
    world.fill(far, "1", "105", side=SELL, fee="-0.0002", fee_currency=world.btc)
    (row,) = shown(call)["rows"]
    assert row["profit"]["USD"] == {
        "realised": "0", "unrealised": "16", "fees": "0.25", "net": "15.75",
    }  # fmt: skip
    assert row["profit"]["BTC"]["net"] == "0.0002"
    assert (row["fees"], row["net"]) == ("0.23", "15.77")
    before = shown(call)["sequence"]
    world.revise(near, "T2", 1, "0.5", "100", instrument=world.perpetual, fee="0.3",
                 fee_currency=world.usd)  # fmt: skip
    assert shown(call)["rows"][0]["fees"] == "0.43"
    world.engine.stop()
    again = open_world()
    assert shown(call, where=again)["rows"][0]["fees"] == "0.43"
    past = shown(call, "--as-of", str(before), where=again)["rows"][0]
    assert past["fees"] == "0.23", "as it was told then"


def test_the_same_stands_after_a_start_and_as_of_before(open_world, world, call):
    near, far = spread(world)
    assert call("name", "CAL", f"{near}:1", f"{far}:-2").exit_code == 0
    before = shown(call)
    world.fill(near, "1", "100", instrument=world.perpetual)
    world.engine.stop()
    again = open_world()
    told = shown(call, where=again)["rows"][0]
    assert told["state"] == "partial" and told["legs"][0]["executed"] == "1"
    past = shown(call, "--as-of", str(before["sequence"]), where=again)
    assert past["rows"] == before["rows"] and past["rows"][0]["state"] == "none"
    early = shown(call, "--as-of", str(before["sequence"] - 2), where=again)
    assert early["rows"] == [], "it was not named yet"


def test_what_contradicts_is_refused_before_anything_is_noted(world, api, call):
    near, far = spread(world)
    other = world.working(BUY, "1", "99")
    wrong = [
        (("name", "CAL", "77:1", f"{far}:-2"), ("LEG_ORDER_UNKNOWN", "order_id", "77")),
        (("name", "CAL", f"{near}:1", f"{far}:2"), ("LEG_SIDE", "side", "sell")),
        (("name", "CAL", f"{near}:0", f"{far}:-2"), ("LEG_RATIO", "ratio", "0")),
        (("name", "CAL", f"{near}:1"), ("LEG_NUMBER", "leg", "1/1")),
        (("name", "CAL", f"{near}:1", f"{near}:1"), ("LEG_ORDER_TAKEN", "order_id", str(near))),
        (("add", "CAL", "1", near), ("LEG_GROUP_UNKNOWN", "group", "CAL")),
        (("release", "CAL", near), ("LEG_ORDER_UNKNOWN", "order_id", str(near))),
        (("show", "--group", "CAL"), ("LEG_GROUP_UNKNOWN", "group", "CAL")),
    ]
    for words, told in wrong:
        assert refused(call(*words)) == told
    assert api.taken == []
    assert call("name", "CAL", f"{near}:1", f"{far}:-2").exit_code == 0
    noted = len(api.taken)
    wrong = [
        (("name", "NEW", f"{near}:1", f"{other}:1"), ("LEG_ORDER_TAKEN", "order_id", str(near))),
        (("add", "CAL", "1", other), ("LEG_INSTRUMENT", "instrument", "BTC-USD")),
        (("add", "CAL", "3", other), ("LEG_NUMBER", "leg", "3/2")),
        (("add", "CAL", "2", other, "--ratio", "1"), ("LEG_RATIO", "ratio", "+1")),
        (("name", "CAL", f"{near}:1", f"{far}:-2", f"{other}:1"), ("LEG_COUNT", "leg", "1/3")),
    ]
    for words, told in wrong:
        assert refused(call(*words)) == told
    assert len(api.taken) == noted
    for words in (("name", "a|b", f"{near}:1"), ("name", "CAL", "x:1"), ("name", "CAL", "7:1e3")):
        assert call(*words).exit_code == 2


def test_an_order_that_was_released_is_named_again(world, call):
    near, far = spread(world)
    other = world.working(BUY, "1", "99", instrument=world.perpetual)
    assert call("name", "CAL", f"{other}:1", f"{far}:-2").exit_code == 0
    assert call("release", "CAL", other).exit_code == 0
    (row,) = shown(call)["rows"]
    assert (row["state"], row["missing"]) == ("incomplete", [1])
    assert refused(call("add", "CAL", "1", near)) == ("LEG_RATIO", "ratio", "0")
    assert call("add", "CAL", "1", near, "--ratio", "1").exit_code == 0
    assert call("name", "NEW", f"{other}:1", f"{near}:1").exit_code == 4
    (row,) = shown(call)["rows"]
    assert (row["state"], row["missing"]) == ("none", [])


def test_half_a_naming_is_told_and_the_same_again_is_whole(world, api, call):
    near, far = spread(world)
    api.takes_max = 1
    failed = call("name", "CAL", f"{near}:1", f"{far}:-2")
    error = json.loads(failed.stdout)["error"]
    assert (failed.exit_code, error["code"]) == (4, "JOURNAL_BEHIND")
    assert error["hint"] == "1 are noted; the same again notes the rest."
    assert shown(call)["rows"][0]["state"] == "incomplete"
    api.takes_max = 100
    assert call("name", "CAL", f"{near}:1", f"{far}:-2").exit_code == 0
    (row,) = shown(call)["rows"]
    assert (row["state"], row["faults"]) == ("none", [])


def test_what_the_gateway_forgot_is_told_from_its_records(open_world, call):
    world = open_world("small", orders_max=64)
    near, far = spread(world)
    note(world, f"legs CAL 1/2 {near} 1")
    note(world, f"legs CAL 2/2 {far} -2")
    note(world, "legs CAL 2/2 12345 -2")  # never was
    world.fill(near, "2", "100", instrument=world.perpetual)
    world.fact("canceled", far, 1, "by the venue", "0", 1, 1)
    before = shown(call, where=world)["rows"][0]
    for _ in range(200):
        gone = world.working(BUY, "1", "90")
        world.fact("canceled", gone, 1, "by the venue", "0", 1, 1)
        world.sent(), world.port.notices()
    assert world.row(near) is None and world.row(far) is None, "others have their places"
    (row,) = shown(call, where=world)["rows"]
    assert row == before and [each["order_id"] for each in row["members"]] == [str(near), str(far)]
    assert [each["code"] for each in row["faults"]] == ["LEG_ORDER_UNKNOWN"]
    note(world, "legs CAL free 12345")
    (row,) = shown(call, where=world)["rows"]
    assert (row["state"], row["canceled"], row["leg_risk"]) == ("broken", [2], "200")


def test_notes_of_others_that_contradict_are_named_where_they_are_shown(world, call):
    near, far = spread(world)
    note(world, f"legs CAL 1/2 {near} 1")
    note(world, f"legs CAL 2/2 {far} 2")  # a sale cannot be bought
    note(world, "legs of a table", "bob")
    note(world, f"legs NEW 1/2 {near} 1")
    world.engine.note_operation(7, "bob", f"legs NEW 1/2 {far} -1")  # a login is no note
    told = shown(call)
    (row,) = told["rows"]
    assert [each["code"] for each in row["faults"]] == ["LEG_SIDE"]
    assert row["state"] == "incomplete"
    assert [each["code"] for each in told["faults"]] == ["BAD_LEG_NOTE", "LEG_ORDER_TAKEN"]
    plain = CliRunner().invoke(
        root, ["legs", "show", world.journal, "--ring-directory", world.ring]
    )
    assert plain.exit_code == 0 and "LEG_ORDER_TAKEN order_id" in plain.stderr
    assert "CAL" in plain.stdout and "incomplete" in plain.stdout
