"""A watch says how it does in a file; the observer tells it on, also of one that died."""

import json

from gateway.analytics.watch_status import StatusFile, WatchStatus, read_statuses
from gateway.stream.risk_watch_metrics import risk_watch_metrics

NS = 10**9


def samples(watches, now_ns):
    return {
        (sample.name, sample.labels["actor"]): sample.value
        for family in risk_watch_metrics(watches, now_ns)
        for sample in family.samples
    }


def test_every_actor_has_its_samples_and_an_age_that_grows(tmp_path):
    one = WatchStatus(
        pid=1, actor="night-desk", began_ns=NS, looked_ns=5 * NS, look_ns=NS // 10, looks=9,
        sequence=70, lag_records=3, commands=8, failures=2, is_failing=True,
        reduced=["account:main"], unjudged=1,
    )  # fmt: skip
    StatusFile(tmp_path, "night-desk").write(one)
    StatusFile(tmp_path, "day-desk").write(WatchStatus(pid=2, actor="day-desk", began_ns=4 * NS))
    found = samples(read_statuses(tmp_path), 9 * NS)
    of_one = {name.removeprefix("gateway_risk_watch_"): value
              for (name, actor), value in found.items() if actor == "night-desk"}  # fmt: skip
    assert of_one == {
        "look_age_seconds": 4, "look_seconds": 0.1, "lag_records": 3, "failing": 1, "reduced": 1,
        "unjudged": 1, "looks_total": 9, "commands_total": 8, "failures_total": 2,
    }  # fmt: skip
    assert found["gateway_risk_watch_look_age_seconds", "day-desk"] == 5, "since its start"
    assert ("gateway_risk_watch_lag_records", "day-desk") not in found
    StatusFile(tmp_path, "night-desk").remove()
    assert [each.actor for each in read_statuses(tmp_path)] == ["day-desk"]


def test_what_is_no_status_is_left_out_and_a_missing_directory_is_no_fault(tmp_path):
    file = StatusFile(tmp_path, "desk")
    file.path.write_text(json.dumps({"pid": "x"}))
    assert read_statuses(tmp_path) == []
    elsewhere = tmp_path / "none"
    StatusFile(elsewhere, "desk").write(WatchStatus(pid=1, actor="desk", began_ns=1))
    assert read_statuses(elsewhere) == [] and not elsewhere.exists()


def test_its_words_for_a_service_manager():
    status = WatchStatus(pid=1, actor="desk", began_ns=1, sequence=7, look_ns=12_000_000)
    assert status.words() == "at record 7, look 12 ms"
    status.reduced = ["account:main"]
    assert status.words() == "at record 7, look 12 ms, reduced account:main"
    status.is_failing, status.failure = True, "the journal cannot be read now"
    assert status.words() == "failing: the journal cannot be read now"
