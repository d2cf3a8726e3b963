"""Legs named at a real gateway: noted by its door, seen by its observer, the same after a start."""

import json
from decimal import Decimal

from click.testing import CliRunner
from real_programs import all_started, until

from gateway.__main__ import root


def test_legs_are_one_spread_from_the_door_to_the_stream_and_over_a_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the paths of its configuration begin there
    with all_started(tmp_path) as run:
        place = [str(run.folder / "journal")]
        ring = ["--ring-directory", str(run.ring), "--json"]

        def call(what, *words):
            door = ["--config", str(run.folder / "gateway.toml")]
            who = [*door, "--actor", "anna", "--reason", "a test"] if what != "show" else []
            ended = CliRunner().invoke(root, ["legs", what, *place, *words, *who, *ring])
            assert ended.exit_code == 0, ended.output
            return json.loads(ended.stdout)

        near = run.submit("buy", "0.2")["order_id"]
        run.wait_order(near, "FILLED")
        far = run.submit("sell", "0.4", "60000")["order_id"]
        run.wait_order(far, "NEW")
        noted = call("name", "CAL-DEC", f"{near}:1", f"{far}:-2")["noted"]
        assert len(noted) == 2

        def seen(*states):
            rows = {row["group"]: row for row in run.observe("linked")["linked"]}
            row = rows.get("CAL-DEC")
            return row if row and row["state"] in states else None

        row = until(lambda: seen("partial"), what="the group in the stream")
        assert row["late"] == [2] and [leg["share"] for leg in row["legs"]] == ["1", "0"]
        assert {each["actor"] for each in row["members"]} == {"anna"}
        (told,) = call("show", "--live-marks")["rows"]
        assert (told["state"], told["spread_price"]) == ("partial", None)
        assert told["risk"][0]["delta"] == "0.2" and told["faults"] == []
        paid = sum(Decimal(fill["fee"]) for fill in run.observe("fills")["fills"])
        assert paid > 0 and Decimal(row["fees"]) == Decimal(told["fees"]) == paid
        assert run.daemon.stop() == 0  # a stop leaves what works at the venue
        run.start_daemon()
        run.call("DELETE", f"/v1/orders/{far}")
        run.wait_order(far, "CANCELED")
        row = until(lambda: seen("broken"), what="the group behind a start")
        assert row["canceled"] == [2] and row["sequence"] > noted[-1]["sequence"]
        assert call("show")["rows"][0]["state"] == "broken"
