"""gateway bench NAME --judge: what earlier runs printed, beside what is to be reached."""

import json

import pytest
from click.testing import CliRunner

from gateway.__main__ import root


def call(*words):
    return CliRunner().invoke(root, ["bench", *map(str, words)])


def printed(path, p50, **more):
    path.write_text(json.dumps({"machine": {}, "submit_ns": {"p50": p50}, **more}))
    return path


def judged(*files):
    words = [word for file in files for word in ("--judge", file)]
    result = call("core", *words, "--json")
    assert result.exit_code == 0, result.output
    return {row["field"]: row for row in json.loads(result.stdout)["figures"]}


@pytest.mark.parametrize(
    ("field", "path", "at_bound", "beyond"),
    [
        ("submit_ns.p50", ("submit_ns", "p50"), 60, 60.1),
        ("submit_per_second", ("submit_per_second",), 5e6, 4_999_999),
        ("append_paced_ns.p9999", ("append_paced_ns", "p9999"), 1000, 1001),
        ("submit_template_ns.ratio", ("submit_template_ns", "ratio"), 0.99, 1),
    ],
)
def test_a_figure_is_reached_up_to_its_bound(tmp_path, field, path, at_bound, beyond):
    for value, is_reached in ((at_bound, True), (beyond, False)):
        found = value
        for name in reversed(path):
            found = {name: found}
        (tmp_path / "run.json").write_text(json.dumps({"machine": {}, **found}))
        (row,) = judged(tmp_path / "run.json").values()
        assert (row["field"], row["measured"], row["is_reached"]) == (field, value, is_reached)


def test_the_median_of_several_runs_is_judged_and_what_has_no_bound_is_not(tmp_path):
    more = {"resident_mib": {"start": 5}}
    files = [printed(tmp_path / f"{p50}.json", p50, **more) for p50 in (50, 59, 400)]
    found = judged(*files)
    assert (found["submit_ns.p50"]["measured"], found["submit_ns.p50"]["is_reached"]) == (59, True)
    assert found["resident_mib.start"]["is_reached"] is None
    table = call("core", "--judge", files[2]).stdout
    assert "native submit inline" in table and "<= 60 ns" in table and "400" in table


def test_what_no_bench_printed_is_refused_by_name(tmp_path):
    for text in ("", "[1]", '{"submit_ns": {"p50": 1}}'):
        (tmp_path / "run.json").write_text(text)
        result = call("core", "--judge", tmp_path / "run.json")
        assert result.exit_code == 2 and "run.json" in result.stderr, result.output
    good = printed(tmp_path / "good.json", 1)
    assert call("--judge", good).exit_code == 2, "which bench?"
    assert call("core", "--judge", tmp_path / "none.json").exit_code == 2
    assert "No figure of history" in call("history", "--judge", good).stdout
