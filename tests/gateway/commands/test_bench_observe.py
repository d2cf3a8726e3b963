"""gateway bench observe: the shape of its answer; the books it measures balance or it fails."""

import json

from click.testing import CliRunner

from gateway.__main__ import root
from gateway.benchmarks._contract import CONTRACT, find


def test_the_answer_has_the_promised_shape_and_nothing_else():
    result = CliRunner().invoke(root, ["bench", "observe", "--quick", "--json"])
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    figures = json.loads(line)
    assert set(figures) == {
        "machine", "machine_costs_ns", "records_per_second", "follow_and_book",
        "follow_and_book_deep", "greeks_per_second", "greeks", "margin_10k_positions_ms",
        "lag_ms", "kills", "stream", "stream_changes_per_second", "stream_core_percent",
        "parquet_rows_per_second", "archive", "as_of_ms", "resident_mib",
    }  # fmt: skip
    for name in ("follow_and_book", "follow_and_book_deep"):
        part = figures[name]
        assert 0 < part["min"] <= part["median"] <= part["max"], name
        assert 0 < 2 * part["posted"] < part["records"], "one record of three is a fill"
    assert figures["records_per_second"] == figures["follow_and_book"]["median"]
    assert figures["greeks_per_second"] == figures["greeks"][figures["greeks"]["level"]] > 0
    memory = figures["lag_ms"]["resident_mib"]  # of the observer's process, not of the bench
    assert set(memory) == {"start", "end", "max", "end_with_files"}
    assert 0 < memory["start"] < memory["end"] <= memory["max"] < memory["end_with_files"]
    kills = figures["kills"]  # every observer that was killed had the state of a replay
    assert (kills["lost"], kills["books_balanced"]) == (0, True)
    assert kills["states_compared"] >= kills["kills"] + 3
    asked = [each.path for each in CONTRACT if each.bench == "observe"]
    asked.remove("archive_to_burst")  # a quick journal has no sealed segment
    assert asked and all(find(figures, path) is not None for path in asked)


def test_a_past_of_as_many_rows_as_asked_for_is_asked_for_every_key():
    words = ["bench", "history", "--quick", "--rows", "1", "--json"]
    result = CliRunner().invoke(root, words)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout.splitlines()[-1])
    assert set(figures) == {"machine", "past", "as_of_ms", "merged", "as_of_merged_ms"}
    assert (figures["past"]["rows"], figures["past"]["keys"]) == (200_000, 2_000)
    assert (figures["merged"]["files_before"], figures["merged"]["rows"]) == (2, 172_800)
    asked = [each.path for each in CONTRACT if each.bench == "history"]
    assert asked and all(find(figures, path) > 0 for path in asked)


def test_a_bench_without_rows_says_so():
    result = CliRunner().invoke(root, ["bench", "shm", "--rows", "5", "--json"])
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (2, "BAD_VALUE")
