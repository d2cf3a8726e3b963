"""What `gateway new-adapter` writes works as it stands: it installs, and the kit passes it."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gateway.__main__ import root
from gateway.testing.skeletons import FILES, check_name

pytestmark = pytest.mark.timeout(900)  # a package is installed and a run of the kit is awaited


def gateway(*arguments):
    return CliRunner().invoke(root, list(arguments))


def run(arguments, folder, **environment):
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return done.stdout


def test_a_new_adapter_passes_the_kit_and_ships_its_report(tmp_path):
    place, site = tmp_path / "gateway-acme", tmp_path / "site"
    made = gateway("new-adapter", "acme", "--directory", str(place), "--json")
    assert made.exit_code == 0, made.output
    assert len(json.loads(made.output)["files"]) == len(FILES)
    pip = ["pip", "--disable-pip-version-check", "-q", "install", "--no-build-isolation"]
    run([*pip, "--no-deps", "--target", str(site), "."], place)
    report = place / "conformance.json"
    run(["pytest", "-q", "--conformance-report", str(report)], place, PYTHONPATH=str(site))
    told = json.loads(report.read_text())
    outcomes = {row["number"]: row["outcome"] for row in told["cases"]}
    assert told["distribution"] == "gateway-acme"
    assert "failed" not in outcomes.values()
    assert outcomes[200] == outcomes[500] == "passed"
    assert outcomes[230] == "not_declared"  # amend = "none"


@pytest.mark.parametrize("name", ["", "A", "Kraken", "1st", "a-b", "a_b", "class", "x" * 32, "é1"])
def test_a_name_that_cannot_be_a_module_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="lower-case"):
        check_name(name)
    refused = gateway("new-adapter", "--directory", str(tmp_path / "x"), "--", name)
    assert refused.exit_code == 2
    assert "BAD_NAME" in refused.output
    assert not (tmp_path / "x").exists()


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine").write_text("precious")
    for place in (tmp_path, tmp_path / "mine"):
        refused = gateway("new-adapter", "acme", "--directory", str(place))
        assert refused.exit_code == 1
        assert "BAD_TARGET" in refused.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine").read_text() == "precious"
